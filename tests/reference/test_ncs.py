"""NCS codes."""

import csv
from pathlib import Path

import pytest

from libs.reference import CodeError, ncs


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("20010105", "20010105"),
        ("2010301", "02010301"),
        ("8020112", "08020112"),
        ("2010301.0", "02010301"),
        ("２００１０７０３", "20010703"),
        ("20", "20"),
        ("2", "02"),
        ("2001", "2001"),
        ("201", "0201"),
        ("200107", "200107"),
        ("20.01.07.03", "20010703"),
        ("0101010101_17v2", "01010101"),
        ("101010101_17v2", "01010101"),
        ("2001070301", "20010703"),
        ("2001070301_23v1", "20010703"),
    ],
)
def test_a_code_of_any_level_is_read(text: str, code: str) -> None:
    assert ncs.parse(text) == code


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "missing"),
        ("  ", "missing"),
        ("NCS", "format"),
        ("2001070301_", "format"),
        ("200107030111", "format"),
        ("2001-O7", "format"),
        ("99010101", "unknown"),
        ("00010101", "unknown"),
        ("20000101", "unknown"),
        ("0", "unknown"),
    ],
)
def test_garbage_is_refused(text: str, reason: str) -> None:
    with pytest.raises(CodeError) as caught:
        ncs.parse(text)

    assert caught.value.code == reason
    assert "NCS" in caught.value.ko
    assert "NCS" in caught.value.en


def test_a_newer_code_is_kept_and_marked_as_unknown() -> None:
    assert ncs.describe("20010799") == ncs.Ncs("20010799", "", known=False)
    assert ncs.describe("20010703") == ncs.Ncs("20010703", "인공지능모델링", known=True)
    assert ncs.describe("20010704").known


def test_every_code_of_the_real_courses_is_read_and_named(shared_data: Path) -> None:
    with (shared_data / "ncs" / "ncs_codes_seen.csv").open(encoding="utf-8-sig", newline="") as file:
        seen = list(csv.DictReader(file))

    assert len(seen) == 80
    for row in seen:
        found = ncs.describe(row["ncs_code"])
        assert len(found.code) == 8
        assert found.known, row


def test_the_whole_edition_of_2020_is_known(shared_data: Path) -> None:
    with (shared_data / "ncs" / "ncs_2020.csv").open(encoding="utf-8-sig", newline="") as file:
        edition = list(csv.DictReader(file))

    assert len(edition) == 1057
    for row in edition:
        assert ncs.describe(row["subd_cd"]).name == row["subd_nm"].strip()
        assert ncs.describe(row["lclas_cd"].lstrip("0")).name == row["lclas_nm"].strip()
