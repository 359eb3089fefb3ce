"""NCS (국가직무능력표준) codes: 대분류 2, 중분류 4, 소분류 6, 세분류 8 digits.

Table: 2020 edition (24/82/266/1,057) with the later 세분류 met in public 고용24 course data of 2021–2025. NCS grows
every year, so a well-formed code that the table lacks is kept (`known` is False).
"""

import re
from dataclasses import dataclass

from libs.reference.errors import CodeError, clean, is_digits, rows, shown

_NAMES = {row["code"]: row["name"] for row in rows("ncs.csv")}
_MAJORS = frozenset(code for code in _NAMES if len(code) == 2)
_UNIT = re.compile(r"(\d{9,10})(_\d{2}[vV]\d+(\.\d+)?)?")
_GROUPED = re.compile(r"\d{1,2}([.\- ]\d{2}){1,3}")


@dataclass(frozen=True, slots=True)
class Ncs:
    """`name` is empty where the table does not know the code."""

    code: str
    name: str
    known: bool


def parse(text: str) -> str:
    """The code with 2, 4, 6 or 8 digits, or `CodeError` (`missing`, `format`, `unknown`).

    A leading zero that a spreadsheet dropped is put back (`2010301` → `02010301`: an odd count of digits). The code
    of a 능력단위 (ten digits, `0101010101_17v2`) gives its 세분류. The 대분류 must be one of the 24.
    """
    plain = clean(text)
    if not plain:
        raise CodeError("missing", "NCS 코드가 비어 있습니다.", "The NCS code is missing.")
    unit = _UNIT.fullmatch(plain)
    digits = unit[1].zfill(10)[:8] if unit else re.sub(r"[.\- ]", "", plain) if _GROUPED.fullmatch(plain) else plain
    if not is_digits(digits) or len(digits) > 8:
        raise CodeError(
            "format",
            f"NCS 코드는 2·4·6·8자리 숫자(또는 능력단위 코드)여야 합니다: {shown(plain)}",
            f"An NCS code has 2, 4, 6 or 8 digits (or is a competency-unit code): {shown(plain)}",
        )
    code = digits.zfill(len(digits) + len(digits) % 2)
    if code[:2] not in _MAJORS or any(code[at : at + 2] == "00" for at in range(2, len(code), 2)):
        raise CodeError(
            "unknown",
            f"NCS 분류에 없는 코드입니다: {shown(plain)} (대분류는 01~24).",
            f"No such code in the NCS classification: {shown(plain)} (major groups run from 01 to 24).",
        )
    return code


def describe(text: str) -> Ncs:
    """The code as `parse` reads it, with its name."""
    code = parse(text)
    return Ncs(code, _NAMES.get(code, ""), code in _NAMES)
