"""What the rules read and what they answer (규칙 시험): every kind of case settled by an edition, on every day on which
something changes. Nothing here lists parameters by hand: what is read is what the rules ask for."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date
from functools import lru_cache, partial
from itertools import product
from typing import NamedTuple, TypeVar

from services.subsidy.domain.facts import Facts, Learner, Place, Yearly, size_of
from services.subsidy.domain.policy import Given, Policy, PolicyError, Snapshot
from services.subsidy.domain.pricing import price
from services.subsidy.domain.programmes import PROGRAMMES, Programme

T = TypeVar("T")
_PLACES = (
    Place("capital", None, "capital", "capital", "capital-capital"),
    Place("non-capital", None, "non_capital", "non_capital", "non_capital-non_capital"),
    Place("depopulation", None, "non_capital", "depopulation", "non_capital-depopulation"),
    Place("overlap", None, "capital", "depopulation", "overlap"),
)
_SIZES = ("priority", "large_under_1000", "large_1000_plus")
_MODES = ("onsite", "remote", "blended")
_LEVELS = ("beginner", "intermediate", "advanced")
_LEARNERS = (None, Learner("jobseeker", 30), Learner("worker", 50), Learner("transition", 50))
_FEES = (None, 0, 1_000_000, 5_000_000, 8_000_000, 15_000_000, 20_000_000)
_HEADS = (100, 200, 900, 2000)


Prices = tuple[tuple[int, frozenset[str]] | None, ...]
"""For each of `cases` the self-pay in won and the parameters that it rests on; None where there is no price."""


class Period(NamedTuple):
    """What the rules do with one set of values. `failed` was asked for in vain; without `broken` a case could not be
    settled at all ("" where the numbers cannot be computed with)."""

    read: frozenset[tuple[str, str]]
    failed: frozenset[tuple[str, str]]
    broken: frozenset[str]
    prices: Prices


class Probe(NamedTuple):
    """An edition on several days. `read` is (parameter, key) → the days on which it has no value."""

    periods: dict[date, Period]
    read: dict[tuple[str, str], list[date]]

    @property
    def parameters(self) -> set[str]:
        return {parameter for parameter, _ in self.read}


class _Watched(Snapshot):
    """A snapshot that remembers what it was asked for, and what in vain."""

    __slots__ = ("failed", "used")

    def __init__(self, plain: Snapshot) -> None:
        super().__init__(plain.on, plain.version, replace(plain._in_force, kept={}), {})
        self.used: set[tuple[str, str]] = set()
        self.failed: dict[tuple[str, str], PolicyError] = {}

    def get(self, parameter: str, key: str = "") -> Given:
        try:
            given = super().get(parameter, key)
        except PolicyError as error:
            self.failed[parameter, key] = error
            raise
        self.used.add((parameter, key))
        return given

    def values(self) -> object:
        """All that a price depends on."""
        return frozenset((*place, one.parameter.unit, one.value) for place, one in self._in_force.given.items())


_KEPT: dict[object, Period] = {}
_MOST_KEPT = 32


def probe(policy: Policy, days: Iterable[date]) -> Probe:
    """Every kind of case on each of the days, none of them before the first day of the policy."""
    periods = {day: _period(_Watched(policy.at(day))) for day in days}
    read: dict[tuple[str, str], list[date]] = {}
    for day, period in periods.items():
        for place in period.read:
            read.setdefault(place, [])
        for place in period.failed:
            read.setdefault(place, []).append(day)
    return Probe(periods, read)


def _period(watched: _Watched) -> Period:
    """Editions mostly agree: the same values are gone through once."""
    values = watched.values()
    known = _KEPT.get(values)
    if known is None:
        broken: set[str] = set()
        prices = _all(watched, broken)
        known = Period(frozenset(watched.used), frozenset(watched.failed), frozenset(broken), prices)
        for old in list(_KEPT)[: max(0, len(_KEPT) - _MOST_KEPT)]:
            _KEPT.pop(old, None)
        _KEPT[values] = known
    return known


def _all(watched: _Watched, broken: set[str]) -> Prices:
    for heads in _HEADS:
        _guarded(watched, broken, partial(size_of, None, heads, None, None, watched))
    return tuple(_price(facts, watched, broken) for facts in cases())


def _price(facts: Facts, watched: _Watched, broken: set[str]) -> tuple[int, frozenset[str]] | None:
    quote = _guarded(watched, broken, partial(price, facts, watched))
    if quote is None or quote.self_pay is None:
        return None
    used = quote.chosen.payable.used if quote.chosen else ()
    return quote.self_pay, frozenset(given.parameter.id for given in used)


def _guarded(watched: _Watched, broken: set[str], work: Callable[[], T]) -> T | None:
    try:
        return work()
    except PolicyError as error:
        broken |= {parameter for (parameter, _), failed in watched.failed.items() if failed is error}
    except ArithmeticError:
        broken.add("")
    return None


@lru_cache(maxsize=1)
def cases() -> tuple[Facts, ...]:
    return tuple(dict.fromkeys(_cases()))


def _cases() -> Iterator[Facts]:
    kinds: dict[Programme, str] = {}
    for name, programme in PROGRAMMES.items():
        kinds.setdefault(programme, name)
    for name in kinds.values():
        for mode, level, ai, size, where, learner in product(
            _MODES, _LEVELS, (True, False), _SIZES, _PLACES, _LEARNERS
        ):
            yield Facts(100, 1_000_000, 10_000, 1, name, mode, level, ai, size, "stated", where, where, learner, 3)
        where = _PLACES[1]
        for level, size, fee, learner, unit_price in product(_LEVELS, _SIZES, _FEES, _LEARNERS, (None, 10_000)):
            yield Facts(100, fee, unit_price, 1, name, "remote", level, True, size, "stated", where, where, learner, 3)
        for level, size, heads in product(_LEVELS, _SIZES, _HEADS):
            yearly = Yearly(1_000_000_000, heads)
            yield Facts(
                100, 1_000_000, 10_000, 1, name, "onsite", level, True, size, "stated", where, where, None, 3, yearly
            )  # fmt: skip
