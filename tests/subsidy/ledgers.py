"""Reservations for the tests of the ledger: quotes to reserve, and what the ledger says."""

from typing import Any

import httpx
from sqlalchemy import func, select

from libs.common.kit import Kit
from services.subsidy.loading import register
from services.subsidy.store import ledger as store
from tests.subsidy.makers import question

YEAR = 2026
_numbers = iter(range(1, 10**9))


def key() -> dict[str, str]:
    return {"Idempotency-Key": f"k{next(_numbers)}"}


async def quoted(client: httpx.AsyncClient, people: int = 1, programme: str = "P10") -> dict[str, Any]:
    """A stored quote of P10: 334,400 won of support per person."""
    answer = await client.post("/v1/quotes", json=question(people=people, course={"programme": programme}))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def granted(client: httpx.AsyncClient, measure: str, amount: int, programme: str = "P10") -> httpx.Response:
    body = {"granted": amount, "reason": "2026년 배정"}
    return await client.put(f"/v1/quotas/{programme}/{YEAR}/{measure}", json=body, headers=key())


async def reserved(client: httpx.AsyncClient, quote_id: str, company: str = "c1", **more: Any) -> httpx.Response:
    body = {"quote_id": quote_id, "company_id": company} | more
    return await client.post("/v1/reservations", json={k: v for k, v in body.items() if v is not None}, headers=key())


async def stepped(client: httpx.AsyncClient, reservation: dict[str, Any], step: str, **body: Any) -> httpx.Response:
    return await client.post(f"/v1/reservations/{reservation['reservation_id']}/{step}", json=body, headers=key())


async def left(client: httpx.AsyncClient) -> dict[str, int]:
    return {quota["measure"]: quota["left"] for quota in (await client.get("/v1/quotas")).json()}


async def holds(kit: Kit) -> None:
    """The balance is the sum of the ledger and of what all reservations hold, and never more than the grant; what each
    reservation holds is the sum of its own lines."""
    async with kit.db.reading() as conn:
        sums = {
            row.quota_id: (row.granted, row.taken)
            for row in await conn.execute(
                select(
                    store.ledger.c.quota_id,
                    func.sum(store.ledger.c.granted).label("granted"),
                    func.sum(store.ledger.c.taken).label("taken"),
                ).group_by(store.ledger.c.quota_id)
            )
        }
        last = await store.balances(conn, list(sums))
        held = {
            (row.programme, row.year, measure): getattr(row, measure)
            for row in await conn.execute(
                select(
                    store.reservations.c.programme,
                    store.reservations.c.year,
                    func.sum(store.reservations.c.firms).label("firms"),
                    func.sum(store.reservations.c.people).label("people"),
                    func.sum(store.reservations.c.won).label("won"),
                ).group_by(store.reservations.c.programme, store.reservations.c.year)
            )
            for measure in ("firms", "people", "won")
        }
        of_each = select(
            store.ledger.c.quota_id, store.ledger.c.reservation_id, func.sum(store.ledger.c.taken).label("taken")
        ).where(store.ledger.c.reservation_id.is_not(None))
        lines = (await conn.execute(of_each.group_by(store.ledger.c.quota_id, store.ledger.c.reservation_id))).all()
        rows = {row.reservation_id: row for row in await conn.execute(select(store.reservations))}
    for line in lines:
        assert getattr(rows[line.reservation_id], line.quota_id.split(":")[2]) == line.taken
    for quota_id, (grant, taken) in sums.items():
        programme, year, measure = quota_id.split(":")
        assert (last[quota_id]["granted_after"], last[quota_id]["taken_after"]) == (grant, taken)
        is_line = measure == "won" and register().budget_of(programme) == programme
        draw = register().sharing(programme) if is_line else (programme,)
        assert sum(held.get((name, int(year), measure), 0) for name in draw) == taken
        assert 0 <= taken <= grant
