"""Processes that outlive their starter, known by pid and start time so that a recycled pid is never touched."""

import atexit
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

START_WITHIN = 60.0
"""Seconds that a server may take until it answers."""


class Missing(RuntimeError):
    """A program is not on this machine; the text names the Debian package that brings it."""

    def __init__(self, what: str, package: str) -> None:
        super().__init__(
            f"{what}이(가) 없습니다. 설치: apt-get install {package} / "
            f"{what} is missing. Install it: apt-get install {package}"
        )
        self.package = package


def _stat(pid: int) -> tuple[str, int, int] | None:
    """State, parent and start time (clock ticks since boot) of a process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[1]), int(fields[19])


_children: dict[int, subprocess.Popen[bytes]] = {}
"""Children of this run: an ended one stays in the process table until it is asked for."""


@atexit.register
def _reap() -> None:
    """Children that ended and were never asked for."""
    for child in _children.values():
        child.poll()


class Process:
    """A process that this system started, in this run or an earlier one."""

    def __init__(self, pid: int, started: int) -> None:
        self.pid, self.started = pid, started

    @classmethod
    def spawn(
        cls, argv: Sequence[str], log: Path, env: Mapping[str, str], cwd: Path, user: str | None = None
    ) -> "Process":
        """Starts a process in a session of its own; its output is appended to `log`."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
                **_as_user(user),
            )
        _children[child.pid] = child
        found = _stat(child.pid)
        return cls(child.pid, found[2] if found else -1)

    @classmethod
    def at(cls, pid: int) -> "Process | None":
        found = _stat(pid)
        return cls(pid, found[2]) if found and found[0] != "Z" else None

    def alive(self) -> bool:
        # Looked at before it is asked for: a child seen as ended is then always reaped.
        found = _stat(self.pid)
        child = _children.get(self.pid)
        if child is not None and child.poll() is not None:
            del _children[self.pid]
        return found is not None and found[0] != "Z" and found[2] == self.started

    def send(self, number: int) -> None:
        if self.alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return

    def stop(self, number: int = signal.SIGTERM, grace: float = 15.0) -> bool:
        """Asks, waits `grace` seconds, then kills; true if asking was enough."""
        self.send(number)
        if wait_until(lambda: not self.alive(), grace):
            return True
        self.kill()
        return False

    def kill(self) -> None:
        """SIGKILL to the process and its children, and returns when all are gone."""
        if not self.alive():
            return
        family = [self, *self.children()]
        for process in family:
            process.send(signal.SIGKILL)
        if not wait_until(lambda: not any(process.alive() for process in family), 10):
            raise RuntimeError(f"프로세스 {self.pid}이(가) 끝나지 않습니다 / process {self.pid} does not end")

    def children(self) -> list["Process"]:
        pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        stats = ((pid, _stat(pid)) for pid in pids)
        return [Process(pid, found[2]) for pid, found in stats if found and found[1] == self.pid]


def runs_with(pid: int, argument: str) -> bool:
    """Whether this process exists and has `argument` on its command line."""
    try:
        return argument.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False


def outputs() -> Iterator[tuple[Process, str]]:
    """Every process that this user may look at, with the file that its output goes to; deleted files included."""
    for entry in Path("/proc").iterdir():
        try:
            file = str((entry / "fd" / "1").readlink()) if entry.name.isdigit() else ""
        except OSError:
            continue
        if file and (process := Process.at(int(entry.name))):
            yield process, file.removesuffix(" (deleted)")


def _as_user(user: str | None) -> dict[str, Any]:
    return {} if user is None else {"user": user, "group": user, "extra_groups": []}


def run(argv: Sequence[str], env: Mapping[str, str], cwd: Path, user: str | None = None) -> None:
    """Runs a tool to its end. Raises RuntimeError with the last lines of its output."""
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(env),
        cwd=cwd,
        check=False,
        **_as_user(user),
    )
    if done.returncode:
        tail = "\n".join(done.stdout.decode("utf-8", "replace").splitlines()[-15:])
        raise RuntimeError(f"{Path(argv[0]).name}: 종료 코드 / exit code {done.returncode}\n{tail}")


def wait_until(condition: Callable[[], bool], seconds: float, pause: float = 0.05) -> bool:
    """True as soon as the condition holds, false if it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def port_holder(port: int) -> str:
    """Name and pid of the program that listens on a port; empty where this user may not see it."""
    rows = [line.split() for table in ("tcp", "tcp6") for line in _lines(Path("/proc/net", table))[1:]]
    listening = {f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port}
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(descriptor.readlink()) in listening:
                owner = descriptor.parents[1]
                return f"{(owner / 'comm').read_text().strip()}, pid {owner.name}"
        except OSError:
            continue
    return ""


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def port_answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def free_port() -> int:
    """Below the ports that the kernel lends to outgoing connections, so a restart finds it free again."""
    for _ in range(1000):
        port = random.randrange(20_000, 32_000)  # noqa: S311 - no secret
        if port_is_free(port):
            return port
    raise RuntimeError("빈 포트가 없습니다 / no port is free")


def last_lines(log: Path, count: int = 15) -> str:
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-count:])


def await_server(name: str, process: Process, ready: Callable[[], bool], log: Path) -> None:
    if wait_until(lambda: not process.alive() or ready(), START_WITHIN, 0.1) and process.alive():
        return
    process.kill()
    raise RuntimeError(f"{name}이(가) 시작되지 않았습니다 / {name} did not start. {log}\n{last_lines(log)}")
