"""Events between the services, one module per producer, and the register of all of them."""

from libs.contracts import catalog, diagnosis, interagency, matching, subsidy
from libs.contracts.base import EVENTS, Event, Part

TOPICS = sorted({event.topic for event in EVENTS.values()})
COMPACTED = {catalog.CoursePublishedV1.topic}
"""Topics whose newest event per key is the whole state."""

__all__ = [
    "COMPACTED",
    "EVENTS",
    "TOPICS",
    "Event",
    "Part",
    "catalog",
    "diagnosis",
    "interagency",
    "matching",
    "subsidy",
]
