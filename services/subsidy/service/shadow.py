"""Shadow runs (모의 적용): stored real requests priced by a version that does not apply yet."""

from collections import Counter
from datetime import date
from typing import Any

from sqlalchemy import RowMapping

from libs.common.db import Tx
from libs.common.problems import not_found
from libs.reference.calendar import korean_day
from services.subsidy import store
from services.subsidy.domain import FORMULAS, RULES, Facts, NoPolicyYet, Policy, from_json, moved
from services.subsidy.loading import register
from services.subsidy.service.desk import Desk

BATCH = 1000
_SHOWN = 10
_NONE = {"gain": 0, "lose": 0, "same": 0, "become_priced": 0, "stop_being_priced": 0, "before": 0, "after": 0}


async def start(
    tx: Tx, desk: Desk, version: str, client: str, on: date | None, most: int | None, budgets: dict[str, int]
) -> str:
    """Orders a run over the newest list of each company and over what was asked; `most` limits the requests.

    `budgets` is programme → won. The work is done by the worker, in batches.
    """
    await desk.follow(tx.conn)
    if version != desk.policy.version and await store.policy(tx.conn, version) is None:
        raise not_found("정책 판", "Policy version")
    total = await store.workbench.count_requests(tx.conn)
    run_id = tx.new_id()
    await store.workbench.add_run(
        tx.conn,
        {
            "run_id": run_id,
            "policy_version": version,
            "against": desk.policy_on(on or korean_day(tx.now)).version,
            "applied_on": on,
            "most": most,
            "budgets": budgets,
            "status": "running",
            "total": total if most is None else min(total, most),
            "done": 0,
            "cursor": "",
            "result": {**_NONE, "programmes": {}, "winners": [], "losers": []},
            "asked_by": client,
            "asked_at": tx.now,
        },
    )
    tx.signal("policy", run_id)
    return run_id


async def shadow_some(tx: Tx, desk: Desk, batch: int = BATCH) -> int:
    """Prices the next batch of the oldest open run; gives 1 where there was one to go on with, else 0.

    Count and cursor are written together, so a run goes on where it was after any interruption.
    """
    run = await store.workbench.next_run(tx.conn)
    if run is None:
        return 0
    await desk.follow(tx.conn)
    left = batch if run["most"] is None else min(batch, run["most"] - run["done"])
    rows = await store.workbench.requests(tx.conn, run["cursor"], left) if left > 0 else []
    policy, against = [await desk.edition(tx.conn, run[name]) for name in ("policy_version", "against")]
    result = run["result"]
    for row in rows:
        _count(result, row, run["applied_on"], policy, desk, against)
    for name, sign in (("winners", 1), ("losers", -1)):
        ranked = sorted(result[name], key=lambda one: (-sign * one["difference"], one["quote_id"]))
        result[name] = ranked[:_SHOWN]
    over = len(rows) < left or left <= 0 or (run["most"] is not None and run["done"] + len(rows) >= run["most"])
    changes: dict[str, Any] = {"result": result, "done": run["done"] + len(rows)}
    if rows:
        changes["cursor"] = rows[-1]["quote_id"]
    if over:
        changes |= {"status": "done", "finished_at": tx.now, "total": changes["done"]}
    await store.workbench.save_run(tx.conn, run["run_id"], **changes)
    return 1


def _count(
    result: dict[str, Any], row: RowMapping, on: date | None, policy: Policy, desk: Desk, against: Policy
) -> None:
    """Adds one request. Of a run on one day the policy against which it runs stays the one it began with."""
    day = on or row["applied_on"]
    facts = moved(from_json(row["facts"]), day) if on else from_json(row["facts"])
    before = _support(facts, against if on else desk.policy_on(day), day)
    after = _support(facts, policy, day)
    result["before"] += before or 0
    result["after"] += after or 0
    programme = result["programmes"].setdefault(facts.programme, {"before": 0, "after": 0})
    programme["before"] += before or 0
    programme["after"] += after or 0
    if before is None or after is None:
        kind = "same" if before is after else "become_priced" if before is None else "stop_being_priced"
        result[kind] += 1
        return
    difference = after - before
    result["same" if not difference else "gain" if difference > 0 else "lose"] += 1
    if difference:
        known = {"quote_id": row["quote_id"], "programme": facts.programme, "before": before, "after": after}
        result["winners" if difference > 0 else "losers"].append(known | {"difference": difference})


def _support(facts: Facts, policy: Policy, day: date) -> int | None:
    """Won, or None where there is no price."""
    try:
        return FORMULAS[RULES](facts, policy.at(day)).support
    except NoPolicyYet:
        return None


def against_budgets(result: dict[str, Any], budgets: dict[str, int]) -> list[dict[str, Any]]:
    """Programme by programme: support before and after, and what is left of its budget after (negative: too little).

    What a programme without a budget of its own costs comes out of the line that it shares."""
    drawn: Counter[str] = Counter()
    for name, money in result["programmes"].items():
        drawn[name if name in budgets else register().budget_of(name)] += money["after"]
    found = []
    for name in sorted({*result["programmes"], *budgets}):
        money = Counter(result["programmes"].get(name, {}))
        budget = budgets.get(name)
        line = {"programme": name, "before": money["before"], "after": money["after"], "budget": budget}
        found.append({**line, "left": None if budget is None else budget - drawn[name]})
    return found
