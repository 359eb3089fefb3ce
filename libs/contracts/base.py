"""What every event has in common, and the register of all of them.

An event class is one version of one wire type. Adding an optional field keeps
the version; any other change is a new class beside the old one.
"""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A value inside an event. Unknown fields are ignored, so old readers survive new writers."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Event(Part):
    """The data of one event.

    `wire_type` is the CloudEvents type, `topic` the Kafka topic, `key_field` the
    field whose value keys the partition: events of one key stay in order.
    """

    wire_type: ClassVar[str] = ""
    topic: ClassVar[str] = ""
    key_field: ClassVar[str] = ""

    def key(self) -> str:
        return str(getattr(self, self.key_field))

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not (cls.wire_type and cls.topic and cls.key_field):
            raise TypeError(f"{cls.__name__} must state wire_type, topic and key_field")
        if cls.wire_type in EVENTS:
            raise TypeError(f"{cls.wire_type} is registered twice")
        EVENTS[cls.wire_type] = cls


EVENTS: dict[str, type[Event]] = {}
"""Wire type → event class, filled as the contract modules are imported."""
