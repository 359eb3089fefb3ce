"""A population priced at once has the won of the scalar rules, pair by pair."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.simulate import made_up
from services.subsidy.domain import PROGRAMMES, Facts, Learner, Snapshot, Yearly, place, price
from services.subsidy.domain.facts import MAX_AGE, MAX_HEADCOUNT, MAX_HOURS, MAX_MONTHS, MAX_PEOPLE, MAX_WON
from services.subsidy.domain.pairs import CODED, COUNTED, Pairs, kinds
from services.subsidy.domain.population import OUTCOMES, Population, Total, price_all
from services.subsidy.domain.terms import kind_of
from services.subsidy.loading import policy
from tests.subsidy import test_properties
from tests.subsidy.makers import another

POLICY = policy()
REGIONS = (*test_properties.REGIONS, *test_properties.UNCLEAR, None)
BOUNDARIES = tuple(day for since in POLICY.dates for day in (since - timedelta(days=1), since))[1:]
BANDS = (2_999_999, 3_000_000, 3_000_001, 6_000_000, 6_000_001, 12_000_000, 12_000_001, 18_000_000, 18_000_001)
HEADS = (1, 149, 150, 999, 1000, MAX_HEADCOUNT)


def some(random: Random, on: date) -> Facts:
    """Any case, right or wrong: missing, free, at every step, out of range, and beyond 64 bits on the way."""

    def number(likely: tuple[int | None, ...], most: int) -> Any:
        edges = (None, 0, 1, -1, most, most + 1, 2**63, -(2**63), 10**30)
        return random.choice(edges if random.random() < 0.08 else likely)

    code, seat = random.choice(REGIONS), random.choice(REGIONS)
    status = random.choice(test_properties.STATUSES)
    learner = Learner(status, number((None, 30, 60), MAX_AGE)) if random.random() < 0.3 else None
    yearly = None
    if random.random() < 0.3:
        payroll, used = random.randint(0, 10**11), random.randint(0, 10**7)
        yearly = Yearly(
            number((payroll,), MAX_WON * 1000) or 0, number(HEADS, MAX_HEADCOUNT) or 0, number((used,), MAX_WON) or 0
        )  # fmt: skip
    return Facts(
        programme=random.choice([*PROGRAMMES, "P99"]),
        mode=random.choice(["onsite", "remote", "blended"]),
        level=random.choice(["beginner", "intermediate", "advanced"]),
        ai=random.random() < 0.7,
        hours=number((random.randint(1, 400),), MAX_HOURS),
        fee=number((random.randint(1, 3_000_000), random.choice(BANDS)), MAX_WON),
        unit_price=number((random.randint(1, 30_000), random.randint(1, 30_000), None), MAX_WON),
        people=number((random.randint(1, 60),), MAX_PEOPLE) or 1,
        size_class=random.choice(["priority", "priority", "large_under_1000", "large_1000_plus", None]),
        size_basis=random.choice(["stated", "headcount"]),
        workplace=place(code, on) if code else None,
        institution=place(seat, on) if seat else None,
        learner=learner,
        months=number((None, 6), MAX_MONTHS),
        yearly=yearly,
    )


def agree(cases: Sequence[Facts], snapshot: Snapshot) -> Population:
    """Prices all at once and one by one, and holds them together."""
    population = price_all(Pairs.of(cases), snapshot)
    columns = (population.outcome, population.cost, population.support, population.self_pay, population.line)
    for case, found in zip(cases, zip(*(column.tolist() for column in columns), strict=True), strict=True):
        quote = price(case, snapshot)
        won = (quote.cost or 0, quote.support or 0, quote.self_pay or 0)
        line = None if found[4] < 0 else population.lines[found[4]]
        chosen = quote.chosen.payable.line if quote.chosen else None
        assert (OUTCOMES[found[0]], found[1:4], line) == (quote.outcome, won, chosen), case
    return population


def test_every_fact_has_a_column() -> None:
    assert {*CODED, *COUNTED, "yearly"} == set(Facts._fields)


@pytest.mark.parametrize("on", BOUNDARIES)
def test_twenty_thousand_random_pairs_cost_the_same_won_as_one_by_one(on: date) -> None:
    """Twenty thousand over all the days on which something changes and the days before."""
    random = Random(on.toordinal())
    cases = [some(random, on) for _ in range(20_000 // len(BOUNDARIES) + 1)]
    population = agree(cases, POLICY.at(on))
    assert set(population.outcome.tolist()) == {0, 1, 2}


@settings(deadline=None, max_examples=60)
@given(st.data(), test_properties.days)
def test_any_pairs_cost_the_same_won_as_one_by_one(data: st.DataObject, on: date) -> None:
    agree(data.draw(st.lists(test_properties.facts(on), min_size=1, max_size=12)), POLICY.at(on))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.sampled_from(BOUNDARIES), st.integers(1, 30))
def test_pairs_of_any_seed_cost_the_same_won(seed: int, on: date, count: int) -> None:
    random = Random(seed)
    agree([some(random, on) for _ in range(count)], POLICY.at(on))


def test_pairs_beyond_64_bits_on_the_way_are_exact() -> None:
    on = date(2026, 11, 23)
    huge = Facts(
        MAX_HOURS, MAX_WON, MAX_WON, MAX_PEOPLE, "C0041T", "onsite", "beginner", True, "priority", "stated",
        place("48123", on), None,
    )  # fmt: skip
    firm = Yearly(MAX_WON * 1000, 10, 7)
    population = agree([huge, huge._replace(yearly=firm), huge._replace(programme="C0054")], POLICY.at(on))
    assert population.cost.tolist() == [MAX_WON * MAX_PEOPLE] * 3
    assert population.totals("size_class")["priority"].cost == 3 * MAX_WON * MAX_PEOPLE


def test_a_known_fee_of_the_policy_is_used_where_the_course_states_none() -> None:
    on = date(2026, 11, 23)
    free = Facts(None, None, None, 3, "KMOOC", "remote", "beginner", True, None, "stated", None, None)
    cases = [free, free._replace(fee=10), free._replace(fee=0), free._replace(people=0)]
    assert agree(cases, POLICY.at(on)).outcome.tolist() == [0, 2, 0, 2]
    dear = another(lambda documents: documents["KMOOC.fee"]["values"]["2025-01-01"].update(value=50))
    assert agree(cases, dear.policy.at(on)).outcome.tolist() == [2, 2, 0, 2]


def _changed(documents: dict[str, Any]) -> None:
    """Another policy: a unit price for all, places of institutions, odd decimals, another cut."""
    for name, value in (
        ("common.unit_price", 9_000), ("P10.rate_place", "institution"), ("P9.cap_multiple", "2.123"),
        ("P1.support_rate", "0.3333"), ("card.own_share_rate", "0.0125"), ("common.rounding_unit", 100),
    ):  # fmt: skip
        values = documents[name]["values"]
        values[max(values)]["value"] = value


def test_another_edition_costs_the_same_won_as_one_by_one() -> None:
    on, random, desk = date(2026, 11, 23), Random(8), another(_changed)
    cases = [some(random, on) for _ in range(4_000)]
    population = agree(cases, desk.policy.at(on))
    before = price_all(Pairs.of(cases), POLICY.at(on))
    assert not np.array_equal(population.support, before.support)


def test_the_totals_are_the_sums_of_the_pairs() -> None:
    on, random = date(2026, 11, 23), Random(5)
    cases = [some(random, on) for _ in range(3_000)]
    population = price_all(Pairs.of(cases), POLICY.at(on))

    def tier(case: Facts) -> str:
        if case.workplace is None:
            return "unknown"
        return "both" if case.workplace.overlap else case.workplace.tier3 or "unknown"

    names = {
        "programme": [case.programme for case in cases],
        "tier": [tier(case) for case in cases],
        "size_class": [case.size_class or "unknown" for case in cases],
    }
    for by, groups in names.items():
        sums: dict[str, list[int]] = {}
        for name, case in zip(groups, cases, strict=True):
            quote = price(case, POLICY.at(on))
            more = (1, quote.outcome == "quoted", quote.cost or 0, quote.support or 0, quote.self_pay or 0)
            sums[name] = [a + b for a, b in zip(sums.get(name, [0] * 5), more, strict=True)]
        assert population.totals(by) == {name: Total(*numbers) for name, numbers in sums.items()}


def test_pairs_of_one_kind_have_the_terms_of_that_kind() -> None:
    on, random = date(2026, 11, 23), Random(6)
    cases = [some(random, on) for _ in range(2_000)]
    found, examples = kinds(Pairs.of(cases))
    numbers = found.tolist()
    assert all(kind_of(cases[row]) == kind_of(cases[examples[kind]]) for row, kind in enumerate(numbers) if kind >= 0)
    population = price_all(Pairs.of(cases), POLICY.at(on))
    assert len(population.terms) == len(examples)


def test_columns_give_the_facts_again() -> None:
    on, random = date(2026, 11, 23), Random(7)
    cases = [case for case in (some(random, on) for _ in range(300)) if price(case, POLICY.at(on)).terms]
    pairs = Pairs.of(cases)
    assert [pairs.facts(row) for row in range(len(pairs))] == cases


def test_columns_that_nobody_states_may_be_left_out() -> None:
    on = date(2026, 11, 23)
    pairs = made_up(500, 3, on)
    silent = replace(pairs, numbers={"people": pairs.numbers["people"]})
    population = price_all(silent, POLICY.at(on))
    free = pairs.codes["programme"] == pairs.words["programme"].index("KMOOC")
    assert np.array_equal(population.outcome == 0, free), "only what the policy knows to be free has a price"
    assert population.cost.sum() == 0


def test_unknown_programmes_alone_are_unpriced_and_never_free() -> None:
    on = date(2026, 11, 23)
    free = Facts(1, 0, 1, 1, "P99", "remote", "beginner", True, None, "stated", None, None)
    assert agree([free, free._replace(fee=5)], POLICY.at(on)).outcome.tolist() == [2, 2]


def test_no_pairs_at_all_cost_nothing() -> None:
    one = made_up(1, 1, date(2026, 11, 23))
    assert price_all(Pairs.of([]), POLICY.at(date(2026, 11, 23))).totals("tier") == {}
    nobody = Pairs(one.words, {n: c[:0] for n, c in one.codes.items()}, {n: c[:0] for n, c in one.numbers.items()})
    population = price_all(nobody, POLICY.at(date(2026, 11, 23)))
    assert (len(population.cost), population.totals("programme")) == (0, {})


def test_a_made_up_population_is_the_same_for_the_same_seed() -> None:
    on = date(2026, 11, 23)
    one, same, other = (price_all(made_up(2_000, seed, on), POLICY.at(on)) for seed in (1, 1, 2))
    assert np.array_equal(one.support, same.support)
    assert not np.array_equal(one.support, other.support)
    rows = range(0, 2_000, 7)
    assert [one.support[row] for row in rows] == [
        price(one.pairs.facts(row), POLICY.at(on)).support or 0 for row in rows
    ]
