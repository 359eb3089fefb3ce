"""A gateway that the console meets in its tests: it can be slow, broken, forgetful, and full of strange names."""

import asyncio
import base64
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

EVIL = "<script>alert(\"가온\")</script> & 유한회사 '나'"
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC).isoformat()
SERVICES = ("interagency", "diagnosis", "matching", "subsidy", "catalog")


def reason(code: str, ko: str, en: str, citation: str | None = "plan:붙임2-p.14") -> dict[str, Any]:
    return {"code": code, "ko": ko, "en": en, "citation": citation}


def overview() -> dict[str, Any]:
    counts: dict[str, dict[str, Any]] = {
        "interagency": {
            "companies": 1372,
            "referrals": {
                "MSIT": {"recommended": 410, "diagnosed": 3},
                "MSS": {"recommended": 520},
                "새부처": {"received": 1},
            },
        },
        "diagnosis": {"assessments": 1372, "level_beginner": 1100, "level_intermediate": 240, "level_advanced": 32},
        "matching": {"courses": 4870, "companies": 1372, "recommendations": 1370, "priced": 1368},
        "subsidy": {},
        "catalog": {"courses": 5201},
    }
    services: dict[str, Any] = {
        name: {
            "available": True,
            "service": name,
            "as_of": NOW,
            "counts": counts[name],
            "events": {"outbox_unsent": 0, "outbox_age_seconds": 0.0, "dead_letters": 0, "consumer_lag": 0},
        }
        for name in SERVICES
    }
    services["matching"]["events"]["dead_letters"] = 2
    return {"as_of": NOW, "services": services}


def referral(number: int, **other: Any) -> dict[str, Any]:
    made = {
        "referral_id": f"r{number}",
        "agency": "MSS",
        "programme": "mss-smart-factory",
        "business_number": "1168200276",
        "company_id": f"c{number}",
        "company_name": f"하늘주조 {number}",
        "status": "recommended",
        "sequence": 3,
        "level": "beginner",
        "confidence": 40,
        "received_at": NOW,
        "changed_at": NOW,
        "cursor": f"{number}~r{number}",
    }
    return made | other


def course(rank: int, **other: Any) -> dict[str, Any]:
    made = {
        "rank": rank,
        "course_id": f"ieum:A-{rank}",
        "session_no": 1,
        "programme": "P9",
        "title": "[재직자] AI로 불량을 찾는 생산 현장 실습 — 비전 검사와 예지보전 (16시간, 온라인 병행)",
        "provider": "한빛견본직업학교",
        "url": "https://example.com/courses/1",
        "mode": "remote",
        "level": "beginner",
        "ai": True,
        "hours": 16,
        "fee": 160000,
        "starts_on": "2026-12-07",
        "score": 87,
        "reasons": [reason("level", "초급 기업에 맞는 수준", "fits a beginner company", "plan:IV-②-p.7")],
        "price": {
            "status": "quoted",
            "quote_id": f"q{rank}",
            "cost": 160000,
            "support": 160000,
            "self_pay": 0,
            "rule_ids": ["M3"],
            "citations": ["plan:IV-②-p.7"],
            "reasons": [],
        },
    }
    return made | other


def steps() -> list[dict[str, Any]]:
    cited = {"source": "policy", "rule": "M5", "citation": "plan:IV-②-p.7", "grade": "S", "effective_on": "2026-01-01"}
    return [
        {"step": "fee", "ko": "실제 훈련비(1인)", "en": "Training fee per person", "unit": "won", "value": 160000}
        | {"source": "course"},
        {"step": "multiple", "ko": "기준단가 배수", "en": "Multiple", "unit": "multiple", "value": "3"}
        | cited
        | {"parameter": "P10.multiple", "interpretation": True, "note_ko": "한도로 봄", "note_en": "read as a cap"},
        {"step": "cap", "ko": "훈련비 한도(1인)", "en": "Cap per person", "unit": "won", "value": "480000.5"}
        | {
            "formula_ko": "기준단가 × 훈련시간 × 배수",
            "formula_en": "unit price × hours × multiple",
            "source": "derived",
        },
        {"step": "tier", "ko": "지원율의 지역 구간", "en": "Tier", "unit": "tier2", "value": "non_capital"} | cited,
        {"step": "rate", "ko": "지원율", "en": "Support rate", "unit": "rate", "value": "0.95"}
        | cited
        | {"parameter": "P10.rate", "href": "https://example.com/law"},
        {"step": "rounding", "ko": "절사 단위(미만은 버림)", "en": "Cut below", "unit": "won", "value": 10}
        | {"source": "policy", "citation": "국고금 관리법 제47조", "href": "javascript:alert(1)", "note_ko": EVIL},
        {"step": "new", "ko": "새 단계", "en": "new step", "unit": "moon", "value": "반달", "source": "elsewhere"},
    ]


def documents() -> dict[str, Any]:
    """Path → what the API answers there."""
    company = {
        "company_id": "c1",
        "version": 1,
        "profile": {
            "business_number": "1168200276",
            "name": EVIL,
            "headcount": 35,
            "size_class": "priority",
            "ksic_version": "10",
            "ksic_code": "29299",
            "region_code": "12300",
            "scores": [],
        },
        "registered_at": NOW,
        "level": "beginner",
        "confidence": 40,
        "status": "recommended",
    }
    sum_ko = "초급 82 %, 중급 14 %, 고급 4 % → 초급(추정); 확신도 40 = 알려진 정보 55점 × 구분도 0.73"
    assessment = {
        "company_id": "c1",
        "version": 1,
        "level": "beginner",
        "confidence": 40,
        "provisional": True,
        "dimensions": [
            {"name": "use", "score": 18},
            {"name": "people", "score": 18},
            {"name": "leadership", "score": 49},
        ],
        "reasons": [
            reason("size", "상시근로자 35명: 10~49인 기업의 AI 활용률 19.95 %", "35 employees: 19.95 % use AI"),
            reason("sum", sum_ko, "beginner 82 %, confidence 40", "interpretation:diagnosis/model@2026-11-23"),
        ],
        "assessed_at": NOW,
    }
    late = {
        "status": "ineligible",
        "reasons": [reason("x", "대규모기업은 대상이 아님", "large firms are not eligible")],
    }
    recommendation = {
        "company_id": "c1",
        "business_number": "1168200276",
        "level": "beginner",
        "version": 2,
        "status": "priced",
        "as_of": NOW,
        "priced_on": "2026-11-23",
        "policy_version": "2026-11-23.1",
        "courses": [
            course(1),
            course(2, title=EVIL, provider=EVIL, url="javascript:alert(1)", price={"status": "pricing"}),
            course(3, price=late, hours=None, starts_on=None, url=None),
        ],
    }
    letter = {
        "event_id": "e/1 ?",
        "topic": "catalog.course",
        "key": "ieum:A-1",
        "type": "catalog.course.published.v1",
        "reason": "handler-failed",
        "cause": f"ValueError: {EVIL} " + "x" * 300,
        "attempts": 5,
        "failed_at": NOW,
        "status": "open",
        "bytes": 900,
    }
    quote = {
        "quote_id": "q1",
        "outcome": "quoted",
        "applied_on": "2026-11-23",
        "policy_version": "2026-11-23-abc",
        "programme": "P10",
        "cost": 160000,
        "support": 152000,
        "self_pay": 8000,
        "line": "P10",
        "steps": steps(),
        "others": [
            {
                "line": "M3",
                "ko": EVIL,
                "en": "beginner online",
                "outcome": "not-chosen",
                "support": 1,
                "self_pay": 159999,
            }
            | {"reasons": []},
            {"line": "M4", "ko": "초급 온라인 면제", "en": "beginner online", "outcome": "ineligible", "support": None}
            | {"self_pay": None, "reasons": [reason("not-remote", "온라인 과정이 아닙니다.", "Not an online course.")]},
        ],
        "reasons": [],
        "advance": 16000,
        "payers": [
            {"payer": "moel", "ko": "고용노동부", "en": "Ministry of Employment and Labor", "won": 152000},
            {"payer": "company", "ko": "기업", "en": "Company", "won": 8000},
        ],
        "allowances": [
            {"allowance": "trainee", "ko": "훈련생 지원금(1인, 월)", "en": "Allowance", "per_month": 300000}
            | {"months": 6, "total": 1800000, "before": 316000, "change": -16000, "changed_on": "2026-07-01"},
            {"allowance": "equipment", "ko": "장비비 우대 지원", "en": "Equipment", "per_month": None, "total": None}
            | {"reasons": [reason("equipment-support-unset", "아직 정해진 값이 없습니다.", "Not set yet.")]},
        ],
        "inputs": {"people": 1, "mode": "onsite", "level": "intermediate", "fee": 160000, "hours": None},
    }
    empty = {"service": "x", "status": "open", "count": 0, "items": []}
    letters = {f"/ops/{name}/dead-letters": dict(empty) for name in SERVICES}
    letters["/ops/matching/dead-letters"] = empty | {"count": 120, "items": [letter, letter | {"event_id": "e2"}]}
    referrals = [referral(1, company_name=EVIL), referral(2), referral(3, company_id=None, level=None, confidence=None)]
    referrals[2] |= {"status": "received", "programme": "unknown-programme", "agency": "새부처"}
    return {
        "/v1/overview": overview(),
        "/v1/referrals": {"items": referrals, "next": "3~r3", "more": True},
        "/v1/programmes": {
            "items": [{"id": "mss-smart-factory", "ko": "스마트공장 보급", "en": "Smart factory deployment"}]
        },
        "/v1/companies/c1": company,
        "/v1/companies/116-82-00276": company,
        "/v1/assessments/c1": assessment,
        "/v1/recommendations/c1": recommendation,
        "/v1/quotes/q1": quote,
        "/v1/quotes/q1/what-if": {
            "dates": [{"ko": "2026-03-01 이후에 신청하면 자부담이 0원이 됩니다.", "en": "From then on: 0 won."}],
            "choices": [{"ko": EVIL, "en": "With mode blended"}],
        },
        **letters,
    }


class FakeGateway:
    """`documents` may be changed; `broken` maps a path to a status, or to "slow", "html" or "shape"."""

    def __init__(self, secret: str = "s3cret") -> None:
        self.documents = documents()
        self.broken: dict[str, int | str] = {}
        self.secret = secret
        self.token = "t1"
        self.expires_in = 3600
        self.asked: list[str] = []
        self.replays: list[tuple[str, str]] = []
        methods = ["GET", "POST"]
        self.app = Starlette(routes=[Route("/{path:path}", self._answer, methods=methods)])

    async def _answer(self, request: Request) -> Response:
        path = request.scope["path"]
        query = f"?{request.url.query}" if request.url.query else ""
        self.asked.append(f"{request.method} {path}{query}")
        trouble = self.broken.get(path)
        if trouble == "slow":
            await asyncio.sleep(30)
        if trouble == "html":
            return Response("<html>oops</html>", media_type="text/html")
        if trouble == "shape":
            return JSONResponse(["not", "what", "was", "expected"])
        if isinstance(trouble, int):
            return JSONResponse({"title": "지금은 안 됩니다", "title_en": "not now"}, trouble)
        if path == "/oauth2/token":
            return await self._grant(request)
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return JSONResponse({"title": "토큰"}, 401)
        if request.method == "POST":
            return self._replay(request)
        if path not in self.documents:
            return JSONResponse({"title": "없음", "title_en": "Not found"}, 404)
        return JSONResponse(self.documents[path])

    async def _grant(self, request: Request) -> Response:
        wanted = "Basic " + base64.b64encode(f"console:{self.secret}".encode()).decode()
        if (
            request.headers.get("authorization") != wanted
            or b"grant_type=client_credentials" not in await request.body()
        ):
            return JSONResponse({"error": "invalid_client"}, 401)
        return JSONResponse({"access_token": self.token, "token_type": "Bearer", "expires_in": self.expires_in})

    def _replay(self, request: Request) -> Response:
        _, _, service, _, *rest = request.scope["path"].split("/")
        event_id = "/".join(rest[:-1])
        self.replays.append((service, event_id))
        if event_id == "e2":
            return JSONResponse(
                {"title": "다시 처리해도 실패합니다.", "title_en": "It still fails.", "cause": EVIL}, 409
            )
        return JSONResponse({"event_id": event_id, "status": "replayed"})
