"""From events to lists: what is published, when, and what is not."""

from datetime import timedelta

import pytest

from libs.contracts import Event
from libs.contracts.subsidy import QuoteIssuedV1
from services.matching import store
from tests.conftest import Clock, MakeKit
from tests.matching.flow import Worker, answer, listed, published, quote, updates, withdrawn
from tests.matching.makers import AT, DAY, assessment, course, facts, session


@pytest.fixture
async def worker(make_kit: MakeKit) -> Worker:
    return Worker(await make_kit("matching"))


async def test_a_company_is_given_its_list_once_its_level_and_facts_are_known(worker: Worker) -> None:
    await worker.courses(course("c1"), course("c2", level="intermediate"))
    await worker.handle(assessment(facts=None))
    assert await updates(worker.kit) == []
    await worker.handle(assessment(version=2))
    (update,) = await updates(worker.kit)
    assert (update.version, update.level) == (1, "beginner")
    assert [offer.course_id for offer in update.offers] == ["c1", "c2"]
    assert update.company.headcount == 40


async def test_the_event_carries_what_a_price_depends_on(worker: Worker) -> None:
    await worker.courses(
        course(
            "c1", mode="onsite", region_code="26140", hours=16, unit_price=9_000, sessions=(session(3, DAY, 432_000),)
        )
    )
    await worker.company()
    offer = (await updates(worker.kit))[0].offers[0]
    facts = (offer.fee, offer.hours, offer.unit_price, offer.institution_region, offer.programme, offer.session_no)
    assert facts == (432_000, 16, 9_000, "26140", "P10", 3)
    assert 0 <= offer.score <= 100
    assert offer.reasons == (), "events tell no words"
    assert 2 <= len((await answer(worker.kit))["courses"][0]["reasons"]) <= 4


async def test_a_new_course_updates_only_the_lists_that_it_enters(worker: Worker) -> None:
    await worker.courses(*(course(f"c{n}") for n in range(12)))
    await worker.company("k1")
    await worker.company("k2", level="advanced")
    before = len(await updates(worker.kit))
    await worker.courses(course("new", level="advanced"))
    assert [update.company_id for update in (await updates(worker.kit))[before:]] == ["k2"]
    assert await listed(worker.kit, "k2") == ["new"]


async def test_a_withdrawn_course_leaves_every_list(worker: Worker) -> None:
    await worker.courses(course("c1"), course("c2"))
    await worker.company()
    await worker.handle(withdrawn("c1"))
    assert await listed(worker.kit) == ["c2"]
    await worker.handle(withdrawn("c2"))
    assert (await answer(worker.kit))["status"] == "empty"
    assert [len(update.offers) for update in await updates(worker.kit)] == [2, 1, 0]


async def test_a_company_without_any_course_has_an_empty_list_and_no_event(worker: Worker) -> None:
    await worker.company()
    assert await updates(worker.kit) == []
    assert (await answer(worker.kit))["courses"] == []
    await worker.courses(course("c1"))
    assert [update.version for update in await updates(worker.kit)] == [1]


@pytest.mark.parametrize(
    "again",
    [
        published(course("c1"), version=2),
        published(course("c1", title="another title"), version=2),
        published(course("c1", sessions=(*course("c1").sessions, session(2, DAY + timedelta(days=90)))), version=2),
        assessment(version=2),
        assessment(version=2, confidence=90),
    ],
)
async def test_what_changes_no_list_is_not_told(worker: Worker, again: Event) -> None:
    await worker.courses(course("c1"))
    await worker.company()
    await worker.handle(again)
    assert [update.version for update in await updates(worker.kit)] == [1]


async def test_a_new_title_is_shown_without_a_new_list(worker: Worker) -> None:
    await worker.courses(course("c1"))
    await worker.company()
    await worker.handle(quote((await updates(worker.kit))[0]), published(course("c1", title="new title"), version=2))
    shown = await answer(worker.kit)
    assert (shown["version"], shown["status"], shown["courses"][0]["title"]) == (1, "priced", "new title")


@pytest.mark.parametrize(
    "again",
    [
        published(course("c1", sessions=(session(1, DAY + timedelta(days=8), 90_000),)), version=2),
        published(course("c1", unit_price=6_000), version=2),
        published(course("c1", sessions=(session(2, DAY + timedelta(days=8)),)), version=2),
        assessment(version=2, facts=facts(headcount=41)),
        assessment(version=2, facts=facts(region_code="26140")),
        assessment(version=2, level="intermediate"),
    ],
)
async def test_another_price_fact_or_session_is_another_list(worker: Worker, again: Event) -> None:
    await worker.courses(course("c1"))
    await worker.company()
    await worker.handle(quote((await updates(worker.kit))[0]), again)
    assert [update.version for update in await updates(worker.kit)] == [1, 2]
    assert (await answer(worker.kit))["status"] == "pricing"


async def test_news_that_is_older_than_what_is_known_is_ignored(worker: Worker) -> None:
    await worker.handle(
        published(course("c1", title="newest"), version=3), assessment(version=3, facts=facts(headcount=50))
    )
    told = len(await updates(worker.kit))
    await worker.handle(
        published(course("c1", title="old", unit_price=1), version=2),
        withdrawn("c1", version=3),
        assessment(version=2, level="advanced", facts=facts(headcount=1)),
        assessment(version=3, level="advanced"),
    )
    assert len(await updates(worker.kit)) == told
    shown = await answer(worker.kit)
    assert (shown["level"], shown["courses"][0]["title"]) == ("beginner", "newest")


async def test_news_of_a_withdrawn_course_that_is_older_does_not_bring_it_back(worker: Worker) -> None:
    await worker.company()
    await worker.handle(withdrawn("c1", version=4), published(course("c1"), version=3))
    assert await listed(worker.kit) == []
    await worker.handle(published(course("c1"), version=5))
    assert await listed(worker.kit) == ["c1"]


async def test_prices_join_the_list_they_are_for(worker: Worker) -> None:
    await worker.courses(course("c1"), course("c2", hours=50))
    await worker.company()
    (update,) = await updates(worker.kit)
    assert (await answer(worker.kit))["courses"][0]["price"] == {"status": "pricing"}
    await worker.handle(quote(update))
    shown = await answer(worker.kit)
    assert (shown["status"], shown["priced_on"], shown["policy_version"]) == ("priced", "2026-11-23", "2026-11")
    price = shown["courses"][0]["price"]
    assert (price["status"], price["cost"], price["support"], price["self_pay"]) == ("quoted", 100_000, 90_000, 10_000)
    assert (price["quote_id"], price["rule_ids"], price["citations"]) == ("q-c1", ["M5"], ["plan:IV-②-p.7"])
    assert len(await updates(worker.kit)) == 1


async def test_prices_of_an_older_list_are_ignored(worker: Worker) -> None:
    await worker.courses(course("c1"))
    await worker.company()
    await worker.courses(course("c2"))
    first, second = await updates(worker.kit)
    await worker.handle(quote(second, self_pay=2), quote(first, self_pay=1))
    assert [one["price"]["self_pay"] for one in (await answer(worker.kit))["courses"]] == [2, 2]


async def test_a_quote_whose_list_moved_on_meanwhile_replaces_nothing(worker: Worker) -> None:
    await worker.courses(course("c1"))
    await worker.company()
    await worker.courses(course("c2"))
    await worker.handle(quote((await updates(worker.kit))[1]))
    async with worker.kit.db.transaction() as tx:
        await store.join_quotes(tx.conn, [{"company_id": "k1", "version": 1, "quote_version": 1, "quote": {}}])
    assert (await answer(worker.kit))["status"] == "priced"


async def test_the_later_of_two_quotes_of_one_list_stays(worker: Worker) -> None:
    await worker.courses(course("c1"))
    await worker.company()
    (update,) = await updates(worker.kit)
    await worker.handle(quote(update, 2, AT + timedelta(hours=1)), quote(update, 1, AT))
    assert (await answer(worker.kit))["courses"][0]["price"]["self_pay"] == 2


async def test_a_quote_for_nobody_known_waits_for_nobody(worker: Worker) -> None:
    stray = QuoteIssuedV1(
        company_id="k1", recommendation_version=7, policy_version="v", applied_on=DAY, prices=(), issued_at=AT
    )
    await worker.courses(course("c1"))
    await worker.handle(stray)
    await worker.company()
    (update,) = await updates(worker.kit)
    assert update.version == 8


async def test_a_session_that_has_begun_is_replaced_on_the_next_day(worker: Worker, clock: Clock) -> None:
    soon, later = session(1, DAY, 1), session(2, DAY + timedelta(days=40), 2)
    await worker.courses(course("c1", sessions=(later, soon)), course("c2", sessions=(soon,)))
    await worker.company()
    assert [offer.session_no for offer in (await updates(worker.kit))[0].offers] == [1, 1]
    assert await worker.renew_due() == 0
    clock.now += timedelta(days=1)
    assert await worker.renew_due() == 1
    assert [(offer.course_id, offer.session_no) for offer in (await updates(worker.kit))[1].offers] == [("c1", 2)]
    assert await worker.renew_due() == 0


async def test_a_day_that_changes_no_list_is_not_told(worker: Worker, clock: Clock) -> None:
    await worker.courses(course("c1"))
    await worker.company()
    clock.now += timedelta(days=1)
    assert await worker.renew_due() == 1
    assert len(await updates(worker.kit)) == 1


async def test_the_korean_day_counts(worker: Worker, clock: Clock) -> None:
    """15:00 UTC is midnight in Korea."""
    await worker.courses(course("c1", sessions=(session(1, DAY),)))
    clock.now = AT.replace(hour=14, minute=59)
    await worker.company("k1")
    assert await listed(worker.kit, "k1") == ["c1"]
    clock.now = AT.replace(hour=15)
    await worker.company("k2")
    assert await listed(worker.kit, "k2") == []


async def test_newer_prices_of_the_same_list_replace_the_older_ones(worker: Worker) -> None:
    await worker.courses(course("c1"))
    await worker.company()
    (update,) = await updates(worker.kit)
    await worker.handle(quote(update, self_pay=10_000))
    again = quote(update, self_pay=40_000, at=AT + timedelta(days=1))
    await worker.handle(again.model_copy(update={"policy_version": "2026-12"}))
    shown = await answer(worker.kit)
    assert shown["courses"][0]["price"]["self_pay"] == 40_000
    await worker.handle(quote(update, self_pay=10_000))
    assert (await answer(worker.kit)) == shown, "an older price that comes late changes nothing"
    assert len(await updates(worker.kit)) == 1
