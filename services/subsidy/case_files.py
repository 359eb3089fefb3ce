"""Tables of cases (사례표) as an official writes them.

YAML (`same:` what all rows share, `rows:` the cases), or the same columns as CSV or XLSX, named in English or Korean.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import python_calamine
import yaml

MODES = {"집체": "onsite", "원격": "remote", "온라인": "remote", "혼합": "blended"}
LEVELS = {"초급": "beginner", "중급": "intermediate", "고급": "advanced"}
SIZES = {
    "우선지원": "priority",
    "우선지원대상기업": "priority",
    "대규모 1000인 미만": "large_under_1000",
    "대규모 1000인 이상": "large_1000_plus",
}
LEARNERS = {"구직자": "jobseeker", "재직자": "worker", "전환기": "transition"}
OUTCOMES = {"견적": "quoted", "지원불가": "ineligible", "미정": "unpriced", "거절": "refused", "정책없음": "no-policy"}
_YES, _NO = ("true", "예", "네", "y", "yes", "1", "o", "○"), ("false", "아니오", "아니요", "n", "no", "0", "x", "×")
_NONE = "없음"
"""Expected of a column: that the answer has no value there."""
_MAX_ROWS = 100_000
_MAX_BYTES = 50_000_000
_NUMBER = re.compile(r"-?\d{1,18}(?:\.0+)?")
_DAY = re.compile(r"(\d{4})\s*[-./년]\s*(\d{1,2})\s*[-./월]\s*(\d{1,2})\s*[.일]?")


class Fault(NamedTuple):
    """What cannot be read: `row` counts from 1 as in the file, None for the file as a whole."""

    row: int | None
    field: str
    ko: str
    en: str


class TableInvalid(ValueError):
    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(f"{fault.row} {fault.field}: {fault.ko} / {fault.en}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True)
class Case:
    """One row: the question, and what is expected of the answer (only the columns that were filled in)."""

    row: int
    name: str
    asked: Mapping[str, Any]
    expected: Mapping[str, Any]


def _text(value: Any) -> str:
    return str(value).strip()


def _whole(value: Any) -> int:
    if isinstance(value, bool):
        raise ValueError
    plain = re.sub(r"(원|명|시간|개월|세)$", "", _text(value)).replace(",", "").strip()
    if not _NUMBER.fullmatch(plain):
        raise ValueError
    return int(plain.split(".")[0])


def _day(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    found = _DAY.fullmatch(_text(value))
    return date(*map(int, found.groups())) if found else date.fromisoformat(_text(value))


def _flag(value: Any) -> bool:
    word = _code(value).lower()
    if word not in _YES + _NO:
        raise ValueError
    return word in _YES


def _code(value: Any) -> str:
    """Codes are text; a spreadsheet's 48123.0 is 48123."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else _text(value)


def _many(value: Any) -> list[str]:
    parts = value if isinstance(value, list) else _text(value).split(";")
    return [_text(part) for part in parts if _text(part)]


def _one_of(words: Mapping[str, str]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        word = words.get(_text(value), _text(value))
        if word not in words.values():
            raise ValueError
        return word

    return read


ASKED: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "date": ("신청일", _day), "known_on": ("기준일", _day), "programme": ("사업", _text),
    "mode": ("훈련방법", _one_of(MODES)), "level": ("수준", _one_of(LEVELS)), "ai": ("AI과정", _flag),
    "hours": ("훈련시간", _whole), "months": ("훈련개월", _whole), "unit_price": ("기준단가", _whole),
    "fee": ("훈련비", _whole), "people": ("인원", _whole), "size": ("기업규모", _one_of(SIZES)),
    "headcount": ("상시근로자", _whole), "ksic_version": ("업종차수", _code), "ksic_code": ("업종코드", _code),
    "region": ("사업장지역", _code), "institution_region": ("훈련기관지역", _code),
    "learner": ("훈련생", _one_of(LEARNERS)), "age": ("나이", _whole), "payroll": ("보수총액", _whole),
    "support_used": ("받은지원금", _whole), "capacity": ("정원", _whole),
}  # fmt: skip
"""Columns of the question: name → Korean name and how its value is read."""
EXPECTED: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "outcome": ("결과", _one_of(OUTCOMES)), "cost": ("훈련비총액", _whole), "support": ("지원금", _whole),
    "self_pay": ("자부담", _whole), "advance": ("선납금", _whole), "allowance": ("월지원금", _whole),
    "allowance_total": ("월지원금합계", _whole), "allowance_change": ("월지원금변화", _whole),
    "rules": ("규칙", _many), "reasons": ("사유", _many), "cites": ("근거", _many),
}  # fmt: skip
"""Columns of the answer; `cites` must be among the sources, all others must be equal."""
_NEEDED = ("date", "programme", "mode", "level", "ai", "people")
_NAMES = {"이름": "name"} | {korean.lower(): name for name, (korean, _) in {**ASKED, **EXPECTED}.items()}


def _column(header: Any) -> str:
    """The column that a header names: "기준 단가(원)" is unit_price. An unknown one stays as it is written."""
    name = re.sub(r"\([^)]*\)|\s", "", str(header)).lower()
    known = _NAMES.get(name, name)
    return known if known in {"name", *ASKED, *EXPECTED} else _text(header)


def read(path: Path) -> list[Case]:
    """The cases of a file. Raises `TableInvalid` with every fault found."""
    faults: list[Fault] = []
    try:
        rows = list(_rows(path, faults))
    except (yaml.YAMLError, python_calamine.CalamineError, csv.Error, OSError, ValueError, IndexError) as error:
        if isinstance(error, TableInvalid):
            raise
        fault = Fault(None, path.name, f"파일을 읽을 수 없습니다: {error}", "the file cannot be read")
        raise TableInvalid([fault]) from error
    cases = [_case(number, row, faults) for number, row in rows]
    if not rows:
        faults.append(Fault(None, path.name, "사례가 하나도 없습니다", "there is not one case"))
    if faults:
        raise TableInvalid(faults)
    return cases


def _rows(path: Path, faults: list[Fault]) -> Iterable[tuple[int, dict[str, Any]]]:
    suffix = path.suffix.lower()
    if suffix not in (".yaml", ".yml", ".csv", ".xlsx"):
        raise _invalid(path.name, "YAML, CSV, XLSX 파일만 읽습니다", "only YAML, CSV and XLSX files are read")
    if path.stat().st_size > _MAX_BYTES:
        raise _invalid(path.name, "50MB까지 읽습니다", "at most 50 MB are read")
    if suffix == ".xlsx":
        book = python_calamine.CalamineWorkbook.from_path(str(path))
        return _table(book.get_sheet_by_index(0).to_python(skip_empty_area=False), faults)
    text = _decoded(path.read_bytes())
    if suffix == ".csv":
        top = text.splitlines()[:20]
        by = max(",\t;", key=lambda mark: max((_named(line.split(mark)) for line in top), default=0))
        return _table(list(csv.reader(io.StringIO(text, newline=""), delimiter=by)), faults)
    document = yaml.load(text, _Plain)  # noqa: S506 a SafeLoader
    if not isinstance(document, dict) or not isinstance(document.get("rows"), list):
        raise _invalid(path.name, "rows: 아래에 사례를 적어 주세요", "cases are needed under rows:")
    same = document.get("same") or {}
    if not isinstance(same, dict):
        raise _invalid("same", "same: 아래에는 열과 값을 적어 주세요", "same: needs columns and values")
    return _listed(document["rows"], same, faults)


def _invalid(field: str, ko: str, en: str) -> TableInvalid:
    return TableInvalid([Fault(None, field, ko, en)])


def _decoded(data: bytes) -> str:
    """UTF-8, UTF-16 with its mark, or CP949."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp949")


class _Plain(yaml.SafeLoader):
    """Numbers with a leading zero are codes: YAML 1.1 would read 01110 as an octal number."""


_Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:int"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Plain.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"-?(?:0|[1-9][0-9_]*)$"), list("-0123456789"))


def _listed(rows: list[Any], same: dict[str, Any], faults: list[Fault]) -> Iterable[tuple[int, dict[str, Any]]]:
    for number, row in enumerate(rows, 1):
        if isinstance(row, dict):
            yield number, {str(name): value for name, value in {**same, **row}.items()}
        else:
            faults.append(Fault(number, "rows", "열과 값이 아닙니다", "not columns and values"))


def _table(lines: list[list[Any]], faults: list[Fault]) -> Iterable[tuple[int, dict[str, Any]]]:
    """Rows under their header, numbered as in the file; an empty cell is not stated. Lines above the header, such as a
    title, name no two columns."""
    if len(lines) > _MAX_ROWS:
        raise _invalid("rows", f"{_MAX_ROWS:,}행까지 읽습니다", f"at most {_MAX_ROWS:,} rows are read")
    top = next((at for at, line in enumerate(lines) if _named(line) > 1), None)
    if top is None:
        known = ", ".join(korean for korean, _ in (*ASKED.values(), *EXPECTED.values()))
        raise _invalid("header", f"열 이름이 있는 행이 없습니다: {known}", f"no row names columns: {known}")
    header = [_column(cell) for cell in lines[top]]
    for name in {name for name in header if name and header.count(name) > 1}:
        faults.append(Fault(top + 1, name, "같은 열이 두 번 있습니다", "the column stands twice"))
    for number, line in enumerate(lines[top + 1 :], top + 2):
        cells = {at: cell for at, cell in enumerate(line) if _text(cell)}
        beyond = [at for at in cells if at >= len(header) or not header[at]]
        for at in beyond:
            ko, en = f"열 이름이 없는 칸입니다: {cells[at]!r}", f"a cell under no column: {cells[at]!r}"
            faults.append(Fault(number, f"{at + 1}열", ko, en))
        if cells:
            yield number, {header[at]: cell for at, cell in cells.items() if at not in beyond}


def _named(line: list[Any]) -> int:
    """How many cells are names of columns."""
    return sum(_column(cell) in {"name", *ASKED, *EXPECTED} for cell in line)


def _case(number: int, row: dict[str, Any], faults: list[Fault]) -> Case:
    found = {_column(name): value for name, value in row.items()}
    columns = {**ASKED, **EXPECTED}
    values: dict[str, Any] = {}
    for name, value in found.items():
        if name == "name":
            continue
        if name not in columns:
            faults.append(Fault(number, name, "모르는 열입니다", "unknown column"))
        elif name in EXPECTED and (value is None or _text(value) == _NONE):
            values[name] = None
        elif value is not None:
            try:
                values[name] = columns[name][1](value)
            except (ValueError, KeyError):
                faults.append(Fault(number, name, f"읽을 수 없는 값입니다: {value!r}", f"unreadable value {value!r}"))
    missing = [name for name in _NEEDED if found.get(name) is None]
    faults += [Fault(number, name, "빠진 값입니다", "missing value") for name in missing]
    expected = {name: values[name] for name in EXPECTED if name in values}
    if not set(expected) - {"cites"}:
        faults.append(Fault(number, "support", "기대하는 값이 하나도 없습니다", "nothing is expected"))
    asked = {name: values[name] for name in ASKED if name in values}
    return Case(number, _text(found.get("name") or number), asked, expected)
