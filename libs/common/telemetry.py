"""Traces through HTTP, outbox, bus and handler, and what a chain of events began with.

An event's cause is kept as a `traceparent` (W3C) in its outbox row and message header. The
handler's span continues it, so one trace shows everything that one request set off.
Without an exporter no span is made and a caller's `traceparent` is not passed on. Spans name routes, not
addresses: those name companies.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_propagator = TraceContextTextMapPropagator()


class Cause(NamedTuple):
    """Where an event comes from. `origin` is when the first event of its chain was made."""

    traceparent: str | None
    origin: datetime


def current_cause(now: datetime) -> Cause:
    """The cause that an event made here and now has, outside any handler."""
    if not trace.get_current_span().get_span_context().is_valid:
        return Cause(None, now)
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return Cause(carrier.get("traceparent"), now)


class _WithoutAddresses(SpanProcessor):
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        for name in ("url.path", "url.query"):
            if span.attributes and name in span.attributes:
                span.set_attribute(name, "")


def discreet(service: str) -> TracerProvider:
    """A provider whose spans hold no address of a request."""
    made = TracerProvider(resource=Resource.create({"service.name": service}), shutdown_on_exit=False)
    made.add_span_processor(_WithoutAddresses())
    return made


def provider(service: str, endpoint: str) -> TracerProvider | None:
    """A provider that exports to an OTLP collector, or none where no endpoint is set."""
    if not endpoint:
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    made = discreet(service)
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=5)
    made.add_span_processor(BatchSpanProcessor(exporter))
    return made


@contextmanager
def handling(
    tracer: trace.Tracer | None, name: str, causes: Sequence[tuple[str, Cause]]
) -> Iterator[Mapping[str, Cause]]:
    """Spans around one handled batch; gives, per event key, the cause of what the handler emits.

    `causes` are (key, cause) of the events handled. Each event gets its own span under its own
    parent, since a batch has as many traces as events.
    """
    if tracer is None:
        yield dict(causes)
        return
    spans = []
    by_key: dict[str, Cause] = {}
    for key, cause in causes:
        parent = _propagator.extract({"traceparent": cause.traceparent} if cause.traceparent else {})
        span = tracer.start_span(name, context=parent, kind=trace.SpanKind.CONSUMER)
        spans.append(span)
        carrier: dict[str, str] = {}
        _propagator.inject(carrier, trace.set_span_in_context(span))
        by_key[key] = Cause(carrier.get("traceparent"), cause.origin)
    try:
        yield by_key
    except BaseException as error:
        for span in spans:
            span.set_status(trace.StatusCode.ERROR, type(error).__name__)
        raise
    finally:
        for span in spans:
            span.end()
