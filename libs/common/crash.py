"""Named points at which a test may kill the process, to prove that a crash there does no harm."""

import os
import signal
from collections import Counter

CRASH_POINTS = (
    "tx.before_commit",
    "tx.after_commit",
    "relay.before_publish",
    "relay.after_publish",
    "relay.after_mark",
    "consumer.before_commit",
    "consumer.after_commit",
    "consumer.after_offset",
)

_target, _, _nth = os.environ.get("CRASH_AT", "").partition(":")
_seen: Counter[str] = Counter()


def crash_point(name: str) -> None:
    """Dies by SIGKILL when CRASH_AT is `name` or `name:n` and this is the n-th passage."""
    if _target != name:
        return
    _seen[name] += 1
    if _seen[name] == int(_nth or 1):
        os.kill(os.getpid(), signal.SIGKILL)
