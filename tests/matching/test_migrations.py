"""Facts that companies were given in columns of their own go to their assessments."""

import json
from pathlib import Path

import pytest
from sqlalchemy import text

from libs.common import migrate
from libs.common.db import Database
from libs.contracts.diagnosis import AssessmentCompletedV1
from services.matching.service import Replica
from services.matching.service.replica import Row
from tests.matching.makers import DAY, RULES, assessment, facts

_INSERT = (
    "INSERT INTO companies (company_id, business_number, profile_version, profile, assessment_version, assessment,"
    " quoted_version, change_no) VALUES ('k1', '1168200276', 1, :profile, 1, :assessment, 0, 1)"
)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    sqlite = request.param == "sqlite"
    return f"sqlite+aiosqlite:///{tmp_path}/t.db" if sqlite else str(request.getfixturevalue("postgres"))


async def test_a_company_keeps_its_facts(url: str) -> None:
    db = Database(url)
    await migrate.upgrade(db, "matching")
    await migrate.downgrade(db, "matching", "057ce787c84c")
    old = assessment().model_dump_json(exclude={"facts", "business_number"})
    profile = json.dumps({**facts().model_dump(), "name": "가나다", "business_number": "1168200276"})
    async with db.writer.begin() as conn:
        await conn.execute(text(_INSERT), {"profile": profile, "assessment": old})
    await migrate.upgrade(db, "matching")
    replica = Replica(RULES, DAY)
    async with db.reading() as conn:
        rows: list[Row] = [dict(row) for row in (await conn.execute(text("SELECT * FROM companies"))).mappings()]
    assert AssessmentCompletedV1.model_validate_json(rows[0]["assessment"]).facts == facts()
    assert "profile" not in rows[0]
    replica.put_company(rows[0])
    seeker = replica.engine.companies.get("k1")
    assert seeker is not None
    assert seeker.facts == facts()
    await db.close()
