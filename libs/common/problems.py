"""Errors as RFC 9457 problem details, Korean first and English second."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import Response

from libs.common.db import unwell

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field. `row` is as a person counts in the file; None outside files."""

    field: str
    code: str
    ko: str
    en: str
    value: Any = None
    row: int | None = None


class Problem(Exception):
    """An answer that is not a success. `code` is stable; `more` become members of the document."""

    def __init__(
        self, status: int, code: str, *, ko: str, en: str, headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code, self.ko, self.en = status, code, ko, en
        self.headers, self.more = headers or {}, more

    def document(self) -> dict[str, Any]:
        return {
            "type": f"urn:ieum:problem:{self.code}",
            "title": self.ko,
            "title_en": self.en,
            "status": self.status,
            **self.more,
        }

    def response(self) -> Response:
        body = orjson.dumps(self.document(), default=str)
        return Response(body, self.status, self.headers, media_type="application/problem+json")


_TEXT = {"type": "string"}
_FIELDS = {
    "field": {**_TEXT, "description": "어느 값 / which value"},
    "row": {"type": "integer", "description": "파일의 행 / row of the file"},
    **dict.fromkeys(("code", "ko", "en"), _TEXT),
    "value": {"description": "보낸 값 / what was sent"},
}
ANSWERS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "오류: 한국어와 영어로 적은 RFC 9457 문서 / any error as RFC 9457 problem details",
        "content": {
            "application/problem+json": {
                "schema": {
                    "type": "object",
                    "required": ["type", "title", "title_en", "status"],
                    "properties": {
                        "type": {**_TEXT, "description": "urn:ieum:problem:…, 바뀌지 않음 / stable"},
                        **dict.fromkeys(("title", "title_en"), _TEXT),
                        "status": {"type": "integer"},
                        "errors": {"type": "array", "items": {"type": "object", "properties": _FIELDS}},
                    },
                }
            }
        },
    }
}
"""What every request may answer beside its success, for OpenAPI."""


def invalid(errors: Sequence[FieldError]) -> Problem:
    """422 with every bad field at once."""
    return Problem(
        422,
        "invalid-input",
        ko=f"입력값 {len(errors)}곳을 고쳐 주세요.",
        en=f"Please correct {len(errors)} field(s).",
        errors=[{key: _shown(value) for key, value in asdict(e).items() if value is not None} for e in errors],
    )


def _shown(value: Any) -> Any:
    """JSON numbers of this answer have 64 bits, its text no half characters; what was sent may have."""
    if isinstance(value, int) and value.bit_length() > 63:
        return str(value)
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def not_found(what_ko: str, what_en: str) -> Problem:
    return Problem(404, "not-found", ko=f"{what_ko}을(를) 찾을 수 없습니다.", en=f"{what_en} not found.")


_STATUS = {
    400: ("bad-request", "요청을 읽을 수 없습니다.", "The request cannot be read."),
    404: ("not-found", "주소를 찾을 수 없습니다.", "There is nothing at this address."),
    405: ("method-not-allowed", "이 주소에서는 쓸 수 없는 방식입니다.", "This method is not allowed here."),
    413: ("too-large", "본문이 너무 큽니다.", "The body is too large."),
    415: ("unsupported-media-type", "지원하지 않는 형식입니다.", "This media type is not supported."),
}

_KOREAN = {
    "missing": "꼭 있어야 하는 값입니다.",
    "extra_forbidden": "모르는 항목입니다.",
    "json_invalid": "JSON 형식이 아닙니다.",
    "int_parsing": "정수여야 합니다.",
    "int_type": "정수여야 합니다.",
    "int_from_float": "정수여야 합니다.",
    "string_type": "글자(문자열)여야 합니다.",
    "bool_parsing": "참 또는 거짓이어야 합니다.",
    "date_from_datetime_parsing": "날짜(YYYY-MM-DD)여야 합니다.",
    "date_parsing": "날짜(YYYY-MM-DD)여야 합니다.",
    "literal_error": "다음 가운데 하나여야 합니다: {expected}.",
    "enum": "다음 가운데 하나여야 합니다: {expected}.",
    "greater_than_equal": "{ge} 이상이어야 합니다.",
    "greater_than": "{gt}보다 커야 합니다.",
    "less_than_equal": "{le} 이하여야 합니다.",
    "less_than": "{lt}보다 작아야 합니다.",
    "string_too_short": "{min_length}자 이상이어야 합니다.",
    "string_too_long": "{max_length}자 이하여야 합니다.",
    "string_pattern_mismatch": "형식이 맞지 않습니다.",
    "too_long": "{max_length}개 이하여야 합니다.",
    "too_short": "{min_length}개 이상이어야 합니다.",
    "model_attributes_type": "JSON 객체여야 합니다.",
    "dict_type": "JSON 객체여야 합니다.",
    "list_type": "JSON 배열이어야 합니다.",
    "float_parsing": "숫자여야 합니다.",
    "decimal_parsing": "숫자여야 합니다.",
}
"""By pydantic's code; the names in braces are those of its limits."""


def _field_error(error: Any) -> FieldError:
    broken = error["type"] == "json_invalid"
    place = [str(part) for part in error["loc"] if not broken and part not in ("body", "query", "path", "header")]
    value = error.get("input")
    kept = value if isinstance(value, str | int | float | bool) else None
    limits = {name: str(limit).replace(" or ", ", ") for name, limit in error.get("ctx", {}).items()}
    ko = _KOREAN.get(error["type"], "값이 올바르지 않습니다.").format_map(limits)
    return FieldError(field=".".join(place) or "body", code=error["type"], ko=ko, en=error["msg"], value=kept)


async def _on_problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _on_validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # The framework hands a body on as bytes where its media type is not JSON.
    if any(isinstance(e.get("input"), bytes) for e in error.errors()):
        ko, en = "Content-Type: application/json 으로 보내 주세요.", "Send it as Content-Type: application/json."
        return Problem(415, "unsupported-media-type", ko=ko, en=en).response()
    return invalid([_field_error(e) for e in error.errors()]).response()


async def _on_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, ko, en = _STATUS.get(error.status_code, ("error", "처리하지 못했습니다.", str(error.detail)))
    return Problem(error.status_code, code, ko=ko, en=en, headers=dict(error.headers or {})).response()


def unavailable(retry_after: int = 2) -> Problem:
    return Problem(
        503,
        "temporarily-unavailable",
        ko="잠시 처리할 수 없습니다. 조금 뒤 같은 요청을 다시 보내 주세요.",
        en="Temporarily unavailable. Please send the same request again shortly.",
        headers={"Retry-After": str(retry_after)},
    )


async def _on_database(_request: Request, error: Exception) -> Response:
    """An outage, a full disk or a lost race with another transaction: nothing was written, the caller may repeat."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    passing = isinstance(error, OSError) or unwell(error) or state[:2] in ("40", "57")
    _log.error("database error", error=type(error).__name__, sqlstate=state, passing=passing)
    return (unavailable() if passing else _internal()).response()


def _internal() -> Problem:
    ko, en = "시스템 오류입니다. 운영자에게 알려졌습니다.", "Internal error. The operators have been told."
    return Problem(500, "internal", ko=ko, en=en)


async def _on_error(_request: Request, error: Exception) -> Response:
    _log.error("unhandled error", error=type(error).__name__, exc_info=error)
    return _internal().response()


def install(app: FastAPI) -> None:
    """Makes every error of the app a problem document."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(DBAPIError, _on_database)
    app.add_exception_handler(PoolTimeout, _on_database)
    app.add_exception_handler(ConnectionError, _on_database)
    app.add_exception_handler(Exception, _on_error)
