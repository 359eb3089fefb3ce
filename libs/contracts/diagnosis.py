"""Events of the diagnosis service: AX levels (AX 수준) and prescriptions (처방)."""

from datetime import datetime
from typing import ClassVar

from pydantic import Field

from libs.contracts.base import Event, Part
from libs.contracts.catalog import AxLevel
from libs.contracts.interagency import CompanyFacts


class Dimension(Part):
    """One part of the assessment; `score` is 0–100."""

    name: str
    score: int


class Reason(Part):
    """Why the level is what it is, with the source of the figure used."""

    code: str
    ko: str
    en: str
    citation: str | None = None


class AssessmentCompletedV1(Event):
    """A company's AX level. `confidence` is 0–100; the weights, 0–1, are of training fields, modes and hour bands that
    the company asked for or, if provisional, that the survey suggests. `facts` are those that were assessed; without
    them, as in the first events of this kind, only a company whose facts are known already gets a list."""

    wire_type: ClassVar[str] = "diagnosis.assessment.completed.v1"
    topic: ClassVar[str] = "diagnosis.assessment"
    key_field: ClassVar[str] = "company_id"

    company_id: str
    version: int
    level: AxLevel
    confidence: int
    provisional: bool
    dimensions: tuple[Dimension, ...] = ()
    reasons: tuple[Reason, ...] = ()
    field_weights: dict[str, float] = Field(default_factory=dict)
    mode_weights: dict[str, float] = Field(default_factory=dict)
    hour_weights: dict[str, float] = Field(default_factory=dict)
    assessed_at: datetime
    business_number: str | None = None
    facts: CompanyFacts | None = None


class PrescriptionIssuedV1(Event):
    """An adviser (훈련 주치의) prescribed an ordered list of courses."""

    wire_type: ClassVar[str] = "diagnosis.prescription.issued.v1"
    topic: ClassVar[str] = "diagnosis.prescription"
    key_field: ClassVar[str] = "company_id"

    company_id: str
    prescription_id: str
    course_ids: tuple[str, ...]
    issued_at: datetime
