"""Programmes (훈련사업): plan ids, base-scheme codes, and which of the two a source's row is.

The plan names its programmes; the training systems name the schemes that pay for them (trainTargetCd of the
work24 course list). Where a plan programme runs inside a scheme, an AI course of that scheme is read as
the plan's. This reading is the catalog's own interpretation; the tables below are all of it.
"""

from libs.contracts.catalog import AxLevel, Mode

PLAN = frozenset(f"P{number}" for number in range(1, 29))
"""Programmes of the plan (plan:IV, 붙임1)."""

SCHEMES = frozenset({
    "C0061", "C0061S", "C0061I",  # 국민내일배움카드 일반: all, 구직자, 재직자
    "C0054", "C0054G", "C0054Y", "C0054S", "C0055C",  # 국가기간·전략산업: 기업맞춤, 스마트혼합, 일반고, 과정평가형
    "C0104", "C0105", "C0102",  # KDT, KDC, 산업구조변화대응 등 특화훈련
    "C0055", "C0031", "C0031C", "C0031F",  # 실업자원격; 근로자원격: all, 돌봄, 외국어
    "C0041", "C0041T", "C0041B", "C0041N", "C0041A", "C0041H",  # 사업주: all, 일반직무, 카드, 고숙련, 아카이브, 구독
    "C0042", "C0042C", "C0066", "C0098",  # 컨소시엄: all, 대중소공동, 지역산업맞춤형, other
})  # fmt: skip
"""trainTargetCd of the work24 (고용24) course lists 310L01, 311L01 and 312L01."""

KMOOC = "KMOOC"
ALL = PLAN | SCHEMES | {KMOOC}

REMOTE_SCHEMES = frozenset({"C0031", "C0031C", "C0031F", "C0055", "C0041H", "C0105"})
"""원격훈련 by definition: 근로자원격, 실업자원격, 패키지구독형 원격, KDC."""
BLENDED_SCHEMES = frozenset({"C0054Y"})
"""스마트혼합훈련."""

_AI_PROGRAMME = {
    "C0104": "P4",  # KDT → KDT AI 캠퍼스 (plan:IV-①-p.5)
    "C0105": "P2",  # KDC → KDC AI 기초 (plan:IV-①-p.4)
    "C0102": "P14",  # 산업구조변화대응 → 산대특 AI 전환 (plan:IV-③-p.8)
    "C0066": "P13",  # 지역산업맞춤형 → its AI training (plan:IV-③-p.8)
}
_CARD = frozenset({"C0061", "C0061S", "C0061I"})


def of_scheme(scheme: str, ai: bool, level: AxLevel, mode: Mode) -> str:
    """The plan programme under which an AI course of this scheme falls, else the scheme itself.

    내일배움카드 일반과정 counts as P1 only for AI 기초 이해·활용 (plan:IV-①-p.4). Training of workers
    counts as P9 when it is a remote beginner course and as P10 at 중급 (plan:IV-②-p.7); a 고급 course is
    P11 only when developed for one firm, which no list states, so it stays with its scheme.
    """
    if not ai:
        return scheme
    if scheme in _CARD:
        return "P1" if level == "beginner" else scheme
    if scheme in ("C0031", "C0041T", "C0041B", "C0041H"):
        if level == "beginner" and mode == "remote":
            return "P9"
        return "P10" if level == "intermediate" and scheme != "C0031" else scheme
    return _AI_PROGRAMME.get(scheme, scheme)
