"""`python -m deploy up|down|status`: the distributed system on this machine."""

import argparse
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from deploy.local import missing_tools
from deploy.system import BASE_PORT, ROOT, SERVICES, Refused, System


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One `up` or `down` at a time; the lock goes with the process, however that ends."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(
                "다른 make up 또는 make down 이 진행 중입니다 / another `make up` or `make down` is at work"
            ) from None
        yield


def _status(system: System) -> int:
    complete = True
    for name, port, process in system.status():
        complete = complete and process is not None
        state = f"실행 중 / running  pid {process.pid}" if process else "멈춤 / stopped"
        print(f"{name:<12} 127.0.0.1:{port:<6} {state}")
    return 0 if complete else 1


def _send_sample(system: System) -> int:
    base = f"http://127.0.0.1:{system.port('gateway')}"
    command = [sys.executable, "-m", "cli", "--base", base, "--state", str(system.state), "sample"]
    sys.stdout.flush()
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def _names(text: str) -> list[str]:
    known = {service.name for service in SERVICES}
    names = [name.strip() for name in text.split(",")]
    if unknown := sorted(set(names) - known):
        raise argparse.ArgumentTypeError(f"모르는 서비스 / unknown service: {', '.join(unknown)}")
    return names


def _base_port(text: str) -> int:
    if not text.isdecimal() or not 1024 <= int(text) <= 54_000:
        raise argparse.ArgumentTypeError("1024에서 54000까지 / from 1024 to 54000")
    return int(text)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy", description=__doc__)
    parser.add_argument("command", choices=("up", "down", "status"))
    parser.add_argument(
        "--base-port", type=_base_port, default=BASE_PORT, help="of the gateway; all ports move with it"
    )
    parser.add_argument("--state", type=Path, default=Path(os.environ.get("STATE_DIR", "var")))
    parser.add_argument("--only", type=_names, default=[], help="these services only, comma separated")
    parser.add_argument("--sample", action="store_true", help="send the bundled sample once all is up")
    options = parser.parse_args(arguments)
    system = System(options.state, options.base_port, options.only)
    if options.command == "status":
        return _status(system)
    if options.command == "up" and (missing := missing_tools()):
        for tool in missing:
            print(tool, file=sys.stderr)
        return 2
    try:
        with _alone(system.folder):
            if options.command == "up":
                addresses = system.up()
                done = _send_sample(system) if options.sample else 0
                print(*addresses, sep="\n")
                return done
            system.down()
    except Refused as error:
        print(error, file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("중단했습니다. make up 이 이어서 합니다 / interrupted; `make up` goes on from here", file=sys.stderr)
        return 130
    except (OSError, RuntimeError, asyncpg.PostgresError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
