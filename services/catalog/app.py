"""Composition root of the catalog service."""

from fastapi import FastAPI

from libs.common.kit import Kit
from services.catalog import api, events, store


def create_app(kit: Kit) -> FastAPI:
    return kit.app(
        title="AX 이음 catalog",
        metadata=store.metadata,
        routes=[api.router, api.imports],
        handlers=events.HANDLERS,
        counts=store.counts,
    )


def from_env() -> FastAPI:
    return create_app(Kit.from_env("catalog"))
