"""Use cases: refer companies, register them, move referrals along as the other services speak."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

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
from services.interagency.domain import merge
from services.interagency.domain.draft import Draft

TOP = 3
"""How many recommended courses a partner sees of each company."""


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
        "change_no": 0,
        "received_at": tx.now,
        "changed_at": tx.now,
    }


async def refer(tx: Tx, draft: Draft, agency: str, keyring: Keyring) -> tuple[store.Record, bool, bool]:
    """One referral, registered at once. Gives it as a partner sees it, whether it is new (a repeated one stays
    as it was), and whether the company was known. Raises `IntegrityError` if another request was faster."""
    earlier = await store.existing(tx.conn, agency, [draft.business_number])
    identity = earlier.get((draft.business_number, draft.programme))
    if identity is None:
        row = referral_row(draft, agency, tx.new_id(), keyring, tx)
        company, was_known = await _register_one(tx, row)
        if status_of(company) == "received":
            return {**row, **{name: company[name] for name in store.SHOWN}}, True, was_known
        identity = row["referral_id"]
    else:
        was_known = True
    stored = await store.referral(tx.conn, agency, identity)
    assert stored is not None
    return stored, identity not in earlier.values(), was_known


async def _register_one(tx: Tx, row: dict[str, Any]) -> tuple[store.Record, bool]:
    known, new = await _companies_of(tx, [row])
    company = known[row["business_number"]]
    row["company_id"] = company["company_id"]
    # The change number comes last: its lock lets one transaction at a time through.
    row["change_no"] = await store.take_numbers(tx.conn, 1)
    await insert_rows(tx.conn, store.referrals, [row])
    _tell_received(tx, row)
    await _advance(tx, [(row, status_of(company), company)])
    return company, row["business_number"] not in new


Accepted = Sequence[tuple[int, Draft]]
"""Row number and draft of what a file may add."""


async def store_batch(tx: Tx, batch_id: str, agency: str, accepted: Accepted, keyring: Keyring, report: Any) -> None:
    """All accepted rows of a file in one go; `register_waiting` registers their companies afterwards."""
    if accepted:
        first = await store.take_numbers(tx.conn, len(accepted))

        def rows() -> Iterator[dict[str, Any]]:
            for change_no, (number, draft) in enumerate(accepted, start=first):
                row = referral_row(draft, agency, f"{batch_id}.{number}", keyring, tx)
                row["batch_id"], row["row_number"], row["change_no"] = batch_id, number, change_no
                yield row

        await insert_stream(tx.conn, store.referrals, rows())
    batch = {"batch_id": batch_id, "agency": agency, "report": report, "created_at": tx.now}
    await insert_rows(tx.conn, store.batches, [batch])
    tx.signal("unregistered", batch_id)


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
    companies = [known[row["business_number"]] for row in tied]
    await _advance(tx, [(row, status_of(company), company) for row, company in zip(tied, companies, strict=True)])


async def _companies_of(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> tuple[dict[str, store.Record], set[str]]:
    """The companies of these referrals by 사업자등록번호 (one company, many doors), and which of them are new.

    What is newly learnt of a company is written and told. Raises `IntegrityError` if another request
    registered one of them at the same time.
    """
    numbers = sorted({row["business_number"] for row in rows})
    known = await store.lock_companies(tx.conn, store.companies.c.business_number, numbers)
    new, changed = [], []
    for number in numbers:
        company = known.get(number)
        before = CompanyProfile.model_validate(company["profile"]) if company else None
        profile = before
        for row in rows:
            if row["business_number"] == number:
                profile = merge.profile(profile, _draft(row))
        assert profile is not None
        if company is None:
            known[number] = _registered(tx, number, profile)
            new.append(known[number])
        elif profile != before:
            changed.append(_changed(tx, company, profile))
    await insert_rows(tx.conn, store.companies, new)
    await update_rows(tx.conn, store.companies, changed, key="company_id")
    return known, {company["business_number"] for company in new}


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


async def _advance(tx: Tx, moves: Iterable[tuple[Mapping[str, Any], ReferralStatus, Mapping[str, Any]]]) -> None:
    """Moves referrals forward where there is a forward; tells the partner by event and webhook."""
    changed = []
    for row, status, company in moves:
        if merge.later(row["status"], status) == row["status"]:
            continue
        changed.append((row, status, company))
    if not changed:
        return
    first = await store.take_numbers(tx.conn, len(changed))
    updates, told = [], []
    for number, (row, status, company) in enumerate(changed, start=first):
        sequence = row["sequence"] + 1
        update = {"status": status, "sequence": sequence, "change_no": number, "changed_at": tx.now}
        updates.append({"referral_id": row["referral_id"], **update})
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


async def _apply(tx: Tx, changes: Mapping[str, dict[str, Any]], newer: str) -> None:
    """Writes what another service said of companies, where it is newer, and moves their referrals."""
    known = await store.lock_companies(tx.conn, store.companies.c.company_id, list(changes))
    rows, current = [], {}
    for identity, company in known.items():
        change = changes[identity]
        if change[newer] > company[newer]:
            rows.append({"company_id": identity, **change})
            current[identity] = {**company, **change}
    if not rows:
        return
    await update_rows(tx.conn, store.companies, rows, key="company_id")
    found = await store.lock_referrals(tx.conn, list(current))
    await _advance(tx, ((r, status_of(current[r["company_id"]]), current[r["company_id"]]) for r in found))


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
    await _apply(tx, changes, "assessment_version")


async def recommended(tx: Tx, events: Iterable[RecommendationUpdatedV1]) -> None:
    changes = {
        event.company_id: {
            "offers": [offer.model_dump(mode="json", include=_SHOWN) for offer in event.offers[:TOP]],
            "offers_version": event.version,
        }
        for event in sorted(events, key=lambda event: event.version)
    }
    await _apply(tx, changes, "offers_version")


async def priced(tx: Tx, events: Iterable[QuoteIssuedV1]) -> None:
    changes = {
        event.company_id: {
            "prices": {price.course_id: price.model_dump(mode="json", include=_PRICE) for price in event.prices[:TOP]},
            "prices_version": event.recommendation_version,
        }
        for event in sorted(events, key=lambda event: event.recommendation_version)
    }
    await _apply(tx, changes, "prices_version")


_SHOWN = {"course_id", "title", "provider", "starts_on", "programme"}
_PRICE = {"outcome", "cost", "support", "self_pay", "quote_id"}
