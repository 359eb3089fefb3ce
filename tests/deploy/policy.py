"""What every manifest of the system must keep to. A check gives what is wrong, in words; nothing if all is well."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from deploy.system import SERVE
from libs.common.settings import Settings
from tests.deploy.manifests import IN_CODE, WITH_DATABASE, Manifest, containers, label, of, pods, selects

SETTINGS = {name.upper() for name in Settings.model_fields} | {"UVICORN_APP"}
"""What a service reads from its environment; `UVICORN_APP` is read by its server."""
SECRET = {name.upper() for name, field in Settings.model_fields.items() if field.annotation is SecretStr} | {
    "DATABASE_URL"
}
_SECRET_WORDS = re.compile(r"PASSWORD|SECRET|KEY|TOKEN")
_LOGIN_IN_URL = re.compile(r"://[^/@\s]*:[^/@\s]*@")
_GRACEFUL = int(SERVE[SERVE.index("--timeout-graceful-shutdown") + 1])

Check = Callable[[list[Manifest]], Iterator[str]]


def pods_are_unprivileged(objects: list[Manifest]) -> Iterator[str]:
    for name, pod in pods(objects):
        spec = pod["spec"]
        context = spec.get("securityContext", {})
        if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
            yield f"{name}: may run as root"
        if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{name}: no seccomp profile"
        if spec.get("automountServiceAccountToken") is not False:
            yield f"{name}: holds a token of the cluster"
        if {"hostNetwork", "hostPID", "hostIPC"} & spec.keys() or any("hostPath" in v for v in spec.get("volumes", [])):
            yield f"{name}: reaches into the node"


def containers_are_locked_down(objects: list[Manifest]) -> Iterator[str]:
    for name, container in containers(objects):
        context = container.get("securityContext", {})
        if context.get("readOnlyRootFilesystem") is not True:
            yield f"{name}: writes into its image"
        if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
            yield f"{name}: may gain privileges"
        if context.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{name}: keeps capabilities"
        if context.get("runAsUser") == 0 or context.get("runAsNonRoot") is False:
            yield f"{name}: runs as root"


def resources_are_bounded(objects: list[Manifest]) -> Iterator[str]:
    for name, container in containers(objects):
        resources = container.get("resources", {})
        for bound in ("requests", "limits"):
            if not {"cpu", "memory"} <= resources.get(bound, {}).keys():
                yield f"{name}: no {bound}"
    for name, pod in pods(objects):
        for volume in pod["spec"].get("volumes", []):
            if "emptyDir" in volume and not (volume["emptyDir"] or {}).get("sizeLimit"):
                yield f"{name}: {volume['name']} may fill the node"


def servers_are_probed(objects: list[Manifest]) -> Iterator[str]:
    for name, container in containers(of(objects, "Deployment", "StatefulSet"), first=False):
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if probe not in container:
                yield f"{name}: no {probe}"
        if container["name"] == "service":
            alive = container.get("livenessProbe", {}).get("httpGet", {}).get("path")
            ready = container.get("readinessProbe", {}).get("httpGet", {}).get("path")
            # A liveness probe on what a database outage changes would restart every pod of the system.
            if (alive, ready) != ("/livez", "/readyz"):
                yield f"{name}: probes {alive} and {ready}"


def stops_are_graceful(objects: list[Manifest]) -> Iterator[str]:
    for one in of(objects, "Deployment"):
        spec = one["spec"]["template"]["spec"]
        for container in spec["containers"]:
            command = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", [])
            pause = int(command[1]) if command[:1] == ["sleep"] else 0
            if not pause:
                yield f"{label(one)}: stops while requests still come"
            if spec.get("terminationGracePeriodSeconds", 30) <= pause + _GRACEFUL:
                yield f"{label(one)}: is killed before its requests are answered"


def images_are_pinned(objects: list[Manifest]) -> Iterator[str]:
    for name, container in containers(objects):
        tag = container["image"].rpartition("/")[2].partition(":")[2]
        if not tag or tag == "latest":
            yield f"{name}: image {container['image']}"


def disruptions_are_bounded(objects: list[Manifest]) -> Iterator[str]:
    budgets = of(objects, "PodDisruptionBudget")
    for name, pod in pods(objects):
        mine = [one for one in budgets if selects(one["spec"]["selector"], pod["metadata"]["labels"])]
        kind = name.partition("/")[0]
        if kind == "Deployment" and len(mine) != 1:
            yield f"{name}: {len(mine)} disruption budgets"
        if kind == "Job" and mine:
            yield f"{name}: a job that ends by itself has a disruption budget"
    for one in budgets:
        if one["spec"].get("maxUnavailable") != 1:
            yield f"{label(one)}: keeps a node from being emptied, or lets all pods go at once"


def nothing_is_allowed_by_default(objects: list[Manifest]) -> Iterator[str]:
    denied = [
        one
        for one in of(objects, "NetworkPolicy")
        if one["spec"]["podSelector"] == {}
        and sorted(one["spec"]["policyTypes"]) == ["Egress", "Ingress"]
        and not {"ingress", "egress"} & one["spec"].keys()
    ]
    if not denied:
        yield "no NetworkPolicy denies everything"
    for one in of(objects, "NetworkPolicy"):
        rules = [*one["spec"].get("ingress", []), *one["spec"].get("egress", [])]
        if one["metadata"]["name"] != "entry" and any(not rule.get("from") and not rule.get("to") for rule in rules):
            yield f"{label(one)}: allows everybody"


def secrets_are_references(objects: list[Manifest]) -> Iterator[str]:
    for one in of(objects, "Secret"):
        yield f"{label(one)}: a secret among the manifests"
    given: list[tuple[str, str, Any]] = [
        (name, entry["name"], entry["value"])
        for name, container in containers(objects)
        for entry in container.get("env", [])
        if "value" in entry
    ]
    for one in of(objects, "ConfigMap"):
        given += [(label(one), key, value) for key, value in one.get("data", {}).items()]
    for name, key, value in given:
        if key in SECRET or _SECRET_WORDS.search(key) or _LOGIN_IN_URL.search(str(value)):
            yield f"{name}: {key} is written down"


def settings_exist(objects: list[Manifest]) -> Iterator[str]:
    """What our own containers are told is what the settings know."""
    maps = {one["metadata"]["name"]: one["data"] for one in of(objects, "ConfigMap")}
    for name, container in containers(objects):
        if not container["image"].startswith("ieum/"):
            continue
        given = [entry["name"] for entry in container.get("env", [])]
        for source in container.get("envFrom", []):
            if "configMapRef" in source:
                found = maps.get(source["configMapRef"]["name"])
                if found is None:
                    yield f"{name}: no ConfigMap {source['configMapRef']['name']}"
                given += found or []
        yield from (f"{name}: no setting is called {key}" for key in given if key not in SETTINGS)


def parts_fit(objects: list[Manifest]) -> Iterator[str]:
    """Selectors find pods, ports exist, accounts exist, autoscalers have something to scale, all in one namespace."""
    known = {label(one) for one in objects}
    for one in of(objects, "Deployment", "StatefulSet"):
        mine = [name for name, pod in pods(objects) if selects(one["spec"]["selector"], pod["metadata"]["labels"])]
        if mine != [label(one)]:
            yield f"{label(one)}: selects the pods of {mine}"
    for one in of(objects, "Service"):
        behind = [
            pod["spec"]
            for name, pod in pods(objects)
            if not name.startswith("Job/")
            and selects({"matchLabels": one["spec"]["selector"]}, pod["metadata"]["labels"])
        ]
        ports = {p for spec in behind for c in spec["containers"] for port in c["ports"] for p in port.values()}
        if wrong := [port for port in one["spec"]["ports"] if port.get("targetPort", port["port"]) not in ports]:
            yield f"{label(one)}: nothing listens behind {wrong}"
    for name, pod in pods(objects):
        if f"ServiceAccount/{pod['spec'].get('serviceAccountName')}" not in known:
            yield f"{name}: no account of its own"
    for one in of(objects, "HorizontalPodAutoscaler"):
        target = one["spec"]["scaleTargetRef"]
        if f"{target['kind']}/{target['name']}" not in known:
            yield f"{label(one)}: scales nothing"
        if any(
            "replicas" in other["spec"]
            for other in of(objects, "Deployment")
            if label(other).endswith(f"/{target['name']}")
        ):
            yield f"{label(one)}: every apply would set the number back"
    for one in objects:
        if one["kind"] != "Namespace" and one["metadata"].get("namespace") != "ieum":
            yield f"{label(one)}: in no namespace of ours"


def the_system_is_whole(objects: list[Manifest]) -> Iterator[str]:
    """Every service of the code; those with a database as API and worker apart, with a job before them."""
    known = {label(one) for one in objects}
    for service in IN_CODE:
        wanted = {f"{kind}/{service}" for kind in ("Service", "ServiceAccount", "PodDisruptionBudget")}
        if service in WITH_DATABASE:
            wanted |= {f"Deployment/{service}-api", f"Deployment/{service}-worker", f"Job/{service}-prepare"}
        else:
            wanted |= {f"Deployment/{service}"}
        yield from (f"{name} is missing" for name in sorted(wanted - known))
        # The address that the settings assume where none is given.
        port = urlsplit(Settings().address(service)).port
        for one in of(objects, "Service"):
            if one["metadata"]["name"] == service and [row["port"] for row in one["spec"]["ports"]] != [port]:
                yield f"{label(one)}: the others ask at port {port}"
    for one in of(objects, "Deployment"):
        service, _, role = one["metadata"]["name"].partition("-")
        container = one["spec"]["template"]["spec"]["containers"][0]
        roles = [entry["value"] for entry in container.get("env", []) if entry["name"] == "ROLE"]
        if service in IN_CODE and (roles, container["image"].partition(":")[0]) != ([role or "api"], f"ieum/{service}"):
            yield f"{label(one)}: role {roles} of {container['image']}"
        if {"command", "args"} & container.keys():
            yield f"{label(one)}: does not run what its image runs"


CHECKS: list[Check] = [
    pods_are_unprivileged,
    containers_are_locked_down,
    resources_are_bounded,
    servers_are_probed,
    stops_are_graceful,
    images_are_pinned,
    disruptions_are_bounded,
    nothing_is_allowed_by_default,
    secrets_are_references,
    settings_exist,
    parts_fit,
    the_system_is_whole,
]
