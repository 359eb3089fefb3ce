"""From documents (YAML or stored JSON, already read) to a policy; every fault is named, none is guessed away."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from services.subsidy.domain.policy import Dated, Parameter, Policy, Scalar, Text

DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    "tier2": ("capital", "non_capital"),
    "tier3": ("capital", "non_capital", "depopulation"),
    "size_class": ("priority", "large_under_1000", "large_1000_plus"),
    "premium_class": ("under_150", "priority_from_150", "from_150_to_999", "from_1000"),
    "ksic_group": ("manufacturing", "three_hundred", "two_hundred", "others"),
    "fee_band": ("over_3m_to_6m", "over_6m_to_12m", "over_12m_to_18m", "over_18m"),
}
"""What a parameter may differ by; a parameter states a value for every member."""

_AMOUNTS = ("won", "won/month", "won/hour", "firms", "people", "points", "years")
_DECIMALS = {"rate": (Decimal(0), Decimal(1)), "multiple": (Decimal(0), Decimal(10))}
UNITS = (*_AMOUNTS, *_DECIMALS, "text")
_GRADES = ("A", "B", "C", "S")
_PARAMETER_KEYS = {"description", "unit", "by", "rule", "interpretation", "set_by", "values"}
_VALUE_KEYS = {"value", "reference", "grade", "href", "known_on", "note"}
_PLAN = re.compile(r"plan:(I{1,3}|IV-[①-⑤]|V|붙임[12])-p\.\d{1,2}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_ID = re.compile(r"[A-Za-z0-9]+\.[a-z0-9_]+")


class PolicyInvalid(ValueError):
    """`faults` lists everything that is wrong, each with the parameter it is in."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("정책 자료를 고쳐 주세요 / the policy data must be corrected:\n" + "\n".join(faults))
        self.faults = faults


def parse(label: str, documents: Mapping[str, Any]) -> Policy:
    """`documents` is parameter id → its content, dates as text. Raises `PolicyInvalid` with every fault found."""
    faults: list[str] = []
    parameters: dict[str, Parameter] = {}
    for name in sorted(documents):
        try:
            parameters[name] = _parameter(name, documents[name])
        except PolicyInvalid as error:
            faults.extend(f"{name}: {fault}" for fault in error.faults)
    if not re.fullmatch(r"[0-9A-Za-z.-]{1,40}", label):
        faults.append(f"label: 판 이름이 올바르지 않습니다 / not a usable label: {label!r}")
    if not documents:
        faults.append("정책 매개변수가 하나도 없습니다 / there is not one parameter")
    if faults:
        raise PolicyInvalid(faults)
    text = json.dumps(documents, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return Policy(label, hashlib.sha256(text.encode()).hexdigest(), parameters)


def _parameter(name: str, document: Any) -> Parameter:
    if not _ID.fullmatch(name):
        raise PolicyInvalid(["이름은 '묶음.매개변수' 꼴이어야 합니다 / the name must be 'folder.parameter'"])
    _keys(document, _PARAMETER_KEYS, {"description", "unit", "values"})
    unit, by = document["unit"], document.get("by")
    if unit not in UNITS:
        raise PolicyInvalid([f"모르는 단위입니다 / unknown unit: {unit!r}"])
    if by is not None and by not in DIMENSIONS:
        raise PolicyInvalid([f"모르는 구분입니다 / unknown dimension: {by!r}"])
    interpretation, rule = document.get("interpretation", False), document.get("rule")
    if not isinstance(interpretation, bool):
        raise PolicyInvalid(["interpretation: true 또는 false여야 합니다 / must be true or false"])
    if rule is not None and not re.fullmatch(r"M([1-9]|1[0-2])", str(rule)):
        raise PolicyInvalid([f"rule: M1–M12 가운데 하나여야 합니다 / must be one of M1–M12: {rule!r}"])
    values = document["values"]
    if not isinstance(values, Mapping) or not values:
        raise PolicyInvalid(["values: 시행일별 값이 필요합니다 / a value per effective date is needed"])
    faults: list[str] = []
    dated: list[Dated] = []
    for day in sorted(values, key=str):
        try:
            dated.append(_dated(day, values[day], unit, by))
        except PolicyInvalid as error:
            faults.extend(f"{day}: {fault}" for fault in error.faults)
    set_by = _text(document["set_by"], "set_by") if "set_by" in document else None
    if set_by is None and any(value is None for d in dated for value in d.cells.values()):
        faults.append("값이 없으면 정할 곳(set_by)을 적어야 합니다 / a value not set needs set_by: who must set it")
    if faults:
        raise PolicyInvalid(faults)
    description = _text(document["description"], "description")
    return Parameter(name, description, unit, tuple(dated), by, rule, interpretation, set_by)


def _dated(day: Any, entry: Any, unit: str, by: str | None) -> Dated:
    effective_on = _day(day)
    _keys(entry, _VALUE_KEYS, {"value", "reference", "grade"})
    return Dated(
        effective_on,
        _cells(entry["value"], unit, by),
        _reference(entry["reference"]),
        _one_of(entry["grade"], _GRADES, "grade"),
        _href(entry.get("href")),
        _day(entry["known_on"]) if "known_on" in entry else None,
        _text(entry["note"], "note") if "note" in entry else None,
    )


def _keys(document: Any, allowed: set[str], needed: set[str]) -> None:
    if not isinstance(document, Mapping):
        raise PolicyInvalid(["항목들의 묶음이어야 합니다 / must be a mapping"])
    faults = [f"모르는 항목입니다 / unknown key: {key!r}" for key in document if key not in allowed]
    faults += [f"빠진 항목입니다 / missing key: {key!r}" for key in sorted(needed - set(document))]
    if faults:
        raise PolicyInvalid(faults)


def _day(value: Any) -> date:
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise PolicyInvalid([f"날짜(YYYY-MM-DD)가 아닙니다 / not a date (YYYY-MM-DD): {value!r}"])


def _cells(value: Any, unit: str, by: str | None) -> dict[str, Scalar | None]:
    if by is None:
        return {"": _scalar(value, unit)}
    if value is None:
        return dict.fromkeys(DIMENSIONS[by])
    if not isinstance(value, Mapping) or set(value) != set(DIMENSIONS[by]):
        members = ", ".join(DIMENSIONS[by])
        raise PolicyInvalid([f"구분마다 값이 필요합니다 / exactly these keys are needed: {members}"])
    return {key: _scalar(value[key], unit) for key in DIMENSIONS[by]}


def _scalar(value: Any, unit: str) -> Scalar | None:
    if value is None:
        return None
    if unit in _AMOUNTS:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10**15:
            return value
        raise PolicyInvalid([f"0 이상의 정수여야 합니다 / must be a whole number from 0: {value!r}"])
    if not isinstance(value, str) or not value.strip():
        raise PolicyInvalid([f"따옴표 안에 적어야 합니다(소수 금지) / must be quoted text, never a float: {value!r}"])
    if unit == "text":
        return value
    low, high = _DECIMALS[unit]
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal("NaN")
    if not re.fullmatch(r"\d{1,2}(\.\d{1,6})?", value) or not low <= number <= high:
        raise PolicyInvalid([f"{low}부터 {high}까지의 소수여야 합니다 / must be a decimal {low}–{high}: {value!r}"])
    return number


def _reference(value: Any) -> str:
    """Pages of the plan (`plan:IV-②-p.7`) and names of laws, notices or publications, separated by `; `."""
    if isinstance(value, str):
        parts = value.split("; ")
        if all(_PLAN.fullmatch(part) if part.startswith("plan:") else len(part.strip()) > 1 for part in parts):
            return value
    raise PolicyInvalid([f"근거(reference)가 없거나 꼴이 틀립니다 / no usable citation: {value!r}"])


def _href(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and value.startswith("https://")):
        return value
    raise PolicyInvalid([f"href: https 주소여야 합니다 / must be an https address: {value!r}"])


def _one_of(value: Any, allowed: tuple[str, ...], name: str) -> str:
    if value not in allowed:
        raise PolicyInvalid([f"{name}: {', '.join(allowed)} 가운데 하나 / one of them is needed: {value!r}"])
    return str(value)


def _text(value: Any, name: str) -> Text:
    if isinstance(value, Mapping) and set(value) == {"ko", "en"}:
        ko, en = value["ko"], value["en"]
        if isinstance(ko, str) and ko.strip() and isinstance(en, str) and en.strip():
            return Text(ko, en)
    raise PolicyInvalid([f"{name}: 한국어(ko)와 영어(en)가 모두 필요합니다 / ko and en are both needed"])
