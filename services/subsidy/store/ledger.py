"""Quotas, reservations and the ledger (원장) whose last line per quota is its balance.

The database itself refuses to overspend: each line carries the balance after it, a check keeps that between nothing and
the grant, and a trigger refuses a line that does not follow from the one before, an update, and a deletion. So the
balance is the sum of the ledger, whoever writes it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    Select,
    Table,
    Text,
    UniqueConstraint,
    func,
    insert,
    select,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.columns import UtcTime
from libs.common.rows import insert_new, insert_rows
from services.subsidy.store.base import metadata

Row = dict[str, Any]
_NUMBER = BigInteger().with_variant(Integer(), "sqlite")

quotas = Table(
    "quotas",
    metadata,
    Column("quota_id", Text, primary_key=True),
    Column("programme", Text, nullable=False),
    Column("year", Integer, nullable=False),
    Column("measure", Text, nullable=False),
    UniqueConstraint("programme", "year", "measure"),
)

ledger = Table(
    "ledger",
    metadata,
    Column("quota_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("reservation_id", Text),
    Column("kind", Text, nullable=False),
    Column("granted", BigInteger, nullable=False),
    Column("taken", BigInteger, nullable=False),
    Column("granted_after", BigInteger, nullable=False),
    Column("taken_after", BigInteger, nullable=False),
    Column("reason", Text),
    Column("actor", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    CheckConstraint("taken_after >= 0 AND taken_after <= granted_after", name="ledger_never_overspent"),
    Index("ledger_by_reservation", "reservation_id"),
)
"""Changes of a quota: `granted` and `taken` are differences, `…_after` what they add up to."""

reservations = Table(
    "reservations",
    metadata,
    Column("number", _NUMBER, primary_key=True),
    Column("reservation_id", Text, nullable=False, unique=True),
    Column("quote_id", Text, nullable=False),
    Column("company_id", Text),
    Column("learner", Text),
    Column("programme", Text, nullable=False),
    Column("year", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("firms", Integer, nullable=False),
    Column("people", Integer, nullable=False),
    Column("won", BigInteger, nullable=False),
    Column("asked_people", Integer, nullable=False),
    Column("asked_won", BigInteger, nullable=False),
    Column("days", Integer, nullable=False),
    Column("expires_at", UtcTime),
    Column("version", Integer, nullable=False),
    Column("client", Text, nullable=False),
    Column("made_at", UtcTime, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    Index("reservations_waiting", "programme", "year", "status", "number"),
    Index("reservations_by_company", "company_id", "programme", "year"),
    Index("reservations_due", "status", "expires_at"),
)
"""`firms`, `people` and `won` are what it holds now; `asked_…` what was asked for."""

steps = Table(
    "reservation_steps",
    metadata,
    Column("reservation_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("step", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("amount", BigInteger),
    Column("reason", Text),
    Column("actor", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
)
"""Every step that a reservation went, with the completers or the won that it was about."""


async def lock_quotas(conn: AsyncConnection, programmes: Sequence[str], year: int) -> dict[tuple[str, str], str]:
    """(programme, measure) → quota id. Who changes a programme's year holds these rows first, so no two do at once."""
    wanted = select(quotas.c.programme, quotas.c.measure, quotas.c.quota_id)
    wanted = wanted.where(quotas.c.programme.in_(programmes), quotas.c.year == year).order_by(quotas.c.quota_id)
    while True:
        locked = (await conn.execute(wanted.with_for_update())).all()
        # Who waited for a lock has not seen a quota that the other transaction made.
        if (await conn.execute(wanted)).all() == locked:
            return {(row.programme, row.measure): row.quota_id for row in locked}


async def add_quota(conn: AsyncConnection, row: Mapping[str, Any]) -> bool:
    """Whether it was not there yet."""
    return bool(await insert_new(conn, quotas, [row], key="quota_id"))


async def balances(conn: AsyncConnection, quota_ids: Sequence[str]) -> dict[str, Row]:
    """Quota id → its last line, found without going through the others."""
    if not quota_ids:
        return {}
    last = [
        select(ledger).where(ledger.c.quota_id == quota_id).order_by(ledger.c.number.desc()).limit(1).subquery()
        for quota_id in quota_ids
    ]
    rows = await conn.execute(union_all(*(select(one) for one in last)))
    return {row["quota_id"]: dict(row) for row in rows.mappings()}


async def write_lines(conn: AsyncConnection, lines: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(conn, ledger, lines)


async def quota_sums(conn: AsyncConnection, programme: str | None, year: int | None) -> list[Row]:
    """Each quota with its balance and what its lines add up to by kind."""
    wanted = select(quotas, ledger.c.kind, func.sum(ledger.c.granted).label("granted"))
    wanted = wanted.add_columns(func.sum(ledger.c.taken).label("taken"))
    wanted = wanted.outerjoin(ledger, ledger.c.quota_id == quotas.c.quota_id)
    if programme is not None:
        wanted = wanted.where(quotas.c.programme == programme)
    if year is not None:
        wanted = wanted.where(quotas.c.year == year)
    wanted = wanted.group_by(quotas.c.quota_id, ledger.c.kind).order_by(quotas.c.quota_id, ledger.c.kind)
    return await _rows(conn, wanted)


async def add_reservation(conn: AsyncConnection, row: Mapping[str, Any]) -> None:
    await conn.execute(insert(reservations).values(**row))


async def change_reservation(conn: AsyncConnection, reservation_id: str, changes: Mapping[str, Any]) -> None:
    await conn.execute(
        update(reservations).where(reservations.c.reservation_id == reservation_id).values(**changes)
    )  # fmt: skip


async def add_step(conn: AsyncConnection, row: Mapping[str, Any]) -> None:
    await conn.execute(insert(steps).values(**row))


async def reservation(conn: AsyncConnection, reservation_id: str) -> Row | None:
    found = await _rows(conn, select(reservations).where(reservations.c.reservation_id == reservation_id))
    return found[0] if found else None


async def history(conn: AsyncConnection, reservation_id: str) -> list[Row]:
    return await _rows(conn, select(steps).where(steps.c.reservation_id == reservation_id).order_by(steps.c.version))


async def lines_of(conn: AsyncConnection, reservation_id: str) -> list[Row]:
    wanted = select(ledger).where(ledger.c.reservation_id == reservation_id)
    return await _rows(conn, wanted.order_by(ledger.c.at, ledger.c.quota_id, ledger.c.number))


async def other_of_company(conn: AsyncConnection, row: Mapping[str, Any], statuses: Sequence[str]) -> Row | None:
    """Another reservation of the same company in the programme's year that holds something."""
    wanted = select(reservations).where(
        reservations.c.company_id == row["company_id"],
        reservations.c.programme == row["programme"],
        reservations.c.year == row["year"],
        reservations.c.status.in_(statuses),
        reservations.c.people > 0,
        reservations.c.reservation_id != row["reservation_id"],
    )
    found = await _rows(conn, wanted.order_by(reservations.c.number).limit(1))
    return found[0] if found else None


async def holding(conn: AsyncConnection, programmes: Sequence[str], year: int, measure: str) -> list[Row]:
    """Id and `held` of each reservation that holds something of the measure, the oldest first."""
    held = reservations.c[measure]
    wanted = select(reservations.c.reservation_id, held.label("held")).where(
        reservations.c.programme.in_(programmes), reservations.c.year == year, held > 0
    )
    return await _rows(conn, wanted.order_by(reservations.c.number))


async def overdue(conn: AsyncConnection, now: datetime, programme: str, year: int) -> list[Row]:
    wanted = select(reservations).where(
        reservations.c.programme == programme,
        reservations.c.year == year,
        reservations.c.status == "reserved",
        reservations.c.expires_at <= now,
    )
    return await _rows(conn, wanted.order_by(reservations.c.number))


async def due_programmes(conn: AsyncConnection, now: datetime) -> list[tuple[str, int]]:
    """Programmes and years in which a reservation is overdue."""
    wanted = select(reservations.c.programme, reservations.c.year).distinct()
    wanted = wanted.where(reservations.c.status == "reserved", reservations.c.expires_at <= now)
    return [(row.programme, row.year) for row in await conn.execute(wanted)]


async def waiting(conn: AsyncConnection, programme: str, year: int, limit: int) -> list[Row]:
    """Those waiting, the oldest first."""
    wanted = select(reservations).where(
        reservations.c.programme == programme, reservations.c.year == year, reservations.c.status == "waiting"
    )
    return await _rows(conn, wanted.order_by(reservations.c.number).limit(limit))


async def ahead(conn: AsyncConnection, row: Mapping[str, Any]) -> int:
    """How many wait before this one."""
    wanted = select(func.count()).where(
        reservations.c.programme == row["programme"],
        reservations.c.year == row["year"],
        reservations.c.status == "waiting",
        reservations.c.number < row["number"],
    )
    return await conn.scalar(wanted) or 0


async def reservation_page(conn: AsyncConnection, filters: Mapping[str, Any], since: int, limit: int) -> list[Row]:
    wanted = select(reservations).where(reservations.c.number > since)
    for name, value in filters.items():
        if value is not None:
            wanted = wanted.where(reservations.c[name] == value)
    return await _rows(conn, wanted.order_by(reservations.c.number).limit(limit))


async def _rows(conn: AsyncConnection, wanted: Select[Any]) -> list[Row]:
    return [dict(row) for row in (await conn.execute(wanted)).mappings()]
