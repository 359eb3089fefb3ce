"""Every edition of the policy (정책 판) that something rests on."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, RowMapping, Table, Text, select
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


async def keep_policy(conn: AsyncConnection, version: str, label: str, documents: Any, now: datetime) -> None:
    row = {"policy_version": version, "label": label, "documents": documents, "kept_at": now}
    await insert_new(conn, policies, [row], key="policy_version")


async def policy(conn: AsyncConnection, version: str) -> RowMapping | None:
    return (await conn.execute(select(policies).where(policies.c.policy_version == version))).mappings().one_or_none()
