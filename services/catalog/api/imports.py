"""Course imports (훈련과정 일괄 등록): a source's file in, an account of every row out."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from libs.common.db import Database, Tx
from libs.common.idempotency import fingerprint, once
from libs.common.kit import Kit
from libs.common.problems import FieldError, Problem, invalid, not_found, unavailable
from libs.common.security import Caller, requires
from libs.common.upload import described, receive
from libs.common.web import IdempotencyKey, ReadConn
from libs.reference.calendar import korean_day
from services.catalog import service, store
from services.catalog.domain.fault import BadFile
from services.catalog.domain.merge import Gathered, Merged, gather
from services.catalog.parsing import Parsed, parse
from services.catalog.report import Report
from services.catalog.sources import SOURCES

router = APIRouter(prefix="/v1/course-imports", tags=["course-imports"])

CHUNK = 200
"""Courses per transaction: other writers wait no longer than for these."""


class Entry(BaseModel):
    """One row that was merged or refused, or that left a note. `line` is its first line in a CSV file."""

    row: int
    line: int | None
    field: str
    code: str
    ko: str
    en: str
    value: str | None
    repeats_row: int | None = None
    course_id: str | None = None
    session_no: int | None = None


class Lists(BaseModel):
    merged: list[Entry]
    refused: list[Entry]
    notes: list[Entry]


class CourseCounts(BaseModel):
    new: int
    changed: int
    unchanged: int


class ImportOut(BaseModel):
    """`rows` = loaded + updated + unchanged + merged + refused. `omitted` counts entries left out of the lists."""

    import_id: str
    imported_at: datetime
    source: str
    dry_run: bool
    reopen: bool
    bytes: int
    sha256: str
    rows: int
    loaded: int
    updated: int
    unchanged: int
    merged: int
    refused: int
    courses: CourseCounts
    lists: Lists
    omitted: dict[str, int]


@router.post(
    "",
    status_code=201,
    response_model=ImportOut,
    openapi_extra=described("text/csv", "application/json", "application/octet-stream"),
)
async def create(
    request: Request,
    key: IdempotencyKey,
    caller: Annotated[Caller, Depends(requires("courses:write"))],
    source: Annotated[str, Query(description=f"the file's format: {', '.join(SOURCES)}")],
    dry_run: bool = False,
    reopen: bool = False,
) -> Response:
    """Imports a file: CSV or JSON as the body, or one file in a form, up to 32 MiB.

    Courses are stored in several transactions, the account of the import with the last one. Should the process
    end between them, the same request finishes the work; rows already stored then count as unchanged.
    """
    if source not in SOURCES:
        known = ", ".join(SOURCES)
        ko, en = f"{known} 가운데 하나여야 합니다", f"must be one of {known}"
        raise invalid([FieldError("source", "unknown-value", ko, en, source)])
    kit: Kit = request.app.state.kit
    data, _ = await receive(request)
    print_ = fingerprint(request.method, request.url.path, source, str(dry_run), str(reopen), data)
    async with kit.db.reading() as conn:
        answered = await store.key_used(conn, caller.client_id, key)
    document = None if answered else await _run(kit, source, data, dry_run=dry_run, reopen=reopen)
    async with kit.db.transaction() as tx:
        return await once(tx, caller, key, print_, lambda: _record(tx, caller, document))


@router.get("/{import_id}", response_model=ImportOut, response_model_exclude_unset=True)
async def read(
    import_id: Annotated[str, Path(pattern=r"^[\x21-\x7e]{1,100}$")],
    conn: ReadConn,
    caller: Annotated[Caller, Depends(requires("courses:write"))],
) -> dict[str, Any]:
    """The account of an earlier import."""
    report = await store.import_report(conn, import_id)
    if report is None:
        raise not_found("등록 결과", "Import")
    return report


async def _run(kit: Kit, source: str, data: bytes, *, dry_run: bool, reopen: bool) -> dict[str, Any]:
    today = korean_day(kit.clock())
    try:
        parsed, found, merged = await asyncio.to_thread(lambda: _read(parse(SOURCES[source], data, today)))
    except BadFile as bad:
        raise Problem(422, bad.code, ko=bad.ko, en=bad.en, **bad.more) from bad
    report = Report(parsed.rows)
    report.add_merged(merged)
    report.add_notes(parsed.drafts)
    for place, faults in parsed.refusals:
        report.add_refused(place, faults)
    for start in range(0, len(found), CHUNK):
        made = await _chunk(kit.db, found[start : start + CHUNK], dry_run, reopen)
        for change in made.changes:
            report.add_change(change)
        for place, faults in made.refusals:
            report.add_refused(place, faults)
    about = {"source": source, "dry_run": dry_run, "reopen": reopen, "bytes": len(data)}
    return about | {"sha256": sha256(data).hexdigest()} | report.document()


def _read(parsed: Parsed) -> tuple[Parsed, list[Gathered], list[Merged]]:
    return parsed, *gather(parsed.drafts)


async def _chunk(db: Database, found: Sequence[Gathered], dry_run: bool, reopen: bool) -> service.Plan:
    if dry_run:
        async with db.reading() as conn:
            return await service.plan(conn, found, reopen)
    async with db.transaction() as tx:
        return await service.load(tx, found, reopen)


async def _record(tx: Tx, caller: Caller, document: dict[str, Any] | None) -> tuple[int, dict[str, Any]]:
    if document is None:
        # The key's answer was purged between looking and now.
        raise unavailable()
    import_id = tx.new_id()
    account = ImportOut.model_validate({"import_id": import_id, "imported_at": tx.now, **document})
    report = account.model_dump(mode="json", exclude_unset=True)
    await store.add_import(tx.conn, import_id, caller.client_id, report, tx.now)
    return 201, report
