"""What a price depends on (견적의 사실관계), settled for the date of application and frozen with the quote."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from libs.contracts.diagnosis import Reason
from libs.reference import ksic, regions, size
from libs.reference.errors import CodeError
from services.subsidy.domain.policy import Snapshot

MAX_WON = 10**12
MAX_HOURS = 10_000
MAX_PEOPLE = 100_000
MAX_MONTHS = 60
MAX_AGE = 120
MAX_HEADCOUNT = 10_000_000


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


class Learner(NamedTuple):
    """A person (훈련생): `status` is jobseeker (구직자), worker (재직자) or transition (전환기); age in years."""

    status: str
    age: int | None = None


class Yearly(NamedTuple):
    """What the yearly limit (연간 지원한도) of employer training follows from: the year's 보수총액 in won, the head
    count, and the support in won that the firm has had this year."""

    payroll: int
    headcount: int
    used: int = 0


class Facts(NamedTuple):
    """Won, hours, people and months as the source states them; None where it does not.

    `size_basis` is "stated", or "headcount" where the class was worked out by 고용보험법 시행령 별표 1. Without a
    `learner` the trainees are workers of the company; without `yearly` its limit is not looked at. The numbers come
    first: what is left is the same for many questions.
    """

    hours: int | None
    fee: int | None
    unit_price: int | None
    people: int
    programme: str
    mode: str
    level: str
    ai: bool
    size_class: str | None
    size_basis: str
    workplace: Place | None
    institution: Place | None
    learner: Learner | None = None
    months: int | None = None
    yearly: Yearly | None = None


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


def moved(facts: Facts, on: date) -> Facts:
    """The same case on another day: tiers are those of that day."""
    workplace, institution = facts.workplace, facts.institution
    return facts._replace(
        workplace=workplace and place(workplace.code, on), institution=institution and place(institution.code, on)
    )


def size_of(
    stated: str | None, headcount: int | None, ksic_version: str | None, ksic_code: str | None, snapshot: Snapshot
) -> tuple[str | None, str]:
    """The size class and what it rests on; a stated class stands, since a firm may hold it whatever its head count.
    The thresholds are those of the policy on the date."""
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
    limits = {group: snapshot.get("common.priority_threshold", group).whole for group in size.LIMITS}
    return size.size_class(headcount, section, division, limits), "headcount"


_BANDS = (
    (3_000_000, ""),
    (6_000_000, "over_3m_to_6m"),
    (12_000_000, "over_6m_to_12m"),
    (18_000_000, "over_12m_to_18m"),
)


def fee_band(fee: int | None) -> str:
    """The step of a course's fee that sets a learner's own share; "" up to three million won."""
    return next((band for most, band in _BANDS if (fee or 0) <= most), "over_18m")


def premium_class(facts: Facts) -> str:
    """The class of a firm's premium rate (보험료징수법 시행령 제12조)."""
    assert facts.yearly is not None
    heads = facts.yearly.headcount
    if heads < 150:
        return "under_150"
    if facts.size_class == "priority":
        return "priority_from_150"
    return "from_150_to_999" if heads < 1000 else "from_1000"


def numbers_in_range(hours: int | None, fee: int | None, unit_price: int | None, people: int) -> bool:
    """Whether the numbers that come first can be; None is a number that nobody stated."""
    return (
        (fee is None or 0 <= fee <= MAX_WON)
        and (hours is None or 0 < hours <= MAX_HOURS)
        and (unit_price is None or 0 < unit_price <= MAX_WON)
        and 0 < people <= MAX_PEOPLE
    )


def case_in_range(facts: Facts) -> bool:
    """Whether all other numbers can be."""
    return (
        (facts.months is None or 0 < facts.months <= MAX_MONTHS)
        and (facts.learner is None or facts.learner.age is None or 0 <= facts.learner.age <= MAX_AGE)
        and (facts.yearly is None or _possible(*facts.yearly))
    )


def _possible(payroll: int, headcount: int, used: int) -> bool:
    return 0 <= payroll <= MAX_WON * 1000 and 0 < headcount <= MAX_HEADCOUNT and 0 <= used <= MAX_WON


def to_json(facts: Facts) -> dict[str, Any]:
    """As it is stored; `from_json` gives the same facts again, whatever the reference tables say by then."""
    document = facts._asdict()
    for name in ("workplace", "institution"):
        where: Place | None = document[name]
        if where is not None:
            problem = where.problem and where.problem.model_dump()
            document[name] = {**where._asdict(), "problem": problem}
    for name in ("learner", "yearly"):
        document[name] = document[name] and list(document[name])
    return document


def from_json(document: Mapping[str, Any]) -> Facts:
    made = {name: document[name] and _place(document[name]) for name in ("workplace", "institution")}
    made["learner"] = document["learner"] and Learner(*document["learner"])
    made["yearly"] = document["yearly"] and Yearly(*document["yearly"])
    return Facts(**{**document, **made})


def _place(document: Mapping[str, Any]) -> Place:
    problem = document["problem"]
    return Place(**{**document, "problem": problem and Reason(**problem)})
