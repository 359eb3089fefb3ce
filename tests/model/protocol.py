"""The publishing protocol as a small state machine, explored in every interleaving.

Two producers commit transactions that write outbox rows (sequence numbers are drawn before the commit).
Two relays publish: each thinks it leads, as when a deposed leader is slow to notice. Two consumers of
one group read the log, write inbox and effect in one transaction, then move the offset; the partition
may change hands at any step. Everybody may crash between any two steps, losing what is in memory.

What is checked is what the code in `libs/common` promises: nothing lost, nothing twice, order per key.
`Bug` breaks one rule of the protocol on purpose, to show that the check would see it.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Bug(Enum):
    """A deliberate mistake, and the promise that it breaks."""

    CURSOR_POLLING = "relay reads `seq > last` instead of what is unsent"
    MARK_BEFORE_SEND = "relay marks rows sent before the broker has them"
    NO_INBOX = "consumer applies whatever comes"
    OFFSET_FIRST = "consumer moves the offset before its transaction commits"
    SKIP_FAILED = "relay goes on with a key after a failed send"
    NO_KEY_LOCK = "two transactions write events of one key without taking turns"


class Row(NamedTuple):
    """An outbox row. `order` is the place of its transaction among the commits of its key."""

    seq: int
    event: str
    key: str
    order: int


@dataclass(frozen=True)
class Event:
    """What a producer's transaction writes."""

    name: str
    key: str


class Relay(NamedTuple):
    """What a relay holds in memory: rows read and not yet sent, rows sent and not yet marked, its cursor."""

    todo: tuple[Row, ...] = ()
    sent: tuple[Row, ...] = ()
    cursor: int = 0
    broken: frozenset[str] = frozenset()


class Consumer(NamedTuple):
    """`at` is where it reads next, None while it holds nothing; `done` is handled and not yet an offset."""

    at: int | None = None
    done: int | None = None


class State(NamedTuple):
    drawn: int
    open: tuple[tuple[int, Event], ...]
    waiting: tuple[Event, ...]
    outbox: tuple[Row, ...]
    marked: frozenset[int]
    log: tuple[Row, ...]
    relays: tuple[Relay, Relay]
    consumers: tuple[Consumer, Consumer]
    offset: int
    inbox: frozenset[str]
    effects: tuple[Row, ...]
    crashes: int
    failures: int


class Broken(AssertionError):
    """A promise was broken; the text holds the steps that lead there."""


Step = tuple[str, State]


def start(events: tuple[Event, ...], crashes: int, failures: int) -> State:
    relays, consumers = (Relay(), Relay()), (Consumer(), Consumer())
    none: frozenset[int] = frozenset()
    return State(0, (), events, (), none, (), relays, consumers, 0, frozenset(), (), crashes, failures)


def steps(state: State, bug: Bug | None) -> Iterator[Step]:
    """Everything that may happen next."""
    yield from _producing(state, bug)
    for who in (0, 1):
        yield from _relaying(state, who, bug)
        yield from _consuming(state, who, bug)
        if state.crashes:
            yield from _crashing(state, who)


def _producing(state: State, bug: Bug | None) -> Iterator[Step]:
    busy = {event.key for _, event in state.open}
    for place, event in enumerate(state.waiting):
        first_of_key = all(other.key != event.key for other in state.waiting[:place])
        takes_turns = bug is not Bug.NO_KEY_LOCK
        if (takes_turns and (event.key in busy or not first_of_key)) or len(state.open) == 2:
            continue
        rest = state.waiting[:place] + state.waiting[place + 1 :]
        seq = state.drawn + 1
        opened = (*state.open, (seq, event))
        yield f"draw {seq} for {event.name}", state._replace(drawn=seq, open=opened, waiting=rest)
    for place, (seq, event) in enumerate(state.open):
        order = sum(row.key == event.key for row in state.outbox)
        row = Row(seq, event.name, event.key, order)
        rest_open = state.open[:place] + state.open[place + 1 :]
        outbox = tuple(sorted((*state.outbox, row)))
        yield f"commit {event.name}", state._replace(open=rest_open, outbox=outbox)


def _relaying(state: State, who: int, bug: Bug | None) -> Iterator[Step]:
    relay = state.relays[who]
    if not relay.todo and not relay.sent:
        if bug is Bug.CURSOR_POLLING:
            found = tuple(row for row in state.outbox if row.seq > relay.cursor)
        else:
            found = tuple(row for row in state.outbox if row.seq not in state.marked)
        if found:
            marked = state.marked | {row.seq for row in found} if bug is Bug.MARK_BEFORE_SEND else state.marked
            read = Relay(found, (), found[-1].seq)
            yield f"relay {who} reads {_names(found)}", _with_relay(state._replace(marked=marked), who, read)
    if relay.todo:
        row, rest = relay.todo[0], relay.todo[1:]
        if row.key in relay.broken:
            dropped = relay._replace(todo=rest)
            yield f"relay {who} leaves {row.event} for later", _with_relay(state, who, dropped)
        else:
            after = relay._replace(todo=rest, sent=(*relay.sent, row))
            sent = _with_relay(state._replace(log=(*state.log, row)), who, after)
            yield f"relay {who} sends {row.event}", sent
            if state.failures:
                skip = relay.broken if bug is Bug.SKIP_FAILED else relay.broken | {row.key}
                failed = relay._replace(todo=rest, broken=skip)
                fewer = state._replace(failures=state.failures - 1)
                yield f"relay {who} fails to send {row.event}", _with_relay(fewer, who, failed)
    elif relay.sent:
        marked = state.marked | {row.seq for row in relay.sent}
        idle = Relay(cursor=relay.cursor)
        yield f"relay {who} marks {_names(relay.sent)}", _with_relay(state._replace(marked=marked), who, idle)
    elif relay.broken:
        yield f"relay {who} begins again", _with_relay(state, who, Relay(cursor=relay.cursor))


def _consuming(state: State, who: int, bug: Bug | None) -> Iterator[Step]:
    consumer = state.consumers[who]
    if consumer.at is None:
        if state.offset < len(state.log):
            yield f"consumer {who} takes the partition", _with_consumer(state, who, Consumer(state.offset))
        return
    if consumer.done is not None:
        moved = state._replace(offset=max(state.offset, consumer.done))
        kept = Consumer(consumer.at) if consumer.at < len(state.log) else Consumer()
        yield f"consumer {who} moves the offset", _with_consumer(moved, who, kept)
        return
    if consumer.at >= len(state.log):
        return
    row = state.log[consumer.at]
    after = Consumer(consumer.at + 1, consumer.at + 1)
    if bug is Bug.OFFSET_FIRST and state.offset <= consumer.at:
        yield f"consumer {who} moves the offset early", state._replace(offset=consumer.at + 1)
        return
    if row.event in state.inbox and bug is not Bug.NO_INBOX:
        yield f"consumer {who} knows {row.event}", _with_consumer(state, who, after)
    else:
        done = state._replace(inbox=state.inbox | {row.event}, effects=(*state.effects, row))
        yield f"consumer {who} applies {row.event}", _with_consumer(done, who, after)


def _crashing(state: State, who: int) -> Iterator[Step]:
    fewer = state._replace(crashes=state.crashes - 1)
    # A cursor kept in memory would be lost whole; the mistake that is made in the field keeps it in a table.
    relay = state.relays[who]
    if relay.todo or relay.sent:
        yield f"relay {who} crashes", _with_relay(fewer, who, Relay(cursor=relay.cursor))
    if state.consumers[who].at is not None:
        yield f"consumer {who} crashes", _with_consumer(fewer, who, Consumer())


def _with_relay(state: State, who: int, relay: Relay) -> State:
    relays = (relay, state.relays[1]) if who == 0 else (state.relays[0], relay)
    return state._replace(relays=relays)


def _with_consumer(state: State, who: int, consumer: Consumer) -> State:
    consumers = (consumer, state.consumers[1]) if who == 0 else (state.consumers[0], consumer)
    return state._replace(consumers=consumers)


def _names(rows: tuple[Row, ...]) -> str:
    return ",".join(row.event for row in rows)


def fault(state: State) -> str | None:
    """The promise that this state breaks, if any."""
    applied = [row.event for row in state.effects]
    if len(applied) != len(set(applied)):
        return "twice"
    committed = {row.event for row in state.outbox}
    if not set(applied) <= committed:
        return "effect without cause"
    orders: dict[str, int] = {}
    for row in state.effects:
        if row.order < orders.get(row.key, 0):
            return "order"
        orders[row.key] = row.order
    return None


def lost(state: State, total: int) -> bool:
    """In a state from which nothing more happens, every event must have its effect."""
    return len(state.effects) < total


def canonical(state: State) -> State:
    """Relays are alike, and so are consumers: which of the two is which does not matter."""
    one, two = state.relays
    relays = (one, two) if _relay_key(one) <= _relay_key(two) else (two, one)
    first, second = state.consumers
    consumers = (first, second) if _consumer_key(first) <= _consumer_key(second) else (second, first)
    return state._replace(relays=relays, consumers=consumers)


def _relay_key(relay: Relay) -> tuple[tuple[Row, ...], tuple[Row, ...], int, tuple[str, ...]]:
    return (relay.todo, relay.sent, relay.cursor, tuple(sorted(relay.broken)))


def _consumer_key(consumer: Consumer) -> tuple[int, int]:
    return (-1 if consumer.at is None else consumer.at, -1 if consumer.done is None else consumer.done)


def explore(
    events: tuple[Event, ...], bug: Bug | None = None, crashes: int = 1, failures: int = 1, most: int = 3_000_000
) -> int:
    """Visits every reachable state; gives their number. Raises `Broken` with the shortest way to a broken promise."""
    first = start(events, crashes, failures)
    came_from: dict[State, tuple[State, str] | None] = {first: None}
    queue = deque([first])
    while queue:
        state = queue.popleft()
        moved = False
        for name, step in steps(state, bug):
            moved = True
            after = canonical(step)
            if after not in came_from:
                came_from[after] = (state, name)
                queue.append(after)
                wrong = fault(after)
                if wrong:
                    raise Broken(f"{wrong}: {_way(came_from, after)}")
        if not moved and lost(state, len(events)):
            raise Broken(f"lost: {_way(came_from, state)}")
        if len(came_from) > most:
            raise MemoryError(f"more than {most} states")
    return len(came_from)


def _way(came_from: dict[State, tuple[State, str] | None], state: State) -> str:
    names = []
    before = came_from[state]
    while before is not None:
        names.append(before[1])
        before = came_from[before[0]]
    return " → ".join(reversed(names))
