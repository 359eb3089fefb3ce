"""A row of a table of cases (사례표) worked out and compared with what it expects.

A case is asked as a question of the API, and what the API refuses is refused here too, but for one thing: as with a
company that is registered already, a region code of old is read by the crosswalk.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from libs.common.problems import FieldError
from services.subsidy.api.question import QuoteIn, errors, facts_of
from services.subsidy.case_files import Case
from services.subsidy.domain import Policy, PolicyError, citations, place, price, render


@dataclass(frozen=True)
class Result:
    """`differs` holds column → (expected, found); `receipt` is what was worked out. Without one `why` says in Korean
    and English what is wrong with the question, or that there is no policy for it."""

    case: Case
    differs: Mapping[str, tuple[Any, Any]]
    receipt: Mapping[str, Any] | None
    why: tuple[tuple[str, str], ...] = ()


def question(asked: Mapping[str, Any]) -> QuoteIn:
    """The row as the API is asked."""
    company = {"size_class": "size", "headcount": "headcount", "ksic_version": "ksic_version", "ksic_code": "ksic_code"}
    company |= {"region_code": "region", "annual_payroll": "payroll", "support_used": "support_used"}
    course = {name: name for name in ("programme", "mode", "level", "ai", "hours", "fee", "unit_price")}
    course |= {name: name for name in ("institution_region", "capacity", "months")}
    learner = {"status": asked["learner"], "age": asked.get("age")} if "learner" in asked else None
    return QuoteIn.model_validate(
        {
            "company": {field: asked[name] for field, name in company.items() if name in asked},
            "course": {field: asked[name] for field, name in course.items() if name in asked},
            "learner": learner,
            "people": asked["people"],
            "applied_on": asked["date"],
            "known_on": asked.get("known_on"),
        }
    )


def check(case: Case, policy: Policy) -> Result:
    """Works a case out and compares it with what the row expects."""
    try:
        body = question(case.asked)
        if wrong := [error for error in errors(body) if not _of_old(error, body)]:
            return _without(case, "refused", [(error.code, error.ko, error.en) for error in wrong])
        snapshot = policy.at(body.applied_on, body.known_on)
        quote = price(facts_of(body, snapshot), snapshot)
    except ValidationError as error:
        unread = [(one["type"], ".".join(map(str, one["loc"])), one["msg"]) for one in error.errors()]
        return _without(case, "refused", unread)
    except PolicyError as error:
        return _without(case, "no-policy", [(error.code, error.ko, error.en)])
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


def _of_old(error: FieldError, body: QuoteIn) -> bool:
    """Whether all that is wrong is a code that the crosswalk reads."""
    codes = {
        "company.region_code": body.company.region_code,
        "course.institution_region": body.course.institution_region,
    }
    code = codes.get(error.field)
    return code is not None and place(code, body.applied_on).problem is None


def _without(case: Case, outcome: str, why: list[tuple[str, str, str]]) -> Result:
    """There is no receipt."""
    found = {"outcome": outcome, "reasons": [code for code, _, _ in why], "rules": [], "cites": []}
    return Result(case, _differences(case.expected, found), None, tuple((ko, en) for _, ko, en in why))


def _differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    differs = {}
    for name, value in expected.items():
        got = found.get(name)
        if name == "cites" and value is not None:
            agrees = set(value) <= set(got or ())
        elif isinstance(value, list) or isinstance(got, list):
            agrees = sorted(value or ()) == sorted(got or ())
        else:
            agrees = value == got
        if not agrees:
            differs[name] = (value, got)
    return differs
