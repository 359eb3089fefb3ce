"""Arrays that grow, and points that depend on one value of the company and one of the course."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

Ours = TypeVar("Ours", bound=Hashable)
Theirs = TypeVar("Theirs", bound=Hashable)


class PairTable(Generic[Ours, Theirs]):
    """`points(company value, course value)` for every pair of values seen: few values, many companies and courses."""

    def __init__(self, points: Callable[[Ours, Theirs], int]) -> None:
        self._points = points
        self._rows: dict[Ours, int] = {}
        self._columns: dict[Theirs, int] = {}
        self._table: Ints = np.zeros((8, 8), np.int32)

    def row(self, value: Ours) -> int:
        """The number of a company's value."""
        if value not in self._rows:
            number = len(self._rows)
            self._table = grown(self._table, 0, number + 1)
            self._rows[value] = number
            for theirs, column in self._columns.items():
                self._table[number, column] = self._points(value, theirs)
        return self._rows[value]

    def column(self, value: Theirs) -> int:
        """The number of a course's value."""
        if value not in self._columns:
            number = len(self._columns)
            self._table = grown(self._table, 1, number + 1)
            self._columns[value] = number
            for ours, row in self._rows.items():
                self._table[row, number] = self._points(ours, value)
        return self._columns[value]

    def of_company(self, row: int) -> Ints:
        """Points by column."""
        return self._table[row, : max(1, len(self._columns))]

    def of_course(self, column: int) -> Ints:
        """Points by row."""
        return self._table[: max(1, len(self._rows)), column]


Array = TypeVar("Array", Ints, Longs, NDArray[np.int16])


def grown(array: Array, axis: int, needed: int) -> Array:
    """The array with room for `needed` along the axis; doubled, so that growing one by one stays cheap."""
    have = array.shape[axis]
    if needed <= have:
        return array
    shape = list(array.shape)
    shape[axis] = max(needed, 2 * have)
    larger = np.zeros(shape, array.dtype)
    larger[tuple(slice(0, size) for size in array.shape)] = array
    return larger
