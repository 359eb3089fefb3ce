"""From rows to courses, and from what was known to what is known now.

Every row has exactly one outcome, so the counts of an import add up to its rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from libs.contracts.catalog import Course, Session
from services.catalog.domain.draft import Draft, Place, rank
from services.catalog.domain.fault import Fault

Status = Literal["offered", "closed", "withdrawn"]
Outcome = Literal["loaded", "updated", "unchanged"]
OUTCOMES: tuple[str, ...] = ("loaded", "updated", "unchanged", "merged", "refused")

Numbered = tuple[Place, Draft]
COURSE_FIELDS = tuple(name for name in Course.model_fields if name != "sessions")


@dataclass(frozen=True)
class Merged:
    """A row that repeats an earlier one of the same course and session; its own values hold."""

    place: Place
    repeats: Place
    course_id: str
    session_no: int | None
    differs: tuple[str, ...]


@dataclass
class Gathered:
    """All rows of one course in one file, one per session."""

    course_id: str
    rows: dict[int | None, Numbered] = field(default_factory=dict)

    @property
    def speaker(self) -> Numbered:
        """The row whose course values hold: that of the newest session, in a tie the later row."""
        return max(self.rows.values(), key=lambda numbered: (numbered[1].rank, numbered[0].row))


@dataclass(frozen=True)
class Known:
    """A course as it is stored."""

    course: Course
    status: Status
    version: int


@dataclass(frozen=True)
class Change:
    """What a course becomes. `real` is false where nothing changed and nothing is to be written."""

    course: Course
    status: Status
    version: int
    real: bool
    outcomes: tuple[tuple[Place, Outcome], ...]


def gather(rows: Iterable[Numbered]) -> tuple[list[Gathered], list[Merged]]:
    """Courses in order of first appearance, with repeated (course, session) rows merged: the last one holds."""
    courses: dict[str, Gathered] = {}
    merged: list[Merged] = []
    first: dict[tuple[str, int | None], Place] = {}
    for place, draft in rows:
        key = draft.course.course_id
        course = courses.setdefault(key, Gathered(key))
        number = draft.session.session_no if draft.session else None
        if number in course.rows:
            differs = _differing(course.rows[number][1], draft)
            merged.append(Merged(place, first[key, number], key, number, differs))
            # The outcome of a repeated row is counted once, for the row where it first stood.
            place = first[key, number]
        first.setdefault((key, number), place)
        course.rows[number] = (place, draft)
    return list(courses.values()), merged


def _differing(old: Draft, new: Draft) -> tuple[str, ...]:
    names = [name for name in COURSE_FIELDS if getattr(old.course, name) != getattr(new.course, name)]
    if old.session and new.session:
        names += [name for name in Session.model_fields if getattr(old.session, name) != getattr(new.session, name)]
    if old.open != new.open:
        names.append("open")
    return tuple(names)


def change(known: Known | None, found: Gathered) -> Change:
    """Applies a file's rows of one course to what is known of it.

    Sessions that the file does not name stay. The course's own values are replaced unless the file
    speaks only of sessions older than the newest known one: an extract of past runs must not
    bring an old title back.
    """
    place, speaker = found.speaker
    before = known.course.sessions if known else ()
    sessions = {session.session_no: session for session in before}
    outcomes: dict[Place, Outcome] = {}
    for number, (row_place, draft) in found.rows.items():
        stood = sessions.get(number) if number is not None else None
        if draft.session is not None:
            sessions[draft.session.session_no] = draft.session
            outcomes[row_place] = "loaded" if stood is None else "unchanged" if stood == draft.session else "updated"
        else:
            outcomes[row_place] = "unchanged" if known else "loaded"

    others = [session for session in before if session.session_no not in found.rows]
    speaks = known is None or speaker.rank >= max(map(rank, others), default=rank(None))
    course = speaker.course if speaks or known is None else known.course
    course = course.model_copy(update={"sessions": in_order(sessions.values())})
    status: Status = "offered" if speaker.open else "closed"
    if known and not speaks:
        status = known.status
    own = known is None or status != known.status or _own(course) != _own(known.course)
    if own and outcomes[place] == "unchanged":
        outcomes[place] = "updated"
    real = any(outcome != "unchanged" for outcome in outcomes.values())
    version = (known.version if known else 0) + real
    return Change(course, status, version, real, tuple(outcomes.items()))


def _own(course: Course) -> Mapping[str, object]:
    return {name: getattr(course, name) for name in COURSE_FIELDS}


def in_order(sessions: Iterable[Session]) -> tuple[Session, ...]:
    """By start, undated ones last."""
    return tuple(sorted(sessions, key=lambda one: (one.starts_on or date.max, one.session_no)))


def to_publish(course: Course, today: date) -> Course:
    """What the event carries: sessions that are not over, and of the others the one that ended last.

    A course of many years stays far below the size of a message that way; the store keeps every session.
    """
    over = [session for session in course.sessions if is_over(session, today)]
    latest = max(over, key=lambda one: (one.ends_on or one.starts_on or date.min, one.session_no), default=None)
    kept = [session for session in course.sessions if session is latest or not is_over(session, today)]
    return course.model_copy(update={"sessions": in_order(kept)})


def is_over(session: Session, today: date) -> bool:
    """Ended before today; by its start where the source states no end."""
    last = session.ends_on or session.starts_on
    return last is not None and last < today


def refused(found: Gathered, fault: Fault) -> list[tuple[Place, Sequence[Fault]]]:
    """Every row of a course that cannot be stored as a whole."""
    return [(place, (fault,)) for place, _ in found.rows.values()]
