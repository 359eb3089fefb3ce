"""Consume → inbox + effect + outbox → commit, on PostgreSQL and a real Kafka, against the barest loop.

The yardstick reads with aiokafka, parses with orjson and inserts each batch with one asyncpg
statement of `unnest` arrays; no inbox, no outbox, one table.
"""

import asyncio
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from typing import Any

import asyncpg
import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from sqlalchemy import BigInteger, Column, MetaData, Table, Text

from libs.common import tables
from libs.common.bus import Message
from libs.common.consumer import Consumer
from libs.common.db import Database, Tx
from libs.common.envelope import Received, to_message
from libs.common.ids import random_uuid7, utc_now
from libs.common.kafka import Brokers, KafkaBus
from libs.common.kit import tune_gc
from libs.common.rows import insert_rows
from libs.contracts.catalog import Course, CoursePublishedV1, CourseWithdrawnV1
from tests.benchmarks.table import Row, medians_in_turn, more_is_better

EVENTS, BATCH = 40_000, 500
TOPIC = CoursePublishedV1.topic

metadata = MetaData()
effects = Table(
    "effects", metadata, Column("event_id", Text, primary_key=True), Column("course_id", Text), Column("n", BigInteger)
)
tables.kit_tables(metadata)


def event(number: int) -> CoursePublishedV1:
    course = Course(
        course_id=f"course-{number}",
        source="ieum",
        source_id=str(number),
        programme="P10",
        title="제조 현장 AI 품질검사 실무 " + "가" * 120,
        provider="한빛직업능력개발원",
        mode="onsite",
        level="intermediate",
        field="production",
        ai=True,
        hours=24,
        unit_price=12_000,
        region_code="12130",
    )
    return CoursePublishedV1(course_id=course.course_id, version=1, course=course, published_at=utc_now())


async def fill(servers: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    names = await admin.list_topics()
    if TOPIC not in names:
        await admin.create_topics([NewTopic(TOPIC, 3, 1)])
    await admin.close()
    bus = KafkaBus(Brokers(servers))
    now = utc_now()
    batch: list[Message] = []
    for number in range(EVENTS):
        data = event(number)
        row: dict[str, Any] = {"event_id": random_uuid7(), "topic": TOPIC, "key": data.key(), "type": data.wire_type}
        row |= {"value": data.model_dump_json().encode(), "traceparent": None, "origin": now, "created_at": now}
        batch.append(to_message(row, "urn:ieum:catalog"))
        if len(batch) == 5000:
            await bus.publish(batch)
            batch = []
    await bus.close()


async def ours(servers: str, url: str) -> float:
    db = Database(url)
    async with db.writer.begin() as conn:
        await conn.run_sync(metadata.drop_all)
        await conn.run_sync(metadata.create_all)
    done = asyncio.Event()
    handled = 0

    async def on_published(tx: Tx, events: Sequence[Received[CoursePublishedV1]]) -> None:
        nonlocal handled
        rows = [{"event_id": e.id, "course_id": e.data.course_id, "n": e.data.version} for e in events]
        await insert_rows(tx.conn, effects, rows)
        for e in events:
            tx.emit(CourseWithdrawnV1(course_id=e.data.course_id, version=2, reason="bench", withdrawn_at=tx.now))
        handled += len(events)

    consumer = Consumer("bench", db, {CoursePublishedV1: on_published})
    began: list[float] = []

    async def handle(batch: Sequence[Any]) -> None:
        began.append(time.perf_counter())
        await consumer.handle(batch)
        if handled >= EVENTS:
            done.set()

    bus = KafkaBus(Brokers(servers))
    task = asyncio.create_task(bus.consume(f"ours-{uuid.uuid4()}", [TOPIC], handle, max_batch=BATCH))
    await done.wait()
    seconds = time.perf_counter() - began[0]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await bus.close()
    await db.close()
    return EVENTS / seconds


async def bare(servers: str, dsn: str) -> float:
    conn = await asyncpg.connect(dsn)
    await conn.execute("DROP TABLE IF EXISTS bare; CREATE TABLE bare (id text PRIMARY KEY, course_id text, n bigint)")
    consumer = AIOKafkaConsumer(
        TOPIC,
        bootstrap_servers=servers,
        group_id=f"bare-{uuid.uuid4()}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    handled, began = 0, 0.0
    while handled < EVENTS:
        got = await consumer.getmany(timeout_ms=500, max_records=BATCH)
        if not got:
            continue
        began = began or time.perf_counter()
        ids, courses, numbers = [], [], []
        ends: dict[TopicPartition, int] = {}
        for place, records in got.items():
            for record in records:
                body = orjson.loads(record.value)
                ids.append(dict(record.headers)["ce_id"].decode())
                courses.append(body["course_id"])
                numbers.append(body["version"])
            ends[place] = records[-1].offset + 1
        await conn.execute(
            "INSERT INTO bare SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])", ids, courses, numbers
        )
        await consumer.commit(ends)
        handled += len(ids)
    seconds = time.perf_counter() - began
    await consumer.stop()
    await conn.close()
    return EVENTS / seconds


def run(servers: str, url: str, rounds: int = 5) -> list[Row]:
    """Each measurement in a fresh process."""
    asyncio.run(fill(servers))

    def measure(which: str) -> float:
        command = [sys.executable, "-m", "tests.benchmarks.event_loop", which, servers, url]
        return float(json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout))

    mine, yardstick = medians_in_turn(lambda: measure("ours"), lambda: measure("bare"), rounds)
    name = "event loop: inbox + effect + outbox, Kafka + PostgreSQL"
    return [more_is_better(name, mine, yardstick, 0.45, "events/s")]


if __name__ == "__main__":
    which, servers, url = sys.argv[1:4]
    tune_gc()
    work = ours(servers, url) if which == "ours" else bare(servers, url.replace("+asyncpg", ""))
    print(json.dumps(uvloop.run(work)))
