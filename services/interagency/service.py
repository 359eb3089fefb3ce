"""Use cases: refer companies, register them, move referrals along as the other services speak."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from libs.common.crypto import Keyring
from libs.common.db import Tx
from libs.common.rows import insert_new, insert_rows, insert_stream, update_rows, upsert_rows
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

_REGISTRATION = ("company_id", "business_number", "version", "profile", "registered_at")


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


async def refer(tx: Tx, draft: Draft, agency: str, keyring: Keyring) -> tuple[str, bool]:
    """One referral, registered at once. Gives its id, and whether it is new: a repeated one stays as it was."""
    row = referral_row(draft, agency, tx.new_id(), keyring, tx)
    row["change_no"] = await store.take_numbers(tx.conn, 1)
    key = ("business_number", "agency", "programme")
    if not await insert_new(tx.conn, store.referrals, [row], key=key):
        known = await store.existing(tx.conn, agency, [draft.business_number])
        return known[draft.business_number, draft.programme], False
    await register(tx, [row])
    return str(row["referral_id"]), True


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
    """Registers or recognises the company of each referral (one company, many doors) and tells the others."""
    numbers = sorted({row["business_number"] for row in rows})
    fresh = [_unknown_company(number, tx) for number in numbers]
    new = await insert_new(tx.conn, store.companies, fresh, key="business_number")
    known = await store.lock_companies(tx.conn, store.companies.c.business_number, numbers)
    profiles: dict[str, CompanyProfile | None] = {
        number: None if number in new else CompanyProfile.model_validate(known[number]["profile"]) for number in numbers
    }
    before = dict(profiles)
    for row in rows:
        profiles[row["business_number"]] = merge.profile(profiles[row["business_number"]], _draft(row))
    changed = []
    for number in numbers:
        profile = profiles[number]
        assert profile is not None
        if profile != before[number]:
            changed.append(_tell(tx, known[number], profile))
    await upsert_rows(tx.conn, store.companies, changed, key="company_id")
    await _join_companies(tx, rows, known)


def _unknown_company(number: str, tx: Tx) -> dict[str, Any]:
    return {
        "company_id": tx.new_id(),
        "business_number": number,
        "version": 0,
        "profile": {},
        "registered_at": tx.now,
        "assessment_version": 0,
        "offers_version": 0,
        "prices_version": 0,
    }


def _tell(tx: Tx, company: store.Record, profile: CompanyProfile) -> dict[str, Any]:
    """The company's new state as a row, its event emitted."""
    version, identity = company["version"] + 1, company["company_id"]
    if version == 1:
        tx.emit(
            CompanyRegisteredV1.model_construct(
                company_id=identity, version=1, profile=profile, registered_at=company["registered_at"]
            )
        )
    else:
        tx.emit(
            CompanyProfileChangedV1.model_construct(
                company_id=identity, version=version, profile=profile, changed_at=tx.now
            )
        )
    stored = {**company, "version": version, "profile": profile.model_dump(mode="json")}
    return {name: stored[name] for name in (*_REGISTRATION, *_COUNTERS)}


_COUNTERS = ("assessment_version", "offers_version", "prices_version")


async def _join_companies(tx: Tx, rows: Sequence[Mapping[str, Any]], known: Mapping[str, store.Record]) -> None:
    """Ties referrals to their companies; one that is known further along is so from the start."""
    ties = []
    for row in rows:
        company = known[row["business_number"]]
        identity = company["company_id"]
        ties.append({"referral_id": row["referral_id"], "company_id": identity})
        tx.emit(
            ReferralReceivedV1.model_construct(
                referral_id=row["referral_id"],
                agency=row["agency"],
                programme=row["programme"],
                company_id=identity,
                received_at=row["received_at"],
            )
        )
    await update_rows(tx.conn, store.referrals, ties, key="referral_id")
    reached = [({**row, "company_id": known[row["business_number"]]["company_id"]}, known[row["business_number"]])
               for row in rows]  # fmt: skip
    await _advance(tx, ((row, status_of(company), company) for row, company in reached))


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
