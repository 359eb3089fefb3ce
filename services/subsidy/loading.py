"""The policy as this deployment holds it: `policy/<programme or scheme>/<parameter>.yaml`."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from services.subsidy.domain.parsing import PolicyInvalid, parse
from services.subsidy.domain.policy import Policy
from services.subsidy.domain.register import Register
from services.subsidy.domain.register import parse as register_from

FOLDER = Path(__file__).parent / "policy"


class _Loader(yaml.SafeLoader):
    """Leaves dates as text, and refuses a key that stands twice."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        for name in names:
            if names.count(name) > 1:
                raise yaml.YAMLError(f"두 번 적은 항목 / key stands twice: {name}")
        return super().construct_mapping(node, deep)


@lru_cache(maxsize=1)
def policy() -> Policy:
    return parse(*read(FOLDER))


@lru_cache(maxsize=1)
def documents() -> dict[str, Any]:
    return read(FOLDER)[1]


@lru_cache(maxsize=1)
def register() -> Register:
    """The programmes of the plan. Raises `PolicyInvalid`."""
    return register_from(_load(FOLDER / "register.yaml"))


def read(folder: Path) -> tuple[str, dict[str, Any]]:
    """The label of the edition, and parameter id → content. Raises `PolicyInvalid` for files that cannot be read."""
    found: dict[str, Any] = {}
    faults: list[str] = []
    for path in sorted(folder.glob("*/*.yaml")):
        try:
            found[f"{path.parent.name}.{path.stem}"] = _load(path)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            faults.append(f"{path.parent.name}/{path.name}: {error}")
    if faults:
        raise PolicyInvalid(faults)
    return (folder / "edition.txt").read_text(encoding="utf-8").strip(), found


def _load(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506
