"""The database itself keeps the ledger: nothing is overspent, changed or deleted, whoever writes; and it adds up
whatever happens in whatever order."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from libs.common.kit import Kit
from services.subsidy.app import create_app
from tests.conftest import ClientFor, Clock, MakeKit
from tests.subsidy.ledgers import granted, holds, left, quoted, reserved, stepped

SCOPES = ("quotes:read", "quotes:write", "reservations:read", "reservations:write", "quotas:write")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def kit(request: pytest.FixtureRequest, make_kit: MakeKit) -> AsyncIterator[Kit]:
    if request.param == "sqlite":
        yield await make_kit("subsidy")
    else:
        yield await make_kit("subsidy", database_url=request.getfixturevalue("postgres"))


@pytest.fixture
def national(kit: Kit, client_for: ClientFor) -> httpx.AsyncClient:
    return client_for(create_app(kit), *SCOPES)


def line(number: int, taken: int, granted_: int, taken_after: int, granted_after: int) -> str:
    return (
        "INSERT INTO ledger (quota_id, number, kind, granted, taken, granted_after, taken_after, actor, at) VALUES"
        f" ('P10:2026:people', {number}, 'reserve', {granted_}, {taken}, {granted_after}, {taken_after}, 'x',"
        " '2026-01-01 00:00:00+00:00')"
    )


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(line(2, 6, 0, 6, 5), id="more than granted"),
        pytest.param(line(2, -1, 0, -1, 5), id="less than nothing"),
        pytest.param(line(2, 6, 0, 1, 5), id="a balance that does not follow"),
        pytest.param(line(3, 1, 0, 1, 5), id="a line left out"),
        pytest.param(line(1, 1, 0, 1, 5), id="a line that is there"),
        pytest.param(line(2, 6, 0, 6, 9), id="a grant out of nothing"),
        pytest.param("UPDATE ledger SET granted_after = 100", id="an update"),
        pytest.param("DELETE FROM ledger", id="a deletion"),
    ],
)
async def test_the_database_refuses_by_itself(kit: Kit, national: httpx.AsyncClient, statement: str) -> None:
    await granted(national, "people", 5)
    with pytest.raises(DBAPIError):
        async with kit.db.transaction() as tx:
            await tx.conn.execute(text(statement))
    await holds(kit)
    assert await left(national) == {"people": 5}


async def test_two_hundred_at_once_get_exactly_the_last_places(
    kit: Kit, national: httpx.AsyncClient, client_for: ClientFor
) -> None:
    """Two instances of the service on one database."""
    other = client_for(create_app(kit), *SCOPES)
    await granted(national, "people", 13)
    await granted(national, "firms", 7)
    quote = (await quoted(national))["quote_id"]
    wishes = [
        reserved((national, other)[number % 2], quote, company=f"c{number}", wait=number % 10 == 0 or None)
        for number in range(200)
    ]
    answers = await asyncio.gather(*wishes)
    assert {answer.status_code for answer in answers} <= {201, 409}
    made = [answer.json() for answer in answers if answer.status_code == 201]
    assert sum(row["status"] == "reserved" for row in made) == 7
    assert await left(national) == {"people": 6, "firms": 0}
    await holds(kit)


@pytest.mark.parametrize("seed", range(6))
async def test_it_adds_up_whatever_happens(kit: Kit, client_for: ClientFor, clock: Clock, seed: int) -> None:
    chance = random.Random(seed)
    app = create_app(kit)
    national = client_for(app, *SCOPES)
    for measure, most in (("people", 12), ("won", 4_000_000), ("firms", 3)):
        await granted(national, measure, most)
    quotes = [(await quoted(national, people=people))["quote_id"] for people in (1, 2, 5)]
    known: list[dict[str, Any]] = []
    for turn in range(60):
        if turn % 10 == 9:
            clock.now += timedelta(days=1)
            national = client_for(app, *SCOPES)
        await _anything(national, chance, quotes, known)
        await holds(kit)
    for row in known:
        await stepped(national, row, "release", reason="끝")
        await stepped(national, row, "confirm")
        await stepped(national, row, "settle", completed_people=0)
    await holds(kit)


async def _anything(
    national: httpx.AsyncClient, chance: random.Random, quotes: list[str], known: list[dict[str, Any]]
) -> None:
    if not known or chance.random() < 0.4:
        company, quote = chance.choice("abcde"), chance.choice(quotes)
        answer = await reserved(national, quote, company=company, days=chance.randint(1, 3), wait=chance.random() < 0.5)
        if answer.status_code == 201:
            known.append(answer.json())
    elif chance.random() < 0.2:
        answer = await granted(national, chance.choice(["people", "firms"]), chance.randint(0, 15))
    else:
        step, body = chance.choice(
            [
                ("confirm", {}),
                ("settle", {"completed_people": chance.randint(0, 5)}),
                ("release", {"reason": "r"}),
                ("claw-back", {"won": chance.randint(1, 400_000), "reason": "r"}),
            ]
        )
        answer = await stepped(national, chance.choice(known), step, **body)  # type: ignore[arg-type]
    assert answer.status_code in (200, 201, 409, 422), answer.text
