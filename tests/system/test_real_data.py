"""Real rows through the whole system: every row accounted for, every company priced."""

import csv
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli import partner_files
from libs.reference.calendar import korean_day
from services.__main__ import System
from tests.system import script
from tests.system.script import Callers

PARTS = ("loaded", "updated", "unchanged", "merged", "refused")


@pytest.fixture
async def callers(tmp_path: Path) -> AsyncIterator[Callers]:
    async with System(tmp_path / "state").running() as system:
        made = Callers(system)
        yield made
        await made.close()


async def test_listed_companies_and_public_courses(callers: Callers, shared_data: Path, tmp_path: Path) -> None:
    files = [("kdt", shared_data / "kdt" / "kdt_sessions.csv"), ("kmooc", shared_data / "kmooc" / "kmooc_courses.csv")]
    files += [("work24", path) for path in sorted((shared_data / "work24").glob("*.json"))]
    rows = 0
    for source, path in files:
        answer = await callers.call(
            "institution", "POST", f"/v1/course-imports?source={source}", content=path.read_bytes()
        )
        report = answer.json()
        assert answer.status_code == 201, report
        assert sum(report[part] for part in PARTS) == report["rows"]
        rows += report["rows"]
    assert rows == 4933 + 2150 + 9 + 11

    listed = shared_data / "companies" / "listed_companies.csv"
    made = partner_files.generate(listed, seed=7, out_dir=tmp_path / "files", on=korean_day(datetime.now(UTC)))
    reports = []
    for file in made.files:
        answer = await callers.call(file.agency.lower(), "POST", "/v1/referral-batches", content=file.path.read_bytes())
        assert answer.status_code == 200, answer.text
        reports.append(answer.json())
    for report in reports:
        assert report["rows"] == report["accepted"] + report["duplicates"] + report["refused"]
    with listed.open(encoding="utf-8-sig", newline="") as names:
        assert sum(report["rows"] for report in reports) == len(list(csv.DictReader(names))) == 1372
    assert sum(report["refused"] for report in reports) == made.without_region, "only those abroad are refused"
    items = await script.settled(callers)
    assert len(items) == sum(report["accepted"] for report in reports)
