"""Reading partner files and rows: what is understood, what is refused, and how it is said."""

import io
import zipfile
from collections.abc import Callable
from datetime import date

import pytest
import xlsxwriter

from libs.contracts.interagency import ExternalScore
from services.interagency import files
from services.interagency.domain.draft import Draft, Fault, Reader, cells_of
from services.interagency.domain.merge import later, profile
from services.interagency.domain.table import Sheet, Unreadable
from services.interagency.files import limits
from services.interagency.matrix import load

ON = date(2026, 11, 23)
GOOD = {
    "business_number": "116-82-00276",
    "company_name": "이음정밀",
    "ksic_version": "10",
    "ksic_code": "29271",
    "region_code": "12110",
    "headcount": "35",
    "programme": "AI 통합 바우처",
}


def reader(agency: str = "MSIT") -> Reader:
    matrix = load()

    def find(name: str) -> str | None:
        found = matrix.find(agency, name, ON)
        return found.id if found else None

    return Reader(ON, find, ", ".join(p.ko for p in matrix.of(agency, ON)))


def good(**changes: str) -> Draft:
    outcome = reader().read(cells_of({**GOOD, **changes}))
    assert isinstance(outcome, Draft), outcome
    return outcome


def faults(**changes: str) -> list[tuple[str, str]]:
    outcome = reader().read(cells_of({**GOOD, **changes}))
    assert not isinstance(outcome, Draft)
    assert all(fault.ko and fault.en for fault in outcome)
    return [(fault.field, fault.code) for fault in outcome]


def test_a_whole_row_is_read() -> None:
    score = {"external_instrument": "AX혁신지수", "external_level": "3", "external_levels": "5"}
    draft = good(contact_email="kim@example.com", **score)
    assert draft.business_number == "1168200276"
    assert (draft.ksic_version, draft.ksic_code, draft.size_class) == ("10", "29271", "priority")
    assert draft.programme == "msit-ai-voucher"
    assert draft.score == ExternalScore(instrument="AX혁신지수", level=3, levels=5)
    assert draft.notes == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"business_number": "116-82-00278"}, [("business_number", "check-digit")]),
        ({"business_number": ""}, [("business_number", "missing")]),
        ({"company_name": "  "}, [("company_name", "missing")]),
        ({"company_name": "x" * 201}, [("company_name", "format")]),
        ({"company_name": "줄\n바꿈"}, [("company_name", "format")]),
        ({"region_code": "28260"}, [("region_code", "split")]),
        ({"region_code": "99999"}, [("region_code", "unknown")]),
        ({"region_code": "11"}, [("region_code", "sido-only")]),
        ({"ksic_code": "99999"}, [("ksic_code", "unknown")]),
        ({"ksic_version": "9"}, [("ksic_version", "version")]),
        ({"headcount": "-5"}, [("headcount", "not-a-count")]),
        ({"headcount": "35.5"}, [("headcount", "not-a-count")]),
        ({"headcount": "1e6"}, [("headcount", "not-a-count")]),
        ({"headcount": "1000001"}, [("headcount", "out-of-range")]),
        ({"region_code": "12110" + " " * 2_000}, [("region_code", "too-long")]),
        ({"headcount": "12,34"}, [("headcount", "not-a-count")]),
        ({"ksic_version": "", "ksic_code": "29293"}, [("ksic_version", "ambiguous-revision")]),
        ({"ksic_version": "", "ksic_code": "99999"}, [("ksic_code", "unknown")]),
        ({"contact_email": "kim\x00@example.com"}, [("contact_email", "format")]),
        ({"headcount": "9" * 30}, [("headcount", "not-a-count")]),
        ({"programme": "스마트공장 보급"}, [("programme", "unknown-programme")]),
        ({"programme": ""}, [("programme", "missing")]),
        ({"contact_email": "kim at example"}, [("contact_email", "format")]),
        ({"external_level": "3"}, [("external_level", "incomplete-score")]),
        (
            {"external_instrument": "x", "external_level": "6", "external_levels": "5"},
            [("external_level", "out-of-range")],
        ),
        (
            {
                "external_instrument": "x",
                "external_level": "1",
                "external_levels": "5",
                "external_measured_on": "2027-01-01",
            },
            [("external_measured_on", "future")],
        ),
        (
            {"business_number": "1", "region_code": "28260", "headcount": "-1"},
            [("business_number", "format"), ("region_code", "split"), ("headcount", "not-a-count")],
        ),
    ],
)
def test_everything_wrong_with_a_row_is_said_at_once(changes: dict[str, str], expected: list[tuple[str, str]]) -> None:
    found = faults(**changes)
    assert [field for field, _ in found] == [field for field, _ in expected]
    if changes.get("business_number") not in ("", "1"):
        assert found == expected


def test_a_code_with_two_meanings_names_both() -> None:
    outcome = reader().read(cells_of({**GOOD, "ksic_version": "", "ksic_code": "29293"}))
    assert isinstance(outcome[0], Fault)
    assert "10:" in outcome[0].ko
    assert "11:" in outcome[0].en


@pytest.mark.parametrize(
    "text", ["2026-03-01", "2026.3.1", "2026. 3. 1.", "20260301", "2026/03/01", "2026-03-01 00:00:00"]
)
def test_a_day_of_measurement_is_read(text: str) -> None:
    scored = {"external_instrument": "x", "external_level": "1", "external_levels": "5", "external_measured_on": text}
    score = good(**scored).score
    assert score is not None
    assert score.measured_on == date(2026, 3, 1)


@pytest.mark.parametrize("text", ["2026-02-30", "2026-03", "2026-03-01x", "2026111", "3월"])
def test_what_is_no_day_is_refused(text: str) -> None:
    scored = {"external_instrument": "x", "external_level": "1", "external_levels": "5", "external_measured_on": text}
    assert faults(**scored) == [("external_measured_on", "not-a-date")]


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"business_number": "1168200276.0"}, "business_number", "1168200276"),
        ({"business_number": "１１６-８２-００２７６"}, "business_number", "1168200276"),
        ({"region_code": "46110"}, "region_code", "12110"),
        ({"region_code": "12110.0"}, "region_code", "12110"),
        ({"region_code": "1211010100"}, "region_code", "12110"),
        ({"ksic_code": "1123"}, "ksic_code", "01123"),
        ({"ksic_version": "11차", "ksic_code": "C29293"}, "ksic_code", "29293"),
        ({"ksic_version": "", "ksic_code": ""}, "ksic_code", None),
        ({"headcount": "1,234"}, "headcount", 1234),
        ({"headcount": "35.0"}, "headcount", 35),
        ({"headcount": "1,234.0"}, "headcount", 1234),
        ({"headcount": "３５"}, "headcount", 35),
        ({"headcount": ""}, "headcount", None),
        ({"headcount": "0"}, "headcount", 0),
        ({"programme": "AI통합바우처"}, "programme", "msit-ai-voucher"),
        ({"programme": "msit-ai-voucher"}, "programme", "msit-ai-voucher"),
    ],
)
def test_what_spreadsheets_do_to_codes_is_undone(changes: dict[str, str], field: str, value: object) -> None:
    assert getattr(good(**changes), field) == value


def test_what_was_understood_is_told() -> None:
    notes = good(region_code="46110", ksic_version="").notes
    assert [(note.field, note.code) for note in notes] == [("region_code", "mapped"), ("ksic_version", "assumed")]
    assert "12110" in notes[0].ko


def test_a_split_region_names_the_new_codes() -> None:
    outcome = reader().read(cells_of({**GOOD, "region_code": "28260"}))
    assert isinstance(outcome, tuple)
    fault = outcome[0]
    assert isinstance(fault, Fault)
    assert "28275" in fault.ko
    assert "28290" in fault.en


def test_an_address_is_not_repeated_in_the_report() -> None:
    outcome = reader().read(cells_of({**GOOD, "contact_email": "kim.lee@@corp"}))
    assert not isinstance(outcome, Draft)
    assert "kim" not in str(outcome)


def test_later_knowledge_adds_and_never_erases() -> None:
    first = profile(None, good(headcount="35"))
    poorer = profile(first, good(headcount="", ksic_code="", company_name="이음정밀(주)"))
    assert (poorer.headcount, poorer.ksic_code, poorer.name) == (35, "29271", "이음정밀(주)")
    same = profile(first, good(headcount="35"))
    assert same == first


def test_the_size_class_follows_from_all_that_is_known() -> None:
    shop = profile(None, good(ksic_code="47111", headcount="100"))
    assert shop.size_class == "priority"
    grown = profile(shop, good(ksic_version="", ksic_code="", headcount="400"))
    assert (grown.ksic_code, grown.size_class) == ("47111", "large_under_1000")
    heads_only = profile(None, good(ksic_version="", ksic_code="", headcount="400"))
    assert heads_only.size_class is None
    assert profile(heads_only, good(headcount="")).size_class == "priority"


def test_an_older_score_does_not_replace_a_newer_one() -> None:
    def scored(level: str, day: str) -> Draft:
        return good(
            external_instrument="AX혁신지수", external_level=level, external_levels="5", external_measured_on=day
        )

    newer = profile(None, scored("4", "2026-06-01"))
    assert profile(newer, scored("1", "2025-01-01")).scores == newer.scores
    assert profile(newer, scored("5", "2026-09-01")).scores[0].level == 5


def test_a_status_never_goes_back() -> None:
    assert later("recommended", "diagnosed") == "recommended"
    assert later("received", "diagnosed") == "diagnosed"


CSV = "사업자등록번호,기업명,소재지코드,사업명\n116-82-00276,이음,12110,AI 통합 바우처\n"


def xlsx(rows: list[list[object]], corner: tuple[int, int] | None = None) -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet()
    for number, row in enumerate(rows):
        for place, cell in enumerate(row):
            sheet.write(number, place, cell)
    if corner:
        sheet.write(*corner, "far")
    book.close()
    return out.getvalue()


HEADER: list[object] = ["사업자등록번호", "기업명", "소재지코드", "사업명", "상시근로자수"]


@pytest.mark.parametrize(
    ("data", "media"),
    [
        (CSV.encode(), files.CSV),
        (CSV.encode("utf-8-sig"), "application/octet-stream"),
        (CSV.encode("cp949"), files.CSV),
        (CSV.encode("utf-16"), files.CSV),
        (CSV.replace(",", ";").encode(), files.CSV),
        (CSV.replace(",", "\t").encode(), "text/tab-separated-values"),
        (CSV.replace("\n", "\r\n").encode(), files.CSV),
        (
            b'{"business_number":1168200276,"company_name":"\\uc774\\uc74c",'
            b'"region_code":12110,"programme":"msit-ai-voucher"}',
            files.NDJSON,
        ),
        (xlsx([HEADER, [1168200276.0, "이음", 12110.0, "AI 통합 바우처", 35]]), files.XLSX),
        (xlsx([[], HEADER, ["116-82-00276", "이음", "12110", "AI 통합 바우처", 35.0]]), "text/csv"),
    ],
)
def test_the_same_company_comes_in_many_forms(data: bytes, media: str) -> None:
    sheet = files.read(data, media)
    assert len(sheet.rows) == 1
    draft = reader().read(sheet.rows[0].cells)
    assert isinstance(draft, Draft)
    assert (draft.business_number, draft.company_name, draft.region_code) == ("1168200276", "이음", "12110")


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (limits.MOST_INFLATED + 1))
    return out.getvalue()


def lying_bomb() -> bytes:
    """An archive whose directory states a small size for what unpacks to much."""
    data = bytearray(bomb())
    place = data.rfind(b"PK\x01\x02")
    data[place + 24 : place + 28] = (1000).to_bytes(4, "little")
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "media", "code"),
    [
        (b"", files.CSV, "empty"),
        (b" \n \n", files.CSV, "empty"),
        (b"\xef\xbb\xbf", files.CSV, "empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", "application/vnd.ms-excel", "old-excel"),
        ("<table><tr><td>사업자등록번호".encode("cp949"), "application/vnd.ms-excel", "markup"),
        (CSV.split("\n")[0].encode(), files.CSV, "no-rows"),
        (b"\xff\xfa\x00bad", files.CSV, "encoding"),
        (b"a\x00b,c", files.CSV, "encoding"),
        (("기업명," * 300_000 + "x\n1\n").encode(), files.CSV, "too-many-columns"),
        (b"a\n" * 1_100_000, files.CSV, "too-many-rows"),
        (CSV.encode() + b'"x"y\n' * 1_100, files.CSV, "broken-csv"),
        ("이름,번호\nx,1\n".encode(), files.CSV, "missing-columns"),
        (("기업명," + CSV).encode(), files.CSV, "doubled-columns"),
        (('"' + CSV).encode(), files.CSV, "broken-csv"),
        (b"PK\x03\x04 not a zip", files.XLSX, "broken-xlsx"),
        (b"not a zip at all", files.XLSX, "broken-xlsx"),
        (bomb(), files.XLSX, "zip-bomb"),
        (lying_bomb(), files.XLSX, "broken-xlsx"),
        (xlsx([HEADER], corner=(5, 16_000)), files.XLSX, "zip-bomb"),
        (xlsx([HEADER], corner=(1_000_000, 3)), files.XLSX, "too-many-rows"),
        (CSV.encode() + b"1,2,3,4\n" * 100_001, files.CSV, "too-many-rows"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_cannot_be_read_says_why(data: bytes, media: str, code: str) -> None:
    with pytest.raises(Unreadable) as caught:
        files.read(data, media)
    assert caught.value.fault.code == code
    assert caught.value.fault.ko
    assert caught.value.fault.en


def test_everything_wrong_with_a_row_is_told_in_one_order() -> None:
    wrong = {"business_number": "0.000000012e9", "company_name": "#REF!", "region_code": "99999", "headcount": "-1"}
    wrong |= {"ksic_version": "11", "ksic_code": "x", "programme": "?", "contact_email": "nobody"}
    wrong |= {"external_instrument": "x", "external_level": "a", "external_levels": "b", "external_measured_on": "c"}
    company, score = ["business_number", "company_name"], ["external_levels", "external_level", "external_measured_on"]
    rest = ["region_code", "ksic_code", "headcount", "programme"]
    assert [field for field, _ in faults(**wrong)] == [*company, *rest, *score, "contact_email"]


def read_rows(text: str, media: str = files.CSV) -> Sheet:
    return files.read(text.encode(), media)


def test_rows_are_counted_as_a_person_counts() -> None:
    sheet = read_rows(CSV + "\n116-82-00276,둘,12110,x\n1,2\n")
    assert [(row.number, [fault.code for fault in row.faults]) for row in sheet.rows] == [
        (2, []),
        (4, []),
        (5, ["cell-count"]),
    ]


def test_bad_lines_of_json_do_not_stop_the_others() -> None:
    sheet = read_rows('{"business_number":"1"}\n{broken\n[1]\n{"기업명":{"a":1}, "메모":"x"}\n', files.NDJSON)
    codes: Callable[[int], list[str]] = lambda n: [fault.code for fault in sheet.rows[n].faults]  # noqa: E731
    assert (codes(0), codes(1), codes(2), codes(3)) == ([], ["json"], ["json-object"], ["not-plain"])
    assert [note.value for note in sheet.notes] == ["메모"]


def test_unknown_columns_are_told() -> None:
    sheet = read_rows(CSV.replace("사업명", "사업명,비고").replace("바우처", "바우처,x"))
    assert [(note.code, note.value) for note in sheet.notes] == [("unknown-column", "비고")]


def test_an_open_quote_costs_its_own_row_only() -> None:
    good_rows = "".join(f"103-81-50036,기업{n},12110,AI 통합 바우처\n" for n in range(3))
    sheet = read_rows(CSV + '116-82-00276,"이음,12110,x\n' + good_rows + '"이음"정밀,2,3,4\n' + good_rows)
    assert [(row.number, [fault.code for fault in row.faults]) for row in sheet.rows] == [
        (2, []),
        (3, ["broken-csv"]),
        *((number, []) for number in (4, 5, 6)),
        (7, ["broken-csv"]),
        *((number, []) for number in (8, 9, 10)),
    ]


def test_quoted_commas_and_line_breaks_stay_in_their_cell() -> None:
    sheet = read_rows(CSV + '116-82-00276,"이음, ""정밀""\n둘째 줄",12110,x\n1,2,3,4\n')
    assert sheet.rows[1].cells[1] == '이음, "정밀"\n둘째 줄'
    assert [row.number for row in sheet.rows] == [2, 3, 4]


def test_a_very_long_cell_costs_its_own_row_only() -> None:
    sheet = read_rows(CSV + f"116-82-00276,{'가' * 200_000},12110,x\n1,2,3,4\n")
    assert [bool(row.faults) for row in sheet.rows] == [False, True, False]


def test_empty_lines_do_not_count_as_rows() -> None:
    sheet = read_rows(CSV + ",,,\n" * 150_000 + "1,2,3,4\n")
    assert [row.number for row in sheet.rows] == [2, 150_003]


def test_damaged_utf8_is_not_taken_for_another_encoding() -> None:
    damaged = CSV.encode() + b"103-81-50036,\xb0\xa1,12110,x\n"
    with pytest.raises(Unreadable, match="line 3"):
        files.read(damaged, files.CSV)


def test_the_score_of_a_json_line_may_be_an_object() -> None:
    line = '{"business_number":"1","score":{"instrument":"AX혁신지수","level":3,"levels":5,"by":"x"}}'
    sheet = read_rows(line, files.NDJSON)
    assert sheet.rows[0].cells[7:10] == ("AX혁신지수", "3", "5")
    assert [note.value for note in sheet.notes] == ["score.by"]


def test_one_field_under_two_names_is_refused() -> None:
    sheet = read_rows('{"기업명":"하나","company_name":"둘"}', files.NDJSON)
    assert [fault.code for fault in sheet.rows[0].faults] == ["doubled"]


def test_many_unknown_members_are_told_in_few_notes() -> None:
    members = ",".join(f'"x{n}":1' for n in range(500))
    sheet = read_rows(f'{{"business_number":"1",{members}}}', files.NDJSON)
    assert len(sheet.notes) == 51
    assert sheet.notes[-1].value == 450
