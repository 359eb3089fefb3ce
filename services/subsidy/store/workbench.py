"""Proposals of policy versions, every step taken with them, and their shadow runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Date, Index, Integer, RowMapping, Select, Table, Text, and_, func, insert, or_, select
from sqlalchemy import update as change
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.columns import Json, UtcTime
from libs.common.rows import insert_new
from services.subsidy.store.base import metadata
from services.subsidy.store.quotes import lists, quotes
from services.subsidy.store.requotes import requotes

proposals = Table(
    "proposals",
    metadata,
    Column("policy_version", Text, primary_key=True),
    Column("label", Text, nullable=False),
    Column("base", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", UtcTime, nullable=False),
)
"""`status` is proposed, approved or rejected; the content is in `policies`."""

steps = Table(
    "proposal_steps",
    metadata,
    Column("step_id", Text, primary_key=True),
    Column("policy_version", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
    Column("at", UtcTime, nullable=False),
    Index("proposal_steps_by_version", "policy_version", "step_id"),
)

shadow_runs = Table(
    "shadow_runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("policy_version", Text, nullable=False),
    Column("against", Text, nullable=False),
    Column("applied_on", Date),
    Column("most", Integer),
    Column("budgets", Json, nullable=False),
    Column("status", Text, nullable=False),
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("cursor", Text, nullable=False),
    Column("result", Json, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
)
"""`applied_on` is None where each quote keeps its own day; `cursor` is the last quote that is counted in `result`."""


async def add_proposal(conn: AsyncConnection, row: Mapping[str, Any]) -> bool:
    """False where this content was proposed before."""
    return bool(await insert_new(conn, proposals, [row], key="policy_version"))


async def proposal(conn: AsyncConnection, version: str, lock: bool = False) -> RowMapping | None:
    """With `lock` nobody else decides on it until the end of the transaction."""
    wanted = select(proposals).where(proposals.c.policy_version == version)
    return (await conn.execute(wanted.with_for_update() if lock else wanted)).mappings().one_or_none()


async def all_proposals(conn: AsyncConnection) -> Sequence[RowMapping]:
    """The newest first."""
    newest = select(proposals).order_by(proposals.c.proposed_at.desc(), proposals.c.policy_version)
    return (await conn.execute(newest)).mappings().all()


async def set_status(conn: AsyncConnection, version: str, status: str) -> None:
    await conn.execute(change(proposals).where(proposals.c.policy_version == version).values(status=status))


async def add_step(conn: AsyncConnection, row: Mapping[str, Any]) -> None:
    await conn.execute(insert(steps).values(dict(row)))


async def steps_of(conn: AsyncConnection, version: str) -> Sequence[RowMapping]:
    """Every step taken with a version, the first first."""
    wanted = select(steps).where(steps.c.policy_version == version).order_by(steps.c.at, steps.c.step_id)
    return (await conn.execute(wanted)).mappings().all()


def _current() -> Select[Any]:
    """Prices of the newest list of each company, and what was asked by today's knowledge."""
    of_list = and_(
        quotes.c.company_id == lists.c.company_id,
        quotes.c.list_version == lists.c.version,
        quotes.c.policy_version == lists.c.policy_version,
        quotes.c.applied_on == lists.c.applied_on,
    )
    columns = (quotes.c.quote_id, quotes.c.applied_on, quotes.c.facts)
    asked = and_(quotes.c.company_id.is_(None), quotes.c.known_on.is_(None))
    joined = quotes.outerjoin(lists, of_list)
    return select(*columns).select_from(joined).where(or_(asked, lists.c.company_id.is_not(None)))


async def count_requests(conn: AsyncConnection) -> int:
    return await conn.scalar(select(func.count()).select_from(_current().subquery())) or 0


async def requests(conn: AsyncConnection, after: str, most: int) -> Sequence[RowMapping]:
    """Real requests in the order of their ids."""
    wanted = _current().where(quotes.c.quote_id > after).order_by(quotes.c.quote_id).limit(most)
    found: Sequence[RowMapping] = (await conn.execute(wanted)).mappings().all()
    return found


async def add_run(conn: AsyncConnection, row: Mapping[str, Any]) -> None:
    await conn.execute(insert(shadow_runs).values(dict(row)))


async def run(conn: AsyncConnection, run_id: str) -> RowMapping | None:
    return (await conn.execute(select(shadow_runs).where(shadow_runs.c.run_id == run_id))).mappings().one_or_none()


async def runs_of(conn: AsyncConnection, version: str) -> Sequence[RowMapping]:
    wanted = select(shadow_runs).where(shadow_runs.c.policy_version == version).order_by(shadow_runs.c.run_id)
    return (await conn.execute(wanted)).mappings().all()


async def next_run(conn: AsyncConnection) -> RowMapping | None:
    """A run that is not finished, for this transaction alone."""
    open_ = select(shadow_runs).where(shadow_runs.c.status == "running").order_by(shadow_runs.c.run_id).limit(1)
    return (await conn.execute(open_.with_for_update(skip_locked=True))).mappings().one_or_none()


async def save_run(conn: AsyncConnection, run_id: str, **values: Any) -> None:
    await conn.execute(change(shadow_runs).where(shadow_runs.c.run_id == run_id).values(values))


async def open_work(conn: AsyncConnection, activation: int) -> bool:
    """Whether a shadow run is open, or a list or the requote itself has not reached the activation."""
    open_runs = select(shadow_runs.c.run_id).where(shadow_runs.c.status == "running")
    behind = select(lists.c.company_id).where(lists.c.activation < activation)
    waiting = select(requotes.c.requote_id).where(
        requotes.c.activation == activation, requotes.c.status.in_(("waiting", "running"))
    )
    return bool(await conn.scalar(select(open_runs.exists() | behind.exists() | waiting.exists())))
