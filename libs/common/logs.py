"""Structured logs, one JSON object a line, without personal data."""

import logging
import re
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor

_REDACTIONS = (
    (re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.-]+\b"), "<email>"),
    (re.compile(r"\b\d{6}-?[1-8]\d{6}\b"), "<resident-number>"),
    (re.compile(r"\b\d{3}-\d{2}-\d{5}\b|(?<![\w-])\d{10}(?![\w-])"), "<business-number>"),
    (re.compile(r"\b01\d-?\d{3,4}-?\d{4}\b"), "<phone>"),
    (re.compile(r"\bwhsec_[\w+/=-]+|\beyJ[\w-]+\.[\w-]+\.[\w-]+"), "<secret>"),
    (re.compile(r"(://[^:/@\s]+:)[^@/\s]+@"), r"\1<secret>@"),
)


def redact(text: str) -> str:
    for pattern, replacement in _REDACTIONS:
        text = pattern.sub(replacement, text)
    return text


def _redact_event(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Last step before writing: whatever reached the log, numbers and addresses of people do not."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = redact(value)
        elif not isinstance(value, int | float | bool | None):
            event[key] = redact(repr(value))
    return event


def configure(level: str = "INFO", service: str = "") -> None:
    """Call once per process."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    first: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Processor] = [
        structlog.processors.format_exc_info,
        _redact_event,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    structlog.configure(
        processors=[*first, *last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    if service:
        structlog.contextvars.bind_contextvars(service=service)
    bare = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    _take_over(number, structlog.stdlib.ProcessorFormatter(foreign_pre_chain=first, processors=[bare, *last]))


class Seldom(logging.Filter):
    """While a broker is away its client says the same a hundred times a second; once in a while is enough."""

    def __init__(self, library: str, every: float = 10.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._library, self._every, self._monotonic = library, every, monotonic
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] != self._library:
            return True
        now, words = self._monotonic(), (record.name, str(record.msg))
        if now < self._said.get(words, -self._every) + self._every:
            return False
        self._said[words] = now
        return True


def _take_over(level: int, formatter: logging.Formatter) -> None:
    """Libraries write as we do: a server's traceback holds whatever the error's text held."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(Seldom("aiokafka"))
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)
    for name in ("uvicorn", "uvicorn.access"):
        server = logging.getLogger(name)
        if server.handlers:  # none: it was told to be silent
            server.handlers.clear()
            server.propagate = True
    logging.getLogger("uvicorn").setLevel(level)
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
