"""The file in a request: as the raw body, or as the one file of a form. Never more than the limit is held."""

from collections.abc import AsyncGenerator

from fastapi import Request
from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from libs.common.problems import Problem

MOST_BYTES = 32 * 1024 * 1024
_FORM_ROOM = 64 * 1024
"""Boundaries and part headers around the file."""


async def receive(request: Request) -> tuple[bytes, str]:
    """The file's bytes and media type. 413 as soon as the length is stated or found to be over the limit."""
    media = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    is_form = media == "multipart/form-data"
    limit = MOST_BYTES + _FORM_ROOM * is_form
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > limit:
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


def _too_large() -> Problem:
    size = MOST_BYTES // 1024 // 1024
    ko, en = f"파일이 {size} MiB를 넘습니다. 나누어 보내 주세요.", f"The file is over {size} MiB; send it in parts."
    return Problem(413, "file-too-large", ko=ko, en=en, limit=MOST_BYTES)
