"""The trial's pods as local processes: the files, commands and settings of the containers, API and workers apart."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

from deploy import local
from deploy.postgres import Postgres
from deploy.process import Process, free_port, last_lines, run, wait_until
from tests.conftest import need_distributed, started
from tests.deploy.image import assemble, stages
from tests.deploy.manifests import IN_CODE, K8S, ROOT, WITH_DATABASE, Manifest, of, render
from tests.system import script
from tests.system.script import Callers

pytestmark = [pytest.mark.distributed, pytest.mark.timeout(300)]


class OverHttp(Callers):
    """The clients of the script, speaking to a gateway over the network; each has its token from the start."""

    def __init__(self, http: httpx.AsyncClient, tokens: dict[str, str]) -> None:
        self._http, self._tokens, self._keys = http, tokens, 0

    @classmethod
    async def of(cls, base: str, secrets: dict[str, str]) -> "OverHttp":
        http = httpx.AsyncClient(base_url=base)
        tokens = {}
        for client in secrets.items():
            answer = await http.post("/oauth2/token", data={"grant_type": "client_credentials"}, auth=client)
            assert answer.status_code == 200, answer.text
            tokens[client[0]] = answer.json()["access_token"]
        return cls(http, tokens)


@dataclass(frozen=True)
class Trial:
    """The pods by name; those of a service with a database twice."""

    ports: dict[str, int]
    pods: dict[str, Process]
    secrets: dict[str, str]

    def ready(self, pod: str) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.ports[pod]}/readyz").status_code == 200
        except httpx.TransportError:
            return False


class Node:
    """Does what a node of the cluster does with the rendered manifests."""

    def __init__(self, folder: Path, secrets_folder: Path, postgres: Postgres, kafka: str) -> None:
        self._folder = folder
        self._objects = render(K8S / "overlays" / "trial")
        self._data: dict[str, dict[str, str]] = {
            one["metadata"]["name"]: one["data"] for one in of(self._objects, "ConfigMap")
        }
        made = yaml.safe_load_all((secrets_folder / "secrets.yaml").read_text())
        self._data |= {one["metadata"]["name"]: one["stringData"] for one in made}
        self.deployments = {one["metadata"]["name"]: one for one in of(self._objects, "Deployment")}
        self.ports = {name: free_port() for name in self.deployments}
        self._places = {"@postgres:5432": f"@127.0.0.1:{postgres.port}", "kafka:9092": kafka}
        self._places |= {"http://issuer:8000": f"http://127.0.0.1:{self.ports['issuer']}"}
        self._places |= {"/state": str(secrets_folder / "state")}
        self._images = {name: assemble(name, folder / name) for name in IN_CODE}

    def _container(self, one: Manifest) -> tuple[Path, dict[str, str], Manifest]:
        container = one["spec"]["template"]["spec"]["containers"][0]
        image = container["image"].removeprefix("ieum/").partition(":")[0]
        env = {key: value for key, value in self._images[image].items() if key not in ("PATH", "PYTHONPATH")}
        for source in container.get("envFrom", []):
            env.update(self._data[next(iter(source.values()))["name"]])
        env.update({entry["name"]: entry["value"] for entry in container.get("env", [])})
        for there, here in self._places.items():
            env = {key: value.replace(there, here) for key, value in env.items()}
        # A cluster answers the names of its Services; here each has a port.
        pods = {name: f"{name}-api" if name in WITH_DATABASE else name for name in (*IN_CODE, "issuer")}
        env["SERVICES"] = ",".join(f"{name}=http://127.0.0.1:{self.ports[pod]}" for name, pod in pods.items())
        home = self._folder / image
        return home, {**env, "PATH": os.environ["PATH"], "PYTHONPATH": str(home)}, container

    def run_jobs(self) -> None:
        for one in of(self._objects, "Job"):
            home, env, container = self._container(one)
            assert container["command"][0] == "python"
            run([sys.executable, *container["command"][1:], *container["args"]], env, home)

    def start(self, name: str) -> Process:
        home, env, _ = self._container(self.deployments[name])
        last = stages((ROOT / "deploy" / "Dockerfile").read_text(), home.name)[-1]
        command = next(instruction for instruction in last if instruction.word == "CMD").exec_form
        places = {"0.0.0.0": "127.0.0.1", "8000": str(self.ports[name]), "uvicorn": "-muvicorn"}
        return Process.spawn([sys.executable, *(places.get(word, word) for word in command)], self.log(name), env, home)

    def log(self, name: str) -> Path:
        return self._folder / f"{name}.log"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker without the events of other tests."""
    with started("Kafka", lambda: local.start_kafka(tmp_path_factory.mktemp("kafka-of-trial"))) as server:
        yield server.bootstrap


@pytest.fixture(scope="module")
def trial(
    tmp_path_factory: pytest.TempPathFactory, secrets_folder: Path, database_server: Postgres, broker: str
) -> Iterator[Trial]:
    try:
        node = Node(tmp_path_factory.mktemp("node"), secrets_folder, database_server, broker)
    except RuntimeError as error:
        need_distributed("kustomize", error)
        raise
    node.run_jobs()
    pods = {name: node.start(name) for name in node.deployments}
    made = Trial(node.ports, pods, yaml.safe_load((secrets_folder / "state/issuer/credentials.json").read_text()))
    try:
        wait_until(lambda: all(map(made.ready, pods)), 90, 0.5)
        assert not [last_lines(node.log(name)) for name in pods if not made.ready(name)]
        yield made
    finally:
        for process in pods.values():
            process.kill()


async def test_the_flow_passes_through_apis_and_workers_apart(trial: Trial) -> None:
    callers = await OverHttp.of(f"http://127.0.0.1:{trial.ports['gateway']}", trial.secrets)
    await script.load_courses(callers)
    await script.send_files(callers)
    items = await script.settled(callers)
    found = await script.recommendations(callers, sorted({item["business_number"] for item in items}))
    await callers.close()
    assert len(found) > 20
    assert {answer["status"] for answer in found.values()} == {"priced"}
    prices = [course["price"]["status"] for answer in found.values() for course in answer["courses"]]
    assert "quoted" in prices
    assert "pricing" not in prices


async def test_pods_stop_when_asked_and_well_within_their_grace(trial: Trial) -> None:
    for process in trial.pods.values():
        process.send(15)
    assert wait_until(lambda: not any(process.alive() for process in trial.pods.values()), 20)
