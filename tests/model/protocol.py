"""Outbox, relay and inbox as a small state machine, explored in every interleaving.

Producers commit transactions that write outbox rows; sequence numbers are drawn before the commit, so rows
of different keys appear in another order than their numbers. Two relays publish; leadership may be lost at
any moment and a deposed leader goes on with what it had read, so either relay may act at every step. The
broker has one partition per key. Two members of one group may hold the same partition, as in a rebalance
that one has not noticed. Everybody may crash between any two steps and loses what was in memory.

Four promises are checked in every state: nothing lost, nothing twice, order per key, no effect without a
committed cause. A `Bug` breaks one rule of the protocol on purpose; the exploration must then find a way
to a broken promise, and it finds the shortest. Relays and members are interchangeable, so states that
differ only by their names are one state.
"""

import gc
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, TypeVar

KEYS = "ab"
LIMIT = 2
"""Rows that a relay reads at once."""


class Bug(Enum):
    """A rule of the protocol, broken."""

    CURSOR_POLLING = "the relay reads `seq > last` instead of what is unsent"
    MARK_BEFORE_SEND = "the relay marks rows sent before the broker has them"
    READ_UNCOMMITTED = "events are published before their transaction has committed"
    NO_KEY_LOCK = "two transactions write events of one key without taking turns"
    SKIP_FAILED = "after a failed send the relay goes on with later events of the key"
    NO_INBOX = "the consumer applies whatever comes"
    OFFSET_FIRST = "the consumer moves the offset before its transaction"


class Row(NamedTuple):
    """An outbox row, visible once `committed`; the event's key is the first letter of its name."""

    seq: int
    event: str
    committed: bool
    sent: bool


class Relay(NamedTuple):
    """What a relay has in memory: read and not yet sent, acknowledged and not yet marked, keys whose send failed."""

    todo: tuple[Row, ...] = ()
    acked: tuple[Row, ...] = ()
    failed: str = ""


class Member(NamedTuple):
    """What a consumer has in memory: messages before `done` are handled, those before `end` are read."""

    key: int = 0
    done: int = 0
    end: int = -1


IDLE_RELAY, IDLE_MEMBER = Relay(), Member()


class State(NamedTuple):
    """`commits`, `logs`, `offsets`, `effects`: one entry per key. `cursor` is used by one bug only."""

    waiting: tuple[str, ...]
    drawn: int
    outbox: tuple[Row, ...]
    relays: tuple[Relay, ...]
    logs: tuple[tuple[str, ...], ...]
    offsets: tuple[int, ...]
    members: tuple[Member, ...]
    inbox: frozenset[str]
    effects: tuple[tuple[str, ...], ...]
    commits: tuple[tuple[str, ...], ...]
    faults: int
    cursor: int


Step = tuple[str, State]
T = TypeVar("T")


class Broken(AssertionError):
    """A promise was broken; the message holds the shortest way there."""

    def __init__(self, promise: str, way: list[str]) -> None:
        steps = "\n".join(f"  {number}. {name}" for number, name in enumerate(way, 1))
        super().__init__(f"{promise}\n{steps}")
        self.promise, self.way = promise, way


@dataclass
class Explored:
    """What an exploration saw; the last three show that the dangers were really met."""

    states: int = 0
    steps: int = 0
    quiescent: int = 0
    duplicates_in_log: int = 0
    rivals_publishing: int = 0
    rivals_handling: int = 0


def progress(state: State, bug: Bug | None) -> Iterator[Step]:
    """Everything that may happen next without a fault."""
    yield from _producers(state, bug)
    for relay in set(state.relays):
        yield from _relay(state, relay, bug)
    for member in set(state.members):
        yield from _member(state, member, bug)


def faults(state: State, bug: Bug | None) -> Iterator[Step]:
    """What may go wrong now. Only faults that lengthen the log are counted, so that it stays finite."""
    for row in state.outbox:
        if not row.committed:
            rest = tuple(other for other in state.outbox if other is not row)
            yield f"the producer of {row.event} crashes", state._replace(outbox=rest)
    for member in set(state.members) - {IDLE_MEMBER}:
        crashed = _swap(state.members, member, IDLE_MEMBER)
        yield f"the member with {_held(state, member)} crashes", state._replace(members=crashed)
    if not state.faults:
        return
    fewer = state._replace(faults=state.faults - 1)
    for relay in set(state.relays) - {IDLE_RELAY}:
        crashed_relay = _swap(state.relays, relay, IDLE_RELAY)
        yield f"the relay with {_rows(relay)} crashes", fewer._replace(relays=crashed_relay)
        if relay.todo:
            row, failed = relay.todo[0], "" if bug is Bug.SKIP_FAILED else relay.todo[0].event[0]
            rest = tuple(other for other in relay.todo[1:] if other.event[0] != failed)
            after = Relay(rest, relay.acked, relay.failed + failed)
            yield f"sending {row.event} fails", fewer._replace(relays=_swap(state.relays, relay, after))


def _producers(state: State, bug: Bug | None) -> Iterator[Step]:
    busy = {row.event[0] for row in state.outbox if not row.committed} if bug is not Bug.NO_KEY_LOCK else set()
    for event in state.waiting:
        if event[0] not in busy:
            # The first waiting event of a key stands for the others: nothing tells them apart before they begin.
            busy.add(event[0])
            seq = state.drawn + 1
            rest = tuple(other for other in state.waiting if other != event)
            outbox = (*state.outbox, Row(seq, event, committed=False, sent=False))
            drawn = state._replace(waiting=rest, drawn=seq, outbox=outbox)
            yield f"a transaction draws seq {seq} for {event}", drawn
    for row in state.outbox:
        if not row.committed:
            outbox = _swap(state.outbox, row, row._replace(committed=True))
            key = KEYS.index(row.event[0])
            commits = _put(state.commits, key, (*state.commits[key], row.event))
            yield f"the transaction of {row.event} commits", state._replace(outbox=outbox, commits=commits)


def _relay(state: State, relay: Relay, bug: Bug | None) -> Iterator[Step]:
    if relay.todo:
        row = relay.todo[0]
        key = KEYS.index(row.event[0])
        after = Relay(relay.todo[1:], (*relay.acked, row), relay.failed)
        logs = _put(state.logs, key, (*state.logs[key], row.event))
        sent = state._replace(logs=logs, relays=_swap(state.relays, relay, after))
        yield f"the relay with {_rows(relay)} sends {row.event}", sent
    elif relay != IDLE_RELAY:
        yield f"the relay marks {_rows(relay)} sent", _mark(state, relay, relay.acked, IDLE_RELAY)
    else:
        rows = [row for row in state.outbox if row.committed or bug is Bug.READ_UNCOMMITTED]
        if bug is Bug.CURSOR_POLLING:
            found = tuple(row for row in rows if row.seq > state.cursor)[:LIMIT]
        else:
            found = tuple(row for row in rows if not row.sent)[:LIMIT]
        if found:
            early = found if bug is Bug.MARK_BEFORE_SEND else ()
            yield f"a relay reads {_names(found)}", _mark(state, relay, early, Relay(found))


def _mark(state: State, relay: Relay, rows: tuple[Row, ...], after: Relay) -> State:
    done = {row.seq for row in rows}
    outbox = tuple(row._replace(sent=True) if row.seq in done else row for row in state.outbox)
    cursor = max((state.cursor, *done))
    return state._replace(outbox=outbox, cursor=cursor, relays=_swap(state.relays, relay, after))


def _member(state: State, member: Member, bug: Bug | None) -> Iterator[Step]:
    if member.end < 0:
        for key, log in enumerate(state.logs):
            yield from _reading(state, member, key, state.offsets[key], len(log), bug)
        return
    key, done, end = member
    if done < end:
        batch = state.logs[key][done:end]
        new = batch if bug is Bug.NO_INBOX else [e for e in dict.fromkeys(batch) if e not in state.inbox]
        applied = state._replace(
            inbox=state.inbox.union(new),
            effects=_put(state.effects, key, (*state.effects[key], *new)),
            members=_swap(state.members, member, Member(key, end, end)),
        )
        yield f"a transaction for {_held(state, member)} commits", applied
        return
    if bug is Bug.OFFSET_FIRST:
        yield "a member is ready for more", state._replace(members=_swap(state.members, member, IDLE_MEMBER))
        return
    moved = _put(state.offsets, key, end)
    members = _swap(state.members, member, IDLE_MEMBER)
    yield f"the offset of {KEYS[key]} becomes {end}", state._replace(offsets=moved, members=members)
    yield from _reading(state, member, key, end, len(state.logs[key]), bug)


def _reading(state: State, member: Member, key: int, start: int, stop: int, bug: Bug | None) -> Iterator[Step]:
    """Batches of every size, from the committed offset or from where this member already is."""
    for end in range(start + 1, stop + 1):
        reading = Member(key, start, end)
        after = state._replace(members=_swap(state.members, member, reading))
        if bug is Bug.OFFSET_FIRST:
            after = after._replace(offsets=_put(state.offsets, key, end))
        yield f"a member reads {_held(state, reading)}", after


def broken_promise(state: State) -> str | None:
    for commits, effects in zip(state.commits, state.effects, strict=True):
        if not set(effects) <= set(commits):
            return "an effect without a committed cause"
        if len(set(effects)) < len(effects):
            return "an effect twice"
        if effects != tuple(event for event in commits if event in effects):
            return "out of order"
    return None


def explore(events: tuple[str, ...], bug: Bug | None = None, relay_faults: int = 1, group: int = 2) -> Explored:
    """Visits every state that can be reached. Raises `Broken` at the first broken promise."""
    gc.disable()  # Nothing here is a cycle, and looking for them would take half of the time.
    try:
        return _explore(events, bug, relay_faults, group)
    finally:
        gc.enable()


def _explore(events: tuple[str, ...], bug: Bug | None, relay_faults: int, group: int) -> Explored:
    none: tuple[tuple[str, ...], ...] = ((),) * len(KEYS)
    relays, members = (IDLE_RELAY,) * 2, (IDLE_MEMBER,) * group
    offsets = (0,) * len(KEYS)
    first = State(events, 0, (), relays, none, offsets, members, frozenset(), none, none, relay_faults, 0)
    came_from: dict[State, tuple[str, State] | None] = {first: None}
    queue, seen = deque([first]), Explored()
    while queue:
        state = queue.popleft()
        if promise := broken_promise(state):
            raise Broken(promise, _way(came_from, state))
        going_on = list(progress(state, bug))
        if not going_on:
            seen.quiescent += 1
            if state.effects != state.commits:
                raise Broken("an event is lost", _way(came_from, state))
        _count(seen, state)
        for name, after in (*going_on, *faults(state, bug)):
            seen.steps += 1
            known = len(came_from)
            came_from.setdefault(after, (name, state))
            if len(came_from) > known:
                queue.append(after)
    return seen


def _count(seen: Explored, state: State) -> None:
    seen.states += 1
    seen.duplicates_in_log += any(len(set(log)) < len(log) for log in state.logs)
    one, other = state.relays
    seen.rivals_publishing += bool(set(one.todo) & set(other.todo))
    busy = [member.key for member in state.members if member.done < member.end]
    seen.rivals_handling += len(set(busy)) < len(busy)


def _way(came_from: dict[State, tuple[str, State] | None], state: State) -> list[str]:
    names = []
    while before := came_from[state]:
        names.append(before[0])
        state = before[1]
    return names[::-1]


def _swap(several: tuple[T, ...], old: T, new: T) -> tuple[T, ...]:
    """Sorted, so that states that differ by names only are equal."""
    place = several.index(old)
    return tuple(sorted((*several[:place], new, *several[place + 1 :])))  # type: ignore[type-var]


def _put(several: tuple[T, ...], place: int, new: T) -> tuple[T, ...]:
    return (*several[:place], new, *several[place + 1 :])


def _names(rows: tuple[Row, ...]) -> str:
    return " ".join(row.event for row in rows)


def _rows(relay: Relay) -> str:
    return _names((*relay.acked, *relay.todo)) or "nothing"


def _held(state: State, member: Member) -> str:
    return " ".join(state.logs[member.key][member.done : member.end]) or f"nothing of {KEYS[member.key]}"
