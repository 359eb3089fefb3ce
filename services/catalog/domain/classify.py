"""What a course is about, read from what the sources state: AI or not, level, field, mode.

The sources carry none of these in the plan's terms, so every rule here is the catalog's own reading
of title (훈련과정명), NCS code, hours and capacity. A source that states a value itself overrides it.
"""

import re

from libs.contracts.catalog import AxLevel, Mode
from services.catalog.domain.text import for_search

_AI_TERMS = re.compile(
    r"인공\s?지능|머신\s?러닝|기계\s?학습|딥\s?러닝|심층\s?학습|강화\s?학습|생성형|(?:거대|대형|대규모)\s?언어\s?모델"
    r"|챗\s?GPT|프롬프트|자연어\s?처리|컴퓨터\s?비전|신경망|랭체인|미드저니|코파일럿|피지컬\s?AI"
    r"|machine\s?learning|deep\s?learning|artificial intelligence|generative|prompt engineering"
    r"|ChatGPT|OpenAI|LangChain|Midjourney|Copilot|PyTorch|TensorFlow",
    re.I,
)
# Latin letters on either side make it part of another word (MAIN, AIR, TRAINING, AIVLE); Korean ones do
# not (AI활용, 생성형AI). AIoT, AIaaS, AIOps, GenAI and XAI are the compounds that do mean AI.
_AI_WORD = re.compile(
    r"(?<![A-Za-z])(?:A\.I\.?|AIo?T|AIaaS|AIOps|(?:Gen|X)?AI|s?LLMs?|GPT|RAG|MLOps)(?![A-Za-z])", re.I
)
# AX (AI 전환) is the plan's own word, but inside brackets it is a sponsor's name ("[SK AX]").
_AX_WORD = re.compile(r"(?<![A-Za-z])AX(?![A-Za-z])")
_SPONSOR = re.compile(r"^\s*[\[(【][^\])】]*[\])】]")
# Avian influenza and artificial insemination are both abbreviated AI on farms.
_OTHER_AI = re.compile(r"조류\s?인플루엔자|조류\s?독감|고병원성|가금|인공\s?수정")


def is_ai(title: str, ncs_code: str | None = None) -> bool:
    """Whether this is an AI course: a term in the title, or NCS 200107 (인공지능).

    Data analysis alone is not AI: the plan counts AI courses apart from digital ones (plan:IV-①-p.4).
    """
    text = for_search(title)
    if (ncs_code or "").startswith("200107") or _AI_TERMS.search(text):
        return True
    if _OTHER_AI.search(text):
        return False
    return bool(_AI_WORD.search(text) or _AX_WORD.search(_SPONSOR.sub("", text)))


_BEGINNER = re.compile(
    r"기초(?!자산|과학)|입문|초급|초보|첫걸음|개론|리터러시|누구나|알기 쉬운|쉽게|처음|이해(?!관계|충돌)"
    r"|CEO|최고경영자|임원|경영진|beginner|introduct",
    re.I,
)
_ADVANCED = re.compile(
    r"심화(?!되)|고급|(?<!비)전문가|엔지니어|아키텍트|마스터|모델링|advanced|expert|engineer|architect", re.I
)
_INTERMEDIATE = re.compile(r"중급|실무|활용|응용|실전|적용|intermediate", re.I)

_DEVELOPER_HOURS = 240
"""A course of six full weeks or more trains developers rather than users."""
_TASTER_HOURS = 8
"""Up to one day gives an understanding, not a skill."""


def level(title: str, ncs_code: str | None = None, hours: int | None = None) -> AxLevel:
    """초급/중급/고급 as the plan uses them: understanding, AI at work, building one's own (plan:IV-②-p.7).

    A title's own word decides; one that spans both ends lies between them; CEO courses are 초급 in the plan.
    Without a word NCS 200107 (building AI) and long courses are 고급, one day is 초급, the rest 중급.
    """
    text = for_search(title)
    beginner, advanced = bool(_BEGINNER.search(text)), bool(_ADVANCED.search(text))
    if beginner or advanced:
        return "intermediate" if beginner and advanced else "beginner" if beginner else "advanced"
    if hours is not None and hours >= _DEVELOPER_HOURS:
        return "advanced"
    if _INTERMEDIATE.search(text):
        return "intermediate"
    if (ncs_code or "").startswith("200107"):
        return "advanced"
    return "beginner" if hours is not None and hours <= _TASTER_HOURS else "intermediate"


_REMOTE = re.compile(r"원격|온라인|이러닝|비대면|e-?learning|online|remote", re.I)
_BLENDED = re.compile(r"혼합|블렌디드|스마트\s?훈련|온·?오프라인|blended", re.I)


def mode(*texts: str) -> Mode | None:
    """훈련방식 as title or institution name it, or None where neither does. 혼합 covers both words."""
    text = for_search(" ".join(texts))
    if _BLENDED.search(text):
        return "blended"
    return "remote" if _REMOTE.search(text) else None
