"""Fixtures: kits on SQLite built by the real migrations, tokens, real data, and real servers."""

import asyncio
import itertools
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

import httpx
import pytest
from fastapi import FastAPI

from libs.common import issuer as issuers
from libs.common import migrate
from libs.common.crypto import new_keyring
from libs.common.db import Database
from libs.common.eventlog import EventLog
from libs.common.kit import Kit
from libs.common.settings import Settings

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED.is_dir():
        pytest.skip(f"REAL DATA ABSENT: {SHARED} is not there, tests on real rows did not run")
    return SHARED


@pytest.fixture(scope="session")
def issuer_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("issuer-state")
    issuers.bootstrap(folder)
    return folder


MakeKit = Callable[..., Awaitable[Kit]]


@pytest.fixture
async def make_kit(tmp_path: Path, issuer_state: Path, clock: Clock) -> AsyncIterator[MakeKit]:
    """`await make_kit("catalog")`: own SQLite file, one event log for all kits of the test."""
    log = EventLog(tmp_path / "events.db")
    numbers = itertools.count(1)
    apps: dict[str, Any] = {
        "issuer": issuers.create_app(issuers.Issuer(issuer_state, "urn:ieum:issuer", "urn:ieum:api", clock))
    }
    made: list[Kit] = []

    async def make(name: str, migrated: bool = True, peers: Any = None, **settings: Any) -> Kit:
        url = f"sqlite+aiosqlite:///{tmp_path / name}.db"
        values = {
            "database_url": url,
            "bus_url": "eventlog://unused",
            "keyring": new_keyring("k1", lambda n: b"k" * n),
            "jwks_url": "http://issuer/.well-known/jwks.json",
            **settings,
        }
        ids = lambda: str(uuid.UUID(int=next(numbers)))  # noqa: E731
        kit = Kit(name, Settings(**values), bus=log, clock=clock, new_id=ids, apps={**apps, **(peers or {})})
        if migrated:
            await migrate.upgrade(kit.db, name)
        made.append(kit)
        return kit

    yield make
    for kit in made:
        if kit.settings.database_url:
            await kit.db.close()
    await log.close()


@pytest.fixture
def token(issuer_state: Path, clock: Clock) -> Callable[..., str]:
    """`token("referrals:read", agency="MSIT")` gives a signed access token of a test client."""

    def make(*scopes: str, agency: str | None = None, client: str = "tester") -> str:
        signer = issuers.Issuer(issuer_state, "urn:ieum:issuer", "urn:ieum:api", clock)
        signer._clients = {client: {"agency": agency, "scopes": list(scopes)}}
        return signer.token(client, None)[0]

    return make


ClientFor = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def client_for(token: Callable[..., str]) -> AsyncIterator[ClientFor]:
    """`client_for(app, "referrals:read", agency="MSIT")`: an HTTP client that carries a token."""
    clients: list[httpx.AsyncClient] = []

    def make(app: FastAPI, *scopes: str, agency: str | None = None, client: str | None = None) -> httpx.AsyncClient:
        headers = {}
        if scopes:
            bearer = token(*scopes, agency=agency, client=client or (agency or "national").lower())
            headers["Authorization"] = f"Bearer {bearer}"
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        made = httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers)
        clients.append(made)
        return made

    yield make
    for made in clients:
        await made.aclose()


def need_distributed(what: str, missing: Exception) -> None:
    """Skips loudly, or fails where CI requires the real servers."""
    message = f"NOT RUN: {what} could not be started ({missing}); tests on it did not run"
    if os.environ.get("REQUIRE_DISTRIBUTED") == "1":
        pytest.fail(message)
    pytest.skip(message)


class _Server(Protocol):
    def stop(self) -> None: ...


S = TypeVar("S", bound=_Server)


@contextmanager
def started(what: str, start: Callable[[], S]) -> Iterator[S]:
    """A real server, stopped at the end; where it cannot be started, `need_distributed`."""
    try:
        server = start()
    except (OSError, RuntimeError) as error:
        need_distributed(what, error)
        raise
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real Kafka broker, started for this run."""
    from deploy import local

    with started("Kafka", lambda: local.start_kafka(tmp_path_factory.mktemp("kafka"))) as broker:
        yield broker.bootstrap


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from deploy import local

    with started("PostgreSQL", lambda: local.start_postgres(tmp_path_factory.mktemp("postgres"))) as server:
        yield server


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[Any]:
    """A server of one test alone, because it is killed."""
    from deploy import local

    with started("PostgreSQL", lambda: local.start_postgres(tmp_path / "own-postgres")) as server:
        yield server


@pytest.fixture
def postgres(postgres_server: Any) -> str:
    """URL of a fresh database on a real PostgreSQL."""
    name = f"t{uuid.uuid4().hex[:16]}"
    postgres_server.create_database(name)
    return str(postgres_server.url_for(name))


async def drain(*kits: Kit) -> None:
    """Publishes every outbox and handles every event of these kits until nothing moves."""
    for kit in kits:
        assert kit._relay is not None
    quiet = 0
    while quiet < 2:
        moved = 0
        for kit in kits:
            assert kit._relay is not None
            moved += await kit._relay.pump()
        for kit in kits:
            if kit._consumer is not None:
                moved += await handle_all(kit)
        quiet = quiet + 1 if moved == 0 else 0


async def handle_all(kit: Kit) -> int:
    """Handles what waits on the bus for this kit; returns how many messages there were."""
    seen = 0

    async def count(batch: Any) -> None:
        nonlocal seen
        await kit.consumer.handle(batch)
        seen += len(batch)

    task = asyncio.create_task(kit.bus.consume(kit.name, kit.consumer.topics, count))
    before = -1
    while before != seen:
        before = seen
        await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return seen


__all__ = ["NOW", "SHARED", "ClientFor", "Clock", "Database", "MakeKit", "drain", "handle_all"]
