"""What the policy says to a kind of case (지원 조건): which lines pay, at which multiple and rate, and which do not.

Terms depend on the kind of company, learner and course only, not on won, hours or people: they are settled once per
kind and period, and kept per case and day, so that many quotes share them.
"""

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from libs.contracts.diagnosis import Reason
from services.subsidy.domain.allowances import Beside, beside
from services.subsidy.domain.conditions import CONDITIONS, cited, is_gap, rate_place, reason_of, too_young
from services.subsidy.domain.facts import Facts, case_in_range, fee_band, premium_class
from services.subsidy.domain.policy import Given, NotInForce, PolicyError, Snapshot, keep
from services.subsidy.domain.programmes import PROGRAMMES, Line, Programme, not_priced, replaced


class Limit(NamedTuple):
    """Of the firm's yearly limit (연간 지원한도): premium rate, multiple of the premium, and the least amount."""

    premium: Given
    multiple: Given
    least: Given


@dataclass(slots=True, eq=False)
class Payable:
    """A line that pays. `used` are the values of the policy that it rests on, in order of computation.

    `unit_price` is the parameter that gives the unit price where the course states none. The whole numbers are those
    of the formula, `divisor` their scales times the cut. `share` is the learner's own share, an amount or a rate.
    `written` is the receipt with places for all that is not of the kind, kept here by `receipt`.
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
    share: Given | None = None
    advance: Given | None = None
    limit: Limit | None = None
    written: str = ""


class Refused(NamedTuple):
    """A line that does not pay: `outcome` is "unpriced" where only knowledge is missing, else "ineligible"."""

    line: Line
    outcome: str
    reasons: tuple[Reason, ...]


@dataclass(slots=True, eq=False)
class Terms:
    """`actual` is the rule that support ends at the actual fee, `fee` the fee of courses that state none, if the policy
    knows it, and `one` the rule against stacking where several lines pay. `reasons` say why no line pays; who may not
    take part gets nothing beside the fee either.
    `stem` stands for the case on its day, all of a question but its numbers; `pages` are its receipts with places for
    the numbers, by line. Both are kept here by those who make them.
    """

    actual: Given
    fee: Given | None
    payable: tuple[Payable, ...] = ()
    refused: tuple[Refused, ...] = ()
    one: Given | None = None
    outcome: str = "quoted"
    reasons: tuple[Reason, ...] = ()
    allowances: tuple[Beside, ...] = ()
    stem: bytes = b""
    pages: dict[object, Any] = field(default_factory=dict)


_SHARED = {name for name, programme in PROGRAMMES.items() if any(line.share for line in programme.lines)}


_MOST_CASES = 4096


def kind_of(facts: Facts) -> tuple[object, ...]:
    """What the terms of a case depend on: cases of one kind have the same terms as long as the policy is the same."""
    workplace, institution, learner = facts.workplace, facts.institution, facts.learner
    more = None
    if learner is not None or facts.yearly is not None or facts.programme in _SHARED:
        band = fee_band(facts.fee) if facts.programme in _SHARED else None
        more = (learner, band, facts.yearly and premium_class(facts))
    return (
        facts.programme, facts.mode, facts.level, facts.ai, facts.unit_price is None,
        facts.size_class, facts.size_basis, more,
        workplace and (workplace.tier or workplace), institution and (institution.tier or institution),
    )  # fmt: skip


def settle(facts: Facts, snapshot: Snapshot) -> Terms | None:
    """The terms of a case, None where its programme is unknown or one of its numbers cannot be. Those of a case that
    was seen before are the same object."""
    band = fee_band(facts.fee) if facts.programme in _SHARED else None
    case = (snapshot, facts[4:], facts.unit_price is None, band)
    known: Terms | None = snapshot.cases.get(case)
    if known is None and facts.programme in PROGRAMMES and case_in_range(facts):
        known = keep(snapshot.cases, case, replace(_of_kind(facts, snapshot), pages={}), _MOST_CASES)
    return known


def _of_kind(facts: Facts, snapshot: Snapshot) -> Terms:
    kind = kind_of(facts)
    known: Terms | None = snapshot.kept.get(kind)
    if known is None:
        known = settle_for(PROGRAMMES[facts.programme], facts, snapshot)
        if not any(place is not None and place.problem for place in (facts.workplace, facts.institution)):
            snapshot.kept[kind] = known  # a problem names its place, so it belongs to that place alone
    return known


def settle_for(programme: Programme, facts: Facts, snapshot: Snapshot) -> Terms:
    """The terms of one case under a programme's lines, in whatever order they stand."""
    actual = snapshot.get("common.actual_fee_limit")
    fee = snapshot.get(programme.fee) if programme.fee else None
    allowances = tuple(beside(allowance, facts, snapshot) for allowance in programme.allowances)
    if not programme.lines:
        outcome, reasons = _amounts(facts, snapshot, programme)
        return Terms(actual, fee, outcome=outcome, reasons=reasons, allowances=allowances)
    found = _replace([_try(line, facts, snapshot) for line in programme.lines])
    payable = tuple(line for line in found if isinstance(line, Payable))
    refused = tuple(line for line in found if isinstance(line, Refused))
    gaps = [line for line in refused if line.outcome == "unpriced"]
    if payable and not gaps:
        one = snapshot.get("common.one_support") if len(payable) > 1 else None
        return Terms(actual, fee, payable, refused, one, allowances=allowances)
    # Where one line cannot be told, the best of the others need not be the best of all.
    named: dict[tuple[str, str], Reason] = {}
    for line in refused:
        for reason in line.reasons:
            named.setdefault((reason.code, reason.ko), reason)
    if not gaps:
        return Terms(actual, fee, refused=refused, outcome="ineligible", reasons=tuple(named.values()))
    return Terms(
        actual, fee, refused=refused, outcome="unpriced", reasons=tuple(named.values()), allowances=allowances
    )  # fmt: skip


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


def _amounts(facts: Facts, snapshot: Snapshot, programme: Programme) -> tuple[str, tuple[Reason, ...]]:
    """Amounts that nobody has set are named; a rule not yet in force makes the course ineligible until then."""
    errors: list[PolicyError] = []
    for parameter in programme.amounts:
        try:
            snapshot.get(parameter)
        except PolicyError as error:
            errors.append(error)
    try:
        age = facts.learner.age if facts.learner else None
        young = too_young(age, snapshot.get(programme.age_from)) if programme.age_from else None
    except PolicyError as error:
        errors.append(error)
        young = None
    if young is not None:
        return "unpriced" if is_gap(young) else "ineligible", (young,)
    early = bool(errors) and all(isinstance(error, NotInForce) for error in errors)
    reasons = tuple(reason_of(error) for error in errors) or (not_priced(facts.programme),)
    return "ineligible" if early else "unpriced", reasons


def _try(line: Line, facts: Facts, snapshot: Snapshot) -> Payable | Refused:
    found = [CONDITIONS[need](facts, snapshot) for need in line.needs]
    reasons = tuple(cited(reason, line.source) for reason in found if reason is not None)
    if reasons:
        reasons += _early(line, snapshot)
        return Refused(line, "unpriced" if all(map(is_gap, reasons)) else "ineligible", reasons)
    try:
        return _pay(line, facts, snapshot)
    except PolicyError as error:
        outcome = "ineligible" if isinstance(error, NotInForce) else "unpriced"
        return Refused(line, outcome, (reason_of(error),))


def _early(line: Line, snapshot: Snapshot) -> tuple[Reason, ...]:
    """Of a line that is refused anyway: that its rule is not in force yet is a reason too."""
    try:
        snapshot.get(line.multiple)
    except NotInForce as error:
        return (reason_of(error),)
    except PolicyError:
        pass
    return ()


def _pay(line: Line, facts: Facts, snapshot: Snapshot) -> Payable:
    """plan:IV-①-p.4 (M1), plan:IV-②-p.7 (M3, M4, M5), plan:IV-③-p.8 (M7, M8), plan:IV-④-p.9 (M10)."""
    multiple = snapshot.get(line.multiple)  # before the unit price: of a rule not in force yet that is no lack
    unit_price = snapshot.get("common.unit_price") if facts.unit_price is None and not line.ceiling else None
    share, advance, limit = _share(line, facts, snapshot), None, _limit(line, facts, snapshot)
    if line.advance:
        advance = snapshot.get(line.advance)
    rests_on = [snapshot.get("common.sme")] if "sme" in line.needs else []
    rests_on += [snapshot.get(name) for name in (*line.readings, line.replaces) if name]
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
    used = (unit_price, multiple, share, *rests_on, rate, cut, *(limit or ()), advance)
    # A share that is a rate is exact in parts of a won: the scale of the eligible fee takes its scale in.
    finer = share.scale if share is not None else 1
    scale = multiple.scale * finer
    return Payable(
        *(line, multiple, rate, cut, unit_price, tuple(given for given in used if given is not None)),
        *(multiple.whole * finer, scale, rate.whole, scale * rate.scale * cut.whole, cut.whole),
        *(share, advance, limit),
    )


def _share(line: Line, facts: Facts, snapshot: Snapshot) -> Given | None:
    """The learner's own share (2026 신설): a rate for cheap courses, then an amount by the course's fee."""
    if not line.share or (line.share == "learner" and facts.learner is None):
        return None
    band = fee_band(facts.fee)
    return snapshot.get("card.own_share", band) if band else snapshot.get("card.own_share_rate")


def _limit(line: Line, facts: Facts, snapshot: Snapshot) -> Limit | None:
    if not line.yearly or facts.yearly is None:
        return None
    return Limit(
        snapshot.get("employer.premium_rate", premium_class(facts)),
        snapshot.get("employer.yearly_limit_multiple", facts.size_class or ""),
        snapshot.get("employer.yearly_limit_lowest"),
    )
