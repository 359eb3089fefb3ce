"""XLSX files. Nothing is handed to the parser before its size is known: it builds tables as large as a file claims."""

import io
import re
import zipfile
import zlib
from itertools import chain

from python_calamine import CalamineError, CalamineWorkbook, SheetMetadata, SheetTypeEnum, SheetVisibleEnum

from services.interagency.domain.draft import Fault
from services.interagency.domain.table import Sheet, Unreadable, header_place, is_header
from services.interagency.files.delimited import Record, table
from services.interagency.files.limits import (
    MOST_CELLS,
    MOST_COLUMNS,
    MOST_ENTRIES,
    MOST_INFLATED,
    MOST_ROWS,
    bomb,
    too_many,
)
from services.interagency.files.lines import cell

_BROKEN = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError)
# Rows and cells with any prefix and any quotes; quoted text may hold a `>`.
_TAG = re.compile(rb"""<(?:[\w.-]+:)?(row|c)(?=[\s/>])([^>"']*(?:(?:"[^"]*"|'[^']*')[^>"']*)*)""")
_ERROR = re.compile(rb"""(<(?:[\w.-]+:)?c\s[^<>]*?\bt\s*=\s*["'])e(["'])""")
_PLACE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]*)(\d*)["']""")


def read(data: bytes) -> Sheet:
    """The first sheet with a header that we know, else the first one; hidden ones do not count. The others are told."""
    plain = _unpacked(data)
    try:
        book = CalamineWorkbook.from_filelike(plain)
        names = [sheet.name for sheet in book.sheets_metadata if _is_shown(sheet)] or book.sheet_names[:1]
        pages = ((name, _records(book, name)) for name in names)
        first = next(pages)
        chosen, records = next((page for page in chain((first,), pages) if _has_header(page[1])), first)
    except (CalamineError, ValueError, StopIteration, OSError) as error:
        raise _broken() from error
    sheet = table(records)
    if unread := [name for name in names if name != chosen]:
        ko, en = f"'{chosen}' 시트만 읽었습니다.", f"Only the sheet '{chosen}' was read."
        sheet.notes.append(Fault("file", "unread-sheets", ko, en, ", ".join(unread)[:200]))
    return sheet


def _is_shown(sheet: SheetMetadata) -> bool:
    return sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible


def _records(book: CalamineWorkbook, name: str) -> list[Record]:
    rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    return [[cell(value) for value in row] for row in rows]


def _has_header(records: list[Record]) -> bool:
    place = header_place(records)
    return place is not None and is_header(records[place] or ())


def _broken() -> Unreadable:
    return Unreadable(Fault("file", "broken-xlsx", "XLSX 파일을 읽을 수 없습니다.", "The XLSX file cannot be read."))


def _unpacked(data: bytes) -> io.BytesIO:
    """The archive's XML without compression: what was measured here is all that the parser can find.

    An archive that lies about its sizes goes no further: no part is read beyond its stated size.
    """
    plain = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(plain, "w") as stored:
            entries = archive.infolist()
            if len(entries) > MOST_ENTRIES or sum(entry.file_size for entry in entries) > MOST_INFLATED:
                raise bomb()
            for name, entry in {entry.filename: entry for entry in entries}.items():
                # Other formats (xlsb, ods) have their own ways to be huge; they need parts that are not XML.
                if name.lower().endswith((".xml", ".rels")):
                    with archive.open(entry) as file:
                        content = file.read(entry.file_size)
                    _guard_area(content)
                    stored.writestr(name, _with_errors_as_text(content))
    except Unreadable:
        raise
    except _BROKEN as error:
        raise _broken() from error
    plain.seek(0)
    return plain


def _with_errors_as_text(content: bytes) -> bytes:
    """The parser reads an error (#N/A, #REF!) as an empty cell; as text it is refused where a number is needed."""
    may_hold = b'"e"' in content or b"'e'" in content
    return _ERROR.sub(rb"\1str\2", content) if may_hold else content


def _guard_area(content: bytes) -> None:
    """Two cells in far corners would make a table of 17 billion: the area counts, not the cells."""
    row = column = rows = columns = 0
    for tag in _TAG.finditer(content):
        place = _PLACE.search(tag[2])
        if tag[1] == b"row":
            row, column = int(place[2][:9] or 0) if place else row + 1, 0
        elif place and place[1] and place[2]:
            column, row = _column_number(place[1][:5]), int(place[2][:9])
        else:
            column += 1
        rows, columns = max(rows, row), max(columns, column)
    if columns > MOST_COLUMNS:
        raise bomb()
    if rows * columns > MOST_CELLS:
        raise too_many() if rows > MOST_ROWS + 1 else bomb()


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
