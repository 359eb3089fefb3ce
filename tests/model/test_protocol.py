"""The protocol keeps its promises in every interleaving, and the exploration would see it if it did not."""

import pytest

from tests.model.protocol import Broken, Bug, explore

CAUGHT_AS = {
    Bug.CURSOR_POLLING: (("a1", "b1"), "an event is lost"),
    Bug.MARK_BEFORE_SEND: (("a1", "a2"), "an event is lost"),
    Bug.OFFSET_FIRST: (("a1", "a2"), "an event is lost"),
    Bug.NO_INBOX: (("a1", "a2"), "an effect twice"),
    Bug.READ_UNCOMMITTED: (("a1", "a2"), "an effect without a committed cause"),
    Bug.NO_KEY_LOCK: (("a1", "a2"), "out of order"),
    Bug.SKIP_FAILED: (("a1", "a2"), "out of order"),
}
"""Events that suffice to show the bug, and the promise that it breaks."""


@pytest.mark.parametrize(
    ("events", "relay_faults", "group"),
    [
        pytest.param(("a1", "a2"), 1, 2, id="two events of one key, a relay fault, two members"),
        pytest.param(("a1", "b1"), 1, 2, id="two keys, a relay fault, two members"),
        pytest.param(("a1", "a2", "b1"), 0, 1, id="three events of two keys, rival relays, one member"),
    ],
)
def test_the_promises_hold_in_every_interleaving(events: tuple[str, ...], relay_faults: int, group: int) -> None:
    seen = explore(events, None, relay_faults, group)

    print(f"{events}: {seen}")
    assert seen.states > 100_000
    assert seen.quiescent > 0
    assert seen.duplicates_in_log > 0
    assert seen.rivals_publishing > 0
    assert seen.rivals_handling > 0 or group == 1


@pytest.mark.parametrize("bug", Bug, ids=lambda bug: bug.name.lower())
def test_a_deliberate_bug_is_caught_by_the_promise_it_breaks(bug: Bug) -> None:
    events, promise = CAUGHT_AS[bug]

    with pytest.raises(Broken) as caught:
        explore(events, bug)

    print(f"{bug.value}:\n{caught.value}")
    assert caught.value.promise == promise, str(caught.value)
    assert caught.value.way, "the way to the broken promise is told"


def test_the_lost_event_of_a_polling_cursor_is_the_one_that_committed_late() -> None:
    with pytest.raises(Broken) as caught:
        explore(("a1", "b1"), Bug.CURSOR_POLLING, relay_faults=0)

    way = caught.value.way
    draws = [step for step in way if "draws seq" in step]
    commits = [step for step in way if step.startswith("the transaction of")]
    read = next(place for place, step in enumerate(way) if step.startswith("a relay reads"))
    assert [step[-2:] for step in draws] == ["a1", "b1"]
    assert commits == ["the transaction of b1 commits", "the transaction of a1 commits"]
    assert way.index(commits[0]) < read < way.index(commits[1]), str(caught.value)
