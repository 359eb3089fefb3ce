"""Use cases: refer companies, register them, move referrals along as the other services speak."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from libs.common.crypto import Keyring
from libs.common.db import Tx
from libs.common.rows import insert_rows, insert_stream, update_rows
from libs.contracts.diagnosis import AssessmentCompletedV1
from libs.contracts.interagency import (
    CompanyProfile,
    CompanyProfileChangedV1,
    CompanyRegisteredV1,
    ExternalScore,
    ReferralReceivedV1,
    ReferralStatus,
    ReferralStatusChangedV1,
)
from libs.contracts.matching import RecommendationUpdatedV1
from libs.contracts.subsidy import QuoteIssuedV1
from services.interagency import store, webhooks
from services.interagency.domain import account, merge
from services.interagency.domain.draft import Draft

TOP = 3
"""How many recommended courses a partner sees of each company."""

PAGE = 1_000
"""Results of a file that are stored, and read, together."""


def referral_row(draft: Draft, agency: str, referral_id: str, keyring: Keyring, tx: Tx) -> dict[str, Any]:
    """A draft as a row of `referrals`, its contact sealed, its change number still to be given."""
    score = draft.score
    email = draft.contact_email
    return {
        "referral_id": referral_id,
        "agency": agency,
        "programme": draft.programme,
        "business_number": draft.business_number,
        "company_id": None,
        "batch_id": None,
        "row_number": None,
        "company_name": draft.company_name,
        "headcount": draft.headcount,
        "size_class": draft.size_class,
        "ksic_version": draft.ksic_version,
        "ksic_code": draft.ksic_code,
        "region_code": draft.region_code,
        "given_region": draft.given_region,
        "score_instrument": score.instrument if score else None,
        "score_level": score.level if score else None,
        "score_levels": score.levels if score else None,
        "score_measured_on": score.measured_on if score else None,
        "contact_email": keyring.seal(email, f"referrals|contact_email|{referral_id}") if email else None,
        "status": "received",
        "sequence": 1,
        "change_no": None,
        "received_at": tx.now,
        "changed_at": tx.now,
    }


class Referred(NamedTuple):
    """What became of one referral: as its partner sees it, and `others` of the same partner and company."""

    row: store.Record
    is_new: bool
    company_known: bool
    others: list[store.Record]


async def refer(tx: Tx, draft: Draft, agency: str, keyring: Keyring) -> Referred:
    """One referral, registered at once; a repeated one stays as it was and is told to nobody.

    Raises `IntegrityError` if another request was faster.
    """
    earlier = await store.referrals_of(tx.conn, agency, draft.business_number)
    same = next((row for row in earlier if row["programme"] == draft.programme), None)
    if same is not None:
        others = [row for row in earlier if row is not same]
        return Referred(await _seen(tx, agency, same["referral_id"]), False, True, others)
    row = referral_row(draft, agency, tx.new_id(), keyring, tx)
    company, was_known = await _register_one(tx, row)
    if status_of(company) == "received":
        return Referred({**row, **{name: company[name] for name in store.SHOWN}}, True, was_known, earlier)
    return Referred(await _seen(tx, agency, row["referral_id"]), True, was_known, earlier)


async def _seen(tx: Tx, agency: str, referral_id: str) -> store.Record:
    stored = await store.referral(tx.conn, agency, referral_id)
    assert stored is not None
    return stored


async def _register_one(tx: Tx, row: dict[str, Any]) -> tuple[store.Record, bool]:
    known, new = await _companies_of(tx, [row])
    company = known[row["business_number"]]
    row["company_id"] = company["company_id"]
    await insert_rows(tx.conn, store.referrals, [row])
    _tell_received(tx, row)
    await _advance(tx, [(row, company)])
    return company, row["business_number"] not in new


Accepted = Sequence[tuple[int, Draft]]
"""Row number and draft of what a file may add."""


async def store_batch(
    tx: Tx, batch_id: str, agency: str, accepted: Accepted, keyring: Keyring, report: Mapping[str, Any]
) -> dict[str, Any]:
    """All accepted rows of a file in one go; `register_waiting` registers their companies afterwards.

    Gives the report as it is answered: of the results of a very long file only the weightiest, all being stored.
    """
    if accepted:

        def rows() -> Iterator[dict[str, Any]]:
            for number, draft in accepted:
                row = referral_row(draft, agency, account.referral_id(batch_id, number), keyring, tx)
                row["batch_id"], row["row_number"] = batch_id, number
                yield row

        await insert_stream(tx.conn, store.referrals, rows())
    results = report["results"]
    pages = [results[start : start + PAGE] for start in range(0, len(results), PAGE)]
    stored = [{"batch_id": batch_id, "last_row": page[-1]["row"], "results": page} for page in pages]
    await insert_rows(tx.conn, store.batch_rows, stored)
    short = account.shortened(report)
    batch = {"batch_id": batch_id, "agency": agency, "report": short, "created_at": tx.now}
    await insert_rows(tx.conn, store.batches, [batch])
    tx.signal("unregistered", batch_id)
    return short


async def register_waiting(tx: Tx, limit: int) -> int:
    """Registers the companies of the oldest referrals that came by file; gives how many referrals."""
    rows = await store.unregistered(tx.conn, limit)
    if rows:
        await register(tx, rows)
    return len(rows)


async def register(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Registers or recognises the companies of stored referrals; one known further along is so from the start."""
    known, _ = await _companies_of(tx, rows)
    tied = [{**row, "company_id": known[row["business_number"]]["company_id"]} for row in rows]
    ties = [{"referral_id": row["referral_id"], "company_id": row["company_id"]} for row in tied]
    await update_rows(tx.conn, store.referrals, ties, key="referral_id")
    for row in tied:
        _tell_received(tx, row)
    await _advance(tx, [(row, known[row["business_number"]]) for row in tied])


async def _companies_of(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> tuple[dict[str, store.Record], set[str]]:
    """The companies of these referrals by 사업자등록번호 (one company, many doors), and which of them are new.

    What is newly learnt of a company is written and told. Raises `IntegrityError` if another request
    registered one of them at the same time.
    """
    numbers = sorted({row["business_number"] for row in rows})
    known = await store.lock_companies(tx.conn, "business_number", numbers)
    new, changed = [], []
    for number in numbers:
        company = known.get(number)
        before = CompanyProfile.model_validate(company["profile"]) if company else None
        profile = told([row for row in rows if row["business_number"] == number], before)
        if company is None:
            known[number] = _registered(tx, number, profile)
            new.append(known[number])
        elif profile != before:
            changed.append(_changed(tx, company, profile))
    await insert_rows(tx.conn, store.companies, new)
    await update_rows(tx.conn, store.companies, changed, key="company_id")
    return known, {company["business_number"] for company in new}


def told(rows: Sequence[Mapping[str, Any]], known: CompanyProfile | None = None) -> CompanyProfile:
    """What these referrals of one company, at least one, tell of it beyond what is `known`."""
    profile = known
    for row in rows:
        profile = merge.profile(profile, _draft(row))
    assert profile is not None
    return profile


def _registered(tx: Tx, number: str, profile: CompanyProfile) -> store.Record:
    identity = tx.new_id()
    tx.emit(CompanyRegisteredV1.model_construct(company_id=identity, version=1, profile=profile, registered_at=tx.now))
    empty: store.Record = dict.fromkeys(column.name for column in store.companies.columns)
    return {
        **empty,
        "company_id": identity,
        "business_number": number,
        "version": 1,
        "profile": profile.model_dump(mode="json"),
        "registered_at": tx.now,
        "assessment_version": 0,
        "offers_version": 0,
        "prices_version": 0,
    }


def _changed(tx: Tx, company: store.Record, profile: CompanyProfile) -> store.Record:
    version = company["version"] + 1
    tx.emit(
        CompanyProfileChangedV1.model_construct(
            company_id=company["company_id"], version=version, profile=profile, changed_at=tx.now
        )
    )
    return {"company_id": company["company_id"], "version": version, "profile": profile.model_dump(mode="json")}


def _tell_received(tx: Tx, row: Mapping[str, Any]) -> None:
    tx.emit(
        ReferralReceivedV1.model_construct(
            referral_id=row["referral_id"],
            agency=row["agency"],
            programme=row["programme"],
            company_id=row["company_id"],
            received_at=row["received_at"],
        )
    )


def status_of(company: Mapping[str, Any]) -> ReferralStatus:
    """How far the other services have come with a company."""
    if company["offers_version"] and company["offers_version"] == company["prices_version"]:
        return "recommended"
    return "diagnosed" if company["assessment_version"] else "received"


async def _advance(tx: Tx, moves: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]], touched: bool = False) -> None:
    """Moves referrals forward where there is a forward; tells the partner by event and webhook.

    `touched` referrals come up again for those who follow the changes even if their status stays.
    """
    changed = []
    for row, company in moves:
        status = merge.later(row["status"], status_of(company))
        if touched or status != row["status"]:
            changed.append((row, status, company))
    if not changed:
        return
    updates, told = [], []
    for row, status, company in changed:
        moved = status != row["status"]
        sequence = row["sequence"] + moved
        update = {"status": status, "sequence": sequence, "change_no": None, "changed_at": tx.now}
        updates.append({"referral_id": row["referral_id"], **update})
        if not moved:
            continue
        told.append(({**row, **update}, company))
        tx.emit(
            ReferralStatusChangedV1.model_construct(
                referral_id=row["referral_id"],
                agency=row["agency"],
                company_id=row["company_id"],
                status=status,
                sequence=sequence,
                changed_at=tx.now,
            )
        )
    await update_rows(tx.conn, store.referrals, updates, key="referral_id")
    await webhooks.enqueue(tx, told)


def _draft(row: Mapping[str, Any]) -> Draft:
    score = None
    if row["score_instrument"]:
        score = ExternalScore(
            instrument=row["score_instrument"],
            level=row["score_level"],
            levels=row["score_levels"],
            measured_on=row["score_measured_on"],
        )
    names = ("business_number", "company_name", "ksic_version", "ksic_code", "region_code", "given_region")
    known = {name: row[name] for name in (*names, "headcount", "size_class", "programme")}
    return Draft(**known, score=score, contact_email=None, notes=())


async def _apply(tx: Tx, changes: Mapping[str, dict[str, Any]], *marks: str, touches: bool) -> None:
    """Writes what another service said of companies, where it is newer by `marks`, and moves their referrals."""
    known = await store.lock_companies(tx.conn, "company_id", list(changes))
    rows, current = [], {}
    for identity, company in known.items():
        change = changes[identity]
        mark = next((name for name in marks if change[name] != company[name]), None)
        if mark and change[mark] > company[mark]:
            rows.append({"company_id": identity, **change})
            current[identity] = {**company, **change}
    if not rows:
        return
    await update_rows(tx.conn, store.companies, rows, key="company_id")
    found = await store.lock_referrals(tx.conn, list(current))
    await _advance(tx, [(row, current[row["company_id"]]) for row in found], touches)


async def assessed(tx: Tx, events: Iterable[AssessmentCompletedV1]) -> None:
    changes = {
        event.company_id: {
            "level": event.level,
            "confidence": event.confidence,
            "provisional": int(event.provisional),
            "assessment_version": event.version,
        }
        for event in sorted(events, key=lambda event: event.version)
    }
    await _apply(tx, changes, "assessment_version", touches=True)


async def recommended(tx: Tx, events: Iterable[RecommendationUpdatedV1]) -> None:
    """A list alone is no news for the partner: its prices follow."""
    changes = {
        event.company_id: {
            "offers": [offer.model_dump(mode="json", include=_SHOWN) for offer in event.offers[:TOP]],
            "offers_version": event.version,
        }
        for event in sorted(events, key=lambda event: event.version)
    }
    await _apply(tx, changes, "offers_version", touches=False)


async def priced(tx: Tx, events: Iterable[QuoteIssuedV1]) -> None:
    """Prices of a list; of two quotes of the same list the later one holds."""
    changes = {
        event.company_id: {
            "prices": {price.course_id: price.model_dump(mode="json", include=_PRICE) for price in event.prices},
            "prices_version": event.recommendation_version,
            "prices_at": event.issued_at,
        }
        for event in sorted(events, key=lambda event: (event.recommendation_version, event.issued_at))
    }
    await _apply(tx, changes, "prices_version", "prices_at", touches=True)


_SHOWN = {"course_id", "title", "provider", "starts_on", "programme"}
_PRICE = {"outcome", "cost", "support", "self_pay", "quote_id"}
