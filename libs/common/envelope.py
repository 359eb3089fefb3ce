"""Events on the wire: CloudEvents 1.0 in binary mode, data as JSON."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import ValidationError

from libs.common.bus import Delivery, Message
from libs.common.telemetry import Cause
from libs.contracts import EVENTS, Event

E = TypeVar("E", bound=Event)


class Received(NamedTuple, Generic[E]):
    """An event as a handler sees it. `time` is when it was made."""

    id: str
    time: datetime
    cause: Cause
    data: E


class Undecodable(ValueError):
    """`reason` is one of no-id, no-type, unknown-type, bad-time, bad-data."""

    def __init__(self, reason: str, cause: str) -> None:
        super().__init__(cause)
        self.reason, self.cause = reason, cause


def to_message(row: Mapping[str, Any], source: str) -> Message:
    """An outbox row as a message."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", row["event_id"].encode()),
        ("ce_source", source.encode()),
        ("ce_type", row["type"].encode()),
        ("ce_time", row["created_at"].isoformat().encode()),
        ("ce_partitionkey", row["key"].encode()),
        ("ce_origintime", row["origin"].isoformat().encode()),
        ("content-type", b"application/json"),
    ]
    if row["traceparent"]:
        headers.append(("traceparent", row["traceparent"].encode()))
    return Message(row["topic"], row["key"], row["value"], tuple(headers))


def header(message: Message, name: str) -> str:
    for key, value in message.headers:
        if key == name:
            return value.decode("utf-8", "replace")
    return ""


def event_id(delivery: Delivery) -> str:
    """The event's id, or its place on the bus where it carries none."""
    message = delivery.message
    return header(message, "ce_id") or f"{message.topic}/{delivery.partition}/{delivery.position}"


def decode(message: Message) -> Received[Any]:
    """Raises `Undecodable`."""
    attributes = dict(message.headers)
    identity = attributes.get("ce_id", b"").decode("utf-8", "replace")
    if not identity:
        raise Undecodable("no-id", "ce_id is missing")
    wire_type = attributes.get("ce_type", b"").decode("utf-8", "replace")
    if not wire_type:
        raise Undecodable("no-type", "ce_type is missing")
    event_class = EVENTS.get(wire_type)
    if event_class is None:
        raise Undecodable("unknown-type", f"no contract for {wire_type}")
    try:
        time = datetime.fromisoformat(attributes["ce_time"].decode())
        origin = datetime.fromisoformat((attributes.get("ce_origintime") or attributes["ce_time"]).decode())
        if time.tzinfo is None or origin.tzinfo is None:
            raise ValueError("no time zone")
    except (KeyError, ValueError) as error:
        raise Undecodable("bad-time", f"ce_time: {error}") from error
    try:
        data = event_class.model_validate_json(message.value)
    except ValidationError as error:
        details = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        raise Undecodable("bad-data", details[:2000]) from error
    traceparent = attributes.get("traceparent")
    return Received(identity, time, Cause(traceparent.decode("latin-1") if traceparent else None, origin), data)
