"""A ministry's webhook: where it listens, what was sent, sending again."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from libs.common.db import Tx
from libs.common.kit import Kit
from libs.common.problems import FieldError, Problem, invalid, not_found
from libs.common.security import Caller, requires
from libs.common.web import ReadConn, WriteTx
from services.interagency import outbound, webhooks
from services.interagency.api.shown import PLAIN, partner

router = APIRouter(prefix="/v1/webhook", tags=["webhook"])
Manager = Annotated[Caller, Depends(requires("webhooks:manage"))]


class EndpointIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: str = Field(max_length=2000, description="https address that takes POST and answers 2xx within 10 seconds")


class EndpointOut(BaseModel):
    """`secret` is shown once, when it is made; signatures follow Standard Webhooks."""

    url: str
    event: str = webhooks.EVENT
    disabled: bool
    changed_at: datetime
    secret: str | None = None


class DeliveryOut(BaseModel):
    """One webhook and how sending it went. `last_error` is for the partner to mend its receiver."""

    delivery_id: str
    referral_id: str
    sequence: int
    status: Literal["pending", "delivered", "failed"]
    attempts: int
    next_at: datetime | None
    last_status: int | None
    last_error: str | None
    created_at: datetime
    settled_at: datetime | None


@router.put("")
async def put(request: Request, body: EndpointIn, caller: Manager, tx: WriteTx) -> EndpointOut:
    """Sets the ministry's endpoint; gives a new secret."""
    agency = partner(caller)
    kit: Kit = request.app.state.kit
    fault = outbound.fault_of(body.url, kit.settings.webhook_hosts)
    if fault:
        raise invalid([FieldError("url", "unsafe-url", *fault, body.url[:200])])
    return await _save(tx, kit, agency, body.url, old_secret=None)


@router.post("/rotate")
async def rotate(request: Request, caller: Manager, tx: WriteTx) -> EndpointOut:
    """Gives a new secret; until the next change both the old and the new one sign."""
    agency = partner(caller)
    row = await _endpoint(tx.conn, agency)
    kit: Kit = request.app.state.kit
    return await _save(tx, kit, agency, row["url"], old_secret=row["secret"])


@router.get("")
async def read(conn: ReadConn, caller: Manager) -> EndpointOut:
    row = await _endpoint(conn, partner(caller))
    return EndpointOut(url=row["url"], disabled=bool(row["disabled"]), changed_at=row["changed_at"])


@router.delete("", status_code=204)
async def remove(caller: Manager, tx: WriteTx) -> Response:
    """Stops webhooks; what is pending will not be sent."""
    agency = partner(caller)
    await _endpoint(tx.conn, agency)
    await webhooks.remove_endpoint(tx, agency)
    return Response(status_code=204)


@router.get("/deliveries")
async def deliveries(
    conn: ReadConn,
    caller: Manager,
    status: Literal["pending", "delivered", "failed"] | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[DeliveryOut]:
    """What was sent in the last 90 days, newest first, with the last outcome."""
    rows = await webhooks.log(conn, partner(caller), status, limit)
    return [_shown(row) for row in rows]


@router.post("/deliveries/{delivery_id}/replay")
async def replay(delivery_id: Annotated[str, Path(pattern=PLAIN)], caller: Manager, tx: WriteTx) -> DeliveryOut:
    """Sends it again now, under the same id, so that a receiver may recognise it."""
    agency = partner(caller)
    await _endpoint(tx.conn, agency)
    replayed = await webhooks.replay(tx, agency, delivery_id)
    if replayed is None:
        if await webhooks.delivery(tx.conn, agency, delivery_id) is None:
            raise not_found("웹훅", "Delivery")
        raise Problem(409, "already-pending", ko="이미 보내는 중입니다.", en="It is being sent already.")
    return _shown(replayed)


async def _endpoint(conn: AsyncConnection, agency: str) -> RowMapping:
    row = await webhooks.endpoint(conn, agency)
    if row is None:
        raise not_found("웹훅 주소", "Webhook endpoint")
    return row


async def _save(tx: Tx, kit: Kit, agency: str, url: str, old_secret: bytes | None) -> EndpointOut:
    secret = await webhooks.save_endpoint(tx, kit.keyring, agency, url, old_secret)
    return EndpointOut(url=url, disabled=False, changed_at=tx.now, secret=secret)


def _shown(row: RowMapping) -> DeliveryOut:
    shown = {name: row[name] for name in DeliveryOut.model_fields}
    return DeliveryOut(**{**shown, "next_at": row["next_at"] if row["status"] == "pending" else None})
