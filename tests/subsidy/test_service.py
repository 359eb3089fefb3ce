"""Subsidy on its database: lists are priced once, announced, and can be worked out again for ever."""

from datetime import UTC, date, datetime
from typing import Any

import orjson
import pytest
from sqlalchemy import func, select

from libs.common import migrate
from libs.common.kit import Kit
from services.subsidy import service, store
from services.subsidy.app import create_app
from services.subsidy.domain import NoPolicyYet, PolicyInvalid
from services.subsidy.loading import FOLDER, read
from services.subsidy.service import Desk
from tests.conftest import Clock, MakeKit, drain
from tests.subsidy.makers import another, handle, issued, offer, updated


@pytest.fixture
async def kit(make_kit: MakeKit) -> Kit:
    return await make_kit("subsidy")


@pytest.fixture
def desk() -> Desk:
    return Desk(*read(FOLDER))


async def receipt(kit: Kit, desk: Desk, quote_id: str) -> Any:
    async with kit.db.reading() as conn:
        row = await store.quote(conn, quote_id)
        assert row is not None
        return orjson.loads(await service.receipt(conn, desk, row))


async def stored(kit: Kit) -> int:
    async with kit.db.reading() as conn:
        return await conn.scalar(select(func.count()).select_from(store.quotes)) or 0


async def test_the_tables_are_what_the_migrations_make(kit: Kit) -> None:
    await migrate.check(kit.db, "subsidy")
    assert await migrate.at_head(kit.db, "subsidy")


async def test_a_list_is_priced_for_one_person_on_the_korean_day(make_kit: MakeKit, desk: Desk, clock: Clock) -> None:
    kit = await make_kit("subsidy")
    clock.now = datetime(2026, 2, 28, 15, 30, tzinfo=UTC)
    beginner = offer("b", programme="P9", mode="remote", level="beginner", fee=100_000, hours=10, unit_price=5_000)
    await handle(kit, desk, updated(offers=[offer(), beginner]))
    (event,) = await issued(kit)
    assert (event.company_id, event.recommendation_version) == ("k1", 1)
    assert event.applied_on == date(2026, 3, 1), "it is March in Korea already"
    assert event.policy_version == desk.policy.version
    medium, first = event.prices
    assert (medium.course_id, medium.outcome, medium.cost) == ("a", "quoted", 800_000)
    assert (medium.support, medium.self_pay) == (334_400, 465_600), "352,000 × 95 %"
    assert (medium.rule_ids, first.rule_ids) == (("M5",), ("M3", "M4"))
    assert (first.cost, first.support, first.self_pay) == (100_000, 100_000, 0)
    assert "plan:IV-②-p.7" in medium.citations


async def test_half_an_hour_earlier_the_self_pay_was_ten_percent(kit: Kit, desk: Desk, clock: Clock) -> None:
    clock.now = datetime(2026, 2, 28, 14, 59, tzinfo=UTC)
    beginner = offer("b", programme="P9", mode="remote", level="beginner", fee=100_000, hours=10, unit_price=5_000)
    await handle(kit, desk, updated(offers=[beginner]))
    ((price,),) = [event.prices for event in await issued(kit)]
    assert (price.support, price.self_pay) == (90_000, 10_000)


async def test_every_offer_has_its_price_whatever_is_missing(kit: Kit, desk: Desk) -> None:
    offers = [
        offer("no-unit-price", unit_price=None),
        offer("no-fee", fee=None),
        offer("no-hours", hours=None),
        offer("other", programme="P15"),
        offer("strange", programme="X-1"),
        offer("free", programme="KMOOC", fee=None, hours=None, unit_price=None),
    ]
    await handle(kit, desk, updated(offers=offers))
    (event,) = await issued(kit)
    found = {price.course_id: price for price in event.prices}
    assert {name for name, price in found.items() if price.outcome == "unpriced"} == set(found) - {"free"}
    assert (found["free"].outcome, found["free"].cost, found["free"].self_pay) == ("quoted", 0, 0)
    codes = {name: {reason.code for reason in price.reasons} for name, price in found.items()}
    assert "unit-price-unset" in codes["no-unit-price"]
    assert "fee-unset" in codes["no-fee"]
    assert "hours-unset" in codes["no-hours"]
    assert codes["strange"] == {"programme-unknown"}
    for price in event.prices:
        assert (price.cost is None) == (price.outcome != "quoted")
        assert all(reason.ko and reason.en for reason in price.reasons)
        assert price.reasons or price.outcome == "quoted"


async def test_a_company_of_unknown_size_or_place_is_told_what_is_not_known(kit: Kit, desk: Desk) -> None:
    nothing: dict[str, Any] = {"size_class": None, "headcount": None, "ksic_code": None, "ksic_version": None}
    await handle(kit, desk, updated("unknown", **nothing), updated("nowhere", region_code="99999"))
    found = {event.company_id: event.prices[0] for event in await issued(kit)}
    assert found["unknown"].outcome == "unpriced"
    assert "size-class-unknown" in {reason.code for reason in found["unknown"].reasons}
    assert found["nowhere"].outcome == "unpriced"
    assert "region-unknown" in {reason.code for reason in found["nowhere"].reasons}


async def test_a_company_in_a_renumbered_place_keeps_its_tier(kit: Kit, desk: Desk) -> None:
    await handle(kit, desk, updated("old", region_code="46110"), updated("split", region_code="28110"))
    found = {event.company_id: event.prices[0] for event in await issued(kit)}
    assert found["old"].support == 334_400, "목포, 95 % under its old code too"
    assert found["split"].support == 316_800, "both successors of 인천 중구 are 수도권: 90 %"


async def test_a_list_not_newer_than_the_last_one_has_no_effect(kit: Kit, desk: Desk) -> None:
    await handle(kit, desk, updated(version=2))
    await handle(kit, desk, updated(version=2), updated(version=1, offers=[offer("z")]))
    assert len(await issued(kit)) == 1
    assert await stored(kit) == 1


async def test_in_one_run_the_newest_list_of_each_company_is_priced(kit: Kit, desk: Desk) -> None:
    await handle(kit, desk, updated(version=3), updated(version=2), updated("k2"), updated(version=1))
    found = {event.company_id: event.recommendation_version for event in await issued(kit)}
    assert found == {"k1": 3, "k2": 1}


async def test_a_newer_list_gets_new_quotes_and_the_old_ones_stay(kit: Kit, desk: Desk) -> None:
    await handle(kit, desk, updated(version=1))
    await handle(kit, desk, updated(version=2))
    first, second = [event.prices[0].quote_id for event in await issued(kit)]
    assert first != second
    assert (await receipt(kit, desk, first))["list_version"] == 1
    assert (await receipt(kit, desk, second))["list_version"] == 2


async def test_a_course_that_stands_twice_in_a_list_is_priced_once(kit: Kit, desk: Desk) -> None:
    await handle(kit, desk, updated(offers=[offer(), offer(rank=2), offer(session_no=None), offer(session_no=2)]))
    (event,) = await issued(kit)
    assert len(event.prices) == 3
    assert await stored(kit) == 3


async def test_the_same_list_on_the_same_day_has_the_same_quote_ids(make_kit: MakeKit, kit: Kit, desk: Desk) -> None:
    other = await make_kit("subsidy", database_url=kit.db.url.replace("subsidy.db", "subsidy-2.db"))
    for each in (kit, other):
        await handle(each, desk, updated(offers=[offer(), offer("b")]))
    first, second = [[price.quote_id for price in (await issued(each))[0].prices] for each in (kit, other)]
    assert first == second
    assert len(set(first)) == 2


async def test_a_stored_quote_gives_the_same_won_after_the_policy_has_changed(kit: Kit, desk: Desk) -> None:
    await handle(kit, desk, updated())
    quote_id = (await issued(kit))[0].prices[0].quote_id
    before = await receipt(kit, desk, quote_id)

    def lower(documents: dict[str, Any]) -> None:
        for dated in documents["P10.support_rate"]["values"].values():
            dated["value"] = {"capital": "0.10", "non_capital": "0.10"}
        del documents["common.sme"]["values"]["2025-01-01"]["note"]

    later = another(lower)
    assert later.policy.version != desk.policy.version
    assert await receipt(kit, later, quote_id) == before
    await handle(kit, later, updated("k2"))
    changed = (await issued(kit))[1].prices[0]
    assert (before["support"], changed.support) == (334_400, 35_200)
    assert (await receipt(kit, later, changed.quote_id))["policy_version"] == later.policy.version


async def test_a_receipt_adds_up_and_cites_every_value_of_the_policy(kit: Kit, desk: Desk) -> None:
    await handle(kit, desk, updated())
    price = (await issued(kit))[0].prices[0]
    found = await receipt(kit, desk, price.quote_id)
    assert (found["company_id"], found["course_id"], found["session_no"]) == ("k1", "a", 1)
    assert found["cost"] == found["support"] + found["self_pay"] == price.cost
    assert all(step["citation"] and step["effective_on"] for step in found["steps"] if step["source"] == "policy")
    assert {step["parameter"] for step in found["steps"] if step["source"] == "policy"} >= {
        "P10.support_rate",
        "P10.rate_place",
        "common.rounding_unit",
    }


async def test_a_day_before_any_policy_is_an_error_and_nothing_is_stored(kit: Kit, desk: Desk, clock: Clock) -> None:
    clock.now = datetime(2024, 12, 31, 14, 0, tzinfo=UTC)
    with pytest.raises(NoPolicyYet):
        await handle(kit, desk, updated())
    assert (await issued(kit), await stored(kit)) == ([], 0)


async def test_an_edition_is_stored_once_however_often_it_prices(kit: Kit, desk: Desk) -> None:
    await handle(kit, desk, updated(version=1))
    await handle(kit, desk, updated(version=2))
    await handle(kit, Desk(*read(FOLDER)), updated(version=3))
    async with kit.db.reading() as conn:
        assert await conn.scalar(select(func.count()).select_from(store.policies)) == 1


async def test_an_edition_whose_first_use_failed_is_stored_by_the_next(kit: Kit, desk: Desk) -> None:
    async def fail() -> None:
        async with kit.db.transaction() as tx:
            await service.price_lists(tx, desk, [updated()])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    await handle(kit, desk, updated())
    async with kit.db.reading() as conn:
        assert await store.policy(conn, desk.policy.version) is not None


async def test_a_run_of_500_lists_is_priced_in_one_transaction(kit: Kit, desk: Desk) -> None:
    offers = [offer(f"c{number}", fee=100_000 + number) for number in range(10)]
    await handle(kit, desk, *(updated(f"k{number}", offers=offers) for number in range(500)))
    events = await issued(kit)
    assert len({event.company_id for event in events}) == 500
    assert await stored(kit) == 5000


async def test_an_empty_run_writes_nothing(kit: Kit, desk: Desk) -> None:
    await handle(kit, desk)
    async with kit.db.reading() as conn:
        assert await store.counts(conn) == {"quotes": 0, "companies_priced": 0}


async def test_a_list_on_the_bus_is_priced_once(kit: Kit) -> None:
    create_app(kit)
    async with kit.db.transaction() as tx:
        tx.emit(updated())
        tx.emit(updated(version=2))
    await drain(kit)
    await drain(kit)
    assert [event.recommendation_version for event in await issued(kit)][-1] == 2
    async with kit.db.reading() as conn:
        assert await store.priced(conn, ["k1"]) == ({"k1": 2}, 0)


def test_a_service_whose_policy_cannot_be_read_does_not_start() -> None:
    def spoil(documents: dict[str, Any]) -> None:
        documents["P10.support_rate"]["values"]["2026-01-01"]["value"] = 0.95

    with pytest.raises(PolicyInvalid):
        another(spoil)
