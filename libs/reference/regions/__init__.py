"""Dated 시도·시군구 codes (행정표준코드 법정동코드, first five digits), their crosswalk, tiers and names.

Sources: 행정안전부 법정동코드 as in force on 2026-09-17, its changes since 2000 and the notices that made them
(강원 42→51, 전북 45→52, 군위, 부천, 화성, 인천 중·동·서구, 광주·전남→12); 행정안전부고시 제2021-66호 and
제2024-15호 for the 인구감소지역. Periods run from `valid_from` up to, not including, `valid_to`, in Korean dates.

A city that has districts keeps its own code beside theirs (41280 고양시, 41190 부천시, 41590 화성시): both are in
force in the official list, so both are accepted.
"""

from libs.reference.regions.resolve import candidates, in_force, in_sido, resolve
from libs.reference.regions.table import Region
from libs.reference.regions.text import candidates_from_text, from_text, sido_code
from libs.reference.regions.tiers import (
    OVERLAP_EN,
    OVERLAP_KO,
    Notice,
    Tier2,
    Tier3,
    depopulation_notice,
    is_overlap,
    tier2,
    tier3,
)

__all__ = [
    "OVERLAP_EN",
    "OVERLAP_KO",
    "Notice",
    "Region",
    "Tier2",
    "Tier3",
    "candidates",
    "candidates_from_text",
    "depopulation_notice",
    "from_text",
    "in_force",
    "in_sido",
    "is_overlap",
    "resolve",
    "sido_code",
    "tier2",
    "tier3",
]
