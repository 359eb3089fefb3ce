"""Writing requests that may meet: the one that comes second sees what the first one did."""

from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy.exc import IntegrityError
from starlette.responses import Response

from libs.common.db import Tx
from libs.common.idempotency import once
from libs.common.kit import Kit
from libs.common.problems import unavailable
from libs.common.security import Caller

_TRIES = 5


async def in_turn(
    kit: Kit, caller: Caller, key: str, print_: str, work: Callable[[Tx], Awaitable[tuple[int, Any]]]
) -> Response:
    """Runs `work` once per Idempotency-Key; begins anew where another request stored the same company first."""
    for _ in range(_TRIES):
        try:
            async with kit.db.transaction() as tx:

                async def here(tx: Tx = tx) -> tuple[int, Any]:
                    return await work(tx)

                return await once(tx, caller, key, print_, here)
        except IntegrityError:
            continue
    raise unavailable()
