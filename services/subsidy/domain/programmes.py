"""Which programme is paid by which rules: the one table of it.

A line (지원 항목) is one way to be paid; where a programme has several, the best that the company may use is taken.
A line that replaces another keeps it from competing, even where the other would pay more.
"""

from collections.abc import Mapping
from typing import NamedTuple

from libs.contracts.diagnosis import Reason


class Line(NamedTuple):
    """`needs` are the conditions, `multiple` the parameter of the cap, `rate` the parameter of the support rate.

    `rate_by` is what the rate differs by: nothing, the place's two tiers, or training mode and size class; `readings`
    are what else the line rests on, such as the interpretation by which it has this rate; `replaces` is the one by
    which another line does not compete with it. With `ceiling` the cap is an amount in won, named by `multiple`, and
    neither unit price nor hours count. `share` says when a learner's own share (자부담액) comes off before the rate:
    "always", or for a stated "learner". `advance` is the parameter of what is paid first and refunded on completion;
    `yearly` lines end at the firm's yearly limit. `payer` pays what the support leaves. `source` is where it is written
    whom the line is for.
    """

    id: str
    rules: tuple[str, ...]
    ko: str
    en: str
    needs: tuple[str, ...]
    multiple: str
    rate: str
    rate_by: str = ""
    readings: tuple[str, ...] = ()
    replaces: str = ""
    ceiling: bool = False
    share: str = ""
    advance: str = ""
    yearly: bool = False
    payer: str = "company"
    source: str = "plan:IV-②-p.7"


_EMPLOYER_RULES = "사업주 직업능력개발훈련 지원규정"
_CREDIT_RULES = "고용노동부 보도(2022-10-17, K-디지털 기초역량훈련)"

CARD_AI_BASICS = Line(
    "card-ai-basics", ("M1",), "내일배움카드 일반과정 AI 기초", "Training card, general AI basics",
    ("ai", "beginner"), "P1.cap_multiple", "P1.support_rate", payer="learner", source="plan:IV-①-p.4",
)  # fmt: skip
BEGINNER_ONLINE = Line(
    "beginner-online", ("M3", "M4"),
    "초급: 중소기업 노동자 AI 온라인 교육", "Beginner: AI online training of SME workers",
    ("employed", "sme", "ai", "beginner", "remote"), "P9.cap_multiple", "P9.support_rate",
)  # fmt: skip
BEGINNER = Line(
    "beginner", ("M4",), "초급: 중소기업 노동자 AI 훈련", "Beginner: AI training of SME workers",
    ("employed", "sme", "ai", "beginner"), "P9.cap_multiple", "employer.support_rate", "mode-and-size",
    ("common.rate_table",),
)  # fmt: skip
INTERMEDIATE = Line(
    "intermediate", ("M5",),
    "중급: 중소기업 노동자 민간 우수 AI 훈련", "Intermediate: private AI courses for SME workers",
    ("employed", "sme", "ai", "intermediate", "place"), "employer.cap_multiple", "P10.support_rate", "place",
    replaces="P10.replaces",
)  # fmt: skip
EMPLOYER = Line(
    "employer", ("employer",), "사업주훈련(위탁)", "Employer training (outsourced)",
    ("employed", "size"), "employer.cap_multiple", "employer.support_rate", "mode-and-size", yearly=True,
    source=_EMPLOYER_RULES,
)  # fmt: skip
CONSORTIUM = Line(
    "regional-consortium", ("M7",), "지역산업맞춤형 컨소시엄 AI 훈련", "Regional industry consortium, AI training",
    ("employed-or-moving", "size", "ai"), "P13.cap_multiple", "employer.support_rate", "mode-and-size",
    ("common.rate_table",), source="plan:IV-③-p.8",
)  # fmt: skip
TRANSITION = Line(
    "industrial-change", ("M8",), "산대특 AI 과정", "Industrial-change training, AI courses",
    ("ai",), "P14.cap_multiple", "P14.support_rate", share="learner", payer="learner", source="plan:IV-③-p.8",
)  # fmt: skip
JOINT_CENTRE = Line(
    "joint-centre", ("M10",), "AI 특화 공동훈련센터", "AI joint training centre",
    ("employed", "sme", "ai"), "P18.cap_multiple", "employer.support_rate", "mode-and-size",
    ("P18.open_to", "common.rate_table"), source="plan:IV-④-p.9",
)  # fmt: skip
CAMPUS = Line(
    "kdt-ai-campus", ("M2",), "KDT AI 캠퍼스", "KDT AI Campus",
    ("ai",), "P4.cap_multiple", "P4.support_rate", payer="learner", source="plan:IV-①-p.5",
)  # fmt: skip
CARD_TRAINING = Line(
    "card-training", ("card",), "KDT·국기·산대특 훈련", "KDT, national key and industrial-change training",
    (), "card.cap_multiple", "card.support_rate", share="always", payer="learner",
)  # fmt: skip
CREDIT = Line(
    "digital-credit", ("credit",), "K-디지털 크레딧(KDC)", "K-Digital Credit",
    ("remote",), "P2.credit", "P2.support_rate", ceiling=True, advance="P2.advance_rate", payer="learner",
    source=_CREDIT_RULES,
)  # fmt: skip


class Allowance(NamedTuple):
    """What comes beside the fee (훈련생 지원금, 장비비, 사업화자금, 가점): the amount's parameter, per person and month
    unless `once`, and where it has tiers the parameter that says whose place sets them."""

    id: str
    rule: str
    ko: str
    en: str
    amount: str
    place: str = ""
    once: bool = False


CAMPUS_TRAINEE = Allowance(
    "trainee", "M2", "KDT AI 캠퍼스 훈련생 지원금(1인, 월)", "KDT AI Campus: allowance per trainee and month",
    "P4.trainee_allowance", "P4.allowance_place",
)  # fmt: skip
TRANSITION_TRAINEE = Allowance(
    "trainee", "M9", "산대특 훈련생 지원금(1인, 월)", "Industrial-change training: allowance per trainee and month",
    "P14.trainee_allowance", "P14.allowance_place",
)  # fmt: skip
EQUIPMENT = Allowance("equipment", "M7", "장비비 우대 지원", "Equipment support", "P13.equipment_support", once=True)
HACKATHON = Allowance(
    "hackathon-bonus", "M12", "KDT 해커톤 수상자의 창업지원사업 신청 가점", "Bonus points of hackathon winners",
    "P4.hackathon_bonus", once=True,
)  # fmt: skip
START_UP = (
    Allowance("grant-lowest", "M11", "창업기업 사업화자금(최소)", "Grant, lowest", "P6.grant_lowest", once=True),
    Allowance("grant-highest", "M11", "창업기업 사업화자금(최대)", "Grant, highest", "P6.grant_highest", once=True),
)


class Programme(NamedTuple):
    """Without lines there is no price; `amounts` are then the parameters that a ministry would have to set.

    `fee` is the parameter that holds the fee where courses of the programme state none; `allowances` come beside the
    price, and `age_from` is the parameter of the least age.
    """

    lines: tuple[Line, ...] = ()
    amounts: tuple[str, ...] = ()
    fee: str = ""
    allowances: tuple[Allowance, ...] = ()
    age_from: str = ""


_EMPLOYER_SCHEME = ("C0041", "C0041T", "C0041B", "C0041N", "C0041A", "C0041H")
_CARD_SCHEMES = ("C0054", "C0054G", "C0054Y", "C0054S", "C0104")
_OTHER_SCHEMES = (
    "C0061", "C0061S", "C0061I", "C0055C", "C0055", "C0031", "C0031C", "C0031F", "C0042", "C0042C", "C0066", "C0098",
)  # fmt: skip

PROGRAMMES: Mapping[str, Programme] = {
    **{f"P{number}": Programme() for number in range(1, 29)},
    **{code: Programme() for code in _OTHER_SCHEMES},
    **{code: Programme((EMPLOYER,)) for code in _EMPLOYER_SCHEME},
    **{code: Programme((CARD_TRAINING,)) for code in _CARD_SCHEMES},
    "C0102": Programme((TRANSITION, CARD_TRAINING), allowances=(TRANSITION_TRAINEE,)),
    "C0105": Programme((CREDIT,)),
    "P1": Programme((CARD_AI_BASICS,)),
    "P2": Programme((CREDIT,)),
    "P4": Programme((CAMPUS,), allowances=(CAMPUS_TRAINEE, HACKATHON)),
    "P6": Programme(allowances=START_UP),
    "P9": Programme((BEGINNER_ONLINE, BEGINNER, EMPLOYER)),
    "P10": Programme((INTERMEDIATE, EMPLOYER)),
    "P11": Programme(amounts=("P11.development_support", "P11.instructor_allowance", "P11.expert_allowance")),
    "P13": Programme((CONSORTIUM, EMPLOYER), allowances=(EQUIPMENT,)),
    "P14": Programme((TRANSITION,), allowances=(TRANSITION_TRAINEE,)),
    "P16": Programme(age_from="P16.age_from"),
    "P18": Programme((JOINT_CENTRE,)),
    "KMOOC": Programme(fee="KMOOC.fee"),
}
"""Plan ids and the scheme codes of the training systems → how they are paid.

A company that may not use a rule for SMEs can still use the employer scheme for the same course.
"""


def not_priced(programme: str) -> Reason:
    return Reason(
        code="programme-not-priced",
        ko=f"{programme} 사업의 훈련비 지원 규칙은 이 정책 판에 없습니다. 훈련기관이나 고용센터가 알려 드립니다.",
        en=f"This edition of the policy holds no rule for training fees of programme {programme}; "
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
