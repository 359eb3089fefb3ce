"""One Apache Kafka broker; its jars come from Maven Central by `deploy/kafka/pom.xml` into a cache of the user."""

import base64
import os
import re
import secrets
import shutil
import tempfile
from pathlib import Path
from string import Template

from deploy.process import Missing, Process, await_server, port_answers, run
from libs.common.issuer import write_private

KAFKA = Path(__file__).parent / "kafka"
DEFAULT_KAFKA = "4.1.1"


def kafka_version() -> str:
    version = os.environ.get("KAFKA_VERSION") or DEFAULT_KAFKA
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise RuntimeError(f"KAFKA_VERSION은 4.1.1과 같은 꼴이어야 합니다 / must look like 4.1.1: {version!r}")
    return version


def jar_folder(version: str) -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ieum" / f"kafka-{version}"


def kafka_jars(version: str) -> Path:
    """The folder of the broker's jars; fetched at the first call, whole or not at all."""
    folder = jar_folder(version)
    if folder.is_dir():
        return folder
    if shutil.which("mvn") is None:
        raise Missing("Maven", "maven")
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        backend = "reload4j" if version.startswith("3.") else "log4j2"
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={scratch / 'libs'}"]
        pom = ["-f", str(KAFKA / "pom.xml"), f"-Dkafka.version={version}", f"-P{backend}"]
        run(["mvn", "-q", "-B", *pom, *goal], os.environ, KAFKA)
        try:
            (scratch / "libs").rename(folder)
        except OSError:
            # Another process was first; its jars are the same.
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


class Kafka:
    """One broker: `directory` keeps its settings, its log and its data."""

    def __init__(self, directory: Path, port: int, controller_port: int = 0) -> None:
        self.port, self.directory, self.version = port, directory, kafka_version()
        self.controller_port = controller_port or port + 1
        self.log = directory / "kafka.log"
        self._settings = directory / "server.properties"
        self._log_start: int | None = None
        self._process: Process | None = None

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def process(self) -> Process:
        assert self._process is not None
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    def prepare(self) -> None:
        """Writes the settings and formats the data folder where that was not done before."""
        if shutil.which("java") is None:
            raise Missing("Java", "openjdk-17-jre-headless")
        self.directory.mkdir(parents=True, exist_ok=True)
        values = {"port": self.port, "controller_port": self.controller_port, "data": self.directory / "data"}
        self._settings.write_text(Template((KAFKA / "server.properties").read_text()).substitute(values))
        cluster = self.directory / "cluster-id"
        if not cluster.exists():
            # A random first character could be "-", which the tool would take for an option.
            write_private(cluster, base64.urlsafe_b64encode(b"ieum" + secrets.token_bytes(12)).decode().rstrip("="))
        given = ["--ignore-formatted", "-t", cluster.read_text(), "-c", str(self._settings)]
        self.tool("kafka.tools.StorageTool", "format", *given)

    def tool(self, name: str, *arguments: str) -> None:
        """Runs one of Kafka's own programs by the name of its class."""
        run(["java", "-Xmx128m", *self._java(), name, *arguments], os.environ, self.directory)

    def launch(self) -> Process:
        """Starts the process and does not wait."""
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        # On two cores the second compiler would take more from the services than it ever gives back.
        heap = ["-Xms256m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        argv = ["java", *heap, *self._java(), "kafka.Kafka", str(self._settings)]
        self._process = Process.spawn(argv, self.log, os.environ, self.directory)
        return self._process

    def start(self) -> None:
        """Returns when the broker takes requests."""
        self.launch()
        self.wait()

    def wait(self) -> None:
        await_server("Kafka", self.process, self._ready, self.log)

    def _ready(self) -> bool:
        if self._log_start is None:
            return port_answers(self.port)
        # The port opens before the broker may create topics; only this line says that it is unfenced.
        with self.log.open("rb") as file:
            file.seek(self._log_start)
            return b"Kafka Server started" in file.read()

    def _java(self) -> list[str]:
        old = self.version.startswith("3.")
        logging = "log4j.configuration" if old else "log4j2.configurationFile"
        config = (KAFKA / ("log4j.properties" if old else "log4j2.properties")).resolve().as_uri()
        jars = f"{kafka_jars(self.version)}/*"
        return ["-Djava.awt.headless=true", f"-D{logging}={config}", "-cp", jars]

    def adopt(self, process: Process) -> None:
        """Takes over a process that an earlier run launched."""
        self._process = process

    def stop(self) -> None:
        self.process.stop()

    def kill(self) -> None:
        self.process.kill()

    def restart(self) -> None:
        """The same port and the same data."""
        self.stop()
        self.start()
