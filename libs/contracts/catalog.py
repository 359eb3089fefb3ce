"""Events of the catalog service: courses (훈련과정) and their sessions (회차)."""

from datetime import date, datetime
from typing import ClassVar, Literal

from libs.contracts.base import Event, Part

AxLevel = Literal["beginner", "intermediate", "advanced"]
"""초급, 중급, 고급."""

Mode = Literal["onsite", "remote", "blended"]
"""집체, 원격, 혼합."""

FIELDS = (
    "planning",
    "production",
    "marketing",
    "hr",
    "support",
    "market",
    "office",
    "knowledge",
)
"""경영·기획, 생산·설비, 마케팅·영업, 인사·총무, 고객지원, 시장 개척, 사무일반, 지식·노하우 (plan:붙임2-p.14)."""


class Session(Part):
    """One run of a course. `fee` is won per person, before any support."""

    session_no: int
    starts_on: date | None = None
    ends_on: date | None = None
    capacity: int | None = None
    fee: int | None = None


class Course(Part):
    """A course with its sessions, ordered by start.

    `programme` is a plan id (P1–P28) or a base-scheme code; `hours` are training hours per person;
    `unit_price` is 직종별 기준단가 in won per hour where the source states it.
    """

    course_id: str
    source: str
    source_id: str
    programme: str
    title: str
    provider: str
    mode: Mode
    level: AxLevel
    field: str
    ai: bool
    hours: int | None = None
    unit_price: int | None = None
    ncs_code: str | None = None
    region_code: str | None = None
    url: str | None = None
    target_ksic: tuple[str, ...] = ()
    sessions: tuple[Session, ...] = ()


class CoursePublishedV1(Event):
    """A course as it now stands, whole; the newest version replaces all older ones."""

    wire_type: ClassVar[str] = "catalog.course.published.v1"
    topic: ClassVar[str] = "catalog.course"
    key_field: ClassVar[str] = "course_id"

    course_id: str
    version: int
    course: Course
    published_at: datetime


class CourseWithdrawnV1(Event):
    """A course is no longer offered."""

    wire_type: ClassVar[str] = "catalog.course.withdrawn.v1"
    topic: ClassVar[str] = "catalog.course"
    key_field: ClassVar[str] = "course_id"

    course_id: str
    version: int
    reason: str
    withdrawn_at: datetime
