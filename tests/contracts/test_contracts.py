"""What other teams build against does not change by accident."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter

from libs.contracts import COMPACTED, EVENTS, TOPICS, schemas

SAMPLES = Path(__file__).parent / "samples"


def test_the_committed_schemas_are_those_of_the_code() -> None:
    committed = {path.name: path.read_text() for path in schemas.FOLDER.iterdir()}
    assert committed == schemas.documents(), "run `make schemas` and look at what changed"


@pytest.mark.parametrize("wire", sorted(EVENTS))
def test_yesterdays_events_are_still_read(wire: str) -> None:
    """Samples are never edited: one that no longer parses means a new version of the event is needed."""
    sample = json.loads((SAMPLES / f"{wire}.json").read_text())
    Draft202012Validator(schemas.schema(wire)).validate(sample)
    event = EVENTS[wire].model_validate(sample)
    assert event.key() == str(sample[EVENTS[wire].key_field])


@pytest.mark.parametrize("wire", sorted(EVENTS))
def test_an_event_survives_the_wire_and_unknown_fields(wire: str) -> None:
    sample = json.loads((SAMPLES / f"{wire}.json").read_text())
    event = EVENTS[wire].model_validate({**sample, "added_tomorrow": {"x": 1}})
    again = TypeAdapter(EVENTS[wire]).validate_json(event.model_dump_json())
    assert again == event


def test_names_follow_one_pattern() -> None:
    for wire, event in EVENTS.items():
        service, aggregate, _what, version = wire.split(".")
        assert event.topic == f"{service}.{aggregate}"
        assert version.startswith("v")
        assert event.__name__.endswith(version.upper())
        assert event.__module__ == f"libs.contracts.{service}"
        assert event.key_field in event.model_fields
    assert set(TOPICS) >= COMPACTED


def test_the_asyncapi_document_points_at_what_exists() -> None:
    document = schemas.asyncapi()
    for channel in document["channels"].values():
        for wire, reference in channel["messages"].items():
            assert reference["$ref"] == f"#/components/messages/{wire}"
            assert document["components"]["messages"][wire]["payload"]["$ref"] in schemas.documents()


def test_every_event_says_what_happened() -> None:
    silent: list[Any] = [wire for wire, event in EVENTS.items() if not event.__doc__]
    assert silent == []
