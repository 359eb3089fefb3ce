"""The main job: the whole system in this process, sample data through it, and what a newcomer wants to see."""

import asyncio
import fcntl
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tqdm import tqdm

from cli import show
from cli.api import Api
from libs.common import logs
from libs.common.kit import tune_gc
from services.__main__ import System, serving

SAMPLE = Path(__file__).parent / "sample"
FILES = (
    ("msit", "msit.csv", "text/csv"),
    ("mss", "mss.ndjson", "application/x-ndjson"),
    ("motie", "motie.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
)
_PATIENCE = 120.0
_BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt}건 [{elapsed}]"
"""Without a rate: where the system was faster than the first look, it would be nonsense."""


def run(state: Path, host: str, port: int, stay: bool = True) -> int:
    """Serves until Ctrl-C, or with `stay` off ends once everything is shown."""
    logs.configure("ERROR")
    tune_gc()
    state.mkdir(parents=True, exist_ok=True)
    with (state / "embedded.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"이미 실행 중입니다 ({state}) / already running with this state")
            return 1
        try:
            return asyncio.run(_run(state, host, port, stay))
        except OSError as error:
            print(f"포트 {port}을(를) 열 수 없습니다 / port {port} cannot be opened: {error}")
            return 1


async def _run(state: Path, host: str, port: int, stay: bool) -> int:
    base = f"http://{host}:{port}"
    print("AX 이음: 데이터베이스 준비와 시작 / preparing databases, starting")
    system = System(state)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with serving(system, host, port):
        # uvicorn set its own; from here on Ctrl-C ends this function, which stops everything in order.
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        async with Api(base, state) as api:
            job = asyncio.create_task(sample(api))
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait((job, stopped), return_when=asyncio.FIRST_COMPLETED)
            if not job.done():
                job.cancel()
                await asyncio.gather(job, return_exceptions=True)
            else:
                job.result()
                _addresses(base, system.sign_in_code, state)
                if stay:
                    await stopped
            stopped.cancel()
    print("\n멈췄습니다. 다시 시작하면 이어집니다. / Stopped; start again to go on from here.")
    return 0


async def sample(api: Api) -> None:
    """Sends the bundled files and shows what became of them; sent again, they change nothing."""
    print("\n[1] 견본 과정 / sample courses")
    path = SAMPLE / "courses.csv"
    report = await api.post(
        "institution", "/v1/course-imports", path.read_bytes(), "text/csv", query={"source": "ieum"}
    )
    print(show.courses(report, path.name))
    print("\n[2] 부처 파일 / partner files")
    batches = []
    for client, name, media in FILES:
        report = await api.post(client, "/v1/referral-batches", (SAMPLE / name).read_bytes(), media)
        print(show.batch(report, f"{client.upper()} {name}"))
        batches.append(report)
    await _follow(api, sum(report["accepted"] for report in batches))
    await _results(api)


async def _referrals(api: Api) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    after = None
    while True:
        page = await api.get("operator", "/v1/referrals", after=after, limit=500)
        items.extend(page["items"])
        after = page["next"]
        if not page["more"]:
            return items


async def _follow(api: Api, accepted: int) -> None:
    """A bar that moves as referrals reach their priced recommendation."""
    items = await _referrals(api)
    total = len(items)
    moved_at = time.monotonic()
    with tqdm(total=total, desc="  진단→추천→견적", bar_format=_BAR) as bar:
        while True:
            done = sum(item["status"] == "recommended" for item in items)
            if done != bar.n:
                moved_at = time.monotonic()
                bar.update(done - bar.n)
            if done >= total:
                return
            if time.monotonic() - moved_at > _PATIENCE:
                break
            await asyncio.sleep(0.2)
            items = await _referrals(api)
    waiting = total - done
    print(f"  {waiting}건은 아직 처리 중입니다. /v1/overview에서 원인을 볼 수 있습니다. / {waiting} still under way.")


async def _results(api: Api) -> None:
    items = await _referrals(api)
    levels = Counter(item["level"] for item in items)
    shown = ", ".join(f"{show.LEVELS[level]}({level}) {levels[level]}" for level in show.LEVELS if level in levels)
    print(f"\n[3] AX 수준(추정) / provisional AX levels: {shown}")
    print("\n[4] 추천과 가격 / recommendations with prices (1인 기준 / per person)")
    for item in _one_of_each_level(items):
        answer = await api.get("step", f"/v1/recommendations/{item['business_number']}")
        print(show.recommendation({**answer, "name": item["company_name"]}))


def _one_of_each_level(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    chosen: dict[str, dict[str, Any]] = {}
    for item in sorted(items, key=lambda item: item["business_number"]):
        if item["status"] == "recommended":
            chosen.setdefault(item["level"], item)
    return [chosen[level] for level in ("beginner", "intermediate", "advanced") if level in chosen]


def _addresses(base: str, code: str, state: Path) -> None:
    print(f"""
[5] 주소 / addresses
  API 문서 documentation  {base}/docs   ({base}/openapi.json)
  API                     {base}/v1/…
  콘솔 console            {base}/console/sign-in?code={code}
  클라이언트 비밀 secrets  {state}/issuer/credentials.json
  끝내려면 Ctrl-C / press Ctrl-C to stop""")
