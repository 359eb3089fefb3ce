"""Our own open format, which any institution can fill in: CSV (UTF-8 or CP949) or a JSON list.

One row is one session; a row without `session_no` is a course that is always open. `level`, `field` and `ai` may be
left empty and are then read from the title; `mode` may not. In `fee` 0 is free of charge and empty is unknown.
`target_ksic` is an optional column: KSIC code prefixes of the industries that the course is made for, with `;`.
"""

import re
from typing import TypeVar

from libs.contracts.catalog import FIELDS, AxLevel, Course, Mode, Session
from libs.reference import CodeError, regions
from services.catalog.domain import classify
from services.catalog.domain.draft import Draft, course_id
from services.catalog.domain.fault import Fault, Refused
from services.catalog.domain.field import field
from services.catalog.domain.programme import ALL
from services.catalog.domain.text import clean, title
from services.catalog.domain.value import MOST_HOURS, whole, won
from services.catalog.sources.base import (
    MOST_ID,
    MOST_TITLE,
    Fields,
    Source,
    dates,
    ncs_code,
    places,
    region_of,
    session_no,
    url,
)

T = TypeVar("T")

NAME = "ieum"
COLUMNS = (
    "course_id", "programme", "title", "provider", "mode", "level", "field", "ai", "hours", "unit_price", "ncs_code",
    "region", "session_no", "starts_on", "ends_on", "capacity", "fee", "url",
)  # fmt: skip


def _folded(known: dict[str, T]) -> dict[str, T]:
    """Words are compared without spaces, separators and case: 시장 개척, 사무·일반."""
    return {_fold(word): value for word, value in known.items()}


def _fold(word: str) -> str:
    return re.sub(r"[\s·ㆍ・,/]", "", word).casefold()


_MODES: dict[str, Mode] = {
    "집체": "onsite", "집체훈련": "onsite", "onsite": "onsite",
    "원격": "remote", "원격훈련": "remote", "온라인": "remote", "remote": "remote",
    "혼합": "blended", "혼합훈련": "blended", "blended": "blended",
}  # fmt: skip
_LEVELS: dict[str, AxLevel] = {
    "초급": "beginner", "beginner": "beginner",
    "중급": "intermediate", "intermediate": "intermediate",
    "고급": "advanced", "advanced": "advanced",
}  # fmt: skip
_FIELDS = _folded({
    "경영·기획": "planning", "생산·설비": "production", "마케팅·영업": "marketing", "인사·총무": "hr",
    "고객지원": "support", "시장 개척": "market", "사무일반": "office", "지식·노하우": "knowledge",
} | {name: name for name in FIELDS})  # fmt: skip
_YES_NO = _folded({
    "Y": True, "yes": True, "true": True, "1": True, "예": True, "O": True,
    "N": False, "no": False, "false": False, "0": False, "아니오": False, "아니요": False, "X": False,
})  # fmt: skip


def draft(fields: Fields) -> Draft:
    source_id = fields.text("course_id", MOST_ID)
    programme = fields.required("programme", _programme, "")
    name = fields.text("title", MOST_TITLE, title)
    provider = fields.text("provider")
    mode = fields.required("mode", lambda column, raw: _one_of(column, raw, _MODES), "onsite")
    level = fields.optional("level", lambda column, raw: _one_of(column, raw, _LEVELS))
    serves = fields.optional("field", lambda column, raw: _one_of(column, raw, _FIELDS))
    ai = fields.optional("ai", lambda column, raw: _one_of(column, raw, _YES_NO))
    length = fields.optional("hours", lambda column, raw: whole(column, raw, MOST_HOURS, ("시간", "h"), least=1))
    price = fields.optional("unit_price", lambda column, raw: whole(column, raw, 10_000_000, ("원",), least=1))
    code = fields.optional("ncs_code", ncs_code)
    region = fields.optional("region", lambda column, raw: _region(column, raw, fields))
    session = _session(fields)
    link = fields.optional("url", url)
    industries = fields.optional("target_ksic", _industries)
    fields.done()
    is_ai = classify.is_ai(name, code) if ai is None else ai
    course = Course(
        course_id=course_id(NAME, source_id),
        source=NAME,
        source_id=source_id,
        programme=programme,
        title=name,
        provider=provider,
        mode=mode,
        level=level or classify.level(name, code, length),
        field=serves or field(name, code, is_ai),
        ai=is_ai,
        hours=length,
        unit_price=price,
        ncs_code=code,
        region_code=region,
        url=link,
        target_ksic=industries or (),
    )
    return Draft(course, session)


def _session(fields: Fields) -> Session | None:
    number = fields.optional("session_no", session_no)
    starts_on, ends_on = dates(fields, "starts_on", "ends_on")
    capacity, fee = fields.optional("capacity", places), fields.optional("fee", won)
    if number is not None:
        return Session(session_no=number, starts_on=starts_on, ends_on=ends_on, capacity=capacity, fee=fee)
    if fields.raw("session_no") is None and any(value is not None for value in (starts_on, ends_on, capacity, fee)):
        ko, en = "날짜·정원·수강료가 있으면 회차 번호가 필요합니다", "is needed with dates, capacity or fee"
        fields.fault("session_no", "missing", ko, en)
    return None


def _industries(name: str, raw: str) -> tuple[str, ...]:
    prefixes = tuple(part for part in re.split(r"[;,\s]+", raw) if part)
    if not all(re.fullmatch(r"\d{2,5}", prefix) for prefix in prefixes):
        ko, en = "산업분류 코드는 2–5자리 숫자이며 ;로 나눕니다", "must be KSIC codes of 2 to 5 digits, separated by ;"
        raise Refused([Fault(name, "bad-ksic", ko, en, raw)])
    return prefixes


def _programme(name: str, raw: str) -> str:
    code = raw.upper()
    if code not in ALL:
        ko, en = (
            "알 수 없는 훈련사업입니다 (P1–P28 또는 훈련사업 코드)",
            "is no known programme (P1–P28 or a scheme code)",
        )
        raise Refused([Fault(name, "programme-unknown", ko, en, raw)])
    return code


def _one_of(name: str, raw: str, known: dict[str, T]) -> T:
    found = known.get(_fold(clean(raw)))
    if found is None:
        listed = ", ".join(known)
        raise Refused(
            [Fault(name, "unknown-value", f"{listed} 가운데 하나여야 합니다", f"must be one of {listed}", raw)]
        )
    return found


def _region(name: str, raw: str, fields: Fields) -> str:
    """A 5-digit code or a place in words. Its sender knows where it sits, so a place that was split is refused."""
    if re.fullmatch(r"\d+", raw):
        try:
            return regions.resolve(raw, on=fields.today).code
        except CodeError as error:
            raise Refused([Fault(name, error.code, error.ko, error.en, raw)]) from error
    found, problem = region_of(name, clean(raw), fields.today)
    if found is None:
        raise Refused([problem] if problem else [])
    return found


SOURCE = Source(NAME, COLUMNS, draft)
