"""The tables that an official can read: each row is one case with the won that it must give."""

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
import yaml

from cli import cases as command
from services.subsidy.case_files import ASKED, EXPECTED, Case, TableInvalid, load, read
from services.subsidy.cases import check
from services.subsidy.loading import policy

FOLDER = Path(__file__).parent / "cases"
TABLES = sorted(FOLDER.glob("*.yaml"))
RULES = ("M1", "M2", "M3", "M4", "M5", "M6", "M7", "M8", "M9", "M10", "M11", "M12")


def rows() -> list[Any]:
    return [pytest.param(case, id=f"{path.stem}: {case.name}") for path in TABLES for case in read(path)]


@pytest.mark.parametrize("case", rows())
def test_the_table_agrees(case: Case) -> None:
    result = check(case, policy())
    assert result.differs == {}
    if result.receipt is None:
        return
    values = {step["step"]: step["value"] for step in result.receipt["steps"]}
    if result.receipt["outcome"] == "quoted":
        assert (values["cost"], values["support"]) == (result.receipt["cost"], result.receipt["support"])
        assert values["self-pay"] == values["cost"] - values["support"], "the receipt leads to its total"
        assert list(values)[-1] == "self-pay"
    else:
        assert values == {}
        assert all(reason["ko"] and reason["en"] for reason in result.receipt["reasons"])


def test_every_rule_has_its_boundary_days_and_tiers() -> None:
    asked = [case.asked for path in TABLES for case in read(path)]
    days = {(row["programme"], row["date"].isoformat()) for row in asked}
    for programme, before, since in (
        ("P1", "2025-12-31", "2026-01-01"), ("P4", "2026-04-30", "2026-05-01"), ("P6", "2025-12-31", "2026-01-01"),
        ("P9", "2026-02-28", "2026-03-01"), ("P10", "2025-12-31", "2026-01-01"), ("P11", "2026-02-28", "2026-03-01"),
        ("P13", "2025-12-31", "2026-01-01"), ("P14", "2026-06-30", "2026-07-01"), ("P18", "2026-02-28", "2026-03-01"),
    ):  # fmt: skip
        assert {(programme, before), (programme, since)} <= days
    for programme, column in (("P10", "region"), ("P4", "institution_region"), ("P14", "institution_region")):
        places = {row.get(column) for row in asked if row["programme"] == programme}
        assert {"28710", "28720", "41800", "41820", "11680", "48123", "51820"} <= places


def test_every_rule_of_the_plan_is_read_in_some_case() -> None:
    read_by = set()
    for path in TABLES:
        for case in read(path):
            receipt = check(case, policy()).receipt or {"steps": [], "allowances": [], "rules": []}
            read_by |= set(receipt["rules"]) | {one["rule"] for one in receipt["allowances"]}
            read_by |= {step.get("rule") for step in receipt["steps"]}
            if case.asked["programme"] == "P11" and case.expected.get("reasons"):
                read_by.add("M6")
    assert set(RULES) <= read_by


HEADER = {"name": "이름"} | {name: korean for name, (korean, _) in {**ASKED, **EXPECTED}.items()}
ROW = {
    "name": "창원, 시행일", "date": "2026-01-01", "programme": "P10", "mode": "집체", "level": "중급", "ai": "예",
    "hours": "16", "unit_price": "10,000", "fee": "160,000원", "people": "1", "size": "우선지원", "region": "48123",
    "support": "152,000", "self_pay": "8,000", "rules": "M5", "cites": "plan:IV-②-p.7; 국고금 관리법 제47조",
}  # fmt: skip


def as_csv(path: Path, *found: dict[str, str], encoding: str = "utf-8-sig", korean: bool = False) -> Path:
    names = list(found[0])
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.writer(file)
        writer.writerow(
            ["이름" if korean and n == "name" else HEADER[n] if korean and n in HEADER else n for n in names]
        )
        writer.writerows([row.get(name, "") for name in names] for row in found)
    return path


@pytest.mark.parametrize(("encoding", "korean"), [("utf-8-sig", False), ("utf-8", True), ("cp949", True)])
def test_a_csv_table_is_read_like_the_yaml_one(tmp_path: Path, encoding: str, korean: bool) -> None:
    (case,) = read(as_csv(tmp_path / "t.csv", ROW, encoding=encoding, korean=korean))
    assert (case.row, case.name) == (2, "창원, 시행일")
    assert case.asked["mode"] == "onsite"
    assert case.expected == {
        "support": 152_000, "self_pay": 8_000, "rules": ["M5"], "cites": ["plan:IV-②-p.7", "국고금 관리법 제47조"],
    }  # fmt: skip
    assert check(case, policy()).differs == {}


def test_all_our_tables_say_the_same_as_spreadsheets(tmp_path: Path) -> None:
    for table in TABLES:
        document = yaml.safe_load(table.read_text(encoding="utf-8"))
        cases = [{**document["same"], **row} for row in document["rows"]]
        names = list(dict.fromkeys(name for row in cases for name in row))
        path = tmp_path / f"{table.stem}.xlsx"
        with xlsxwriter.Workbook(path) as book:
            sheet = book.add_worksheet()
            sheet.write_row(0, 0, names)
            for number, row in enumerate(cases, 1):
                for column, name in enumerate(names):
                    value = row.get(name)
                    if isinstance(value, list):
                        value = "; ".join(value)
                    if isinstance(value, bool | str) or value is None or name in ("date", "known_on"):
                        sheet.write_string(number, column, "" if value is None else str(value))
                    else:
                        sheet.write_number(number, column, value)
        assert [case.asked for case in read(path)] == [case.asked for case in read(table)]
        assert [
            (case.name, check(case, policy()).differs) for case in read(path) if check(case, policy()).differs
        ] == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"date": "2026-02-30"}, "date"), ({"date": ""}, "date"), ({"fee": "많음"}, "fee"), ({"ai": "글쎄"}, "ai"),
        ({"mode": "공중"}, "mode"), ({"people": "1.5"}, "people"), ({"moon": "1"}, "moon"),
        ({"size": "아주 큼"}, "size"),
        ({"support": "", "self_pay": "", "rules": ""}, "support"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_read_is_named_with_row_and_field(
    tmp_path: Path, changes: dict[str, str], field: str
) -> None:
    with pytest.raises(TableInvalid) as caught:
        read(as_csv(tmp_path / "t.csv", ROW | changes, ROW))
    assert [(fault.row, fault.field) for fault in caught.value.faults] == [(2, field)] or field == "moon"
    assert all(fault.ko and fault.en for fault in caught.value.faults)
    assert any(fault.row == 2 and fault.field == field for fault in caught.value.faults)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.yaml", b"rows: ["), ("t.yaml", b"- 1"), ("t.csv", b""), ("t.csv", b"\xff\xfe\xff"), ("t.xlsx", b"PK"),
        ("t.txt", b""),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_an_error_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    assert command.run([tmp_path / name]) == command.UNREADABLE
    assert "오류 / error" in capsys.readouterr().out


def test_the_command_agrees_with_all_our_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run(TABLES) == command.AGREED
    shown = capsys.readouterr().out
    assert shown.count("일치 agrees") == sum(len(read(path)) for path in TABLES)
    assert "다름 differs" not in shown


def test_the_command_shows_the_receipt_of_what_differs_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = as_csv(tmp_path / "t.csv", ROW, ROW | {"name": "틀린 기대", "self_pay": "0", "support": "160,000"})
    assert command.run([wrong]) == command.DIFFERS
    shown = capsys.readouterr().out
    assert "2건 가운데 1건 일치, 1건 다름" in shown
    assert "자부담 self_pay: 기대 expected 0, 계산 found 8,000" in shown
    assert "지원율 rate: 0.95 rate  [plan:IV-②-p.7; plan:V-p.12, 2026-01-01]" in shown
    assert "(해석 interpretation)" in shown


def test_a_receipt_can_be_printed_where_not_every_letter_is_known(tmp_path: Path) -> None:
    wrong = as_csv(tmp_path / "t.csv", ROW | {"self_pay": "0"}, ROW)
    done = subprocess.run(
        [sys.executable, "-m", "cli", "cases", str(wrong)],
        check=False, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "euc_kr"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (command.DIFFERS, b"")
    assert "2건 가운데 1건 일치, 1건 다름" in done.stdout.decode("euc_kr")


def test_a_refusal_that_differs_is_told_with_its_reasons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run([as_csv(tmp_path / "t.csv", ROW | {"region": ""})]) == command.DIFFERS
    assert "지역을 알 수 없습니다" in capsys.readouterr().out


OFFICIAL = (
    "2026년 훈련비 지원 사례표\n\n"
    "이름;신청일;사업;훈련방법;수준;AI 과정;훈련시간;기준단가(원);훈련비;인원;정원;기업규모;사업장지역;지원금;자부담\n"
    "창원;2026.1.1.;P10;집체;중급;○;16시간;10,000원;160000.0;1명;20;우선지원대상기업;48123;152,000;8,000\n"
    "서울;2026년 1월 1일;P10;집체;중급;네;16;10000;160000;1;;우선지원;11680;144000;16000\n"
    "정원 초과;2026/1/1;P10;집체;중급;1;16;10000;160000;21;20;우선지원;11680;없음;없음\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "cp949", "utf-16"])
def test_a_table_as_an_office_writes_it_is_understood(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "t.csv").write_bytes(OFFICIAL.encode(encoding))
    cases = read(tmp_path / "t.csv")
    assert [case.row for case in cases] == [4, 5, 6]
    assert [check(case, policy()).differs for case in cases] == [{}, {}, {}]
    assert cases[2].expected == {"support": None, "self_pay": None}


def test_nothing_of_a_table_is_read_past_in_silence(tmp_path: Path) -> None:
    lines = OFFICIAL.splitlines()
    lines[2] += ";지원금"
    lines[3] += ";;이 칸은 무엇인가"
    (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(TableInvalid) as caught:
        read(tmp_path / "t.csv")
    assert {(fault.row, fault.field) for fault in caught.value.faults} == {(3, "support"), (4, "17열")}
    (tmp_path / "t.yaml").write_text("rows: [셋, {이름: 하나}]", encoding="utf-8")
    with pytest.raises(TableInvalid) as caught:
        read(tmp_path / "t.yaml")
    assert (1, "rows") in {(fault.row, fault.field) for fault in caught.value.faults}


def test_a_row_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = as_csv(tmp_path / "t.csv", ROW, ROW | {"fee": "NaN", "people": "참"}, ROW | {"self_pay": "0"})
    assert command.run([table]) == command.UNREADABLE
    shown = capsys.readouterr().out
    assert "3행 / row 3, fee: 읽을 수 없는 값입니다: 'NaN'" in shown
    assert "3행 / row 3, people" in shown
    assert "2건 가운데 1건 일치, 1건 다름" in shown
    assert "자부담 self_pay: 기대 expected 0, 계산 found 8,000" in shown


BEGINNER = {
    "programme": "P9", "mode": "remote", "level": "beginner", "ai": True, "hours": 8, "unit_price": 5000,
    "fee": 60000, "people": 1, "size": "priority",
}  # fmt: skip


def test_a_yaml_table_may_be_a_plain_list_with_its_columns_grouped(tmp_path: Path) -> None:
    expected = {"support": 60000, "self_pay": 0}
    flat = {"name": "셋", "date": "2026-03-01", **BEGINNER, **expected, "cites": ["plan:IV-②-p.7"]}
    grouped = {"name": "셋", "date": "2026-03-01", "input": BEGINNER, "expected": expected, "cites": ["plan:IV-②-p.7"]}
    (tmp_path / "t.yaml").write_text(yaml.safe_dump([flat, grouped], allow_unicode=True), encoding="utf-8")
    one, other = read(tmp_path / "t.yaml")
    assert (one.asked, one.expected) == (other.asked, other.expected)
    assert check(one, policy()).differs == {}


def test_what_stands_twice_in_a_row_is_named_and_never_chosen(tmp_path: Path) -> None:
    start = "{date: 2026-01-01, programme: P10, mode: onsite, level: intermediate, ai: yes, people: 1"
    rows = f"- {start}, support: 1, support: 2}}\n- {start}, support: 1, 지원금: 2}}\n- {start}, support: 1}}\n"
    (tmp_path / "t.yaml").write_text(rows, encoding="utf-8")
    table = load(tmp_path / "t.yaml")
    assert [(fault.row, fault.field) for fault in table.faults] == [(1, "support"), (2, "support")]
    assert [case.row for case in table.cases] == [3]


@pytest.mark.parametrize(
    "changes",
    [
        {"date": "20260101"}, {"date": "2026-01-01 00:00:00"}, {"date": "2026. 1. 1."}, {"size": "우선지원 대상기업"},
        {"rules": " M5 "}, {"cites": "plan:IV-②-p.7\n국고금 관리법 제47조"}, {"fee": "₩160,000"}, {"people": "1인"},
        {"reasons": "없음"},
    ],
)  # fmt: skip
def test_a_cell_as_an_office_writes_it_is_understood(tmp_path: Path, changes: dict[str, str]) -> None:
    (case,) = read(as_csv(tmp_path / "t.csv", ROW | changes))
    assert check(case, policy()).differs == {}


@pytest.mark.parametrize("fee", ["16,0000", "160.000,0", "1,60000", "160000.5", "1e5", "Infinity", "참", "16만원"])
def test_a_number_that_could_be_another_is_not_guessed(tmp_path: Path, fee: str) -> None:
    table = load(as_csv(tmp_path / "t.csv", ROW | {"fee": fee}))
    assert (table.cases, [fault.field for fault in table.faults]) == ([], ["fee"])


def test_several_rules_and_a_decrease_may_be_written_as_offices_do(tmp_path: Path) -> None:
    online = ROW | {"programme": "P9", "mode": "원격", "level": "초급", "date": "2026-03-01", "rules": "M4, M3"}
    online |= {"support": "160,000", "self_pay": "0"}
    (case,) = read(as_csv(tmp_path / "t.csv", online))
    assert check(case, policy()).differs == {}
    july = {"date": "2026-07-01", "programme": "P14", "mode": "집체", "level": "고급", "ai": "예", "people": "1"}
    july |= {"institution_region": "11680", "allowance": "300,000", "allowance_change": "△16,000"}
    (case,) = read(as_csv(tmp_path / "t.csv", july))
    assert check(case, policy()).differs == {}


def test_sources_are_told_apart_from_none(tmp_path: Path) -> None:
    (case,) = read(as_csv(tmp_path / "t.csv", ROW | {"cites": "없음"}))
    assert set(check(case, policy()).differs) == {"cites"}


def test_a_column_that_is_not_known_is_named_once_and_one_of_remarks_not_at_all(tmp_path: Path) -> None:
    table = load(as_csv(tmp_path / "t.csv", *[ROW | {"비고": "메모", "훈련비율": "1"}] * 3))
    assert [(fault.row, fault.field) for fault in table.faults] == [(2, "훈련비율")]
    assert [check(case, policy()).differs for case in table.cases] == [{}, {}, {}]


def test_a_quotation_mark_that_never_ends_swallows_nothing(tmp_path: Path) -> None:
    path = as_csv(tmp_path / "t.csv", ROW, ROW, ROW)
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    lines[2] = lines[2].removesuffix("제47조") + '제47조,"'
    path.write_text("\n".join(lines), encoding="utf-8")
    table = load(path)
    assert ([case.row for case in table.cases], [fault.row for fault in table.faults]) == ([2], [3])


def test_every_sheet_that_names_columns_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.xlsx"
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("작성요령").write(0, 0, "이 표는 이렇게 씁니다")
        for name, wanted in (("중급", "8,000"), ("다시", "0")):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, list(ROW))
            sheet.write_row(1, 0, list((ROW | {"self_pay": wanted}).values()))
    assert command.run([path]) == command.DIFFERS
    shown = capsys.readouterr().out
    assert "names no columns: 작성요령" in shown
    assert "중급: 창원, 시행일" in shown
    assert "2건 가운데 1건 일치, 1건 다름" in shown


def test_a_formula_error_is_not_an_empty_cell(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "t.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, list(ROW))
        sheet.write_row(1, 0, list(ROW.values()))
        sheet.write_formula(1, list(ROW).index("self_pay"), "=NA()", None, "#N/A")
    assert [(fault.row, fault.field) for fault in load(tmp_path / "t.xlsx").faults] == [(2, "N2")]


def test_aliases_that_nest_without_end_are_refused_at_once(tmp_path: Path) -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    row = "rows:\n- {name: *a11, date: *a11, rules: *a11, support: *a11}"
    (tmp_path / "t.yaml").write_text("\n".join(["a0: &a0 [x]", *levels, row]), encoding="utf-8")
    table = load(tmp_path / "t.yaml")
    assert {"name", "date", "rules", "support"} <= {fault.field for fault in table.faults}
    (tmp_path / "deep.yaml").write_text("[" * 5000, encoding="utf-8")
    assert load(tmp_path / "deep.yaml").faults


def test_a_code_of_a_yaml_table_keeps_its_zeros(tmp_path: Path) -> None:
    row = "{date: 2026-01-01, programme: P10, mode: onsite, level: intermediate, ai: yes, people: 1, cost: null, "
    path = tmp_path / "t.yaml"
    path.write_text(f"rows:\n- {row}headcount: 60, ksic_version: 11, ksic_code: 01110}}\n", encoding="utf-8")
    (case,) = read(path)
    assert (case.asked["ksic_code"], case.asked["headcount"], case.expected) == ("01110", 60, {"cost": None})


def test_what_is_wrong_with_a_question_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = as_csv(tmp_path / "t.csv", ROW | {"people": "21", "capacity": "20", "hours": "-1"})
    assert command.run([wrong]) == command.DIFFERS
    shown = capsys.readouterr().out
    assert "인원 21명이 정원 20명을 넘습니다" in shown
    assert "음수일 수 없습니다" in shown
    early = as_csv(tmp_path / "t.csv", ROW | {"date": "2024-12-31"})
    assert command.run([early]) == command.DIFFERS
    assert "이 시스템의 정책은 2025-01-01부터" in capsys.readouterr().out
