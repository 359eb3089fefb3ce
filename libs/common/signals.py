"""Word from one process of a service to the others, after a commit: "this changed, drop what you kept".

On PostgreSQL it travels by NOTIFY; on SQLite the service is one process and nothing travels.
Delivery is best effort: after a lost connection subscribers hear `EVERYTHING`.
"""

import asyncio
import os
from collections.abc import Callable
from itertools import groupby
from typing import Any

import orjson
import structlog

from libs.common import postgres
from libs.common.db import Database, Tx
from libs.common.relay import WAKE_CHANNEL

EVERYTHING = "*"
"""The payload that says: whatever you remember may be old."""

_CHANNEL = "ieum_signals"
_MAX_BYTES = 7500  # NOTIFY takes less than 8000
Subscriber = Callable[[str], None]
_log = structlog.get_logger()


class Signals:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._me = os.urandom(8).hex()
        self._subscribers: dict[str, list[Subscriber]] = {}
        self.relay_is_here: Callable[[], bool] = lambda: False
        db.on_commit.append(self._deliver_here)
        if not db.is_sqlite:
            db.before_commit.append(self._notify_others)

    def subscribe(self, channel: str, subscriber: Subscriber) -> None:
        """`subscriber` gets each payload, or `EVERYTHING`."""
        self._subscribers.setdefault(channel, []).append(subscriber)

    def _deliver_here(self, tx: Tx, has_events: bool) -> None:
        for channel, payload in tx.signals:
            self._deliver(channel, payload)

    def _deliver(self, channel: str, payload: str) -> None:
        for subscriber in self._subscribers.get(channel, ()):
            subscriber(payload)

    async def _notify_others(self, tx: Tx, has_events: bool) -> None:
        if has_events and not self.relay_is_here():
            await postgres.fetch(tx.conn, "SELECT pg_notify($1, '')", WAKE_CHANNEL)
        for channel, group in groupby(sorted(tx.signals), key=lambda signal: signal[0]):
            payloads = [payload for _, payload in group]
            body = orjson.dumps([self._me, channel, payloads]).decode()
            if len(body) > _MAX_BYTES:
                body = orjson.dumps([self._me, channel, [EVERYTHING]]).decode()
            await postgres.fetch(tx.conn, "SELECT pg_notify($1, $2)", _CHANNEL, body)

    async def listen(self) -> None:
        """Runs until cancelled; does nothing where nobody subscribed or nothing travels."""
        if self._db.is_sqlite or not self._subscribers:
            return
        while True:
            try:
                await self._listen_once()
            except Exception as error:
                _log.warning("signals interrupted", error=repr(error))
            await asyncio.sleep(1.0)

    async def _listen_once(self) -> None:
        conn = await postgres.connect(self._db.url)
        lost = asyncio.Event()
        try:
            conn.add_termination_listener(lambda _: lost.set())
            await conn.add_listener(_CHANNEL, self._on_notify)
            for channel in self._subscribers:
                self._deliver(channel, EVERYTHING)
            await lost.wait()
        finally:
            conn.terminate()

    def _on_notify(self, _conn: Any, _pid: int, _channel: str, body: str) -> None:
        sender, channel, payloads = orjson.loads(body)
        if sender != self._me:
            for payload in payloads:
                self._deliver(channel, payload)
