"""A transaction holds everything or nothing, and leaves a connection that the next one can use."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Column, MetaData, Table, Text, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from libs.common import postgres as straight
from libs.common.db import Database, Tx
from libs.common.rows import insert_rows
from libs.common.web import WriteTx

metadata = MetaData()
names = Table("names", metadata, Column("name", Text, primary_key=True))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def db(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    sqlite = request.param == "sqlite"
    url = f"sqlite+aiosqlite:///{tmp_path}/t.db" if sqlite else request.getfixturevalue("postgres")
    made = Database(url, pool_size=1)  # one connection: who spoils it is found out
    async with made.writer.begin() as conn:
        await conn.run_sync(metadata.create_all)
    yield made
    await made.close()


@pytest.fixture
def on_postgres(postgres: str) -> Database:
    return Database(postgres, pool_size=1)


async def stored(db: Database) -> list[str]:
    async with db.reading() as conn:
        return list(await conn.scalars(select(names.c.name).order_by(names.c.name)))


async def put_both_ways(tx: Tx, *both: str) -> None:
    await insert_rows(tx.conn, names, [{"name": both[0]}])
    await tx.conn.execute(insert(names).values(name=both[1]))


async def test_statements_of_both_kinds_are_in_it(db: Database) -> None:
    async with db.transaction() as tx:
        await put_both_ways(tx, "a", "b")

    async def gives_up() -> None:
        async with db.transaction() as tx:
            await put_both_ways(tx, "c", "d")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await gives_up()
    assert await stored(db) == ["a", "b"]


async def test_a_row_that_is_there_already_is_an_integrity_error_either_way(db: Database) -> None:
    async with db.transaction() as tx:
        await put_both_ways(tx, "a", "b")
    with pytest.raises(IntegrityError):
        async with db.transaction() as tx:
            await put_both_ways(tx, "a", "c")
    with pytest.raises(IntegrityError):
        async with db.transaction() as tx:
            await put_both_ways(tx, "c", "a")
    async with db.transaction() as tx:
        await put_both_ways(tx, "c", "d")
    assert await stored(db) == ["a", "b", "c", "d"]


async def test_one_that_is_cancelled_leaves_nothing(db: Database) -> None:
    entered = asyncio.Event()

    async def slow() -> None:
        async with db.transaction() as tx:
            await put_both_ways(tx, "a", "b")
            entered.set()
            await asyncio.sleep(3600)

    task = asyncio.create_task(slow())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with db.transaction() as tx:
        await put_both_ways(tx, "c", "d")
    assert await stored(db) == ["c", "d"]


async def test_what_cannot_be_committed_is_never_answered_with_success(db: Database) -> None:
    async def fails(tx: Tx, has_events: bool) -> None:
        raise RuntimeError("at the commit")

    app = FastAPI()
    app.state.kit = SimpleNamespace(db=db)

    @app.post("/")
    async def store(tx: WriteTx) -> str:
        await put_both_ways(tx, "a", "b")
        return "stored"

    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        db.before_commit.append(fails)
        assert (await client.post("/")).status_code == 500
        assert await stored(db) == []
        db.before_commit.clear()
        assert (await client.post("/")).status_code == 200
    assert await stored(db) == ["a", "b"]


async def test_on_sqlite_no_update_of_another_process_is_lost(tmp_path: Path) -> None:
    """Each reads what it then writes; two that have read the same would lose one of two updates, or both give up."""
    places = [Database(f"sqlite+aiosqlite:///{tmp_path}/t.db") for _ in range(4)]
    async with places[0].writer.begin() as conn:
        await conn.run_sync(metadata.create_all)
        await conn.execute(insert(names).values(name="0"))

    async def count_up(place: Database) -> None:
        for _ in range(10):
            async with place.transaction() as tx:
                number = int(str(await tx.conn.scalar(select(names.c.name))))
                await asyncio.sleep(0.001)
                await tx.conn.execute(update(names).values(name=str(number + 1)))

    await asyncio.gather(*(count_up(place) for place in places))
    assert await stored(places[0]) == ["40"]
    for place in places:
        await place.close()


async def test_sqlite_is_set_up_to_lose_nothing(tmp_path: Path) -> None:
    place = Database(f"sqlite+aiosqlite:///{tmp_path}/t.db")
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}
    for connection in (place.reading(), place.single()):
        async with connection as conn:
            found = {name: await conn.scalar(text(f"PRAGMA {name}")) for name in wanted}
        assert found == wanted
    await place.close()


@pytest.mark.postgres
async def test_one_that_is_cancelled_in_a_statement_leaves_nothing(on_postgres: Database) -> None:
    async def slow() -> None:
        async with on_postgres.transaction() as tx:
            await tx.conn.execute(text("CREATE TABLE never (n int)"))
            entered.set()
            await straight.fetch(tx.conn, "SELECT pg_sleep(3600)")

    entered = asyncio.Event()
    task = asyncio.create_task(slow())
    await entered.wait()
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with on_postgres.transaction() as tx:
        assert await straight.fetch(tx.conn, "SELECT 1 FROM pg_tables WHERE tablename = 'never'") == []
    await on_postgres.close()


@pytest.mark.postgres
async def test_a_connection_that_the_server_ended_is_replaced(on_postgres: Database) -> None:
    async def end(pid: int) -> None:
        outside = await straight.connect(on_postgres.url)
        assert await outside.fetchval("SELECT pg_terminate_backend($1)", pid)
        await outside.close()

    async def end_idle() -> None:
        async with on_postgres.reading() as conn:
            [(idle,)] = await straight.fetch(conn, "SELECT pg_backend_pid()")
        await end(idle)
        await asyncio.sleep(0.2)  # the word of it arrives

    await end_idle()
    async with on_postgres.transaction() as tx:
        assert [tuple(row) for row in await straight.fetch(tx.conn, "SELECT 1")] == [(1,)]
    await end_idle()
    async with on_postgres.reading() as conn:
        assert await conn.scalar(text("SELECT 1")) == 1

    async def ended_within() -> None:
        async with on_postgres.transaction() as tx:
            [(pid,)] = await straight.fetch(tx.conn, "SELECT pg_backend_pid()")
            await end(pid)
            await straight.fetch(tx.conn, "SELECT 1")

    with pytest.raises(DBAPIError):
        await ended_within()
    async with on_postgres.transaction() as tx:
        assert len(await straight.fetch(tx.conn, "SELECT 1")) == 1
    await on_postgres.close()


@pytest.mark.postgres
async def test_what_the_server_refuses_carries_its_state(on_postgres: Database) -> None:
    with pytest.raises(DBAPIError) as refused:
        async with on_postgres.transaction() as tx:
            await straight.fetch(tx.conn, "SELECT 1/0")
    assert refused.value.orig is not None
    assert getattr(refused.value.orig, "sqlstate", None) == "22012"
    await on_postgres.close()
