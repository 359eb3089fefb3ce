"""수도권 / 비수도권 / 인구감소지역: the tiers by which the plan sets its rates.

수도권 is 서울, 인천 and 경기 as a whole (수도권정비계획법 제2조, 시행령 제2조). 인구감소지역 are the 89 places of
행정안전부고시 제2021-66호 (2021-10-19), as changed by 제2024-15호 (2024-02-27); a place stays designated when only its
code changes. The list was due to be replaced by 2026-10-19; until a new notice is entered the last one counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, TypeVar

from libs.reference.errors import Candidate, CodeError, listed, rows, shown
from libs.reference.regions.resolve import candidates
from libs.reference.regions.table import FOREVER, SIGUNGUS, Region

Tier2 = Literal["capital", "non_capital"]
Tier3 = Literal["capital", "non_capital", "depopulation"]
T = TypeVar("T", bound=str)

CAPITAL_SIDOS: Final = frozenset({"11", "28", "41"})
OVERLAP_KO: Final = (
    "수도권이면서 인구감소지역인 곳(강화·옹진·가평·연천)은 세 구간 기준에서는 인구감소지역으로, "
    "두 구간 기준에서는 수도권으로 보았습니다(계획에 정한 바 없어 해석한 것)."
)
OVERLAP_EN: Final = (
    "A place that is both in the capital region and a depopulation area (Ganghwa, Ongjin, Gapyeong, Yeoncheon) "
    "counts as a depopulation area where there are three tiers and as capital region where there are two "
    "(an interpretation: the plan does not settle it)."
)


@dataclass(frozen=True, slots=True)
class Notice:
    """One version of the list of 인구감소지역; `places` holds every code its places ever had."""

    title: str
    valid_from: date
    valid_to: date
    places: frozenset[str]


def tier2(code: str, on: date) -> Tier2:
    """수도권 or 비수도권 on `on`; a 시도 code suffices.

    A retired code that was split is fine as long as all its successors agree. Raises `CodeError` otherwise
    (`tier-differs`, or what `candidates` raises).
    """
    tiers: dict[Tier2, list[Region]] = {}
    for region in _found(code, on):
        tiers.setdefault(_tier2(region), []).append(region)
    return _agreed(code, tiers)


def tier3(code: str, on: date) -> Tier3:
    """수도권, 비수도권 or 인구감소지역 on `on`; 인구감소지역 goes before 수도권 (see `OVERLAP_KO`).

    A 시도 code suffices only where no place in it differs (서울, not 경기). Raises `CodeError` as `tier2` does.
    """
    tiers: dict[Tier3, list[Region]] = {}
    for region in _found(code, on):
        tiers.setdefault(_tier3(region, on), []).append(region)
    return _agreed(code, tiers)


def is_overlap(code: str, on: date) -> bool:
    """Whether the tier of this place rests on the interpretation `OVERLAP_KO`."""
    return any(_tier2(region) == "capital" and _tier3(region, on) == "depopulation" for region in candidates(code, on))


def depopulation_notice(on: date) -> Notice | None:
    """The notice in force on `on`; None before the first one."""
    begun = [notice for notice in NOTICES if notice.valid_from <= on]
    return next((notice for notice in begun if on < notice.valid_to or notice.valid_to == FOREVER), None)


def _found(code: str, on: date) -> tuple[Region, ...]:
    found = candidates(code, on)
    if not found:
        raise CodeError(
            "not-yet",
            f"{on}에는 지역 코드 {shown(code)}에 해당하는 곳이 없습니다.",
            f"On {on} no place answers to region code {shown(code)}.",
        )
    return found


def _tier2(region: Region) -> Tier2:
    return "capital" if region.sido in CAPITAL_SIDOS else "non_capital"


def _tier3(region: Region, on: date) -> Tier3:
    notice = depopulation_notice(on)
    return "depopulation" if notice is not None and region.code in notice.places else _tier2(region)


def _agreed(code: str, tiers: dict[T, list[Region]]) -> T:
    if len(tiers) == 1:
        return next(iter(tiers))
    places = tuple(Candidate(region.code, region.full_name) for group in tiers.values() for region in group)
    raise CodeError(
        "tier-differs",
        f"지역 코드 {shown(code)}만으로는 수도권·비수도권·인구감소지역을 정할 수 없습니다. 시군구 코드가 필요합니다: "
        f"{listed(places[:8])}",
        f"Region code {shown(code)} does not settle the tier; a finer code is needed: {listed(places[:8])}",
        places,
    )


def _same_places(codes: Iterable[str]) -> frozenset[str]:
    """The codes with all that only renamed them: links from one code to exactly one and back."""
    seen: set[str] = set()
    todo = list(codes)
    while todo:
        code = todo.pop()
        if code in seen:
            continue
        seen.add(code)
        entry = SIGUNGUS[code]
        if len(entry.successors) == 1 and len(SIGUNGUS[entry.successors[0]].predecessors) == 1:
            todo.append(entry.successors[0])
        if len(entry.predecessors) == 1 and len(SIGUNGUS[entry.predecessors[0]].successors) == 1:
            todo.append(entry.predecessors[0])
    return frozenset(seen)


def _notices() -> tuple[Notice, ...]:
    lists: dict[tuple[str, str, str], list[str]] = {}
    for row in rows("depopulation.csv"):
        lists.setdefault((row["notice"], row["valid_from"], row["valid_to"]), []).append(row["code"])
    return tuple(
        Notice(title, date.fromisoformat(start), date.fromisoformat(end) if end else FOREVER, _same_places(codes))
        for (title, start, end), codes in lists.items()
    )


NOTICES: Final = _notices()
