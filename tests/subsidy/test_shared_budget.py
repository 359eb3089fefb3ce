"""P10 is in the budget line of P9 (plan:IV-②-p.7, 붙임1): both together never spend more than the line holds."""

import asyncio

import httpx
import pytest

from libs.common.kit import Kit
from services.subsidy.app import create_app
from services.subsidy.loading import register
from services.subsidy.service.shadow import against_budgets
from tests.conftest import ClientFor, MakeKit
from tests.subsidy.ledgers import granted, holds, quoted, reserved, stepped

SCOPES = ("quotes:read", "quotes:write", "reservations:read", "reservations:write", "quotas:write")
ONE = 334_400
"""Support of one person in the quotes of these tests, in won."""


@pytest.fixture
async def kit(make_kit: MakeKit) -> Kit:
    return await make_kit("subsidy")


@pytest.fixture
def national(kit: Kit, client_for: ClientFor) -> httpx.AsyncClient:
    return client_for(create_app(kit), *SCOPES)


async def taken(client: httpx.AsyncClient, programme: str = "P9") -> int:
    quotas = (await client.get("/v1/quotas", params={"programme": programme})).json()
    return next(int(quota["taken"]) for quota in quotas if quota["measure"] == "won")


def test_the_register_says_who_shares_a_budget() -> None:
    assert [register().budget_of(name) for name in ("P8", "P9", "P10", "P11", "P13")] == ["P8", "P9", "P9", "P8", "P13"]
    assert register().sharing("P10") == register().sharing("P9") == ("P10", "P9")
    assert register().sharing("P1") == ("P1",)


async def test_a_line_is_drawn_on_by_every_programme_in_it(kit: Kit, national: httpx.AsyncClient) -> None:
    await granted(national, "people", 100)
    await granted(national, "won", 3 * ONE, "P9")
    first = (await reserved(national, (await quoted(national, people=2))["quote_id"], "c1")).json()
    assert (first["status"], await taken(national)) == ("reserved", 2 * ONE)
    refused = await reserved(national, (await quoted(national, people=2))["quote_id"], "c2")
    assert refused.status_code == 409
    assert (refused.json()["measure"], refused.json()["left"]) == ("shared", ONE)
    assert "함께 쓰는 예산" in refused.json()["title"]
    await stepped(national, first, "release", reason="취소")
    assert await taken(national) == 0
    await holds(kit)


async def test_a_budget_of_its_own_inside_the_line_counts_too(kit: Kit, national: httpx.AsyncClient) -> None:
    await granted(national, "won", 10 * ONE, "P9")
    await granted(national, "won", 2 * ONE, "P10")
    quote = (await quoted(national, people=3))["quote_id"]
    assert (await reserved(national, quote)).json()["measure"] == "won"
    assert (await reserved(national, (await quoted(national, people=2))["quote_id"])).status_code == 201
    assert (await taken(national), await taken(national, "P10")) == (2 * ONE, 2 * ONE)
    await holds(kit)


async def test_who_waits_for_money_of_its_own_keeps_nobody_from_the_line(kit: Kit, national: httpx.AsyncClient) -> None:
    await granted(national, "people", 100, "P9")
    await granted(national, "won", 10 * ONE, "P9")
    await granted(national, "won", ONE, "P10")
    await reserved(national, (await quoted(national))["quote_id"], "c1")
    waits = (await reserved(national, (await quoted(national))["quote_id"], "c2", wait=True)).json()
    assert waits["status"] == "waiting"
    other = await reserved(national, (await quoted(national, programme="P9"))["quote_id"], "c3")
    assert other.status_code == 201, "8 of 10 are free in the line, and P10 cannot take them"
    await holds(kit)


async def test_a_line_that_is_set_late_counts_what_its_programmes_hold(kit: Kit, national: httpx.AsyncClient) -> None:
    await granted(national, "people", 100)
    await reserved(national, (await quoted(national, people=2))["quote_id"])
    below = await granted(national, "won", ONE, "P9")
    assert (below.status_code, below.json()["taken"]) == (409, 2 * ONE)
    assert (await granted(national, "won", 2 * ONE, "P9")).status_code == 200
    assert await taken(national) == 2 * ONE
    await holds(kit)


async def test_who_waits_for_the_shared_money_is_overtaken_by_no_programme(
    kit: Kit, national: httpx.AsyncClient
) -> None:
    await granted(national, "people", 100, "P9")
    await granted(national, "people", 100, "P10")
    await granted(national, "won", 3 * ONE, "P9")
    held = (await reserved(national, (await quoted(national, people=2))["quote_id"], "c1")).json()
    waits = (await reserved(national, (await quoted(national, people=3))["quote_id"], "c2", wait=True)).json()
    other = await quoted(national, programme="P9")
    passed = await reserved(national, other["quote_id"], "c3")
    assert passed.status_code == 409, "one person of P9 would fit, but P10 waits for that money"
    later = (await reserved(national, other["quote_id"], "c3", wait=True)).json()
    assert [one["status"] for one in (waits, later)] == ["waiting", "waiting"]
    await stepped(national, held, "release", reason="취소")
    now = {
        row["reservation_id"]: row["status"] for row in (await national.get("/v1/reservations")).json()["items"]
    }  # fmt: skip
    assert (now[waits["reservation_id"]], now[later["reservation_id"]]) == ("reserved", "waiting")
    await holds(kit)


async def test_both_programmes_at_once_grant_what_the_line_holds(kit: Kit, national: httpx.AsyncClient) -> None:
    await granted(national, "people", 1000, "P9")
    await granted(national, "people", 1000, "P10")
    await granted(national, "won", 7 * ONE, "P9")
    quotes = {name: await quoted(national, programme=name) for name in ("P9", "P10")}
    asked = [
        reserved(national, quotes[name]["quote_id"], f"{name}-{n}") for n in range(20) for name in ("P9", "P10")
    ]  # fmt: skip
    answers = await asyncio.gather(*asked)
    won = sum(answer.json()["won"] for answer in answers if answer.status_code == 201)
    assert {answer.status_code for answer in answers} == {201, 409}
    assert 6 * ONE < won <= 7 * ONE
    assert await taken(national) == won
    await holds(kit)


def test_a_shadow_run_takes_what_a_programme_costs_from_the_line_it_shares() -> None:
    result = {"programmes": {"P9": {"before": 10, "after": 20}, "P10": {"before": 5, "after": 90}}}
    shown = {line["programme"]: line for line in against_budgets(result, {"P9": 100})}
    assert (shown["P9"]["left"], shown["P10"]["budget"], shown["P10"]["left"]) == (-10, None, None)
    split = {line["programme"]: line for line in against_budgets(result, {"P9": 100, "P10": 80})}
    assert (split["P9"]["left"], split["P10"]["left"]) == (80, -10)
