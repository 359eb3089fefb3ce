"""The manifests of `k8s/`, rendered and held against the schemas of Kubernetes and against our own rules."""

import copy
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from deploy.credentials import STORED, manifests, values
from deploy.system import SERVICES
from libs.common.settings import Settings
from tests.conftest import need_distributed
from tests.deploy import policy
from tests.deploy.image import ROOT, stages
from tests.deploy.policy import Manifest, called, containers, of_kind, pods

KUBERNETES = "1.30"
COMPONENTS = [path.parent.name for path in sorted((ROOT / "k8s" / "components").glob("*/kustomization.yaml"))]


@cache
def renderer() -> tuple[str, ...] | None:
    """A kustomize that knows components: alone, or in a kubectl of at least 1.29."""
    cached = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ieum" / "tools" / "kubectl"
    if shutil.which("kustomize"):
        return ("kustomize", "build")
    for program in filter(None, (shutil.which("kubectl"), str(cached) if cached.exists() else None)):
        answer = subprocess.run([program, "version", "--client"], capture_output=True, text=True, check=False)
        known = re.search(r"Kustomize Version: v(\d+)", answer.stdout)
        if known and int(known[1]) >= 5:
            return (program, "kustomize")
    return None


@cache
def _rendered(folder: Path) -> str:
    command = renderer()
    if command is None:
        need_distributed("kustomize", FileNotFoundError("bash deploy/tools.sh"))
        raise AssertionError
    answer = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    return answer.stdout


def render(folder: Path) -> list[Manifest]:
    return [item for item in yaml.safe_load_all(_rendered(folder)) if item]


@pytest.fixture
def base() -> list[Manifest]:
    return render(ROOT / "k8s" / "base")


@pytest.fixture
def trial() -> list[Manifest]:
    return render(ROOT / "k8s" / "overlays" / "trial")


@pytest.fixture
def everything(tmp_path: Path) -> list[Manifest]:
    """The base with every component that there is."""
    k8s = shutil.copytree(ROOT / "k8s", tmp_path / "k8s")
    overlay = k8s / "overlays" / "everything"
    overlay.mkdir()
    kustomization = {"resources": ["../../base"], "components": [f"../../components/{name}" for name in COMPONENTS]}
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return render(overlay)


WALLED = (*policy.RULES, policy.walled)


@pytest.mark.parametrize("rule", policy.RULES, ids=lambda rule: rule.__name__)
def test_the_base_keeps_every_rule(base: list[Manifest], rule: policy.Rule) -> None:
    assert list(rule(base)) == []


@pytest.mark.parametrize("rule", WALLED, ids=lambda rule: rule.__name__)
def test_the_trial_keeps_every_rule(trial: list[Manifest], rule: policy.Rule) -> None:
    assert list(rule(trial)) == []


def test_all_components_together_are_valid_and_keep_every_rule(everything: list[Manifest]) -> None:
    for item in everything:
        kubernetes_validate.validate(item, KUBERNETES, strict=True)
    assert [wrong for rule in WALLED for wrong in rule(everything)] == []


def test_every_manifest_of_base_and_trial_is_valid_for_kubernetes(base: list[Manifest], trial: list[Manifest]) -> None:
    assert len(base) > 30
    for item in (*base, *trial):
        kubernetes_validate.validate(item, KUBERNETES, strict=True)


def test_a_misspelt_field_is_refused(base: list[Manifest]) -> None:
    broken = copy.deepcopy(of_kind(base, "Deployment")[0])
    broken["spec"]["replicass"] = 2
    with pytest.raises(kubernetes_validate.ValidationError, match="replicass"):
        kubernetes_validate.validate(broken, KUBERNETES, strict=True)


def test_images_carry_the_version_of_the_project(base: list[Manifest]) -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    images = {str(container["image"]) for _, _, container in containers(base)}
    named = {service.name for service in SERVICES} - {"issuer"}
    assert images == {f"{policy.PREFIX}{name}:{version[1]}" for name in named}


def test_pods_run_the_server_of_their_image_and_jobs_what_make_up_does(trial: list[Manifest]) -> None:
    for name, _, pod in pods(trial):
        for container in filter(policy.own, pod["containers"]):
            if name.startswith("Job/"):
                assert container["command"] == ["python", "-m", "deploy.prepare"]
                assert container["args"] == [name.removeprefix("Job/").removesuffix("-prepare"), "--replication=1"]
            else:
                assert {"command", "args"}.isdisjoint(container)


def test_the_issuer_of_the_trial_is_the_one_of_make_up(trial: list[Manifest]) -> None:
    issuer = next(item for item in trial if called(item) == "Deployment/issuer")
    env = {
        variable["name"]: variable["value"] for variable in issuer["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert env["UVICORN_APP"] == next(service.factory for service in SERVICES if service.name == "issuer")


def test_a_claim_of_one_node_is_given_up_before_the_next_pod_takes_it(trial: list[Manifest]) -> None:
    for item in of_kind(trial, "Deployment"):
        if any("persistentVolumeClaim" in volume for volume in item["spec"]["template"]["spec"]["volumes"]):
            assert item["spec"]["strategy"] == {"type": "Recreate"}, called(item)


def test_every_secret_that_pods_refer_to_is_made_by_the_command(trial: list[Manifest]) -> None:
    made = {item["metadata"]["name"]: set(item["stringData"]) for item in _credentials()}
    wanted = set()
    for _, _, pod in pods(trial):
        wanted |= {volume["secret"]["secretName"] for volume in pod.get("volumes", ()) if "secret" in volume}
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            wanted |= {source["secretRef"]["name"] for source in container.get("envFrom", ()) if "secretRef" in source}
    assert wanted == made.keys()
    known = {name.upper() for name in Settings.model_fields}
    assert all(made[service] <= known for service in (*STORED, "console"))


def test_only_a_service_with_a_database_is_given_one(trial: list[Manifest]) -> None:
    for name, labels, pod in pods(trial):
        for container in filter(policy.own, pod["containers"]):
            service = labels["app.kubernetes.io/name"]
            secrets = {source["secretRef"]["name"] for source in container["envFrom"] if "secretRef" in source}
            assert secrets == ({service} if service in (*STORED, "console") else set()), name


def _credentials() -> list[dict[str, Any]]:
    clients = {"console": "not-a-secret"}
    return manifests(values({}, clients), clients)


def test_made_secrets_fit_kubernetes() -> None:
    for item in _credentials():
        kubernetes_validate.validate(item, KUBERNETES, strict=True)


# -- who may talk to whom -----------------------------------------------------------------------------------------


def _peers(rules: Sequence[Manifest], side: str, labels: Manifest, port: int) -> bool:
    for rule in rules:
        ports = {8000 if given["port"] == "http" else given["port"] for given in rule.get("ports", ())}
        if ports and port not in ports:
            continue
        peers = rule.get(side)
        if peers is None:
            return True
        for peer in peers:
            if "namespaceSelector" not in peer and policy._matches(
                peer.get("podSelector", {"matchLabels": {"": 0}}), labels
            ):
                return True
    return False


def may_reach(items: Sequence[Manifest], source: str, target: str, port: int) -> bool:
    """Whether the network policies let the pods of one workload open a connection to those of another."""
    labels = {name: template for name, template, _ in pods(items)}
    policies = of_kind(items, "NetworkPolicy")
    out = [p["spec"].get("egress", []) for p in policies if policy._matches(p["spec"]["podSelector"], labels[source])]
    into = [p["spec"].get("ingress", []) for p in policies if policy._matches(p["spec"]["podSelector"], labels[target])]
    return any(_peers(rules, "to", labels[target], port) for rules in out) and any(
        _peers(rules, "from", labels[source], port) for rules in into
    )


def test_needed_ways_are_open_and_the_others_closed(trial: list[Manifest]) -> None:
    stored = [service.name for service in SERVICES if service.database]
    needed = {("Deployment/console", "Deployment/gateway", 8000), ("Deployment/console", "Deployment/issuer", 8000)}
    needed |= {("Deployment/gateway", f"Deployment/{name}", 8000) for name in ("issuer", "console")}
    for name in stored:
        needed |= {("Deployment/gateway", f"Deployment/{name}-api", 8000)}
        needed |= {(f"Deployment/{name}-api", "Deployment/issuer", 8000)}
        for pod in (f"Deployment/{name}-api", f"Deployment/{name}-worker", f"Job/{name}-prepare"):
            needed |= {(pod, "StatefulSet/kafka", 9092), (pod, "StatefulSet/postgres", 5432)}
    for way in needed:
        assert may_reach(trial, *way), way

    names = [name for name, _, _ in pods(trial)]
    ports = {"StatefulSet/kafka": 9092, "StatefulSet/postgres": 5432}
    ways = {(a, b, ports.get(b, 8000)) for a in names for b in names if a != b}
    allowed = {way for way in ways if may_reach(trial, *way)}
    assert allowed == needed


def test_a_wall_with_a_hole_is_seen(trial: list[Manifest]) -> None:
    assert not may_reach(trial, "Deployment/console", "StatefulSet/postgres", 5432)
    hole = {
        "kind": "NetworkPolicy",
        "metadata": {"name": "hole"},
        "spec": {"podSelector": {}, "egress": [{}], "ingress": [{}]},
    }
    assert may_reach([*trial, hole], "Deployment/console", "StatefulSet/postgres", 5432)


# -- each rule refuses what it is for -----------------------------------------------------------------------------

Spoil = Callable[[Any], Any]


def _pod(item: Manifest) -> Any:
    return item["spec"]["template"]["spec"]


SPOILT: list[tuple[policy.Rule, str, Spoil]] = [
    (policy.unprivileged, "Deployment/gateway", lambda d: _pod(d)["securityContext"].pop("runAsNonRoot")),
    (policy.unprivileged, "Deployment/gateway", lambda d: _pod(d)["securityContext"].update(runAsUser=0)),
    (policy.unprivileged, "Deployment/gateway", lambda d: _pod(d)["securityContext"].pop("seccompProfile")),
    (policy.unprivileged, "Deployment/gateway", lambda d: _pod(d)["containers"][0].pop("securityContext")),
    (
        policy.unprivileged,
        "Job/catalog-prepare",
        lambda d: _pod(d)["containers"][0]["securityContext"].update(
            capabilities={"drop": ["ALL"], "add": ["NET_RAW"]}
        ),
    ),
    (
        policy.unprivileged,
        "StatefulSet/kafka",
        lambda d: _pod(d)["containers"][0]["securityContext"].update(readOnlyRootFilesystem=False),
    ),
    (
        policy.unprivileged,
        "Deployment/issuer",
        lambda d: _pod(d)["initContainers"][0]["securityContext"].update(allowPrivilegeEscalation=True),
    ),
    (policy.nothing_of_the_node, "Deployment/gateway", lambda d: _pod(d).update(hostNetwork=True)),
    (policy.nothing_of_the_node, "Deployment/gateway", lambda d: _pod(d).pop("enableServiceLinks")),
    (
        policy.nothing_of_the_node,
        "Deployment/gateway",
        lambda d: _pod(d)["volumes"].append({"name": "node", "hostPath": {"path": "/"}}),
    ),
    (policy.no_token, "Deployment/gateway", lambda d: _pod(d).pop("automountServiceAccountToken")),
    (policy.no_token, "Deployment/gateway", lambda d: _pod(d).pop("serviceAccountName")),
    (policy.no_token, "ServiceAccount/gateway", lambda d: d.pop("automountServiceAccountToken")),
    (policy.pinned, "Deployment/gateway", lambda d: _pod(d)["containers"][0].update(image="ieum/gateway:latest")),
    (policy.pinned, "Deployment/gateway", lambda d: _pod(d)["containers"][0].update(image="host:5000/ieum/gateway")),
    (policy.bounded, "Deployment/gateway", lambda d: _pod(d)["containers"][0].pop("resources")),
    (policy.bounded, "Deployment/gateway", lambda d: _pod(d)["containers"][0]["resources"]["limits"].pop("memory")),
    (policy.bounded, "Deployment/gateway", lambda d: _pod(d)["volumes"][0].update(emptyDir={})),
    (policy.bounded, "Deployment/gateway", lambda d: _pod(d)["volumes"].clear()),
    (policy.probed, "Deployment/gateway", lambda d: _pod(d)["containers"][0].pop("readinessProbe")),
    (
        policy.probed,
        "Deployment/gateway",
        lambda d: _pod(d)["containers"][0]["livenessProbe"]["httpGet"].update(path="/readyz"),
    ),
    (policy.gentle, "Deployment/gateway", lambda d: _pod(d)["containers"][0].pop("lifecycle")),
    (policy.gentle, "Deployment/gateway", lambda d: _pod(d).update(terminationGracePeriodSeconds=15)),
    (
        policy.selected,
        "Service/catalog",
        lambda d: d["spec"].update(selector={"app.kubernetes.io/name": "catalog"}),
    ),
    (policy.selected, "Service/catalog", lambda d: d["spec"]["ports"][0].update(targetPort=8080)),
    (
        policy.selected,
        "Deployment/catalog-api",
        lambda d: d["spec"]["selector"]["matchLabels"].pop("app.kubernetes.io/component"),
    ),
    (policy.evictable, "PodDisruptionBudget/catalog", lambda d: d["spec"].update(maxUnavailable=0)),
    (policy.evictable, "PodDisruptionBudget/catalog", lambda d: d["spec"]["selector"]["matchLabels"].update(x="y")),
    (
        policy.referred,
        "Deployment/gateway",
        lambda d: _pod(d)["containers"][0]["envFrom"].append({"configMapRef": {"name": "nowhere"}}),
    ),
    (policy.referred, "PersistentVolumeClaim/issuer", lambda d: d["metadata"].update(name="other")),
    (policy.secretive, "ServiceAccount/gateway", lambda d: d.update(kind="Secret")),
    (
        policy.secretive,
        "Deployment/gateway",
        lambda d: _pod(d)["containers"][0]["env"].append({"name": "KEYRING", "value": "k1=AAAA"}),
    ),
    (
        policy.known_settings,
        "Deployment/gateway",
        lambda d: _pod(d)["containers"][0]["env"].append({"name": "JWKS_ULR", "value": "x"}),
    ),
    (policy.in_one_namespace, "Service/catalog", lambda d: d["metadata"].update(namespace="default")),
    (policy.whole, "Deployment/catalog-worker", lambda d: d["metadata"].update(name="catalog-wurker")),
    (policy.whole, "Deployment/catalog-worker", lambda d: _pod(d)["containers"][0]["env"][0].update(value="all")),
    (policy.walled, "NetworkPolicy/default-deny", lambda d: d["spec"].update(egress=[{}])),
    (policy.walled, "NetworkPolicy/default-deny", lambda d: d["spec"].update(policyTypes=["Ingress"])),
]


@pytest.mark.parametrize(
    ("rule", "name", "spoil"), SPOILT, ids=[f"{r.__name__}-{n}" for n, (r, _, _) in enumerate(SPOILT)]
)
def test_a_spoilt_manifest_is_refused(trial: list[Manifest], rule: policy.Rule, name: str, spoil: Spoil) -> None:
    spoil(next(item for item in trial if called(item) == name))
    assert list(rule(trial)) != []


def test_a_scaler_of_something_that_applies_set_back_is_refused(everything: list[Manifest]) -> None:
    gateway = next(item for item in everything if called(item) == "Deployment/gateway")
    gateway["spec"]["replicas"] = 2
    assert any("set back" in wrong for wrong in policy.referred(everything))


def test_a_setting_with_a_secret_in_the_open_is_refused(trial: list[Manifest]) -> None:
    of_kind(trial, "ConfigMap")[0]["data"]["DATABASE_URL"] = "postgresql+asyncpg://a:b@c/d"
    assert any("DATABASE_URL" in wrong for wrong in policy.secretive(trial))


def test_every_rule_has_a_manifest_that_it_refuses() -> None:
    assert {rule for rule, _, _ in SPOILT} == set(WALLED)


def test_the_grace_of_the_image_is_the_one_that_pods_wait_for() -> None:
    last = stages((ROOT / "deploy" / "Dockerfile").read_text(), "catalog")[-1]
    command = next(instruction for instruction in last if instruction.word == "CMD").exec_form
    assert command[command.index("--timeout-graceful-shutdown") + 1] == "10"
