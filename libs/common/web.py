"""What the HTTP side of every service needs: transactions per request, health, dead letters."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import JSONResponse, Response

from libs.common import tables
from libs.common.bus import Delivery, Message
from libs.common.db import Tx
from libs.common.idempotency import _key
from libs.common.logs import redact
from libs.common.problems import Problem, not_found
from libs.common.security import OpsCaller

if TYPE_CHECKING:
    from libs.common.kit import Kit


async def _reading(request: Request) -> AsyncIterator[AsyncConnection]:
    async with request.app.state.kit.db.reading() as conn:
        yield conn


async def _writing(request: Request) -> AsyncIterator[Tx]:
    async with request.app.state.kit.db.transaction() as tx:
        yield tx


# scope="function" ends the transaction before the answer is sent: a failed commit is never a 200.
ReadConn = Annotated[AsyncConnection, Depends(_reading, scope="function")]
WriteTx = Annotated[Tx, Depends(_writing, scope="function")]
IdempotencyKey = Annotated[str, Depends(_key)]

health = APIRouter()
ops = APIRouter(tags=["ops"])


@health.get("/livez", include_in_schema=False)
async def live() -> Response:
    return Response(b'{"alive":true}', media_type="application/json")


@health.get("/readyz", include_in_schema=False)
async def ready(request: Request) -> Response:
    """What this process needs to do its work, each with its own answer."""
    kit: Kit = request.app.state.kit
    checks = await kit.checks()
    ok = all(checks.values())
    return JSONResponse({"ready": ok, "service": kit.name, "checks": checks}, 200 if ok else 503)


@health.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    for kit in request.app.state.kit.of_this_process():
        await kit.measure()
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _shown(row: Any) -> dict[str, Any]:
    """Without the payload, which may hold what an operator need not see."""
    hidden = ("value", "headers")
    shown = {name: value for name, value in row.items() if name not in hidden}
    return {**shown, "bytes": len(row["value"])}


@ops.get("/ops/{service}/status")
async def status(request: Request, service: str, conn: ReadConn, caller: OpsCaller) -> dict[str, Any]:
    """What an operator asks first: counts of what the service owns, outbox, lag, dead letters, readiness."""
    kit = _own(request, service)
    counts = await kit.counts(conn) if kit.counts else {}
    events = await kit.measure()
    return {"service": service, "as_of": kit.clock().isoformat(), "counts": counts, "events": events}


@ops.get("/ops/{service}/dead-letters")
async def dead_letters(
    request: Request, service: str, conn: ReadConn, caller: OpsCaller, status: str = "open", limit: int = 100
) -> dict[str, Any]:
    """Events that could not be handled, newest first, with their cause."""
    _own(request, service)
    table = tables.dead_letters
    chosen = select(table).where(table.c.status == status).order_by(table.c.failed_at.desc()).limit(min(limit, 1000))
    rows = (await conn.execute(chosen)).mappings().all()
    count = await conn.scalar(select(func.count()).select_from(table).where(table.c.status == status))
    return {"service": service, "status": status, "count": count, "items": [_shown(row) for row in rows]}


@ops.post("/ops/{service}/dead-letters/{event_id:path}/replay")
async def replay(request: Request, service: str, event_id: str, caller: OpsCaller) -> dict[str, Any]:
    """Handles the event again, exactly as it came. Its effect happens once, however often this is called."""
    kit = _own(request, service)
    async with kit.db.reading() as conn:
        row = await _open_letter(conn, event_id)
    headers = tuple((name, bytes.fromhex(value)) for name, value in row["headers"])
    message = Message(row["topic"], row["key"], row["value"], headers)
    try:
        await kit.consumer.replay(Delivery(message, row["partition"], row["position"]))
    except Exception as error:
        raise Problem(
            409,
            "still-failing",
            ko="다시 처리해도 실패합니다. 원인을 고친 뒤 다시 시도하세요.",
            en="It still fails. Try again once the cause is mended.",
            cause=redact(f"{type(error).__name__}: {error}")[:500],
        ) from error
    await _settle(kit, event_id, "replayed")
    return {"event_id": event_id, "status": "replayed"}


@ops.post("/ops/{service}/dead-letters/{event_id:path}/discard")
async def discard(request: Request, service: str, event_id: str, caller: OpsCaller) -> dict[str, Any]:
    """Puts the dead letter away for good; it stays readable under status=discarded."""
    kit = _own(request, service)
    async with kit.db.reading() as conn:
        await _open_letter(conn, event_id)
    await _settle(kit, event_id, "discarded")
    return {"event_id": event_id, "status": "discarded"}


def _own(request: Request, service: str) -> "Kit":
    kit: Kit = request.app.state.kit
    if service != kit.name:
        raise not_found("서비스", "Service")
    return kit


async def _open_letter(conn: AsyncConnection, event_id: str) -> Any:
    table = tables.dead_letters
    row = (await conn.execute(select(table).where(table.c.event_id == event_id))).mappings().one_or_none()
    if row is None:
        raise not_found("처리하지 못한 이벤트", "Dead letter")
    if row["status"] != "open":
        ko, en = "이미 처리된 이벤트입니다.", "This dead letter is already settled."
        raise Problem(409, "already-settled", ko=ko, en=en, state=row["status"])
    return row


async def _settle(kit: "Kit", event_id: str, status: str) -> None:
    table = tables.dead_letters
    async with kit.db.transaction() as tx:
        await tx.conn.execute(
            update(table).where(table.c.event_id == event_id).values(status=status, settled_at=tx.now)
        )
