"""A console over a fake gateway, and a browser-like client of it."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from libs.common.kit import Kit
from services.console.app import create_app
from tests.conftest import MakeKit
from tests.console.fake_gateway import FakeGateway

CODE = "one-time-code"


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
async def kit(make_kit: MakeKit, gateway: FakeGateway) -> Kit:
    return await make_kit(
        "console",
        migrated=False,
        peers={"gateway": gateway.app},
        database_url="",
        console_client_secret=gateway.secret,
        console_session_key="a session key",
        console_sign_in_code=CODE,
    )


@pytest.fixture
def app(kit: Kit) -> FastAPI:
    return create_app(kit, patience=0.5)


@pytest.fixture
async def stranger(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://console") as client:
        yield client


@pytest.fixture
async def browser(stranger: httpx.AsyncClient) -> httpx.AsyncClient:
    """Signed in."""
    assert (await stranger.get(f"/console/sign-in?code={CODE}")).status_code == 303
    return stranger


async def csrf_of(client: httpx.AsyncClient) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', (await client.get("/console")).text)
    assert found
    return found[1]
