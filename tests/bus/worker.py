"""A process of its own on the bus, so that it can be killed: `python -m tests.bus.worker publish|consume ...`.

Every process appends whole lines to one file, so the file tells what happened in the order it happened.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import orjson

from libs.common.bus import Bus, Delivery, Message
from libs.common.eventlog import EventLog
from libs.common.kafka import Brokers, KafkaBus

LEASE = 2.0
"""Seconds until a silent member is held for dead."""
KEYS = tuple(f"회사-{letter}" for letter in "abcdefghijkl")


def open_short(url: str) -> Bus:
    """The bus at `url`, with members that are soon held for dead."""
    scheme, _, rest = url.partition("://")
    if scheme == "kafka":
        return KafkaBus(Brokers(rest), session_timeout_ms=int(LEASE * 1000))
    return EventLog(Path(rest), lease=LEASE)


def numbered(topic: str, number: int) -> list[Message]:
    """One message per key; the value tells the number."""
    return [Message(topic, key, str(number).encode(), ()) for key in KEYS]


def note(path: Path, *lines: dict[str, object]) -> None:
    data = b"".join(orjson.dumps(line) + b"\n" for line in lines)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, data)
    os.close(descriptor)


def notes(path: Path) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


async def publish(url: str, topic: str, path: Path, first: int) -> None:
    """Publishes number after number for ever and tells each one that was acknowledged."""
    bus = open_short(url)
    number = first
    while True:
        await bus.publish(numbered(topic, number))
        note(path, {"acked": number})
        number += 1


async def consume(url: str, topic: str, path: Path, group: str, name: str, die_at: int) -> None:
    """Tells every delivery; dies inside the handler at the delivery of `die_at`, before the offset moves."""

    async def handle(batch: Sequence[Delivery]) -> None:
        for delivery in batch:
            value = int(delivery.message.value)
            note(path, {"by": name, "key": delivery.message.key, "value": value, "partition": delivery.partition})
            if value == die_at:
                os.kill(os.getpid(), signal.SIGKILL)

    await open_short(url).consume(group, [topic], handle)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["publish", url, topic, path, first]:
            asyncio.run(publish(url, topic, Path(path), int(first)))
        case ["consume", url, topic, path, group, name, die_at]:
            asyncio.run(consume(url, topic, Path(path), group, name, int(die_at)))
        case other:
            sys.exit(f"unknown: {other}")
