"""What is wrong with one value, said so that its sender can mend it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fault:
    """One bad value. `value` is cut: a report is no place for a whole broken file."""

    field: str
    code: str
    ko: str
    en: str
    value: str | None = None

    def __post_init__(self) -> None:
        if self.value is not None and len(self.value) > 200:
            object.__setattr__(self, "value", self.value[:199] + "…")


class Refused(Exception):
    """A row cannot become a course; holds every fault that was found, not the first one alone."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault.en}" for fault in faults))
        self.faults = tuple(faults)


class BadFile(Exception):
    """The file as a whole cannot be read as this source."""

    def __init__(self, code: str, ko: str, en: str, **more: Any) -> None:
        super().__init__(en)
        self.code, self.ko, self.en, self.more = code, ko, en, more
