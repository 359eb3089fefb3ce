"""The best of many keys, each course once and not too many of one provider."""

import numpy as np

from services.matching.domain.rules import FULL
from services.matching.engine.tables import Ints, Longs

TIE_BITS = 49
LIMIT = (FULL + 1) << TIE_BITS
"""Above every key: the floor of a list that still has room."""
NONE = -1
"""Below every key: the floor of a company without a list."""


def keys_of(points: Ints, ties: Longs | np.int64) -> Longs:
    """One number per course: more points, then the smaller tie, make the smaller key. Points are 0 to `FULL`."""
    return ((FULL - points).astype(np.int64) << TIE_BITS) | ties


def points_at(floor: int) -> int:
    """The fewest points with which a course can still beat the floor."""
    return max(0, FULL - (floor >> TIE_BITS))


def pick(keys: Longs, providers: Ints, twins: Ints, length: int, per_provider: int) -> list[int]:
    """Positions of the smallest keys in order, at most `per_provider` of one provider, and one of several twins."""
    left = keys.copy()
    chosen: list[int] = []
    counts: dict[int, int] = {}
    met: set[int] = set()
    while len(chosen) < min(length, keys.size):
        best = int(left.argmin())
        if left[best] >= LIMIT:
            break
        left[best] = LIMIT
        twin = int(twins[best])
        if twin in met:
            continue
        met.add(twin)
        chosen.append(best)
        provider = int(providers[best])
        counts[provider] = counts.get(provider, 0) + 1
        if counts[provider] == per_provider:
            left[providers == provider] = LIMIT
    return chosen
