"""Who gets in: the one-time link, the cookie, the way out, and forms of other origins."""

import httpx
import pytest
from fastapi import FastAPI

from libs.common.kit import Kit
from services.console.app import create_app
from services.console.sessions import COOKIE, LIFETIME, Sessions
from tests.conftest import NOW, Clock
from tests.console.conftest import CODE, csrf_of
from tests.console.fake_gateway import FakeGateway

PAGES = ("", "/referrals", "/companies/c1", "/companies?company=x", "/quotes/q1", "/events", "/nowhere", "/")


@pytest.mark.parametrize("page", PAGES)
async def test_every_page_but_sign_in_needs_a_session(
    stranger: httpx.AsyncClient, gateway: FakeGateway, page: str
) -> None:
    answer = await stranger.get(f"/console{page}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")
    assert gateway.asked == []


@pytest.mark.parametrize("page", ["/sign-out", "/events/replay"])
async def test_forms_need_a_session_too(stranger: httpx.AsyncClient, gateway: FakeGateway, page: str) -> None:
    answer = await stranger.post(f"/console{page}", data={"csrf": "x", "service": "matching", "event_id": "e2"})
    assert answer.status_code == 303
    assert gateway.replays == []


async def test_the_link_opens_one_session_and_no_second(app: FastAPI, stranger: httpx.AsyncClient) -> None:
    first = await stranger.get(f"/console/sign-in?code={CODE}")
    assert (first.status_code, first.headers["location"]) == (303, "/console")
    cookie = first.headers["set-cookie"].lower()
    for part in ("httponly", "samesite=strict", "path=/console", f"max-age={LIFETIME}"):
        assert part in cookie
    assert "secure" not in cookie
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://console") as other:
        second = await other.get(f"/console/sign-in?code={CODE}")
        assert second.status_code == 403
        assert "이미 쓰였거나" in second.text
        assert (await other.get("/console")).status_code == 303


async def test_the_link_opened_again_in_the_same_browser_leads_home(browser: httpx.AsyncClient) -> None:
    again = await browser.get(f"/console/sign-in?code={CODE}")
    assert (again.status_code, again.headers["location"]) == (303, "/console")


async def test_the_cookie_is_secure_where_the_site_is(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get(f"/console/sign-in?code={CODE}", headers={"X-Forwarded-Proto": "https"})
    assert "secure" in answer.headers["set-cookie"].lower()


@pytest.mark.parametrize("code", ["", "wrong", "%00", "%F0%9F%92%A9", "one-time-code%20", "x" * 5000])
async def test_a_wrong_code_opens_nothing(stranger: httpx.AsyncClient, code: str) -> None:
    answer = await stranger.get(f"/console/sign-in?code={code}")
    assert answer.status_code in (200, 403)
    assert COOKIE not in stranger.cookies
    assert (await stranger.get(f"/console/sign-in?code={CODE}")).status_code == 303


async def test_without_a_code_in_the_settings_nobody_gets_in(kit: Kit) -> None:
    closed = Kit("console", kit.settings.model_copy(update={"console_sign_in_code": ""}), clock=kit.clock)
    sessions = Sessions(b"key", set(), closed.clock, closed.new_id)
    assert sessions.open("") is None


async def test_a_session_ends_after_eight_hours(browser: httpx.AsyncClient, clock: Clock) -> None:
    assert (await browser.get("/console")).status_code == 200
    clock.now = NOW.replace(hour=8, minute=59, second=59)
    assert (await browser.get("/console")).status_code == 200
    clock.now = NOW.replace(hour=9)
    assert (await browser.get("/console")).status_code == 303


@pytest.mark.parametrize(
    "change", [lambda c: c[:-1] + ("0" if c[-1] != "0" else "1"), lambda c: c.replace(".", ".9", 1)]
)
async def test_a_cookie_that_was_changed_is_worth_nothing(
    app: FastAPI, browser: httpx.AsyncClient, change: object
) -> None:
    forged = change(browser.cookies[COOKIE])  # type: ignore[operator]
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://console", cookies={COOKIE: forged}) as other:
        assert (await other.get("/console")).status_code == 303


@pytest.mark.parametrize("cookie", ["", ".", "..", "a.b.c", "x.99999999999.", "é.1.2"])
async def test_a_cookie_of_nonsense_is_worth_nothing(app: FastAPI, cookie: str) -> None:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://console") as other:
        answer = await other.get("/console", headers=[(b"cookie", f"{COOKIE}={cookie}".encode())])
        assert answer.status_code == 303


async def test_a_cookie_of_another_key_is_worth_nothing(app: FastAPI, kit: Kit) -> None:
    cookie = Sessions(b"another key", {"c"}, kit.clock, kit.new_id).open("c")
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://console", cookies={COOKIE: cookie}) as other:  # type: ignore[dict-item]
        assert (await other.get("/console")).status_code == 303


async def test_signing_out_ends_the_session_also_for_who_kept_the_cookie(
    app: FastAPI, browser: httpx.AsyncClient
) -> None:
    kept = browser.cookies[COOKIE]
    answer = await browser.post("/console/sign-out", data={"csrf": await csrf_of(browser)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://console", cookies={COOKIE: kept}) as other:
        assert (await other.get("/console")).status_code == 303


@pytest.mark.parametrize("csrf", [None, "", "0" * 64, "é"])
async def test_a_form_without_the_sessions_token_does_nothing(
    browser: httpx.AsyncClient, gateway: FakeGateway, csrf: str | None
) -> None:
    form = {"service": "matching", "event_id": "e/1 ?"} | ({} if csrf is None else {"csrf": csrf})
    answer = await browser.post("/console/events/replay", data=form)
    assert answer.status_code == 403
    assert gateway.replays == []
    assert (await browser.post("/console/sign-out", data=form)).status_code == 403
    assert (await browser.get("/console")).status_code == 200


async def test_a_form_from_another_site_does_nothing(browser: httpx.AsyncClient, gateway: FakeGateway) -> None:
    form = {"csrf": await csrf_of(browser), "service": "matching", "event_id": "e/1 ?"}
    answer = await browser.post("/console/events/replay", data=form, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert gateway.replays == []


async def test_signing_out_by_address_is_not_possible(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/console/sign-out")).status_code == 404
    assert (await browser.get("/console")).status_code == 200


async def test_without_a_key_in_the_settings_each_process_makes_its_own(kit: Kit) -> None:
    bare = Kit(
        "console", kit.settings.model_copy(update={"console_session_key": type(kit.settings.console_session_key)("")})
    )
    first, second = (create_app(bare).state.console.sessions for _ in range(2))
    cookie = first.open(CODE)
    assert first.read(cookie) is not None
    assert second.read(cookie) is None
