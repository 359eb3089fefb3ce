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
from services.subsidy.store import ledger as store
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


async def test_what_money_and_prices_rest_on_is_only_ever_added(kit: Kit, national: httpx.AsyncClient) -> None:
    await granted(national, "people", 5)
    made = (await reserved(national, (await quoted(national))["quote_id"])).json()
    await stepped(national, made, "release", reason="x")
    same = {"quotas": "year", "reservation_steps": "reason", "policies": "documents", "ledger": "reason"}
    statements = [f"UPDATE {table} SET {column} = {column}" for table, column in same.items()]
    statements += [f"DELETE FROM {table}" for table in same]
    if kit.db.is_sqlite:
        statements += [f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}" for table in same]
        statements += ["INSERT OR REPLACE INTO quotas VALUES ('other', 'P10', 2026, 'people')"]
    else:
        statements += [f"TRUNCATE {table}" for table in (*same, "activations", "proposal_steps")]
    for statement in statements:
        with pytest.raises(DBAPIError, match=r"append-only|must follow"):
            async with kit.db.transaction() as tx:
                await tx.conn.execute(text(statement))
    assert await left(national) == {"people": 5}


@pytest.mark.postgres
async def test_the_last_line_is_found_without_reading_the_others(make_kit: MakeKit, postgres: str) -> None:
    kit = await make_kit("subsidy", database_url=postgres)
    known = {"quota_id": "P10:2026:people", "kind": "grant", "granted": 1, "taken": 0, "taken_after": 0, "actor": "x"}
    async with kit.db.transaction() as tx:
        lines = [known | {"number": n, "granted_after": n, "at": tx.now} for n in range(1, 2_001)]
        await store.write_lines(tx.conn, lines)
    async with kit.db.transaction() as tx:
        await tx.conn.execute(text("ANALYZE ledger"))
    seen = text("SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'ledger'")
    async with kit.db.transaction() as tx:
        before = await tx.conn.scalar(seen)
        found = await store.balances(tx.conn, ["P10:2026:people", "P10:2026:won"])
        rows_read = await tx.conn.scalar(seen) - before
    assert (list(found), found["P10:2026:people"]["number"]) == (["P10:2026:people"], 2_000)
    assert rows_read == 1


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
