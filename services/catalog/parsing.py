"""A whole file of one source → drafts and refused rows. Pure; run in a thread, since a file may be large."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from services.catalog.domain.draft import Place
from services.catalog.domain.fault import BadFile, Fault, Refused
from services.catalog.domain.merge import Numbered
from services.catalog.sources import SOURCES, Source
from services.catalog.sources.base import fold
from services.catalog.sources.reading import open_table

Refusal = tuple[Place, Sequence[Fault]]


@dataclass(frozen=True)
class Parsed:
    """`rows` counts every record; each is in `drafts` or in `refusals`."""

    rows: int
    drafts: list[Numbered]
    refusals: list[Refusal]


def parse(source: Source, data: bytes, today: date) -> Parsed:
    """Raises `BadFile` for a file that is not one of this source."""
    table = open_table(data)
    _check_columns(source, set(table.columns))
    drafts: list[Numbered] = []
    refusals: list[Refusal] = []
    for row in table.rows:
        if row.fault:
            refusals.append((row.place, (row.fault,)))
            continue
        try:
            drafts.append((row.place, source.read(row.values, today)))
        except Refused as refused:
            refusals.append((row.place, refused.faults))
    rows = len(drafts) + len(refusals)
    if rows == 0:
        raise BadFile("no-rows", "머리글만 있고 자료 행이 없습니다", "holds a header and no rows")
    return Parsed(rows, drafts, refusals)


def _check_columns(source: Source, there: set[str]) -> None:
    missing = [name for name in source.columns if fold(name) not in there]
    if not missing:
        return
    fits = [other.name for other in SOURCES.values() if all(fold(name) in there for name in other.columns)]
    listed = ", ".join(missing)
    hint_ko = f" ({fits[0]} 형식으로 보입니다)" if fits else ""
    hint_en = f" (looks like source {fits[0]})" if fits else ""
    raise BadFile(
        "missing-columns",
        f"{source.name} 형식에 필요한 열이 없습니다: {listed}{hint_ko}",
        f"columns of source {source.name} are missing: {listed}{hint_en}",
        missing=missing,
    )
