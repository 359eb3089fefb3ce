"""Partner files to rows: CSV (UTF-8, CP949), NDJSON, XLSX. Whatever is wrong is said, nothing is lost.

Runs in a thread: reading 100,000 rows takes a second that other requests must not wait for.
"""

from services.interagency.domain.draft import Fault
from services.interagency.domain.table import Sheet, Unreadable
from services.interagency.files import delimited, lines, workbook
from services.interagency.files.limits import MOST_ROWS, too_many

CSV, NDJSON = "text/csv", "application/x-ndjson"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def read(data: bytes, media: str) -> Sheet:
    """`media` as the partner states it; content that plainly is something else goes by what it is."""
    if not data.strip():
        raise Unreadable(Fault("file", "empty", "빈 파일입니다.", "The file is empty."))
    if data.startswith(_OLE):
        ko = "옛 엑셀(.xls)이거나 암호가 걸린 파일입니다. XLSX나 CSV로 저장해 주세요."
        en = "An old Excel file (.xls) or one with a password; save it as XLSX or CSV."
        raise Unreadable(Fault("file", "old-excel", ko, en))
    if data[:2] == b"PK" or media == XLSX:
        sheet = workbook.read(data)
    else:
        text = delimited.text_of(data)
        if text.lstrip().startswith("<"):
            ko, en = "표가 아니라 HTML/XML입니다. XLSX나 CSV로 저장해 주세요.", "HTML or XML; save it as XLSX or CSV."
            raise Unreadable(Fault("file", "markup", ko, en))
        is_json = media in (NDJSON, "application/jsonl", "application/json") or text.lstrip().startswith("{")
        sheet = lines.read(text) if is_json else delimited.read(text)
    if not sheet.rows:
        raise Unreadable(Fault("file", "no-rows", "머리글만 있고 자료가 없습니다.", "There is a header but no row."))
    if len(sheet.rows) > MOST_ROWS:
        raise too_many()
    return sheet
