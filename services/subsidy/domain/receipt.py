"""The receipt (산출 내역서): every factor in order of computation, as JSON.

A receipt is made for each price, so what is the same for all quotes of one kind is written once, and joined with what
differs.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from operator import itemgetter

from services.subsidy.domain.allowances import Beside, total
from services.subsidy.domain.conditions import stacked
from services.subsidy.domain.facts import Facts, Place
from services.subsidy.domain.policy import Given, Snapshot
from services.subsidy.domain.pricing import Quote
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
ACTUAL = _kind("limit", "지원은 실제 훈련비까지", "Support ends at the actual fee", "text")
CEILING = _kind("cap", "훈련비 한도(1인, 정액)", "Cap per person, a fixed amount", "won")
OWN_RATE = _kind("own-share-rate", "훈련생 자부담률", "Learner's own share", "rate")
OWN_AMOUNT = _kind("own-share-amount", "훈련생 자부담액(훈련비 구간)", "Learner's own share by the course's fee", "won")
OWN = _kind(
    "own-share", "훈련생 자부담(1인)", "Learner's own share per person", "won",
    "자부담률이면 지원대상 훈련비 × 자부담률, 정액이면 그 금액(지원대상 훈련비까지)",
    "eligible fee × rate, or the amount, at most the eligible fee",
)  # fmt: skip
PAYROLL = _kind("payroll", "그해 보수총액", "Payroll of the year", "won")
PREMIUM = _kind("premium-rate", "고용안정·직업능력개발 보험료율", "Premium rate", "rate")
LIMIT_MULTIPLE = _kind(
    "yearly-multiple", "연간 지원한도의 보험료 배수", "Yearly limit as a multiple of the premium", "multiple"
)
LIMIT_LEAST = _kind("yearly-least", "연간 지원한도의 최소 보장액", "Yearly limit, at least", "won")
LIMIT_USED = _kind("yearly-used", "올해 이미 받은 지원금", "Support had this year", "won")
LIMIT_LEFT = _kind(
    "yearly-left", "남은 연간 지원한도", "Left of the yearly limit", "won",
    "보수총액 × 보험료율 × 배수와 최소 보장액 가운데 큰 것에서 이미 받은 지원금을 뺌",
    "the greater of payroll × rate × multiple and the least amount, less the support had",
)  # fmt: skip
ADVANCE_RATE = _kind("advance-rate", "먼저 내는 비율", "Share paid in advance", "rate")
ADVANCE = _kind(
    "advance", "먼저 내고 수료하면 돌려받는 금액", "Paid in advance, refunded on completion", "won",
    "지원대상 훈련비 × 비율 × 인원", "eligible fee × share × people",
)  # fmt: skip
MONTHS = _kind("months", "훈련개월", "Months of training", "months")
SIZE = _kind("size-class", "기업 규모", "Size class", "size_class")
SME = _kind("sme", "중소기업 판단: 이 규모면 중소기업", "SME test: this size class counts as an SME", "text")
TABLE = _kind("rate-table", "지원율을 가져온 표", "Table that the rate is taken from", "text")
REPLACES = _kind("replaces", "이 규칙이 대신하는 지원율", "Rates that this rule replaces", "text")
PLACE = _kind("rate-place", "지원율의 지역을 정하는 기준", "Whose place sets the tier of the rate", "text")
OVERLAP = _kind("overlap", "수도권이면서 인구감소지역인 곳의 구간", "Tier of a place that is both", "tier2")
ALLOWANCE_PLACE = _kind(
    "allowance-place", "수당의 지역을 정하는 기준", "Whose place sets the tier of the allowance", "text"
)
OVERLAP_THREE = _kind("overlap", "수도권이면서 인구감소지역인 곳의 구간", "Tier of a place that is both", "tier3")
OPEN_TO = _kind("open-to", "훈련을 받을 수 있는 기업", "Which firms may take part", "text")
ONCE_AMOUNT = _kind("once", "한 번 지급하는 금액", "Amount, once", "won")
PER_MONTH = _kind("per-month", "1인 월 지원금", "Allowance per person and month", "won/month")
RATE = _kind("rate", "지원율", "Support rate", "rate")
PEOPLE = _kind("people", "인원", "People", "people")
EXACT = _kind(
    "support-exact", "끝수 처리 전 지원금", "Support before rounding", "won",
    "(지원대상 훈련비 − 훈련생 자부담) × 지원율 × 인원", "(eligible fee − own share) × rate × people",
)  # fmt: skip
CUT = _kind("rounding", "절사 단위(미만은 버림)", "Cut below", "won")
SUPPORT = _kind(
    "support", "지원금", "Support", "won",
    "끝수 처리 전 지원금에서 절사 단위 미만을 버림. 연간 지원한도가 있으면 그 남은 금액까지",
    "support before rounding, cut; where there is a yearly limit, at most what is left of it",
)  # fmt: skip
ONE = _kind("one-support", "겹치는 지원 가운데 하나만 적용", "Of competing supports only one applies", "text")
COST = _kind("cost", "훈련비 총액", "Total training fee", "won", "실제 훈련비 × 인원", "fee × people")
SELF_PAY = _kind("self-pay", "자부담(합계)", "Self-pay (total)", "won", "훈련비 총액 − 지원금", "total fee − support")

_KIND_OF = {
    "common.sme": SME,
    "P18.open_to": OPEN_TO,
    "common.rate_table": TABLE,
    "P10.replaces": REPLACES,
    "P10.rate_place": PLACE,
    "common.overlap_two_tiers": OVERLAP,
    "P4.allowance_place": ALLOWANCE_PLACE,
    "P14.allowance_place": ALLOWANCE_PLACE,
    "common.overlap_three_tiers": OVERLAP_THREE,
}
"""Parameters that are a step of their own, between the eligible fee and the rate."""

_COURSE, _REQUEST, _DERIVED = (f',"source":"{name}"}}' for name in ("course", "request", "derived"))
_SIZE_SOURCE = {"stated": _REQUEST, "headcount": _DERIVED[:-1] + ',"citation":"고용보험법 시행령 제12조 별표 1"}'}


def citations(quote: Quote) -> tuple[str, ...]:
    """Every source that the price rests on."""
    if quote.terms is None or quote.outcome != "quoted":
        return ()
    fee = quote.terms.fee if quote.facts.fee is None else None
    used = quote.chosen.payable.used if quote.chosen else (fee or quote.terms.actual,)
    return tuple(dict.fromkeys(citation for given in used for citation in given.citations))


Page = tuple[bytes, Callable[[tuple[object, ...]], tuple[object, ...]]]
"""A receipt of one case on its day: constant text with places for what differs from receipt to receipt, and how these
are picked from all values."""


def render(quote: Quote, quote_id: str) -> bytes:
    """The receipt as a JSON document; `quote_id` holds nothing that JSON would escape."""
    _, facts, _, terms, cost, support, self_pay, chosen, others, _, ahead = quote
    beside = _allowances(terms, facts) if terms is not None and terms.allowances else b""
    if chosen is None or terms is None or cost is None:
        template, holes = _page(_unpaid(quote), quote)
        return template % holes((quote_id.encode(), beside))
    payable, unit_price, cap, eligible, exact, _, own, limit = chosen
    kept = payable if facts.hours is not None else (payable, None)
    page: Page | None = terms.pages.get(kept)
    if page is None:
        page = terms.pages[kept] = _page(_written(payable, quote, terms), quote)
    template, holes = page
    scale = payable.multiple_scale
    values: tuple[object, ...] = (
        quote_id.encode(), beside,
        _won(cap, scale), _won(eligible, scale), _won(own, scale) if own else b"0",
        _won(exact, scale * payable.rate.scale),
        cost, support, self_pay, ahead,
        facts.fee, facts.hours, facts.people, unit_price, limit,
    )  # fmt: skip
    for other in others:
        values += (other.support, cost - other.support)
    return template % holes(values)


_HOLES = (
    "id", "beside", "cap", "eligible", "own", "exact",
    "cost", "support", "self-pay", "advance", "fee", "hours", "people", "unit-price", "left",
)  # fmt: skip
"""What differs from receipt to receipt of one case, in the order in which it is filled in; from "cost" on integers.
After these come support and self-pay of each line not chosen."""
_TEXTS = _HOLES.index("cost")


def _page(text: str, quote: Quote) -> Page:
    """`text` holds the places as `_at` makes them; those of the case are filled in here."""
    facts = quote.facts
    payroll, _, used = facts.yearly or (0, 0, 0)
    case = {
        "payroll": str(payroll),
        "used": str(used),
        "day": quote.snapshot.on.isoformat(),
        "workplace": _where(facts.workplace),
        "institution": _where(facts.institution),
        "more": _more(facts),
    }
    parts = text.replace("%", "%%").split(_MARK)
    holes = [_hole(name) for name in parts[1::2] if name not in case]
    parts[1::2] = [
        case[name].replace("%", "%%") if name in case else "%b" if _hole(name) < _TEXTS else "%d"
        for name in parts[1::2]
    ]
    return "".join(parts).encode(), itemgetter(*holes)


def _hole(name: str) -> int:
    return len(_HOLES) + int(name) if name.isdigit() else _HOLES.index(name)


_MARK = "\0"


def _at(name: str) -> str:
    return f"{_MARK}{name}{_MARK}"


_PAYERS = {
    "moel": _json({"payer": "moel", "ko": "고용노동부", "en": "Ministry of Employment and Labor"})[1:-1],
    "company": _json({"payer": "company", "ko": "기업", "en": "Company"})[1:-1],
    "learner": _json({"payer": "learner", "ko": "훈련생", "en": "Learner"})[1:-1],
}


def _written(payable: Payable, quote: Quote, terms: Terms) -> str:
    if quote.facts.hours is None:
        return _write(payable, quote.facts, quote.snapshot, terms)
    if not payable.written:
        payable.written = _write(payable, quote.facts, quote.snapshot, terms)
    return payable.written


def _write(payable: Payable, facts: Facts, snapshot: Snapshot, terms: Terms) -> str:
    """The receipt of a line that pays, with places for what is not of its kind."""
    line = payable.line
    steps = ",".join(_steps(payable, facts, terms.one))
    payers = f'{{{_PAYERS["moel"]},"won":{_at("support")}}},{{{_PAYERS[line.payer]},"won":{_at("self-pay")}}}'
    money = f'"cost":{_at("cost")},"support":{_at("support")},"self_pay":{_at("self-pay")},"advance":{_at("advance")}'
    names = f'"line":"{line.id}","rules":{_json(line.rules)}'
    stated = "null" if facts.unit_price is None else _at("unit-price")
    hours = "null" if facts.hours is None else _at("hours")
    numbers = f'"hours":{hours},"fee":{_at("fee")},"unit_price":{stated},"people":{_at("people")}'
    stacking = stacked(terms.one).model_dump_json() if terms.one else ""
    others = [
        _not_chosen(other.line, place, stacking)
        for place, other in enumerate(o for o in terms.payable if o is not payable)
    ]
    others += map(_refused, terms.refused)
    return (
        f'{_head("quoted", snapshot, facts)},{money},"payers":[{payers}],{names},"steps":[{steps}],'
        f'"others":[{",".join(others)}],"allowances":[{_at("beside")}],"reasons":[],'
        f'"inputs":{{{_kind_of(facts)},{numbers},{_PLACES}}}}}'
    )


def _unpaid(quote: Quote) -> str:
    """A receipt without a line: the course is free, or there is no price and the reasons say why."""
    facts, terms = quote.facts, quote.terms
    steps = _free(facts, terms) if terms and quote.outcome == "quoted" else []
    money = ",".join(f'"{name}":{_json(getattr(quote, name))}' for name in ("cost", "support", "self_pay"))
    refused = ",".join(map(_refused, terms.refused)) if terms else ""
    reasons = ",".join(reason.model_dump_json() for reason in quote.reasons)
    numbers = {"hours": facts.hours, "fee": facts.fee, "unit_price": facts.unit_price, "people": facts.people}
    return (
        f'{_head(quote.outcome, quote.snapshot, facts)},{money},"advance":0,"payers":[],"line":null,"rules":[],'
        f'"steps":[{",".join(steps)}],"others":[{refused}],"allowances":[{_at("beside")}],"reasons":[{reasons}],'
        f'"inputs":{{{_kind_of(facts)},{_json(numbers)[1:-1]},{_PLACES}}}}}'
    )


_PLACES = f'"workplace":{_at("workplace")},"institution":{_at("institution")},{_at("more")}'


def _head(outcome: str, snapshot: Snapshot, facts: Facts) -> str:
    known_on = snapshot.known_on and snapshot.known_on.isoformat()
    return (
        f'{{"quote_id":"{_at("id")}","outcome":"{outcome}","applied_on":"{_at("day")}","known_on":{_json(known_on)},'
        f'"policy_version":"{snapshot.version}","programme":{_json(facts.programme)}'
    )


def _kind_of(facts: Facts) -> str:
    kind = {"mode": facts.mode, "level": facts.level, "ai": facts.ai}
    return _json({**kind, "size_class": facts.size_class, "size_basis": facts.size_basis})[1:-1]


def _steps(payable: Payable, facts: Facts, one: Given | None) -> list[str]:
    """In order of computation, with places for the numbers."""
    steps = [_step(FEE, _at("fee"), _COURSE)]
    if payable.line.ceiling:
        steps.append(_given(CEILING, payable.multiple))
    else:
        steps += [
            _step(UNIT_PRICE, _at("unit-price"), _by(payable.unit_price) if payable.unit_price else _COURSE),
            _step(HOURS, _at("hours"), _COURSE),
            _given(MULTIPLE, payable.multiple),
            _step(CAP, _at("cap"), _DERIVED),
        ]
    steps.append(_step(ELIGIBLE, _at("eligible"), _DERIVED))
    if payable.share is not None:
        steps.append(_given(OWN_RATE if payable.share.parameter.unit == "rate" else OWN_AMOUNT, payable.share))
        steps.append(_step(OWN, _at("own"), _DERIVED))
    if facts.size_class is not None and {"sme", "size"}.intersection(payable.line.needs):
        steps.append(_step(SIZE, _json(facts.size_class), _SIZE_SOURCE[facts.size_basis]))
    steps += [_given(_KIND_OF[g.parameter.id], g) for g in payable.used if g.parameter.id in _KIND_OF]
    steps += [
        _given(RATE, payable.rate),
        _step(PEOPLE, _at("people"), _REQUEST),
        _step(EXACT, _at("exact"), _DERIVED),
        _given(CUT, payable.cut),
    ]
    if payable.limit is not None:
        steps += [_step(PAYROLL, _at("payroll"), _REQUEST), _given(PREMIUM, payable.limit.premium)]
        steps += [_given(LIMIT_MULTIPLE, payable.limit.multiple), _given(LIMIT_LEAST, payable.limit.least)]
        steps += [_step(LIMIT_USED, _at("used"), _REQUEST), _step(LIMIT_LEFT, _at("left"), _DERIVED)]
    steps.append(_step(SUPPORT, _at("support"), _DERIVED))
    if payable.advance is not None:
        steps += [_given(ADVANCE_RATE, payable.advance), _step(ADVANCE, _at("advance"), _DERIVED)]
    if one is not None:
        steps.append(_given(ONE, one))
    return [*steps, _step(COST, _at("cost"), _DERIVED), _step(SELF_PAY, _at("self-pay"), _DERIVED)]


def _allowances(terms: Terms, facts: Facts) -> bytes:
    return ",".join(_allowance(one, facts) for one in terms.allowances).encode()


def _allowance(one: Beside, facts: Facts) -> str:
    """An amount beside the fee with its own steps; a decrease shows as a negative change."""
    kind = one.allowance
    names = _json({"allowance": kind.id, "ko": kind.ko, "en": kind.en, "rule": kind.rule})[1:-1]
    amount = one.given.whole if one.given else None
    change = amount - one.before if amount is not None and one.before is not None else None
    per_month = None if kind.once else amount
    won: dict[str, object] = {"per_month": per_month, "months": facts.months, "people": facts.people}
    won |= {"total": total(one, facts), "before": one.before, "change": change}
    won |= {"changed_on": one.given.dated.effective_on.isoformat() if one.given and one.before is not None else None}
    steps = [_given(_KIND_OF[given.parameter.id], given) for given in one.used]
    if one.given is not None and kind.once:
        steps.append(_given(ONCE_AMOUNT, one.given))
    elif one.given is not None:
        steps.append(_given(PER_MONTH, one.given))
        steps += [_step(MONTHS, str(facts.months), _COURSE)] if facts.months is not None else []
        steps.append(_step(PEOPLE, str(facts.people), _REQUEST))
    reasons = ",".join(reason.model_dump_json() for reason in one.reasons)
    return f'{{{names},{_json(won)[1:-1]},"steps":[{",".join(steps)}],"reasons":[{reasons}]}}'


def _more(facts: Facts) -> str:
    learner, yearly = facts.learner and facts.learner._asdict(), facts.yearly and facts.yearly._asdict()
    return _json({"months": facts.months, "learner": learner, "yearly": yearly})[1:-1]


def _free(facts: Facts, terms: Terms) -> list[str]:
    fee = terms.fee if facts.fee is None else None
    known = [_given(FEE, fee)] if fee is not None else [_step(FEE, "0", _COURSE), _given(ACTUAL, terms.actual)]
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
    if amount % scale:
        return f'"{(Decimal(amount) / scale).normalize():f}"'.encode()
    return b"%d" % (amount // scale)


def _not_chosen(line: Line, place: int, stacking: str) -> str:
    money = f'"support":{_at(str(2 * place))},"self_pay":{_at(str(2 * place + 1))}'
    return f'{{{_line(line)},"outcome":"not-chosen",{money},"reasons":[{stacking}]}}'


def _line(line: Line) -> str:
    return _json({"line": line.id, "ko": line.ko, "en": line.en, "rules": line.rules})[1:-1]


def _refused(refused: Refused) -> str:
    reasons = ",".join(reason.model_dump_json() for reason in refused.reasons)
    rest = f'"outcome":"{refused.outcome}","support":null,"self_pay":null,"reasons":[{reasons}]'
    return f"{{{_line(refused.line)},{rest}}}"


def _where(place: Place | None) -> str:
    if place is None:
        return "null"
    shown = {"region_code": place.code, "in_force": place.now, "tier2": place.tier2, "tier3": place.tier3}
    return _json({**shown, "capital_and_depopulation": place.overlap})
