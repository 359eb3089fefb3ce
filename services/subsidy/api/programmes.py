"""The programme register: what the plan runs, with targets, budgets and who leads."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from libs.common.security import Caller, requires
from services.subsidy.domain.register import Entry
from services.subsidy.loading import register

router = APIRouter(prefix="/v1/training-programmes", tags=["policies"])


class BudgetOut(BaseModel):
    """Won of the year. "line" counts in the plan's sum of AI training, "uses" is part of a larger budget (`ai_won` of
    it for AI), "shared" is in the line of the programmes in `together`."""

    kind: Literal["line", "uses", "shared"]
    won: int | None
    ai_won: int | None
    together: tuple[str, ...]


class ProgrammeOut(BaseModel):
    """`targets` are numbers of the year; `since` is the first month, YYYY-MM."""

    programme: str
    ko: str
    en: str
    stage: str
    targets: dict[str, int]
    parts: dict[str, int]
    budget: BudgetOut | None
    since: str | None
    led_by: tuple[str, ...]
    citation: str


class RegisterOut(BaseModel):
    year: int
    budget_total: int
    citation: str
    programmes: list[ProgrammeOut]


@router.get("")
async def programmes(caller: Annotated[Caller, Depends(requires("quotes:read"))]) -> RegisterOut:
    """Every programme of the plan, P1–P28."""
    held = register()
    return RegisterOut(
        year=held.year,
        budget_total=held.budget_total,
        citation=held.budget_total_reference,
        programmes=[_shown(entry) for entry in held.entries.values()],
    )


def _shown(entry: Entry) -> ProgrammeOut:
    budget = entry.budget
    return ProgrammeOut(
        programme=entry.id,
        ko=entry.ko,
        en=entry.en,
        stage=entry.stage,
        targets=dict(entry.targets),
        parts=dict(entry.parts),
        budget=budget and BudgetOut(**{name: getattr(budget, name) for name in BudgetOut.model_fields}),
        since=entry.since,
        led_by=entry.led_by,
        citation=entry.reference,
    )
