"""Rows of the bench: a figure of ours beside its yardstick."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

VERSIONS = ("fastapi", "uvicorn", "aiokafka", "asyncpg", "sqlalchemy", "aiohttp", "numpy", "pydantic", "orjson")


@dataclass(frozen=True)
class Row:
    """`ratio` is ours/yardstick where more is better, yardstick/ours where less is; `held_to` is its least value."""

    name: str
    ours: float
    yardstick: float
    ratio: float
    held_to: float
    unit: str
    note: str = ""

    @property
    def reached(self) -> bool:
        return self.ratio >= self.held_to


def more_is_better(name: str, ours: float, yardstick: float, held_to: float, unit: str, note: str = "") -> Row:
    return Row(name, ours, yardstick, ours / yardstick, held_to, unit, note)


def less_is_better(name: str, ours: float, yardstick: float, at_most: float, unit: str, note: str = "") -> Row:
    """`at_most` times the yardstick."""
    return Row(name, ours, yardstick, yardstick / ours, 1 / at_most, unit, note or f"at most {at_most:g} × yardstick")


def medians_in_turn(ours: Callable[[], float], yardstick: Callable[[], float], rounds: int) -> tuple[float, float]:
    """Both measured A B A B …, so that a drifting machine drifts for both."""
    a, b = [], []
    for _ in range(rounds):
        b.append(yardstick())
        a.append(ours())
    return statistics.median(a), statistics.median(b)


def write(rows: Sequence[Row], path: Path) -> None:
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    versions = {name: version(name) for name in VERSIONS}
    document: list[dict[str, Any]] = [
        {**asdict(row), "reached": row.reached, "machine": machine, "versions": versions} for row in rows
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n")


def show(rows: Sequence[Row]) -> str:
    lines = [f"{'':2} {'what':58} {'ours':>12} {'yardstick':>12} {'ratio':>7} {'held to':>8}  unit"]
    for row in rows:
        mark = "ok" if row.reached else "!!"
        lines.append(
            f"{mark:2} {row.name:58} {row.ours:12,.1f} {row.yardstick:12,.1f} {row.ratio:7.2f} {row.held_to:8.2f}"
            f"  {row.unit} {row.note}"
        )
    return "\n".join(lines)
