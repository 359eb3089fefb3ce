"""The same use cases on a real PostgreSQL."""

import asyncio

import orjson
import pytest

from libs.common import migrate
from services.subsidy import service, store
from services.subsidy.domain import Facts, price
from services.subsidy.loading import FOLDER, read
from services.subsidy.service import Desk
from services.subsidy.store import ledger
from tests.conftest import MakeKit
from tests.subsidy.makers import handle, issued, offer, updated

pytestmark = pytest.mark.postgres


async def test_lists_are_priced_once_and_receipts_given_again_on_postgresql(make_kit: MakeKit, postgres: str) -> None:
    kit = await make_kit("subsidy", database_url=postgres)
    desk = Desk(*read(FOLDER))
    offers = [offer(), offer("b", session_no=None, fee=None)]

    await handle(kit, desk, *(updated(f"k{number}", offers=offers) for number in range(150)))
    await handle(kit, desk, updated("k1", version=2, offers=offers), updated("k2", version=1))
    await handle(kit, desk, updated("k1", version=1), updated("k3", version=5))

    events = await issued(kit)
    assert [(event.company_id, event.recommendation_version) for event in events[150:]] == [("k1", 2), ("k3", 5)]
    facts = Facts(10, 99_999, 9_000, 3, "C0041T", "onsite", "beginner", False, "priority", "stated", None, None)
    for _ in range(2):
        async with kit.db.transaction() as tx:
            quote = price(facts, desk.policy.at(events[0].applied_on))
            answered = orjson.loads(await service.answer(tx, desk, quote))
    async with kit.db.reading() as conn:
        for quote_id in (events[0].prices[0].quote_id, events[0].prices[1].quote_id, answered["quote_id"]):
            row = await store.quote(conn, quote_id)
            assert row is not None
            found = orjson.loads(await service.receipt(conn, Desk(*read(FOLDER)), row))
            assert (found["outcome"], found["support"]) == (row["outcome"], row["support"])
        counts = await store.counts(conn)
    assert counts == {"quotes": 304, "quoted": 153, "unpriced": 151, "companies_priced": 150}
    await migrate.check(kit.db, "subsidy")


async def test_who_waited_for_a_programmes_quotas_sees_one_that_was_made_meanwhile(
    make_kit: MakeKit, postgres: str
) -> None:
    kit = await make_kit("subsidy", database_url=postgres)
    pool = ("P10", "P9")

    def quota(programme: str, measure: str) -> dict[str, object]:
        return {"quota_id": f"{programme}:2026:{measure}", "programme": programme, "year": 2026, "measure": measure}

    async def second() -> dict[tuple[str, str], str]:
        async with kit.db.transaction() as tx:
            return await ledger.lock_quotas(tx.conn, pool, 2026)

    async with kit.db.transaction() as tx:
        assert await ledger.add_quota(tx.conn, quota("P10", "people"))
    async with kit.db.transaction() as tx:
        await ledger.lock_quotas(tx.conn, pool, 2026)
        waiting = asyncio.create_task(second())
        await asyncio.sleep(0.5)
        assert not waiting.done()
        assert await ledger.add_quota(tx.conn, quota("P9", "won"))
        assert not await ledger.add_quota(tx.conn, quota("P9", "won"))
    assert set(await waiting) == {("P10", "people"), ("P9", "won")}
