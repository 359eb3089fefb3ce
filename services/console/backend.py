"""The gateway's API as the console sees it: an answer in the expected shape, or the trouble there was."""

import asyncio
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote

import httpx
import structlog
from pydantic import BaseModel, ValidationError

from libs.common.kit import Kit

GATEWAY = "http://gateway"
CLIENT = "console"
_EARLY = 60  # seconds before its end that a token is renewed
_log = structlog.get_logger()

Shape = TypeVar("Shape", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is nothing to show. `ko` and `en` are what the API said, empty where it said nothing."""

    kind: Literal["missing", "refused", "away"]
    ko: str = ""
    en: str = ""


@dataclass(frozen=True, slots=True)
class Answer(Generic[Shape]):
    """Either `data` or `trouble`."""

    data: Shape | None = None
    trouble: Trouble | None = None


class Backend:
    """`patience` is how many seconds one answer may take: in process nothing else limits it."""

    def __init__(self, kit: Kit, patience: float) -> None:
        self._kit, self._patience = kit, patience
        self._client: httpx.AsyncClient | None = None
        self._token = ""
        self._token_until = 0.0
        self._asking = asyncio.Lock()

    async def get(self, shape: type[Shape], *parts: str, **query: str | int | None) -> Answer[Shape]:
        """`parts` are the parts of the path, as they are: they are escaped here."""
        return await self._ask(shape, "GET", parts, {name: value for name, value in query.items() if value})

    async def post(self, shape: type[Shape], *parts: str) -> Answer[Shape]:
        return await self._ask(shape, "POST", parts, {})

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def _ask(
        self, shape: type[Shape], method: str, parts: tuple[str, ...], query: dict[str, Any]
    ) -> Answer[Shape]:
        if any(part in ("", ".", "..") for part in parts):
            return Answer(trouble=Trouble("missing"))
        path = "/" + "/".join(quote(part, safe="") for part in parts)
        try:
            async with asyncio.timeout(self._patience):
                answer = await self._send(method, path, query)
            if answer.is_success:
                return Answer(shape.model_validate_json(answer.content))
            if 400 <= answer.status_code < 500 and answer.status_code not in (401, 429):
                return Answer(trouble=_refusal(answer))
            reason = f"status {answer.status_code}"
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValidationError, ValueError) as error:
            reason = type(error).__name__
        # Only the kind of resource: the rest of the path names a company.
        _log.warning("gateway gives no usable answer", method=method, resource="/".join(parts[:2]), reason=reason)
        return Answer(trouble=Trouble("away"))

    async def _send(self, method: str, path: str, query: dict[str, Any]) -> httpx.Response:
        client = self._open()
        token = await self._current_token(client)
        answer = await client.request(method, path, params=query, headers={"Authorization": f"Bearer {token}"})
        if answer.status_code != 401:
            return answer
        # The issuer may have changed its keys since the token was made.
        token = await self._current_token(client, refused=token)
        return await client.request(method, path, params=query, headers={"Authorization": f"Bearer {token}"})

    def _open(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = self._kit.client(GATEWAY)
        return self._client

    async def _current_token(self, client: httpx.AsyncClient, refused: str = "") -> str:
        async with self._asking:
            now = self._kit.clock().timestamp()
            if now >= self._token_until or self._token == refused:
                secret = self._kit.settings.console_client_secret.get_secret_value()
                form = {"grant_type": "client_credentials"}
                answer = await client.post("/oauth2/token", data=form, auth=(CLIENT, secret))
                answer.raise_for_status()
                granted = _Granted.model_validate_json(answer.content)
                self._token = granted.access_token
                self._token_until = now + max(0, granted.expires_in - _EARLY)
            return self._token


class _Granted(BaseModel):
    access_token: str
    expires_in: int


class _Problem(BaseModel):
    title: str = ""
    title_en: str = ""
    cause: str = ""


def _refusal(answer: httpx.Response) -> Trouble:
    try:
        said = _Problem.model_validate_json(answer.content)
    except ValidationError:
        said = _Problem()
    cause = f" ({said.cause})" if said.cause else ""
    kind: Literal["missing", "refused"] = "missing" if answer.status_code == 404 else "refused"
    return Trouble(kind, said.title + cause, said.title_en + cause)
