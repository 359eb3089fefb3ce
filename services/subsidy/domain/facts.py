"""What a price depends on (견적의 사실관계), settled for the date of application and frozen with the quote."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from libs.contracts.diagnosis import Reason
from libs.reference import ksic, regions, size
from libs.reference.errors import CodeError

MAX_WON = 10**12
MAX_HOURS = 10_000
MAX_PEOPLE = 100_000


class Place(NamedTuple):
    """A place with its tiers on the date. `now` is the code in force on the date where that is one.

    `tier` tells apart what the rules tell apart: both tiers, or "overlap" for 수도권 and 인구감소지역 at once;
    `problem` says why there are no tiers.
    """

    code: str
    now: str | None = None
    tier2: str | None = None
    tier3: str | None = None
    tier: str | None = None
    problem: Reason | None = None

    @property
    def overlap(self) -> bool:
        return self.tier == "overlap"


class Facts(NamedTuple):
    """Won, hours and people as the source states them; None where it does not.

    `size_basis` is "stated", or "headcount" where the class was worked out by 고용보험법 시행령 별표 1.
    """

    programme: str
    mode: str
    level: str
    ai: bool
    hours: int | None
    fee: int | None
    unit_price: int | None
    people: int
    size_class: str | None
    size_basis: str
    workplace: Place | None
    institution: Place | None


@lru_cache(maxsize=8192)
def place(code: str, on: date) -> Place:
    """Tiers by the crosswalk: a retired code keeps its tier as long as all its successors agree."""
    try:
        found = regions.candidates(code, on)
        now = found[0].code if len(found) == 1 else None
        tier2 = regions.tier2(code, on)
    except CodeError as error:
        return Place(code, problem=Reason(code=f"region-{error.code}", ko=error.ko, en=error.en))
    try:
        tier3: str | None = regions.tier3(code, on)
    except CodeError:
        tier3 = None  # a 시도 alone settles two tiers, not always three
    overlap = tier2 == "capital" and tier3 == "depopulation"
    return Place(code, now, tier2, tier3, "overlap" if overlap else f"{tier2}-{tier3}")


def size_of(
    stated: str | None, headcount: int | None, ksic_version: str | None, ksic_code: str | None
) -> tuple[str | None, str]:
    """The size class and what it rests on; a stated class stands, since a firm may hold it whatever its head count."""
    if stated is not None:
        return stated, "stated"
    if headcount is None or headcount < 0:
        return None, "stated"
    section = division = None
    if ksic_code and ksic_version:
        try:
            parsed = ksic.parse(ksic_code, ksic.parse_version(ksic_version))
            section, division = parsed.section, parsed.code[:2] if len(parsed.code) > 1 else None
        except CodeError:
            pass  # without an industry the class is still certain for small and for large firms
    return size.size_class(headcount, section, division), "headcount"


def in_range(facts: Facts) -> bool:
    """Whether every number that is known can be one."""
    fee, hours, unit_price = facts.fee, facts.hours, facts.unit_price
    return (
        (fee is None or 0 <= fee <= MAX_WON)
        and (hours is None or 0 < hours <= MAX_HOURS)
        and (unit_price is None or 0 < unit_price <= MAX_WON)
        and 0 < facts.people <= MAX_PEOPLE
    )


def identity(facts: Facts) -> str:
    """A text that is the same for the same facts only."""
    return (
        f"{facts.programme!r}|{facts.mode}|{facts.level}|{facts.ai}|{facts.hours}|{facts.fee}|{facts.unit_price}|"
        f"{facts.people}|{facts.size_class}|{facts.size_basis}|{_settled(facts.workplace)}|{_settled(facts.institution)}"
    )


def _settled(place: Place | None) -> str:
    return "" if place is None else f"{place.code!r}:{place.now}:{place.tier}"


def to_json(facts: Facts) -> dict[str, Any]:
    """As it is stored; `from_json` gives the same facts again, whatever the reference tables say by then."""
    document = facts._asdict()
    for name in ("workplace", "institution"):
        where: Place | None = document[name]
        if where is not None:
            problem = where.problem and where.problem.model_dump()
            document[name] = {**where._asdict(), "problem": problem}
    return document


def from_json(document: Mapping[str, Any]) -> Facts:
    places = {name: document[name] and _place(document[name]) for name in ("workplace", "institution")}
    return Facts(**{**document, **places})


def _place(document: Mapping[str, Any]) -> Place:
    problem = document["problem"]
    return Place(**{**document, "problem": problem and Reason(**problem)})
