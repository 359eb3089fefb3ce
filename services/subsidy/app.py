"""Composition root of the subsidy service."""

import asyncio

from fastapi import FastAPI

from libs.common.kit import Kit
from libs.reference.calendar import korean_day
from services.subsidy import api, events, store
from services.subsidy.loading import FOLDER, read
from services.subsidy.service import Desk
from services.subsidy.service.ledger import expire_overdue

_LOOK_AGAIN = 30.0
"""Seconds between looks for reservations that nobody confirmed in time."""


def create_app(kit: Kit, desk: Desk | None = None) -> FastAPI:
    """`desk` holds another policy than this deployment's own. Raises `PolicyInvalid`."""
    desk = desk or Desk(*read(FOLDER))

    async def policy_in_force() -> bool:
        return desk.quotable(korean_day(kit.clock()))

    async def expire_reservations(kit: Kit) -> None:
        while True:
            async with kit.db.transaction() as tx:
                await expire_overdue(tx)
            await asyncio.sleep(_LOOK_AGAIN)

    app = kit.app(
        title="AX 이음 subsidy",
        metadata=store.metadata,
        routes=[api.quotes, api.policies, api.programmes, api.reservations],
        handlers=events.handlers(desk),
        background=[expire_reservations],
        checks={"policy": policy_in_force},
        counts=store.counts,
    )
    app.state.desk = desk
    return app


def from_env() -> FastAPI:
    return create_app(Kit.from_env("subsidy"))
