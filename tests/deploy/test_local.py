"""Real servers: what was acknowledged outlives SIGKILL, and processes are never mistaken for others."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from deploy import local, topics
from deploy.broker import Kafka, kafka_version
from deploy.postgres import Postgres
from deploy.process import Process, free_port, wait_until
from libs.common.kafka import Brokers
from libs.contracts import TOPICS
from tests.conftest import started


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker of this module alone, because its tests kill it."""
    with started("Kafka", lambda: local.start_kafka(tmp_path_factory.mktemp("own-kafka"))) as server:
        yield server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server of this module alone, because its tests kill it."""
    with started("PostgreSQL", lambda: local.start_postgres(tmp_path_factory.mktemp("own-postgres"))) as server:
        yield server


async def _produce(broker: Kafka, topic: str, values: list[bytes]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value, key=b"key")
    finally:
        await producer.stop()


async def _read(broker: Kafka, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        return [(await consumer.__anext__()).value for _ in range(count)]
    finally:
        await consumer.stop()


@pytest.mark.kafka
@pytest.mark.timeout(120)
async def test_a_killed_broker_comes_back_on_its_port_with_every_acknowledged_message(broker: Kafka) -> None:
    await topics.create(Brokers(broker.bootstrap))
    sent = [b"%d" % number for number in range(50)]
    await _produce(broker, TOPICS[0], sent)
    address, pid = broker.bootstrap, broker.pid

    broker.kill()
    assert not broker.process.alive()
    broker.start()

    assert (broker.bootstrap, broker.pid != pid) == (address, True)
    await _produce(broker, TOPICS[0], [b"after"])
    assert await _read(broker, TOPICS[0], 51) == [*sent, b"after"]


@pytest.mark.kafka
@pytest.mark.timeout(120)
async def test_topics_are_created_once_and_only_what_is_missing(broker: Kafka) -> None:
    await topics.create(Brokers(broker.bootstrap))
    broker.restart()
    assert await topics.create(Brokers(broker.bootstrap)) == []
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        found = {row["topic"]: len(row["partitions"]) for row in await admin.describe_topics()}
    finally:
        await admin.close()
    assert {topic: found.get(topic) for topic in TOPICS} == dict.fromkeys(TOPICS, topics.PARTITIONS)


@pytest.mark.postgres
@pytest.mark.timeout(60)
def test_committed_rows_outlive_a_killed_postmaster(server: Postgres) -> None:
    server.create_database("durable")
    server.execute("CREATE TABLE t (n INT)", "INSERT INTO t SELECT generate_series(1, 1000)", database="durable")
    backends = server.process.children()

    server.kill()
    assert backends
    assert not any(process.alive() for process in (server.process, *backends))
    server.start()

    assert server.execute("SELECT sum(n) FROM t", database="durable")[0][0] == 500_500
    server.restart()
    assert server.execute("SELECT count(*) FROM t", database="durable")[0][0] == 1000


@pytest.mark.postgres
@pytest.mark.timeout(60)
def test_a_lock_file_with_the_pid_of_another_process_does_not_keep_the_server_down(server: Postgres) -> None:
    server.kill()
    lock = server._data / "postmaster.pid"
    lock.write_text(re.sub(r"\A\d+", str(os.getpid()), lock.read_text()))
    server.start()
    assert server.execute("SHOW fsync")[0][0] == "on"
    assert server.execute("SHOW server_encoding")[0][0] == "UTF8"


@pytest.mark.postgres
def test_a_name_that_is_no_identifier_never_reaches_the_server(server: Postgres) -> None:
    with pytest.raises(ValueError, match="not a database name"):
        server.create_database("x; DROP DATABASE postgres")


def test_what_is_missing_is_named_with_its_package_in_both_languages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    named = {missing.package: str(missing) for missing in local.missing_tools()}
    assert {"openjdk-17-jre-headless", "maven"} <= named.keys()
    assert all("이(가) 없습니다" in text and "is missing" in text for text in named.values())
    with pytest.raises(RuntimeError, match="apt-get install openjdk-17-jre-headless"):
        local.start_kafka(tmp_path / "kafka")


@pytest.mark.parametrize("version", ["4", "4.1.1; rm", "../4.1.1", "latest"])
def test_a_version_that_is_none_is_refused(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_VERSION", version)
    with pytest.raises(RuntimeError, match="KAFKA_VERSION"):
        kafka_version()


def _sleeper(folder: Path) -> Process:
    argv = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(60)"]
    return Process.spawn(argv, folder / "log", os.environ, folder)


def test_a_recycled_pid_is_left_alone(tmp_path: Path) -> None:
    real = _sleeper(tmp_path)
    earlier = Process(real.pid, real.started - 1)
    try:
        assert not earlier.alive()
        assert earlier.stop(grace=1)
        earlier.kill()
        assert real.alive()
    finally:
        real.kill()
    assert not real.alive()


def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    script = "import signal,time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    deaf = Process.spawn([sys.executable, "-c", script], tmp_path / "log", os.environ, tmp_path)
    assert wait_until(lambda: "deaf" in (tmp_path / "log").read_text(), 20)
    assert not deaf.stop(grace=0.2)
    assert not deaf.alive()


def test_a_free_port_is_below_those_of_outgoing_connections() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert 1024 < free_port() < first
