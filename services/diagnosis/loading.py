"""The priors in force: `priors/*.yaml`, read once."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from services.diagnosis.domain.priors import Priors, parse

_FOLDER = Path(__file__).parent / "priors"


@lru_cache(maxsize=1)
def priors() -> Priors:
    """Raises ValueError or KeyError for figures that are missing or cannot be."""
    return parse(*(document(name) for name in ("survey", "model", "instruments")))


def document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return found
