"""The programme register (사업 대장): the plan's P1–P28 with their targets, budgets, first month and lead agencies."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from services.subsidy.domain.parsing import PolicyInvalid

STAGES = ("entry", "activity", "transition", "base", "together")
"""진입, 활동, 전환, 기반, 협업."""
_MEASURES = ("people", "firms", "sites", "courses", "ai_course_percent")
_QUOTAS = ("people", "firms")
_KINDS = ("line", "uses", "shared")
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_KEYS = {"ko", "en", "stage", "targets", "parts", "budget", "from", "led_by", "reference"}


@dataclass(frozen=True, slots=True)
class Budget:
    """Won. A "line" is a budget of AI training; "uses" is part of a larger one, of which `ai_won` is for AI; "shared"
    is in the line of a programme `together` with it."""

    kind: str
    won: int | None
    ai_won: int | None
    together: tuple[str, ...]

    @property
    def counted(self) -> int:
        """What counts in the plan's sum of AI training."""
        return (self.won if self.kind == "line" else self.ai_won) or 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One programme. `targets` are numbers of the year by measure, `parts` the pieces of the target of people."""

    id: str
    ko: str
    en: str
    stage: str
    targets: Mapping[str, int]
    parts: Mapping[str, int]
    budget: Budget | None
    since: str | None
    led_by: tuple[str, ...]
    reference: str


class Quota(NamedTuple):
    """What a programme may give in a year, as the register has it: `measure` is people, firms or won."""

    programme: str
    year: int
    measure: str
    amount: int
    citation: str


@dataclass(frozen=True, slots=True)
class Register:
    year: int
    budget_total: int
    budget_total_reference: str
    entries: Mapping[str, Entry]

    def budget_of(self, programme: str) -> str:
        """The programme in whose line its budget is: itself unless it shares another's (P10 that of P9)."""
        entry = self.entries.get(programme)
        if entry is None or entry.budget is None or entry.budget.kind != "shared":
            return programme
        return entry.budget.together[0]

    def sharing(self, programme: str) -> tuple[str, ...]:
        """All programmes that draw on one budget with it, itself among them."""
        line = self.budget_of(programme)
        return tuple(sorted({programme, *(name for name in self.entries if self.budget_of(name) == line)}))

    def quotas(self) -> list[Quota]:
        """Every limit that the plan itself sets: targets of people and firms, and budgets of a line's own."""
        found = []
        for entry in self.entries.values():
            amounts = [(measure, entry.targets[measure]) for measure in _QUOTAS if measure in entry.targets]
            if entry.budget is not None and entry.budget.counted:
                amounts.append(("won", entry.budget.counted))
            found += [Quota(entry.id, self.year, measure, amount, entry.reference) for measure, amount in amounts]
        return found


def parse(document: Any) -> Register:
    """From the register's document. Raises `PolicyInvalid` with every fault found."""
    faults: list[str] = []
    entries: dict[str, Entry] = {}
    for name, body in document["programmes"].items():
        try:
            entries[name] = _entry(name, body)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            faults.append(f"{name}: 사업 대장의 항목을 읽을 수 없습니다 / the entry cannot be read: {error!r}")
    if set(entries) != {f"P{number}" for number in range(1, 29)} and not faults:
        faults.append("P1–P28이 모두 있어야 합니다 / P1–P28 are all needed")
    if faults:
        raise PolicyInvalid(faults)
    return Register(document["year"], document["budget_total"], document["budget_total_reference"], entries)


def _entry(name: str, body: Mapping[str, Any]) -> Entry:
    if unknown := set(body) - _KEYS:
        raise ValueError(f"unknown keys {sorted(unknown)}")
    if body["stage"] not in STAGES or not body["reference"].startswith("plan:"):
        raise ValueError("stage or reference")
    since = body["from"]
    if since is not None and not _MONTH.fullmatch(since):
        raise ValueError(f"from: not a month: {since!r}")
    targets, parts = (_amounts(body.get(key, {})) for key in ("targets", "parts"))
    if unknown := set(targets) - set(_MEASURES):
        raise ValueError(f"unknown measures {sorted(unknown)}")
    budget = _budget(body["budget"]) if "budget" in body else None
    names = (name, body["ko"], body["en"], body["stage"])
    return Entry(*names, targets, parts, budget, since, tuple(body["led_by"]), body["reference"])


def _budget(body: Mapping[str, Any]) -> Budget:
    if body["kind"] not in _KINDS or (body["kind"] == "shared") != ("won" not in body):
        raise ValueError("budget")
    amounts = _amounts({key: body[key] for key in ("won", "ai_won") if key in body})
    return Budget(body["kind"], amounts.get("won"), amounts.get("ai_won"), tuple(body.get("with", ())))


def _amounts(body: Mapping[str, Any]) -> dict[str, int]:
    for key, value in body.items():
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            raise ValueError(f"{key}: not a whole number: {value!r}")
    return dict(body)
