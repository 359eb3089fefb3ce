"""What a member gets, in which portions, and what it leaves behind, on both adapters."""

import asyncio
from collections.abc import Sequence

from libs.common.bus import Delivery, Message
from tests.bus.conftest import Place, create_topic, member, until
from tests.bus.test_conformance import settle
from tests.bus.worker import KEYS, LEASE, numbered


async def test_no_batch_is_larger_than_asked_for_and_positions_grow(place: Place) -> None:
    sizes: list[int] = []

    async def measure(batch: Sequence[Delivery]) -> None:
        sizes.append(len(batch))

    for number in range(4):
        await place.bus().publish(numbered(place.topic, number))
    async with member(place.bus(), place, measure, max_batch=5) as reader:
        await reader.has(4 * len(KEYS))
    assert 1 <= min(sizes) <= max(sizes) <= 5
    for partition in {delivery.partition for delivery in reader.got}:
        positions = [delivery.position for delivery in reader.got if delivery.partition == partition]
        assert positions == list(range(len(positions))), "from the start, without a gap"


async def test_keys_of_any_shape_keep_their_messages(place: Place) -> None:
    keys = ["", " ", "낱" * 300, "a/b%2F?#", "🙂", "사업자 등록\n번호", "\x00"]
    sent = [Message(place.topic, key, f"{n}".encode(), ()) for n in range(3) for key in keys]
    await place.bus().publish(sent)
    async with member(place.bus(), place) as reader:
        await reader.has(len(sent))
    for key in keys:
        assert reader.numbers(key) == [0, 1, 2], repr(key)


async def test_one_member_reads_several_topics(place: Place) -> None:
    other = f"{place.topic}-other"
    if place.url.startswith("kafka"):
        await create_topic(place.url.removeprefix("kafka://"), other)
    seen: list[Message] = []

    async def keep(batch: Sequence[Delivery]) -> None:
        seen.extend(delivery.message for delivery in batch)

    bus = place.bus()
    reading = asyncio.create_task(bus.consume(place.group, [place.topic, other], keep))
    await bus.publish([*numbered(place.topic, 1), *numbered(other, 2)])
    await until(lambda: len(seen) >= 2 * len(KEYS))
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert {(m.topic, m.value) for m in seen} == {(place.topic, b"1"), (other, b"2")}
    assert len(seen) == 2 * len(KEYS)


async def test_a_stopped_member_leaves_no_task_behind(place: Place) -> None:
    bus = place.bus()
    await bus.start()
    before = asyncio.all_tasks()
    async with member(bus, place) as reader:
        await bus.publish(numbered(place.topic, 1))
        await reader.has(len(KEYS))
    left = [task for task in asyncio.all_tasks() - before if not task.done()]
    assert left == []


async def test_lag_counts_what_waits_behind_a_first_batch_that_does_not_end(place: Place) -> None:
    go_on = asyncio.Event()

    async def hold(batch: Sequence[Delivery]) -> None:
        await go_on.wait()

    bus = place.bus()
    for number in range(3):
        await bus.publish(numbered(place.topic, number))
    async with member(bus, place, hold, max_batch=5) as reader:
        await until(lambda: bus.lag(place.group) > 0)
        go_on.set()
        await reader.has(3 * len(KEYS))
        await until(lambda: bus.lag(place.group) == 0)


async def test_messages_with_more_bytes_than_one_batch_keep_their_order(place: Place) -> None:
    """Kafka's client splits them into several requests to one partition."""
    sent = [Message(place.topic, "one", b"%04d" % n + b"x" * 20_000, ()) for n in range(120)]
    await place.bus().publish(sent)
    async with member(place.bus(), place) as reader:
        await reader.has(len(sent))
    assert [delivery.message for delivery in reader.got] == sent


async def test_a_quick_member_takes_nothing_from_one_that_is_slow_but_alive(place: Place) -> None:
    slow = False

    async def dawdle(batch: Sequence[Delivery]) -> None:
        if slow:
            await asyncio.sleep(2.5 * LEASE)

    async with member(place.bus(), place, dawdle) as one, member(place.bus(), place) as other:
        number = await settle(place, one.got, other.got)
        slow = True
        await place.bus().publish(numbered(place.topic, number))
        await until(lambda: (one.values + other.values).count(str(number).encode()) == len(KEYS))
        await place.bus().publish(numbered(place.topic, number + 1))
        await until(lambda: (one.values + other.values).count(str(number + 1).encode()) >= len(KEYS))
    values = one.values + other.values
    assert values.count(str(number).encode()) == len(KEYS), "no message came twice"
    assert values.count(str(number + 1).encode()) == len(KEYS)


async def test_a_clean_stop_right_after_a_batch_repeats_nothing(place: Place) -> None:
    """Kafka's offsets are committed now and then; what was handled since the last time is committed at the stop."""
    bus = place.bus()
    async with member(place.bus(), place) as first:
        for number in range(3):
            await bus.publish(numbered(place.topic, number))
            await first.has((number + 1) * len(KEYS))
    await bus.publish(numbered(place.topic, 3))
    async with member(place.bus(), place) as second:
        await second.has(len(KEYS))
        await asyncio.sleep(0.3)
    assert set(first.values) == {b"0", b"1", b"2"}
    assert second.values == [b"3"] * len(KEYS)
