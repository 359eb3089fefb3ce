"""A whole population priced at once (미시모의실험): the same won as `pricing.price`, pair by pair.

The rules are not written a second time. What a pair is paid by follows from its kind (`terms.kind_of`), so each kind
that occurs is settled once by `terms.settle`; only the won formula of `pricing.work_out` and the choice of the largest
support are done over columns. Integers are 64 bits wide: a pair whose numbers could pass them is priced by `price`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from services.subsidy.domain.facts import Place
from services.subsidy.domain.pairs import NOT_STATED, Ints, Pairs, kinds
from services.subsidy.domain.policy import Snapshot
from services.subsidy.domain.pricing import price
from services.subsidy.domain.programmes import Line
from services.subsidy.domain.terms import Payable, Terms, settle

_CHUNK, _SAFE = 2**14, 2**62
"""Pairs worked out at a time, so that they stay in the cache; and what 64 bits hold, with room for rounding."""
OUTCOMES = ("quoted", "ineligible", "unpriced")
QUOTED, _INELIGIBLE, UNPRICED = range(3)
TIERS = ("capital", "non_capital", "depopulation", "both", "unknown")
"""수도권, 비수도권, 인구감소지역, 수도권이면서 인구감소지역, 알 수 없음."""


class Total(NamedTuple):
    """Sums of a group, in won; only quoted pairs have won."""

    pairs: int
    quoted: int
    cost: int
    support: int
    self_pay: int


@dataclass(frozen=True)
class Population:
    """What each pair costs: columns of the length of the pairs, won for all people of the pair.

    `outcome` is a position in `OUTCOMES`; won are 0 unless it is "quoted". `line` is the chosen line in `lines`, -1
    without one; `kind` is the pair's place in `terms`, -1 where no rule was asked.
    """

    pairs: Pairs
    outcome: npt.NDArray[np.int8]
    cost: Ints
    support: Ints
    self_pay: Ints
    line: npt.NDArray[np.int16]
    kind: Ints
    lines: tuple[Line, ...]
    terms: tuple[Terms, ...]

    def totals(self, by: str) -> dict[str, Total]:
        """Sums by "programme", "tier" (of the workplace) or "size_class", exactly, in the order of the words."""
        codes, names = _groups(self.pairs, by)
        counts = np.bincount(codes, minlength=len(names)).tolist()
        quoted = np.bincount(codes[self.outcome == QUOTED], minlength=len(names)).tolist()
        costs, supports = (_sums(codes, column, len(names)) for column in (self.cost, self.support))
        found = zip(names, counts, quoted, costs, supports, strict=True)
        return {name: Total(pairs, priced, c, s, c - s) for name, pairs, priced, c, s in found if pairs}


def _groups(pairs: Pairs, by: str) -> tuple[Ints, tuple[str, ...]]:
    field = "workplace" if by == "tier" else by
    words = [_tier(word) if by == "tier" else str(word or "unknown") for word in pairs.words[field]]
    names = TIERS if by == "tier" else tuple(dict.fromkeys(words))
    places = np.array([names.index(word) for word in words], np.int64)
    return (places[pairs.codes[field]] if len(words) > 1 else np.repeat(places, len(pairs))), names


def _tier(place: Place | None) -> str:
    if place is not None and place.overlap:
        return "both"
    return (place.tier3 if place is not None else None) or "unknown"


def _sums(codes: Ints, column: Ints, groups: int) -> list[int]:
    """Exact sums of won, none negative: `bincount` adds floats, exact below 2**53, so large won go in parts."""
    bits = 53 - max(1, len(column)).bit_length()
    sums, shift, left = [0] * groups, 0, column
    while True:
        part = np.bincount(codes, weights=left & ((1 << bits) - 1), minlength=groups)
        sums = [total + (int(more) << shift) for total, more in zip(sums, part.tolist(), strict=True)]
        left, shift = left >> bits, shift + bits
        if not left.any():
            return sums


class _Won(NamedTuple):
    """A paying line as the numbers of its formula; `unit_price` None where the course states its own."""

    line: Line
    unit_price: int | None
    multiple: int
    scale: int
    rate: int
    divisor: int
    cut: int
    share: tuple[bool, int, int] | None
    limit: tuple[int, int, int] | None


class _Recipe(NamedTuple):
    """What many kinds have in common: `outcome` where nothing pays, the fee that the policy knows, the lines.
    Pairs that are refused before any rule is `asked` are not free either."""

    outcome: int
    fee: int | None
    lines: tuple[_Won, ...]
    asked: bool = True


_NO_RULE = _Recipe(UNPRICED, None, (), asked=False)


def _recipe(terms: Terms) -> _Recipe:
    fee = None if terms.fee is None else int(terms.fee.value)
    return _Recipe(OUTCOMES.index(terms.outcome), fee, tuple(_won(payable) for payable in terms.payable))


def _won(payable: Payable) -> _Won:
    unit_price, share, limit = payable.unit_price, payable.share, None
    if payable.limit is not None:
        premium, multiple, least = payable.limit
        limit = (premium.whole * multiple.whole, premium.scale * multiple.scale, least.whole)
    return _Won(
        payable.line, None if unit_price is None else unit_price.whole,
        payable.multiple_whole, payable.multiple_scale, payable.rate_whole, payable.divisor, payable.cut_whole,
        None if share is None else (share.parameter.unit == "rate", share.whole, share.scale), limit,
    )  # fmt: skip


def price_all(pairs: Pairs, snapshot: Snapshot) -> Population:
    """Every pair's price under the policy of one day. Raises what `price` raises for such facts."""
    kind, examples = kinds(pairs)
    terms = tuple(one for case in pairs.cases(examples) if (one := settle(case, snapshot)) is not None)
    assert len(terms) == len(examples), "kinds are of cases that can be"
    recipes: dict[_Recipe, int] = {_NO_RULE: 0}
    # Kind -1, where no rule was asked, is the last place of the table.
    table = [recipes.setdefault(_recipe(one), len(recipes)) for one in terms] + [0]
    small = np.uint16 if len(recipes) < 2**16 else np.uint32
    which = np.array(table, small)[kind]
    made = _Made.of(pairs, snapshot, recipes)
    order, start = np.argsort(which, kind="stable"), 0
    for recipe, count in zip(recipes, np.bincount(which, minlength=len(recipes)).tolist(), strict=True):
        for low in range(start, start + count, _CHUNK):
            made.work(recipe, order[low : min(low + _CHUNK, start + count)])
        start += count
    lines = tuple(made.lines)
    return Population(
        pairs, made.outcome, made.cost, made.support, made.cost - made.support, made.line, kind, lines, terms
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Made:
    """The result columns while they are filled."""

    pairs: Pairs
    snapshot: Snapshot
    lines: dict[Line, int]
    outcome: npt.NDArray[np.int8]
    cost: Ints
    support: Ints
    line: npt.NDArray[np.int16]

    @classmethod
    def of(cls, pairs: Pairs, snapshot: Snapshot, recipes: Iterable[_Recipe]) -> "_Made":
        lines = dict.fromkeys(won.line for recipe in recipes for won in recipe.lines)
        places, size = {line: place for place, line in enumerate(lines)}, len(pairs)
        won = np.zeros(size, np.int64), np.zeros(size, np.int64)
        return cls(pairs, snapshot, places, np.zeros(size, np.int8), *won, np.full(size, -1, np.int16))

    def work(self, recipe: _Recipe, rows: Ints) -> None:
        """Prices pairs of one recipe, as `price` does it."""
        fee = self._taken("fee", rows)
        if recipe.fee is not None:
            fee = np.where(fee == NOT_STATED, recipe.fee, fee)
        if not recipe.lines:
            self.outcome[rows] = np.where((fee == 0) & recipe.asked, QUOTED, recipe.outcome)
            return
        hours, priced = self._taken("hours", rows), None
        if fee.min() <= 0 or hours.min() <= 0:
            known, free = fee != NOT_STATED, fee == 0
            if not all(won.line.ceiling for won in recipe.lines):
                known &= hours != NOT_STATED
            self.outcome[rows] = np.where(known | free, QUOTED, UNPRICED)
            fee, hours, priced = np.where(known, fee, 0), np.where(known, hours, 0), known & ~free
        case = _Case(fee, hours, *(self._taken(name, rows) for name in ("unit_price", "people", "payroll", "used")))
        support, line = self._best(recipe, case)
        self.support[rows], self.cost[rows] = support, fee * case.people
        self.line[rows] = line if priced is None else np.where(priced, line, -1)
        self._exactly(recipe, case, rows)

    def _taken(self, name: str, rows: Ints) -> Ints:
        column = self.pairs.numbers.get(name)
        return np.full(len(rows), NOT_STATED) if column is None else column.take(rows)

    def _best(self, recipe: _Recipe, case: "_Case") -> tuple[Ints, npt.NDArray[np.int16] | int]:
        """The largest support and its line, the first of equals."""
        first, *others = recipe.lines
        support = _support(first, case)
        line: npt.NDArray[np.int16] | int = self.lines[first.line]
        for won in others:
            worked = _support(won, case)
            line = np.where(worked > support, self.lines[won.line], line).astype(np.int16)
            support = np.maximum(support, worked)
        return support, line

    def _exactly(self, recipe: _Recipe, case: "_Case", rows: Ints) -> None:
        """Pairs whose numbers could pass 64 bits on the way, by the scalar rules."""
        most = _Case(*(float(column.max()) for column in case))
        if all(_largest(won, most) < _SAFE for won in recipe.lines):
            return
        each = _Case(*(column.astype(np.float64) for column in case))
        far = np.logical_or.reduce([_largest(won, each) >= _SAFE for won in recipe.lines])
        for row in rows[far].tolist():
            quote = price(self.pairs.facts(row), self.snapshot)
            self.outcome[row] = OUTCOMES.index(quote.outcome)
            self.cost[row], self.support[row] = quote.cost or 0, quote.support or 0
            self.line[row] = self.lines[quote.chosen.payable.line] if quote.chosen else -1


class _Case(NamedTuple):
    """Columns that the formula reads."""

    fee: Any
    hours: Any
    unit_price: Any
    people: Any
    payroll: Any
    used: Any


def _support(won: _Won, case: _Case) -> Ints:
    """`pricing.work_out` over columns."""
    eligible: Ints = np.minimum(case.fee * won.scale, _cap(won, case))
    if won.share is not None:
        by_rate, whole, scale = won.share
        eligible = eligible - (eligible * whole // scale if by_rate else np.minimum(whole * won.scale, eligible))
    support: Ints = eligible * won.rate * case.people // won.divisor * won.cut
    if won.limit is None:
        return support
    whole, scale, least = won.limit
    left: Ints = np.maximum(np.maximum(case.payroll * whole // scale, least) - case.used, 0)
    lesser: Ints = np.minimum(support, left // won.cut * won.cut)
    return lesser


def _cap(won: _Won, case: _Case) -> Any:
    if won.line.ceiling:
        return won.multiple
    return (case.unit_price if won.unit_price is None else won.unit_price) * case.hours * won.multiple


def _largest(won: _Won, case: _Case) -> Any:
    """The largest number that `_support` meets, near enough to compare with the width."""
    fee, cap = case.fee * won.scale, _cap(won, case) * 1.0
    eligible = np.minimum(fee, cap)
    found = [fee, cap, eligible * won.rate * case.people]
    if won.share is not None:
        found += [eligible * won.share[1], 1.0 * won.share[1] * won.scale]
    if won.limit is not None:
        found.append(case.payroll * won.limit[0])
    return np.maximum.reduce(np.broadcast_arrays(*found))
