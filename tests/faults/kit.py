"""What the tests of relay and consumer stand on: a database with the kit's tables and one table of effects."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, Integer, MetaData, Table, Text, select

from libs.common import tables
from libs.common.bus import Delivery, Message
from libs.common.db import Database, Tx
from libs.common.rows import insert_rows
from libs.contracts.catalog import CourseWithdrawnV1

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)

metadata = MetaData()
tables.kit_tables(metadata)
effects = Table(
    "effects",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False),
    Column("number", Integer, nullable=False),
)
"""Takes a second row for one event without complaint, so that a doubled effect would be seen."""


async def create(db: Database) -> Database:
    async with db.writer.begin() as conn:
        await conn.run_sync(metadata.create_all)
    return db


def withdrawn(key: str, number: int) -> CourseWithdrawnV1:
    return CourseWithdrawnV1(course_id=key, version=number, reason="폐강", withdrawn_at=NOW)


def message(key: str, number: int, topic: str = CourseWithdrawnV1.topic) -> Message:
    headers = {
        "ce_specversion": "1.0",
        "ce_id": f"{key}-{number}",
        "ce_type": CourseWithdrawnV1.wire_type,
        "ce_time": NOW.isoformat(),
    }
    return Message(
        topic,
        key,
        withdrawn(key, number).model_dump_json().encode(),
        tuple((name, value.encode()) for name, value in headers.items()),
    )


def batch(*events: tuple[str, int]) -> list[Delivery]:
    return [Delivery(message(key, number), 0, place) for place, (key, number) in enumerate(events)]


async def take(tx: Tx, events: Sequence[Any]) -> None:
    """The handler: one row per event."""
    rows = [{"key": event.data.course_id, "number": event.data.version} for event in events]
    await insert_rows(tx.conn, effects, rows)


async def taken(db: Database) -> list[tuple[str, int]]:
    async with db.reading() as conn:
        rows = (await conn.execute(select(effects).order_by(effects.c.id))).mappings()
        return [(row["key"], row["number"]) for row in rows]


async def letters(db: Database) -> dict[str, dict[str, Any]]:
    async with db.reading() as conn:
        return {row["event_id"]: dict(row) for row in (await conn.execute(select(tables.dead_letters))).mappings()}


def of_key(pairs: Iterable[tuple[str, int]], key: str) -> list[int]:
    return [number for found, number in pairs if found == key]
