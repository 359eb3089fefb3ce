"""Referrals one by one, what became of them, the companies, and the programmes that cooperate."""

from datetime import date
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from libs.common.db import Tx
from libs.common.idempotency import fingerprint
from libs.common.kit import Kit
from libs.common.problems import FieldError, invalid, not_found
from libs.common.security import Caller, requires
from libs.common.web import IdempotencyKey, ReadConn
from libs.contracts.interagency import ReferralStatus
from libs.reference import business_number
from libs.reference.calendar import korean_day
from libs.reference.errors import CodeError
from services.interagency import service, store
from services.interagency.api import shown
from services.interagency.api.turns import in_turn
from services.interagency.domain.draft import Draft, Reader, cells_of
from services.interagency.matrix import Matrix

router = APIRouter(prefix="/v1", tags=["referrals"])
Writer = Annotated[Caller, Depends(requires("referrals:write"))]
Referrer = Annotated[Caller, Depends(requires("referrals:read"))]


class ScoreIn(BaseModel):
    """A maturity score of the partner's own, e.g. AX혁신지수 3 of 5."""

    model_config = ConfigDict(extra="forbid")

    instrument: str = Field(max_length=100)
    level: int
    levels: int
    measured_on: date | None = None


class ReferralIn(BaseModel):
    """One company under one programme. Codes are text; `headcount` counts 상시근로자."""

    model_config = ConfigDict(extra="forbid")

    business_number: str = Field(max_length=40, description="사업자등록번호, with or without hyphens")
    company_name: str = Field(max_length=1000)
    region_code: str = Field(max_length=40, description="시군구 5 digits or 법정동 10 digits; retired codes are mapped")
    programme: str = Field(max_length=200, description="id or Korean name, see GET /v1/programmes")
    headcount: int | None = None
    ksic_version: str | None = Field(None, max_length=20, description="10 or 11")
    ksic_code: str | None = Field(None, max_length=20)
    score: ScoreIn | None = None
    contact_email: str | None = Field(None, max_length=300)


@router.post("/referrals", status_code=201, responses={200: {"description": "이미 연계된 기업 / already referred"}})
async def refer(request: Request, body: ReferralIn, key: IdempotencyKey, caller: Writer) -> Response:
    """Refers one company. The same company under the same programme again is answered with the first referral."""
    agency = shown.partner(caller)
    kit: Kit = request.app.state.kit
    print_ = fingerprint("POST", request.url.path, await request.body())

    async def work(tx: Tx) -> tuple[int, Any]:
        draft = read_draft(request.app.state.matrix, agency, body, tx)
        row, is_new, known = await service.refer(tx, draft, agency, kit.keyring)
        return 201 if is_new else 200, answer(row, known, draft)

    return await in_turn(kit, caller, key, print_, work)


def read_draft(matrix: Matrix, agency: str, body: ReferralIn, tx: Tx) -> Draft:
    reader = reader_for(matrix, agency, korean_day(tx.now))
    values = {name: str(value) for name, value in body.model_dump(exclude={"score"}).items() if value is not None}
    if body.score:
        values["external_instrument"] = body.score.instrument
        values["external_level"], values["external_levels"] = str(body.score.level), str(body.score.levels)
        values["external_measured_on"] = body.score.measured_on.isoformat() if body.score.measured_on else ""
    outcome = reader.read(cells_of(values))
    if isinstance(outcome, Draft):
        return outcome
    raise invalid([FieldError(fault.field, fault.code, fault.ko, fault.en, fault.value) for fault in outcome])


@lru_cache(64)
def reader_for(matrix: Matrix, agency: str, on: date) -> Reader:
    """One reader per ministry and day: what it has looked up once it knows."""
    def find(name: str) -> str | None:
        programme = matrix.find(agency, name, on)
        return programme.id if programme else None

    return Reader(on, find, ", ".join(p.ko for p in matrix.of(agency, on)))


def answer(row: store.Record, known: bool, draft: Draft) -> dict[str, Any]:
    return {
        **shown.referral(row).model_dump(mode="json"),
        "company_known": known,
        "notes": [shown.fault(note) for note in draft.notes],
        "links": {"self": f"/v1/referrals/{row['referral_id']}", "changes": "/v1/referrals?after="},
    }


class ReferralPage(BaseModel):
    """`next` goes into `after` of the next request, also after the last page: later changes come behind it."""

    items: list[shown.ReferralOut]
    next: str | None
    more: bool


@router.get("/referrals")
async def changes(
    conn: ReadConn,
    caller: Referrer,
    after: Annotated[str | None, Query(pattern=r"^\d{1,18}~[\x21-\x7e]{1,100}$")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    status: ReferralStatus | None = None,
    programme: Annotated[str | None, Query(max_length=100)] = None,
    agency: Annotated[str | None, Query(max_length=20)] = None,
    batch_id: Annotated[str | None, Query(max_length=100)] = None,
) -> ReferralPage:
    """Referrals in the order of their last change. Without gaps: what changes later stands behind the cursor."""
    number, _, identity = (after or "0~").partition("~")
    given = {"status": status, "programme": programme, "agency": agency, "batch_id": batch_id}
    filters = {name: value for name, value in given.items() if value}
    rows = await store.changed_since(conn, caller.agency, (int(number), identity), filters, limit + 1)
    items = [shown.referral(row) for row in rows[:limit]]
    return ReferralPage(items=items, next=items[-1].cursor if items else after, more=len(rows) > limit)


@router.get("/referrals/{referral_id}")
async def read(referral_id: str, conn: ReadConn, caller: Referrer) -> shown.ReferralOut:
    """One referral. Another ministry's does not exist for this caller."""
    row = await store.referral(conn, caller.agency, referral_id)
    if row is None:
        raise not_found("연계", "Referral")
    return shown.referral(row)


@router.get("/companies/{company}")
async def company(company: str, conn: ReadConn, caller: Referrer) -> dict[str, Any]:
    """A company by its id or 사업자등록번호; a ministry sees those that it referred."""
    try:
        key = business_number.parse(company)
    except CodeError:
        key = company
    row = await store.company(conn, key)
    if row is None or (caller.agency and not await store.referred(conn, caller.agency, row["company_id"])):
        raise not_found("기업", "Company")
    names = ("company_id", "version", "profile", "registered_at", "level", "confidence")
    return {**{name: row[name] for name in names}, "status": service.status_of(row)}


@router.get("/programmes")
async def programmes(
    request: Request, caller: Referrer, on: date | None = None, agency: str | None = None
) -> dict[str, Any]:
    """The collaboration matrix on a day: which programme cooperates by which channel, from when to when."""
    matrix: Matrix = request.app.state.matrix
    day = on or korean_day(request.app.state.kit.clock())
    items = [
        {
            "id": p.id,
            "agency": p.agency,
            "ko": p.ko,
            "en": p.en,
            "channels": p.channels,
            "from": p.valid_from,
            "to": p.valid_to,
        }
        for p in matrix.of(agency, day)
    ]
    return {"on": day, "citation": matrix.citation, "items": items}
