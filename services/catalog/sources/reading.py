"""Bytes of a file → raw rows, for CSV and JSON. Knows nothing of courses."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from services.catalog.domain.draft import Place
from services.catalog.domain.fault import BadFile, Fault
from services.catalog.sources.base import fold

Values = Mapping[str, str | None]


@dataclass(frozen=True)
class RawRow:
    """One record by folded column name; `fault` where the record itself is broken."""

    place: Place
    values: Values
    fault: Fault | None = None


@dataclass(frozen=True)
class Table:
    columns: tuple[str, ...]
    rows: Iterator[RawRow]


def open_table(data: bytes) -> Table:
    """Raises `BadFile` where no rows can be had from the bytes at all."""
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise BadFile(
            "not-text",
            "엑셀 파일입니다. CSV(UTF-8)로 저장해 보내 주세요",
            "is an Excel or ZIP file; save it as CSV (UTF-8)",
        )
    text = decode(data)
    start = text.lstrip()
    if not start:
        raise BadFile("empty-file", "빈 파일입니다", "the file is empty")
    if start[0] == "<":
        raise BadFile(
            "markup-instead-of-data",
            "데이터가 아니라 HTML/XML입니다. 인증키와 returnType=JSON을 확인하세요",
            "is HTML or XML, not data; check the API key and ask for returnType=JSON",
        )
    if start[0] in "[{" or (start[0] == '"' and re.match(r'"\s*(\\"|[\[{])', start)):
        return _json_table(start)
    return _csv_table(text)


def decode(data: bytes) -> str:
    """UTF-8 with or without BOM, UTF-16 with BOM, else CP949."""
    try:
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return data.decode("utf-16")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as utf8:
        try:
            return data.decode("cp949")
        except UnicodeDecodeError:
            ko = f"UTF-8도 CP949도 아닙니다 ({utf8.start:,}번째 바이트)"
            en = f"is neither UTF-8 nor CP949 (byte {utf8.start:,})"
            raise BadFile("bad-encoding", ko, en, byte=utf8.start) from utf8


def _csv_table(text: str) -> Table:
    # newline="" keeps \r\n inside quoted fields apart from the ends of records.
    lines = list(io.StringIO(text, newline=""))
    first = next(line for line in lines if line.strip())
    delimiter = max(",\t;", key=first.count)
    records = _records(csv.reader(lines, delimiter=delimiter))
    header = next(records, (0, 0, [""]))[2]
    while header and not header[-1].strip():
        header.pop()
    if not header:
        raise BadFile("empty-file", "빈 파일입니다", "the file is empty")
    columns = [fold(name) for name in header]
    twice = sorted({name.strip() for name, key in zip(header, columns, strict=True) if columns.count(key) > 1})
    if twice:
        listed = ", ".join(twice)
        raise BadFile("duplicate-column", f"같은 이름의 열이 있습니다: {listed}", f"a column stands twice: {listed}")
    return Table(tuple(columns), _csv_rows(records, columns, lines, delimiter))


def _records(reader: Any) -> Iterator[tuple[int, int, list[str]]]:
    """(ordinal, first line, cells) of every record that is not blank; blank lines count as rows, as in a sheet."""
    number, line = 0, 1
    try:
        for cells in reader:
            number += 1
            if any(cell.strip() for cell in cells):
                yield number, line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        ko, en = f"CSV가 {line}행부터 깨져 있습니다", f"the CSV is broken from line {line} on: {error}"
        raise BadFile("broken-csv", ko, en, line=line) from error


def _csv_rows(
    records: Iterator[tuple[int, int, list[str]]], columns: list[str], lines: list[str], delimiter: str
) -> Iterator[RawRow]:
    width = len(columns)
    row: RawRow | None = None
    for number, line, cells in records:
        if row:
            yield row
        while len(cells) > width and not cells[-1].strip():
            cells.pop()
        fault = None
        if len(cells) != width:
            ko = f"열이 {width}개여야 하는데 {len(cells)}개입니다"
            en = f"has {len(cells)} cells where the header has {width}"
            fault = Fault("", "wrong-width", ko, en, cells[0])
        row = RawRow(Place(number, line), dict(zip(columns, cells, strict=False)), fault)
    if row:
        yield _unclosed(row) if _is_open(lines[(row.place.line or 1) - 1 :], delimiter) else row


def _is_open(record: list[str], delimiter: str) -> bool:
    """Whether the file ends inside a quoted cell. Only the strict reader tells, and it refuses more than this."""
    try:
        list(csv.reader(record, delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False


def _unclosed(row: RawRow) -> RawRow:
    """A quote that is never closed makes one record of the rest of the file."""
    ko = "따옴표가 닫히지 않아 이 행부터 파일 끝까지 한 칸이 되었습니다"
    en = "a quote is never closed: the rest of the file is in one cell"
    return RawRow(row.place, row.values, Fault("", "unclosed-quote", ko, en))


def _json_table(text: str) -> Table:
    rows = _list_in(_parse(text))
    if not rows:
        raise BadFile("no-rows", "자료에 행이 없습니다", "holds no rows")
    # A key that any row has is a column of the file: APIs leave out what is null.
    columns = {fold(key) for row in rows if isinstance(row, dict) for key in row}
    return Table(tuple(columns), (_json_row(number, row) for number, row in enumerate(rows, start=1)))


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        ko, en = "JSON을 읽을 수 없습니다", f"is not valid JSON: {error}"
        raise BadFile("broken-json", ko, en, line=line) from error


_ENVELOPES = ("returnJSON", "HRDNet", "srchList", "scn_list", "items", "results", "courses")


def _list_in(value: Any, depth: int = 0) -> list[Any]:
    """The rows in a bare list, a list envelope, or the legacy form that holds JSON as a string inside JSON."""
    if depth > len(_ENVELOPES):
        raise BadFile("no-rows", "자료에 행이 없습니다", "holds no rows")
    if isinstance(value, str):
        return _list_in(_parse(value), depth + 1)
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        for name in _ENVELOPES:
            if value.get(name) is not None:
                return _list_in(value[name], depth + 1)
        if "scn_cnt" in value or not value:
            return []
        return [value]
    raise BadFile("no-rows", "자료에 행이 없습니다", "holds no rows")


def _json_row(number: int, row: Any) -> RawRow:
    place = Place(number)
    if not isinstance(row, dict):
        return RawRow(place, {}, Fault("", "not-an-object", "객체가 아닙니다", "is not an object", _text(row)))
    values: dict[str, str | None] = {}
    for key, value in row.items():
        if isinstance(value, dict | list):
            ko, en = "문자열이나 숫자가 아닙니다", "is neither text nor a number"
            return RawRow(place, {}, Fault(_text(key), "not-text", ko, en, _text(value)))
        values[fold(_text(key))] = None if value is None else _text(value)
    return RawRow(place, values)


def _text(value: object) -> str:
    """JSON may hold halves of surrogate pairs, which no database and no answer can."""
    return str(value).encode("utf-8", "replace").decode()
