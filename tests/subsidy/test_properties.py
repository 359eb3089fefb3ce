"""What must hold for every price, whatever the numbers are."""

from bisect import bisect_right
from dataclasses import replace
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from itertools import pairwise
from random import Random

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from services.subsidy.api.receipt import Receipt
from services.subsidy.domain import PROGRAMMES, Facts, Learner, Quote, Yearly, from_json, place, price, render, to_json
from services.subsidy.domain.facts import MAX_HOURS, MAX_PEOPLE, MAX_WON
from services.subsidy.domain.pricing import choose, identity
from services.subsidy.domain.terms import settle_for
from services.subsidy.loading import policy

POLICY = policy()
LAST = POLICY.dates[-1] + timedelta(days=400)
REGIONS = ("11680", "28710", "28720", "41820", "41800", "48123", "48720", "12110", "46110", "36110")
UNCLEAR = ("11", "41", "28260", "99999")
STATUSES = ("jobseeker", "worker", "transition")
PAID = sorted(name for name, programme in PROGRAMMES.items() if programme.lines)

days = st.dates(POLICY.dates[0], LAST)
unhurried = settings(deadline=None)
won = st.integers(0, 10**9) | st.integers(0, 300_000)


@st.composite
def facts(draw: st.DrawFn, on: date, known: bool = False) -> Facts:
    """Any course and company; with `known`, nothing that a price needs is missing."""
    gap = st.nothing() if known else st.none()
    code = draw(st.sampled_from(REGIONS if known else REGIONS + UNCLEAR) | gap)
    seat = draw(st.sampled_from(REGIONS + UNCLEAR) | st.none())
    return Facts(
        programme=draw(st.sampled_from(PAID) if known else st.sampled_from(PAID) | st.sampled_from(sorted(PROGRAMMES))),
        mode=draw(st.sampled_from(["onsite", "remote", "blended"])),
        level=draw(st.sampled_from(["beginner", "intermediate", "advanced"])),
        ai=draw(st.booleans()),
        hours=draw(st.integers(1, MAX_HOURS) | gap),
        fee=draw(won | gap),
        unit_price=draw(st.integers(1, 200_000) | gap),
        people=draw(st.integers(1, 500)),
        size_class=draw(st.sampled_from(["priority", "large_under_1000", "large_1000_plus"]) | gap),
        size_basis="stated",
        workplace=place(code, on) if code else None,
        institution=place(seat, on) if seat else None,
        learner=draw(st.none() | st.builds(Learner, st.sampled_from(STATUSES), st.integers(15, 80) | st.none())),
        months=draw(st.integers(1, 24) | st.none()),
        yearly=draw(st.none() | st.builds(Yearly, st.integers(0, 10**12), st.integers(1, 5000), st.integers(0, 10**8))),
    )


def own_share_steps(before: Quote, after: Quote) -> bool:
    """Whether the fee reached the next step of a learner's own share, which takes from the support."""
    return before.chosen is not None and after.chosen is not None and after.chosen.own > before.chosen.own


def on_day(found: Facts, on: date) -> Quote:
    return price(found, POLICY.at(on))


@unhurried
@given(st.data(), days)
def test_the_parts_always_add_up(data: st.DataObject, on: date) -> None:
    found = data.draw(facts(on))
    quote = on_day(found, on)
    if quote.outcome != "quoted":
        assert (quote.cost, quote.support, quote.self_pay) == (None, None, None)
        assert quote.reasons, "no refusal without a reason"
        return
    assert quote.cost is not None
    assert quote.support is not None
    assert quote.cost == quote.support + (quote.self_pay or 0) == (found.fee or 0) * found.people
    assert 0 <= quote.support <= quote.cost
    assert quote.support % 10 == 0


@unhurried
@given(st.data(), days, st.integers(1, 10**6))
def test_more_cost_never_means_less_self_pay(data: st.DataObject, on: date, more: int) -> None:
    """Exactly so for fees that differ by tens of won. Below that the cut of the support, which the law wants
    (국고금 관리법 제47조), can shift fewer than 10 won from one side to the other."""
    found = data.draw(facts(on, known=True))
    assert found.fee is not None
    before = on_day(found, on)
    by_tens, by_any = (on_day(found._replace(fee=found.fee + step), on) for step in (more * 10, more))
    if before.outcome == by_tens.outcome == "quoted":
        assert (by_tens.self_pay or 0) >= (before.self_pay or 0)
    if before.outcome == by_any.outcome == "quoted":
        assert (by_any.self_pay or 0) > (before.self_pay or 0) - 10
        assert (by_any.support or 0) >= (before.support or 0) or own_share_steps(before, by_any)


@unhurried
@given(st.data(), days)
def test_a_higher_unit_price_or_more_hours_never_mean_less_support(data: st.DataObject, on: date) -> None:
    found = data.draw(facts(on, known=True))
    assert found.hours is not None
    assert found.unit_price is not None
    before = on_day(found, on)
    longer, dearer = (
        found._replace(hours=min(found.hours + 1, MAX_HOURS)),
        found._replace(unit_price=found.unit_price + 1),
    )
    for raised in (longer, dearer):
        after = on_day(raised, on)
        assert after.outcome == before.outcome
        assert (after.support or 0) >= (before.support or 0)


@unhurried
@given(st.data(), days)
def test_a_day_inside_a_period_changes_nothing(data: st.DataObject, first: date) -> None:
    period = bisect_right(POLICY.dates, first)
    end = POLICY.dates[period] if period < len(POLICY.dates) else LAST
    second = data.draw(st.dates(POLICY.dates[period - 1], end - timedelta(days=1)))
    found = data.draw(facts(first))
    before, after = on_day(found, first), on_day(found, second)
    assert (before.outcome, before.cost, before.support) == (after.outcome, after.cost, after.support)
    assert before.reasons == after.reasons


@unhurried
@given(st.data(), days)
def test_an_sme_never_gets_less_than_a_large_firm(data: st.DataObject, on: date) -> None:
    found = data.draw(facts(on, known=True))
    small, large = (on_day(found._replace(size_class=size), on) for size in ("priority", "large_1000_plus"))
    if large.outcome == "quoted":
        assert (small.support or 0) >= (large.support or 0)


@unhurried
@given(st.data())
def test_the_beginners_self_pay_only_falls_as_the_plan_goes_on(data: st.DataObject) -> None:
    found = data.draw(facts(POLICY.dates[0], known=True))
    online = found._replace(programme="P9", mode="remote", level="beginner", ai=True, size_class="priority")
    paid = [on_day(online, on).self_pay or 0 for on in (date(2025, 6, 1), date(2026, 2, 28), date(2026, 3, 1), LAST)]
    assert all(later <= earlier for earlier, later in pairwise(paid))


@unhurried
@given(st.data(), days)
def test_the_won_are_those_of_exact_decimal_arithmetic(data: st.DataObject, on: date) -> None:
    found = data.draw(facts(on, known=True))
    quote = on_day(found, on)
    if quote.chosen is None:
        return
    payable = quote.chosen.payable
    multiple, rate = (Decimal(str(given.value)) for given in (payable.multiple, payable.rate))
    cap = multiple if payable.line.ceiling else Decimal((found.unit_price or 0) * (found.hours or 0)) * multiple
    eligible, own = min(Decimal(found.fee or 0), cap), Decimal(0)
    if payable.share is not None:
        stated = Decimal(str(payable.share.value))
        own = eligible * stated if payable.share.parameter.unit == "rate" else min(stated, eligible)
    support = int(((eligible - own) * rate * found.people / 10).to_integral_value(ROUND_DOWN)) * 10
    if payable.limit is not None:
        assert found.yearly is not None
        premium, times, least = (Decimal(str(given.value)) for given in payable.limit)
        left = max(Decimal(0), max(found.yearly.payroll * premium * times, least) - found.yearly.used)
        support = min(support, int((left / 10).to_integral_value(ROUND_DOWN)) * 10)
    assert quote.support == support


@unhurried
@given(st.data(), days)
def test_no_line_that_was_not_chosen_pays_more(data: st.DataObject, on: date) -> None:
    quote = on_day(data.draw(facts(on, known=True)), on)
    assert all(other.support <= (quote.support or 0) for other in quote.others)


@unhurried
@given(st.data(), days, st.randoms(use_true_random=False))
def test_the_order_of_lines_changes_no_won(data: st.DataObject, on: date, chance: Random) -> None:
    found = data.draw(facts(on, known=True))
    programme = PROGRAMMES[found.programme]
    shuffled = programme._replace(lines=tuple(chance.sample(programme.lines, len(programme.lines))))
    assert found.hours is not None
    assert found.fee is not None
    as_it_is, mixed = (settle_for(each, found, POLICY.at(on)) for each in (programme, shuffled))
    assert as_it_is.outcome == mixed.outcome
    assert {reason.code for reason in as_it_is.reasons} == {reason.code for reason in mixed.reasons}
    if as_it_is.payable:
        best, other = (choose(terms.payable, found, found.hours, found.fee)[0] for terms in (as_it_is, mixed))
        assert best.support == other.support


@unhurried
@given(st.data(), days)
def test_stored_facts_give_the_same_receipt_again(data: st.DataObject, on: date) -> None:
    found = data.draw(facts(on))
    again = from_json(orjson.loads(orjson.dumps(to_json(found))))
    assert again == found
    assert render(on_day(again, on), "q") == render(on_day(found, on), "q")


@unhurried
@given(st.data(), days)
def test_every_receipt_is_json_that_says_what_the_quote_says(data: st.DataObject, on: date) -> None:
    found = data.draw(facts(on))
    quote = on_day(found, on)
    receipt = orjson.loads(render(quote, "q"))
    Receipt.model_validate_json(render(quote, "q"))
    assert receipt["applied_on"] == on.isoformat(), "constant text is shared between days"
    money = ("outcome", "cost", "support", "self_pay")
    assert [receipt[name] for name in money] == [getattr(quote, name) for name in money]
    inputs = ("mode", "level", "ai", "hours", "fee", "unit_price", "people", "size_class")
    assert [receipt["inputs"][name] for name in inputs] == [getattr(found, name) for name in inputs]
    steps = {step["step"]: step["value"] for step in receipt["steps"]}
    if quote.outcome == "quoted":
        assert (steps["cost"], steps["support"], steps["self-pay"]) == (quote.cost, quote.support, quote.self_pay)
        assert steps["people"] == found.people
    else:
        assert not steps
    if quote.chosen is not None:
        assert steps["fee"] == found.fee
        if not quote.chosen.payable.line.ceiling:
            assert (steps["hours"], steps["unit-price"]) == (found.hours, found.unit_price)
        assert sum(payer["won"] for payer in receipt["payers"]) == quote.cost


@unhurried
@given(days, st.integers(-(10**15), 10**15), st.integers(-(10**5), 10**5), st.integers(-(10**6), 10**6))
def test_numbers_that_cannot_be_are_never_priced(on: date, fee: int, hours: int, people: int) -> None:
    workplace = place("48123", on)
    found = Facts(
        hours, fee, 9_000, people, "C0041T", "onsite", "beginner", False, "priority", "stated", workplace, None
    )
    possible = 0 <= fee <= MAX_WON and 0 < hours <= MAX_HOURS and 0 < people <= MAX_PEOPLE
    assert (on_day(found, on).outcome == "quoted") is possible


@unhurried
@given(st.data(), days)
def test_what_is_kept_from_other_quotes_shows_in_no_receipt(data: st.DataObject, on: date) -> None:
    asked = [data.draw(facts(on)) for _ in range(3)]
    asked += [one._replace(people=one.people + 1, fee=None if one.fee is None else one.fee + 7) for one in asked]
    warm, cold = POLICY.at(on), replace(POLICY, _periods={}, _days={}, _cases={})
    for one in asked:
        cold._periods.clear()
        cold._days.clear()
        kept, alone = price(one, warm), price(one, cold.at(on))
        assert identity(kept) == identity(alone)
        assert render(kept, "q") == render(alone, "q")
