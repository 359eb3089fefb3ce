"""Assessments, to be read by national clients: an agency learns of its companies through its referrals."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel
from sqlalchemy import RowMapping

from libs.common.problems import Problem, not_found
from libs.common.security import Caller, requires
from libs.common.web import ReadConn
from libs.contracts.catalog import AxLevel
from libs.contracts.diagnosis import Dimension, Reason
from services.diagnosis import store
from services.diagnosis.domain.reasons import LEVEL_EN, LEVEL_KO

router = APIRouter(prefix="/v1/assessments", tags=["assessments"])


class AssessmentOut(BaseModel):
    """The AX level of a company. `confidence` is 0–100, weights are 0–1, `reasons` the weightiest first."""

    company_id: str
    version: int
    level: AxLevel
    level_ko: str
    level_en: str
    confidence: int
    provisional: bool
    dimensions: list[Dimension]
    reasons: list[Reason]
    field_weights: dict[str, float]
    mode_weights: dict[str, float]
    hour_weights: dict[str, float]
    assessed_at: datetime


class PastAssessment(AssessmentOut):
    """One version, with the facts and the edition of the priors that it can be worked out from again."""

    profile_version: int
    facts: dict[str, Any]
    priors_version: str


class History(BaseModel):
    """Newest first. `next_before` goes into `before` for the page after this one."""

    company_id: str
    items: list[PastAssessment]
    next_before: int | None


async def national(caller: Annotated[Caller, Depends(requires("assessments:read"))]) -> Caller:
    if caller.agency is not None:
        ko = "기관은 연계 조회에서 자기 기업의 수준을 봅니다. 이 주소는 기관에 열려 있지 않습니다."
        en = "Agencies see the level of their companies in their referrals; this address is not open to agencies."
        raise Problem(403, "national-clients-only", ko=ko, en=en)
    return caller


NationalCaller = Annotated[Caller, Depends(national)]


CompanyId = Annotated[str, Path(max_length=100, pattern=r"^[^\x00]+$")]


@router.get("/{company_id}")
async def read(company_id: CompanyId, conn: ReadConn, caller: NationalCaller) -> AssessmentOut:
    """The company's AX level as it stands."""
    row = await store.assessment(conn, company_id)
    if row is None:
        raise not_found("AX 수준 진단", "Assessment")
    return AssessmentOut.model_validate(_shown(row))


@router.get("/{company_id}/history")
async def history(
    company_id: CompanyId,
    conn: ReadConn,
    caller: NationalCaller,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> History:
    """Every level the company ever had, and why."""
    rows = await store.past(conn, company_id, before, limit + 1)
    if not rows and before is None:
        raise not_found("AX 수준 진단", "Assessment")
    items = [
        PastAssessment.model_validate(
            _shown(row) | {name: row[name] for name in ("profile_version", "facts", "priors_version")}
        )
        for row in rows[:limit]
    ]
    next_before = items[-1].version if len(rows) > limit else None
    return History(company_id=company_id, items=items, next_before=next_before)


def _shown(row: RowMapping) -> dict[str, Any]:
    level: AxLevel = row["level"]
    return {
        **row["result"],
        "company_id": row["company_id"],
        "version": row["version"],
        "level_ko": f"{LEVEL_KO[level]}(추정)",
        "level_en": f"{LEVEL_EN[level]} (provisional)",
        "provisional": True,
        "assessed_at": row["assessed_at"],
    }
