"""Composition root of interagency."""

import asyncio
from contextlib import suppress

from fastapi import FastAPI
from sqlalchemy.exc import IntegrityError

from libs.common.kit import Kit
from services.interagency import api, events, matrix, service, store
from services.interagency.outbound import Poster
from services.interagency.sender import Post, Sender

_AT_ONCE = 200
"""Referrals of a file registered in one transaction."""

_IDLE = 2.0


def create_app(kit: Kit, post: Post | None = None) -> FastAPI:
    """`post` sends webhooks; by default over the network, to public addresses only."""
    waker, due = asyncio.Event(), asyncio.Event()
    kit.signals.subscribe("unregistered", lambda _: waker.set())
    kit.signals.subscribe("webhooks", lambda _: due.set())
    sender = Sender(kit.db, kit.keyring, post or Poster(kit.settings.webhook_hosts))

    async def register_files(kit: Kit) -> None:
        """Registers the companies of stored files, a few hundred at a time."""
        while True:
            waker.clear()
            try:
                async with kit.db.transaction() as tx:
                    done = await service.register_waiting(tx, _AT_ONCE)
            except IntegrityError:
                continue  # a single referral registered one of these companies first
            if done < _AT_ONCE:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_IDLE):
                        await waker.wait()

    async def send_webhooks(kit: Kit) -> None:
        """Sends webhooks as they fall due."""
        await sender.serve(due, _IDLE)

    app = kit.app(
        title="AX 이음 interagency",
        metadata=store.metadata,
        routes=[api.referrals, api.batches, api.webhook],
        handlers=events.HANDLERS,
        background=[register_files, send_webhooks],
        counts=store.counts,
        gather=1.0,
    )
    app.state.matrix = matrix.load()
    return app


def from_env() -> FastAPI:
    return create_app(Kit.from_env("interagency"))
