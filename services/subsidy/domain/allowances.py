"""Money beside the fee (훈련생 지원금, 장비비): per person and month by the tier of a place, or an amount not set yet.

plan:IV-①-p.5 (M2), plan:IV-③-p.8 (M7, M9).
"""

from typing import NamedTuple

from libs.contracts.diagnosis import Reason
from services.subsidy.domain.conditions import PLACE_UNKNOWN, cited, reason_of
from services.subsidy.domain.facts import Facts, Place
from services.subsidy.domain.policy import Given, PolicyError, Snapshot
from services.subsidy.domain.programmes import Allowance


class Beside(NamedTuple):
    """An allowance settled for a kind of case. `given` is None where `reasons` say why there is no amount; `used` are
    the values it rests on before the amount, `before` the won that it replaced, if another amount."""

    allowance: Allowance
    given: Given | None
    used: tuple[Given, ...] = ()
    before: int | None = None
    reasons: tuple[Reason, ...] = ()


def beside(allowance: Allowance, facts: Facts, snapshot: Snapshot) -> Beside:
    """What the policy gives beside the fee for this kind of case."""
    used: list[Given] = []
    key = ""
    try:
        if allowance.place:
            used.append(snapshot.get(allowance.place))
            place = facts.institution if used[0].value == "institution" else facts.workplace
            if (reason := _unclear(place)) is not None:
                return Beside(allowance, None, tuple(used), reasons=(cited(reason, used[0].citations[0]),))
            assert place is not None
            key = place.tier3 or ""
            if place.overlap:
                used.append(snapshot.get("common.overlap_three_tiers"))
                key = str(used[-1].value)
        given = snapshot.get(allowance.amount, key)
    except PolicyError as error:
        return Beside(allowance, None, tuple(used), reasons=(reason_of(error),))
    return Beside(allowance, given, tuple(used), _before(given))


def _unclear(place: Place | None) -> Reason | None:
    if place is None:
        return PLACE_UNKNOWN
    return place.problem or (PLACE_UNKNOWN if place.tier3 is None else None)


def _before(given: Given) -> int | None:
    """The amount until the day before `given` took effect, where it was another."""
    earlier = [dated for dated in given.parameter.values if dated.effective_on < given.dated.effective_on]
    if not earlier:
        return None
    value = max(earlier, key=lambda dated: dated.effective_on).cells.get(given.key)
    return value if isinstance(value, int) and value != given.value else None


def total(one: Beside, facts: Facts) -> int | None:
    """Won for all people and months, or once; None where the amount or the months are not known."""
    if one.given is None or (facts.months is None and not one.allowance.once):
        return None
    if facts.months is None or one.allowance.once:
        return one.given.whole
    return one.given.whole * facts.months * facts.people
