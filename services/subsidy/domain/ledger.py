"""Reservations (예약) against the quotas of a programme (정원·예산): what each step takes or gives back.

A reservation takes people, won and, the first time its company takes part, a firm's place. Steps:

    waiting → reserved → confirmed → settled → clawed-back
    waiting, reserved, confirmed → released        reserved → expired
"""

from collections.abc import Mapping
from typing import NamedTuple

MEASURES = ("firms", "people", "won")
SHARED = "shared"
"""The won of a budget line that several programmes share, as one of them sees it that has no line of its own."""
HOLDING = ("reserved", "confirmed", "settled", "clawed-back")
"""Statuses in which a reservation holds places or money."""

STEPS: Mapping[str, Mapping[str, str]] = {
    "waiting": {"promote": "reserved", "release": "released"},
    "reserved": {"confirm": "confirmed", "release": "released", "expire": "expired"},
    "confirmed": {"settle": "settled", "release": "released"},
    "settled": {"claw-back": "settled"},
    "released": {},
    "expired": {},
    "clawed-back": {},
}
"""Status → step → the next status. A settled reservation becomes "clawed-back" when nothing is left of its won."""


class Amounts(NamedTuple):
    """What a reservation holds, by measure."""

    firms: int
    people: int
    won: int

    def of(self, measure: str) -> int:
        """What it holds of a measure; of a shared budget its won."""
        held: int = getattr(self, "won" if measure == SHARED else measure)
        return held


class Held(NamedTuple):
    """A quota as it stands: `taken` is never negative and never more than `granted`."""

    granted: int
    taken: int

    @property
    def left(self) -> int:
        return self.granted - self.taken


class NoSuchStep(ValueError):
    """The step is not possible in the status; `possible` are those that are."""

    def __init__(self, status: str, step: str) -> None:
        super().__init__(f"{step} in {status}")
        self.status, self.step = status, step
        self.possible = tuple(name for name in STEPS[status] if name not in ("promote", "expire"))


def after(status: str, step: str) -> str:
    """The status after the step. Raises `NoSuchStep`."""
    try:
        return STEPS[status][step]
    except KeyError:
        raise NoSuchStep(status, step) from None


def short(wanted: Amounts, held: Mapping[str, Held]) -> str | None:
    """The first measure of which too little is left; measures without a quota have no limit."""
    for measure in (*MEASURES, SHARED):
        if measure in held and wanted.of(measure) > held[measure].left:
            return measure
    return None


def settled(holds: Amounts, completed: int, cut: int) -> Amounts:
    """What stays taken for those who completed (실제 수료자): won in proportion, cut once (국고금 관리법 제47조).

    Without a completer the firm's place goes back too. Raises ValueError for more completers than people.
    """
    if not 0 <= completed <= holds.people:
        raise ValueError(f"{completed} of {holds.people}")
    won = holds.won * completed // holds.people // cut * cut
    return Amounts(holds.firms if completed else 0, completed, won)
