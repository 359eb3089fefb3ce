"""Requotes (재견적): how far the lists of all companies have followed an activation."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Date, Integer, RowMapping, Table, Text, func, insert, select, text
from sqlalchemy import update as change
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.columns import UtcTime
from libs.common.rows import among, insert_new, update_rows
from services.subsidy.store.base import metadata
from services.subsidy.store.quotes import lists, quotes

requotes = Table(
    "requotes",
    metadata,
    Column("requote_id", Text, primary_key=True),
    Column("activation", Integer, nullable=False, unique=True),
    Column("policy_version", Text, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("status", Text, nullable=False),
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
    Column("started_at", UtcTime),
    Column("finished_at", UtcTime),
)
"""`activation` is the seq that lists must reach; `status` is waiting, running, done or replaced (by a later one)."""

_ONE_WORKER = 0x1E0_5EB


async def one_worker(conn: AsyncConnection) -> bool:
    """Whether this transaction is the only one that requotes; on SQLite there is one writer anyway."""
    if conn.dialect.name != "postgresql":
        return True
    return bool(await conn.scalar(text(f"SELECT pg_try_advisory_xact_lock({_ONE_WORKER})")))


async def add_requote(conn: AsyncConnection, row: Mapping[str, Any]) -> None:
    await conn.execute(insert(requotes).values(dict(row)))


async def requote(conn: AsyncConnection, requote_id: str) -> RowMapping | None:
    return (await conn.execute(select(requotes).where(requotes.c.requote_id == requote_id))).mappings().one_or_none()


async def requote_of(conn: AsyncConnection, activation: int) -> RowMapping | None:
    return (await conn.execute(select(requotes).where(requotes.c.activation == activation))).mappings().one_or_none()


async def all_requotes(conn: AsyncConnection) -> Sequence[RowMapping]:
    """The newest activation first."""
    return (await conn.execute(select(requotes).order_by(requotes.c.activation.desc()))).mappings().all()


async def save_requote(conn: AsyncConnection, requote_id: str, **values: Any) -> None:
    await conn.execute(change(requotes).where(requotes.c.requote_id == requote_id).values(values))


async def replace_older(conn: AsyncConnection, activation: int) -> None:
    """What an earlier activation left to do is done by this one."""
    older = (requotes.c.activation < activation) & (requotes.c.status != "done")
    await conn.execute(change(requotes).where(older).values(status="replaced"))


async def behind(conn: AsyncConnection, activation: int) -> int:
    """How many lists rest on an earlier activation."""
    return await conn.scalar(select(func.count()).select_from(lists).where(lists.c.activation < activation)) or 0


async def lists_behind(conn: AsyncConnection, activation: int, most: int) -> Sequence[RowMapping]:
    """Some of them, held by this transaction; those that are being priced just now are left for the next time."""
    wanted = select(lists).where(lists.c.activation < activation).order_by(lists.c.company_id).limit(most)
    return (await conn.execute(wanted.with_for_update(skip_locked=True))).mappings().all()


async def quotes_of(conn: AsyncConnection, held: Sequence[RowMapping]) -> dict[str, list[RowMapping]]:
    """Company → the quotes that its newest list shows."""
    this = (
        (quotes.c.company_id == lists.c.company_id)
        & (quotes.c.list_version == lists.c.version)
        & (quotes.c.policy_version == lists.c.policy_version)
        & (quotes.c.applied_on == lists.c.applied_on)
    )
    ids = [row["company_id"] for row in held]
    wanted = select(quotes).join(lists, this).where(among(lists.c.company_id, ids))
    found: dict[str, list[RowMapping]] = {company_id: [] for company_id in ids}
    for row in (await conn.execute(wanted.order_by(quotes.c.course_id, quotes.c.session_no))).mappings():
        found[row["company_id"]].append(row)
    return found


async def write_again(
    conn: AsyncConnection, quoted: Sequence[Mapping[str, Any]], moved: Sequence[Mapping[str, Any]]
) -> None:
    """Newer quotes of lists that are held; one with the same policy and day as before is there already."""
    await insert_new(conn, quotes, quoted, key="quote_id")
    await update_rows(conn, lists, moved, key="company_id")
