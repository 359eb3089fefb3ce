"""python -m cli COMMAND — the same commands whether the system runs embedded or distributed."""

import argparse
import asyncio
import hashlib
import io
import json
import os
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from cli import partner_files, show
from cli.api import Api, Failed
from libs.reference.calendar import korean_day

MEDIA = {
    ".csv": "text/csv",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".json": "application/json",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cli", description="AX 이음")
    base = os.environ.get("IEUM_BASE", "http://127.0.0.1:8000")
    parser.add_argument("--base", default=base, help="address of the gateway")
    state = Path(os.environ.get("STATE_DIR", "var"))
    parser.add_argument("--state", type=Path, default=state, help="folder with keys and client secrets")
    commands = parser.add_subparsers(dest="command", required=True)

    run = commands.add_parser("run", help="the whole system on this machine, with sample data")
    run.add_argument("--host", default="127.0.0.1")
    run.add_argument("--port", type=int, default=8000)
    run.add_argument("--once", action="store_true", help="end once the results are shown")

    courses = commands.add_parser("courses", help="load a course file")
    courses.add_argument("source", choices=("ieum", "kdt", "kmooc", "work24"))
    courses.add_argument("file", type=Path)
    courses.add_argument("--dry-run", action="store_true")

    made = commands.add_parser("partner-files", help="make partner files from a list of listed companies")
    made.add_argument("listed", type=Path, help="CSV with 회사명, 업종, 지역")
    made.add_argument("--out", type=Path, default=Path("var/partner-files"))
    made.add_argument("--seed", type=int, default=1)

    refer = commands.add_parser("refer", help="send a partner file as a ministry")
    refer.add_argument("client", choices=("msit", "mss", "motie"))
    refer.add_argument("file", type=Path)
    refer.add_argument("--dry-run", action="store_true")

    recommend = commands.add_parser("recommend", help="a company's recommendation, as STEP reads it")
    recommend.add_argument("company", help="사업자등록번호 or company id")
    recommend.add_argument("--json", action="store_true")

    token = commands.add_parser("token", help="an access token, for curl")
    token.add_argument("client")

    commands.add_parser("sample", help="send the bundled sample to the running system and show what became of it")

    commands.add_parser("overview", help="counts, outbox, lag and dead letters of every service")

    cases = commands.add_parser("cases", help="check a table of subsidy cases (YAML, CSV, XLSX)")
    cases.add_argument("files", type=Path, nargs="+", metavar="FILE")
    cases.add_argument("--policy", type=Path, metavar="FOLDER", help="policy files other than this deployment's")

    simulate = commands.add_parser("simulate", help="what a policy costs over a whole population")
    simulate.add_argument("--pairs", type=int, help="company-course pairs to make up (1,000,000)")
    simulate.add_argument("--seed", type=int, default=1)
    simulate.add_argument("--on", type=date.fromisoformat, help="day of application (today, KST)")
    simulate.add_argument("--policy", type=Path, metavar="FOLDER", help="a second edition, shown beside this one's")
    simulate.add_argument("--version", metavar="VERSION", help="likewise a version of the workbench, from --base")
    simulate.add_argument("--companies", type=Path, metavar="FILE", help="a partner file")
    simulate.add_argument("--courses", type=Path, metavar="FILE", help="a course file in the form ieum")
    simulate.add_argument("--leave-out", action="store_true", help="go on without the rows that cannot be read")
    simulate.add_argument("--json", action="store_true")

    dead = commands.add_parser("dead-letters", help="events that could not be handled")
    dead.add_argument("service")
    dead.add_argument("--replay", metavar="EVENT_ID", help="handle this one again")
    return parser


async def _edition(options: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    async with Api(options.base, options.state) as api:
        found = await api.get("planner", f"/v1/policy-versions/{quote(options.version, safe='')}/documents")
    return found["label"], found["documents"]


async def _courses(api: Api, options: argparse.Namespace) -> int:
    data = options.file.read_bytes()
    query = {"source": options.source, **({"dry_run": "true"} if options.dry_run else {})}
    report = await api.post("institution", "/v1/course-imports", data, _media(options.file), query=query)
    print(show.courses(report, options.file.name))
    return 0


async def _refer(api: Api, options: argparse.Namespace) -> int:
    data = options.file.read_bytes()
    query = {"dry_run": "true"} if options.dry_run else {}
    # One file is one request, however often it is sent: the key is its content.
    key = f"{options.file.name}-{hashlib.sha256(data).hexdigest()[:32]}{'-dry' if options.dry_run else ''}"
    report = await api.post(options.client, "/v1/referral-batches", data, _media(options.file), key, query)
    print(show.batch(report, options.file.name))
    return 0


async def _recommend(api: Api, options: argparse.Namespace) -> int:
    answer = await api.get("step", f"/v1/recommendations/{options.company}")
    print(_json(answer) if options.json else show.recommendation(answer, most=10))
    return 0


async def _token(api: Api, options: argparse.Namespace) -> int:
    print(await api.token(options.client))
    return 0


async def _sample(api: Api, options: argparse.Namespace) -> int:
    from cli import main_job

    await main_job.sample(api)
    return 0


async def _overview(api: Api, options: argparse.Namespace) -> int:
    print(_json(await api.get("operator", "/v1/overview")))
    return 0


async def _dead_letters(api: Api, options: argparse.Namespace) -> int:
    path = f"/ops/{options.service}/dead-letters"
    if options.replay:
        print(_json(await api.post("operator", f"{path}/{options.replay}/replay", b"", "application/json")))
    else:
        print(_json(await api.get("operator", path)))
    return 0


def _partner_files(options: argparse.Namespace) -> int:
    today = korean_day(datetime.now(UTC))
    try:
        made = partner_files.generate(options.listed, options.seed, options.out, today)
    except (KeyError, UnicodeDecodeError):
        print("회사명, 업종, 지역 열이 있는 UTF-8 CSV가 아닙니다 / not a UTF-8 CSV with these columns", file=sys.stderr)
        return 1
    for file in made.files:
        print(f"{file.agency}: {file.path} {file.rows}행 / rows")
    print(f"기업 {made.companies} / companies; 소재지 없음 {made.without_region}, 업종 없음 {made.without_industry}")
    return 0


def _media(path: Path) -> str:
    return MEDIA.get(path.suffix.lower(), "text/csv")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)


REMOTE = {
    "courses": _courses,
    "refer": _refer,
    "recommend": _recommend,
    "token": _token,
    "sample": _sample,
    "overview": _overview,
    "dead-letters": _dead_letters,
}


async def _remote(options: argparse.Namespace) -> int:
    async with Api(options.base, options.state) as api:
        return await REMOTE[options.command](api, options)


def _run(options: argparse.Namespace) -> int:
    if options.command == "run":
        from cli import main_job

        return main_job.run(options.state, options.host, options.port, stay=not options.once)
    if options.command == "cases":
        from cli import cases

        return cases.run(options.files, options.policy)
    if options.command == "simulate":
        from cli import simulate

        on = options.on or korean_day(datetime.now(UTC))
        edition = asyncio.run(_edition(options)) if options.version else None
        told = {name: value for name, value in vars(options).items() if name in simulate.Options.__annotations__}
        return simulate.run(simulate.Options(**told | {"on": on, "edition": edition}))
    if options.command == "partner-files":
        return _partner_files(options)
    return asyncio.run(_remote(options))


def main(arguments: list[str] | None = None) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal in EUC-KR knows no "−"
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except Failed as error:
        print(error, file=sys.stderr)
    except FileNotFoundError as error:
        print(f"파일이 없습니다 / no such file: {error.filename}", file=sys.stderr)
    except BrokenPipeError:
        # The reader of our output (head, a pager) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"파일을 열 수 없습니다 / cannot be opened: {error.filename} ({error.strerror})", file=sys.stderr)
    except httpx.ConnectError:
        print(f"{options.base}에 연결할 수 없습니다. 시스템이 켜져 있습니까? / Is it running?", file=sys.stderr)
    except httpx.TransportError as error:
        print(f"{options.base}에서 답을 받지 못했습니다 / no answer: {error or type(error).__name__}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
