"""Creates the topics of the contracts where they are missing."""

import asyncio
import time

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError

from libs.common.kafka import Brokers
from libs.contracts import COMPACTED, TOPICS

PARTITIONS = 6
"""Never changed afterwards: the order per key hangs on it."""
RETENTION_DAYS = 7
_EXISTS = 36
_NOT_YET = 38
"""Too few brokers for the replication: a broker that has just started is not counted at once."""


def config(topic: str, replication: int = 1) -> dict[str, str]:
    # One copy fewer than there are: a broker may be away for an update while the rest take events.
    safe = {"min.insync.replicas": str(max(1, replication - 1))}
    if topic in COMPACTED:
        return {"cleanup.policy": "compact", **safe}
    return {"cleanup.policy": "delete", "retention.ms": str(RETENTION_DAYS * 86_400_000), **safe}


async def create(brokers: Brokers, replication: int = 1, within: float = 30.0) -> list[str]:
    """Creates what is missing and gives the names of the new ones; a broker that starts is waited for.

    Raises RuntimeError where Kafka refuses, or cannot be reached `within` seconds.
    """
    deadline = time.monotonic() + within
    while True:
        try:
            codes = await _ask(brokers, replication)
        except KafkaConnectionError as error:
            codes, reason = dict.fromkeys(TOPICS, _NOT_YET), repr(error)
        else:
            reason = repr({topic: code for topic, code in codes.items() if code not in (0, _EXISTS)})
        if all(code in (0, _EXISTS) for code in codes.values()):
            return [topic for topic, code in codes.items() if code == 0]
        if _NOT_YET not in codes.values() or time.monotonic() > deadline:
            raise RuntimeError(f"토픽을 만들지 못했습니다 / topics were not created: {reason}")
        await asyncio.sleep(0.5)


async def _ask(brokers: Brokers, replication: int) -> dict[str, int]:
    """Kafka's answer per topic as its error code."""
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers.servers, **brokers.security)
    try:
        await admin.start()
        wanted = [
            NewTopic(topic, PARTITIONS, replication, topic_configs=config(topic, replication)) for topic in TOPICS
        ]
        answer = await admin.create_topics(wanted)
    finally:
        await admin.close()
    return {error[0]: error[1] for error in answer.topic_errors}
