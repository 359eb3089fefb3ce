"""What STEP reads, and what everybody else is told."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from libs.common import migrate
from libs.common.kit import Kit
from libs.common.signals import EVERYTHING
from services.matching.api import RecommendationOut
from services.matching.app import create_app
from services.matching.service import Answers
from tests.conftest import ClientFor, Clock, MakeKit, drain
from tests.matching.flow import Worker, published, quote, updates
from tests.matching.makers import DAY, assessment, course, session

SCOPE = "recommendations:read"
PATH = "/v1/recommendations"


@pytest.fixture
async def kit(make_kit: MakeKit) -> Kit:
    return await make_kit("matching")


@pytest.fixture
def app(kit: Kit) -> FastAPI:
    return create_app(kit)


@pytest.fixture
def worker(kit: Kit, app: FastAPI) -> Worker:
    made = Worker(kit)
    made.replica = app.state.replica
    return made


@pytest.fixture
def step(app: FastAPI, client_for: ClientFor) -> httpx.AsyncClient:
    return client_for(app, SCOPE)


async def test_one_call_gives_list_reasons_and_prices(worker: Worker, step: httpx.AsyncClient) -> None:
    await worker.courses(course("c1"), course("c2"))
    await worker.company("k1")
    await worker.handle(quote((await updates(worker.kit))[0]))
    answer = await step.get(f"{PATH}/k1")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    shown = RecommendationOut.model_validate_json(answer.content)
    assert (shown.level, shown.version, shown.status, shown.priced_on) == ("beginner", 1, "priced", DAY)
    assert [one.rank for one in shown.courses] == [1, 2]
    for one in shown.courses:
        assert one.price.cost == (one.price.support or 0) + (one.price.self_pay or 0)
        assert all(reason.ko and reason.en for reason in one.reasons)


@pytest.mark.parametrize("name", ["k1", "1168200276", "116-82-00276"])
async def test_a_company_is_found_by_id_or_business_number(worker: Worker, step: httpx.AsyncClient, name: str) -> None:
    await worker.company("k1")
    for _ in range(2):
        answer = await step.get(f"{PATH}/{name}")
        assert answer.json()["company_id"] == "k1"


async def test_an_unchanged_answer_is_not_sent_again(worker: Worker, step: httpx.AsyncClient) -> None:
    await worker.courses(course("c1"))
    await worker.company("k1")
    first = await step.get(f"{PATH}/k1")
    etag = first.headers["etag"]
    for known in (etag, f'W/{etag}, "other"', "*"):
        again = await step.get(f"{PATH}/k1", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    await worker.courses(course("c2"))
    changed = await step.get(f"{PATH}/k1", headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert len(changed.json()["courses"]) == 2


async def test_a_kept_answer_goes_with_every_change_of_its_company(worker: Worker, step: httpx.AsyncClient) -> None:
    await worker.courses(course("c1"))
    await worker.handle(assessment("k1", 0, facts=None), assessment("k1"))

    async def seen() -> tuple[Any, ...]:
        by_id, by_number = [(await step.get(f"{PATH}/{name}")).json() for name in ("k1", "1168200276")]
        assert by_id == by_number
        return by_id["version"], by_id["status"], by_id["level"]

    assert await seen() == (1, "pricing", "beginner")
    await worker.handle(quote((await updates(worker.kit))[0]))
    assert await seen() == (1, "priced", "beginner")
    await worker.handle(assessment("k1", 2, level="intermediate"))
    assert await seen() == (2, "pricing", "intermediate")
    await worker.handle(assessment("k1", 3, level="intermediate", business_number="1208147521"))
    assert (await step.get(f"{PATH}/1168200276")).status_code == 404
    assert (await step.get(f"{PATH}/120-81-47521")).json()["business_number"] == "1208147521"


async def test_an_answer_is_ready_without_the_database(worker: Worker, kit: Kit, step: httpx.AsyncClient) -> None:
    await worker.company("k1")
    first = await step.get(f"{PATH}/k1")
    async with kit.db.transaction() as tx:
        await tx.conn.exec_driver_sql("DELETE FROM recommendations")
    assert (await step.get(f"{PATH}/k1")).content == first.content


async def test_only_so_many_answers_are_kept(kit: Kit, worker: Worker) -> None:
    answers = Answers(kit.db, most=2)
    for name in ("k1", "k2", "k3"):
        await worker.company(name)
        await answers.load(name)
    assert [answers.kept(name) is not None for name in ("k1", "k2", "k3")] == [False, True, True]
    answers.drop(EVERYTHING)
    assert [answers.kept(name) for name in ("k2", "k3")] == [None, None]


async def test_what_changes_while_it_is_read_is_not_kept(kit: Kit, worker: Worker) -> None:
    await worker.company("k1")
    answers = Answers(kit.db)
    reading = asyncio.create_task(answers.load("k1"))
    await asyncio.sleep(0)  # the read has begun, then the change arrives
    answers.drop("k1")
    assert (await reading).body
    assert answers.kept("k1") is None
    await answers.load("k1")
    assert answers.kept("k1") is not None


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("nobody", 404, "not-found"),
        ("1168200276", 404, "not-found"),
        ("1168200278", 422, "invalid-input"),
        ("116-82", 422, "invalid-input"),
        ("pending", 404, "recommendation-not-ready"),
        ("%00", 404, "not-found"),
        ("k" * 3000, 404, "not-found"),
        ("%EC%9D%B4%EB%A6%84", 404, "not-found"),
    ],
)
async def test_a_company_that_cannot_be_shown_is_explained(
    worker: Worker, step: httpx.AsyncClient, name: str, status: int, code: str
) -> None:
    await worker.handle(assessment("pending", facts=None, business_number=None))
    answer = await step.get(f"{PATH}/{name}")
    document = answer.json()
    assert (answer.status_code, document["type"]) == (status, f"urn:ieum:problem:{code}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert document["title"]
    assert document["title_en"]


async def test_who_may_not_read_is_told_why(app: FastAPI, client_for: ClientFor, worker: Worker) -> None:
    await worker.company("k1")
    for scopes, agency, status, code in (
        ((), None, 401, "token-missing"),
        (("courses:read",), None, 403, "scope-missing"),
        ((SCOPE,), "MSIT", 403, "national-clients-only"),
    ):
        client = client_for(app, *scopes, agency=agency)
        answer = await client.get(f"{PATH}/k1")
        assert (answer.status_code, answer.json()["type"]) == (status, f"urn:ieum:problem:{code}")
    assert "/v1/referrals" in answer.json()["title_en"]


async def test_the_documented_route_answers_as_the_hot_one_does(
    app: FastAPI, worker: Worker, step: httpx.AsyncClient
) -> None:
    await worker.courses(course("c1"))
    await worker.company("k1")
    hot = await step.get(f"{PATH}/k1")
    del app.router.routes[0]
    plain = await step.get(f"{PATH}/k1")
    assert (plain.content, plain.headers["etag"]) == (hot.content, hot.headers["etag"])
    again = await step.get(f"{PATH}/k1", headers={"If-None-Match": hot.headers["etag"]})
    assert again.status_code == 304
    paths = app.openapi()["paths"]
    assert set(paths) >= {f"{PATH}/{{company}}", f"{PATH}/preview"}


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_another_method_is_refused(step: httpx.AsyncClient, method: str) -> None:
    answer = await step.request(method, f"{PATH}/k1")
    assert (answer.status_code, answer.json()["type"]) == (405, "urn:ieum:problem:method-not-allowed")


PREVIEW = {"region_code": "11680", "ksic_code": "29271", "headcount": 30, "level": "beginner"}


async def test_a_preview_stores_nothing(worker: Worker, step: httpx.AsyncClient, kit: Kit) -> None:
    await worker.courses(course("c1", field="hr"), course("c2", field="marketing"))
    wished = {**PREVIEW, "wishes": {"fields": ["hr"], "modes": ["remote"], "hours": ["4to8"]}}
    answer = await step.post(f"{PATH}/preview", json=wished)
    shown = answer.json()
    assert (answer.status_code, [one["course_id"] for one in shown["courses"]]) == (200, ["c1", "c2"])
    assert "field_wanted" in [reason["code"] for reason in shown["courses"][0]["reasons"]]
    assert (await step.post(f"{PATH}/preview", json=PREVIEW)).json()["courses"][0]["course_id"] == "c2"
    assert await updates(kit) == []


async def test_a_preview_knows_courses_that_another_process_took_in(
    kit: Kit, app: FastAPI, client_for: ClientFor, clock: Clock
) -> None:
    other = Worker(kit)
    await other.courses(course("c1"), course("c2", sessions=(session(1, DAY),)))
    answer = await client_for(app, SCOPE).post(f"{PATH}/preview", json=PREVIEW)
    assert {one["course_id"] for one in answer.json()["courses"]} == {"c1", "c2"}
    clock.now += timedelta(days=1)
    answer = await client_for(app, SCOPE).post(f"{PATH}/preview", json=PREVIEW)
    assert ([one["course_id"] for one in answer.json()["courses"]], answer.json()["as_of"]) == (["c1"], "2026-11-24")


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"region_code": "00000"}, ["region_code"]),
        ({"region_code": "41"}, ["region_code"]),
        ({"region_code": "28110"}, ["region_code"]),
        ({"ksic_code": "99999"}, ["ksic_code"]),
        ({"region_code": "00000", "ksic_code": "x"}, ["region_code", "ksic_code"]),
        ({"level": "expert"}, ["level"]),
        ({"headcount": -1}, ["headcount"]),
        ({"wishes": {"fields": ["magic"]}}, ["wishes.fields.0"]),
        ({"surprise": 1}, ["surprise"]),
    ],
)
async def test_a_bad_preview_names_every_bad_field(
    step: httpx.AsyncClient, change: dict[str, Any], fields: Sequence[str]
) -> None:
    answer = await step.post(f"{PATH}/preview", json={**PREVIEW, **change})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == fields
    assert all(error["ko"] and error["en"] for error in answer.json()["errors"])


async def test_an_old_region_code_and_a_lost_zero_are_understood(worker: Worker, step: httpx.AsyncClient) -> None:
    await worker.courses(course("c1", mode="onsite", region_code="12110", target_ksic=("01",)))
    body = {**PREVIEW, "region_code": "46110", "ksic_code": "1123"}
    answer = await step.post(f"{PATH}/preview", json=body)
    assert {"region_same", "industry_match"} <= {reason["code"] for reason in answer.json()["courses"][0]["reasons"]}


async def test_events_on_the_bus_become_an_answer(
    make_kit: MakeKit, kit: Kit, app: FastAPI, step: httpx.AsyncClient
) -> None:
    source = await make_kit("source", migrated=False)
    await migrate.upgrade(source.db, "matching")
    async with source.db.transaction() as tx:
        for event in (published(course("c1")), assessment("k1")):
            tx.emit(event)
    await drain(source, kit)
    assert (await step.get(f"{PATH}/k1")).json()["courses"][0]["course_id"] == "c1"
    assert [update.version for update in await updates(kit)] == [1]


async def test_an_operator_sees_what_is_held(app: FastAPI, worker: Worker, client_for: ClientFor) -> None:
    await worker.courses(course("c1"))
    await worker.company("k1")
    answer = await client_for(app, "ops").get("/ops/matching/status")
    assert answer.json()["counts"] == {"courses": 1, "companies": 1, "recommendations": 1, "priced": 0}
