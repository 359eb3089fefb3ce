"""`up` ends in one running system whatever was there before; `down` stops that and nothing else."""

import fcntl
import json
import os
import random
import shutil
import signal
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.local import missing_tools
from deploy.process import Process, port_is_free, wait_until
from deploy.system import SERVICES, Refused, System, environment
from tests.conftest import need_distributed

ONLY = ["issuer", "catalog"]


def _base_port() -> int:
    """A base with all its ports free, so that a system of the developer is not in the way."""
    while True:
        base = random.randrange(9_000, 14_000)
        system = System(Path(), base)
        ports = [system.port(name) for name in ("kafka", "postgres", *(service.name for service in SERVICES))]
        if all(port_is_free(port) for port in (*ports, system.port("kafka") + 1)):
            return base


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    if missing := missing_tools():
        need_distributed("`make up`", missing[0])
    made = System(tmp_path / "var", _base_port(), ONLY, say=lambda _text: None)
    yield made
    made.down()
    location = made.folder / "postgres" / "location"
    if location.exists():
        shutil.rmtree(location.read_text())


def _pids(system: System) -> dict[str, int]:
    return {name: process.pid for name, _, process in system.status() if process}


@pytest.mark.distributed
@pytest.mark.timeout(240)
def test_up_starts_what_is_missing_and_down_stops_it_with_its_data_kept(system: System) -> None:
    system.up()
    first = _pids(system)
    assert first.keys() == {"kafka", "postgres", *ONLY}
    assert all(system.ready(name) for name in ONLY)

    system.up()
    assert _pids(system) == first

    for name in ("catalog", "postgres"):
        os.kill(first[name], signal.SIGKILL)
    assert wait_until(lambda: system.alive().keys() == {"kafka", "issuer"}, 10)
    system.up()
    healed = _pids(system)
    assert {name for name in first if healed[name] == first[name]} == {"kafka", "issuer"}
    assert all(system.ready(name) for name in ONLY)

    (system.folder / "processes.json").unlink()
    system.up()
    assert _pids(system) == healed

    command_lines = b"".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in healed.values())
    kept = json.loads((system.folder / "secrets.json").read_text())
    assert not [name for name, secret in kept.items() if secret.encode() in command_lines]

    processes = [Process.at(pid) for pid in healed.values()]
    system.down()
    assert not any(process and process.alive() for process in processes)
    assert (system.folder / "kafka" / "data" / "meta.properties").exists()
    assert json.loads((system.folder / "secrets.json").read_text()) == kept


def test_a_port_held_by_a_stranger_is_named_and_nothing_is_started(tmp_path: Path) -> None:
    system = System(tmp_path, _base_port())
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", system.port("matching")))
        stranger.listen()
        with pytest.raises(Refused, match=rf"{system.port('matching')} \(matching\) ← .+, pid {os.getpid()}\."):
            system.up()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("record", [None, "", "{"])
def test_a_part_is_known_without_its_record_and_a_stranger_is_not_taken_for_it(
    tmp_path: Path, record: str | None
) -> None:
    system = System(tmp_path, _base_port(), say=lambda _text: None)
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    part = Process.spawn([*sleep, "services.catalog.app:from_env"], system.log("catalog"), os.environ, tmp_path)
    strangers = [
        Process.spawn([*sleep, "services.catalog.app:from_env"], tmp_path / "other.log", os.environ, tmp_path),
        Process.spawn(sleep, system.log("matching"), os.environ, tmp_path),
    ]
    if record is not None:
        (system.folder / "processes.json").write_text(record)
    try:
        assert wait_until(lambda: _pids(system) == {"catalog": part.pid}, 10)
        system.down()
        assert not part.alive()
        assert all(stranger.alive() for stranger in strangers)
    finally:
        for process in (part, *strangers):
            process.kill()


def test_a_second_up_at_the_same_time_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "distributed"
    folder.mkdir()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(["down", "--state", str(tmp_path)]) == 3
    assert "is at work" in capsys.readouterr().err


def test_down_is_quiet_where_nothing_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["down", "--state", str(tmp_path)]) == 0
    assert capsys.readouterr() == ("", "")


def test_missing_tools_end_up_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["up", "--state", str(tmp_path / "var")]) == 2
    assert "openjdk-17-jre-headless" in capsys.readouterr().err
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("arguments", [["--only", "catalog,nobody"], ["--base-port", "80"], ["--base-port", "x"]])
def test_a_wrong_option_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["up", *arguments])
    assert arguments[0] in capsys.readouterr().err


def test_status_names_every_part_that_is_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--state", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(SERVICES) + 2
    assert all("stopped" in line for line in lines)


def test_secrets_are_made_once_and_readable_by_their_owner_only(tmp_path: Path) -> None:
    system = System(tmp_path)
    keys = system._secrets()
    assert system._secrets() == keys
    assert stat.S_IMODE((system.folder / "secrets.json").stat().st_mode) == 0o600
    passwords = [value for name, value in keys.items() if name.startswith("database:")]
    assert len(set(passwords)) == sum(service.database for service in SERVICES)


def test_a_service_gets_its_own_secrets_and_nothing_of_the_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///of-the-shell.db")
    monkeypatch.setenv("CONSOLE_SESSION_KEY", "of-the-shell")
    system = System(tmp_path)
    keys = system._secrets()
    url_for = lambda database, role, password: f"{role}:{password}@{database}"  # noqa: E731
    envs = {service.name: environment(service, system, url_for, keys) for service in SERVICES}
    for name, env in envs.items():
        seen = {kind for kind, value in keys.items() if any(value in text for text in env.values())}
        own = {f"database:{name}", "keyring"} if f"database:{name}" in keys else set()
        assert seen == (own or ({"session_key", "sign_in_code"} if name == "console" else set()))
        assert "of-the-shell" not in " ".join(env.values())
