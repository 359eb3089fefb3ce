"""Quotes: asked by national clients, and read again with their receipts."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from libs.common.problems import FieldError, Problem, invalid, not_found
from libs.common.security import Caller, requires
from libs.common.web import ReadConn, WriteTx
from services.subsidy import service, store
from services.subsidy.api.desk import Desk, no_policy
from services.subsidy.api.question import QuoteIn, errors, facts_of, plain
from services.subsidy.api.receipt import Answer, StoredReceipt, WhatIf
from services.subsidy.domain import FORMULAS, RULES, PolicyError

router = APIRouter(prefix="/v1/quotes", tags=["quotes"])


async def national(caller: Annotated[Caller, Depends(requires("quotes:read"))]) -> Caller:
    if caller.agency is not None:
        ko = (
            "기관은 연계 조회(/v1/referrals)에서 자기 기업의 추천과 가격을 봅니다. 이 주소는 기관에 열려 있지 않습니다."
        )
        en = "Agencies see prices with their referrals (/v1/referrals); this address is not open to agencies."
        raise Problem(403, "national-clients-only", ko=ko, en=en)
    return caller


@router.post("", status_code=201, response_model=Answer)
async def ask(
    body: QuoteIn,
    tx: WriteTx,
    desk: Desk,
    caller: Annotated[Caller, Depends(requires("quotes:write"))],
    what_if: Annotated[bool, Query(description="also what another day or another choice would change")] = False,
) -> Response:
    """The receipt for stated facts. The same question under the same policy has the same quote id."""
    await desk.follow(tx.conn)
    try:
        snapshot = desk.snapshot(body.applied_on, body.known_on)
        quote = FORMULAS[RULES](facts_of(body, snapshot), snapshot)
    except PolicyError as error:
        if not (wrong := errors(body)):
            raise no_policy(error) from error
        day = "known_on" if error.code == "policy-not-known" else "applied_on"
        raise invalid([*wrong, FieldError(day, error.code, error.ko, error.en)]) from error
    if not plain(body, quote) and (wrong := errors(body)):
        raise invalid(wrong)
    receipt = await service.answer(tx, desk, quote)
    if what_if:
        receipt = receipt[:-1] + b',"what_if":' + orjson.dumps(service.what_if(desk, quote)) + b"}"
    return Response(receipt, 201, media_type="application/json")


@router.get("/{quote_id}", response_model=StoredReceipt)
async def read(
    quote_id: Annotated[str, Path(max_length=100, pattern=r"^[^\x00]+$")],
    conn: ReadConn,
    desk: Desk,
    caller: Annotated[Caller, Depends(national)],
) -> Response:
    """The receipt of a stored quote, as it was."""
    row = await store.quote(conn, quote_id)
    if row is None:
        raise not_found("견적", "Quote")
    return Response(await service.receipt(conn, desk, row), media_type="application/json")


@router.get("/{quote_id}/what-if")
async def what_if(
    quote_id: Annotated[str, Path(max_length=100, pattern=r"^[^\x00]+$")],
    conn: ReadConn,
    desk: Desk,
    caller: Annotated[Caller, Depends(national)],
) -> WhatIf:
    """What another day of application or another choice would change of a stored quote."""
    row = await store.quote(conn, quote_id)
    if row is None:
        raise not_found("견적", "Quote")
    await desk.follow(conn)
    return WhatIf(**service.what_if(desk, await service.stored(conn, desk, row)))
