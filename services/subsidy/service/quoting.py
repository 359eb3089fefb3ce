"""Price a company's list, answer a question, give a receipt again."""

from collections.abc import Iterable
from datetime import date
from hashlib import blake2b
from typing import Any

import orjson
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.db import Tx
from libs.contracts.interagency import CompanyFacts
from libs.contracts.matching import CourseOffer, RecommendationUpdatedV1
from libs.contracts.subsidy import Price, QuoteIssuedV1
from libs.reference.calendar import korean_day
from services.subsidy import store
from services.subsidy.domain import (
    FORMULAS,
    RULES,
    Facts,
    Policy,
    PolicyError,
    Quote,
    Snapshot,
    citations,
    from_json,
    identity,
    place,
    render,
    size_of,
    to_json,
)
from services.subsidy.domain.what_if import Another, other_choices, other_days
from services.subsidy.service.desk import Desk


async def price_lists(tx: Tx, desk: Desk, seen: Iterable[RecommendationUpdatedV1]) -> None:
    """Prices the newest list of each company for one person, applying today (견적).

    A list not newer than the last one priced has no effect.
    """
    newest: dict[str, RecommendationUpdatedV1] = {}
    for event in seen:
        if event.company_id not in newest or event.version > newest[event.company_id].version:
            newest[event.company_id] = event
    done, activation = await store.priced(tx.conn, list(newest))
    wanted = [event for event in newest.values() if event.version > done.get(event.company_id, 0)]
    if not wanted:
        return
    await desk.follow(tx.conn, activation)
    await desk.keep(tx)
    today = korean_day(tx.now)
    policy = desk.policy_on(today)
    quoted: dict[str, dict[str, Any]] = {}
    lists: list[dict[str, Any]] = []
    head = {"applied_on": today, "policy_version": policy.version, "activation": desk.number_on(today)}
    for event in wanted:
        prices = _price_list(tx, policy, event, today, quoted)
        company = event.company.model_dump(mode="json")
        lists.append({"company_id": event.company_id, "version": event.version, **head, "company": company})
        tx.emit(
            QuoteIssuedV1(
                company_id=event.company_id,
                recommendation_version=event.version,
                policy_version=policy.version,
                applied_on=today,
                prices=tuple(prices),
                issued_at=tx.now,
            )
        )
    await store.write(tx.conn, list(quoted.values()), lists)


def _price_list(
    tx: Tx, policy: Policy, event: RecommendationUpdatedV1, today: date, quoted: dict[str, dict[str, Any]]
) -> list[Price]:
    """`quoted` gains the rows to store, by quote id."""
    size = size_of(*_size_facts(event.company), policy.at(today))
    prices: dict[str, Price] = {}
    for offer in event.offers:
        facts = offered(event.company, offer, size, today)
        quote = FORMULAS[RULES](facts, policy.at(today))
        subject = f"{event.company_id}|{event.version}|{offer.course_id}|{offer.session_no}"
        quote_id = identify(subject, today, policy.version)
        row = row_of(tx, quote_id, quote, today, policy.version)
        row |= {"company_id": event.company_id, "list_version": event.version}
        row |= {"course_id": offer.course_id, "session_no": offer.session_no}
        quoted[quote_id] = row
        prices[quote_id] = price_of(offer.course_id, offer.session_no, quote_id, quote)
    return list(prices.values())


def offered(company: CompanyFacts, offer: CourseOffer, size: tuple[str | None, str], on: date) -> Facts:
    """What the price of an offer depends on, for one person."""
    size_class, basis = size
    return Facts(
        programme=offer.programme,
        mode=offer.mode,
        level=offer.level,
        ai=offer.ai,
        hours=offer.hours,
        fee=offer.fee,
        unit_price=offer.unit_price,
        people=1,
        size_class=size_class,
        size_basis=basis,
        workplace=place(company.region_code, on),
        institution=place(offer.institution_region, on) if offer.institution_region else None,
    )


def _size_facts(company: CompanyFacts) -> tuple[str | None, int | None, str | None, str | None]:
    return company.size_class, company.headcount, company.ksic_version, company.ksic_code


def price_of(course_id: str, session_no: int | None, quote_id: str, quote: Quote) -> Price:
    """A quote as it is told to the others."""
    return Price(
        course_id=course_id,
        session_no=session_no,
        quote_id=quote_id,
        outcome=quote.outcome,
        cost=quote.cost,
        support=quote.support,
        self_pay=quote.self_pay,
        rule_ids=quote.chosen.payable.line.rules if quote.chosen else (),
        citations=citations(quote),
        reasons=quote.reasons,
    )


def row_of(tx: Tx, quote_id: str, quote: Quote, on: date, policy_version: str) -> dict[str, Any]:
    """A quote as it is stored, of no list."""
    return {
        "quote_id": quote_id,
        "company_id": None,
        "list_version": None,
        "course_id": None,
        "session_no": None,
        "applied_on": on,
        "known_on": quote.snapshot.known_on,
        "policy_version": policy_version,
        "rules": RULES,
        "facts": to_json(quote.facts),
        "outcome": quote.outcome,
        "cost": quote.cost,
        "support": quote.support,
        "self_pay": quote.self_pay,
        "issued_at": tx.now,
    }


def identify(subject: str, on: date, policy_version: str) -> str:
    """The same question under the same policy has the same id, 32 hexadecimal digits."""
    return blake2b(f"{subject}|{on.isoformat()}|{policy_version}".encode(), digest_size=16).hexdigest()


async def answer(tx: Tx, desk: Desk, quote: Quote) -> bytes:
    """Stores the quote of stated facts and gives its receipt as JSON. The desk has followed."""
    quote_id, snapshot = identity(quote), quote.snapshot
    await desk.keep(tx)
    await store.keep_answer(tx.conn, row_of(tx, quote_id, quote, snapshot.on, snapshot.version))
    return render(quote, quote_id)


def what_if(desk: Desk, quote: Quote) -> dict[str, Any]:
    """What another day or another choice would change, by the policy as it is held now."""
    known_on, days = quote.snapshot.known_on, desk.dates

    def snapshot_on(day: date) -> Snapshot:
        return desk.snapshot(day, known_on)

    dates = other_days(quote.facts, quote, days, snapshot_on)
    choices = other_choices(quote.facts, quote, days, snapshot_on)
    return {"dates": [_another(other) for other in dates], "choices": [_another(other) for other in choices]}


def _another(other: Another) -> dict[str, Any]:
    quote = other.quote
    money = {"cost": quote.cost, "support": quote.support, "self_pay": quote.self_pay, "advance": quote.advance}
    beside = quote.terms.allowances if quote.terms else ()
    monthly = [{"allowance": one.allowance.id, "per_month": one.given and one.given.whole} for one in beside]
    told = {"applied_on": other.on, "choices": other.choices, "outcome": quote.outcome, **money, "allowances": monthly}
    return {**told, "reasons": [reason.model_dump() for reason in quote.reasons], "ko": other.ko, "en": other.en}


async def stored(conn: AsyncConnection, desk: Desk, row: RowMapping) -> Quote:
    """A stored quote, worked out again from its own facts, policy and version of the rules."""
    policy = await desk.edition(conn, row["policy_version"])
    return FORMULAS[row["rules"]](from_json(row["facts"]), policy.at(row["applied_on"], row["known_on"]))


async def support_now(conn: AsyncConnection, desk: Desk, row: RowMapping) -> int | None:
    """What a stored quote's facts get on its day by the policy that applies by now; None where that has no price."""
    await desk.follow(conn)
    try:
        return FORMULAS[RULES](from_json(row["facts"]), desk.snapshot(row["applied_on"])).support
    except PolicyError:
        return None


async def receipt(conn: AsyncConnection, desk: Desk, row: RowMapping) -> bytes:
    """The receipt of a stored quote, worked out again."""
    quote = await stored(conn, desk, row)
    subject = {name: row[name] for name in ("company_id", "list_version", "course_id", "session_no")}
    return orjson.dumps(subject | {"issued_at": row["issued_at"]})[:-1] + b"," + render(quote, row["quote_id"])[1:]
