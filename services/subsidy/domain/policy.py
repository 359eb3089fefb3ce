"""The policy in force on a date (정책 매개변수).

A parameter holds a value per effective date, each with its citation. There are no defaults: a date before the first
value, a value that a ministry has not set, and an unknown parameter are each an error of their own name.
"""

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any, TypeVar

Scalar = int | Decimal | str
K = TypeVar("K")
V = TypeVar("V")
_MOST_DAYS = 256


class PolicyError(LookupError):
    """The policy has no answer. `code` is stable; `ko` and `en` say why and what would help."""

    def __init__(self, code: str, ko: str, en: str, citation: str | None = None) -> None:
        super().__init__(f"{ko} / {en}")
        self.code, self.ko, self.en, self.citation = code, ko, en, citation


class NoPolicyYet(PolicyError):
    """The date, or the date of knowledge, is before any policy held here."""


class UnknownParameter(PolicyError):
    """No such parameter, or no such key in it."""


class NotInForce(PolicyError):
    """The parameter's first value takes effect after the date, or was not known on the date of knowledge."""


class Unset(PolicyError):
    """The rule is there but its amount was never set; the message names who must set it."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text in Korean and English."""

    ko: str
    en: str


@dataclass(frozen=True, slots=True)
class Dated:
    """The value of a parameter from `effective_on`; `cells` has the one key "" unless the parameter has a dimension.

    `known_on` is when it was decided; where it is None, the value is known from its effective date on.
    """

    effective_on: date
    cells: Mapping[str, Scalar | None]
    reference: str
    grade: str
    href: str | None = None
    known_on: date | None = None
    note: Text | None = None

    @property
    def known(self) -> date:
        return self.known_on or self.effective_on


@dataclass(frozen=True, slots=True)
class Parameter:
    """`id` is folder.file; `rule` the plan's rule (M1–M12) that it belongs to, if any."""

    id: str
    description: Text
    unit: str
    values: tuple[Dated, ...]
    by: str | None = None
    rule: str | None = None
    interpretation: bool = False
    set_by: Text | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """One value as it was handed out; as a number it is `whole / scale`, exactly (0 for text).

    `shown` is the value and `source` its origin as JSON: the receipt is written often, a value is made once.
    """

    parameter: Parameter
    key: str
    value: Scalar
    dated: Dated
    whole: int
    scale: int
    shown: str
    source: str

    @property
    def citations(self) -> list[str]:
        return self.dated.reference.split("; ")


def keep(kept: dict[K, V], key: K, value: V, most: int) -> V:
    """Keeps what was worked out; when there is too much of it, all begins anew."""
    if len(kept) >= most:
        kept.clear()
    kept[key] = value
    return value


def give(parameter: Parameter, key: str, value: Scalar, dated: Dated) -> Given:
    number = Decimal(0) if isinstance(value, str) else Decimal(value)
    scale = 10 ** max(0, -int(number.as_tuple().exponent))
    shown = json.dumps(value if isinstance(value, int) else str(value), ensure_ascii=False)
    return Given(parameter, key, value, dated, int(number * scale), scale, shown, _source(parameter, key, dated))


class Snapshot:
    """The policy on one date; the same day asked again is the same snapshot.

    `cases` is what was worked out for single cases of the policy, on whatever day.
    """

    __slots__ = ("_in_force", "cases", "on", "version")

    def __init__(self, on: date, version: str, in_force: "InForce", cases: dict[Any, Any]) -> None:
        self.on, self.version, self._in_force, self.cases = on, version, in_force, cases

    def get(self, parameter: str, key: str = "") -> Given:
        """Raises `UnknownParameter`, `NotInForce` or `Unset`."""
        given = self._in_force.given.get((parameter, key))
        if given is None:
            raise self._in_force.absent(parameter, key)
        return given

    @property
    def known_on(self) -> date | None:
        return self._in_force.known_on

    @property
    def kept(self) -> dict[Any, Any]:
        """What was worked out from the policy of this period alone and holds as long as it does."""
        return self._in_force.kept


@dataclass(frozen=True, slots=True)
class InForce:
    """What holds in a period in which nothing changes."""

    on: date
    known_on: date | None
    parameters: Mapping[str, Parameter]
    given: Mapping[tuple[str, str], Given]
    kept: dict[Any, Any] = field(default_factory=dict)

    def absent(self, parameter: str, key: str) -> PolicyError:
        """Why there is no value to give."""
        known = self.parameters.get(parameter)
        if known is None or all(key not in dated.cells for dated in known.values):
            name = f"{parameter}[{key}]" if key else parameter
            return UnknownParameter("parameter-unknown", f"없는 정책 매개변수: {name}", f"No policy parameter {name}")
        ko, en = known.description.ko, known.description.en
        first = known.values[0]
        if first.effective_on > self.on:
            return NotInForce(
                "rule-not-in-force",
                f"{ko}: {first.effective_on}부터 시행됩니다. 그날 이후 신청하면 적용됩니다.",
                f"{en}: in force from {first.effective_on}; an application on or after that day falls under it.",
                first.reference,
            )
        begun = [dated for dated in known.values if dated.effective_on <= self.on]
        if self.known_on is not None and all(dated.known > self.known_on for dated in begun):
            return NotInForce(
                "rule-not-known",
                f"{ko}: {self.known_on}에는 아직 알려지지 않았습니다.",
                f"{en}: was not known yet on {self.known_on}.",
                first.reference,
            )
        last = [dated for dated in begun if self.known_on is None or dated.known <= self.known_on][-1]
        who = known.set_by or Text("소관 부처", "the ministry in charge")
        return Unset(
            f"{parameter.split('.')[1].replace('_', '-')}-unset",
            f"{ko}: 아직 정해진 값이 없습니다. 정할 곳: {who.ko}",
            f"{en}: not set yet. To be set by: {who.en}",
            last.reference,
        )


@dataclass(frozen=True)
class Policy:
    """All parameters of one version. Build it with `parsing.parse`, which refuses what is not well formed."""

    label: str
    digest: str
    parameters: Mapping[str, Parameter]
    _periods: dict[int, InForce] = field(default_factory=dict, compare=False, repr=False)
    _days: dict[date | tuple[date, date], Snapshot] = field(default_factory=dict, compare=False, repr=False)
    _cases: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def version(self) -> str:
        return f"{self.label}-{self.digest[:12]}"

    @cached_property
    def dates(self) -> tuple[date, ...]:
        """Every day on which something changes."""
        return tuple(sorted({dated.effective_on for p in self.parameters.values() for dated in p.values}))

    @cached_property
    def first_known(self) -> date:
        return min(dated.known for p in self.parameters.values() for dated in p.values)

    def at(self, on: date, known_on: date | None = None) -> Snapshot:
        """The policy on `on`, if `known_on` is given by what was known on that day. Raises `NoPolicyYet`."""
        known = self._days.get(on if known_on is None else (on, known_on))
        if known is None:
            found = Snapshot(on, self.version, self._in_force(on, known_on), self._cases)
            known = keep(self._days, on if known_on is None else (on, known_on), found, _MOST_DAYS)
        return known

    def _in_force(self, on: date, known_on: date | None) -> InForce:
        period = bisect_right(self.dates, on)
        if not period:
            first = self.dates[0]
            raise NoPolicyYet(
                "policy-not-begun",
                f"{on}에 적용할 정책이 없습니다. 이 시스템의 정책은 {first}부터 있습니다.",
                f"No policy is held for {on}; the policy here begins on {first}.",
            )
        if known_on is not None:
            if known_on < (first := self.first_known):
                raise NoPolicyYet(
                    "policy-not-known",
                    f"{known_on}에는 아직 알려진 정책이 없었습니다. 이 시스템의 정책은 {first}부터 알려졌습니다.",
                    f"No policy was known on {known_on} yet; the policy here was known from {first} on.",
                )
            return self._settle(self.dates[period - 1], known_on)
        if period not in self._periods:
            self._periods[period] = self._settle(self.dates[period - 1], None)
        return self._periods[period]

    def _settle(self, since: date, known_on: date | None) -> InForce:
        given: dict[tuple[str, str], Given] = {}
        for parameter in self.parameters.values():
            possible = [d for d in parameter.values if d.effective_on <= since]
            if known_on is not None:
                possible = [d for d in possible if d.known <= known_on]
            if not possible:
                continue
            dated = max(possible, key=lambda d: d.effective_on)
            for key, value in dated.cells.items():
                if value is not None:
                    given[parameter.id, key] = give(parameter, key, value, dated)
        return InForce(since, known_on, self.parameters, given)


def _source(parameter: Parameter, key: str, dated: Dated) -> str:
    """Where a value comes from, as the members of a JSON object."""
    members = {
        "parameter": parameter.id,
        "key": key or None,
        "rule": parameter.rule,
        "citation": dated.reference,
        "href": dated.href,
        "grade": dated.grade,
        "effective_on": dated.effective_on.isoformat(),
        "interpretation": parameter.interpretation,
        "note_ko": dated.note and dated.note.ko,
        "note_en": dated.note and dated.note.en,
    }
    kept = {name: value for name, value in members.items() if value is not None}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))[1:-1]
