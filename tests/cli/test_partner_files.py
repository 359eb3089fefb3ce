"""The generator of partner files and the bundled sample."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from cli import partner_files, sample
from libs.reference import CodeError, business_number, ksic, regions

ON = date(2026, 11, 23)
HEADINGS = list(partner_files.COLUMNS.values())
LISTED = '''회사명,시장구분,업종,지역
가나다,코스닥,의료용 기기 제조업,강원특별자치도
라마바,코스닥,소프트웨어 개발 및 공급업,서울특별시
사아자,유가,기초 의약물질 제조업,광주광역시
차카타,코스닥,없는 업종,케이맨 제도
"파하, ""각""",코스닥,종합 소매업,
éclat 코리아,코스닥,종합 소매업,전라남도
'''
NAMES = ["가나다", "라마바", "사아자", "차카타", '파하, "각"', "éclat 코리아"]


def read_csv(path: Path, encoding: str) -> list[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file))


def read_xlsx(path: Path) -> list[dict[str, Any]]:
    head, *body = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    return [dict(zip(map(str, head), row, strict=True)) for row in body]


def everything(folder: Path) -> Iterator[dict[str, str]]:
    yield from read_csv(folder / "msit.csv", "utf-8-sig")
    yield from read_csv(folder / "mss.csv", "cp949")
    for row in read_xlsx(folder / "motie.xlsx"):
        yield {key: str(int(value)) if isinstance(value, float) else str(value) for key, value in row.items()}


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "listed.csv"
    path.write_text(LISTED, encoding="utf-8-sig")
    return path


@pytest.mark.parametrize("seed", range(5))
def test_every_company_stands_in_exactly_one_file(listed: Path, tmp_path: Path, seed: int) -> None:
    summary = partner_files.generate(listed, seed, tmp_path / "out", ON)
    rows = list(everything(tmp_path / "out"))

    assert sorted(row["기업명"] for row in rows) == sorted(NAMES)
    assert (summary.companies, summary.without_region, summary.without_industry) == (6, 2, 1)
    assert sum(file.rows for file in summary.files) == 6
    assert [file.agency for file in summary.files] == ["MSIT", "MSS", "MOTIE"]


def test_codes_are_those_of_the_place_and_the_industry(listed: Path, tmp_path: Path) -> None:
    partner_files.generate(listed, 1, tmp_path / "out", ON)
    by_name = {row["기업명"]: row for row in everything(tmp_path / "out")}

    assert by_name["가나다"]["소재지코드"].startswith("51")
    assert by_name["사아자"]["소재지코드"] in {"12210", "12240", "12270", "12300", "12330"}
    assert by_name["차카타"]["소재지코드"] == ""
    assert (by_name["가나다"]["산업분류차수"], by_name["가나다"]["산업분류코드"]) == ("10", "271")
    assert (by_name["사아자"]["산업분류차수"], by_name["사아자"]["산업분류코드"]) == ("11", "21100")
    assert by_name["차카타"]["산업분류코드"] == ""


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(listed: Path, tmp_path: Path) -> None:
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        partner_files.generate(listed, seed, tmp_path / folder, ON)

    for name in ("msit.csv", "mss.csv", "motie.xlsx"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert (tmp_path / "a" / "msit.csv").read_bytes() != (tmp_path / "c" / "msit.csv").read_bytes()


def test_a_list_without_the_needed_columns_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("회사명,업종\n가,나\n", encoding="utf-8")

    with pytest.raises(KeyError):
        partner_files.generate(tmp_path / "bad.csv", 1, tmp_path / "out", ON)


def test_all_real_listed_companies_go_into_valid_partner_rows(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "companies" / "listed_companies.csv"
    summary = partner_files.generate(source, 7, tmp_path, ON)
    rows = list(everything(tmp_path))
    programmes = {name for names in partner_files.PROGRAMMES.values() for name in names}

    assert summary.companies == len(rows) == 1372
    assert Counter(row["기업명"] for row in rows) == Counter(row["회사명"] for row in read_csv(source, "utf-8-sig"))
    assert len({business_number.parse(row["사업자등록번호"]) for row in rows}) == 1372
    for row in rows:
        assert row["사업명"] in programmes
        assert 1 <= int(row["상시근로자수"]) <= 1500
        assert row["담당자이메일"].endswith("@example.com")
        if row["소재지코드"]:
            assert regions.in_force(row["소재지코드"], ON)
        if row["산업분류코드"]:
            assert ksic.parse(row["산업분류코드"], ksic.parse_version(row["산업분류차수"]))
    assert sum(not row["소재지코드"] for row in rows) == summary.without_region == 13
    assert sum(not row["산업분류코드"] for row in rows) == summary.without_industry == 13


def test_the_committed_sample_is_what_the_script_writes(tmp_path: Path) -> None:
    sample.write(tmp_path)

    for name in ("msit.csv", "mss.ndjson"):
        assert (sample.FOLDER / name).read_bytes() == (tmp_path / name).read_bytes()
    assert read_xlsx(sample.FOLDER / "motie.xlsx") == read_xlsx(tmp_path / "motie.xlsx")


def test_the_sample_arrives_in_the_forms_of_the_three_ministries() -> None:
    msit = read_csv(sample.FOLDER / "msit.csv", "utf-8-sig")
    mss = [json.loads(line) for line in (sample.FOLDER / "mss.ndjson").read_text(encoding="utf-8").splitlines()]
    motie = read_xlsx(sample.FOLDER / "motie.xlsx")

    assert (len(msit), len(mss), len(motie)) == (12, 12, 12)
    assert list(msit[0]) == list(motie[0]) == HEADINGS
    assert list(mss[0]) == list(partner_files.COLUMNS)
    assert all("(견본)" in str(row["기업명"]) for row in [*msit, *motie])
    assert all("(견본)" in row["company_name"] for row in mss)
    assert all(isinstance(row["사업자등록번호"], str) for row in motie)


@pytest.mark.parametrize(
    ("agency", "faults"),
    [
        ("MSIT", {9: "check-digit", 10: "split"}),
        ("MSS", {9: "programme", 10: "headcount"}),
        ("MOTIE", {9: "unknown", 10: "other-revision"}),
    ],
)
def test_the_sample_is_bad_only_where_it_means_to_be(agency: str, faults: dict[int, str]) -> None:
    rows = sample.records(agency)
    found = {index: fault for index, row in enumerate(rows) if (fault := _fault(agency, row))}

    assert found == faults
    assert [index for index, row in enumerate(rows) if row in rows[:index]] == [11]


def _fault(agency: str, row: partner_files.Record) -> str | None:
    if row["programme"] not in partner_files.PROGRAMMES[agency]:
        return "programme"
    if int(row["headcount"]) < 0:
        return "headcount"
    try:
        business_number.parse(row["business_number"])
        regions.resolve(row["region_code"], ON)
        ksic.parse(row["ksic_code"], ksic.parse_version(row["ksic_version"]))
    except CodeError as error:
        return error.code
    return None
