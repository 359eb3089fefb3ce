"""The same use case on a real PostgreSQL."""

import pytest

from libs.common import migrate
from services.diagnosis import store
from tests.conftest import MakeKit
from tests.diagnosis.test_service import announced, changed, handle, registered

pytestmark = pytest.mark.postgres


async def test_companies_are_assessed_and_assessed_anew_on_postgresql(make_kit: MakeKit, postgres: str) -> None:
    kit = await make_kit("diagnosis", database_url=postgres)

    await handle(kit, *(registered(f"c{number}", headcount=number * 7) for number in range(100)))
    await handle(kit, changed("c5", headcount=800), changed("c6", version=5, name="다른 이름", headcount=42))
    await handle(kit, changed("c6", version=3, headcount=2), registered("c5"))

    events = await announced(kit)
    assert [event.company_id for event in events[100:]] == ["c5"]
    async with kit.db.reading() as conn:
        known = await store.known(conn, ["c5", "c6", "c7"])
        past = await store.past(conn, "c5", None, 10)
        counts = await store.counts(conn)
    versions = {company: (row["version"], row["profile_version"]) for company, row in known.items()}
    assert versions == {"c5": (2, 2), "c6": (1, 5), "c7": (1, 1)}
    assert [row["version"] for row in past] == [2, 1]
    assert past[0]["result"] == known["c5"]["result"]
    assert counts["assessments"] == 100
    await migrate.check(kit.db, "diagnosis")
