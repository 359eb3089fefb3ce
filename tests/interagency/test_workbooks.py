"""XLSX files that would unpack to more than memory holds, by every way that the format leaves open."""

import io
import re
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable

import pytest
from python_calamine import CalamineWorkbook

from services.interagency import files
from services.interagency.domain.table import Unreadable
from tests.interagency.test_intake import HEADER, xlsx

PLAIN = xlsx([HEADER, ["116-82-00276", "이음", "12110", "AI 통합 바우처", 35]])
SHEET = "xl/worksheets/sheet1.xml"


def changed(change: Callable[[bytes], bytes]) -> bytes:
    """The plain workbook with another sheet."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(PLAIN)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, change(content) if name == SHEET else content)
    return out.getvalue()


def with_rows(rows: bytes) -> bytes:
    return changed(lambda sheet: sheet.replace(b"</sheetData>", rows + b"</sheetData>"))


def moved_sheet() -> bytes:
    """The far cell lies in a part that is not where sheets usually are."""
    data = with_rows(b'<row r="900000"><c r="XFD900000"><v>1</v></c></row>')
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            content = source.read(name).replace(b"worksheets/sheet1.xml", b"elsewhere.xml")
            target.writestr(name.replace("worksheets/sheet1.xml", "elsewhere.xml"), content)
    return out.getvalue()


def lying() -> bytes:
    """States a small size and the checksum of just that much, and goes on for long."""
    long = b"<worksheet><sheetData><row>" + b"<c><v>1</v></c>" * 1_000_000
    data = bytearray(changed(lambda _: long))
    place = data.rfind(SHEET.encode()) - 46
    assert data[place : place + 4] == b"PK\x01\x02"
    data[place + 16 : place + 20] = struct.pack("<I", zlib.crc32(long[:1000]))
    data[place + 24 : place + 28] = struct.pack("<I", 1000)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (with_rows(b"<row r='900000'><c r='XFD900000'><v>1</v></c></row>"), "zip-bomb"),
        (with_rows(b'<x:row r="900000"><x:c r="XFD900000"><x:v>1</x:v></x:c></x:row>'), "zip-bomb"),
        (with_rows(b'<row r="900000"><c x=">" r="XFD900000"><v>1</v></c></row>'), "zip-bomb"),
        (with_rows(b'<row r="900000">' + b"<c><v>1</v></c>" * 16_000 + b"</row>"), "zip-bomb"),
        (with_rows(b'<row r="900000"><c r="E900000"><v>1</v></c></row>'), "too-many-rows"),
        (with_rows(b'<row r="90000"><c r="CZ90000"><v>1</v></c></row>'), "zip-bomb"),
        (moved_sheet(), "zip-bomb"),
        (lying(), "broken-xlsx"),
        (PLAIN[: len(PLAIN) // 2], "broken-xlsx"),
        (PLAIN.replace(b"PK\x01\x02", b"PK\x01\x09"), "broken-xlsx"),
    ],
    ids=["quotes", "prefix", "bracket", "no places", "tall", "area", "elsewhere", "lying", "cut off", "no directory"],
)
def test_it_is_refused_before_it_is_built(data: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as caught:
        files.read(data, files.XLSX)
    assert caught.value.fault.code == code


def test_cells_without_places_are_read_in_their_order() -> None:
    data = changed(lambda sheet: re.sub(rb' r="[A-Z]*\d+"', b"", sheet))
    assert files.read(data, files.XLSX).rows[0].cells[:2] == ("116-82-00276", "이음")


def test_no_more_is_unpacked_than_is_stated() -> None:
    data = lying()
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable):
            files.read(data, files.XLSX)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * 1024 * 1024


def test_another_format_in_the_archive_is_not_tried() -> None:
    """A whole ods, as office programs write it: its cells may say how often they repeat."""
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    cells = "".join(
        f'<table:table-cell office:value-type="string"><text:p>{name}</text:p></table:table-cell>' for name in HEADER
    )
    table = f'<table:table table:name="s"><table:table-row>{cells}</table:table-row></table:table>'
    body = f"<office:body><office:spreadsheet>{table}</office:spreadsheet></office:body>"
    manifest = 'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"'
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", kind)
        archive.writestr("META-INF/manifest.xml", f"<manifest:manifest {manifest}></manifest:manifest>")
        archive.writestr("content.xml", f"<office:document-content {spaces}>{body}</office:document-content>")
    assert CalamineWorkbook.from_filelike(io.BytesIO(out.getvalue())).get_sheet_by_index(0).to_python() == [HEADER]
    with pytest.raises(Unreadable) as caught:
        files.read(out.getvalue(), files.XLSX)
    assert caught.value.fault.code == "broken-xlsx"
