"""Companies that the release before stored: their facts stand in a profile."""

import json
from pathlib import Path

import pytest
from sqlalchemy import text

from libs.common.kit import Kit
from tests.conftest import MakeKit
from tests.matching.flow import Worker, answer, updates
from tests.matching.makers import assessment, course, facts

_INSERT = (
    "INSERT INTO companies (company_id, business_number, profile_version, profile, assessment_version, assessment,"
    " quoted_version, change_no) VALUES ('k1', '1168200276', 1, :profile, 0, NULL, 0, 1)"
)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def kit(request: pytest.FixtureRequest, make_kit: MakeKit, tmp_path: Path) -> Kit:
    sqlite = request.param == "sqlite"
    return await make_kit("matching", **({} if sqlite else {"database_url": request.getfixturevalue("postgres")}))


async def test_an_assessment_without_facts_takes_those_of_the_profile(kit: Kit) -> None:
    profile = {**facts(headcount=77).model_dump(), "name": "가나다", "business_number": "1168200276"}
    async with kit.db.transaction() as tx:
        await tx.conn.execute(text(_INSERT), {"profile": json.dumps(profile)})
        await tx.conn.execute(text("UPDATE changes SET last = 1"))
    worker = Worker(kit)
    await worker.courses(course("c1"))
    await worker.handle(assessment(facts=None, business_number=None))
    (update,) = await updates(kit)
    assert update.company.headcount == 77
    assert (await answer(kit))["business_number"] == "1168200276"
