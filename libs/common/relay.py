"""From the outbox to the bus: one leader per database publishes what is unsent, oldest first.

Leadership is PostgreSQL's advisory lock on a connection of its own, or a file lock beside the SQLite
file; both end with the process. A deposed leader may still be publishing: consumers see each event's
first copy in order all the same, since every leader begins at the oldest unsent row (tests/model).
"""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common import metrics, postgres, tables
from libs.common.bus import Bus
from libs.common.crash import crash_point
from libs.common.db import Database, Tx
from libs.common.envelope import to_message

WAKE_CHANNEL = "ieum_outbox"
_LEADER_LOCK = 0x1EAD
_BATCH = 500
_IDLE = 1.0
_MARK_WITHIN = 0.1
_KEEP = timedelta(days=30)
"""How long sent events and inbox ids are kept: longer than the bus keeps messages."""

_log = structlog.get_logger()


class Relay:
    """Publishes one service's outbox."""

    def __init__(self, service: str, db: Database, bus: Bus) -> None:
        self.service, self.db, self.bus = service, db, bus
        self.source = f"urn:ieum:{service}"
        self.leads = False
        self.failure: str | None = None
        self._wake = asyncio.Event()
        self._published: list[int] = []
        self._pruned_at: datetime | None = None
        db.on_commit.append(self._on_commit)

    def _on_commit(self, tx: Tx, has_events: bool) -> None:
        if has_events:
            self._wake.set()

    async def run(self) -> None:
        """Runs until cancelled; waits for leadership, then publishes as commits happen."""
        while True:
            try:
                async with leadership(self.db, self._wake) as alive:
                    self._set_leader(True)
                    while alive():
                        await self._turn()
            except asyncio.CancelledError:
                with suppress(Exception):
                    await self._settle()
                raise
            except Exception as error:
                self.failure = repr(error)
                _log.warning("relay pauses", service=self.service, error=self.failure)
            finally:
                self._set_leader(False)
            await asyncio.sleep(1.0)

    async def _turn(self) -> None:
        self._wake.clear()
        sent = await self._publish()
        self.failure = None
        if sent == _BATCH:
            return
        await self._observe()
        # Under load the next look marks these too, in the same statement.
        if not await self._woken(_MARK_WITHIN if self._published else _IDLE):
            await self._settle()

    async def _woken(self, within: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                return await self._wake.wait()
        return False

    def _set_leader(self, leads: bool) -> None:
        self.leads = leads
        metrics.LEADER.labels(self.service).set(int(leads))

    async def pump(self) -> int:
        """Publishes the oldest unsent events and marks them; returns how many."""
        sent = await self._publish()
        await self._settle()
        return sent

    async def _publish(self) -> int:
        """Marks what the last call published, and publishes the oldest unsent events."""
        before = self._published
        async with self.db.single() if before else self.db.reading() as conn:
            rows = await _unsent(conn, before, self.db.clock())
        if before:
            self._published = []
            crash_point("relay.after_mark")
        if not rows:
            return 0
        crash_point("relay.before_publish")
        await self.bus.publish([to_message(row, self.source) for row in rows])
        crash_point("relay.after_publish")
        self._published = [row["seq"] for row in rows]
        return len(rows)

    async def _settle(self) -> None:
        if self._published:
            async with self.db.single() as conn:
                await _mark(conn, self._published, self.db.clock())
            self._published = []
            crash_point("relay.after_mark")

    async def _observe(self) -> None:
        now = self.db.clock()
        if self._pruned_at is None or now - self._pruned_at > timedelta(hours=1):
            self._pruned_at = now
            await self._prune()

    async def measure(self) -> dict[str, float]:
        """Sets the gauges that operators watch; gives them by name."""
        async with self.db.reading() as conn:
            waiting = select(func.count(), func.min(tables.outbox.c.created_at))
            count, oldest = (await conn.execute(waiting.where(tables.outbox.c.sent_at.is_(None)))).one()
            is_open = tables.dead_letters.c.status == "open"
            dead = await conn.scalar(select(func.count()).select_from(tables.dead_letters).where(is_open))
        age = (self.db.clock() - oldest).total_seconds() if oldest else 0.0
        metrics.OUTBOX_UNSENT.labels(self.service).set(count)
        metrics.OUTBOX_AGE.labels(self.service).set(max(0.0, age))
        metrics.OPEN_DEAD.labels(self.service).set(dead or 0)
        return {"outbox_unsent": count, "outbox_age_seconds": max(0.0, age), "dead_letters": dead or 0}

    async def _prune(self) -> None:
        async with self.db.transaction() as tx:
            before = tx.now - _KEEP
            await tx.conn.execute(delete(tables.outbox).where(tables.outbox.c.sent_at < before))
            await tx.conn.execute(delete(tables.inbox).where(tables.inbox.c.received_at < before))
            await tx.conn.execute(delete(tables.idempotency).where(tables.idempotency.c.created_at < before))


_UNSENT = "SELECT * FROM outbox WHERE sent_at IS NULL"
_OLDEST = f"ORDER BY seq LIMIT {_BATCH}"
_MARK = "UPDATE outbox SET sent_at = $1 WHERE seq = ANY($2)"


async def _unsent(conn: AsyncConnection, published: Sequence[int], now: datetime) -> Sequence[Mapping[str, Any]]:
    """The oldest unsent events; those that are `published` are marked on the way."""
    if conn.dialect.name == "postgresql":
        if not published:
            return await postgres.fetch(conn, f"{_UNSENT} {_OLDEST}")
        # The query sees the rows as they were before the mark.
        both = f"WITH marked AS ({_MARK}) {_UNSENT} AND seq <> ALL($2) {_OLDEST}"
        return await postgres.fetch(conn, both, now, published)
    if published:
        await _mark(conn, published, now)
    unsent = select(tables.outbox).where(tables.outbox.c.sent_at.is_(None))
    return (await conn.execute(unsent.order_by(tables.outbox.c.seq).limit(_BATCH))).mappings().all()  # type: ignore[return-value]


async def _mark(conn: AsyncConnection, seqs: Sequence[int], now: datetime) -> None:
    if conn.dialect.name == "postgresql":
        await postgres.fetch(conn, _MARK, now, seqs)
        return
    await conn.execute(update(tables.outbox).where(tables.outbox.c.seq.in_(seqs)).values(sent_at=now))


@asynccontextmanager
async def leadership(db: Database, wake: asyncio.Event) -> AsyncIterator[Any]:
    """Waits until this process leads; gives a function that says whether it still does."""
    if db.is_sqlite:
        file = await _lock_file(Path(f"{make_url(db.url).database}.relay-lock"))
        try:
            yield lambda: True
        finally:
            file.close()
        return
    conn = await postgres.connect(db.url)
    try:
        while not await conn.fetchval("SELECT pg_try_advisory_lock($1)", _LEADER_LOCK):
            await asyncio.sleep(1.0)
        await conn.add_listener(WAKE_CHANNEL, lambda *_: wake.set())
        yield lambda: not conn.is_closed()
    finally:
        conn.terminate()


async def _lock_file(path: Path) -> IO[bytes]:
    with ExitStack() as unless_locked:
        file = unless_locked.enter_context(path.open("ab"))
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                await asyncio.sleep(0.2)
            else:
                unless_locked.pop_all()
                return file
