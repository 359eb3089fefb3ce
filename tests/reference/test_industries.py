"""KSIC codes of both revisions, and the size classes that hang on them."""

import csv
from pathlib import Path

import pytest

from libs.reference import CodeError, ksic
from libs.reference.size import LIMITS, groups, size_class


@pytest.mark.parametrize(
    ("text", "version", "code", "section"),
    [
        ("1123", "10", "01123", "A"),
        ("5100", "10", "05100", "B"),
        ("6200", "10", "06200", "B"),
        ("1", "10", "01", "A"),
        ("26", "10", "26", "C"),
        ("62", "10", "62", "J"),
        ("212", "10", "212", "C"),
        ("2612", "10", "2612", "C"),
        ("29271", "10", "29271", "C"),
        ("C29271", "10", "29271", "C"),
        ("c 29271", "10", "29271", "C"),
        ("C1411", "10", "1411", "C"),
        ("A1411", "10", "01411", "A"),
        ("A01411", "10", "01411", "A"),
        ("29271.0", "10", "29271", "C"),
        ("２９２７１", "10", "29271", "C"),
        ("1123", "11", "01123", "A"),
        ("29293", "11", "29293", "C"),
        ("1060", "11", "1060", "C"),
        ("12000", "11", "12000", "C"),
        ("60310", "11", "60310", "J"),
        ("99009", "10", "99009", "U"),
    ],
)
def test_a_code_of_any_depth_is_read(text: str, version: ksic.Version, code: str, section: str) -> None:
    found = ksic.parse(text, version=version)

    assert (found.version, found.code, found.section, found.division) == (version, code, section, code[:2])


@pytest.mark.parametrize(
    ("text", "version", "reason", "candidates"),
    [
        ("1411", "10", "ambiguous", ["1411", "01411"]),
        ("7110", "11", "ambiguous", ["7110", "07110"]),
        ("29294", "11", "other-revision", ["29293"]),
        ("10611", "11", "other-revision", ["10511"]),
        ("60310", "10", "other-revision", []),
        ("G29271", "10", "section", []),
        ("99999", "10", "unknown", []),
        ("00", "10", "unknown", []),
        ("9", "10", "unknown", []),
        ("722000", "10", "format", []),
        ("C", "10", "format", []),
        ("제조업", "10", "format", []),
        ("-2611", "10", "format", []),
        ("", "10", "missing", []),
    ],
)
def test_a_wrong_code_is_refused_with_its_reason(
    text: str, version: ksic.Version, reason: str, candidates: list[str]
) -> None:
    with pytest.raises(CodeError) as caught:
        ksic.parse(text, version)

    assert caught.value.code == reason
    assert [candidate.code for candidate in caught.value.candidates] == candidates
    assert caught.value.ko
    assert caught.value.en


def test_the_same_digits_mean_moulds_in_one_revision_and_printing_machines_in_the_other() -> None:
    tenth, eleventh = ksic.parse("29293", "10"), ksic.parse("29293", "11")

    assert tenth.name == "인쇄 및 제책용 기계 제조업"
    assert eleventh.name == "주형 및 금형 제조업"
    assert tenth.meaning_changed
    assert eleventh.meaning_changed
    assert not ksic.parse("29280", "11").meaning_changed


def test_only_what_the_derived_table_holds_counts_as_verified_in_the_eleventh_revision() -> None:
    assert ksic.parse("29293", "11").verified
    assert not ksic.parse("62010", "11").verified
    assert not ksic.parse("60310", "11").verified
    assert ksic.parse("62010", "10").verified


@pytest.mark.parametrize("text", ["10", "10차", "제10차", "KSIC 10", "10.0", "10차 개정"])
def test_the_revision_is_read_from_what_ministries_write(text: str) -> None:
    assert ksic.parse_version(text) == "10"


@pytest.mark.parametrize("text", ["9", "12", "", "열"])
def test_an_unknown_revision_is_refused(text: str) -> None:
    with pytest.raises(CodeError) as caught:
        ksic.parse_version(text)
    assert caught.value.code == "version"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("의료용 기기 제조업", "271"),
        ("소프트웨어 개발 및 공급업", "582"),
        ("전자부품 제조업", "262"),
        ("음·식료품 및 담배 도매업", "463"),
        ("사업시설 유지·관리 서비스업", "741"),
        ("담배 제조업", "12"),
        ("없는 업", None),
        ("", None),
    ],
)
def test_an_industry_is_found_by_its_name(name: str, code: str | None) -> None:
    assert ksic.by_name(name) == code


def test_almost_every_listed_company_has_an_industry_of_one_revision(shared_data: Path) -> None:
    with (shared_data / "companies" / "listed_companies.csv").open(encoding="utf-8-sig", newline="") as file:
        names = [row["업종"] for row in csv.DictReader(file)]
    missing = {name for name in names if not (ksic.by_name(name) or ksic.by_name(name, "11"))}

    assert missing == {"일차전지 및 이차전지 제조업", "동·식물성 유지 및 낙농제품 제조업"}


def test_every_class_of_the_real_tables_is_known_with_its_section(shared_data: Path) -> None:
    with (shared_data / "ksic" / "ksicTreeDB.csv").open(encoding="utf-8-sig", newline="") as file:
        tenth = {row["ksic5_cd"]: row for row in csv.DictReader(file) if row["ksic_C"] == "C10"}
    with (shared_data / "ksic" / "ksic11_manufacturing_derived.csv").open(encoding="utf-8-sig", newline="") as file:
        eleventh = list(csv.DictReader(file))

    assert (len(tenth), len(eleventh)) == (1196, 479)
    for row in tenth.values():
        found = ksic.parse(row["ksic5_cd"], "10")
        assert (found.section, found.name) == (row["ksic1_cd"], row["ksic5_nm"].strip())
    for row in eleventh:
        assert ksic.parse(row["ksic11_cd"], "11").name == row["name"]


def test_every_lost_zero_of_a_five_digit_class_is_restored_or_named_as_ambiguous(shared_data: Path) -> None:
    with (shared_data / "ksic" / "ksicTreeDB.csv").open(encoding="utf-8-sig", newline="") as file:
        codes = [
            row["ksic5_cd"] for row in csv.DictReader(file) if row["ksic_C"] == "C10" and row["ksic5_cd"][0] == "0"
        ]
    named_twice = {"01411", "01412", "01420", "02011", "02012", "02020", "03111", "03112", "03120", "07110"}

    assert len(codes) == 45
    for code in codes:
        if code in named_twice:
            with pytest.raises(CodeError) as caught:
                ksic.parse(code[1:], "10")
            assert [candidate.code for candidate in caught.value.candidates] == [code[1:], code]
        else:
            assert ksic.parse(code[1:], "10").code == code


@pytest.mark.parametrize(
    ("section", "division", "limit"),
    [
        ("C", "26", 500),
        ("C", "34", 100),
        ("B", "05", 300),
        ("F", "41", 300),
        ("H", "49", 300),
        ("J", "62", 300),
        ("N", "75", 300),
        ("N", "76", 100),
        ("M", "70", 300),
        ("Q", "86", 300),
        ("G", "46", 200),
        ("I", "56", 200),
        ("K", "64", 200),
        ("R", "91", 200),
        ("A", "01", 100),
        ("P", "85", 100),
        ("L", "68", 100),
    ],
)
def test_a_firm_is_preferred_up_to_the_limit_of_its_industry(section: str, division: str, limit: int) -> None:
    assert [LIMITS[group] for group in groups(section, division)] == [limit]
    assert size_class(0, section, division) == "priority"
    assert size_class(limit, section, division) == "priority"
    assert size_class(limit + 1, section, division) == "large_under_1000"
    assert size_class(999, section, division) == "large_under_1000"
    assert size_class(1000, section, division) == "large_1000_plus"


@pytest.mark.parametrize(
    ("headcount", "section", "division", "expected"),
    [
        (None, "C", "26", None),
        (100, None, None, "priority"),
        (101, None, None, None),
        (500, None, None, None),
        (501, None, None, "large_under_1000"),
        (1000, None, None, "large_1000_plus"),
        (300, "C", None, None),
        (100, "C", None, "priority"),
        (501, "C", None, "large_under_1000"),
        (300, "J", None, "priority"),
    ],
)
def test_what_cannot_be_told_is_left_open(
    headcount: int | None, section: str | None, division: str | None, expected: str | None
) -> None:
    assert size_class(headcount, section, division) == expected


def test_a_negative_head_count_is_an_error() -> None:
    with pytest.raises(ValueError, match="negative"):
        size_class(-1, "C", "26")
