"""Every published route: nobody without a token, nothing without its scope, nothing of another ministry."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from libs.common.issuer import Issuer
from libs.common.security import SCOPES
from services.__main__ import System
from services.gateway.routes import SERVICES
from tests.system.test_flow import COMPANY

FOR_ANYBODY = {"POST /oauth2/token", "GET /.well-known/jwks.json"}
FOR_EVERY_MINISTRY = {
    "GET /v1/referrals",
    "GET /v1/programmes",
    "GET /v1/courses",
    "GET /v1/training-programmes",
    "GET /v1/policy-versions",
    "GET /v1/requotes",
    "GET /v1/webhook/deliveries",
}
"""Lists of one's own, and what is no company's."""

Call = tuple[str, str, str]
"""Method, template, path."""


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    async with System(tmp_path).running() as made:
        yield made


@pytest.fixture
async def http(system: System) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=system.apps["gateway"])
    async with httpx.AsyncClient(transport=transport, base_url="http://g") as client:
        yield client


def headers(system: System, *scopes: str, agency: str | None = None) -> dict[str, str]:
    signer = Issuer(system.state, "urn:ieum:issuer", "urn:ieum:api")
    client = (agency or "tester").lower()
    signer._clients = {client: {"agency": agency, "scopes": list(scopes)}}
    return {"Authorization": f"Bearer {signer.token(client, None)[0]}", "Idempotency-Key": "key-1"}


async def calls(http: httpx.AsyncClient, **known: str) -> list[Call]:
    """All of the document; a parameter that is not known is the company's number."""
    document = (await http.get("/openapi.json")).json()
    assert document["x-missing-services"] == []
    return list(_calls(document["paths"], known))


def _calls(paths: dict[str, Any], known: dict[str, str]) -> Iterator[Call]:
    for template, methods in paths.items():
        path = template
        for name in {part[1:-1] for part in template.split("/") if part.startswith("{")}:
            path = path.replace(f"{{{name}}}", known.get(name, "1168200276"))
        for service in SERVICES if "{service}" in template else ("",):
            for method in methods:
                yield method.upper(), template, path.replace("/ops/1168200276/", f"/ops/{service}/")


async def test_without_a_token_or_with_one_of_no_scope_no_route_answers(
    system: System, http: httpx.AsyncClient
) -> None:
    asked = 0
    for method, template, path in await calls(http):
        if f"{method} {template}" in FOR_ANYBODY:
            continue
        asked += 1
        assert (await http.request(method, path, json={})).status_code == 401, (method, path)
        for token in (headers(system), headers(system, agency="MSS")):
            refused = await http.request(method, path, json={}, headers=token)
            assert (refused.status_code, refused.json()["type"]) == (403, "urn:ieum:problem:scope-missing"), path
    assert asked > 60


async def test_whatever_its_scopes_a_ministry_sees_nothing_of_another(system: System, http: httpx.AsyncClient) -> None:
    """All but the operators', those too that no ministry has by itself: a real issuer may grant them by mistake."""
    scopes = set(SCOPES) - {"ops"}
    msit, mss = (headers(system, *scopes, agency=agency) for agency in ("MSIT", "MSS"))
    await http.put("/v1/webhook", json={"url": "https://partner.example/hook"}, headers=msit)
    made = (await http.post("/v1/referrals", json=COMPANY, headers=msit)).json()
    batch = await http.post(
        "/v1/referral-batches",
        content="business_number,company_name,region_code,programme\n1248100998,두번째,12110,AI 통합 바우처\n",
        headers={**msit, "Content-Type": "text/csv", "Idempotency-Key": "key-2"},
    )
    known = {"referral_id": made["referral_id"], "company_id": made["company_id"], "batch_id": batch.json()["batch_id"]}
    own, foreign = set(), set()
    for method, template, path in await calls(http, **known):
        if method != "GET" or f"GET {template}" in FOR_ANYBODY:
            continue
        mine, theirs = [await http.get(path, headers=token) for token in (msit, mss)]
        if mine.status_code == 200:
            own.add(f"GET {template}")
        if theirs.status_code == 200:
            foreign.add(f"GET {template}")
            assert made["referral_id"] not in theirs.text, path
            assert "이음정밀" not in theirs.text, path
            assert "1168200276" not in theirs.text, path
        else:
            assert theirs.status_code in (403, 404, 422), (path, theirs.text)
    assert {"GET /v1/referrals/{referral_id}", "GET /v1/companies/{company}", "GET /v1/webhook"} <= own
    assert {"GET /v1/referral-batches/{batch_id}", "GET /v1/referral-batches/{batch_id}/rows"} <= own
    assert foreign == FOR_EVERY_MINISTRY
