"""Referral files: a ministry's whole list in, an account of every row out."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from libs.common.db import Tx
from libs.common.idempotency import fingerprint
from libs.common.kit import Kit
from libs.common.problems import Problem, not_found
from libs.common.upload import receive
from libs.common.web import IdempotencyKey, ReadConn
from libs.reference.calendar import korean_day
from services.interagency import files, service, store
from services.interagency.api import shown
from services.interagency.api.referrals import Referrer, Writer, reader_for
from services.interagency.api.turns import in_turn
from services.interagency.domain.draft import Draft, Fault, Reader
from services.interagency.domain.table import Row, Sheet, Unreadable

router = APIRouter(prefix="/v1/referral-batches", tags=["referral-batches"])
MOST_LISTED = 10_000
"""Rows listed in an answer: a wholly wrong file says the same thing every time. Counts stay exact."""


@router.post("", responses={413: {"description": "파일이 너무 큽니다 / the file is too large"}})
async def refer_file(request: Request, key: IdempotencyKey, caller: Writer, dry_run: bool = False) -> Response:
    """CSV, NDJSON or XLSX. Good rows are stored in one transaction, bad ones reported with row and field.

    The companies are registered right after, in the background; a crash in between loses nothing. The
    same file again changes nothing: its rows are `duplicates`.
    """
    agency = shown.partner(caller)
    kit: Kit = request.app.state.kit
    data, media = await receive(request)
    print_ = fingerprint("POST", request.url.path, str(dry_run), data)
    now = kit.clock()
    reader = reader_for(request.app.state.matrix, agency, korean_day(now))
    try:
        sheet, drafts = await asyncio.to_thread(read_file, data, media, reader)
    except Unreadable as error:
        fault = error.fault
        errors = [shown.fault(fault)]
        raise Problem(error.status, fault.code, ko=fault.ko, en=fault.en, errors=errors) from error

    async def work(tx: Tx) -> tuple[int, Any]:
        report, accepted = await account(tx, agency, sheet, drafts, dry_run)
        await service.store_batch(tx, report["batch_id"], agency, accepted, kit.keyring, report)
        return 200, report

    return await in_turn(kit, caller, key, print_, work)


Drafts = list[tuple[int, Draft | tuple[Fault, ...]]]


def read_file(data: bytes, media: str, reader: Reader) -> tuple[Sheet, Drafts]:
    sheet = files.read(data, media)
    return sheet, [(row.number, _draft(row, reader)) for row in sheet.rows]


def _draft(row: Row, reader: Reader) -> Draft | tuple[Fault, ...]:
    return row.faults or reader.read(row.cells)


async def account(
    tx: Tx, agency: str, sheet: Sheet, drafts: Drafts, dry_run: bool
) -> tuple[dict[str, Any], list[tuple[int, Draft]]]:
    """What becomes of every row, and what is to be stored."""
    batch_id = tx.new_id()
    good = [draft for _, draft in drafts if isinstance(draft, Draft)]
    numbers = [draft.business_number for draft in good]
    known = await store.known_numbers(tx.conn, numbers)
    existing: dict[tuple[str, str], str] = await store.existing(tx.conn, agency, numbers)
    first_row: dict[tuple[str, str], int] = {}
    counts: Counter[str] = Counter()
    listed: list[dict[str, Any]] = []
    accepted: list[tuple[int, Draft]] = []
    for number, draft in drafts:
        if not isinstance(draft, Draft):
            counts["refused"] += 1
            _list(listed, number, "refused", {"errors": [shown.fault(fault) for fault in draft]})
            continue
        place = (draft.business_number, draft.programme)
        if place in first_row or place in existing:
            counts["duplicates"] += 1
            _list(listed, number, "duplicate", _repeats(place, existing, first_row))
            continue
        first_row[place] = number
        counts["accepted"] += 1
        counts["recognised"] += draft.business_number in known
        if draft.notes:
            _list(listed, number, "accepted", {"notes": [shown.fault(note) for note in draft.notes]})
        accepted.append((number, draft))
    report = {
        "batch_id": batch_id,
        "dry_run": dry_run,
        "rows": len(drafts),
        **{name: counts[name] for name in ("accepted", "duplicates", "refused", "recognised")},
        "results": listed,
        "omitted": max(0, counts["refused"] + counts["duplicates"] - len(listed)),
        "notes": [shown.fault(note) for note in sheet.notes],
        "links": {"self": f"/v1/referral-batches/{batch_id}", "referrals": f"/v1/referrals?batch_id={batch_id}"},
    }
    return report, [] if dry_run else accepted


def _list(listed: list[dict[str, Any]], number: int, result: str, more: Mapping[str, Any]) -> None:
    if len(listed) < MOST_LISTED:
        listed.append({"row": number, "result": result, **more})


def _repeats(
    place: tuple[str, str], existing: Mapping[tuple[str, str], str], first_row: Mapping[tuple[str, str], int]
) -> dict[str, Any]:
    if place in first_row:
        row = first_row[place]
        ko, en = f"{row}행과 같은 기업·사업입니다.", f"The same company and programme as row {row}."
        return {"repeats_row": row, "ko": ko, "en": en}
    ko, en = "이미 연계된 기업·사업입니다.", "This company and programme were referred before."
    return {"referral_id": existing[place], "ko": ko, "en": en}


@router.get("/{batch_id}")
async def read(batch_id: str, conn: ReadConn, caller: Referrer) -> dict[str, Any]:
    """The account of a file, as it was given when it came."""
    row = await store.batch(conn, caller.agency, batch_id)
    if row is None:
        raise not_found("연계 파일", "Batch")
    report: dict[str, Any] = row["report"]
    return {**report, "created_at": row["created_at"]}
