"""Prometheus metrics, one register per process; the `service` label tells them apart when embedded."""

from prometheus_client import Counter, Gauge, Histogram

HANDLED = Counter("ieum_events_handled_total", "Events whose effect was committed", ["service", "type"])
DUPLICATES = Counter("ieum_inbox_duplicates_total", "Events that came again and had no effect", ["service"])
DEAD = Counter("ieum_dead_letters_total", "Events put aside as dead letters", ["service", "reason"])
OPEN_DEAD = Gauge("ieum_dead_letters_open", "Dead letters waiting for an operator", ["service"])
OUTBOX_AGE = Gauge("ieum_outbox_age_seconds", "Age of the oldest event not yet published", ["service"])
OUTBOX_UNSENT = Gauge("ieum_outbox_unsent", "Events not yet published", ["service"])
LAG = Gauge("ieum_consumer_lag", "Events published but not yet handled", ["service"])
LEADER = Gauge("ieum_relay_leader", "1 where this process publishes the outbox", ["service"])
CHAIN = Histogram(
    "ieum_chain_seconds",
    "From the first event of a chain to the handling of this one",
    ["service", "type"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
REQUESTS = Counter("ieum_http_requests_total", "Answered requests", ["service", "method", "route", "status"])
LATENCY = Histogram("ieum_http_request_seconds", "Time to answer", ["service", "route"])
