"""The weights in force: `data/scoring.yaml`, read once."""

import hashlib
from functools import lru_cache
from pathlib import Path

import yaml

from services.matching.domain.rules import Rules, parse

_FILE = Path(__file__).parent / "data" / "scoring.yaml"


@lru_cache(maxsize=1)
def rules() -> Rules:
    """Raises ValueError for weights that do not add up."""
    text = _FILE.read_bytes()
    return parse(yaml.safe_load(text), hashlib.sha256(text).hexdigest()[:12])
