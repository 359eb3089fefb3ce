"""Tables and queries of interagency."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    func,
    null,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.columns import Json, UtcTime
from libs.common.rows import Keys, among, insert_new, rows_by, run, update_rows
from libs.common.tables import kit_tables

metadata = MetaData()
Record = dict[str, Any]
"""A row by column name."""

companies = Table(
    "companies",
    metadata,
    Column("company_id", Text, primary_key=True),
    Column("business_number", Text, nullable=False, unique=True),
    Column("version", BigInteger, nullable=False),
    Column("profile", Json, nullable=False),
    Column("registered_at", UtcTime, nullable=False),
    Column("level", Text),
    Column("confidence", Integer),
    Column("provisional", Integer),
    Column("assessment_version", BigInteger, nullable=False),
    Column("offers_version", BigInteger, nullable=False),
    Column("offers", Json),
    Column("prices_version", BigInteger, nullable=False),
    Column("prices", Json),
    Column("prices_at", UtcTime),
)
"""One row per 사업자등록번호. Level, offers and prices are what the other services last said of it; the same list may
be priced again, `prices_at` says when it last was."""

referrals = Table(
    "referrals",
    metadata,
    Column("referral_id", Text, primary_key=True),
    Column("agency", Text, nullable=False),
    Column("programme", Text, nullable=False),
    Column("business_number", Text, nullable=False),
    Column("company_id", Text),
    Column("batch_id", Text),
    Column("row_number", Integer),
    Column("company_name", Text, nullable=False),
    Column("headcount", Integer),
    Column("size_class", Text),
    Column("ksic_version", Text),
    Column("ksic_code", Text),
    Column("region_code", Text, nullable=False),
    Column("given_region", Text, nullable=False),
    Column("score_instrument", Text),
    Column("score_level", Integer),
    Column("score_levels", Integer),
    Column("score_measured_on", Date),
    Column("contact_email", LargeBinary),
    Column("status", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("change_no", BigInteger),
    Column("received_at", UtcTime, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    UniqueConstraint("business_number", "agency", "programme"),
    Index(
        "referrals_changes",
        "change_no",
        sqlite_where=Column("change_no").is_not(None),
        postgresql_where=Column("change_no").is_not(None),
    ),
    Index(
        "referrals_unnumbered",
        "changed_at",
        sqlite_where=Column("change_no").is_(None),
        postgresql_where=Column("change_no").is_(None),
    ),
    Index(
        "referrals_of_company",
        "company_id",
        sqlite_where=Column("company_id").is_not(None),
        postgresql_where=Column("company_id").is_not(None),
    ),
    Index(
        "referrals_unregistered",
        "received_at",
        sqlite_where=Column("company_id").is_(None),
        postgresql_where=Column("company_id").is_(None),
    ),
)
"""What a partner sent. `company_id` is empty until the company is registered. `sequence` counts status changes.

`change_no` is empty from a change until somebody reads the changes: see `number_changes`."""

batches = Table(
    "batches",
    metadata,
    Column("batch_id", Text, primary_key=True),
    Column("agency", Text, nullable=False),
    Column("report", Json, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

batch_rows = Table(
    "batch_rows",
    metadata,
    Column("batch_id", Text, primary_key=True),
    Column("last_row", Integer, primary_key=True),
    Column("results", Json, nullable=False),
)
"""What became of rows of a file, a thousand results together, `last_row` being the row of the last of them."""

change_numbers = Table(
    "change_numbers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("last", BigInteger, nullable=False),
)
"""One row: the last change number. Its lock makes number order commit order, so a cursor misses nothing."""

endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("agency", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("old_secret", LargeBinary),
    Column("disabled", Integer, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
)

deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("delivery_id", Text, primary_key=True),
    Column("agency", Text, nullable=False),
    Column("referral_id", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", UtcTime, nullable=False),
    Column("leased_until", UtcTime),
    Column("last_status", Integer),
    Column("last_error", Text),
    Column("created_at", UtcTime, nullable=False),
    Column("settled_at", UtcTime),
    Index("deliveries_due", "status", "next_at"),
    Index("deliveries_of_agency", "agency", "created_at"),
    Index("deliveries_of_referral", "referral_id", "sequence"),
)
"""`status`: pending, delivered, failed (given up, may be replayed)."""

kit_tables(metadata)


_NUMBERS = bindparam("numbers", type_=Keys())
_EARLIER = union_all(
    select(companies.c.business_number, null().label("programme"), null().label("referral_id")).where(
        among(companies.c.business_number, _NUMBERS)
    ),
    select(referrals.c.business_number, referrals.c.programme, referrals.c.referral_id).where(
        referrals.c.agency == bindparam("by"), among(referrals.c.business_number, _NUMBERS)
    ),
)


async def earlier(
    conn: AsyncConnection, agency: str, numbers: Sequence[str]
) -> tuple[set[str], dict[tuple[str, str], str]]:
    """Which numbers are of companies, and (business_number, programme) → referral_id of what the agency referred."""
    known, referred = set(), {}
    for row in await run(conn, _EARLIER, numbers=numbers, by=agency):
        if row["programme"] is None:
            known.add(row["business_number"])
        else:
            referred[row["business_number"], row["programme"]] = row["referral_id"]
    return known, referred


async def lock_companies(conn: AsyncConnection, column: str, keys: Sequence[str]) -> dict[str, Record]:
    """Companies by `column`, locked in one order so that two transactions cannot wait for each other."""
    return await rows_by(conn, companies, column, keys, lock=True)


_LOCKED = (
    select(referrals)
    .where(among(referrals.c.company_id, bindparam("companies", type_=Keys())))
    .order_by(referrals.c.referral_id)
    .with_for_update()
)


async def lock_referrals(conn: AsyncConnection, company_ids: Sequence[str]) -> list[Record]:
    return await run(conn, _LOCKED, companies=company_ids)


async def unregistered(conn: AsyncConnection, limit: int) -> list[Record]:
    """Referrals from files whose company is still to be registered, oldest first; each taken by one worker."""
    chosen = (
        select(referrals)
        .where(referrals.c.company_id.is_(None))
        .order_by(referrals.c.received_at, referrals.c.row_number)
    )
    return _records(await conn.execute(chosen.limit(limit).with_for_update(skip_locked=True)))


AT_ONCE = 5_000


async def number_changes(conn: AsyncConnection) -> bool:
    """Gives the next numbers to what changed since the last call; true if there is more than one call takes.

    Whoever reads the changes numbers them, one reader at a time, and only what is committed can be numbered:
    so a cursor misses nothing, and those who write never wait for one another.
    """
    c = referrals.c
    last = await _lock_last(conn)
    chosen = select(c.referral_id).where(c.change_no.is_(None)).order_by(c.changed_at, c.row_number, c.referral_id)
    ids = (await conn.scalars(chosen.limit(AT_ONCE).with_for_update(skip_locked=True))).all()
    rows = [{"referral_id": identity, "change_no": number} for number, identity in enumerate(ids, start=last + 1)]
    await update_rows(conn, referrals, rows, key="referral_id")
    if rows:
        await conn.execute(update(change_numbers).where(change_numbers.c.id == 1).values(last=last + len(rows)))
    return len(rows) == AT_ONCE


async def _lock_last(conn: AsyncConnection) -> int:
    chosen = select(change_numbers.c.last).where(change_numbers.c.id == 1).with_for_update()
    last = await conn.scalar(chosen)
    if last is None:
        await insert_new(conn, change_numbers, [{"id": 1, "last": 0}], key="id")
        last = await conn.scalar(chosen)
    assert last is not None
    return int(last)


SHOWN = ("level", "confidence", "provisional", "offers", "offers_version", "prices", "prices_version")
"""What of a company stands beside each of its referrals."""


def _with_company(agency: str | None) -> Select[Any]:
    c = companies.c
    chosen = select(referrals, *(c[name] for name in SHOWN)).join(
        companies, c.company_id == referrals.c.company_id, isouter=True
    )
    return chosen if agency is None else chosen.where(referrals.c.agency == agency)


async def referral(conn: AsyncConnection, agency: str | None, referral_id: str) -> Record | None:
    chosen = _with_company(agency).where(referrals.c.referral_id == referral_id)
    return _one(await conn.execute(chosen))


async def changed_since(
    conn: AsyncConnection, agency: str | None, after: int, filters: dict[str, str], limit: int
) -> list[Record]:
    c = referrals.c
    chosen = _with_company(agency).where(c.change_no > after)
    for name, value in filters.items():
        chosen = chosen.where(c[name] == value)
    return _records(await conn.execute(chosen.order_by(c.change_no).limit(limit)))


async def company(conn: AsyncConnection, key: str) -> Record | None:
    c = companies.c
    chosen = select(companies).where(or_(c.company_id == key, c.business_number == key))
    return _one(await conn.execute(chosen))


_OF_COMPANY = (
    select(referrals)
    .where(referrals.c.business_number == bindparam("number"))
    .order_by(referrals.c.received_at, referrals.c.referral_id)
)
_OF_AGENCY = _OF_COMPANY.where(referrals.c.agency == bindparam("by"))


async def referrals_of(conn: AsyncConnection, agency: str | None, business_number: str) -> list[Record]:
    """What one agency, or all of them, referred of one company, oldest first."""
    if agency is None:
        return await run(conn, _OF_COMPANY, number=business_number)
    return await run(conn, _OF_AGENCY, number=business_number, by=agency)


async def batch(conn: AsyncConnection, agency: str | None, batch_id: str) -> Record | None:
    chosen = select(batches).where(batches.c.batch_id == batch_id)
    if agency is not None:
        chosen = chosen.where(batches.c.agency == agency)
    return _one(await conn.execute(chosen))


async def batch_page(conn: AsyncConnection, batch_id: str, after: int) -> list[list[Record]]:
    """The results behind row `after`, up to the end of their thousand, and the next thousand if there is one."""
    c = batch_rows.c
    chosen = select(c.results).where(c.batch_id == batch_id, c.last_row > after).order_by(c.last_row).limit(2)
    return list(await conn.scalars(chosen))


async def counts(conn: AsyncConnection) -> dict[str, Any]:
    c = referrals.c
    by = select(c.agency, c.status, func.count()).group_by(c.agency, c.status)
    grouped: dict[str, dict[str, int]] = {}
    for agency, status, count in await conn.execute(by):
        grouped.setdefault(agency, {})[status] = count
    total = await conn.scalar(select(func.count()).select_from(companies))
    return {"companies": total, "referrals": grouped}


def _records(result: CursorResult[Any]) -> list[Record]:
    return [{str(name): value for name, value in row.items()} for row in result.mappings()]


def _one(result: CursorResult[Any]) -> Record | None:
    return next(iter(_records(result)), None)
