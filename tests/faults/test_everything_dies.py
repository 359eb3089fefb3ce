"""Broker, database and services die and come back while events flow; the end is that of a quiet run."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import SQLAlchemyError

from deploy import local
from deploy.broker import Kafka
from deploy.postgres import Postgres
from libs.common.db import Database
from tests.bus.conftest import create_topic
from tests.conftest import started
from tests.faults import pipeline
from tests.faults.pipeline import Config
from tests.faults.test_crash_points import end_state, expect_whole, run

pytestmark = pytest.mark.distributed


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[Kafka, Postgres]]:
    """Of this test alone, because they are killed."""
    with (
        started("Kafka", lambda: local.start_kafka(tmp_path / "kafka")) as broker,
        started("PostgreSQL", lambda: local.start_postgres(tmp_path / "postgres")) as server,
    ):
        yield broker, server


async def effects_reach(count: int, db: Database) -> None:
    async with asyncio.timeout(90):
        while True:
            try:
                if await pipeline.count(db, pipeline.effects) >= count:
                    return
            except (SQLAlchemyError, OSError):
                pass  # The tables are not there yet.
            await asyncio.sleep(0.05)


async def test_broker_database_and_services_killed_in_turn_leave_one_effect_per_event(
    servers: tuple[Kafka, Postgres],
) -> None:
    broker, server = servers
    for name in ("producer", "consumer"):
        server.create_database(name)
    for topic in ("out", "back"):
        await create_topic(broker.bootstrap, topic)
    databases = (server.url_for("producer"), server.url_for("consumer"))
    config = Config(f"kafka://{broker.bootstrap}", *databases, topics=("out", "back"), pace=0.3)
    codes: list[int] = []

    async def as_an_orchestrator_does() -> None:
        while not codes or codes[-1] != 0:
            codes.append(await run(config, "relay.after_publish:5" if not codes else ""))

    running, witness = asyncio.create_task(as_an_orchestrator_does()), Database(config.consumer)
    plan: list[tuple[int, list[Kafka | Postgres]]] = [(8, [server]), (14, [broker]), (20, [server, broker])]
    for reached, victims in plan:
        await effects_reach(reached, witness)
        for victim in victims:
            await asyncio.to_thread(victim.kill)
        assert not running.done(), "there is still work to disturb"
        await asyncio.sleep(0.5)
        for victim in victims:
            await asyncio.to_thread(victim.start)
    await running
    await witness.close()

    assert codes[0] == -signal.SIGKILL
    assert codes[-1] == 0
    expect_whole(await end_state(config))
