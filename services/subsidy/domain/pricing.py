"""How the won comes about (지원금 산정): pure functions of facts and policy, in integers.

    한도             = 기준단가 × 훈련시간 × 배수
    지원대상 훈련비  = min(실제 훈련비, 한도)                          per person
    지원금           = 지원대상 훈련비 × 지원율 × 인원                cut below 10 won, once
    자부담           = 실제 훈련비 × 인원 − 지원금

Where the rules know them: the cap is an amount, a learner's own share comes off the eligible fee, the support ends at
the firm's yearly limit, and a part is paid in advance and refunded.

Multiples and rates are decimals held as whole numbers over a power of ten, so that nothing is rounded before the one
cut (국고금 관리법 제47조).
"""

from hashlib import blake2b
from typing import NamedTuple

import orjson

from libs.contracts.diagnosis import Reason
from services.subsidy.domain.conditions import OUT_OF_RANGE, missing
from services.subsidy.domain.facts import Facts, numbers_in_range
from services.subsidy.domain.policy import Given, Snapshot
from services.subsidy.domain.programmes import PROGRAMMES, unknown
from services.subsidy.domain.terms import Payable, Terms, settle


class Amounts(NamedTuple):
    """A line worked out. `cap`, `eligible` and `own` are won per person times `scale` of the multiple; `exact` is the
    support before the cut times the scales of multiple and rate. `limit` is what is left of the firm's yearly limit."""

    payable: Payable
    unit_price: int
    cap: int
    eligible: int
    exact: int
    support: int
    own: int = 0
    limit: int | None = None


class Quote(NamedTuple):
    """The outcome for all people together: `cost = support + self_pay` where it is "quoted".

    `chosen` is None for free courses and where there is no price; `others` are the paying lines not chosen. `advance`
    is paid first and refunded on completion, so it is no part of the self-pay.
    """

    outcome: str
    facts: Facts
    snapshot: Snapshot
    terms: Terms | None
    cost: int | None = None
    support: int | None = None
    self_pay: int | None = None
    chosen: Amounts | None = None
    others: tuple[Amounts, ...] = ()
    reasons: tuple[Reason, ...] = ()
    advance: int = 0


def price(facts: Facts, snapshot: Snapshot) -> Quote:
    """The best legal price; of competing lines only the one with the largest support applies (common.one_support)."""
    hours, fee, unit_price, people = facts[:4]
    terms = settle(facts, snapshot)
    if terms is None or not numbers_in_range(hours, fee, unit_price, people):
        reason = OUT_OF_RANGE if facts.programme in PROGRAMMES else unknown(facts.programme)
        return Quote("unpriced", facts, snapshot, None, reasons=(reason,))
    if fee is None and terms.fee is not None:
        fee = int(terms.fee.value)
    if fee == 0:
        return Quote("quoted", facts, snapshot, terms, 0, 0, 0)
    if not terms.payable:
        gaps = missing(facts) if terms.refused and terms.outcome == "unpriced" else ()
        return Quote(terms.outcome, facts, snapshot, terms, reasons=terms.reasons + gaps)
    if fee is None or (hours is None and counts_hours(terms.payable)):
        return Quote("unpriced", facts, snapshot, terms, reasons=missing(facts, counts_hours(terms.payable)))
    best, others = choose(terms.payable, facts, hours or 0, fee)
    cost = fee * people
    ahead = advance(best, people) if best.payable.advance is not None else 0
    support = best.support
    # A named tuple's own constructor is a Python call; at a million quotes it shows.
    made = ("quoted", facts, snapshot, terms, cost, support, cost - support, best, others, (), ahead)
    return tuple.__new__(Quote, made)


def counts_hours(payable: tuple[Payable, ...]) -> bool:
    """Whether hours matter to these lines: a cap that is an amount stands whatever they are."""
    return not all(one.line.ceiling for one in payable)


def choose(payable: tuple[Payable, ...], facts: Facts, hours: int, fee: int) -> tuple[Amounts, tuple[Amounts, ...]]:
    """The line with the largest support, the first of equals, and the others in their order."""
    best = work_out(payable[0], facts, hours, fee)
    if len(payable) == 1:
        return best, ()
    others = []
    for line in payable[1:]:
        worked = work_out(line, facts, hours, fee)
        if worked.support > best.support:
            best, worked = worked, best
        others.append(worked)
    return best, tuple(others)


def identity(quote: Quote) -> str:
    """32 hexadecimal digits, the same for the same question under the same policy only."""
    facts, terms, snapshot = quote.facts, quote.terms, quote.snapshot
    if terms is None:
        return _digest(repr((snapshot.version, snapshot.on, snapshot.known_on, facts)).encode())
    if not terms.stem:
        terms.stem = _digest(repr((snapshot.version, snapshot.on, snapshot.known_on, facts[4:])).encode()).encode()
    return _digest(terms.stem + orjson.dumps(facts[:4]))


def _digest(text: bytes) -> str:
    return blake2b(text, digest_size=16).hexdigest()


def work_out(payable: Payable, facts: Facts, hours: int, fee: int) -> Amounts:
    """One line's support in won: plan:IV-①-p.4 (M1), plan:IV-②-p.7 (M3, M4, M5), 사업주훈련 for the rest."""
    given, stated, share = payable.unit_price, facts.unit_price, payable.share
    unit_price = stated if stated is not None else given.whole if given is not None else 0
    if payable.line.ceiling:
        cap = payable.multiple_whole
    else:
        assert unit_price
        cap = unit_price * hours * payable.multiple_whole
    eligible = fee * payable.multiple_scale
    if eligible > cap:
        eligible = cap
    own = 0 if share is None else own_share(share, eligible, payable.multiple_scale)
    exact = (eligible - own) * payable.rate_whole * facts.people
    support = exact // payable.divisor * payable.cut_whole
    left = None
    if payable.limit is not None:
        left = yearly_limit(payable, facts)
        support = min(support, left)
    return tuple.__new__(Amounts, (payable, unit_price, cap, eligible, exact, support, own, left))


def own_share(share: Given, eligible: int, scale: int) -> int:
    """The learner's own share per person times `scale`: a rate of the eligible fee, or an amount at most that."""
    if share.parameter.unit == "rate":
        return eligible * share.whole // share.scale
    return min(share.whole * scale, eligible)


def yearly_limit(payable: Payable, facts: Facts) -> int:
    """What is left of the firm's yearly limit in won, cut: 보수총액 × 보험료율 × 배수, at least the least amount."""
    assert payable.limit is not None
    assert facts.yearly is not None
    premium, multiple, least = payable.limit
    of_premium = facts.yearly.payroll * premium.whole * multiple.whole // (premium.scale * multiple.scale)
    left = max(0, max(of_premium, least.whole) - facts.yearly.used)
    return left // payable.cut_whole * payable.cut_whole


def advance(chosen: Amounts, people: int) -> int:
    """What is paid first, in won, cut: a share of the eligible fee."""
    given, payable = chosen.payable.advance, chosen.payable
    assert given is not None
    exact = chosen.eligible * people * given.whole
    return exact // (payable.multiple_scale * given.scale * payable.cut_whole) * payable.cut_whole
