"""Sends webhooks (Standard Webhooks) until they arrive.

A worker leases due rows, sends them, and notes the outcome; the next of a referral waits until the one before it is
settled. Each ministry has its own queue, so that a slow receiver delays nobody else.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, and_, delete, exists, or_, select, update
from sqlalchemy.engine import RowMapping
from standardwebhooks import Webhook

from libs.common.crypto import Keyring, SealBroken
from libs.common.db import Database, Tx
from services.interagency import store
from services.interagency.outbound import Answer, Refused
from services.interagency.webhooks import secret_place

BACKOFF = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000)
"""Seconds before each further attempt, as Standard Webhooks recommends; after the last the delivery has failed."""

LEASE = timedelta(seconds=60)
KEEP = timedelta(days=90)
"""How long a settled delivery can be read and replayed."""
_BATCH = 20
_PRUNE_EVERY = timedelta(hours=1)
_PRUNED_AT_ONCE = 1000
_log = structlog.get_logger()

Post = Callable[[str, bytes, dict[str, str]], Awaitable[Answer]]


class Sender:
    """Sends what is due. `post` sends one request; `backoff` are seconds between attempts."""

    def __init__(self, db: Database, keyring: Keyring, post: Post, backoff: Sequence[float] = BACKOFF) -> None:
        self._db, self._keyring, self._post, self._backoff = db, keyring, post, tuple(backoff)
        self._pruned_at: datetime | None = None

    async def serve(self, due: asyncio.Event, idle: float) -> None:
        """Sends for ever: at once when `due` is set, else after `idle` seconds."""
        busy: set[str] = set()
        async with asyncio.TaskGroup() as group:
            while True:
                due.clear()
                for agency in await self.waiting():
                    if agency not in busy:
                        busy.add(agency)
                        group.create_task(self._empty(agency, busy))
                await self.prune()
                with suppress(TimeoutError):
                    async with asyncio.timeout(idle):
                        await due.wait()

    async def _empty(self, agency: str, busy: set[str]) -> None:
        try:
            while await self.send_due(agency):
                pass
        finally:
            busy.discard(agency)

    async def prune(self) -> None:
        """Removes what was settled long ago, a little at a time; does it once an hour at most."""
        now = self._db.clock()
        if self._pruned_at is not None and abs(now - self._pruned_at) < _PRUNE_EVERY:
            return
        self._pruned_at = now
        d = store.deliveries.c
        old = select(d.delivery_id).where(d.status.in_(("delivered", "failed")), d.next_at < now - KEEP)
        removed = _PRUNED_AT_ONCE
        while removed == _PRUNED_AT_ONCE:
            async with self._db.transaction() as tx:
                some = delete(store.deliveries).where(d.delivery_id.in_(old.limit(_PRUNED_AT_ONCE)))
                removed = (await tx.conn.execute(some)).rowcount

    async def waiting(self) -> list[str]:
        """Agencies for which something is due."""
        joined = store.deliveries.join(store.endpoints, store.endpoints.c.agency == store.deliveries.c.agency)
        chosen = select(store.deliveries.c.agency).distinct().select_from(joined).where(_due(self._db.clock()))
        async with self._db.reading() as conn:
            return list(await conn.scalars(chosen))

    async def send_due(self, agency: str) -> int:
        """Leases and sends one batch; gives how many were tried."""
        async with self._db.transaction() as tx:
            rows = await _lease(tx, agency)
        await asyncio.gather(*(self._send(row) for row in rows))
        return len(rows)

    async def _send(self, row: RowMapping) -> None:
        status, error = None, None
        try:
            answer = await self._post(row["url"], row["body"].encode(), self._headers(row))
            status = answer.status
        except Refused as refused:
            error = str(refused)
        except SealBroken:
            error = "the secret cannot be opened; set the endpoint again"
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


def _due(now: datetime) -> ColumnElement[bool]:
    """Due, held by nobody, and the oldest unsettled delivery of its referral."""
    d, e = store.deliveries.c, store.endpoints.c
    earlier = store.deliveries.alias("earlier")
    waits = exists().where(
        earlier.c.referral_id == d.referral_id, earlier.c.sequence < d.sequence, earlier.c.status == "pending"
    )
    # What lies further ahead than we ever put it was written while the clock was ahead.
    free = or_(d.leased_until.is_(None), d.leased_until < now, d.leased_until > now + LEASE)
    ripe = or_(d.next_at <= now, d.next_at > now + timedelta(seconds=BACKOFF[-1]))
    return and_(d.status == "pending", ripe, free, e.disabled == 0, ~waits)


async def _lease(tx: Tx, agency: str) -> Sequence[RowMapping]:
    """Due deliveries of one agency, held for this worker."""
    d, e = store.deliveries.c, store.endpoints.c
    joined = store.deliveries.join(store.endpoints, e.agency == d.agency)
    chosen = select(store.deliveries, e.url, e.secret, e.old_secret).select_from(joined)
    chosen = chosen.where(_due(tx.now), d.agency == agency)
    chosen = chosen.order_by(d.next_at, d.delivery_id).limit(_BATCH)
    rows = (await tx.conn.execute(chosen.with_for_update(of=store.deliveries, skip_locked=True))).mappings().all()
    ids = [row["delivery_id"] for row in rows]
    if ids:
        held = update(store.deliveries).where(d.delivery_id.in_(ids)).values(leased_until=tx.now + LEASE)
        await tx.conn.execute(held)
    return rows
