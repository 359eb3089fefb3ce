"""How referrals and companies look to those who may see them."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, Field

from libs.common.problems import Problem
from libs.common.security import Caller
from libs.contracts.interagency import ReferralStatus

PLAIN = r"^[^\x00-\x1f\x7f]{1,100}$"
"""What may be looked for: databases have no place for control characters."""


class OfferOut(BaseModel):
    """A recommended course. Amounts are won for one person; None while the price is being worked out."""

    course_id: str
    title: str
    provider: str
    starts_on: date | None
    outcome: str = Field(description="pricing, quoted, ineligible or unpriced")
    cost: int | None = None
    support: int | None = None
    self_pay: int | None = None


class ReferralOut(BaseModel):
    """A referral and what became of it. `cursor` follows it in the order of changes; `row_number` is of its file."""

    referral_id: str
    agency: str
    programme: str
    business_number: str
    company_id: str | None
    company_name: str
    row_number: int | None
    status: ReferralStatus
    sequence: int
    level: str | None = Field(description="AX level: beginner, intermediate, advanced")
    provisional: bool | None
    confidence: int | None
    offers: list[OfferOut]
    received_at: datetime
    changed_at: datetime
    cursor: str | None = Field(description="None until the change was read once")


def referral(row: Mapping[str, Any]) -> ReferralOut:
    current = row["prices"] if row["prices_version"] == row["offers_version"] else None
    offers = [
        OfferOut(**{"outcome": "pricing", **offer, **((current or {}).get(offer["course_id"]) or {})})
        for offer in row["offers"] or []
    ]
    return ReferralOut(
        **{
            name: row[name]
            for name in ReferralOut.model_fields
            if name in row and name not in ("offers", "provisional")
        },
        provisional=None if row["provisional"] is None else bool(row["provisional"]),
        offers=offers,
        cursor=None if row["change_no"] is None else str(row["change_no"]),
    )


def briefly(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("referral_id", "agency", "programme", "status", "received_at")
    return {name: row[name] for name in names}


def partner(caller: Caller) -> str:
    """The ministry that sends; a client without one cannot refer anybody."""
    if caller.agency is None:
        ko = "부처 클라이언트만 기업을 연계할 수 있습니다."
        raise Problem(403, "not-a-partner", ko=ko, en="Only a ministry's client can refer companies.")
    return caller.agency
