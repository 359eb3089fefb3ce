"""From a batch on the bus to one effect per event.

One transaction holds the inbox rows, the effects and the outbox rows of a batch. A batch that
fails is taken event by event; an event that keeps failing becomes a dead letter and the rest go on.
While the database itself is away or full nothing is given up: the batch simply comes again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog
from opentelemetry.trace import Tracer

from libs.common import metrics, tables, telemetry
from libs.common.bus import Delivery
from libs.common.crash import crash_point
from libs.common.db import Database, Tx, unwell
from libs.common.envelope import Received, Undecodable, decode, event_id, header
from libs.common.logs import redact
from libs.common.rows import insert_new
from libs.contracts import Event

Handler = Callable[[Tx, Sequence[Any]], Awaitable[None]]
Handlers = Mapping[type[Event], Handler]
Sleep = Callable[[float], Awaitable[None]]

BACKOFF = (0.05, 0.2, 0.8, 2.0)
"""Seconds before each further attempt at one event; then it becomes a dead letter."""

PATIENCE = 60.0
"""Seconds of pauses in one batch; after them attempts follow one another at once. Kafka gives a batch five minutes,
and takes the partitions from a member that needs longer, so a batch full of poison would come again for ever."""

_log = structlog.get_logger()


class DatabaseAway(ConnectionError):
    """The database does not answer or takes nothing, so nothing can be said of the events."""


class Consumer:
    """Handles what the bus delivers to one service."""

    def __init__(
        self,
        service: str,
        db: Database,
        handlers: Handlers,
        tracer: Tracer | None = None,
        sleep: Sleep = asyncio.sleep,
        backoff: Sequence[float] = BACKOFF,
    ) -> None:
        self.service, self.db, self.handlers = service, db, handlers
        self._tracer, self._sleep, self._backoff = tracer, sleep, tuple(backoff)

    @property
    def topics(self) -> list[str]:
        return sorted({event.topic for event in self.handlers})

    async def handle(self, batch: Sequence[Delivery]) -> None:
        """Returns when every event of the batch has its effect, had it before, or is a dead letter."""
        known: list[tuple[Delivery, Received[Any]]] = []
        for delivery in batch:
            try:
                received = decode(delivery.message)
            except Undecodable as error:
                await self._bury(delivery, error.reason, error.cause, attempts=1)
                continue
            if type(received.data) in self.handlers:
                known.append((delivery, received))
        if not known:
            return
        try:
            await self._apply([received for _, received in known])
        except Exception as error:
            if unwell(error) or not await self.db.reachable():
                raise DatabaseAway from error
            _log.warning("batch failed, going event by event", service=self.service, error=repr(error))
            patience = PATIENCE
            for delivery, received in known:
                patience -= await self._one_by_one(delivery, received, patience)

    async def replay(self, delivery: Delivery) -> None:
        """Handles a dead letter again; raises what the handler raises."""
        await self._apply([decode(delivery.message)])

    async def _apply(self, events: Sequence[Received[Any]]) -> None:
        first_of = {received.id: received for received in reversed(events)}
        causes = [(received.data.key(), received.cause) for received in events]
        with telemetry.handling(self._tracer, f"{self.service} handle", causes) as by_key:
            async with self.db.transaction(by_key) as tx:
                rows = [{"event_id": identity, "received_at": tx.now} for identity in first_of]
                new = await insert_new(tx.conn, tables.inbox, rows, key="event_id")
                fresh = [received for received in events if received.id in new and first_of[received.id] is received]
                for run in runs(fresh):
                    await self.handlers[type(run[0].data)](tx, run)
                crash_point("consumer.before_commit")
            crash_point("consumer.after_commit")
        self._count(events, fresh)

    def _count(self, events: Sequence[Received[Any]], fresh: Sequence[Received[Any]]) -> None:
        metrics.DUPLICATES.labels(self.service).inc(len(events) - len(fresh))
        now = self.db.clock()
        by_type: dict[str, list[Received[Any]]] = {}
        for received in fresh:
            by_type.setdefault(received.data.wire_type, []).append(received)
        for wire_type, some in by_type.items():
            metrics.HANDLED.labels(self.service, wire_type).inc(len(some))
            chain = metrics.CHAIN.labels(self.service, wire_type)
            for received in some:
                chain.observe((now - received.cause.origin).total_seconds())

    async def _one_by_one(self, delivery: Delivery, received: Received[Any], patience: float) -> float:
        """Gives the seconds it paused, at most `patience`."""
        paused = 0.0
        for pause in (*self._backoff, None):
            try:
                await self._apply([received])
                return paused
            except Exception as error:
                if unwell(error) or not await self.db.reachable():
                    raise DatabaseAway from error
                failure = error
            if pause is not None and paused + pause <= patience:
                paused += pause
                await self._sleep(pause)
        cause = f"{type(failure).__name__}: {failure}"[:2000]
        await self._bury(delivery, "handler-failed", cause, attempts=len(self._backoff) + 1)
        return paused

    async def _bury(self, delivery: Delivery, reason: str, cause: str, attempts: int) -> None:
        message = delivery.message
        async with self.db.transaction() as tx:
            row = {
                "event_id": _storable(event_id(delivery)),
                "topic": message.topic,
                "partition": delivery.partition,
                "position": delivery.position,
                "key": _storable(message.key),
                "type": _storable(header(message, "ce_type")),
                "value": message.value,
                "headers": [[name, value.hex()] for name, value in message.headers],
                "reason": reason,
                "cause": _storable(redact(cause)),
                "attempts": attempts,
                "failed_at": tx.now,
                "status": "open",
                "settled_at": None,
            }
            new = await insert_new(tx.conn, tables.dead_letters, [row], key="event_id")
        if new:
            metrics.DEAD.labels(self.service, reason).inc()
            _log.error("dead letter", service=self.service, event_id=row["event_id"], type=row["type"], reason=reason)


def _storable(text: str) -> str:
    """PostgreSQL takes neither a zero byte nor half a surrogate pair; the bytes themselves are kept in `headers`."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


def runs(events: Sequence[Received[Any]]) -> list[list[Received[Any]]]:
    """Groups events of one class, as few groups as possible without changing the order of any key."""
    if len({type(received.data) for received in events}) == 1:
        return [list(events)]
    groups: list[list[Received[Any]]] = []
    newest: dict[type[Event], int] = {}
    last_of_key: dict[str, int] = {}
    for received in events:
        kind, key = type(received.data), received.data.key()
        place = newest.get(kind, -1)
        if place < last_of_key.get(key, 0) or place < 0:
            groups.append([])
            place = newest[kind] = len(groups) - 1
        groups[place].append(received)
        last_of_key[key] = place
    return groups
