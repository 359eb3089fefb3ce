"""What the bench compares computes the same won."""

from collections import Counter

import numpy as np
import orjson

from cli.simulate import made_up
from services.subsidy.api.receipt import Receipt
from services.subsidy.domain import price
from services.subsidy.domain.population import price_all
from services.subsidy.loading import policy
from tests.benchmarks import peers, plain_numpy, quotes

SNAPSHOT = policy().at(quotes.ON)


def test_the_rules_written_straight_in_numpy_give_the_same_won() -> None:
    for seed in (1, 2, 3):
        pairs = made_up(30_000, seed, quotes.ON)
        found, (outcome, cost, support, self_pay) = price_all(pairs, SNAPSHOT), plain_numpy.priced(pairs)
        assert np.array_equal(found.outcome, outcome)
        assert np.array_equal(found.cost, cost)
        assert np.array_equal(found.support, support)
        assert np.array_equal(found.self_pay, self_pay)
        assert set(outcome.tolist()) == {0, 1, 2}


def test_the_other_engines_are_asked_what_the_three_rules_pay() -> None:
    cases = peers.cases(300, quotes.ON)
    found = [price(case, SNAPSHOT) for case in cases]
    rules = Counter(quote.chosen.payable.line.rules for quote in found if quote.chosen)
    assert set(rules) == {("M1",), ("M3", "M4"), ("M5",)}
    assert sum(rules.values()) == len(cases)
    for case, quote in zip(cases, found, strict=True):
        multiple, rates = peers.RULES[case.programme]
        rate = rates[peers.tier(case)] if rates else 100
        assert case.fee is not None
        assert case.hours is not None
        assert case.unit_price is not None
        eligible = min(case.fee * 100, case.unit_price * case.hours * multiple)
        assert quote.support == eligible * rate * case.people // 100_000 * 10
        assert quote.support < 2**31, "more than OpenFisca's integers hold"


def test_the_measured_answer_is_a_receipt() -> None:
    asked = quotes.questions(200)
    assert len(set(asked)) == len(asked)
    for raw in asked:
        receipt = Receipt.model_validate_json(quotes.answer(raw))
        question = orjson.loads(raw)
        assert receipt.outcome == "quoted"
        assert receipt.cost == question["course"]["fee"] * question["people"]
        assert orjson.loads(quotes.echo(raw))["people"] == question["people"]
