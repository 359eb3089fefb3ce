"""Composition root of the console."""

import secrets

from fastapi import FastAPI, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.common.kit import Kit
from services.console import pages
from services.console.backend import Backend
from services.console.render import Pages
from services.console.sessions import COOKIE, Sessions

_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)


def create_app(kit: Kit, patience: float = 8.0) -> FastAPI:
    """`patience`: seconds that a page waits for one part of it."""
    backend = Backend(kit, patience)
    kit.on_stop.append(backend.close)
    app = kit.app(title="AX 이음 console", routes=[pages.router], openapi_url=None, max_body_size=64 * 1024)
    app.state.console = pages.Console(backend, _sessions(kit), Pages())
    app.add_exception_handler(pages.SignInNeeded, _to_sign_in)
    app.add_exception_handler(pages.FormRefused, _form_refused)
    app.add_middleware(_Guarded)
    return app


def _sessions(kit: Kit) -> Sessions:
    """Without a key in the settings the sessions end with this process."""
    key = kit.settings.console_session_key.get_secret_value() or secrets.token_urlsafe(32)
    code = kit.settings.console_sign_in_code.get_secret_value()
    return Sessions(key.encode(), {code} if code else set(), kit.clock, kit.new_id)


async def _to_sign_in(_request: Request, _error: Exception) -> Response:
    answer = RedirectResponse(pages.SIGN_IN, 303)
    answer.delete_cookie(COOKIE, path=pages.HOME)
    return answer


async def _form_refused(request: Request, _error: Exception) -> Response:
    console: pages.Console = request.app.state.console
    return console.pages.page("form_refused", None, 403)


class _Guarded:
    """The same strict headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        await self._app(scope, receive, guarded if scope["type"] == "http" else send)


def from_env() -> FastAPI:
    return create_app(Kit.from_env("console"))
