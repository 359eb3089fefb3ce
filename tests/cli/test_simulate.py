"""`python -m cli simulate`: totals of a population, made up or from files."""

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cli.__main__ import main
from cli.partner_files import COLUMNS, write_csv, write_xlsx
from cli.sample import records
from cli.simulate import Options, run
from services.subsidy.loading import FOLDER, read

COURSES = Path("cli/sample/courses.csv")
GOOD = list(records("MSIT")[:5])


@pytest.fixture
def courses(tmp_path: Path) -> Path:
    """The bundled courses without the rows that are wrong on purpose."""
    path = tmp_path / "courses.csv"
    path.write_text("\n".join(COURSES.read_text(encoding="utf-8-sig").splitlines()[:61]), encoding="utf-8")
    return path


@pytest.fixture
def companies(tmp_path: Path) -> Path:
    path = tmp_path / "msit.csv"
    write_csv(path, GOOD, "utf-8-sig")
    return path


def simulate(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["simulate", "--on", "2026-11-23", "--json", *arguments]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_a_made_up_population_says_that_it_is_made_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--pairs", "2000", "--on", "2026-11-23"]) == 0
    out = capsys.readouterr().out
    assert "지어낸 모집단" in out
    assert "made up" in out
    assert "훈련사업" in out
    assert "초당" in out


def test_every_grouping_has_the_same_sum(capsys: pytest.CaptureFixture[str]) -> None:
    totals = simulate(capsys, "--pairs", "3000", "--seed", "4")["editions"][0]["totals"]
    sums = [
        {name: sum(total[name] for total in groups.values()) for name in ("pairs", "cost", "support", "self_pay")}
        for groups in totals.values()
    ]
    assert sums[0] == sums[1] == sums[2]
    assert sums[0]["pairs"] == 3000
    assert sums[0]["cost"] == sums[0]["support"] + sums[0]["self_pay"] > 0


def test_the_same_seed_gives_the_same_won(capsys: pytest.CaptureFixture[str]) -> None:
    one, same, other = (simulate(capsys, "--pairs", "500", "--seed", seed)["editions"][0] for seed in "334")
    assert one["totals"] == same["totals"] != other["totals"]


def test_every_company_of_a_file_meets_every_course(
    companies: Path, courses: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = simulate(capsys, "--companies", str(companies), "--courses", str(courses))
    assert (found["pairs"], found["made_up"], found["seed"]) == (len(GOOD) * 60, False, None)
    assert found["editions"][0]["totals"]["size_class"]["priority"]["support"] > 0


def test_a_workbook_of_companies_gives_the_same_totals(
    companies: Path, courses: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = tmp_path / "msit.xlsx"
    write_xlsx(book, GOOD)
    one, other = (simulate(capsys, "--companies", str(path), "--courses", str(courses)) for path in (companies, book))
    assert one["editions"][0]["totals"] == other["editions"][0]["totals"]


def test_a_second_edition_is_priced_beside_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "policy"
    shutil.copytree(FOLDER, folder)
    path = folder / "P9" / "cap_multiple.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"3.00"', '"2.00"'), encoding="utf-8")
    assert path.read_text(encoding="utf-8") != text
    first, second = simulate(capsys, "--pairs", "2000", "--policy", str(folder))["editions"]
    support = [one["totals"]["programme"]["P9"]["support"] for one in (first, second)]
    assert support[1] < support[0]
    assert second["change"]["programme"]["P9"]["support"] == support[1] - support[0]
    assert set(second["change"]["programme"]["P1"].values()) == {0}
    assert first["totals"]["programme"]["P1"] == second["totals"]["programme"]["P1"]
    assert main(["simulate", "--on", "2026-11-23", "--pairs", "2000", "--policy", str(folder)]) == 0
    assert f"{support[1] - support[0]:+,}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"headcount": "-5"}, "headcount"), ({"region_code": "99999"}, "region_code"),
        ({"ksic_code": "99999"}, "ksic_code"), ({"company_name": ""}, "company_name"),
    ],
)  # fmt: skip
def test_a_bad_company_is_named_with_its_row(
    wrong: dict[str, str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.csv"
    write_csv(path, [GOOD[0], GOOD[1] | wrong], "utf-8-sig")
    assert main(["simulate", "--companies", str(path), "--courses", str(COURSES)]) == 2
    error = capsys.readouterr().err
    assert "3행 / row 3" in error
    assert said in error


def test_a_bad_course_is_named_with_its_row(
    companies: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "courses.csv"
    lines = COURSES.read_text(encoding="utf-8-sig").splitlines()
    path.write_text("\n".join([lines[0], lines[1].replace(",160000,", ",많음,")]), encoding="utf-8")
    assert main(["simulate", "--companies", str(companies), "--courses", str(path)]) == 2
    error = capsys.readouterr().err
    assert "2행 / row 2" in error
    assert "fee" in error


@pytest.mark.parametrize(
    "arguments",
    [
        ["--companies", "here.csv"], ["--courses", "here.csv"], ["--pairs", "0"], ["--pairs", "30000000"],
        ["--seed", "-1"],
        ["--policy", "no-such-folder"], ["--pairs", "9", "--companies", "here.csv", "--courses", "here.csv"],
        ["--on", "1999-01-01", "--pairs", "10"], ["--companies", "none.csv", "--courses", "none.csv"],
        ["--companies", "here.csv", "--courses", "here.csv"],
    ],
)  # fmt: skip
def test_what_cannot_be_simulated_ends_with_2(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("here.csv").write_text(",".join(COLUMNS.values()) + "\n", encoding="utf-8")
    assert main(["simulate", *arguments]) == 2
    error = capsys.readouterr().err
    assert "오류 / error" in error
    assert "Traceback" not in error


def test_a_version_of_the_workbench_stands_beside_that_of_the_files(capsys: pytest.CaptureFixture[str]) -> None:
    _, documents = read(FOLDER)
    changed = json.loads(json.dumps(documents))
    changed["P9.support_rate"]["values"]["2026-03-01"]["value"] = "0.50"
    options = Options(date(2026, 11, 23), 2000, 1, None, None, None, False, True, ("proposal", changed))
    assert run(options) == 0
    base, other = json.loads(capsys.readouterr().out)["editions"]
    assert other["policy_version"].startswith("proposal-")
    paid = [edition["totals"]["programme"]["P9"]["support"] for edition in (base, other)]
    assert paid[0] > paid[1] > 0
