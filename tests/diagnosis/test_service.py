"""Diagnosis on its database: what events do, what is announced, what the API answers."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from libs.common import migrate, tables
from libs.common.kit import Kit
from libs.contracts import Event
from libs.contracts.diagnosis import AssessmentCompletedV1
from libs.contracts.interagency import CompanyProfile, CompanyProfileChangedV1, CompanyRegisteredV1
from services.diagnosis import service, store
from services.diagnosis.app import create_app
from services.diagnosis.loading import priors
from tests.conftest import ClientFor, MakeKit, drain

AT = datetime(2026, 11, 20, tzinfo=UTC)


def profile(**known: Any) -> CompanyProfile:
    values: dict[str, Any] = {"business_number": "1168200276", "name": "가온정밀", "headcount": 35}
    values |= {"size_class": "priority", "ksic_version": "10", "ksic_code": "29299", "region_code": "12110"}
    return CompanyProfile(**(values | known))


def registered(company: str = "c1", version: int = 1, **known: Any) -> CompanyRegisteredV1:
    return CompanyRegisteredV1(company_id=company, version=version, profile=profile(**known), registered_at=AT)


def changed(company: str = "c1", version: int = 2, **known: Any) -> CompanyProfileChangedV1:
    return CompanyProfileChangedV1(company_id=company, version=version, profile=profile(**known), changed_at=AT)


@pytest.fixture
async def kit(make_kit: MakeKit) -> Kit:
    return await make_kit("diagnosis")


@pytest.fixture
def app(kit: Kit) -> FastAPI:
    return create_app(kit)


@pytest.fixture
def national(app: FastAPI, client_for: ClientFor) -> httpx.AsyncClient:
    return client_for(app, "assessments:read", "ops")


async def handle(kit: Kit, *events: Event) -> None:
    async with kit.db.transaction() as tx:
        await service.assess(tx, events, priors())  # type: ignore[arg-type]


async def announced(kit: Kit) -> Sequence[AssessmentCompletedV1]:
    async with kit.db.reading() as conn:
        rows = await conn.execute(select(tables.outbox.c.value).order_by(tables.outbox.c.seq))
    return [AssessmentCompletedV1.model_validate_json(value) for (value,) in rows]


async def test_the_tables_are_what_the_migrations_make(kit: Kit) -> None:
    await migrate.check(kit.db, "diagnosis")
    assert await migrate.at_head(kit.db, "diagnosis")


async def test_a_registered_company_gets_a_provisional_level(kit: Kit, national: httpx.AsyncClient) -> None:
    await handle(kit, registered())
    (event,) = await announced(kit)
    assert (event.company_id, event.version, event.level, event.confidence) == ("c1", 1, "beginner", 40)
    assert event.provisional
    answer = await national.get("/v1/assessments/c1")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["level"], body["level_ko"], body["confidence"]) == ("beginner", "초급(추정)", 40)
    assert [reason["code"] for reason in body["reasons"]] == ["size", "industry", "region", "sum"]
    assert body["field_weights"] == event.field_weights


async def test_a_newer_profile_is_assessed_anew_and_kept_in_the_history(kit: Kit, national: httpx.AsyncClient) -> None:
    await handle(kit, registered())
    await handle(kit, changed(headcount=800, ksic_code="62010", region_code="11680"))
    assert [(e.version, e.level) for e in await announced(kit)] == [(1, "beginner"), (2, "intermediate")]
    body = (await national.get("/v1/assessments/c1/history")).json()
    assert [(item["version"], item["level"]) for item in body["items"]] == [(2, "intermediate"), (1, "beginner")]
    assert body["items"][1]["facts"]["headcount"] == 35
    assert "name" not in body["items"][1]["facts"]
    assert body["items"][1]["priors_version"] == priors().version
    assert body["next_before"] is None


async def test_a_profile_that_changes_no_figure_announces_nothing_but_is_remembered(kit: Kit) -> None:
    await handle(kit, registered())
    await handle(kit, changed(version=3, name="가온정밀 주식회사"))
    await handle(kit, changed(version=2, headcount=900))
    assert len(await announced(kit)) == 1
    async with kit.db.reading() as conn:
        row = await store.assessment(conn, "c1")
    assert row is not None
    assert (row["version"], row["profile_version"]) == (1, 3)


async def test_an_older_profile_that_comes_late_has_no_effect(kit: Kit) -> None:
    await handle(kit, changed(version=2, headcount=800))
    await handle(kit, registered())
    (event,) = await announced(kit)
    assert (event.version, event.reasons[0].code) == (1, "size")
    assert "800명" in event.reasons[0].ko


async def test_in_one_run_the_newest_profile_of_each_company_wins(kit: Kit) -> None:
    await handle(kit, changed(version=3, headcount=800), changed(version=2, headcount=7), registered("c2", headcount=3))
    events = {event.company_id: event for event in await announced(kit)}
    assert set(events) == {"c1", "c2"}
    assert "800명" in events["c1"].reasons[0].ko


async def test_a_company_that_goes_back_to_what_it_was_is_announced_again(kit: Kit) -> None:
    await handle(kit, registered())
    await handle(kit, changed(version=2, headcount=800))
    await handle(kit, changed(version=3))
    events = await announced(kit)
    assert [event.version for event in events] == [1, 2, 3]
    assert events[0].reasons == events[2].reasons


async def test_a_run_of_500_companies_is_assessed_in_one_transaction(kit: Kit, national: httpx.AsyncClient) -> None:
    await handle(kit, *(registered(f"c{number}", headcount=number) for number in range(500)))
    assert len({event.company_id for event in await announced(kit)}) == 500
    counts = (await national.get("/ops/diagnosis/status")).json()["counts"]
    assert counts["assessments"] == 500


async def test_events_on_the_bus_become_assessments_once(make_kit: MakeKit, kit: Kit, app: FastAPI) -> None:
    source = await make_kit("interagency", migrated=False)
    async with kit.db.transaction() as tx:
        tx.emit(registered())
        tx.emit(changed(version=2, headcount=800))
    assert source.bus is kit.bus
    await drain(kit)
    await drain(kit)
    found = [event for event in await announced_assessments(kit) if event.company_id == "c1"]
    assert [event.version for event in found] == list(range(1, len(found) + 1))
    assert "800명" in found[-1].reasons[0].ko


async def announced_assessments(kit: Kit) -> Sequence[AssessmentCompletedV1]:
    async with kit.db.reading() as conn:
        wanted = select(tables.outbox.c.value).where(tables.outbox.c.type == AssessmentCompletedV1.wire_type)
        rows = await conn.execute(wanted.order_by(tables.outbox.c.seq))
    return [AssessmentCompletedV1.model_validate_json(value) for (value,) in rows]


async def test_the_history_is_read_page_by_page(kit: Kit, national: httpx.AsyncClient) -> None:
    for version in range(1, 6):
        await handle(kit, changed(version=version, headcount=version * 100))
    first = (await national.get("/v1/assessments/c1/history?limit=2")).json()
    second = (await national.get(f"/v1/assessments/c1/history?limit=2&before={first['next_before']}")).json()
    versions = [item["version"] for page in (first, second) for item in page["items"]]
    assert versions == sorted(versions, reverse=True)
    assert len(set(versions)) == len(versions) >= 3


async def test_an_unknown_company_is_not_found(national: httpx.AsyncClient) -> None:
    for address in ("/v1/assessments/nobody", "/v1/assessments/nobody/history"):
        answer = await national.get(address)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("address", ["a%00b", "a%00b/history", "c1/history?before=3000000000", "c1/history?limit=0"])
async def test_what_no_database_can_be_asked_is_refused(national: httpx.AsyncClient, address: str) -> None:
    assert (await national.get(f"/v1/assessments/{address}")).status_code == 422


async def test_reading_needs_the_scope_and_is_not_for_agencies(kit: Kit, app: FastAPI, client_for: ClientFor) -> None:
    await handle(kit, registered())
    assert (await client_for(app).get("/v1/assessments/c1")).status_code == 401
    assert (await client_for(app, "courses:read").get("/v1/assessments/c1")).status_code == 403
    agency = client_for(app, "assessments:read", agency="MSIT")
    for address in ("/v1/assessments/c1", "/v1/assessments/c1/history"):
        answer = await agency.get(address)
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:ieum:problem:national-clients-only")


async def test_two_writers_cannot_both_build_on_one_assessment(kit: Kit) -> None:
    await handle(kit, registered())
    async with kit.db.reading() as conn:
        (row,) = await store.past(conn, "c1", None, 10)
    with pytest.raises(Exception, match="UNIQUE"):
        async with kit.db.transaction() as tx:
            await store.write(tx.conn, [], [dict(row)])


async def test_an_assessment_carries_the_facts_it_rests_on_and_is_told_again_when_they_change(kit: Kit) -> None:
    await handle(kit, registered(ksic_code="29299"))
    await handle(kit, changed(version=2, ksic_code="29271"))
    first, second = await announced(kit)
    assert (first.level, first.reasons) == (second.level, second.reasons)
    assert [(e.version, e.business_number, e.facts and e.facts.ksic_code) for e in (first, second)] == [
        (1, "1168200276", "29299"),
        (2, "1168200276", "29271"),
    ]
