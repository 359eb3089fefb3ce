"""The API as the command line uses it: the same requests that partners and STEP send."""

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx


class Failed(Exception):
    """An answer that is not a success, in words for a person."""

    def __init__(self, answer: httpx.Response) -> None:
        try:
            body = answer.json()
        except ValueError:
            body = {}
        title = body.get("title") or body.get("error_description") or answer.reason_phrase
        lines = [f"{answer.status_code} {title} / {body.get('title_en', '')}".rstrip(" /")]
        for error in body.get("errors", [])[:20]:
            place = f"{error['row']}행 " if error.get("row") else ""
            lines.append(f"  {place}{error.get('field')}: {error.get('ko')} / {error.get('en')}")
        super().__init__("\n".join(lines))
        self.status = answer.status_code


class Api:
    """Speaks to the gateway as any of the clients whose secrets lie in `state`."""

    def __init__(self, base: str, state: Path) -> None:
        self._http = httpx.AsyncClient(base_url=base, timeout=600)
        self._state = state
        self._tokens: dict[str, str] = {}

    async def __aenter__(self) -> "Api":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def token(self, client: str) -> str:
        """An access token of the client (client credentials)."""
        if client not in self._tokens:
            secrets = json.loads((self._state / "issuer" / "credentials.json").read_text())
            if client not in secrets:
                raise SystemExit(f"모르는 클라이언트입니다 / unknown client: {client} ({', '.join(sorted(secrets))})")
            answer = await self._http.post(
                "/oauth2/token", data={"grant_type": "client_credentials"}, auth=(client, secrets[client])
            )
            if answer.status_code != 200:
                raise Failed(answer)
            self._tokens[client] = str(answer.json()["access_token"])
        return self._tokens[client]

    async def get(self, client: str, path: str, **query: Any) -> Any:
        headers = {"Authorization": f"Bearer {await self.token(client)}"}
        answer = await self._http.get(path, params={k: v for k, v in query.items() if v is not None}, headers=headers)
        if answer.status_code != 200:
            raise Failed(answer)
        return answer.json()

    async def post(
        self, client: str, path: str, content: bytes, media: str, key: str | None = None, query: Mapping[str, str] = {}
    ) -> Any:
        """`key` is the Idempotency-Key: the same content under the same key is done once."""
        headers = {
            "Authorization": f"Bearer {await self.token(client)}",
            "Content-Type": media,
            "Idempotency-Key": key or str(uuid.uuid4()),
        }
        answer = await self._http.post(path, params=dict(query), content=content, headers=headers)
        if answer.status_code not in (200, 201):
            raise Failed(answer)
        return answer.json()
