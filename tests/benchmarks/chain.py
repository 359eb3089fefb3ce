"""From a partner's POST to the priced recommendation at a steady rate, beside the barest chain of as many hops.

Every service is its own process on a real Kafka and PostgreSQL. When a company is through is heard by
LISTEN on the last hop's database: matching tells its processes when an answer changed, and the last
change of a company is the merging of its prices.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import orjson
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from cli.main_job import SAMPLE
from deploy.system import System
from libs.reference import business_number
from tests.benchmarks import bare_chain
from tests.benchmarks.http_reads import free_port
from tests.benchmarks.table import Row, less_is_better

RATE = 50
SECONDS = int(os.environ.get("BENCH_CHAIN_SECONDS", "120"))
_WARM = 100
_PATIENCE = 60.0

Post = Callable[[str, int], Coroutine[Any, Any, None]]


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Arrivals:
    """When each company's last word was heard."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}

    def heard(self, name: str) -> None:
        self.at[name] = time.perf_counter()


async def steady(post: Post, first: int, count: int, rate: float) -> dict[str, float]:
    """Posts `count` companies at `rate` a second, on time whether or not answers are in; gives when each was sent."""
    sent: dict[str, float] = {}
    began = time.perf_counter()
    tasks: list[asyncio.Task[None]] = []
    for number in range(count):
        delay = began + number / rate - time.perf_counter()
        if delay > 0:
            await asyncio.sleep(delay)
        company = business_number.make(first + number)
        sent[company] = time.perf_counter()
        tasks.append(asyncio.create_task(post(company, number)))
    await asyncio.gather(*tasks)
    return sent


def body(company: str, number: int) -> dict[str, Any]:
    return {
        "business_number": company,
        "company_name": f"주식회사 이음{number}",
        "region_code": ("12110", "11530", "41135", "48121", "51130")[number % 5],
        "programme": "AI 통합 바우처",
        "headcount": 5 + number % 300,
        "ksic_version": "10",
        "ksic_code": ("29271", "26112", "58222", "25922", "10749")[number % 5],
    }


async def measure_ours(system: System) -> list[float]:
    """Latencies in seconds of every company; raises if one is lost."""
    gateway = f"http://127.0.0.1:{system.port('gateway')}"
    secrets = json.loads((system.state / "issuer" / "credentials.json").read_text())
    keys = json.loads((system.folder / "secrets.json").read_text())
    listener = await asyncpg.connect(
        user="matching",
        password=keys["database:matching"],
        database="matching",
        host="127.0.0.1",
        port=system.port("postgres"),
    )
    arrivals = Arrivals()

    def on_signal(_conn: Any, _pid: int, _channel: str, text: str) -> None:
        _, channel, payloads = orjson.loads(text)
        if channel == "answers":
            for company in payloads:
                arrivals.heard(company)

    await listener.add_listener("ieum_signals", on_signal)
    async with aiohttp.ClientSession(gateway) as http:
        tokens = {client: await _token(http, client, secrets[client]) for client in ("msit", "institution", "step")}
        await _load_courses(http, tokens["institution"])
        ids: dict[str, str] = {}

        async def post(company: str, number: int) -> None:
            headers = {"Authorization": f"Bearer {tokens['msit']}", "Idempotency-Key": company}
            async with http.post("/v1/referrals", json=body(company, number), headers=headers) as answer:
                assert answer.status == 201, await answer.text()
                ids[company] = (await answer.json())["company_id"]

        await steady(post, 10_000_000, _WARM, RATE)
        await asyncio.sleep(3)
        sent = await steady(post, 11_000_000, RATE * SECONDS, RATE)
        await _all_priced(http, tokens["step"], list(sent))
    await asyncio.sleep(1)
    await listener.close()
    return [arrivals.at[ids[company]] - at for company, at in sent.items()]


async def _token(http: aiohttp.ClientSession, client: str, secret: str) -> str:
    auth = aiohttp.BasicAuth(client, secret)
    async with http.post("/oauth2/token", data={"grant_type": "client_credentials"}, auth=auth) as answer:
        return str((await answer.json())["access_token"])


async def _load_courses(http: aiohttp.ClientSession, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "bench", "Content-Type": "text/csv"}
    data = (SAMPLE / "courses.csv").read_bytes()
    async with http.post("/v1/course-imports?source=ieum", data=data, headers=headers) as answer:
        assert answer.status == 201, await answer.text()
    await asyncio.sleep(3)


async def _all_priced(http: aiohttp.ClientSession, token: str, companies: list[str]) -> None:
    """Nothing lost: every company's answer holds its prices."""
    deadline = time.perf_counter() + _PATIENCE
    for company in companies:
        while True:
            headers = {"Authorization": f"Bearer {token}"}
            async with http.get(f"/v1/recommendations/{company}", headers=headers) as answer:
                if answer.status == 200 and (await answer.json())["status"] == "priced":
                    break
            if time.perf_counter() > deadline:
                raise RuntimeError(f"lost: {company} has no priced recommendation")
            await asyncio.sleep(0.2)


@contextmanager
def bare_processes(servers: str, dsn: str, port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.benchmarks.bare_chain"]
    running = []
    try:
        for n in range(bare_chain.HOPS + 1):
            process = subprocess.Popen([*command, str(n), servers, dsn, str(port)], stdout=subprocess.PIPE)
            assert process.stdout is not None
            process.stdout.readline()
            running.append(process)
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


async def measure_bare(dsn: str, port: int) -> list[float]:
    listener = await asyncpg.connect(dsn)
    arrivals = Arrivals()
    await listener.add_listener(bare_chain.DONE, lambda _c, _p, _ch, company: arrivals.heard(company))
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:

        async def post(company: str, number: int) -> None:
            async with http.post("/", json=body(company, number)) as answer:
                assert answer.status == 201
                await answer.read()

        await asyncio.sleep(2)
        await steady(post, 20_000_000, _WARM, RATE)
        await asyncio.sleep(3)
        sent = await steady(post, 21_000_000, RATE * SECONDS, RATE)
    deadline = time.perf_counter() + _PATIENCE
    while not all(company in arrivals.at for company in sent) and time.perf_counter() < deadline:
        await asyncio.sleep(0.2)
    await listener.close()
    return [arrivals.at[company] - at for company, at in sent.items()]


async def bare_topics(servers: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.create_topics([NewTopic(f"bare.{n}", 6, 1) for n in range(1, bare_chain.HOPS + 1)])
    await admin.close()


def run_bare(servers: str, dsn: str) -> list[float]:
    asyncio.run(bare_topics(servers))
    port = free_port()
    with bare_processes(servers, dsn, port):
        return asyncio.run(measure_bare(dsn, port))


def run_ours(work: Path, base_port: int = 9600) -> list[float]:
    system = System(work / "chain", base_port, say=lambda text: None)
    system.up()
    try:
        return asyncio.run(measure_ours(system))
    finally:
        system.down()


def rows(ours: list[float], bare: list[float]) -> list[Row]:
    def ms(values: list[float], share: float) -> float:
        return 1000 * percentile(values, share)

    note = f"({len(ours):,} companies, {RATE}/s; bare mean {1000 * statistics.mean(bare):.0f} ms)"
    return [
        less_is_better("POST to priced recommendation, p50", ms(ours, 0.5), ms(bare, 0.5), 3, "ms", note),
        less_is_better("POST to priced recommendation, p99", ms(ours, 0.99), ms(bare, 0.99), 4, "ms"),
        less_is_better("POST to priced recommendation, p99 under 1 s", ms(ours, 0.99), 1000, 1, "ms"),
    ]
