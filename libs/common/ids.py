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
    time = f"{int(now.timestamp() * 1000):012x}"
    noise = randomness[:10].hex()
    # The digit that is left out here gives the two random bits of the variant's.
    variant = "89ab"[randomness[1] & 3]
    return f"{time[:8]}-{time[8:]}-7{noise[:3]}-{variant}{noise[4:7]}-{noise[7:19]}"


def random_uuid7() -> str:
    return uuid7(utc_now(), os.urandom(10))
