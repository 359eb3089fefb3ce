"""Writes what other teams build against: a JSON Schema per event, and one AsyncAPI 3 document.

`python -m libs.contracts.schemas` writes both; a test fails when they differ from the code.
"""

import json
from pathlib import Path
from typing import Any

from libs.contracts import COMPACTED, EVENTS, TOPICS

FOLDER = Path(__file__).parent / "schemas"


def documents() -> dict[str, str]:
    """File name → text, for every event and the AsyncAPI document."""
    made = {f"{wire}.json": _text(schema(wire)) for wire in EVENTS}
    made["asyncapi.json"] = _text(asyncapi())
    return made


def schema(wire_type: str) -> dict[str, Any]:
    event = EVENTS[wire_type]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:ieum:schema:{wire_type}",
        **event.model_json_schema(mode="serialization"),
    }


def asyncapi() -> dict[str, Any]:
    """Topics as channels; messages are CloudEvents 1.0 in binary mode."""
    channels = {}
    operations = {}
    for topic in TOPICS:
        wires = sorted(wire for wire, event in EVENTS.items() if event.topic == topic)
        channels[topic] = {
            "address": topic,
            "messages": {wire: {"$ref": f"#/components/messages/{wire}"} for wire in wires},
            "bindings": {"kafka": {"topicConfiguration": {"cleanup.policy": _policy(topic)}}},
        }
        operations[f"publish {topic}"] = {"action": "send", "channel": {"$ref": f"#/channels/{topic}"}}
    messages = {
        wire: {
            "name": wire,
            "summary": (event.__doc__ or "").strip().splitlines()[0],
            "contentType": "application/json",
            "bindings": {"kafka": {"key": {"type": "string", "description": event.key_field}}},
            "headers": {"$ref": "#/components/schemas/CloudEventHeaders"},
            "payload": {"$ref": f"{wire}.json"},
        }
        for wire, event in sorted(EVENTS.items())
    }
    required = ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_partitionkey", "ce_origintime"]
    headers = {
        "type": "object",
        "required": required,
        "properties": {name: {"type": "string"} for name in (*required, "content-type", "traceparent")},
    }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "AX 이음 events", "version": "1"},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": {"CloudEventHeaders": headers}},
    }


def _policy(topic: str) -> list[str]:
    return ["compact"] if topic in COMPACTED else ["delete"]


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in documents().items():
        (FOLDER / name).write_text(text)
