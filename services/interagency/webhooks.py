"""Telling partners by webhook: where they listen, what is said, what was sent and may be sent again.

A delivery is a row in the transaction of the status change; `sender` sends it.
"""

import base64
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import delete, select, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.crypto import Keyring
from libs.common.db import Tx
from libs.common.rows import insert_rows, upsert_rows
from services.interagency import store

EVENT = "referral.status-changed"


def secret_place(agency: str) -> str:
    return f"webhook_endpoints|secret|{agency}"


async def enqueue(tx: Tx, changes: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
    """A delivery for each changed referral whose agency has an endpoint. `changes` are (referral, company)."""
    agencies = {referral["agency"] for referral, _ in changes}
    e = store.endpoints.c
    chosen = select(e.agency).where(e.agency.in_(agencies), e.disabled == 0)
    listening = {row[0] for row in await tx.conn.execute(chosen)}
    rows = [_row(tx, referral, company) for referral, company in changes if referral["agency"] in listening]
    await insert_rows(tx.conn, store.deliveries, rows)
    if rows:
        tx.signal("webhooks", "due")


def _row(tx: Tx, referral: Mapping[str, Any], company: Mapping[str, Any]) -> dict[str, Any]:
    body = {
        "type": EVENT,
        "timestamp": tx.now.isoformat(),
        "data": {
            "referral_id": referral["referral_id"],
            "sequence": referral["sequence"],
            "programme": referral["programme"],
            "business_number": referral["business_number"],
            "status": referral["status"],
            "level": company["level"],
            "provisional": bool(company["provisional"]),
            "changed_at": tx.now.isoformat(),
        },
    }
    return {
        "delivery_id": f"msg_{tx.new_id()}",
        "agency": referral["agency"],
        "referral_id": referral["referral_id"],
        "sequence": referral["sequence"],
        "body": orjson.dumps(body).decode(),
        "status": "pending",
        "attempts": 0,
        "next_at": tx.now,
        "created_at": tx.now,
    }


async def endpoint(conn: AsyncConnection, agency: str) -> RowMapping | None:
    found = await conn.execute(select(store.endpoints).where(store.endpoints.c.agency == agency))
    return found.mappings().one_or_none()


async def save_endpoint(tx: Tx, keyring: Keyring, agency: str, url: str, old_secret: bytes | None) -> str:
    """Sets where the agency listens, and gives the new secret. `old_secret`, sealed, goes on signing beside it."""
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    row = {
        "agency": agency,
        "url": url,
        "secret": keyring.seal(secret, secret_place(agency)),
        "old_secret": old_secret,
        "disabled": 0,
        "changed_at": tx.now,
    }
    await upsert_rows(tx.conn, store.endpoints, [row], key="agency")
    tx.signal("webhooks", "due")
    return secret


async def remove_endpoint(tx: Tx, agency: str) -> None:
    """Nothing more is sent: what waits has failed, and may be replayed to a later endpoint."""
    await tx.conn.execute(delete(store.endpoints).where(store.endpoints.c.agency == agency))
    d = store.deliveries.c
    waiting = update(store.deliveries).where(d.agency == agency, d.status == "pending")
    await tx.conn.execute(waiting.values(status="failed", last_error="endpoint removed", settled_at=tx.now))


async def log(conn: AsyncConnection, agency: str, status: str | None, limit: int) -> Sequence[RowMapping]:
    d = store.deliveries.c
    chosen = select(store.deliveries).where(d.agency == agency)
    if status:
        chosen = chosen.where(d.status == status)
    newest_first = chosen.order_by(d.created_at.desc(), d.delivery_id.desc()).limit(limit)
    return (await conn.execute(newest_first)).mappings().all()


async def delivery(conn: AsyncConnection, agency: str, delivery_id: str) -> RowMapping | None:
    d = store.deliveries.c
    found = await conn.execute(select(store.deliveries).where(d.delivery_id == delivery_id, d.agency == agency))
    return found.mappings().one_or_none()


async def replay(tx: Tx, agency: str, delivery_id: str) -> RowMapping | None:
    """Makes a settled delivery due again, under the same id; None if it is not there or not settled."""
    d = store.deliveries.c
    again = update(store.deliveries).where(d.delivery_id == delivery_id, d.agency == agency, d.status != "pending")
    again = again.values(status="pending", attempts=0, next_at=tx.now, settled_at=None, leased_until=None)
    tx.signal("webhooks", "due")
    replayed: RowMapping | None = (await tx.conn.execute(again.returning(store.deliveries))).mappings().one_or_none()
    return replayed
