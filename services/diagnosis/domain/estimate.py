"""A company's AX level from what is known of it, without a visit (AX 수준 추정).

The steps are those at the head of `priors/model.yaml`; every figure used comes from `Priors`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from libs.contracts.catalog import AxLevel
from libs.contracts.diagnosis import Dimension, Reason
from libs.contracts.interagency import CompanyProfile
from services.diagnosis.domain import reasons
from services.diagnosis.domain.facts import Facts, facts_of
from services.diagnosis.domain.priors import LEVELS, BySize, Priors, Shares
from services.diagnosis.domain.scores import Measured, read_all


@dataclass(frozen=True, slots=True)
class Estimate:
    """The result; equal estimates are the same news."""

    level: AxLevel
    confidence: int
    dimensions: tuple[Dimension, ...]
    reasons: tuple[Reason, ...]
    field_weights: dict[str, float]
    mode_weights: dict[str, float]
    hour_weights: dict[str, float]


def estimate(profile: CompanyProfile, priors: Priors, on: date) -> Estimate:
    """The provisional level on the day `on` (KST). Missing or unknown facts lower the confidence, never fail."""
    facts = facts_of(profile, priors, on)
    scores = read_all(profile.scores, priors, on)
    weight = measured_weight(scores, priors)
    shares = pooled(statistical(facts, priors), scores, weight, priors)
    # max takes the first of equals: of equal shares the lower level.
    level, share = max(zip(LEVELS, shares, strict=True), key=lambda pair: pair[1])
    known = known_points(facts, weight, priors)
    separation = (3 * share - 1) / 2
    confidence = max(0, min(100, _whole(known * separation)))
    outcome = reasons.Outcome(shares, weight, known, separation, confidence, level)
    return Estimate(
        level=level,
        confidence=confidence,
        dimensions=dimensions(facts, scores, weight, priors),
        reasons=reasons.build(profile, facts, scores, outcome, priors),
        field_weights=field_weights(facts, priors),
        mode_weights=mode_weights(facts, priors),
        hour_weights={name: round(value / 100, 3) for name, value in priors.hours.items()},
    )


def statistical(facts: Facts, priors: Priors) -> Shares:
    """Step 1 and 2: users by size, industry and region; users split as the training they had."""
    use = by_size(priors.use, facts) / 100
    odds = use / (1 - use)
    if facts.section is not None:
        odds *= priors.industry_odds.values.get(facts.section, priors.industry_odds.other)
    if facts.tier is not None:
        odds *= priors.region_odds.values[facts.tier]
    use = odds / (1 + odds)
    return 1 - use, use * (1 - priors.advanced_share), use * priors.advanced_share


def measured_weight(scores: Iterable[Measured], priors: Priors) -> float:
    """How far measurements replace the statistics: several count for more than one, up to a limit."""
    doubt = 1.0
    for measured in scores:
        doubt *= 1 - measured.trust
    return min(1 - doubt, priors.trust_at_most)


def pooled(statistics: Shares, scores: Iterable[Measured], weight: float, priors: Priors) -> Shares:
    """Step 3: the weighted mean of the statistics and the measurements."""
    usable = [(_placed(one.level, priors.measured_right), one.trust) for one in scores if one.level is not None]
    if not usable:
        return statistics
    total = sum(trust for _, trust in usable)
    measured = [sum(shares[n] * trust for shares, trust in usable) / total for n in range(3)]
    first, second, third = ((1 - weight) * statistics[n] + weight * measured[n] for n in range(3))
    return first, second, third


def known_points(facts: Facts, weight: float, priors: Priors) -> int:
    """How much is known, 0–100."""
    points = priors.known.get(facts.size_known, 0)
    points += priors.known["industry"] if facts.section is not None else 0
    points += priors.known["region"] if facts.tier is not None else 0
    return points + _whole(priors.known["measured"] * weight / priors.trust_at_most)


def dimensions(facts: Facts, scores: Iterable[Measured], weight: float, priors: Priors) -> tuple[Dimension, ...]:
    """Use (AI 활용), people (훈련 경험) and leadership (필요 인식), as the survey has them for this size; a measured
    level moves all three. Nothing that is known before a visit speaks of a company's data."""
    usable = [(priors.level_scores[one.level], one.trust) for one in scores if one.level is not None]
    measured = sum(score * trust for score, trust in usable) / sum(t for _, t in usable) if usable else 0.0
    figures = {"use": 100 * (1 - statistical(facts, priors)[0])}
    figures |= {"people": by_size(priors.trained, facts), "leadership": by_size(priors.needed, facts)}
    return tuple(
        Dimension(name=name, score=_whole((1 - weight) * figure + weight * measured))
        for name, figure in figures.items()
    )


def field_weights(facts: Facts, priors: Priors) -> dict[str, float]:
    """Fields that firms want (희망 분야), with a factor for the industry where it is known."""
    weights = {}
    for name, share in priors.fields.items():
        factors = priors.field_factors.get(name)
        factor = factors.get(facts.section, factors["other"]) if factors and facts.section is not None else 1.0
        weights[name] = round(min(1.0, share / 100 * factor), 3)
    return weights


def mode_weights(facts: Facts, priors: Priors) -> dict[str, float]:
    """Remote as wanted at this size (규모별 원격 수요), onsite the rest; blended was not asked and lies between."""
    remote = by_size(priors.remote, facts) / 100
    return {"onsite": round(1 - remote, 3), "remote": round(remote, 3), "blended": 0.5}


def by_size(figure: BySize, facts: Facts) -> float:
    return figure.overall if facts.headcount is None else figure.band(facts.headcount).value


def _placed(level: AxLevel, right: float) -> Shares:
    rest = 1 - right
    if level == "beginner":
        return right, rest, 0.0
    if level == "advanced":
        return 0.0, rest, right
    return rest / 2, right, rest / 2


def _whole(value: float) -> int:
    return int(value + 0.5)
