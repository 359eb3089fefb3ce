"""What another day or another choice would change (반사실): the same case priced again, the differences in words."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import combinations
from typing import Any, NamedTuple

from services.subsidy.domain.facts import Facts, moved
from services.subsidy.domain.policy import PolicyError, Snapshot
from services.subsidy.domain.pricing import Quote, price

SnapshotOn = Callable[[date], Snapshot]
"""The policy that applies to an application on a day. Raises `NoPolicyYet`."""


class Another(NamedTuple):
    """The same case on another day (`on`), or with other choices (field → value)."""

    on: date
    choices: dict[str, Any]
    quote: Quote
    ko: str
    en: str


def other_days(facts: Facts, now: Quote, days: Sequence[date], snapshot_on: SnapshotOn) -> list[Another]:
    """The day before the present rules began, where it gave another answer, and each later day from which the answer
    changes. `days` are those on which some rule changes."""
    on = now.snapshot.on
    found = []
    began = max((day for day in days if day <= on), default=on)
    before = _on(facts, began - timedelta(days=1), snapshot_on)
    if before is not None and _answer(before) != _answer(now):
        ko, en = _was(before, now)
        found.append(Another(before.snapshot.on, {}, before, ko, en))
    last = now
    for day in sorted(day for day in days if day > on):
        quote = _on(facts, day, snapshot_on)
        if quote is not None and _answer(quote) != _answer(last):
            ko, en = _told(last, quote)
            found.append(
                Another(day, {}, quote, f"{day} 이후에 신청하면 {ko}.", f"Applying from {day} on: {en}.")
            )  # fmt: skip
            last = quote
    return found


def _on(facts: Facts, day: date, snapshot_on: SnapshotOn) -> Quote | None:
    try:
        return price(moved(facts, day), snapshot_on(day))
    except PolicyError:
        return None


_CHOICES: dict[str, tuple[str, str, dict[Any, tuple[str, str]]]] = {
    "mode": (
        "훈련방법", "mode",
        {"onsite": ("집체", "onsite"), "remote": ("원격", "remote"), "blended": ("혼합", "blended")},
    ),
    "level": (
        "수준", "level",
        {"beginner": ("초급", "beginner"), "intermediate": ("중급", "intermediate"), "advanced": ("고급", "advanced")},
    ),
    "ai": ("과정", "course", {True: ("AI 과정", "an AI course")}),
    "size_class": ("기업 규모", "size class", {"priority": ("우선지원대상기업", "a priority firm (우선지원대상기업)")}),
}  # fmt: skip
"""What a company can choose or become, with its words."""


def other_choices(facts: Facts, now: Quote, days: Sequence[date], snapshot_on: SnapshotOn) -> list[Another]:
    """The fewest changes (one, else two) after which there is a price where there was none, or a lower self-pay; where
    nothing helps on the day itself, on the first later day on which something does."""
    found = _choices_on(facts, now, now.snapshot)
    for day in sorted(day for day in days if day > now.snapshot.on):
        if found or now.outcome == "quoted":
            break
        found = _choices_on(moved(facts, day), now, snapshot_on(day))
    return found


def _choices_on(facts: Facts, now: Quote, snapshot: Snapshot) -> list[Another]:
    single = [
        (field, value)
        for field, (_, _, values) in _CHOICES.items()
        for value in values
        if getattr(facts, field) != value
    ]
    for many in (1, 2):
        tried = [_chosen(facts, now, snapshot, dict(picked), many) for picked in combinations(single, many)]
        found = [other for other in tried if other is not None]
        if found or now.outcome == "quoted":
            return sorted(found, key=lambda other: (other.quote.self_pay or 0, list(other.choices)))
    return []


def _chosen(facts: Facts, now: Quote, snapshot: Snapshot, choices: dict[str, Any], many: int) -> Another | None:
    if len(choices) < many:
        return None  # two values of one field are no pair
    quote = price(facts._replace(**choices), snapshot)
    if quote.outcome != "quoted" or quote.self_pay is None:
        return None
    if now.self_pay is not None and quote.self_pay >= now.self_pay:
        return None
    ko_words, en_words = [], []
    for field, value in choices.items():
        ko_field, en_field, values = _CHOICES[field]
        ko_words.append(f"{ko_field} {values[value][0]}")
        en_words.append(f"{en_field} {values[value][1]}")
    ko, en = _told(now, quote)
    day = snapshot.on
    later_ko, later_en = ("", "") if day == now.snapshot.on else (f"{day} 이후 ", f", from {day} on")
    said_ko, said_en = f"{later_ko}{', '.join(ko_words)}이면 {ko}.", f"With {', '.join(en_words)}{later_en}: {en}."
    return Another(day, choices, quote, said_ko, said_en)


def _answer(quote: Quote) -> tuple[object, ...]:
    return quote.outcome, quote.support, quote.self_pay, quote.advance, tuple(_amounts(quote).values())


def _amounts(quote: Quote) -> dict[tuple[str, str], int | None]:
    """Won per month of each allowance, by its names."""
    beside = quote.terms.allowances if quote.terms else ()
    return {(one.allowance.ko, one.allowance.en): one.given.whole if one.given else None for one in beside}


def _told(before: Quote, after: Quote) -> tuple[str, str]:
    """The difference in one sentence of each language."""
    ko, en = [], []
    if after.outcome != "quoted" and before.outcome == "quoted":
        ko.append("가격을 낼 수 없습니다")
        en.append("there is no price")
    elif after.outcome == "quoted" and before.outcome != "quoted":
        ko.append(f"지원금 {after.support:,}원, 자부담 {after.self_pay:,}원입니다")
        en.append(f"support {after.support:,} won, self-pay {after.self_pay:,} won")
    elif after.self_pay != before.self_pay:
        ko.append(f"자부담이 {_share(before)}에서 {_share(after)}이 됩니다")
        en.append(f"self-pay goes from {_share(before, 'won')} to {_share(after, 'won')}")
    elif after.outcome != before.outcome:
        ko.append("사유가 바뀝니다")
        en.append("the reasons change")
    for name, (old, new) in _monthly(before, after).items():
        ko.append(f"{name[0]}이 {_won(old)}에서 {_won(new)}이 됩니다")
        en.append(f"{name[1]} goes from {_won(old, 'won')} to {_won(new, 'won')}")
    return "; ".join(ko) or "선납금이 바뀝니다", "; ".join(en) or "the advance changes"


def _was(before: Quote, now: Quote) -> tuple[str, str]:
    """What it was until the rules changed, in one sentence of each language."""
    day = before.snapshot.on
    ko, en = [], []
    if before.outcome == "quoted" and before.self_pay != now.self_pay:
        ko.append(f"자부담이 {_share(before)}이었습니다")
        en.append(f"the self-pay was {_share(before, 'won')}")
    elif before.outcome != now.outcome and now.outcome == "quoted":
        ko.append("가격이 없었습니다")
        en.append("there was no price")
    for name, (old, _) in _monthly(before, now).items():
        ko.append(f"{name[0]}이 {_won(old)}이었습니다")
        en.append(f"{name[1]} was {_won(old, 'won')}")
    said_ko, said_en = (
        "; ".join(ko) or "선납금이나 사유가 달랐습니다",
        "; ".join(en) or "the advance or the reasons differed",
    )
    return f"{day}까지는 {said_ko}.", f"Until {day} {said_en}."


def _monthly(before: Quote, after: Quote) -> dict[tuple[str, str], tuple[int | None, int | None]]:
    old, new = _amounts(before), _amounts(after)
    return {names: (old.get(names), won) for names, won in new.items() if old.get(names) != won}


def _share(quote: Quote, unit: str = "원") -> str:
    """Self-pay with its share of the cost, as "6,000원(10%)"."""
    amount = f"{quote.self_pay:,}{unit if unit == '원' else ' ' + unit}"
    if not quote.cost or not quote.self_pay:
        return amount
    return f"{amount}{'' if unit == '원' else ' '}({quote.self_pay * 100 / quote.cost:.3g}%)"


def _won(amount: int | None, unit: str = "원") -> str:
    if amount is None:
        return "미정" if unit == "원" else "not set"
    return f"{amount:,}{unit if unit == '원' else ' ' + unit}"
