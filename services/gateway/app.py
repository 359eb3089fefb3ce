"""Composition: a plain ASGI app in front, so that a forwarded request costs little; FastAPI behind it."""

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from fastapi import FastAPI
from opentelemetry import propagate, trace
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.common import metrics
from libs.common.kit import Kit
from libs.common.problems import Problem, not_found
from services.gateway import api
from services.gateway.forward import HttpForward
from services.gateway.limits import Limiter, Verdict
from services.gateway.routes import OPEN, SERVICES, owner

_OWN_STATE = ("app", "router", "endpoint", "route", "path_params", "state", "fastapi.telemetry")
_TOKEN_RATE, _TOKEN_BURST = 5.0, 20
_NOSNIFF = (b"x-content-type-options", b"nosniff")


class Gateway:
    """`upstreams` are the services as ASGI apps: in this process, or forwards over the network."""

    def __init__(
        self, kit: Kit, own: FastAPI, upstreams: Mapping[str, ASGIApp], monotonic: Callable[[], float]
    ) -> None:
        self._kit, self._own, self._upstreams = kit, own, upstreams
        settings = kit.settings
        self._clients = Limiter(settings.rate_limit_per_second, settings.rate_limit_burst, monotonic)
        self._strangers = Limiter(_TOKEN_RATE, _TOKEN_BURST, monotonic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._own(scope, receive, send)
            return
        send = _unsniffed(send)
        name, needs_token = owner(scope["path"])
        if name is None:
            await self._own(scope, receive, send)
            return
        try:
            verdict = await self._admit(scope, needs_token)
            upstream = self._upstreams.get(name)
            if upstream is None:
                raise not_found("서비스", "Service")
        except Problem as problem:
            metrics.REQUESTS.labels("gateway", scope["method"], name, str(problem.status)).inc()
            await problem.response()(scope, receive, send)
            return
        with self._span(scope, name) as inner:
            await upstream(inner, receive, self._answering(send, scope["method"], name, verdict))

    async def _admit(self, scope: Scope, needs_token: bool) -> Verdict | None:
        if needs_token:
            authorization = next((v for k, v in scope["headers"] if k == b"authorization"), b"")
            caller = await self._kit.verifier.verify(authorization.decode("latin-1"))
            verdict = self._clients.take(caller.client_id)
        elif scope["path"].startswith("/oauth2/"):
            verdict = self._strangers.take((scope.get("client") or ("unknown", 0))[0])
        else:
            return None
        if verdict.retry_after:
            raise Problem(
                429,
                "too-many-requests",
                ko=f"요청이 너무 많습니다. {verdict.retry_after}초 뒤에 다시 보내 주세요.",
                en=f"Too many requests. Please try again in {verdict.retry_after} s.",
                headers={"Retry-After": str(verdict.retry_after), "RateLimit-Limit": str(verdict.limit)},
                limit=verdict.limit,
            )
        return verdict

    def _span(self, scope: Scope, name: str) -> AbstractContextManager[Scope]:
        inner = {key: value for key, value in scope.items() if key not in _OWN_STATE}
        tracer = self._kit.tracer
        return nullcontext(inner) if tracer is None else _Traced(tracer, inner, name)

    def _answering(self, send: Send, method: str, name: str, verdict: Verdict | None) -> Send:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                metrics.REQUESTS.labels("gateway", method, name, str(message["status"])).inc()
                if verdict is not None:
                    message["headers"] = [
                        *message["headers"],
                        (b"ratelimit-limit", b"%d" % verdict.limit),
                        (b"ratelimit-remaining", b"%d" % verdict.remaining),
                    ]
            await send(message)

        return answer


def _unsniffed(send: Send) -> Send:
    """Every answer is what it says it is: a browser must not make a page of a company's name."""

    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [header for header in message.get("headers", ()) if header[0] != _NOSNIFF[0]]
            message["headers"] = [*kept, _NOSNIFF]
        await send(message)

    return answer


class _Traced(AbstractContextManager[Any]):
    """A server span whose context goes on in the request's `traceparent`."""

    def __init__(self, tracer: trace.Tracer, scope: Scope, name: str) -> None:
        self._scope = scope
        incoming = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"] if k == b"traceparent"}
        context = propagate.extract(incoming)
        self._span = tracer.start_span(f"gateway {name}", context=context, kind=trace.SpanKind.SERVER)

    def __enter__(self) -> Scope:
        carrier: dict[str, str] = {}
        propagate.inject(carrier, trace.set_span_in_context(self._span))
        kept = [(k, v) for k, v in self._scope["headers"] if k not in (b"traceparent", b"tracestate")]
        self._scope["headers"] = kept + [(k.encode(), v.encode()) for k, v in carrier.items()]
        return self._scope

    def __exit__(self, *error: object) -> None:
        self._span.end()


def create_app(kit: Kit, apps: Mapping[str, ASGIApp] | None = None) -> ASGIApp:
    """`apps` are services in this process; the others are reached over the network."""
    forwards = {name: HttpForward(kit.settings.address(name)) for name in (*SERVICES, *set(OPEN.values()))}

    async def close_forwards(_kit: Kit) -> None:
        kit.on_stop.extend(forward.close for forward in forwards.values())

    own = kit.app(
        title="AX 이음 gateway",
        routes=[api.router],
        openapi_url=None,
        on_start=[close_forwards],
        checks={"keys": kit.verifier.ready, **{name: _ready(kit, name) for name in SERVICES if name in (apps or {})}},
    )
    upstreams: Mapping[str, ASGIApp] = apps if apps is not None else forwards
    return Gateway(kit, own, upstreams, time.monotonic)


def _ready(kit: Kit, service: str) -> Callable[[], Awaitable[bool]]:
    """A service in this process: what it cannot do the process cannot. Over the network each answers for itself."""

    async def ready() -> bool:
        async with kit.client(service) as client:
            return (await client.get("/readyz")).status_code == 200

    return ready


def from_env() -> ASGIApp:
    return create_app(Kit.from_env("gateway"))
