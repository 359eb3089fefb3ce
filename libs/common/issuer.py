"""The one-machine issuer of access tokens: OAuth 2.0 client credentials (RFC 6749), JWTs by RFC 9068.

In production any OIDC provider takes its place; the services only know its published keys.
Keys and clients live in `state_dir`, readable by their owner only; secrets are kept as scrypt hashes.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Form, Header
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from libs.common import logs, problems
from libs.common.ids import Clock, random_uuid7, utc_now
from libs.common.security import SCOPES, allowed
from libs.common.settings import Settings
from libs.common.upload import BodyLimit

LIFETIME = 3600
"""Seconds that a token is good for."""

_PARTNER = ("referrals:write", "referrals:read", "webhooks:manage")
CLIENTS: Mapping[str, tuple[str | None, tuple[str, ...]]] = {
    "msit": ("MSIT", _PARTNER),
    "mss": ("MSS", _PARTNER),
    "motie": ("MOTIE", _PARTNER),
    "step": (None, ("recommendations:read", "courses:read")),
    "institution": (None, ("courses:write", "courses:read")),
    "planner": (None, ("policies:read", "policies:write", "quotes:read")),
    "approver": (None, ("policies:read", "policies:approve", "quotes:read")),
    "console": (None, (*(s for s in SCOPES if s.endswith(":read")), "ops")),
    "operator": (None, SCOPES),
}
"""Clients made at the first start: id → (agency, scopes)."""


def _hash(secret: str, salt: bytes) -> str:
    return hashlib.scrypt(secret.encode(), salt=salt, n=2**12, r=8, p=1).hex()


def write_private(path: Path, text: str) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = path.with_suffix(f".{os.getpid()}.new")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def bootstrap(state_dir: Path) -> dict[str, str]:
    """Makes the signing key and the clients where they are missing; gives the clients' secrets.

    The secrets stay in `credentials.json` so that the newcomer on one machine can use them.
    """
    folder = state_dir / "issuer"
    if not (folder / "key.json").exists():
        key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256", "kid": secrets.token_hex(8)}, private=True)
        write_private(folder / "key.json", json.dumps(key.as_dict(private=True)))
    plain_file, hashed_file = folder / "credentials.json", folder / "clients.json"
    plain: dict[str, str] = json.loads(plain_file.read_text()) if plain_file.exists() else {}
    hashed: dict[str, Any] = json.loads(hashed_file.read_text()) if hashed_file.exists() else {}
    for client, (agency, scopes) in CLIENTS.items():
        secret = plain.setdefault(client, secrets.token_urlsafe(24))
        if client not in hashed or list(scopes) != hashed[client]["scopes"]:
            salt = secrets.token_bytes(16)
            hashed[client] = {
                "agency": agency,
                "scopes": list(scopes),
                "salt": salt.hex(),
                "hash": _hash(secret, salt),
            }
    write_private(plain_file, json.dumps(plain, indent=1))
    write_private(hashed_file, json.dumps(hashed, indent=1))
    return plain


class Issuer:
    """Signs tokens with the key of `state_dir`."""

    def __init__(self, state_dir: Path, issuer: str, audience: str, clock: Clock = utc_now) -> None:
        folder = state_dir / "issuer"
        self._key = ECKey.import_key(json.loads((folder / "key.json").read_text()))
        self._clients: dict[str, Any] = json.loads((folder / "clients.json").read_text())
        self._issuer, self._audience, self._clock = issuer, audience, clock

    def keys(self) -> dict[str, Any]:
        return dict(KeySet([self._key]).as_dict(private=False))

    def authenticate(self, client: str, secret: str) -> bool:
        known = self._clients.get(client, {"salt": "00" * 16, "hash": ""})
        return hmac.compare_digest(_hash(secret, bytes.fromhex(known["salt"])), known["hash"])

    def token(self, client: str, wanted: str | None) -> tuple[str, list[str]]:
        """Raises ValueError for a scope that the client may not have."""
        known = self._clients[client]
        scopes = allowed(known["scopes"], wanted)
        now = int(self._clock().timestamp())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": client,
            "client_id": client,
            "iat": now,
            "exp": now + LIFETIME,
            "jti": random_uuid7(),
            "scope": " ".join(scopes),
            **({"agency": known["agency"]} if known["agency"] else {}),
        }
        header = {"typ": "at+jwt", "alg": "ES256", "kid": self._key.kid}
        return jwt.encode(header, claims, self._key, algorithms=["ES256"]), scopes


def _basic(authorization: str | None) -> tuple[str, str] | None:
    if not authorization or authorization[:6].lower() != "basic ":
        return None
    try:
        client, separator, secret = base64.b64decode(authorization[6:], validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (client, secret) if separator else None


def _refused(status: int, error: str, description: str) -> Response:
    headers = {"Cache-Control": "no-store"}
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="ieum"'
    return JSONResponse({"error": error, "error_description": description}, status, headers)


def create_app(issuer: Issuer) -> FastAPI:
    app = FastAPI(title="AX 이음 issuer", docs_url=None, redoc_url=None)
    app.add_middleware(BodyLimit, most=16_384)
    problems.install(app)

    @app.post("/oauth2/token", tags=["token"])
    async def token(
        authorization: Annotated[str | None, Header()] = None,
        grant_type: Annotated[str, Form()] = "",
        scope: Annotated[str | None, Form()] = None,
        client_id: Annotated[str | None, Form()] = None,
        client_secret: Annotated[str | None, Form()] = None,
    ) -> Response:
        """Client credentials, by HTTP Basic or in the form (RFC 6749 §4.4)."""
        if grant_type != "client_credentials":
            return _refused(400, "unsupported_grant_type", "grant_type은 client_credentials 만 됩니다 / only this one")
        client, secret = _basic(authorization) or (client_id or "", client_secret or "")
        if not await run_in_threadpool(issuer.authenticate, client, secret):
            return _refused(401, "invalid_client", "클라이언트 인증에 실패했습니다 / client authentication failed")
        try:
            signed, scopes = issuer.token(client, scope)
        except ValueError as error:
            return _refused(400, "invalid_scope", f"허용되지 않은 권한입니다 / scope not allowed: {error}")
        body = {"access_token": signed, "token_type": "Bearer", "expires_in": LIFETIME, "scope": " ".join(scopes)}
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    @app.get("/.well-known/jwks.json", tags=["token"])
    async def jwks() -> Response:
        return JSONResponse(issuer.keys(), headers={"Cache-Control": "public, max-age=300"})

    @app.get("/livez", include_in_schema=False)
    @app.get("/readyz", include_in_schema=False)
    async def live() -> Response:
        return JSONResponse({"ready": True, "service": "issuer"})

    return app


def from_env() -> FastAPI:
    settings = Settings()
    logs.configure(settings.log_level, "issuer")
    bootstrap(settings.state_dir)
    return create_app(Issuer(settings.state_dir, settings.issuer, settings.audience))
