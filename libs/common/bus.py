"""The bus: publish and consume. The only port of our own.

Both adapters promise the same: durable once `publish` returns, ordered per key, delivered at
least once, and an offset that moves only after the handler has returned.
"""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from libs.common.ids import Clock, utc_now

Headers = tuple[tuple[str, bytes], ...]


class Message(NamedTuple):
    """What is published: bytes under a key, with CloudEvents attributes as headers."""

    topic: str
    key: str
    value: bytes
    headers: Headers


class Delivery(NamedTuple):
    """A message as it was found on the bus."""

    message: Message
    partition: int
    position: int


Handle = Callable[[Sequence[Delivery]], Awaitable[None]]


class Bus(Protocol):
    async def start(self) -> None:
        """Makes ready to publish; raises `ConnectionError` while the bus cannot be reached."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Returns once all are durable. If it raises, any of them may be: publish again, in the same order."""

    async def consume(
        self, group: str, topics: Sequence[str], handle: Handle, max_batch: int = 500, gather: float = 0.0
    ) -> None:
        """Runs until cancelled. If `handle` raises, the same messages come again after a pause.

        `gather` is how many seconds to let messages collect between two batches.
        """

    async def reachable(self) -> bool: ...

    def lag(self, group: str) -> int:
        """Messages known to be published and not yet handled by this process's member of the group."""

    async def close(self) -> None: ...


def open_bus(url: str, clock: Clock = utc_now) -> Bus:
    """`eventlog:///path/to/file.db`, or an address as `libs.common.kafka.Brokers` reads it."""
    scheme, _, rest = url.partition("://")
    if scheme.startswith("kafka"):
        from libs.common.kafka import Brokers, KafkaBus

        return KafkaBus(Brokers.at(url))
    if scheme == "eventlog":
        from libs.common.eventlog import EventLog

        return EventLog(Path(rest), clock)
    raise ValueError(f"BUS_URL must begin with kafka:// or eventlog://, not {scheme!r}")
