"""Access tokens: RFC 9068 JWTs, signed with ES256, checked against the issuer's published keys."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
import structlog
from fastapi import Depends, Request
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from libs.common.ids import Clock
from libs.common.problems import Problem, unavailable

SCOPES = (
    "referrals:write",
    "referrals:read",
    "courses:write",
    "courses:read",
    "assessments:read",
    "recommendations:read",
    "quotes:read",
    "quotes:write",
    "reservations:read",
    "reservations:write",
    "quotas:write",
    "policies:read",
    "policies:write",
    "policies:approve",
    "webhooks:manage",
    "ops",
)

_MIN_REFRESH = 30.0
_MAX_AGE = 300.0
"""Seconds that keys are believed, as their publication says: one that was withdrawn must not sign for ever."""
_REMEMBERED = 10_000
_FAR = 1e11
"""No token's instant is later, in seconds."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `agency` limits the caller to one ministry's data; None is a national client."""

    client_id: str
    agency: str | None
    scopes: frozenset[str]

    def need(self, scope: str) -> None:
        if scope not in self.scopes:
            raise Problem(
                403,
                "scope-missing",
                ko=f"이 요청에는 권한 {scope} 이(가) 필요합니다.",
                en=f"This request needs the scope {scope}.",
                headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
                scope=scope,
            )


def unauthenticated(code: str, ko: str, en: str) -> Problem:
    return Problem(401, code, ko=ko, en=en, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


Fetch = Callable[[], Awaitable[Mapping[str, Any]]]


class Verifier:
    """Checks tokens; remembers those it has checked until they expire, since ES256 costs 0.1 ms."""

    def __init__(self, issuer: str, audience: str, fetch_keys: Fetch, clock: Clock, leeway: int = 60) -> None:
        self._issuer, self._audience, self._leeway = issuer, audience, leeway
        self._fetch_keys, self._clock = fetch_keys, clock
        self._keys: KeySet | None = None
        self._fetched_at = 0.0
        self._fetching = asyncio.Lock()
        self._known: OrderedDict[str, tuple[Caller, float]] = OrderedDict()

    async def verify(self, authorization: str | None) -> Caller:
        """`authorization` is the header's value. Raises a 401 `Problem`."""
        if not authorization or not authorization[:7].lower() == "bearer ":
            raise unauthenticated("token-missing", "접근 토큰이 필요합니다.", "An access token is needed.")
        token = authorization[7:].strip()
        now = self._clock().timestamp()
        if self._age(now) >= _MAX_AGE:
            await self._current_keys(now)
        known = self._known.get(token)
        if known is not None:
            if known[1] > now:
                return known[0]
            del self._known[token]
        caller, expires = await self._check(token, now)
        self._known[token] = (caller, expires)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return caller

    async def ready(self) -> bool:
        """Whether the issuer's keys are known, so that tokens can be checked at all."""
        try:
            await self._current_keys(self._clock().timestamp())
        except Problem:
            return False
        return True

    async def _check(self, token: str, now: float) -> tuple[Caller, float]:
        try:
            decoded = await self._decode(token, now)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            _log.info("token refused", error=type(error).__name__)
            raise unauthenticated("token-invalid", "접근 토큰이 올바르지 않습니다.", "The token is invalid.") from error
        claims = decoded.claims
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        numbers = (claims.get("exp"), claims.get("nbf", 0), claims.get("iat", 0))
        if (
            str(decoded.header.get("typ")).lower() not in ("at+jwt", "application/at+jwt")
            or claims.get("iss") != self._issuer
            or self._audience not in audiences
            or not all(isinstance(n, int | float) and not isinstance(n, bool) and abs(n) < _FAR for n in numbers)
            or max(claims.get("nbf", 0), claims.get("iat", 0)) > now + self._leeway
        ):
            raise unauthenticated("token-foreign", "이 시스템의 토큰이 아닙니다.", "The token is not for this system.")
        expires = float(claims["exp"]) + self._leeway
        if expires <= now:
            raise unauthenticated("token-expired", "접근 토큰이 만료되었습니다.", "The token has expired.")
        client = claims.get("client_id") or claims.get("sub")
        agency = claims.get("agency")
        if not isinstance(client, str) or not (agency is None or isinstance(agency, str)):
            raise unauthenticated("token-invalid", "접근 토큰이 올바르지 않습니다.", "The token is invalid.")
        return Caller(client, agency, frozenset(str(claims.get("scope", "")).split())), expires

    async def _decode(self, token: str, now: float) -> jwt.Token:
        keys = await self._current_keys(now)
        try:
            return jwt.decode(token, keys, algorithms=["ES256"])
        except (InvalidKeyIdError, ValueError):
            # The issuer may have changed its keys since.
            return jwt.decode(token, await self._current_keys(now, renew=True), algorithms=["ES256"])

    def _age(self, now: float) -> float:
        # A clock that was ahead when the keys were fetched makes them old, not young for ever.
        return abs(now - self._fetched_at)

    async def _current_keys(self, now: float, renew: bool = False) -> KeySet:
        async with self._fetching:
            if self._keys is None or self._age(now) >= (_MIN_REFRESH if renew else _MAX_AGE):
                self._fetched_at = now  # before the answer, which may be long in coming: others go on meanwhile
                try:
                    keys = _usable(await self._fetch_keys())
                except (httpx.HTTPError, OSError, JoseError, ValueError, KeyError, TypeError) as error:
                    _log.warning("issuer keys not available", error=repr(error))
                    if self._keys is None:
                        raise unavailable() from error
                else:
                    if self._keys is not None and keys.as_dict() != self._keys.as_dict():
                        self._known.clear()
                    self._keys = keys
            return self._keys


def _usable(published: Mapping[str, Any]) -> KeySet:
    """Issuers publish other keys beside those of ES256, some of kinds that we need not know (RFC 7517 §5)."""
    return KeySet.import_key_set({"keys": [key for key in published["keys"] if key.get("kty") == "EC"]})


def requires(scope: str) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency that gives the caller, if its token has the scope."""

    async def check(request: Request) -> Caller:
        caller: Caller = await request.app.state.kit.verifier.verify(request.headers.get("authorization"))
        caller.need(scope)
        return caller

    return check


OpsCaller = Annotated[Caller, Depends(requires("ops"))]


def allowed(scopes: Iterable[str], wanted: str | None) -> list[str]:
    """The scopes a client gets: those it asks for, or all it may have. Raises ValueError for others."""
    granted = set(scopes)
    if not wanted:
        return sorted(granted)
    asked = set(wanted.split())
    if asked - granted:
        raise ValueError(" ".join(sorted(asked - granted)))
    return sorted(asked)
