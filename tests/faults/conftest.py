"""A service's database on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from libs.common.db import Database
from tests.faults.kit import create


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/service.db"
    found: str = request.getfixturevalue("postgres")
    return found


@pytest.fixture
async def db(url: str) -> AsyncIterator[Database]:
    made = await create(Database(url))
    yield made
    await made.close()
