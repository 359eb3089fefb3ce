"""The bus on Apache Kafka: idempotent producer, offsets committed by hand after the handler.

Offsets are committed at most a few times a second and before partitions are given up; a crash in
between redelivers a little, which every consumer must stand anyway.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from ssl import create_default_context
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, RebalanceInProgressError

from libs.common.bus import Delivery, Handle, Message
from libs.common.crash import crash_point

_log = structlog.get_logger()
_COMMIT_EVERY = 0.5
_GATHERED = 1_000_000
_STUCK_AFTER = 60.0
_SETTLED_AFTER = 60.0
"""A member that lived so long had joined well: what ended it begins a new row of attempts."""


class Brokers(NamedTuple):
    """Where the brokers are (host:port, comma separated), and how they are spoken to."""

    servers: str
    security: Mapping[str, Any] = {}

    @classmethod
    def at(cls, url: str) -> "Brokers":
        """`kafka://host:port,…` is plain; `kafka+tls://[user:password@]host:port,…[?ca=FILE][&mechanism=PLAIN]` is TLS,
        with certificates that this machine or the file trusts, signed in by SCRAM-SHA-512 where a user is given.

        Raises ValueError, which holds no password, where the URL is not one of these.
        """
        scheme, _, rest = url.partition("://")
        address, _, query = rest.partition("?")
        user, _, servers = address.rpartition("@")
        asked = dict(parse_qsl(query, keep_blank_values=True))
        known = asked.keys() <= {"ca", "mechanism"} and asked.get("mechanism", "PLAIN") in ("PLAIN", "SCRAM-SHA-512")
        if scheme == "kafka" and not user and not query and servers:
            return cls(servers)
        if scheme != "kafka+tls" or not known or not servers:
            raise ValueError(
                "BUS_URL: kafka://HOST:PORT or kafka+tls://[USER:PASSWORD@]HOST:PORT[?ca=FILE&mechanism=…]"
            )
        security: dict[str, Any] = {
            "security_protocol": "SSL",
            "ssl_context": create_default_context(cafile=asked.get("ca")),
        }
        if user:
            name, _, password = user.partition(":")
            security |= {"security_protocol": "SASL_SSL", "sasl_mechanism": asked.get("mechanism", "SCRAM-SHA-512")}
            security |= {"sasl_plain_username": unquote(name), "sasl_plain_password": unquote(password)}
        return cls(servers, security)


class KafkaBus:
    def __init__(self, brokers: Brokers, session_timeout_ms: int = 15_000) -> None:
        self.servers, self._security = brokers
        self._session_timeout_ms = session_timeout_ms
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._members: dict[str, _Member] = {}

    async def start(self) -> None:
        async with self._starting:
            if self._producer is not None:
                return
            producer = AIOKafkaProducer(
                bootstrap_servers=self.servers,
                **self._security,
                enable_idempotence=True,
                acks="all",
                linger_ms=0,
                max_batch_size=131_072,
                metadata_max_age_ms=60_000,
                retry_backoff_ms=100,
            )
            try:
                await producer.start()
            except KafkaError as error:
                await producer.stop()
                raise ConnectionError(f"kafka at {self.servers}: {error!r}") from error
            self._producer = producer

    async def publish(self, messages: Sequence[Message]) -> None:
        await self.start()
        assert self._producer is not None
        try:
            acks = [
                await self._producer.send(m.topic, m.value, key=m.key.encode(), headers=list(m.headers))
                for m in messages
            ]
            await asyncio.gather(*acks)
        except KafkaError:
            # After a fatal error an idempotent producer refuses all further work: begin with a new one.
            producer, self._producer = self._producer, None
            await producer.stop()
            raise

    async def consume(
        self, group: str, topics: Sequence[str], handle: Handle, max_batch: int = 500, gather: float = 0.0
    ) -> None:
        pause = 0.2
        while True:
            member = _Member(self._consumer(group, max_batch, gather), handle, max_batch)
            self._members[group] = member
            began = time.monotonic()
            try:
                await member.run(topics)
            except (KafkaError, ConnectionError, _Stuck) as error:
                _log.warning("consumer restarts", group=group, error=repr(error))
            finally:
                self._members.pop(group, None)
                await member.stop()
            if time.monotonic() - began > _SETTLED_AFTER:
                pause = 0.2
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)

    def _consumer(self, group: str, max_batch: int, gather: float) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=self.servers,
            **self._security,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            partition_assignment_strategy=(RangePartitionAssignor,),
            session_timeout_ms=self._session_timeout_ms,
            heartbeat_interval_ms=min(3_000, self._session_timeout_ms // 3),
            max_poll_interval_ms=300_000,
            max_poll_records=max_batch,
            # The broker gathers: it answers when so much is there or so long has passed.
            fetch_min_bytes=_GATHERED if gather else 1,
            fetch_max_wait_ms=round(gather * 1000) or 500,
            metadata_max_age_ms=60_000,
            retry_backoff_ms=100,
        )

    async def reachable(self) -> bool:
        try:
            async with asyncio.timeout(5):
                await self.start()
                assert self._producer is not None
                await self._producer.client.fetch_all_metadata()
        except Exception as error:
            _log.warning("kafka unreachable", error=repr(error))
            return False
        return True

    def lag(self, group: str) -> int:
        member = self._members.get(group)
        return member.lag() if member else 0

    async def close(self) -> None:
        if self._producer is not None:
            producer, self._producer = self._producer, None
            try:
                async with asyncio.timeout(5):
                    await producer.stop()
            except (TimeoutError, KafkaError) as error:
                _log.warning("producer did not stop cleanly", error=repr(error))


def _message(topic: str, record: Any) -> Message:
    """Foreign producers may leave out key, value, and the value of a header."""
    headers = record.headers
    if None in [value for _, value in headers]:
        headers = tuple((name, value or b"") for name, value in headers)
    return Message(topic, (record.key or b"").decode("utf-8", "replace"), record.value or b"", headers)


class _Stuck(Exception):
    """The consumer holds partitions with messages waiting but gets none (aiokafka #1154)."""


class _Member(ConsumerRebalanceListener):  # type: ignore[misc]
    """One membership of a group: poll, handle, commit."""

    def __init__(self, consumer: AIOKafkaConsumer, handle: Handle, max_batch: int) -> None:
        self._consumer = consumer
        self._handle = handle
        self._max_batch = max_batch
        self._next: dict[TopicPartition, int] = {}
        self._uncommitted: set[TopicPartition] = set()
        self._committed_at = 0.0
        self._moved_at = time.monotonic()

    async def run(self, topics: Sequence[str]) -> None:
        self._consumer.subscribe(topics=list(topics), listener=self)
        await self._consumer.start()
        while True:
            wait = int(_COMMIT_EVERY * 1000) if self._uncommitted else 500
            got = await self._consumer.getmany(timeout_ms=wait, max_records=self._max_batch)
            if got:
                await self._handle_batch(got)
                self._moved_at = time.monotonic()
            self._check_stuck()
            if self._uncommitted and time.monotonic() - self._committed_at >= _COMMIT_EVERY:
                await self._commit()

    async def _handle_batch(self, got: dict[TopicPartition, list[Any]]) -> None:
        batch = [
            Delivery(
                _message(tp.topic, record),
                tp.partition,
                record.offset,
            )
            for tp, records in got.items()
            for record in records
        ]
        for tp, records in got.items():
            self._next.setdefault(tp, records[0].offset)
        try:
            await self._handle(batch)
        except Exception as error:
            _log.warning("batch will be repeated", error=repr(error), size=len(batch))
            await asyncio.sleep(1.0)
            assigned = self._consumer.assignment()
            for tp, records in got.items():
                if tp in assigned:
                    self._consumer.seek(tp, records[0].offset)
            return
        assigned = self._consumer.assignment()
        for tp, records in got.items():
            if tp in assigned:
                self._next[tp] = records[-1].offset + 1
                self._uncommitted.add(tp)

    async def _commit(self) -> None:
        offsets = {tp: self._next[tp] for tp in self._uncommitted}
        self._uncommitted.clear()
        self._committed_at = time.monotonic()
        try:
            await self._consumer.commit(offsets)
            crash_point("consumer.after_offset")
        except (CommitFailedError, IllegalStateError, RebalanceInProgressError) as error:
            # The partitions went to another member, which will see these messages again.
            _log.info("offsets not committed", error=repr(error))

    def _check_stuck(self) -> None:
        if self.lag() == 0:
            self._moved_at = time.monotonic()
        elif time.monotonic() - self._moved_at > _STUCK_AFTER:
            raise _Stuck(f"{self.lag()} messages wait, none came for {_STUCK_AFTER:.0f} s")

    def lag(self) -> int:
        total = 0
        for tp in self._consumer.assignment():
            end = self._consumer.highwater(tp)
            start = self._next.get(tp)
            if end is not None and start is not None:
                total += max(0, end - start)
        return total

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        if self._uncommitted:
            await self._commit()
        for tp in revoked:
            self._next.pop(tp, None)

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        self._moved_at = time.monotonic()

    async def stop(self) -> None:
        try:
            async with asyncio.timeout(5):
                if self._uncommitted:
                    await self._commit()
                await self._consumer.stop()
        except (TimeoutError, KafkaError) as error:
            _log.warning("consumer did not stop cleanly", error=repr(error))
