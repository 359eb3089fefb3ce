"""A broker that is killed and comes back: nothing acknowledged is lost and work goes on by itself."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError

from deploy import local
from deploy.broker import Kafka
from deploy.process import free_port
from libs.common.bus import Bus
from libs.common.eventlog import EventLog
from libs.common.kafka import Brokers, KafkaBus
from tests.bus.conftest import Place, create_topic, member, until
from tests.bus.worker import KEYS, numbered
from tests.conftest import started


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Kafka]:
    """A broker of this test alone, because it is killed."""
    with started("Kafka", lambda: local.start_kafka(tmp_path / "own-kafka")) as server:
        yield server


async def _publish_for_ever(bus: Bus, topic: str, acked: list[int]) -> None:
    """As the relay does: what was refused is published again before anything newer."""
    while True:
        try:
            await bus.publish(numbered(topic, len(acked)))
        except (KafkaError, ConnectionError):
            await asyncio.sleep(0.2)
            continue
        acked.append(len(acked))
        await asyncio.sleep(0.05)


@pytest.mark.kafka
async def test_nothing_acknowledged_is_lost_when_the_broker_is_killed_and_restarted(
    broker: Kafka, tmp_path: Path
) -> None:
    place = Place(f"kafka://{broker.bootstrap}", tmp_path)
    await create_topic(broker.bootstrap, place.topic)
    acked: list[int] = []
    writer = place.bus()
    async with member(place.bus(), place) as reader:
        publishing = asyncio.create_task(_publish_for_ever(writer, place.topic, acked))
        await until(lambda: len(acked) >= 10 and len(reader.got) >= 10)
        await asyncio.to_thread(broker.kill)
        assert not await place.bus().reachable()
        await asyncio.to_thread(broker.restart)
        before = len(acked)
        await until(lambda: len(acked) >= before + 10)
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)
        await until(lambda: all(acked[-1] in reader.numbers(key) for key in KEYS))
    for key in KEYS:
        first_seen = list(dict.fromkeys(reader.numbers(key)))
        assert first_seen[: len(acked)] == acked, "every acknowledged message, in order"
    await place.close()


@pytest.mark.kafka
async def test_a_bus_that_is_not_there_is_named_and_found_later(broker: Kafka, tmp_path: Path) -> None:
    place = Place(f"kafka://{broker.bootstrap}", tmp_path)
    await create_topic(broker.bootstrap, place.topic)
    await asyncio.to_thread(broker.kill)
    bus = place.bus()
    with pytest.raises(ConnectionError):
        await bus.start()
    with pytest.raises(ConnectionError):
        await bus.publish(numbered(place.topic, 0))
    async with member(place.bus(), place) as reader:
        await asyncio.sleep(1.0)
        await asyncio.to_thread(broker.restart)
        await bus.publish(numbered(place.topic, 0))
        await reader.has(len(KEYS))
    assert {key: reader.numbers(key) for key in KEYS} == {key: [0] for key in KEYS}
    await place.close()


async def test_a_kafka_address_without_a_broker_is_not_reachable() -> None:
    bus = KafkaBus(Brokers(f"127.0.0.1:{free_port()}"))
    assert not await bus.reachable()
    with pytest.raises(ConnectionError):
        await bus.start()
    await bus.close()


async def test_an_event_log_that_cannot_be_opened_is_not_reachable(tmp_path: Path) -> None:
    (tmp_path / "events.db").mkdir()
    bus = EventLog(tmp_path / "events.db")
    assert not await bus.reachable()
    with pytest.raises(ConnectionError):
        await bus.start()
    await bus.close()


async def test_a_killed_process_leaves_the_event_log_whole_for_the_next(tmp_path: Path) -> None:
    """Publisher and member are killed at once, in the middle of their work; others go on in the same file."""
    place = Place(f"eventlog://{tmp_path / 'events.db'}", tmp_path)
    publisher, victim = await place.publisher(), await place.member("victim")
    await until(lambda: place.notes.exists() and place.notes.read_bytes().count(b'"by"') > 60)
    publisher.kill()
    victim.kill()
    await asyncio.gather(publisher.wait(), victim.wait())
    acked = place.notes.read_bytes().count(b'"acked"')
    bus = place.bus()
    await bus.publish(numbered(place.topic, 1_000_000))
    async with member(place.bus(), place, group="witness") as witness, member(bus, place) as heir:
        await until(lambda: all(1_000_000 in heir.numbers(key) for key in KEYS))
        await until(lambda: all(1_000_000 in witness.numbers(key) for key in KEYS))
    for key in KEYS:
        assert witness.numbers(key)[:acked] == list(range(acked))
        rest = heir.numbers(key)
        assert rest == witness.numbers(key)[-len(rest) :], "the heir goes on without a gap"
    await place.close()
