"""One effect per event: a pipeline killed at every named point ends as one that was never killed."""

import asyncio
import os
import re
import signal
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, func, select

from libs.common import tables
from libs.common.crash import CRASH_POINTS
from libs.common.db import Database
from tests.bus.conftest import create_topic
from tests.faults import pipeline
from tests.faults.pipeline import KEYS, TOTAL, Config

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def config(tmp_path: Path) -> Config:
    """SQLite files and an event log."""
    producer, consumer = (f"sqlite+aiosqlite:///{tmp_path / name}.db" for name in ("producer", "consumer"))
    return Config(f"eventlog://{tmp_path / 'events.db'}", producer, consumer, ("out", "back"), pace=0.01)


@pytest.fixture
async def distributed(kafka: str, postgres_server: Any) -> Config:
    """Fresh databases on PostgreSQL and fresh topics on Kafka."""
    mark = uuid.uuid4().hex[:12]
    names = [f"p{mark}", f"c{mark}"]
    topics = (f"out-{mark}", f"back-{mark}")
    for name, topic in zip(names, topics, strict=True):
        postgres_server.create_database(name)
        await create_topic(kafka, topic)
    producer, consumer = (postgres_server.url_for(name) for name in names)
    return Config(f"kafka://{kafka}", producer, consumer, topics, pace=0.06)


async def run(config: Config, crash_at: str = "") -> int:
    environment = {**os.environ, "CRASH_AT": crash_at}
    argv = (sys.executable, "-m", "tests.faults.pipeline", config.text())
    process = await asyncio.create_subprocess_exec(*argv, cwd=ROOT, env=environment)
    try:
        async with asyncio.timeout(90):
            return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def rows(db: Database, table: Table) -> list[dict[str, Any]]:
    order = table.c.id if "id" in table.c else next(iter(table.primary_key))
    async with db.reading() as conn:
        return [dict(row) for row in (await conn.execute(select(table).order_by(order))).mappings()]


async def end_state(config: Config) -> dict[str, Any]:
    """All that must not depend on crashes: ids and instants left out."""
    producer, consumer = Database(config.producer), Database(config.consumer)
    state: dict[str, Any] = {}
    for name, db in (("producer", producer), ("consumer", consumer)):
        outbox = await rows(db, tables.outbox)
        state[f"{name} outbox"] = {key: [row["value"] for row in outbox if row["key"] == key] for key in KEYS}
        state[f"{name} unsent"] = [row["seq"] for row in outbox if row["sent_at"] is None]
        state[f"{name} inbox"] = await _count(db, tables.inbox)
        state[f"{name} dead letters"] = await rows(db, tables.dead_letters)
        ids = [row["event_id"] for row in outbox]
        assert len(set(ids)) == len(ids)
    taken = await rows(consumer, pipeline.effects)
    back = await rows(producer, pipeline.received)
    for key in KEYS:
        state[f"effects {key}"] = [row["number"] for row in taken if row["key"] == key]
        state[f"received {key}"] = [(row["number"], row["total"]) for row in back if row["key"] == key]
    state["emitted"] = [row["number"] for row in await rows(producer, pipeline.emitted)]
    await producer.close()
    await consumer.close()
    return {name: _without_instants(value) for name, value in state.items()}


def _without_instants(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_instants(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_instants(item) for item in value]
    if isinstance(value, bytes):
        return re.sub(rb'"(withdrawn_at|activated_at|effective_on)":"[^"]*"', b"", value)
    return value


async def _count(db: Database, table: Table) -> int:
    async with db.reading() as conn:
        return int(await conn.scalar(select(func.count()).select_from(table)) or 0)


def expect_whole(state: dict[str, Any]) -> None:
    """What a run must end in, worked out by hand from the numbers emitted."""
    assert state["emitted"] == list(range(1, TOTAL + 1))
    for place, key in enumerate(KEYS):
        numbers = [number for number in range(1, TOTAL + 1) if number % len(KEYS) == place]
        assert state[f"effects {key}"] == numbers
        assert state[f"received {key}"] == [(n, sum(m for m in numbers if m <= n)) for n in numbers]
        assert len(state["producer outbox"][key]) == len(state["consumer outbox"][key]) == len(numbers)
    for name in ("producer", "consumer"):
        assert state[f"{name} unsent"] == []
        assert state[f"{name} dead letters"] == []
        assert state[f"{name} inbox"] == TOTAL


async def crash_and_recover(config: Config, point: str) -> dict[str, Any]:
    """Killed at the third passage, killed again at the first one after the restart, then left to finish."""
    for nth in (3, 1):
        assert await run(config, f"{point}:{nth}") == -signal.SIGKILL, f"did not die at {point}:{nth}"
    assert await run(config) == 0
    return await end_state(config)


async def test_a_run_without_a_crash_has_one_effect_per_event(config: Config) -> None:
    assert await run(config) == 0
    expect_whole(await end_state(config))


@pytest.mark.parametrize("point", CRASH_POINTS)
async def test_killed_at_any_point_each_event_still_has_one_effect(config: Config, point: str) -> None:
    expect_whole(await crash_and_recover(config, point))


@pytest.mark.distributed
async def test_both_modes_end_in_the_same_state(config: Config, distributed: Config) -> None:
    assert await run(config) == 0
    assert await run(distributed) == 0
    embedded = await end_state(config)
    expect_whole(embedded)
    assert await end_state(distributed) == embedded


@pytest.mark.distributed
@pytest.mark.parametrize("point", CRASH_POINTS)
async def test_killed_at_any_point_on_kafka_and_postgresql(distributed: Config, point: str) -> None:
    expect_whole(await crash_and_recover(distributed, point))


def test_every_point_in_the_kit_is_named_and_every_name_is_a_point() -> None:
    sources = [path.read_text() for path in (ROOT / "libs" / "common").glob("*.py")]
    passed = {name for source in sources for name in re.findall(r'crash_point\("([^"]+)"\)', source)}
    assert passed == set(CRASH_POINTS)
