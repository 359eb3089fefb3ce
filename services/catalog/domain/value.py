"""Numbers and dates out of display text. Each raises `Refused` with one fault; none guesses."""

import re
from datetime import date

from services.catalog.domain.fault import Fault, Refused
from services.catalog.domain.text import for_search

UNKNOWN = ("", "-", "–", "null", "none", "n/a", "nan", "미정", "없음")
"""Texts that say nothing was stated."""

MOST_WON = 1_000_000_000
MOST_HOURS = 5_000
MOST_PLACES = 1_000_000
MOST_SESSION = 1_000_000

_WHOLE = re.compile(r"([+-]?)(\d{1,3}(?:,\d{3})+|\d{1,15})(?:\.0+)?", re.ASCII)
_DATE = re.compile(
    r"(\d{4})(?:([-./]) ?(\d{1,2})\2 ?(\d{1,2})\.?|(\d\d)(\d\d))(?:[ T]00:00(?::00(?:\.0+)?)?)?", re.ASCII
)


def stated(raw: str | None) -> str | None:
    """The text, or None where the sender stated nothing."""
    text = (raw or "").strip()
    return None if text.casefold() in UNKNOWN else text


def whole(field: str, raw: str, most: int, units: tuple[str, ...] = (), least: int = 0) -> int:
    """A whole number written for people: separators and a trailing unit are allowed, a fraction is not."""
    text = for_search(raw).replace(" ", "").lstrip("₩\\")
    for unit in units:
        text = text.removesuffix(unit)
    match = _WHOLE.fullmatch(text)
    if match is None:
        raise Refused([Fault(field, "not-a-number", "정수로 읽을 수 없습니다", "is not a whole number", raw)])
    number = int(match[2].replace(",", "")) * (-1 if match[1] == "-" else 1)
    if number < 0:
        raise Refused([Fault(field, "negative", "음수일 수 없습니다", "must not be negative", raw)])
    if not least <= number <= most:
        ko, en = f"{least:,}에서 {most:,} 사이여야 합니다", f"must lie between {least:,} and {most:,}"
        raise Refused([Fault(field, "out-of-range", ko, en, raw)])
    return number


def won(field: str, raw: str) -> int:
    """Display money (" 9,140,160 ", "₩9,140,160", "9,140,160원") as whole won."""
    return whole(field, raw, MOST_WON, ("원", "KRW"))


def day(field: str, raw: str) -> date:
    """A calendar day: 2026-12-01, 20261201, 2026.12.01, 2026. 12. 1. or 2026/12/01."""
    match = _DATE.fullmatch(for_search(raw).strip())
    try:
        if match is None:
            raise ValueError(raw)
        found = date(int(match[1]), int(match[3] or match[5]), int(match[4] or match[6]))
    except ValueError:
        ko, en = "날짜가 아닙니다 (예: 2026-12-01)", "is not a date (e.g. 2026-12-01)"
        raise Refused([Fault(field, "not-a-date", ko, en, raw)]) from None
    if not 2000 <= found.year <= 2100:
        ko, en = "2000년에서 2100년 사이의 날짜여야 합니다", "must lie between the years 2000 and 2100"
        raise Refused([Fault(field, "out-of-range", ko, en, raw)])
    return found
