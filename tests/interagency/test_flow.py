"""A referral moves along as the other services speak, in whatever order their words arrive."""

import itertools
from datetime import timedelta
from typing import Any

import httpx
import pytest

from libs.common.db import Tx
from libs.common.kit import Kit
from libs.contracts.diagnosis import AssessmentCompletedV1
from libs.contracts.interagency import CompanyFacts
from libs.contracts.matching import CourseOffer, RecommendationUpdatedV1
from libs.contracts.subsidy import Price, QuoteIssuedV1
from services.interagency import service
from services.interagency.app import create_app
from tests.conftest import NOW, ClientFor, MakeKit
from tests.interagency.test_api import GOOD, SCOPES, events, key


def assessment(company: str, version: int = 1, level: Any = "beginner") -> AssessmentCompletedV1:
    return AssessmentCompletedV1(
        company_id=company, version=version, level=level, confidence=40, provisional=True, assessed_at=NOW
    )


def recommendation(company: str, version: int = 1) -> RecommendationUpdatedV1:
    facts = CompanyFacts(size_class="priority", region_code="12110", ksic_version="10", ksic_code="29271", headcount=35)
    offer = CourseOffer(
        rank=1,
        course_id=f"ieum:P9-{version}",
        session_no=1,
        programme="P9",
        title="AI 첫걸음",
        provider="한빛",
        url=None,
        mode="remote",
        level="beginner",
        ai=True,
        hours=8,
        fee=80_000,
        unit_price=5_000,
        institution_region=None,
        starts_on=None,
        score=90,
        reasons=(),
    )
    return RecommendationUpdatedV1(
        company_id=company, version=version, level="beginner", company=facts, offers=(offer,), made_at=NOW
    )


def quote(company: str, version: int = 1) -> QuoteIssuedV1:
    price = Price(
        course_id=f"ieum:P9-{version}",
        session_no=1,
        quote_id="q",
        outcome="quoted",
        cost=80_000,
        support=80_000,
        self_pay=0,
        rule_ids=("M3",),
        citations=("plan:IV-②-p.7",),
    )
    return QuoteIssuedV1(
        company_id=company,
        recommendation_version=version,
        policy_version="1",
        applied_on=NOW.date(),
        prices=(price,),
        issued_at=NOW,
    )


async def hear(tx: Tx, event: Any) -> None:
    if isinstance(event, AssessmentCompletedV1):
        await service.assessed(tx, [event])
    elif isinstance(event, RecommendationUpdatedV1):
        await service.recommended(tx, [event])
    else:
        await service.priced(tx, [event])


@pytest.fixture
async def kit(make_kit: MakeKit) -> Kit:
    return await make_kit("interagency")


@pytest.fixture
def msit(kit: Kit, client_for: ClientFor) -> httpx.AsyncClient:
    return client_for(create_app(kit), *SCOPES, agency="MSIT")


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_in_any_order_the_end_is_the_same(msit: httpx.AsyncClient, kit: Kit, order: tuple[int, ...]) -> None:
    body = (await msit.post("/v1/referrals", json=GOOD, headers=key("1"))).json()
    company = body["company_id"]
    said = [assessment(company), recommendation(company), quote(company)]
    for place in order:
        async with kit.db.transaction() as tx:
            await hear(tx, said[place])
    shown = (await msit.get(f"/v1/referrals/{body['referral_id']}")).json()
    assert (shown["status"], shown["level"], shown["provisional"]) == ("recommended", "beginner", True)
    assert shown["offers"][0] | {"starts_on": None} == {
        "course_id": "ieum:P9-1",
        "title": "AI 첫걸음",
        "provider": "한빛",
        "starts_on": None,
        "outcome": "quoted",
        "cost": 80_000,
        "support": 80_000,
        "self_pay": 0,
    }
    told = [name for name in await events(kit) if name.endswith("status-changed.v1")]
    assert 1 <= len(told) <= 2


async def test_a_late_replay_takes_nothing_back(msit: httpx.AsyncClient, kit: Kit) -> None:
    body = (await msit.post("/v1/referrals", json=GOOD, headers=key("1"))).json()
    company = body["company_id"]
    script = [assessment(company, 2, "advanced"), recommendation(company, 2), quote(company, 2)]
    late = [assessment(company, 1), recommendation(company, 1), quote(company, 1)]
    for event in (*script, *late):
        async with kit.db.transaction() as tx:
            await hear(tx, event)
    shown = (await msit.get(f"/v1/referrals/{body['referral_id']}")).json()
    assert (shown["status"], shown["level"]) == ("recommended", "advanced")
    assert shown["offers"][0]["course_id"] == "ieum:P9-2"


async def test_a_new_list_shows_that_its_prices_are_being_worked_out(msit: httpx.AsyncClient, kit: Kit) -> None:
    body = (await msit.post("/v1/referrals", json=GOOD, headers=key("1"))).json()
    company = body["company_id"]
    for event in (assessment(company), recommendation(company), quote(company), recommendation(company, 2)):
        async with kit.db.transaction() as tx:
            await hear(tx, event)
    shown = (await msit.get(f"/v1/referrals/{body['referral_id']}")).json()
    assert (shown["status"], shown["offers"][0]["outcome"]) == ("recommended", "pricing")


async def test_a_referral_of_a_company_known_further_along_starts_there(
    msit: httpx.AsyncClient, kit: Kit, client_for: ClientFor
) -> None:
    first = (await msit.post("/v1/referrals", json=GOOD, headers=key("1"))).json()
    company = first["company_id"]
    for event in (assessment(company), recommendation(company), quote(company)):
        async with kit.db.transaction() as tx:
            await hear(tx, event)
    mss = client_for(create_app(kit), *SCOPES, agency="MSS")
    body = {**GOOD, "programme": "스마트공장 보급"}
    second = (await mss.post("/v1/referrals", json=body, headers=key("2"))).json()
    assert second["status"] == "recommended"
    assert second["offers"][0]["self_pay"] == 0


async def test_a_company_that_is_not_ours_is_ignored(kit: Kit) -> None:
    async with kit.db.transaction() as tx:
        await hear(tx, assessment("unknown"))
    assert await events(kit) == []


@pytest.mark.parametrize("late", [False, True], ids=["in order", "the older comes late"])
async def test_the_same_list_priced_again_shows_the_later_price(msit: httpx.AsyncClient, kit: Kit, late: bool) -> None:
    body = (await msit.post("/v1/referrals", json=GOOD, headers=key("1"))).json()
    company = body["company_id"]
    first = quote(company)
    price = first.prices[0].model_copy(update={"support": 70_000, "self_pay": 10_000})
    later = first.model_copy(update={"prices": (price,), "issued_at": NOW + timedelta(days=1)})
    quotes = (later, first) if late else (first, later)
    for event in (assessment(company), recommendation(company), *quotes):
        async with kit.db.transaction() as tx:
            await hear(tx, event)
    shown = (await msit.get(f"/v1/referrals/{body['referral_id']}")).json()
    assert shown["offers"][0]["self_pay"] == 10_000


async def test_news_without_a_new_status_comes_up_behind_the_cursor(msit: httpx.AsyncClient, kit: Kit) -> None:
    body = (await msit.post("/v1/referrals", json=GOOD, headers=key("1"))).json()
    company = body["company_id"]
    for event in (assessment(company), recommendation(company), quote(company)):
        async with kit.db.transaction() as tx:
            await hear(tx, event)
    page = (await msit.get("/v1/referrals")).json()
    told = await events(kit)
    async with kit.db.transaction() as tx:
        await hear(tx, assessment(company, 2, "advanced"))
    news = (await msit.get("/v1/referrals", params={"after": page["next"]})).json()["items"]
    assert [(one["status"], one["level"], one["sequence"]) for one in news] == [("recommended", "advanced", 3)]
    assert await events(kit) == told
