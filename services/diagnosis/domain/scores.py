"""Scores of other instruments (외부 진단 결과) read as AX levels."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from libs.contracts.catalog import AxLevel
from libs.contracts.interagency import ExternalScore
from services.diagnosis.domain.priors import LEVELS, Instrument, Priors, plain

Reading = Literal["mapped", "linear", "unusable"]
Age = Literal["fresh", "out_of_date", "undated", "future"]


@dataclass(frozen=True, slots=True)
class Measured:
    """One score as it is understood. `trust` is 0–1; 0 and no level where the score is unusable."""

    score: ExternalScore
    instrument: Instrument | None
    level: AxLevel | None
    reading: Reading
    age: Age
    trust: float


def read_all(scores: Iterable[ExternalScore], priors: Priors, on: date) -> list[Measured]:
    """Every score as understood, the most trusted first; of one instrument only the latest usable one counts."""
    found = [read(score, priors, on) for score in scores]
    latest: dict[str, Measured] = {}
    for measured in found:
        key = measured.instrument.key if measured.instrument else plain(measured.score.instrument)
        if measured.level is not None and (key not in latest or _taken(measured, on) >= _taken(latest[key], on)):
            latest[key] = measured
    unusable = {(measured.score.instrument, measured.score.level): measured for measured in found if not measured.level}
    return sorted([*latest.values(), *unusable.values()], key=lambda measured: -measured.trust)


def _taken(measured: Measured, on: date) -> date:
    taken = measured.score.measured_on
    return taken if taken is not None and taken <= on else date.min


def read(score: ExternalScore, priors: Priors, on: date) -> Measured:
    """What a score says on the day `on`.

    An instrument that we know with this many steps is read by its scale; any other by thirds of its steps, with
    less trust. A level outside its scale says nothing.
    """
    instrument = priors.instrument(score.instrument)
    scale = instrument.scale(score.levels, on) if instrument else None
    age = _age(score.measured_on, priors.good_for_years, on)
    if scale is not None:
        step = score.level - scale.first
        level = scale.levels[step] if 0 <= step < len(scale.levels) else None
    else:
        level = third(score.level, score.levels)
    if level is None:
        return Measured(score, instrument, None, "unusable", age, 0.0)
    reading: Reading = "mapped" if scale is not None else "linear"
    factor = {"fresh": 1.0, "out_of_date": priors.out_of_date}.get(age, priors.undated)
    return Measured(score, instrument, level, reading, age, priors.trust[reading] * factor)


def third(level: int, levels: int) -> AxLevel | None:
    """The third of the scale in which the middle of the step lies, half-open; None outside 1..levels."""
    if levels < 2 or not 1 <= level <= levels:
        return None
    return LEVELS[3 * (2 * level - 1) // (2 * levels)]


def _age(measured_on: date | None, years: int, on: date) -> Age:
    if measured_on is None:
        return "undated"
    if measured_on > on:
        return "future"
    # 29 February has its day of expiry on 1 March.
    try:
        last = measured_on.replace(year=measured_on.year + years)
    except ValueError:
        last = date(measured_on.year + years, 3, 1)
    return "fresh" if on <= last else "out_of_date"
