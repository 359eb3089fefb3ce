"""Relays that lose their leadership again and again while they publish."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import text

from libs.common.bus import Message
from libs.common.db import Database
from libs.common.eventlog import EventLog
from libs.common.relay import _LEADER_LOCK, Relay
from tests.faults.kit import create, withdrawn

KEYS = ("가", "나", "다", "라")
_CUT = text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND objid = :lock"
)


class SlowBus(EventLog):
    """Publishes message by message, so that a deposed leader is caught in the middle of its batch."""

    def __init__(self, path: Any) -> None:
        super().__init__(path)
        self.seen: list[tuple[str, bytes]] = []

    async def publish(self, messages: Sequence[Message]) -> None:
        for message in messages:
            await asyncio.sleep(0.01)
            self.seen.append((message.key, message.value))


@pytest.mark.postgres
async def test_deposed_leaders_lose_nothing_and_keep_the_order_of_first_copies(postgres: str, tmp_path: Any) -> None:
    db = await create(Database(postgres))
    bus, places = SlowBus(tmp_path / "unused.db"), [Database(postgres) for _ in range(3)]
    relays = [Relay("tester", place, bus) for place in places]
    running = [asyncio.create_task(relay.run()) for relay in relays]
    emitted, enough = 0, asyncio.Event()

    async def emit() -> None:
        nonlocal emitted
        while not enough.is_set():
            async with db.transaction() as tx:
                for key in KEYS:
                    tx.emit(withdrawn(key, emitted))
            emitted += 1
            await asyncio.sleep(0.02)

    async def cut_the_leader_off() -> int:
        async with db.reading() as conn:
            return int(await conn.scalar(_CUT, {"lock": _LEADER_LOCK}) or 0)

    emitting = asyncio.create_task(emit())
    cuts = 0
    async with asyncio.timeout(90):
        while cuts < 3:
            published = len(bus.seen)
            while len(bus.seen) < published + 20:
                await asyncio.sleep(0.02)
            cuts += await cut_the_leader_off()
        enough.set()
        await emitting
        while len(set(bus.seen)) < emitted * len(KEYS) or await _unsent(db):
            await asyncio.sleep(0.05)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    for place in (db, *places):
        await place.close()
    await bus.close()

    for key in KEYS:
        first_copies = list(dict.fromkeys(value for found, value in bus.seen if found == key))
        numbers = [withdrawn("", 0).model_validate_json(value).version for value in first_copies]
        assert numbers == list(range(emitted))


async def _unsent(db: Database) -> int:
    async with db.reading() as conn:
        return int(await conn.scalar(text("SELECT count(*) FROM outbox WHERE sent_at IS NULL")) or 0)
