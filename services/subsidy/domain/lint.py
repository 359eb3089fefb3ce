"""What is wrong or worth knowing about an edition before it applies (정책 점검).

Errors keep it from being approved. What `parsing` refuses (a member of a dimension without a value, a value not set
without `set_by`, an address that is not https, two values for one day) never comes this far.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations, pairwise

from services.subsidy.domain.policy import Dated, Parameter, Policy
from services.subsidy.domain.probe import Prices, Probe, probe

_PAGES = range(1, 15)
_PAGE = re.compile(r"^plan:.*-p\.(\d+)$")


@dataclass(frozen=True, slots=True)
class Finding:
    """`severity` is error or warning; `on` is the first day that it is about."""

    severity: str
    code: str
    parameter: str
    ko: str
    en: str
    on: date | None = None


def lint(policy: Policy, base: Policy | None, today: date) -> list[Finding]:
    """All findings, errors first. With `base` also what the change from it means."""
    first = min(policy.dates[0], base.dates[0]) if base else policy.dates[0]
    days = tuple(sorted(set(policy.dates) | set(base.dates if base else ())))
    found = list(_citations(policy)) + list(_overlaps(policy))
    if first < policy.dates[0]:
        ko = f"정책이 {policy.dates[0]}에야 시작합니다. 바탕 판은 {first}부터 있습니다."
        en = f"The policy begins on {policy.dates[0]} only; its base begins on {first}."
        found.append(Finding("error", "gap", "", ko, en, first))
    days = tuple(day for day in days if day >= policy.dates[0])
    probed = probe(policy, days)
    before = probe(base, tuple(day for day in days if day >= base.dates[0])) if base else None
    found += _gaps(policy, probed, before)
    found += _unread(policy, probed)
    if base is not None and before is not None:
        found += _past(policy, base, today)
        found += _rises(policy, base, probed, before)
    return sorted(dict.fromkeys(found), key=lambda one: (one.severity, one.code, one.parameter, str(one.on)))


def changed_days(policy: Policy, base: Policy) -> dict[str, list[date]]:
    """Parameter → the effective dates whose value, known day or content differs, also where it is new or gone."""
    found: dict[str, list[date]] = {}
    for name in sorted({*policy.parameters, *base.parameters}):
        now, was = ({d.effective_on: d for d in _values(one, name)} for one in (policy, base))
        days = sorted(day for day in {*now, *was} if now.get(day) != was.get(day))
        if days or _head(policy, name) != _head(base, name):
            found[name] = days
    return found


def _values(policy: Policy, name: str) -> Sequence[Dated]:
    parameter = policy.parameters.get(name)
    return parameter.values if parameter else ()


def _head(policy: Policy, name: str) -> object:
    one = policy.parameters.get(name)
    return one and (one.description, one.unit, one.by, one.rule, one.interpretation, one.set_by)


def _citations(policy: Policy) -> Iterator[Finding]:
    for parameter in policy.parameters.values():
        for dated in parameter.values:
            yield from _cited(parameter, dated)


def _cited(parameter: Parameter, dated: Dated) -> Iterator[Finding]:
    parts = dated.reference.split("; ")
    plan = [part for part in parts if part.startswith("plan:")]
    where = (parameter.id, dated.effective_on)
    if dated.grade == "S" and not plan:
        ko = "등급 S에는 계획의 쪽(plan:)이 있어야 합니다."
        yield _error("citation", *where, ko, "Grade S needs a page of the plan (plan:).")
    if dated.grade in ("A", "B") and len(plan) == len(parts):
        ko = f"등급 {dated.grade}에는 법령이나 출처가 있어야 합니다."
        yield _error("citation", *where, ko, f"Grade {dated.grade} needs a law or a source.")
    for part in plan:
        page = _PAGE.match(part)
        if page is None or int(page[1]) not in _PAGES:
            yield _error("citation", *where, f"계획에 없는 쪽입니다: {part}", f"Not a page of the plan (1–14): {part}")


def _overlaps(policy: Policy) -> Iterator[Finding]:
    for parameter in policy.parameters.values():
        for earlier, later in combinations(parameter.values, 2):
            if earlier.known > later.known:
                yield _contradiction(parameter, earlier, later)
        for one, following in pairwise(parameter.values):
            if one.cells == following.cells:
                ko = f"{following.effective_on}의 값이 앞의 값({one.effective_on})과 같습니다."
                en = f"The value from {following.effective_on} is the same as the one from {one.effective_on}."
                yield Finding("warning", "redundant", parameter.id, ko, en, following.effective_on)
        for dated in parameter.values:
            if dated.known > dated.effective_on:
                ko = f"{dated.effective_on}부터의 값이 그 뒤({dated.known})에야 알려졌습니다."
                en = f"The value from {dated.effective_on} became known later only, on {dated.known}."
                yield Finding("warning", "known-late", parameter.id, ko, en, dated.effective_on)
    for this, other in combinations(policy.parameters.values(), 2):
        if _same_rule(this, other):
            ko = f"{other.id}와(과) 같은 규칙을 정합니다: {this.description.ko}"
            en = f"Sets the same rule as {other.id}: {this.description.en}"
            yield Finding("error", "overlap", this.id, ko, en)


def _contradiction(parameter: Parameter, earlier: Dated, later: Dated) -> Finding:
    """Decided after a value that starts later: which one was decided last and which one applies contradict."""
    severity = "error" if earlier.known >= later.effective_on else "warning"
    ko = (
        f"{earlier.effective_on}부터의 값은 {earlier.known}에 알려져, 더 늦게 시행되는 {later.effective_on}의 값"
        f"({later.known}에 알려짐)보다 늦습니다."
    )
    en = (
        f"The value from {earlier.effective_on} became known on {earlier.known}, later than the value that replaces it "
        f"from {later.effective_on} (known on {later.known})."
    )
    return Finding(severity, "overlap", parameter.id, ko, en, later.effective_on)


def _same_rule(one: Parameter, other: Parameter) -> bool:
    same_folder = one.id.split(".")[0] == other.id.split(".")[0]
    same_text = other.description.ko == one.description.ko or other.description.en == one.description.en
    return same_folder and same_text and one.rule == other.rule


def _gaps(policy: Policy, probed: Probe, before: Probe | None) -> Iterator[Finding]:
    """Rules that ask for a value on a day on which there is none. Where a rule begins later than the policy, or a
    ministry has not set its amount, that is known and no error; a day that had a value before is."""
    for (name, key), days in probed.read.items():
        shown = f"{name}[{key}]" if key else name
        if name not in policy.parameters or all(key not in dated.cells for dated in policy.parameters[name].values):
            ko, en = f"규칙이 읽는 매개변수가 없습니다: {shown}", f"The rules read {shown}, which is not there."
            yield _error("gap", name, None, ko, en)
            continue
        lost = [day for day in days if before is not None and _had(before, name, key, day)]
        if lost:
            ko = f"{lost[0]}에 있던 값이 없어졌습니다: {shown}"
            yield _error("gap", name, lost[0], ko, f"{shown} had a value on {lost[0]} and has none now.")
        elif days:
            ko = f"규칙이 읽지만 {days[0]}에 값이 없습니다: {shown}"
            en = f"Rules read {shown}; it has no value on {days[0]}."
            yield Finding("warning", "no-value", name, ko, en, days[0])
    broken = {name: day for day in sorted(probed.periods, reverse=True) for name in probed.periods[day].broken}
    for name, day in broken.items():
        if name:
            ko = f"{day}에 값이 없어 가격을 계산할 수 없습니다: {name}"
            yield _error("gap", name, day, ko, f"Without a value of {name} on {day} nothing can be priced.")
        else:
            ko = f"{day}의 값으로는 계산할 수 없습니다(0으로 나눔)."
            yield _error("not-computable", name, day, ko, f"The values of {day} cannot be computed with.")


def _had(before: Probe, name: str, key: str, day: date) -> bool:
    return day in before.periods and (name, key) in before.read and day not in before.read[name, key]


def _unread(policy: Policy, probed: Probe) -> Iterator[Finding]:
    for name in sorted(set(policy.parameters) - probed.parameters):
        ko = "어느 규칙도 읽지 않는 매개변수입니다. 바꾸어도 가격은 달라지지 않습니다."
        yield Finding("warning", "unread", name, ko, "No rule reads this parameter; a change of it changes no price.")


def _past(policy: Policy, base: Policy, today: date) -> Iterator[Finding]:
    for name, days in changed_days(policy, base).items():
        past = [day for day in days if day < today]
        if past:
            ko = (
                f"지난 날({past[0]})의 값을 바꿉니다. 저장된 견적은 그때의 판을 지키지만, "
                "지난 날을 묻는 새 견적은 달라집니다."
            )
            en = f"Changes the past ({past[0]}): stored quotes keep their version, new ones for past days change."
            yield Finding("warning", "past", name, ko, en, past[0])


def _rises(policy: Policy, base: Policy, probed: Probe, before: Probe) -> Iterator[Finding]:
    """A higher self-pay for some kind of case, than by the base or than the day before."""
    changed = set(changed_days(policy, base))
    for day, period in probed.periods.items():
        if day not in before.periods:
            continue
        named: dict[str, tuple[int, int]] = {}
        for now, was in zip(period.prices, before.periods[day].prices, strict=True):
            if now is None or was is None or now[0] <= was[0]:
                continue
            for name in (now[1] | was[1]) & changed:
                low, high = named.get(name, (0, 0))
                if now[0] - was[0] > high - low:
                    named[name] = was[0], now[0]
        yield from _no_longer_priced(period.prices, before.periods[day].prices, changed, day)
        for name, (low, high) in named.items():
            ko = f"{day}부터 자부담이 전보다 커지는 경우가 있습니다(예: {low:,}원 → {high:,}원)."
            en = f"From {day} the self-pay of some cases is higher than before (for example {low:,} → {high:,} won)."
            yield Finding("warning", "self-pay-rises", name, ko, en, day)


def _no_longer_priced(now: Prices, was: Prices, changed: set[str], day: date) -> Iterator[Finding]:
    gone = [old[1] for new, old in zip(now, was, strict=True) if new is None and old is not None]
    for name in sorted(frozenset[str]().union(*gone) & changed):
        ko = f"{day}에 전에는 가격이 있던 경우 일부에 가격이 없습니다."
        en = f"On {day} some cases that had a price have none."
        yield Finding("warning", "no-longer-priced", name, ko, en, day)


def _error(code: str, parameter: str, on: date | None, ko: str, en: str) -> Finding:
    return Finding("error", code, parameter, ko, en, on)


def errors(findings: Iterable[Finding]) -> list[Finding]:
    return [one for one in findings if one.severity == "error"]
