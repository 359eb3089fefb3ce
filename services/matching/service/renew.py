"""Lists made anew, and told of only where they became other lists."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from libs.common.db import Tx
from libs.common.rows import rows_by
from libs.contracts.matching import RecommendationUpdatedV1
from libs.reference.calendar import korean_day
from services.matching import store
from services.matching.domain.offers import basis, offers, without_reasons
from services.matching.domain.scoring import Seeker
from services.matching.service.replica import Made, Replica

INLINE = 500
"""Lists made in the transaction of the event that may change them; at about a millisecond each."""
_MOST_KINDS = 5_000
"""Lists kept by kind, at about 15 KB each."""
_CHUNK = 50
"""Lists made without a pause, so that other tasks of the process are not kept waiting."""


async def renew(
    tx: Tx, replica: Replica, company_ids: Sequence[str], number: int, quoted: Mapping[str, int] | None = None
) -> None:
    """Makes the lists of these companies anew, beyond `INLINE` in the background.

    `quoted` names companies that may not have a list yet, with the highest version that a quote of theirs has named;
    theirs are all made at once, since only a list that is there can be due.
    """
    now = len(company_ids) if quoted else INLINE
    if later := company_ids[now:]:
        await store.set_due(tx.conn, later, replica.engine.day)
        tx.after_commit(replica.more.set)
    soon = company_ids[:now]
    for start in range(0, len(soon), _CHUNK):
        await _renew(tx, replica, soon[start : start + _CHUNK], number, quoted or {})


async def renew_due(tx: Tx, replica: Replica) -> int:
    """Makes some of the lists anew that are due; gives how many. Other replicas find the rest."""
    number = await replica.enter(tx)
    company_ids = await store.due(tx.conn, replica.engine.day, INLINE)
    await renew(tx, replica, company_ids, number)
    return len(company_ids)


async def adopt_weights(tx: Tx, replica: Replica) -> None:
    """Makes every list due if the weights in force are not those that the lists were made with."""
    version = replica.engine.rules.version
    await store.last_change(tx.conn, lock=True)
    if await store.weights(tx.conn) != version:
        await store.set_weights(tx.conn, version, korean_day(tx.now))


async def _renew(tx: Tx, replica: Replica, company_ids: Sequence[str], number: int, quoted: Mapping[str, int]) -> None:
    listed = [company_id for company_id in company_ids if replica.engine.companies.has_list(company_id)]
    before = await rows_by(tx.conn, store.recommendations, "company_id", listed, store.LIST)
    rows, same = [], []
    for company_id in company_ids:
        old = before.get(company_id) or _no_list(quoted[company_id])
        row, event = _listed(tx, replica, company_id, old, number)
        if all(row[name] == old[name] for name in ("version", "level", "company", "offers", "floor")):
            same.append(company_id)
            continue
        rows.append(row)
        replica.put_list(row)
        if company_id in before:
            tx.signal("answers", company_id)
        if event is not None:
            tx.emit(event)
    await store.write_recommendations(tx.conn, rows)
    await store.set_due(tx.conn, same, _tomorrow(replica))


def _listed(
    tx: Tx, replica: Replica, company_id: str, old: Mapping[str, Any], number: int
) -> tuple[dict[str, Any], RecommendationUpdatedV1 | None]:
    """The company's new row, and its event if this is another list than the old one."""
    engine = replica.engine
    seeker = engine.companies.get(company_id)
    assert seeker is not None, "a company without facts is given no list"
    made = _made(replica, seeker)
    row = {
        **old,
        "company_id": company_id,
        "level": seeker.level,
        "company": seeker.facts.model_dump(mode="json"),
        "offers": made.offers,
        "held": made.held,
        "floor": made.floor,
        "due_on": _tomorrow(replica),
        "change_no": number,
    }
    if _basis(row) == _basis(old):
        return {**row, "made_at": old["made_at"] or tx.now}, None
    row |= {"version": old["version"] + 1, "made_at": tx.now}
    event = RecommendationUpdatedV1(
        company_id=company_id,
        version=row["version"],
        level=seeker.level,
        company=seeker.facts,
        offers=made.told,
        made_at=tx.now,
    )
    return row, event


def _made(replica: Replica, seeker: Seeker) -> Made:
    """The list of this company, worked out once for all of its kind as long as the courses stay what they are."""
    engine, kept = replica.engine, replica.made
    if kept.changes != engine.changes or len(kept.lists) >= _MOST_KINDS:
        kept.changes = engine.changes
        kept.lists.clear()
    made = kept.lists.get(seeker.kind)
    if made is None:
        found = engine.find(seeker)
        listed = offers(engine.rules, seeker, found.courses, engine.day)
        made = kept.lists[seeker.kind] = Made(
            [course.course_id for course in found.courses],
            found.floor,
            [offer.model_dump(mode="json") for offer in listed],
            without_reasons(listed),
        )
    return made


def _basis(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return basis(row["level"], row["company"], row["offers"])


def _tomorrow(replica: Replica) -> date:
    return replica.engine.day + timedelta(days=1)


def _no_list(quoted_version: int) -> dict[str, Any]:
    """Before the first list. Its version goes on from the highest that a quote has named, should quotes of lists
    from before a rebuild of this database be known."""
    return {
        "version": quoted_version,
        "level": "",
        "company": {},
        "offers": [],
        "floor": None,
        "made_at": None,
    }
