"""UUIDv7: ids that sort by the time they were made (RFC 9562)."""

import os
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives an aware UTC datetime."""

NewId = Callable[[], str]


def utc_now() -> datetime:
    """The one place where the machine's clock is read."""
    return datetime.now(UTC)


def uuid7(now: datetime, randomness: bytes) -> str:
    """`randomness` gives at least 10 bytes."""
    milliseconds = int(now.timestamp() * 1000)
    value = (milliseconds << 80) | int.from_bytes(randomness[:10], "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def random_uuid7() -> str:
    return uuid7(utc_now(), os.urandom(10))
