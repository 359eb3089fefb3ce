"""Region codes by date: in force, renamed, split, merged, not yet; and their tiers."""

import csv
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.reference import CodeError, regions
from libs.reference.regions.table import SIGUNGUS
from libs.reference.regions.tiers import NOTICES

NOW = date(2026, 11, 23)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("code", "on", "expected"),
    [
        ("46110", NOW, "12110"),
        ("46110", date(2026, 6, 30), "46110"),
        ("46110", date(2026, 7, 1), "12110"),
        ("12110", date(2026, 6, 30), "46110"),
        ("29155", NOW, "12270"),
        ("42150", NOW, "51150"),
        ("51150", date(2023, 6, 10), "42150"),
        ("45111", date(2024, 1, 18), "52111"),
        ("47720", NOW, "27720"),
        ("27720", date(2023, 6, 30), "47720"),
        ("28140", NOW, "28125"),
        ("28155", date(2026, 1, 1), "28110"),
        ("28260", date(2026, 6, 30), "28260"),
        ("28170", NOW, "28177"),
        ("41195", NOW, "41190"),
        ("41192", date(2023, 12, 31), "41190"),
        ("41591", date(2026, 1, 31), "41590"),
        ("41590", NOW, "41590"),
        ("41285", NOW, "41285"),
        ("44730", NOW, "36110"),
        ("1168010100", NOW, "11680"),
        ("46110.0", NOW, "12110"),
        ("１１６８０", NOW, "11680"),
    ],
)
def test_a_code_gives_the_place_in_force_on_the_day(code: str, on: date, expected: str) -> None:
    region = regions.resolve(code, on=on)

    assert region.code == expected
    assert region.sido == expected[:2]


@pytest.mark.parametrize(
    ("code", "on", "reason", "candidates"),
    [
        ("28260", NOW, "split", ["28275", "28290"]),
        ("28110", NOW, "split", ["28125", "28155"]),
        ("41283", NOW, "split", ["41285", "41287"]),
        ("28125", date(2026, 6, 30), "not-yet", ["28110", "28140"]),
        ("28237", date(1990, 1, 1), "not-yet", []),
        ("99999", NOW, "unknown", []),
        ("11681", NOW, "unknown", []),
        ("28", NOW, "sido-only", []),
        ("2800000000", NOW, "sido-only", []),
        ("1168", NOW, "format", []),
        ("서울", NOW, "format", []),
        ("-1168", NOW, "format", []),
        ("", NOW, "missing", []),
    ],
)
def test_a_code_without_one_answer_is_refused_and_names_what_may_be_meant(
    code: str, on: date, reason: str, candidates: list[str]
) -> None:
    with pytest.raises(CodeError) as caught:
        regions.resolve(code, on)

    assert caught.value.code == reason
    assert [candidate.code for candidate in caught.value.candidates] == candidates
    for candidate in caught.value.candidates:
        assert candidate.code in caught.value.ko
        assert candidate.name in caught.value.en


def test_every_link_joins_two_codes_without_a_gap_in_time() -> None:
    for code, entry in SIGUNGUS.items():
        assert entry.valid_from < entry.valid_to, code
        for successor in entry.successors:
            assert SIGUNGUS[successor].valid_from <= entry.valid_to, (code, successor)
        if entry.valid_to != date.max:
            assert entry.successors, code


@given(st.sampled_from(sorted(SIGUNGUS)), st.dates(date(2000, 1, 1), date(2030, 12, 31)))
def test_an_answer_is_always_in_force_and_stands_for_itself(code: str, on: date) -> None:
    found = regions.candidates(code, on)

    assert all(regions.in_force(region.code, on) for region in found)
    for region in found:
        assert regions.resolve(region.code, on) == region
    if len(found) == 1:
        assert regions.resolve(code, on) == found[0]
    else:
        with pytest.raises(CodeError) as caught:
            regions.resolve(code, on)
        assert caught.value.code in ("split", "not-yet")
        assert [candidate.code for candidate in caught.value.candidates] == [region.code for region in found]


@pytest.mark.parametrize(
    ("code", "on", "two", "three"),
    [
        ("11680", NOW, "capital", "capital"),
        ("26110", NOW, "non_capital", "non_capital"),
        ("28710", NOW, "capital", "depopulation"),
        ("28720", NOW, "capital", "depopulation"),
        ("41820", NOW, "capital", "depopulation"),
        ("41800", NOW, "capital", "depopulation"),
        ("42720", NOW, "non_capital", "depopulation"),
        ("46770", NOW, "non_capital", "depopulation"),
        ("12740", NOW, "non_capital", "depopulation"),
        ("47720", NOW, "non_capital", "depopulation"),
        ("27720", date(2023, 8, 1), "non_capital", "depopulation"),
        ("28260", NOW, "capital", "capital"),
        ("28110", NOW, "capital", "capital"),
        ("28125", date(2026, 6, 30), "capital", "capital"),
        ("41820", date(2021, 10, 18), "capital", "capital"),
        ("43745", NOW, "non_capital", "non_capital"),
        ("51810", NOW, "non_capital", "non_capital"),
        ("11", NOW, "capital", "capital"),
        ("36", NOW, "non_capital", "non_capital"),
    ],
)
def test_tiers_of_a_place(code: str, on: date, two: str, three: str) -> None:
    assert regions.tier2(code, on) == two
    assert regions.tier3(code, on) == three


def test_a_province_with_places_of_several_tiers_has_two_tiers_settled_but_not_three() -> None:
    assert regions.tier2("41", NOW) == "capital"
    with pytest.raises(CodeError) as caught:
        regions.tier3("41", NOW)
    assert caught.value.code == "tier-differs"
    assert "41820" in [candidate.code for candidate in caught.value.candidates]


def test_the_overlap_of_capital_and_depopulation_is_stated_where_it_counts() -> None:
    overlap = [code for code in SIGUNGUS if regions.in_force(code, NOW) and regions.is_overlap(code, NOW)]

    assert overlap == ["28710", "28720", "41800", "41820"]
    assert "해석" in regions.OVERLAP_KO
    assert "interpretation" in regions.OVERLAP_EN


@pytest.mark.parametrize(
    ("on", "title"),
    [
        (date(2021, 10, 18), None),
        (date(2021, 10, 19), "행정안전부고시 제2021-66호"),
        (date(2024, 2, 26), "행정안전부고시 제2021-66호"),
        (date(2024, 2, 27), "행정안전부고시 제2024-15호"),
        (NOW, "행정안전부고시 제2024-15호"),
    ],
)
def test_the_list_of_depopulation_areas_is_dated(on: date, title: str | None) -> None:
    notice = regions.depopulation_notice(on)

    assert (notice.title if notice else None) == title


@pytest.mark.parametrize("on", [date(2021, 10, 19), date(2023, 7, 1), date(2024, 1, 18), date(2024, 2, 27), NOW])
def test_89_places_are_designated_on_any_day_whatever_their_codes(on: date) -> None:
    designated = [code for code in SIGUNGUS if regions.in_force(code, on) and regions.tier3(code, on) == "depopulation"]

    assert len(designated) == 89
    assert len(NOTICES) == 2


def test_a_province_lists_its_places_under_the_codes_of_the_day() -> None:
    assert [region.code for region in regions.in_sido("29", NOW)] == ["12210", "12240", "12270", "12300", "12330"]
    assert len(regions.in_sido("46", NOW)) == 22
    assert len(regions.in_sido("12", NOW)) == 27
    assert {region.sido for region in regions.in_sido("12", date(2026, 6, 30))} == {"29", "46"}
    assert [region.code for region in regions.in_sido("36", NOW)] == ["36110"]
    assert "47720" in [region.code for region in regions.in_sido("47", date(2023, 6, 30))]
    assert "27720" in [region.code for region in regions.in_sido("27", date(2023, 7, 1))]
    with pytest.raises(CodeError):
        regions.in_sido("99", NOW)


def test_every_official_code_in_force_resolves_to_itself(shared_data: Path) -> None:
    official = rows(shared_data / "regions" / "sigungu_2026-09-17.csv")

    assert len(official) == 269
    for row in official:
        region = regions.resolve(row["sigungu_code"], date(2026, 9, 17))
        assert (region.code, region.name, region.sido, region.sido_name) == (
            row["sigungu_code"],
            row["sigungu_name"],
            row["sido_code"],
            row["sido_name"],
        )
    assert sum(regions.in_force(code, date(2026, 9, 17)) for code in SIGUNGUS) == 269


def test_every_change_of_the_record_is_followed_on_its_day(shared_data: Path) -> None:
    for row in rows(shared_data / "regions" / "code_changes.csv"):
        if "x" in row["old_code"]:
            continue
        day = date.fromisoformat(row["effective_date"])
        assert row["new_code"] in SIGUNGUS[row["old_code"]].successors
        assert not regions.in_force(row["new_code"], day - timedelta(days=1))
        assert regions.in_force(row["new_code"], day)


def test_all_depopulation_areas_join_at_their_three_dates(shared_data: Path) -> None:
    places = rows(shared_data / "regions" / "depopulation_89.csv")

    assert len(places) == 89
    for row in places:
        for day in (date(2021, 10, 19), date(2025, 12, 18), date(2026, 9, 17)):
            code = row[f"code_{day:%Y_%m_%d}"]
            assert regions.tier3(code, day) == "depopulation", row
            assert regions.tier3(code, NOW) == "depopulation", row


def test_the_area_codes_of_an_old_training_api_all_have_a_tier_today(shared_data: Path) -> None:
    areas = [row["area2"] for row in rows(shared_data / "regions" / "hrdnet_area_2020.csv") if len(row["area2"]) == 5]

    assert len(areas) > 250
    for code in areas:
        assert regions.tier2(code, NOW) in ("capital", "non_capital")
        assert regions.tier3(code, NOW) in ("capital", "non_capital", "depopulation")


def test_what_is_in_force_has_no_last_day() -> None:
    assert regions.resolve("48123", date.max).code == "48123"
    assert regions.tier3("28710", date.max) == "depopulation"
