"""Use cases of the catalog. They take a transaction or a connection, and never commit."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.db import Tx
from libs.common.problems import Problem, not_found
from libs.contracts.catalog import CoursePublishedV1, CourseWithdrawnV1
from libs.reference.calendar import korean_day
from services.catalog import store
from services.catalog.domain.fault import Fault
from services.catalog.domain.merge import Change, Gathered, Known, change, refused, to_publish
from services.catalog.parsing import Refusal

CLOSED = "원자료에서 종료된 과정입니다. / The source says that the course is over."

MOST_SESSIONS = 5_000
"""Sessions of one course. The longest real one has 338; at this number the event still fits into a message."""


@dataclass
class Plan:
    """What importing some courses would do."""

    changes: list[Change] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    before: dict[str, Known] = field(default_factory=dict)


async def plan(conn: AsyncConnection, found: Sequence[Gathered], reopen: bool) -> Plan:
    """Compares courses with what is known. One withdrawn by hand stays so unless `reopen`: its rows are refused."""
    made = Plan(before=await store.known(conn, [one.course_id for one in found]))
    for one in found:
        known = made.before.get(one.course_id)
        if known and known.status == "withdrawn" and not reopen:
            made.refusals += refused(one, _withdrawn_fault(one.course_id))
            continue
        after = change(known, one)
        if len(after.course.sessions) > MOST_SESSIONS:
            made.refusals += refused(one, _too_many(one.course_id))
            continue
        made.changes.append(after)
    return made


async def load(tx: Tx, found: Sequence[Gathered], reopen: bool) -> Plan:
    """Stores what is new or changed, one event per course whose offer changed. Nothing changed: nothing is written."""
    change_no = await store.next_change(tx.conn)
    made = await plan(tx.conn, found, reopen)
    real = [one for one in made.changes if one.real]
    await store.write(tx.conn, real, change_no, tx.now)
    for one in real:
        before = made.before.get(one.course.course_id)
        if one.status == "offered":
            _publish(tx, one)
        elif before and before.status == "offered":
            _withdraw(tx, one.course.course_id, one.version, CLOSED)
    return made


async def withdraw(tx: Tx, course_id: str, reason: str) -> None:
    """Takes a course out of the offer (훈련과정 철회). Repeating it changes nothing."""
    change_no = await store.next_change(tx.conn)
    row = await store.course(tx.conn, course_id)
    if row is None:
        raise not_found("훈련과정", "Course")
    known = store.as_known(row)
    if known.status == "withdrawn":
        return
    gone = Change(known.course, "withdrawn", known.version + 1, True, ())
    await store.write(tx.conn, [gone], change_no, tx.now, reason)
    if known.status == "offered":
        _withdraw(tx, course_id, gone.version, reason)


def _publish(tx: Tx, one: Change) -> None:
    course = to_publish(one.course, korean_day(tx.now))
    tx.emit(CoursePublishedV1(course_id=course.course_id, version=one.version, course=course, published_at=tx.now))


def _withdraw(tx: Tx, course_id: str, version: int, reason: str) -> None:
    tx.emit(CourseWithdrawnV1(course_id=course_id, version=version, reason=reason, withdrawn_at=tx.now))


def _withdrawn_fault(course_id: str) -> Fault:
    ko = "철회된 과정입니다. 다시 열려면 reopen=true로 보내세요"
    return Fault("course_id", "withdrawn", ko, "was withdrawn; send reopen=true to offer it again", course_id)


def _too_many(course_id: str) -> Fault:
    ko = f"한 과정의 회차는 {MOST_SESSIONS:,}개까지입니다"
    en = f"a course may have {MOST_SESSIONS:,} sessions at most"
    return Fault("session_no", "too-many-sessions", ko, en, course_id)


def withdrawn_problem() -> Problem:
    ko, en = "철회된 과정입니다. 다시 열려면 reopen=true로 보내세요.", "The course was withdrawn; send reopen=true."
    return Problem(409, "course-withdrawn", ko=ko, en=en)
