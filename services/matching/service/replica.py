"""What this process holds in memory, and up to which change it holds everything."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.db import Tx
from libs.common.rows import rows_by
from libs.contracts.catalog import Course
from libs.contracts.diagnosis import AssessmentCompletedV1
from libs.contracts.interagency import CompanyFacts
from libs.contracts.matching import CourseOffer
from libs.reference.calendar import korean_day
from services.matching import store
from services.matching.domain.rules import Rules
from services.matching.domain.scoring import seeker
from services.matching.engine import Engine

_COURSE = ("course_id", "course")
_COMPANY = tuple(store.companies.c.keys())
_LIST = ("company_id", "held", "floor")

Row = store.Row


@dataclass(slots=True)
class _Draft:
    """What a transaction under way has changed in memory."""

    tx: Tx
    number: int
    courses: set[str] = field(default_factory=set)
    companies: set[str] = field(default_factory=set)


class Made(NamedTuple):
    """A list: the courses that it holds, its floor, the offers as JSON and as events tell them. Never changed."""

    held: list[str]
    floor: int
    offers: list[dict[str, Any]]
    told: tuple[CourseOffer, ...]


@dataclass(slots=True)
class _Kept:
    """Lists by the kind of company, made of the courses as they were after so many `changes`."""

    changes: int = -1
    lists: dict[tuple[object, ...], Made] = field(default_factory=dict)


def facts_of(row: Row) -> CompanyFacts | None:
    """The facts that came with the company's assessment, else those of a profile from before they did."""
    assessment = AssessmentCompletedV1.model_validate_json(row["assessment"]) if row["assessment"] else None
    if assessment is not None and assessment.facts is not None:
        return assessment.facts
    return CompanyFacts.model_validate_json(row["profile"]) if row["profile"] else None


class Replica:
    """`seen`: every change up to this number is in `engine`. `known` are the companies that have a row in the
    database, with the row while its facts are still to come. `more` is set when lists were left for later."""

    def __init__(self, rules: Rules, day: date) -> None:
        self.engine = Engine(rules, day)
        self.seen = 0
        self.known: dict[str, Row | None] = {}
        self.made = _Kept()
        self.more = asyncio.Event()
        self._draft: _Draft | None = None

    async def enter(self, tx: Tx) -> int:
        """Waits for this transaction's turn and brings the memory up to date; gives the number of its changes."""
        number = await store.next_change(tx.conn)
        if self._draft is None or self._draft.tx is not tx:
            await self._mend(tx.conn)
            await self._read_on(tx.conn, number - 1)
            draft = self._draft = _Draft(tx, number)
            tx.after_commit(lambda: self._committed(draft))
        self._draft.number = number
        self.engine.advance(korean_day(tx.now))
        return number

    async def follow(self, conn: AsyncConnection) -> None:
        """Brings the memory up to what is committed, outside any turn."""
        await self._read_on(conn, await store.last_change(conn))

    def put_course(self, row: Row) -> None:
        if self._draft is not None:
            self._draft.courses.add(row["course_id"])
        self._take_course(row)

    def put_company(self, row: Row) -> None:
        if self._draft is not None:
            self._draft.companies.add(row["company_id"])
        self._take_company(row)

    def put_list(self, row: Row) -> None:
        if self._draft is not None:
            self._draft.companies.add(row["company_id"])
        self._take_list(row)

    def _committed(self, draft: _Draft) -> None:
        if self._draft is draft:
            self.seen = draft.number
            self._draft = None

    async def _mend(self, conn: AsyncConnection) -> None:
        """Reads again what an earlier transaction touched: it was rolled back, or its commit is not noted yet."""
        if self._draft is None:
            return
        course_ids, company_ids = sorted(self._draft.courses), sorted(self._draft.companies)
        courses = await rows_by(conn, store.courses, "course_id", course_ids, _COURSE)
        companies = await rows_by(conn, store.companies, "company_id", company_ids, _COMPANY)
        lists = await rows_by(conn, store.recommendations, "company_id", company_ids, _LIST)
        for course_id in course_ids:
            self._take_course(courses.get(course_id, {"course_id": course_id, "course": None}))
        for company_id in company_ids:
            self.engine.companies.forget(company_id)
            self.known.pop(company_id, None)
        self._take(list(companies.values()), list(lists.values()))
        self._draft = None

    async def _read_on(self, conn: AsyncConnection, last: int) -> None:
        if last <= self.seen:
            return
        since = self.seen
        courses = await store.rows_since(conn, store.courses, _COURSE, since)
        companies = await store.rows_since(conn, store.companies, _COMPANY, since)
        lists = await store.rows_since(conn, store.recommendations, _LIST, since)
        if last <= self.seen:
            return  # while this was read, another task read further: these rows may be older than its own
        for row in courses:
            self._take_course(row)
        self._take(companies, lists)
        self.seen = last

    def _take(self, companies: Sequence[Row], lists: Sequence[Row]) -> None:
        for row in companies:
            self._take_company(row)
        for row in lists:
            self._take_list(row)

    def _take_course(self, row: Row) -> None:
        if row["course"] is None:
            self.engine.drop(row["course_id"])
        else:
            self.engine.put(Course.model_validate_json(row["course"]))

    def _take_company(self, row: Row) -> None:
        facts = facts_of(row)
        if facts is None or row["assessment"] is None:
            self.known[row["company_id"]] = row
            return
        self.known[row["company_id"]] = None
        assessment = AssessmentCompletedV1.model_validate_json(row["assessment"])
        self.engine.companies.put(row["company_id"], seeker(self.engine.rules, facts, assessment))

    def _take_list(self, row: Row) -> None:
        self.engine.set_list(row["company_id"], row["held"], row["floor"])
