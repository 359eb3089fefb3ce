"""Embedded and distributed are one system: the same script on other servers ends in the same state."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy import topics
from libs.common.kafka import Brokers, KafkaBus
from services.__main__ import System
from services.subsidy.loading import documents
from tests.conftest import Clock
from tests.system import script
from tests.system.script import Callers

pytestmark = pytest.mark.distributed
PARAMETER = "P10.support_rate"


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
        quotas = await script.reserve_a_place(callers, *_first_price(recommendations))
        requote = await script.change_the_policy(callers, PARAMETER, _lower(documents()[PARAMETER]), "2026-11-23")
        await script.settled(callers)  # done is what subsidy has said; matching has yet to hear it
        requoted = await script.recommendations(callers, numbers)
        courses = await callers.get("institution", "/v1/courses", limit=200)
        overview = await callers.get("operator", "/v1/overview")
        await callers.close()
    by_number = sorted(items, key=lambda item: str(item["business_number"]))
    return {
        "reports": script.without_ids(reports),
        "referrals": script.without_ids(by_number),
        "recommendations": script.without_ids(recommendations),
        "quotas": quotas,
        "requote": {name: requote[name] for name in ("policy_version", "total", "done", "changed")},
        "requoted": script.without_ids(requoted),
        "courses": script.without_ids(courses),
        "counts": {name: service["counts"] for name, service in overview["services"].items()},
        "dead letters": [service["events"]["dead_letters"] for service in overview["services"].values()],
    }


def _first_price(recommendations: dict[str, Any]) -> tuple[str, str]:
    """Quote and company of the first price of a programme that the register gives money."""
    for found in recommendations.values():
        for course in found["courses"]:
            if course["programme"] == "P9" and course["price"]["status"] == "quoted":
                return course["price"]["quote_id"], found["company_id"]
    raise AssertionError("no price of P9")


def _lower(document: Any) -> Any:
    """The rates of M5, lower from the day of the test on."""
    value = {"value": {"capital": "0.50", "non_capital": "0.55"}, "reference": "시험 고시", "grade": "A"}
    return {**document, "values": {**document["values"], "2026-11-23": value}}


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
    await topics.create(Brokers(kafka))
    mark = uuid.uuid4().hex[:8]

    def url_of(service: str) -> str:
        name = f"{service}_{mark}"
        postgres_server.create_database(name)
        return str(postgres_server.url_for(name))

    embedded = await _play(System(tmp_path / "embedded", Clock()))
    distributed = await _play(System(tmp_path / "distributed", Clock(), bus=KafkaBus(Brokers(kafka)), url_of=url_of))
    assert list(differences(distributed, embedded)) == []
    assert len(embedded["referrals"]) == len(embedded["recommendations"]) == 27
    assert set(embedded["dead letters"]) == {0}
    assert embedded["requote"]["changed"] > 0
    assert embedded["requoted"] != embedded["recommendations"]
    assert any(quota["taken"] for quota in embedded["quotas"])
