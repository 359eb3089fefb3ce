"""Pairs of company and course as columns (기업·과정 모집단), and the kinds that the rules tell apart among them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from services.subsidy.domain.facts import (
    MAX_HEADCOUNT,
    MAX_HOURS,
    MAX_MONTHS,
    MAX_PEOPLE,
    MAX_WON,
    Facts,
    Learner,
    Yearly,
    case_in_range,
    fee_band,
    premium_class,
)
from services.subsidy.domain.programmes import PROGRAMMES
from services.subsidy.domain.terms import kind_of

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Mark = Callable[[slice], npt.NDArray[Any]]

NOT_STATED = -(2**63)
"""A number that the source does not state (None in `Facts`)."""
CODED = ("programme", "mode", "level", "ai", "size_class", "size_basis", "workplace", "institution", "learner")
_MOST = {
    "hours": (1, MAX_HOURS), "fee": (0, MAX_WON), "unit_price": (1, MAX_WON), "people": (1, MAX_PEOPLE),
    "months": (1, MAX_MONTHS), "payroll": (0, MAX_WON * 1000), "headcount": (1, MAX_HEADCOUNT), "used": (0, MAX_WON),
}  # fmt: skip
COUNTED = tuple(name for name in _MOST if name in Facts._fields)
_DENSE, _CHUNK = 2**18, 2**15
_BASE = Facts(1, 0, 1, 1, "P9", "remote", "beginner", True, None, "stated", None, None)


@dataclass(frozen=True)
class Pairs:
    """n pairs of a company and a course for one day, as columns of length n.

    `words` are the values of each field of `CODED` and `codes` a column of positions in them, of any integers; a field
    of one word needs no column. `numbers` are columns of int64 in the units of `Facts` (won, hours, people, months) by
    the names of `COUNTED` and `Yearly`, `NOT_STATED` where the source is silent; a column that is left out is not
    stated by anybody.
    """

    words: Mapping[str, tuple[Any, ...]]
    codes: Mapping[str, npt.NDArray[Any]]
    numbers: Mapping[str, Ints]

    def __len__(self) -> int:
        return len(self.numbers["people"])

    def facts(self, row: int) -> Facts:
        """One pair as the scalar rules take it."""
        return next(self.cases(np.array([row])))

    def cases(self, rows: Ints) -> Iterator[Facts]:
        """Some pairs as the scalar rules take them."""
        columns: dict[str, Sequence[Any]] = {}
        for name, words in self.words.items():
            codes = self.codes[name][rows].tolist() if len(words) > 1 else [0] * len(rows)
            columns[name] = [words[code] for code in codes]
        for name in (*COUNTED, *Yearly._fields):
            found = self.numbers[name][rows].tolist() if name in self.numbers else [NOT_STATED] * len(rows)
            columns[name] = [None if number == NOT_STATED else number for number in found]
        firms = zip(*(columns.pop(name) for name in Yearly._fields), strict=True)
        columns["yearly"] = [None if payroll is None else Yearly(payroll, *more) for payroll, *more in firms]
        return map(Facts, *(columns[name] for name in Facts._fields))

    @classmethod
    def of(cls, cases: Sequence[Facts]) -> "Pairs":
        """The same cases as columns. A number beyond 64 bits becomes the nearest; it is out of range either way."""
        words: dict[str, tuple[Any, ...]] = {}
        codes: dict[str, npt.NDArray[Any]] = {}
        for name in CODED:
            places: dict[Any, int] = {}
            found = [places.setdefault(getattr(case, name), len(places)) for case in cases]
            codes[name], words[name] = np.array(found, np.int64), tuple(places)
        numbers = {name: _numbers(getattr(case, name) for case in cases) for name in COUNTED}
        years = [case.yearly for case in cases]
        if any(year is not None for year in years):
            numbers |= {name: _numbers(year and getattr(year, name) for year in years) for name in Yearly._fields}
        return cls(words, codes, numbers)


def _numbers(values: Iterable[int | None]) -> Ints:
    return np.array([NOT_STATED if v is None else max(1 - 2**63, min(v, 2**63 - 1)) for v in values], np.int64)


def kinds(pairs: Pairs) -> tuple[Ints, Ints]:
    """The kind of each pair, and one row of each kind; -1 for pairs that are refused before any rule is asked.

    Kinds may be finer than the rules need, never coarser.
    """
    key, total = np.zeros(len(pairs), np.int64), 1
    for group in _grouped(_marks(pairs)):
        if total > 1:
            key, total = _renumbered(key, total)
        for low in range(0, len(pairs), _CHUNK):
            rows = slice(low, low + _CHUNK)
            for mark, count in group:
                key[rows] *= count
                key[rows] += mark(rows)
        total *= prod(count for _, count in group)
    refused = _refused(pairs)
    any_refused = bool(refused.any())
    if any_refused:
        key[refused] = total
    key, total = _renumbered(key, total + 1)
    examples = np.zeros(total, np.int64)
    examples[key] = np.arange(len(pairs))
    if any_refused:
        key[refused] = -1  # the highest key of all, so the last number
        examples = examples[:-1]
    return key, examples


def _grouped(marks: Iterable[tuple[Mark, int]]) -> Iterator[list[tuple[Mark, int]]]:
    """Marks as many at a time as make keys that can be numbered without sorting."""
    group: list[tuple[Mark, int]] = []
    for mark, count in marks:
        if group and count * prod(count for _, count in group) > _DENSE:
            yield group
            group = []
        group.append((mark, count))
    yield group


def _renumbered(key: Ints, total: int) -> tuple[Ints, int]:
    """Keys below `total` numbered without gaps, in their order."""
    if total > _DENSE * 64:
        occurring, key = np.unique(key, return_inverse=True)
        return key, len(occurring)
    seen = np.zeros(total, np.bool_)
    seen[key] = True
    numbers = np.cumsum(seen) - 1
    return numbers[key], int(numbers[-1]) + 1


def _marks(pairs: Pairs) -> Iterator[tuple[Mark, int]]:
    """What `kind_of` tells apart: for some rows a column of small numbers, and how many there are."""
    for name in CODED:
        classes, count = _classes(name, pairs.words[name])
        if count > 1:
            yield partial(_worded, np.array(classes, np.int16), pairs.codes[name]), count
    numbers = pairs.numbers
    if "unit_price" in numbers:
        yield partial(_stated, numbers["unit_price"]), 2
    if "fee" in numbers and any(_by_fee(programme) for programme in pairs.words["programme"]):
        steps = _steps(fee_band, 0, MAX_WON)
        yield partial(_passed, numbers["fee"], steps), len(steps) + 1
    if "payroll" in numbers:
        sizes = [_BASE._replace(size_class=size) for size in pairs.words["size_class"]]
        steps = sorted({step for case in sizes for step in _steps(partial(_premium, case), 1, MAX_HEADCOUNT)})
        yield partial(_stated, numbers["payroll"]), 2
        yield partial(_passed, numbers["headcount"], steps), len(steps) + 1


def _worded(classes: npt.NDArray[np.int16], codes: npt.NDArray[Any], rows: slice) -> npt.NDArray[Any]:
    found: npt.NDArray[np.int16] = classes.take(codes[rows])
    return found


def _stated(column: Ints, rows: slice) -> npt.NDArray[Any]:
    stated: Flags = column[rows] != NOT_STATED
    return stated


def _passed(column: Ints, steps: Sequence[int], rows: slice) -> npt.NDArray[Any]:
    part = column[rows]
    passed = np.zeros(len(part), np.int8)
    for step in steps:
        passed += part >= step
    return passed


def _classes(name: str, words: Sequence[Any]) -> tuple[list[int], int]:
    """Words that make no other kind are one."""
    kinds: dict[object, int] = {}
    return [kinds.setdefault(kind_of(_BASE._replace(**{name: word})), len(kinds)) for word in words], len(kinds)


def _by_fee(programme: str) -> bool:
    cheap, dear = (_BASE._replace(programme=programme, fee=fee) for fee in (0, MAX_WON))
    return kind_of(cheap) != kind_of(dear)


def _premium(case: Facts, headcount: int) -> str:
    return premium_class(case._replace(yearly=Yearly(0, headcount)))


def _steps(of: Callable[[int], str], least: int, most: int) -> list[int]:
    """The numbers from which a rule that goes up in steps has another value."""
    if of(least) == of(most):
        return []
    if most - least == 1:
        return [most]
    middle = (least + most) // 2
    return _steps(of, least, middle) + _steps(of, middle, most)


def _refused(pairs: Pairs) -> Flags:
    """Unknown programmes, and numbers that cannot be (`facts.numbers_in_range`, `facts.case_in_range`)."""
    refused = np.zeros(len(pairs), np.bool_)
    for name, column in pairs.numbers.items():
        least, most = _MOST[name]
        if column.min(initial=least) < least or column.max(initial=least) > most:
            refused |= ((column < least) | (column > most)) & ((column != NOT_STATED) | (name == "people"))
    for name in ("programme", "learner"):
        words = pairs.words[name]
        wrong = [word not in PROGRAMMES if name == "programme" else _too_old(word) for word in words]
        if any(wrong):
            refused |= np.array(wrong)[pairs.codes[name]] if len(words) > 1 else True
    return refused


def _too_old(learner: Learner | None) -> bool:
    return not case_in_range(_BASE._replace(learner=learner))
