"""Display text of real files, and what becomes of it."""

from datetime import date

import pytest

from services.catalog.domain.draft import course_id
from services.catalog.domain.fault import Fault, Refused
from services.catalog.domain.text import clean, title
from services.catalog.domain.value import day, stated, whole, won


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (" 9,140,160 ", 9_140_160),
        ("9140160", 9_140_160),
        ("₩9,140,160", 9_140_160),
        ("9,140,160원", 9_140_160),
        ("9,140,160 원", 9_140_160),
        ("9140160.0", 9_140_160),
        ("９，１４０", 9_140),
        ("0", 0),
        ("1,000,000,000", 1_000_000_000),
    ],
)
def test_display_money_becomes_whole_won(raw: str, expected: int) -> None:
    assert won("훈련비", raw) == expected


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("-1,000", "negative"),
        ("12.5", "not-a-number"),
        ("1,00", "not-a-number"),
        ("9,140,16", "not-a-number"),
        ("A", "not-a-number"),
        ("76%", "not-a-number"),
        ("#DIV/0!", "not-a-number"),
        ("1e6", "not-a-number"),
        ("٣٤", "not-a-number"),
        ("1억 5천", "not-a-number"),
        ("1,000,000,001", "out-of-range"),
        ("9" * 400, "not-a-number"),
    ],
)
def test_money_that_is_none_is_refused_with_its_value(raw: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        won("훈련비", raw)

    fault = refused.value.faults[0]
    assert (fault.field, fault.code) == ("훈련비", code)
    assert fault.ko
    assert fault.en


def test_a_unit_behind_a_number_is_read_over() -> None:
    assert whole("정원", "25명", 100, ("명",)) == 25


@pytest.mark.parametrize(
    "raw", ["2026-12-01", "20261201", "2026.12.01", "2026/12/01", "2026.12.1.", "2026. 12. 1.", "2026-12-01 00:00:00"]
)
def test_a_day_is_read_in_every_common_form(raw: str) -> None:
    assert day("시작일", raw) == date(2026, 12, 1)


@pytest.mark.parametrize(
    "raw", ["2026-02-30", "12/01/2026", "2026-12/01", "1899-12-31", "2026", "44166", "2026121", "내년"]
)
def test_a_day_that_is_none_is_refused(raw: str) -> None:
    with pytest.raises(Refused):
        day("시작일", raw)


@pytest.mark.parametrize("raw", ["", "  ", "-", "NULL", "n/a", "미정", None])
def test_empty_signs_state_nothing(raw: str | None) -> None:
    assert stated(raw) is None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("EB243F 실습과 함께하는! 데이터베이스", "실습과 함께하는! 데이터베이스"),
        ("[DS Class] 파이썬", "[DS Class] 파이썬"),
        ("AWS 클라우드", "AWS 클라우드"),
        ("ISO9001 품질 심사", "ISO9001 품질 심사"),
        ("5G 자율주행", "5G 자율주행"),
        ("3D 프린팅", "3D 프린팅"),
        ("웹&amp;앱", "웹&앱"),
        ("웹&amp;amp;앱", "웹&앱"),
        ("  두  칸\n줄바꿈\t ", "두 칸 줄바꿈"),
        ("<b>굵은</b> 제목", "굵은 제목"),
        ("<AI> 첫걸음", "<AI> 첫걸음"),
        ("ㅁ\u200b과정\x00", "ㅁ과정"),
        ("가", "가"),
        ("EB243F", "EB243F"),
    ],
)
def test_a_title_loses_codes_and_markup_and_keeps_brackets(raw: str, expected: str) -> None:
    assert title(raw) == expected


def test_a_lone_surrogate_never_reaches_the_database() -> None:
    assert clean("과정\ud800").encode() == "과정".encode()


def test_course_ids_are_url_safe_and_distinct() -> None:
    raw = ["A+B", "A B", "A/B", "A~2BB", "A-B", "과정", "A%2BB", "A:B"]

    ids = [course_id("kmooc", one) for one in raw]

    assert len(set(ids)) == len(raw)
    assert course_id("kdt", "AIG20200000286626") == "kdt:AIG20200000286626"
    assert ids[0] == "kmooc:A~2BB"
    assert all(
        character.isascii() and (character.isalnum() or character in ":._~-") for one in ids for character in one
    )


def test_a_reported_value_is_cut() -> None:
    assert len(Fault("f", "c", "ko", "en", "x" * 10_000).value or "") == 200
