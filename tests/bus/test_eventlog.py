"""What only the event log has: one file, a write lock, leases."""

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from libs.common.bus import Delivery
from libs.common.eventlog import EventLog
from tests.bus.conftest import Place, member, until
from tests.bus.worker import KEYS, numbered

_HOLD = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
db.execute("INSERT INTO log SELECT 'torn', 0, 0, 'k', x'00', '[]', 0")
open(sys.argv[2], "w").close()
time.sleep(600)
"""


@pytest.fixture
async def log_place(tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(f"eventlog://{tmp_path / 'events.db'}", tmp_path)
    await made.bus().start()
    yield made
    await made.close()


@asynccontextmanager
async def locked(place: Place) -> AsyncIterator[None]:
    """During the block a process holds the write lock with an unfinished transaction; then it is killed."""
    held = place.folder / "held"
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _HOLD, str(place.folder / "events.db"), str(held)
    )
    try:
        await until(held.exists)
        yield
    finally:
        holder.kill()
        await holder.wait()


async def test_publisher_and_member_go_on_when_the_holder_of_the_lock_is_killed(log_place: Place) -> None:
    bus = log_place.bus()
    async with member(log_place.bus(), log_place) as reader:
        await bus.publish(numbered(log_place.topic, 0))
        await reader.has(len(KEYS))
        async with locked(log_place):
            publishing = asyncio.create_task(bus.publish(numbered(log_place.topic, 1)))
            await asyncio.sleep(0.5)
            assert not publishing.done(), "publish does not return before the messages are durable"
        await publishing
        await reader.has(2 * len(KEYS))
    assert {key: reader.numbers(key) for key in KEYS} == {key: [0, 1] for key in KEYS}


async def test_a_transaction_torn_by_a_kill_leaves_nothing(log_place: Place) -> None:
    async with locked(log_place):
        pass
    log = EventLog(log_place.folder / "events.db")
    await log.publish(numbered("whole", 1))
    topics = await log.query("SELECT DISTINCT topic FROM log")
    await log.close()
    assert topics == [("whole",)]


async def test_a_member_that_lost_its_lease_does_not_move_the_offset(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.db")
    lost = asyncio.Event()

    async def lose_the_lease(batch: Sequence[Delivery]) -> None:
        await log.run(lambda db: db.execute("UPDATE offsets SET owner='another', until=9e12"))
        lost.set()

    await log.publish(numbered("t", 5))
    reading = asyncio.create_task(log.consume("g", ["t"], lose_the_lease))
    await lost.wait()
    await asyncio.sleep(0.3)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    offsets = await log.query("SELECT max(next) FROM offsets")
    await log.close()
    assert offsets == [(0,)]


async def test_the_log_is_written_through_to_the_disk(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.db")
    modes = [(await log.query(f"PRAGMA {name}"))[0][0] for name in ("journal_mode", "synchronous")]
    await log.close()
    assert modes == ["wal", 2], "WAL, and FULL: a commit is on the disk when it returns"


async def test_a_log_that_cannot_be_opened_refuses_to_publish(tmp_path: Path) -> None:
    (tmp_path / "events.db").mkdir()
    log = EventLog(tmp_path / "events.db")
    with pytest.raises((sqlite3.OperationalError, ConnectionError)):
        await log.publish(numbered("t", 1))
    await log.close()
