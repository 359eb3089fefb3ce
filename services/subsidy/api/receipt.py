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


class Receipt(_Out):
    """Won for all `people` together; `cost = support + self_pay` where `outcome` is quoted, else `reasons` say why."""

    quote_id: str
    outcome: Outcome
    applied_on: date
    policy_version: str
    programme: str
    cost: int | None
    support: int | None
    self_pay: int | None
    line: str | None
    rules: list[str]
    steps: list[Step]
    others: list[Other]
    reasons: list[Reason]
    inputs: Inputs


class StoredReceipt(Receipt):
    """Company and course are null where the quote answered a question."""

    company_id: str | None
    list_version: int | None
    course_id: str | None
    session_no: int | None
    issued_at: datetime
