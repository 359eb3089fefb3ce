"""Reservations of places and money, and the quotas that they draw on."""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from libs.common.db import Tx
from libs.common.idempotency import fingerprint, once
from libs.common.kit import Kit
from libs.common.problems import Problem, not_found
from libs.common.security import Caller, requires
from libs.common.web import IdempotencyKey, ReadConn, WriteTx
from services.subsidy import service, store
from services.subsidy.api.desk import Desk
from services.subsidy.loading import register
from services.subsidy.service import ledger as desk
from services.subsidy.store import ledger as kept

router = APIRouter(tags=["reservations"])

Reads = Annotated[Caller, Depends(requires("reservations:read"))]
Writes = Annotated[Caller, Depends(requires("reservations:write"))]
Sets = Annotated[Caller, Depends(requires("quotas:write"))]
Name = Annotated[str, Path(max_length=100, pattern=r"^[^\x00]+$")]
Text = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*\S[^\x00]*$")]
Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00]*\S[^\x00]*$")]
Programme = Annotated[str, Field(pattern=r"^P([1-9]|1\d|2[0-8])$")]
Measure = Literal["firms", "people", "won"]
_MAX = 10**15
_RESIDENT_NUMBER = re.compile(r"\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])-?[1-8]\d{6}")


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ReservationIn(_In):
    """For one company or one learner (가명); people and won are those of the quote."""

    quote_id: Id
    company_id: Id | None = None
    learner: Id | None = None
    days: int = Field(desk.DAYS, ge=1, le=60, strict=True)
    wait: bool = False


class ConfirmIn(_In):
    reason: Text | None = None


class SettleIn(_In):
    completed_people: int = Field(ge=0, le=_MAX, strict=True)
    reason: Text | None = None


class ReleaseIn(_In):
    reason: Text


class ClawBackIn(_In):
    won: int = Field(ge=1, le=_MAX, strict=True)
    reason: Text


class GrantIn(_In):
    granted: int = Field(ge=0, le=_MAX, strict=True)
    reason: Text


class StepOut(BaseModel):
    step: str
    status: str
    version: int
    amount: int | None
    reason: str | None
    actor: str
    at: datetime


class LineOut(BaseModel):
    """One line of the ledger: `taken` is the difference, `taken_after` the balance after it."""

    quota_id: str
    number: int
    kind: str
    taken: int
    taken_after: int
    granted_after: int
    reason: str | None
    actor: str
    at: datetime


class ReservationOut(BaseModel):
    """`firms`, `people` and `won` are what it holds now; `position` counts from 1 on the waiting list."""

    reservation_id: str
    cursor: str
    quote_id: str
    company_id: str | None
    learner: str | None
    programme: str
    year: int
    status: str
    firms: int
    people: int
    won: int
    asked_people: int
    asked_won: int
    expires_at: datetime | None
    version: int
    made_at: datetime
    changed_at: datetime
    position: int | None = None


class ReservationFull(ReservationOut):
    steps: list[StepOut]
    ledger: list[LineOut]


class Page(BaseModel):
    items: list[ReservationOut]
    next: str | None


class QuotaOut(BaseModel):
    """`taken` is held or paid now; `reserved` … `clawed_back` are what the steps of each kind added up to."""

    quota_id: str
    programme: str
    year: int
    measure: str
    granted: int
    taken: int
    left: int
    by_kind: dict[str, int]


async def _dead_gone(request: Request) -> None:
    """What nobody confirmed in time makes room first, in a transaction of its own: a refusal must not undo it, or the
    next request had it all to do again."""
    kit: Kit = request.app.state.kit
    async with kit.db.reading() as conn:
        due = await kept.due_programmes(conn, kit.clock())
    if due:
        async with kit.db.transaction() as tx:
            await desk.expire_overdue(tx)


@router.post("/v1/reservations", status_code=201, response_model=ReservationOut)
async def reserve(
    body: ReservationIn,
    request: Request,
    caller: Writes,
    _: Annotated[None, Depends(_dead_gone)],
    tx: WriteTx,
    policy: Desk,
    key: IdempotencyKey,
) -> Response:
    """Takes places and money for a stored quote; with `wait` joins the waiting list where nothing is left.

    The quote must still be what its day's policy gives: a price of a policy that was replaced is refused."""
    _national(caller)

    async def work() -> tuple[int, Any]:
        wish = await _wish(tx.conn, policy, body)
        row = await desk.reserve(tx, wish, caller.client_id)
        return 201, await _shown(tx.conn, row)

    return await once(tx, caller, key, await _print(request), work)


@router.get("/v1/reservations")
async def reservations(
    conn: ReadConn,
    caller: Reads,
    programme: Programme | None = None,
    status: Annotated[str | None, Query(max_length=20)] = None,
    company_id: Annotated[str | None, Query(max_length=64)] = None,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page:
    """Reservations in the order in which they were made; `after` takes the last `cursor`."""
    _national(caller)
    filters = {"programme": programme, "status": status, "company_id": company_id}
    rows = await kept.reservation_page(conn, filters, after, limit)
    items = [ReservationOut(**await _shown(conn, row)) for row in rows]
    return Page(items=items, next=items[-1].cursor if len(items) == limit else None)


@router.get("/v1/reservations/{reservation_id}")
async def reservation(reservation_id: Name, conn: ReadConn, caller: Reads) -> ReservationFull:
    """A reservation with every step it went and every line of the ledger it caused."""
    _national(caller)
    row = await kept.reservation(conn, reservation_id)
    if row is None:
        raise not_found("예약", "Reservation")
    steps = [StepOut(**_of(StepOut, step)) for step in await kept.history(conn, reservation_id)]
    lines = [LineOut(**_of(LineOut, line)) for line in await kept.lines_of(conn, reservation_id)]
    return ReservationFull(**await _shown(conn, row), steps=steps, ledger=lines)


@router.post("/v1/reservations/{reservation_id}/confirm", response_model=ReservationOut)
async def confirm(
    reservation_id: Name, body: ConfirmIn, request: Request, tx: WriteTx, key: IdempotencyKey, caller: Writes
) -> Response:
    """The training begins: the reservation no longer expires."""
    return await _step(
        tx, request, key, caller, lambda: desk.confirm(tx, reservation_id, caller.client_id, body.reason)
    )  # fmt: skip


@router.post("/v1/reservations/{reservation_id}/settle", response_model=ReservationOut)
async def settle(
    reservation_id: Name, body: SettleIn, request: Request, tx: WriteTx, key: IdempotencyKey, caller: Writes
) -> Response:
    """Pays for those who completed; the rest goes back."""
    people, reason = body.completed_people, body.reason
    return await _step(
        tx, request, key, caller, lambda: desk.settle(tx, reservation_id, people, caller.client_id, reason)
    )  # fmt: skip


@router.post("/v1/reservations/{reservation_id}/release", response_model=ReservationOut)
async def release(
    reservation_id: Name, body: ReleaseIn, request: Request, tx: WriteTx, key: IdempotencyKey, caller: Writes
) -> Response:
    """Gives everything back."""
    return await _step(
        tx, request, key, caller, lambda: desk.release(tx, reservation_id, body.reason, caller.client_id)
    )  # fmt: skip


@router.post("/v1/reservations/{reservation_id}/claw-back", response_model=ReservationOut)
async def claw_back(
    reservation_id: Name, body: ClawBackIn, request: Request, tx: WriteTx, key: IdempotencyKey, caller: Writes
) -> Response:
    """Takes paid money back, in whole or in part."""
    return await _step(
        tx, request, key, caller, lambda: desk.claw_back(tx, reservation_id, body.won, body.reason, caller.client_id)
    )  # fmt: skip


@router.get("/v1/quotas")
async def quotas(
    conn: ReadConn,
    caller: Reads,
    programme: Programme | None = None,
    year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
) -> list[QuotaOut]:
    """What each quota grants, what is taken and what is left."""
    _national(caller)
    return [QuotaOut(**quota) for quota in await desk.quota_table(conn, programme, year)]


@router.put("/v1/quotas/{programme}/{year}/{measure}", response_model=list[QuotaOut])
async def grant(
    programme: Annotated[str, Path(pattern=r"^P([1-9]|1\d|2[0-8])$")],
    year: Annotated[int, Path(ge=2000, le=2100)],
    measure: Measure,
    body: GrantIn,
    request: Request,
    tx: WriteTx,
    key: IdempotencyKey,
    caller: Sets,
) -> Response:
    """Sets what a quota grants; the difference is a line of the ledger with its reason."""
    _national(caller)

    async def work() -> tuple[int, Any]:
        await desk.grant(tx, programme, year, measure, body.granted, body.reason, caller.client_id)
        return 200, await desk.quota_table(tx.conn, programme, year)

    return await once(tx, caller, key, await _print(request), work)


@router.post("/v1/quotas/from-register", response_model=list[QuotaOut])
async def from_register(request: Request, tx: WriteTx, key: IdempotencyKey, caller: Sets) -> Response:
    """Quotas of the plan's own targets and budgets, where nobody has set them yet."""
    _national(caller)

    async def work() -> tuple[int, Any]:
        await desk.grant_from_register(tx, register().quotas(), caller.client_id)
        return 200, await desk.quota_table(tx.conn, None, None)

    return await once(tx, caller, key, await _print(request), work)


def _national(caller: Caller) -> None:
    if caller.agency is not None:
        ko = "예약과 정원은 국가 시스템만 다룹니다. 기관은 연계 조회(/v1/referrals)에서 자기 기업의 진행을 봅니다."
        en = "Reservations and quotas are for national clients; agencies see their companies under /v1/referrals."
        raise Problem(403, "national-clients-only", ko=ko, en=en)


async def _print(request: Request) -> str:
    return fingerprint(request.method, request.url.path, await request.body())


async def _step(
    tx: Tx, request: Request, key: str, caller: Caller, act: Callable[[], Awaitable[Mapping[str, Any]]]
) -> Response:
    _national(caller)

    async def work() -> tuple[int, Any]:
        return 200, await _shown(tx.conn, await act())

    return await once(tx, caller, key, await _print(request), work)


async def _wish(conn: AsyncConnection, policy: Desk, body: ReservationIn) -> desk.Wish:
    if (body.company_id is None) == (body.learner is None):
        ko, en = "company_id와 learner 가운데 하나만 적어 주세요.", "State either company_id or learner."
        raise Problem(422, "one-applicant", ko=ko, en=en)
    if body.learner is not None and _RESIDENT_NUMBER.fullmatch(body.learner.strip()):
        ko, en = "주민등록번호는 받지 않습니다. 가명 번호를 적어 주세요.", "No resident numbers; send a pseudonym."
        raise Problem(422, "resident-number", ko=ko, en=en)
    quote = await store.quote(conn, body.quote_id)
    if quote is None:
        raise not_found("견적", "Quote")
    if quote["outcome"] != "quoted":
        ko, en = "가격이 없는 견적은 예약할 수 없습니다.", "A quote without a price cannot be reserved."
        raise Problem(422, "quote-without-price", ko=ko, en=en, outcome=quote["outcome"])
    if quote["company_id"] is not None and body.company_id != quote["company_id"]:
        ko, en = "이 견적은 다른 기업의 것입니다.", "The quote belongs to another company."
        raise Problem(422, "quote-of-another", ko=ko, en=en)
    now = await service.support_now(conn, policy, quote)
    if now != quote["support"]:
        ko = "견적 뒤에 정책이 바뀌어 지원금이 달라집니다. 견적을 다시 받아 예약해 주세요."
        en = "The policy has changed since, and with it the support. Ask for a new quote and reserve that."
        raise Problem(409, "quote-outdated", ko=ko, en=en, quoted=quote["support"], now=now)
    facts, applied_on = quote["facts"], quote["applied_on"]
    assert isinstance(applied_on, date)
    return desk.Wish(
        quote_id=body.quote_id,
        company_id=body.company_id,
        learner=body.learner,
        programme=facts["programme"],
        year=applied_on.year,
        people=facts["people"],
        won=quote["support"],
        days=body.days,
        wait=body.wait,
    )


async def _shown(conn: AsyncConnection, row: Mapping[str, Any]) -> dict[str, Any]:
    shown = _of(ReservationOut, row) | {"cursor": str(row["number"])}
    if row["status"] == "waiting":
        shown["position"] = 1 + await kept.ahead(conn, row)
    return shown


def _of(model: type[BaseModel], row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in model.model_fields if name in row}
