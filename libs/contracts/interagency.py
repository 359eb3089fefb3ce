"""Events of the interagency service: companies (기업) and referrals (연계)."""

from datetime import date, datetime
from typing import ClassVar, Literal

from libs.contracts.base import Event, Part

SizeClass = Literal["priority", "large_under_1000", "large_1000_plus"]
"""우선지원대상기업, 대규모 1,000인 미만, 대규모 1,000인 이상 (고용보험법 시행령 별표1)."""


class CompanyFacts(Part):
    """The facts of a company that its recommendations and prices depend on, as they were at the time of the event."""

    size_class: SizeClass | None
    region_code: str
    ksic_version: str | None
    ksic_code: str | None
    headcount: int | None


class ExternalScore(Part):
    """A maturity score that a partner sent, e.g. AX혁신지수 level 3 of 5."""

    instrument: str
    level: int
    levels: int
    measured_on: date | None = None


class CompanyProfile(Part):
    """What is known of a company. Codes are text; `headcount` counts 상시근로자."""

    business_number: str
    name: str
    headcount: int | None = None
    size_class: SizeClass | None = None
    ksic_version: Literal["10", "11"] | None = None
    ksic_code: str | None = None
    region_code: str
    scores: tuple[ExternalScore, ...] = ()


class CompanyRegisteredV1(Event):
    """A company (사업자등록번호) was seen for the first time."""

    wire_type: ClassVar[str] = "interagency.company.registered.v1"
    topic: ClassVar[str] = "interagency.company"
    key_field: ClassVar[str] = "company_id"

    company_id: str
    version: int
    profile: CompanyProfile
    registered_at: datetime


class CompanyProfileChangedV1(Event):
    """A known company's profile changed. `version` grows by one with each change."""

    wire_type: ClassVar[str] = "interagency.company.profile-changed.v1"
    topic: ClassVar[str] = "interagency.company"
    key_field: ClassVar[str] = "company_id"

    company_id: str
    version: int
    profile: CompanyProfile
    changed_at: datetime


class ReferralReceivedV1(Event):
    """A partner ministry referred a company under one of its programmes."""

    wire_type: ClassVar[str] = "interagency.referral.received.v1"
    topic: ClassVar[str] = "interagency.referral"
    key_field: ClassVar[str] = "referral_id"

    referral_id: str
    agency: str
    programme: str
    company_id: str
    received_at: datetime


ReferralStatus = Literal["received", "diagnosed", "recommended", "prescribed", "training", "completed"]


class ReferralStatusChangedV1(Event):
    """What became of a referral. `sequence` counts the changes of one referral from 1."""

    wire_type: ClassVar[str] = "interagency.referral.status-changed.v1"
    topic: ClassVar[str] = "interagency.referral"
    key_field: ClassVar[str] = "referral_id"

    referral_id: str
    agency: str
    company_id: str
    status: ReferralStatus
    sequence: int
    changed_at: datetime


class ConsentChangedV1(Event):
    """A company gave or withdrew consent (동의) for one partner and purpose."""

    wire_type: ClassVar[str] = "interagency.consent.changed.v1"
    topic: ClassVar[str] = "interagency.consent"
    key_field: ClassVar[str] = "company_id"

    company_id: str
    agency: str
    purpose: str
    granted: bool
    changed_at: datetime
