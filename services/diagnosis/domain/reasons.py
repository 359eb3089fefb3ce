"""Why a level is what it is, in words: the weightiest reason first, the sum last."""

from typing import Final, NamedTuple

from libs.contracts.catalog import AxLevel
from libs.contracts.diagnosis import Reason
from libs.contracts.interagency import CompanyProfile
from libs.reference.size import SizeClass
from services.diagnosis.domain.facts import Facts
from services.diagnosis.domain.priors import Band, Priors, Shares
from services.diagnosis.domain.scores import Age, Measured

LEVEL_KO: Final[dict[AxLevel, str]] = {"beginner": "초급", "intermediate": "중급", "advanced": "고급"}
LEVEL_EN: Final[dict[AxLevel, str]] = {
    "beginner": "beginner",
    "intermediate": "intermediate",
    "advanced": "advanced",
}
_CLASS: Final[dict[SizeClass, tuple[str, str]]] = {
    "priority": ("우선지원대상기업", "a priority-support company"),
    "large_under_1000": ("대규모기업(1,000인 미만)", "a large company under 1,000 persons"),
    "large_1000_plus": ("대규모기업(1,000인 이상)", "a large company of 1,000 persons or more"),
}
_SECTION: Final[dict[str, tuple[str, str]]] = {
    "A": ("농업·임업·어업", "farming, forestry and fishing"),
    "B": ("광업", "mining"),
    "C": ("제조업", "manufacturing"),
    "D": ("전기·가스 공급업", "electricity and gas"),
    "E": ("수도·폐기물·원료재생업", "water, waste and recycling"),
    "F": ("건설업", "construction"),
    "G": ("도매·소매업", "wholesale and retail"),
    "H": ("운수·창고업", "transport and storage"),
    "I": ("숙박·음식점업", "accommodation and food"),
    "J": ("정보통신업", "information and communication"),
    "K": ("금융·보험업", "finance and insurance"),
    "L": ("부동산업", "real estate"),
    "M": ("전문·과학·기술 서비스업", "professional, scientific and technical services"),
    "N": ("사업시설 관리·지원·임대업", "business support and rental"),
    "O": ("공공행정", "public administration"),
    "P": ("교육 서비스업", "education"),
    "Q": ("보건·사회복지업", "health and social work"),
    "R": ("예술·스포츠·여가업", "arts, sports and leisure"),
    "S": ("협회·수리·개인 서비스업", "associations, repair and personal services"),
    "T": ("가구 내 고용활동", "households as employers"),
    "U": ("국제·외국기관", "international bodies"),
}
_TIER: Final[dict[str, tuple[str, str]]] = {
    "capital": ("수도권", "the capital region"),
    "non_capital": ("비수도권", "outside the capital region"),
    "depopulation": ("인구감소지역", "a depopulation area"),
}
_AGE: Final[dict[Age, tuple[str, str]]] = {
    "fresh": ("", ""),
    "out_of_date": ("; 측정한 지 {years}년이 넘어 신뢰를 낮춤", "; older than {years} years, so trusted less"),
    "undated": ("; 측정일이 없어 신뢰를 낮춤", "; not dated, so trusted less"),
    "future": ("; 측정일이 미래여서 신뢰를 낮춤", "; dated in the future, so trusted less"),
}


class Outcome(NamedTuple):
    """What was worked out. `measured` is the part of the estimate, 0–1, that measurements have."""

    shares: Shares
    measured: float
    known: int
    separation: float
    confidence: int
    level: AxLevel


def build(
    profile: CompanyProfile, facts: Facts, scores: list[Measured], outcome: Outcome, priors: Priors
) -> tuple[Reason, ...]:
    """A score weighs as much as it is trusted; size, industry and region share what is left to the statistics by the
    points of what is known. What is not known weighs nothing and comes after, before the sum."""
    left = (1 - outcome.measured) / (100 - priors.known["measured"])
    weighed = [(one.trust, _score(one, priors)) for one in scores]
    weighed.append((left * priors.known.get(facts.size_known, 0), _size(profile, facts, priors)))
    weighed.append((left * priors.known["industry"] * (facts.section is not None), _industry(profile, facts, priors)))
    weighed.append((left * priors.known["region"] * (facts.tier is not None), _region(profile, facts, priors)))
    weighed.sort(key=lambda pair: -pair[0])
    return (*(reason for _, reason in weighed), _sum(outcome, priors))


def _ours(priors: Priors, part: str) -> str:
    """Citation of a reading of our own: which part of the model, in which version."""
    return f"interpretation:diagnosis/{part}@{priors.version}"


def _score(one: Measured, priors: Priors) -> Reason:
    score, cited = one.score, f"interpretation:diagnosis/instruments@{priors.instruments_version}"
    ko, en = (one.instrument.ko, one.instrument.en) if one.instrument else (score.instrument, score.instrument)
    got = f"{score.level}/{score.levels}"
    if one.level is None:
        return Reason(
            code="score-unusable",
            ko=f"{ko} {got}: 척도를 벗어난 값이어서 쓰지 않음",
            en=f"{en} {got}: outside its scale, not used",
            citation=cited,
        )
    age_ko, age_en = (text.format(years=priors.good_for_years) for text in _AGE[one.age])
    day = f" ({score.measured_on})" if score.measured_on else ""
    if one.reading == "mapped":
        how_ko, how_en = "대응표로 환산", "read by its table of levels"
    else:
        how_ko = "대응표가 없는 척도여서 단계를 3등분해 환산, 신뢰를 낮춤"
        how_en = "no table for this scale, so read by thirds of its steps and trusted less"
    share = f"{100 * one.trust:.0f} %"
    return Reason(
        code=f"score-{one.reading}",
        ko=f"{ko} {got}{day} → {LEVEL_KO[one.level]}: {how_ko}{age_ko} (반영 비율 {share})",
        en=f"{en} {got}{day} → {LEVEL_EN[one.level]}: {how_en}{age_en} (counts {share})",
        citation=cited,
    )


def _size(profile: CompanyProfile, facts: Facts, priors: Priors) -> Reason:
    use = priors.use
    if facts.size_known == "headcount" and facts.headcount is not None:
        band = use.band(facts.headcount)
        ko, en = _band(band)
        between_ko = ", 이웃 구간의 중간값으로 본 해석" if band.between else ""
        between_en = ", the mean of the neighbouring sizes: an interpretation" if band.between else ""
        return Reason(
            code="size",
            ko=f"상시근로자 {facts.headcount:,}명: {ko} 기업의 AI 활용률 {band.value:g} %{between_ko}",
            en=f"{facts.headcount:,} employees: {band.value:g} % of firms with {en} use AI{between_en}",
            citation=use.citation,
        )
    if profile.size_class is not None:
        ko, en = _CLASS[profile.size_class]
        value = use.overall if facts.headcount is None else use.band(facts.headcount).value
        return Reason(
            code="size-class",
            ko=f"상시근로자 수 없이 {ko}임만 앎: AI 활용률 {value:g} %로 봄(해석)",
            en=f"Only known to be {en}, no head count: {value:g} % use of AI assumed (an interpretation)",
            citation=use.citation,
        )
    return Reason(
        code="size-unknown",
        ko=f"기업 규모를 모름: 전체 AI 활용률 {use.overall:g} %로 봄",
        en=f"Size not known: the overall {use.overall:g} % use of AI is taken",
        citation=use.citation,
    )


def _band(band: Band) -> tuple[str, str]:
    if band.end is None:
        return f"{band.start}인 이상", f"{band.start} employees or more"
    if band.start == 0:
        return f"{band.end}인 미만", f"fewer than {band.end} employees"
    return f"{band.start}~{band.end - 1}인", f"{band.start} to {band.end - 1} employees"


def _industry(profile: CompanyProfile, facts: Facts, priors: Priors) -> Reason:
    cited = _ours(priors, "industry")
    if facts.section is None:
        code = f" ({profile.ksic_code})" if profile.ksic_code else ""
        ko, en = f"업종을 모름{code}: 반영하지 않음", f"Industry not known{code}: not counted"
        return Reason(code="industry-unknown", ko=ko, en=en, citation=cited)
    odds = priors.industry_odds
    factor = odds.values.get(facts.section, odds.other)
    ko, en = _SECTION[facts.section]
    if factor == odds.other:
        why_ko, why_en = (
            "업종에 따른 차이를 두지 않음(해석)",
            "no difference made for this industry (an interpretation)",
        )
    else:
        why_ko = f"활용 승산 ×{factor:g}, {odds.why_ko}(해석)"
        why_en = f"odds of use ×{factor:g}: {odds.why_en} (an interpretation)"
    text_ko, text_en = f"{ko}({facts.section}): {why_ko}", f"{_capital(en)} ({facts.section}): {why_en}"
    return Reason(code="industry", ko=text_ko, en=text_en, citation=cited)


def _region(profile: CompanyProfile, facts: Facts, priors: Priors) -> Reason:
    if facts.tier is None:
        return Reason(
            code="region-unknown",
            ko=f"지역 구분을 모름({profile.region_code}): 반영하지 않음",
            en=f"Region tier not known ({profile.region_code}): not counted",
            citation=_ours(priors, "region"),
        )
    odds = priors.region_odds
    ko, en = _TIER[facts.tier]
    factor = odds.values[facts.tier]
    if factor == 1.0:
        why_ko, why_en = "지역에 따른 차이를 두지 않음(해석)", "no difference made for this region (an interpretation)"
    else:
        why_ko = f"활용 승산 ×{factor:g}, {odds.why_ko}(해석)"
        why_en = f"odds of use ×{factor:g}: {odds.why_en} (an interpretation)"
    text_ko, text_en = f"{ko} 소재: {why_ko}", f"{_capital(en)}: {why_en}"
    return Reason(code="region", ko=text_ko, en=text_en, citation=odds.citation)


def _sum(outcome: Outcome, priors: Priors) -> Reason:
    known, separation, confidence, level = outcome[2:]
    percents = tuple(f"{100 * share:.0f} %" for share in outcome.shares)
    return Reason(
        code="sum",
        ko=(
            f"초급 {percents[0]}, 중급 {percents[1]}, 고급 {percents[2]} → {LEVEL_KO[level]}(추정); "
            f"확신도 {confidence} = 알려진 정보 {known}점 × 구분도 {separation:.2f}"
        ),
        en=(
            f"beginner {percents[0]}, intermediate {percents[1]}, advanced {percents[2]} → {LEVEL_EN[level]} "
            f"(provisional); confidence {confidence} = {known} points known × separation {separation:.2f}"
        ),
        citation=_ours(priors, "model"),
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
