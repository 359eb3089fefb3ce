"""One row of a source, normalised."""

import re
from dataclasses import dataclass
from datetime import date

from libs.contracts.catalog import Course, Session
from services.catalog.domain.fault import Fault

_SAFE = re.compile(r"[A-Za-z0-9._-]")


@dataclass(frozen=True)
class Place:
    """Where a row stands: its number (CSV: the header is row 1; JSON: from 1) and, in CSV, its first line."""

    row: int
    line: int | None = None


@dataclass(frozen=True)
class Draft:
    """A course without its sessions, and the one session of this row if the source has sessions.

    `open` is false where the source says that the course is over (종료). `notes` are values that
    the source got wrong and that a course can do without.
    """

    course: Course
    session: Session | None = None
    open: bool = True
    notes: tuple[Fault, ...] = ()

    @property
    def rank(self) -> tuple[date, int]:
        """Orders the rows of one course: its newest session speaks for the course."""
        return rank(self.session)


def rank(session: Session | None) -> tuple[date, int]:
    if session is None:
        return date.min, 0
    return session.starts_on or date.min, session.session_no


def course_id(source: str, source_id: str) -> str:
    """`source:source_id`, every other character as ~ and its UTF-8 bytes in hex: distinct ids stay distinct."""
    safe = "".join(
        character if _SAFE.match(character) else "".join(f"~{byte:02X}" for byte in character.encode())
        for character in source_id
    )
    return f"{source}:{safe}"
