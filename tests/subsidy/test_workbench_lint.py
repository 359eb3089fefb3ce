"""What the lint of an edition finds, and what it does not complain about."""

import copy
from datetime import date
from typing import Any

import pytest

from services.subsidy.domain import parse
from services.subsidy.domain.lint import Finding, errors, lint
from services.subsidy.loading import documents, policy

TODAY = date(2026, 11, 23)


def changed(parameter: str, **changes: Any) -> dict[str, Any]:
    """The deployment's documents with entries of one parameter's last value changed; `since` adds a value."""
    found = copy.deepcopy(documents())
    values = found[parameter]["values"]
    last = copy.deepcopy(values[max(values)])
    since = changes.pop("since", max(values))
    values[since] = {**last, **changes}
    return found


def found(parts: dict[str, Any], code: str, against_base: bool = True) -> list[Finding]:
    findings = lint(parse("x", parts), policy() if against_base else None, TODAY)
    assert all(one.ko and one.en for one in findings)
    return [one for one in findings if one.code == code]


def test_the_edition_of_the_deployment_has_no_errors() -> None:
    findings = lint(policy(), None, TODAY)
    assert errors(findings) == []
    unread = {one.parameter for one in findings if one.code == "unread"}
    assert {"card.account", "P6.firms"} <= unread
    assert "P10.support_rate" not in unread


@pytest.mark.parametrize(
    ("parameter", "changes"),
    [
        ("P10.support_rate", {"reference": "고시 제1호"}),
        ("P10.support_rate", {"reference": "plan:IV-②-p.15"}),
        ("P10.support_rate", {"reference": "plan:IV-②-p.0"}),
        ("common.priority_threshold", {"reference": "plan:IV-②-p.7"}),
    ],
)
def test_a_citation_that_does_not_carry_its_grade_is_an_error(parameter: str, changes: dict[str, Any]) -> None:
    (one,) = found(changed(parameter, **changes), "citation")
    assert (one.severity, one.parameter) == ("error", parameter)


def test_a_parameter_that_rules_read_cannot_be_removed() -> None:
    parts = copy.deepcopy(documents())
    del parts["P9.cap_multiple"]
    (one,) = found(parts, "gap")
    assert (one.severity, one.parameter) == ("error", "P9.cap_multiple")


def test_a_day_that_had_a_value_must_keep_one() -> None:
    parts = copy.deepcopy(documents())
    values = parts["P9.support_rate"]["values"]
    values["2026-12-01"] = values.pop(min(values))
    gaps = found(parts, "gap")
    assert {one.parameter for one in gaps} == {"P9.support_rate"}
    assert all(one.severity == "error" and one.on is not None for one in gaps)


def test_an_amount_that_a_ministry_takes_back_is_a_gap() -> None:
    parts = changed("P10.support_rate", since="2026-12-01", value=None)
    parts["P10.support_rate"]["set_by"] = {"ko": "고용노동부", "en": "Ministry of Employment and Labor"}
    assert {(one.parameter, one.on) for one in found(parts, "gap")} == {("P10.support_rate", date(2026, 12, 1))}


def test_two_parameters_for_one_rule_overlap() -> None:
    parts = copy.deepcopy(documents())
    parts["P10.support_rate_again"] = copy.deepcopy(parts["P10.support_rate"])
    (one,) = found(parts, "overlap")
    assert one.severity == "error"
    assert "P10.support_rate" in one.parameter


def test_a_value_decided_after_a_later_one_is_in_force_contradicts_it() -> None:
    parts = changed("P9.support_rate", since="2026-12-01", value="0.91", known_on="2026-12-10")
    parts["P9.support_rate"]["values"]["2026-12-05"] = {
        **parts["P9.support_rate"]["values"]["2026-12-01"],
        "value": "0.92",
        "known_on": "2026-11-30",
    }
    (one,) = found(parts, "overlap")
    assert (one.severity, one.parameter, one.on) == ("error", "P9.support_rate", date(2026, 12, 5))
    late = found(parts, "known-late")
    assert [(two.severity, two.on) for two in late if two.parameter == "P9.support_rate"] == [
        ("warning", date(2026, 12, 1))
    ]


def test_the_same_value_twice_in_a_row_is_redundant() -> None:
    (one,) = found(changed("P10.support_rate", since="2026-12-01"), "redundant")
    assert (one.severity, one.on) == ("warning", date(2026, 12, 1))


def test_a_change_of_the_past_is_a_warning_and_one_of_the_future_is_not() -> None:
    lower = {"capital": "0.10", "non_capital": "0.20"}
    (one,) = found(changed("P10.support_rate", since="2026-11-22", value=lower), "past")
    assert (one.severity, one.on) == ("warning", date(2026, 11, 22))
    assert found(changed("P10.support_rate", since="2026-11-23", value=lower), "past") == []


def test_a_higher_self_pay_names_its_day_and_a_lower_one_is_no_finding() -> None:
    lower = {"capital": "0.10", "non_capital": "0.20"}
    (one,) = found(changed("P10.support_rate", since="2026-12-01", value=lower), "self-pay-rises")
    assert (one.severity, one.parameter, one.on) == ("warning", "P10.support_rate", date(2026, 12, 1))
    higher = {"capital": "1.00", "non_capital": "1.00"}
    assert found(changed("P10.support_rate", since="2026-12-01", value=higher), "self-pay-rises") == []


def test_a_value_that_cannot_be_computed_with_is_an_error() -> None:
    (one,) = found(changed("common.rounding_unit", since="2026-12-01", value=0), "not-computable")
    assert (one.severity, one.on) == ("error", date(2026, 12, 1))


def test_a_key_that_no_rule_knows_is_an_error() -> None:
    gaps = found(changed("common.overlap_two_tiers", since="2026-12-01", value="somewhere"), "gap")
    assert {one.severity for one in gaps} == {"error"}
    assert {one.parameter for one in gaps} == {"P10.support_rate"}
