"""Tables of cases (사례표) that an official can read and run: what is asked, and the won that must come out.

YAML (`same:` what all rows share, `rows:` the cases), or the same columns as CSV or XLSX. Column names and values may
be English or Korean.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import python_calamine
import yaml

from services.subsidy.domain import (
    Facts,
    Learner,
    Policy,
    PolicyError,
    Yearly,
    citations,
    place,
    price,
    render,
    size_of,
)

MODES = {"집체": "onsite", "원격": "remote", "온라인": "remote", "혼합": "blended"}
LEVELS = {"초급": "beginner", "중급": "intermediate", "고급": "advanced"}
SIZES = {"우선지원": "priority", "대규모 1000인 미만": "large_under_1000", "대규모 1000인 이상": "large_1000_plus"}
LEARNERS = {"구직자": "jobseeker", "재직자": "worker", "전환기": "transition"}
_YES = {"true": True, "예": True, "y": True, "1": True, "o": True}
_NO = {"false": False, "아니오": False, "아니요": False, "n": False, "0": False, "x": False}
_MAX_ROWS = 100_000


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


@dataclass(frozen=True)
class Result:
    """`differs` holds column → (expected, found); `receipt` is what was worked out, if there is a policy."""

    case: Case
    differs: Mapping[str, tuple[Any, Any]]
    receipt: Mapping[str, Any] | None


def _text(value: Any) -> str:
    return str(value).strip()


def _whole(value: Any) -> int:
    if isinstance(value, bool):
        raise ValueError
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(_text(value).replace(",", "").removesuffix("원"))


def _day(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(_text(value))


def _flag(value: Any) -> bool:
    return {**_YES, **_NO}[_text(value).lower()]


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
    "support_used": ("받은지원금", _whole),
}  # fmt: skip
"""Columns of the question: name → Korean name and how its value is read."""
EXPECTED: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "outcome": ("결과", _text), "cost": ("훈련비총액", _whole), "support": ("지원금", _whole),
    "self_pay": ("자부담", _whole), "advance": ("선납금", _whole), "allowance": ("월지원금", _whole),
    "allowance_total": ("월지원금합계", _whole), "allowance_change": ("월지원금변화", _whole),
    "rules": ("규칙", _many), "reasons": ("사유", _many), "cites": ("근거", _many),
}  # fmt: skip
"""Columns of the answer; `cites` must be among the sources, all others must be equal."""
_PLACES = ("region", "institution_region")
_NEEDED = ("date", "programme", "mode", "level", "ai", "people")
_NAMES = {"이름": "name"} | {korean: name for name, (korean, _) in {**ASKED, **EXPECTED}.items()}


def read(path: Path) -> list[Case]:
    """The cases of a file. Raises `TableInvalid` with every fault found."""
    try:
        rows = list(_rows(path))
    except (yaml.YAMLError, UnicodeDecodeError, python_calamine.CalamineError, csv.Error, OSError) as error:
        raise TableInvalid([Fault(None, path.name, f"파일을 읽을 수 없습니다: {error}", "unreadable file")]) from error
    faults: list[Fault] = []
    cases = [_case(number, row, faults) for number, row in rows]
    if not rows:
        faults.append(Fault(None, path.name, "사례가 하나도 없습니다", "there is not one case"))
    if faults:
        raise TableInvalid(faults)
    return cases


def _rows(path: Path) -> Iterable[tuple[int, dict[str, Any]]]:
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict) or not isinstance(document.get("rows"), list):
            fault = Fault(None, path.name, "rows: 아래에 사례를 적어 주세요", "cases are needed under rows:")
            raise TableInvalid([fault])
        same = document.get("same") or {}
        return enumerate(({**same, **row} for row in document["rows"]), 1)
    if suffix == ".csv":
        data = path.read_bytes()
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp949")
        return _table(list(csv.reader(io.StringIO(text, newline=""))))
    if suffix == ".xlsx":
        sheet = python_calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0)
        return _table(sheet.to_python())
    fault = Fault(None, path.name, "YAML, CSV, XLSX 파일만 읽습니다", "only YAML, CSV and XLSX files are read")
    raise TableInvalid([fault])


def _table(lines: list[list[Any]]) -> Iterable[tuple[int, dict[str, Any]]]:
    """Rows under their header, numbered as in the file; an empty cell is not stated."""
    if len(lines) > _MAX_ROWS:
        fault = Fault(None, "", f"{_MAX_ROWS:,}행까지 읽습니다", f"at most {_MAX_ROWS:,} rows are read")
        raise TableInvalid([fault])
    header = [_text(cell) for cell in lines[0]] if lines else []
    for number, line in enumerate(lines[1:], 2):
        if any(_text(cell) for cell in line):
            yield number, {name: cell for name, cell in zip(header, line, strict=False) if _text(cell)}


def _case(number: int, row: dict[str, Any], faults: list[Fault]) -> Case:
    found = {_NAMES.get(name, name): value for name, value in row.items()}
    columns = {**ASKED, **EXPECTED}
    values: dict[str, Any] = {}
    for name, value in found.items():
        if name == "name":
            continue
        if name not in columns:
            faults.append(Fault(number, name, "모르는 열입니다", "unknown column"))
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


def facts_of(asked: Mapping[str, Any], policy: Policy) -> Facts:
    """The question of a row as the rules take it. Raises `PolicyError`."""
    on = asked["date"]
    told = (asked.get("size"), asked.get("headcount"), asked.get("ksic_version"), asked.get("ksic_code"))
    size, basis = size_of(*told, policy.at(on, asked.get("known_on")))
    workplace, institution = (place(asked[name], on) if name in asked else None for name in _PLACES)
    yearly = None
    if "payroll" in asked and "headcount" in asked:
        yearly = Yearly(asked["payroll"], asked["headcount"], asked.get("support_used", 0))
    return Facts(
        programme=asked["programme"],
        mode=asked["mode"],
        level=asked["level"],
        ai=asked["ai"],
        hours=asked.get("hours"),
        fee=asked.get("fee"),
        unit_price=asked.get("unit_price"),
        people=asked["people"],
        size_class=size,
        size_basis=basis,
        workplace=workplace,
        institution=institution,
        learner=Learner(asked["learner"], asked.get("age")) if "learner" in asked else None,
        months=asked.get("months"),
        yearly=yearly,
    )


def check(case: Case, policy: Policy) -> Result:
    """Works a case out and compares it with what the row expects."""
    try:
        facts = facts_of(case.asked, policy)
        quote = price(facts, policy.at(case.asked["date"], case.asked.get("known_on")))
    except PolicyError as error:
        found: dict[str, Any] = {"outcome": "no-policy", "reasons": [error.code]}
        return Result(case, _differences(case.expected, found), None)
    receipt: dict[str, Any] = orjson.loads(render(quote, "-"))
    beside = receipt["allowances"][0] if receipt["allowances"] else {}
    found = {name: receipt[name] for name in ("outcome", "cost", "support", "self_pay", "advance", "rules")}
    found |= {"allowance": beside.get("per_month"), "allowance_total": beside.get("total")}
    found |= {"allowance_change": beside.get("change")}
    reasons = quote.reasons or tuple(reason for one in receipt["allowances"] for reason in one["reasons"])
    found["reasons"] = [reason["code"] if isinstance(reason, dict) else reason.code for reason in reasons]
    beside_cites = [step["citation"] for one in receipt["allowances"] for step in one["steps"] if "citation" in step]
    found["cites"] = [*citations(quote), *(part for cited in beside_cites for part in cited.split("; "))]
    return Result(case, _differences(case.expected, found), receipt)


def _differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    differs = {}
    for name, value in expected.items():
        got = found.get(name)
        agrees = set(value) <= set(got or ()) if name == "cites" else value == got
        if not agrees:
            differs[name] = (value, got)
    return differs
