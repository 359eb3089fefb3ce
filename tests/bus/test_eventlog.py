"""What only the event log has: one file, a write lock, leases."""

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from libs.common.bus import Delivery, Message
from libs.common.eventlog import KEEP, EventLog
from libs.contracts import COMPACTED
from tests.bus.conftest import Place, consuming, member, until
from tests.bus.worker import KEYS, numbered
from tests.conftest import Clock

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


async def read(log: EventLog, group: str, topic: str, count: int) -> list[int]:
    """What a member of the group gets once it has `count` messages and a little time for more."""
    got: list[Delivery] = []

    async def keep(batch: Sequence[Delivery]) -> None:
        got.extend(batch)

    async with consuming(log, group, topic, keep):
        await until(lambda: len(got) >= count)
        await asyncio.sleep(0.3)
    return [int(delivery.message.value) for delivery in got]


async def kept(log: EventLog, topic: str) -> list[tuple[str, int]]:
    rows = await log.query("SELECT key, value FROM log WHERE topic=? ORDER BY partition, position", topic)
    return [(key, int(value)) for key, value in rows]


async def later(log: EventLog, clock: Clock) -> None:
    clock.now += timedelta(seconds=KEEP + 1)
    log._prune_at = 0.0
    await log.prune()


async def test_old_messages_go_once_every_group_has_them_and_nobody_notices(tmp_path: Path) -> None:
    clock = Clock()
    log = EventLog(tmp_path / "events.db", clock)
    await log.publish([Message("t", "k", str(number).encode(), ()) for number in range(5000)])
    assert len(await read(log, "quick", "t", 5000)) == 5000
    await log.run(
        lambda db: db.execute(
            "INSERT INTO offsets (grp, topic, partition, next) SELECT 'slow', topic, partition, 4000 FROM offsets"
        )
    )
    await later(log, clock)
    assert [number for _, number in await kept(log, "t")] == list(range(4000, 5000)), "what a slow group still needs"
    await log.run(lambda db: db.execute("DELETE FROM offsets WHERE grp='slow'"))
    await later(log, clock)
    assert await kept(log, "t") == [("k", 4999)], "the last one stays, for its position"
    await log.publish([Message("t", "k", b"5000", ())])
    assert await read(log, "quick", "t", 1) == [5000]
    await log.prune()
    assert await read(log, "new", "t", 2) == [4999, 5000]
    await log.close()


async def test_a_topic_that_a_group_reads_no_more_is_not_kept_for_it(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.db", Clock())
    for topic in ("left", "stays"):
        await log.publish([Message(topic, "k", b"1", ())])
        assert await read(log, "group", topic, 1) == [1]
    rows = await log.query("SELECT DISTINCT topic FROM offsets WHERE grp='group'")
    assert rows == [("stays",)]
    await log.close()


async def test_of_a_compacted_topic_the_newest_of_each_key_stays(tmp_path: Path) -> None:
    clock = Clock()
    (topic,) = COMPACTED
    log = EventLog(tmp_path / "events.db", clock)
    await log.publish([Message(topic, key, str(number).encode(), ()) for number in range(3) for key in KEYS])
    await later(log, clock)
    assert sorted(await kept(log, topic)) == sorted((key, 2) for key in KEYS)
    assert sorted(await read(log, "new", topic, len(KEYS))) == [2] * len(KEYS)
    await log.close()


async def test_a_lease_taken_while_the_clock_was_ahead_does_not_last_until_then(tmp_path: Path) -> None:
    """A member that was killed before the clock was put right must not keep its partitions for months."""
    clock = Clock()
    log = EventLog(tmp_path / "events.db", clock, lease=1.0)
    ahead = clock().timestamp() + 90 * 86_400
    await log.publish([Message("t", "k", b"1", ())])
    assert await read(log, "g", "t", 1) == [1]
    await log.run(lambda db: db.execute("UPDATE offsets SET owner='killed', until=?", (ahead,)))
    await log.run(lambda db: db.execute("INSERT INTO members VALUES ('g', 'killed', ?)", (ahead,)))
    await log.publish([Message("t", "k", b"2", ())])
    assert await read(log, "g", "t", 1) == [2]
    await log.close()
