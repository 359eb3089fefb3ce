"""Sending a request on over the network: an ASGI app whose answers come from another host.

aiohttp, since it is a dozen times faster than httpx at this; bodies stream both ways.
"""

from collections.abc import AsyncIterator

import aiohttp
import structlog
from starlette.types import Message, Receive, Scope, Send
from yarl import URL

from libs.common.problems import Problem, unavailable

_HOP = {
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
}
_BACK = _HOP | {b"date"}
"""Not passed back; this server writes the date by itself."""
_DROPPED = _HOP | {b"host", b"client-cert", b"client-cert-chain", b"expect"}
_log = structlog.get_logger()


_CONNECT, _WORK = 5.0, 120.0
"""Seconds for a connection, and for a service that works on what it was sent: files are large."""


class HttpForward:
    """`base` is http://host:port of the service; `patience` is how many seconds a read of it may keep silent."""

    def __init__(self, base: str, patience: float = 15.0) -> None:
        self.base = base
        self._reading = aiohttp.ClientTimeout(total=None, connect=_CONNECT, sock_read=patience)
        self._working = aiohttp.ClientTimeout(total=None, connect=_CONNECT, sock_read=_WORK)
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, limit_per_host=0, keepalive_timeout=4),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=("User-Agent", "Accept-Encoding", "Accept", "Content-Type"),
            )
        return self._session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = scope["query_string"]
        target = scope.get("raw_path") or scope["path"].encode()
        url = URL(self.base + target.decode("latin-1") + ("?" + query.decode("latin-1") if query else ""), encoded=True)
        headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in scope["headers"] if k not in _DROPPED]
        has_body = any(k in (b"content-length", b"transfer-encoding") for k, _ in scope["headers"])
        data = _body(receive) if has_body else None
        timeout = self._reading if scope["method"] == "GET" else self._working
        try:
            async with self._open().request(
                scope["method"], url, headers=headers, data=data, timeout=timeout, allow_redirects=False
            ) as answer:
                await self._pass_back(answer, send)
        except (aiohttp.ClientConnectionError, TimeoutError) as error:
            _log.warning("service does not answer", base=self.base, error=type(error).__name__)
            await _refuse(unavailable(), scope, receive, send)

    async def _pass_back(self, answer: aiohttp.ClientResponse, send: Send) -> None:
        headers = [(k.lower(), v) for k, v in answer.raw_headers if k.lower() not in _BACK]
        start: Message = {"type": "http.response.start", "status": answer.status, "headers": headers}
        if answer.content_length is not None and answer.content_length <= 262_144:
            body = await answer.read()
            await send(start)
            await send({"type": "http.response.body", "body": body})
            return
        await send(start)
        async for chunk in answer.content.iter_any():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise aiohttp.ClientConnectionError("the caller went away")
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body"):
            return


async def _refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    await problem.response()(scope, receive, send)
