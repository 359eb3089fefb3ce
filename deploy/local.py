"""A real Apache Kafka and a real PostgreSQL on this machine, without Docker.

Both listen on 127.0.0.1 only and keep their data over a restart.
"""

import atexit
import shutil
import tempfile
from pathlib import Path

from deploy.broker import Kafka, jar_folder, kafka_version
from deploy.postgres import Postgres, postgres_programs
from deploy.process import Missing, free_port


def missing_tools() -> list[Missing]:
    """What has to be installed before Kafka and PostgreSQL can be started here."""
    found = []
    if shutil.which("java") is None:
        found.append(Missing("Java", "openjdk-17-jre-headless"))
    if shutil.which("mvn") is None and not jar_folder(kafka_version()).is_dir():
        found.append(Missing("Maven", "maven"))
    if postgres_programs() is None:
        found.append(Missing("PostgreSQL", "postgresql"))
    return found


def start_kafka(directory: Path, port: int = 0) -> Kafka:
    """Starts a broker; `port` 0 takes a free one. Raises RuntimeError in Korean and English."""
    broker = Kafka(directory.resolve(), port or free_port(), 0 if port else free_port())
    broker.prepare()
    broker.start()
    return broker


def start_postgres(directory: Path, port: int = 0, password: str | None = None) -> Postgres:
    """Starts a server; `port` 0 takes a free one. Raises RuntimeError in Korean and English.

    Data that had to lie beside a temporary `directory` goes with this process.
    """
    server = Postgres(directory.resolve(), port or free_port(), password)
    if server.home != directory.resolve() and server.home.is_relative_to(tempfile.gettempdir()):
        atexit.register(shutil.rmtree, server.home, ignore_errors=True)
    server.prepare()
    server.start()
    return server
