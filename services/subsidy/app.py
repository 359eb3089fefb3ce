"""Composition root of the subsidy service."""

import asyncio
from contextlib import suppress

from fastapi import FastAPI

from libs.common.kit import Kit
from libs.reference.calendar import korean_day
from services.subsidy import api, events, store
from services.subsidy.loading import FOLDER, read
from services.subsidy.service import Desk
from services.subsidy.service.ledger import expire_overdue
from services.subsidy.service.requote import requote_some
from services.subsidy.service.shadow import shadow_some

_LOOK_AGAIN = 30.0
"""Seconds between looks for what is due: reservations that nobody confirmed in time, a policy of a new day."""


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

    changed = asyncio.Event()
    kit.signals.subscribe("policy", lambda _: changed.set())

    async def read_timeline(kit: Kit) -> None:
        async with kit.db.reading() as conn:
            await desk.follow(conn)

    async def follow_policy(kit: Kit) -> None:
        while True:
            changed.clear()
            if not await work_once(kit, desk):
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_AGAIN):
                        await changed.wait()

    app = kit.app(
        title="AX 이음 subsidy",
        metadata=store.metadata,
        routes=[api.quotes, api.policies, api.programmes, api.reservations, api.policy_versions, api.requotes],
        handlers=events.handlers(desk),
        background=[expire_reservations, follow_policy],
        on_start=[read_timeline],
        checks={"policy": policy_in_force},
        counts=store.counts,
    )
    app.state.desk = desk
    return app


async def work_once(kit: Kit, desk: Desk) -> int:
    """One batch of requotes and one of shadow runs; gives how much there was to do. Takes no turn where nothing is."""
    async with kit.db.reading() as conn:
        await desk.follow(conn)
        if not await store.workbench.open_work(conn, desk.number_on(korean_day(kit.clock()))):
            return 0
    async with kit.db.transaction() as tx:
        done = await requote_some(tx, desk)
    async with kit.db.transaction() as tx:
        return done + await shadow_some(tx, desk)


def from_env() -> FastAPI:
    return create_app(Kit.from_env("subsidy"))
