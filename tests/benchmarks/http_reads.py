"""STEP's read: a company's recommendation at the matching service and through the gateway.

The yardstick is a plain FastAPI endpoint that returns the same bytes; every server is one process
under uvicorn with uvloop and httptools, loaded by `wrk` with 32 connections.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from libs.common import issuer
from tests.benchmarks.table import Row, medians_in_turn, more_is_better

ANSWER = Path(os.environ.get("BENCH_ANSWER", "build/bench-answer.json"))
_SECONDS = 4


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def yardstick_app() -> Any:
    """FastAPI returning ready bytes: what the framework itself costs."""
    from fastapi import FastAPI, Response

    from libs.common.kit import tune_gc

    tune_gc()
    body = ANSWER.read_bytes()
    app = FastAPI()

    @app.get("/v1/recommendations/{company}")
    async def read(company: str) -> Response:
        return Response(body, media_type="application/json")

    return app


@contextmanager
def served(factory: str, port: int, env: dict[str, str], log: Path) -> Iterator[None]:
    """One uvicorn process, ready to answer."""
    command = [sys.executable, "-m", "uvicorn", "--factory", factory, "--port", str(port)]
    command += ["--no-access-log", "--log-level", "warning", "--loop", "uvloop", "--http", "httptools"]
    with log.open("w") as out:
        process = subprocess.Popen(command, env={**os.environ, **env}, stdout=out, stderr=out)
        try:
            _await(port, process, log)
            yield
        finally:
            process.terminate()
            process.wait(20)


def _await(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(log.read_text()[-2000:])
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"nothing listens on {port}: {log.read_text()[-2000:]}")


def wrk(url: str, token: str) -> float:
    """Requests a second; raises if any answer was not a 2xx."""
    command = ["wrk", "-t1", "-c32", f"-d{_SECONDS}s", "-H", f"Authorization: Bearer {token}", url]
    text = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    if "Non-2xx" in text:
        raise RuntimeError(text)
    found = re.search(r"Requests/sec:\s+([\d.]+)", text)
    assert found is not None, text
    return float(found[1])


def run(work: Path, database_url: str, company: str, rounds: int = 3) -> list[Row]:
    """`database_url` is a filled matching database that knows `company`."""
    if shutil.which("wrk") is None:
        print("NOT MEASURED: wrk is missing (Debian package: wrk)")
        return []
    state = work / "state"
    issuer.bootstrap(state)
    token, _ = issuer.Issuer(state, "urn:ieum:issuer", "urn:ieum:api").token("step", None)
    ports = {name: free_port() for name in ("issuer", "matching", "gateway", "yardstick")}
    services = ",".join(f"{name}=http://127.0.0.1:{port}" for name, port in ports.items())
    common = {
        "SERVICES": services,
        "STATE_DIR": str(state),
        "JWKS_URL": "http://issuer/.well-known/jwks.json",
        "RATE_LIMIT_PER_SECOND": "1000000",
        "RATE_LIMIT_BURST": "1000000",
    }
    matching = {**common, "DATABASE_URL": database_url, "ROLE": "api"}
    with (
        served("libs.common.issuer:from_env", ports["issuer"], common, work / "issuer.log"),
        served("services.matching.app:from_env", ports["matching"], matching, work / "matching.log"),
        served("services.gateway.app:from_env", ports["gateway"], common, work / "gateway.log"),
    ):
        path = f"/v1/recommendations/{company}"
        urls = {name: f"http://127.0.0.1:{ports[name]}{path}" for name in ports}
        answer = httpx.get(urls["gateway"], headers={"Authorization": f"Bearer {token}"}, timeout=30)
        answer.raise_for_status()
        ANSWER.parent.mkdir(exist_ok=True)
        ANSWER.write_bytes(answer.content)
        size = f"({len(answer.content):,} bytes)"
        with served("tests.benchmarks.http_reads:yardstick_app", ports["yardstick"], {}, work / "yardstick.log"):
            at_matching = medians_in_turn(
                lambda: wrk(urls["matching"], token), lambda: wrk(urls["yardstick"], token), rounds
            )
            through = medians_in_turn(
                lambda: wrk(urls["gateway"], token), lambda: wrk(urls["yardstick"], token), rounds
            )
    return [
        more_is_better("recommendation by company, at matching", *at_matching, 0.8, "requests/s", size),
        more_is_better("the same through the gateway, token checked", *through, 0.35, "requests/s", size),
    ]


if __name__ == "__main__":
    print(json.dumps([row.__dict__ for row in run(Path(sys.argv[1]), sys.argv[2], sys.argv[3])]))
