"""What a service needs before it first starts: the topics and its own tables. Quick where all of it is there.

`DATABASE_URL=… BUS_URL=… python -m deploy.prepare SERVICE [--replication N]` is what a job runs before the service.
"""

import argparse
import asyncio
import sys

from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from deploy import topics
from libs.common import migrate
from libs.common.db import Database
from libs.common.kafka import Brokers
from libs.common.settings import Settings


async def upgrade(service: str, url: str) -> None:
    """Brings the tables of a service to what its code expects. Raises RuntimeError where that fails."""
    db = Database(url)
    try:
        await migrate.upgrade(db, service)
    except (CommandError, SQLAlchemyError) as error:
        raise RuntimeError(f"{service}: 마이그레이션이 실패했습니다 / the migration failed: {error}") from error
    finally:
        await db.close()


async def _prepare(service: str, replication: int, settings: Settings) -> None:
    for topic in await topics.create(Brokers.at(settings.bus_url), replication):
        sys.stdout.write(f"topic {topic}\n")
    await upgrade(service, settings.database_url)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.prepare", description=__doc__)
    parser.add_argument("service")
    parser.add_argument("--replication", type=int, default=1, help="copies of each topic; Kafka needs as many brokers")
    options = parser.parse_args(arguments)
    settings = Settings()
    missing = [name for name in ("database_url", "bus_url") if not getattr(settings, name)]
    if missing:
        names = ", ".join(missing).upper()
        sys.stderr.write(f"설정이 없습니다 / settings are missing: {names}\n")
        return 2
    try:
        asyncio.run(_prepare(options.service, options.replication, settings))
    except (OSError, RuntimeError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{options.service}: 준비됨 / prepared\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
