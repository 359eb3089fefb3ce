"""Prices that arrive for a list."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from libs.common.db import Tx
from libs.common.rows import rows_by
from libs.contracts.matching import RecommendationUpdatedV1
from libs.contracts.subsidy import QuoteIssuedV1
from services.matching import store
from services.matching.service.learn import companies
from services.matching.service.replica import Replica


async def learn_quotes(tx: Tx, replica: Replica, quotes: Sequence[QuoteIssuedV1]) -> None:
    """Joins prices (견적) to the lists that they are for; quotes of older lists are ignored.

    A quote can be for a list that this database never made: after a rebuild by replay, versions began anew. Such a
    list is told of again under a version above the quote's, so that it is priced anew rather than never.
    """
    newest: dict[str, QuoteIssuedV1] = {}
    for quote in quotes:
        before = newest.get(quote.company_id)
        if before is None or _order(quote) >= _order(before):
            newest[quote.company_id] = quote
    lists = await rows_by(tx.conn, store.recommendations, "company_id", sorted(newest), store.QUOTED)
    joined: list[store.Row] = []
    strange: list[QuoteIssuedV1] = []
    for company_id, quote in newest.items():
        row = lists.get(company_id)
        if row is None or _of_another_life(quote, row):
            strange.append(quote)
        elif quote.recommendation_version == row["version"] and not _older(quote, row):
            kept = quote.model_dump(mode="json", exclude={"company_id", "recommendation_version"})
            version = quote.recommendation_version
            joined.append({"company_id": company_id, "version": version, "quote_version": version, "quote": kept})
            tx.signal("answers", company_id)
    await store.join_quotes(tx.conn, joined)
    if strange:
        await _rise_above(tx, replica, strange)


async def _rise_above(tx: Tx, replica: Replica, quotes: Sequence[QuoteIssuedV1]) -> None:
    """Lists that are there are told of again under a version above the quote's; others will begin above it."""
    number = await replica.enter(tx)
    ids = [quote.company_id for quote in quotes]
    lists = await rows_by(tx.conn, store.recommendations, "company_id", ids)
    await _remember_versions(tx, replica, [quote for quote in quotes if quote.company_id not in lists], number)
    for quote in quotes:
        row = lists.get(quote.company_id)
        if row is not None and _of_another_life(quote, row):
            version = quote.recommendation_version + 1
            await store.set_version(tx.conn, quote.company_id, version, tx.now)
            _tell_again(tx, row, version)
            tx.signal("answers", quote.company_id)


def _order(quote: QuoteIssuedV1) -> tuple[int, Any]:
    return quote.recommendation_version, quote.issued_at


def _older(quote: QuoteIssuedV1, row: store.Row) -> bool:
    """Whether a later quote of the same list is known already."""
    if row["quote_version"] != quote.recommendation_version:
        return False
    return quote.issued_at < datetime.fromisoformat(row["quote"]["issued_at"])


def _of_another_life(quote: QuoteIssuedV1, row: store.Row) -> bool:
    if quote.recommendation_version != row["version"]:
        return quote.recommendation_version > int(row["version"])
    listed = {(offer["course_id"], offer["session_no"]) for offer in row["offers"]}
    return any((price.course_id, price.session_no) not in listed for price in quote.prices)


def _tell_again(tx: Tx, row: store.Row, version: int) -> None:
    if row["offers"]:
        same = {name: row[name] for name in ("company_id", "level", "company")}
        listed = [{**offer, "reasons": ()} for offer in row["offers"]]
        tx.emit(
            RecommendationUpdatedV1.model_validate({**same, "offers": listed, "version": version, "made_at": tx.now})
        )


async def _remember_versions(tx: Tx, replica: Replica, quotes: Sequence[QuoteIssuedV1], number: int) -> None:
    known = await companies(tx, replica, [quote.company_id for quote in quotes])
    rows = []
    for quote in quotes:
        row = known.get(quote.company_id) or store.new_company(quote.company_id)
        version = max(row["quoted_version"], quote.recommendation_version)
        rows.append({**row, "quoted_version": version, "change_no": number})
    await store.write_companies(tx.conn, rows)
    for row in rows:
        replica.put_company(row)
