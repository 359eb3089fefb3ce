"""What a profile tells the rules: head count, industry section and region tier, or that it tells nothing."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

from libs.contracts.interagency import CompanyProfile
from libs.reference import CodeError, ksic, regions
from services.diagnosis.domain.priors import Priors

SizeKnown = Literal["headcount", "size_class", "none"]


@dataclass(frozen=True, slots=True)
class Facts:
    """The profile as the rules see it; None where a fact is missing or its code is not known."""

    headcount: int | None
    size_known: SizeKnown
    section: str | None
    tier: str | None


def facts_of(profile: CompanyProfile, priors: Priors, on: date) -> Facts:
    headcount = profile.headcount if profile.headcount is not None and profile.headcount >= 0 else None
    size_known: SizeKnown = "headcount"
    if headcount is None:
        size_known = "size_class" if profile.size_class else "none"
        # 우선지원대상기업 reach from 1 to 500 persons, so the survey's overall figure stands for them.
        if profile.size_class and profile.size_class != "priority":
            headcount = priors.large_headcount
    return Facts(headcount, size_known, _section(profile.ksic_code), _tier(profile.region_code, on))


def _section(code: str | None) -> str | None:
    try:
        return ksic.section(code) if code else None
    except CodeError:
        return None


@lru_cache(maxsize=4096)
def _tier(code: str, on: date) -> str | None:
    try:
        return regions.tier3(code, on)
    except CodeError:
        return None
