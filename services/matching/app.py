"""Composition root of the matching service."""

import asyncio
from contextlib import suppress

from fastapi import FastAPI

from libs.common.kit import Kit
from libs.reference.calendar import korean_day
from services.matching import api, events, service, store
from services.matching.weights import rules

_LOOK_AGAIN = 60.0
"""Seconds after which a worker looks for due lists unasked: a new day, or what another process left."""


def create_app(kit: Kit) -> FastAPI:
    replica = service.Replica(rules(), korean_day(kit.clock()))
    answers = service.Answers(kit.db)
    assert kit.signals is not None
    kit.signals.subscribe("answers", answers.drop)

    async def prepare(kit: Kit) -> None:
        await fill(kit, replica)

    async def keep_lists_new(kit: Kit) -> None:
        while True:
            replica.more.clear()
            if not await renew_some(kit, replica):
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_AGAIN):
                        await replica.more.wait()

    app = kit.app(
        title="AX 이음 matching",
        metadata=store.metadata,
        routes=[api.router],
        handlers=events.handlers(replica),
        raw_routes=[api.hot_route(kit.verifier, answers)],
        background=[keep_lists_new],
        on_start=[prepare],
        counts=store.counts,
    )
    app.state.replica = replica
    app.state.answers = answers
    return app


async def fill(kit: Kit, replica: service.Replica) -> None:
    """Brings everything stored into memory; lists that were made with other weights become due."""
    if kit.works:
        async with kit.db.transaction() as tx:
            await service.adopt_weights(tx, replica)
    async with kit.db.reading() as conn:
        await replica.follow(conn)


async def renew_some(kit: Kit, replica: service.Replica) -> int:
    """Makes some due lists anew; gives how many there were. Takes no turn where nothing is due."""
    async with kit.db.reading() as conn:
        if not await store.due(conn, korean_day(kit.clock()), 1):
            return 0
    async with kit.db.transaction() as tx:
        return await service.renew_due(tx, replica)


def from_env() -> FastAPI:
    return create_app(Kit.from_env("matching"))
