"""How much a file may hold, and how it is said that one holds more."""

from services.interagency.domain.draft import Fault
from services.interagency.domain.table import Unreadable

MOST_ROWS = 100_000
MOST_LINES = 1_048_576
"""Lines with the empty ones, which spreadsheets leave behind in great number."""
MOST_COLUMNS = 200
MOST_CELLS = 4_000_000
MOST_INFLATED = 128 * 1024 * 1024
MOST_ENTRIES = 500
MOST_BROKEN = 1_000


def too_many() -> Unreadable:
    ko, en = f"{MOST_ROWS:,}행까지 보낼 수 있습니다.", f"At most {MOST_ROWS:,} rows per file."
    return Unreadable(Fault("file", "too-many-rows", ko, en), 413)


def too_wide() -> Unreadable:
    ko, en = f"{MOST_COLUMNS}열까지 보낼 수 있습니다.", f"At most {MOST_COLUMNS} columns per file."
    return Unreadable(Fault("file", "too-many-columns", ko, en))


def bomb() -> Unreadable:
    size = MOST_INFLATED // 1024 // 1024
    ko = f"XLSX를 풀면 너무 큽니다 (최대 {size} MiB, {MOST_COLUMNS}열, {MOST_CELLS:,}칸)."
    en = f"The XLSX unpacks to too much (at most {size} MiB, {MOST_COLUMNS} columns, {MOST_CELLS:,} cells)."
    return Unreadable(Fault("file", "zip-bomb", ko, en), 413)
