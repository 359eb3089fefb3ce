"""Composition root of the diagnosis service."""

from fastapi import FastAPI

from libs.common.kit import Kit
from services.diagnosis import api, events, store
from services.diagnosis.loading import priors


def create_app(kit: Kit) -> FastAPI:
    return kit.app(
        title="AX 이음 diagnosis",
        metadata=store.metadata,
        routes=[api.router],
        handlers=events.handlers(priors()),
        counts=store.counts,
    )


def from_env() -> FastAPI:
    return create_app(Kit.from_env("diagnosis"))
