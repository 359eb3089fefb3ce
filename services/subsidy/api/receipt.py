"""The receipt (산출 내역서) as clients read it. The domain writes its JSON; a test holds the two together."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from libs.contracts.catalog import AxLevel, Mode
from libs.contracts.diagnosis import Reason
from libs.contracts.interagency import SizeClass

Outcome = Literal["quoted", "ineligible", "unpriced"]


class _Out(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Step(_Out):
    """One factor in order of computation. A value of the policy has parameter, citation and effective date; a derived
    one has its formula. Decimals are text."""

    step: str
    ko: str
    en: str
    unit: str
    value: int | str
    source: Literal["course", "request", "policy", "derived"]
    formula_ko: str | None = None
    formula_en: str | None = None
    parameter: str | None = None
    key: str | None = None
    rule: str | None = None
    citation: str | None = None
    href: str | None = None
    grade: str | None = None
    effective_on: date | None = None
    interpretation: bool = False
    note_ko: str | None = None
    note_en: str | None = None


class Other(_Out):
    """A support that was looked at and not applied, with what it would pay or why it does not."""

    line: str
    ko: str
    en: str
    rules: list[str]
    outcome: Literal["not-chosen", "ineligible", "unpriced"]
    support: int | None
    self_pay: int | None
    reasons: list[Reason]


class PayerOut(_Out):
    """Who pays what."""

    payer: Literal["moel", "company", "learner"]
    ko: str
    en: str
    won: int


class AllowanceOut(_Out):
    """Money beside the fee; `per_month` is won per person. `before` is the amount it replaced, `change` the difference,
    negative where it went down."""

    allowance: str
    ko: str
    en: str
    rule: str
    per_month: int | None
    months: int | None
    people: int
    total: int | None
    before: int | None
    change: int | None
    changed_on: date | None
    steps: list[Step]
    reasons: list[Reason]


class LearnerOut(_Out):
    status: Literal["jobseeker", "worker", "transition"]
    age: int | None


class YearlyOut(_Out):
    payroll: int
    headcount: int
    used: int


class PlaceOut(_Out):
    region_code: str
    in_force: str | None
    tier2: str | None
    tier3: str | None
    capital_and_depopulation: bool


class Inputs(_Out):
    mode: Mode
    level: AxLevel
    ai: bool
    hours: int | None
    fee: int | None
    unit_price: int | None
    people: int
    size_class: SizeClass | None
    size_basis: Literal["stated", "headcount"]
    workplace: PlaceOut | None
    institution: PlaceOut | None
    months: int | None
    learner: LearnerOut | None
    yearly: YearlyOut | None


class Receipt(_Out):
    """Won for all `people` together; `cost = support + self_pay` where `outcome` is quoted, else `reasons` say why.

    `advance` is paid first and refunded on completion; with `known_on` it is the answer by what was known on that day.
    """

    quote_id: str
    outcome: Outcome
    applied_on: date
    known_on: date | None
    policy_version: str
    programme: str
    cost: int | None
    support: int | None
    self_pay: int | None
    advance: int
    payers: list[PayerOut]
    line: str | None
    rules: list[str]
    steps: list[Step]
    others: list[Other]
    allowances: list[AllowanceOut]
    reasons: list[Reason]
    inputs: Inputs


class AnotherOut(_Out):
    """The same case on another day or with other choices; `ko` and `en` say the difference."""

    applied_on: date
    choices: dict[str, str | bool]
    outcome: Outcome
    cost: int | None
    support: int | None
    self_pay: int | None
    advance: int
    allowances: list[dict[str, str | int | None]]
    reasons: list[Reason]
    ko: str
    en: str


class WhatIf(_Out):
    dates: list[AnotherOut]
    choices: list[AnotherOut]


class Answer(Receipt):
    """`what_if` only where it was asked for."""

    what_if: WhatIf | None = None


class StoredReceipt(Receipt):
    """Company and course are null where the quote answered a question."""

    company_id: str | None
    list_version: int | None
    course_id: str | None
    session_no: int | None
    issued_at: datetime
