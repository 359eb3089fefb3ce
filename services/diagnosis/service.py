"""Use cases of diagnosis."""

from collections.abc import Iterable
from typing import Any

from libs.common.db import Tx
from libs.contracts.diagnosis import AssessmentCompletedV1
from libs.contracts.interagency import CompanyFacts, CompanyProfile, CompanyProfileChangedV1, CompanyRegisteredV1
from libs.reference.calendar import korean_day
from services.diagnosis import store
from services.diagnosis.domain import Estimate, Priors, estimate

ProfileEvent = CompanyRegisteredV1 | CompanyProfileChangedV1

_FACTS = ("headcount", "size_class", "ksic_version", "ksic_code", "region_code", "scores")


async def assess(tx: Tx, seen: Iterable[ProfileEvent], priors: Priors) -> None:
    """Estimates the level of each company from its newest profile (수준 추정).

    A profile not newer than the last one looked at has no effect. An estimate from the same facts that is equal to the
    company's last is not announced again and keeps its version.
    """
    newest: dict[str, ProfileEvent] = {}
    for event in seen:
        if event.company_id not in newest or event.version > newest[event.company_id].version:
            newest[event.company_id] = event
    known = await store.known(tx.conn, newest)
    today = korean_day(tx.now)
    current, past = [], []
    for company_id, event in newest.items():
        last = known.get(company_id)
        if last is not None and last["profile_version"] >= event.version:
            continue
        found = estimate(event.profile, priors, today)
        facts = _company(event.profile)
        result = _document(found) | {"facts": facts.model_dump()}
        head = {"company_id": company_id, "profile_version": event.version}
        head |= {"level": found.level, "confidence": found.confidence, "result": result}
        if last is not None and last["result"] == result:
            current.append(head | {"version": last["version"], "assessed_at": last["assessed_at"]})
            continue
        version = 1 if last is None else last["version"] + 1
        row = head | {"version": version, "assessed_at": tx.now}
        current.append(row)
        past.append(row | {"facts": _facts(event.profile), "priors_version": priors.version})
        tx.emit(_event(found, company_id, version, tx, event.profile.business_number, facts))
    await store.write(tx.conn, current, past)


def _document(found: Estimate) -> dict[str, Any]:
    return {
        "level": found.level,
        "confidence": found.confidence,
        "dimensions": [dimension.model_dump() for dimension in found.dimensions],
        "reasons": [reason.model_dump() for reason in found.reasons],
        "field_weights": found.field_weights,
        "mode_weights": found.mode_weights,
        "hour_weights": found.hour_weights,
    }


def _facts(profile: CompanyProfile) -> dict[str, Any]:
    """What the estimate used, without the company's name and number."""
    return profile.model_dump(mode="json", include=set(_FACTS))


def _company(profile: CompanyProfile) -> CompanyFacts:
    """What else lists and prices depend on: it travels with the level that rests on it."""
    return CompanyFacts.model_validate(profile, from_attributes=True)


def _event(
    found: Estimate, company_id: str, version: int, tx: Tx, business_number: str, facts: CompanyFacts
) -> AssessmentCompletedV1:
    return AssessmentCompletedV1(
        company_id=company_id,
        version=version,
        level=found.level,
        confidence=found.confidence,
        provisional=True,
        dimensions=found.dimensions,
        reasons=found.reasons,
        field_weights=found.field_weights,
        mode_weights=found.mode_weights,
        hour_weights=found.hour_weights,
        assessed_at=tx.now,
        business_number=business_number,
        facts=facts,
    )
