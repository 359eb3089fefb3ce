"""Courses, companies and assessments for the tests of matching, and a slow reference of the lists."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from libs.contracts.catalog import Course, Session
from libs.contracts.diagnosis import AssessmentCompletedV1
from libs.contracts.interagency import CompanyFacts
from services.matching.domain.rules import Rules
from services.matching.domain.scoring import Seeker, points, seeker, tie
from services.matching.weights import rules

RULES: Rules = rules()
DAY = date(2026, 11, 23)
AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def course(course_id: str = "c1", **changes: Any) -> Course:
    values: dict[str, Any] = {
        "course_id": course_id,
        "source": "sample",
        "source_id": course_id,
        "programme": "P10",
        "title": f"AI 실무 {course_id}",
        "provider": f"provider of {course_id}",
        "mode": "remote",
        "level": "beginner",
        "field": "office",
        "ai": True,
        "hours": 6,
        "unit_price": 5_000,
        "region_code": "11680",
        "sessions": (Session(session_no=1, starts_on=date(2026, 12, 1), fee=100_000),),
    }
    return Course(**(values | changes))


def session(number: int, starts_on: date | None, fee: int | None = 100_000) -> Session:
    return Session(session_no=number, starts_on=starts_on, fee=fee)


def facts(**changes: Any) -> CompanyFacts:
    values: dict[str, Any] = {
        "size_class": "priority",
        "region_code": "11680",
        "ksic_version": "10",
        "ksic_code": "29271",
        "headcount": 40,
    }
    return CompanyFacts(**(values | changes))


def assessment(company_id: str = "k1", version: int = 1, **changes: Any) -> AssessmentCompletedV1:
    values: dict[str, Any] = {
        "company_id": company_id,
        "version": version,
        "level": "beginner",
        "confidence": 60,
        "provisional": True,
        "assessed_at": AT,
        "business_number": "1168200276",
        "facts": facts(),
    }
    return AssessmentCompletedV1(**(values | changes))


def company(changes: Mapping[str, Any] | None = None, **assessed: Any) -> Seeker:
    return seeker(RULES, facts(**(changes or {})), assessment(**assessed))


def _run(one: Course) -> tuple[object, ...]:
    return one.title.casefold(), one.programme, one.mode, one.hours


def slow_list(who: Seeker, courses: Iterable[Course], day: date = DAY) -> list[str]:
    """Every course weighed, all sorted, at most three of one provider and one of several twins, ten in all."""
    weighed = []
    for one in courses:
        found = points(RULES, who, one, day)
        if found is not None:
            weighed.append((-found, tie(one.course_id), one))
    chosen: list[Course] = []
    for _, _, one in sorted(weighed, key=lambda entry: entry[:2]):
        same = [other for other in chosen if other.provider == one.provider != ""]
        if len(same) < 3 and len(chosen) < 10 and _run(one) not in map(_run, same):
            chosen.append(one)
    return [one.course_id for one in chosen]
