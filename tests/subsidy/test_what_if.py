"""What another day or another choice would change, in numbers and in words."""

from datetime import date
from typing import Any

import pytest

from services.subsidy.domain import Facts, Learner, place, price
from services.subsidy.domain.what_if import Another, other_choices, other_days
from services.subsidy.loading import policy

FEBRUARY = date(2026, 2, 1)


def facts(on: date = FEBRUARY, region: str = "48123", **changes: Any) -> Facts:
    where = place(region, on)
    made = Facts(8, 60_000, 5_000, 1, "P9", "remote", "beginner", True, "priority", "stated", where, where)
    return made._replace(**changes)


def days(case: Facts, on: date = FEBRUARY) -> list[Another]:
    return other_days(case, price(case, policy().at(on)), policy().dates, policy().at)


def choices(case: Facts, on: date = FEBRUARY) -> list[Another]:
    return other_choices(case, price(case, policy().at(on)), policy().dates, policy().at)


def test_applying_after_the_first_of_march_lowers_the_self_pay_to_nothing() -> None:
    (march,) = days(facts())
    assert march.on == date(2026, 3, 1)
    assert march.quote.self_pay == 0
    assert march.ko == "2026-03-01 이후에 신청하면 자부담이 6,000원(10%)에서 0원이 됩니다."
    assert march.en == "Applying from 2026-03-01 on: self-pay goes from 6,000 won (10%) to 0 won."


def test_a_day_on_which_nothing_changes_for_the_case_is_not_told() -> None:
    assert days(facts(), date(2026, 3, 1))[0].on == date(2026, 2, 28)
    assert all(other.on <= date(2026, 3, 1) for other in days(facts(), date(2026, 3, 1)))


def test_what_it_was_until_the_rules_changed_is_told_as_past() -> None:
    (before,) = days(facts(), date(2026, 3, 1))
    assert before.ko == "2026-02-28까지는 자부담이 6,000원(10%)이었습니다."


def test_two_days_without_a_price_differ_in_their_reasons_only() -> None:
    (before,) = days(facts(programme="P11"), date(2026, 3, 1))
    assert "가격이 없었습니다" not in before.ko


def test_a_decrease_of_an_allowance_is_told() -> None:
    where = place("11680", FEBRUARY)
    case = facts(programme="P14", level="advanced", months=6, institution=where, learner=Learner("jobseeker", 30))
    july = days(case)[-1]
    assert july.on == date(2026, 7, 1)
    assert "316,000원에서 300,000원이 됩니다" in july.ko
    assert "from 316,000 won to 300,000 won" in july.en


def test_each_later_day_is_compared_with_the_one_before_it() -> None:
    case = facts(programme="P10", level="intermediate", hours=16, unit_price=10_000, fee=160_000)
    (rate,) = days(case, date(2025, 6, 1))
    assert (rate.on, rate.quote.self_pay) == (date(2026, 1, 1), 8_000)


def test_the_region_of_another_day_is_the_one_in_force_then() -> None:
    damyang = facts(region="46710", programme="P4", months=1, hours=100, level="advanced")
    told = {other.on: other.quote.terms.allowances[0].given for other in days(damyang) if other.quote.terms}
    given = told[date(2026, 5, 1)]
    assert given is not None
    assert given.whole == 800_000
    assert date(2026, 7, 1) not in told, "the renumbered region keeps its tier"


def test_what_would_make_it_eligible_is_worked_out() -> None:
    large = facts(programme="P18", size_class="large_1000_plus")
    (found,) = choices(large, date(2026, 3, 1))
    assert found.choices == {"size_class": "priority"}
    assert found.ko == "기업 규모 우선지원대상기업이면 지원금 54,000원, 자부담 6,000원입니다."


def test_two_changes_are_tried_where_one_does_not_help() -> None:
    (found,) = choices(facts(programme="P18", size_class="large_1000_plus", ai=False), date(2026, 3, 1))
    assert found.choices == {"ai": True, "size_class": "priority"}


def test_the_first_later_day_counts_where_the_rule_is_not_in_force_yet() -> None:
    (found,) = choices(facts(programme="P18", size_class="large_1000_plus"))
    assert found.on == date(2026, 3, 1)
    assert found.ko.startswith("2026-03-01 이후 ")


def test_a_priced_case_is_told_only_what_lowers_its_self_pay() -> None:
    found = choices(facts())
    assert [other.choices for other in found] == [{"mode": "blended"}]
    assert choices(facts(), date(2026, 3, 1)) == []


@pytest.mark.parametrize(
    "programme", ["P1", "P4", "P9", "P10", "P13", "P14", "P18", "C0041T", "C0104", "P2", "P11", "P15"]
)
@pytest.mark.parametrize("on", policy().dates)
def test_every_case_on_every_day_is_told_in_whole_sentences(programme: str, on: date) -> None:
    case = facts(on, programme=programme, months=3, size_class="large_under_1000")
    for other in (*days(case, on), *choices(case, on)):
        assert other.ko.endswith(".")
        assert other.en.endswith(".")
        assert "None" not in other.ko + other.en
