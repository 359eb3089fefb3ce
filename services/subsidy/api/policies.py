"""The policy as it holds on a day."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from libs.common.security import Caller, requires
from libs.common.web import ReadConn
from services.subsidy.api.desk import Desk, no_policy
from services.subsidy.api.question import Day
from services.subsidy.domain import NoPolicyYet
from services.subsidy.domain.policy import Dated, Parameter

router = APIRouter(prefix="/v1/policies", tags=["policies"])


@router.get("")
async def policy(
    desk: Desk,
    conn: ReadConn,
    caller: Annotated[Caller, Depends(requires("quotes:read"))],
    on: Annotated[Day, Query(description="YYYY-MM-DD (KST)")],
) -> dict[str, Any]:
    """Every parameter as it holds on a day, with its citation; `status` says which have no value then. Of a value by
    kinds of case one may be null: `set_by` says who must set it."""
    await desk.follow(conn)
    edition = desk.policy_on(on)
    try:
        edition.at(on)
    except NoPolicyYet as error:
        raise no_policy(error) from error
    held = [_parameter(parameter, on) for parameter in edition.parameters.values()]
    return {"on": on, "policy_version": edition.version, "label": edition.label, "parameters": held}


def _parameter(parameter: Parameter, on: date) -> dict[str, Any]:
    described = {
        "parameter": parameter.id,
        "rule": parameter.rule,
        "ko": parameter.description.ko,
        "en": parameter.description.en,
        "unit": parameter.unit,
        "by": parameter.by,
        "interpretation": parameter.interpretation,
    }
    in_force = [dated for dated in parameter.values if dated.effective_on <= on]
    if not in_force:
        return described | {"status": "not-yet", "effective_on": parameter.values[0].effective_on}
    dated = max(in_force, key=lambda one: one.effective_on)
    if any(value is None for value in dated.cells.values()):
        assert parameter.set_by is not None
        described |= {"set_by_ko": parameter.set_by.ko, "set_by_en": parameter.set_by.en}
    if all(value is None for value in dated.cells.values()):
        return described | {"status": "unset"} | _cited(dated)
    values = {key: str(value) if isinstance(value, Decimal) else value for key, value in dated.cells.items()}
    value = values if parameter.by else values[""]
    return described | {"status": "in-force", "value": value} | _cited(dated)


def _cited(dated: Dated) -> dict[str, Any]:
    note = {"note_ko": dated.note.ko, "note_en": dated.note.en} if dated.note else {}
    known = {"citation": dated.reference, "grade": dated.grade, "effective_on": dated.effective_on}
    return known | ({"href": dated.href} if dated.href else {}) | note
