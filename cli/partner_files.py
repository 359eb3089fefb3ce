"""Partner files for trying the system: real names of listed companies, everything else made up from a seed.

Three ministries send the same columns in the forms that such files really arrive in: CSV in UTF-8 with BOM (MSIT),
CSV in CP949 (MSS) and XLSX (MOTIE).
"""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random

import xlsxwriter

from libs.reference import business_number, ksic, regions

COLUMNS = {
    "business_number": "사업자등록번호",
    "company_name": "기업명",
    "ksic_version": "산업분류차수",
    "ksic_code": "산업분류코드",
    "region_code": "소재지코드",
    "headcount": "상시근로자수",
    "programme": "사업명",
    "external_instrument": "진단도구",
    "external_level": "진단수준",
    "external_levels": "진단단계수",
    "contact_email": "담당자이메일",
}
PROGRAMMES = {
    "MSIT": ("AI 통합 바우처", "제조업 AI 융합기반 조성"),
    "MSS": ("스마트공장 보급", "AI응용제품 신속 상용화"),
    "MOTIE": ("AX 스프린트 우대 트랙", "산업AI솔루션 실증·확산 지원", "지능형로봇보급확산"),
}
INSTRUMENTS = {"MSIT": "AI 도입수준 진단", "MSS": "스마트공장 수준확인", "MOTIE": "AX혁신지수"}
LEVELS = 5

Record = dict[str, str]
"""One company by the keys of `COLUMNS`; every value is text, empty where the ministry does not know it."""


@dataclass(frozen=True, slots=True)
class PartnerFile:
    agency: str
    path: Path
    rows: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written. Every company of the list is in exactly one file."""

    files: tuple[PartnerFile, ...]
    companies: int
    without_region: int
    without_industry: int


def generate(listed_csv_path: Path, seed: int, out_dir: Path, on: date) -> Summary:
    """Write `msit.csv`, `mss.csv` and `motie.xlsx` for the companies of a KRX list; the same bytes for the same seed.

    Reads 회사명, 업종 and 지역 (UTF-8, with or without BOM). A place abroad or an industry name that KSIC does not have
    leaves its code empty. Raises KeyError when a column is missing.
    """
    with listed_csv_path.open(encoding="utf-8-sig", newline="") as file:
        companies = list(csv.DictReader(file, restval=""))
    random = Random(seed)  # noqa: S311 - made-up data, nothing secret
    first_serial = random.randrange(1_000_000, 10_000_000)
    by_agency: dict[str, list[Record]] = {agency: [] for agency in PROGRAMMES}
    for index, company in enumerate(companies):
        agency = random.choice(tuple(PROGRAMMES))
        if agency == "MSS" and not _fits_cp949(company["회사명"]):
            agency = "MSIT"
        number = business_number.make(first_serial + index * 17)
        by_agency[agency].append(_record(company, agency, number, index, random, on))
    out_dir.mkdir(parents=True, exist_ok=True)
    files = []
    for agency, name, write in (
        ("MSIT", "msit.csv", _write_utf8),
        ("MSS", "mss.csv", _write_cp949),
        ("MOTIE", "motie.xlsx", write_xlsx),
    ):
        write(out_dir / name, by_agency[agency])
        files.append(PartnerFile(agency, out_dir / name, len(by_agency[agency])))
    every = [record for records in by_agency.values() for record in records]
    return Summary(
        tuple(files),
        len(every),
        sum(not record["region_code"] for record in every),
        sum(not record["ksic_code"] for record in every),
    )


def write_csv(path: Path, records: Sequence[Record], encoding: str) -> None:
    """Korean headings as a ministry would send them. Raises UnicodeEncodeError for signs that the encoding lacks."""
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS.values())
        writer.writerows([record[key] for key in COLUMNS] for record in records)


def write_xlsx(path: Path, records: Sequence[Record]) -> None:
    """One sheet; codes and numbers of identity are text cells, counts are number cells."""
    numbers = {"headcount", "external_level", "external_levels"}
    book = xlsxwriter.Workbook(str(path), {"in_memory": True})
    book.set_properties({"created": datetime(2026, 1, 1, tzinfo=UTC)})
    sheet = book.add_worksheet("기업목록")
    for column, (key, heading) in enumerate(COLUMNS.items()):
        sheet.write_string(0, column, heading)
        for row, record in enumerate(records, start=1):
            if key in numbers and record[key]:
                sheet.write_number(row, column, int(record[key]))
            else:
                sheet.write_string(row, column, record[key])
    book.close()


def _fits_cp949(name: str) -> bool:
    try:
        name.encode("cp949")
    except UnicodeEncodeError:
        return False
    return True


def _write_utf8(path: Path, records: Sequence[Record]) -> None:
    write_csv(path, records, "utf-8-sig")


def _write_cp949(path: Path, records: Sequence[Record]) -> None:
    write_csv(path, records, "cp949")


def _record(company: dict[str, str], agency: str, number: str, index: int, random: Random, on: date) -> Record:
    version, code = _industry(company["업종"])
    measured = random.random() < 0.4
    return {
        "business_number": business_number.format_(number) if random.random() < 0.5 else number,
        "company_name": company["회사명"].strip(),
        "ksic_version": version,
        "ksic_code": code,
        "region_code": _place(company["지역"], random, on),
        "headcount": str(_headcount(random)),
        "programme": random.choice(PROGRAMMES[agency]),
        "external_instrument": INSTRUMENTS[agency] if measured else "",
        "external_level": str(random.randint(1, LEVELS)) if measured else "",
        "external_levels": str(LEVELS) if measured else "",
        "contact_email": f"hrd{index + 1:04d}@example.com",
    }


def _industry(name: str) -> tuple[str, str]:
    """Revision and code of an industry name; the list uses names of both revisions."""
    versions: tuple[ksic.Version, ...] = ("10", "11")
    for version in versions:
        code = ksic.by_name(name, version)
        if code is not None:
            return version, code
    return "", ""


def _place(sido_name: str, random: Random, on: date) -> str:
    sido = regions.sido_code(sido_name)
    return random.choice(regions.in_sido(sido, on)).code if sido else ""


def _headcount(random: Random) -> int:
    """Log-normal around 45, from 3 to 1,500: mostly small firms, a few beyond the limits of 우선지원대상기업."""
    return min(1500, max(3, round(math.exp(random.gauss(math.log(45), 1.1)))))
