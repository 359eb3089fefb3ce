"""The tables of 시도 and 시군구 codes in memory, with their links from old to new and back."""

from dataclasses import dataclass, field
from datetime import date

from libs.reference.errors import rows

FOREVER = date.max


@dataclass(frozen=True, slots=True)
class Region:
    """A 시군구 (five digits) or a whole 시도 (two digits, `is_sido`)."""

    code: str
    name: str
    sido: str
    sido_name: str

    @property
    def is_sido(self) -> bool:
        return len(self.code) == 2

    @property
    def full_name(self) -> str:
        """`경기도 고양시 일산동구`; a place that is its own 시도 is named once."""
        return self.name if self.name == self.sido_name else f"{self.sido_name} {self.name}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A code with its period and its neighbours in time."""

    region: Region
    valid_from: date
    valid_to: date
    successors: tuple[str, ...]
    predecessors: list[str] = field(default_factory=list)

    def in_force(self, on: date) -> bool:
        return self.valid_from <= on and (on < self.valid_to or self.valid_to == FOREVER)


def _day(text: str) -> date:
    return date.fromisoformat(text) if text else FOREVER


def _link(table: dict[str, Entry]) -> dict[str, Entry]:
    for code, entry in table.items():
        for successor in entry.successors:
            table[successor].predecessors.append(code)
    return table


def _entry(row: dict[str, str], region: Region) -> Entry:
    return Entry(region, _day(row["valid_from"]), _day(row["valid_to"]), tuple(row["successors"].split()))


_sido_rows = rows("sidos.csv")
SIDOS = _link(
    {row["code"]: _entry(row, Region(row["code"], row["name"], row["code"], row["name"])) for row in _sido_rows}
)
SIDO_NAMES: dict[str, list[str]] = {}
"""Every name of a 시도, full or short, old or new → its codes."""
for _row in _sido_rows:
    for _name in (_row["name"], *_row["also"].split()):
        SIDO_NAMES.setdefault(_name, []).append(_row["code"])

SIGUNGUS = _link(
    {
        row["code"]: _entry(row, Region(row["code"], row["name"], row["sido"], SIDOS[row["sido"]].region.name))
        for row in rows("regions.csv")
    }
)
BY_NAME: dict[str, list[str]] = {}
"""The name of a 시군구 without blanks → its codes, of all times."""
for _code, _entry_ in SIGUNGUS.items():
    BY_NAME.setdefault(_entry_.region.name.replace(" ", ""), []).append(_code)
