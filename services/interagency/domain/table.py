"""A partner's table: which column is which field, whatever the file was."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from services.interagency.domain.draft import FIELDS, REQUIRED, Fault

KOREAN = {
    "사업자등록번호": "business_number",
    "사업자번호": "business_number",
    "기업명": "company_name",
    "업체명": "company_name",
    "회사명": "company_name",
    "산업분류차수": "ksic_version",
    "산업분류코드": "ksic_code",
    "업종코드": "ksic_code",
    "소재지코드": "region_code",
    "지역코드": "region_code",
    "상시근로자수": "headcount",
    "사업명": "programme",
    "진단도구": "external_instrument",
    "진단수준": "external_level",
    "진단단계수": "external_levels",
    "진단일": "external_measured_on",
    "담당자이메일": "contact_email",
}
_MOST_NOTED = 50
_MOST_ABOVE = 20
"""Rows that may stand above the header: a title, a date, a unit."""
_MOST_READ = 200
"""Cells of a row in which a column's name is looked for."""
_IGNORED = re.compile(r"[\s_\-()*\u200b\ufeff]+")
# A reading of any aside would take 기업명(영문) for the name; those of this list say nothing that a name does not.
_ASIDE = re.compile(rf"\((?:필수|선택|명|인|단위\s*:\s*명|{'|'.join(FIELDS)})\)")


def _folded(name: str) -> str:
    return _IGNORED.sub("", _ASIDE.sub("", unicodedata.normalize("NFKC", name))).casefold()


_FOLDED = {_folded(name): name for name in FIELDS} | KOREAN


class Row(NamedTuple):
    """`number` counts as a person does: the header is row 1. `cells` are in the order of `FIELDS`.

    `faults` are of the row's form, not its content.
    """

    number: int
    cells: tuple[str, ...]
    faults: tuple[Fault, ...] = ()


@dataclass
class Sheet:
    """What a file held. `notes` are for the whole file."""

    rows: list[Row]
    notes: list[Fault] = field(default_factory=list)


class Unreadable(ValueError):
    """The file as a whole cannot be read; `fault` says why, `status` is the answer's."""

    def __init__(self, fault: Fault, status: int = 422) -> None:
        super().__init__(fault.en)
        self.fault, self.status = fault, status


def columns(header: list[str], notes: list[Fault]) -> list[str | None]:
    """Field per column, None for those we do not know. Raises `Unreadable` if a needed one is missing or doubled."""
    found = [known_field(name) for name in header]
    known = Counter(name for name in found if name)
    missing = [name for name in REQUIRED if name not in known]
    twice = sorted(name for name, times in known.items() if times > 1)
    if missing:
        names = ", ".join(f"{_korean(name)}({name})" for name in missing)
        raise Unreadable(
            Fault("header", "missing-columns", f"꼭 있어야 하는 열이 없습니다: {names}", f"Missing: {names}")
        )
    if twice:
        names = ", ".join(f"{_korean(name)}({name})" for name in twice)
        raise Unreadable(Fault("header", "doubled-columns", f"같은 열이 두 번 있습니다: {names}", f"Twice: {names}"))
    notes.extend(unknown_columns([raw for name, raw in zip(found, header, strict=True) if not name and raw.strip()]))
    return found


def unknown_columns(names: Sequence[str]) -> list[Fault]:
    """A note for each, up to a number that a person would read."""
    ko, en = "모르는 열이라 읽지 않았습니다.", "Unknown column, not read."
    notes = [Fault("header", "unknown-column", ko, en, name[:40]) for name in names[:_MOST_NOTED]]
    if more := len(names) - len(notes):
        ko, en = f"모르는 열이 {more}개 더 있습니다.", f"{more} more unknown columns."
        notes.append(Fault("header", "unknown-columns", ko, en, more))
    return notes


@lru_cache(1024)
def known_field(name: str) -> str | None:
    return _FOLDED.get(_folded(name))


def header_place(records: Sequence[Sequence[str] | None]) -> int | None:
    """Where the header stands: the first row that names 사업자등록번호, else the first that is not empty."""
    filled = (place for place, record in enumerate(records) if record is None or any(map(str.strip, record)))
    first = list(islice(filled, _MOST_ABOVE))
    return next((place for place in first if is_header(records[place] or ())), first[0] if first else None)


def is_header(cells: Sequence[str]) -> bool:
    return any(known_field(name) == "business_number" for name in cells[:_MOST_READ])


def _korean(field_name: str) -> str:
    return next(korean for korean, name in KOREAN.items() if name == field_name)
