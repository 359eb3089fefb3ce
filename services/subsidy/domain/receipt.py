"""The receipt (산출 내역서): every factor in order of computation, as JSON.

A receipt is made for each price, so what is the same for all quotes of one kind is written once, and joined with the
numbers by one formatting of bytes.
"""

import json
from decimal import Decimal
from functools import lru_cache

from services.subsidy.domain.facts import Facts, Place
from services.subsidy.domain.policy import Given
from services.subsidy.domain.pricing import Amounts, Quote
from services.subsidy.domain.programmes import Line
from services.subsidy.domain.terms import Payable, Refused, Terms


def _kind(identity: str, ko: str, en: str, unit: str, formula_ko: str = "", formula_en: str = "") -> str:
    """One kind of step: names, unit, and for a computed one its formula, as the beginning of a JSON object."""
    members = {"step": identity, "ko": ko, "en": en, "unit": unit}
    if formula_ko:
        members |= {"formula_ko": formula_ko, "formula_en": formula_en}
    return _json(members)[:-1] + ',"value":'


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


FEE = _kind("fee", "실제 훈련비(1인)", "Training fee per person", "won")
UNIT_PRICE = _kind("unit-price", "기준단가(시간당)", "Unit price per hour", "won/hour")
HOURS = _kind("hours", "훈련시간", "Training hours", "hours")
MULTIPLE = _kind("multiple", "기준단가 배수", "Multiple of the unit price", "multiple")
CAP = _kind(
    "cap", "훈련비 한도(1인)", "Cap per person", "won",
    "기준단가 × 훈련시간 × 배수", "unit price × hours × multiple",
)  # fmt: skip
ELIGIBLE = _kind(
    "eligible", "지원대상 훈련비(1인)", "Eligible fee per person", "won",
    "실제 훈련비와 한도 가운데 작은 것", "the lesser of fee and cap",
)  # fmt: skip
LIMIT = _kind("limit", "지원은 실제 훈련비까지", "Support ends at the actual fee", "text")
SIZE = _kind("size-class", "기업 규모", "Size class", "size_class")
SME = _kind("sme", "중소기업 판단: 이 규모면 중소기업", "SME test: this size class counts as an SME", "text")
TABLE = _kind("rate-table", "지원율을 가져온 표", "Table that the rate is taken from", "text")
REPLACES = _kind("replaces", "이 규칙이 대신하는 지원율", "Rates that this rule replaces", "text")
PLACE = _kind("rate-place", "지원율의 지역을 정하는 기준", "Whose place sets the tier of the rate", "text")
OVERLAP = _kind("overlap", "수도권이면서 인구감소지역인 곳의 구간", "Tier of a place that is both", "tier2")
RATE = _kind("rate", "지원율", "Support rate", "rate")
PEOPLE = _kind("people", "인원", "People", "people")
EXACT = _kind(
    "support-exact", "끝수 처리 전 지원금", "Support before rounding", "won",
    "지원대상 훈련비 × 지원율 × 인원", "eligible fee × rate × people",
)  # fmt: skip
CUT = _kind("rounding", "절사 단위(미만은 버림)", "Cut below", "won")
SUPPORT = _kind(
    "support", "지원금", "Support", "won",
    "끝수 처리 전 지원금에서 절사 단위 미만을 버림", "support before rounding, cut",
)  # fmt: skip
ONE = _kind("one-support", "겹치는 지원 가운데 하나만 적용", "Of competing supports only one applies", "text")
COST = _kind("cost", "훈련비 총액", "Total training fee", "won", "실제 훈련비 × 인원", "fee × people")
SELF_PAY = _kind("self-pay", "자부담(합계)", "Self-pay (total)", "won", "훈련비 총액 − 지원금", "total fee − support")

_KIND_OF = {
    "common.sme": SME,
    "common.rate_table": TABLE,
    "P10.replaces": REPLACES,
    "P10.rate_place": PLACE,
    "common.overlap_two_tiers": OVERLAP,
}
"""Parameters that are a step of their own, between the eligible fee and the rate."""

_COURSE, _REQUEST, _DERIVED = (f',"source":"{name}"}}' for name in ("course", "request", "derived"))
_SIZE_SOURCE = {"stated": _REQUEST, "headcount": _DERIVED[:-1] + ',"citation":"고용보험법 시행령 제12조 별표 1"}'}


def citations(quote: Quote) -> tuple[str, ...]:
    """Every source that the price rests on."""
    if quote.terms is None or quote.outcome != "quoted":
        return ()
    fee = quote.terms.fee if quote.facts.fee is None else None
    used = quote.chosen.payable.used if quote.chosen else (fee or quote.terms.limit,)
    return tuple(dict.fromkeys(citation for given in used for citation in given.citations))


def render(quote: Quote, quote_id: str) -> bytes:
    """The receipt as a JSON document; `quote_id` is a UUID."""
    chosen, facts, terms = quote.chosen, quote.facts, quote.terms
    name, day = quote_id.encode(), quote.snapshot.on.isoformat().encode()
    if chosen is None or terms is None:
        return _unpaid(quote) % (name, day, _where(facts.workplace), _where(facts.institution))
    payable, cost, support, self_pay = chosen.payable, quote.cost, chosen.support, quote.self_pay
    if not payable.written:
        payable.written = _write(payable, facts, quote.snapshot.version, terms)
    scale = payable.multiple_scale
    return payable.written % (
        *(name, day, cost, support, self_pay, facts.fee, chosen.unit_price, facts.hours, _won(chosen.cap, scale)),
        *(_won(chosen.eligible, scale), facts.people, _won(chosen.exact, scale * payable.rate.scale)),
        *(support, cost, self_pay, _others(quote.others, cost or 0, terms), facts.hours, facts.fee),
        *(_int(facts.unit_price), facts.people, _where(facts.workplace), _where(facts.institution)),
    )


_TEXT, _NUMBER = "\0s", "\0d"
"""Marks of what differs from receipt to receipt, while a template is put together."""


def _template(text: str) -> bytes:
    return text.replace("%", "%%").replace("\0", "%").encode()


def _write(payable: Payable, facts: Facts, version: str, terms: Terms) -> bytes:
    """The receipt of a line that pays, with places for the numbers."""
    line = payable.line
    steps = ",".join(_steps(payable, facts, terms.one))
    money = f'"cost":{_NUMBER},"support":{_NUMBER},"self_pay":{_NUMBER}'
    names = f'"line":"{line.id}","rules":{_json(line.rules)}'
    numbers = f'"hours":{_NUMBER},"fee":{_NUMBER},"unit_price":{_TEXT},"people":{_NUMBER}'
    return _template(
        f'{_head("quoted", version, facts)},{money},{names},"steps":[{steps}],"others":[{_TEXT}],"reasons":[],'
        f'"inputs":{{{_kind_of(facts)},{numbers},"workplace":{_TEXT},"institution":{_TEXT}}}}}'
    )


def _unpaid(quote: Quote) -> bytes:
    """A receipt without a line: the course is free, or there is no price and the reasons say why."""
    facts, terms = quote.facts, quote.terms
    steps = _free(facts, terms) if terms and quote.outcome == "quoted" else []
    money = ",".join(f'"{name}":{_json(getattr(quote, name))}' for name in ("cost", "support", "self_pay"))
    refused = ",".join(map(_refused, terms.refused)) if terms else ""
    reasons = ",".join(reason.model_dump_json() for reason in quote.reasons)
    numbers = {"hours": facts.hours, "fee": facts.fee, "unit_price": facts.unit_price, "people": facts.people}
    return _template(
        f'{_head(quote.outcome, quote.snapshot.version, facts)},{money},"line":null,"rules":[],'
        f'"steps":[{",".join(steps)}],"others":[{refused}],"reasons":[{reasons}],'
        f'"inputs":{{{_kind_of(facts)},{_json(numbers)[1:-1]},"workplace":{_TEXT},"institution":{_TEXT}}}}}'
    )


def _head(outcome: str, version: str, facts: Facts) -> str:
    programme = _json(facts.programme)
    return (
        f'{{"quote_id":"{_TEXT}","outcome":"{outcome}","applied_on":"{_TEXT}","policy_version":"{version}",'
        f'"programme":{programme}'
    )


def _kind_of(facts: Facts) -> str:
    kind = {"mode": facts.mode, "level": facts.level, "ai": facts.ai}
    return _json({**kind, "size_class": facts.size_class, "size_basis": facts.size_basis})[1:-1]


def _steps(payable: Payable, facts: Facts, one: Given | None) -> list[str]:
    """In order of computation, with places for the ten numbers."""
    steps = [
        _step(FEE, _NUMBER, _COURSE),
        _step(UNIT_PRICE, _NUMBER, _by(payable.unit_price) if payable.unit_price else _COURSE),
        _step(HOURS, _NUMBER, _COURSE),
        _given(MULTIPLE, payable.multiple),
        _step(CAP, _TEXT, _DERIVED),
        _step(ELIGIBLE, _TEXT, _DERIVED),
    ]
    if facts.size_class is not None and {"sme", "size"}.intersection(payable.line.needs):
        steps.append(_step(SIZE, _json(facts.size_class), _SIZE_SOURCE[facts.size_basis]))
    steps += [_given(_KIND_OF[g.parameter.id], g) for g in payable.used if g.parameter.id in _KIND_OF]
    steps += [
        _given(RATE, payable.rate),
        _step(PEOPLE, _NUMBER, _REQUEST),
        _step(EXACT, _TEXT, _DERIVED),
        _given(CUT, payable.cut),
        _step(SUPPORT, _NUMBER, _DERIVED),
    ]
    if one is not None:
        steps.append(_given(ONE, one))
    return [*steps, _step(COST, _NUMBER, _DERIVED), _step(SELF_PAY, _NUMBER, _DERIVED)]


def _free(facts: Facts, terms: Terms) -> list[str]:
    fee = terms.fee if facts.fee is None else None
    known = [_given(FEE, fee)] if fee is not None else [_step(FEE, "0", _COURSE), _given(LIMIT, terms.limit)]
    known.append(_step(PEOPLE, str(facts.people), _REQUEST))
    return known + [_step(kind, "0", _DERIVED) for kind in (SUPPORT, COST, SELF_PAY)]


def _step(kind: str, value: str, source: str) -> str:
    return f"{kind}{value}{source}"


def _given(kind: str, given: Given) -> str:
    return _step(kind, given.shown, _by(given))


def _by(given: Given) -> str:
    return f',"source":"policy",{given.source}}}'


def _won(amount: int, scale: int) -> bytes:
    """Whole won as a number, anything finer as a string: never a float."""
    whole, rest = divmod(amount, scale)
    return b"%d" % whole if not rest else f'"{(Decimal(amount) / scale).normalize():f}"'.encode()


def _int(value: int | None) -> bytes:
    return b"null" if value is None else b"%d" % value


def _others(others: tuple[Amounts, ...], cost: int, terms: Terms) -> bytes:
    """The lines not chosen: first those that would pay less, then those that refuse."""
    if terms.refused and not terms.written:
        terms.written = ",".join(map(_refused, terms.refused)).encode()
    if not others:
        return terms.written
    made = [_named(other.payable.line) % (other.support, cost - other.support) for other in others]
    return b",".join([*made, terms.written] if terms.written else made)


@lru_cache(maxsize=64)
def _named(line: Line) -> bytes:
    money = f'"outcome":"not-chosen","support":{_NUMBER},"self_pay":{_NUMBER}'
    return _template(f'{{{_line(line)},{money},"reasons":[]}}')


def _line(line: Line) -> str:
    return _json({"line": line.id, "ko": line.ko, "en": line.en, "rules": line.rules})[1:-1]


def _refused(refused: Refused) -> str:
    reasons = ",".join(reason.model_dump_json() for reason in refused.reasons)
    rest = f'"outcome":"{refused.outcome}","support":null,"self_pay":null,"reasons":[{reasons}]'
    return f"{{{_line(refused.line)},{rest}}}"


@lru_cache(maxsize=8192)
def _where(place: Place | None) -> bytes:
    if place is None:
        return b"null"
    shown = {"region_code": place.code, "in_force": place.now, "tier2": place.tier2, "tier3": place.tier3}
    return _json({**shown, "capital_and_depopulation": place.overlap}).encode()
