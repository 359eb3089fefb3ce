"""The network policies of the trial open the ways that the system needs, and no other."""

from collections.abc import Sequence

import pytest

from deploy.system import SERVICES
from tests.conftest import need_distributed
from tests.deploy.manifests import K8S, Manifest, of, pods, render, selects

PORTS = {"StatefulSet/kafka": 9092, "StatefulSet/postgres": 5432}
HTTP = 8000


@pytest.fixture
def trial() -> list[Manifest]:
    try:
        return render(K8S / "overlays" / "trial")
    except RuntimeError as error:
        need_distributed("kustomize", error)
        raise


def _lets(rules: Sequence[Manifest], side: str, labels: dict[str, str], port: int) -> bool:
    """Whether one of the rules has the pod with these labels among its peers, at this port."""
    for rule in rules:
        ports = [HTTP if given["port"] == "http" else given["port"] for given in rule.get("ports", [])]
        if ports and port not in ports:
            continue
        # Peers of other namespaces and addresses outside are not pods of ours.
        inside = [peer for peer in rule.get(side, []) if "podSelector" in peer and "namespaceSelector" not in peer]
        if side not in rule or any(selects(peer["podSelector"], labels) for peer in inside):
            return True
    return False


def may_reach(objects: list[Manifest], source: str, target: str) -> bool:
    """Both ends must agree: the policies on what leaves the source, and those on what enters the target."""
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(objects)}
    port = PORTS.get(target, HTTP)

    def rules(name: str, direction: str) -> list[Manifest]:
        mine = [
            one["spec"] for one in of(objects, "NetworkPolicy") if selects(one["spec"]["podSelector"], labels[name])
        ]
        return [rule for spec in mine for rule in spec.get(direction, [])]

    leaves = _lets(rules(source, "egress"), "to", labels[target], port)
    return leaves and _lets(rules(target, "ingress"), "from", labels[source], port)


def _needed() -> set[tuple[str, str]]:
    ways = {("Deployment/console", "Deployment/gateway")}
    ways |= {("Deployment/gateway", f"Deployment/{name}") for name in ("issuer", "console")}
    ways |= {("Deployment/console", "Deployment/issuer")}
    for name in (service.name for service in SERVICES if service.database):
        ways |= {("Deployment/gateway", f"Deployment/{name}-api"), (f"Deployment/{name}-api", "Deployment/issuer")}
        for pod in (f"Deployment/{name}-api", f"Deployment/{name}-worker", f"Job/{name}-prepare"):
            ways |= {(pod, server) for server in PORTS}
    return ways


def test_exactly_the_needed_ways_are_open(trial: list[Manifest]) -> None:
    names = [name for name, _ in pods(trial)]
    assert {(a, b) for a in names for b in names if a != b and may_reach(trial, a, b)} == _needed()


def test_a_hole_in_the_wall_is_seen(trial: list[Manifest]) -> None:
    console, database = "Deployment/console", "StatefulSet/postgres"
    assert not may_reach(trial, console, database)
    hole = {"kind": "NetworkPolicy", "spec": {"podSelector": {}, "ingress": [{}], "egress": [{}]}}
    assert may_reach([*trial, hole], console, database)


def test_without_its_policy_a_needed_way_is_closed(trial: list[Manifest]) -> None:
    fewer = [one for one in trial if one["metadata"]["name"] != "to-bus"]
    assert len(fewer) == len(trial) - 1
    assert not may_reach(fewer, "Deployment/catalog-worker", "StatefulSet/kafka")


def test_only_the_worker_that_sends_webhooks_may_leave_the_cluster(trial: list[Manifest]) -> None:
    for name, pod in pods(trial):
        addresses = [
            peer["ipBlock"]
            for one in of(trial, "NetworkPolicy")
            if selects(one["spec"]["podSelector"], pod["metadata"]["labels"])
            for rule in one["spec"].get("egress", [])
            for peer in rule.get("to", [])
            if "ipBlock" in peer
        ]
        assert bool(addresses) == (name == "Deployment/interagency-worker"), name
        assert all(block["except"] for block in addresses)
