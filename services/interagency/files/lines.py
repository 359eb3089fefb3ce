"""One JSON object per line, as in a single request or with the names of the columns."""

from typing import Any

import orjson

from services.interagency.domain.draft import NO_CELLS, Fault, cells_of
from services.interagency.domain.table import Row, Sheet, known_field, unknown_columns
from services.interagency.files.limits import MOST_ROWS, too_many

_OF_SCORE = {name: f"external_{name}" for name in ("instrument", "level", "levels", "measured_on")}


def read(text: str) -> Sheet:
    sheet = Sheet([])
    unknown: dict[str, None] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        if len(sheet.rows) >= MOST_ROWS:
            raise too_many()
        sheet.rows.append(_row(number, line, unknown))
    sheet.notes.extend(unknown_columns(list(unknown)))
    return sheet


def _row(number: int, line: str, unknown: dict[str, None]) -> Row:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        fault = Fault("row", "json", "이 줄은 JSON이 아닙니다.", f"This line is not JSON: {error}"[:200])
        return Row(number, NO_CELLS, (fault,))
    if not isinstance(value, dict):
        fault = Fault("row", "json-object", "이 줄은 JSON 객체가 아닙니다.", "This line is not a JSON object.")
        return Row(number, NO_CELLS, (fault,))
    return _object(number, value, unknown)


def _object(number: int, value: dict[str, Any], unknown: dict[str, None]) -> Row:
    values: dict[str, str] = {}
    faults = []
    for key, item in _flat(value):
        name = known_field(key)
        if name is None:
            unknown[key[:40]] = None
        elif isinstance(item, dict | list):
            faults.append(Fault(name, "not-plain", "글자나 숫자여야 합니다.", "Text or a number is needed."))
        elif name in values:
            faults.append(Fault(name, "doubled", "같은 항목이 두 번 있습니다.", "The same member stands twice."))
        elif item is not None:
            values[name] = cell(item)
    return Row(number, cells_of(values), tuple(faults))


def _flat(value: dict[str, Any]) -> list[tuple[str, Any]]:
    """The score of a single request is an object; here its members are fields like the others."""
    pairs = [pair for pair in value.items() if not (pair[0] == "score" and (pair[1] is None or type(pair[1]) is dict))]
    score = value.get("score")
    if isinstance(score, dict):
        pairs += [(_OF_SCORE.get(name, f"score.{name}"), item) for name, item in score.items()]
    return pairs


def cell(value: Any) -> str:
    """A value as text; whole numbers without the `.0` that spreadsheets give them."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
