"""The whole system on one page: every service in one process, for one machine.

    python -m services [--port 8000] [--state var]

    partners, STEP, operators
        │ HTTP
     gateway ── issuer, console
        │ in process
     interagency → diagnosis → matching → subsidy      catalog → matching
        each with its own SQLite file; every arrow is a topic in one event log

What Kubernetes runs as containers, this runs as tasks; the code of the services is the same.
"""

import argparse
import asyncio
import json
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from libs.common import issuer, logs, migrate
from libs.common.bus import Bus
from libs.common.crypto import new_keyring
from libs.common.eventlog import EventLog
from libs.common.ids import Clock, utc_now
from libs.common.issuer import write_private
from libs.common.kit import Kit
from libs.common.settings import Settings
from services.catalog.app import create_app as catalog
from services.console.app import create_app as console
from services.diagnosis.app import create_app as diagnosis
from services.gateway.app import create_app as gateway
from services.interagency.app import create_app as interagency
from services.matching.app import create_app as matching
from services.subsidy.app import create_app as subsidy

WITH_DATABASE = {
    "interagency": interagency,
    "diagnosis": diagnosis,
    "matching": matching,
    "subsidy": subsidy,
    "catalog": catalog,
}


class System:
    """All services in this process; keys and clients in `state`, databases and event log in `state`/embedded."""

    def __init__(
        self,
        state: Path,
        clock: Clock = utc_now,
        tracing: Any = None,
        bus: Bus | None = None,
        url_of: Callable[[str], str] | None = None,
        **overrides: Any,
    ) -> None:
        """`bus` and `url_of` (service → database URL) put the same services on other servers."""
        self.state, self._clock, self._tracing = state, clock, tracing
        self.secrets = _secrets(state)
        self.credentials = issuer.bootstrap(state)
        self.sign_in_code = secrets.token_urlsafe(16)
        self.apps: dict[str, ASGIApp] = {}
        self.kits: dict[str, Kit] = {}
        self._data = state / "embedded"
        self._data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.bus = bus or EventLog(self._data / "events.db", clock)
        common = {
            "keyring": self.secrets["keyring"],
            "state_dir": state,
            "console_client_secret": self.credentials["console"],
            "console_session_key": self.secrets["session_key"],
            "console_sign_in_code": self.sign_in_code,
            **overrides,
        }
        base = Settings(**common)
        self.apps["issuer"] = issuer.create_app(issuer.Issuer(state, base.issuer, base.audience, clock))
        for name, create in WITH_DATABASE.items():
            url = url_of(name) if url_of else f"sqlite+aiosqlite:///{self._data / name}.db"
            settings = base.model_copy(update={"database_url": url, "bus_url": "eventlog"})
            self.apps[name] = create(self._kit(name, settings))
        self.apps["console"] = console(self._kit("console", base))
        self.apps["gateway"] = gateway(self._kit("gateway", base), self.apps)

    def _kit(self, name: str, settings: Settings) -> Kit:
        bus = self.bus if name in WITH_DATABASE else None
        kit = Kit(name, settings, bus=bus, clock=self._clock, apps=self.apps, tracing=self._tracing)
        self.kits[name] = kit
        return kit

    async def migrate(self) -> None:
        for name in WITH_DATABASE:
            await migrate.upgrade(self.kits[name].db, name)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["System"]:
        """Everything started; stopped in the opposite order at the end of the block."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.bus.close)
            await self.migrate()
            for name in (*WITH_DATABASE, "console"):
                await stack.enter_async_context(_lifespan(self.apps[name]))
            await stack.enter_async_context(self.kits["gateway"].lifespan())
            yield self


def _lifespan(app: Any) -> Any:
    return app.router.lifespan_context(app)


def _secrets(state: Path) -> Mapping[str, str]:
    """Keys of this one machine, made once and readable by their owner only."""
    path = state / "secrets.json"
    if not path.exists():
        made = {"keyring": new_keyring("local1"), "session_key": secrets.token_urlsafe(32)}
        write_private(path, json.dumps(made))
    found: Mapping[str, str] = json.loads(path.read_text())
    return found


@asynccontextmanager
async def serving(system: System, host: str, port: int) -> AsyncIterator[uvicorn.Server]:
    """The running system behind one HTTP server."""
    config = uvicorn.Config(
        system.apps["gateway"],
        host=host,
        port=port,
        log_config=None,
        lifespan="off",
        access_log=False,
        timeout_graceful_shutdown=5,
        server_header=False,
    )
    server = uvicorn.Server(config)
    # Bound first, and by ourselves: a taken port is an OSError before anything was started.
    listener = socket.create_server((host, port))
    async with system.running():
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.02)
        try:
            yield server
        finally:
            server.should_exit = True
            await task


async def _main(host: str, port: int, state: Path) -> None:
    system = System(state)
    async with serving(system, host, port) as server:
        print(f"AX 이음: http://{host}:{port}/docs")
        print(f"console: http://{host}:{port}/console/sign-in?code={system.sign_in_code}")
        while not server.should_exit:
            await asyncio.sleep(0.2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="AX 이음 on one machine")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--state", type=Path, default=Path(os.environ.get("STATE_DIR", "var")))
    options = parser.parse_args()
    logs.configure("WARNING")
    asyncio.run(_main(options.host, options.port, options.state))
