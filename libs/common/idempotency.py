"""Idempotency-Key: the first answer is stored with its effect and given again to the same request."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import orjson
from fastapi import Header
from sqlalchemy import bindparam, select, update
from starlette.responses import Response

from libs.common import tables
from libs.common.db import Tx
from libs.common.problems import Problem
from libs.common.rows import insert_new, run
from libs.common.security import Caller

Work = Callable[[], Awaitable[tuple[int, Any]]]


async def _key(idempotency_key: Annotated[str | None, Header(max_length=255)] = None) -> str:
    if not idempotency_key or not idempotency_key.strip():
        raise Problem(
            400,
            "idempotency-key-missing",
            ko="Idempotency-Key 머리글이 필요합니다. 요청마다 새 값을, 다시 보낼 때는 같은 값을 쓰세요.",
            en="The Idempotency-Key header is needed: a new value per request, the same when you repeat it.",
        )
    return idempotency_key.strip()


def fingerprint(*parts: bytes | str) -> str:
    """What makes two requests the same: method, path, body."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


_ANSWERED = (
    update(tables.idempotency)
    .where(tables.idempotency.c.client == bindparam("client_"), tables.idempotency.c.key == bindparam("key_"))
    .values(status=bindparam("status_"), body=bindparam("body_"))
)


async def once(tx: Tx, caller: Caller, key: str, print_: str, work: Work) -> Response:
    """Runs `work` unless this key was used before; `work` gives status and a JSON-able body.

    Two requests with one key at the same time take turns on the key's row, so both get one answer.
    """
    place = {"client": caller.client_id, "key": key}
    row = {**place, "fingerprint": print_, "status": 0, "body": "", "created_at": tx.now}
    table = tables.idempotency
    this = (table.c.client == caller.client_id) & (table.c.key == key)
    if not await insert_new(tx.conn, table, [row], key=("client", "key")):
        stored = (await tx.conn.execute(select(table).where(this))).mappings().one()
        if stored["fingerprint"] != print_:
            raise Problem(
                422,
                "idempotency-key-reused",
                ko="이 Idempotency-Key는 다른 내용의 요청에 이미 쓰였습니다.",
                en="This Idempotency-Key was used for a request with another content.",
            )
        return _answer(stored["status"], stored["body"].encode(), replayed=True)
    status, body = await work()
    data = orjson.dumps(body, default=str)
    await run(tx.conn, _ANSWERED, client_=caller.client_id, key_=key, status_=status, body_=data.decode())
    return _answer(status, data, replayed=False)


def _answer(status: int, body: bytes, replayed: bool) -> Response:
    headers = {"Idempotency-Replayed": "true"} if replayed else {}
    return Response(body, status, headers, media_type="application/json")
