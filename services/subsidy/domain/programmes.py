"""Which programme is paid by which rules: the one table of it.

A line (지원 항목) is one way to be paid; where a programme has several, the best that the company may use is taken.
A line that replaces another keeps it from competing, even where the other would pay more.
"""

from collections.abc import Mapping
from typing import NamedTuple

from libs.contracts.diagnosis import Reason


class Line(NamedTuple):
    """`needs` are the conditions, `multiple` the parameter of the cap, `rate` the parameter of the support rate.

    `rate_by` is what the rate differs by: nothing, the place's two tiers, or training mode and size class;
    `reading` is the interpretation by which the line has this rate, `replaces` the one by which another line does not
    compete with it, if any.
    """

    id: str
    rules: tuple[str, ...]
    ko: str
    en: str
    needs: tuple[str, ...]
    multiple: str
    rate: str
    rate_by: str = ""
    reading: str = ""
    replaces: str = ""


CARD_AI_BASICS = Line(
    "card-ai-basics", ("M1",), "내일배움카드 일반과정 AI 기초", "Training card, general AI basics",
    ("ai", "beginner"), "P1.cap_multiple", "P1.support_rate",
)  # fmt: skip
BEGINNER_ONLINE = Line(
    "beginner-online", ("M3", "M4"),
    "초급: 중소기업 노동자 AI 온라인 교육", "Beginner: AI online training of SME workers",
    ("sme", "ai", "beginner", "remote"), "P9.cap_multiple", "P9.support_rate",
)  # fmt: skip
BEGINNER = Line(
    "beginner", ("M4",), "초급: 중소기업 노동자 AI 훈련", "Beginner: AI training of SME workers",
    ("sme", "ai", "beginner"), "P9.cap_multiple", "employer.support_rate", "mode-and-size", "common.rate_table",
)  # fmt: skip
INTERMEDIATE = Line(
    "intermediate", ("M5",),
    "중급: 중소기업 노동자 민간 우수 AI 훈련", "Intermediate: private AI courses for SME workers",
    ("sme", "ai", "intermediate", "place"), "employer.cap_multiple", "P10.support_rate", "place",
    replaces="P10.replaces",
)  # fmt: skip
EMPLOYER = Line(
    "employer", ("employer",), "사업주훈련(위탁)", "Employer training (outsourced)",
    ("size",), "employer.cap_multiple", "employer.support_rate", "mode-and-size",
)  # fmt: skip
CONSORTIUM = Line(
    "regional-consortium", ("M7",), "지역산업맞춤형 컨소시엄 AI 훈련", "Regional industry consortium, AI training",
    ("size", "ai"), "P13.cap_multiple", "employer.support_rate", "mode-and-size", "common.rate_table",
)  # fmt: skip
TRANSITION = Line(
    "industrial-change", ("M8",), "산대특 AI 과정", "Industrial-change training, AI courses",
    ("ai",), "P14.cap_multiple", "P14.support_rate",
)  # fmt: skip
JOINT_CENTRE = Line(
    "joint-centre", ("M10",), "AI 특화 공동훈련센터", "AI joint training centre",
    ("sme", "ai"), "P18.cap_multiple", "employer.support_rate", "mode-and-size", "common.rate_table",
)  # fmt: skip


class Programme(NamedTuple):
    """Without lines there is no price; `amounts` are then the parameters that a ministry would have to set.

    `fee` is the parameter that holds the fee where courses of the programme state none.
    """

    lines: tuple[Line, ...] = ()
    amounts: tuple[str, ...] = ()
    fee: str = ""


_EMPLOYER_SCHEME = ("C0041", "C0041T", "C0041B", "C0041N", "C0041A", "C0041H")
_OTHER_SCHEMES = (
    "C0061", "C0061S", "C0061I", "C0054", "C0054G", "C0054Y", "C0054S", "C0055C", "C0104", "C0105", "C0102",
    "C0055", "C0031", "C0031C", "C0031F", "C0042", "C0042C", "C0066", "C0098",
)  # fmt: skip

PROGRAMMES: Mapping[str, Programme] = {
    **{f"P{number}": Programme() for number in range(1, 29)},
    **{code: Programme() for code in _OTHER_SCHEMES},
    **{code: Programme((EMPLOYER,)) for code in _EMPLOYER_SCHEME},
    "P1": Programme((CARD_AI_BASICS,)),
    "P9": Programme((BEGINNER_ONLINE, BEGINNER, EMPLOYER)),
    "P10": Programme((INTERMEDIATE, EMPLOYER)),
    "P11": Programme(amounts=("P11.development_support", "P11.instructor_allowance", "P11.expert_allowance")),
    "P13": Programme((CONSORTIUM, EMPLOYER)),
    "P14": Programme((TRANSITION,)),
    "P18": Programme((JOINT_CENTRE,)),
    "KMOOC": Programme(fee="KMOOC.fee"),
}
"""Plan ids and the scheme codes of the training systems → how they are paid.

A company that may not use a rule for SMEs can still use the employer scheme for the same course.
"""


def not_priced(programme: str) -> Reason:
    return Reason(
        code="programme-not-priced",
        ko=f"{programme} 사업의 지원금 규칙은 이 정책 판에 없습니다. 훈련기관이나 고용센터에서 확인하실 수 있습니다.",
        en=f"This edition of the policy holds no support rule for programme {programme}; "
        "the training institution or the job centre can tell the price.",
    )


def unknown(programme: str) -> Reason:
    shown = programme[:40]
    return Reason(
        code="programme-unknown",
        ko=f"없는 훈련사업입니다: {shown}. 계획의 P1–P28 또는 훈련대상 코드(예: C0041T)로 적어 주세요.",
        en=f"Unknown programme {shown}: use P1–P28 of the plan or a scheme code such as C0041T.",
    )


def replaced(by: Line, citation: str) -> Reason:
    return Reason(
        code="replaced",
        ko=f"'{by.ko}' 규칙이 적용되는 과정이라 이 지원율은 쓰지 않습니다.",
        en=f"The rule '{by.en}' applies to this course in place of this rate.",
        citation=citation,
    )
