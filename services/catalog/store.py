"""Tables and queries of the catalog. A course is one row: its sessions are read and written with it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    RowMapping,
    Table,
    Text,
    func,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.columns import Json, UtcTime
from libs.common.rows import upsert_rows
from libs.common.tables import kit_tables
from libs.contracts.catalog import Course
from services.catalog.domain.merge import Change, Known

metadata = MetaData()

courses = Table(
    "courses",
    metadata,
    Column("course_id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("programme", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("ai", Boolean, nullable=False),
    Column("hours", Integer),
    Column("unit_price", BigInteger),
    Column("ncs_code", Text),
    Column("region_code", Text),
    Column("url", Text),
    Column("target_ksic", Json, nullable=False),
    Column("sessions", Json, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("version", Integer, nullable=False),
    Column("change_no", BigInteger, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    Index("courses_by_change", "change_no", "course_id"),
)

changes = Table(
    "changes", metadata, Column("id", Integer, primary_key=True), Column("last", BigInteger, nullable=False)
)
"""One row, made by the migration: the number of the last transaction that changed courses."""

imports = Table(
    "imports",
    metadata,
    Column("import_id", Text, primary_key=True),
    Column("client", Text, nullable=False),
    Column("report", Json, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

kit_tables(metadata)

_COURSE = tuple(name for name in Course.model_fields)


async def next_change(conn: AsyncConnection) -> int:
    """The number of this transaction's changes. Writers take turns on its row until they commit: two imports
    cannot both build on the same version, and a reader that follows the numbers misses nothing."""
    number = await conn.scalar(update(changes).values(last=changes.c.last + 1).returning(changes.c.last))
    assert isinstance(number, int), "the migration makes this row"
    return number


async def known(conn: AsyncConnection, course_ids: Iterable[str]) -> dict[str, Known]:
    rows = await conn.execute(select(courses).where(courses.c.course_id.in_(list(course_ids))))
    return {row["course_id"]: as_known(row) for row in rows.mappings()}


def as_known(row: RowMapping) -> Known:
    course = Course.model_validate({name: row[name] for name in _COURSE})
    return Known(course, row["status"], row["version"])


async def write(
    conn: AsyncConnection, found: Sequence[Change], change_no: int, now: datetime, reason: str | None = None
) -> None:
    rows = [
        change.course.model_dump(mode="json")
        | {"status": change.status, "reason": reason, "version": change.version}
        | {"change_no": change_no, "changed_at": now}
        for change in found
    ]
    await upsert_rows(conn, courses, rows, key="course_id")


async def counts(conn: AsyncConnection) -> dict[str, int]:
    """Courses by status."""
    grouped = select(courses.c.status, func.count()).group_by(courses.c.status)
    return {f"courses_{status}": count for status, count in await conn.execute(grouped)}


async def course(conn: AsyncConnection, course_id: str) -> RowMapping | None:
    return (await conn.execute(select(courses).where(courses.c.course_id == course_id))).mappings().one_or_none()


async def page(
    conn: AsyncConnection,
    filters: dict[str, Any],
    region: str | None,
    words: str | None,
    after: tuple[int, str],
    limit: int,
) -> Sequence[RowMapping]:
    """Courses in the order of their last change. `region` is a code or the first digits of one."""
    wanted = select(courses).where(tuple_(courses.c.change_no, courses.c.course_id) > tuple_(*after))
    for name, value in filters.items():
        wanted = wanted.where(courses.c[name] == value)
    if region:
        wanted = wanted.where(courses.c.region_code.startswith(region, autoescape=True))
    for word in (words or "").split():
        wanted = wanted.where((courses.c.title + " " + courses.c.provider).icontains(word, autoescape=True))
    rows = await conn.execute(wanted.order_by(courses.c.change_no, courses.c.course_id).limit(limit))
    return rows.mappings().all()


async def add_import(conn: AsyncConnection, import_id: str, client: str, report: dict[str, Any], now: datetime) -> None:
    await conn.execute(insert(imports).values(import_id=import_id, client=client, report=report, created_at=now))


async def import_report(conn: AsyncConnection, import_id: str) -> dict[str, Any] | None:
    report: dict[str, Any] | None = await conn.scalar(select(imports.c.report).where(imports.c.import_id == import_id))
    return report


async def key_used(conn: AsyncConnection, client: str, key: str) -> bool:
    """Whether this Idempotency-Key has its answer already."""
    table = metadata.tables["idempotency"]
    this = (table.c.client == client) & (table.c.key == key)
    return (await conn.execute(select(table.c.key).where(this))).first() is not None
