"""The weights of the score, as one checked value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LEVELS = ("beginner", "intermediate", "advanced")
MODES = ("onsite", "remote", "blended")
BANDS = ("lt4", "4to8", "8to16", "16to40", "gte40")
"""Training hours (훈련시간): under 4, 4–8, 8–16, 16–40, 40 and more (plan:붙임2-p.14)."""

FULL = 10_000
"""Points of a course that fits in everything; the score shown is a hundredth of the points."""

PARTS = ("level", "field", "region", "mode", "hours", "industry", "programme", "start")


@dataclass(frozen=True, slots=True)
class Rules:
    """All points are integers out of `FULL`. `version` names this set of weights."""

    version: str
    full: Mapping[str, int]
    level: Mapping[str, int]
    region: Mapping[str, int]
    industry: Mapping[str, int]
    programme: Mapping[str, int]
    audience: Mapping[str, str]
    start_days: tuple[tuple[int, int], ...]
    start_later: int
    start_undated: int
    zone_of_sido: Mapping[str, str]
    length: int
    per_provider: int
    wanted: Mapping[str, Mapping[str, float]]
    wanted_citation: str


def parse(data: Mapping[str, Any], version: str) -> Rules:
    """Raises ValueError where the parts do not make `FULL`, or a part exceeds its full points."""
    start = data["start"]
    made = Rules(
        version=version,
        full={part: int(data["full"][part]) for part in PARTS},
        level=_points(data["level"], "same", "near"),
        region=_points(data["region"], "anywhere", "same", "sido", "zone", "unknown", "other"),
        industry=_points(data["industry"], "match", "open", "unknown"),
        programme=_points(data["programme"], "workers", "open", "unknown", "seekers", "teachers"),
        audience={code: audience for audience, codes in data["programme"]["of"].items() for code in codes},
        start_days=tuple(sorted((int(days), int(points)) for days, points in start["days"].items())),
        start_later=int(start["later"]),
        start_undated=int(start["undated"]),
        zone_of_sido={str(sido): zone for zone, sidos in data["zones"].items() for sido in sidos},
        length=int(data["list"]["length"]),
        per_provider=int(data["list"]["per_provider"]),
        wanted={
            kind: {str(k): float(v) for k, v in data["wanted"][kind].items()} for kind in ("field", "mode", "hours")
        },
        wanted_citation=str(data["wanted"]["citation"]),
    )
    _check(made)
    return made


def _points(table: Mapping[str, Any], *names: str) -> dict[str, int]:
    return {name: int(table[name]) for name in names}


def _shares(table: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): float(share) for name, share in table.items()}


def _check(rules: Rules) -> None:
    if sum(rules.full.values()) != FULL:
        raise ValueError(f"the full points make {sum(rules.full.values())}, not {FULL}")
    starts = [points for _, points in rules.start_days] + [rules.start_later, rules.start_undated]
    given = {"level": list(rules.level.values()), "region": list(rules.region.values())}
    given |= {"industry": list(rules.industry.values()), "start": starts}
    given |= {"programme": list(rules.programme.values())}
    for part, points in given.items():
        if max(points) != rules.full[part] or min(points) < 0:
            raise ValueError(f"{part}: points must lie between 0 and {rules.full[part]}, and reach it")
