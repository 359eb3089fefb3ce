"""Courses and companies in memory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from libs.contracts.catalog import Course
from services.matching.domain.rules import Rules
from services.matching.domain.scoring import (
    HOURS_FROM,
    Seeker,
    industry_points,
    next_session,
    offered,
    place,
    programme_points,
    region_points,
    start_points,
    tie,
    traits,
)
from services.matching.engine.cell import HOURS, OWN, PLACE, PROVIDER, SLOT, TARGET, TWIN, Cell
from services.matching.engine.companies import Companies
from services.matching.engine.pick import LIMIT, keys_of, pick, points_at
from services.matching.engine.tables import Ints, Longs, PairTable


@dataclass(frozen=True, slots=True)
class Found:
    """The best courses in order, and the key that another course must beat to come among them."""

    courses: tuple[Course, ...]
    floor: int


@dataclass(frozen=True, slots=True)
class _Look:
    """How a course looks to every company alike; its tie aside."""

    wants: tuple[int, int, int, int]
    place: int
    target: int
    own: int


class Engine:
    """`day` is the Korean date for which sessions are chosen; it only moves forward."""

    def __init__(self, rules: Rules, day: date) -> None:
        self.rules, self.day = rules, day
        self._places: PairTable[str, str | None] = PairTable(lambda c, p: region_points(rules, c, p).points)
        self._targets: PairTable[str | None, tuple[str, ...]] = PairTable(
            lambda c, t: industry_points(rules, c, t).points
        )
        self._providers: dict[str, int] = {}
        self._twins: dict[tuple[object, ...], int] = {}
        self._slots: dict[str, int] = {}
        self.changes = 0
        self._courses: list[Course | None] = []
        self._where: list[tuple[Cell, int] | None] = []
        self._cells: dict[tuple[int, int, int], Cell] = {}
        self._grid: Ints = np.zeros((0, 3), np.int32)
        self.companies = Companies(rules.length, self._places, self._targets)

    def advance(self, day: date) -> None:
        """Moves on to `day`: sessions of days gone by are dropped, starts are nearer. Lists are not made anew."""
        if day <= self.day:
            return
        self.day = day
        self.changes += 1
        for course in self._courses:
            if course is not None:
                self.put(course)

    def put(self, course: Course) -> None:
        """Adds a course or replaces what was known of it."""
        self.changes += 1
        self.drop(course.course_id)
        if not offered(course, self.day):
            return
        slot = self._slots.setdefault(course.course_id, len(self._courses))
        if slot == len(self._courses):
            self._courses.append(None)
            self._where.append(None)
        look = self._look(course)
        cell = self._cell((look.wants[0], look.wants[1], look.wants[2]))
        # Courses whose provider is not named are not one provider's.
        name = course.provider or course.course_id
        provider = self._providers.setdefault(name, len(self._providers))
        run = (name, course.title.casefold(), course.programme, course.mode, course.hours)
        twin = self._twins.setdefault(run, len(self._twins))
        values = (look.wants[3], look.place, look.target, look.own, provider, twin, slot)
        self._where[slot] = (cell, cell.add(values, tie(course.course_id)))
        coming = tuple(one for one in course.sessions if one.starts_on is None or one.starts_on >= self.day)
        gone = len(coming) < len(course.sessions)
        self._courses[slot] = course.model_copy(update={"sessions": coming}) if gone else course

    def drop(self, course_id: str) -> None:
        """Takes a course out of the offer. Unknown ones are none of its business."""
        self.changes += 1
        slot = self._slots.get(course_id)
        if slot is None or (where := self._where[slot]) is None:
            return
        cell, position = where
        moved = cell.remove(position)
        self._where[moved] = (cell, position)
        self._where[slot] = None
        self._courses[slot] = None

    def course(self, course_id: str) -> Course | None:
        slot = self._slots.get(course_id)
        return None if slot is None else self._courses[slot]

    def find(self, seeker: Seeker) -> Found:
        """The list of one company, as if every course had been weighed and sorted."""
        wants = np.array(seeker.wants, np.int32)
        places = self._places.of_company(self._places.row(seeker.facts.region_code))
        targets = self._targets.of_company(self._targets.row(seeker.facts.ksic_code))
        length, per_provider = self.rules.length, self.rules.per_provider
        best_keys: Longs = np.zeros(0, np.int64)
        best: Ints = np.zeros((7, 0), np.int32)
        floor = LIMIT
        for cell, base, most in self._by_promise(wants, int(places.max()), int(targets.max())):
            if most < points_at(floor):
                break
            columns = cell.columns
            points = wants[columns[HOURS]] + places[columns[PLACE]] + targets[columns[TARGET]] + columns[OWN] + base
            good = np.flatnonzero(points >= points_at(floor))
            if not good.size:
                continue
            keys = np.concatenate((best_keys, keys_of(points[good], cell.ties[good])))
            pool = np.concatenate((best, columns[:, good]), axis=1)
            chosen = pick(keys, pool[PROVIDER], pool[TWIN], length, per_provider)
            best_keys, best = keys[chosen], pool[:, chosen]
            if len(chosen) == length:
                floor = int(best_keys[-1])
        return Found(tuple(self._at(int(slot)) for slot in best[SLOT]), floor)

    def affected(self, course_ids: Iterable[str]) -> list[str]:
        """Companies whose list these courses, as they now stand, may change: no fewer than really change."""
        slots = {self._slots[course_id] for course_id in course_ids if course_id in self._slots}
        hit = self.companies.holding(slots, len(self._courses))
        for look, smallest in self._looks(slots).items():
            hit |= self.companies.below(look.wants, look.place, look.target, look.own, smallest)
        return self.companies.ids(hit)

    def set_list(self, company_id: str, course_ids: Sequence[str], floor: int) -> None:
        """Remembers the list that a company was given."""
        self.companies.set_list(company_id, [self._slots.get(course_id, -1) for course_id in course_ids], floor)

    def __len__(self) -> int:
        return sum(cell.size for cell in self._cells.values())

    def _at(self, slot: int) -> Course:
        course = self._courses[slot]
        assert course is not None
        return course

    def _look(self, course: Course) -> _Look:
        session = next_session(course, self.day)
        start = start_points(self.rules, session.starts_on if session else None, self.day)
        return _Look(
            traits(course),
            self._places.column(place(course)),
            self._targets.column(course.target_ksic),
            start.points + programme_points(self.rules, course.programme).points,
        )

    def _looks(self, slots: Iterable[int]) -> dict[_Look, int]:
        """Courses that look alike count once, with the smallest of their ties."""
        looks: dict[_Look, int] = {}
        for slot in slots:
            course = self._courses[slot]
            if course is not None:
                look, its_tie = self._look(course), tie(course.course_id)
                looks[look] = min(its_tie, looks.get(look, its_tie))
        return looks

    def _cell(self, wants: tuple[int, int, int]) -> Cell:
        if wants not in self._cells:
            self._cells[wants] = Cell(wants)
            self._grid = np.array(list(self._cells), np.int32)
        return self._cells[wants]

    def _by_promise(self, wants: Ints, place: int, target: int) -> Iterable[tuple[Cell, int, int]]:
        """Cells, their points, and the most that a course in them can have; the most promising first."""
        base = wants[self._grid].sum(axis=1, dtype=np.int32)
        own = self.rules.full["start"] + self.rules.full["programme"]
        rest = int(wants[HOURS_FROM:].max()) + place + target + own
        cells = list(self._cells.values())
        for number in np.argsort(-base, kind="stable"):
            yield cells[number], int(base[number]), int(base[number]) + rest
