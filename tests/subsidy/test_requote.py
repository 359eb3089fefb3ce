"""Open recommendations follow the policy: at once in every process, once per change, and back again."""

import copy
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from libs.common import migrate, tables
from libs.common.kit import Kit
from libs.contracts.subsidy import PolicyActivatedV1
from services.subsidy import store
from services.subsidy.loading import FOLDER, documents, read
from services.subsidy.service import Desk, workbench
from services.subsidy.service.desk import Activation
from services.subsidy.service.requote import requote_some
from tests.conftest import Clock, MakeKit
from tests.matching.flow import Worker, answer, updates
from tests.matching.makers import course, session
from tests.subsidy.makers import handle, issued, offer, updated

TODAY = date(2026, 11, 23)


@pytest.fixture
async def kit(make_kit: MakeKit) -> Kit:
    return await make_kit("subsidy")


@pytest.fixture
def desk() -> Desk:
    return Desk(*read(FOLDER))


def cut(capital: str = "0.50", non_capital: str = "0.60", since: str = "2026-11-01") -> dict[str, Any]:
    document = copy.deepcopy(documents()["P10.support_rate"])
    value = {"capital": capital, "non_capital": non_capital}
    document["values"][since] = {"value": value, "reference": "plan:IV-②-p.7", "grade": "S"}
    return {"P10.support_rate": document}


async def activate(kit: Kit, desk: Desk, changes: dict[str, Any], on: date = TODAY) -> str:
    async with kit.db.transaction() as tx:
        version = await workbench.propose(tx, desk, "author", "cut", None, changes, "시험")
        await workbench.approve(tx, version, "second", [])
        await workbench.activate(tx, desk, version, "second", on, False, None)
    return version


async def roll_back(kit: Kit, desk: Desk, to: str | None = None) -> None:
    async with kit.db.transaction() as tx:
        await workbench.roll_back(tx, desk, to, "second", TODAY, False, "되돌림")


async def requote(kit: Kit, desk: Desk, most: int = 500) -> int:
    seen = 0
    while True:
        async with kit.db.transaction() as tx:
            some = await requote_some(tx, desk, most)
        if not some:
            return seen
        seen += some


async def status(kit: Kit) -> list[tuple[int, str, int, int, int]]:
    async with kit.db.reading() as conn:
        rows = await store.requotes.all_requotes(conn)
        return [tuple(row[name] for name in ("activation", "status", "total", "done", "changed")) for row in rows]


async def test_the_process_that_did_not_activate_prices_by_the_new_policy_at_once(kit: Kit, desk: Desk) -> None:
    other = Desk(*read(FOLDER))
    await handle(kit, other, updated("k1"))
    version = await activate(kit, desk, cut())
    await handle(kit, other, updated("k2"))
    first, second = await issued(kit)
    assert (first.policy_version, first.prices[0].support) == (desk.policy.version, 334_400)
    assert (second.policy_version, second.prices[0].support) == (version, 211_200)
    await roll_back(kit, desk)
    await handle(kit, other, updated("k3"))
    assert (await issued(kit))[2].prices[0].support == 334_400


async def test_a_requote_that_is_interrupted_goes_on_and_tells_each_price_once(kit: Kit, desk: Desk) -> None:
    await handle(kit, desk, *(updated(f"k{number}") for number in range(7)))
    await activate(kit, desk, cut())
    async with kit.db.transaction() as tx:
        assert await requote_some(tx, desk, 3) == 3

    async def breaks_off() -> None:
        async with kit.db.transaction() as tx:
            await requote_some(tx, desk, 3)
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await breaks_off()
    assert await status(kit) == [(1, "running", 7, 3, 3)]
    again = Desk(*read(FOLDER))
    assert await requote(kit, again, 3) == 4
    assert await status(kit) == [(1, "done", 7, 7, 7)]
    told = [event.company_id for event in (await issued(kit))[7:]]
    assert sorted(told) == [f"k{number}" for number in range(7)]
    assert await requote(kit, again) == 0
    assert len(await issued(kit)) == 14


async def test_only_lists_that_the_change_touches_are_told_again(kit: Kit, desk: Desk) -> None:
    beginner = offer("b", programme="P9", mode="remote", level="beginner", fee=100_000, hours=10, unit_price=5_000)
    await handle(kit, desk, updated("k1", offers=[beginner]), updated("k2", offers=[beginner, offer()]))
    version = await activate(kit, desk, cut())
    assert await requote(kit, desk) == 2
    (event,) = (await issued(kit))[2:]
    assert (event.company_id, event.policy_version) == ("k2", version)
    assert {price.course_id for price in event.prices} == {"a", "b"}, "the list stays whole"
    assert await status(kit) == [(1, "done", 2, 2, 1)]
    await activate(kit, desk, {"card.account": None})
    await requote(kit, desk)
    assert len(await issued(kit)) == 3, "no rule reads it"


async def test_a_list_priced_by_the_older_policy_during_the_activation_is_found(kit: Kit, desk: Desk) -> None:
    behind = Desk(*read(FOLDER))
    await activate(kit, desk, cut())
    await requote(kit, desk)
    assert await status(kit) == [(1, "done", 0, 0, 0)]
    async with kit.db.transaction() as tx:
        row = {"company_id": "k1", "version": 1, "policy_version": behind.policy.version}
        await store.write(tx.conn, [], [{**row, "applied_on": TODAY, "activation": 0, "company": None}])
    assert await requote(kit, desk) == 1
    assert await status(kit) == [(1, "done", 1, 1, 0)]


async def test_a_later_activation_takes_over_what_an_earlier_one_left(kit: Kit, desk: Desk) -> None:
    await handle(kit, desk, *(updated(f"k{number}") for number in range(4)))
    await activate(kit, desk, cut())
    async with kit.db.transaction() as tx:
        await requote_some(tx, desk, 2)
    await roll_back(kit, desk)
    await requote(kit, desk)
    assert await status(kit) == [(2, "done", 4, 4, 2), (1, "replaced", 4, 2, 2)]
    events = await issued(kit)
    assert [event.prices[0].support for event in events] == [334_400] * 4 + [211_200] * 2 + [334_400] * 2


async def test_other_thresholds_change_the_size_class_of_open_lists(kit: Kit, desk: Desk) -> None:
    await handle(kit, desk, updated("k1", size_class=None, headcount=450), updated("k2", headcount=450))
    document = copy.deepcopy(documents()["common.priority_threshold"])
    document["values"]["2026-11-01"] = {
        "value": {"manufacturing": 400, "three_hundred": 300, "two_hundred": 200, "others": 100},
        "reference": "고용보험법 시행령 제12조 별표 1",
        "grade": "B",
    }
    await activate(kit, desk, {"common.priority_threshold": document})
    await requote(kit, desk)
    (event,) = (await issued(kit))[2:]
    assert (event.company_id, event.prices[0].rule_ids) == ("k1", ("employer",))


async def test_an_activation_is_announced_with_the_parameters_whose_values_differ(kit: Kit, desk: Desk) -> None:
    version = await activate(kit, desk, cut())
    await roll_back(kit, desk, desk.policy.version)
    wanted = select(tables.outbox.c.value).where(tables.outbox.c.type == PolicyActivatedV1.wire_type)
    async with kit.db.reading() as conn:
        rows = (await conn.execute(wanted.order_by(tables.outbox.c.seq))).scalars().all()
    events = [PolicyActivatedV1.model_validate_json(row) for row in rows]
    assert [event.policy_version for event in events] == [version, desk.policy.version]
    assert [event.parameters for event in events] == [("P10.support_rate",)] * 2


async def test_activations_cannot_be_rewritten(kit: Kit, desk: Desk) -> None:
    await activate(kit, desk, cut())
    table = store.editions.activations

    async def execute(statement: Any) -> None:
        async with kit.db.transaction() as tx:
            await tx.conn.execute(statement)

    for statement in (table.update().values(effective_on=date(2026, 1, 1)), table.delete()):
        with pytest.raises(DBAPIError, match="append-only"):
            await execute(statement)
    async with kit.db.reading() as conn:
        assert await conn.scalar(select(func.count()).select_from(table)) == 1


def test_by_what_was_known_an_activation_does_not_reach_back(desk: Desk) -> None:
    at = datetime(2026, 11, 23, 1, tzinfo=UTC)
    desk.timeline = (Activation(1, desk.policy.version, TODAY, at),)
    assert desk.in_force(TODAY, at) is not None
    assert desk.in_force(TODAY, datetime(2026, 11, 22, tzinfo=UTC)) is None
    assert desk.in_force(date(2026, 11, 22)) is None


rates = st.integers(0, 100).map(lambda percent: f"{percent / 100:.2f}")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(capital=rates, non_capital=rates, region=st.sampled_from(["48123", "11680", "28710"]), number=st.uuids())
async def test_a_rollback_restores_the_same_won(
    kit: Kit, desk: Desk, capital: str, non_capital: str, region: str, number: Any
) -> None:
    company = f"k{number}"
    await handle(kit, desk, updated(company, region_code=region))
    await activate(kit, desk, cut(capital, non_capital, since="2026-11-02"))
    await requote(kit, desk)
    await roll_back(kit, desk, desk.policy.version)
    await requote(kit, desk)
    events = [event for event in await issued(kit) if event.company_id == company]
    assert events[-1].prices == events[0].prices
    assert all(price.cost == (price.support or 0) + (price.self_pay or 0) for e in events for price in e.prices)


@pytest.mark.postgres
async def test_activation_and_requote_on_postgresql(make_kit: MakeKit, postgres: str, clock: Clock) -> None:
    kit = await make_kit("subsidy", database_url=postgres)
    desk, other = Desk(*read(FOLDER)), Desk(*read(FOLDER))
    await handle(kit, other, *(updated(f"k{number}") for number in range(30)))
    version = await activate(kit, desk, cut())
    async with kit.db.transaction() as first:
        assert await requote_some(first, desk, 10) == 10
        async with kit.db.transaction() as second:
            assert await requote_some(second, other, 10) == 0, "one worker at a time"
    await handle(kit, other, updated("k5", version=2))
    assert await requote(kit, other, 7) == 19, "k5 has a newer list that was priced by the new policy"
    events = await issued(kit)
    assert len(events) == 30 + 10 + 1 + 19
    assert {event.policy_version for event in events[30:]} == {version}
    assert await status(kit) == [(1, "done", 29, 29, 29)]
    await migrate.check(kit.db, "subsidy")


async def test_the_list_that_a_company_sees_follows_the_policy_and_comes_back(
    make_kit: MakeKit, kit: Kit, desk: Desk
) -> None:
    matching = Worker(await make_kit("matching"))
    await matching.courses(course("c1", level="intermediate", sessions=(session(1, TODAY, 800_000),)))
    await matching.company("k1", level="intermediate")

    async def seen() -> dict[str, Any]:
        await matching.handle((await issued(kit))[-1])
        shown: dict[str, Any] = (await answer(matching.kit))["courses"][0]["price"]
        return shown

    await handle(kit, desk, *await updates(matching.kit))
    before = await seen()
    await activate(kit, desk, cut("0.10", "0.20"))
    await requote(kit, desk)
    cheaper = await seen()
    assert before["status"] == cheaper["status"] == "quoted"
    assert cheaper["self_pay"] > before["self_pay"]
    await roll_back(kit, desk)
    await requote(kit, desk)
    assert await seen() == before
    assert len(await updates(matching.kit)) == 1, "the list itself stays as it is"
