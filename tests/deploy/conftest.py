"""Secrets and a database server as the containers get them."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import credentials, local
from deploy.postgres import Postgres
from tests.conftest import need_distributed, started
from tests.deploy.manifests import K8S


@pytest.fixture(scope="session")
def secrets_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("containers")
    credentials.write(folder)
    return folder


@pytest.fixture(scope="session")
def passwords(secrets_folder: Path) -> dict[str, str]:
    """What `.env` holds."""
    return dict(line.split("=", 1) for line in (secrets_folder / ".env").read_text().splitlines())


@pytest.fixture(scope="session")
def database_server(tmp_path_factory: pytest.TempPathFactory, passwords: dict[str, str]) -> Iterator[Postgres]:
    """A server as the container makes it: passwords asked for, and the script of the manifests run once."""
    password = passwords["POSTGRES_PASSWORD"]
    with started(
        "PostgreSQL", lambda: local.start_postgres(tmp_path_factory.mktemp("contained"), password=password)
    ) as server:
        if shutil.which("psql") is None:
            need_distributed("psql", FileNotFoundError("apt-get install postgresql-client"))
        place = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": "postgres"}
        env = {"PATH": os.environ["PATH"], "PGPASSWORD": password, **place, **passwords}
        script = K8S / "components" / "postgres" / "databases.sh"
        subprocess.run(["bash", str(script)], env=env, check=True)
        yield server
