"""Events of the subsidy service: quotes (견적), reservations, policy versions."""

from datetime import date, datetime
from typing import ClassVar, Literal

from libs.contracts.base import Event, Part
from libs.contracts.diagnosis import Reason


class Price(Part):
    """What one course costs this company for one person on `applied_on`. All amounts are won.

    `cost = support + self_pay` whenever `outcome` is "quoted"; else the three are None and
    `reasons` say why in Korean and English.
    """

    course_id: str
    session_no: int | None
    quote_id: str
    outcome: Literal["quoted", "ineligible", "unpriced"]
    cost: int | None
    support: int | None
    self_pay: int | None
    rule_ids: tuple[str, ...]
    citations: tuple[str, ...]
    reasons: tuple[Reason, ...] = ()


class QuoteIssuedV1(Event):
    """The prices of one company's recommendation, list version `recommendation_version`."""

    wire_type: ClassVar[str] = "subsidy.quote.issued.v1"
    topic: ClassVar[str] = "subsidy.quote"
    key_field: ClassVar[str] = "company_id"

    company_id: str
    recommendation_version: int
    policy_version: str
    applied_on: date
    prices: tuple[Price, ...]
    issued_at: datetime


class ReservationChangedV1(Event):
    """A place or an amount was reserved, confirmed, settled, released or clawed back."""

    wire_type: ClassVar[str] = "subsidy.reservation.changed.v1"
    topic: ClassVar[str] = "subsidy.reservation"
    key_field: ClassVar[str] = "reservation_id"

    reservation_id: str
    programme: str
    status: str
    version: int
    changed_at: datetime


class PolicyActivatedV1(Event):
    """A policy version takes effect on a date."""

    wire_type: ClassVar[str] = "subsidy.policy.activated.v1"
    topic: ClassVar[str] = "subsidy.policy"
    key_field: ClassVar[str] = "policy_version"

    policy_version: str
    effective_on: date
    parameters: tuple[str, ...]
    activated_at: datetime
