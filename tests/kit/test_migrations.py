"""Every service's migrations, up and down, on both databases, and by several callers at once."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import inspect

from libs.common import migrate
from libs.common.db import Database
from services.__main__ import WITH_DATABASE


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    sqlite = request.param == "sqlite"
    return f"sqlite+aiosqlite:///{tmp_path}/t.db" if sqlite else str(request.getfixturevalue("postgres"))


async def tables(db: Database) -> set[str]:
    async with db.writer.connect() as conn:
        return set(await conn.run_sync(lambda sync: inspect(sync).get_table_names()))


@pytest.mark.parametrize("service", WITH_DATABASE)
async def test_up_down_and_up_again_ends_in_the_tables_of_the_code(service: str, url: str) -> None:
    db = Database(url)
    await migrate.upgrade(db, service)
    await migrate.check(db, service)
    made = await tables(db)
    await migrate.downgrade(db, service, "base")
    assert await tables(db) == {"alembic_version"}
    assert not await migrate.usable(db, service), "a process on these tables is not ready"
    await migrate.upgrade(db, service)
    await migrate.check(db, service)
    assert await tables(db) == made
    assert await migrate.usable(db, service)
    await db.close()


@pytest.mark.postgres
@pytest.mark.parametrize("service", ["interagency", "subsidy"])
async def test_several_that_migrate_at_once_all_find_it_done(service: str, postgres: str) -> None:
    databases = [Database(postgres) for _ in range(4)]
    await asyncio.gather(*(migrate.upgrade(db, service) for db in databases))
    assert all([await migrate.at_head(db, service) for db in databases])
    await migrate.check(databases[0], service)
    for db in databases:
        await db.close()
