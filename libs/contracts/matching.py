"""Events of the matching service: recommended courses (추천 과정)."""

from datetime import date, datetime
from typing import ClassVar

from libs.contracts.base import Event, Part
from libs.contracts.catalog import AxLevel, Mode
from libs.contracts.diagnosis import Reason
from libs.contracts.interagency import CompanyFacts


class CourseOffer(Part):
    """One recommended course session with the facts that its price depends on. Events tell no `reasons`: the answer to
    who asks for the list does."""

    rank: int
    course_id: str
    session_no: int | None
    programme: str
    title: str
    provider: str
    url: str | None
    mode: Mode
    level: AxLevel
    ai: bool
    hours: int | None
    fee: int | None
    unit_price: int | None
    institution_region: str | None
    starts_on: date | None
    score: int
    reasons: tuple[Reason, ...] = ()


class RecommendationUpdatedV1(Event):
    """The top list of a company really changed. `version` grows with each change."""

    wire_type: ClassVar[str] = "matching.recommendation.updated.v1"
    topic: ClassVar[str] = "matching.recommendation"
    key_field: ClassVar[str] = "company_id"

    company_id: str
    version: int
    level: AxLevel
    company: CompanyFacts
    offers: tuple[CourseOffer, ...]
    made_at: datetime
