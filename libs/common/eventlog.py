"""The bus on one machine: an append-only SQLite log with offsets per group.

Several processes may share the file. A member of a group holds partitions by lease: each takes its
fair share, renews while it lives, and another takes over what a dead one held. Partitions are as
fixed as Kafka's, so order per key is the same promise, and messages are kept as long.
"""

import asyncio
import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import orjson
import structlog

from libs.common.bus import Delivery, Handle, Message
from libs.common.crash import crash_point
from libs.common.ids import Clock, utc_now
from libs.contracts import COMPACTED

PARTITIONS = 6
KEEP = 7 * 86_400.0
"""Seconds that a message stays; of a compacted topic the newest of each key stays for good."""
_PRUNE_EVERY = 3600.0
_PRUNED_AT_ONCE = 2000
_POLL = 0.1
_OPEN_WITHIN = 10.0
_log = structlog.get_logger()
T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS log (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, position INTEGER NOT NULL,
    key TEXT NOT NULL, value BLOB NOT NULL, headers TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (topic, partition, position)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS offsets (
    grp TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL,
    next INTEGER NOT NULL DEFAULT 0, owner TEXT NOT NULL DEFAULT '', until REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (grp, topic, partition)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS members (
    grp TEXT NOT NULL, member TEXT NOT NULL, until REAL NOT NULL, PRIMARY KEY (grp, member)
) WITHOUT ROWID;
"""


class EventLog:
    """`lease` is how many seconds a member may be silent before others take its partitions."""

    def __init__(self, path: Path, clock: Clock = utc_now, lease: float = 5.0) -> None:
        self.path = path
        self.lease = lease
        self._clock = clock
        self._db: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="eventlog")
        self._wakers: set[asyncio.Event] = set()
        self._lags: dict[str, int] = {}
        self._prune_at = 0.0

    def now(self) -> float:
        return self._clock().timestamp()

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `work` in one write transaction on the log's own thread."""

        def transaction() -> T:
            db = self._open()
            db.execute("BEGIN IMMEDIATE")
            try:
                result = work(db)
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")
            return result

        # Shielded: a cancelled caller must not leave the thread's transaction half told.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, transaction))

    async def query(self, sql: str, *arguments: Any) -> list[Any]:
        def fetch() -> list[Any]:
            return self._open().execute(sql, arguments).fetchall()

        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, fetch))

    def _open(self) -> sqlite3.Connection:
        """The connection; on the log's own thread, so it may wait."""
        deadline = time.monotonic() + _OPEN_WITHIN
        while self._db is None:
            try:
                self._db = self._connect()
            except sqlite3.OperationalError as error:
                # Two processes that make the file at once: SQLite's own waiting does not cover that.
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        return self._db

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=10)
        try:
            for pragma in ("journal_mode=WAL", "synchronous=FULL"):
                db.execute(f"PRAGMA {pragma}")
            db.executescript(_SCHEMA)
        except BaseException:
            db.close()
            raise
        return db

    async def start(self) -> None:
        try:
            await self.query("SELECT 1")
        except (sqlite3.Error, OSError) as error:
            raise ConnectionError(f"event log {self.path}: {error!r}") from error

    async def publish(self, messages: Sequence[Message]) -> None:
        if not messages:
            return
        at = self.now()

        def append(db: sqlite3.Connection) -> None:
            heads: dict[tuple[str, int], int] = {}
            rows = []
            for m in messages:
                place = (m.topic, zlib.crc32(m.key.encode()) % PARTITIONS)
                if place not in heads:
                    found = db.execute("SELECT max(position) FROM log WHERE topic=? AND partition=?", place).fetchone()
                    heads[place] = -1 if found[0] is None else found[0]
                heads[place] += 1
                headers = orjson.dumps([[name, value.hex()] for name, value in m.headers]).decode()
                rows.append((*place, heads[place], m.key, m.value, headers, at))
            db.executemany("INSERT INTO log VALUES (?,?,?,?,?,?,?)", rows)

        await self.run(append)
        for waker in self._wakers:
            waker.set()

    async def consume(
        self, group: str, topics: Sequence[str], handle: Handle, max_batch: int = 500, gather: float = 0.0
    ) -> None:
        member = _Member(self, group, tuple(topics), max_batch)
        self._wakers.add(member.wake)
        keeper = asyncio.create_task(member.keep_alive())
        try:
            while not await member.joined():
                await asyncio.sleep(0.2)
            while True:
                await member.step(handle)
                await asyncio.sleep(gather)
        finally:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper
            self._wakers.discard(member.wake)
            with suppress(sqlite3.Error, RuntimeError):
                await member.leave()

    async def reachable(self) -> bool:
        try:
            await self.query("SELECT count(*) FROM members")
        except (sqlite3.Error, OSError, RuntimeError) as error:
            _log.warning("event log unreachable", error=repr(error))
            return False
        return True

    def lag(self, group: str) -> int:
        return self._lags.get(group, 0)

    def note_lag(self, group: str, waiting: int) -> None:
        self._lags[group] = waiting

    async def prune(self) -> None:
        """Removes what is old and behind every group, a little at a time; does it once an hour at most."""
        if time.monotonic() < self._prune_at:
            return
        self._prune_at = time.monotonic() + _PRUNE_EVERY
        before, topic = self.now() - KEEP, ""
        while topic := (await self.query("SELECT coalesce(min(topic), '') FROM log WHERE topic>?", topic))[0][0]:
            for partition in range(PARTITIONS):
                place = (topic, partition)
                while await self.run(lambda db, place=place: _prune(db, place, before)):  # type: ignore[misc]
                    pass

    async def close(self) -> None:
        def shut() -> None:
            if self._db is not None:
                self._db.close()
                self._db = None

        with suppress(RuntimeError):
            await asyncio.get_running_loop().run_in_executor(self._thread, shut)
        self._thread.shutdown(wait=True)


def _prune(db: sqlite3.Connection, place: tuple[str, int], before: float) -> int:
    """Gives how many it removed. The last message stays always: the next one's position follows from it."""
    here = "topic=? AND partition=?"
    first, last = db.execute(f"SELECT min(position), max(position) FROM log WHERE {here}", place).fetchone()  # noqa: S608
    if last is None:
        return 0
    (handled,) = db.execute(f"SELECT min(next) FROM offsets WHERE {here}", place).fetchone()  # noqa: S608
    end = last if handled is None else min(last, handled)
    if place[0] in COMPACTED:
        stays = f"position NOT IN (SELECT max(position) FROM log WHERE {here} GROUP BY key)"  # noqa: S608
        values: tuple[Any, ...] = (*place, end, before, *place)
    else:
        stays, values = "position<?", (*place, end, before, first + _PRUNED_AT_ONCE)
    return db.execute(f"DELETE FROM log WHERE {here} AND position<? AND at<? AND {stays}", values).rowcount  # noqa: S608


class _Member:
    """One membership of a group."""

    def __init__(self, log: EventLog, group: str, topics: tuple[str, ...], max_batch: int) -> None:
        self.log, self.group, self.topics, self.max_batch = log, group, topics, max_batch
        self.id = f"{os.getpid()}-{os.urandom(6).hex()}"
        self.wake = asyncio.Event()
        self._share_at = 0.0

    async def joined(self) -> bool:
        """Makes the group's offsets; false while the log cannot be written."""
        places = [(self.group, t, p) for t in self.topics for p in range(PARTITIONS)]

        def insert(db: sqlite3.Connection) -> None:
            db.executemany("INSERT OR IGNORE INTO offsets (grp, topic, partition) VALUES (?,?,?)", places)
            # A topic that the group reads no more would keep its messages for ever.
            left = f"topic NOT IN ({','.join('?' * len(self.topics))})"
            db.execute(f"DELETE FROM offsets WHERE grp=? AND {left}", (self.group, *self.topics))  # noqa: S608

        try:
            await self.log.run(insert)
        except sqlite3.Error as error:
            _log.warning("cannot join", group=self.group, error=repr(error))
            return False
        return True

    async def leave(self) -> None:
        def free(db: sqlite3.Connection) -> None:
            db.execute("UPDATE offsets SET owner='', until=0 WHERE grp=? AND owner=?", (self.group, self.id))
            db.execute("DELETE FROM members WHERE grp=? AND member=?", (self.group, self.id))

        await self.log.run(free)

    async def keep_alive(self) -> None:
        """Renews the leases, also while a handler is slow."""
        while True:
            now = self.log.now()

            def renew(db: sqlite3.Connection, now: float = now) -> None:
                until = now + self.log.lease
                db.execute("INSERT OR REPLACE INTO members VALUES (?,?,?)", (self.group, self.id, until))
                db.execute("DELETE FROM members WHERE grp=? AND until NOT BETWEEN ? AND ?", self._alive(now))
                db.execute("UPDATE offsets SET until=? WHERE grp=? AND owner=?", (until, self.group, self.id))

            try:
                await self.log.run(renew)
            except sqlite3.Error as error:
                _log.warning("lease not renewed", group=self.group, error=repr(error))
            await asyncio.sleep(self.log.lease / 3)

    async def step(self, handle: Handle) -> None:
        try:
            if time.monotonic() >= self._share_at:
                now = self.log.now()
                await self.log.run(lambda db: self._take_share(db, now))
                self._share_at = time.monotonic() + self.log.lease / 5
                await self.log.prune()
            self.wake.clear()
            batch = await self._fetch()
        except sqlite3.Error as error:
            _log.warning("event log unreadable", group=self.group, error=repr(error))
            await asyncio.sleep(1.0)
            return
        if not batch:
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL):
                    await self.wake.wait()
            return
        try:
            await handle(batch)
        except Exception as error:
            _log.warning("batch will be repeated", group=self.group, error=repr(error), size=len(batch))
            await asyncio.sleep(1.0)
            return
        ends = {(d.message.topic, d.partition): d.position + 1 for d in batch}

        def advance(db: sqlite3.Connection) -> None:
            # Guarded by the owner: a member that lost its lease must not move another's offset.
            db.executemany(
                "UPDATE offsets SET next=? WHERE grp=? AND topic=? AND partition=? AND owner=?",
                [(end, self.group, topic, partition, self.id) for (topic, partition), end in ends.items()],
            )

        try:
            await self.log.run(advance)
        except sqlite3.Error as error:
            _log.warning("offsets not moved", group=self.group, error=repr(error))
            await asyncio.sleep(1.0)
        crash_point("consumer.after_offset")

    def _alive(self, now: float) -> tuple[str, float, float]:
        """The group, and between which instants the lease of a living member ends.

        One that ends later was taken while the clock was ahead.
        """
        return self.group, now, now + 2 * self.log.lease

    def _take_share(self, db: sqlite3.Connection, now: float) -> None:
        """Takes free or expired partitions up to a fair share, and gives back what is over it."""
        db.execute("INSERT OR REPLACE INTO members VALUES (?,?,?)", (self.group, self.id, now + self.log.lease))
        among = "SELECT count(*) FROM members WHERE grp=? AND until BETWEEN ? AND ?"
        alive = db.execute(among, self._alive(now)).fetchone()[0]
        marks = ",".join("?" * len(self.topics))
        places = db.execute(
            f"SELECT topic, partition, owner, until FROM offsets WHERE grp=? AND topic IN ({marks})"  # noqa: S608
            " ORDER BY partition, topic",
            (self.group, *self.topics),
        ).fetchall()
        share = -(-len(places) // max(alive, 1))
        mine = [(t, p) for t, p, owner, _ in places if owner == self.id]
        for topic, partition in mine[share:]:
            db.execute(
                "UPDATE offsets SET owner='', until=0 WHERE grp=? AND topic=? AND partition=?",
                (self.group, topic, partition),
            )
        _, soonest, latest = self._alive(now)
        free = [(t, p) for t, p, owner, until in places if not owner or not soonest <= until <= latest]
        for topic, partition in free[: max(0, share - len(mine))]:
            db.execute(
                "UPDATE offsets SET owner=?, until=? WHERE grp=? AND topic=? AND partition=?",
                (self.id, now + self.log.lease, self.group, topic, partition),
            )

    async def _fetch(self) -> list[Delivery]:
        marks = ",".join("?" * len(self.topics))
        owned = (self.group, self.id, *self.topics)
        # CROSS JOIN fixes the order of the loops: partition after partition, each from its offset on.
        rows = await self.log.query(
            f"""SELECT l.topic, l.partition, l.position, l.key, l.value, l.headers FROM offsets o CROSS JOIN log l
                ON l.topic=o.topic AND l.partition=o.partition AND l.position>=o.next
                WHERE o.grp=? AND o.owner=? AND o.topic IN ({marks})
                ORDER BY o.topic, o.partition, l.position LIMIT ?""",  # noqa: S608
            *owned,
            self.max_batch,
        )
        waiting = await self.log.query(
            f"""SELECT sum(coalesce((SELECT max(position) + 1 FROM log
                WHERE topic=o.topic AND partition=o.partition), 0) - o.next)
                FROM offsets o WHERE o.grp=? AND o.owner=? AND o.topic IN ({marks})""",  # noqa: S608
            *owned,
        )
        self.log.note_lag(self.group, waiting[0][0] or 0)
        return [
            Delivery(
                Message(topic, key, value, tuple((n, bytes.fromhex(v)) for n, v in orjson.loads(headers))),
                partition,
                position,
            )
            for topic, partition, position, key, value, headers in rows
        ]
