"""What every source adapter is made of: a list of columns, and a function from a raw row to a draft."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import TypeVar

from libs.reference import CodeError, ncs, regions
from services.catalog.domain.draft import Draft
from services.catalog.domain.fault import Fault, Refused
from services.catalog.domain.text import clean
from services.catalog.domain.value import MOST_HOURS, MOST_PLACES, MOST_SESSION, day, stated, whole

T = TypeVar("T")

MOST_TITLE, MOST_NAME, MOST_URL, MOST_ID = 300, 200, 1_000, 100


@lru_cache(maxsize=1024)
def fold(column: str) -> str:
    """Column names are compared without spaces and case: "훈련과정 ID" and "훈련과정ID" are one."""
    return re.sub(r"\s+", "", column).casefold()


@dataclass(frozen=True)
class Source:
    """`columns` must be there in the file; `draft` raises `Refused`. `today` is the day of the import in Korea."""

    name: str
    columns: tuple[str, ...]
    draft: Callable[["Fields"], Draft]

    def read(self, row: Mapping[str, str | None], today: date) -> Draft:
        return self.draft(Fields(row, today))


class Fields:
    """One raw row by folded column name. Collects every fault, so that a sender mends a row once."""

    def __init__(self, row: Mapping[str, str | None], today: date) -> None:
        self._row = row
        self.today = today
        self.faults: list[Fault] = []
        self.notes: list[Fault] = []

    def raw(self, name: str) -> str | None:
        return stated(self._row.get(fold(name)))

    def fault(self, name: str, code: str, ko: str, en: str, value: str | None = None) -> None:
        self.faults.append(Fault(name, code, ko, en, value))

    def text(self, name: str, most: int = MOST_NAME, convert: Callable[[str], str] = clean) -> str:
        """Required text; empty only together with a fault."""
        found = convert(self.raw(name) or "")
        if not found:
            self.fault(name, "missing", "값이 없습니다", "is missing", self._row.get(fold(name)) or None)
        elif len(found) > most:
            self.fault(name, "too-long", f"{most}자를 넘습니다", f"is longer than {most} characters", found)
        return found

    def optional(self, name: str, parse: Callable[[str, str], T]) -> T | None:
        """`parse(name, raw)` of what is stated, or None."""
        raw = self.raw(name)
        try:
            return None if raw is None else parse(name, raw)
        except Refused as refused:
            self.faults.extend(refused.faults)
            return None

    def required(self, name: str, parse: Callable[[str, str], T], instead: T) -> T:
        """As `optional`; `instead` is handed on only together with a fault."""
        found = self.optional(name, parse)
        if found is None:
            if self.raw(name) is None:
                self.fault(name, "missing", "값이 없습니다", "is missing")
            return instead
        return found

    def done(self) -> None:
        """Raises `Refused` if anything was wrong."""
        if self.faults:
            raise Refused(self.faults)


def hours(name: str, raw: str) -> int:
    return whole(name, raw, MOST_HOURS, ("시간", "h"))


def places(name: str, raw: str) -> int:
    return whole(name, raw, MOST_PLACES, ("명", "인"))


def session_no(name: str, raw: str) -> int:
    return whole(name, raw, MOST_SESSION, ("회차", "회"), least=1)


def known(parse: Callable[[str, str], int]) -> Callable[[str, str], int | None]:
    """For sources where 0 means that the value is not known."""
    return lambda name, raw: parse(name, raw) or None


def ncs_code(name: str, raw: str) -> str | None:
    """NCS 세분류 code, with the leading zero that spreadsheets lose; None for a course outside NCS (비NCS)."""
    if raw.casefold().replace(" ", "") == "비ncs" or not raw.strip("0"):
        return None
    try:
        return ncs.parse(raw)
    except CodeError as error:
        raise Refused([Fault(name, error.code, error.ko, error.en, raw)]) from error


def url(name: str, raw: str) -> str:
    """An http(s) address; anything else could not be opened, or would run as a script in a page."""
    text = clean(raw)
    if not re.fullmatch(r"https?://[^\s<>\"']+", text, re.I) or len(text) > MOST_URL:
        raise Refused([Fault(name, "not-a-url", "웹 주소(http, https)가 아닙니다", "is not an http(s) address", raw)])
    return text


def dates(fields: Fields, first: str, last: str) -> tuple[date | None, date | None]:
    """Start and end of a session, in order."""
    starts_on, ends_on = fields.optional(first, day), fields.optional(last, day)
    if starts_on and ends_on and ends_on < starts_on:
        ko, en = "종료일이 시작일보다 빠릅니다", "lies before the start"
        fields.fault(last, "ends-before-start", ko, en, f"{starts_on} ~ {ends_on}")
    return starts_on, ends_on


def seat(fields: Fields, code_column: str | None, *text_columns: str) -> str | None:
    """Where the institution sits, as a region code in force on the day of the import.

    Open data cannot be mended by who imports it, and a course can do without: a place that cannot be resolved
    (a 구 that was split since, and only an 읍면동 would tell) leaves a note, not a refusal.
    """
    note: Fault | None = None
    code = fields.raw(code_column) if code_column else None
    if code_column and code:
        try:
            return regions.resolve(code, on=fields.today).code
        except CodeError as error:
            note = Fault(code_column, error.code, error.ko, error.en, code)
    for column in text_columns:
        place = fields.raw(column)
        if place is None:
            continue
        found, problem = region_of(column, clean(place), fields.today)
        if found:
            return found
        note = note or problem
    if note:
        fields.notes.append(note)
    return None


@lru_cache(maxsize=4096)
def region_of(column: str, place: str, on: date) -> tuple[str | None, Fault | None]:
    """Region code of a place in words, or what stands against it."""
    found = regions.candidates_from_text(place, on)
    if len(found) == 1 and not found[0].is_sido:
        return found[0].code, None
    if len(found) > 1:
        names = ", ".join(f"{region.code} {region.full_name}" for region in found)
        ko, en = (
            f"나뉜 지역입니다. 새 코드 중에서 골라 주십시오: {names}",
            f"was split; choose one of the new codes: {names}",
        )
        return None, Fault(column, "split", ko, en, place)
    ko, en = "시군구를 알 수 없습니다", "names no known city, county or district"
    return None, Fault(column, "region-unknown", ko, en, place)
