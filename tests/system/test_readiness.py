"""Readiness tells the truth about what a process cannot do; liveness depends on nothing."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from deploy.postgres import Postgres
from deploy.process import free_port
from libs.common import migrate
from libs.common.kafka import Brokers, KafkaBus
from libs.common.kit import Kit
from libs.common.settings import Settings
from services.__main__ import System
from services.catalog.app import create_app
from services.gateway.routes import SERVICES


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    async with System(tmp_path).running() as made:
        yield made


async def asked(app: Any, path: str = "/readyz") -> tuple[int, dict[str, Any]]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://service") as client:
        answer = await client.get(path)
    return answer.status_code, answer.json().get("checks", {})


async def test_the_whole_process_is_ready_only_while_each_of_its_services_is(system: System) -> None:
    gateway = system.apps["gateway"]
    assert await asked(gateway) == (200, dict.fromkeys(("keys", *SERVICES), True))
    async with system.kits["diagnosis"].db.transaction() as tx:
        await tx.conn.execute(text("DELETE FROM alembic_version"))
    status, checks = await asked(gateway)
    assert (status, [name for name, ok in checks.items() if not ok]) == (503, ["diagnosis"])
    assert (await asked(system.apps["diagnosis"]))[1]["migrations"] is False
    assert (await asked(gateway, "/livez"))[0] == 200


async def test_without_its_event_log_no_service_is_ready(system: System) -> None:
    await system.bus.close()
    status, checks = await asked(system.apps["gateway"])
    assert status == 503
    assert [name for name, ok in checks.items() if ok] == ["keys"]


@pytest.mark.postgres
async def test_each_thing_that_is_away_is_named_and_found_again(own_postgres: Postgres) -> None:
    own_postgres.create_database("catalog")
    url = own_postgres.url_for("catalog")
    bus = KafkaBus(Brokers(f"127.0.0.1:{free_port()}"))
    kit = Kit("catalog", Settings(database_url=url, bus_url="kafka://nowhere"), bus=bus)
    app = create_app(kit)
    nothing = {"database": True, "migrations": False, "bus": False, "tasks": False}
    assert await asked(app) == (503, nothing)
    await migrate.upgrade(kit.db, "catalog")
    async with kit.lifespan():
        assert await asked(app) == (503, {**nothing, "migrations": True, "tasks": True})
        own_postgres.kill()
        assert await asked(app) == (503, {**nothing, "database": False, "tasks": True})
        assert (await asked(app, "/livez"))[0] == 200
        own_postgres.restart()
        assert await asked(app) == (503, {**nothing, "migrations": True, "tasks": True})
    await bus.close()
