"""Pages from templates: everything escaped, values as a Korean reader expects them."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from libs.reference import CodeError, ksic
from libs.reference.calendar import KST
from libs.reference.regions.table import SIGUNGUS
from services.console.sessions import Session

LABELS: dict[str, dict[str, tuple[str, str]]] = {
    "level": {
        "beginner": ("초급", "beginner"),
        "intermediate": ("중급", "intermediate"),
        "advanced": ("고급", "advanced"),
    },
    "mode": {"onsite": ("집체", "onsite"), "remote": ("원격", "remote"), "blended": ("혼합", "blended")},
    "agency": {
        "MSIT": ("과기정통부", "MSIT"),
        "MSS": ("중기부", "MSS"),
        "MOTIE": ("산업부", "MOTIE"),
    },
    "status": {
        "received": ("접수", "received"),
        "diagnosed": ("진단", "diagnosed"),
        "recommended": ("추천", "recommended"),
        "prescribed": ("처방", "prescribed"),
        "training": ("훈련 중", "in training"),
        "completed": ("수료", "completed"),
    },
    "size": {
        "priority": ("우선지원대상기업", "priority support"),
        "large_under_1000": ("대규모 1,000인 미만", "large, under 1,000"),
        "large_1000_plus": ("대규모 1,000인 이상", "large, 1,000 or more"),
    },
    "learner": {
        "jobseeker": ("구직자", "jobseeker"),
        "worker": ("재직자", "worker"),
        "transition": ("전환 준비", "in transition"),
    },
    "dimension": {
        "use": ("AI 활용", "use of AI"),
        "people": ("훈련 경험", "trained people"),
        "leadership": ("필요 인식", "awareness of need"),
    },
    "tier": {
        "capital": ("수도권", "capital region"),
        "non_capital": ("비수도권", "outside the capital region"),
        "depopulation": ("인구감소지역", "depopulation area"),
    },
    "reading": {
        "priority": ("우선지원대상기업", "priority support"),
        "actual_fee": ("실제 훈련비", "actual fee"),
        "one": ("하나만", "only one"),
        "employer": ("사업주훈련", "employer training"),
        "workplace": ("사업장 소재지", "the workplace"),
        "institution": ("훈련기관 소재지", "the institution"),
        "suppliers_and_regional_peers": ("협력사와 지역 유사 산업", "suppliers and similar industry of the region"),
    },
    "source": {
        "course": ("과정 정보", "stated by the course"),
        "request": ("요청에 적은 값", "stated in the request"),
        "derived": ("계산", "computed"),
        "policy": ("정책", "policy"),
    },
    "price": {
        "not-chosen": ("적용하지 않음", "not applied"),
        "quoted": ("견적 완료", "quoted"),
        "pricing": ("계산 중", "being priced"),
        "ineligible": ("지원 대상 아님", "not eligible"),
        "unpriced": ("가격을 정할 수 없음", "cannot be priced"),
    },
    "service": {
        "interagency": ("부처 연계", "interagency"),
        "diagnosis": ("진단", "diagnosis"),
        "matching": ("추천", "matching"),
        "subsidy": ("지원금", "subsidy"),
        "catalog": ("과정", "catalog"),
    },
    "dead": {
        "handler-failed": ("처리 실패", "the handler failed"),
        "no-id": ("번호 없음", "no id"),
        "no-type": ("종류 없음", "no type"),
        "unknown-type": ("모르는 종류", "unknown type or version"),
        "bad-time": ("시각 오류", "bad time"),
        "bad-data": ("내용 오류", "bad data"),
    },
}
"""Code → Korean and English; a code that is not here is shown as it is."""

_HEADERS = {"Cache-Control": "no-store"}


def label(code: str | None, kind: str) -> tuple[str, str]:
    if code is None:
        return "–", "not known"
    return LABELS[kind].get(code, (code, ""))


def won(amount: int | None) -> str:
    return "–" if amount is None else f"{amount:,}원"


_UNITS = {"won": "원", "won/hour": "원/시간", "won/month": "원/월", "hours": "시간", "people": "명"}
_CODES = {"size_class": "size", "tier2": "tier", "tier3": "tier", "text": "reading"}


def measure(value: int | str | None, unit: str) -> tuple[str, str]:
    """A factor of a price with its unit, in Korean, and in English where that differs."""
    if value is None:
        return "–", "not known"
    if unit in _CODES:
        return label(str(value), _CODES[unit])
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return str(value), ""
    if unit == "rate":
        return f"{_short(amount * 100)} %", ""
    if unit == "multiple":
        return f"× {_short(amount)}", f"{_short(amount * 100)} %"
    return f"{amount:,f}{_UNITS.get(unit, '')}", ""


def _short(amount: Decimal) -> str:
    """Without zeros that say nothing: 0.950 → 0.95, 100.0 → 100."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–"
    return f"{value:,.0f}"


def kst(instant: datetime | None) -> str:
    if instant is None:
        return "–"
    return f"{instant.astimezone(KST):%Y-%m-%d %H:%M:%S}"


def region(code: str) -> str:
    found = SIGUNGUS.get(code)
    return f"{found.region.full_name} ({code})" if found else code


def industry(code: str, version: Literal["10", "11"]) -> str:
    """The name of an industry; its code alone where the table has no name."""
    try:
        name = ksic.parse(code, version).name
    except CodeError:
        name = ""
    return f"{name} ({code}, {version}차)" if name else f"{code} ({version}차)"


def business_number(digits: str) -> str:
    return f"{digits[:3]}-{digits[3:5]}-{digits[5:]}" if len(digits) == 10 else digits


def web_address(url: str | None) -> str | None:
    """Only what a browser may safely open: a provider's text could be `javascript:`."""
    try:
        return url if url and urlsplit(url).scheme in ("http", "https") else None
    except ValueError:
        return None


class Pages:
    def __init__(self) -> None:
        folder = Path(__file__).parent / "templates"
        self._jinja = Environment(
            loader=FileSystemLoader(folder),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._jinja.filters.update(won=won, number=number, kst=kst, business_number=business_number, url=web_address)
        self._jinja.filters["measure"] = measure
        self._jinja.globals.update(industry=industry, region=region, label=label, labels=LABELS)

    def page(self, name: str, session: Session | None, status: int = 200, **values: Any) -> HTMLResponse:
        text = self._jinja.get_template(f"{name}.html").render(session=session, page=name, **values)
        return HTMLResponse(text, status, headers=_HEADERS)
