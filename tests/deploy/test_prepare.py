"""What stands before the services start: secrets, databases and roles, topics and tables."""

import asyncio
import os
import stat
from pathlib import Path

import asyncpg
import pytest
import yaml
from sqlalchemy import text

from deploy import credentials, prepare
from deploy.postgres import Postgres
from libs.common import migrate
from libs.common.db import Database
from services.catalog.app import create_app
from tests.conftest import MakeKit
from tests.deploy.manifests import WITH_DATABASE


def _env(folder: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in (folder / ".env").read_text().splitlines())


def test_secrets_are_made_once_and_are_for_their_owner_only(tmp_path: Path) -> None:
    assert credentials.main(["--folder", str(tmp_path)]) == 0
    first = _env(tmp_path)
    assert credentials.main(["--folder", str(tmp_path)]) == 0
    assert _env(tmp_path) == first
    secrets = [value for name, value in first.items() if name != "ISSUER_UID"]
    assert len(set(secrets)) == len(secrets)
    assert min(map(len, secrets)) >= 32
    for name in (".env", "secrets.yaml", "state/issuer/credentials.json", "state/issuer/key.json"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600, name
        assert (tmp_path / name).stat().st_uid == (
            os.geteuid() or (0 if "/" not in name else credentials.CONTAINER_UID)
        )


def test_compose_and_kubernetes_get_the_same_secrets(tmp_path: Path) -> None:
    credentials.write(tmp_path)
    env = _env(tmp_path)
    made = {
        one["metadata"]["name"]: one["stringData"]
        for one in yaml.safe_load_all((tmp_path / "secrets.yaml").read_text())
    }
    for name in WITH_DATABASE:
        assert made[name] == {
            "DATABASE_URL": f"postgresql+asyncpg://{name}:{env[f'{name.upper()}_DB_PASSWORD']}@postgres:5432/{name}",
            "KEYRING": env["KEYRING"],
        }
    assert made["postgres"]["POSTGRES_PASSWORD"] == env["POSTGRES_PASSWORD"]
    assert yaml.safe_load(made["issuer"]["credentials.json"])["console"] == made["console"]["CONSOLE_CLIENT_SECRET"]


async def _connect(database_server: Postgres, database: str, role: str, password: str) -> bool:
    try:
        conn = await asyncpg.connect(database_server.url_for(database, role, password).replace("+asyncpg", ""))
    except (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidPasswordError):
        return False
    await conn.close()
    return True


@pytest.mark.postgres
async def test_a_role_reaches_its_own_database_and_no_other(
    database_server: Postgres, passwords: dict[str, str]
) -> None:
    for role in WITH_DATABASE:
        password = passwords[credentials.password_name(role)]
        reached = [
            name
            for name in [*WITH_DATABASE, "postgres", "template1"]
            if await _connect(database_server, name, role, password)
        ]
        assert reached == [role]
    assert not await _connect(database_server, "catalog", "catalog", passwords["MATCHING_DB_PASSWORD"])


@pytest.mark.postgres
@pytest.mark.kafka
@pytest.mark.timeout(120)
def test_the_job_of_a_service_makes_topics_and_tables_and_may_run_again(
    database_server: Postgres,
    kafka: str,
    passwords: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = database_server.url_for("catalog", "catalog", passwords["CATALOG_DB_PASSWORD"])
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("BUS_URL", f"kafka://{kafka}")
    assert prepare.main(["catalog"]) == 0
    capsys.readouterr()
    assert prepare.main(["catalog", "--replication=1"]) == 0
    assert capsys.readouterr().out == "catalog: 준비됨 / prepared\n"

    async def at_head() -> bool:
        db = Database(url)
        try:
            return await migrate.at_head(db, "catalog")
        finally:
            await db.close()

    assert asyncio.run(at_head())


@pytest.mark.postgres
@pytest.mark.kafka
@pytest.mark.timeout(120)
def test_a_job_that_cannot_do_its_work_says_why_and_fails(
    database_server: Postgres,
    kafka: str,
    passwords: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BUS_URL", f"kafka://{kafka}")
    for url in (
        database_server.url_for("matching", "catalog", passwords["CATALOG_DB_PASSWORD"]),
        database_server.url_for("catalog", "catalog", "wrong"),
        "postgresql+asyncpg://catalog:x@127.0.0.1:1/catalog",
    ):
        monkeypatch.setenv("DATABASE_URL", url)
        assert prepare.main(["catalog"]) == 1
        error = capsys.readouterr().err
        assert error.strip()
        assert passwords["CATALOG_DB_PASSWORD"] not in error
    monkeypatch.setenv("BUS_URL", "")
    assert prepare.main(["catalog"]) == 2
    assert "BUS_URL" in capsys.readouterr().err


async def test_pods_of_the_release_before_stay_ready_while_a_newer_one_rolls_out(make_kit: MakeKit) -> None:
    kit = await make_kit("catalog")
    create_app(kit)
    assert (await kit.checks())["migrations"]
    async with kit.db.writer.begin() as conn:
        await conn.execute(text("UPDATE alembic_version SET version_num = 'of_the_next_release'"))
    assert (await kit.checks())["migrations"]
    async with kit.db.writer.begin() as conn:
        await conn.execute(text("DELETE FROM alembic_version"))
    assert not (await kit.checks())["migrations"]
