"""The relay: one leader, oldest first, nothing skipped, in commit order for every key."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from libs.common import tables
from libs.common.bus import Message
from libs.common.db import Database, Tx
from libs.common.eventlog import EventLog
from libs.common.relay import _LEADER_LOCK, Relay
from tests.faults.kit import create, withdrawn


class Bus(EventLog):
    """Keeps what was published; refuses when told to, after `taken` messages are durable."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.seen: list[Message] = []
        self.refuses: int | None = None

    async def publish(self, messages: Sequence[Message]) -> None:
        if self.refuses is not None:
            self.seen.extend(messages[: self.refuses])
            raise ConnectionError("the bus is away")
        self.seen.extend(messages)


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Bus]:
    made = Bus(tmp_path / "events.db")
    yield made
    await made.close()


async def emit(db: Database, *events: tuple[str, int]) -> None:
    async with db.transaction() as tx:
        for key, number in events:
            tx.emit(withdrawn(key, number))


async def unsent(db: Database) -> int:
    async with db.reading() as conn:
        waiting = select(func.count()).select_from(tables.outbox).where(tables.outbox.c.sent_at.is_(None))
        return int(await conn.scalar(waiting) or 0)


def published(bus: Bus) -> list[tuple[str, int]]:
    found = [withdrawn("", 0).model_validate_json(message.value) for message in bus.seen]
    return [(event.course_id, event.version) for event in found]


async def until(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not await condition():
            await asyncio.sleep(0.02)


async def test_what_the_bus_refused_is_published_again_in_the_same_order(db: Database, bus: Bus) -> None:
    relay = Relay("tester", db, bus)
    await emit(db, *(("a", number) for number in range(5)))
    bus.refuses = 2
    with pytest.raises(ConnectionError):
        await relay.pump()
    assert await unsent(db) == 5
    await emit(db, ("a", 5))
    bus.refuses = None
    assert await relay.pump() == 6
    assert await unsent(db) == 0
    assert published(bus) == [("a", 0), ("a", 1), *(("a", number) for number in range(6))]
    ids = [dict(message.headers)["ce_id"] for message in bus.seen]
    assert ids[:2] == ids[2:4], "a copy has the id of its first"
    assert await relay.pump() == 0


async def test_more_than_one_batch_goes_out_oldest_first(db: Database, bus: Bus) -> None:
    relay = Relay("tester", db, bus)
    await emit(db, *(("a", number) for number in range(1203)))
    sent = [await relay.pump() for _ in range(4)]
    assert (sum(sent), sent[-1]) == (1203, 0)
    assert published(bus) == [("a", number) for number in range(1203)]


async def test_a_running_relay_survives_an_outage_of_the_bus(db: Database, bus: Bus) -> None:
    relay = Relay("tester", db, bus)
    bus.refuses = 0
    running = asyncio.create_task(relay.run())
    await emit(db, ("a", 1))

    async def failed() -> bool:
        return relay.failure is not None

    await until(failed)
    bus.refuses = None
    await until(lambda: _nothing_waits(db))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert published(bus) == [("a", 1)]
    assert not relay.leads


async def _nothing_waits(db: Database) -> bool:
    return await unsent(db) == 0


@asynccontextmanager
async def leader(url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that leads the relay of this database."""
    root = Path(__file__).resolve().parents[2]
    argv = (sys.executable, "-m", "tests.faults.leader", url)
    process = await asyncio.create_subprocess_exec(*argv, cwd=root, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"leads\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_a_second_relay_waits_and_takes_over_when_the_first_is_killed(url: str, db: Database, bus: Bus) -> None:
    relay = Relay("tester", db, bus)
    async with leader(url) as first:
        running = asyncio.create_task(relay.run())
        await emit(db, ("a", 1))
        await asyncio.sleep(1.5)
        assert not relay.leads
        assert (await unsent(db), bus.seen) == (1, [])
        first.kill()
        await until(lambda: _nothing_waits(db))
        assert relay.leads
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert published(bus) == [("a", 1)]
    assert not relay.leads


async def test_of_many_relays_in_one_place_each_event_is_published_once(url: str, db: Database, bus: Bus) -> None:
    others = [Database(url) for _ in range(3)]
    relays = [Relay("tester", one, bus) for one in (db, *others)]
    running = [asyncio.create_task(relay.run()) for relay in relays]
    for number in range(40):
        await emit(others[number % 3], ("a", number))
    await until(lambda: _nothing_waits(db))
    assert sum(relay.leads for relay in relays) == 1
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    for one in others:
        await one.close()
    assert published(bus) == [("a", number) for number in range(40)]


_CUT_LEADER = f"""
    SELECT pg_terminate_backend(pid) FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND objid = {_LEADER_LOCK}
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@pytest.mark.postgres
async def test_a_leader_whose_connection_is_cut_stands_down_and_the_work_goes_on(
    postgres: str, postgres_server: Any, bus: Bus
) -> None:
    """The lock goes with the connection, so another may lead at once; events still go out in order."""
    databases = [await create(Database(postgres)) for _ in range(2)]
    relays = [Relay("tester", db, bus) for db in databases]
    running = [asyncio.create_task(relay.run()) for relay in relays]
    for number in range(4):
        await emit(databases[0], ("a", 2 * number))
        await until(lambda: _nothing_waits(databases[0]))
        cut = await asyncio.to_thread(postgres_server.execute, _CUT_LEADER, database=postgres.rpartition("/")[2])
        assert [row[0] for row in cut] == [True], "one leader"
        await emit(databases[1], ("a", 2 * number + 1))
        await until(lambda: _nothing_waits(databases[0]))
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    for db in databases:
        await db.close()
    assert list(dict.fromkeys(published(bus))) == [("a", number) for number in range(8)]


class Holding:
    """Holds transactions of one database open between the writing of their events and the commit."""

    def __init__(self, db: Database) -> None:
        self.reached, self.go = asyncio.Event(), asyncio.Event()
        db.before_commit.append(self._hold)

    async def _hold(self, tx: Tx, has_events: bool) -> None:
        self.reached.set()
        await self.go.wait()


@pytest.mark.postgres
@pytest.mark.parametrize("size", [1, 2_000], ids=["one event", "a batch that is copied in"])
async def test_events_of_one_key_come_out_in_commit_order(postgres: str, bus: Bus, size: int) -> None:
    """The second transaction wants to write its events while the first has not committed; it has to wait."""
    slow, quick = await create(Database(postgres)), Database(postgres)
    holding, passing = Holding(slow), Holding(quick)
    passing.go.set()
    relay = Relay("tester", quick, bus)
    first = asyncio.create_task(emit(slow, *(("a", number) for number in range(size))))
    await holding.reached.wait()
    second = asyncio.create_task(emit(quick, *(("a", size + number) for number in range(size))))
    await asyncio.sleep(0.5)
    assert not passing.reached.is_set(), "the events of the second are not written before the first commits"
    assert await relay.pump() == 0
    holding.go.set()
    await asyncio.gather(first, second)
    while await relay.pump():
        pass
    assert published(bus) == [("a", number) for number in range(2 * size)]
    await slow.close()
    await quick.close()


@pytest.mark.postgres
async def test_an_older_event_that_commits_late_is_not_skipped(postgres: str, bus: Bus) -> None:
    """Another key need not wait, so it overtakes; the one that was overtaken still goes out."""
    slow, quick = await create(Database(postgres)), Database(postgres)
    holding = Holding(slow)
    relay = Relay("tester", quick, bus)
    first = asyncio.create_task(emit(slow, ("a", 1)))
    await holding.reached.wait()
    async with asyncio.timeout(10):
        await emit(quick, ("b", 1))
    assert await relay.pump() == 1
    holding.go.set()
    await first
    assert await relay.pump() == 1
    assert published(bus) == [("b", 1), ("a", 1)]
    async with quick.reading() as conn:
        order = (await conn.execute(select(tables.outbox.c.key).order_by(tables.outbox.c.seq))).scalars().all()
    assert list(order) == ["a", "b"], "the number was drawn before, the commit came after"
    await slow.close()
    await quick.close()


@pytest.mark.postgres
async def test_transactions_of_the_same_keys_in_any_order_do_not_block_one_another_for_ever(
    postgres: str, bus: Bus
) -> None:
    db = await create(Database(postgres))
    keys = [f"k{number}" for number in range(12)]
    many = [emit(db, *((key, n) for key in (keys if n % 2 else reversed(keys)))) for n in range(24)]
    await asyncio.gather(*many)
    relay = Relay("tester", db, bus)
    while await relay.pump():
        pass
    assert len(bus.seen) == 24 * len(keys)
    orders = [[number for key, number in published(bus) if key == wanted] for wanted in keys]
    assert all(order == orders[0] for order in orders), "every key tells the same order of commits"
    await db.close()
