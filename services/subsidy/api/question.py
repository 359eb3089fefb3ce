"""A question for a price, and everything that can be wrong with it."""

import re
from datetime import date
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool
from pydantic_core import PydanticCustomError

from libs.common.problems import FieldError
from libs.contracts.catalog import AxLevel, Mode
from libs.contracts.interagency import SizeClass
from libs.reference import ksic, regions
from libs.reference.errors import CodeError, shown
from libs.reference.regions.resolve import normalise
from services.subsidy.domain import PROGRAMMES, Facts, Learner, Quote, Snapshot, Yearly, place, size_of
from services.subsidy.domain.facts import MAX_AGE, MAX_HEADCOUNT, MAX_HOURS, MAX_MONTHS, MAX_PEOPLE, MAX_WON

Whole = Annotated[int, Field(strict=True)]
"""Neither "1,000" nor true is a number here."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def _written(value: Any) -> Any:
    """A number is no date: it would be read as seconds since 1970."""
    if isinstance(value, date) or (isinstance(value, str) and _DATE.match(value)):
        return value
    raise PydanticCustomError("date_parsing", "Input should be a date, YYYY-MM-DD")


Day = Annotated[date, BeforeValidator(_written)]
Code = Annotated[str, Field(max_length=40, pattern=r"^[^\x00]*$")]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CompanyIn(_In):
    """`size_class`, or what it follows from: head count and industry. Nothing stated leaves it unknown.

    With `annual_payroll` (보수총액, won) and head count the yearly limit of employer training is looked at;
    `support_used` is the support had this year.
    """

    size_class: SizeClass | None = None
    headcount: Whole | None = None
    ksic_version: Code | None = None
    ksic_code: Code | None = None
    region_code: Code | None = None
    annual_payroll: Whole | None = None
    support_used: Whole | None = None


class LearnerIn(_In):
    """A person who learns, without any identity (가명): status and age decide."""

    status: Literal["jobseeker", "worker", "transition"]
    age: Whole | None = None


class CourseIn(_In):
    """`fee` is 실제 훈련비 per person, `unit_price` 기준단가 per hour, both in won; `months` the length of training."""

    programme: Code
    mode: Mode
    level: AxLevel
    ai: StrictBool
    hours: Whole | None = None
    fee: Whole | None = None
    unit_price: Whole | None = None
    institution_region: Code | None = None
    capacity: Whole | None = None
    months: Whole | None = None


class QuoteIn(_In):
    """A question: what does this course cost this company or learner, applying on this day (KST)?

    With `known_on` the answer is what it would have been by what was known on that day.
    """

    company: CompanyIn = CompanyIn()
    learner: LearnerIn | None = None
    course: CourseIn
    people: Whole
    applied_on: Day
    known_on: Day | None = None


def facts_of(body: QuoteIn, snapshot: Snapshot) -> Facts:
    """The question as the rules take it, right or wrong."""
    company, course, learner, on = body.company, body.course, body.learner, body.applied_on
    size_class, basis = company.size_class, "stated"
    if size_class is None:
        told = (company.headcount, company.ksic_version, company.ksic_code)
        size_class, basis = size_of(None, *told, snapshot)  # type: ignore[assignment]
    yearly = None
    if company.annual_payroll is not None and company.headcount is not None:
        yearly = Yearly(company.annual_payroll, company.headcount, company.support_used or 0)
    region, seat = company.region_code, course.institution_region
    return tuple.__new__(Facts, (
        course.hours, course.fee, course.unit_price, body.people, course.programme, course.mode, course.level,
        course.ai, size_class, basis,
        None if region is None else place(region, on), None if seat is None else place(seat, on),
        Learner(learner.status, learner.age) if learner else None, course.months, yearly,
    ))  # fmt: skip


def plain(body: QuoteIn, quote: Quote) -> bool:
    """Whether there is certainly nothing wrong, seen at a glance; most questions are plain."""
    company, facts = body.company, quote.facts
    workplace, institution = facts.workplace, facts.institution
    return (
        quote.terms is not None
        and (workplace is None or workplace.code == workplace.now)
        and (institution is None or institution.code == institution.now)
        and (body.course.capacity is None or body.people <= body.course.capacity <= MAX_PEOPLE)
        and (company.headcount is None or 0 <= company.headcount <= MAX_HEADCOUNT)
        and (company.ksic_code is None or _industry(company.ksic_version, company.ksic_code) is None)
        and company.annual_payroll is None
        and company.support_used is None
    )


def errors(body: QuoteIn) -> list[FieldError]:
    """Everything wrong with the question at once."""
    company, course = body.company, body.course
    found = [
        _number("company.headcount", company.headcount, 0, MAX_HEADCOUNT),
        _number("course.hours", course.hours, 1, MAX_HOURS),
        _number("course.fee", course.fee, 0, MAX_WON),
        _number("course.unit_price", course.unit_price, 1, MAX_WON),
        _number("course.months", course.months, 1, MAX_MONTHS),
        _number("company.annual_payroll", company.annual_payroll, 0, MAX_WON * 1000),
        _number("company.support_used", company.support_used, 0, MAX_WON),
        _number("learner.age", body.learner.age if body.learner else None, 0, MAX_AGE),
        _payroll(company),
        _number("course.capacity", course.capacity, 1, MAX_PEOPLE),
        _number("people", body.people, 1, MAX_PEOPLE),
        _programme(course.programme),
        _capacity(body.people, course.capacity),
        _industry(company.ksic_version, company.ksic_code),
        _region("company.region_code", company.region_code, body.applied_on),
        _region("course.institution_region", course.institution_region, body.applied_on),
    ]
    return [error for error in found if error is not None]


def _number(name: str, value: int | None, least: int, most: int) -> FieldError | None:
    if value is None or least <= value <= most:
        return None
    if value < 0:
        return FieldError(name, "negative", "음수일 수 없습니다.", "Must not be negative.", value)
    ko, en = f"{least:,}에서 {most:,} 사이여야 합니다.", f"Must lie between {least:,} and {most:,}."
    return FieldError(name, "out-of-range", ko, en, value)


def _programme(programme: str) -> FieldError | None:
    if programme in PROGRAMMES:
        return None
    ko = f"없는 훈련사업입니다: {shown(programme)}. P1–P28, 훈련사업 코드(예: C0041T), KMOOC 가운데 하나로 적어 주세요."
    en = f"Unknown programme {shown(programme)}: use P1–P28 of the plan, a scheme code such as C0041T, or KMOOC."
    return FieldError("course.programme", "programme-unknown", ko, en, programme)


def _capacity(people: int, capacity: int | None) -> FieldError | None:
    if capacity is None or capacity < 1 or people <= capacity:
        return None
    ko = f"인원 {people:,}명이 정원 {capacity:,}명을 넘습니다."
    return FieldError("people", "over-capacity", ko, f"{people:,} people exceed the capacity of {capacity:,}.", people)


def _payroll(company: CompanyIn) -> FieldError | None:
    """The premium rate, and so the yearly limit, follows from the head count."""
    stated = company.annual_payroll is not None or company.support_used is not None
    if not stated or (company.annual_payroll is not None and company.headcount):
        return None
    ko = "연간 지원한도를 보려면 보수총액(annual_payroll)과 상시근로자 수(headcount, 1명 이상)를 함께 적어 주세요."
    en = "For the yearly limit state both annual_payroll and a headcount of at least 1."
    return FieldError("company.annual_payroll", "payroll-incomplete", ko, en)


@lru_cache(maxsize=4096)
def _industry(version: str | None, code: str | None) -> FieldError | None:
    """An industry that cannot be read would silently leave the size class unknown."""
    if code is None:
        return None
    if version is None:
        ko, en = "업종코드의 차수(10 또는 11)를 함께 적어 주세요.", "State the revision of the code, 10 or 11."
        return FieldError("company.ksic_version", "missing", ko, en)
    try:
        ksic.parse(code, ksic.parse_version(version))
    except CodeError as error:
        return FieldError("company.ksic_code", error.code, error.ko, error.en, code)
    return None


@lru_cache(maxsize=4096)
def _region(name: str, code: str | None, on: date) -> FieldError | None:
    """Codes are those of the date; one that is not in force then is answered with those that are."""
    if code is None:
        return None
    try:
        plain, found = normalise(code), regions.candidates(code, on)
        if any(plain in (region.code, region.sido) for region in found):
            return None
        regions.resolve(code, on)
    except CodeError as error:
        return FieldError(name, f"region-{error.code}", error.ko, error.en, code)
    instead = ", ".join(f"{region.code} {region.full_name}" for region in found)
    ko = f"지역 코드 {shown(code)}은(는) {on}에 쓰이지 않습니다. 그날의 코드: {instead}"
    en = f"Region code {shown(code)} is not in force on {on}; in force then: {instead}"
    return FieldError(name, "region-not-in-force", ko, en, code)
