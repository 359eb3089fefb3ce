"""The account of a file: what becomes of every row, so that the numbers add up."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from services.interagency.domain.draft import Draft, Fault

MOST_LISTED = 10_000
"""Results in one answer; those of a longer file are read page by page."""

AGAIN = Fault(
    "programme",
    "referred-before",
    "이미 연계된 기업·사업입니다. 처음 보낸 내용이 그대로 남습니다.",
    "This company and programme were referred before; what was sent first stays.",
)
"""Said of a referral that is there already."""

_WEIGHT = {"refused": 0, "duplicate": 1, "accepted": 2}

Drafts = Sequence[tuple[int, Draft | tuple[Fault, ...]]]
"""Row number and what was read there: a draft, or all that is wrong."""

Place = tuple[str, str]
"""사업자등록번호 and programme: a company is referred once under each."""


def referral_id(batch_id: str, row: int) -> str:
    """A partner can tell the id of any accepted row of a file."""
    return f"{batch_id}.{row}"


def results_of(
    drafts: Drafts, known: Collection[str], existing: Mapping[Place, str], batch_id: str | None
) -> tuple[dict[str, int], list[dict[str, Any]], list[tuple[int, Draft]]]:
    """Counts, results by row, and what may be stored. `rows` = `accepted` + `duplicates` + `refused`.

    `recognised` are accepted rows of companies known before. `batch_id` is None where nothing will be stored. Of more
    than `MOST_LISTED` rows those accepted without remark have no result: their ids are told by their row numbers.
    """
    lists_all = len(drafts) <= MOST_LISTED
    first_row: dict[Place, int] = {}
    counts: Counter[str] = Counter()
    results: list[dict[str, Any]] = []
    accepted: list[tuple[int, Draft]] = []
    for number, draft in drafts:
        if not isinstance(draft, Draft):
            counts["refused"] += 1
            results.append({"row": number, "result": "refused", "errors": [fault.shown() for fault in draft]})
            continue
        place = (draft.business_number, draft.programme)
        if place in first_row or place in existing:
            counts["duplicates"] += 1
            results.append({"row": number, "result": "duplicate", **_repeats(place, existing, first_row)})
            continue
        first_row[place] = number
        accepted.append((number, draft))
        is_known = draft.business_number in known
        if is_known:
            counts["recognised"] += 1
        if lists_all or draft.notes:
            result: dict[str, Any] = {"row": number, "result": "accepted", "company_known": is_known}
            if batch_id:
                result["referral_id"] = referral_id(batch_id, number)
            if draft.notes:
                result["notes"] = [note.shown() for note in draft.notes]
            results.append(result)
    counts["accepted"] = len(accepted)
    names = ("accepted", "duplicates", "refused", "recognised")
    return {"rows": len(drafts), **{name: counts[name] for name in names}}, results, accepted


def _repeats(place: Place, existing: Mapping[Place, str], first_row: Mapping[Place, int]) -> dict[str, Any]:
    if place in first_row:
        row = first_row[place]
        ko, en = f"{row}행과 같은 기업·사업입니다.", f"The same company and programme as row {row}."
        return {"repeats_row": row, "ko": ko, "en": en}
    return {"referral_id": existing[place], "ko": AGAIN.ko, "en": AGAIN.en}


def shortened(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report with at most `MOST_LISTED` results, refused rows kept before duplicates, those before accepted."""
    results = report["results"]
    if len(results) > MOST_LISTED:
        weightiest = sorted(results, key=lambda result: _WEIGHT[result["result"]])[:MOST_LISTED]
        results = sorted(weightiest, key=lambda result: int(result["row"]))
    return {**report, "results": results, "omitted": report["rows"] - len(results)}
