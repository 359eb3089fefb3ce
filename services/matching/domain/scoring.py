"""What each part of a course's fit is worth for one company.

Every part is looked up by one trait of the course, so the engine scores many courses by table; `parts` is the
same for one course, and explains it. Filters are three-valued: only what is known to be unfit is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from math import isfinite

from libs.contracts.catalog import FIELDS, Course, Session
from libs.contracts.diagnosis import AssessmentCompletedV1
from libs.contracts.interagency import CompanyFacts
from libs.reference import CodeError, ksic
from libs.reference.regions.table import SIGUNGUS
from services.matching.domain.rules import BANDS, FULL, LEVELS, MODES, Rules

EXCLUDED = -2 * FULL
"""Points of what must not be offered: no other part can make up for it."""

ANYWHERE = "*"
"""The place of a course that is taken from anywhere."""

_FIELD = len(LEVELS)
_MODE = _FIELD + len(FIELDS) + 1
HOURS_FROM = _MODE + len(MODES)
WIDTH = HOURS_FROM + len(BANDS) + 1
"""Points that depend on the company's wants: one per level, field (and one for other fields), mode, hours band
(and one for unknown hours)."""


@dataclass(frozen=True, slots=True)
class Seeker:
    """A company as it looks for courses. `wants` has `WIDTH` points; `provisional`: they are the survey's."""

    level: str
    provisional: bool
    facts: CompanyFacts
    wants: tuple[int, ...]

    @property
    def kind(self) -> tuple[object, ...]:
        """All that its list depends on: companies of one kind are recommended the same."""
        return self.level, self.provisional, self.facts.region_code, self.facts.ksic_code, self.wants


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the score: its points and which case of the rule gave them."""

    name: str
    case: str
    points: int


def seeker(rules: Rules, facts: CompanyFacts, assessment: AssessmentCompletedV1) -> Seeker:
    wants = [EXCLUDED if abs(LEVELS.index(assessment.level) - n) > 1 else rules.level["near"] for n in range(3)]
    wants[LEVELS.index(assessment.level)] = rules.level["same"]
    fields = _fractions(assessment.field_weights, rules.wanted["field"])
    wants += _spread(rules.full["field"], [fields.get(name, 0.0) for name in FIELDS])
    modes = _fractions(assessment.mode_weights, rules.wanted["mode"])
    # Nobody was asked about blended training: it lies between the two modes that it blends.
    modes.setdefault("blended", (modes.get("onsite", 0.0) + modes.get("remote", 0.0)) / 2)
    wants += [round(rules.full["mode"] * modes.get(name, 0.0)) for name in MODES]
    hours = _fractions(assessment.hour_weights, rules.wanted["hours"])
    wants += _spread(rules.full["hours"], [hours.get(name, 0.0) for name in BANDS])
    return Seeker(assessment.level, assessment.provisional, facts, tuple(wants))


def _fractions(given: Mapping[str, float], otherwise: Mapping[str, float]) -> dict[str, float]:
    """Each want as a share of the strongest; where nothing is wanted, what SMEs want in general."""
    sound = {name: weight for name, weight in given.items() if isfinite(weight) and weight > 0}
    weights = sound or dict(otherwise)
    strongest = max(weights.values())
    return {name: weight / strongest for name, weight in weights.items()}


def _spread(full: int, fractions: list[float]) -> list[int]:
    """Points for each, and last the mean of them for a course whose trait is unknown."""
    return [round(full * fraction) for fraction in [*fractions, sum(fractions) / len(fractions)]]


def traits(course: Course) -> tuple[int, int, int, int]:
    """Where in `Seeker.wants` the course's level, field, mode and hours stand."""
    field = FIELDS.index(course.field) if course.field in FIELDS else len(FIELDS)
    return (
        LEVELS.index(course.level),
        _FIELD + field,
        _MODE + MODES.index(course.mode),
        HOURS_FROM + hours_band(course.hours),
    )


def hours_band(hours: int | None) -> int:
    """The band (훈련시간 구간) of plan:붙임2-p.14; the last one stands for hours that are not known."""
    if hours is None or hours <= 0:
        return len(BANDS)
    return sum(hours >= limit for limit in (4, 8, 16, 40))


def place(course: Course) -> str | None:
    """Where one must go for it; None where that is not known."""
    return (course.region_code or None) if course.mode == "onsite" else ANYWHERE


def next_session(course: Course, day: date) -> Session | None:
    """The session to recommend: the first that starts on `day` or later, else one whose date is not set."""
    dated = [one for one in course.sessions if one.starts_on is not None and one.starts_on >= day]
    if dated:
        return min(dated, key=lambda one: (one.starts_on or day, one.session_no))
    undated = [one for one in course.sessions if one.starts_on is None]
    return min(undated, key=lambda one: one.session_no) if undated else None


def offered(course: Course, day: date) -> bool:
    """Whether it may be recommended at all: an AI course that is not wholly over.

    Courses that are not about AI never are: the plan trains for AX (plan:IV-②-p.6). A course without sessions
    is self-paced, or its dates are still to come.
    """
    return course.ai and (not course.sessions or next_session(course, day) is not None)


def start_points(rules: Rules, starts_on: date | None, day: date) -> Part:
    if starts_on is None:
        return Part("start", "undated", rules.start_undated)
    for days, points in rules.start_days:
        if (starts_on - day).days <= days:
            return Part("start", f"within_{days}", points)
    return Part("start", "later", rules.start_later)


def programme_points(rules: Rules, programme: str) -> Part:
    """Whether the programme (훈련사업) is made for people at work, as a company's are."""
    audience = rules.audience.get(programme, "unknown")
    return Part("programme", audience, rules.programme[audience])


def region_points(rules: Rules, company: str, course_place: str | None) -> Part:
    """How near the course is: 같은 시군구 > 같은 시도 > 같은 권역 > 그 밖."""
    return Part("region", (case := _nearness(rules, company, course_place)), rules.region[case])


def _nearness(rules: Rules, company: str, course_place: str | None) -> str:
    if course_place == ANYWHERE:
        return "anywhere"
    if not course_place or not company:
        return "unknown"
    if company == course_place or ((city := _city(company)) is not None and city == _city(course_place)):
        return "same"
    if company[:2] == course_place[:2]:
        return "sido"
    zones = rules.zone_of_sido.get(company[:2]), rules.zone_of_sido.get(course_place[:2])
    if None in zones:
        return "unknown"
    return "zone" if zones[0] == zones[1] else "other"


@lru_cache(maxsize=4096)
def _city(code: str) -> tuple[str, str] | None:
    """고양시 덕양구 and 고양시 일산동구 are one city with two codes."""
    entry = SIGUNGUS.get(code)
    return None if entry is None else (entry.region.sido, entry.region.name.split()[0])


def industry_points(rules: Rules, company: str | None, targets: tuple[str, ...]) -> Part:
    """Whether the course is for the company's industry (KSIC prefix, or a section letter)."""
    if not targets:
        return Part("industry", "open", rules.industry["open"])
    answers = [_belongs(company, target) for target in targets]
    if any(answers):
        return Part("industry", "match", rules.industry["match"])
    if None in answers:
        return Part("industry", "unknown", rules.industry["unknown"])
    return Part("industry", "other", EXCLUDED)


def _belongs(company: str | None, target: str) -> bool | None:
    if not company:
        return None
    if target.isalpha():
        try:
            return ksic.section(company) == target.upper()
        except CodeError:
            return None
    if company.startswith(target):
        return True
    # "26" may or may not be inside "2612": the company's code is too short to tell.
    return None if target.startswith(company) else False


def parts(rules: Rules, company: Seeker, course: Course, day: date) -> list[Part]:
    """All parts of the score of one course, in the order of the rules."""
    level, field, mode, hours = traits(course)
    session = next_session(course, day)
    gap = LEVELS.index(course.level) - LEVELS.index(company.level)
    level_case = {0: "same", 1: "above", -1: "below"}.get(gap, "far")
    return [
        Part("level", level_case, company.wants[level]),
        Part("field", course.field, company.wants[field]),
        region_points(rules, company.facts.region_code, place(course)),
        Part("mode", course.mode, company.wants[mode]),
        Part("hours", (*BANDS, "unknown")[hours_band(course.hours)], company.wants[hours]),
        industry_points(rules, company.facts.ksic_code, course.target_ksic),
        programme_points(rules, course.programme),
        start_points(rules, session.starts_on if session else None, day),
    ]


def tie(course_id: str) -> int:
    """What orders courses of equal points: a fixed digest of the id, 49 bits, so that no source comes first by the
    way its ids are spelt."""
    return int.from_bytes(blake2b(course_id.encode(), digest_size=8).digest(), "big") >> 15


def points(rules: Rules, company: Seeker, course: Course, day: date) -> int | None:
    """The points of one course out of `FULL`; None if it must not be offered."""
    if not offered(course, day):
        return None
    total = sum(part.points for part in parts(rules, company, course, day))
    return total if total >= 0 else None
