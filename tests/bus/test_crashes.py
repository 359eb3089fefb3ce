"""Members and publishers that are killed with SIGKILL, or stand still for too long."""

import asyncio
import signal

from tests.bus.conftest import Place, member, until
from tests.bus.worker import KEYS, LEASE, notes, numbered


def handled(place: Place) -> list[tuple[str, str, int]]:
    """(member, key, value) of every delivery that any process took, in order."""
    return [(str(n["by"]), str(n["key"]), int(str(n["value"]))) for n in notes(place.notes) if "by" in n]


def firsts(place: Place, key: str) -> list[int]:
    """The values of one key in the order in which each was first seen."""
    return list(dict.fromkeys(value for _, found, value in handled(place) if found == key))


def of_round(place: Place, number: int) -> list[tuple[str, str]]:
    return [(name, key) for name, key, value in handled(place) if value == number]


async def test_what_was_published_is_durable_when_publish_returns(place: Place) -> None:
    publisher = await place.publisher()
    await until(lambda: len(notes(place.notes)) >= 25)
    publisher.send_signal(signal.SIGKILL)
    assert await publisher.wait() == -signal.SIGKILL
    acked = [int(str(line["acked"])) for line in notes(place.notes)]
    async with member(place.bus(), place) as reader:
        await until(lambda: all(acked[-1] in reader.numbers(key) for key in KEYS))
    for key in KEYS:
        numbers = reader.numbers(key)
        assert numbers[: len(acked)] == acked, "nothing acknowledged is lost, out of order or twice"


async def test_a_publisher_goes_on_where_a_killed_one_ended(place: Place) -> None:
    first = await place.publisher()
    await until(lambda: len(notes(place.notes)) >= 5)
    first.kill()
    await first.wait()
    last = int(str(notes(place.notes)[-1]["acked"]))
    second = await place.publisher(last + 1)
    await until(lambda: len(notes(place.notes)) >= last + 6)
    second.kill()
    await second.wait()
    acked = [int(str(line["acked"])) for line in notes(place.notes)]
    async with member(place.bus(), place) as reader:
        await until(lambda: all(acked[-1] in reader.numbers(key) for key in KEYS))
    for key in KEYS:
        assert list(dict.fromkeys(reader.numbers(key)))[: len(acked)] == acked


async def test_a_crash_before_the_offset_moved_brings_the_messages_again(place: Place) -> None:
    for number in range(4):
        await place.bus().publish(numbered(place.topic, number))
    victim = await place.member("victim", die_at=2)
    assert await victim.wait() == -signal.SIGKILL
    seen = [(key, value) for _, key, value in handled(place)]
    assert seen[-1][1] == 2
    await place.member("heir")
    await until(lambda: all(firsts(place, key) == [0, 1, 2, 3] for key in KEYS))
    again = [(key, value) for name, key, value in handled(place) if name == "heir"]
    assert seen[-1] in again, "the message that was in the handler comes again"
    for key in KEYS:
        taken = [value for found, value in again if found == key]
        assert taken == list(range(taken[0], 4)), "from the first unmoved offset on, in order"


async def test_two_members_share_the_partitions_and_one_takes_over_from_a_killed_one(place: Place) -> None:
    one, other = await place.member("one"), await place.member("other")
    number = await _until_shared(place)
    one.kill()
    await one.wait()
    await place.bus().publish(numbered(place.topic, number))
    await until(lambda: {key for _, key in of_round(place, number)} == set(KEYS))
    await place.bus().publish(numbered(place.topic, number + 1))
    await until(lambda: len(of_round(place, number + 1)) == len(KEYS))
    assert {name for name, _ in of_round(place, number + 1)} == {"other"}
    for key in KEYS:
        assert firsts(place, key) == list(range(number + 2))
    assert other.returncode is None


async def test_a_member_that_stood_still_too_long_does_no_harm_when_it_wakes(place: Place) -> None:
    """It is stopped until others took its partitions; its late word about offsets must not count."""
    one, _ = await place.member("one"), await place.member("other")
    number = await _until_shared(place)
    one.send_signal(signal.SIGSTOP)
    try:
        await place.bus().publish(numbered(place.topic, number))
        await until(lambda: {key for _, key in of_round(place, number)} == set(KEYS))
        await place.bus().publish(numbered(place.topic, number + 1))
        await until(lambda: {key for _, key in of_round(place, number + 1)} == set(KEYS))
    finally:
        one.send_signal(signal.SIGCONT)
    number += 2
    await asyncio.sleep(LEASE)
    for later in range(number, number + 3):
        await place.bus().publish(numbered(place.topic, later))
        await until(lambda later=later: {key for _, key in of_round(place, later)} == set(KEYS))  # type: ignore[misc]
    for key in KEYS:
        assert firsts(place, key) == list(range(number + 3))


async def _until_shared(place: Place) -> int:
    """Publishes until both processes take part in one round, without a message twice; gives the next number."""
    bus = place.bus()
    async with asyncio.timeout(60):
        number = 0
        while True:
            await bus.publish(numbered(place.topic, number))
            await until(lambda number=number: {key for _, key in of_round(place, number)} == set(KEYS))  # type: ignore[misc]
            took = of_round(place, number)
            number += 1
            if len({name for name, _ in took}) == 2 and len(took) == len(KEYS):
                return number
            await asyncio.sleep(0.2)
