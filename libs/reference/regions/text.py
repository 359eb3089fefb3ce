"""From an address or a short place name to a region (주소 문자열의 시도·시군구)."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import date

from libs.reference.regions.resolve import candidates
from libs.reference.regions.table import BY_NAME, SIDO_NAMES, SIDOS, SIGUNGUS, Region

_PUNCTUATION = re.compile(r"[\s,.;:/()\[\]<>{}·'\"\u200b\ufeff\-]+")
_ALSO_A_CITY = {"광주시"}
"""광주광역시 and 경기도 광주시 are both called so: alone it tells neither."""
_WHOLE_SIDO = {"36"}
"""세종 has no 시군구 below it: its one code stands for any address there."""


def from_text(text: str, on: date) -> Region | None:
    """The region that an address begins with, as of `on`; None when it cannot be told.

    Knows full and short, old and new names (`경기 고양시 일산동구`, `전라남도 여수시 …`, `강원`). Names that many
    places share (중구, 고성군) are told apart by the 시도 before them only; a name that only one place bears needs
    no 시도. A 시도 alone gives the 시도 itself (`is_sido`), 세종 its one code. None for an unknown place, and for
    the old name of a place that was since split (`candidates_from_text` gives its parts).
    """
    found = candidates_from_text(text, on)
    return found[0] if len(found) == 1 else None


def candidates_from_text(text: str, on: date) -> tuple[Region, ...]:
    """All regions in force on `on` that the text may mean: one, the parts of a split place, or none."""
    words = [word for word in _PUNCTUATION.split(unicodedata.normalize("NFKC", text)) if word]
    while words and (words[0] == "대한민국" or words[0].isdigit()):  # a postcode before the address
        words.pop(0)
    if not words:
        return ()
    for sidos, rest in _readings(words):
        if not rest:
            return () if words[0] in _ALSO_A_CITY else _sido_itself(sidos, on)
        found = _within(sidos, rest, on)
        if found:
            return found
    return () if words[0] in SIDO_NAMES else _within(None, words, on)


def sido_code(text: str) -> str | None:
    """The code of the 시도 that the text names, as it names it (`광주광역시` → 29, `강원` → 51); None if none."""
    codes = SIDO_NAMES.get(unicodedata.normalize("NFKC", text).strip())
    return codes[-1] if codes else None


def _readings(words: list[str]) -> Iterable[tuple[list[str], list[str]]]:
    """The 시도 codes and the words after them: as a word of its own, or written together with the next."""
    first, rest = words[0], words[1:]
    if first in SIDO_NAMES:
        yield SIDO_NAMES[first], rest
        if rest and not set(SIDO_NAMES[first]).isdisjoint(SIDO_NAMES.get(rest[0], ())):
            yield SIDO_NAMES[first], rest[1:]
    for name in sorted(SIDO_NAMES, key=len, reverse=True):
        if first.startswith(name) and first != name:
            yield SIDO_NAMES[name], [first[len(name) :], *rest]


def _within(sidos: list[str] | None, words: list[str], on: date) -> tuple[Region, ...]:
    """The place that the first words name in one of the 시도 (None: anywhere, and then by full names only)."""
    if sidos is not None and _WHOLE_SIDO.issuperset(sidos):
        return _sido_itself(sidos, on)
    for name in _spellings(words, short=sidos is not None):
        codes = [code for code in BY_NAME.get(name, []) if sidos is None or SIGUNGUS[code].region.sido in sidos]
        if not codes:
            continue
        current = [code for code in codes if SIGUNGUS[code].in_force(on)]
        found = {region for code in current or codes for region in candidates(code, on)}
        if sidos is None and len(current or codes) > 1 and len(found) > 1:
            return ()
        return tuple(sorted(found, key=lambda region: region.code))
    return ()


def _spellings(words: list[str], *, short: bool) -> Iterable[str]:
    """The finest name first: `고양시 일산동구`, `고양시`, and if `short` also `고양 일산동구`, `고양`."""
    first = words[0]
    yield "".join(words[:2])
    yield first
    if short and len(first) > 1:
        if len(words) > 1:
            yield f"{first}시{words[1]}"
        yield from (f"{first}{kind}" for kind in "시군구")


def _sido_itself(sidos: list[str], on: date) -> tuple[Region, ...]:
    current = [code for code in sidos if SIDOS[code].in_force(on)]
    found: dict[str, Region] = {}
    for code in current or sidos:
        entry = SIDOS[code]
        links = () if entry.in_force(on) else entry.successors if entry.valid_to <= on else tuple(entry.predecessors)
        for link in links or (code,):
            found[link] = SIDOS[link].region
    if _WHOLE_SIDO.issuperset(found):
        return tuple(region for code in found for region in candidates(code, on))
    return tuple(found.values())
