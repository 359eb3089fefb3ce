"""Referrals one by one, what became of them, the companies, and the programmes that cooperate."""

from datetime import date
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.responses import Response

from libs.common.db import Tx
from libs.common.idempotency import fingerprint
from libs.common.kit import Kit
from libs.common.problems import FieldError, invalid, not_found
from libs.common.security import Caller, requires
from libs.common.web import IdempotencyKey, ReadConn, WriteTx
from libs.contracts.interagency import ReferralStatus
from libs.reference import business_number
from libs.reference.calendar import korean_day
from libs.reference.errors import CodeError
from services.interagency import service, store
from services.interagency.api import shown
from services.interagency.api.turns import in_turn
from services.interagency.domain.account import AGAIN
from services.interagency.domain.draft import Draft, Reader, cells_of
from services.interagency.files.lines import cell
from services.interagency.matrix import Matrix

router = APIRouter(prefix="/v1", tags=["referrals"])
Writer = Annotated[Caller, Depends(requires("referrals:write"))]
Referrer = Annotated[Caller, Depends(requires("referrals:read"))]


def _as_text(value: Any) -> Any:
    return cell(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Plain = Annotated[str, BeforeValidator(_as_text, json_schema_input_type=str | int | float), Field(max_length=300)]
"""Text, or a number read as text: what is in it is checked as in a file, with the same reasons."""


class ScoreIn(BaseModel):
    """A maturity score of the partner's own, e.g. AX혁신지수 3 of 5."""

    model_config = ConfigDict(extra="forbid")

    instrument: str = Field(max_length=1000)
    level: Plain
    levels: Plain
    measured_on: str | None = Field(None, max_length=40, description="YYYY-MM-DD")


class ReferralIn(BaseModel):
    """One company under one programme. Codes are text; `headcount` counts 상시근로자."""

    model_config = ConfigDict(extra="forbid")

    business_number: Plain = Field(description="사업자등록번호, with or without hyphens")
    company_name: str = Field(max_length=1000)
    region_code: Plain = Field(description="시군구 5 digits or 법정동 10 digits; retired codes are mapped")
    programme: str = Field(max_length=1000, description="id or Korean name, see GET /v1/programmes")
    headcount: Plain | None = None
    ksic_version: Plain | None = Field(None, description="10 or 11")
    ksic_code: Plain | None = None
    score: ScoreIn | None = None
    contact_email: str | None = None


@router.post("/referrals", status_code=201, responses={200: {"description": "이미 연계된 기업 / already referred"}})
async def refer(request: Request, body: ReferralIn, caller: Writer, key: IdempotencyKey) -> Response:
    """Refers one company. The same company under the same programme again is answered with the first referral.

    `company_known` says whether another referral had made the company known; `other_referrals` are the caller's own.
    """
    agency = shown.partner(caller)
    kit: Kit = request.app.state.kit
    print_ = fingerprint("POST", request.url.path, await request.body())

    async def work(tx: Tx) -> tuple[int, Any]:
        draft = read_draft(request.app.state.matrix, agency, body, tx)
        referred = await service.refer(tx, draft, agency, kit.keyring)
        return 201 if referred.is_new else 200, answer(referred, draft)

    return await in_turn(kit, caller, key, print_, work)


def read_draft(matrix: Matrix, agency: str, body: ReferralIn, tx: Tx) -> Draft:
    reader = reader_for(matrix, agency, korean_day(tx.now))
    values: dict[str, str] = body.model_dump(exclude={"score"}, exclude_none=True)
    if body.score:
        values |= {f"external_{name}": text for name, text in body.score.model_dump(exclude_none=True).items()}
    outcome = reader.read(cells_of(values))
    if isinstance(outcome, Draft):
        return outcome
    raise invalid([FieldError(_place(fault.field), fault.code, fault.ko, fault.en, fault.value) for fault in outcome])


def _place(field: str) -> str:
    """The place of a field in the request: a file's columns have no score to stand in."""
    return field.replace("external_", "score.")


@lru_cache(64)
def reader_for(matrix: Matrix, agency: str, on: date) -> Reader:
    """One reader per ministry and day: what it has looked up once it knows."""

    def find(name: str) -> str | None:
        programme = matrix.find(agency, name, on)
        return programme.id if programme else None

    return Reader(on, find, ", ".join(f"{p.ko}({p.id})" for p in matrix.of(agency, on) if p.channels) or "-")


def answer(referred: service.Referred, draft: Draft) -> dict[str, Any]:
    row = referred.row
    notes = draft.notes if referred.is_new else (AGAIN, *draft.notes)
    return {
        **shown.referral(row).model_dump(mode="json"),
        "company_known": referred.company_known,
        "other_referrals": [shown.briefly(other) for other in referred.others],
        "notes": [note.shown() for note in notes],
        "links": {
            "self": f"/v1/referrals/{row['referral_id']}",
            "company": f"/v1/companies/{draft.business_number}",
            "changes": "/v1/referrals",
        },
    }


class ReferralPage(BaseModel):
    """`next` goes into `after` of the next request, also after the last page: later changes come behind it."""

    items: list[shown.ReferralOut]
    next: str | None
    more: bool


Wanted = Annotated[str | None, Query(pattern=shown.PLAIN)]
Named = Annotated[str, Path(pattern=shown.PLAIN)]


@router.get("/referrals")
async def changes(
    tx: WriteTx,
    caller: Referrer,
    after: Annotated[str, Query(pattern=r"^[0-9]{0,18}$")] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    status: ReferralStatus | None = None,
    programme: Wanted = None,
    agency: Wanted = None,
    batch_id: Wanted = None,
) -> ReferralPage:
    """Referrals in the order of their last change. Without gaps: what changes later stands behind the cursor."""
    given = {"status": status, "programme": programme, "agency": agency, "batch_id": batch_id}
    filters = {name: value for name, value in given.items() if value}
    more = await store.number_changes(tx.conn)
    rows = await store.changed_since(tx.conn, caller.agency, int(after or 0), filters, limit + 1)
    items = [shown.referral(row) for row in rows[:limit]]
    last = items[-1].cursor if items else after or None
    return ReferralPage(items=items, next=last, more=more or len(rows) > limit)


@router.get("/referrals/{referral_id}")
async def read(referral_id: Named, conn: ReadConn, caller: Referrer) -> shown.ReferralOut:
    """One referral. Another ministry's does not exist for this caller."""
    row = await store.referral(conn, caller.agency, referral_id)
    if row is None:
        raise not_found("연계", "Referral")
    return shown.referral(row)


@router.get("/companies/{company}")
async def company(company: Named, conn: ReadConn, caller: Referrer) -> dict[str, Any]:
    """A company by its id or 사업자등록번호; a ministry sees those that it referred, as it told of them itself."""
    try:
        key = business_number.parse(company)
    except CodeError:
        key = company
    row = await store.company(conn, key)
    referred = await store.referrals_of(conn, caller.agency, row["business_number"]) if row else []
    if row is None or (caller.agency is not None and not referred):
        raise not_found("기업", "Company")
    profile = row["profile"] if caller.agency is None else service.told(referred).model_dump(mode="json")
    names = ("company_id", "version", "registered_at", "level", "confidence")
    return {
        **{name: row[name] for name in names},
        "profile": profile,
        "status": service.status_of(row),
        "referrals": [shown.briefly(one) for one in referred],
    }


@router.get("/programmes")
async def programmes(
    request: Request, caller: Referrer, on: date | None = None, agency: Wanted = None
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
