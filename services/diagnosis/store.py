"""Tables and queries of diagnosis: the newest assessment of each company, and every one it ever had."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Index, Integer, MetaData, RowMapping, Table, Text, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.columns import Json, UtcTime
from libs.common.rows import insert_rows, rows_by, upsert_rows
from libs.common.tables import kit_tables

metadata = MetaData()

assessments = Table(
    "assessments",
    metadata,
    Column("company_id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("profile_version", Integer, nullable=False),
    Column("level", Text, nullable=False),
    Column("confidence", Integer, nullable=False),
    Column("result", Json, nullable=False),
    Column("assessed_at", UtcTime, nullable=False),
    Index("assessments_by_level", "level"),
)
"""`profile_version` is the newest profile that was looked at, even where it changed nothing."""

history = Table(
    "assessment_history",
    metadata,
    Column("company_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("profile_version", Integer, nullable=False),
    Column("level", Text, nullable=False),
    Column("confidence", Integer, nullable=False),
    Column("facts", Json, nullable=False),
    Column("priors_version", Text, nullable=False),
    Column("result", Json, nullable=False),
    Column("assessed_at", UtcTime, nullable=False),
)
"""`facts` and `priors_version` are what the result can be worked out from again."""

kit_tables(metadata)


async def known(conn: AsyncConnection, company_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    return await rows_by(conn, assessments, "company_id", list(company_ids))


async def write(conn: AsyncConnection, current: Sequence[Mapping[str, Any]], past: Sequence[Mapping[str, Any]]) -> None:
    """The history's key refuses a second assessment of one version, so two writers cannot both build on one row."""
    await insert_rows(conn, history, past)
    await upsert_rows(conn, assessments, current, key="company_id", newer="profile_version")


async def assessment(conn: AsyncConnection, company_id: str) -> RowMapping | None:
    found = await conn.execute(select(assessments).where(assessments.c.company_id == company_id))
    return found.mappings().one_or_none()


async def past(conn: AsyncConnection, company_id: str, before: int | None, limit: int) -> Sequence[RowMapping]:
    """Assessments of a company, the newest first, from below version `before`."""
    wanted = select(history).where(history.c.company_id == company_id)
    if before is not None:
        wanted = wanted.where(history.c.version < before)
    return (await conn.execute(wanted.order_by(history.c.version.desc()).limit(limit))).mappings().all()


async def counts(conn: AsyncConnection) -> dict[str, int]:
    rows = await conn.execute(select(assessments.c.level, func.count()).group_by(assessments.c.level))
    found: dict[str, int] = {f"level_{level}": count for level, count in rows}
    return {"assessments": sum(found.values()), **found}
