"""What the console reads of each answer. Unknown fields are ignored, missing ones shown as not known."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel

from libs.contracts.interagency import CompanyProfile


class Events(BaseModel):
    outbox_unsent: float | None = None
    outbox_age_seconds: float | None = None
    consumer_lag: float | None = None
    dead_letters: float | None = None


class ServiceStatus(BaseModel):
    available: bool = False
    as_of: datetime | None = None
    counts: dict[str, Any] = {}
    events: Events = Events()


class Overview(BaseModel):
    as_of: datetime
    services: dict[str, ServiceStatus]


class Referral(BaseModel):
    referral_id: str
    agency: str
    programme: str
    business_number: str = ""
    company_id: str | None = None
    company_name: str = ""
    status: str
    level: str | None = None
    confidence: int | None = None
    changed_at: datetime


class Referrals(BaseModel):
    items: list[Referral]
    next: str | None = None
    more: bool = False


class Programme(BaseModel):
    id: str
    ko: str
    en: str


class Programmes(BaseModel):
    items: list[Programme]


class Company(BaseModel):
    company_id: str
    profile: CompanyProfile
    registered_at: datetime | None = None
    status: str | None = None


class Reason(BaseModel):
    ko: str
    en: str
    citation: str | None = None


class Dimension(BaseModel):
    name: str
    score: int


class Assessment(BaseModel):
    level: str
    confidence: int
    provisional: bool = True
    version: int
    dimensions: list[Dimension] = []
    reasons: list[Reason] = []
    assessed_at: datetime


class Price(BaseModel):
    status: str
    quote_id: str | None = None
    cost: int | None = None
    support: int | None = None
    self_pay: int | None = None
    reasons: list[Reason] = []


class Course(BaseModel):
    rank: int
    course_id: str
    title: str
    provider: str
    url: str | None = None
    programme: str = ""
    mode: str
    level: str
    hours: int | None = None
    starts_on: date | None = None
    score: int
    reasons: list[Reason] = []
    price: Price


class Recommendation(BaseModel):
    status: str
    version: int
    as_of: datetime
    priced_on: date | None = None
    policy_version: str | None = None
    courses: list[Course]


class DeadLetter(BaseModel):
    event_id: str
    type: str = ""
    key: str = ""
    reason: str = ""
    cause: str = ""
    attempts: int | None = None
    failed_at: datetime | None = None
    bytes: int | None = None


class DeadLetters(BaseModel):
    count: int
    items: list[DeadLetter]


class Replayed(BaseModel):
    event_id: str
    status: str


class Step(BaseModel):
    """One factor of a price, in order of computation. A derived one has a formula, one of the policy a citation."""

    ko: str
    en: str
    unit: str
    value: int | str | None = None
    formula_ko: str = ""
    formula_en: str = ""
    source: str = ""
    parameter: str | None = None
    rule: str | None = None
    citation: str | None = None
    href: str | None = None
    effective_on: date | None = None
    interpretation: bool = False
    note_ko: str = ""
    note_en: str = ""


class Line(BaseModel):
    """A support that was looked at and not taken."""

    ko: str
    en: str
    outcome: str
    support: int | None = None
    self_pay: int | None = None
    reasons: list[Reason] = []


class Learner(BaseModel):
    status: str
    age: int | None = None


class Inputs(BaseModel):
    """What was asked: the course and the company, or the learner, as the price saw them."""

    mode: str | None = None
    level: str | None = None
    hours: int | None = None
    fee: int | None = None
    unit_price: int | None = None
    people: int | None = None
    size_class: str | None = None
    learner: Learner | None = None


class Payer(BaseModel):
    ko: str
    en: str
    won: int


class Allowance(BaseModel):
    """Money beside the fee; `change` is negative where it went down."""

    ko: str
    en: str
    per_month: int | None = None
    months: int | None = None
    total: int | None = None
    before: int | None = None
    change: int | None = None
    changed_on: date | None = None
    reasons: list[Reason] = []


class Another(BaseModel):
    """What another day or another choice would change."""

    ko: str
    en: str


class WhatIf(BaseModel):
    dates: list[Another] = []
    choices: list[Another] = []


class Quote(BaseModel):
    quote_id: str
    outcome: str
    applied_on: date
    policy_version: str
    programme: str = ""
    cost: int | None = None
    support: int | None = None
    self_pay: int | None = None
    advance: int = 0
    payers: list[Payer] = []
    allowances: list[Allowance] = []
    inputs: Inputs = Inputs()
    steps: list[Step] = []
    others: list[Line] = []
    reasons: list[Reason] = []
