"""The publishing protocol keeps its promises in every interleaving, and the check sees each mistake."""

import pytest

from tests.model.protocol import Broken, Bug, Event, explore


def events(*names: str) -> tuple[Event, ...]:
    """`a1` is the first event of key `a`."""
    return tuple(Event(name, name[0]) for name in names)


@pytest.mark.parametrize(
    ("names", "crashes", "failures"),
    [
        (("a1", "a2"), 1, 1),
        (("a1", "a2"), 2, 0),
        (("a1", "a2", "a3"), 0, 0),
        (("a1", "b1"), 1, 0),
        (("a1", "a2", "b1"), 0, 0),
    ],
)
def test_nothing_lost_nothing_twice_order_per_key(names: tuple[str, ...], crashes: int, failures: int) -> None:
    states = explore(events(*names), None, crashes, failures)
    assert states > 10_000, "the model must not have lost its interleavings"


@pytest.mark.parametrize(
    ("bug", "names", "crashes", "failures", "promise"),
    [
        (Bug.CURSOR_POLLING, ("a1", "b1"), 0, 0, "lost"),
        (Bug.MARK_BEFORE_SEND, ("a1",), 1, 0, "lost"),
        (Bug.NO_INBOX, ("a1",), 0, 0, "twice"),
        (Bug.OFFSET_FIRST, ("a1",), 1, 0, "lost"),
        (Bug.SKIP_FAILED, ("a1", "a2"), 0, 1, "order"),
        (Bug.NO_KEY_LOCK, ("a1", "a2"), 0, 0, "order"),
    ],
)
def test_each_mistake_is_caught(bug: Bug, names: tuple[str, ...], crashes: int, failures: int, promise: str) -> None:
    with pytest.raises(Broken) as caught:
        explore(events(*names), bug, crashes, failures)
    print(f"{bug.name}: {caught.value}")
    assert str(caught.value).startswith(f"{promise}: draw")


def test_a_cursor_misses_what_commits_late() -> None:
    """The mistake seen in the field: the higher number commits first, the lower one is never read."""
    with pytest.raises(Broken) as caught:
        explore(events("a1", "b1"), Bug.CURSOR_POLLING, crashes=0, failures=0)
    way = str(caught.value)
    assert way.index("draw 1 for a1") < way.index("commit b1") < way.rindex("commit a1")
