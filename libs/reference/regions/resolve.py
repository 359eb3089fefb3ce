"""From a code of any date to the codes in force on one date (신구 행정구역 코드 연계)."""

from datetime import date
from functools import lru_cache

from libs.reference.errors import Candidate, CodeError, clean, is_digits, listed, shown
from libs.reference.regions.table import SIDOS, SIGUNGUS, Entry, Region


def resolve(code: str, on: date) -> Region:
    """The one 시군구 in force on `on` that the code stands for.

    Takes five digits or a ten-digit 법정동코드 (its first five count). A code in force stands for itself; a retired
    one for its only successor, through as many reforms as there were; one not yet in force for its only predecessor.
    Raises `CodeError`: `unknown`, `format`, `sido-only` (two digits, too coarse), `split` (several successors) or
    `not-yet` (several predecessors); the last two name them in `.candidates`.
    """
    five = normalise(code)
    if len(five) == 2:
        raise CodeError(
            "sido-only",
            f"지역 코드 {shown(five)}은(는) 시도까지만 나타냅니다. 시군구 5자리로 보내 주십시오.",
            f"Region code {shown(five)} names a province only; send the five digits of the city, county or district.",
        )
    found = _candidates(five, on)
    if len(found) == 1:
        return found[0]
    entry = SIGUNGUS[five]
    names = tuple(Candidate(region.code, region.full_name) for region in found)
    if entry.valid_from > on:
        before = listed(names) or "-"
        raise CodeError(
            "not-yet",
            f"지역 코드 {five} {entry.region.full_name}은(는) {entry.valid_from}부터 쓰입니다. {on}의 코드: {before}",
            f"Region code {five} ({entry.region.full_name}) is used from {entry.valid_from}; codes on {on}: {before}",
            names,
        )
    raise CodeError(
        "split",
        f"지역 코드 {five} {entry.region.full_name}은(는) {entry.valid_to}에 여러 곳으로 나뉘었습니다. "
        f"새 코드 중에서 골라 주십시오: {listed(names)}",
        f"Region code {five} ({entry.region.full_name}) was split on {entry.valid_to}; "
        f"choose one of the new codes: {listed(names)}",
        names,
    )


def candidates(code: str, on: date) -> tuple[Region, ...]:
    """Every 시군구 in force on `on` that the code may stand for; a two-digit code stands for all of its 시도.

    Raises `CodeError` (`unknown`, `format`) as `resolve` does, but not for a split.
    """
    plain = normalise(code)
    return in_sido(plain, on) if len(plain) == 2 else _candidates(plain, on)


def in_force(code: str, on: date) -> bool:
    """Whether the five-digit code itself is in force on `on`."""
    entry = SIGUNGUS.get(code)
    return entry is not None and entry.in_force(on)


@lru_cache(maxsize=4096)
def in_sido(code: str, on: date) -> tuple[Region, ...]:
    """The 시군구 of a 시도, by their codes in force on `on`, sorted.

    A 시도 that is not in force on `on` stands for its former (or future) territory: `29` after 2026-07-01 gives the
    five districts of the former 광주광역시 under their new codes. Raises `CodeError` for an unknown 시도.
    """
    sido = SIDOS.get(code)
    if sido is None:
        raise _unknown(code)
    own = [entry for entry in SIGUNGUS.values() if entry.region.sido == code]
    if sido.in_force(on):
        return tuple(sorted((entry.region for entry in own if entry.in_force(on)), key=lambda region: region.code))
    edge = max(entry.valid_to for entry in own) if sido.valid_to <= on else sido.valid_from
    last = [entry for entry in own if entry.valid_to == edge or entry.valid_from == edge]
    found = {region for entry in last for region in _candidates(entry.region.code, on)}
    return tuple(sorted(found, key=lambda region: region.code))


def normalise(code: str) -> str:
    """Two or five known digits out of two, five or ten; `CodeError` (`missing`, `format`, `unknown`) otherwise."""
    plain = clean(code)
    if not plain:
        raise CodeError("missing", "지역 코드가 비어 있습니다.", "The region code is missing.")
    if not is_digits(plain) or len(plain) not in (2, 5, 10):
        raise CodeError(
            "format",
            f"지역 코드는 시군구 5자리(또는 법정동 10자리) 숫자여야 합니다: {shown(plain)}",
            f"A region code has 5 digits (or the 10 of a legal-dong code): {shown(plain)}",
        )
    short = plain[:2] if plain[2:5] in ("", "000") else plain[:5]
    if short not in (SIDOS if len(short) == 2 else SIGUNGUS):
        raise _unknown(plain)
    return short


def _unknown(code: str) -> CodeError:
    return CodeError("unknown", f"없는 지역 코드입니다: {shown(code)}", f"There is no region code {shown(code)}.")


@lru_cache(maxsize=4096)
def _candidates(code: str, on: date) -> tuple[Region, ...]:
    entry = SIGUNGUS[code]
    found: dict[str, Region] = {}
    _walk(entry, on, found)
    return tuple(found[key] for key in sorted(found))


def _walk(entry: Entry, on: date, found: dict[str, Region]) -> None:
    if entry.in_force(on):
        found[entry.region.code] = entry.region
        return
    links = entry.predecessors if entry.valid_from > on else entry.successors
    for link in links:
        _walk(SIGUNGUS[link], on, found)
