"""The kit's small pieces: ids, rows, encryption, redaction, problems, runs of events."""

import json
import logging
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field
from sqlalchemy import BigInteger, Boolean, Column, Date, LargeBinary, MetaData, Table, Text, bindparam, select, update
from sqlalchemy.exc import StatementError

from libs.common import crypto, ids, logs, problems
from libs.common.columns import Json, UtcTime
from libs.common.consumer import runs
from libs.common.db import Database
from libs.common.envelope import Received
from libs.common.rows import Keys, among, insert_new, insert_rows, rows_by, run, update_rows, upsert_rows
from libs.common.settings import Settings
from libs.common.telemetry import Cause
from libs.contracts.catalog import Course, CoursePublishedV1, CourseWithdrawnV1
from tests.conftest import NOW

ROOT = Path(__file__).resolve().parents[2]
metadata = MetaData()
things = Table(
    "things",
    metadata,
    Column("id", Text, primary_key=True),
    Column("version", BigInteger),
    Column("at", UtcTime),
    Column("body", Json),
    Column("raw", LargeBinary),
    Column("day", Date),
    Column("yes", Boolean),
)
pairs = Table("pairs", metadata, Column("a", Text, primary_key=True), Column("b", BigInteger, primary_key=True))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def db(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    sqlite = request.param == "sqlite"
    url = f"sqlite+aiosqlite:///{tmp_path}/t.db" if sqlite else request.getfixturevalue("postgres")
    made = Database(url)
    async with made.writer.begin() as conn:
        await conn.run_sync(metadata.create_all)
    yield made
    await made.close()


def thing(name: str, version: int = 1, **changes: Any) -> dict[str, Any]:
    made = {"id": name, "version": version, "at": NOW, "body": {"이름": [1, None]}, "raw": b"\x00\xff"}
    return {**made, "day": NOW.date(), "yes": True, **changes}


async def stored(db: Database) -> dict[str, Any]:
    async with db.reading() as conn:
        return {row["id"]: dict(row) for row in (await conn.execute(select(things))).mappings()}


async def test_every_column_type_comes_back_as_it_went_in(db: Database) -> None:
    nothing: Any = {"version": None, "at": None, "body": None, "raw": None, "day": None, "yes": None}
    rows = [thing("a"), thing("b", **nothing)]
    async with db.transaction() as tx:
        await insert_rows(tx.conn, things, rows)
    assert await stored(db) == {"a": rows[0], "b": rows[1]}


async def test_only_new_keys_are_inserted_and_told(db: Database) -> None:
    async with db.transaction() as tx:
        assert await insert_new(tx.conn, things, [thing("a"), thing("b")], key="id") == {"a", "b"}
        assert await insert_new(tx.conn, things, [thing("b", 9), thing("c")], key="id") == {"c"}
        assert await insert_new(tx.conn, things, [], key="id") == set()
        assert await insert_new(tx.conn, pairs, [{"a": "x", "b": 1}], key=("a", "b")) == {("x", 1)}
        more = [{"a": "x", "b": 1}, {"a": "x", "b": 2}]
        assert await insert_new(tx.conn, pairs, more, key=("a", "b")) == {("x", 2)}
    assert (await stored(db))["b"]["version"] == 1


async def test_an_older_version_does_not_replace_a_newer_one(db: Database) -> None:
    async with db.transaction() as tx:
        await upsert_rows(tx.conn, things, [thing("a", 2), thing("b", 2)], key="id", newer="version")
        late = [thing("a", 1, yes=False), thing("b", 3, yes=False)]
        await upsert_rows(tx.conn, things, late, key="id", newer="version")
    found = await stored(db)
    assert (found["a"]["version"], found["a"]["yes"]) == (2, True)
    assert (found["b"]["version"], found["b"]["yes"]) == (3, False)


async def test_rows_are_found_by_their_keys(db: Database) -> None:
    rows = {name: thing(name) for name in ("a", "b", "c")}
    async with db.transaction() as tx:
        await insert_rows(tx.conn, things, list(rows.values()))
        assert await rows_by(tx.conn, things, "id", ["c", "a", "none"], lock=True) == {"a": rows["a"], "c": rows["c"]}
        assert await rows_by(tx.conn, things, "id", ["b"], ("id", "body")) == {
            "b": {"id": "b", "body": rows["b"]["body"]}
        }
        assert await rows_by(tx.conn, things, "id", []) == {}


RAISED = (
    update(things)
    .where(things.c.id == bindparam("its"))
    .values(version=things.c.version + 1, body=bindparam("text"), at=bindparam("when"))
    .returning(things.c.version, things.c.at, things.c.body)
)


async def test_a_statement_made_once_binds_and_reads_every_type(db: Database) -> None:
    async with db.transaction() as tx:
        await insert_rows(tx.conn, things, [thing("a", 4), thing("b", 4)])
        for number in (5, 6):
            (row,) = await run(tx.conn, RAISED, its="a", text={"n": number}, when=NOW)
            assert row == {"version": number, "at": NOW, "body": {"n": number}}
        assert await run(tx.conn, RAISED, its="none", text=None, when=None) == []
        with pytest.raises((KeyError, StatementError)):
            await run(tx.conn, RAISED, its="a")
    assert (await stored(db))["b"]["version"] == 4


THESE = select(things.c.id, things.c.body).where(among(things.c.id, bindparam("ids", type_=Keys()))).order_by("id")


@pytest.mark.parametrize("ids", [[], ["b"], ["b", "a", "x'; --", "b"], [str(n) for n in range(70_000)] + ["a"]])
async def test_any_number_of_keys_is_one_value(db: Database, ids: list[str]) -> None:
    found = [{"id": name, "body": thing(name)["body"]} for name in ("a", "b") if name in ids]
    async with db.transaction() as tx:
        await insert_rows(tx.conn, things, [thing(name) for name in ("a", "b", "c")])
        assert await run(tx.conn, THESE, ids=ids) == found
        chosen = select(things.c.id).where(among(things.c.id, ids)).order_by("id")
        assert list(await tx.conn.scalars(chosen)) == [row["id"] for row in found]


async def test_rows_are_updated_where_all_keys_match(db: Database) -> None:
    async with db.transaction() as tx:
        await insert_rows(tx.conn, things, [thing("a", 1), thing("b", 1)])
        changes = [{"id": "a", "version": 1, "body": {"n": 1}}, {"id": "b", "version": 2, "body": {"n": 2}}]
        await update_rows(tx.conn, things, changes, key=("id", "version"))
    found = await stored(db)
    assert (found["a"]["body"], found["b"]["body"]) == ({"n": 1}, thing("b")["body"])


async def test_a_failed_block_leaves_nothing_behind(db: Database) -> None:
    ran: list[str] = []

    async def failing() -> None:
        async with db.transaction() as tx:
            await insert_rows(tx.conn, things, [thing("a")])
            tx.after_commit(lambda: ran.append("after"))
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        await failing()
    assert await stored(db) == {}
    assert ran == []


async def test_a_naive_time_is_refused(db: Database) -> None:
    with pytest.raises(Exception, match="naive"):
        async with db.transaction() as tx:
            await insert_rows(tx.conn, things, [thing("a", at=datetime(2026, 1, 1))])  # noqa: DTZ001


def test_ids_sort_by_time_and_are_version_7() -> None:
    early = ids.uuid7(datetime(2026, 1, 1, tzinfo=UTC), b"\xff" * 10)
    late = ids.uuid7(datetime(2026, 1, 2, tzinfo=UTC), b"\x00" * 10)
    assert early < late
    assert uuid.UUID(early).version == 7
    assert uuid.UUID(early).variant == uuid.RFC_4122


def test_a_sealed_value_opens_only_in_its_place() -> None:
    ring = crypto.Keyring(crypto.new_keyring("k1"))
    sealed = ring.seal("김담당 <kim@example.com>", "companies|email|7")
    assert b"kim" not in sealed
    assert ring.open(sealed, "companies|email|7") == "김담당 <kim@example.com>"
    with pytest.raises(crypto.SealBroken):
        ring.open(sealed, "companies|email|8")
    with pytest.raises(crypto.SealBroken):
        ring.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), "companies|email|7")


def test_a_rotated_ring_opens_the_old_and_seals_with_the_new() -> None:
    old = crypto.new_keyring("k1")
    sealed = crypto.Keyring(old).seal("x", "p")
    both = crypto.Keyring(f"{crypto.new_keyring('k2')},{old}")
    assert both.open(sealed, "p") == "x"
    assert both.kid(both.seal("x", "p")) == "k2"
    with pytest.raises(crypto.SealBroken):
        crypto.Keyring(crypto.new_keyring("k3")).open(sealed, "p")


def test_without_a_key_nothing_personal_is_stored() -> None:
    with pytest.raises(ValueError, match="KEYRING"):
        crypto.Keyring("").seal("x", "p")
    with pytest.raises(ValueError, match="32 bytes"):
        crypto.Keyring("k1=YWJj")


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("담당자 kim.lee@corp.co.kr 에게", "kim.lee"),
        ("주민번호 900101-1234567", "1234567"),
        ("사업자 116-82-00276", "00276"),
        ("number 1168200276 refused", "1168200276"),
        ("전화 010-1234-5678", "5678"),
        ("postgresql://svc:p4ss@host/db", "p4ss"),
        ("secret whsec_abcdef123", "abcdef"),
    ],
)
def test_logs_do_not_keep_what_names_people(text: str, hidden: str) -> None:
    assert hidden not in logs.redact(text)


def test_logs_keep_what_operators_need() -> None:
    line = "event 0192f0c4-1111-7abc-8def-001122334455 took 12345 ms"
    assert logs.redact(line) == line


_SPEAKING = """
import asyncio, logging, sys
import structlog, uvicorn
from libs.common import logs

async def fails(scope, receive, send):
    raise ValueError("담당 kim@corp.co.kr, 116-82-00276")

async def speak():
    config = uvicorn.Config(fails, port=0, lifespan="off", access_log=False)
    logs.configure("INFO", "tester")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.servers[0].sockets[0].getsockname()[1])
    writer.write(b"GET /v1/companies/116-82-00276 HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
    await reader.readline()
    writer.close()
    server.should_exit = True
    await serving
    logging.getLogger("somebody").warning("calls %s", "010-1234-5678")
    structlog.get_logger().error("done", who=["kim@corp.co.kr"])

asyncio.run(speak())
"""


def test_whatever_writes_to_the_log_writes_json_that_names_nobody() -> None:
    """The server's own report of an error that nobody caught, and the words of libraries, too."""
    spoken = subprocess.run([sys.executable, "-c", _SPEAKING], capture_output=True, text=True, check=True, cwd=ROOT)
    lines = [json.loads(line) for line in (spoken.stderr + spoken.stdout).splitlines()]
    assert {"tester"} == {line["service"] for line in lines}
    assert "ValueError: 담당 <email>, <business-number>" in next(
        line["exception"] for line in lines if "exception" in line
    )
    assert [line["event"] for line in lines[-2:]] == ["calls <phone>", "done"]
    assert not [line for line in lines if "GET /" in line["event"]], "no access log where it was turned off"
    assert "kim@" not in spoken.stderr


def test_what_a_library_repeats_in_an_outage_is_said_once_in_a_while() -> None:
    now = [0.0]
    seldom = logs.Seldom("aiokafka", every=10.0, monotonic=lambda: now[0])

    def passes(name: str, words: str, *more: object) -> bool:
        return seldom.filter(logging.LogRecord(name, logging.ERROR, "", 0, words, more, None))

    assert passes("aiokafka.conn", "no connection to %s", 1)
    assert not passes("aiokafka.conn", "no connection to %s", 2)
    assert passes("aiokafka.conn", "closed")
    assert all(passes("uvicorn.error", "failed") for _ in range(2))
    now[0] = 10.0
    assert passes("aiokafka.conn", "no connection to %s", 3)


COURSE = Course(
    course_id="c",
    source="ieum",
    source_id="c",
    programme="P10",
    title="t",
    provider="p",
    mode="remote",
    level="beginner",
    field="hr",
    ai=True,
)


def _event(number: int, key: str, withdrawn: bool) -> Received[Any]:
    if withdrawn:
        data: Any = CourseWithdrawnV1(course_id=key, version=number, reason="r", withdrawn_at=NOW)
    else:
        data = CoursePublishedV1(course_id=key, version=number, course=COURSE, published_at=NOW)
    return Received(str(number), NOW, Cause(None, NOW), data)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=40))
def test_runs_keep_the_order_of_every_key(script: list[tuple[str, bool]]) -> None:
    events = [_event(number, key, withdrawn) for number, (key, withdrawn) in enumerate(script)]
    grouped = runs(events)
    flat = [received for run in grouped for received in run]
    assert sorted(r.id for r in flat) == sorted(r.id for r in events)
    assert all(len({type(r.data) for r in run}) == 1 for run in grouped)
    for key in "abc":
        assert [r.id for r in flat if r.data.key() == key] == [r.id for r in events if r.data.key() == key]


def test_events_of_many_keys_make_few_runs() -> None:
    events = [_event(n, f"k{n}", withdrawn=n % 2 == 0) for n in range(100)]
    assert len(runs(events)) == 2


def test_every_setting_says_what_it_is_for() -> None:
    undocumented = [name for name, field in Settings.model_fields.items() if not field.description]
    assert undocumented == ["log_level"]


class Asked(BaseModel):
    many: int = Field(1, ge=1, le=500)
    kind: Literal["firm", "person"] = "firm"
    name: str = Field("", max_length=3)


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ('{"many": 501}', "many", "500 이하여야 합니다."),
        ('{"many": 0}', "many", "1 이상이어야 합니다."),
        ('{"kind": "x"}', "kind", "다음 가운데 하나여야 합니다: 'firm', 'person'."),
        ('{"name": "네글자다"}', "name", "3자 이하여야 합니다."),
        ("[]", "body", "JSON 객체여야 합니다."),
        ("{", "body", "JSON 형식이 아닙니다."),
    ],
)
async def test_a_refusal_names_the_limit_in_korean(body: str, field: str, said: str) -> None:
    app = FastAPI()
    problems.install(app)

    @app.post("/")
    async def ask(asked: Asked) -> None:
        raise AssertionError(asked)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        answer = await client.post("/", content=body, headers={"Content-Type": "application/json"})
    assert [(error["field"], error["ko"]) for error in answer.json()["errors"]] == [(field, said)]
