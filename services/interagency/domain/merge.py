"""What several ministries know of one company, as one profile; and what a referral's status may become."""

from typing import Any

from libs.contracts.interagency import CompanyProfile, ReferralStatus
from libs.reference import ksic, size
from services.interagency.domain.draft import Draft

ORDER: tuple[ReferralStatus, ...] = ("received", "diagnosed", "recommended", "prescribed", "training", "completed")


def later(one: ReferralStatus, other: ReferralStatus) -> ReferralStatus:
    """A referral's status never goes back."""
    return max(one, other, key=ORDER.index)


def profile(known: CompanyProfile | None, draft: Draft) -> CompanyProfile:
    """What is newly told wins; what is not told this time stays known. Scores: the newest of each instrument.

    The size class (기업규모) follows from what is known together: one ministry may tell the head count, another the
    industry.
    """
    told: dict[str, Any] = {
        "business_number": draft.business_number,
        "name": draft.company_name,
        "headcount": draft.headcount,
        "ksic_version": draft.ksic_version,
        "ksic_code": draft.ksic_code,
        "region_code": draft.region_code,
    }
    if known is not None:
        for name, value in told.items():
            if value is None:
                told[name] = getattr(known, name)
    code, heads = told["ksic_code"], told["headcount"]
    told["size_class"] = size.size_class(heads, ksic.section(code) if code else None, code[:2] if code else None)
    scores = {score.instrument: score for score in (known.scores if known else ())}
    if draft.score:
        old = scores.get(draft.score.instrument)
        is_older = old and old.measured_on and draft.score.measured_on and draft.score.measured_on < old.measured_on
        if not is_older:
            scores[draft.score.instrument] = draft.score
    return CompanyProfile.model_construct(**told, scores=tuple(scores[name] for name in sorted(scores)))
