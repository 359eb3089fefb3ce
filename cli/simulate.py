"""`python -m cli simulate`: what a policy costs over a whole population (모의실험), and what another would.

Without files the population is made up from a seed, by the shares below; they are round figures for trying a policy,
not statistics.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cli import show
from libs.reference import regions
from libs.reference.regions.table import SIDOS
from services.catalog import parsing as catalog
from services.catalog.domain.fault import BadFile
from services.catalog.sources import SOURCES
from services.interagency import files as partner_files
from services.interagency.domain.draft import Draft, Reader
from services.interagency.domain.table import Unreadable
from services.subsidy.domain import Place, Policy, PolicyError, PolicyInvalid, Snapshot, parse, place, size_of
from services.subsidy.domain.pairs import NOT_STATED, Pairs
from services.subsidy.domain.population import Population, Total, price_all
from services.subsidy.loading import FOLDER, read

DONE, UNREADABLE = 0, 2
"""Exit codes."""
PAIRS, MOST_PAIRS, COURSES = 1_000_000, 20_000_000, 500
BY = {"programme": "훈련사업 programme", "tier": "사업장 지역 region tier", "size_class": "기업 규모 size class"}
COLUMNS = ("쌍 pairs", "견적 quoted", "훈련비 cost", "지원금 support", "자부담 self-pay")
NAMES = {
    "capital": "수도권 capital", "non_capital": "비수도권 non-capital", "depopulation": "인구감소지역 depopulation",
    "both": "수도권이면서 인구감소지역 both", "unknown": "알 수 없음 unknown", "priority": "우선지원대상기업 priority",
    "large_under_1000": "대규모 1,000인 미만 large, below 1,000",
    "large_1000_plus": "대규모 1,000인 이상 large, 1,000 up",
}  # fmt: skip

SIZE_SHARES: Mapping[str | None, float] = {
    "priority": 0.96,
    "large_under_1000": 0.02,
    "large_1000_plus": 0.01,
    None: 0.01,
}
NO_REGION = 0.02
COURSE_SHARES: Mapping[tuple[str, str, bool], float] = {
    ("P9", "beginner", True): 0.25, ("P10", "intermediate", True): 0.20, ("P1", "beginner", True): 0.10,
    ("P13", "intermediate", True): 0.08, ("P18", "intermediate", True): 0.05, ("P14", "advanced", True): 0.04,
    ("P4", "advanced", True): 0.03, ("P2", "beginner", True): 0.05, ("C0041T", "beginner", False): 0.12,
    ("C0102", "intermediate", False): 0.03, ("KMOOC", "beginner", True): 0.05,
}  # fmt: skip
MODE_SHARES: Mapping[str, float] = {"onsite": 0.5, "remote": 0.35, "blended": 0.15}
NO_UNIT_PRICE = 0.10
"""Shares of companies without a region and of courses without a unit price; regions are drawn evenly from those in
force, fees lie between a quarter and four times hours × unit price."""


class Company(NamedTuple):
    size_class: str | None
    size_basis: str
    workplace: Place | None


class Course(NamedTuple):
    programme: str
    mode: str
    level: str
    ai: bool
    institution: Place | None
    hours: int | None
    fee: int | None
    unit_price: int | None


class FilesInvalid(ValueError):
    """`faults` are lines for a person, in Korean and English."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclass(frozen=True)
class Options:
    on: date
    pairs: int | None
    seed: int
    policy: Path | None
    companies: Path | None
    courses: Path | None
    leave_out: bool
    json: bool
    edition: tuple[str, Mapping[str, Any]] | None = None
    """Label and documents of a version of the workbench."""


def run(options: Options) -> int:
    """Prints totals in won; gives 2 where a file or a policy cannot be read."""
    try:
        editions = [_policy(folder) for folder in (FOLDER, options.policy) if folder is not None]
        editions += [parse(*options.edition)] if options.edition else []
        found = [_priced(options, policy) for policy in editions]
    except (FilesInvalid, PolicyInvalid, PolicyError, OSError) as error:
        for fault in error.faults if isinstance(error, FilesInvalid) else [str(error)]:
            print(f"오류 / error: {fault}", file=sys.stderr)
        return UNREADABLE
    print(
        json.dumps(_document(options, found), ensure_ascii=False, indent=1) if options.json else _text(options, found)
    )
    return DONE


class Found(NamedTuple):
    """One edition's result; `seconds` is the pricing alone."""

    policy: Policy
    population: Population
    seconds: float


def _policy(folder: Path) -> Policy:
    try:
        return parse(*read(folder))
    except OSError as error:
        raise FilesInvalid([f"정책 폴더를 읽을 수 없습니다 / the policy folder cannot be read: {error}"]) from error


def _priced(options: Options, policy: Policy) -> Found:
    snapshot = policy.at(options.on)
    pairs = _pairs(options, snapshot)
    began = time.perf_counter()
    population = price_all(pairs, snapshot)
    return Found(policy, population, time.perf_counter() - began)


def _pairs(options: Options, snapshot: Snapshot) -> Pairs:
    if (options.companies is None) is not (options.courses is None):
        raise FilesInvalid(["--companies와 --courses를 함께 주세요 / give --companies and --courses together"])
    if options.companies is None or options.courses is None:
        count = PAIRS if options.pairs is None else options.pairs
        if not 1 <= count <= MOST_PAIRS:
            raise FilesInvalid([f"--pairs: 1에서 {MOST_PAIRS:,} 사이 / between 1 and {MOST_PAIRS:,}"])
        if options.seed < 0:
            raise FilesInvalid(["--seed: 0 이상 / 0 or more"])
        return made_up(count, options.seed, options.on)
    if options.pairs is not None:
        raise FilesInvalid(["--pairs는 파일과 함께 쓸 수 없습니다 / --pairs is for a made-up population only"])
    companies, wrong = companies_of(options.companies, snapshot)
    courses, more = courses_of(options.courses, options.on)
    faults = wrong + more
    if not companies or not courses or (faults and not options.leave_out):
        raise FilesInvalid(faults)
    for fault in faults:
        print(f"제외 / left out: {fault}", file=sys.stderr)
    count = len(companies) * len(courses)
    if count > MOST_PAIRS:
        raise FilesInvalid([f"기업 × 과정이 {count:,}쌍입니다. 최대 {MOST_PAIRS:,} / {count:,} pairs are too many"])
    who = np.repeat(np.arange(len(companies)), len(courses))
    what = np.tile(np.arange(len(courses)), len(companies))
    return joined(companies, courses, who, what, np.ones(count, np.int64))


def made_up(count: int, seed: int, on: date) -> Pairs:
    """Pairs of made-up companies and courses by the shares above; the same for the same seed, count and day."""
    draw, random = Random(seed), np.random.default_rng(seed)  # noqa: S311 - made-up data, nothing secret
    seats = [place(region.code, on) for region in _regions(on)]
    where: list[Place | None] = [None, *seats]
    companies = [Company(size, "stated", spot) for size in SIZE_SHARES for spot in where]
    at = [NO_REGION] + [(1 - NO_REGION) / len(seats)] * len(seats)
    shares = np.array([size * spot for size in SIZE_SHARES.values() for spot in at])
    courses = [_course(draw, seats) for _ in range(COURSES)]
    who = random.choice(len(companies), count, p=shares / shares.sum())
    return joined(companies, courses, who, random.integers(0, COURSES, count), random.integers(1, 21, count))


def _regions(on: date) -> list[regions.Region]:
    """All 시군구 in force."""
    return [region for code, entry in SIDOS.items() if entry.in_force(on) for region in regions.in_sido(code, on)]


def _course(draw: Random, seats: Sequence[Place]) -> Course:
    programme, level, ai = draw.choices(list(COURSE_SHARES), list(COURSE_SHARES.values()))[0]
    mode = draw.choices(list(MODE_SHARES), list(MODE_SHARES.values()))[0]
    hours, unit_price = draw.randrange(8, 321, 4), draw.randrange(4_000, 16_001, 100)
    fee = int(hours * unit_price * 4 ** draw.uniform(-1, 1)) // 1000 * 1000
    stated = None if draw.random() < NO_UNIT_PRICE else unit_price
    if programme == "KMOOC":  # its fee is the policy's
        return Course(programme, "remote", level, ai, draw.choice(seats), hours, None, stated)
    return Course(programme, mode, level, ai, draw.choice(seats), hours, fee, stated)


def joined(
    companies: Sequence[Company], courses: Sequence[Course],
    who: npt.NDArray[np.int64], what: npt.NDArray[np.int64], people: npt.NDArray[np.int64],
) -> Pairs:  # fmt: skip
    """Pair i is company `who[i]` with course `what[i]` for `people[i]` persons."""
    words: dict[str, tuple[Any, ...]] = {"learner": (None,)}
    codes: dict[str, npt.NDArray[Any]] = {}
    numbers = {"people": people}
    for records, index in ((companies, who), (courses, what)):
        for field, values in zip(records[0]._fields, zip(*records, strict=True), strict=True):
            if field in ("hours", "fee", "unit_price"):
                numbers[field] = np.array([NOT_STATED if value is None else value for value in values], np.int64)[index]
                continue
            places: dict[Any, int] = {}
            found = np.array([places.setdefault(value, len(places)) for value in values], np.int32)
            words[field] = tuple(places)
            codes[field] = found[index]
    return Pairs(words, codes, numbers)


def companies_of(path: Path, snapshot: Snapshot) -> tuple[list[Company], list[str]]:
    """Companies of a partner file (CSV, NDJSON, XLSX), and every fault of the other rows. Raises `FilesInvalid`."""
    media = "application/x-ndjson" if path.suffix.lower() in (".ndjson", ".jsonl", ".json") else "text/csv"
    try:
        sheet = partner_files.read(path.read_bytes(), media)
    except Unreadable as error:
        raise FilesInvalid([f"{path.name}: {error.fault.ko} / {error.fault.en}"]) from error
    reader, faults, companies = Reader(snapshot.on, str, ""), [], []
    for row in sheet.rows:
        read_ = row.faults or reader.read(row.cells)
        if not isinstance(read_, Draft):
            faults += [_fault(path, row.number, one.field, one.ko, one.en) for one in read_]
            continue
        size_class, basis = size_of(None, read_.headcount, read_.ksic_version, read_.ksic_code, snapshot)
        companies.append(Company(size_class, basis, place(read_.region_code, snapshot.on)))
    return companies, faults


def _fault(path: Path, row: int, field: str, ko: str, en: str) -> str:
    return f"{path.name} {row}행 / row {row}, {field}: {ko} / {en}"


def courses_of(path: Path, on: date) -> tuple[list[Course], list[str]]:
    """Course sessions of a file in the form of `cli/sample/courses.csv`, and every fault of the other rows."""
    try:
        parsed = catalog.parse(SOURCES["ieum"], path.read_bytes(), on)
    except BadFile as error:
        raise FilesInvalid([f"{path.name}: {error.ko} / {error.en}"]) from error
    faults = [_fault(path, at.row, one.field, one.ko, one.en) for at, found in parsed.refusals for one in found]
    courses = [
        Course(
            course.programme, course.mode, course.level, course.ai,
            place(course.region_code, on) if course.region_code else None,
            course.hours, draft.session.fee if draft.session else None, course.unit_price,
        )
        for course, draft in ((draft.course, draft) for _, draft in parsed.drafts)
    ]  # fmt: skip
    return courses, faults


def _document(options: Options, found: Sequence[Found]) -> dict[str, Any]:
    editions = [
        {
            "policy_version": one.policy.version,
            "seconds": round(one.seconds, 4),
            "pairs_per_second": round(len(one.population.pairs) / one.seconds),
            "totals": {by: {name: total._asdict() for name, total in one.population.totals(by).items()} for by in BY},
        }
        for one in found
    ]
    for edition, other in zip(editions[1:], found[1:], strict=True):
        edition["change"] = {by: _changes(found[0].population, other.population, by) for by in BY}
    source = {"made_up": options.companies is None, "seed": options.seed if options.companies is None else None}
    return {"on": options.on.isoformat(), **source, "pairs": len(found[0].population.pairs), "editions": editions}


def _text(options: Options, found: Sequence[Found]) -> str:
    first, size = found[0].population, len(found[0].population.pairs)
    lines = [f"신청일 {options.on}, 기업·과정 {size:,}쌍 / applying on {options.on}, {size:,} company-course pairs"]
    if options.companies is None:
        lines.append(
            f"지어낸 모집단(씨앗 {options.seed})이며 통계가 아닙니다 / made up from seed {options.seed}, no statistics"
        )
    for one in found:
        rate = size / one.seconds
        lines.append(
            f"정책 판 / policy {one.policy.version}: {one.seconds:.2f}초, 초당 {rate:,.0f}쌍 / pairs per second"
        )
    for by, heading in BY.items():
        lines += ["", f"{heading} (원 / won)", _row("", *COLUMNS)]
        for name, total in first.totals(by).items():
            lines.append(_row(NAMES.get(name, name), *(f"{number:,}" for number in total)))
        for other in found[1:]:
            lines.append(f"  {other.policy.version}에서 달라지는 금액 / change under {other.policy.version}")
            for name, change in _changes(first, other.population, by).items():
                lines.append(_row(NAMES.get(name, name), *(f"{number:+,}" for number in change.values())))
    return "\n".join(lines)


def _changes(first: Population, other: Population, by: str) -> dict[str, dict[str, int]]:
    """What is more or less under the other edition."""
    ours, theirs, nothing = first.totals(by), other.totals(by), Total(0, 0, 0, 0, 0)
    return {
        name: {
            field: more - less
            for field, less, more in zip(Total._fields, ours.get(name, nothing), theirs.get(name, nothing), strict=True)
        }
        for name in {**ours, **theirs}
    }


def _row(name: str, *cells: str) -> str:
    """Numbers to the right; Korean signs are two cells wide."""
    widths = (14, 14, 26, 26, 26)
    right = "".join(" " * (cells_ - show.width(cell)) + cell for cell, cells_ in zip(cells, widths, strict=True))
    return "  " + name + " " * (44 - show.width(name)) + right
