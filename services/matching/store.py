"""Tables and queries of matching. The database is the truth; what a process holds in memory follows it by number."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    CursorResult,
    Date,
    Integer,
    MetaData,
    Table,
    Text,
    func,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.columns import Json, UtcTime
from libs.common.rows import run, update_rows, upsert_rows
from libs.common.tables import kit_tables

Row = Mapping[str, Any]

metadata = MetaData()

changes = Table(
    "changes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("last", BigInteger, nullable=False),
    Column("weights", Text, nullable=False),
)
"""One row, made by the migration: the number of the last transaction that changed courses, companies or lists, and
the weights that the lists were made with."""

courses = Table(
    "courses",
    metadata,
    Column("course_id", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("course", Text),
    Column("change_no", BigInteger, nullable=False, index=True),
)
"""`course` is the contract's JSON; a withdrawn course keeps its version alone, so that older news stays old."""

companies = Table(
    "companies",
    metadata,
    Column("company_id", Text, primary_key=True),
    Column("business_number", Text, index=True),
    Column("profile_version", BigInteger, nullable=False, server_default="0"),
    Column("profile", Text),
    Column("assessment_version", BigInteger, nullable=False),
    Column("assessment", Text),
    Column("quoted_version", BigInteger, nullable=False),
    Column("change_no", BigInteger, nullable=False, index=True),
)
"""`assessment` is the contract's JSON with the facts that were assessed; version 0 where only a quote has named the
company. `quoted_version` is the highest list version that a quote has named. The columns of `profile` are the release
before's: they are read where an assessment has no facts, and go with a later release."""

recommendations = Table(
    "recommendations",
    metadata,
    Column("company_id", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("level", Text, nullable=False),
    Column("company", Json, nullable=False),
    Column("offers", Json, nullable=False),
    Column("held", Json, nullable=False),
    Column("floor", BigInteger, nullable=False),
    Column("made_at", UtcTime, nullable=False),
    Column("due_on", Date, nullable=False, index=True),
    Column("quote_version", BigInteger, nullable=False, server_default="0"),
    Column("quote", Json),
    Column("change_no", BigInteger, nullable=False, index=True),
)
"""One list per assessed company. `version` 0 is an empty list that nobody was told of. `due_on` is the day
from which the list must be made anew; `quote_version` the list version that `quote` prices: these two are written by
quotes alone, all else by renewals alone, so neither undoes the other."""
LIST = tuple(name for name in recommendations.c.keys() if name not in ("quote_version", "quote"))  # noqa: SIM118
QUOTED = ("company_id", "version", "offers", "quote_version", "quote")
"""What a quote is compared with."""

kit_tables(metadata)


def new_company(company_id: str) -> dict[str, Any]:
    """A company of which nothing is known yet."""
    return {
        "company_id": company_id,
        "business_number": None,
        "profile_version": 0,
        "profile": None,
        "assessment_version": 0,
        "assessment": None,
        "quoted_version": 0,
        "change_no": 0,
    }


def _rows(result: CursorResult[Any]) -> Sequence[Row]:
    return cast("Sequence[Row]", result.mappings().all())


_NEXT_CHANGE = update(changes).values(last=changes.c.last + 1).returning(changes.c.last)


async def next_change(conn: AsyncConnection) -> int:
    """The number of this transaction's changes. Writers take turns on its row until they commit, in all processes:
    a list is made from all that was committed before it, and a reader that follows the numbers misses nothing."""
    (row,) = await run(conn, _NEXT_CHANGE)  # the migration makes it
    return int(row["last"])


async def last_change(conn: AsyncConnection, lock: bool = False) -> int:
    """The number of the last change; with `lock`, no other process changes anything until this transaction ends."""
    asked = select(changes.c.last)
    number = await conn.scalar(asked.with_for_update() if lock else asked)
    assert isinstance(number, int)
    return number


async def weights(conn: AsyncConnection) -> str:
    return str(await conn.scalar(select(changes.c.weights)))


async def set_weights(conn: AsyncConnection, version: str, day: date) -> None:
    """Every list was made with other weights: all are due."""
    await conn.execute(update(changes).values(weights=version))
    await conn.execute(update(recommendations).values(due_on=day))


async def rows_since(conn: AsyncConnection, table: Table, columns: Sequence[str], seen: int) -> Sequence[Row]:
    chosen = select(*(table.c[name] for name in columns)).where(table.c.change_no > seen)
    return _rows(await conn.execute(chosen))


async def write_courses(conn: AsyncConnection, rows: Sequence[Row]) -> None:
    await upsert_rows(conn, courses, rows, key="course_id")


async def write_companies(conn: AsyncConnection, rows: Sequence[Row]) -> None:
    await upsert_rows(conn, companies, rows, key="company_id")


async def write_recommendations(conn: AsyncConnection, rows: Sequence[Row]) -> None:
    await upsert_rows(conn, recommendations, rows, key="company_id")


async def join_quotes(conn: AsyncConnection, rows: Sequence[Row]) -> None:
    """Each quote to its list, unless the list has moved on to another version by now."""
    await update_rows(conn, recommendations, rows, key=("company_id", "version"))


async def set_version(conn: AsyncConnection, company_id: str, version: int, now: datetime) -> None:
    this = recommendations.c.company_id == company_id
    await conn.execute(update(recommendations).where(this).values(version=version, made_at=now))


async def set_due(conn: AsyncConnection, company_ids: Sequence[str], day: date) -> None:
    for start in range(0, len(company_ids), 1000):
        some = recommendations.c.company_id.in_(company_ids[start : start + 1000])
        await conn.execute(update(recommendations).where(some).values(due_on=day))


async def due(conn: AsyncConnection, day: date, limit: int) -> list[str]:
    """Companies whose list must be made anew, the longest due first."""
    table = recommendations
    chosen = select(table.c.company_id).where(table.c.due_on <= day)
    rows = await conn.scalars(chosen.order_by(table.c.due_on, table.c.company_id).limit(limit))
    return list(rows)


async def answer_row(conn: AsyncConnection, company_id: str) -> Row | None:
    """The company's row, with its list where it has one."""
    joined = companies.outerjoin(recommendations, companies.c.company_id == recommendations.c.company_id)
    columns = [column for column in recommendations.c if column.name not in ("company_id", "change_no")]
    chosen = select(companies.c.company_id, companies.c.business_number, *columns).select_from(joined)
    rows = _rows(await conn.execute(chosen.where(companies.c.company_id == company_id)))
    return rows[0] if rows else None


async def company_of(conn: AsyncConnection, business_number: str) -> str | None:
    """The company of a 사업자등록번호; the one that came by it last, should two claim it for a moment."""
    table = companies
    chosen = select(table.c.company_id).where(table.c.business_number == business_number)
    found: str | None = await conn.scalar(chosen.order_by(table.c.change_no.desc(), table.c.company_id).limit(1))
    return found


async def counts(conn: AsyncConnection) -> dict[str, Any]:
    """What this service holds, for an operator."""
    listed = recommendations.c
    return {
        "courses": await conn.scalar(select(func.count()).where(courses.c.withdrawn.is_(False))),
        "companies": await conn.scalar(select(func.count()).select_from(companies)),
        "recommendations": await conn.scalar(select(func.count()).where(listed.version > 0)),
        "priced": await conn.scalar(
            select(func.count()).where(listed.version > 0, listed.quote_version == listed.version)
        ),
    }
