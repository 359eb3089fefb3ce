"""Quotes: asked by national clients, and read again with their receipts."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from libs.common.problems import Problem, invalid, not_found
from libs.common.security import Caller, requires
from libs.common.web import ReadConn, WriteTx
from services.subsidy import service, store
from services.subsidy.api.desk import Desk, no_policy
from services.subsidy.api.question import QuoteIn, errors
from services.subsidy.api.receipt import Receipt, StoredReceipt
from services.subsidy.domain import Facts, NoPolicyYet, place, size_of

router = APIRouter(prefix="/v1/quotes", tags=["quotes"])


async def national(caller: Annotated[Caller, Depends(requires("quotes:read"))]) -> Caller:
    if caller.agency is not None:
        ko = (
            "기관은 연계 조회(/v1/referrals)에서 자기 기업의 추천과 가격을 봅니다. 이 주소는 기관에 열려 있지 않습니다."
        )
        en = "Agencies see prices with their referrals (/v1/referrals); this address is not open to agencies."
        raise Problem(403, "national-clients-only", ko=ko, en=en)
    return caller


@router.post("", status_code=201, response_model=Receipt)
async def ask(
    body: QuoteIn, tx: WriteTx, desk: Desk, caller: Annotated[Caller, Depends(requires("quotes:write"))]
) -> Response:
    """The receipt for stated facts. The same question under the same policy has the same quote id."""
    if wrong := errors(body):
        raise invalid(wrong)
    company, course = body.company, body.course
    size_class, basis = size_of(company.size_class, company.headcount, company.ksic_version, company.ksic_code)
    facts = Facts(
        programme=course.programme,
        mode=course.mode,
        level=course.level,
        ai=course.ai,
        hours=course.hours,
        fee=course.fee,
        unit_price=course.unit_price,
        people=body.people,
        size_class=size_class,
        size_basis=basis,
        workplace=place(company.region_code, body.applied_on) if company.region_code else None,
        institution=place(course.institution_region, body.applied_on) if course.institution_region else None,
    )
    try:
        receipt = await service.answer(tx, desk, facts, body.applied_on)
    except NoPolicyYet as error:
        raise no_policy(error) from error
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
