"""Courses one by one: read, search, publish, withdraw."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from sqlalchemy import RowMapping
from starlette.responses import Response

from libs.common.db import Tx
from libs.common.idempotency import fingerprint, once
from libs.common.problems import FieldError, invalid, not_found
from libs.common.security import Caller, requires
from libs.common.web import IdempotencyKey, ReadConn, WriteTx
from libs.contracts.catalog import AxLevel, Course, Mode
from libs.reference.calendar import korean_day
from services.catalog import service, store
from services.catalog.domain.draft import Place
from services.catalog.domain.fault import Fault, Refused
from services.catalog.domain.merge import Gathered, Numbered, Status, gather
from services.catalog.domain.text import clean
from services.catalog.sources.base import fold
from services.catalog.sources.ieum import SOURCE

router = APIRouter(prefix="/v1/courses", tags=["courses"])

CourseId = Annotated[str, Path(pattern=r"^[\x21-\x7e]+$", max_length=1_000)]
Word = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=100)]
"""No control characters: PostgreSQL takes no NUL in text."""

Writer = Annotated[Caller, Depends(requires("courses:write"))]
Reader = Annotated[Caller, Depends(requires("courses:read"))]


class SessionIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    session_no: int
    starts_on: date | None = None
    ends_on: date | None = None
    capacity: int | None = None
    fee: int | None = None


class CourseIn(BaseModel):
    """One course, under the same rules as a row of the `ieum` format. Level, field and ai may be left out."""

    model_config = ConfigDict(extra="forbid")

    course_id: str = Field(description="the institution's own id; the catalog's is `ieum:` and this")
    programme: str = Field(description="P1–P28 or a scheme code such as C0041T")
    title: str
    provider: str
    mode: Mode
    level: AxLevel | None = None
    field: str | None = None
    ai: bool | None = None
    hours: int | None = None
    unit_price: int | None = Field(None, description="직종별 기준단가, won per hour")
    ncs_code: str | None = None
    region: str | None = Field(None, description="5-digit region code, or a place in words")
    url: str | None = None
    target_ksic: tuple[str, ...] = Field((), max_length=50)
    sessions: tuple[SessionIn, ...] = Field((), max_length=service.MOST_SESSIONS)


class CourseOut(Course):
    """A course as it stands. `cursor` follows it in the order of changes."""

    status: Status
    reason: str | None = Field(description="why it was withdrawn")
    version: int
    changed_at: datetime
    cursor: str


class CoursePage(BaseModel):
    """`next` is the cursor for the next request, also after the last page: later changes come behind it."""

    items: list[CourseOut]
    next: str | None
    more: bool


class Withdrawal(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Annotated[
        str,
        BeforeValidator(lambda value: clean(value) if isinstance(value, str) else value),
        Field(min_length=1, max_length=500),
    ]


class Search(BaseModel):
    """Filters; `after` is a cursor. Without `status` only courses on offer are listed."""

    model_config = ConfigDict(extra="forbid")

    after: str | None = Field(None, pattern=r"^\d{1,18}~[\x21-\x7e]{1,1000}$")
    limit: int = Field(50, ge=1, le=200)
    status: Status = "offered"
    programme: Word | None = None
    level: AxLevel | None = None
    field: Word | None = None
    mode: Mode | None = None
    source: Word | None = None
    ai: bool | None = None
    region: str | None = Field(None, pattern=r"^\d{2,5}$", description="region code or its first digits (시도)")
    q: Word | None = Field(None, description="words that title or provider hold")

    def filters(self) -> dict[str, Any]:
        names = ("status", "programme", "level", "field", "mode", "source", "ai")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


@router.get("")
async def search(conn: ReadConn, caller: Reader, query: Annotated[Search, Query()]) -> CoursePage:
    """Courses in the order of their last change: pages, and later what changed since a cursor."""
    number, _, course_id = (query.after or "0~").partition("~")
    rows = await store.page(conn, query.filters(), query.region, query.q, (int(number), course_id), query.limit + 1)
    items = [_shown(row) for row in rows[: query.limit]]
    return CoursePage(items=items, next=items[-1].cursor if items else query.after, more=len(rows) > query.limit)


@router.get("/{course_id}")
async def read(course_id: CourseId, conn: ReadConn, caller: Reader) -> CourseOut:
    """One course, with every session ever known of it."""
    row = await store.course(conn, course_id)
    if row is None:
        raise not_found("훈련과정", "Course")
    return _shown(row)


@router.post("", status_code=201, response_model=CourseOut)
async def publish(
    request: Request, body: CourseIn, tx: WriteTx, key: IdempotencyKey, caller: Writer, reopen: bool = False
) -> Response:
    """Publishes one course, or a new state of it. Sessions that are left out stay as they are."""
    rows = _drafts(body, korean_day(tx.now))
    print_ = fingerprint(request.method, request.url.path, str(reopen), await request.body())
    return await once(tx, caller, key, print_, lambda: _publish(tx, rows, reopen))


@router.post("/{course_id}/withdraw")
async def withdraw(course_id: CourseId, body: Withdrawal, tx: WriteTx, caller: Writer) -> CourseOut:
    """Takes a course out of the offer. Imports leave it so, unless they say `reopen=true`."""
    await service.withdraw(tx, course_id, body.reason)
    row = await store.course(tx.conn, course_id)
    assert row is not None
    return _shown(row)


async def _publish(tx: Tx, found: Gathered, reopen: bool) -> tuple[int, dict[str, Any]]:
    made = await service.load(tx, [found], reopen)
    if made.refusals:
        raise service.withdrawn_problem()
    row = await store.course(tx.conn, found.course_id)
    assert row is not None
    is_new = found.course_id not in made.before
    return 201 if is_new else 200, _shown(row).model_dump(mode="json")


def _drafts(body: CourseIn, today: date) -> Gathered:
    """The body as rows of the `ieum` format, so that both ways in have one set of rules."""
    course = body.model_dump(mode="json", exclude={"sessions"}) | {"target_ksic": ";".join(body.target_ksic)}
    sessions = [session.model_dump(mode="json") for session in body.sessions] or [{}]
    errors: dict[tuple[str, str], FieldError] = {}
    drafts: list[Numbered] = []
    for number, session in enumerate(sessions):
        values = {fold(name): None if value is None else str(value) for name, value in (course | session).items()}
        try:
            drafts.append((Place(number), SOURCE.read(values, today)))
        except Refused as refused:
            for fault in refused.faults:
                error = _error(fault, f"sessions.{number}." if fault.field in session else "")
                errors.setdefault((error.field, error.code), error)
    found, merged = gather(drafts)
    for one in merged:
        field = f"sessions.{one.place.row}.session_no"
        error = FieldError(field, "duplicate", "회차 번호가 겹칩니다", "stands twice", one.session_no)
        errors.setdefault((field, "duplicate"), error)
    if errors:
        raise invalid(list(errors.values()))
    return found[0]


def _error(fault: Fault, prefix: str) -> FieldError:
    return FieldError(prefix + fault.field, fault.code, fault.ko, fault.en, fault.value)


def _shown(row: RowMapping) -> CourseOut:
    return CourseOut.model_validate({**row, "cursor": f"{row['change_no']}~{row['course_id']}"})
