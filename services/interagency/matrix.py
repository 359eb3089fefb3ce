"""The collaboration matrix (부처 협업 매트릭스): which programme of which ministry cooperates how, and when."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal, get_args

import yaml

Channel = Literal["publicity", "demand_survey", "incentive", "joint_consulting"]
_KEYS = {"id", "agency", "ko", "en", "channels", "from", "to"}
_SPACE = re.compile(r"[\s·ㆍ・]+")


@dataclass(frozen=True, slots=True)
class Programme:
    """A partner's programme while `valid_from` ≤ day and day < `valid_to`."""

    id: str
    agency: str
    ko: str
    en: str
    channels: tuple[Channel, ...]
    valid_from: date
    valid_to: date | None

    def holds(self, on: date) -> bool:
        return self.valid_from <= on and (self.valid_to is None or on < self.valid_to)


class Matrix:
    """All rows, with look-up by id or Korean name; blanks and middle dots in names do not matter."""

    def __init__(self, programmes: Sequence[Programme], citation: str) -> None:
        self.programmes, self.citation = tuple(programmes), citation

    def of(self, agency: str | None, on: date) -> tuple[Programme, ...]:
        """Programmes in force, of one agency or of all."""
        return tuple(p for p in self.programmes if p.holds(on) and agency in (None, p.agency))

    def find(self, agency: str, name: str, on: date) -> Programme | None:
        wanted = _folded(name)
        for programme in self.of(agency, on):
            if wanted in (_folded(programme.id), _folded(programme.ko)) and programme.channels:
                return programme
        return None


def _folded(name: str) -> str:
    return _SPACE.sub("", name).casefold()


def load(path: Path = Path(__file__).parent / "data" / "programmes.yaml") -> Matrix:
    """Refuses rows with unknown keys or channels: a typing slip must not quietly end a cooperation."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    programmes = []
    for row in document["programmes"]:
        unknown = set(row) - _KEYS
        channels = tuple(row["channels"])
        if unknown or set(channels) - set(get_args(Channel)):
            raise ValueError(f"{path.name}: {row.get('id')}: unknown {sorted(unknown) or channels}")
        programmes.append(
            Programme(row["id"], row["agency"], row["ko"], row["en"], channels, row["from"], row.get("to"))
        )
    return Matrix(programmes, document["citation"])
