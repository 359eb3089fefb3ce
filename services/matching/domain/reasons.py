"""Why a course is recommended (추천 사유), in words that a company understands."""

from collections.abc import Sequence
from datetime import date

from libs.contracts.catalog import Course
from libs.contracts.diagnosis import Reason
from services.matching.domain.rules import Rules
from services.matching.domain.scoring import Part, Seeker, next_session

MOST = 4
LEAST = 2
_STRONG = 0.5
"""A part speaks for a course when it has this share of its full points."""

LEVEL_KO = {"beginner": "초급", "intermediate": "중급", "advanced": "고급"}
FIELD_KO = {
    "planning": "경영·기획",
    "production": "생산·설비",
    "marketing": "마케팅·영업",
    "hr": "인사·총무",
    "support": "고객지원",
    "market": "시장 개척",
    "office": "사무일반",
    "knowledge": "지식·노하우",
}
_FIELD_EN = {
    "planning": "management and planning",
    "production": "production and equipment",
    "marketing": "marketing and sales",
    "hr": "HR and general affairs",
    "support": "customer support",
    "market": "market development",
    "office": "office work",
    "knowledge": "knowledge and know-how",
}
_BAND = {
    "lt4": ("4시간 미만", "under 4 hours"),
    "4to8": ("4~8시간", "4 to 8 hours"),
    "8to16": ("8~16시간", "8 to 16 hours"),
    "16to40": ("16~40시간", "16 to 40 hours"),
    "gte40": ("40시간 이상", "40 hours or more"),
}
_MODE = {
    "onsite": ("모여서 배우는 집체훈련", "classroom training"),
    "remote": ("어디서나 듣는 원격훈련", "remote training, taken from anywhere"),
    "blended": ("원격과 집체를 섞은 혼합훈련", "blended training"),
}
_REGION = {
    "same": ("사업장과 같은 시군구에서 열립니다.", "It is held in your own city or district."),
    "sido": ("사업장과 같은 시도에서 열립니다.", "It is held in your own province."),
}
_OPEN_POINTS = {
    ("industry", "unknown"): (
        "industry_unconfirmed",
        "특정 업종을 위한 과정입니다. 기업의 업종이 확인되지 않아 대상인지 확인이 필요합니다.",
        "It is for certain industries; please confirm that yours is one of them.",
    ),
    ("programme", "seekers"): (
        "programme_for_seekers",
        "구직자를 위한 사업의 과정입니다. 재직자도 참여할 수 있는지 훈련기관에 확인해 주세요.",
        "It belongs to a programme for people who look for work; please ask whether your workers may take part.",
    ),
    ("programme", "teachers"): (
        "programme_for_teachers",
        "훈련 교·강사를 위한 사업의 과정입니다. 기업의 재직자도 참여할 수 있는지 훈련기관에 확인해 주세요.",
        "It belongs to a programme for teachers and trainers; please ask whether your workers may take part.",
    ),
    ("region", "unknown"): (
        "place_unconfirmed",
        "훈련 장소가 확인되지 않았습니다. 신청 전에 확인해 주세요.",
        "Where it is held is not known; please ask before you apply.",
    ),
}
_LEVEL_CITATION = "plan:IV-②-p.7"


def reasons(rules: Rules, company: Seeker, course: Course, found: Sequence[Part], day: date) -> tuple[Reason, ...]:
    """The two to four strongest reasons; first what a company must know beforehand: another level than its own, and
    what is still to be confirmed."""
    cautions = (_caution(company, course, part) for part in found)
    told = [reason for reason in cautions if reason is not None][: MOST - 1]
    for part in sorted(found, key=lambda part: _rank(rules, part)):
        weak = part.points < _STRONG * rules.full[part.name]
        if len(told) == MOST or (weak and len(told) >= LEAST):
            break
        if (reason := _reason(rules, company, course, part, day)) is not None:
            told.append(reason)
    return tuple(told)


def _rank(rules: Rules, part: Part) -> tuple[bool, float, int]:
    """The strongest first; that a programme is for workers goes for most courses, so it tells the least."""
    return part.name == "programme", -part.points / rules.full[part.name], -part.points


def _caution(company: Seeker, course: Course, part: Part) -> Reason | None:
    if part.name == "level" and part.case != "same":
        return _level(company, course, part)
    if (part.name, part.case) in _OPEN_POINTS:
        code, ko, en = _OPEN_POINTS[(part.name, part.case)]
        return Reason(code=code, ko=ko, en=en)
    if part.name == "start" and part.case == "undated" and course.mode != "remote":
        return Reason(
            code="start_unconfirmed",
            ko="시작일이 아직 정해지지 않았습니다. 훈련기관에 확인해 주세요.",
            en="Its start is not set yet; please ask the provider.",
        )
    return None


def _reason(rules: Rules, company: Seeker, course: Course, part: Part, day: date) -> Reason | None:
    if part.name == "start":
        return _start(course, day)
    if part.points <= 0:
        return None
    match part.name:
        case "level" if part.case == "same":
            return _level(company, course, part)
        case "field":
            return _field(rules, company, course)
        case "mode" | "hours":
            return _wanted(rules, company, part)
        case "region" if part.case in _REGION:
            ko, en = _REGION[part.case]
            return Reason(code=f"region_{part.case}", ko=ko, en=en)
        case "programme" if part.case == "workers":
            ko, en = "재직자를 위한 사업의 과정입니다.", "It belongs to a programme for people at work."
            return Reason(code="programme_for_workers", ko=ko, en=en)
        case "industry" if part.case == "match":
            return Reason(
                code="industry_match", ko="기업의 업종을 위해 만든 과정입니다.", en="It is made for your industry."
            )
    return None


def _level(company: Seeker, course: Course, part: Part) -> Reason:
    own, its = LEVEL_KO[company.level], LEVEL_KO[course.level]
    if part.case == "same":
        ko = f"기업의 AX 수준({own})에 맞는 과정입니다."
        en = f"It fits your AX level ({company.level})."
    elif part.case == "above":
        ko = f"기업의 AX 수준({own})보다 한 단계 높은 {its} 과정으로, 다음 단계를 준비합니다."
        en = f"It is one step above your AX level ({company.level}) and prepares the next stage."
    else:
        ko = f"기업의 AX 수준({own})보다 한 단계 낮은 {its} 과정으로, 기초를 다집니다."
        en = f"It is one step below your AX level ({company.level}) and firms up the basics."
    return Reason(code=f"level_{part.case}", ko=ko, en=en, citation=_LEVEL_CITATION)


def _field(rules: Rules, company: Seeker, course: Course) -> Reason | None:
    if course.field not in FIELD_KO:
        return None
    ko, en = FIELD_KO[course.field], _FIELD_EN[course.field]
    if company.provisional:
        return Reason(
            code="field_in_demand",
            ko=f"중소기업이 원하는 분야({ko})의 훈련입니다.",
            en=f"It is in a field that SMEs ask for ({en}).",
            citation=rules.wanted_citation,
        )
    return Reason(
        code="field_wanted", ko=f"기업이 원하는 분야({ko})의 훈련입니다.", en=f"It is in a field you asked for ({en})."
    )


def _wanted(rules: Rules, company: Seeker, part: Part) -> Reason | None:
    ko, en = (_MODE if part.name == "mode" else _BAND).get(part.case, ("", ""))
    if not ko:
        return None
    if company.provisional:
        ko_who, en_who, citation = "중소기업이 많이 원하는", "that many SMEs ask for", rules.wanted_citation
    else:
        ko_who, en_who, citation = "기업이 원하는", "that you asked for", None
    what_ko, what_en = ("방식", "form") if part.name == "mode" else ("길이", "length")
    return Reason(
        code=f"{part.name}_{part.case}",
        ko=f"{ko_who} {what_ko}({ko})입니다.",
        en=f"Its {what_en} ({en}) is one {en_who}.",
        citation=citation,
    )


def _start(course: Course, day: date) -> Reason | None:
    session = next_session(course, day)
    if session is None or session.starts_on is None:
        if course.mode != "remote":
            return None
        return Reason(code="start_any_time", ko="원하는 때에 시작할 수 있습니다.", en="It can be started at any time.")
    begins = session.starts_on.isoformat()
    return Reason(code="starts_on", ko=f"{begins}에 시작합니다.", en=f"It starts on {begins}.")
