"""A list for a company that nobody registered (미리보기)."""

from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.diagnosis import AssessmentCompletedV1
from libs.contracts.interagency import CompanyFacts
from libs.contracts.matching import CourseOffer
from services.matching.domain.offers import offers
from services.matching.domain.scoring import seeker
from services.matching.service.replica import Replica


async def preview(
    conn: AsyncConnection, replica: Replica, facts: CompanyFacts, assessment: AssessmentCompletedV1, day: date
) -> tuple[CourseOffer, ...]:
    """The courses that such a company would be recommended on `day`. Nothing is stored."""
    await replica.follow(conn)
    engine = replica.engine
    engine.advance(day)
    who = seeker(engine.rules, facts, assessment)
    return offers(engine.rules, who, engine.find(who).courses, engine.day)
