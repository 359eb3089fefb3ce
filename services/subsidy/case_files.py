"""Tables of cases (사례표) as an official writes them.

YAML (a list of cases, or `rows:` with what all share under `same:`), or the same columns as CSV or XLSX, named in
English or Korean. What cannot be read is named, and the other rows are read all the same.
"""

import csv
import io
import re
import reprlib
import unicodedata
import zipfile
import zlib
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
_NUMBER = re.compile(r"-?(?:\d{1,18}|\d{1,3}(?:,\d{3}){1,5})(?:\.0+)?")
_MINUS = str.maketrans("△−", "--")
_DAY = re.compile(r"(\d{4})\s*[-./년]\s*(\d{1,2})\s*[-./월]\s*(\d{1,2})\s*[.일]?(?:[T\s]+0?0:00(?::00)?)?")
_PARTS = ("input", "물음", "expected", "답")
"""Names under which a YAML row may group its columns."""
_REMARKS = {"비고", "설명", "연번", "순번", "번호", "no", "no.", "note", "notes", "remark", "remarks"}
"""Columns that are for people only."""
_TWICE = object()
"""In place of a value that stands twice."""


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


class NotListed(ValueError):
    """A word that is none of those that may stand there; these are its message."""


@dataclass(frozen=True)
class Case:
    """One row: the question, and what is expected of the answer (only the columns that were filled in)."""

    row: int
    name: str
    asked: Mapping[str, Any]
    expected: Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """What a file holds: its cases, what could not be read, and the sheets of a workbook that name no columns."""

    cases: list[Case]
    faults: list[Fault]
    unread: tuple[str, ...] = ()


def _text(value: Any) -> str:
    return unicodedata.normalize("NFC", str(value)).strip()


def _whole(value: Any) -> int:
    if isinstance(value, bool):
        raise ValueError
    plain = re.sub(r"^₩|(원|명|인|시간|개월|세)$", "", _text(value)).strip().translate(_MINUS)
    if not _NUMBER.fullmatch(plain):
        raise ValueError
    return int(plain.split(".")[0].replace(",", ""))


def _day(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    found = _DAY.fullmatch(_code(value))
    return date(*map(int, found.groups())) if found else date.fromisoformat(_code(value))


def _flag(value: Any) -> bool:
    word = _code(value).lower()
    if word not in _YES + _NO:
        raise ValueError
    return word in _YES


def _code(value: Any) -> str:
    """Codes are text; a spreadsheet's 48123.0 is 48123."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else _text(value)


def _many(marks: str) -> Callable[[Any], list[str]]:
    """Several texts in one cell; `marks` are what may stand between them."""

    def read(value: Any) -> list[str]:
        parts = value if isinstance(value, list) else re.split(f"[{marks}]", _text(value))
        return [_text(part) for part in parts if _text(part)]

    return read


def _one_of(words: Mapping[str, str]) -> Callable[[Any], str]:
    known = {_squeezed(word): meant for korean, meant in words.items() for word in (korean, meant)}

    def read(value: Any) -> str:
        word = known.get(_squeezed(value))
        if word is None:
            raise NotListed(", ".join(words))
        return word

    return read


def _squeezed(value: Any) -> str:
    return re.sub(r"[\s,()·_-]", "", _text(value)).lower()


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
    "rules": ("규칙", _many(";,\n")), "reasons": ("사유", _many(";,\n")), "cites": ("근거", _many(";\n")),
}  # fmt: skip
"""Columns of the answer; `cites` must be among the sources, all others must be equal."""
_NEEDED = ("date", "programme", "mode", "level", "ai", "people")
_NAMES = {"이름": "name"} | {korean.lower(): name for name, (korean, _) in {**ASKED, **EXPECTED}.items()}


def _column(header: Any) -> str:
    """The column that a header names: "기준 단가(원)" is unit_price. An unknown one stays as it is written."""
    name = re.sub(r"\([^)]*\)|\s", "", _text(header)).lower()
    known = _NAMES.get(name, name)
    return known if known in _KNOWN else _text(header)


_KNOWN = {"name", *ASKED, *EXPECTED, *_REMARKS}


def read(path: Path) -> list[Case]:
    """The cases of a file. Raises `TableInvalid` with every fault found."""
    table = load(path)
    if table.faults:
        raise TableInvalid(table.faults)
    return table.cases


def load(path: Path) -> Table:
    """All that can be read of a file, and every fault."""
    faults: list[Fault] = []
    unread: list[str] = []
    try:
        rows = list(_rows(path, faults, unread))
    except TableInvalid as error:
        return Table([], faults + error.faults)
    except (
        yaml.YAMLError, python_calamine.CalamineError, zipfile.BadZipFile, zlib.error, OSError, ValueError, IndexError,
        RuntimeError, EOFError,
    ) as error:  # fmt: skip
        fault = Fault(None, path.name, f"파일을 읽을 수 없습니다: {error}", f"the file cannot be read: {error}")
        return Table([], [*faults, fault])
    cases = [case for number, row in rows if (case := _case(number, row, faults)) is not None]
    if not rows and not faults:
        faults.append(Fault(None, path.name, "사례가 하나도 없습니다", "there is not one case"))
    return Table(cases, faults, tuple(unread))


def _rows(path: Path, faults: list[Fault], unread: list[str]) -> Iterable[tuple[int, dict[str, Any]]]:
    suffix = path.suffix.lower()
    if suffix not in (".yaml", ".yml", ".csv", ".xlsx"):
        raise _invalid(path.name, "YAML, CSV, XLSX 파일만 읽습니다", "only YAML, CSV and XLSX files are read")
    if path.stat().st_size > _MAX_BYTES:
        raise _invalid(path.name, "50MB까지 읽습니다", "at most 50 MB are read")
    if suffix == ".xlsx":
        faults += _formula_errors(path)
        return _sheets(python_calamine.CalamineWorkbook.from_path(str(path)), faults, unread)
    text = _decoded(path.read_bytes())
    if suffix == ".csv":
        return _table(_lines(text, faults), faults)
    document = yaml.load(text, _Plain)  # noqa: S506 a SafeLoader
    if isinstance(document, list):
        document = {"rows": document}
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


def _lines(text: str, faults: list[Fault]) -> list[list[Any]]:
    """The lines of a CSV; from a quotation mark that never ends on, nothing can be told apart."""
    top = text.splitlines()[:20]
    by = max(",\t;", key=lambda mark: max((_named(line.split(mark)) for line in top), default=0))
    lines: list[list[Any]] = []
    try:
        lines.extend(csv.reader(io.StringIO(text, newline=""), delimiter=by, strict=True))
    except csv.Error as error:
        ko, en = f"여기부터 읽을 수 없습니다(따옴표): {error}", f"unreadable from here on (quotation marks): {error}"
        faults.append(Fault(len(lines) + 1, "CSV", ko, en))
    return lines


def _sheets(
    book: python_calamine.CalamineWorkbook, faults: list[Fault], unread: list[str]
) -> Iterable[tuple[int, dict[str, Any]]]:
    """The rows of every sheet that names columns, the only sheet if there is but one."""
    sheets = {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names}
    named = {name: lines for name, lines in sheets.items() if any(_named(line) > 1 for line in lines)}
    for name, lines in (named or dict(list(sheets.items())[:1])).items():
        found: list[Fault] = []
        for number, row in _table(lines, found):
            yield number, {**row, "name": f"{name}: {row.get('name', number)}"} if len(named) > 1 else row
        faults += [fault._replace(field=f"{name}: {fault.field}") for fault in found] if len(named) > 1 else found
    unread += [name for name, lines in sheets.items() if name not in named and lines]


def _formula_errors(path: Path) -> Iterable[Fault]:
    """Cells such as #N/A, which the reader of workbooks takes for empty ones."""
    ko, en = "수식 오류가 든 칸입니다", "the cell holds a formula error"
    with zipfile.ZipFile(path) as archive:
        for part in archive.namelist():
            if part.startswith("xl/worksheets/") and part.endswith(".xml"):
                for place in re.findall(rb"<c\b[^>]*\bt=\"e\"[^>]*>", archive.read(part)):
                    if found := re.search(rb'\br="([A-Z]+)(\d+)"', place):
                        yield Fault(int(found[2]), (found[1] + found[2]).decode(), ko, en)


class _Plain(yaml.SafeLoader):
    """Numbers with a leading zero are codes: YAML 1.1 would read 01110 as an octal number. What stands twice is kept
    as such, for its row to name it."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        found = super().construct_mapping(node, deep)
        return {name: _TWICE if names.count(name) > 1 else value for name, value in found.items()}


_Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:int"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Plain.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"-?(?:0|[1-9][0-9_]*)$"), list("-0123456789"))


def _listed(rows: list[Any], same: dict[str, Any], faults: list[Fault]) -> Iterable[tuple[int, dict[str, Any]]]:
    shared = _columns(same)
    for number, row in enumerate(rows, 1):
        if isinstance(row, dict):
            yield number, shared | _columns(row)
        else:
            faults.append(Fault(number, "rows", "열과 값이 아닙니다", "not columns and values"))


def _columns(row: dict[Any, Any]) -> dict[str, Any]:
    """Column → value, wherever it stands."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        inner = _columns(value) if name in _PARTS and isinstance(value, dict) else {_column(name): value}
        found |= {column: _TWICE if column in found else one for column, one in inner.items()}
    return found


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
    twice = {name for name in header if name and name not in _REMARKS and header.count(name) > 1}
    faults += [Fault(top + 1, name, "같은 열이 두 번 있습니다", "the column stands twice") for name in sorted(twice)]
    unknown = {at for at, name in enumerate(header) if name and name not in _KNOWN}
    for number, line in enumerate(lines[top + 1 :], top + 2):
        cells = {at: cell for at, cell in enumerate(line) if _text(cell)}
        for at in unknown & cells.keys():
            faults.append(Fault(number, header[at], "모르는 열입니다", "unknown column"))
        unknown -= cells.keys()
        beyond = [at for at in cells if at >= len(header) or not header[at]]
        for at in beyond:
            ko, en = f"열 이름이 없는 칸입니다: {cells[at]!r}", f"a cell under no column: {cells[at]!r}"
            faults.append(Fault(number, f"{at + 1}열", ko, en))
        if cells and not beyond and not twice:
            yield number, {header[at]: cell for at, cell in cells.items() if header[at] in _KNOWN}


def _named(line: list[Any]) -> int:
    """How many cells are names of columns."""
    return sum(_column(cell) in _KNOWN for cell in line)


def _case(number: int, row: dict[str, Any], faults: list[Fault]) -> Case | None:
    """The case of a row, None where something in it cannot be read."""
    values: dict[str, Any] = {}
    wrong: list[Fault] = []
    for name, value in row.items():
        if value is _TWICE:
            wrong.append(Fault(number, name, "두 번 적은 열입니다", "the column stands twice"))
        elif name not in _KNOWN:
            wrong.append(Fault(number, name, "모르는 열입니다", "unknown column"))
        elif not _flat(name, value):
            wrong.append(_unreadable(number, name, value))
        elif name in EXPECTED and (value is None or value == _NONE):
            values[name] = None
        elif value is not None and name in _READ:
            try:
                values[name] = _READ[name][1](value)
            except ValueError as error:
                wrong.append(_unreadable(number, name, value, error))
    missing = [name for name in _NEEDED if row.get(name) is None]
    wrong += [Fault(number, name, "빠진 값입니다", "missing value") for name in missing]
    expected = {name: values[name] for name in EXPECTED if name in values}
    if not wrong and not set(expected) - {"cites"}:
        wrong.append(Fault(number, "support", "기대하는 값이 하나도 없습니다", "nothing is expected"))
    faults += wrong
    asked = {name: values[name] for name in ASKED if name in values}
    return None if wrong else Case(number, _text(row.get("name") or number), asked, expected)


_READ = {**ASKED, **EXPECTED}


def _flat(name: str, value: Any) -> bool:
    """Whether it is one value, or several where several may stand; aliases of YAML can nest without end."""
    parts = value if isinstance(value, list) and name in ("rules", "reasons", "cites") else [value]
    return not any(isinstance(part, list | dict) for part in parts)


_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 2, 80, 80


def _unreadable(number: int, name: str, value: Any, error: Exception | None = None) -> Fault:
    shown = _SHORT.repr(value)
    ko, en = f"읽을 수 없는 값입니다: {shown}", f"unreadable value {shown}"
    if isinstance(error, NotListed):
        ko, en = f"{ko} (쓸 수 있는 값: {error})", f"{en} (one of: {error})"
    return Fault(number, name, ko, en)
