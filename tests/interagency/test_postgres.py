"""Many at once on a real PostgreSQL: partners, files and events that meet at one company take turns."""

import asyncio

import httpx
import pytest

from libs.common import migrate
from libs.common.kit import Kit
from libs.reference import business_number
from services.interagency import store
from services.interagency.app import create_app
from tests.conftest import ClientFor, MakeKit
from tests.interagency.test_api import GOOD, HEADER, SCOPES, count, events, key, register_all
from tests.interagency.test_flow import assessment, hear, quote, recommendation

pytestmark = pytest.mark.postgres


@pytest.fixture
async def kit(make_kit: MakeKit, postgres: str) -> Kit:
    return await make_kit("interagency", database_url=postgres)


async def test_partners_and_events_that_meet_at_one_company_never_wait_for_each_other(
    kit: Kit, client_for: ClientFor
) -> None:
    app = create_app(kit)
    agencies = {"MSIT": ("msit-manufacturing-ai",), "MSS": ("mss-smart-factory", "mss-ai-product")}
    clients = {agency: client_for(app, *SCOPES, agency=agency) for agency in agencies}
    first = (await clients["MSIT"].post("/v1/referrals", json=GOOD, headers=key("0"))).json()

    async def talk() -> None:
        for version in range(1, 16):
            for say in (assessment, recommendation, quote):
                async with kit.db.transaction() as tx:
                    await hear(tx, say(first["company_id"], version))

    async def post(number: int) -> list[int]:
        return [
            (
                await clients[agency].post(
                    "/v1/referrals",
                    json={**GOOD, "programme": programme, "headcount": number},
                    headers=key(f"{number}{programme}"),
                )
            ).status_code
            for agency, programmes in agencies.items()
            for programme in programmes
        ]

    async def all_posts() -> list[list[int]]:
        return await asyncio.gather(*(post(number) for number in range(1, 7)))

    _, answers = await asyncio.gather(talk(), all_posts())
    assert sorted(status for one in answers for status in one) == [200] * 15 + [201] * 3
    assert await count(kit, store.referrals) == 4
    assert await count(kit, store.companies) == 1
    listed = (await client_for(app, "referrals:read").get("/v1/referrals")).json()["items"]
    assert {item["status"] for item in listed} == {"recommended"}


async def test_two_ministries_at_once_make_one_company(kit: Kit, client_for: ClientFor) -> None:
    app = create_app(kit)
    msit, mss = (client_for(app, *SCOPES, agency=agency) for agency in ("MSIT", "MSS"))
    answers = await asyncio.gather(
        *(msit.post("/v1/referrals", json=GOOD, headers=key(f"a{n}")) for n in range(5)),
        *(mss.post("/v1/referrals", json={**GOOD, "programme": "mss-ai-product"}, headers=key(f"b{n}"))
          for n in range(5)),
    )  # fmt: skip
    assert sorted(answer.status_code for answer in answers) == [200] * 8 + [201] * 2
    assert (await events(kit)).count("interagency.company.registered.v1") == 1


async def test_the_same_file_twice_at_once_beside_single_referrals_stores_each_once(
    kit: Kit, client_for: ClientFor
) -> None:
    msit = client_for(create_app(kit), *SCOPES, agency="MSIT")
    numbers = [business_number.make(n) for n in range(300)]
    text = HEADER + "".join(f"{number},이음,12110,5,AI 통합 바우처\n" for number in numbers)
    files = [msit.post("/v1/referral-batches", content=text, headers=key(f"f{n}")) for n in range(3)]
    singles = [
        msit.post("/v1/referrals", json={**GOOD, "business_number": number}, headers=key(number))
        for number in numbers[::60]
    ]
    answers = await asyncio.gather(*files, *singles)
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert await count(kit, store.referrals) == 300
    await asyncio.gather(*(register_all(kit) for _ in range(3)))
    assert await count(kit, store.companies) == 300
    assert (await events(kit)).count("interagency.referral.received.v1") == 300


@pytest.mark.parametrize(
    "path", ["/v1/referrals/%00", "/v1/companies/%00", "/v1/referral-batches/%00", "/v1/referrals?programme=%00"]
)
async def test_what_a_database_cannot_hold_cannot_be_looked_for(kit: Kit, client_for: ClientFor, path: str) -> None:
    client: httpx.AsyncClient = client_for(create_app(kit), *SCOPES, agency="MSIT")
    assert (await client.get(path)).status_code == 422


async def test_tables_and_migrations_agree(kit: Kit) -> None:
    assert await migrate.at_head(kit.db, "interagency")
    await migrate.check(kit.db, "interagency")
