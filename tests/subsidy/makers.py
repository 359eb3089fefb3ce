"""Lists, questions and other policies for the tests of subsidy."""

import copy
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from libs.common import tables
from libs.common.kit import Kit
from libs.contracts.interagency import CompanyFacts
from libs.contracts.matching import CourseOffer, RecommendationUpdatedV1
from libs.contracts.subsidy import QuoteIssuedV1
from services.subsidy import service
from services.subsidy.loading import FOLDER, read
from services.subsidy.service import Desk

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def offer(course_id: str = "a", **changes: Any) -> CourseOffer:
    """A 중급 course of P10: fee 800,000 won, cap 11,000 × 32 = 352,000 won."""
    values: dict[str, Any] = {"rank": 1, "course_id": course_id, "session_no": 1, "programme": "P10"}
    values |= {
        "title": "AI 실무",
        "provider": "견본",
        "url": None,
        "mode": "onsite",
        "level": "intermediate",
        "ai": True,
    }
    values |= {"hours": 32, "fee": 800_000, "unit_price": 11_000, "institution_region": "11680", "starts_on": None}
    return CourseOffer(**(values | {"score": 1, "reasons": ()} | changes))


def updated(
    company_id: str = "k1", version: int = 1, offers: Sequence[CourseOffer] = (), **company: Any
) -> RecommendationUpdatedV1:
    facts: dict[str, Any] = {"size_class": "priority", "region_code": "48123", "headcount": 40}
    facts |= {"ksic_version": "10", "ksic_code": "29271"}
    return RecommendationUpdatedV1(
        company_id=company_id,
        version=version,
        level="intermediate",
        company=CompanyFacts(**(facts | company)),
        offers=tuple(offers) or (offer(),),
        made_at=AT,
    )


def question(people: int = 1, applied_on: str = "2026-11-23", **changes: Any) -> dict[str, Any]:
    """The same course as a question; `company` and `course` are merged in."""
    course = {"programme": "P10", "mode": "onsite", "level": "intermediate", "ai": True}
    course |= {"hours": 32, "fee": 800_000, "unit_price": 11_000}
    company = {"size_class": "priority", "region_code": "48123"}
    return {
        "company": company | changes.pop("company", {}),
        "course": course | changes.pop("course", {}),
        "people": people,
        "applied_on": applied_on,
        **changes,
    }


def another(change: Callable[[dict[str, Any]], None]) -> Desk:
    """A desk whose policy differs from the deployment's."""
    label, documents = read(FOLDER)
    changed = copy.deepcopy(documents)
    change(changed)
    return Desk(f"{label}-b", changed)


async def handle(kit: Kit, desk: Desk, *events: RecommendationUpdatedV1) -> None:
    async with kit.db.transaction() as tx:
        await service.price_lists(tx, desk, events)


async def issued(kit: Kit) -> list[QuoteIssuedV1]:
    """Everything announced, in order."""
    wanted = select(tables.outbox.c.value).where(tables.outbox.c.type == QuoteIssuedV1.wire_type)
    async with kit.db.reading() as conn:
        rows = await conn.execute(wanted.order_by(tables.outbox.c.seq))
        return [QuoteIssuedV1.model_validate_json(value) for (value,) in rows]
