"""KSIC (한국표준산업분류), 10th revision (2017-07-01) and 11th revision (2024-07-01): text codes of 2 to 5 digits.

The 11th revision gives some codes of the 10th another meaning (29293 is printing machines in the 10th and moulds in
the 11th), so a code means nothing without its revision. Tables: 10th revision complete (통계청). 11th revision:
manufacturing derived from tables of statute, the new 60310 and 60320, and for all else the 10th revision's codes;
what is not of the derived table is marked `verified=False`.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final, Literal

from libs.reference.errors import Candidate, CodeError, clean, is_digits, listed, rows, shown

Version = Literal["10", "11"]

_LAST_DIVISIONS: Final = (
    (3, "A"), (8, "B"), (34, "C"), (35, "D"), (39, "E"), (42, "F"), (47, "G"), (52, "H"), (56, "I"), (63, "J"),
    (66, "K"), (68, "L"), (73, "M"), (76, "N"), (84, "O"), (85, "P"), (87, "Q"), (91, "R"), (96, "S"), (98, "T"),
    (99, "U"),
)  # fmt: skip
_WITH_LETTER = re.compile(r"([A-Ua-u])[\s\-.]*(\d+)")
_VERSION = re.compile(r"(?:KSIC)?[\s\-]*(?:제)?\s*(\d+)\s*(?:차|차\s*개정)?", re.IGNORECASE)
_PUNCTUATION = re.compile("[\\s·ㆍ\u119e・‧,;:.-]+")  # NFKC turns ㆍ into U+119E


@dataclass(frozen=True, slots=True)
class Ksic:
    """An industry. `name` is empty for the 3- and 4-digit groups of manufacturing in the 11th revision.

    `meaning_changed`: the same digits mean something else in the other revision. `verified`: the table that this
    code was found in is the revision's own.
    """

    version: Version
    code: str
    section: str
    name: str
    verified: bool
    meaning_changed: bool

    @property
    def division(self) -> str:
        return self.code[:2]


def _eleventh() -> tuple[dict[str, tuple[str, bool]], frozenset[str]]:
    """Code → (name, verified) of the 11th revision, and the codes that changed their meaning."""
    derived = rows("ksic11.csv")
    table: dict[str, tuple[str, bool]] = {}
    covered = {row["code"][:2] for row in derived if row["verified"] == "1"}
    for code, name in _TENTH.items():
        if code[:2] not in covered:
            table[code] = (name, False)
    for row in derived:
        for depth in (2, 3, 4):
            group = row["code"][:depth]
            table.setdefault(group, (_TENTH[group] if depth == 2 else "", row["verified"] == "1"))
        table[row["code"]] = (row["name"], row["verified"] == "1")
    return table, frozenset(row["code"] for row in derived if row["against_10"] == "changed")


def _normal(name: str) -> str:
    return _PUNCTUATION.sub("", unicodedata.normalize("NFKC", name))


_TENTH: Final = {row["code"]: row["name"] for row in rows("ksic10.csv")}
_ELEVENTH, _CHANGED = _eleventh()
_TABLES: Final[dict[Version, dict[str, tuple[str, bool]]]] = {
    "10": {code: (name, True) for code, name in _TENTH.items()},
    "11": _ELEVENTH,
}


def _index(version: Version) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for code, (name, _) in _TABLES[version].items():
        found.setdefault(_normal(name), []).append(code)
    found.pop("", None)
    return found


_BY_NAME: Final[dict[Version, dict[str, list[str]]]] = {"10": _index("10"), "11": _index("11")}


def parse_version(text: str) -> Version:
    """`10`, `11`, `10차`, `제11차` → the revision, or `CodeError` (`version`)."""
    found = _VERSION.fullmatch(clean(text))
    if found and found[1] == "10":
        return "10"
    if found and found[1] == "11":
        return "11"
    raise CodeError(
        "version",
        f"산업분류 차수는 10 또는 11이어야 합니다: {shown(text)}",
        f"The KSIC revision must be 10 or 11: {shown(text)}",
    )


def parse(text: str, version: Version) -> Ksic:
    """The industry of a code in one revision.

    Raises `CodeError`: `missing`, `format`, `unknown`, `other-revision` (the code exists in the other revision only),
    `section` (the letter before the code is not the code's), `ambiguous` (below).

    A lost leading zero is put back where the code as it stands does not exist and the padded one does (`1123` →
    `01123`). Ten 4-digit groups are also what a 5-digit code of farming, forestry, fishing or mining would be without
    its zero (`1411`: 겉옷 제조업 or `01411`); those are refused and both named, unless a letter (`C1411`) settles it.
    """
    letter, digits = _split(text)
    code = _restore(digits, letter, version)
    if letter and section(code) != letter:
        raise CodeError(
            "section",
            f"산업분류코드 {shown(clean(text))}: {code}의 대분류는 {letter}이(가) 아니라 {section(code)}입니다.",
            f"KSIC code {shown(clean(text))}: {code} belongs to section {section(code)}, not {letter}.",
        )
    name, verified = _TABLES[version][code]
    return Ksic(version, code, section(code), name, verified, code in _CHANGED)


def section(code: str) -> str:
    """The section letter (대분류) of a code, by its first two digits; `CodeError` (`unknown`) if there is none."""
    division = int(code[:2]) if len(code) >= 2 and is_digits(code[:2]) else 0
    if code[:2] not in _TENTH:
        raise _unknown(code)
    return next(letter for last, letter in _LAST_DIVISIONS if division <= last)


def by_name(name: str, version: Version = "10") -> str | None:
    """The code of an industry name, blanks and punctuation aside; of one line of descent the shortest code.

    None when the revision has no such name, or has it in two unrelated places.
    """
    codes = sorted(_BY_NAME[version].get(_normal(name), []), key=len)
    if not codes or any(not code.startswith(codes[0]) for code in codes):
        return None
    return codes[0]


def _split(text: str) -> tuple[str | None, str]:
    plain = clean(text)
    if not plain:
        raise CodeError("missing", "산업분류코드가 비어 있습니다.", "The KSIC code is missing.")
    found = _WITH_LETTER.fullmatch(plain)
    letter, digits = (found[1].upper(), found[2]) if found else (None, plain)
    if not is_digits(digits) or len(digits) > 5:
        raise CodeError(
            "format",
            f"산업분류코드는 2~5자리 숫자여야 합니다: {shown(plain)} (국세청 업종코드 6자리는 다른 분류입니다).",
            f"A KSIC code has 2 to 5 digits: {shown(plain)} (the tax office's 6-digit codes are another system).",
        )
    return letter, digits


def _restore(digits: str, letter: str | None, version: Version) -> str:
    table = _TABLES[version]
    readings = [code for code in (digits, f"0{digits}") if len(code) <= 5 and code in table]
    if letter:
        readings = [code for code in readings if section(code) == letter] or readings[:1]
    if len(readings) > 1 and len(digits) == 4:
        both = tuple(Candidate(code, table[code][0] or _TENTH.get(code, "")) for code in readings)
        raise CodeError(
            "ambiguous",
            f"산업분류코드 {shown(digits)}은(는) 두 가지로 읽힙니다: {listed(both)}. "
            f"5자리로 보내거나 대분류 문자를 붙여 주십시오({section(both[0].code)}{digits}).",
            f"KSIC code {shown(digits)} can be read in two ways: {listed(both)}; "
            f"send five digits or put the section letter before it ({section(both[0].code)}{digits}).",
            both,
        )
    if not readings:
        raise _not_in(digits, version)
    return readings[0]


def _not_in(digits: str, version: Version) -> CodeError:
    other: Version = "11" if version == "10" else "10"
    code = next((code for code in (digits, f"0{digits}") if code in _TABLES[other]), None)
    if code is None:
        return _unknown(digits)
    name = _TABLES[other][code][0]
    same = by_name(name, version) if name else None
    hint = (Candidate(same, name),) if same else ()
    instead_ko = f" {version}차에서 같은 업종은 {listed(hint)}입니다." if hint else ""
    instead_en = f" The same industry in revision {version}: {listed(hint)}." if hint else ""
    return CodeError(
        "other-revision",
        f"산업분류코드 {code}은(는) {version}차에 없고 {other}차에만 있습니다({name}).{instead_ko}",
        f"KSIC code {code} is not in revision {version}, only in revision {other} ({name}).{instead_en}",
        hint,
    )


def _unknown(code: str) -> CodeError:
    return CodeError("unknown", f"없는 산업분류코드입니다: {shown(code)}", f"There is no KSIC code {shown(code)}.")
