"""Composition root of the subsidy service."""

from fastapi import FastAPI

from libs.common.kit import Kit
from libs.reference.calendar import korean_day
from services.subsidy import api, events, store
from services.subsidy.loading import FOLDER, read
from services.subsidy.service import Desk


def create_app(kit: Kit, desk: Desk | None = None) -> FastAPI:
    """`desk` holds another policy than this deployment's own. Raises `PolicyInvalid`."""
    desk = desk or Desk(*read(FOLDER))

    async def policy_in_force() -> bool:
        return desk.quotable(korean_day(kit.clock()))

    app = kit.app(
        title="AX 이음 subsidy",
        metadata=store.metadata,
        routes=[api.quotes, api.policies, api.programmes],
        handlers=events.handlers(desk),
        checks={"policy": policy_in_force},
        counts=store.counts,
    )
    app.state.desk = desk
    return app


def from_env() -> FastAPI:
    return create_app(Kit.from_env("subsidy"))
