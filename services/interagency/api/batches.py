"""Referral files: a ministry's whole list in, an account of every row out."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from libs.common.db import Tx
from libs.common.idempotency import fingerprint
from libs.common.kit import Kit
from libs.common.problems import Problem, not_found
from libs.common.security import Caller
from libs.common.upload import described, receive
from libs.common.web import IdempotencyKey, ReadConn
from libs.reference.calendar import korean_day
from services.interagency import files, service, store
from services.interagency.api import shown
from services.interagency.api.referrals import Referrer, Writer, reader_for
from services.interagency.api.turns import in_turn
from services.interagency.domain.account import Drafts, results_of
from services.interagency.domain.draft import Draft, Fault, Reader
from services.interagency.domain.table import Sheet, Unreadable

router = APIRouter(prefix="/v1/referral-batches", tags=["referral-batches"])


@router.post(
    "",
    responses={413: {"description": "파일이 너무 큽니다 / the file is too large"}},
    openapi_extra=described(files.CSV, files.NDJSON, files.XLSX),
)
async def refer_file(request: Request, caller: Writer, key: IdempotencyKey, dry_run: bool = False) -> Response:
    """CSV, NDJSON or XLSX. Good rows are stored in one transaction, bad ones reported with row and field.

    `rows` = `accepted` + `duplicates` + `refused`; `recognised` are accepted rows of companies known before. `results`
    holds every row of a file of up to 10,000 rows. Of a longer one it holds up to 10,000 results, refused rows first to
    be kept; `links.rows` has all of them, page by page. An accepted row's `referral_id` is `batch_id.row`.

    The companies are registered right after, in the background; a crash in between loses nothing. The
    same file again changes nothing: its rows are `duplicates`.
    """
    agency = shown.partner(caller)
    kit: Kit = request.app.state.kit
    data, media = await receive(request)
    print_ = await asyncio.to_thread(fingerprint, "POST", request.url.path, str(dry_run), data)
    now = kit.clock()
    reader = reader_for(request.app.state.matrix, agency, korean_day(now))
    try:
        sheet, drafts = await asyncio.to_thread(read_file, data, media, reader)
    except Unreadable as error:
        fault = error.fault
        raise Problem(error.status, fault.code, ko=fault.ko, en=fault.en, errors=[fault.shown()]) from error

    async def work(tx: Tx) -> tuple[int, Any]:
        report, accepted = await account(tx, agency, sheet, drafts, dry_run)
        return 200, await service.store_batch(tx, report["batch_id"], agency, accepted, kit.keyring, report)

    return await in_turn(kit, caller, key, print_, work)


def read_file(data: bytes, media: str, reader: Reader) -> tuple[Sheet, list[tuple[int, Draft | tuple[Fault, ...]]]]:
    sheet = files.read(data, media)
    read_row = reader.read
    return sheet, [(row.number, row.faults or read_row(row.cells)) for row in sheet.rows]


async def account(
    tx: Tx, agency: str, sheet: Sheet, drafts: Drafts, dry_run: bool
) -> tuple[dict[str, Any], list[tuple[int, Draft]]]:
    """What becomes of every row, and what is to be stored."""
    batch_id = tx.new_id()
    numbers = [draft.business_number for _, draft in drafts if isinstance(draft, Draft)]
    known, existing = await store.earlier(tx.conn, agency, numbers)
    named = None if dry_run else batch_id
    counts, results, accepted = await asyncio.to_thread(results_of, drafts, known, existing, named)
    here = f"/v1/referral-batches/{batch_id}"
    report = {
        "batch_id": batch_id,
        "dry_run": dry_run,
        **counts,
        "results": results,
        "notes": [note.shown() for note in sheet.notes],
        "links": {"self": here, "rows": f"{here}/rows", "referrals": f"/v1/referrals?batch_id={batch_id}"},
    }
    return report, [] if dry_run else accepted


Batch = Annotated[str, Path(pattern=shown.PLAIN)]


@router.get("/{batch_id}")
async def read(batch_id: Batch, conn: ReadConn, caller: Referrer) -> dict[str, Any]:
    """The account of a file, as it was given when it came."""
    row = await _mine(conn, caller, batch_id)
    return {**row["report"], "created_at": row["created_at"]}


@router.get("/{batch_id}/rows")
async def results(
    batch_id: Batch, conn: ReadConn, caller: Referrer, after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0
) -> dict[str, Any]:
    """The results of a file behind row `after`, up to a thousand; `next` goes into `after` of the next request."""
    await _mine(conn, caller, batch_id)
    pages = await store.batch_page(conn, batch_id, after)
    items = [result for result in pages[0] if result["row"] > after] if pages else []
    return {"items": items, "next": items[-1]["row"] if items else after, "more": len(pages) > 1}


async def _mine(conn: AsyncConnection, caller: Caller, batch_id: str) -> store.Record:
    row = await store.batch(conn, caller.agency, batch_id)
    if row is None:
        raise not_found("연계 파일", "Batch")
    return row
