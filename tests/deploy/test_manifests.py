"""The Kubernetes manifests as the cluster would get them: valid, locked down, and the same system as `make up`."""

import copy
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from deploy import credentials
from deploy.broker import KAFKA
from deploy.system import SERVICES
from tests.conftest import need_distributed
from tests.deploy import policy
from tests.deploy.manifests import IN_CODE, K8S, ROOT, WITH_DATABASE, Manifest, containers, kustomize, label, of, render
from tests.deploy.policy import CHECKS, Check

OLDEST, KUBERNETES = "1.30", "1.37"
TRIAL = K8S / "overlays" / "trial"


@pytest.fixture(scope="module", autouse=True)
def _tool() -> None:
    try:
        kustomize()
    except RuntimeError as error:
        need_distributed("kustomize", error)


def _combined(folder: Path, *components: str) -> list[Manifest]:
    """The base with these components, as somebody's own overlay would take them."""
    folder.joinpath("kustomization.yaml").write_text(
        yaml.safe_dump(
            {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "resources": [_relative(folder, "base")],
                "components": [_relative(folder, f"components/{name}") for name in components],
            }
        )
    )
    return render(folder)


def _relative(folder: Path, path: str) -> str:
    up = "/".join([".."] * (len(folder.resolve().parts) - 1))
    return f"{up}{K8S / path}"


ALL_COMPONENTS = sorted(path.parent.name for path in K8S.glob("components/*/kustomization.yaml"))


@pytest.mark.parametrize(
    "components",
    [
        (),
        ("network-policies", "autoscaling"),
        ("autoscaling", "issuer", "kafka", "network-policies", "postgres"),
    ],
    ids=lambda names: "+".join(("base", *names)),
)
def test_every_combination_is_valid_for_the_api_server(tmp_path: Path, components: tuple[str, ...]) -> None:
    assert set(components) <= set(ALL_COMPONENTS)
    objects = _combined(tmp_path, *components)
    for one in objects:
        kubernetes_validate.validate(one, KUBERNETES, strict=True)
    places = [(one["kind"], one["metadata"]["name"]) for one in objects]
    assert len(places) == len(set(places))
    unmet = {policy.nothing_is_allowed_by_default} if "network-policies" not in components else set()
    assert [trouble for check in CHECKS if check not in unmet for trouble in check(objects)] == []


def test_the_oldest_cluster_that_we_support_takes_everything(everything: list[Manifest]) -> None:
    for one in everything:
        kubernetes_validate.validate(one, OLDEST, strict=True)
    assert {one["kind"] for one in everything} >= {"Deployment", "Job", "NetworkPolicy", "HorizontalPodAutoscaler"}


def test_the_schemas_refuse_what_they_should() -> None:
    one = of(render(TRIAL), "Deployment")[0]
    one["spec"]["replicass"] = 2
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(one, KUBERNETES, strict=True)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_trial_keeps_the_policy(check: Check) -> None:
    assert list(check(render(TRIAL))) == []


Change = Callable[[Any], object]
_GONE = object()


def _set(path: str, value: Any = _GONE) -> Change:
    """Sets, or without a value removes, what lies at a path such as `spec.template.spec.containers.0.image`."""

    def change(one: Any) -> None:
        *way, last = (int(step) if step.isdigit() else step.replace("~", ".") for step in path.split("."))
        for step in way:
            one = one[step]
        if value is _GONE:
            del one[last]
        else:
            one[last] = value

    return change


def _grow(path: str, value: Any) -> Change:
    def change(one: Any) -> None:
        for step in path.split("."):
            one = one[int(step) if step.isdigit() else step]
        one.append(value)

    return change


POD, CONTAINER = "spec.template.spec", "spec.template.spec.containers.0"
API, WORKER, JOB = "Deployment/catalog-api", "Deployment/catalog-worker", "Job/catalog-prepare"
MUTATIONS: list[tuple[Check, str, Change]] = [
    (policy.pods_are_unprivileged, API, _set(f"{POD}.securityContext.runAsNonRoot", False)),
    (policy.pods_are_unprivileged, API, _set(f"{POD}.securityContext.runAsUser", 0)),
    (policy.pods_are_unprivileged, JOB, _set(f"{POD}.securityContext.seccompProfile")),
    (policy.pods_are_unprivileged, "StatefulSet/kafka", _set(f"{POD}.automountServiceAccountToken")),
    (policy.pods_are_unprivileged, WORKER, _set(f"{POD}.hostNetwork", True)),
    (policy.pods_are_unprivileged, WORKER, _grow(f"{POD}.volumes", {"name": "h", "hostPath": {"path": "/"}})),
    (policy.containers_are_locked_down, API, _set(f"{CONTAINER}.securityContext.readOnlyRootFilesystem", False)),
    (policy.containers_are_locked_down, JOB, _set(f"{CONTAINER}.securityContext")),
    (policy.containers_are_locked_down, API, _set(f"{CONTAINER}.securityContext.privileged", True)),
    (policy.containers_are_locked_down, API, _set(f"{CONTAINER}.securityContext.capabilities.add", ["NET_ADMIN"])),
    (policy.containers_are_locked_down, API, _set(f"{CONTAINER}.securityContext.runAsUser", 0)),
    (policy.containers_are_locked_down, "Deployment/issuer", _set(f"{POD}.initContainers.0.securityContext")),
    (policy.resources_are_bounded, API, _set(f"{CONTAINER}.resources.limits.memory")),
    (policy.resources_are_bounded, JOB, _set(f"{CONTAINER}.resources.requests")),
    (policy.resources_are_bounded, API, _set(f"{POD}.volumes.0.emptyDir", {})),
    (policy.servers_are_probed, WORKER, _set(f"{CONTAINER}.readinessProbe")),
    (policy.servers_are_probed, "StatefulSet/postgres", _set(f"{CONTAINER}.startupProbe")),
    (policy.servers_are_probed, API, _set(f"{CONTAINER}.livenessProbe.httpGet.path", "/readyz")),
    (policy.stops_are_graceful, API, _set(f"{CONTAINER}.lifecycle")),
    (policy.stops_are_graceful, API, _set(f"{POD}.terminationGracePeriodSeconds", 15)),
    (policy.images_are_pinned, API, _set(f"{CONTAINER}.image", "ieum/catalog")),
    (policy.images_are_pinned, API, _set(f"{CONTAINER}.image", "host:5000/ieum/catalog")),
    (policy.images_are_pinned, JOB, _set(f"{CONTAINER}.image", "ieum/catalog:latest")),
    (policy.disruptions_are_bounded, "PodDisruptionBudget/catalog", _set("spec.maxUnavailable", 0)),
    (policy.disruptions_are_bounded, "PodDisruptionBudget/catalog", _set("spec.selector.matchExpressions")),
    (policy.disruptions_are_bounded, API, _set("spec.template.metadata.labels", {})),
    (policy.nothing_is_allowed_by_default, "NetworkPolicy/default-deny", _set("spec.policyTypes", ["Ingress"])),
    (policy.nothing_is_allowed_by_default, "NetworkPolicy/default-deny", _set("spec.egress", [{}])),
    (policy.nothing_is_allowed_by_default, "NetworkPolicy/database", _set("spec.ingress", [{}])),
    (policy.secrets_are_references, API, _grow(f"{CONTAINER}.env", {"name": "KEYRING", "value": "k=a2V5"})),
    (policy.secrets_are_references, API, _grow(f"{CONTAINER}.env", {"name": "X", "value": "kafka://u:p@host"})),
    (policy.secrets_are_references, "ConfigMap/settings", _set("data.DB_PASSWORD", "hunter2")),
    (policy.secrets_are_references, "ConfigMap/settings", _set("kind", "Secret")),
    (policy.settings_exist, API, _grow(f"{CONTAINER}.env", {"name": "JWKS_ULR", "value": "http://x"})),
    (policy.settings_exist, "ConfigMap/settings", _set("data.RATE_LIMIT", "5")),
    (policy.settings_exist, "ConfigMap/bus", _set("metadata.name", "other")),
    (policy.parts_fit, "Service/catalog", _set("spec.selector.app~kubernetes~io/name", "katalog")),
    (policy.parts_fit, "Service/catalog", _set("spec.ports.0.targetPort", "web")),
    (policy.parts_fit, "ServiceAccount/catalog", _set("metadata.name", "other")),
    (policy.parts_fit, API, _set("spec.selector.matchLabels.app~kubernetes~io/name", "other")),
    (policy.parts_fit, API, _set("spec.selector.matchLabels.app~kubernetes~io/component")),
    (policy.parts_fit, API, _set("spec.replicas", 2)),
    (policy.parts_fit, "Service/catalog", _set("metadata.namespace", "default")),
    (policy.parts_fit, "HorizontalPodAutoscaler/catalog-api", _set("spec.scaleTargetRef.name", "catalog")),
    (policy.the_system_is_whole, WORKER, _set("metadata.name", "somebody-else")),
    (policy.the_system_is_whole, "Service/matching", _set("spec.ports.0.port", 80)),
    (policy.the_system_is_whole, JOB, _set("metadata.name", "other")),
    (policy.the_system_is_whole, WORKER, _set(f"{CONTAINER}.env.0.value", "api")),
    (policy.the_system_is_whole, API, _set(f"{CONTAINER}.image", "ieum/matching:0.1.0")),
    (policy.the_system_is_whole, "Deployment/gateway", _set(f"{CONTAINER}.args", ["--reload"])),
]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    return _combined(tmp_path_factory.mktemp("all"), *ALL_COMPONENTS)


@pytest.mark.parametrize(
    ("check", "target", "change"),
    MUTATIONS,
    ids=[f"{n}-{check.__name__}-{t}" for n, (check, t, _) in enumerate(MUTATIONS)],
)
def test_a_bad_manifest_is_refused(everything: list[Manifest], check: Check, target: str, change: Change) -> None:
    objects = copy.deepcopy(everything)
    # Names of ConfigMaps end in a hash of their content.
    [victim] = [
        one
        for one in objects
        if label(one) == target or ("ConfigMap" in target and label(one).startswith(f"{target}-"))
    ]
    assert list(check(objects)) == []
    change(victim)
    assert list(check(objects)) != []


def test_every_check_has_a_manifest_that_it_refuses() -> None:
    assert {check for check, _, _ in MUTATIONS} == set(CHECKS)


def test_the_table_of_local_processes_and_the_code_name_the_same_services() -> None:
    assert sorted(service.name for service in SERVICES) == sorted([*IN_CODE, "issuer"])
    assert sorted(service.name for service in SERVICES if service.database) == WITH_DATABASE


def test_secrets_that_pods_refer_to_are_those_that_are_made() -> None:
    clients = {"console": "c"}
    made = {one["metadata"]["name"]: one for one in credentials.manifests(credentials.values({}, clients), clients)}
    objects = render(TRIAL)
    wanted = {
        ref["secretRef"]["name"] for _, c in containers(objects) for ref in c.get("envFrom", []) if "secretRef" in ref
    }
    volumes = {
        volume["secret"]["secretName"]
        for one in of(objects, "Deployment", "StatefulSet", "Job")
        for volume in one["spec"]["template"]["spec"].get("volumes", [])
        if "secret" in volume
    }
    assert wanted | volumes == made.keys()
    for name, secret in made.items():
        kubernetes_validate.validate(secret, KUBERNETES, strict=True)
        assert set(secret["stringData"]) <= policy.SECRET or name in ("postgres", "issuer")


def test_versions_are_those_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    objects = render(TRIAL)
    images = dict(container["image"].split(":") for _, container in containers(objects))
    assert {name: tag for name, tag in images.items() if name.startswith("ieum/")} == {
        f"ieum/{name}": version for name in IN_CODE
    }


def test_one_broker_has_one_copy_of_each_topic_and_a_cluster_three() -> None:
    for folder, copies in ((K8S / "base", 3), (TRIAL, 1)):
        jobs = of(render(folder), "Job")
        found = {one["metadata"]["name"]: one["spec"]["template"]["spec"]["containers"][0] for one in jobs}
        assert {name: (c["command"], c["args"]) for name, c in found.items()} == {
            f"{name}-prepare": (["python", "-m", "deploy.prepare"], [name, f"--replication={copies}"])
            for name in WITH_DATABASE
        }


def test_the_broker_in_a_container_has_the_settings_of_the_local_one() -> None:
    lines = (KAFKA / "server.properties").read_text().splitlines()
    local = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    lines = (K8S / "components" / "kafka" / "broker.env").read_text().splitlines()
    contained = dict(line.split("=", 1) for line in lines)
    places = {"controller.quorum.voters", "listeners", "advertised.listeners", "log.dirs"}
    assert {f"KAFKA_{name.upper().replace('.', '_')}" for name in local} == contained.keys() - {"KAFKA_HEAP_OPTS"}
    for name, value in local.items():
        if name not in places:
            assert contained[f"KAFKA_{name.upper().replace('.', '_')}"] == value, name


def test_only_services_with_a_database_reach_kafka_and_postgresql() -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in of(render(TRIAL), "NetworkPolicy")}
    for name in ("database", "bus"):
        callers = policies[name]["ingress"][0]["from"][0]["podSelector"]["matchExpressions"][0]["values"]
        assert sorted(callers) == WITH_DATABASE
        assert policies[f"to-{name}"]["podSelector"]["matchExpressions"][0]["values"] == callers


def test_the_issuer_of_the_trial_is_the_one_of_make_up_and_keeps_its_disk_to_one_pod() -> None:
    [issuer] = [one for one in render(TRIAL) if label(one) == "Deployment/issuer"]
    env = {entry["name"]: entry["value"] for entry in issuer["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert env["UVICORN_APP"] == next(service.factory for service in SERVICES if service.name == "issuer")
    assert issuer["spec"]["strategy"] == {"type": "Recreate"}


def test_the_number_of_pods_is_the_autoscalers_where_there_is_one(everything: list[Manifest]) -> None:
    scaled = {one["metadata"]["name"] for one in of(everything, "HorizontalPodAutoscaler")}
    replicas = {one["metadata"]["name"]: one["spec"].get("replicas") for one in of(everything, "Deployment")}
    assert {name for name, number in replicas.items() if number is None} == scaled
    stored = {f"{name}-{role}" for name in WITH_DATABASE for role in ("api", "worker")}
    assert scaled == stored | {"gateway"}
