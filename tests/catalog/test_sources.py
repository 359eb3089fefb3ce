"""Each source's rows, kind and unkind, as drafts or as named faults."""

from datetime import date
from typing import Any

import pytest

from services.catalog.domain.draft import Draft
from services.catalog.domain.fault import Refused
from services.catalog.sources import SOURCES
from services.catalog.sources.base import fold
from tests.catalog.conftest import IEUM_ROW, KDT_ROW, KMOOC_ROW, WORK24_ROW, Row

TODAY = date(2026, 11, 23)


def draft(source: str, row: Row, **changes: Any) -> Draft:
    values = {fold(name): value for name, value in (row | changes).items()}
    return SOURCES[source].read(values, TODAY)


def codes(source: str, row: Row, **changes: Any) -> list[tuple[str, str]]:
    with pytest.raises(Refused) as refused:
        draft(source, row, **changes)
    assert all(fault.ko and fault.en for fault in refused.value.faults)
    return [(fault.field, fault.code) for fault in refused.value.faults]


def test_a_kdt_row_becomes_a_course_and_its_session() -> None:
    found = draft("kdt", KDT_ROW)

    course, session = found.course, found.session
    assert session is not None
    assert course.model_dump(exclude={"sessions", "target_ksic", "unit_price"}) == {
        "course_id": "kdt:AIG20260000000001",
        "source": "kdt",
        "source_id": "AIG20260000000001",
        "programme": "P4",
        "title": "AI활용 빅데이터 분석가",
        "provider": "견본학원",
        "mode": "onsite",
        "level": "advanced",
        "field": "knowledge",
        "ai": True,
        "hours": 960,
        "ncs_code": "20010105",
        "region_code": "11110",
        "url": "https://example.com/kdt?id=1&tme=1",
    }
    assert session.model_dump(mode="json") == {
        "session_no": 1,
        "starts_on": "2026-12-07",
        "ends_on": "2027-06-07",
        "capacity": 25,
        "fee": 9_140_160,
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"과정명": "  "}, [("과정명", "missing")]),
        ({"과정명": "가" * 301}, [("과정명", "too-long")]),
        ({"훈련과정 ID": None}, [("훈련과정 ID", "missing")]),
        ({"회차": "0"}, [("회차", "out-of-range")]),
        ({"회차": "B"}, [("회차", "not-a-number")]),
        ({"회차": ""}, [("회차", "missing")]),
        ({"훈련비": "-9,140,160"}, [("훈련비", "negative")]),
        ({"훈련비": "76%"}, [("훈련비", "not-a-number")]),
        ({"정원": "스물다섯"}, [("정원", "not-a-number")]),
        ({"과정종료일": "2026-12-06"}, [("과정종료일", "ends-before-start")]),
        ({"과정시작일": "2026-13-01"}, [("과정시작일", "not-a-date")]),
        ({"과정페이지 링크": "javascript:alert(1)"}, [("과정페이지 링크", "not-a-url")]),
        ({"총 훈련시간": "99999"}, [("총 훈련시간", "out-of-range")]),
        ({"회차": "x", "훈련비": "y"}, [("회차", "not-a-number"), ("훈련비", "not-a-number")]),
    ],
)
def test_a_kdt_row_names_every_bad_field(changes: Row, expected: list[tuple[str, str]]) -> None:
    assert codes("kdt", KDT_ROW, **changes) == expected


def test_a_lost_leading_zero_is_restored() -> None:
    assert draft("kdt", KDT_ROW, NCS코드="2010301").course.ncs_code == "02010301"
    assert [field for field, _ in codes("kdt", KDT_ROW, NCS코드="20X")] == ["NCS코드"]


def test_a_course_outside_ncs_has_no_code() -> None:
    assert draft("kdt", KDT_ROW, NCS코드="비NCS").course.ncs_code is None
    assert draft("work24", WORK24_ROW, ncsCd="00000000").course.ncs_code is None


def test_unknown_values_of_a_kdt_row_stay_unknown() -> None:
    changes: Row = {
        "정원": "0",
        "훈련비": " - ",
        "총 훈련시간": "0",
        "과정페이지 링크": "",
        "NCS코드": "",
        "과정종료일": None,
    }
    found = draft("kdt", KDT_ROW, **changes)

    assert found.session is not None
    assert (found.session.capacity, found.session.fee, found.session.ends_on) == (None, None, None)
    assert (found.course.hours, found.course.url, found.course.ncs_code) == (None, None, None)


def test_a_kdt_course_without_ai_stays_with_its_scheme() -> None:
    assert draft("kdt", KDT_ROW, 과정명="자바 풀스택").course.programme == "C0104"


def test_a_place_that_names_no_region_leaves_a_note_and_the_address_is_asked() -> None:
    lost = draft("kdt", KDT_ROW, 지역="어디 모름구", 주소="")
    found = draft("kdt", KDT_ROW, 지역="어디 모름구", 주소="서울특별시 종로구 종로 1")

    assert lost.course.region_code is None
    assert [(note.field, note.value) for note in lost.notes] == [("지역", "어디 모름구")]
    assert (found.course.region_code, found.notes) == ("11110", ())


def test_a_kmooc_row_becomes_a_course_without_session_fee_or_hours() -> None:
    found = draft("kmooc", KMOOC_ROW)

    assert found.session is None
    assert found.open
    assert found.course.course_id == "kmooc:ABC~2BABC01~2B2022_T1"
    assert (found.course.title, found.course.provider) == ("인공지능의 기초", "견본대학교")
    assert (found.course.programme, found.course.mode, found.course.level) == ("KMOOC", "remote", "beginner")
    assert (found.course.ai, found.course.field, found.course.hours) == (True, "knowledge", None)


@pytest.mark.parametrize(
    ("condition", "is_open"),
    [("종료", False), ("종료(청강가능)", True), (" 종료 (청강가능) ", True), ("개강예정", True)],
)
def test_a_kmooc_course_is_open_while_it_can_be_audited(condition: str, is_open: bool) -> None:
    assert draft("kmooc", KMOOC_ROW, condition=condition).open is is_open


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"title": "\n "}, [("title", "missing")]),
        ({"agency": None}, [("agency", "missing")]),
        ({"condition": "폐강"}, [("condition", "unknown-value")]),
        ({"condition": ""}, [("condition", "missing")]),
        ({"url": "http://www.kmooc.kr/about"}, [("url", "no-course-key")]),
        ({"url": "www.kmooc.kr/courses/course-v1:A+B+C/about"}, [("url", "not-a-url")]),
        ({"url": ""}, [("url", "missing")]),
    ],
)
def test_a_kmooc_row_names_every_bad_field(changes: Row, expected: list[tuple[str, str]]) -> None:
    assert codes("kmooc", KMOOC_ROW, **changes) == expected


def test_a_work24_row_takes_its_fee_from_real_man_and_reads_no_icon() -> None:
    found = draft("work24", WORK24_ROW)

    assert found.session is not None
    assert (found.session.session_no, found.session.fee, found.session.capacity) == (3, 115_000, 2_000)
    assert found.course.title == "실무자를 위한 챗GPT & 업무"
    assert (found.course.programme, found.course.mode) == ("P10", "remote")
    assert (found.course.ncs_code, found.course.region_code, found.course.hours) == ("02010101", "11110", None)


def test_zero_in_a_work24_row_is_unknown() -> None:
    found = draft("work24", WORK24_ROW, realMan="0", courseMan="0", yardMan="0", ncsCd="0")

    assert found.session is not None
    assert (found.session.fee, found.session.capacity, found.course.ncs_code) == (None, None, None)


def test_the_listed_fee_stands_in_where_the_real_one_is_unknown() -> None:
    found = draft("work24", WORK24_ROW, realMan="0", courseMan="47520")

    assert found.session is not None
    assert found.session.fee == 47_520


@pytest.mark.parametrize(
    ("scheme", "subtitle", "places", "mode"),
    [
        ("C0105", "견본학원", "30", "remote"),
        ("C0054Y", "견본학원", "30", "blended"),
        ("C0061", "견본학원", "30", "onsite"),
        ("C0061", "견본원격평생교육원", "30", "remote"),
        ("C0041T", "(주)견본", "1500", "remote"),
        ("C0041T", "(주)견본", None, "onsite"),
    ],
)
def test_the_mode_of_a_work24_row(scheme: str, subtitle: str, places: str | None, mode: str) -> None:
    assert draft("work24", WORK24_ROW, trainTargetCd=scheme, subTitle=subtitle, yardMan=places).course.mode == mode


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"trainTargetCd": "C9999"}, [("trainTargetCd", "programme-unknown")]),
        ({"trainTargetCd": None}, [("trainTargetCd", "missing")]),
        ({"trprId": ""}, [("trprId", "missing")]),
        ({"trprDegr": "A"}, [("trprDegr", "not-a-number")]),
        ({"realMan": "B"}, [("realMan", "not-a-number")]),
        ({"traStartDate": "진행중"}, [("traStartDate", "not-a-date")]),
        ({"traEndDate": "2026-11-30"}, [("traEndDate", "ends-before-start")]),
    ],
)
def test_a_work24_row_names_every_bad_field(changes: Row, expected: list[tuple[str, str]]) -> None:
    assert codes("work24", WORK24_ROW, **changes) == expected


def test_an_ieum_row_keeps_what_its_sender_states() -> None:
    found = draft("ieum", IEUM_ROW, ai="N", target_ksic="25; 2592")

    assert found.course.model_dump(
        mode="json", include={"programme", "mode", "level", "field", "ai", "unit_price"}
    ) == {
        "programme": "P10",
        "mode": "onsite",
        "level": "intermediate",
        "field": "office",
        "ai": False,
        "unit_price": 9_000,
    }
    assert found.course.target_ksic == ("25", "2592")


def test_an_ieum_row_left_open_is_read_from_its_title() -> None:
    found = draft("ieum", IEUM_ROW, level="", field="", ai="", title="AI 수출 마케팅 입문")

    assert (found.course.level, found.course.field, found.course.ai) == ("beginner", "market", True)


def test_an_ieum_row_without_session_is_always_open_and_zero_is_free() -> None:
    timeless: Row = {"session_no": "", "starts_on": "", "ends_on": "", "capacity": "", "fee": ""}
    free = draft("ieum", IEUM_ROW, fee="0")

    assert draft("ieum", IEUM_ROW, **timeless).session is None
    assert free.session is not None
    assert free.session.fee == 0


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"programme": "P99"}, [("programme", "programme-unknown")]),
        ({"programme": "p 4"}, [("programme", "programme-unknown")]),
        ({"mode": ""}, [("mode", "missing")]),
        ({"mode": "통신"}, [("mode", "unknown-value")]),
        ({"level": "최고급"}, [("level", "unknown-value")]),
        ({"field": "기타"}, [("field", "unknown-value")]),
        ({"ai": "maybe"}, [("ai", "unknown-value")]),
        ({"hours": "0"}, [("hours", "out-of-range")]),
        ({"hours": "1.5"}, [("hours", "not-a-number")]),
        ({"unit_price": "0"}, [("unit_price", "out-of-range")]),
        ({"fee": "-1"}, [("fee", "negative")]),
        ({"capacity": "-20"}, [("capacity", "negative")]),
        ({"session_no": ""}, [("session_no", "missing")]),
        ({"url": "ftp://example.com"}, [("url", "not-a-url")]),
        ({"target_ksic": "C25"}, [("target_ksic", "bad-ksic")]),
        ({"course_id": "x" * 101}, [("course_id", "too-long")]),
    ],
)
def test_an_ieum_row_names_every_bad_field(changes: Row, expected: list[tuple[str, str]]) -> None:
    assert codes("ieum", IEUM_ROW, **changes) == expected


def test_an_ieum_place_that_is_no_region_is_refused() -> None:
    assert [field for field, _ in codes("ieum", IEUM_ROW, region="99999")] == ["region"]
    assert [field for field, _ in codes("ieum", IEUM_ROW, region="어디 모름구")] == ["region"]


def test_an_old_region_code_is_read_as_the_one_in_force() -> None:
    assert draft("ieum", IEUM_ROW, region="46110").course.region_code == "12110"
    assert draft("work24", WORK24_ROW, trngAreaCd="46110").course.region_code == "12110"


def test_a_split_region_is_refused_in_our_format_and_noted_in_open_data() -> None:
    with pytest.raises(Refused) as refused:
        draft("ieum", IEUM_ROW, region="28260")
    noted = draft("work24", WORK24_ROW, trngAreaCd="28260", address="인천 서구")

    assert "28275" in refused.value.faults[0].ko
    assert "28290" in refused.value.faults[0].ko
    assert noted.course.region_code is None
    assert "28275" in noted.notes[0].ko
