"""Companies as columns: their points, and the floor of their lists."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.scoring import WIDTH, Seeker
from services.matching.engine.pick import NONE, keys_of, points_at
from services.matching.engine.tables import Ints, Longs, PairTable, grown

Mask = NDArray[np.bool_]


class Companies:
    """Rows are given out in the order in which companies come, and never used again."""

    def __init__(
        self, length: int, places: PairTable[str, str | None], targets: PairTable[str | None, tuple[str, ...]]
    ) -> None:
        self._places, self._targets = places, targets
        self._rows: dict[str, int] = {}
        self._ids: list[str] = []
        self._seekers: dict[str, Seeker] = {}
        self._wants: NDArray[np.int16] = np.zeros((WIDTH, 8), np.int16)
        self._values: Ints = np.zeros((2, 8), np.int32)
        self._floors: Longs = np.zeros(8, np.int64)
        self._fewest: Ints = np.zeros(8, np.int32)
        self._held: Ints = np.zeros((8, length), np.int32)
        self._ever_held: set[int] = set()

    def put(self, company_id: str, seeker: Seeker) -> None:
        row = self._rows.setdefault(company_id, len(self._ids))
        if row == len(self._ids):
            self._ids.append(company_id)
            self._grow(row + 1)
            self._held[row] = -1
            self._floors[row], self._fewest[row] = NONE, points_at(NONE)
        self._seekers[company_id] = seeker
        self._wants[:, row] = seeker.wants
        self._values[0, row] = self._places.row(seeker.facts.region_code)
        self._values[1, row] = self._targets.row(seeker.facts.ksic_code)

    def forget(self, company_id: str) -> None:
        """The company is as if it had never come; no course concerns it."""
        if self._seekers.pop(company_id, None) is not None:
            self.set_list(company_id, (), NONE)

    def get(self, company_id: str) -> Seeker | None:
        return self._seekers.get(company_id)

    def has_list(self, company_id: str) -> bool:
        row = self._rows.get(company_id)
        return row is not None and bool(self._floors[row] != NONE)

    def set_list(self, company_id: str, slots: Sequence[int], floor: int) -> None:
        row = self._rows[company_id]
        self._held[row] = -1
        self._held[row, : len(slots)] = slots
        self._floors[row], self._fewest[row] = floor, points_at(floor)
        self._ever_held.update(slots)

    def holding(self, slots: Iterable[int], all_slots: int) -> Mask:
        """Companies whose list holds one of the slots."""
        some = self._ever_held.intersection(slots)
        if not some:
            return np.zeros(len(self._ids), np.bool_)
        asked = np.zeros(all_slots + 1, np.bool_)  # the last one answers for -1, an empty line
        asked[list(some)] = True
        found: Mask = np.any(asked[self._held[: len(self._ids)]], axis=1)
        return found

    def below(self, wants: tuple[int, int, int, int], place: int, target: int, own: int, tie: int) -> Mask:
        """Companies whose floor a course with these traits beats."""
        count = len(self._ids)
        points = self._wants[wants[0], :count].astype(np.int32)
        for want in wants[1:]:
            points += self._wants[want, :count]
        points += self._places.of_course(place)[self._values[0, :count]]
        points += self._targets.of_course(target)[self._values[1, :count]]
        points += own
        near = np.flatnonzero(points >= self._fewest[:count])
        below: Mask = np.zeros(count, np.bool_)
        below[near] = keys_of(points[near], np.int64(tie)) < self._floors[near]
        return below

    def ids(self, mask: Mask) -> list[str]:
        return sorted(self._ids[row] for row in np.flatnonzero(mask))

    def __len__(self) -> int:
        return len(self._seekers)

    def _grow(self, needed: int) -> None:
        self._wants = grown(self._wants, 1, needed)
        self._values = grown(self._values, 1, needed)
        self._floors = grown(self._floors, 0, needed)
        self._fewest = grown(self._fewest, 0, needed)
        self._held = grown(self._held, 0, needed)
