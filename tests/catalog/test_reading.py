"""Bytes to rows: encodings, envelopes, and files that are not what they should be."""

import json
from datetime import date

import pytest

from services.catalog.domain.fault import BadFile
from services.catalog.parsing import Parsed, parse
from services.catalog.sources import SOURCES
from services.catalog.sources.reading import open_table
from tests.catalog.conftest import IEUM_ROW, KDT_ROW, KMOOC_ROW, WORK24_ROW, csv_bytes, ieum_csv, json_bytes

TODAY = date(2026, 11, 23)


def read(source: str, data: bytes) -> Parsed:
    return parse(SOURCES[source], data, TODAY)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
def test_a_file_is_read_in_every_encoding_that_offices_use(encoding: str) -> None:
    parsed = read("kdt", csv_bytes([KDT_ROW], encoding))

    assert parsed.drafts[0][1].course.title == "AI활용 빅데이터 분석가"


@pytest.mark.parametrize("delimiter", ["\t", ";"])
def test_tabs_and_semicolons_separate_as_commas_do(delimiter: str) -> None:
    row = {name: str(value).replace(",", "") for name, value in IEUM_ROW.items()}
    data = delimiter.join(row) + "\n" + delimiter.join(row.values())

    assert read("ieum", data.encode()).drafts[0][1].course.source_id == "A-1"


def test_a_record_of_many_lines_is_found_by_its_number_and_by_its_first_line() -> None:
    rows = [KMOOC_ROW, KMOOC_ROW | {"condition": "언젠가"}]

    parsed = read("kmooc", csv_bytes(rows, columns=tuple(KMOOC_ROW)))

    place, faults = parsed.refusals[0]
    assert (place.row, place.line) == (3, 9)
    assert faults[0].field == "condition"


def test_a_blank_line_keeps_its_place_and_is_no_row() -> None:
    lines = ieum_csv({}, {"course_id": "A-2"}).decode("utf-8-sig").split("\r\n")
    data = "\r\n".join([lines[0], lines[1], "", ",,,", lines[2], ""])

    parsed = read("ieum", data.encode())

    assert [place.row for place, _ in parsed.drafts] == [2, 5]
    assert parsed.rows == 2


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_endings_of_every_system_are_read(ending: str) -> None:
    data = ieum_csv({}, {"course_id": "A-2"}).replace(b"\r\n", ending.encode())

    assert read("ieum", data).rows == 2


def test_a_row_with_a_cell_too_many_or_too_few_is_refused_not_shifted() -> None:
    lines = ieum_csv({}, {}, {}).decode("utf-8-sig").split("\r\n")
    data = "\r\n".join([lines[0], lines[1], lines[2] + ",x", lines[3].rsplit(",", 2)[0]])

    parsed = read("ieum", data.encode())

    assert [(place.row, faults[0].code) for place, faults in parsed.refusals] == [
        (3, "wrong-width"),
        (4, "wrong-width"),
    ]


def test_an_unclosed_quote_is_named_instead_of_swallowing_the_rest() -> None:
    plain = {"unit_price": "9000", "fee": "1"}
    data = ieum_csv(plain, plain | {"course_id": "A-2"}, plain | {"course_id": "A-3"}).decode("utf-8-sig")
    data = data.replace("A-2", '"A-2')

    parsed = read("ieum", data.encode())

    assert [(place.row, faults[0].code) for place, faults in parsed.refusals] == [(3, "unclosed-quote")]


def test_a_stray_quote_inside_a_cell_is_only_a_character() -> None:
    rows = [{"title": '27" 모니터', "course_id": "A-1"}, {"title": "둘\n줄", "course_id": "A-2"}]
    data = ieum_csv(*rows).decode("utf-8-sig").replace('"27"" 모니터"', '27" 모니터')

    assert [draft.course.title for _, draft in read("ieum", data.encode()).drafts] == ['27" 모니터', "둘 줄"]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda rows: rows,
        lambda rows: {"scn_cnt": "1", "pageNum": "1", "pageSize": "100", "srchList": rows},
        lambda rows: {"HRDNet": {"scn_cnt": "1", "srchList": {"scn_list": rows}}},
        lambda rows: {"returnJSON": json.dumps({"srchList": rows})},
        lambda rows: json.dumps({"srchList": rows}),
        lambda rows: {"returnJSON": json.dumps(json.dumps({"srchList": rows}))},
        lambda rows: rows[0],
    ],
)
def test_a_work24_list_is_found_in_each_of_its_envelopes(wrap: object) -> None:
    assert callable(wrap)
    parsed = read("work24", json_bytes(wrap([WORK24_ROW])))

    assert [(place.row, draft.course.source_id) for place, draft in parsed.drafts] == [(1, "ABA20260000000001")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty-file"),
        (b"\xef\xbb\xbf  \n\n", "empty-file"),
        (b"\n,,\n", "empty-file"),
        ("<!DOCTYPE html><html>인증키 오류</html>".encode(), "markup-instead-of-data"),
        (b"<?xml version='1.0'?><HRDNet/>", "markup-instead-of-data"),
        (b'{"srchList": [', "broken-json"),
        (b"[" * 100_000, "broken-json"),
        (b'{"returnJSON": "{oops"}', "broken-json"),
        (b"[]", "no-rows"),
        (b'{"scn_cnt": "0", "srchList": []}', "no-rows"),
        (b'{"scn_cnt": "0", "srchList": null}', "no-rows"),
        (b'{"srchList": 5}', "no-rows"),
        (b"PK\x03\x04rest of a workbook", "not-text"),
        (b"\xd0\xcf\x11\xe0rest of an old one", "not-text"),
        (b"a,b\n\xff\xfe\xff,1", "bad-encoding"),
        (b"title,title\n1,2", "duplicate-column"),
        (b'a,b\n1,"' + b"x" * 200_000, "broken-csv"),
    ],
)
def test_a_file_that_holds_no_rows_says_why(data: bytes, code: str) -> None:
    with pytest.raises(BadFile) as bad:
        list(open_table(data).rows)

    assert bad.value.code == code
    assert bad.value.ko
    assert bad.value.en


def test_a_header_without_rows_is_named() -> None:
    with pytest.raises(BadFile) as bad:
        read("ieum", ieum_csv())

    assert bad.value.code == "no-rows"


def test_the_wrong_source_names_the_missing_columns_and_the_likely_source() -> None:
    with pytest.raises(BadFile) as bad:
        read("kmooc", csv_bytes([KDT_ROW]))

    assert bad.value.code == "missing-columns"
    assert bad.value.more["missing"] == ["title", "condition", "url", "agency", "introduce", "kind"]
    assert "kdt" in bad.value.ko


def test_a_json_row_that_is_no_object_is_refused_alone() -> None:
    parsed = read("work24", json_bytes([WORK24_ROW, "oops", WORK24_ROW | {"title": {"ko": "x"}}, None]))

    assert [(place.row, faults[0].code) for place, faults in parsed.refusals] == [
        (2, "not-an-object"),
        (3, "not-text"),
        (4, "not-an-object"),
    ]
    assert parsed.rows == 4


def test_half_a_surrogate_pair_is_no_reason_to_fail() -> None:
    data = json.dumps(
        [WORK24_ROW | {"title": "과정\ud800"}, WORK24_ROW | {"realMan": "\udfff", "\ud800": "x"}]
    ).encode()

    parsed = read("work24", data)

    assert parsed.drafts[0][1].course.title == "과정?"
    assert parsed.refusals[0][1][0].value == "?"


def test_numbers_in_json_are_read_as_their_text() -> None:
    parsed = read("ieum", json_bytes([IEUM_ROW | {"hours": 16, "fee": 432000, "session_no": 1, "ai": True}]))

    assert parsed.drafts[0][1].course.hours == 16
    assert parsed.drafts[0][1].course.ai
