"""Telling partners by signed webhook (Standard Webhooks): written with the change, sent until it arrives.

A delivery is a row in the transaction of the status change. A worker leases due rows, sends them, and
notes the outcome; the next of a referral waits until the one before it is settled.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import orjson
import structlog
from sqlalchemy import and_, exists, or_, select, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection
from standardwebhooks import Webhook

from libs.common.crypto import Keyring
from libs.common.db import Database, Tx
from libs.common.rows import insert_rows
from services.interagency import store
from services.interagency.outbound import Answer, Refused

BACKOFF = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000)
"""Seconds before each further attempt, as Standard Webhooks recommends; after the last the delivery has failed."""

LEASE = timedelta(seconds=60)
_BATCH = 20
_log = structlog.get_logger()

Post = Callable[[str, bytes, dict[str, str]], Awaitable[Answer]]


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
        "type": "referral.status-changed",
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


class Sender:
    """Sends what is due. `post` sends one request; `backoff` are seconds between attempts."""

    def __init__(self, db: Database, keyring: Keyring, post: Post, backoff: Sequence[float] = BACKOFF) -> None:
        self._db, self._keyring, self._post, self._backoff = db, keyring, post, tuple(backoff)

    async def send_due(self) -> int:
        """Leases and sends one batch; gives how many were tried."""
        async with self._db.transaction() as tx:
            rows = await _lease(tx)
        await asyncio.gather(*(self._send(row) for row in rows))
        return len(rows)

    async def _send(self, row: RowMapping) -> None:
        headers = self._headers(row)
        try:
            answer = await self._post(row["url"], row["body"].encode(), headers)
            status, error = answer.status, None
        except Refused as refused:
            status, error = None, str(refused)
        async with self._db.transaction() as tx:
            await self._note(tx, row, status, error)

    def _headers(self, row: RowMapping) -> dict[str, str]:
        now = self._db.clock()
        sealed = [secret for secret in (row["secret"], row["old_secret"]) if secret]
        secrets = [self._keyring.open(secret, secret_place(row["agency"])) for secret in sealed]
        signatures = [Webhook(secret).sign(row["delivery_id"], now, row["body"]) for secret in secrets]
        return {
            "Content-Type": "application/json",
            "User-Agent": "ieum-webhooks/1",
            "webhook-id": row["delivery_id"],
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

    async def _note(self, tx: Tx, row: RowMapping, status: int | None, error: str | None) -> None:
        attempts = row["attempts"] + 1
        change: dict[str, Any] = {
            "attempts": attempts,
            "last_status": status,
            "last_error": error,
            "leased_until": None,
        }
        if status is not None and 200 <= status < 300:
            change |= {"status": "delivered", "settled_at": tx.now}
        elif status == 410 or attempts > len(self._backoff):
            change |= {"status": "failed", "settled_at": tx.now}
        else:
            change["next_at"] = tx.now + timedelta(seconds=self._backoff[attempts - 1])
        d = store.deliveries.c
        await tx.conn.execute(update(store.deliveries).where(d.delivery_id == row["delivery_id"]).values(change))
        if status == 410:
            # 410 Gone is how a receiver says: stop. The partner sees it at the endpoint and may put it anew.
            e = store.endpoints.c
            await tx.conn.execute(
                update(store.endpoints).where(e.agency == row["agency"], e.url == row["url"]).values(disabled=1)
            )
        if change.get("status") != "delivered":
            _log.warning("webhook not delivered", agency=row["agency"], attempts=attempts, status=status, error=error)


async def _lease(tx: Tx) -> Sequence[RowMapping]:
    """Due deliveries, each the oldest unsettled one of its referral, held for this worker."""
    d, e = store.deliveries.c, store.endpoints.c
    earlier = store.deliveries.alias("earlier")
    waits = exists().where(
        earlier.c.referral_id == d.referral_id, earlier.c.sequence < d.sequence, earlier.c.status == "pending"
    )
    free = or_(d.leased_until.is_(None), d.leased_until < tx.now)
    due = and_(d.status == "pending", d.next_at <= tx.now, free, e.disabled == 0, ~waits)
    joined = store.deliveries.join(store.endpoints, e.agency == d.agency)
    chosen = select(store.deliveries, e.url, e.secret, e.old_secret).select_from(joined).where(due)
    chosen = chosen.order_by(d.next_at).limit(_BATCH).with_for_update(of=store.deliveries, skip_locked=True)
    rows = (await tx.conn.execute(chosen)).mappings().all()
    ids = [row["delivery_id"] for row in rows]
    if ids:
        held = update(store.deliveries).where(d.delivery_id.in_(ids)).values(leased_until=tx.now + LEASE)
        await tx.conn.execute(held)
    return rows


async def log(conn: AsyncConnection, agency: str, status: str | None, limit: int) -> Sequence[RowMapping]:
    d = store.deliveries.c
    chosen = select(store.deliveries).where(d.agency == agency)
    if status:
        chosen = chosen.where(d.status == status)
    newest_first = chosen.order_by(d.created_at.desc(), d.delivery_id.desc()).limit(limit)
    return (await conn.execute(newest_first)).mappings().all()
