"""The figures behind an estimate, as checked values: the survey's bands, our readings, the instruments' scales."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

from libs.contracts.catalog import FIELDS, AxLevel

LEVELS: tuple[AxLevel, ...] = ("beginner", "intermediate", "advanced")

Shares = tuple[float, float, float]
"""Probability of beginner, intermediate and advanced; they make 1."""

HOUR_BANDS = ("lt4", "4to8", "8to16", "16to40", "gte40")
TIERS = ("capital", "non_capital", "depopulation")


@dataclass(frozen=True, slots=True)
class Band:
    """Head counts from `start` up to, not including, `end` (None: no end); `value` in per cent.

    `between`: the survey does not print this size, the value is the mean of its two neighbours.
    """

    start: int
    end: int | None
    value: float
    between: bool


@dataclass(frozen=True, slots=True)
class BySize:
    """A figure of the survey by size (규모별). `overall` holds for firms whose size is not known."""

    bands: tuple[Band, ...]
    overall: float
    citation: str

    def band(self, headcount: int) -> Band:
        return next(band for band in reversed(self.bands) if band.start <= headcount)


@dataclass(frozen=True, slots=True)
class Scale:
    """One edition of an instrument's scale: the AX level of each step, counted from `first`."""

    valid_from: date
    first: int
    levels: tuple[AxLevel, ...]


@dataclass(frozen=True, slots=True)
class Instrument:
    key: str
    ko: str
    en: str
    scales: tuple[Scale, ...]

    def scale(self, steps: int, on: date) -> Scale | None:
        """The scale of that many steps in force on `on`."""
        fitting = [scale for scale in self.scales if len(scale.levels) == steps and scale.valid_from <= on]
        return max(fitting, key=lambda scale: scale.valid_from, default=None)


@dataclass(frozen=True, slots=True)
class Factors:
    """Multipliers by key, `other` for keys not named, with the ground for them in both languages."""

    values: Mapping[str, float]
    other: float
    why_ko: str
    why_en: str
    citation: str | None


@dataclass(frozen=True, slots=True)
class Priors:
    """Everything an estimate rests on. `version` is cited with each reading of our own."""

    version: str
    use: BySize
    trained: BySize
    needed: BySize
    remote: BySize
    advanced_share: float
    fields: Mapping[str, float]
    hours: Mapping[str, float]
    industry_odds: Factors
    region_odds: Factors
    field_factors: Mapping[str, Mapping[str, float]]
    large_headcount: int
    known: Mapping[str, int]
    trust: Mapping[str, float]
    out_of_date: float
    undated: float
    good_for_years: int
    trust_at_most: float
    measured_right: float
    level_scores: Mapping[str, float]
    instruments: Mapping[str, Instrument]
    instruments_version: str

    def instrument(self, name: str) -> Instrument | None:
        return self.instruments.get(plain(name))


def plain(name: str) -> str:
    """An instrument's name without case, width, blanks and punctuation, to look it up by."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(letter for letter in folded if letter.isalnum())


def parse(survey: Mapping[str, Any], model: Mapping[str, Any], scales: Mapping[str, Any]) -> Priors:
    """Raises KeyError for a missing figure and ValueError for one that cannot be."""
    trust, done = model["trust"], _cited(survey["training_done"]["values"])
    users = done["applied"] + done["integrated"] + done["developed"]
    made = Priors(
        version=str(model["version"]),
        use=_by_size(survey["use_rate"]),
        trained=_by_size(survey["trained_rate"]),
        needed=_by_size(survey["needed_rate"]),
        remote=_by_size(survey["remote_wanted"]),
        advanced_share=(done["integrated"] + done["developed"]) / users,
        fields={name: _cited(survey["fields_wanted"]["values"])[name] for name in FIELDS},
        hours={name: _cited(survey["hours_wanted"]["values"])[name] for name in HOUR_BANDS},
        industry_odds=_factors(model["industry_odds"]),
        region_odds=_factors(model["region_odds"]),
        field_factors=model["field_factors"]["values"],
        large_headcount=int(model["large_without_headcount"]["value"]),
        known={name: int(points) for name, points in model["known"]["values"].items()},
        trust={name: float(value) for name, value in trust["values"].items()},
        out_of_date=float(trust["out_of_date"]),
        undated=float(trust["undated"]),
        good_for_years=int(trust["years"]),
        trust_at_most=float(trust["at_most"]),
        measured_right=float(model["measured_right"]["value"]),
        level_scores={level: float(model["level_scores"]["values"][level]) for level in LEVELS},
        instruments=_instruments(scales["instruments"]),
        instruments_version=str(scales["version"]),
    )
    _check(made)
    return made


def _cited(values: Mapping[str, Any]) -> dict[str, float]:
    for name, entry in values.items():
        if not str(entry["citation"]).startswith("plan:"):
            raise ValueError(f"{name}: a figure of the survey needs its page")
    return {name: float(entry["value"]) for name, entry in values.items()}


def _by_size(data: Mapping[str, Any]) -> BySize:
    given = data["bands"]
    bands = tuple(
        Band(int(entry["from"]), entry.get("to"), _band_value(given, place), bool(entry.get("between")))
        for place, entry in enumerate(given)
    )
    if bands[0].start != 0 or bands[-1].end is not None:
        raise ValueError("bands must reach from 0 without end")
    if any(left.end != right.start for left, right in pairwise(bands)):
        raise ValueError("bands must leave no gap and not overlap")
    citations = {str(entry["citation"]) for entry in (*given, data["overall"])}
    if len(citations) != 1:
        raise ValueError(f"bands of one figure must come from one page: {sorted(citations)}")
    return BySize(bands, float(data["overall"]["value"]), citations.pop())


def _band_value(entries: list[Mapping[str, Any]], place: int) -> float:
    if not entries[place].get("between"):
        return float(entries[place]["value"])
    return round((float(entries[place - 1]["value"]) + float(entries[place + 1]["value"])) / 2, 2)


def _factors(data: Mapping[str, Any]) -> Factors:
    values = {str(key): float(value) for key, value in data["values"].items()}
    return Factors(values, float(data.get("other", 1.0)), data["why_ko"], data["why_en"], data.get("citation"))


def _instruments(data: Mapping[str, Any]) -> dict[str, Instrument]:
    found: dict[str, Instrument] = {}
    for key, entry in data.items():
        scales = tuple(Scale(s["valid_from"], int(s["first"]), tuple(s["levels"])) for s in entry["scales"])
        instrument = Instrument(key, entry["ko"], entry["en"], scales)
        for name in (key, *entry["names"]):
            if found.setdefault(plain(name), instrument) is not instrument:
                raise ValueError(f"two instruments are called {name}")
    return found


def _check(priors: Priors) -> None:
    shares = [
        band.value for figure in (priors.use, priors.trained, priors.needed, priors.remote) for band in figure.bands
    ]
    if not all(0 < share < 100 for share in shares):
        raise ValueError("a share must lie between 0 and 100 %")
    factors = (*priors.industry_odds.values.values(), *priors.region_odds.values.values())
    if not all(factor > 0 for factor in factors) or set(priors.region_odds.values) != set(TIERS):
        raise ValueError("every region tier needs a factor, and factors must be above 0")
    if sum(points for name, points in priors.known.items() if name != "size_class") != 100:
        raise ValueError("the points of all that can be known must make 100")
    bad = {level for found in priors.instruments.values() for s in found.scales for level in s.levels} - set(LEVELS)
    if bad or set(priors.field_factors) - set(FIELDS):
        raise ValueError(f"unknown level or field: {sorted(bad | set(priors.field_factors) - set(FIELDS))}")
