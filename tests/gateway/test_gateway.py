"""The gateway: who gets through, what is passed on, what comes back when a service is away."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from services.gateway.app import create_app
from services.gateway.forward import HttpForward
from services.gateway.limits import Limiter
from services.gateway.routes import OWNERS, SERVICES, owner
from tests.conftest import MakeKit


async def echo(request: Request) -> Response:
    body = await request.body()
    headers = {key: value for key, value in request.headers.items() if key not in ("host", "user-agent")}
    url = str(request.url.path) + (f"?{request.url.query}" if request.url.query else "")
    return JSONResponse({"method": request.method, "url": url, "bytes": len(body), "headers": headers}, 207)


async def drip(request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        for number in range(3):
            yield f"{number}\n".encode() * 50_000

    return StreamingResponse(parts(), media_type="text/plain")


def upstream() -> Starlette:
    methods = ["GET", "POST", "PUT", "DELETE"]
    return Starlette(
        routes=[Route("/v1/courses/drip", drip), Route("/{path:path}", echo, methods=methods)],
    )


@asynccontextmanager
async def listening(app: ASGIApp) -> AsyncIterator[str]:
    """The app behind a real socket on this machine."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


def through(app: ASGIApp, bearer: str | None = None) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://gateway", headers=headers)


@pytest.mark.parametrize(
    ("path", "service", "needs_token"),
    [
        ("/v1/referrals", "interagency", True),
        ("/v1/referrals/abc/x", "interagency", True),
        ("/v1/recommendations/1168200276", "matching", True),
        ("/ops/subsidy/dead-letters", "subsidy", True),
        ("/ops/console/x", None, True),
        ("/v1/nothing", None, True),
        ("/oauth2/token", "issuer", False),
        ("/console", "console", False),
        ("/docs", None, False),
        ("/", None, False),
        ("", None, False),
        ("//v1/referrals", None, False),
    ],
)
def test_every_path_has_one_owner(path: str, service: str | None, needs_token: bool) -> None:
    assert owner(path) == (service, needs_token)


def test_owners_are_services() -> None:
    assert set(OWNERS.values()) == set(SERVICES)


async def test_without_a_token_nothing_is_passed_on(make_kit: MakeKit) -> None:
    reached: list[str] = []

    async def spy(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["path"])

    kit = await make_kit("gateway", migrated=False, database_url="")
    async with through(create_app(kit, dict.fromkeys(SERVICES, spy))) as client:
        answer = await client.get("/v1/referrals")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "접근 토큰이 필요합니다."
    assert reached == []


@pytest.mark.parametrize("networked", [False, True])
async def test_a_request_goes_through_whole(make_kit: MakeKit, token: Callable[..., str], networked: bool) -> None:
    async with listening(upstream()) as base:
        forward = HttpForward(base)
        app: ASGIApp = forward if networked else upstream()
        kit = await make_kit("gateway", migrated=False, database_url="")
        async with through(create_app(kit, {"catalog": app}), token("courses:read")) as client:
            answer = await client.post(
                "/v1/courses/%EA%B0%80%2Fb?q=%EC%9A%A9%EC%A0%91&a=1+2",
                content=b"x" * 200_000,
                headers={"Idempotency-Key": "k", "Client-Cert": "forged", "TE": "trailers", "Content-Type": "text/csv"},
            )
            dripped = await client.get("/v1/courses/drip")
        await forward.close()
    assert answer.status_code == 207
    seen = answer.json()
    assert seen["url"] == "/v1/courses/가/b?q=%EC%9A%A9%EC%A0%91&a=1+2"
    assert (seen["method"], seen["bytes"]) == ("POST", 200_000)
    assert seen["headers"]["idempotency-key"] == "k"
    assert seen["headers"]["content-type"] == "text/csv"
    if networked:
        assert "client-cert" not in seen["headers"]
    assert int(answer.headers["ratelimit-limit"]) == 1000
    assert len(dripped.content) == 300_000
    assert "date" not in answer.headers, "a server in front writes its own"


async def test_a_service_that_is_away_is_a_503_that_says_so(make_kit: MakeKit, token: Callable[..., str]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        forward = HttpForward(f"http://127.0.0.1:{unused.getsockname()[1]}")
    kit = await make_kit("gateway", migrated=False, database_url="")
    async with through(create_app(kit, {"catalog": forward}), token("courses:read")) as client:
        answer = await client.get("/v1/courses")
    await forward.close()
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"
    assert answer.json()["title_en"].startswith("Temporarily unavailable")


async def test_a_service_that_keeps_silent_is_not_waited_for(make_kit: MakeKit, token: Callable[..., str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        forward = HttpForward(f"http://127.0.0.1:{silent.getsockname()[1]}", patience=0.1)
        kit = await make_kit("gateway", migrated=False, database_url="")
        async with through(create_app(kit, dict.fromkeys(SERVICES, forward)), token("courses:read")) as client:
            answer = await client.get("/v1/recommendations/1168200276")
        await forward.close()
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:ieum:problem:temporarily-unavailable")


async def test_a_client_over_its_rate_waits(make_kit: MakeKit, token: Callable[..., str]) -> None:
    kit = await make_kit("gateway", migrated=False, database_url="", rate_limit_burst=3, rate_limit_per_second=0.5)
    async with through(create_app(kit, {"catalog": upstream()}), token("courses:read")) as client:
        codes = [(await client.get("/v1/courses")).status_code for _ in range(5)]
        last = await client.get("/v1/courses")
    assert codes == [207, 207, 207, 429, 429]
    assert int(last.headers["retry-after"]) >= 1
    assert last.json()["limit"] == 3


def test_a_bucket_fills_again() -> None:
    now = [0.0]
    limiter = Limiter(rate=2.0, burst=2, monotonic=lambda: now[0])
    assert [limiter.take("a").retry_after for _ in range(3)] == [0, 0, 1]
    assert limiter.take("b").retry_after == 0
    now[0] = 0.5
    assert limiter.take("a").retry_after == 0
    now[0] = 100.0
    assert limiter.take("a").remaining == 1


async def test_documents_name_the_services_that_do_not_answer(make_kit: MakeKit) -> None:
    broken = Starlette(routes=[])
    kit = await make_kit("gateway", migrated=False, database_url="", peers=dict.fromkeys(SERVICES, broken))
    async with through(create_app(kit, {})) as client:
        document = (await client.get("/openapi.json")).json()
        page = await client.get("/docs")
    assert document["x-missing-services"] == list(SERVICES)
    assert "/oauth2/token" in document["paths"]
    assert "/v1/overview" in document["paths"]
    assert "지금 응답하지 않는 서비스" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_no_answer_may_be_taken_for_something_else(make_kit: MakeKit, token: Callable[..., str]) -> None:
    kit = await make_kit("gateway", migrated=False, database_url="")
    async with through(create_app(kit, {"catalog": upstream()}), token("courses:read")) as client:
        paths = ("/v1/courses", "/v1/referrals", "/v1/nothing", "/docs", "/livez")
        answers = [await client.get(path) for path in paths]
    assert [answer.status_code for answer in answers] == [207, 404, 404, 200, 200]
    assert [answer.headers.get_list("x-content-type-options") for answer in answers] == [["nosniff"]] * len(paths)


async def test_the_overview_needs_an_operator(make_kit: MakeKit, token: Callable[..., str]) -> None:
    kit = await make_kit("gateway", migrated=False, database_url="", peers=dict.fromkeys(SERVICES, upstream()))
    app = create_app(kit, {})
    async with through(app, token("courses:read")) as client:
        assert (await client.get("/v1/overview")).status_code == 403
    async with through(app, token("ops")) as client:
        services = (await client.get("/v1/overview")).json()["services"]
    assert services == {name: {"available": False, "status": 207} for name in SERVICES}
