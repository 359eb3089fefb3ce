"""Token buckets: how many requests a client may send, per gateway process."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_REMEMBERED = 50_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """`retry_after` is whole seconds to wait; 0 where the request may go on."""

    limit: int
    remaining: int
    retry_after: int


class Limiter:
    """`rate` requests a second on average, `burst` at once; `monotonic` gives seconds."""

    def __init__(self, rate: float, burst: int, monotonic: Callable[[], float]) -> None:
        self.rate, self.burst, self._monotonic = rate, burst, monotonic
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, client: str) -> Verdict:
        now = self._monotonic()
        bucket = self._buckets.get(client)
        if bucket is None:
            bucket = self._buckets[client] = _Bucket(float(self.burst), now)
            if len(self._buckets) > _REMEMBERED:
                self._buckets.popitem(last=False)
        bucket.tokens = min(float(self.burst), bucket.tokens + (now - bucket.at) * self.rate)
        bucket.at = now
        if bucket.tokens < 1.0:
            return Verdict(self.burst, 0, max(1, round((1.0 - bucket.tokens) / self.rate)))
        bucket.tokens -= 1.0
        return Verdict(self.burst, int(bucket.tokens), 0)
