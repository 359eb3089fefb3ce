"""The pages, over a gateway that is well and over one that is not."""

import re

import httpx
import pytest
from fastapi import FastAPI

from libs.common.kit import Kit
from services.console.app import create_app
from tests.conftest import NOW, Clock
from tests.console.conftest import csrf_of
from tests.console.fake_gateway import EVIL, FakeGateway, referral

AWAY = "지금은 볼 수 없음"
PAGES = ("", "/referrals", "/companies/c1", "/quotes/q1", "/events", "/sign-in", "/nowhere")


@pytest.mark.parametrize("page", PAGES)
async def test_every_page_is_korean_first_strict_and_without_scripts(browser: httpx.AsyncClient, page: str) -> None:
    answer = await browser.get(f"/console{page}", follow_redirects=True)
    assert answer.status_code in (200, 404)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert '<html lang="ko">' in answer.text
    assert 'name="viewport" content="width=device-width' in answer.text
    assert not re.search(r"<script|<style|\son\w+=|\sstyle=|javascript:", answer.text)
    assert answer.text.count("<h1") == 1


@pytest.mark.parametrize("page", PAGES)
async def test_tags_are_closed_in_the_order_they_were_opened(browser: httpx.AsyncClient, page: str) -> None:
    text = (await browser.get(f"/console{page}", follow_redirects=True)).text
    stack: list[str] = []
    for closing, tag, rest in re.findall(r"<(/?)([a-z0-9]+)([^>]*)>", text):
        if tag in ("meta", "link", "input", "br"):
            continue
        if not closing:
            stack.append(tag)
        else:
            assert stack.pop() == tag, f"{page}: </{tag}> {rest}"
    assert stack == []


async def test_the_overview_counts_companies_referrals_and_dead_letters(browser: httpx.AsyncClient) -> None:
    text = (await browser.get("/console")).text
    for shown in ("1,372", "1,368", "4,870", "과기정통부", "중기부", "새부처", ">410<", ">413<", ">2</a>"):
        assert shown in text
    assert "2026-11-23 10:00:00" in text
    assert AWAY not in text


async def test_a_service_that_is_away_takes_only_its_own_figures_along(
    browser: httpx.AsyncClient, gateway: FakeGateway
) -> None:
    services = gateway.documents["/v1/overview"]["services"]
    services["interagency"] = {"available": False, "status": 503}
    services["matching"] = {"available": False}
    del services["catalog"]
    text = (await browser.get("/console")).text
    assert text.count(AWAY) >= 5
    assert "1,100" in text


async def test_strange_counts_are_shown_as_not_known(browser: httpx.AsyncClient, gateway: FakeGateway) -> None:
    services = gateway.documents["/v1/overview"]["services"]
    services["interagency"]["counts"] = {"companies": "many", "referrals": {"MSIT": 5, "MSS": {"received": "x"}}}
    services["matching"]["counts"] = {}
    answer = await browser.get("/console")
    assert answer.status_code == 200
    assert "many" not in answer.text


async def test_referrals_are_filtered_and_paged_by_cursor(browser: httpx.AsyncClient, gateway: FakeGateway) -> None:
    text = (await browser.get("/console/referrals?agency=MSS&status=recommended&after=1~r1")).text
    asked = next(one for one in gateway.asked if "/v1/referrals" in one)
    for part in ("agency=MSS", "status=recommended", "after=1~r1", "limit=50"):
        assert part in asked.replace("%7E", "~")
    assert "agency=MSS&amp;status=recommended&amp;after=3~r3" in text
    assert '<option value="MSS" selected>' in text
    assert "스마트공장 보급" in text
    assert "116-82-00276" in text


async def test_the_last_page_has_no_next(browser: httpx.AsyncClient, gateway: FakeGateway) -> None:
    gateway.documents["/v1/referrals"] = {"items": [referral(1)], "next": "1~r1", "more": False}
    assert "다음 쪽" not in (await browser.get("/console/referrals")).text
    gateway.documents["/v1/referrals"] = {"items": [], "next": None, "more": False}
    assert "조건에 맞는 연계가 없습니다" in (await browser.get("/console/referrals")).text


async def test_a_filter_that_does_not_exist_is_not_passed_on(browser: httpx.AsyncClient, gateway: FakeGateway) -> None:
    answer = await browser.get("/console/referrals", params={"agency": EVIL, "status": "x"})
    assert answer.status_code == 200
    asked = next(one for one in gateway.asked if "/v1/referrals" in one)
    assert "agency" not in asked
    assert "status" not in asked


async def test_a_cursor_that_the_api_refuses_is_explained(browser: httpx.AsyncClient, gateway: FakeGateway) -> None:
    gateway.broken["/v1/referrals"] = 422
    answer = await browser.get("/console/referrals?after=nonsense")
    assert answer.status_code == 200
    assert "지금은 안 됩니다" in answer.text


async def test_names_are_text_wherever_they_come_from(browser: httpx.AsyncClient) -> None:
    for page in ("/referrals", "/companies/c1", "/events", "/quotes/q1"):
        text = (await browser.get(f"/console{page}")).text
        assert "<script" not in text
        assert "&lt;script&gt;alert(&#34;가온&#34;)&lt;/script&gt; &amp; 유한회사 &#39;나&#39;" in text


async def test_a_company_shows_level_reasons_courses_and_prices(browser: httpx.AsyncClient) -> None:
    text = (await browser.get("/console/companies/c1")).text
    for shown in (
        "초급(추정)",
        "40 / 100",
        "plan:붙임2-p.14",
        "19.95 %",
        "160,000원",
        ">0원<",
        "2026-12-07",
        "계산 중",
    ):
        assert shown in text
    assert 'href="/console/quotes/q1"' in text
    assert "대규모기업은 대상이 아님" in text
    assert 'href="https://example.com/courses/1"' in text


async def test_a_receipt_shows_every_factor_with_its_citation_and_rounding(browser: httpx.AsyncClient) -> None:
    text = (await browser.get("/console/quotes/q1")).text
    for shown in (
        "160,000원",
        "152,000원",
        "8,000원",
        "2026-11-23-abc",
        "95 %",
        "× 3",
        "480,000.5원",
        "비수도권",
        "반달",
    ):
        assert shown in text
    for shown in (
        "plan:IV-②-p.7",
        "<time>2026-01-01</time>부터 시행",
        "P10.rate",
        "해석한 값",
        "한도로 봄",
        "국고금 관리법 제47조",
    ):
        assert shown in text
    beside = ("고용노동부", "16,000원", "-16,000원", "1,800,000원", "아직 정해진 값이 없습니다.")
    for shown in (*beside, "자부담이 0원이 됩니다."):
        assert shown in text
    assert 'href="https://example.com/law"' in text
    assert "온라인 과정이 아닙니다." in text
    assert "집체" in text


@pytest.mark.parametrize(("outcome", "shown"), [("ineligible", "지원 대상 아님"), ("unpriced", "가격을 정할 수 없음")])
async def test_a_receipt_without_a_price_says_why(
    browser: httpx.AsyncClient, gateway: FakeGateway, outcome: str, shown: str
) -> None:
    why = {"ko": "훈련비를 알 수 없습니다.", "en": "The fee is not known."}
    none = {"outcome": outcome, "cost": None, "support": None, "self_pay": None, "steps": [], "reasons": [why]}
    gateway.documents["/v1/quotes/q1"] |= none
    gateway.documents["/v1/quotes/q1/what-if"] = {"dates": [], "choices": []}
    text = (await browser.get("/console/quotes/q1")).text
    assert shown in text
    assert "훈련비를 알 수 없습니다." in text
    assert "자부담" not in text.partition("적용하지 않은 지원")[0]


async def test_a_learners_receipt_speaks_of_the_learner(browser: httpx.AsyncClient, gateway: FakeGateway) -> None:
    gateway.documents["/v1/quotes/q1"]["inputs"] |= {"size_class": None, "learner": {"status": "jobseeker", "age": 45}}
    text = (await browser.get("/console/quotes/q1")).text
    assert "구직자" in text
    assert "만 45세" in text
    assert "기업 규모" not in text.partition("계산 순서")[0]


async def test_a_receipt_that_is_not_there_is_not_found(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/console/quotes/none")).status_code == 404


async def test_a_company_is_found_by_its_business_number(browser: httpx.AsyncClient) -> None:
    found = await browser.get("/console/companies", params={"company": " 116-82-00276 "}, follow_redirects=True)
    assert found.status_code == 200
    assert "초급(추정)" in found.text
    odd = await browser.get("/console/companies", params={"company": "../../ops?x=1#y"})
    assert odd.headers["location"] == "/console/companies/..%2F..%2Fops%3Fx%3D1%23y"


async def test_a_company_that_is_not_there_is_said_so(browser: httpx.AsyncClient, gateway: FakeGateway) -> None:
    answer = await browser.get("/console/companies/nobody")
    assert answer.status_code == 404
    assert "찾을 수 없습니다" in answer.text
    for path in ("..%2F..%2Fops", "%2E%2E"):
        assert (await browser.get(f"/console/companies/{path}")).status_code == 404
    assert not any("/ops" in one for one in gateway.asked)


async def test_a_company_without_recommendation_yet_still_shows_its_level(
    browser: httpx.AsyncClient, gateway: FakeGateway
) -> None:
    del gateway.documents["/v1/recommendations/c1"]
    text = (await browser.get("/console/companies/c1")).text
    assert "초급(추정)" in text
    assert "없음" in text


@pytest.mark.parametrize("trouble", [500, "shape"])
@pytest.mark.parametrize(
    ("page", "path", "left"),
    [
        ("", "/v1/overview", "현황"),
        ("/referrals", "/v1/referrals", "부처"),
        ("/referrals", "/v1/programmes", "하늘주조"),
        ("/companies/c1", "/v1/companies/c1", "초급(추정)"),
        ("/companies/c1", "/v1/assessments/c1", "160,000원"),
        ("/companies/c1", "/v1/recommendations/c1", "초급(추정)"),
        ("/quotes/q1", "/v1/quotes/q1", "계산 근거"),
        ("/events", "/ops/matching/dead-letters", "처리하지 못한 이벤트가 없습니다"),
        ("/events", "/v1/overview", "다시 처리"),
    ],
)
async def test_a_part_that_does_not_answer_is_shown_as_away_and_the_rest_stays(
    browser: httpx.AsyncClient, gateway: FakeGateway, page: str, path: str, left: str, trouble: int | str
) -> None:
    gateway.broken[path] = trouble
    answer = await browser.get(f"/console{page}")
    assert answer.status_code == 200
    assert left in answer.text
    assert AWAY in answer.text or path == "/v1/programmes"


@pytest.mark.parametrize("trouble", [503, 429, "slow", "html"])
async def test_whatever_the_trouble_is_the_part_is_away(
    browser: httpx.AsyncClient, gateway: FakeGateway, trouble: int | str
) -> None:
    gateway.broken["/v1/recommendations/c1"] = trouble
    answer = await browser.get("/console/companies/c1")
    assert answer.status_code == 200
    assert "초급(추정)" in answer.text
    assert AWAY in answer.text


async def test_nothing_at_all_answering_is_still_a_page(browser: httpx.AsyncClient, gateway: FakeGateway) -> None:
    gateway.broken["/oauth2/token"] = 500
    for page in ("", "/referrals", "/companies/c1", "/quotes/q1", "/events"):
        answer = await browser.get(f"/console{page}")
        assert answer.status_code == 200
        assert AWAY in answer.text


async def test_a_gateway_that_cannot_be_reached_is_away(app: FastAPI, kit: Kit, browser: httpx.AsyncClient) -> None:
    kit._apps = {}
    kit.settings.addresses["gateway"] = "http://127.0.0.1:9"
    answer = await browser.get("/console")
    assert AWAY in answer.text
    await app.state.console.backend.close()


async def test_the_token_is_asked_for_once_until_it_runs_out(
    browser: httpx.AsyncClient, gateway: FakeGateway, clock: Clock
) -> None:
    for _ in range(3):
        await browser.get("/console/events")
    assert gateway.asked.count("POST /oauth2/token") == 1
    clock.now = NOW.replace(minute=58, second=59)
    await browser.get("/console")
    assert gateway.asked.count("POST /oauth2/token") == 1
    clock.now = NOW.replace(minute=59)
    clock.now = clock.now.replace(hour=NOW.hour + 1)
    await browser.get("/console")
    assert gateway.asked.count("POST /oauth2/token") == 2


async def test_a_token_that_is_refused_is_renewed_once(browser: httpx.AsyncClient, gateway: FakeGateway) -> None:
    await browser.get("/console")
    gateway.token = "t2"
    assert AWAY not in (await browser.get("/console")).text
    gateway.secret = "changed"
    gateway.token = "t3"
    assert AWAY in (await browser.get("/console")).text


async def test_the_event_desk_shows_the_cause_and_replays(browser: httpx.AsyncClient, gateway: FakeGateway) -> None:
    page = await browser.get("/console/events")
    for shown in ("catalog.course.published.v1", "처리 실패", "ValueError", "120", 'value="e/1 ?"'):
        assert shown in page.text
    form = {"csrf": await csrf_of(browser), "service": "matching", "event_id": "e/1 ?"}
    done = await browser.post("/console/events/replay", data=form)
    assert (done.status_code, gateway.replays) == (303, [("matching", "e/1 ?")])
    after = await browser.get(done.headers["location"])
    assert "다시 처리했습니다" in after.text


async def test_a_replay_that_fails_again_says_why(browser: httpx.AsyncClient) -> None:
    form = {"csrf": await csrf_of(browser), "service": "matching", "event_id": "e2"}
    answer = await browser.post("/console/events/replay", data=form)
    assert answer.status_code == 409
    assert "다시 처리해도 실패합니다. (&lt;script&gt;" in answer.text
    assert "catalog.course.published.v1" in answer.text


@pytest.mark.parametrize("form", [{"service": "gateway", "event_id": "e"}, {"service": "matching"}, {}])
async def test_a_replay_of_nothing_is_not_found(
    browser: httpx.AsyncClient, gateway: FakeGateway, form: dict[str, str]
) -> None:
    answer = await browser.post("/console/events/replay", data=form | {"csrf": await csrf_of(browser)})
    assert answer.status_code == 404
    assert gateway.replays == []


async def test_a_made_up_notice_is_text(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/console/events", params={"replayed": EVIL})
    assert "<script" not in answer.text


@pytest.mark.parametrize(("name", "kind"), [("console.css", "text/css"), ("icon.svg", "image/svg+xml")])
async def test_the_look_needs_no_session(stranger: httpx.AsyncClient, name: str, kind: str) -> None:
    answer = await stranger.get(f"/console/static/{name}")
    assert answer.headers["content-type"].startswith(kind)
    assert (await stranger.get("/console/static/../pages.py")).status_code != 200
    assert (await stranger.get("/console/static/..%2Fpages.py")).status_code in (303, 404)


async def test_the_console_is_ready_though_the_gateway_is_not(kit: Kit) -> None:
    alone = create_app(Kit("console", kit.settings, clock=kit.clock))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=alone), base_url="http://console") as client:
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/readyz")).status_code == 200
