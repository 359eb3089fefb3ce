"""What the policy says to a kind of case (지원 조건): which lines pay, at which multiple and rate, and which do not.

Terms depend on the kind of company and course only, not on won, hours or people: they are settled once per kind and
period, so that many quotes share them.
"""

from dataclasses import dataclass
from typing import NamedTuple

from libs.contracts.diagnosis import Reason
from services.subsidy.domain.conditions import CONDITIONS, is_gap, rate_place, reason_of
from services.subsidy.domain.facts import Facts
from services.subsidy.domain.policy import Given, NotInForce, PolicyError, Snapshot
from services.subsidy.domain.programmes import PROGRAMMES, Line, not_priced, replaced


@dataclass(slots=True, eq=False)
class Payable:
    """A line that pays. `used` are the values of the policy that it rests on, in order of computation.

    `unit_price` is the parameter that gives the unit price where the course states none. The whole numbers are those
    of the formula, `divisor` their scales times the cut. `written` is the receipt with places for its numbers, kept
    here by the receipt.
    """

    line: Line
    multiple: Given
    rate: Given
    cut: Given
    unit_price: Given | None
    used: tuple[Given, ...]
    multiple_whole: int
    multiple_scale: int
    rate_whole: int
    divisor: int
    cut_whole: int
    written: bytes = b""


class Refused(NamedTuple):
    """A line that does not pay: `outcome` is "unpriced" where only knowledge is missing, else "ineligible"."""

    line: Line
    outcome: str
    reasons: tuple[Reason, ...]


@dataclass(slots=True, eq=False)
class Terms:
    """`limit` is the rule that support ends at the actual fee, `fee` the fee of courses that state none, if the policy
    knows it, and `one` the rule against stacking where several lines pay. `reasons` say why no line pays.
    `written` is the refused lines as the receipt shows them.
    """

    limit: Given
    fee: Given | None
    payable: tuple[Payable, ...] = ()
    refused: tuple[Refused, ...] = ()
    one: Given | None = None
    outcome: str = "quoted"
    reasons: tuple[Reason, ...] = ()
    written: bytes = b""


def settle(facts: Facts, snapshot: Snapshot) -> Terms:
    """The terms of a known programme; those of a kind that was seen before are the same object."""
    workplace, institution = facts.workplace, facts.institution
    kind = (
        facts.programme, facts.mode, facts.level, facts.ai, facts.unit_price is None, facts.size_class,
        facts.size_basis, workplace and workplace.tier, institution and institution.tier,
    )  # fmt: skip
    known: Terms | None = snapshot.kept.get(kind)
    if known is None:
        known = _settle(facts, snapshot)
        if not any(place is not None and place.problem for place in (workplace, institution)):
            snapshot.kept[kind] = known  # a problem names its place, so it belongs to that place alone
    return known


def _settle(facts: Facts, snapshot: Snapshot) -> Terms:
    programme = PROGRAMMES[facts.programme]
    limit = snapshot.get("common.actual_fee_limit")
    fee = snapshot.get(programme.fee) if programme.fee else None
    found = _replace([_try(line, facts, snapshot) for line in programme.lines])
    payable = tuple(line for line in found if isinstance(line, Payable))
    refused = tuple(line for line in found if isinstance(line, Refused))
    if not programme.lines:
        outcome, reasons = _amounts(facts, snapshot, programme.amounts)
        return Terms(limit, fee, outcome=outcome, reasons=reasons)
    gaps = [line for line in refused if line.outcome == "unpriced"]
    if payable and not gaps:
        one = snapshot.get("common.one_support") if len(payable) > 1 else None
        return Terms(limit, fee, payable, refused, one)
    # Where one line cannot be told, the best of the others need not be the best of all.
    named = {(reason.code, reason.ko): reason for line in refused for reason in line.reasons}
    outcome = "unpriced" if gaps else "ineligible"
    return Terms(limit, fee, refused=refused, outcome=outcome, reasons=tuple(named.values()))


def _replace(found: list[Payable | Refused]) -> list[Payable | Refused]:
    """Lines that another paying line replaces do not pay."""
    by: dict[object, tuple[Line, Given]] = {}
    for payable in found:
        if isinstance(payable, Payable):
            by |= {g.value: (payable.line, g) for g in payable.used if g.parameter.id == payable.line.replaces}
    return [
        Refused(line.line, "ineligible", (replaced(by[line.line.id][0], by[line.line.id][1].citations[0]),))
        if isinstance(line, Payable) and line.line.id in by
        else line
        for line in found
    ]


def _amounts(facts: Facts, snapshot: Snapshot, names: tuple[str, ...]) -> tuple[str, tuple[Reason, ...]]:
    """Amounts that nobody has set are named; a rule not yet in force makes the course ineligible until then."""
    errors: list[PolicyError] = []
    for parameter in names:
        try:
            snapshot.get(parameter)
        except PolicyError as error:
            errors.append(error)
    early = bool(errors) and all(isinstance(error, NotInForce) for error in errors)
    reasons = tuple(reason_of(error) for error in errors) or (not_priced(facts.programme),)
    return "ineligible" if early else "unpriced", reasons


def _try(line: Line, facts: Facts, snapshot: Snapshot) -> Payable | Refused:
    found = [CONDITIONS[need](facts, snapshot) for need in line.needs]
    reasons = tuple(reason for reason in found if reason is not None)
    if reasons:
        return Refused(line, "unpriced" if all(map(is_gap, reasons)) else "ineligible", reasons)
    try:
        return _pay(line, facts, snapshot)
    except PolicyError as error:
        outcome = "ineligible" if isinstance(error, NotInForce) else "unpriced"
        return Refused(line, outcome, (reason_of(error),))


def _pay(line: Line, facts: Facts, snapshot: Snapshot) -> Payable:
    """plan:IV-①-p.4 (M1), plan:IV-②-p.7 (M3, M4, M5), plan:IV-③-p.8 (M7, M8), plan:IV-④-p.9 (M10)."""
    unit_price = snapshot.get("common.unit_price") if facts.unit_price is None else None
    multiple = snapshot.get(line.multiple)
    rests_on = [snapshot.get("common.sme")] if "sme" in line.needs else []
    rests_on += [snapshot.get(name) for name in (line.reading, line.replaces) if name]
    rate_key, rate_name = "", line.rate
    if line.rate_by == "mode-and-size":
        rate_name, rate_key = f"{line.rate}_{facts.mode}", facts.size_class or ""
    elif line.rate_by == "place":
        place = rate_place(facts, snapshot)
        assert place is not None
        rests_on.append(snapshot.get("P10.rate_place"))
        rate_key = place.tier2 or ""
        if place.overlap:
            rests_on.append(snapshot.get("common.overlap_two_tiers"))
            rate_key = str(rests_on[-1].value)
    rate = snapshot.get(rate_name, rate_key)
    cut = snapshot.get("common.rounding_unit")
    first = [unit_price] if unit_price is not None else []
    return Payable(
        *(line, multiple, rate, cut, unit_price, (*first, multiple, *rests_on, rate, cut)),
        *(multiple.whole, multiple.scale, rate.whole, multiple.scale * rate.scale * cut.whole, cut.whole),
    )
