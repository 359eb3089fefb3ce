"""Quotes (견적) with what they rest on, and the newest priced list of each company."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Index,
    Integer,
    RowMapping,
    Table,
    Text,
    bindparam,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.columns import Json, UtcTime
from libs.common.rows import Keys, among, insert_new, insert_rows, run, upsert_rows
from services.subsidy.store.base import metadata
from services.subsidy.store.editions import LAST_ACTIVATION

quotes = Table(
    "quotes",
    metadata,
    Column("quote_id", Text, primary_key=True),
    Column("company_id", Text),
    Column("list_version", Integer),
    Column("course_id", Text),
    Column("session_no", Integer),
    Column("applied_on", Date, nullable=False),
    Column("known_on", Date),
    Column("policy_version", Text, nullable=False),
    Column("rules", Integer, nullable=False),
    Column("facts", Json, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("cost", BigInteger),
    Column("support", BigInteger),
    Column("self_pay", BigInteger),
    Column("issued_at", UtcTime, nullable=False),
    Index("quotes_by_company", "company_id", "list_version"),
)
"""`facts` are frozen as they were; with policy, date and version of the rules they give the receipt again.
Without a company it was a question asked through the API; with `known_on` one by what was known on that day."""

lists = Table(
    "lists",
    metadata,
    Column("company_id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("policy_version", Text, nullable=False),
    Column("applied_on", Date, nullable=False),
    Column("activation", Integer, nullable=False, server_default="0", index=True),
    Column("company", Json),
)
"""The newest list of each company that has been priced. `activation` is the number of the activation of a policy that
it has followed, `company` what was known of it, so that a size class can be told again."""


_PRICED = union_all(
    select(lists.c.company_id, lists.c.version).where(among(lists.c.company_id, bindparam("companies", type_=Keys()))),
    select(literal(""), func.coalesce(LAST_ACTIVATION.scalar_subquery(), 0)),
)


async def priced(conn: AsyncConnection, company_ids: Sequence[str]) -> tuple[dict[str, int], int]:
    """Company → version of its list that has prices; and the number of the newest activation, in the same query."""
    found = {row["company_id"]: row["version"] for row in await run(conn, _PRICED, companies=company_ids)}
    return found, found.pop("")


async def write(
    conn: AsyncConnection, quoted: Sequence[Mapping[str, Any]], newest: Sequence[Mapping[str, Any]]
) -> None:
    """The quotes of lists that were not priced before."""
    await insert_rows(conn, quotes, quoted)
    await upsert_rows(conn, lists, newest, key="company_id", newer="version")


async def keep_answer(conn: AsyncConnection, row: Mapping[str, Any]) -> None:
    """A quote that is there already stays as it is: its id is made of everything it rests on."""
    await insert_new(conn, quotes, [row], key="quote_id")


async def quote(conn: AsyncConnection, quote_id: str) -> RowMapping | None:
    return (await conn.execute(select(quotes).where(quotes.c.quote_id == quote_id))).mappings().one_or_none()


async def counts(conn: AsyncConnection) -> dict[str, int]:
    rows = await conn.execute(select(quotes.c.outcome, func.count()).group_by(quotes.c.outcome))
    found: dict[str, int] = {row[0]: row[1] for row in rows}
    companies = await conn.scalar(select(func.count()).select_from(lists))
    return {"quotes": sum(found.values()), **found, "companies_priced": companies or 0}
