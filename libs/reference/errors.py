"""What every look-up raises, and the cleaning of text that all of them share."""

import csv
import re
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).parent / "data"
_INVISIBLE = re.compile("[\u200b-\u200d\u2060\ufeff\u00ad]")
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_WHOLE_FLOAT = re.compile(r"\d+\.0+")


class Candidate(NamedTuple):
    """A code that may have been meant, with its Korean name."""

    code: str
    name: str


class CodeError(ValueError):
    """A code that cannot be accepted: why, in Korean and English, and what may have been meant."""

    def __init__(self, code: str, ko: str, en: str, candidates: tuple[Candidate, ...] = ()) -> None:
        super().__init__(f"{ko} / {en}")
        self.code = code
        self.ko = ko
        self.en = en
        self.candidates = candidates

    def __reduce__(self) -> tuple[type["CodeError"], tuple[str, str, str, tuple[Candidate, ...]]]:
        return CodeError, (self.code, self.ko, self.en, self.candidates)


def clean(text: str) -> str:
    """Full-width signs, invisible characters and outer blanks removed; a spreadsheet's `123.0` read as `123`."""
    plain = _INVISIBLE.sub("", text).translate(_FULL_WIDTH).strip()
    return plain.split(".")[0] if _WHOLE_FLOAT.fullmatch(plain) else plain


def is_digits(text: str) -> bool:
    """ASCII digits only: `str.isdigit` also takes superscripts and other scripts."""
    return text.isascii() and text.isdigit()


def shown(value: str) -> str:
    """The value as it may stand in a message: quoted and cut, so that a hostile cell cannot flood an answer."""
    return f"'{value[:40]}…'" if len(value) > 40 else f"'{value}'"


def listed(candidates: tuple[Candidate, ...]) -> str:
    return ", ".join(f"{code} {name}" for code, name in candidates)


def rows(name: str) -> list[dict[str, str]]:
    """The rows of one of the package's own tables."""
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
