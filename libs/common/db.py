"""One database per service: transactions that carry their events, reads that cannot write.

SQLite and PostgreSQL are set up as they must be for exact results: on SQLite a writer begins with
BEGIN IMMEDIATE (the driver's own way of beginning loses updates), with WAL and full durability.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from libs.common import postgres, tables, telemetry
from libs.common.crash import crash_point
from libs.common.ids import Clock, NewId, random_uuid7, utc_now
from libs.common.rows import insert_locked, insert_rows
from libs.contracts import Event

MAX_EVENT_BYTES = 900_000
"""Below Kafka's limit of 1 MiB for a message, with room for headers."""

_KEY_LOCK = 0x1E0  # advisory lock space of "events of one key are written in commit order"
_KEY_BUCKETS = 256
_UNWELL_STATES = ("08", "25006", "53", "55P03", "57P", "58")
_UNWELL_TEXTS = ("is locked", "disk is full", "disk I/O error", "readonly database")
_log = structlog.get_logger()


def unwell(error: BaseException) -> bool:
    """Whether the database is the cause, not what was asked of it: away, full, locked or a standby.

    The same may go well later.
    """
    if not isinstance(error, DBAPIError):
        return isinstance(error, PoolTimeout)
    state = str(getattr(error.orig, "sqlstate", None) or "")
    said = str(error.orig)
    return error.connection_invalidated or state.startswith(_UNWELL_STATES) or any(t in said for t in _UNWELL_TEXTS)


class EventTooLarge(ValueError):
    """The event would not fit into a Kafka message; the use case must split it or refuse its input."""

    def __init__(self, wire_type: str, size: int) -> None:
        super().__init__(f"{wire_type}: {size} bytes, at most {MAX_EVENT_BYTES}")
        self.wire_type, self.size = wire_type, size


class Tx:
    """One transaction: its connection, its instant, and the events it will publish if it commits."""

    def __init__(self, conn: AsyncConnection, now: datetime, new_id: NewId) -> None:
        self.conn = conn
        self.now = now
        self.new_id = new_id
        self.causes: Mapping[str, telemetry.Cause] = {}
        self._events: list[dict[str, Any]] = []
        self._after: list[Callable[[], None]] = []
        self.signals: list[tuple[str, str]] = []

    def emit(self, data: Event) -> None:
        """Puts the event into the outbox of this transaction. Raises `EventTooLarge`."""
        value = data.__pydantic_serializer__.to_json(data)
        if len(value) > MAX_EVENT_BYTES:
            raise EventTooLarge(data.wire_type, len(value))
        key = data.key()
        cause = self.causes.get(key) or telemetry.current_cause(self.now)
        self._events.append(
            {
                "event_id": self.new_id(),
                "topic": data.topic,
                "key": key,
                "type": data.wire_type,
                "value": value,
                "traceparent": cause.traceparent,
                "origin": cause.origin,
                "created_at": self.now,
            }
        )

    def after_commit(self, action: Callable[[], None]) -> None:
        """`action` runs if the transaction commits, and must not fail."""
        self._after.append(action)

    def signal(self, channel: str, payload: str) -> None:
        """Tells every process of this service, once committed."""
        self.signals.append((channel, payload))

    async def flush(self) -> bool:
        """Writes the events to the outbox; true if there were any."""
        if not self._events:
            return False
        if self.conn.dialect.name == "postgresql":
            # Two transactions that publish under one key take turns, so seq order is commit order per key.
            buckets = sorted({zlib.crc32(row["key"].encode()) % _KEY_BUCKETS for row in self._events})
            await insert_locked(self.conn, tables.outbox, self._events, buckets, _KEY_LOCK)
        else:
            await insert_rows(self.conn, tables.outbox, self._events)
        return True

    def committed(self) -> None:
        for action in self._after:
            action()


class Database:
    """The service's own database. `url` is an SQLAlchemy URL of aiosqlite or asyncpg."""

    def __init__(self, url: str, clock: Clock = utc_now, new_id: NewId = random_uuid7, pool_size: int = 8) -> None:
        self.url = url
        self.clock = clock
        self.new_id = new_id
        self.is_sqlite = url.startswith("sqlite")
        self._one_writer = asyncio.Lock()
        self.on_commit: list[Callable[[Tx, bool], None]] = []
        self.before_commit: list[Callable[[Tx, bool], Any]] = []
        if self.is_sqlite:
            self.writer = _sqlite_engine(url, "BEGIN IMMEDIATE", pool_size)
            self.reader = _sqlite_engine(url, "BEGIN", pool_size)
        else:
            # One round trip per query instead of three; `postgres.transaction` begins and ends what is more.
            self.reader = create_async_engine(
                url,
                hide_parameters=True,
                isolation_level="AUTOCOMMIT",
                pool_size=pool_size,
                max_overflow=0,
                pool_use_lifo=True,
                pool_timeout=10,
                pool_recycle=1800,
                connect_args={
                    "timeout": 10,
                    "server_settings": {
                        "statement_timeout": "60000",
                        "jit": "off",
                        "lock_timeout": "15000",
                        "idle_in_transaction_session_timeout": "60000",
                    },
                },
            )
            self.writer = self.reader.execution_options(isolation_level="READ COMMITTED")

    @asynccontextmanager
    async def transaction(self, causes: Mapping[str, telemetry.Cause] | None = None) -> AsyncIterator[Tx]:
        """Commits at the end of the block, or leaves nothing behind."""
        async with self._begun() as conn:
            tx = Tx(conn, self.clock(), self.new_id)
            tx.causes = causes or {}
            yield tx
            has_events = await tx.flush()
            for prepare in self.before_commit:
                await prepare(tx, has_events)
            crash_point("tx.before_commit")
        crash_point("tx.after_commit")
        tx.committed()
        for notify in self.on_commit:
            notify(tx, has_events)

    @asynccontextmanager
    async def _begun(self) -> AsyncIterator[AsyncConnection]:
        if self.is_sqlite:
            async with self._one_writer, self.writer.begin() as conn:
                yield conn
        else:
            async with postgres.transaction(self.reader) as conn:
                yield conn

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection for queries."""
        async with self.reader.connect() if self.is_sqlite else postgres.connection(self.reader) as conn:
            yield conn

    @asynccontextmanager
    async def single(self) -> AsyncIterator[AsyncConnection]:
        """A connection for one statement that is a transaction by itself; on SQLite one that waits its turn."""
        async with self._begun() if self.is_sqlite else self.reading() as conn:
            yield conn

    async def reachable(self) -> bool:
        """Whether the database answers now: tells an outage from a fault of one event."""
        try:
            async with asyncio.timeout(5), self.reading() as conn:
                await conn.execute(text("SELECT 1"))
        except Exception as error:
            _log.warning("database unreachable", error=repr(error))
            return False
        return True

    async def close(self) -> None:
        await self.writer.dispose()
        await self.reader.dispose()


def _sqlite_engine(url: str, begin: str, pool_size: int) -> AsyncEngine:
    engine = create_async_engine(url, hide_parameters=True, pool_size=pool_size, max_overflow=0, pool_timeout=30)

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(dbapi: Any, _record: Any) -> None:
        dbapi.isolation_level = None
        cursor = dbapi.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(conn: Any) -> None:
        conn.exec_driver_sql(begin)

    return engine
