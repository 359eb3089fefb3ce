"""Partner files to rows: CSV (UTF-8, CP949), NDJSON, XLSX. Whatever is wrong is said, nothing is lost.

Runs in a thread: reading 100,000 rows takes a second that other requests must not wait for.
"""

import csv
import io
import re
import zipfile
import zlib
from operator import itemgetter
from typing import Any

import orjson
from python_calamine import CalamineError, CalamineWorkbook

from services.interagency.domain.draft import FIELDS, NO_CELLS, Fault, cells_of
from services.interagency.domain.table import Row, Sheet, Unreadable, columns, known_field, unknown_column

MOST_ROWS = 100_000
MOST_INFLATED = 128 * 1024 * 1024
MOST_ENTRIES = 500
MOST_COLUMNS = 200
LONGEST_CELL = 10_000

CSV, NDJSON = "text/csv", "application/x-ndjson"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CELL = re.compile(rb'<c\b[^>]*?\br="([A-Z]{1,3})(\d{1,7})"')


def read(data: bytes, media: str) -> Sheet:
    """`media` as the partner states it; content that plainly is something else goes by what it is."""
    if not data.strip():
        raise Unreadable(Fault("file", "empty", "빈 파일입니다.", "The file is empty."))
    if data[:2] == b"PK" or media == XLSX:
        sheet = _xlsx(data)
    elif media in (NDJSON, "application/jsonl", "application/json"):
        sheet = _ndjson(_text(data))
    else:
        sheet = _csv(_text(data))
    if not sheet.rows:
        raise Unreadable(Fault("file", "no-rows", "머리글만 있고 자료가 없습니다.", "There is a header but no row."))
    return sheet


def _too_many() -> Unreadable:
    ko, en = f"{MOST_ROWS:,}행까지 보낼 수 있습니다.", f"At most {MOST_ROWS:,} rows per file."
    return Unreadable(Fault("file", "too-many-rows", ko, en), 413)


def _text(data: bytes) -> str:
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp949"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" in text:
            break
        return text
    ko = "글자를 읽을 수 없습니다. UTF-8 또는 CP949로 저장해 주세요."
    raise Unreadable(Fault("file", "encoding", ko, "The text cannot be read; save it as UTF-8 or CP949."))


def _csv(text: str) -> Sheet:
    first = text.lstrip().split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    old = csv.field_size_limit(LONGEST_CELL)
    records: list[list[str]] = []
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            records.append(record)
            if len(records) > MOST_ROWS + 1:
                raise _too_many()
    except csv.Error as error:
        number = len(records) + 1
        ko = f"{number}행부터 CSV로 읽을 수 없습니다 (따옴표가 닫히지 않았거나 한 칸이 너무 깁니다)."
        en = f"Row {number} cannot be read as CSV ({error})."
        raise Unreadable(Fault("file", "broken-csv", ko, en)) from error
    finally:
        csv.field_size_limit(old)
    return _table(records)


def _table(records: list[list[str]]) -> Sheet:
    """The first record that is not empty is the header."""
    start = next((i for i, record in enumerate(records) if any(cell.strip() for cell in record)), None)
    if start is None:
        raise Unreadable(Fault("file", "empty", "빈 파일입니다.", "The file is empty."))
    sheet = Sheet([])
    fields = columns(records[start], sheet.notes)
    width = len(fields)
    # A field without a column is read from one empty cell put behind each record.
    in_order = itemgetter(*(fields.index(name) if name in fields else width for name in FIELDS))
    for number, record in enumerate(records[start + 1 :], start=start + 2):
        if len(record) == width:
            record.append("")
            cells = in_order(record)
            if cells[0] or any(cell.strip() for cell in record):
                sheet.rows.append(Row(number, cells))
        elif any(cell.strip() for cell in record):
            sheet.rows.append(Row(number, NO_CELLS, (_ragged(len(record), width),)))
    return sheet


def _ragged(found: int, wanted: int) -> Fault:
    ko, en = f"칸이 {found}개입니다. 머리글은 {wanted}개입니다.", f"The row has {found} cells, the header {wanted}."
    return Fault("row", "cell-count", ko, en)


def _ndjson(text: str) -> Sheet:
    sheet = Sheet([])
    unknown: set[str] = set()
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        if len(sheet.rows) >= MOST_ROWS:
            raise _too_many()
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            fault = Fault("row", "json", "이 줄은 JSON이 아닙니다.", f"This line is not JSON: {error}"[:200])
            sheet.rows.append(Row(number, NO_CELLS, (fault,)))
            continue
        if not isinstance(value, dict):
            fault = Fault("row", "json-object", "이 줄은 JSON 객체가 아닙니다.", "This line is not a JSON object.")
            sheet.rows.append(Row(number, NO_CELLS, (fault,)))
            continue
        sheet.rows.append(_object(number, value, unknown))
    sheet.notes.extend(unknown_column(name) for name in sorted(unknown))
    return sheet


def _object(number: int, value: dict[str, Any], unknown: set[str]) -> Row:
    values: dict[str, str] = {}
    faults = []
    for key, item in value.items():
        name = known_field(key)
        if name is None:
            unknown.add(key)
        elif isinstance(item, dict | list):
            faults.append(Fault(name, "not-plain", "글자나 숫자여야 합니다.", "Text or a number is needed."))
        elif item is not None:
            values[name] = _cell(item)
    return Row(number, cells_of(values), tuple(faults))


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)[: LONGEST_CELL + 1]


def _xlsx(data: bytes) -> Sheet:
    _guard_zip(data)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        records = [[_cell(c) for c in row] for row in book.get_sheet_by_index(0).to_python(skip_empty_area=False)]
    except (CalamineError, ValueError, IndexError) as error:
        raise _bad_xlsx() from error
    if len(records) > MOST_ROWS + 1:
        raise _too_many()
    return _table(records)


def _bad_xlsx() -> Unreadable:
    return Unreadable(Fault("file", "broken-xlsx", "XLSX 파일을 읽을 수 없습니다.", "The XLSX file cannot be read."))


def _guard_zip(data: bytes) -> None:
    """Refuses archives that would not fit into memory, before anything is built from them."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_ENTRIES or sum(entry.file_size for entry in entries) > MOST_INFLATED:
                raise _bomb()
            # An archive that lies about its sizes fails here: reading stops at the stated size, then the sum is wrong.
            if archive.testzip() is not None:
                raise _bad_xlsx()
            for entry in entries:
                if entry.filename.startswith("xl/worksheets/"):
                    _guard_area(archive.read(entry))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise _bad_xlsx() from error


def _guard_area(sheet: bytes) -> None:
    """Two cells in far corners would make a table of 17 billion: the area counts, not the cells."""
    rows = columns_ = 0
    for match in _CELL.finditer(sheet):
        rows = max(rows, int(match[2]))
        columns_ = max(columns_, _column_number(match[1]))
    if rows > MOST_ROWS + 1:
        raise _too_many()
    if columns_ > MOST_COLUMNS:
        raise _bomb()


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _bomb() -> Unreadable:
    ko = f"XLSX를 풀면 너무 큽니다 (최대 {MOST_INFLATED // 1024 // 1024} MiB, {MOST_COLUMNS}열)."
    en = f"The XLSX unpacks to too much (at most {MOST_INFLATED // 1024 // 1024} MiB, {MOST_COLUMNS} columns)."
    return Unreadable(Fault("file", "zip-bomb", ko, en), 413)
