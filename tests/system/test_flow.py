"""From a partner's POST to a priced recommendation, with every service at work."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from libs.common import metrics, telemetry
from services.__main__ import System
from services.gateway.routes import SERVICES
from tests.system import script
from tests.system.script import Callers

COMPANY = {
    "business_number": "116-82-00276",
    "company_name": "이음정밀",
    "region_code": "12110",
    "programme": "AI 통합 바우처",
    "headcount": 35,
    "ksic_version": "10",
    "ksic_code": "29271",
}


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    async with System(tmp_path).running() as made:
        yield made


@pytest.fixture
async def callers(system: System) -> AsyncIterator[Callers]:
    made = Callers(system)
    yield made
    await made.close()


async def test_three_files_become_priced_recommendations(callers: Callers) -> None:
    courses = await script.load_courses(callers)
    parts = ("loaded", "updated", "unchanged", "merged", "refused")
    assert sum(courses[part] for part in parts) == courses["rows"]
    assert (courses["refused"], courses["merged"]) == (2, 1)
    reports = await script.send_files(callers)
    for report in reports:
        assert report["rows"] == report["accepted"] + report["duplicates"] + report["refused"] == 12
        assert (report["accepted"], report["refused"]) == (9, 2)
    items = await script.settled(callers)
    assert len(items) == 27
    assert {item["level"] for item in items} <= {"beginner", "intermediate", "advanced"}
    answers = await script.recommendations(callers, [item["business_number"] for item in items])
    quoted = 0
    for answer in answers.values():
        assert answer["status"] == "priced"
        assert 1 <= len(answer["courses"]) <= 10
        for course in answer["courses"]:
            price = course["price"]
            assert price["status"] in ("quoted", "ineligible", "unpriced")
            if price["status"] == "quoted":
                quoted += 1
                assert price["cost"] == price["support"] + price["self_pay"]
                assert price["citations"]
            else:
                assert price["reasons"], "no price without a reason"
    assert quoted > len(answers), "most companies get prices"


async def test_a_price_has_a_receipt(callers: Callers) -> None:
    await script.load_courses(callers)
    await callers.call("msit", "POST", "/v1/referrals", json=COMPANY)
    await script.settled(callers)
    answer = await callers.get("step", "/v1/recommendations/116-82-00276")
    course = next(c for c in answer["courses"] if c["price"]["status"] == "quoted")
    receipt = await callers.get("operator", f"/v1/quotes/{course['price']['quote_id']}")
    text = str(receipt)
    assert "plan:" in text
    assert str(course["price"]["self_pay"]) in text
    partner = await callers.call("msit", "GET", f"/v1/quotes/{course['price']['quote_id']}")
    assert partner.status_code == 403


async def test_everything_again_duplicates_nothing(callers: Callers) -> None:
    await script.load_courses(callers)
    await script.send_files(callers)
    before = await script.settled(callers)
    courses = await script.load_courses(callers)
    assert courses["loaded"] == 0
    for report in await script.send_files(callers):
        assert (report["accepted"], report["duplicates"]) == (0, 10)
    assert await script.settled(callers) == before


async def test_stopped_and_started_it_goes_on(tmp_path: Path) -> None:
    first = System(tmp_path)
    async with first.running():
        callers = Callers(first)
        await script.load_courses(callers)
        await script.send_files(callers)
        await callers.close()
    second = System(tmp_path)
    async with second.running():
        callers = Callers(second)
        assert len(await script.settled(callers)) == 27
        await callers.close()


async def test_a_new_course_reaches_the_lists_it_belongs_to_by_events_alone(callers: Callers) -> None:
    await script.load_courses(callers)
    await callers.call("msit", "POST", "/v1/referrals", json=COMPANY)
    await script.settled(callers)
    before = await callers.get("step", "/v1/recommendations/1168200276")
    best = before["courses"][0]
    course = {
        "course_id": "BETTER",
        "programme": best["programme"],
        "title": best["title"] + " 2기",
        "provider": "새로운직업능력개발원",
        "mode": best["mode"],
        "level": best["level"],
        "field": "production",
        "ai": True,
        "hours": best["hours"],
        "unit_price": best["unit_price"],
        "region": "12110",
        "sessions": [{"session_no": 1, "starts_on": "2027-03-02", "ends_on": "2027-03-05", "fee": best["fee"]}],
    }
    made = await callers.call("institution", "POST", "/v1/courses", json=course)
    assert made.status_code == 201, made.text

    async def listed() -> bool:
        answer = await callers.get("step", "/v1/recommendations/1168200276")
        found = [c["course_id"] for c in answer["courses"]]
        return "ieum:BETTER" in found and answer["status"] == "priced"

    await _until(listed)
    gone = await callers.call("institution", "POST", "/v1/courses/ieum:BETTER/withdraw", json={"reason": "폐강"})
    assert gone.status_code == 200, gone.text

    async def back() -> bool:
        answer = await callers.get("step", "/v1/recommendations/1168200276")
        same = [c["course_id"] for c in answer["courses"]] == [c["course_id"] for c in before["courses"]]
        return same and answer["status"] == "priced"

    await _until(back)


async def _until(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not await condition():
            await asyncio.sleep(0.1)


async def test_one_trace_shows_the_way_from_post_to_quote(tmp_path: Path) -> None:
    exporter = InMemorySpanExporter()
    provider = telemetry.discreet("ieum")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    system = System(tmp_path, tracing=provider)
    async with system.running():
        callers = Callers(system)
        await script.load_courses(callers)
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
        answer = await callers.call("msit", "POST", "/v1/referrals", json=COMPANY, headers=headers)
        assert answer.status_code == 201
        await script.settled(callers)
        await callers.get("step", "/v1/recommendations/116-82-00276")
        await callers.close()
    told = str([dict(span.attributes or {}) for span in exporter.get_finished_spans()])
    assert "/v1/recommendations/{company}" in told
    assert "116-82-00276" not in told
    assert "1168200276" not in told
    spans = [span for span in exporter.get_finished_spans() if f"{span.context.trace_id:032x}" == trace]
    names = {span.name for span in spans}
    assert {"gateway interagency", "diagnosis handle", "matching handle", "subsidy handle"} <= names
    assert any("referrals" in name for name in names), names
    by_id = {span.context.span_id: span for span in spans}
    quote = next(span for span in spans if span.name == "subsidy handle")
    way = []
    span: Any = quote
    while span is not None:
        way.append(span.name)
        span = by_id.get(span.parent.span_id) if span.parent else None
    assert way[:3] == ["subsidy handle", "matching handle", "diagnosis handle"]
    assert way[-1] == "gateway interagency"


async def test_metrics_and_health_tell_the_truth(system: System, callers: Callers) -> None:
    await callers.call("msit", "POST", "/v1/referrals", json=COMPANY)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=system.apps["interagency"]), base_url="http://i"
    ) as direct:
        ready = await direct.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (200, True), ready.text
        text = (await direct.get("/metrics")).text
    for name in ("ieum_outbox_age_seconds", "ieum_consumer_lag", "ieum_dead_letters_open", "ieum_relay_leader"):
        assert f'{name}{{service="interagency"}}' in text
    assert "1168200276" not in text


async def test_one_process_shows_the_gauges_of_all_its_services_at_its_gateway(system: System) -> None:
    for name in SERVICES:
        metrics.OUTBOX_UNSENT.labels(name).set(99)
    transport = httpx.ASGITransport(app=system.apps["gateway"])
    async with httpx.AsyncClient(transport=transport, base_url="http://g") as client:
        text = (await client.get("/metrics")).text
    for name in SERVICES:
        assert f'ieum_outbox_unsent{{service="{name}"}} 0.0' in text


async def test_every_request_is_explained_in_korean(system: System) -> None:
    transport = httpx.ASGITransport(app=system.apps["gateway"])
    async with httpx.AsyncClient(transport=transport, base_url="http://g") as client:
        document = (await client.get("/openapi.json")).json()
        page = (await client.get("/docs")).text
    assert document["x-missing-services"] == []
    assert "기타 / others" not in page
    for path in document["paths"]:
        assert path in page
    for value in ("business_number", "company.size_class", "jobseeker, worker, transition", "multipart/form-data"):
        assert value in page


async def test_errors_are_documented_as_they_are_sent(system: System) -> None:
    transport = httpx.ASGITransport(app=system.apps["gateway"])
    async with httpx.AsyncClient(transport=transport, base_url="http://g") as client:
        document = (await client.get("/openapi.json")).json()
    assert not [
        name for name in document["components"]["schemas"] if "ValidationError" in name and "issuer" not in name
    ]
    for path, methods in document["paths"].items():
        for operation in methods.values() if path.startswith(("/v1", "/ops")) else ():
            assert "422" not in operation["responses"]
            assert "application/problem+json" in operation["responses"]["default"]["content"]
