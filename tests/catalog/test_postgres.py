"""The same use cases on a real PostgreSQL."""

import asyncio
import itertools

import pytest

from libs.common import migrate
from services.catalog.app import create_app
from tests.catalog.conftest import KMOOC_ROW, Catalog, csv_bytes, ieum_csv
from tests.conftest import ClientFor, MakeKit

pytestmark = pytest.mark.postgres


@pytest.fixture
async def catalog(make_kit: MakeKit, client_for: ClientFor, postgres: str) -> Catalog:
    kit = await make_kit("catalog", database_url=postgres)
    numbers = itertools.count(1)
    return Catalog(kit, client_for(create_app(kit), "courses:read", "courses:write"), lambda: f"key-{next(numbers)}")


async def test_a_course_lives_its_whole_life_on_postgresql(catalog: Catalog) -> None:
    data = ieum_csv({}, {"session_no": "2"}, {"course_id": "A-2", "fee": "x"}, {"course_id": "A-3", "title": "100% AI"})

    first = await catalog.loaded("ieum", data)
    second = await catalog.loaded("ieum", data)
    await catalog.client.post("/v1/courses/ieum:A-1/withdraw", json={"reason": "철회"})
    third = await catalog.loaded("ieum", data, reopen=True)
    closed = await catalog.loaded("kmooc", csv_bytes([KMOOC_ROW | {"condition": "종료"}]))

    assert (first["loaded"], first["refused"], second["unchanged"], third["updated"]) == (3, 1, 3, 1)
    assert closed["loaded"] == 1
    kinds = [(kind.split(".")[2], event["course_id"], event["version"]) for kind, event in await catalog.events()]
    assert kinds == [
        ("published", "ieum:A-1", 1),
        ("published", "ieum:A-3", 1),
        ("withdrawn", "ieum:A-1", 2),
        ("published", "ieum:A-1", 3),
    ]
    page = (await catalog.client.get("/v1/courses", params={"q": "100%", "ai": True, "after": "0~x"})).json()
    assert [one["course_id"] for one in page["items"]] == ["ieum:A-3"]
    await migrate.check(catalog.kit.db, "catalog")


async def test_imports_at_the_same_time_build_on_one_another_on_postgresql(catalog: Catalog) -> None:
    files = [ieum_csv(*({"session_no": str(10 * n + k)} for k in range(1, 6))) for n in range(6)]

    await asyncio.gather(*(catalog.loaded("ieum", one) for one in files))

    course = await catalog.course("ieum:A-1")
    assert (len(course["sessions"]), course["version"]) == (30, 6)
    assert [event["version"] for _, event in await catalog.events()] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("query", ["q=%00", "programme=%00", "after=1~%00"])
async def test_no_question_reaches_postgresql_with_a_nul(catalog: Catalog, query: str) -> None:
    assert (await catalog.client.get(f"/v1/courses?{query}")).status_code == 422
    assert (await catalog.client.get("/v1/courses/a%00b")).status_code == 422
