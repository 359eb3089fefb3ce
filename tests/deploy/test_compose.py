"""`docker-compose.yml` describes the system of `make up`, and holds no secret."""

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from deploy import credentials
from deploy.broker import DEFAULT_KAFKA
from deploy.system import BASE_PORT, SERVICES, System, environment
from tests.deploy.image import stages
from tests.deploy.manifests import IN_CODE, K8S, ROOT, WITH_DATABASE
from tests.deploy.policy import SECRET, SETTINGS

Services = dict[str, dict[str, Any]]
SERVERS = {"kafka", "postgres"}
_VARIABLE = re.compile(r"\$\{(\w+)([^}]*)\}")


def services() -> Services:
    found: Services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found


def own(all_services: Services) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from ((name, one) for name, one in all_services.items() if name not in SERVERS)


def the_set_is_that_of_the_code(found: Services) -> Iterator[str]:
    wanted = {*IN_CODE, "issuer", *SERVERS, *(f"{name}-prepare" for name in WITH_DATABASE)}
    yield from sorted(wanted ^ found.keys())


def containers_are_locked_down(found: Services) -> Iterator[str]:
    for name, one in found.items():
        if one.get("read_only") is not True or one.get("cap_drop") != ["ALL"] or one.get("privileged"):
            yield f"{name}: may do more than it needs"
        if one.get("security_opt") != ["no-new-privileges:true"]:
            yield f"{name}: may gain privileges"
        for port in one.get("ports", []):
            if name != "gateway" or not port.startswith("127.0.0.1:"):
                yield f"{name}: open to the network at {port}"


def secrets_come_from_outside(found: Services) -> Iterator[str]:
    """Every secret is a variable that must be set; none has a default."""
    for name, one in found.items():
        for key, value in one.get("environment", {}).items():
            variables = _VARIABLE.findall(str(value))
            if (key in SECRET or "PASSWORD" in key) and not variables:
                yield f"{name}: {key} is written down"
            if any(not rest.startswith(":?") for _, rest in variables) and key != "DATABASE_URL":
                yield f"{name}: {key} has a default or may be empty"


def settings_exist(found: Services) -> Iterator[str]:
    for name, one in own(found):
        yield from (f"{name}: no setting {key}" for key in one.get("environment", {}) if key not in SETTINGS)


def the_order_is_kept(found: Services) -> Iterator[str]:
    """Servers, then the job of a service, then the service, each on its own database."""
    for name in WITH_DATABASE:
        if found[f"{name}-prepare"]["depends_on"] != {server: {"condition": "service_healthy"} for server in SERVERS}:
            yield f"{name}-prepare: does not wait for the servers"
        if found[name]["depends_on"] != {f"{name}-prepare": {"condition": "service_completed_successfully"}}:
            yield f"{name}: does not wait for its job"
        if f"://{name}:${{{credentials.password_name(name)}" not in found[name]["environment"]["DATABASE_URL"]:
            yield f"{name}: not in its own database"
    for name, one in found.items():
        if not name.endswith("-prepare") and "healthcheck" not in one:
            yield f"{name}: nobody knows when it is ready"


def images_run_as_made(found: Services) -> Iterator[str]:
    for name, one in own(found):
        service = {"issuer": "gateway"}.get(name, name.removesuffix("-prepare"))
        if one["build"] != {"context": ".", "dockerfile": "deploy/Dockerfile", "args": {"SERVICE": service}}:
            yield f"{name}: built from {one['build']}"
        if not re.fullmatch(rf"ieum/{service}:\d+\.\d+\.\d+", one["image"]):
            yield f"{name}: image {one['image']}"
        job = ["python", "-m", "deploy.prepare", service] if name.endswith("-prepare") else None
        if one.get("command") != job or "entrypoint" in one:
            yield f"{name}: runs {one.get('command')}"


CHECKS = [
    the_set_is_that_of_the_code,
    containers_are_locked_down,
    secrets_come_from_outside,
    settings_exist,
    the_order_is_kept,
    images_run_as_made,
]
Check = Callable[[Services], Iterator[str]]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_compose_keeps_the_rules(check: Check) -> None:
    assert list(check(services())) == []


MUTATIONS: list[tuple[Check, str, str, Any]] = [
    (the_set_is_that_of_the_code, "somebody", "image", "x:1"),
    (containers_are_locked_down, "catalog", "read_only", False),
    (containers_are_locked_down, "console", "privileged", True),
    (containers_are_locked_down, "catalog-prepare", "security_opt", []),
    (containers_are_locked_down, "kafka", "cap_drop", []),
    (containers_are_locked_down, "postgres", "ports", ["5432:5432"]),
    (containers_are_locked_down, "gateway", "ports", ["8000:8000"]),
    (secrets_come_from_outside, "postgres", "environment", {"POSTGRES_PASSWORD": "hunter2"}),
    (secrets_come_from_outside, "console", "environment", {"CONSOLE_SESSION_KEY": "${CONSOLE_SESSION_KEY:-key}"}),
    (settings_exist, "gateway", "environment", {"JWKS_ULR": "http://issuer:8000"}),
    (the_order_is_kept, "matching", "depends_on", {"kafka": {"condition": "service_healthy"}}),
    (the_order_is_kept, "matching-prepare", "depends_on", {"kafka": {"condition": "service_started"}}),
    (the_order_is_kept, "matching", "environment", {"DATABASE_URL": "postgresql+asyncpg://catalog:x@postgres/catalog"}),
    (images_run_as_made, "subsidy", "command", ["uvicorn", "--reload"]),
    (images_run_as_made, "subsidy", "image", "ieum/subsidy:latest"),
    (images_run_as_made, "subsidy-prepare", "command", ["python", "-m", "deploy.prepare", "catalog"]),
    (images_run_as_made, "diagnosis", "build", {"context": "."}),
]


@pytest.mark.parametrize(("check", "name", "key", "value"), MUTATIONS)
def test_a_bad_compose_file_is_refused(check: Check, name: str, key: str, value: Any) -> None:
    found = copy.deepcopy(services())
    found.setdefault(name, {})[key] = value
    assert list(check(found)) != []


def test_every_check_has_a_file_that_it_refuses() -> None:
    assert {check for check, *_ in MUTATIONS} == set(CHECKS)


def test_the_secrets_that_compose_asks_for_are_those_that_are_made() -> None:
    asked = {name for name, _ in _VARIABLE.findall((ROOT / "docker-compose.yml").read_text())}
    assert asked == credentials.values({}, {"console": "x"}).keys()


def test_each_service_is_told_what_make_up_tells_it(tmp_path: Any) -> None:
    """The same settings, but for addresses: in containers a service is reached by its name."""
    system = System(tmp_path)
    keys = system._secrets()
    found = services()
    for service in SERVICES:
        local = environment(service, system, lambda name, role, _secret: f"postgresql+asyncpg://{role}@{name}", keys)
        wanted = {name for name in SETTINGS if name in local} - {"ROLE", "SERVICES", "STATE_DIR"}
        if service.name == "issuer":
            wanted = {"STATE_DIR", "UVICORN_APP"}
            assert found["issuer"]["environment"]["UVICORN_APP"] == service.factory
        assert found[service.name]["environment"].keys() == wanted, service.name


def test_the_gateway_answers_where_make_up_answers() -> None:
    assert services()["gateway"]["ports"] == [f"127.0.0.1:{BASE_PORT}:8000"]


def test_the_broker_is_that_of_make_up_with_the_settings_of_the_manifests() -> None:
    kafka = services()["kafka"]
    assert kafka["image"] == f"apache/kafka:{DEFAULT_KAFKA}"
    assert ROOT / kafka["env_file"] == K8S / "components" / "kafka" / "broker.env"
    trial = yaml.safe_load((K8S / "components" / "kafka" / "kustomization.yaml").read_text())
    assert trial["images"] == [{"name": "apache/kafka", "newTag": DEFAULT_KAFKA}]


def test_versions_are_those_of_the_manifests() -> None:
    base = yaml.safe_load((K8S / "base" / "kustomization.yaml").read_text())
    tags = {entry["name"]: entry["newTag"] for entry in base["images"]}
    assert {one["image"] for _, one in own(services())} == {f"{name}:{tag}" for name, tag in tags.items()}
    python = [stage[0].rest for stage in stages((ROOT / "deploy" / "Dockerfile").read_text(), "catalog")]
    assert [image.split()[0] for image in python] == ["python:3.11-slim"] * 2
