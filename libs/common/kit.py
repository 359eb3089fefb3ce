"""Composition: what a service is made of, and the application it becomes."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog
from fastapi import APIRouter, FastAPI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Tracer
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.common import logs, metrics, migrate, problems, telemetry, web
from libs.common.bus import Bus, open_bus
from libs.common.consumer import Consumer, Handlers
from libs.common.crypto import Keyring
from libs.common.db import Database
from libs.common.ids import Clock, NewId, random_uuid7, utc_now
from libs.common.relay import Relay
from libs.common.security import Verifier
from libs.common.settings import Settings
from libs.common.signals import Signals
from libs.common.upload import BodyLimit

Background = Callable[["Kit"], Awaitable[None]]
Check = Callable[[], Awaitable[bool]]
Counts = Callable[[AsyncConnection], Awaitable[dict[str, Any]]]
_log = structlog.get_logger()


def tune_gc() -> None:
    """Fewer collections: events are many short-lived objects (a p99 of 50 ms became 14)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


class Kit:
    """One service's parts. `apps` holds services of the same process by host name."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        bus: Bus | None = None,
        clock: Clock = utc_now,
        new_id: NewId = random_uuid7,
        apps: Mapping[str, ASGIApp] | None = None,
        tracing: TracerProvider | None = None,
    ) -> None:
        self.name, self.settings, self.clock, self.new_id = name, settings, clock, new_id
        self._apps = apps if apps is not None else {}
        self._bus = bus
        self._db = Database(settings.database_url, clock, new_id, settings.pool_size) if settings.database_url else None
        self.tracing = tracing or telemetry.provider(name, settings.otel_exporter_otlp_endpoint)
        self.keyring = Keyring(settings.keyring.get_secret_value())
        self.verifier = Verifier(
            settings.issuer, settings.audience, self._fetch_keys, self.clock, settings.token_leeway
        )
        self._signals = Signals(self._db) if self._db else None
        self._relay = Relay(name, self._db, bus) if self._db and bus else None
        if self._signals and self._relay:
            relay = self._relay
            self._signals.relay_is_here = lambda: relay.leads
        self._consumer: Consumer | None = None
        self._gather = 0.0
        self._checks: dict[str, Check] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._parts: tuple[Sequence[Background], Sequence[Background]] = ((), ())
        self.on_stop: list[Callable[[], Awaitable[None]]] = []
        self.counts: Counts | None = None

    @classmethod
    def from_env(cls, name: str) -> "Kit":
        """The parts as the environment of this process states them."""
        settings = Settings()
        logs.configure(settings.log_level, name)
        tune_gc()
        return cls(name, settings, bus=open_bus(settings.bus_url) if settings.bus_url else None)

    @property
    def db(self) -> Database:
        if self._db is None:
            raise RuntimeError(f"{self.name}: DATABASE_URL is not set")
        return self._db

    @property
    def signals(self) -> Signals:
        if self._signals is None:
            raise RuntimeError(f"{self.name}: DATABASE_URL is not set")
        return self._signals

    @property
    def bus(self) -> Bus:
        if self._bus is None:
            raise RuntimeError(f"{self.name}: BUS_URL is not set")
        return self._bus

    @property
    def consumer(self) -> Consumer:
        if self._consumer is None:
            raise RuntimeError(f"{self.name} consumes no events")
        return self._consumer

    @property
    def tracer(self) -> Tracer | None:
        return self.tracing.get_tracer("ieum") if self.tracing else None

    @property
    def works(self) -> bool:
        """Whether this process consumes, publishes and runs background work."""
        return self.settings.role != "api"

    def client(self, base: str, timeout: float = 10.0) -> httpx.AsyncClient:
        """A client of another service, `base` being its name or http://name: in process, or over the network."""
        host = urlsplit(base).hostname if "://" in base else base
        assert host is not None
        app = self._apps.get(host)
        if app is not None:
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
            return httpx.AsyncClient(transport=transport, base_url=f"http://{host}", timeout=timeout)
        return httpx.AsyncClient(base_url=self.settings.address(host), timeout=timeout)

    async def _fetch_keys(self) -> Mapping[str, Any]:
        url = urlsplit(self.settings.jwks_url)
        host = url.hostname or ""
        known = host in self._apps or host in self.settings.addresses
        client = self.client(host) if known else httpx.AsyncClient(timeout=10.0)
        async with client:
            answer = await client.get(url.path if known else self.settings.jwks_url)
            answer.raise_for_status()
            keys: Mapping[str, Any] = answer.json()
            return keys

    def app(
        self,
        *,
        title: str,
        metadata: MetaData | None = None,
        routes: Sequence[APIRouter] = (),
        handlers: Handlers | None = None,
        raw_routes: Sequence[BaseRoute] = (),
        background: Sequence[Background] = (),
        on_start: Sequence[Background] = (),
        checks: Mapping[str, Check] | None = None,
        counts: Counts | None = None,
        gather: float = 0.0,
        openapi_url: str | None = "/openapi.json",
        max_body_size: int = 40 * 1024 * 1024,
    ) -> FastAPI:
        """The service's application. `metadata` is given by services with a database.

        `gather` seconds of events are handled together where nobody waits for a single one.
        """
        if handlers:
            self._consumer = Consumer(self.name, self.db, handlers, self.tracer)
            self._gather = gather
        if metadata is not None:
            self._checks["database"] = self.db.reachable
            self._checks["migrations"] = self._migrated
        if self._bus is not None and self.works:
            self._checks["bus"] = self._bus.reachable
            self._checks["tasks"] = self._tasks_alive
        self._checks.update(checks or {})
        self.counts = counts

        self._parts = (background, on_start)

        @asynccontextmanager
        async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
            async with self.lifespan():
                yield

        app = FastAPI(
            title=title,
            version="1",
            lifespan=lifespan,
            docs_url=None,
            openapi_url=openapi_url,
            redoc_url=None,
            responses=problems.ANSWERS,
            # A redirect would name this process's own address, which nobody outside the gateway can reach.
            redirect_slashes=False,
            telemetry={
                "tracer_provider": self.tracing,
                "tracing": self.tracing is not None,
                "metrics": False,
                "logs": False,
                "operation_spans": False,
                "exclude": lambda scope: scope.get("path") in ("/livez", "/readyz", "/metrics"),
            },
        )
        app.state.kit = self
        app.router.routes[:0] = raw_routes
        for router in routes:
            app.include_router(router)
        app.include_router(web.health)
        if metadata is not None:
            app.include_router(web.ops)
        problems.install(app)
        app.add_middleware(BodyLimit, most=max_body_size)
        app.add_middleware(_Measured, service=self.name)
        return app

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """The service at work: prepared, tasks running, all put away at the end."""
        background, on_start = self._parts
        async with AsyncExitStack() as stack:
            if self._db is not None:
                stack.push_async_callback(self._db.close)
            stack.push_async_callback(self._run_on_stop)
            for prepare in on_start:
                await prepare(self)
            stack.push_async_callback(self._stop_tasks)
            if self._signals is not None:
                self._spawn("signals", self._signals.listen)
            if self.works:
                self._start_work(background)
            yield

    def _start_work(self, background: Sequence[Background]) -> None:
        if self._relay is not None:
            self._spawn("relay", self._relay.run)
        if self._consumer is not None:
            consumer, bus = self._consumer, self.bus
            self._spawn(
                "consumer", lambda: bus.consume(self.name, consumer.topics, consumer.handle, gather=self._gather)
            )
        for number, work in enumerate(background):
            self._spawn(f"background-{number}", lambda work=work: work(self))  # type: ignore[misc]

    def _spawn(self, label: str, work: Callable[[], Awaitable[None]]) -> None:
        async def forever() -> None:
            while True:
                try:
                    await work()
                    return
                except Exception as error:
                    _log.error("task restarts", service=self.name, task=label, exc_info=error)
                await asyncio.sleep(1.0)

        self._tasks[label] = asyncio.create_task(forever(), name=f"{self.name}-{label}")

    async def _run_on_stop(self) -> None:
        for stop in self.on_stop:
            await stop()

    async def _stop_tasks(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        for task in self._tasks.values():
            with suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()

    async def _migrated(self) -> bool:
        with suppress(Exception):
            return await migrate.usable(self.db, self.name)
        return False

    async def _tasks_alive(self) -> bool:
        needed = [label for label in self._tasks if label != "signals"]
        return bool(needed) and all(not self._tasks[label].done() for label in needed)

    async def checks(self) -> dict[str, bool]:
        names = list(self._checks)
        return dict(zip(names, await asyncio.gather(*(self._checks[name]() for name in names)), strict=True))

    def of_this_process(self) -> list["Kit"]:
        """This kit and those beside it, which share one register of metrics."""
        others = [getattr(getattr(app, "state", None), "kit", None) for app in self._apps.values()]
        return [self, *(other for other in others if isinstance(other, Kit) and other is not self)]

    async def measure(self) -> dict[str, float]:
        """Brings the gauges up to date; gives what it found."""
        found: dict[str, float] = {}
        if self._relay is not None:
            with suppress(Exception):
                found.update(await self._relay.measure())
        if self._consumer is not None and self.works:  # another process knows the lag
            found["consumer_lag"] = self.bus.lag(self.name)
            metrics.LAG.labels(self.name).set(found["consumer_lag"])
        return found


class _Measured:
    """Counts and times answers by route template, never by address: addresses name companies."""

    def __init__(self, app: ASGIApp, service: str) -> None:
        self.app, self.service = app, service
        self._known: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            counter, timer = self._metrics(scope, status)
            counter.inc()
            timer.observe(time.perf_counter() - began)

    def _metrics(self, scope: MutableMapping[str, Any], status: int) -> tuple[Any, Any]:
        place = str(getattr(scope.get("route"), "path", None) or getattr(scope.get("endpoint"), "__name__", "none"))
        key = (scope["method"], place, status)
        if key not in self._known:
            self._known[key] = (
                metrics.REQUESTS.labels(self.service, scope["method"], place, str(status)),
                metrics.LATENCY.labels(self.service, place),
            )
        return self._known[key]
