"""The policy workbench over HTTP: propose, look at, try, approve, activate, roll back."""

import json
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field, StrictBool
from starlette.responses import Response

from libs.common.idempotency import fingerprint, once
from libs.common.kit import Kit
from libs.common.problems import FieldError, invalid, not_found
from libs.common.security import Caller, requires
from libs.common.web import IdempotencyKey, ReadConn, WriteTx
from libs.reference.calendar import korean_day
from services.subsidy import store
from services.subsidy.api.desk import Desk
from services.subsidy.api.question import Day
from services.subsidy.loading import register
from services.subsidy.service import shadow, views, workbench

router = APIRouter(prefix="/v1/policy-versions", tags=["policy-versions"])
requotes = APIRouter(prefix="/v1/requotes", tags=["policy-versions"])

Reads = Annotated[Caller, Depends(requires("policies:read"))]
Writes = Annotated[Caller, Depends(requires("policies:write"))]
Approves = Annotated[Caller, Depends(requires("policies:approve"))]
Name = Annotated[str, Path(max_length=100, pattern=r"^[^\x00]+$")]
Words = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*\S[^\x00]*$")]
Key = Annotated[str, Field(max_length=100, pattern=r"^[^\x00]+$")]
Won = Annotated[int, Field(strict=True, ge=0, le=10**15)]


def _kit(request: Request) -> Kit:
    kit: Kit = request.app.state.kit
    return kit


KitHere = Annotated[Kit, Depends(_kit)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ProposalIn(_In):
    """`changes` is parameter id → its whole document, or null to remove it; without `base` they are changes of the
    edition in force today (KST)."""

    label: Key
    base: Key | None = None
    changes: dict[Key, Any] = Field(min_length=1, max_length=500)
    reason: Words


class ShadowIn(_In):
    """Without `on` each request keeps its own day. `budget` is programme → won; without it the register's."""

    on: Day | None = None
    limit: Annotated[int, Field(strict=True, ge=1, le=10**9)] | None = None
    budget: dict[Key, Won] | None = None


class ReasonIn(_In):
    reason: Words


class ActivationIn(_In):
    """A day before today (KST) needs `retroactive` and a reason."""

    effective_on: Day
    retroactive: StrictBool = False
    reason: Words | None = None


class RollbackIn(_In):
    """Without `to` it is the version that the last activation replaced; where that was a rollback, `to` is needed."""

    effective_on: Day
    to: Key | None = None
    retroactive: StrictBool = False
    reason: Words


class ActivationOut(BaseModel):
    """`cancels` are earlier activations, by `seq`, that were still to come and now will not."""

    seq: int
    policy_version: str
    effective_on: date
    at: datetime
    requote_id: str
    cancels: list[int]


class RequoteOut(BaseModel):
    """`status` is waiting, running, done, or replaced by a later activation; counted in companies."""

    requote_id: str
    activation: int
    policy_version: str
    due_on: date
    status: str
    total: int
    done: int
    changed: int
    started_at: datetime | None
    finished_at: datetime | None


async def _print(request: Request) -> str:
    return fingerprint(request.method, request.url.path, await request.body())


def _once_each(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object that says nothing twice: of two values for one day the reader would keep one, and tell nobody."""
    found = dict(members)
    if len(found) < len(members):
        names = [name for name, _ in members]
        twice = next(name for name in names if names.count(name) > 1)
        ko, en = "같은 항목이 두 번 있습니다.", "The same key stands twice."
        raise invalid([FieldError("changes", "key-twice", ko, en, twice)])
    return found


@router.post("", status_code=201)
async def propose(
    body: ProposalIn, request: Request, tx: WriteTx, desk: Desk, key: IdempotencyKey, caller: Writes
) -> Response:
    """Stores a proposal: the base with these changes, as a whole edition. The same content is the same version."""
    json.loads(await request.body(), object_pairs_hook=_once_each)

    async def work() -> tuple[int, Any]:
        version = await workbench.propose(tx, desk, caller.client_id, body.label, body.base, body.changes, body.reason)
        return 201, await views.version(tx.conn, desk, version)

    return await once(tx, caller, key, await _print(request), work)


@router.get("")
async def versions(conn: ReadConn, desk: Desk, kit: KitHere, caller: Reads) -> dict[str, Any]:
    """The base and every proposal, newest first, and every activation."""
    return await views.versions(conn, desk, korean_day(kit.clock()))


@router.post("/rollback", status_code=201, response_model=ActivationOut)
async def roll_back(
    body: RollbackIn, request: Request, tx: WriteTx, desk: Desk, key: IdempotencyKey, caller: Approves
) -> Response:
    """From a day on an older version applies again; one more activation, the history stays."""

    async def work() -> tuple[int, Any]:
        when = (body.effective_on, body.retroactive, body.reason)
        return 201, (await workbench.roll_back(tx, desk, body.to, caller.client_id, *when))._asdict()

    return await once(tx, caller, key, await _print(request), work)


@router.get("/{version}")
async def read(version: Name, conn: ReadConn, desk: Desk, kit: KitHere, caller: Reads) -> dict[str, Any]:
    """One version: its steps, what it changes, its findings, shadow runs and activations."""
    shown = await views.version(conn, desk, version)
    found = await workbench.findings(conn, desk, version, korean_day(kit.clock()))
    return shown | {"lint": [asdict(one) for one in found]}


@router.get("/{version}/lint")
async def lint(version: Name, conn: ReadConn, desk: Desk, kit: KitHere, caller: Reads) -> dict[str, Any]:
    """What is wrong or worth knowing; errors keep it from being approved."""
    found = await workbench.findings(conn, desk, version, korean_day(kit.clock()))
    errors = sum(one.severity == "error" for one in found)
    head = {"policy_version": version, "errors": errors, "warnings": len(found) - errors}
    return head | {"findings": [asdict(one) for one in found]}


@router.post("/{version}/shadow-runs", status_code=202)
async def start_shadow_run(
    version: Name, body: ShadowIn, request: Request, tx: WriteTx, desk: Desk, key: IdempotencyKey, caller: Writes
) -> Response:
    """Stored real requests are priced by this version in the background; nothing of them changes."""
    budgets = body.budget
    if budgets is None:
        budgets = {quota.programme: quota.amount for quota in register().quotas() if quota.measure == "won"}

    async def work() -> tuple[int, Any]:
        run_id = await shadow.start(tx, desk, version, caller.client_id, body.on, body.limit, budgets)
        return 202, await views.shadow_run(tx.conn, version, run_id)

    return await once(tx, caller, key, await _print(request), work)


@router.get("/{version}/shadow-runs/{run_id}")
async def shadow_run(version: Name, run_id: Name, conn: ReadConn, caller: Reads) -> dict[str, Any]:
    """How far a shadow run is, and what it has found so far."""
    return await views.shadow_run(conn, version, run_id)


@router.post("/{version}/approve")
async def approve(version: Name, desk: Desk, kit: KitHere, caller: Approves) -> dict[str, Any]:
    """Approval by a client that had no part in the version. Lint errors block it."""
    async with kit.db.reading() as conn:
        found = await workbench.findings(conn, desk, version, korean_day(kit.clock()))
    async with kit.db.transaction() as tx:
        await workbench.approve(tx, version, caller.client_id, found)
        return await views.version(tx.conn, desk, version)


@router.get("/{version}/documents")
async def documents(version: Name, conn: ReadConn, desk: Desk, caller: Reads) -> dict[str, Any]:
    """The whole edition: label, and parameter id → content as in its file."""
    return await views.documents(conn, desk, version)


@router.post("/{version}/reject")
async def reject(version: Name, body: ReasonIn, tx: WriteTx, desk: Desk, caller: Approves) -> dict[str, Any]:
    """Rejection, with the reason. The same content can be proposed again."""
    await workbench.reject(tx, desk, version, caller.client_id, body.reason)
    return await views.version(tx.conn, desk, version)


@router.post("/{version}/activate", status_code=201, response_model=ActivationOut)
async def activate(
    version: Name, body: ActivationIn, request: Request, tx: WriteTx, desk: Desk, key: IdempotencyKey, caller: Approves
) -> Response:
    """From a day on quotes are by this version; open recommendations are priced again on that day."""

    async def work() -> tuple[int, Any]:
        when = (body.effective_on, body.retroactive, body.reason)
        return 201, (await workbench.activate(tx, desk, version, caller.client_id, *when))._asdict()

    return await once(tx, caller, key, await _print(request), work)


@requotes.get("")
async def all_requotes(conn: ReadConn, caller: Reads) -> list[RequoteOut]:
    """Every requote, the newest activation first."""
    return [RequoteOut(**row) for row in await store.requotes.all_requotes(conn)]


@requotes.get("/{requote_id}")
async def requote(requote_id: Name, conn: ReadConn, caller: Reads) -> RequoteOut:
    """How far the lists of all companies have followed an activation."""
    row = await store.requotes.requote(conn, requote_id)
    if row is None:
        raise not_found("재견적", "Requote")
    return RequoteOut(**row)
