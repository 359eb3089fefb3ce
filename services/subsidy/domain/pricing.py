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
from operator import attrgetter
from typing import NamedTuple

import orjson

from libs.contracts.diagnosis import Reason
from services.subsidy.domain.conditions import OUT_OF_RANGE, missing
from services.subsidy.domain.facts import Facts, in_range
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
    if facts.programme not in PROGRAMMES:
        return Quote("unpriced", facts, snapshot, None, reasons=(unknown(facts.programme),))
    if not in_range(facts):
        return Quote("unpriced", facts, snapshot, None, reasons=(OUT_OF_RANGE,))
    terms = settle(facts, snapshot)
    fee, hours = facts.fee, facts.hours
    if fee is None and terms.fee is not None:
        fee = int(terms.fee.value)
    if fee == 0:
        return Quote("quoted", facts, snapshot, terms, 0, 0, 0)
    if not terms.payable:
        gaps = missing(facts) if terms.refused and terms.outcome == "unpriced" else ()
        return Quote(terms.outcome, facts, snapshot, terms, reasons=terms.reasons + gaps)
    if fee is None or hours is None:
        return Quote("unpriced", facts, snapshot, terms, reasons=missing(facts))
    best, others = choose(terms.payable, facts, hours, fee)
    cost = fee * facts.people
    ahead = advance(best, facts.people) if best.payable.advance is not None else 0
    return Quote("quoted", facts, snapshot, terms, cost, best.support, cost - best.support, best, others, (), ahead)


_support = attrgetter("support")


def choose(payable: tuple[Payable, ...], facts: Facts, hours: int, fee: int) -> tuple[Amounts, tuple[Amounts, ...]]:
    """The line with the largest support, the first of equals, and the others in their order."""
    if len(payable) == 1:
        return work_out(payable[0], facts, hours, fee), ()
    worked = [work_out(line, facts, hours, fee) for line in payable]
    best = max(worked, key=_support)
    worked.remove(best)
    return best, tuple(worked)


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
    eligible = min(fee * payable.multiple_scale, cap)
    own = 0 if share is None else own_share(share, eligible, payable.multiple_scale)
    exact = (eligible - own) * payable.rate_whole * facts.people
    support = exact // payable.divisor * payable.cut_whole
    if payable.limit is None:
        return Amounts(payable, unit_price, cap, eligible, exact, support, own)
    left = yearly_limit(payable, facts)
    return Amounts(payable, unit_price, cap, eligible, exact, min(support, left), own, left)


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
