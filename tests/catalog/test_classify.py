"""What the catalog reads out of titles, codes, hours and places."""

import pytest

from services.catalog.domain import classify
from services.catalog.domain.field import field
from services.catalog.domain.programme import ALL, SCHEMES, of_scheme


@pytest.mark.parametrize(
    "title",
    [
        "AI활용 실무",
        "생성형AI 기반 디자인",
        "생성형 Ai를 활용한 개발",
        "ＡＩ 기초",
        "인공 지능 개론",
        "의료A.I 연동 개발",
        "AIoT 선박 관제",
        "GenAI 실습",
        "챗GPT로 보고서 쓰기",
        "GPT-4 활용",
        "LLM 서비스 만들기",
        "머신 러닝 입문",
        "프롬프트 엔지니어링",
        "중소기업 AX 리더 과정",
        "빅데이터·AI 전문가",
        "AI+X 융합",
        "Deep Learning 101",
    ],
)
def test_an_ai_course_is_known_by_its_title(title: str) -> None:
    assert classify.is_ai(title)


@pytest.mark.parametrize(
    "title",
    [
        "MAIN 설비 보전",
        "AIR 컴프레서 정비",
        "TRAINING the Trainer",
        "E-mail 비즈니스 영어",
        "데이터 분석 실무",
        "빅데이터 분석가",
        "조류인플루엔자(AI) 방역 실무",
        "한우 인공수정(AI) 기초",
        "[SK AX] 클라우드 네이티브 개발",
        "지능형 교통체계",
        "Bio-GTP 공정",
        "RAGE 게임 엔진",
    ],
)
def test_letters_inside_other_words_do_not_make_an_ai_course(title: str) -> None:
    assert not classify.is_ai(title)


def test_the_ncs_of_ai_makes_an_ai_course() -> None:
    assert classify.is_ai("청년 아카데미", "20010703")
    assert not classify.is_ai("청년 아카데미", "20010202")


@pytest.mark.parametrize(
    ("title", "ncs", "hours", "expected"),
    [
        ("AI 기초", None, 900, "beginner"),
        ("심화_AI 과정", None, 8, "advanced"),
        ("기초부터 심화까지 파이썬", None, None, "intermediate"),
        ("CEO를 위한 AX", None, None, "beginner"),
        ("비전문가를 위한 AI", None, None, "intermediate"),
        ("이해관계자 관리", None, None, "intermediate"),
        ("AI 업무 활용", "20010703", 16, "intermediate"),
        ("AI 캠퍼스", "20010703", 16, "advanced"),
        ("AI 캠퍼스", None, 960, "advanced"),
        ("AI 특강", None, 4, "beginner"),
        ("AI 특강", None, None, "intermediate"),
    ],
)
def test_the_level_comes_from_words_then_hours_then_ncs(
    title: str, ncs: str | None, hours: int | None, expected: str
) -> None:
    assert classify.level(title, ncs, hours) == expected


@pytest.mark.parametrize(
    ("title", "ncs", "ai", "expected"),
    [
        ("AI로 하는 해외 마케팅", None, True, "market"),
        ("AI 마케팅", "20010202", True, "marketing"),
        ("챗봇으로 고객 응대", None, True, "support"),
        ("채용과 노무", None, False, "hr"),
        ("설비 고장 예측", None, True, "production"),
        ("업무 생산성 도구", None, True, "office"),
        ("경영 전략", None, False, "planning"),
        ("기계학습", "20010703", True, "knowledge"),
        ("소화기계 환자간호", "06020201", False, "knowledge"),
        ("과정", "02020103", False, "hr"),
        ("과정", "02020302", False, "office"),
        ("과정", "02040103", False, "production"),
        ("AI 특강", None, True, "office"),
        ("교양", None, False, "knowledge"),
    ],
)
def test_the_field_comes_from_the_title_then_the_ncs(title: str, ncs: str | None, ai: bool, expected: str) -> None:
    assert field(title, ncs, ai) == expected


def test_the_mode_is_read_or_left_open() -> None:
    assert classify.mode("[스마트훈련] 데이터") == "blended"
    assert classify.mode("온·오프라인 혼합 과정") == "blended"
    assert classify.mode("엑셀", "한국원격평생교육원") == "remote"
    assert classify.mode("엑셀", "한국직업전문학교") is None


def test_an_ai_course_of_a_scheme_is_the_plans_programme() -> None:
    assert of_scheme("C0104", True, "advanced", "onsite") == "P4"
    assert of_scheme("C0104", False, "advanced", "onsite") == "C0104"
    assert of_scheme("C0105", True, "beginner", "remote") == "P2"
    assert of_scheme("C0102", True, "advanced", "onsite") == "P14"
    assert of_scheme("C0066", True, "intermediate", "onsite") == "P13"
    assert of_scheme("C0061", True, "beginner", "onsite") == "P1"
    assert of_scheme("C0061I", True, "advanced", "onsite") == "C0061I"
    assert of_scheme("C0031", True, "beginner", "remote") == "P9"
    assert of_scheme("C0041T", True, "beginner", "remote") == "P9"
    assert of_scheme("C0041T", True, "intermediate", "onsite") == "P10"
    assert of_scheme("C0041T", True, "advanced", "onsite") == "C0041T"


def test_every_scheme_maps_to_a_known_programme_in_every_case() -> None:
    cases = [
        of_scheme(scheme, ai, level, mode)
        for scheme in SCHEMES
        for ai in (True, False)
        for level in ("beginner", "intermediate", "advanced")
        for mode in ("onsite", "remote", "blended")
    ]

    assert set(cases) <= ALL
