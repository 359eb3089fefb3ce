"""The courses of one level, field and mode."""

import numpy as np

from services.matching.engine.tables import Ints, Longs, grown

HOURS, PLACE, TARGET, OWN, PROVIDER, TWIN, SLOT = range(7)
"""`OWN` are the points that a course has for every company alike; `TWIN` is the same for runs of one course."""


class Cell:
    """Columns of its courses; a course that leaves gives its place to the last one."""

    def __init__(self, wants: tuple[int, int, int]) -> None:
        self.wants = wants
        self.size = 0
        self._columns: Ints = np.zeros((7, 8), np.int32)
        self._ties: Longs = np.zeros(8, np.int64)

    @property
    def columns(self) -> Ints:
        return self._columns[:, : self.size]

    @property
    def ties(self) -> Longs:
        return self._ties[: self.size]

    def add(self, values: tuple[int, int, int, int, int, int, int], tie: int) -> int:
        """The position at which the course now stands."""
        position = self.size
        self._columns = grown(self._columns, 1, position + 1)
        self._ties = grown(self._ties, 0, position + 1)
        self._columns[:, position] = values
        self._ties[position] = tie
        self.size += 1
        return position

    def remove(self, position: int) -> int:
        """Takes a course out; gives the slot of the course that now stands there."""
        self.size -= 1
        self._columns[:, position] = self._columns[:, self.size]
        self._ties[position] = self._ties[self.size]
        return int(self._columns[SLOT, position])
