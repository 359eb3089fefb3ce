"""What the kit puts on the bus and takes off it: refused at the outbox, or a dead letter, never in the way."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, func, select

from libs.common import tables
from libs.common.bus import Message
from libs.common.consumer import Consumer
from libs.common.db import MAX_EVENT_BYTES, Database, EventTooLarge, Tx
from libs.common.relay import Relay
from libs.contracts.subsidy import PolicyActivatedV1
from tests.bus.conftest import Place, consuming, until

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
WIRE_TYPE = PolicyActivatedV1.wire_type.encode()


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(f"sqlite+aiosqlite:///{tmp_path}/service.db")
    metadata = MetaData()
    tables.kit_tables(metadata)
    async with made.writer.begin() as conn:
        await conn.run_sync(metadata.create_all)
    yield made
    await made.close()


def policy(version: str, *parameters: str) -> PolicyActivatedV1:
    return PolicyActivatedV1(policy_version=version, effective_on=NOW.date(), parameters=parameters, activated_at=NOW)


def message(topic: str, number: int, **changes: Any) -> Message:
    """An event of one key as another service would publish it; `changes` replace headers or the value."""
    value = changes.pop("value", policy("v").model_dump_json().encode())
    headers = {"ce_id": f"e{number}".encode(), "ce_type": WIRE_TYPE, "ce_time": NOW.isoformat().encode(), **changes}
    return Message(topic, "v", value, tuple((name, data) for name, data in headers.items() if data is not None))


async def test_what_cannot_be_read_becomes_a_dead_letter_and_the_partition_goes_on(place: Place, db: Database) -> None:
    seen: list[str] = []

    async def take(tx: Tx, events: Sequence[Any]) -> None:
        seen.extend(received.id for received in events)

    consumer = Consumer("tester", db, {PolicyActivatedV1: take})
    unreadable: dict[str, dict[str, bytes | None]] = {
        "e1": {"ce_type": b"subsidy.policy.activated.v99"},
        "e2": {"value": b"\xff\x00 not json"},
        "e3": {"value": "{'policy_version': '한글'}".encode()},
        "e4": {"value": b""},
        "e5": {"ce_type": None},
        "e6": {"ce_time": b"yesterday"},
        "e7": {"ce_time": b"2026-11-23T01:00:00"},
        "e8": {"ce_type": b"\xff\xfe"},
    }
    batch = [message(place.topic, n, **unreadable.get(f"e{n}", {})) for n in range(10)]
    nameless = message(place.topic, 10, ce_id=None)
    await place.bus().publish([*batch, nameless, message(place.topic, 11)])
    async with consuming(place.bus(), place.group, place.topic, consumer.handle):
        await until(lambda: "e11" in seen)
    assert seen == ["e0", "e9", "e11"]
    async with db.reading() as conn:
        letters = {row["event_id"]: row for row in (await conn.execute(select(tables.dead_letters))).mappings()}
    place_of_nameless = next(name for name in letters if name not in unreadable)
    assert place_of_nameless.startswith(f"{place.topic}/")
    assert {name: letters[name]["reason"] for name in sorted(letters) if name in unreadable} == {
        "e1": "unknown-type",
        "e2": "bad-data",
        "e3": "bad-data",
        "e4": "bad-data",
        "e5": "no-type",
        "e6": "bad-time",
        "e7": "bad-time",
        "e8": "unknown-type",
    }
    assert letters[place_of_nameless]["reason"] == "no-id"
    for name, letter in letters.items():
        assert (letter["status"], letter["attempts"], letter["topic"]) == ("open", 1, place.topic)
        assert letter["cause"], name
    assert letters["e2"]["value"] == b"\xff\x00 not json", "kept exactly as it came"
    kept = [(header, bytes.fromhex(data)) for header, data in letters["e8"]["headers"]]
    assert tuple(kept) == batch[8].headers


async def test_an_oversized_event_is_refused_and_its_transaction_leaves_nothing(db: Database) -> None:
    async def too_much() -> None:
        async with db.transaction() as tx:
            tx.emit(policy("small"))
            tx.emit(policy("big", "가" * (MAX_EVENT_BYTES // 3)))

    with pytest.raises(EventTooLarge, match=str(MAX_EVENT_BYTES)):
        await too_much()
    async with db.reading() as conn:
        assert await conn.scalar(select(func.count()).select_from(tables.outbox)) == 0


async def test_the_largest_event_that_the_outbox_takes_travels(place: Place, db: Database) -> None:
    """Through the relay as a Kafka message with all its headers."""
    room = MAX_EVENT_BYTES - len(policy("v", "").model_dump_json().encode())
    event = policy("v", "x" * room)
    async with db.transaction() as tx:
        tx.emit(event)
    async with db.writer.begin() as conn:
        await conn.execute(tables.outbox.update().values(topic=place.topic))
    assert await Relay("tester", db, place.bus()).pump() == 1
    seen: list[Any] = []

    async def take(tx: Tx, events: Sequence[Any]) -> None:
        seen.extend(received.data for received in events)

    consumer = Consumer("tester", db, {PolicyActivatedV1: take})
    async with consuming(place.bus(), place.group, place.topic, consumer.handle):
        await until(lambda: bool(seen))
    assert seen == [event]
