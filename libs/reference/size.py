"""우선지원대상기업 by head count and industry (고용보험법 시행령 제12조 별표 1, 2017-12-26 개정).

Industry                                                             priority up to (상시근로자)
제조업 C (산업용 기계·장비 수리업 34 제외)                                   500
광업 B, 건설업 F, 운수·창고업 H, 정보통신업 J, 사업시설·지원 N
(임대업 76 제외), 전문·과학·기술 M, 보건·사회복지 Q                         300
도소매 G, 숙박·음식 I, 금융·보험 K, 예술·스포츠 R                            200
그 밖의 업종, with 34 and 76, which the table counts there                   100
"""

from collections.abc import Mapping
from typing import Final, Literal

SizeClass = Literal["priority", "large_under_1000", "large_1000_plus"]
"""우선지원대상기업, 대규모 1,000인 미만, 대규모 1,000인 이상."""

Group = Literal["manufacturing", "three_hundred", "two_hundred", "others"]
"""The rows of the table."""
LIMITS: Final[Mapping[str, int]] = {"manufacturing": 500, "three_hundred": 300, "two_hundred": 200, "others": 100}

_GROUPS: Final[Mapping[str, Group]] = {
    "C": "manufacturing", **dict.fromkeys("BFHJNMQ", "three_hundred"), **dict.fromkeys("GIKR", "two_hundred"),
}  # fmt: skip
_CARVED_OUT: Final = {"C": "34", "N": "76"}


def groups(ksic_section: str | None, ksic_division: str | None) -> tuple[Group, ...]:
    """The rows that may hold: one once section and division are known."""
    if ksic_section is None:
        return "manufacturing", "three_hundred", "two_hundred", "others"
    group = _GROUPS.get(ksic_section, "others")
    if ksic_section not in _CARVED_OUT:
        return (group,)
    if ksic_division is None:
        return group, "others"
    return ("others",) if ksic_division == _CARVED_OUT[ksic_section] else (group,)


def size_class(
    headcount: int | None,
    ksic_section: str | None,
    ksic_division: str | None,
    limits: Mapping[str, int] = LIMITS,
) -> SizeClass | None:
    """The size class, or None when it cannot be told. `limits` are those of the rows, on the date asked about.

    It cannot be told without a head count, or without an industry when the head count lies between the limits
    of the industries (101 to 500). Raises ValueError for a negative head count.
    """
    if headcount is None:
        return None
    if headcount < 0:
        raise ValueError(f"a head count cannot be negative: {headcount}")
    possible = [limits[group] for group in groups(ksic_section, ksic_division)]
    if headcount <= min(possible):
        return "priority"
    if headcount <= max(possible):
        return None
    return "large_under_1000" if headcount < 1000 else "large_1000_plus"
