"""Requotes (재견적): open recommendations are priced again when another policy version begins to apply."""

from datetime import date
from typing import Any, NamedTuple

import orjson
from sqlalchemy import RowMapping

from libs.common.db import Tx
from libs.contracts.interagency import CompanyFacts
from libs.contracts.subsidy import QuoteIssuedV1
from libs.reference.calendar import korean_day
from services.subsidy import store
from services.subsidy.domain import (
    FORMULAS,
    RULES,
    Facts,
    NoPolicyYet,
    Policy,
    Quote,
    from_json,
    moved,
    render,
    size_of,
)
from services.subsidy.service.desk import Desk
from services.subsidy.service.quoting import identify, price_of, row_of

BATCH = 100


class Again(NamedTuple):
    """One offer of a list priced again: its stored quote, and the price by the policy that applies now."""

    row: RowMapping
    quote: Quote
    quote_id: str
    touched: bool


async def requote_some(tx: Tx, desk: Desk, most: int = BATCH) -> int:
    """Prices up to `most` lists again that rest on an earlier activation than today's; gives how many there were.

    A list is told of again where the price or the receipt of one of its offers is another today than by the policy
    it was priced by; else it only follows. List, prices and event are written together, and a list that has
    followed is not looked at again: whatever happens in between, its prices are told once per activation. One worker
    does this at a time.
    """
    if not await store.requotes.one_worker(tx.conn):
        return 0
    await desk.follow(tx.conn)
    today = korean_day(tx.now)
    target = desk.number_on(today)
    requote = await store.requotes.requote_of(tx.conn, target) if target else None
    if requote is None:
        return 0
    if requote["started_at"] is None:
        await store.requotes.replace_older(tx.conn, target)
    held = await store.requotes.lists_behind(tx.conn, target, most)
    if not held and requote["status"] == "done":
        return 0
    changed = await _follow(tx, desk, held, today, target)
    done = requote["done"] + len(held)
    left = await store.requotes.behind(tx.conn, target)
    await store.requotes.save_requote(
        tx.conn,
        requote["requote_id"],
        status="running" if left else "done",
        total=done + left,
        done=done,
        changed=requote["changed"] + changed,
        started_at=requote["started_at"] or tx.now,
        finished_at=None if left else tx.now,
    )
    return len(held)


async def _follow(tx: Tx, desk: Desk, held: Any, today: date, target: int) -> int:
    """Moves these lists to the activation; gives how many have other prices."""
    policy = desk.policy_on(today)
    stored = await store.requotes.quotes_of(tx.conn, held)
    quoted: dict[str, dict[str, Any]] = {}
    moves: list[dict[str, Any]] = []
    changed = 0
    for row in held:
        before = await desk.edition(tx.conn, row["policy_version"])
        again = _price_again(row, stored[row["company_id"]], before, policy, today)
        head = {name: row[name] for name in ("company_id", "policy_version", "applied_on")} | {"activation": target}
        if any(one.touched for one in again):
            changed += 1
            head |= {"policy_version": policy.version, "applied_on": today}
            quoted |= {one.quote_id: _stored(tx, one, today, policy.version) for one in again}
            tx.emit(
                QuoteIssuedV1(
                    company_id=row["company_id"],
                    recommendation_version=row["version"],
                    policy_version=policy.version,
                    applied_on=today,
                    prices=tuple(
                        price_of(one.row["course_id"], one.row["session_no"], one.quote_id, one.quote) for one in again
                    ),
                    issued_at=tx.now,
                )
            )
        moves.append(head)
    await store.requotes.write_again(tx.conn, list(quoted.values()), moves)
    return changed


def _price_again(row: RowMapping, stored: list[RowMapping], before: Policy, policy: Policy, today: date) -> list[Again]:
    """Every offer of a list on this day, by the policy it was priced by and by the one that applies now."""
    found = []
    for one in stored:
        facts = moved(from_json(one["facts"]), today)
        quote = FORMULAS[RULES](_sized(facts, row["company"], policy, today), policy.at(today))
        try:
            was = FORMULAS[RULES](_sized(facts, row["company"], before, today), before.at(today))
            touched = _shown(was) != _shown(quote)
        except NoPolicyYet:
            touched = True
        subject = f"{row['company_id']}|{row['version']}|{one['course_id']}|{one['session_no']}"
        found.append(Again(one, quote, identify(subject, today, policy.version), touched))
    return found


def _sized(facts: Facts, company: dict[str, Any] | None, policy: Policy, on: date) -> Facts:
    """The size class by this policy's thresholds, where it was worked out and the company's facts were kept."""
    if company is None or facts.size_basis != "headcount":
        return facts
    known = CompanyFacts.model_validate(company)
    size_class, basis = size_of(known.size_class, known.headcount, known.ksic_version, known.ksic_code, policy.at(on))
    return facts._replace(size_class=size_class, size_basis=basis)


def _shown(quote: Quote) -> Any:
    """All that the receipt shows but the name of the policy version."""
    document = orjson.loads(render(quote, ""))
    document.pop("policy_version")
    return document


def _stored(tx: Tx, again: Again, today: date, version: str) -> dict[str, Any]:
    of_list = {name: again.row[name] for name in ("company_id", "list_version", "course_id", "session_no")}
    return row_of(tx, again.quote_id, again.quote, today, version) | of_list
