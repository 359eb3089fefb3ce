"""One PostgreSQL server, of the operating system's package."""

import asyncio
import os
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import asyncpg

from deploy.process import Missing, Process, await_server, port_answers, run, runs_with
from libs.common.issuer import write_private

ADMIN = "postgres"


def postgres_programs() -> Path | None:
    """The folder of initdb and postgres: Debian keeps them beside the PATH, one folder per version."""
    on_path = shutil.which("initdb")
    if on_path and shutil.which("postgres"):
        return Path(on_path).resolve().parent
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(folders, key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0, default=None)


def _home(directory: Path) -> tuple[Path, str | None]:
    """Where the data lies, and as whom the server runs: it refuses to run as root.

    Root's folders are often closed to the user postgres; then the data lies elsewhere and a file says where.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return directory, None
    if all(parent.stat().st_mode & 0o001 for parent in (directory, *directory.parents)):
        return directory, ADMIN
    pointer = directory / "location"
    if pointer.exists():
        home = Path(pointer.read_text())
        if not home.is_dir():
            raise RuntimeError(
                f"데이터 폴더 {home}이(가) 없습니다. 되살리거나, 비워서 시작하려면 {pointer}을(를) 지우세요 / "
                f"the data folder is gone: restore it, or delete {pointer} to begin empty"
            )
        return home, ADMIN
    temporary = directory.is_relative_to(tempfile.gettempdir())
    home = Path(tempfile.mkdtemp(prefix="ieum-postgres-", dir=tempfile.gettempdir() if temporary else "/var/lib"))
    home.chmod(0o711)
    write_private(pointer, str(home))
    return home, ADMIN


class Postgres:
    """One server. Without a `password` every local connection is trusted, which is for tests only."""

    def __init__(self, directory: Path, port: int, password: str | None = None) -> None:
        self.port, self.password = port, password
        programs = postgres_programs()
        if programs is None:
            raise Missing("PostgreSQL", "postgresql")
        self._programs = programs
        self.home, self._user = _home(directory)
        self._data = self.home / "data"
        self.log = directory / "postgres.log"
        self._process: Process | None = None

    @property
    def process(self) -> Process:
        assert self._process is not None
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    def url_for(self, database: str, role: str = ADMIN, password: str | None = None) -> str:
        secret = password or self.password
        return f"postgresql+asyncpg://{role}{f':{secret}' if secret else ''}@127.0.0.1:{self.port}/{database}"

    def prepare(self) -> None:
        """Makes the data folder where it is missing, whole or not at all."""
        if (self._data / "PG_VERSION").exists():
            return
        scratch = Path(tempfile.mkdtemp(prefix="new-", dir=self.home))
        secret = scratch / "password"
        secret.write_text(self.password or "")
        secret.chmod(0o600)
        if self._user:
            for path in (scratch, secret):
                shutil.chown(path, self._user, self._user)
        auth = ["-A", "scram-sha-256", f"--pwfile={secret}"] if self.password else ["-A", "trust"]
        form = ["--locale=C.UTF-8", "--lc-collate=C", "-E", "UTF8", "-U", ADMIN]
        try:
            run([self._program("initdb"), "-D", str(scratch / "data"), *form, *auth], _CLEAN, Path("/"), self._user)
            (scratch / "data").rename(self._data)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def start(self) -> None:
        """Returns when the server takes connections."""
        self.launch()
        self.wait()

    def wait(self) -> None:
        await_server("PostgreSQL", self.process, self._answers, self.log)

    def launch(self) -> Process:
        """Starts the process and does not wait."""
        self._forget_recycled_pid()
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 200,
            "fsync": "on",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        argv = [self._program("postgres"), "-D", str(self._data), *options]
        self._process = Process.spawn(argv, self.log, _CLEAN, Path("/"), self._user)
        return self._process

    def _forget_recycled_pid(self) -> None:
        """After a reboot the pid in the lock file may be another PostgreSQL's, and this one would not start."""
        lock = self._data / "postmaster.pid"
        first = lock.read_text().partition("\n")[0].strip() if lock.exists() else ""
        if first.isdigit() and not runs_with(int(first), str(self._data)):
            lock.unlink()

    def _program(self, name: str) -> str:
        return str(self._programs / name)

    def _answers(self) -> bool:
        if not port_answers(self.port):
            return False
        try:
            self.execute("SELECT 1")
        except (OSError, asyncpg.CannotConnectNowError):
            return False
        except asyncpg.InvalidPasswordError as error:
            raise RuntimeError(
                f"{self._data}: 관리자 암호가 보관된 것과 다릅니다 / the administrator has another password"
            ) from error
        return True

    def create_database(self, name: str) -> None:
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", name):
            raise ValueError(f"데이터베이스 이름이 아닙니다 / not a database name: {name!r}")
        self.execute(f"CREATE DATABASE {name}")

    def execute(self, *statements: str, database: str = ADMIN) -> list[Any]:
        """Runs statements as the administrator, each by itself; gives the rows of the last one."""

        async def work() -> list[Any]:
            url = self.url_for(database).replace("+asyncpg", "")
            conn = await asyncpg.connect(url, timeout=10)
            try:
                rows: list[Any] = []
                for statement in statements:
                    rows = await conn.fetch(statement)
                return rows
            finally:
                await conn.close()

        return _in_own_loop(work())

    def adopt(self, process: Process) -> None:
        """Takes over a process that an earlier run launched."""
        self._process = process

    def stop(self) -> None:
        # SIGTERM would wait for every client to leave.
        self.process.stop(signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL to the postmaster and all its backends."""
        self.process.kill()

    def restart(self) -> None:
        """The same port and the same data."""
        self.stop()
        self.start()


_CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("PG") and name != "HOME"}
"""A PGDATA or PGPORT of the user's shell must not reach this server."""


def _in_own_loop(work: Coroutine[Any, Any, list[Any]]) -> list[Any]:
    """Runs it in a thread, so that callers inside an event loop may wait for it as well."""
    results: list[list[Any]] = []
    errors: list[BaseException] = []

    def target() -> None:
        try:
            results.append(asyncio.run(work))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
