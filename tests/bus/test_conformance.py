"""What the port promises, held by both adapters."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from libs.common.bus import Delivery, Message
from tests.bus.conftest import Place, member, until
from tests.bus.worker import KEYS, LEASE, numbered


class TestPublish:
    async def test_order_is_kept_for_every_key(self, place: Place) -> None:
        bus = place.bus()
        mixed = [(key, number) for number in range(40) for key in KEYS]
        sizes = random.Random(3)
        while mixed:
            size = sizes.randint(1, 60)
            some, mixed = mixed[:size], mixed[size:]
            await bus.publish([Message(place.topic, key, str(number).encode(), ()) for key, number in some])
        async with member(place.bus(), place, max_batch=37) as reader:
            await reader.has(40 * len(KEYS))
        for key in KEYS:
            assert reader.numbers(key) == list(range(40))
        partitions = {
            d.message.key: {e.partition for e in reader.got if e.message.key == d.message.key} for d in reader.got
        }
        assert all(len(some) == 1 for some in partitions.values())
        assert len(set.union(*partitions.values())) > 1, "keys are spread over partitions"

    async def test_bytes_keys_and_headers_come_back_unchanged(self, place: Place) -> None:
        headers = (("이름", "주식회사 이음".encode()), ("raw", bytes(range(256))), ("empty", b""), ("raw", b"again"))
        sent = [
            Message(place.topic, "사업자-116", "{'회사': '이음정밀'}".encode(), headers),
            Message(place.topic, "사업자-116", bytes(range(256)) * 40, ()),
            Message(place.topic, "사업자-116", b"", (("content-type", b"application/json"),)),
            Message(place.topic, "사업자-116", "한".encode() * 280_000, ()),
        ]
        await place.bus().publish(sent)
        async with member(place.bus(), place) as reader:
            await reader.has(len(sent))
        assert [delivery.message for delivery in reader.got] == sent

    async def test_an_empty_batch_publishes_nothing(self, place: Place) -> None:
        bus = place.bus()
        await bus.publish([])
        await bus.publish(numbered(place.topic, 7))
        async with member(bus, place) as reader:
            await reader.has(len(KEYS))
            await asyncio.sleep(0.3)
        assert len(reader.got) == len(KEYS)

    async def test_publishers_at_once_do_not_mix_up_each_others_order(self, place: Place) -> None:
        buses = [place.bus() for _ in range(3)]

        async def write(name: int) -> None:
            for number in range(15):
                value = f"{name}/{number}".encode()
                await buses[name].publish(
                    [Message(place.topic, "one", value, ()), Message(place.topic, "two", value, ())]
                )

        await asyncio.gather(*(write(name) for name in range(3)))
        async with member(place.bus(), place) as reader:
            await reader.has(90)
        for key in ("one", "two"):
            values = [d.message.value.decode().split("/") for d in reader.got if d.message.key == key]
            for name in "012":
                assert [int(number) for writer, number in values if writer == name] == list(range(15))


class TestGroups:
    async def test_every_new_group_reads_from_the_start(self, place: Place) -> None:
        bus = place.bus()
        await bus.publish(numbered(place.topic, 0) + numbered(place.topic, 1))
        for group in ("first", "second"):
            async with member(bus, place, group=f"{place.group}-{group}") as reader:
                await reader.has(2 * len(KEYS))
            assert {key: reader.numbers(key) for key in KEYS} == {key: [0, 1] for key in KEYS}

    async def test_a_clean_stop_leaves_nothing_to_repeat(self, place: Place) -> None:
        await place.bus().publish(numbered(place.topic, 0))
        async with member(place.bus(), place) as first:
            await first.has(len(KEYS))
        await place.bus().publish(numbered(place.topic, 1))
        async with member(place.bus(), place) as second:
            await second.has(len(KEYS))
            await asyncio.sleep(0.3)
        assert set(first.values) == {b"0"}
        assert sorted(second.values) == [b"1"] * len(KEYS)

    async def test_what_was_in_the_handler_at_a_stop_comes_again(self, place: Place) -> None:
        await place.bus().publish(numbered(place.topic, 0))
        never = asyncio.Event()

        async def hang(batch: Sequence[Delivery]) -> None:
            await never.wait()

        async with member(place.bus(), place, hang) as first:
            await first.has(1)
        async with member(place.bus(), place) as second:
            await second.has(len(KEYS))
        assert first.values
        assert {key: second.numbers(key) for key in KEYS} == {key: [0] for key in KEYS}

    async def test_lag_tells_what_waits(self, place: Place) -> None:
        bus = place.bus()
        go = asyncio.Event()
        await bus.publish([Message(place.topic, "k", b"0", ())])

        async def hold(batch: Sequence[Delivery]) -> None:
            if batch[-1].message.value != b"0":
                await go.wait()

        async with member(bus, place, hold, max_batch=1) as reader:
            await until(lambda: len(reader.got) == 1 and bus.lag(place.group) == 0)
            await bus.publish([Message(place.topic, "k", b"1", ()), Message(place.topic, "k", b"2", ())])
            await reader.has(2)
            assert bus.lag(place.group) >= 1
            go.set()
            await reader.has(3)
            await until(lambda: bus.lag(place.group) == 0)
        assert await bus.reachable()


class TestHandlers:
    async def test_a_message_whose_handler_fails_comes_again_and_order_is_kept(self, place: Place) -> None:
        done: dict[str, list[int]] = {key: [] for key in KEYS}
        failures = 0

        async def poison(batch: Sequence[Delivery]) -> None:
            nonlocal failures
            if failures < 2 and any((d.message.key, d.message.value) == (KEYS[0], b"2") for d in batch):
                failures += 1
                raise ValueError("poison")
            for delivery in batch:
                done[delivery.message.key].append(int(delivery.message.value))

        bus = place.bus()
        for number in range(5):
            await bus.publish(numbered(place.topic, number))
        async with member(place.bus(), place, poison, max_batch=7) as reader:
            await until(lambda: all(len(numbers) == 5 for numbers in done.values()))
        assert failures == 2
        assert reader.numbers(KEYS[0]).count(2) == 3
        assert done == {key: [0, 1, 2, 3, 4] for key in KEYS}

    async def test_a_handler_slower_than_the_lease_keeps_its_partitions(self, place: Place) -> None:
        """Two members are settled; then one is slow for three leases, and nobody takes its messages away."""
        slow = False

        async def dawdle(batch: Sequence[Delivery]) -> None:
            if slow:
                await asyncio.sleep(3 * LEASE)

        bus = place.bus()
        async with member(place.bus(), place, dawdle) as one, member(place.bus(), place, dawdle) as other:
            number = await settle(place, one.got, other.got)
            slow = True
            await bus.publish(numbered(place.topic, number))
            value = str(number).encode()
            await until(lambda: (one.values + other.values).count(value) == len(KEYS))
            await asyncio.sleep(4 * LEASE)
            assert (one.values + other.values).count(value) == len(KEYS), "no message came twice"
            assert value in one.values
            assert value in other.values
        async with member(place.bus(), place) as later:
            await bus.publish(numbered(place.topic, number + 1))
            await later.has(len(KEYS))
        assert set(later.values) == {str(number + 1).encode()}, "the slow members moved their offsets"


async def settle(place: Place, one: list[Delivery], other: list[Delivery]) -> int:
    """Publishes until both members take part, each of other partitions; gives the next number."""
    bus = place.bus()
    for number in range(100):
        await bus.publish(numbered(place.topic, number))
        value = str(number).encode()

        def round_of(got: list[Delivery], value: bytes = value) -> list[Delivery]:
            return [d for d in got if d.message.value == value]

        await until(lambda: len(round_of(one)) + len(round_of(other)) >= len(KEYS))
        if round_of(one) and round_of(other) and len(round_of(one)) + len(round_of(other)) == len(KEYS):
            shared = {d.partition for d in round_of(one)} & {d.partition for d in round_of(other)}
            assert not shared
            return number + 1
        await asyncio.sleep(0.2)
    pytest.fail("two members never shared the partitions")
