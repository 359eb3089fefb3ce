"""What an import did, row by row. Its counts add up to its rows."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from services.catalog.domain.draft import Place
from services.catalog.domain.fault import Fault
from services.catalog.domain.merge import OUTCOMES, Change, Merged, Numbered

MOST_LISTED = 10_000
"""Entries kept per list: a wholly wrong file of 100,000 rows says the same thing every time. Counts stay exact."""


@dataclass
class Report:
    """Tally of one import. `courses` counts courses, everything else rows."""

    rows: int
    counts: Counter[str] = field(default_factory=Counter)
    courses: Counter[str] = field(default_factory=Counter)
    merged: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    omitted: Counter[str] = field(default_factory=Counter)

    def add_merged(self, merged: Iterable[Merged]) -> None:
        for one in merged:
            self.counts["merged"] += 1
            self._list("merged", _merged(one))

    def add_refused(self, place: Place, faults: Sequence[Fault]) -> None:
        self.counts["refused"] += 1
        for fault in faults:
            self._list("refused", asdict(place) | asdict(fault))

    def add_notes(self, drafts: Iterable[Numbered]) -> None:
        for place, draft in drafts:
            for fault in draft.notes:
                self._list("notes", asdict(place) | asdict(fault))

    def add_change(self, change: Change) -> None:
        self.counts.update(outcome for _, outcome in change.outcomes)
        self.courses["new" if change.version == 1 and change.real else "changed" if change.real else "unchanged"] += 1

    def _list(self, name: str, entry: dict[str, Any]) -> None:
        entries: list[dict[str, Any]] = getattr(self, name)
        if len(entries) < MOST_LISTED:
            entries.append(entry)
        else:
            self.omitted[name] += 1

    def document(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            **{name: self.counts[name] for name in OUTCOMES},
            "courses": {name: self.courses[name] for name in ("new", "changed", "unchanged")},
            "lists": {
                "merged": _by_row(self.merged),
                "refused": _by_row(self.refused),
                "notes": _by_row(self.notes),
            },
            "omitted": {name: self.omitted[name] for name in ("merged", "refused", "notes")},
        }


def _by_row(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(entries, key=lambda entry: int(entry["row"]))


def _merged(one: Merged) -> dict[str, Any]:
    first = one.repeats.row
    names = ", ".join(one.differs)
    same_ko, same_en = f"{first}행과 같은 행입니다", f"repeats row {first}"
    differs_ko = f"{first}행과 같은 회차인데 값이 다릅니다 ({names}). 이 행의 값을 썼습니다"
    differs_en = f"is the same session as row {first} with other values ({names}); the values of this row hold"
    return asdict(one.place) | {
        "repeats_row": first,
        "course_id": one.course_id,
        "session_no": one.session_no,
        "field": names,
        "code": "duplicate-differs" if one.differs else "duplicate",
        "ko": differs_ko if one.differs else same_ko,
        "en": differs_en if one.differs else same_en,
        "value": None,
    }
