"""Migrations of every service by one environment: `services/<name>/migrations/versions/*.py`.

`python -m libs.common.migrate upgrade <service> <url>` is what a Kubernetes job runs; the embedded
mode calls `upgrade` at start. On PostgreSQL a lock lets one of several callers work, the rest wait.
"""

import asyncio
import importlib
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text

from libs.common.db import Database

_ROOT = Path(__file__).resolve().parents[2]
_LOCK = 0x1E0B


def metadata(service: str) -> MetaData:
    found = importlib.import_module(f"services.{service}.store").metadata
    assert isinstance(found, MetaData)
    return found


def config(service: str, connection: Connection | None = None) -> Config:
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    made.set_main_option("version_locations", str(_ROOT / "services" / service / "migrations" / "versions"))
    made.set_main_option("path_separator", "newline")
    made.set_main_option("file_template", "%%(year)d_%%(month).2d_%%(day).2d_%%(slug)s")
    made.attributes.update(service=service, connection=connection)
    return made


def head(service: str) -> str | None:
    return ScriptDirectory.from_config(config(service)).get_current_head()


def current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


async def at_head(db: Database, service: str) -> bool:
    async with db.reading() as conn:
        return await conn.run_sync(current) == head(service)


async def usable(db: Database, service: str) -> bool:
    """Whether this code can work with the tables: they are its own, or already those of a newer release.

    Migrations keep what the release before needs, so its processes serve on while the newer ones start.
    """
    async with db.reading() as conn:
        found = await conn.run_sync(current)
    script = ScriptDirectory.from_config(config(service))
    known = {revision.revision for revision in script.walk_revisions()}
    return found == script.get_current_head() or (found is not None and found not in known)


async def upgrade(db: Database, service: str, target: str = "head") -> None:
    """Brings the service's database to `target`; quick where it is there already."""
    if target == "head" and await at_head(db, service):
        return
    async with db.writer.begin() as conn:
        if not db.is_sqlite:
            await conn.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        await conn.run_sync(lambda sync: command.upgrade(config(service, sync), target))


async def downgrade(db: Database, service: str, target: str) -> None:
    async with db.writer.begin() as conn:
        await conn.run_sync(lambda sync: command.downgrade(config(service, sync), target))


async def check(db: Database, service: str) -> None:
    """Raises where the tables in code and the migrations differ."""
    async with db.writer.begin() as conn:
        await conn.run_sync(lambda sync: command.check(config(service, sync)))


async def _main(arguments: list[str]) -> int:
    match arguments:
        case ["upgrade", service, url]:
            db = Database(url)
            await upgrade(db, service)
            await db.close()
        case ["revision", service, message]:
            scratch = _ROOT / "build" / f"{service}-revision.db"
            scratch.parent.mkdir(exist_ok=True)
            scratch.unlink(missing_ok=True)
            db = Database(f"sqlite+aiosqlite:///{scratch}")
            (_ROOT / "services" / service / "migrations" / "versions").mkdir(parents=True, exist_ok=True)
            await upgrade(db, service)
            async with db.writer.begin() as conn:
                await conn.run_sync(
                    lambda sync: command.revision(config(service, sync), message=message, autogenerate=True)
                )
            await db.close()
        case _:
            sys.stderr.write("usage: python -m libs.common.migrate upgrade SERVICE URL | revision SERVICE MESSAGE\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(sys.argv[1:])))
