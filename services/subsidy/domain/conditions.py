"""Who may use which line (지원 요건): each refusal says why, and what would change it. Its source is that of the line
that is refused, unless it has its own."""

from collections.abc import Callable, Mapping

from libs.contracts.diagnosis import Reason
from services.subsidy.domain.facts import Facts, Place
from services.subsidy.domain.policy import Given, PolicyError, Snapshot

_TABLE = "고용보험법 시행령 제12조 별표 1"

NOT_SME = Reason(
    code="not-sme",
    ko="중소기업(우선지원대상기업) 노동자만 받을 수 있습니다. 우선지원대상기업으로 인정되면 받을 수 있습니다.",
    en="For workers of SMEs (우선지원대상기업) only; available once the firm is recognised as one.",
)
SIZE_UNKNOWN = Reason(
    code="size-class-unknown",
    ko="기업 규모(우선지원대상기업 여부)를 알 수 없습니다. 상시근로자 수와 업종을 알려 주시면 계산됩니다.",
    en="The size class is not known; with head count and industry it can be priced.",
    citation=_TABLE,
)
NOT_EMPLOYED = Reason(
    code="not-employed",
    ko="기업에 재직하는 노동자의 훈련입니다. 취업한 뒤 기업을 통해 신청하거나, "
    "내일배움카드 과정(P1·P2·P4·P14)을 고르면 됩니다.",
    en="For workers of a company: apply through the company once employed, or choose a training card course "
    "(P1, P2, P4, P14).",
)
NOT_AI = Reason(
    code="not-ai",
    ko="AI 훈련과정이 아닙니다. AI 과정을 고르면 받을 수 있습니다.",
    en="Not an AI course; available for AI courses.",
)
NOT_BEGINNER = Reason(
    code="not-beginner",
    ko="초급 과정이 아닙니다. 초급 과정을 고르면 받을 수 있습니다.",
    en="Not a beginner course; available for beginner courses.",
)
NOT_INTERMEDIATE = Reason(
    code="not-intermediate",
    ko="중급 과정이 아닙니다. 중급 과정을 고르면 받을 수 있습니다.",
    en="Not an intermediate course; available for intermediate courses.",
)
NOT_REMOTE = Reason(
    code="not-remote",
    ko="온라인(원격) 과정이 아닙니다. 원격 과정을 고르면 받을 수 있습니다.",
    en="Not an online course; available for remote courses.",
)
PLACE_UNKNOWN = Reason(
    code="region-missing",
    ko="지역을 알 수 없습니다. 시군구 코드를 알려 주시면 계산됩니다.",
    en="The region is not known; with its code (시군구) it can be priced.",
)
FEE_UNKNOWN = Reason(
    code="fee-unset",
    ko="훈련비를 알 수 없습니다. 훈련기관이 1인당 훈련비를 적어야 합니다.",
    en="The training fee is not known; the training institution must state it per person.",
)
HOURS_UNKNOWN = Reason(
    code="hours-unset",
    ko="훈련시간을 알 수 없습니다. 훈련기관이 1인당 총 훈련시간을 적어야 합니다.",
    en="The training hours are not known; the training institution must state them.",
)
OUT_OF_RANGE = Reason(
    code="out-of-range",
    ko="훈련비·기준단가·훈련시간·훈련개월·인원·나이·보수총액 가운데 음수이거나 지나치게 큰 값이 있습니다. "
    "고쳐서 다시 물어 주세요.",
    en="Fee, unit price, hours, months, people, age or payroll are negative or far too large; they must be corrected.",
)


def _employed(facts: Facts, _snapshot: Snapshot) -> Reason | None:
    return None if facts.learner is None or facts.learner.status == "worker" else NOT_EMPLOYED


def _employed_or_moving(facts: Facts, snapshot: Snapshot) -> Reason | None:
    """Training of the region is for workers who change their job, too (이·전직자: plan:IV-③-p.8)."""
    moving = facts.learner is not None and facts.learner.status == "transition"
    return None if moving else _employed(facts, snapshot)


def _sme(facts: Facts, snapshot: Snapshot) -> Reason | None:
    if facts.size_class is None:
        return SIZE_UNKNOWN
    return None if facts.size_class == snapshot.get("common.sme").value else NOT_SME


def _size(facts: Facts, _snapshot: Snapshot) -> Reason | None:
    return SIZE_UNKNOWN if facts.size_class is None else None


def _ai(facts: Facts, _snapshot: Snapshot) -> Reason | None:
    return None if facts.ai else NOT_AI


def _beginner(facts: Facts, _snapshot: Snapshot) -> Reason | None:
    return None if facts.level == "beginner" else NOT_BEGINNER


def _intermediate(facts: Facts, _snapshot: Snapshot) -> Reason | None:
    return None if facts.level == "intermediate" else NOT_INTERMEDIATE


def _remote(facts: Facts, _snapshot: Snapshot) -> Reason | None:
    return None if facts.mode == "remote" else NOT_REMOTE


def _place(facts: Facts, snapshot: Snapshot) -> Reason | None:
    place = rate_place(facts, snapshot)
    return PLACE_UNKNOWN if place is None else place.problem


def rate_place(facts: Facts, snapshot: Snapshot) -> Place | None:
    """The place whose tier sets the rate of M5 (사업장 소재지)."""
    return facts.workplace if snapshot.get("P10.rate_place").value == "workplace" else facts.institution


CONDITIONS: Mapping[str, Callable[[Facts, Snapshot], Reason | None]] = {
    "employed": _employed,
    "employed-or-moving": _employed_or_moving,
    "sme": _sme,
    "size": _size,
    "ai": _ai,
    "beginner": _beginner,
    "intermediate": _intermediate,
    "remote": _remote,
    "place": _place,
}

_NOT_KNOWN = {SIZE_UNKNOWN.code, PLACE_UNKNOWN.code, "age-unknown"}


def too_young(age: int | None, least: Given) -> Reason | None:
    """Programmes for the middle-aged (중장년) begin at an age."""
    if age is None:
        ko = f"나이를 알 수 없습니다. {least.whole}세부터 참여할 수 있습니다."
        en = f"The age is not known; open from {least.whole} years."
        return Reason(code="age-unknown", ko=ko, en=en, citation=least.citations[0])
    if age >= least.whole:
        return None
    ko = f"{least.whole}세부터 참여할 수 있습니다. 지금 {age}세입니다."
    en = f"Open from {least.whole} years of age; the learner is {age}."
    return Reason(code="too-young", ko=ko, en=en, citation=least.citations[0])


def stacked(one: Given) -> Reason:
    """Why a line that would pay does not: supports of one course do not stack."""
    return Reason(
        code="one-support",
        ko="한 과정에 지원을 겹쳐 받을 수 없어 가장 유리한 하나만 적용합니다.",
        en="Supports of one course do not stack: only the best one applies.",
        citation=one.citations[0],
    )


def is_gap(reason: Reason) -> bool:
    """Whether something is not known, rather than refused."""
    return reason.code in _NOT_KNOWN or reason.code.startswith("region-")


def missing(facts: Facts, hours_count: bool = True) -> tuple[Reason, ...]:
    """What the training institution has not stated."""
    gaps = ((facts.fee, FEE_UNKNOWN), (facts.hours if hours_count else 0, HOURS_UNKNOWN))
    return tuple(reason for value, reason in gaps if value is None)


def cited(reason: Reason, source: str) -> Reason:
    return reason if reason.citation else reason.model_copy(update={"citation": source})


def reason_of(error: PolicyError) -> Reason:
    return Reason(code=error.code, ko=error.ko, en=error.en, citation=error.citation)
