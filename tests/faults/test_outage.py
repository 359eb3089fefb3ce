"""The database dies under a service at work, and comes back: nothing is lost, given up or done twice."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from deploy.postgres import Postgres
from libs.common import tables
from libs.common.consumer import Consumer, DatabaseAway
from libs.common.db import Database, Tx, unwell
from libs.common.eventlog import EventLog
from libs.common.relay import Relay
from libs.contracts.catalog import CourseWithdrawnV1
from tests.faults import kit as faults
from tests.faults.kit import batch, create, letters, of_key, take, taken

pytestmark = pytest.mark.postgres

KEYS = ("가", "나", "다")


async def until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not await condition():
            await asyncio.sleep(0.05)


async def test_a_killed_database_makes_no_dead_letters_and_work_goes_on_when_it_is_back(
    own_postgres: Postgres, tmp_path: Path
) -> None:
    """Events flow in all the time; each is handled by a transaction that also emits one onward."""
    own_postgres.create_database("service")
    db = await create(Database(own_postgres.url_for("service")))
    log = EventLog(tmp_path / "events.db")

    async def pass_on(tx: Tx, events: Sequence[Any]) -> None:
        await take(tx, events)
        for event in events:
            tx.emit(faults.withdrawn(f"onward {event.data.course_id}", event.data.version))

    consumer = Consumer("tester", db, {CourseWithdrawnV1: pass_on})
    published = 0

    enough = asyncio.Event()

    async def publish() -> None:
        nonlocal published
        while not enough.is_set():
            await log.publish([faults.message(key, published, topic="in") for key in KEYS])
            published += 1
            await asyncio.sleep(0.02)

    tasks = [
        asyncio.create_task(log.consume("tester", ["in"], consumer.handle, max_batch=20)),
        asyncio.create_task(Relay("tester", db, log).run()),
        asyncio.create_task(publish()),
    ]

    async def some_are_taken() -> bool:
        return len(await taken(db)) > 30

    await until(some_are_taken)
    await asyncio.to_thread(own_postgres.kill)
    during = published
    while published < during + 20:
        await asyncio.sleep(0.02)
    assert not await db.reachable()
    await asyncio.to_thread(own_postgres.restart)
    enough.set()  # a publisher that is cancelled may have published what it did not count
    await tasks.pop()

    async def all_are_taken_and_sent() -> bool:
        return len(await taken(db)) >= len(KEYS) * published and await _unsent(db) == 0

    await until(all_are_taken_and_sent)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    found = await taken(db)
    for key in KEYS:
        assert of_key(found, key) == list(range(published)), "each once, in order"
    assert await letters(db) == {}
    onward = await log.query("SELECT DISTINCT key, value FROM log WHERE topic <> 'in'")
    assert len(onward) == len(KEYS) * published
    await db.close()
    await log.close()


async def _unsent(db: Database) -> int:
    async with db.reading() as conn:
        waiting = select(func.count()).select_from(tables.outbox).where(tables.outbox.c.sent_at.is_(None))
        return int(await conn.scalar(waiting) or 0)


async def test_an_outage_is_told_from_a_fault_of_the_event(own_postgres: Postgres) -> None:
    own_postgres.create_database("service")
    db = await create(Database(own_postgres.url_for("service")))
    tried: list[str] = []

    async def refuses(tx: Tx, events: Sequence[Any]) -> None:
        tried.extend(event.id for event in events)
        raise ValueError("poison")

    async def no_pause(_: float) -> None:
        await asyncio.to_thread(own_postgres.kill)

    consumer = Consumer("tester", db, {CourseWithdrawnV1: refuses}, sleep=no_pause)
    with pytest.raises(DatabaseAway):
        await consumer.handle(batch(("a", 1)))
    assert tried == ["a-1", "a-1"], "the database died at the first pause, so nothing was counted against the event"
    await asyncio.to_thread(own_postgres.restart)
    await Consumer("tester", db, {CourseWithdrawnV1: take}).handle(batch(("a", 1)))
    assert await taken(db) == [("a", 1)]
    assert await letters(db) == {}
    await db.close()


async def test_a_transaction_whose_server_dies_raises_and_leaves_nothing(own_postgres: Postgres) -> None:
    own_postgres.create_database("service")
    db = await create(Database(own_postgres.url_for("service")))

    async def cut() -> None:
        async with db.transaction() as tx:
            tx.emit(faults.withdrawn("a", 1))
            await asyncio.to_thread(own_postgres.kill)

    with pytest.raises(DBAPIError) as caught:
        await cut()
    assert unwell(caught.value), "an outage, not a fault of what was asked"
    await asyncio.to_thread(own_postgres.restart)
    assert await _unsent(db) == 0
    async with db.transaction() as tx:
        tx.emit(faults.withdrawn("a", 1))
    assert await _unsent(db) == 1
    await db.close()
