"""The list that a company is given, and when it counts as another list."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from libs.contracts.catalog import Course
from libs.contracts.matching import CourseOffer
from services.matching.domain.reasons import reasons
from services.matching.domain.rules import Rules
from services.matching.domain.scoring import Seeker, next_session, parts

_BASIS = (
    "course_id", "session_no", "programme", "mode", "level", "ai", "hours", "fee", "unit_price",
    "institution_region", "starts_on",
)  # fmt: skip
"""What the list says and what prices depend on; score, reasons and titles may change without a new price."""


def offers(rules: Rules, company: Seeker, courses: Sequence[Course], day: date) -> tuple[CourseOffer, ...]:
    """The courses as they are recommended, in this order."""
    return tuple(_offer(rules, company, course, rank, day) for rank, course in enumerate(courses, start=1))


def _offer(rules: Rules, company: Seeker, course: Course, rank: int, day: date) -> CourseOffer:
    session = next_session(course, day)
    found = parts(rules, company, course, day)
    return CourseOffer(
        rank=rank,
        course_id=course.course_id,
        session_no=session.session_no if session else None,
        programme=course.programme,
        title=course.title,
        provider=course.provider,
        url=course.url,
        mode=course.mode,
        level=course.level,
        ai=course.ai,
        hours=course.hours,
        fee=session.fee if session else None,
        unit_price=course.unit_price,
        institution_region=course.region_code,
        starts_on=session.starts_on if session else None,
        score=sum(part.points for part in found) // 100,
        reasons=reasons(rules, company, course, found, day),
    )


def without_reasons(listed: Sequence[CourseOffer]) -> tuple[CourseOffer, ...]:
    """As events tell of them: words are most of an offer, and only those who ask for the list show them."""
    return tuple(offer.model_copy(update={"reasons": ()}) for offer in listed)


def basis(level: str, company: Mapping[str, Any], listed: Sequence[Mapping[str, Any]]) -> tuple[Any, ...]:
    """What makes two lists the same to everybody downstream, from their JSON. Two empty lists are the same."""
    if not listed:
        return ()
    return (level, company, *([offer.get(name) for name in _BASIS] for offer in listed))
