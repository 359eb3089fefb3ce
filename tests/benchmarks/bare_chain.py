"""The barest chain of as many hops: five processes, each inbox + effect + outbox and a relay woken by the commit.

Written with aiokafka and asyncpg alone. The first takes a POST; each hop reads a topic, writes its three
rows in one transaction and publishes the next; the last tells by NOTIFY when a company is through. As in the
figures that the ratios are held to, a hop also does 2 ms of rule work per event; WORK = 0 shows the chain without.
"""

import asyncio
import json
import sys
import time
import uuid
from typing import Any

import asyncpg
import orjson
import uvicorn
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from libs.common.kit import tune_gc

HOPS = 4
DONE = "bare_done"
WORK = 0.002
"""Seconds of CPU that a rule takes per event."""

_TABLES = """
CREATE TABLE IF NOT EXISTS inbox_{n} (event_id text PRIMARY KEY);
CREATE TABLE IF NOT EXISTS effect_{n} (company text PRIMARY KEY, body text);
CREATE TABLE IF NOT EXISTS outbox_{n}
  (seq bigserial PRIMARY KEY, event_id text, company text, body text, sent_at timestamptz);
CREATE INDEX IF NOT EXISTS outbox_{n}_unsent ON outbox_{n} (seq) WHERE sent_at IS NULL;
"""


class Hop:
    """Hop `n`: reads `bare.<n>` (the first takes POSTs instead), publishes `bare.<n+1>`."""

    def __init__(self, n: int, servers: str, dsn: str) -> None:
        self.n, self.servers, self.dsn = n, servers, dsn
        self.wake = asyncio.Event()

    async def start(self) -> None:
        self.pool = await asyncpg.create_pool(self.dsn, min_size=2, max_size=8)
        await self.pool.execute(_TABLES.format(n=self.n))
        self.producer = AIOKafkaProducer(
            bootstrap_servers=self.servers, enable_idempotence=True, acks="all", linger_ms=0
        )
        await self.producer.start()

    async def store(self, items: list[tuple[str, str, str]]) -> None:
        """(event id, company, body) of a batch: inbox, effect and outbox in one transaction."""
        n, last = self.n, self.n == HOPS
        busy_until = time.perf_counter() + WORK * len(items)
        while time.perf_counter() < busy_until:
            pass
        async with self.pool.acquire() as conn, conn.transaction():
            ids = [item[0] for item in items]
            rows = await conn.fetch(
                f"INSERT INTO inbox_{n} SELECT unnest($1::text[]) ON CONFLICT DO NOTHING RETURNING event_id", ids
            )
            new = {row["event_id"] for row in rows}
            fresh = [item for item in items if item[0] in new]
            companies, bodies = [item[1] for item in fresh], [item[2] for item in fresh]
            await conn.execute(
                f"INSERT INTO effect_{n} SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING",
                companies,
                bodies,
            )
            if last:
                for company in companies:
                    await conn.execute("SELECT pg_notify($1, $2)", DONE, company)
            else:
                await conn.execute(
                    f"INSERT INTO outbox_{n} (event_id, company, body)"
                    " SELECT * FROM unnest($1::text[], $2::text[], $3::text[])",
                    [str(uuid.uuid4()) for _ in fresh],
                    companies,
                    bodies,
                )
        self.wake.set()

    async def relay(self) -> None:
        n = self.n
        while True:
            self.wake.clear()
            rows = await self.pool.fetch(
                f"SELECT seq, event_id, company, body FROM outbox_{n} WHERE sent_at IS NULL ORDER BY seq LIMIT 500"
            )
            if not rows:
                await self.wake.wait()
                continue
            acks = [
                await self.producer.send(
                    f"bare.{n + 1}",
                    row["body"].encode(),
                    key=row["company"].encode(),
                    headers=[("ce_id", row["event_id"].encode())],
                )
                for row in rows
            ]
            await asyncio.gather(*acks)
            await self.pool.execute(
                f"UPDATE outbox_{n} SET sent_at = now() WHERE seq = ANY($1::bigint[])", [row["seq"] for row in rows]
            )

    async def consume(self) -> None:
        consumer = AIOKafkaConsumer(
            f"bare.{self.n}",
            bootstrap_servers=self.servers,
            group_id=f"bare-{self.n}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        while True:
            got = await consumer.getmany(timeout_ms=500, max_records=500)
            records = [record for some in got.values() for record in some]
            if not records:
                continue
            await self.store([(dict(r.headers)["ce_id"].decode(), r.key.decode(), r.value.decode()) for r in records])
            await consumer.commit({place: some[-1].offset + 1 for place, some in got.items()})

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        company = orjson.loads(body)["business_number"]
        await self.store([(str(uuid.uuid4()), company, body.decode())])
        await send({"type": "http.response.start", "status": 201, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})


async def main(n: int, servers: str, dsn: str, port: int) -> None:
    hop = Hop(n, servers, dsn)
    await hop.start()
    tasks = [asyncio.create_task(hop.relay())]
    if n == 0:
        server = uvicorn.Server(uvicorn.Config(hop, port=port, log_config=None, lifespan="off", access_log=False))
        tasks.append(asyncio.create_task(server.serve()))
    else:
        tasks.append(asyncio.create_task(hop.consume()))
    print(json.dumps({"ready": n}), flush=True)
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    tune_gc()
    uvloop.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))
