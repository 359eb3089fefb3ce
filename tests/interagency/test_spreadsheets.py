"""What officials' spreadsheets hold besides the table: titles, units, second sheets, cells that went wrong."""

import io
import unicodedata
from collections.abc import Sequence

import pytest
import xlsxwriter

from services.interagency import files
from services.interagency.domain.draft import FIELDS, Draft
from services.interagency.domain.table import Sheet, Unreadable
from tests.interagency.test_intake import read_rows, reader

HEADER: list[object] = ["사업자등록번호", "기업명", "소재지코드", "상시근로자수", "사업명"]
ROW: list[object] = ["116-82-00276", "이음정밀", "12110", 35, "AI 통합 바우처"]
TITLE: list[object] = ["2026년 AX 참여기업 명단, 3차"]

Page = tuple[str, list[list[object]]]


def book(*pages: Page, hidden: Sequence[str] = ()) -> Sheet:
    data = io.BytesIO()
    with xlsxwriter.Workbook(data, {"in_memory": True}) as made:
        for name, rows in pages:
            sheet = made.add_worksheet(name)
            for row, cells in enumerate(rows):
                for column, value in enumerate(cells):
                    if isinstance(value, str) and value.startswith("=#"):
                        sheet.write_formula(row, column, "=1/0", value=value[1:])
                    else:
                        sheet.write(row, column, value)
        for name in hidden:
            made.get_worksheet_by_name(name).hide()
        next(sheet for sheet in made.worksheets() if sheet.name not in hidden).activate()
    return files.read(data.getvalue(), files.XLSX)


def number_and_name(sheet: Sheet) -> list[tuple[int, str]]:
    return [(row.number, row.cells[FIELDS.index("company_name")]) for row in sheet.rows]


def test_a_title_may_stand_above_the_header_and_rows_keep_their_numbers() -> None:
    sheet = book(("명단", [TITLE, [], ["", "", "", "(단위: 명)"], HEADER, ROW]))
    assert number_and_name(sheet) == [(5, "이음정밀")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_the_headers_and_not_the_titles(delimiter: str) -> None:
    text = "\n".join([*map(str, TITLE), delimiter.join(f'"{name}"' for name in HEADER), delimiter.join(map(str, ROW))])
    assert number_and_name(read_rows(text)) == [(3, "이음정밀")]


def test_without_a_header_anywhere_the_first_row_is_said_to_lack_its_columns() -> None:
    with pytest.raises(Unreadable, match="Missing"):
        book(("명단", [TITLE, ROW]))


def test_units_and_marks_beside_a_columns_name_do_not_hide_it() -> None:
    header: list[object] = [
        "사업자등록번호(business_number)",
        "기업명(필수)",
        "소재지\n코드",
        "상시근로자수\n（명）",
        "*사업명",
        "기업명(영문)",
    ]
    sheet = book(("명단", [header, [*ROW, "Ieum"]]))
    assert [row.cells for row in sheet.rows] == [row.cells for row in book(("명단", [HEADER, ROW])).rows]
    assert [(note.code, note.value) for note in sheet.notes] == [("unknown-column", "기업명(영문)")]


def test_the_sheet_with_the_table_is_read_and_the_others_are_told() -> None:
    guide: Page = ("작성요령", [["1. 사업명은 그대로 쓰세요"]])
    table: Page = ("명단", [HEADER, ROW])
    sheet = book(guide, ("코드표", [HEADER, ["x"]]), table, hidden=["코드표"])
    assert number_and_name(sheet) == [(2, "이음정밀")]
    assert [(note.code, note.value) for note in sheet.notes] == [("unread-sheets", "작성요령")]
    assert [note.value for note in book(table, ("명단2", [HEADER, ROW])).notes] == ["명단2"]


@pytest.mark.parametrize(("column", "fault"), [(1, ("company_name", "missing")), (3, ("headcount", "not-a-count"))])
def test_an_error_in_a_cell_is_not_an_empty_cell(column: int, fault: tuple[str, str]) -> None:
    sheet = book(("명단", [HEADER, [*ROW[:column], "=#REF!", *ROW[column + 1 :]]]))
    outcome = reader().read(sheet.rows[0].cells)
    assert not isinstance(outcome, Draft)
    assert [(found.field, found.code) for found in outcome] == [fault]


@pytest.mark.parametrize(
    ("header", "row"), [("", ",,,"), (",,", ""), (",,", ",,"), ("", ", ")], ids=["more", "fewer", "same", "blank"]
)
def test_empty_cells_behind_the_last_column_do_not_matter(header: str, row: str) -> None:
    text = f"{','.join(map(str, HEADER))}{header}\n{','.join(map(str, ROW))}{row}\n"
    assert [found.faults for found in read_rows(text).rows] == [()]


def test_a_value_behind_the_last_column_does_matter() -> None:
    text = f"{','.join(map(str, HEADER))}\n{','.join(map(str, ROW))},,x\n"
    assert [fault.code for fault in read_rows(text).rows[0].faults] == ["cell-count"]


def test_lines_of_json_are_known_by_their_look() -> None:
    text = '\ufeff{"business_number":"116-82-00276","company_name":"이음정밀"}'
    assert number_and_name(read_rows(text)) == [(1, "이음정밀")]


@pytest.mark.parametrize("number", ["900101-1234567", "9001011234567", "９００１０１－１２３４５６７"])
@pytest.mark.parametrize("column", [0, 1, 2, 3])
def test_the_number_of_a_person_is_neither_kept_nor_repeated(number: str, column: int) -> None:
    sheet = book(("명단", [HEADER, [*ROW[:column], number, *ROW[column + 1 :]]]))
    outcome = reader().read(sheet.rows[0].cells)
    assert not isinstance(outcome, Draft)
    assert "1234567" not in unicodedata.normalize("NFKC", str([fault.shown() for fault in outcome]))
