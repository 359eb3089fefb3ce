"""A handler that fails, for a while or for ever: retries, dead letters, replays, and never a second effect."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from libs.common import tables
from libs.common.consumer import BACKOFF, Consumer
from libs.common.db import Database, Tx
from libs.common.rows import insert_rows
from libs.contracts.catalog import CourseWithdrawnV1
from tests.conftest import ClientFor, MakeKit
from tests.faults import kit as faults
from tests.faults.kit import batch, letters, of_key, take, taken


class Stumbling:
    """A handler that fails at chosen events, `times` often each, after its effect was written."""

    def __init__(self, *poison: tuple[str, int], times: int = 10**9, error: type[Exception] = ValueError) -> None:
        self.poison, self.error = dict.fromkeys(poison, times), error

    async def __call__(self, tx: Tx, events: Sequence[Any]) -> None:
        await take(tx, events)
        for event in events:
            place = (event.data.course_id, event.data.version)
            if self.poison.get(place, 0) > 0:
                self.poison[place] -= 1
                raise self.error(f"{place[0]} {place[1]}: 처리할 수 없음")


class Pauses(list[float]):
    """Sleeps without sleeping, and remembers for how long."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


def consumer_of(db: Database, handler: Any, pauses: Pauses | None = None) -> Consumer:
    return Consumer("tester", db, {CourseWithdrawnV1: handler}, sleep=pauses if pauses is not None else Pauses())


async def inbox(db: Database) -> int:
    async with db.reading() as conn:
        return int(await conn.scalar(select(func.count()).select_from(tables.inbox)) or 0)


async def test_a_passing_failure_is_retried_with_growing_pauses_and_then_succeeds(db: Database) -> None:
    pauses = Pauses()
    # The batch as a whole is the first attempt, then three by itself.
    await consumer_of(db, Stumbling(("a", 2), times=4), pauses).handle(batch(("a", 1), ("a", 2), ("a", 3)))
    assert pauses == list(BACKOFF[:3])
    assert await taken(db) == [("a", 1), ("a", 2), ("a", 3)]
    assert await letters(db) == {}


async def test_a_lasting_failure_becomes_a_dead_letter_with_its_cause(db: Database) -> None:
    pauses = Pauses()
    await consumer_of(db, Stumbling(("a", 2)), pauses).handle(batch(("a", 1), ("a", 2)))
    assert pauses == list(BACKOFF)
    letter = (await letters(db))["a-2"]
    assert (letter["reason"], letter["status"], letter["attempts"]) == ("handler-failed", "open", len(BACKOFF) + 1)
    assert letter["cause"] == "ValueError: a 2: 처리할 수 없음"
    assert (letter["key"], letter["type"], letter["position"]) == ("a", CourseWithdrawnV1.wire_type, 1)
    assert letter["value"] == faults.message("a", 2).value
    assert await taken(db) == [("a", 1)], "the failed event left nothing"
    assert await inbox(db) == 1, "it is not held for handled"


async def test_poison_stops_neither_other_keys_nor_later_events(db: Database) -> None:
    consumer = consumer_of(db, Stumbling(("a", 2), ("c", 1)))
    await consumer.handle(batch(("a", 1), ("b", 1), ("a", 2), ("c", 1), ("b", 2), ("a", 3), ("c", 2)))
    await consumer.handle(batch(("a", 4), ("b", 3)))
    found = await taken(db)
    assert of_key(found, "a") == [1, 3, 4]
    assert of_key(found, "b") == [1, 2, 3]
    assert of_key(found, "c") == [2]
    assert set(await letters(db)) == {"a-2", "c-1"}


async def test_a_refusal_of_the_database_is_a_fault_of_the_event_and_no_outage(db: Database) -> None:
    async def same_id_twice(tx: Tx, events: Sequence[Any]) -> None:
        for event in events:
            row = {"key": event.data.course_id, "number": event.data.version}
            await insert_rows(tx.conn, faults.effects, [{"id": 1, **row}])

    await consumer_of(db, same_id_twice).handle(batch(("a", 1), ("a", 2)))
    assert await taken(db) == [("a", 1)]
    found = await letters(db)
    assert set(found) == {"a-2"}
    assert found["a-2"]["cause"].startswith(IntegrityError.__name__)


async def test_a_cause_does_not_tell_what_an_operator_need_not_see(db: Database) -> None:
    async def twice(tx: Tx, events: Sequence[Any]) -> None:
        for _ in range(2):
            row = {"id": 1, "key": "홍길동", "number": 1}
            await tx.conn.execute(faults.effects.insert().values(row))

    async def speaks(tx: Tx, events: Sequence[Any]) -> None:
        raise ValueError("담당 kim@corp.co.kr, 116-82-00276")

    await consumer_of(db, twice).handle(batch(("a", 1)))
    await consumer_of(db, speaks).handle(batch(("a", 2)))
    causes = {name: letter["cause"] for name, letter in (await letters(db)).items()}
    assert causes["a-1"].startswith(IntegrityError.__name__)
    assert "홍길동" not in causes["a-1"]
    assert causes["a-2"] == "ValueError: 담당 <email>, <business-number>"


async def test_the_same_event_often_has_one_effect(db: Database) -> None:
    consumer = consumer_of(db, take)
    await consumer.handle(batch(("a", 1), ("a", 1), ("a", 2), ("a", 1)))
    await consumer.handle(batch(("a", 1), ("a", 2), ("a", 3)))
    assert await taken(db) == [("a", 1), ("a", 2), ("a", 3)]


async def test_two_replicas_that_handle_the_same_events_at_once_give_one_effect(db: Database) -> None:
    """As after a lost lease: the old member is still at work while the new one has begun."""
    events = batch(*(("a", number) for number in range(30)))
    members = [consumer_of(db, take) for _ in range(4)]
    await asyncio.gather(*(member.handle(events) for member in members))
    assert await taken(db) == [("a", number) for number in range(30)]
    assert await letters(db) == {}


async def test_a_dead_letter_that_comes_again_by_itself_stays_one_letter_and_one_effect(db: Database) -> None:
    handler = Stumbling(("a", 1))
    consumer = consumer_of(db, handler)
    await consumer.handle(batch(("a", 1)))
    await consumer.handle(batch(("a", 1)))
    assert set(await letters(db)) == {"a-1"}
    handler.poison.clear()
    await consumer.handle(batch(("a", 1)))
    await consumer.replay(batch(("a", 1))[0])
    assert await taken(db) == [("a", 1)]


async def test_a_replay_has_one_effect_however_often_it_is_asked_for(db: Database) -> None:
    handler = Stumbling(("a", 1))
    consumer = consumer_of(db, handler)
    await consumer.handle(batch(("a", 1), ("a", 2)))
    with pytest.raises(ValueError, match="처리할 수 없음"):
        await consumer.replay(batch(("a", 1))[0])
    assert await taken(db) == [("a", 2)]
    handler.poison.clear()
    await asyncio.gather(*(consumer.replay(batch(("a", 1))[0]) for _ in range(3)))
    await consumer.replay(batch(("a", 1))[0])
    assert await taken(db) == [("a", 2), ("a", 1)]


async def test_operators_replay_and_discard_dead_letters_over_http(make_kit: MakeKit, client_for: ClientFor) -> None:
    kit = await make_kit("tester", migrated=False)
    await faults.create(kit.db)
    handler = Stumbling(("a", 1), ("a", 2))
    app = kit.app(title="tester", metadata=faults.metadata, handlers={CourseWithdrawnV1: handler})
    kit.consumer._sleep = Pauses()
    await kit.consumer.handle(batch(("a", 1), ("a", 2), ("a", 3)))
    client = client_for(app, "ops", client="operator")

    async def post(event_id: str, what: str) -> tuple[int, str]:
        answer = await client.post(f"/ops/tester/dead-letters/{event_id}/{what}")
        return answer.status_code, answer.json().get("code") or answer.json().get("status")

    listed = (await client.get("/ops/tester/dead-letters")).json()
    assert listed["count"] == 2
    assert {item["event_id"] for item in listed["items"]} == {"a-1", "a-2"}
    assert all("value" not in item and item["cause"] for item in listed["items"])
    assert (await post("a-1", "replay"))[0] == 409, "still failing"
    assert (await letters(kit.db))["a-1"]["status"] == "open"
    handler.poison.clear()
    assert await post("a-1", "replay") == (200, "replayed")
    assert (await post("a-1", "replay"))[0] == 409, "settled already"
    assert await post("a-2", "discard") == (200, "discarded")
    assert (await post("a-2", "replay"))[0] == 409
    assert (await post("a-9", "replay"))[0] == 404
    assert await taken(kit.db) == [("a", 3), ("a", 1)]
    assert (await client.get("/ops/tester/dead-letters")).json()["count"] == 0
    settled = {name: letter["status"] for name, letter in (await letters(kit.db)).items()}
    assert settled == {"a-1": "replayed", "a-2": "discarded"}


async def test_two_replays_at_once_over_http_have_one_effect(make_kit: MakeKit, client_for: ClientFor) -> None:
    kit = await make_kit("tester", migrated=False)
    await faults.create(kit.db)
    handler = Stumbling(("a", 1))
    app = kit.app(title="tester", metadata=faults.metadata, handlers={CourseWithdrawnV1: handler})
    kit.consumer._sleep = Pauses()
    await kit.consumer.handle(batch(("a", 1)))
    handler.poison.clear()
    client = client_for(app, "ops", client="operator")
    path = "/ops/tester/dead-letters/a-1/replay"
    codes = sorted(answer.status_code for answer in await asyncio.gather(*(client.post(path) for _ in range(4))))
    assert set(codes) <= {200, 409}
    assert codes[0] == 200
    assert await taken(kit.db) == [("a", 1)]


@pytest.mark.parametrize(("role", "told"), [("all", True), ("worker", True), ("api", False)])
async def test_a_process_that_does_not_consume_does_not_tell_the_lag(make_kit: MakeKit, role: str, told: bool) -> None:
    """It would say 0 whatever waits."""
    kit = await make_kit("tester", migrated=False, role=role)
    await faults.create(kit.db)
    kit.app(title="tester", metadata=faults.metadata, handlers={CourseWithdrawnV1: take})
    assert ("consumer_lag" in await kit.measure()) is told
