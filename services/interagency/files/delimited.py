"""Text files: their encoding, and tables with a comma, semicolon or tab between the cells."""

import csv
import io
import re
from collections.abc import Iterable
from itertools import chain
from operator import itemgetter

from services.interagency.domain.draft import FIELDS, NO_CELLS, Fault
from services.interagency.domain.table import Row, Sheet, Unreadable, columns, header_place, is_header
from services.interagency.files.limits import MOST_BROKEN, MOST_COLUMNS, MOST_LINES, too_many, too_wide

Record = list[str] | None
"""The cells of a row; None where the row cannot be told into cells."""

_UTF8_MARK, _UTF16_MARKS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
_HANGUL = re.compile("[가-힣]")
_CELLS = re.compile("[,;\t]")
_HEAD = 10_000
"""Characters in which the header is looked for."""


def text_of(data: bytes) -> str:
    """UTF-8, UTF-16 with its mark, or CP949. Text that began as good UTF-8 is damaged UTF-8, not CP949."""
    encoding = "utf-16" if data.startswith(_UTF16_MARKS) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "ignore") if encoding == "utf-8-sig" else ""
        if encoding == "utf-16" or data.startswith(_UTF8_MARK) or _HANGUL.search(before):
            raise _unreadable(data.count(b"\n", 0, error.start) + 1) from error
        try:
            text = data.decode("cp949")
        except UnicodeDecodeError as second:
            raise _unreadable(data.count(b"\n", 0, second.start) + 1) from second
    if "\x00" in text:
        raise _unreadable(text.count("\n", 0, text.index("\x00")) + 1)
    if max(text.count("\n"), text.count("\r")) > MOST_LINES:
        raise too_many()
    return text


def _unreadable(line: int) -> Unreadable:
    ko = f"{line}행의 글자를 읽을 수 없습니다. UTF-8 또는 CP949로 저장해 주세요."
    en = f"The text of line {line} cannot be read; save it as UTF-8 or CP949."
    return Unreadable(Fault("file", "encoding", ko, en))


def read(text: str) -> Sheet:
    return table(_records(text, _delimiter(text)))


def _delimiter(text: str) -> str:
    """The one that the header uses most; a title above it may hold any."""
    lines = text.lstrip()[:_HEAD].splitlines() or [""]
    header = next((line for line in lines if is_header([cell.strip(' "') for cell in _CELLS.split(line)])), lines[0])
    return max(",;\t", key=header.count)


def _records(text: str, delimiter: str) -> list[Record]:
    """A line with broken quotes costs itself only: what a quote left open would swallow is read again."""
    lines = io.StringIO(text, newline="").readlines()
    source: Iterable[str] = iter(lines)
    records: list[Record] = []
    begins = broken = 0
    while True:
        reader = csv.reader(source, delimiter=delimiter, strict=True)
        read_ = 0
        try:
            for record in reader:
                records.append(record)
                read_ = reader.line_num
        except csv.Error as error:
            broken += 1
            if broken > MOST_BROKEN:
                raise broken_csv(len(records) + 1) from error
            records.append(None)
            again = lines[begins + read_ + 1 : begins + reader.line_num]
            source = chain(again, source) if again else source
            begins += read_ + 1
        else:
            return records


def broken_csv(number: int) -> Unreadable:
    ko = f"{number}행을 CSV로 읽을 수 없습니다 (따옴표가 닫히지 않았거나 한 칸이 너무 깁니다)."
    en = f"Row {number} cannot be read as CSV (a quote is not closed, or a cell is too long)."
    return Unreadable(Fault("file", "broken-csv", ko, en))


def table(records: list[Record]) -> Sheet:
    """The account of every record behind the header."""
    start = header_place(records)
    if start is None:
        raise Unreadable(Fault("file", "empty", "빈 파일입니다.", "The file is empty."))
    header = records[start]
    if header is None:
        raise broken_csv(start + 1)
    if len(header) > MOST_COLUMNS:
        raise too_wide()
    sheet = Sheet([])
    fields = columns(header, sheet.notes)
    width = len(fields)
    named = max(place for place, name in enumerate(header, start=1) if name.strip())
    # A field without a column is read from one empty cell put behind each record.
    in_order = itemgetter(*(fields.index(name) if name in fields else width for name in FIELDS))
    for number, record in enumerate(records[start + 1 :], start=start + 2):
        if record is None:
            sheet.rows.append(Row(number, NO_CELLS, (broken_csv(number).fault._replace(field="row"),)))
            continue
        if len(record) != width and named <= len(record) <= width + MOST_COLUMNS:
            _fit(record, width)
        if len(record) == width:
            record.append("")
            cells = in_order(record)
            if cells[0] or not _blank(record):
                sheet.rows.append(Row(number, cells))
        elif not _blank(record):
            sheet.rows.append(Row(number, NO_CELLS, (_ragged(len(record), width),)))
    return sheet


def _blank(record: Record) -> bool:
    return record is not None and not any(cell.strip() for cell in record)


def _fit(record: list[str], width: int) -> None:
    """Spreadsheets leave empty cells behind the last column, in some rows more than in others."""
    while len(record) > width and not record[-1].strip():
        record.pop()
    record.extend([""] * (width - len(record)))


def _ragged(found: int, wanted: int) -> Fault:
    ko, en = f"칸이 {found}개입니다. 머리글은 {wanted}개입니다.", f"The row has {found} cells, the header {wanted}."
    return Fault("row", "cell-count", ko, en)
