"""Partner files to rows: CSV (UTF-8, CP949), NDJSON, XLSX. Whatever is wrong is said, nothing is lost.

Runs in a thread: reading 100,000 rows takes a second that other requests must not wait for.
"""

from services.interagency.domain.draft import Fault
from services.interagency.domain.table import Sheet, Unreadable
from services.interagency.files import delimited, lines, workbook
from services.interagency.files.limits import MOST_ROWS, too_many

CSV, NDJSON = "text/csv", "application/x-ndjson"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def read(data: bytes, media: str) -> Sheet:
    """`media` as the partner states it; content that plainly is something else goes by what it is."""
    if not data.strip():
        raise Unreadable(Fault("file", "empty", "빈 파일입니다.", "The file is empty."))
    if data[:2] == b"PK" or media == XLSX:
        sheet = workbook.read(data)
    else:
        text = delimited.text_of(data)
        is_json = media in (NDJSON, "application/jsonl", "application/json") or text.lstrip().startswith("{")
        sheet = lines.read(text) if is_json else delimited.read(text)
    if not sheet.rows:
        raise Unreadable(Fault("file", "no-rows", "머리글만 있고 자료가 없습니다.", "There is a header but no row."))
    if len(sheet.rows) > MOST_ROWS:
        raise too_many()
    return sheet
