"""The policy data: what the plan says is in it, and what is not well formed is refused by name."""

import copy
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.subsidy.domain import NoPolicyYet, Policy, PolicyError, PolicyInvalid, parse
from services.subsidy.domain.policy import NotInForce, UnknownParameter, Unset
from services.subsidy.loading import FOLDER, documents, policy, read


def edition(**changes: Any) -> dict[str, Any]:
    """The real documents with `P10.support_rate` changed: dotted paths, `None` removes."""
    made = copy.deepcopy(documents())
    for path, value in changes.items():
        *folders, last = path.split("/")
        target: Any = made["P10.support_rate"]
        for folder in folders:
            target = target[folder]
        if value is None:
            del target[last]
        else:
            target[last] = value
    return made


@pytest.mark.parametrize(
    ("parameter", "key", "on", "value"),
    [
        ("P1.cap_multiple", "", "2025-12-31", Decimal("1.00")),
        ("P1.cap_multiple", "", "2026-01-01", Decimal("1.10")),
        ("P4.trainee_allowance", "depopulation", "2026-04-30", 316_000),
        ("P4.trainee_allowance", "capital", "2026-05-01", 400_000),
        ("P4.trainee_allowance", "non_capital", "2026-05-01", 600_000),
        ("P4.trainee_allowance", "depopulation", "2026-05-01", 800_000),
        ("P9.support_rate", "", "2026-02-28", Decimal("0.90")),
        ("P9.support_rate", "", "2026-03-01", Decimal("1.00")),
        ("P9.cap_multiple", "", "2025-01-01", Decimal("3.00")),
        ("P10.support_rate", "non_capital", "2025-12-31", Decimal("0.90")),
        ("P10.support_rate", "non_capital", "2026-01-01", Decimal("0.95")),
        ("P10.support_rate", "capital", "2026-01-01", Decimal("0.90")),
        ("P13.cap_multiple", "", "2026-01-01", Decimal("3.00")),
        ("P14.cap_multiple", "", "2026-06-30", Decimal("1.00")),
        ("P14.cap_multiple", "", "2026-07-01", Decimal("1.30")),
        ("P14.trainee_allowance", "capital", "2026-06-30", 316_000),
        ("P14.trainee_allowance", "capital", "2026-07-01", 300_000),
        ("P14.trainee_allowance", "non_capital", "2026-07-01", 400_000),
        ("P14.trainee_allowance", "depopulation", "2026-07-01", 500_000),
        ("P18.open_to", "", "2026-03-01", "suppliers_and_regional_peers"),
        ("P6.firms", "", "2026-01-01", 80),
        ("P6.grant_lowest", "", "2026-01-01", 150_000_000),
        ("P6.grant_highest", "", "2026-01-01", 200_000_000),
    ],
)
def test_a_rule_of_the_plan_has_its_value_on_its_day(parameter: str, key: str, on: str, value: Any) -> None:
    given = policy().at(date.fromisoformat(on)).get(parameter, key)
    assert given.value == value
    assert given.dated.effective_on <= date.fromisoformat(on)
    assert given.citations


def test_all_twelve_rules_of_the_plan_are_there_and_cite_it() -> None:
    rules = {p.rule for p in policy().parameters.values() if p.rule}
    assert rules == {f"M{number}" for number in range(1, 13)}
    for parameter in policy().parameters.values():
        if parameter.rule:
            assert all("plan:IV-" in dated.reference for dated in parameter.values), parameter.id


@pytest.mark.parametrize(
    "parameter",
    [
        "P11.instructor_allowance", "P11.expert_allowance", "P11.development_support", "P13.equipment_support",
        "P4.hackathon_bonus", "common.unit_price",
    ],
)  # fmt: skip
def test_an_amount_that_nobody_set_names_who_must_set_it(parameter: str) -> None:
    with pytest.raises(Unset) as caught:
        policy().at(date(2026, 11, 23)).get(parameter)
    assert "정할 곳" in caught.value.ko
    assert "To be set by" in caught.value.en
    assert caught.value.code.endswith("-unset")


def test_the_day_before_any_policy_has_none() -> None:
    assert policy().at(date(2025, 1, 1)).get("P9.support_rate").value == Decimal("0.90")
    with pytest.raises(NoPolicyYet) as caught:
        policy().at(date(2024, 12, 31))
    assert "2025-01-01" in caught.value.ko


def test_a_rule_before_its_first_day_is_not_in_force_and_says_from_when() -> None:
    with pytest.raises(NotInForce) as caught:
        policy().at(date(2025, 12, 31)).get("P13.cap_multiple")
    assert "2026-01-01" in caught.value.ko
    assert "2026-01-01" in caught.value.en


@pytest.mark.parametrize(
    ("parameter", "key"), [("P10.nothing", ""), ("P10.support_rate", "moon"), ("P10.support_rate", "")]
)
def test_an_unknown_parameter_or_key_is_named(parameter: str, key: str) -> None:
    with pytest.raises(UnknownParameter) as caught:
        policy().at(date(2026, 1, 1)).get(parameter, key)
    assert parameter in caught.value.ko


def test_what_was_known_before_the_plan_is_the_old_rule() -> None:
    on, eve = date(2026, 3, 1), date(2025, 12, 17)
    assert policy().at(on, known_on=eve).get("P9.support_rate").value == Decimal("0.90")
    assert policy().at(on, known_on=date(2025, 12, 18)).get("P9.support_rate").value == Decimal("1.00")
    with pytest.raises(NotInForce) as caught:
        policy().at(on, known_on=eve).get("P13.cap_multiple")
    assert caught.value.code == "rule-not-known"


def test_the_readings_of_the_plan_are_marked_as_interpretations() -> None:
    marked = {name for name, parameter in policy().parameters.items() if parameter.interpretation}
    assert {
        "common.overlap_two_tiers", "common.overlap_three_tiers", "common.rounding_unit", "common.sme",
        "P4.trainee_allowance", "P4.allowance_place", "P10.rate_place", "P14.trainee_allowance", "P14.allowance_place",
    } <= marked  # fmt: skip
    assert "P10.support_rate" not in marked


def test_the_version_changes_with_any_content_and_only_with_it() -> None:
    same = parse(policy().label, edition())
    other = parse(policy().label, edition(**{"values/2026-01-01/value/capital": "0.91"}))
    assert same.version == policy().version
    assert other.version != policy().version
    assert other.version.startswith(policy().label)


VALUE = "values/2026-01-01"


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("surprise", 1, "unknown key"),
        (f"{VALUE}/surprise", 1, "unknown key"),
        (f"{VALUE}/reference", None, "missing key: 'reference'"),
        (f"{VALUE}/grade", None, "missing key: 'grade'"),
        (f"{VALUE}/reference", "", "no usable citation"),
        (f"{VALUE}/reference", "plan:VI-p.7", "no usable citation"),
        (f"{VALUE}/reference", "plan:IV-②-p.7; ", "no usable citation"),
        (f"{VALUE}/grade", "D", "one of them is needed"),
        (f"{VALUE}/href", "http://example.com", "https"),
        (f"{VALUE}/known_on", "18.12.2025", "not a date"),
        (f"{VALUE}/note", {"ko": "하나만"}, "ko and en"),
        ("values/2026-13-01", {"value": None, "reference": "법", "grade": "A"}, "not a date"),
        ("values/2026-02-30", {"value": None, "reference": "법", "grade": "A"}, "not a date"),
        ("values/2026-1-1", {"value": None, "reference": "법", "grade": "A"}, "not a date"),
        ("values/20260101", {"value": None, "reference": "법", "grade": "A"}, "not a date"),
        (f"{VALUE}/value", "0.95", "exactly these keys"),
        (f"{VALUE}/value", {"capital": "0.90"}, "exactly these keys"),
        (f"{VALUE}/value", {"capital": "0.90", "non_capital": "0.95", "moon": "1"}, "exactly these keys"),
        (f"{VALUE}/value/capital", 0.9, "never a float"),
        (f"{VALUE}/value/capital", 1, "never a float"),
        (f"{VALUE}/value/capital", "1.01", "must be a decimal"),
        (f"{VALUE}/value/capital", "-0.1", "must be a decimal"),
        (f"{VALUE}/value/capital", "90%", "must be a decimal"),
        (f"{VALUE}/value/capital", "NaN", "must be a decimal"),
        ("unit", "percent", "unknown unit"),
        ("by", "moon", "unknown dimension"),
        ("rule", "M13", "M1–M12"),
        ("interpretation", "yes", "true or false"),
        ("values", {}, "per effective date"),
        ("values", None, "missing key: 'values'"),
        ("description", {"ko": "한국어만"}, "ko and en"),
    ],
)
def test_a_fault_in_the_data_is_refused_and_named(path: str, value: Any, fault: str) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        parse("test", edition(**{path: value}))
    assert any(fault in found and found.startswith("P10.support_rate") for found in caught.value.faults)


@pytest.mark.parametrize("amount", [10.0, "10", -1, True, 10**16])
def test_money_is_a_whole_number_from_zero(amount: Any) -> None:
    made = edition()
    made["common.rounding_unit"]["values"]["2025-01-01"]["value"] = amount
    with pytest.raises(PolicyInvalid, match="whole number"):
        parse("test", made)


def test_a_value_not_set_needs_to_say_who_must_set_it() -> None:
    made = edition()
    del made["P13.equipment_support"]["set_by"]
    with pytest.raises(PolicyInvalid, match="set_by"):
        parse("test", made)


def test_all_faults_are_found_at_once() -> None:
    made = edition(surprise=1)
    made["P9.support_rate"]["values"]["2026-03-01"]["value"] = 1.0
    del made["P1.cap_multiple"]["description"]
    with pytest.raises(PolicyInvalid) as caught:
        parse("test", made)
    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        "P1.cap_multiple",
        "P10.support_rate",
        "P9.support_rate",
    ]


@pytest.mark.parametrize(("label", "content"), [("has blank", {}), ("", {}), ("ok", {}), ("ok", {"noname": {}})])
def test_an_edition_needs_a_label_and_named_parameters(label: str, content: dict[str, Any]) -> None:
    with pytest.raises(PolicyInvalid):
        parse(label, content)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("unit: won\nunit: won\n", "stands twice"),
        ("values:\n  2026-01-01: {value: 1}\n  2026-01-01: {value: 2}\n", "stands twice"),
        ("unit: [won\n", "P1/broken.yaml"),
        ("- a list\n", "must be a mapping"),
        ("", "must be a mapping"),
        ("unit: !!python/object/apply:os.getcwd []\n", "could not determine a constructor"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "edition.txt").write_text("test\n")
    (tmp_path / "P1").mkdir()
    (tmp_path / "P1" / "broken.yaml").write_text(text)
    with pytest.raises(PolicyInvalid, match=fault):
        parse(*read(tmp_path))


def test_dates_in_the_files_stay_text_so_that_the_stored_edition_is_the_same() -> None:
    label, found = read(FOLDER)
    assert all(isinstance(day, str) for content in found.values() for day in content["values"])
    assert isinstance(parse(label, found), Policy)


def test_every_error_of_the_policy_speaks_both_languages() -> None:
    for parameter in ("common.unit_price", "P1.nothing"):
        with pytest.raises(PolicyError) as caught:
            policy().at(date(2026, 1, 1)).get(parameter)
        assert caught.value.ko
        assert caught.value.en
        assert caught.value.ko in str(caught.value)
