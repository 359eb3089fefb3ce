"""Bodies and their size: the file in a request, as the raw body or as the one file of a form, and every other body.

Never more than the limit is held.
"""

from collections.abc import AsyncGenerator
from typing import Any

from fastapi import Request
from python_multipart.exceptions import FormParserError
from starlette.datastructures import Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.common.problems import Problem

MOST_BYTES = 32 * 1024 * 1024
_FORM_ROOM = 64 * 1024
"""Boundaries and part headers around the file."""


def described(*media: str) -> dict[str, Any]:
    """The file in the OpenAPI document: as the body in one of these forms, or in a form."""
    file = {"type": "string", "format": "binary"}
    form = {"type": "object", "properties": {"file": file}, "required": ["file"]}
    content = {name: {"schema": file} for name in media} | {"multipart/form-data": {"schema": form}}
    return {"requestBody": {"required": True, "content": content}}


async def receive(request: Request) -> tuple[bytes, str]:
    """The file's bytes and media type. 413 as soon as the length is stated or found to be over the limit."""
    media = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    is_form = media == "multipart/form-data"
    limit = MOST_BYTES + _FORM_ROOM * is_form
    if _is_over(request.headers, limit):
        raise _too_large()
    if is_form:
        return await _file_of_form(request, limit)
    parts = [part async for part in _limited(request, limit)]
    return b"".join(parts), media


async def _limited(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _too_large()
        yield part


async def _file_of_form(request: Request, limit: int) -> tuple[bytes, str]:
    parser = MultiPartParser(request.headers, _limited(request, limit), max_files=2, max_fields=10)
    try:
        form = await parser.parse()
    except (MultiPartException, FormParserError, KeyError) as error:
        ko, en = "multipart 본문을 읽을 수 없습니다.", "The multipart body cannot be read."
        raise Problem(400, "bad-multipart", ko=ko, en=en) from error
    try:
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        if len(files) != 1:
            ko, en = "파일을 하나만 올려 주세요.", "Send exactly one file."
            raise Problem(422, "one-file", ko=ko, en=en, files=len(files))
        data = await files[0].read()
        media = (files[0].content_type or "").split(";", 1)[0].strip().lower()
    finally:
        await form.close()
    if len(data) > MOST_BYTES:
        raise _too_large()
    return data, media


class BodyLimit:
    """Stops every body at `most` bytes, and leaves the answer to the application. Compressed ones are not unpacked.

    The framework's own limit would put plain text in the place of whatever a service answers to a body that states
    its length: a file of 200 MB would be refused without a reason.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app, self.most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if headers.get("content-encoding", "").strip().lower() not in ("", "identity"):
            await _compressed().response()(scope, receive, send)
            return
        left = -1 if _is_over(headers, self.most) else self.most

        async def limited() -> Message:
            nonlocal left
            if left >= 0:
                message = await receive()
                left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(413)
            return message

        await self.app(scope, limited, send)


def _is_over(headers: Headers, limit: int) -> bool:
    stated = headers.get("content-length", "")
    return stated.isdecimal() and int(stated) > limit


def _compressed() -> Problem:
    ko, en = "압축하지 않은 본문을 보내 주세요.", "Send the body without compression."
    return Problem(415, "unsupported-content-encoding", ko=ko, en=en, headers={"Accept-Encoding": "identity"})


def _too_large() -> Problem:
    size = MOST_BYTES // 1024 // 1024
    ko, en = f"파일이 {size} MiB를 넘습니다. 나누어 보내 주세요.", f"The file is over {size} MiB; send it in parts."
    return Problem(413, "file-too-large", ko=ko, en=en, limit=MOST_BYTES)
