"""Events that no service of ours would publish, and databases that answer but take nothing."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI
from sqlalchemy import text

from libs.common.bus import Delivery, Message
from libs.common.consumer import BACKOFF, PATIENCE, Consumer, DatabaseAway
from libs.common.db import Database, Tx
from libs.common.kafka import Brokers, KafkaBus
from libs.common.problems import install
from libs.common.rows import insert_rows
from libs.contracts.catalog import CourseWithdrawnV1
from tests.bus.conftest import create_topic, until
from tests.faults.kit import batch, effects, letters, message, take, taken


async def no_pause(_: float) -> None:
    return None


def consumer_of(db: Database, handler: Any = take) -> Consumer:
    return Consumer("tester", db, {CourseWithdrawnV1: handler}, sleep=no_pause)


def changed(number: int, key: str = "a", **headers: bytes) -> Delivery:
    """An event with other headers; `ce_id` and the like are given as `id`."""
    plain = message(key, number)
    renamed = {f"ce_{name}": value for name, value in headers.items()}
    kept = tuple((name, renamed.get(name, value)) for name, value in plain.headers)
    return Delivery(Message(plain.topic, key, plain.value, kept), 0, number)


@pytest.mark.parametrize(
    ("unkind", "reason"),
    [
        pytest.param(changed(1, type=b"no.such\x00type.v1"), "unknown-type", id="a zero byte in the type"),
        pytest.param(changed(1, id=b"id\x00with zero"), "handler-failed", id="a zero byte in the id"),
        pytest.param(changed(1, key="k\x00", type=b"no.such.v1"), "unknown-type", id="a zero byte in the key"),
        pytest.param(changed(1, time=b"\x00"), "bad-time", id="a zero byte for a time"),
    ],
)
async def test_a_zero_byte_does_not_stop_the_partition(db: Database, unkind: Delivery, reason: str) -> None:
    """PostgreSQL stores no zero byte in a text; the dead letter is kept all the same, its bytes as they came."""
    await consumer_of(db).handle([*batch(("a", 0)), unkind, *batch(("a", 2))])
    assert await taken(db) == [("a", 0), *([("a", 1)] if not await letters(db) else []), ("a", 2)]
    if db.is_sqlite and reason == "handler-failed":
        assert await letters(db) == {}, "SQLite takes it"
        return
    (letter,) = (await letters(db)).values()
    assert letter["reason"] == reason
    assert letter["value"] == unkind.message.value
    kept = tuple((name, bytes.fromhex(value)) for name, value in letter["headers"])
    assert kept == unkind.message.headers


async def test_an_error_whose_text_no_database_can_store_is_still_told(db: Database) -> None:
    async def fails(tx: Tx, events: Sequence[Any]) -> None:
        raise ValueError("깨진 글자 \udcff 와 \x00")

    await consumer_of(db, fails).handle(batch(("a", 1)))
    cause = (await letters(db))["a-1"]["cause"]
    assert cause.startswith("ValueError: 깨진 글자")
    assert "\x00" not in cause


async def test_a_batch_full_of_poison_ends_before_the_bus_gives_its_member_up(db: Database) -> None:
    """Kafka waits five minutes; full pauses for each of 200 events would take ten, over and over again."""
    pauses: list[float] = []

    async def remember(seconds: float) -> None:
        pauses.append(seconds)

    async def poison(tx: Tx, events: Sequence[Any]) -> None:
        if any(event.data.course_id == "a" for event in events):
            raise ValueError("poison")
        await take(tx, events)

    consumer = Consumer("tester", db, {CourseWithdrawnV1: poison}, sleep=remember)
    await consumer.handle([*batch(*(("a", number) for number in range(200))), *batch(("b", 1))])
    assert sum(pauses) <= PATIENCE
    assert pauses[: len(BACKOFF)] == list(BACKOFF)
    assert len(await letters(db)) == 200
    assert {letter["attempts"] for letter in (await letters(db)).values()} == {len(BACKOFF) + 1}
    assert await taken(db) == [("b", 1)]


async def test_while_reads_answer_and_writes_fail_nothing_is_given_up(db: Database) -> None:
    """A full disk or a standby: the database is reachable, but not even a dead letter can be stored."""

    async def rename(before: str, after: str) -> None:
        async with db.writer.begin() as conn:
            for table in ("inbox", "dead_letters"):
                await conn.execute(text(f"ALTER TABLE {table}{before} RENAME TO {table}{after}"))

    events = batch(("a", 1), ("b", 1), ("a", 2))
    await rename("", "_away")
    assert await db.reachable()
    with pytest.raises(Exception, match=r"inbox|dead_letters"):
        await consumer_of(db).handle(events)
    await rename("_away", "")
    await consumer_of(db).handle(events)
    assert await taken(db) == [("a", 1), ("b", 1), ("a", 2)]
    assert await letters(db) == {}


async def take_nothing(tx: Tx, events: Sequence[Any] = ()) -> None:
    """As on a disk without room for this effect, though a dead letter would still fit; or on a standby."""
    if tx.conn.dialect.name == "postgresql":
        await tx.conn.execute(text("SET TRANSACTION READ ONLY"))
        await insert_rows(tx.conn, effects, [{"key": "a", "number": 1}])
    await tx.conn.execute(text("PRAGMA max_page_count = 1"))
    try:
        await insert_rows(tx.conn, effects, [{"key": "a" * 100_000, "number": 1}])
    finally:
        await tx.conn.execute(text("PRAGMA max_page_count = 1000000"))


async def test_an_effect_that_finds_no_room_is_not_the_fault_of_its_event(db: Database) -> None:
    with pytest.raises(DatabaseAway):
        await consumer_of(db, take_nothing).handle(batch(("a", 1), ("b", 1)))
    assert await letters(db) == {}
    await consumer_of(db).handle(batch(("a", 1), ("b", 1)))
    assert await taken(db) == [("a", 1), ("b", 1)]


async def test_a_caller_is_told_to_come_again_when_there_is_no_room(db: Database) -> None:
    app = FastAPI()
    install(app)

    @app.post("/")
    async def write() -> None:
        async with db.transaction() as tx:
            await take_nothing(tx)

    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        answer = await client.post("/")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["type"] == "urn:ieum:problem:temporarily-unavailable"
    assert await taken(db) == []


async def test_replicas_that_got_the_same_events_in_other_orders_do_not_harm_one_another(db: Database) -> None:
    """After a rebalance two members may hold the same partitions and interleave them differently."""
    keys = [f"k{number}" for number in range(12)]
    forth = batch(*((key, number) for key in keys for number in (1, 2)))
    back = batch(*((key, number) for key in reversed(keys) for number in (1, 2)))
    members = [consumer_of(db) for _ in range(6)]
    await asyncio.gather(*(m.handle(forth if n % 2 else back) for n, m in enumerate(members)))
    found = await taken(db)
    assert sorted(found) == sorted((key, number) for key in keys for number in (1, 2))
    assert all([n for k, n in found if k == key] == [1, 2] for key in keys)
    assert await letters(db) == {}


@pytest.mark.kafka
async def test_headers_without_a_value_and_messages_without_key_or_value_do_not_stop_kafka(
    kafka: str, tmp_path: Any
) -> None:
    """A foreign producer may send all of these; ours never does."""
    topic = f"foreign-{tmp_path.name}"
    await create_topic(kafka, topic)
    good = message("a", 1)
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    await producer.send_and_wait(topic, None, b"k", 0)
    await producer.send_and_wait(topic, b"{}", partition=0, headers=[("ce_id", None), ("ce_type", None)])
    await producer.send_and_wait(topic, good.value, b"\xff\xfe", 0, headers=[*good.headers, ("extra", None)])
    await producer.stop()
    bus = KafkaBus(Brokers(kafka))
    seen: list[Delivery] = []

    async def keep(some: Sequence[Delivery]) -> None:
        seen.extend(some)

    reading = asyncio.create_task(bus.consume(topic, [topic], keep))
    await until(lambda: len(seen) >= 3)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await bus.close()
    assert [(d.message.key, d.message.value) for d in seen] == [("k", b""), ("", b"{}"), ("��", good.value)]
    assert [d.message.headers for d in seen] == [
        (),
        (("ce_id", b""), ("ce_type", b"")),
        (*good.headers, ("extra", b"")),
    ]
