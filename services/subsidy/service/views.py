"""What the workbench shows: versions with what they change, and shadow runs."""

from datetime import date
from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.problems import not_found
from services.subsidy import store
from services.subsidy.domain import Dated, Policy
from services.subsidy.domain.lint import changed_days
from services.subsidy.service.desk import Desk
from services.subsidy.service.shadow import against_budgets


async def versions(conn: AsyncConnection, desk: Desk, today: date) -> dict[str, Any]:
    """The base and every proposal, newest first, with every activation and the version in force today."""
    await desk.follow(conn)
    proposals = [_plain(row) for row in await store.workbench.all_proposals(conn)]
    return {
        "in_force": desk.policy_on(today).version,
        "versions": [*proposals, _base(desk.policy)],
        "activations": [_plain(row) for row in await store.editions.history(conn)],
    }


async def version(conn: AsyncConnection, desk: Desk, name: str) -> dict[str, Any]:
    """One version: who did what with it and when, what it changes, its shadow runs and activations."""
    await desk.follow(conn)
    row = await store.workbench.proposal(conn, name)
    if row is None and name != desk.policy.version and await store.policy(conn, name) is None:
        raise not_found("정책 판", "Policy version")
    shown = _plain(row) if row is not None else _base(await desk.edition(conn, name))
    change = []
    if row is not None:
        change = difference(await desk.edition(conn, name), await desk.edition(conn, row["base"]))
    steps = await store.workbench.steps_of(conn, name)
    runs = await store.workbench.runs_of(conn, name)
    activations = await store.editions.history(conn)
    return {
        **shown,
        "steps": [{key: step[key] for key in ("step", "actor", "reason", "at")} for step in steps],
        "difference": change,
        "shadow_runs": [{key: run[key] for key in ("run_id", "status", "total", "done", "asked_at")} for run in runs],
        "activations": [_plain(one) for one in activations if one["policy_version"] == name],
    }


async def documents(conn: AsyncConnection, desk: Desk, name: str) -> dict[str, Any]:
    """A version with the content of every parameter."""
    row = await store.policy(conn, name)
    if row is not None:
        return {"policy_version": name, "label": row["label"], "documents": row["documents"]}
    if name != desk.policy.version:
        raise not_found("정책 판", "Policy version")
    return {"policy_version": name, "label": desk.policy.label, "documents": desk.documents}


def _base(edition: Policy) -> dict[str, Any]:
    """An edition that came with a deployment's files and was never proposed."""
    head = {"policy_version": edition.version, "label": edition.label, "base": None, "status": "base"}
    return {**head, "proposed_by": None, "proposed_at": None}


def _plain(row: RowMapping) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}


def difference(policy: Policy, base: Policy) -> list[dict[str, Any]]:
    """Parameter by parameter the old and the new value of each date that differs; without dates its description."""
    found = []
    for name, days in changed_days(policy, base).items():
        kind = "added" if name not in base.parameters else "removed" if name not in policy.parameters else "changed"
        values = [{"effective_on": day, "old": _on(base, name, day), "new": _on(policy, name, day)} for day in days]
        found.append({"parameter": name, "change": kind, "values": values})
    return found


def _on(policy: Policy, name: str, day: date) -> dict[str, Any] | None:
    parameter = policy.parameters.get(name)
    dated = next((one for one in parameter.values if one.effective_on == day), None) if parameter else None
    return None if parameter is None or dated is None else _shown(dated, bool(parameter.by))


def _shown(dated: Dated, many: bool) -> dict[str, Any]:
    cells = {key: one if one is None or isinstance(one, int) else str(one) for key, one in dated.cells.items()}
    value = cells if many else cells[""]
    return {"value": value, "citation": dated.reference, "grade": dated.grade, "known_on": dated.known_on}


async def shadow_run(conn: AsyncConnection, version: str, run_id: str) -> dict[str, Any]:
    """A shadow run: how many gain and lose, support before and after in won, budgets, the largest differences."""
    run = await store.workbench.run(conn, run_id)
    if run is None or run["policy_version"] != version:
        raise not_found("모의 적용", "Shadow run")
    result = run["result"]
    names = ("run_id", "policy_version", "against", "status", "total", "done", "asked_by", "asked_at", "finished_at")
    counted = ("gain", "lose", "same", "become_priced", "stop_being_priced")
    return {
        **{name: run[name] for name in names},
        "on": run["applied_on"],
        "limit": run["most"],
        **{name: result[name] for name in counted},
        "support": {
            "before": result["before"],
            "after": result["after"],
            "difference": result["after"] - result["before"],
        },
        "programmes": against_budgets(result, run["budgets"]),
        "winners": result["winners"],
        "losers": result["losers"],
    }
