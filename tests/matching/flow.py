"""Matching at work in the tests: events handled in a transaction each, and what is stored and published."""

from contextlib import suppress
from datetime import date, datetime
from typing import Any

import orjson
from sqlalchemy import select

from libs.common import tables
from libs.common.db import Tx
from libs.common.kit import Kit
from libs.contracts import Event
from libs.contracts.catalog import Course, CoursePublishedV1, CourseWithdrawnV1
from libs.contracts.diagnosis import AssessmentCompletedV1
from libs.contracts.matching import CourseOffer, RecommendationUpdatedV1
from libs.contracts.subsidy import Price, QuoteIssuedV1
from services.matching import service, store
from services.matching.service import Replica
from services.matching.service.answers import document
from tests.matching.makers import AT, DAY, RULES, assessment

_USE_CASES: dict[type[Event], Any] = {
    CoursePublishedV1: service.learn_courses,
    CourseWithdrawnV1: service.learn_courses,
    AssessmentCompletedV1: service.learn_assessments,
    QuoteIssuedV1: service.learn_quotes,
}


def published(course: Course, version: int = 1) -> CoursePublishedV1:
    return CoursePublishedV1(course_id=course.course_id, version=version, course=course, published_at=AT)


def withdrawn(course_id: str, version: int = 2) -> CourseWithdrawnV1:
    return CourseWithdrawnV1(course_id=course_id, version=version, reason="closed", withdrawn_at=AT)


def quote(update: RecommendationUpdatedV1, self_pay: int = 10_000, at: datetime = AT) -> QuoteIssuedV1:
    """A price for every offer of a list."""
    return QuoteIssuedV1(
        company_id=update.company_id,
        recommendation_version=update.version,
        policy_version="2026-11",
        applied_on=DAY,
        prices=tuple(_price(offer, self_pay) for offer in update.offers),
        issued_at=at,
    )


def _price(offer: CourseOffer, self_pay: int) -> Price:
    return Price(
        course_id=offer.course_id,
        session_no=offer.session_no,
        quote_id=f"q-{offer.course_id}",
        outcome="quoted",
        cost=100_000,
        support=100_000 - self_pay,
        self_pay=self_pay,
        rule_ids=("M5",),
        citations=("plan:IV-②-p.7",),
    )


class Worker:
    """One worker replica: its own memory, the database shared with others of the same kit."""

    def __init__(self, kit: Kit, day: date = DAY) -> None:
        self.kit, self.replica = kit, Replica(RULES, day)

    async def take(self, tx: Tx, *events: Event) -> None:
        for event in events:
            await _USE_CASES[type(event)](tx, self.replica, [event])

    async def handle(self, *events: Event) -> None:
        """Each event in a transaction of its own."""
        for event in events:
            async with self.kit.db.transaction() as tx:
                await self.take(tx, event)

    async def roll_back(self, *events: Event) -> None:
        """All in one transaction, which then fails."""
        with suppress(ZeroDivisionError):
            async with self.kit.db.transaction() as tx:
                await self.take(tx, *events)
                raise ZeroDivisionError

    async def company(self, company_id: str = "k1", **assessed: Any) -> None:
        await self.handle(assessment(company_id, **assessed))

    async def courses(self, *courses: Course) -> None:
        async with self.kit.db.transaction() as tx:
            await service.learn_courses(tx, self.replica, [published(one) for one in courses])

    async def handle_courses(self, *courses: Course, version: int) -> None:
        await self.handle(*(published(one, version) for one in courses))

    async def renew_due(self) -> int:
        async with self.kit.db.transaction() as tx:
            return await service.renew_due(tx, self.replica)


async def updates(kit: Kit) -> list[RecommendationUpdatedV1]:
    """Everything that matching published, in order."""
    table = tables.outbox
    async with kit.db.reading() as conn:
        values = await conn.scalars(select(table.c.value).order_by(table.c.seq))
        return [RecommendationUpdatedV1.model_validate_json(value) for value in values]


async def answer(kit: Kit, company_id: str = "k1") -> dict[str, Any]:
    async with kit.db.reading() as conn:
        row = await store.answer_row(conn, company_id)
    assert row is not None
    assert row["version"] is not None
    read: dict[str, Any] = orjson.loads(orjson.dumps(document(row)))
    return read


async def listed(kit: Kit, company_id: str = "k1") -> list[str]:
    return [course["course_id"] for course in (await answer(kit, company_id))["courses"]]
