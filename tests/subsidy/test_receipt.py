"""The receipt: the order of computation, every source, every interpretation; and that it can be worked out again."""

from datetime import date
from typing import Any

import orjson

from services.subsidy.domain import (
    FORMULAS,
    RULES,
    Facts,
    Learner,
    Yearly,
    identity,
    parse,
    place,
    price,
    render,
    size_of,
)
from services.subsidy.loading import documents, policy
from services.subsidy.service.quoting import identify

DAY = date(2026, 11, 23)
NOW = policy().at(DAY)


def facts(programme: str = "P10", region: str = "48123", **changes: Any) -> Facts:
    where = place(region, DAY)
    made = Facts(16, 160_000, 10_000, 1, programme, "onsite", "intermediate", True, "priority", "stated", where, where)
    return made._replace(**changes)


def receipt(case: Facts, on: date = DAY) -> dict[str, Any]:
    made: dict[str, Any] = orjson.loads(render(price(case, policy().at(on)), "q1"))
    return made


def test_the_steps_are_in_the_order_of_computation() -> None:
    assert [step["step"] for step in receipt(facts())["steps"]] == [
        "fee", "unit-price", "hours", "multiple", "cap", "eligible", "size-class", "sme", "replaces", "rate-place",
        "rate", "people", "support-exact", "rounding", "support", "cost", "self-pay",
    ]  # fmt: skip


def test_every_value_of_the_policy_carries_its_source_and_its_day() -> None:
    steps = receipt(facts())["steps"]
    taken = [step for step in steps if step["source"] == "policy"]
    assert len(taken) == 6
    for step in taken:
        assert step["citation"]
        assert step["parameter"]
        assert step["grade"] in "ABCS"
        assert date.fromisoformat(step["effective_on"]) <= DAY
        assert isinstance(step["interpretation"], bool)
    (rate,) = [step for step in steps if step["step"] == "rate"]
    assert rate["value"] == "0.95"
    assert (rate["rule"], rate["key"], rate["effective_on"]) == ("M5", "non_capital", "2026-01-01")
    assert rate["citation"].startswith("plan:IV-②-p.7")
    assert all(step["ko"] and step["en"] and step["unit"] for step in steps)


def test_an_interpretation_that_was_used_is_said_to_be_one() -> None:
    overlap = receipt(facts(region="41820"))
    marked = {step["parameter"] for step in overlap["steps"] if step.get("interpretation")}
    assert {"common.sme", "P10.rate_place", "common.overlap_two_tiers", "common.rounding_unit"} <= marked
    assert overlap["inputs"]["workplace"]["capital_and_depopulation"] is True
    plain = {step.get("parameter") for step in receipt(facts())["steps"]}
    assert "common.overlap_two_tiers" not in plain


def test_a_cap_finer_than_a_won_is_shown_exactly_and_never_as_a_float() -> None:
    values = {
        step["step"]: step["value"]
        for step in receipt(facts("P1", level="beginner", unit_price=10_005, hours=7, fee=100_000))["steps"]
    }
    assert values["cap"] == values["eligible"] == values["support-exact"] == "77038.5"
    assert values["support"] == 77_030


def test_competing_supports_are_shown_beside_the_best_with_the_rule_against_stacking() -> None:
    shown = receipt(facts("P9", mode="remote", level="beginner", fee=400_000))
    assert (shown["line"], shown["support"]) == ("beginner-online", 400_000)
    assert [(other["line"], other["outcome"], other["support"]) for other in shown["others"]] == [
        ("beginner", "not-chosen", 360_000),
        ("employer", "not-chosen", 144_000),
    ]
    (one,) = [step for step in shown["steps"] if step["step"] == "one-support"]
    assert one["interpretation"] is True
    assert {reason["code"] for other in shown["others"] for reason in other["reasons"]} == {"one-support"}


def test_a_refusal_cites_the_page_of_the_rule_that_refuses() -> None:
    plain: dict[str, Any] = {"ai": False, "level": "advanced", "mode": "onsite"}
    for programme, code, citation in (
        ("P1", "not-beginner", "plan:IV-①-p.4"), ("P4", "not-ai", "plan:IV-①-p.5"), ("P9", "not-ai", "plan:IV-②-p.7"),
        ("P13", "not-ai", "plan:IV-③-p.8"), ("P14", "not-ai", "plan:IV-③-p.8"), ("P18", "not-ai", "plan:IV-④-p.9"),
        ("P2", "not-remote", "고용노동부 보도(2022-10-17, K-디지털 기초역량훈련)"),
    ):  # fmt: skip
        shown = receipt(facts(programme, **plain))
        refused = [reason for other in shown["others"] for reason in other["reasons"]]
        assert (code, citation) in {(reason["code"], reason["citation"]) for reason in refused}
    campus = receipt(facts("P4", institution=None))
    assert campus["allowances"][0]["reasons"][0]["citation"] == "plan:IV-①-p.5"


def test_an_amount_not_set_cites_the_source_of_the_day() -> None:
    shown = receipt(facts("C0104", fee=15_000_000))
    assert [reason["citation"] for reason in shown["reasons"]] == ["infosupport.kr 2026-03 (국민내일배움카드 안내)"]


def test_a_large_firm_reads_why_not_and_what_it_gets_instead() -> None:
    shown = receipt(facts(size_class="large_under_1000"))
    assert (shown["outcome"], shown["line"], shown["support"]) == ("quoted", "employer", 96_000)
    (refused,) = shown["others"]
    assert (refused["line"], refused["outcome"]) == ("intermediate", "ineligible")
    assert [reason["code"] for reason in refused["reasons"]] == ["not-sme"]
    assert "우선지원대상기업으로 인정되면" in refused["reasons"][0]["ko"]


def test_a_rate_that_is_replaced_does_not_compete_and_says_so() -> None:
    shown = receipt(facts(region="11680", mode="blended"))
    assert (shown["line"], shown["support"]) == ("intermediate", 144_000)
    (employer,) = shown["others"]
    assert (employer["line"], employer["reasons"][0]["code"]) == ("employer", "replaced")


def test_a_free_course_has_a_receipt_too() -> None:
    shown = receipt(facts("P15", fee=0, unit_price=None))
    assert (shown["outcome"], shown["cost"], shown["support"], shown["self_pay"]) == ("quoted", 0, 0, 0)
    assert [step["step"] for step in shown["steps"]] == ["fee", "limit", "people", "support", "cost", "self-pay"]


def test_what_a_caller_sends_cannot_break_the_receipt() -> None:
    shown = receipt(facts('P9","x":"%d %s \\'))
    assert shown["outcome"] == "unpriced"
    assert shown["programme"] == 'P9","x":"%d %s \\'
    where = place('1"%s', DAY)
    assert receipt(facts(workplace=where))["inputs"]["workplace"]["region_code"] == '1"%s'


def test_receipts_of_one_kind_share_terms_but_no_numbers() -> None:
    first, second = receipt(facts(fee=100_000)), receipt(facts(fee=120_000, people=2))
    assert (first["cost"], second["cost"]) == (100_000, 240_000)
    assert first["inputs"]["people"] == 1
    assert receipt(facts(fee=100_000)) == first


def test_a_region_that_cannot_be_told_is_explained_for_each_place_anew() -> None:
    for code in ("99999", "88888"):
        shown = receipt(facts(region=code))
        assert shown["outcome"] == "unpriced"
        assert code in shown["reasons"][0]["ko"]


def test_an_unknown_place_is_not_taken_for_a_missing_one_that_was_seen_before() -> None:
    assert [reason["code"] for reason in receipt(facts(workplace=None))["reasons"]] == ["region-missing"]
    assert [reason["code"] for reason in receipt(facts(region="99999"))["reasons"]] == ["region-unknown"]


def test_a_stored_edition_prices_as_it_did_after_the_policy_has_changed() -> None:
    case = facts()
    before = render(price(case, policy().at(DAY)), "q1")
    stored = orjson.loads(orjson.dumps(documents()))
    changed = orjson.loads(orjson.dumps(documents()))
    changed["P10.support_rate"]["values"]["2026-01-01"]["value"]["non_capital"] = "0.50"
    now = parse(policy().label, changed)
    assert price(case, now.at(DAY)).support == 80_000
    old = parse(policy().label, stored)
    assert render(FORMULAS[RULES](case, old.at(DAY)), "q1") == before


def test_an_official_unit_price_is_used_where_the_course_states_none_once_it_is_set() -> None:
    changed = orjson.loads(orjson.dumps(documents()))
    changed["common.unit_price"]["values"]["2026-11-01"] = {"value": 5_000, "reference": "고시", "grade": "A"}
    later = parse("test", changed)
    quote = price(facts(unit_price=None), later.at(DAY))
    assert (quote.support, quote.self_pay) == (76_000, 84_000)
    shown = orjson.loads(render(quote, "q1"))
    assert shown["steps"][1]["parameter"] == "common.unit_price"
    assert shown["steps"][1]["value"] == 5_000
    assert price(facts(unit_price=None), later.at(date(2026, 10, 31))).reasons[0].code == "unit-price-unset"


def test_the_place_that_counts_can_be_changed_as_data() -> None:
    changed = orjson.loads(orjson.dumps(documents()))
    changed["P10.rate_place"]["values"]["2026-11-01"] = {"value": "institution", "reference": "고시", "grade": "A"}
    case = facts(institution=place("11680", DAY))
    assert price(case, policy().at(DAY)).support == 152_000
    assert price(case, parse("test", changed).at(DAY)).support == 144_000


def test_the_size_class_follows_from_head_count_and_industry_where_it_is_not_stated() -> None:
    assert size_of("large_1000_plus", 3, "10", "29271", NOW) == ("large_1000_plus", "stated")
    assert size_of(None, 500, "10", "29271", NOW) == ("priority", "headcount")
    assert size_of(None, 501, "10", "29271", NOW) == ("large_under_1000", "headcount")
    assert size_of(None, 100, None, None, NOW) == ("priority", "headcount")
    assert size_of(None, 300, None, None, NOW) == (None, "headcount")
    assert size_of(None, 1000, "10", "nonsense", NOW) == ("large_1000_plus", "headcount")
    assert size_of(None, None, "10", "29271", NOW) == (None, "stated")
    assert size_of(None, -5, "10", "29271", NOW) == (None, "stated")
    steps = receipt(facts("C0041T", size_basis="headcount"))["steps"]
    assert [step["citation"] for step in steps if step["step"] == "size-class"] == ["고용보험법 시행령 제12조 별표 1"]


def test_any_other_fact_is_another_question() -> None:
    other_place = place("11680", DAY)
    others: list[dict[str, Any]] = [
        {"programme": "P9"}, {"mode": "remote"}, {"level": "beginner"}, {"ai": False}, {"hours": 17}, {"fee": None},
        {"unit_price": 1}, {"people": 2}, {"size_class": None}, {"size_basis": "headcount"}, {"workplace": other_place},
        {"workplace": None}, {"institution": other_place}, {"programme": "P10'|onsite"}, {"months": 3},
        {"learner": Learner("worker")}, {"learner": Learner("worker", 30)}, {"yearly": Yearly(1, 1)},
    ]  # fmt: skip
    asked = [identity(price(facts(**changes), NOW)) for changes in ({}, *others)]
    assert len(set(asked)) == len(asked)
    assert identity(price(facts(), NOW)) == identity(price(facts(), policy().at(DAY)))


def test_a_quote_id_is_the_same_for_the_same_question_only() -> None:
    asked = [("k1|1|과정|1", DAY, "v1"), ("k1|2|과정|1", DAY, "v1"), ("k1|1|과정|1", date(2026, 1, 1), "v1")]
    asked.append(("k1|1|과정|1", DAY, "v2"))
    made = [identify(*each) for each in asked]
    assert len(set(made)) == len(made)
    assert made == [identify(*each) for each in asked]
    assert all(len(name) == 32 and set(name) <= set("0123456789abcdef") for name in made)


def test_hours_that_nobody_stated_are_no_number_where_the_cap_is_an_amount() -> None:
    case = facts("C0105", mode="remote", fee=700_000, unit_price=None)
    for hours in (20, None, 20):
        made = receipt(case._replace(hours=hours))
        assert (made["support"], made["self_pay"], made["inputs"]["hours"]) == (500_000, 200_000, hours)
