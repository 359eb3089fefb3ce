"""Embedded and distributed are one system: the same script on other servers ends in the same state."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy import topics
from libs.common.kafka import KafkaBus
from services.__main__ import System
from tests.conftest import Clock
from tests.system import script
from tests.system.script import Callers

pytestmark = pytest.mark.distributed


async def _play(system: System) -> dict[str, Any]:
    """The script with a repetition in it, and all that a caller can read in the end."""
    async with system.running():
        callers = Callers(system)
        reports = [await script.load_courses(callers), *await script.send_files(callers)]
        items = await script.settled(callers)
        reports += [await script.load_courses(callers), *await script.send_files(callers)]
        assert await script.settled(callers) == items, "repeating changes nothing"
        numbers = sorted(item["business_number"] for item in items)
        recommendations = await script.recommendations(callers, numbers)
        courses = await callers.get("institution", "/v1/courses", limit=200)
        overview = await callers.get("operator", "/v1/overview")
        await callers.close()
    by_number = sorted(items, key=lambda item: str(item["business_number"]))
    return {
        "reports": script.without_ids(reports),
        "referrals": script.without_ids(by_number),
        "recommendations": script.without_ids(recommendations),
        "courses": script.without_ids(courses),
        "counts": {name: service["counts"] for name, service in overview["services"].items()},
        "dead letters": [service["events"]["dead_letters"] for service in overview["services"].values()],
    }


def differences(one: Any, other: Any, place: str = "") -> Iterator[str]:
    """Where two states differ, as paths into them."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from differences(one[key], other[key], f"{place}/{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, f"{place}/{number}")
    elif one != other:
        yield f"{place}: {one!r} is not {other!r}"


async def test_kafka_and_postgresql_end_in_the_state_of_the_embedded_system(
    kafka: str, postgres_server: Any, tmp_path: Path
) -> None:
    await topics.create(kafka)
    mark = uuid.uuid4().hex[:8]

    def url_of(service: str) -> str:
        name = f"{service}_{mark}"
        postgres_server.create_database(name)
        return str(postgres_server.url_for(name))

    embedded = await _play(System(tmp_path / "embedded", Clock()))
    distributed = await _play(System(tmp_path / "distributed", Clock(), bus=KafkaBus(kafka), url_of=url_of))
    assert list(differences(distributed, embedded)) == []
    assert len(embedded["referrals"]) == len(embedded["recommendations"]) == 27
    assert set(embedded["dead letters"]) == {0}
