"""The main job as a newcomer runs it, in a process of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(state: Path, port: int, *more: str) -> list[str]:
    return [sys.executable, "-m", "cli", "--state", str(state), *more, "run", "--port", str(port)]


def run_once(state: Path) -> str:
    done = subprocess.run(
        [*command(state, free_port()), "--once"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_shows_what_a_newcomer_wants_to_see_and_again_duplicates_nothing(tmp_path: Path) -> None:
    first = run_once(tmp_path)
    assert "rows 94 = loaded 91 + updated 0 + unchanged 0 + merged 1 + refused 2" in first
    assert first.count("rows 12 = accepted 9 + duplicates 1 + refused 2") == 3
    assert "검증 숫자" in first
    assert "28275 인천광역시 서해구" in first
    assert re.search(r"초급\(beginner\) \d+", first)
    assert re.search(r"자부담 self-pay\n", first)
    assert re.search(r"[\d,]+원 +[\d,]+원 +[\d,]+원", first)
    assert re.search(r"http://127\.0\.0\.1:\d+/console/sign-in\?code=\S+", first)
    again = run_once(tmp_path)
    assert "loaded 0 + updated 0 + unchanged 91" in again
    assert again.count("rows 12 = accepted 0 + duplicates 10 + refused 2") == 3
    levels = re.findall(r"provisional AX levels: (.*)", first + again)
    assert levels[0] == levels[1]


def test_ctrl_c_stops_it_cleanly(tmp_path: Path) -> None:
    port = free_port()
    process = subprocess.Popen(
        command(tmp_path, port), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    seen = ""
    while "Ctrl-C" not in seen:
        line = process.stdout.readline()
        assert line, seen
        seen += line
    sample = [sys.executable, "-m", "cli", "--base", f"http://127.0.0.1:{port}", "sample"]
    environment = {**os.environ, "STATE_DIR": str(tmp_path)}
    sent = subprocess.run(sample, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert sent.stdout.count("rows 12 = accepted 0 + duplicates 10 + refused 2") == 3, sent.stderr
    refused = subprocess.run(
        command(tmp_path, free_port()), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (refused.returncode, "already running" in refused.stdout) == (1, True)
    process.send_signal(signal.SIGINT)
    rest = process.stdout.read()
    process.stdout.close()
    assert process.wait(30) == 0, rest
    assert "Traceback" not in seen + rest
    assert "Stopped" in rest


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        done = subprocess.run(
            [*command(tmp_path, port), "--once"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 1
    assert str(port) in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_commands_say_plainly_what_is_wrong(tmp_path: Path) -> None:
    def call(*words: str) -> "subprocess.CompletedProcess[str]":
        base = ["--base", f"http://127.0.0.1:{free_port()}", "--state", str(tmp_path)]
        return subprocess.run(
            [sys.executable, "-m", "cli", *base, *words], cwd=ROOT, capture_output=True, text=True, check=False
        )

    missing = call("refer", "msit", "nothing.csv")
    assert (missing.returncode, "no such file" in missing.stderr) == (1, True)
    other = tmp_path / "list.csv"
    other.write_bytes("회사명,업종,지역\n".encode("cp949"))
    folder, unread = call("partner-files", str(tmp_path)), call("partner-files", str(other), "--out", str(tmp_path))
    assert (folder.returncode, unread.returncode) == (1, 1)
    assert ("cannot be opened" in folder.stderr, "not a UTF-8 CSV" in unread.stderr) == (True, True)
    run_once(tmp_path)
    away = call("recommend", "116-82-00276")
    assert (away.returncode, "Is it running?" in away.stderr) == (1, True)
