"""The files that `deploy/Dockerfile` takes are all that a service needs, and nothing of another one."""

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.system import SERVE, SERVICES, Service
from tests.deploy.image import ROOT, assemble, ignored, stages

BUILT = [service for service in SERVICES if service.name != "issuer"]
"""The issuer is a part of the kit and runs from the gateway's image."""


def _run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("service", BUILT, ids=lambda service: service.name)
def test_the_application_of_an_image_is_found_among_its_files(service: Service, tmp_path: Path) -> None:
    env = assemble(service.name, tmp_path)
    assert env["UVICORN_APP"] == service.factory
    assert {path.name for path in (tmp_path / "services").iterdir() if path.is_dir()} == {service.name}
    factories = (
        [env["UVICORN_APP"], "libs.common.issuer:from_env"] if service.name == "gateway" else [env["UVICORN_APP"]]
    )
    load = "import sys; from uvicorn.importer import import_from_string as load; [load(name) for name in sys.argv[1:]]"
    answer = _run(tmp_path, "-c", load, *factories)
    assert answer.returncode == 0, answer.stderr
    if service.database:
        # It gets as far as its settings, so all of its modules are there.
        answer = _run(tmp_path, "-m", "deploy.prepare", service.name)
        assert (answer.returncode, "DATABASE_URL, BUS_URL" in answer.stderr) == (2, True), answer.stderr


def test_a_module_outside_of_the_image_is_seen(tmp_path: Path) -> None:
    assemble("gateway", tmp_path)
    (tmp_path / "libs" / "common" / "kit.py").unlink()
    assert _run(tmp_path, "-c", "import services.gateway.app").returncode != 0


def test_an_image_serves_as_make_up_does() -> None:
    last = stages((ROOT / "deploy" / "Dockerfile").read_text(), "catalog")[-1]
    command = next(instruction for instruction in last if instruction.word == "CMD").exec_form
    assert command == ["uvicorn", "--factory", "--host", "0.0.0.0", "--port", "8000", *SERVE]
    words = {instruction.word: instruction.rest for instruction in last}
    assert words["USER"] == "10001:10001"
    assert words["STOPSIGNAL"] == "SIGTERM"
    assert "/livez" in words["HEALTHCHECK"]


def test_packages_come_from_the_lock_with_their_hashes() -> None:
    first = stages((ROOT / "deploy" / "Dockerfile").read_text(), "catalog")[0]
    installs = [instruction.rest for instruction in first if "pip install" in instruction.rest]
    assert len(installs) == 1
    assert "--require-hashes" in installs[0]
    assert "requirements.lock" in installs[0]


def test_what_the_builder_may_not_see_is_ignored() -> None:
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    for hidden in (
        "var/containers/.env",
        ".git/config",
        "tests/conftest.py",
        "libs/__pycache__/x.pyc",
        ".venv/bin/python",
    ):
        assert ignored(Path(hidden), patterns), hidden
    for seen in ("libs/common/kit.py", "services/subsidy/policy", "requirements.lock", "deploy/topics.py"):
        assert not ignored(Path(seen), patterns), seen
