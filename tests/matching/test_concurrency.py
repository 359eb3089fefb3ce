"""Two worker replicas at the same time on one PostgreSQL, each with its share of the keys."""

import asyncio
import random
import zlib
from collections.abc import Sequence

import pytest
from sqlalchemy import select

from libs.common import migrate
from libs.common.kit import Kit
from libs.contracts import Event
from services.matching import service, store
from services.matching.service import Replica
from tests.conftest import MakeKit
from tests.matching.flow import Worker, answer, published, quote, updates
from tests.matching.makers import DAY, RULES, course
from tests.matching.test_replicas import lists_of, random_history, slow_lists_of

pytestmark = pytest.mark.postgres


@pytest.fixture
async def kits(make_kit: MakeKit, postgres: str) -> list[Kit]:
    """The kits of two processes."""
    first = await make_kit("matching", database_url=postgres)
    return [first, await make_kit("matching", database_url=postgres)]


async def _handle_shared(workers: Sequence[Worker], events: Sequence[Event]) -> None:
    """Each key belongs to one worker, as with partitions; the workers do not wait for one another."""

    async def share(number: int) -> None:
        for event in events:
            if zlib.crc32(event.key().encode()) % len(workers) == number:
                await workers[number].handle(event)

    await asyncio.gather(*(share(number) for number in range(len(workers))))


async def test_replicas_at_the_same_time_miss_nothing(kits: list[Kit]) -> None:
    workers = [Worker(kit) for kit in kits]
    await _handle_shared(workers, random_history(random.Random(8), 200))
    assert await lists_of(kits[0]) == await slow_lists_of(kits[0])
    versions: dict[str, list[int]] = {}
    for update in await updates(kits[0]):
        versions.setdefault(update.company_id, []).append(update.version)
    assert versions
    assert all(found == list(range(1, len(found) + 1)) for found in versions.values())


async def test_a_transaction_that_fails_beside_others_leaves_no_trace(kits: list[Kit]) -> None:
    workers = [Worker(kit) for kit in kits]
    history = random_history(random.Random(21), 120)

    async def failing() -> None:
        for number in range(15):
            await workers[0].roll_back(*(event for event in random_history(random.Random(number), 8)))

    await asyncio.gather(_handle_shared(workers, history), failing())
    assert await lists_of(kits[0]) == await slow_lists_of(kits[0])
    fresh = Replica(RULES, DAY)
    async with kits[0].db.reading() as conn:
        await fresh.follow(conn)
        for worker in workers:
            await worker.replica.follow(conn)
            async with kits[0].db.transaction() as tx:
                await worker.replica.enter(tx)
            assert len(worker.replica.engine) == len(fresh.engine)
            assert worker.replica.known == fresh.known


async def test_prices_and_new_lists_at_the_same_time_agree(kits: list[Kit]) -> None:
    one, other = (Worker(kit) for kit in kits)
    await one.courses(*(course(f"c{n}", provider=f"p{n}") for n in range(5)))
    await one.company("k1")

    async def price() -> None:
        for _ in range(10):
            await other.handle(quote((await updates(kits[1]))[-1]))

    async def change() -> None:
        for number in range(10):
            await one.handle_courses(course("c0", provider="p0", unit_price=number), version=number + 2)

    await asyncio.gather(price(), change())
    await other.handle(quote((await updates(kits[1]))[-1]))
    shown = await answer(kits[0])
    assert (shown["status"], shown["version"]) == ("priced", 11)


async def test_a_quote_neither_waits_for_a_turn_nor_is_lost_to_a_renewal(kits: list[Kit]) -> None:
    one, other = (Worker(kit) for kit in kits)
    await one.courses(course("c1"))
    await one.company("k1")
    (update,) = await updates(kits[0])
    async with kits[0].db.transaction() as tx:
        await one.replica.enter(tx)
        await other.handle(quote(update))
        await service.learn_courses(tx, one.replica, [published(course("c1", title="new title"), 2)])
    shown = await answer(kits[0])
    assert (shown["status"], shown["courses"][0]["title"]) == ("priced", "new title")


async def test_the_tables_are_those_of_the_migrations_here_too(kits: list[Kit]) -> None:
    await migrate.check(kits[0].db, "matching")
    assert await migrate.at_head(kits[0].db, "matching")


async def test_another_process_drops_its_answer(kits: list[Kit]) -> None:
    heard: list[str] = []
    signals = kits[1].signals
    assert signals is not None
    signals.subscribe("answers", heard.append)
    listening = asyncio.create_task(signals.listen())
    worker = Worker(kits[0])
    await worker.courses(course("c1"))
    while "*" not in heard:
        await asyncio.sleep(0.01)
    await worker.company("k1")
    await worker.courses(course("c2"))
    while "k1" not in heard:
        await asyncio.sleep(0.01)
    listening.cancel()
    async with kits[1].db.reading() as conn:
        assert (await conn.execute(select(store.recommendations.c.version))).scalars().all() == [2]
