"""The pages. Each asks for its parts at once and shows what came; a part that is away does not take the page along."""

import asyncio
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from services.console import shapes
from services.console.backend import Backend
from services.console.render import LABELS, Pages
from services.console.sessions import COOKIE, LIFETIME, Session, Sessions

HOME, SIGN_IN = "/console", "/console/sign-in"
PER_PAGE = 50
SERVICES = tuple(LABELS["service"])
_STATIC = Path(__file__).parent / "static"
_FILES = {
    "console.css": ((_STATIC / "console.css").read_bytes(), "text/css"),
    "icon.svg": ((_STATIC / "icon.svg").read_bytes(), "image/svg+xml"),
}

router = APIRouter(prefix=HOME, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Console:
    backend: Backend
    sessions: Sessions
    pages: Pages


class SignInNeeded(Exception):
    """There is no session, or it is over."""


class FormRefused(Exception):
    """The form did not come from a page of this session."""


def _console(request: Request) -> Console:
    console: Console = request.app.state.console
    return console


def _session(request: Request) -> Session | None:
    return _console(request).sessions.read(request.cookies.get(COOKIE, ""))


async def _signed_in(request: Request) -> Session:
    session = _session(request)
    if session is None:
        raise SignInNeeded
    return session


SignedIn = Annotated[Session, Depends(_signed_in)]


async def _own_form(request: Request, session: SignedIn, csrf: Annotated[str, Form()] = "") -> Session:
    """A POST must carry the session's token and come from a page of this site."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    if site != "same-origin" or not hmac.compare_digest(csrf.encode(), session.csrf.encode()):
        raise FormRefused
    return session


OwnForm = Annotated[Session, Depends(_own_form)]


@router.get("/static/{name}")
async def static(name: str) -> Response:
    if name not in _FILES:
        return Response(status_code=404)
    content, media_type = _FILES[name]
    return Response(content, media_type=media_type, headers={"Cache-Control": "no-cache"})


@router.get("/sign-in")
async def sign_in(request: Request, code: str = "") -> Response:
    console = _console(request)
    cookie = console.sessions.open(code)
    if cookie is None and _session(request) is not None:
        return RedirectResponse(HOME, 303)
    if cookie is None:
        return console.pages.page("sign_in", None, 403 if code else 200, refused=bool(code))
    answer = RedirectResponse(HOME, 303)
    answer.set_cookie(
        COOKIE, cookie, max_age=LIFETIME, path=HOME, secure=_over_tls(request), httponly=True, samesite="strict"
    )
    return answer


def _over_tls(request: Request) -> bool:
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", ""))


@router.post("/sign-out")
async def sign_out(request: Request, session: OwnForm) -> Response:
    _console(request).sessions.end(session)
    answer = RedirectResponse(SIGN_IN, 303)
    answer.delete_cookie(COOKIE, path=HOME)
    return answer


@router.get("")
async def overview(request: Request, session: SignedIn) -> Response:
    console = _console(request)
    answer = await console.backend.get(shapes.Overview, "v1", "overview")
    return console.pages.page("overview", session, overview=answer)


@router.get("/referrals")
async def referrals(
    request: Request, session: SignedIn, agency: str = "", status: str = "", after: str = ""
) -> Response:
    console = _console(request)
    chosen = {
        "agency": agency if agency in LABELS["agency"] else "",
        "status": status if status in LABELS["status"] else "",
    }
    found, programmes = await asyncio.gather(
        console.backend.get(shapes.Referrals, "v1", "referrals", limit=PER_PAGE, after=after, **chosen),
        console.backend.get(shapes.Programmes, "v1", "programmes"),
    )
    names = {item.id: item for item in programmes.data.items} if programmes.data else {}
    return console.pages.page("referrals", session, referrals=found, names=names, chosen=chosen, after=after)


@router.get("/companies")
async def find_company(session: SignedIn, company: str = "") -> Response:
    """The search form's target: a company by its id or 사업자등록번호."""
    wanted = company.strip()
    return RedirectResponse(f"{HOME}/companies/{quote(wanted, safe='')}" if wanted else f"{HOME}/referrals", 303)


@router.get("/companies/{company}")
async def company(request: Request, session: SignedIn, company: str) -> Response:
    console = _console(request)
    found = await console.backend.get(shapes.Company, "v1", "companies", company)
    if found.trouble and found.trouble.kind == "missing":
        return console.pages.page("missing", session, 404)
    identity = found.data.company_id if found.data else company
    assessment, recommendation = await asyncio.gather(
        console.backend.get(shapes.Assessment, "v1", "assessments", identity),
        console.backend.get(shapes.Recommendation, "v1", "recommendations", identity),
    )
    return console.pages.page(
        "company", session, company=found, assessment=assessment, recommendation=recommendation, asked=company
    )


@router.get("/quotes/{quote_id}")
async def receipt(request: Request, session: SignedIn, quote_id: str) -> Response:
    console = _console(request)
    found, what_if = await asyncio.gather(
        console.backend.get(shapes.Quote, "v1", "quotes", quote_id),
        console.backend.get(shapes.WhatIf, "v1", "quotes", quote_id, "what-if"),
    )
    status = 404 if found.trouble and found.trouble.kind == "missing" else 200
    return console.pages.page("missing" if status == 404 else "quote", session, status, quote=found, what_if=what_if)


@router.get("/events")
async def events(request: Request, session: SignedIn, replayed: str = "") -> Response:
    return await _desk(request, session, {"replayed": replayed})


@router.post("/events/replay")
async def replay(
    request: Request, session: OwnForm, service: Annotated[str, Form()] = "", event_id: Annotated[str, Form()] = ""
) -> Response:
    """Handles a dead letter again; the page says how it went."""
    if service not in SERVICES or not event_id:
        return _console(request).pages.page("missing", session, 404)
    done = await _console(request).backend.post(shapes.Replayed, "ops", service, "dead-letters", event_id, "replay")
    if done.trouble is None:
        return RedirectResponse(f"{HOME}/events?replayed={service}", 303)
    return await _desk(request, session, {"failed": done.trouble, "event_id": event_id}, 409)


async def _desk(request: Request, session: Session, said: Mapping[str, object], status: int = 200) -> Response:
    console = _console(request)
    overview, *letters = await asyncio.gather(
        console.backend.get(shapes.Overview, "v1", "overview"),
        *(console.backend.get(shapes.DeadLetters, "ops", name, "dead-letters") for name in SERVICES),
    )
    notice = {"replayed": "", "failed": None, "event_id": ""} | dict(said)
    return console.pages.page(
        "events", session, status, overview=overview, letters=dict(zip(SERVICES, letters, strict=True)), **notice
    )


@router.get("/{rest:path}")
async def elsewhere(request: Request, session: SignedIn, rest: str) -> Response:
    if not rest:
        return RedirectResponse(HOME, 303)
    return _console(request).pages.page("missing", session, 404)
