"""Access tokens: what is let in, and every way of not being let in."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from libs.common import issuer as issuers
from libs.common.problems import Problem
from libs.common.security import Verifier
from tests.conftest import Clock

ISS, AUD = "urn:ieum:issuer", "urn:ieum:api"


@pytest.fixture
def signer(issuer_state: Path, clock: Clock) -> issuers.Issuer:
    return issuers.Issuer(issuer_state, ISS, AUD, clock)


@pytest.fixture
def verifier(signer: issuers.Issuer, clock: Clock) -> Verifier:
    async def keys() -> Mapping[str, Any]:
        return signer.keys()

    return Verifier(ISS, AUD, keys, clock)


def claims(clock: Clock, **changes: Any) -> dict[str, Any]:
    now = int(clock().timestamp())
    made = {"iss": ISS, "aud": AUD, "sub": "msit", "client_id": "msit", "iat": now, "exp": now + 600, "scope": "ops"}
    return {name: value for name, value in {**made, **changes}.items() if value is not None}


def signed(signer: issuers.Issuer, body: dict[str, Any], key: Any = None, **header: Any) -> str:
    own = signer._key
    head = {"typ": "at+jwt", "alg": "ES256", "kid": own.kid, **header}
    return "Bearer " + jwt.encode(head, body, key or own, algorithms=["ES256", "HS256"])


async def refused(verifier: Verifier, authorization: str | None) -> str:
    with pytest.raises(Problem) as caught:
        await verifier.verify(authorization)
    assert caught.value.status == 401
    assert caught.value.headers["WWW-Authenticate"].startswith("Bearer")
    return caught.value.code


async def test_a_client_gets_in_with_its_agency_and_scopes(verifier: Verifier, signer: issuers.Issuer) -> None:
    token, _ = signer.token("msit", None)
    caller = await verifier.verify(f"Bearer {token}")
    assert (caller.client_id, caller.agency) == ("msit", "MSIT")
    assert caller.scopes == {"referrals:write", "referrals:read", "webhooks:manage"}


async def test_a_remembered_token_still_expires(verifier: Verifier, signer: issuers.Issuer, clock: Clock) -> None:
    token = f"Bearer {signer.token('msit', None)[0]}"
    await verifier.verify(token)
    clock.now += timedelta(seconds=issuers.LIFETIME + 59)
    await verifier.verify(token)
    clock.now += timedelta(seconds=2)
    assert await refused(verifier, token) == "token-expired"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "urn:another"}, "token-foreign"),
        ({"aud": "urn:another"}, "token-foreign"),
        ({"aud": None}, "token-foreign"),
        ({"exp": None}, "token-foreign"),
        ({"exp": "soon"}, "token-foreign"),
        ({"exp": 10**400}, "token-foreign"),
        ({"exp": float("nan")}, "token-foreign"),
        ({"nbf": 9_999_999_999}, "token-foreign"),
        ({"exp": 1}, "token-expired"),
        ({"agency": ["MSIT", "MSS"]}, "token-invalid"),
        ({"client_id": None, "sub": None}, "token-invalid"),
    ],
)
async def test_wrong_claims_are_refused(
    verifier: Verifier, signer: issuers.Issuer, clock: Clock, changes: dict[str, Any], code: str
) -> None:
    assert await refused(verifier, signed(signer, claims(clock, **changes))) == code


async def test_an_id_token_is_not_an_access_token(verifier: Verifier, signer: issuers.Issuer, clock: Clock) -> None:
    assert await refused(verifier, signed(signer, claims(clock), typ="JWT")) == "token-foreign"


async def test_a_stranger_cannot_sign(verifier: Verifier, signer: issuers.Issuer, clock: Clock) -> None:
    stranger = ECKey.generate_key("P-256", private=True)
    assert await refused(verifier, signed(signer, claims(clock), key=stranger)) == "token-invalid"


async def test_the_public_key_is_no_shared_secret(verifier: Verifier, signer: issuers.Issuer, clock: Clock) -> None:
    public = OctKey.import_key(str(signer.keys()["keys"][0]["x"]))
    assert await refused(verifier, signed(signer, claims(clock), key=public, alg="HS256")) == "token-invalid"


NO_TOKENS = [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer a.b.c", "Bearer ..", "Bearer \x00"]


@pytest.mark.parametrize("text", NO_TOKENS)
async def test_what_is_no_token_is_refused(verifier: Verifier, text: str | None) -> None:
    assert await refused(verifier, text) in ("token-missing", "token-invalid")


async def test_changed_keys_are_fetched_once_for_many_unknown_ones(
    signer: issuers.Issuer, clock: Clock, tmp_path: Path
) -> None:
    issuers.bootstrap(tmp_path)
    renewed = issuers.Issuer(tmp_path, ISS, AUD, clock)
    fetched: list[int] = []

    async def keys() -> Mapping[str, Any]:
        fetched.append(1)
        return signer.keys() if len(fetched) == 1 else renewed.keys()

    verifier = Verifier(ISS, AUD, keys, clock)
    await verifier.verify(f"Bearer {signer.token('msit', None)[0]}")
    clock.now += timedelta(seconds=31)
    new = f"Bearer {renewed.token('msit', None)[0]}"
    callers = await asyncio.gather(*(verifier.verify(new) for _ in range(10)))
    assert {caller.client_id for caller in callers} == {"msit"}
    assert len(fetched) == 2


async def test_a_key_that_the_issuer_withdrew_lets_nobody_in_any_more(
    signer: issuers.Issuer, clock: Clock, tmp_path: Path
) -> None:
    """Neither a token seen before nor a fresh one of the old key, though no unknown key was ever shown."""
    issuers.bootstrap(tmp_path)
    published = [signer, issuers.Issuer(tmp_path, ISS, AUD, clock)]

    async def keys() -> Mapping[str, Any]:
        return published[0].keys()

    verifier = Verifier(ISS, AUD, keys, clock)
    seen, fresh = (f"Bearer {signer.token(client, None)[0]}" for client in ("msit", "mss"))
    await verifier.verify(seen)
    published.pop(0)
    await verifier.verify(seen)
    clock.now += timedelta(seconds=301)
    assert await refused(verifier, seen) == "token-invalid"
    assert await refused(verifier, fresh) == "token-invalid"
    await verifier.verify(f"Bearer {published[0].token('msit', None)[0]}")


async def test_old_keys_serve_while_the_issuer_is_away(signer: issuers.Issuer, clock: Clock) -> None:
    answers: list[bool] = []

    async def keys() -> Mapping[str, Any]:
        answers.append(True)
        if len(answers) > 1:
            raise httpx.ConnectError("away")
        return signer.keys()

    verifier = Verifier(ISS, AUD, keys, clock)
    await verifier.verify(f"Bearer {signer.token('msit', None)[0]}")
    for _ in range(2):
        clock.now += timedelta(seconds=400)
        assert await refused(verifier, "Bearer a.b.c") == "token-invalid"
        await verifier.verify(f"Bearer {signer.token('mss', None)[0]}")
    assert len(answers) > 1


async def test_keys_of_other_kinds_beside_ours_are_passed_over(signer: issuers.Issuer, clock: Clock) -> None:
    async def keys() -> Mapping[str, Any]:
        return {"keys": [{"kty": "AKP", "kid": "later", "alg": "ML-DSA-44", "pub": "AA"}, *signer.keys()["keys"]]}

    verifier = Verifier(ISS, AUD, keys, clock)
    assert (await verifier.verify(f"Bearer {signer.token('msit', None)[0]}")).agency == "MSIT"


async def test_without_any_keys_the_answer_is_try_again(clock: Clock) -> None:
    async def keys() -> Mapping[str, Any]:
        raise httpx.ConnectError("away")

    with pytest.raises(Problem) as caught:
        await Verifier(ISS, AUD, keys, clock).verify("Bearer a.b.c")
    assert caught.value.status == 503


async def test_the_issuer_gives_tokens_by_client_credentials(signer: issuers.Issuer, issuer_state: Path) -> None:
    secret = issuers.bootstrap(issuer_state)["msit"]
    transport = httpx.ASGITransport(app=issuers.create_app(signer))
    async with httpx.AsyncClient(transport=transport, base_url="http://issuer") as client:
        good = await client.post(
            "/oauth2/token", data={"grant_type": "client_credentials", "scope": "referrals:read"}, auth=("msit", secret)
        )
        assert good.status_code == 200
        assert good.json()["scope"] == "referrals:read"
        assert good.headers["cache-control"] == "no-store"
        bad = await client.post("/oauth2/token", data={"grant_type": "client_credentials"}, auth=("msit", "wrong"))
        assert (bad.status_code, bad.json()["error"]) == (401, "invalid_client")
        nobody = await client.post("/oauth2/token", data={"grant_type": "client_credentials"}, auth=("x", secret))
        assert nobody.status_code == 401
        greedy = await client.post(
            "/oauth2/token", data={"grant_type": "client_credentials", "scope": "ops"}, auth=("msit", secret)
        )
        assert (greedy.status_code, greedy.json()["error"]) == (400, "invalid_scope")
        other = await client.post("/oauth2/token", data={"grant_type": "password"}, auth=("msit", secret))
        assert other.json()["error"] == "unsupported_grant_type"
        published = (await client.get("/.well-known/jwks.json")).json()["keys"][0]
        assert "d" not in published


def test_secrets_on_disk_are_private_and_hashed(issuer_state: Path) -> None:
    folder = issuer_state / "issuer"
    assert {oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {"0o600"}
    secret = issuers.bootstrap(issuer_state)["msit"]
    assert secret not in (folder / "clients.json").read_text()
