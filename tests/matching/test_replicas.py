"""Several processes on one database, rolled-back batches, restarts, replays."""

import random
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select

from libs.common import migrate
from libs.common.kit import Kit
from libs.contracts import Event
from libs.contracts.catalog import Course
from libs.contracts.diagnosis import AssessmentCompletedV1
from services.matching import service, store
from services.matching.app import fill, renew_some
from services.matching.domain.scoring import seeker
from services.matching.service import Replica, renew
from tests.conftest import Clock, MakeKit
from tests.matching.flow import Worker, answer, listed, published, quote, updates, withdrawn
from tests.matching.makers import DAY, RULES, assessment, company, course, facts, session, slow_list


async def lists_in_memory(worker: Worker) -> list[str]:
    """What this process would recommend to a beginner, as it now knows the courses."""
    async with worker.kit.db.reading() as conn:
        await worker.replica.follow(conn)
    return sorted(one.course_id for one in worker.replica.engine.find(company()).courses)


async def test_a_course_consumed_by_one_replica_updates_companies_of_another(make_kit: MakeKit) -> None:
    kit = await make_kit("matching")
    one, other = Worker(kit), Worker(kit)
    await one.courses(course("c1"))
    await other.company("k1")
    await one.courses(course("c2"))
    assert set(await listed(kit, "k1")) == {"c1", "c2"}
    await other.handle(withdrawn("c1"))
    await one.company("k2")
    assert await listed(kit, "k1") == await listed(kit, "k2") == ["c2"]
    assert [(update.company_id, update.version) for update in await updates(kit)] == [
        ("k1", 1),
        ("k1", 2),
        ("k1", 3),
        ("k2", 1),
    ]


async def test_two_replicas_taking_turns_give_what_one_would(make_kit: MakeKit) -> None:
    kit = await make_kit("matching")
    workers = [Worker(kit), Worker(kit)]
    pick = random.Random(5)
    history = random_history(pick, 120)
    for event in history:
        await pick.choice(workers).handle(event)
    alone = Worker(await make_kit("alone", migrated=False))
    await migrate.upgrade(alone.kit.db, "matching")
    await alone.handle(*history)
    assert await lists_of(kit) == await lists_of(alone.kit)
    assert await lists_in_memory(workers[0]) == await lists_in_memory(workers[1]) == await lists_in_memory(alone)


async def test_a_replay_into_an_empty_database_gives_the_same_lists_in_any_order(make_kit: MakeKit) -> None:
    """Topics are not ordered against one another: courses, profiles and levels may be replayed one after the other,
    one event at a time or in batches."""
    history = random_history(random.Random(11), 150)
    live = Worker(await make_kit("matching"))
    await live.handle(*history)
    told = {update.company_id: update for update in await updates(live.kit)}
    orders: list[Sequence[Event]] = [
        sorted(history, key=lambda event: event.topic),
        sorted(history, key=lambda event: event.topic, reverse=True),
    ]
    for number, order in enumerate(orders):
        kit = await make_kit(f"replay{number}", migrated=False)
        await migrate.upgrade(kit.db, "matching")
        again = Worker(kit)
        async with kit.db.transaction() as tx:
            await again.take(tx, *order)
        assert await lists_of(kit) == await lists_of(live.kit)
        last = {update.company_id: update for update in await updates(kit)}
        assert {name: update.offers for name, update in last.items() if update.offers} == {
            name: update.offers for name, update in told.items() if update.offers
        }


async def test_lists_equal_those_of_the_slow_reference(make_kit: MakeKit) -> None:
    history = random_history(random.Random(3), 150)
    worker = Worker(await make_kit("matching"))
    await worker.handle(*history)
    found = await lists_of(worker.kit)
    assert len(found) == 6
    assert found == await slow_lists_of(worker.kit)


async def test_a_rolled_back_batch_leaves_no_trace(make_kit: MakeKit) -> None:
    kit = await make_kit("matching")
    worker = Worker(kit)
    await worker.courses(course("c1"), course("c2"))
    await worker.company("k1")
    told = len(await updates(kit))
    await worker.roll_back(
        published(course("ghost"), version=1),
        withdrawn("c1"),
        published(course("c2", level="advanced"), version=2),
        assessment("ghost company"),
        assessment("k1", 2, facts=facts(region_code="26140")),
    )
    assert len(await updates(kit)) == told
    await worker.handle(assessment("k2"))
    assert set(await listed(kit, "k1")) == set(await listed(kit, "k2")) == {"c1", "c2"}
    assert worker.replica.engine.course("ghost") is None
    assert worker.replica.engine.companies.get("ghost company") is None
    await worker.courses(course("c3"))
    assert {update.company_id for update in (await updates(kit))[told:]} == {"k1", "k2"}


async def test_the_same_batch_succeeds_event_by_event_after_a_rollback(make_kit: MakeKit) -> None:
    kit = await make_kit("matching")
    worker, other = Worker(kit), Worker(kit)
    events = [published(course("c1")), assessment("k1"), published(course("c2")), withdrawn("c1")]
    await worker.roll_back(*events)
    await other.courses(course("c3"))
    await worker.handle(*events)
    assert set(await listed(kit, "k1")) == {"c2", "c3"}


async def test_handlers_of_one_batch_build_on_one_another(make_kit: MakeKit) -> None:
    kit = await make_kit("matching")
    worker = Worker(kit)
    async with kit.db.transaction() as tx:
        await worker.take(tx, published(course("c1")), assessment("k1"), published(course("c2")))
    assert set(await listed(kit, "k1")) == {"c1", "c2"}
    assert worker.replica.seen == 3


async def test_a_restarted_process_knows_what_the_last_one_knew(make_kit: MakeKit) -> None:
    kit = await make_kit("matching")
    worker = Worker(kit)
    await worker.courses(*(course(f"c{n}") for n in range(20)))
    await worker.company("k1")
    await worker.handle(withdrawn("c3"))
    fresh = Worker(kit)
    await fill(kit, fresh.replica)
    assert len(fresh.replica.engine) == 19
    told = len(await updates(kit))
    await fresh.courses(course("far away", mode="onsite", region_code="50110", level="intermediate"))
    assert len(await updates(kit)) == told
    await fresh.courses(course("better", hours=2, field="marketing"))
    assert "better" in await listed(kit, "k1")


async def test_an_assessment_without_facts_takes_none_away(make_kit: MakeKit) -> None:
    kit = await make_kit("matching")
    worker = Worker(kit)
    await worker.courses(course("c1"))
    await worker.company("k1")
    await worker.handle(assessment("k1", 2, level="intermediate", facts=None, business_number=None))
    shown = await answer(kit)
    assert (shown["level"], shown["business_number"]) == ("intermediate", "1168200276")
    fresh = Worker(kit)
    await fill(kit, fresh.replica)
    await fresh.courses(course("c2", level="intermediate"))
    assert "c2" in await listed(kit, "k1")


async def test_many_affected_lists_are_renewed_in_the_background(make_kit: MakeKit) -> None:
    kit = await make_kit("matching")
    worker = Worker(kit)
    count = renew.INLINE + 20
    async with kit.db.transaction() as tx:
        await service.learn_assessments(tx, worker.replica, [assessment(f"k{n:04d}") for n in range(count)])
    await worker.courses(course("c1"))
    assert len(await updates(kit)) == renew.INLINE
    assert worker.replica.more.is_set()
    assert [await renew_some(kit, worker.replica) for _ in range(2)] == [20, 0]
    assert len(await updates(kit)) == count
    assert await listed(kit, f"k{count - 1:04d}") == ["c1"]


async def test_other_weights_make_every_list_due(make_kit: MakeKit) -> None:
    kit = await make_kit("matching")
    worker = Worker(kit)
    await fill(kit, worker.replica)
    await worker.courses(course("c1"))
    await worker.company("k1")
    assert await renew_some(kit, worker.replica) == 0
    async with kit.db.transaction() as tx:
        await store.set_weights(tx.conn, "weights of another release", DAY - timedelta(days=1))
    await fill(kit, worker.replica)
    assert await renew_some(kit, worker.replica) == 1


async def test_after_a_rebuild_old_quotes_lead_to_new_prices(make_kit: MakeKit) -> None:
    """Subsidy has priced up to version 3; the rebuilt list begins at 1 and must be priced all the same."""
    kit = await make_kit("matching")
    worker = Worker(kit)
    await worker.courses(course("c1"))
    await worker.company("k1")
    (update,) = await updates(kit)
    await worker.handle(quote(update.model_copy(update={"version": 3})))
    assert [one.version for one in await updates(kit)] == [1, 4]
    assert (await answer(kit))["status"] == "pricing"
    await worker.handle(quote((await updates(kit))[-1]))
    assert (await answer(kit))["status"] == "priced"


async def test_a_quote_of_the_same_version_for_other_courses_is_of_another_life(make_kit: MakeKit) -> None:
    kit = await make_kit("matching")
    worker = Worker(kit)
    await worker.courses(course("c1"))
    await worker.company("k1")
    (update,) = await updates(kit)
    foreign = update.offers[0].model_copy(update={"course_id": "gone"})
    await worker.handle(quote(update.model_copy(update={"offers": (foreign,)})))
    assert [one.version for one in await updates(kit)] == [1, 2]


async def test_the_tables_are_those_of_the_migrations(make_kit: MakeKit) -> None:
    kit = await make_kit("matching")
    await migrate.check(kit.db, "matching")
    await migrate.downgrade(kit.db, "matching", "base")
    await migrate.upgrade(kit.db, "matching")
    async with kit.db.reading() as conn:
        assert await store.last_change(conn) == 0


async def test_a_day_passes_for_all_replicas(make_kit: MakeKit, clock: Clock) -> None:
    kit = await make_kit("matching")
    one, other = Worker(kit), Worker(kit)
    await one.courses(course("c1", sessions=(session(1, DAY),)), course("c2"))
    await one.company("k1")
    clock.now += timedelta(days=1)
    assert [await other.renew_due(), await one.renew_due()] == [1, 0]
    assert await listed(kit, "k1") == ["c2"]
    await one.courses(course("c1", sessions=(session(1, DAY),), title="still over"))
    assert await listed(kit, "k1") == ["c2"]


async def lists_of(kit: Kit) -> dict[str, list[str]]:
    async with kit.db.reading() as conn:
        rows = await conn.execute(select(store.recommendations).order_by(store.recommendations.c.company_id))
        return {row["company_id"]: [offer["course_id"] for offer in row["offers"]] for row in rows.mappings()}


async def slow_lists_of(kit: Kit) -> dict[str, list[str]]:
    """What the reference gives for the companies and courses that are stored."""
    async with kit.db.reading() as conn:
        courses = (await conn.scalars(select(store.courses.c.course).where(~store.courses.c.withdrawn))).all()
        companies = (
            (await conn.execute(select(store.companies).order_by(store.companies.c.company_id))).mappings().all()
        )
    catalogue = [Course.model_validate_json(text) for text in courses]
    lists = {}
    for row in companies:
        assessed = AssessmentCompletedV1.model_validate_json(row["assessment"])
        assert assessed.facts is not None
        lists[row["company_id"]] = slow_list(seeker(RULES, assessed.facts, assessed), catalogue)
    return lists


def random_history(pick: random.Random, length: int) -> list[Event]:
    """Courses come, change and go; companies come, move and are assessed. Versions of one key rise."""
    versions: dict[str, int] = {}
    history: list[Event] = []
    for _ in range(length):
        kind = pick.random()
        key = f"c{pick.randrange(40)}" if kind < 0.7 else f"k{pick.randrange(6)}"
        version = versions[key] = versions.get(key, 0) + 1
        if kind < 0.6:
            history.append(published(_random_course(pick, key), version))
        elif kind < 0.7:
            history.append(withdrawn(key, version))
        else:
            level = pick.choice(["beginner", "intermediate", "advanced"])
            where = facts(region_code=pick.choice(["11680", "26140", "41281"]))
            history.append(assessment(key, version, level=level, facts=where))
    return history


def _random_course(pick: random.Random, course_id: str) -> Course:
    return course(
        course_id,
        level=pick.choice(["beginner", "intermediate", "advanced"]),
        field=pick.choice(["office", "planning", "production"]),
        mode=pick.choice(["onsite", "remote"]),
        region_code=pick.choice(["11680", "26140", "41285"]),
        provider=pick.choice(["가", "나", "다", "라", "마", "바"]),
        hours=pick.choice([2, 6, 20]),
        ai=pick.random() < 0.9,
    )


def test_an_empty_replica_knows_nothing() -> None:
    assert (Replica(RULES, DAY).seen, len(Replica(RULES, DAY).engine)) == (0, 0)
