"""Two small services on the kit, in a process that may be killed: `python -m tests.faults.pipeline CONFIG`.

The producer emits numbered events, a few in flight at a time; the consumer adds them up per key and emits
each sum onward; the producer writes down what comes back. Each has its own database, relay and consumer.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text, func, select

from libs.common import tables
from libs.common.bus import Bus
from libs.common.consumer import Consumer
from libs.common.db import Database, Tx
from libs.common.eventlog import EventLog
from libs.common.kafka import Brokers, KafkaBus
from libs.common.relay import Relay
from libs.common.rows import insert_rows
from libs.contracts.catalog import CourseWithdrawnV1
from libs.contracts.subsidy import PolicyActivatedV1

KEYS = ("가", "나", "다")
TOTAL = 30
_IN_FLIGHT = 8


@dataclass(frozen=True)
class Config:
    """Where the pipeline lives. `pace` is seconds between two transactions of the producer."""

    bus: str
    producer: str
    consumer: str
    topics: tuple[str, str]
    pace: float

    def text(self) -> str:
        return orjson.dumps(asdict(self)).decode()


producing, consuming = MetaData(), MetaData()
for metadata in (producing, consuming):
    tables.kit_tables(metadata)

# No table forbids a second row for one event: a doubled effect would be seen.
received = Table(
    "received",
    producing,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
)
emitted = Table("emitted", producing, Column("number", BigInteger, primary_key=True, autoincrement=False))
effects = Table(
    "effects",
    consuming,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
)


async def open_database(url: str, metadata: MetaData) -> Database:
    db = Database(url, pool_size=4)
    async with db.writer.begin() as conn:
        await conn.run_sync(metadata.create_all)
    return db


def open_bus(url: str) -> Bus:
    scheme, _, rest = url.partition("://")
    return KafkaBus(Brokers(rest), session_timeout_ms=1500) if scheme == "kafka" else EventLog(Path(rest), lease=1.0)


async def count(db: Database, table: Table) -> int:
    async with db.reading() as conn:
        return int(await conn.scalar(select(func.count()).select_from(table)) or 0)


async def unsent(db: Database) -> int:
    async with db.reading() as conn:
        waiting = select(func.count()).select_from(tables.outbox).where(tables.outbox.c.sent_at.is_(None))
        return int(await conn.scalar(waiting) or 0)


async def add_up(tx: Tx, events: Sequence[Any]) -> None:
    for event in events:
        key, number = event.data.course_id, event.data.version
        await insert_rows(tx.conn, effects, [{"key": key, "number": number}])
        total = await tx.conn.scalar(select(func.sum(effects.c.number)).where(effects.c.key == key))
        parameters = (str(number), str(total))
        tx.emit(
            PolicyActivatedV1(
                policy_version=key, effective_on=tx.now.date(), parameters=parameters, activated_at=tx.now
            )
        )


async def write_down(tx: Tx, events: Sequence[Any]) -> None:
    rows = [
        {"key": e.data.policy_version, "number": int(e.data.parameters[0]), "total": int(e.data.parameters[1])}
        for e in events
    ]
    await insert_rows(tx.conn, received, rows)


async def produce(db: Database, pace: float) -> None:
    """Emits what is still to be emitted, each number in a transaction with its own row."""
    for number in range(await count(db, emitted) + 1, TOTAL + 1):
        while number - await count(db, received) > _IN_FLIGHT:
            await asyncio.sleep(0.01)
        async with db.transaction() as tx:
            await insert_rows(tx.conn, emitted, [{"number": number}])
            key = KEYS[number % len(KEYS)]
            tx.emit(CourseWithdrawnV1(course_id=key, version=number, reason="폐강", withdrawn_at=tx.now))
        await asyncio.sleep(pace)


@asynccontextmanager
async def running(*works: Any) -> AsyncIterator[None]:
    running = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def main(config: Config) -> None:
    """Ends by itself once every event has gone all the way round."""
    CourseWithdrawnV1.topic, PolicyActivatedV1.topic = config.topics
    producer = await open_database(config.producer, producing)
    consumer = await open_database(config.consumer, consuming)
    bus = open_bus(config.bus)
    ends = [
        Consumer("producer", producer, {PolicyActivatedV1: write_down}),
        Consumer("consumer", consumer, {CourseWithdrawnV1: add_up}),
    ]
    works = [bus.consume(f"{end.service}-{end.topics[0]}", end.topics, end.handle, max_batch=5) for end in ends]
    relays = [Relay("producer", producer, bus).run(), Relay("consumer", consumer, bus).run()]
    async with running(*works, *relays):
        await produce(producer, config.pace)
        while await count(producer, received) < TOTAL or await unsent(producer) or await unsent(consumer):
            await asyncio.sleep(0.02)
    await bus.close()
    await producer.close()
    await consumer.close()


if __name__ == "__main__":
    asyncio.run(main(Config(**orjson.loads(sys.argv[1]))))
