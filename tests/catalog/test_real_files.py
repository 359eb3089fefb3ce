"""The real files, whole: every row is accounted for, and a second time nothing changes."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from tests.catalog.conftest import Catalog, adds_up

KDT, KMOOC = "kdt/kdt_sessions.csv", "kmooc/kmooc_courses.csv"
WORK24 = ("work24/310L01_naeilbaeum_rows.json", "work24/311L01_employer_rows.json")


def records(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


async def twice(catalog: Catalog, source: str, data: bytes) -> dict[str, Any]:
    """Imports twice; gives the first account after checking the second against it."""
    first = await catalog.loaded(source, data)
    events = len(await catalog.events())
    second = await catalog.loaded(source, data)
    assert adds_up(first)
    assert adds_up(second)
    assert (second["loaded"], second["updated"], second["merged"]) == (0, 0, first["merged"])
    assert second["unchanged"] == first["loaded"]
    assert len(await catalog.events()) == events
    return first


async def test_every_kdt_session_is_accounted_for(catalog: Catalog, shared_data: Path) -> None:
    data = (shared_data / KDT).read_bytes()
    rows = records(data)
    keys = {(row["훈련과정 ID"], row["회차"]) for row in rows}

    report = await twice(catalog, "kdt", data)

    assert report["rows"] == len(rows) == 4_933
    assert report["loaded"] == len(keys)
    assert report["merged"] == len(rows) - len(keys)
    assert report["refused"] == 0
    assert report["courses"]["new"] == len({number for number, _ in keys}) == len(await catalog.events())
    assert {one["code"] for one in report["lists"]["notes"]} <= {"split"}
    whole = await catalog.course("kdt:AIG20210000329033")
    assert len(whole["sessions"]) == 143


async def test_a_kdt_row_keeps_its_money_its_places_and_its_code(catalog: Catalog, shared_data: Path) -> None:
    await catalog.loaded("kdt", (shared_data / KDT).read_bytes())

    course = await catalog.course("kdt:AIG20200000286570")

    assert (course["ncs_code"], course["hours"], course["region_code"]) == ("08020112", 960, "11560")
    assert course["sessions"][0] == {
        "session_no": 1,
        "starts_on": "2021-01-05",
        "ends_on": "2021-07-01",
        "capacity": 25,
        "fee": 7_011_840,
    }


async def test_every_kmooc_course_is_accounted_for(catalog: Catalog, shared_data: Path) -> None:
    data = (shared_data / KMOOC).read_bytes()
    rows = records(data)

    report = await twice(catalog, "kmooc", data)

    assert report["rows"] == len(rows) == 2_150
    assert (report["loaded"], report["refused"]) == (2_150, 0)
    assert len(await catalog.events()) == sum(row["condition"] != "종료" for row in rows)


@pytest.mark.parametrize("name", WORK24)
async def test_every_work24_row_is_accounted_for(catalog: Catalog, shared_data: Path, name: str) -> None:
    report = await twice(catalog, "work24", (shared_data / name).read_bytes())

    assert report["loaded"] == report["rows"] > 0
    assert report["lists"]["notes"] == []
    assert all(data["course"]["sessions"][0]["fee"] for _, data in await catalog.events())
