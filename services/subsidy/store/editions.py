"""Every edition of the policy (정책 판) that something rests on, and from when which one applies."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Date, Integer, RowMapping, Table, Text, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.columns import Json, UtcTime
from libs.common.rows import insert_new
from services.subsidy.store.base import metadata

policies = Table(
    "policies",
    metadata,
    Column("policy_version", Text, primary_key=True),
    Column("label", Text, nullable=False),
    Column("documents", Json, nullable=False),
    Column("kept_at", UtcTime, nullable=False),
)
"""Each edition whole, so that a quote can be worked out again after the files have changed."""

activations = Table(
    "activations",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("policy_version", Text, nullable=False),
    Column("effective_on", Date, nullable=False),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
    Column("at", UtcTime, nullable=False),
)
"""Rows are only ever added: on a day the one with the highest `seq` that is effective by then applies."""

_ONE_ACTIVATION = 0x1E0_5EA
LAST_ACTIVATION = select(func.max(activations.c.seq))


async def keep_policy(conn: AsyncConnection, version: str, label: str, documents: Any, now: datetime) -> None:
    row = {"policy_version": version, "label": label, "documents": documents, "kept_at": now}
    await insert_new(conn, policies, [row], key="policy_version")


async def policy(conn: AsyncConnection, version: str) -> RowMapping | None:
    return (await conn.execute(select(policies).where(policies.c.policy_version == version))).mappings().one_or_none()


async def last_activation(conn: AsyncConnection) -> int:
    """The number of the newest activation, 0 before the first."""
    return await conn.scalar(LAST_ACTIVATION) or 0


async def history(conn: AsyncConnection) -> Sequence[RowMapping]:
    """Every activation, the oldest first."""
    return (await conn.execute(select(activations).order_by(activations.c.seq))).mappings().all()


async def one_at_a_time(conn: AsyncConnection) -> None:
    """Until the end of the transaction nobody else activates; on SQLite there is one writer anyway."""
    if conn.dialect.name == "postgresql":
        await conn.execute(text(f"SELECT pg_advisory_xact_lock({_ONE_ACTIVATION})"))


async def add_activation(conn: AsyncConnection, row: dict[str, Any]) -> None:
    await conn.execute(insert(activations).values(row))
