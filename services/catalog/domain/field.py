"""Which of the plan's eight training fields (plan:붙임2-p.14) a course serves."""

import re

from services.catalog.domain.text import for_search

# Narrow fields stand before wide ones: "해외 마케팅 전략" is 시장 개척 before 마케팅 before 기획.
_FIELD_WORDS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(words, re.I))
    for name, words in (
        ("market", r"수출|무역|해외\s?(?:진출|시장|영업|마케팅)|시장\s?개척|판로|통상|글로벌\s?(?:비즈니스|시장|진출)"),
        ("support", r"고객|(?<![A-Za-z])(?:CS|CRM)(?![A-Za-z])|상담|콜\s?센터|민원|챗봇"),
        ("hr", r"인사|총무|노무|채용|조직\s?(?:문화|관리)|(?<![A-Za-z])HRD?(?![A-Za-z])|급여|근로기준|리더십|코칭"),
        ("marketing", r"마케팅|영업|광고|브랜드|세일즈|홍보|판매|커머스|쇼핑몰|영상\s?(?:편집|제작)|디자인"),
        (
            "production",
            r"생산(?!성)|설비|제조|공정|품질|스마트\s?(?:팩토리|공장|팜)|로봇|로보틱스|(?<![A-Za-z])(?:PLC|MES)(?![A-Za-z])"
            r"|용접|금형|(?<!소화)(?<!호흡)(?<!순환)(?<!비뇨)기계(?!\s?학습)|반도체|산업\s?안전|물류|디지털\s?트윈|고장|불량|정비|전기|배터리|이차전지",
        ),
        ("planning", r"경영|기획|전략|재무|회계|CEO|임원|창업|사업\s?개발|프로덕트\s?매니저|투자|금융|비즈니스\s?모델"),
        (
            "office",
            r"사무|문서|엑셀|보고서|업무\s?자동화|(?<![A-Za-z])(?:RPA|OA)(?![A-Za-z])|오피스|업무\s?생산성|파워포인트",
        ),
    )
)
_FIELD_OF_NCS = {
    "01": "planning", "02": "planning", "020102": "marketing", "020103": "marketing", "0202": "hr",
    "020203": "office", "0204": "production", "020403": "market", "03": "planning", "08": "marketing",
    "10": "marketing", "14": "production", "15": "production", "16": "production", "17": "production",
    "18": "production", "19": "production", "20": "knowledge", "21": "production", "22": "production",
    "23": "production", "24": "production",
}  # fmt: skip
"""NCS 분류 → field: 02 is 경영·회계·사무, of it 0202 총무·인사, 0204 생산·품질관리, 020403 무역·유통관리."""


def field(title: str, ncs_code: str | None, ai: bool) -> str:
    """The title's own word, else the NCS 대·중·소분류 by its longest known prefix.

    What neither places is 사무일반 for an AI course, the field in which most firms train
    (33.3 %, plan:붙임2-p.14), and 지식·노하우 for any other.
    """
    text = for_search(title)
    for name, words in _FIELD_WORDS:
        if words.search(text):
            return name
    for length in range(len(ncs_code or ""), 1, -1):
        if (found := _FIELD_OF_NCS.get((ncs_code or "")[:length])) is not None:
            return found
    return "office" if ai else "knowledge"
