"""The rendered Kubernetes manifests, and ways to walk through them."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "k8s"
Manifest = dict[str, Any]

IN_CODE = sorted(path.parent.name for path in ROOT.glob("services/*/app.py"))
WITH_DATABASE = sorted(path.parent.name for path in ROOT.glob("services/*/migrations"))


@cache
def kustomize() -> tuple[str, ...]:
    """The command that renders a folder. Raises RuntimeError where there is none; `deploy/tools.sh` brings it."""
    if program := shutil.which("kustomize"):
        return (program, "build")
    cached = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ieum" / "tools" / "kubectl"
    for program in filter(None, (shutil.which("kubectl"), shutil.which(cached))):
        answer = subprocess.run([program, "version", "--client"], capture_output=True, text=True, check=False)
        # Older ones know no components.
        if re.search(r"Kustomize Version: v[5-9]", answer.stdout):
            return (program, "kustomize")
    raise RuntimeError("kustomize, kubectl: bash deploy/tools.sh")


@cache
def _rendered(folder: Path) -> str:
    done = subprocess.run([*kustomize(), str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def render(folder: Path) -> list[Manifest]:
    """Fresh objects at each call, so that a test may change them."""
    return list(yaml.safe_load_all(_rendered(folder)))


def of(objects: list[Manifest], *kinds: str) -> list[Manifest]:
    return [one for one in objects if one["kind"] in kinds]


def label(one: Manifest) -> str:
    return f"{one['kind']}/{one['metadata']['name']}"


def pods(objects: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Name of the workload and its pod template."""
    for one in of(objects, "Deployment", "StatefulSet", "Job"):
        yield label(one), one["spec"]["template"]


def containers(objects: list[Manifest], first: bool = True) -> Iterator[tuple[str, Manifest]]:
    """Name and container, those that run first included."""
    for name, pod in pods(objects):
        found = [*(pod["spec"].get("initContainers", []) if first else []), *pod["spec"]["containers"]]
        for container in found:
            yield f"{name}/{container['name']}", container


def selects(selector: Manifest, labels: dict[str, str]) -> bool:
    """Whether a label selector takes a pod. Raises ValueError for operators that we do not use."""
    for term in selector.get("matchExpressions", []):
        if term["operator"] != "In":
            raise ValueError(term["operator"])
        if labels.get(term["key"]) not in term["values"]:
            return False
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
