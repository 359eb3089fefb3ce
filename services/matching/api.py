"""Recommendations over HTTP: the hot read as plain ASGI, and the preview."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from libs.common.problems import FieldError, Problem, invalid
from libs.common.security import Caller, Verifier, requires
from libs.common.web import ReadConn
from libs.contracts.catalog import AxLevel, Mode
from libs.contracts.diagnosis import AssessmentCompletedV1, Reason
from libs.contracts.interagency import CompanyFacts
from libs.contracts.matching import CourseOffer
from libs.reference import CodeError, ksic, regions
from libs.reference.calendar import korean_day
from services.matching import service
from services.matching.service.answers import Answer, Answers

SCOPE = "recommendations:read"
PATH = "/v1/recommendations/{company}"

router = APIRouter(prefix="/v1/recommendations", tags=["recommendations"])

FieldName = Literal["planning", "production", "marketing", "hr", "support", "market", "office", "knowledge"]
HourBand = Literal["lt4", "4to8", "8to16", "16to40", "gte40"]


class PriceOut(BaseModel):
    """Won per person on `priced_on`; `cost = support + self_pay` where `status` is quoted."""

    status: Literal["pricing", "quoted", "ineligible", "unpriced"]
    quote_id: str | None = None
    cost: int | None = None
    support: int | None = None
    self_pay: int | None = None
    rule_ids: list[str] = []
    citations: list[str] = []
    reasons: list[Reason] = []


class CourseOut(CourseOffer):
    price: PriceOut


class RecommendationOut(BaseModel):
    """`status` is pricing until the quote of this `version` is there; `as_of` is when the list was made."""

    company_id: str
    business_number: str | None
    level: AxLevel
    version: int
    status: Literal["pricing", "priced", "empty"]
    as_of: datetime
    priced_on: date | None
    policy_version: str | None
    courses: list[CourseOut]


class Wishes(BaseModel):
    """What the company asks for; an empty list leaves it to what SMEs ask for in general."""

    model_config = ConfigDict(extra="forbid")

    fields: list[FieldName] = []
    modes: list[Mode] = []
    hours: list[HourBand] = []


class PreviewIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    region_code: str = Field(max_length=20)
    ksic_version: Literal["10", "11"] = "10"
    ksic_code: str | None = Field(None, max_length=20)
    headcount: int | None = Field(None, ge=0, le=1_000_000)
    level: AxLevel
    wishes: Wishes = Wishes()


class PreviewOut(BaseModel):
    as_of: date
    level: AxLevel
    courses: list[CourseOffer]


class HotRead:
    """GET of one recommendation. Mounted as a route of its own before all others: bytes that are ready go out
    without request objects, validation or a database."""

    __name__ = "recommendation"

    def __init__(self, verifier: Verifier, answers: Answers) -> None:
        self._verifier, self._answers = verifier, answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        authorization = known = b""
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value
            elif name == b"if-none-match":
                known = value
        _admit(await self._verifier.verify(authorization.decode("latin-1")))
        company = scope["path_params"]["company"]
        answer = self._answers.kept(company) or await self._answers.load(company)
        status, headers, body = _message(answer, known)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def hot_route(verifier: Verifier, answers: Answers) -> Route:
    return Route(PATH, HotRead(verifier, answers), methods=["GET"], include_in_schema=False)


def _admit(caller: Caller) -> None:
    """Partners see what became of their own referrals at interagency; which company is whose is not known here."""
    caller.need(SCOPE)
    if caller.agency is not None:
        raise Problem(
            403,
            "national-clients-only",
            ko="기관은 연계한 기업의 결과를 /v1/referrals/{referral_id} 에서 볼 수 있습니다.",
            en="Agencies see the outcome for the companies they referred at /v1/referrals/{referral_id}.",
        )


def _message(answer: Answer, known: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    headers = [(b"etag", answer.etag), (b"cache-control", b"private, no-cache")]
    if known and (answer.etag in known or known == b"*"):
        return 304, headers, b""
    headers += [(b"content-type", b"application/json"), (b"content-length", str(len(answer.body)).encode())]
    return 200, headers, answer.body


@router.get("/{company}", response_model=RecommendationOut, responses={304: {"description": "unchanged"}})
async def recommendation(
    request: Request, company: str, caller: Annotated[Caller, Depends(requires(SCOPE))]
) -> Response:
    """What is recommended to one company, by company id or 사업자등록번호, with reasons and prices.

    `HotRead` answers in front of this route, which documents it and does the same.
    """
    _admit(caller)
    answers: Answers = request.app.state.answers
    answer = answers.kept(company) or await answers.load(company)
    status, headers, body = _message(answer, request.headers.get("if-none-match", "").encode("latin-1"))
    return Response(body, status, {name.decode(): value.decode() for name, value in headers})


@router.post("/preview")
async def preview(
    request: Request, body: PreviewIn, conn: ReadConn, caller: Annotated[Caller, Depends(requires(SCOPE))]
) -> PreviewOut:
    """The courses that a company like this would be recommended today. Nothing is stored."""
    state = request.app.state
    now = state.kit.clock()
    wishes = {
        "field_weights": dict.fromkeys(body.wishes.fields, 1.0),
        "mode_weights": dict.fromkeys(body.wishes.modes, 1.0),
        "hour_weights": dict.fromkeys(body.wishes.hours, 1.0),
    }
    assessment = AssessmentCompletedV1(
        company_id="",
        version=1,
        level=body.level,
        confidence=100,
        provisional=not any(wishes.values()),
        assessed_at=now,
        **wishes,
    )
    day = korean_day(now)
    courses = await service.preview(conn, state.replica, _facts(body, day), assessment, day)
    return PreviewOut(as_of=day, level=body.level, courses=list(courses))


def _facts(body: PreviewIn, day: date) -> CompanyFacts:
    """Raises a 422 `Problem` that names every code in error."""
    errors: list[FieldError] = []
    region = industry = None
    try:
        region = regions.resolve(body.region_code, day).code
    except CodeError as error:
        errors.append(_field_error("region_code", error, body.region_code))
    if body.ksic_code is not None:
        try:
            industry = ksic.parse(body.ksic_code, body.ksic_version).code
        except CodeError as error:
            errors.append(_field_error("ksic_code", error, body.ksic_code))
    if errors or region is None:
        raise invalid(errors)
    return CompanyFacts(
        size_class=None,
        region_code=region,
        ksic_version=body.ksic_version if industry else None,
        ksic_code=industry,
        headcount=body.headcount,
    )


def _field_error(name: str, error: CodeError, value: Any) -> FieldError:
    return FieldError(name, error.code, error.ko, error.en, value)
