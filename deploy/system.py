"""What the distributed system consists of, and how it is brought up and down on one machine.

gateway 8000 ── issuer 8007, console 8006
    │ HTTP
interagency 8001, diagnosis 8002, matching 8003, subsidy 8004, catalog 8005
    │ events                      │ each its own database and role
Kafka 19092                    PostgreSQL 15432
"""

import asyncio
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from deploy import prepare, topics
from deploy.broker import Kafka
from deploy.postgres import Postgres
from deploy.process import Process, last_lines, outputs, port_holder, port_is_free, runs_with, wait_until
from libs.common import issuer
from libs.common.crypto import new_keyring
from libs.common.issuer import write_private
from libs.common.kafka import Brokers
from libs.common.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
READY_WITHIN = 60.0
"""Seconds that a service may take until it is ready."""
STOP_WITHIN = 15.0
_TALK_EVERY = 5.0
SERVE = "--no-access-log --no-server-header --timeout-graceful-shutdown 10 --loop uvloop --http httptools".split()  # noqa: SIM905
"""Options of every server, here and in the image."""


UrlFor = Callable[[str, str, str], str]
"""Address of a database from its name, a role and the role's password."""


@dataclass(frozen=True)
class Service:
    """One process. `offset` is its place after the base port."""

    name: str
    offset: int
    database: bool = True

    @property
    def factory(self) -> str:
        return "libs.common.issuer:from_env" if self.name == "issuer" else f"services.{self.name}.app:from_env"


SERVICES = (
    Service("interagency", 1),
    Service("diagnosis", 2),
    Service("matching", 3),
    Service("subsidy", 4),
    Service("catalog", 5),
    Service("console", 6, database=False),
    Service("issuer", 7, database=False),
    Service("gateway", 0, database=False),
)
BASE_PORT, KAFKA_PORT, POSTGRES_PORT = 8000, 19_092, 15_432


class Refused(RuntimeError):
    """Nothing was started; the text says in Korean and English why."""


class System:
    """The processes of one state folder. All ports move with `base_port`."""

    def __init__(
        self, state: Path, base_port: int = BASE_PORT, only: Sequence[str] = (), say: Callable[[str], None] = print
    ) -> None:
        self.state = state.resolve()
        self.folder = self.state / "distributed"
        self._say = say
        self._base = base_port
        self._services = [service for service in SERVICES if not only or service.name in only]
        self._record_file = self.folder / "processes.json"
        self._secret_file = self.folder / "secrets.json"

    def port(self, name: str) -> int:
        shift = self._base - BASE_PORT
        fixed = {"kafka": KAFKA_PORT + shift, "postgres": POSTGRES_PORT + shift}
        return fixed.get(name) or next(self._base + service.offset for service in SERVICES if service.name == name)

    def log(self, name: str) -> Path:
        servers = {"kafka": self.folder / "kafka" / "kafka.log", "postgres": self.folder / "postgres" / "postgres.log"}
        return servers.get(name, self.folder / "logs" / f"{name}.log")

    # -- processes of this and earlier runs -----------------------------------------------------------------

    def record(self) -> dict[str, tuple[Process, int]]:
        """Name → the process and its port; those of earlier runs that are gone included."""
        try:
            found = json.loads(self._record_file.read_text())
        except (FileNotFoundError, ValueError):
            found = {}
        return {name: (Process(row["pid"], row["started"]), row["port"]) for name, row in found.items()}

    def alive(self) -> dict[str, tuple[Process, int]]:
        known = {name: row for name, row in self.record().items() if row[0].alive()}
        return {**self._unrecorded(known.keys()), **known}

    def _unrecorded(self, known: Iterable[str]) -> dict[str, tuple[Process, int]]:
        """Parts that run but are not in the record: it was deleted, or an `up` was killed before it wrote it."""
        signs = {"kafka": "kafka.Kafka", "postgres": "-D", **{each.name: each.factory for each in self._services}}
        # Output and command line together: PostgreSQL's children write to the same file.
        names = {str(self.log(name)): name for name in signs.keys() - known}
        found = [(names[file], process) for process, file in outputs() if file in names] if names else []
        return {name: (process, self.port(name)) for name, process in found if runs_with(process.pid, signs[name])}

    def _remember(self, name: str, process: Process) -> None:
        self._write({**self.alive(), name: (process, self.port(name))})

    def _write(self, processes: Mapping[str, tuple[Process, int]]) -> None:
        rows = {name: {"pid": p.pid, "started": p.started, "port": port} for name, (p, port) in processes.items()}
        write_private(self._record_file, json.dumps(rows, indent=1))

    # -- up -------------------------------------------------------------------------------------------------

    def up(self) -> list[str]:
        """Starts what does not run; gives the addresses, a line each.

        Raises `Refused` before anything, RuntimeError where a part does not start.
        """
        running = self.alive()
        self._check_ports(running)
        keys = self._secrets()
        postgres = Postgres(self.folder / "postgres", self.port("postgres"), keys["postgres"])
        kafka = Kafka(self.folder / "kafka", self.port("kafka"))
        self._start_server("postgres", running.get("postgres"), postgres)
        self._start_server("kafka", running.get("kafka"), kafka)
        self._fill(postgres, kafka, keys)
        missing = [service for service in self._services if service.name not in running]
        if any(service.name == "console" for service in missing):
            # A code opens one session only, so every start of the console gets a fresh one.
            keys = {**keys, "sign_in_code": secrets.token_urlsafe(16)}
            write_private(self._secret_file, json.dumps(keys, indent=1))
        for service in missing:
            self._launch(service, postgres.url_for, keys)
        for service in self._services:
            self._await_ready(service.name)
        if not missing and {"kafka", "postgres"} <= running.keys():
            self._say("이미 모두 실행 중입니다 / everything runs already")
        return self._addresses(keys["sign_in_code"], "console" in running)

    def _check_ports(self, running: Mapping[str, tuple[Process, int]]) -> None:
        moved = sorted(name for name, (_, port) in running.items() if port != self.port(name))
        if moved:
            raise Refused(
                f"다른 포트에서 이미 실행 중입니다({', '.join(moved)}). 먼저 make down 을 실행하세요 / "
                f"these run on other ports already; run `make down` first"
            )
        wanted = [(name, self.port(name)) for name in ("kafka", "postgres", *(s.name for s in self._services))]
        wanted.append(("kafka", self.port("kafka") + 1))
        # A part that was killed a moment ago may not have let go of its port yet.
        gone = self.record().keys() - running.keys()
        wait_until(lambda: all(port_is_free(port) for name, port in wanted if name in gone), 5.0)
        taken = [(name, port) for name, port in wanted if name not in running and not port_is_free(port)]
        held = [f"{port} ({name}) ← {port_holder(port) or '?'}" for name, port in taken]
        if held:
            raise Refused(
                f"다른 프로그램이 포트를 쓰고 있습니다: {', '.join(held)}. 아무것도 시작하지 않았습니다 / "
                f"another program holds these ports; nothing was started"
            )

    def _start_server(self, name: str, known: tuple[Process, int] | None, server: Kafka | Postgres) -> None:
        if known:
            self._say(f"{name}: 실행 중 / running")
            server.adopt(known[0])
        else:
            self._say(f"{name}: 시작합니다 / starting (127.0.0.1:{self.port(name)})")
            server.prepare()
            self._remember(name, server.launch())
        server.wait()

    def _fill(self, postgres: Postgres, kafka: Kafka, keys: Mapping[str, str]) -> None:
        """Databases, topics and tables, where they are missing."""
        with_database = [service.name for service in self._services if service.database]
        prepare_databases(postgres, {name: keys[f"database:{name}"] for name in with_database})
        for topic in asyncio.run(topics.create(Brokers(kafka.bootstrap))):
            self._say(f"topic {topic}")
        for name in with_database:
            # In this process: the address holds a password, and command lines can be read by everybody.
            asyncio.run(prepare.upgrade(name, postgres.url_for(name, name, keys[f"database:{name}"])))

    def _secrets(self) -> dict[str, str]:
        """Generated once, readable by their owner only; a service added later gets its own."""
        kept = json.loads(self._secret_file.read_text()) if self._secret_file.exists() else {}
        names = [f"database:{service.name}" for service in SERVICES if service.database]
        made = {name: secrets.token_hex(24) for name in ("postgres", "session_key", "sign_in_code", *names)}
        keys = {**made, "keyring": new_keyring("local1"), **kept}
        if keys != kept:
            write_private(self._secret_file, json.dumps(keys, indent=1))
        return keys

    def _launch(self, service: Service, url_for: UrlFor, keys: Mapping[str, str]) -> None:
        port = self.port(service.name)
        self._say(f"{service.name}: 시작합니다 / starting (127.0.0.1:{port})")
        argv = [sys.executable, "-m", "uvicorn", "--factory", service.factory, "--host", "127.0.0.1"]
        env = environment(service, self, url_for, keys)
        process = Process.spawn([*argv, "--port", str(port), *SERVE], self.log(service.name), env, ROOT)
        self._remember(service.name, process)

    def _await_ready(self, name: str) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while not wait_until(lambda: name not in self.alive() or self.ready(name), _TALK_EVERY, 0.2):
            if time.monotonic() > deadline:
                break
            self._say(f"{name}: 기다리는 중입니다 / waiting")
        if name not in self.alive() or not self.ready(name):
            log = self.log(name)
            raise RuntimeError(
                f"{name}이(가) 준비되지 않았습니다 / {name} did not become ready. {log}\n{last_lines(log)}"
            )
        self._say(f"{name}: 준비됨 / ready")

    def ready(self, name: str) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port(name)}/readyz", timeout=10) as answer:
                return bool(answer.status == 200)
        except (HTTPError, URLError, OSError):
            return False

    def _addresses(self, code: str, shown_before: bool) -> list[str]:
        address = f"http://127.0.0.1:{self.port('gateway')}"
        lines = [f"AX 이음: {address}/docs", f"API: {address}"]
        if "console" in self.alive():
            lines.append(f"console: {address}/console/sign-in?code={code}")
            if shown_before:
                lines.append(
                    "  한 번만 쓸 수 있는 링크. 새 링크는 make down, make up / works once; a new one: down, up"
                )
        return [*lines, f"credentials: {self.state / 'issuer' / 'credentials.json'}"]

    # -- down, status ---------------------------------------------------------------------------------------

    def down(self) -> None:
        """Stops what `up` started and keeps the data; the services first, then what they stand on."""
        running = {name: process for name, (process, _) in self.alive().items()}
        # PostgreSQL would wait for every client after SIGTERM.
        order = (("kafka", signal.SIGTERM), ("postgres", signal.SIGINT))
        servers = [(running.pop(name), number) for name, number in order if name in running]
        for process in running.values():
            process.send(signal.SIGTERM)
        wait_until(lambda: not any(process.alive() for process in running.values()), STOP_WITHIN)
        for process in running.values():
            process.kill()
        for process, number in servers:
            process.stop(number, STOP_WITHIN)
        if running or servers:
            self._write({})
            self._say("멈췄습니다. 데이터는 그대로 있습니다 / stopped; the data is kept")

    def status(self) -> Iterator[tuple[str, int, Process | None]]:
        """Name, port and process of every part; None where it does not run."""
        running = self.alive()
        for name in ("postgres", "kafka", *(service.name for service in self._services)):
            process, port = running.get(name, (None, self.port(name)))
            yield name, port, process


def environment(service: Service, system: System, url_for: UrlFor, keys: Mapping[str, str]) -> dict[str, str]:
    """Settings of one service: nothing of the caller's shell, and only the secrets that it needs."""
    own = {field.upper() for field in Settings.model_fields}
    env = {name: value for name, value in os.environ.items() if name.upper() not in own}
    host = "http://127.0.0.1"
    env.update(
        ROLE="all",
        SERVICES=",".join(f"{other.name}={host}:{system.port(other.name)}" for other in SERVICES),
        JWKS_URL=f"{host}:{system.port('issuer')}/.well-known/jwks.json",
        STATE_DIR=str(system.state),
        PYTHONUNBUFFERED="1",
    )
    if service.database:
        env["DATABASE_URL"] = url_for(service.name, service.name, keys[f"database:{service.name}"])
        env["BUS_URL"] = f"kafka://127.0.0.1:{system.port('kafka')}"
        env["KEYRING"] = keys["keyring"]
    if service.name == "console":
        env["CONSOLE_CLIENT_SECRET"] = issuer.bootstrap(system.state)["console"]
        env["CONSOLE_SESSION_KEY"] = keys["session_key"]
        env["CONSOLE_SIGN_IN_CODE"] = keys["sign_in_code"]
    return env


def prepare_databases(postgres: Postgres, passwords: Mapping[str, str]) -> None:
    """One role and one database per service; a role may connect to its own database only."""
    roles = {row["rolname"] for row in postgres.execute("SELECT rolname FROM pg_roles")}
    databases = {row["datname"] for row in postgres.execute("SELECT datname FROM pg_database")}
    for name, password in passwords.items():
        # Names come from the table above, passwords are hexadecimal: neither can end the literal.
        verb = "ALTER" if name in roles else "CREATE"
        postgres.execute(f"{verb} ROLE {name} LOGIN PASSWORD '{password}'")
        if name not in databases:
            postgres.execute(f"CREATE DATABASE {name} OWNER {name}")
        postgres.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    postgres.execute("REVOKE ALL ON DATABASE postgres FROM PUBLIC", "REVOKE ALL ON DATABASE template1 FROM PUBLIC")
