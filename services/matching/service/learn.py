"""What events tell of courses and companies."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from libs.common.db import Tx
from libs.common.rows import rows_by
from libs.contracts.catalog import CoursePublishedV1, CourseWithdrawnV1
from libs.contracts.diagnosis import AssessmentCompletedV1
from services.matching import store
from services.matching.service.renew import renew
from services.matching.service.replica import Replica, facts_of


class _News(Protocol):
    @property
    def version(self) -> int: ...

    def key(self) -> str: ...


Told = TypeVar("Told", bound=_News)


async def learn_courses(tx: Tx, replica: Replica, news: Sequence[CoursePublishedV1 | CourseWithdrawnV1]) -> None:
    """Takes in courses published, changed or withdrawn (과정 공개·변경·철회), and renews the lists they may change."""
    number = await replica.enter(tx)
    newest = _newest(news)
    known = await rows_by(tx.conn, store.courses, "course_id", sorted(newest), ("course_id", "version"))
    rows: list[store.Row] = [
        {
            "course_id": course_id,
            "version": told.version,
            "withdrawn": isinstance(told, CourseWithdrawnV1),
            "course": told.course.model_dump_json() if isinstance(told, CoursePublishedV1) else None,
            "change_no": number,
        }
        for course_id, told in newest.items()
        if course_id not in known or told.version > known[course_id]["version"]
    ]
    await store.write_courses(tx.conn, rows)
    for row in rows:
        replica.put_course(row)
    await renew(tx, replica, replica.engine.affected(row["course_id"] for row in rows), number)


async def learn_assessments(tx: Tx, replica: Replica, news: Sequence[AssessmentCompletedV1]) -> None:
    """Takes in a company's AX level and wants with the facts they rest on (AX 수준 진단), and makes its list."""
    number = await replica.enter(tx)
    newest = _newest(news)
    known = await companies(tx, replica, newest)
    rows: list[store.Row] = []
    quoted: dict[str, int] = {}
    for company_id, told in newest.items():
        row = known.get(company_id) or store.new_company(company_id)
        if told.version > row["assessment_version"]:
            facts = told.facts or facts_of(row)
            kept = told.model_copy(update={"facts": facts}).model_dump_json(exclude={"dimensions", "reasons"})
            new = {"assessment": kept, "assessment_version": told.version, "change_no": number}
            rows.append({**row, **new, "business_number": told.business_number or row["business_number"]})
            if facts is not None:
                quoted[company_id] = row["quoted_version"]
    await store.write_companies(tx.conn, rows)
    for row in rows:
        replica.put_company(row)
        if replica.engine.companies.has_list(row["company_id"]):
            tx.signal("answers", row["company_id"])
    await renew(tx, replica, sorted(quoted), number, quoted)


def _newest(news: Iterable[Told]) -> dict[str, Told]:
    newest: dict[str, Told] = {}
    for told in news:
        before = newest.get(told.key())
        if before is None or told.version > before.version:
            newest[told.key()] = told
    return newest


async def companies(tx: Tx, replica: Replica, ids: Iterable[str]) -> Mapping[str, store.Row]:
    """Rows of the companies that have one. A replica in its turn knows which, so new ones are not asked for."""
    there = [company_id for company_id in sorted(ids) if company_id in replica.known]
    halves = {company_id: row for company_id in there if (row := replica.known[company_id]) is not None}
    whole = [company_id for company_id in there if company_id not in halves]
    return halves | await rows_by(tx.conn, store.companies, "company_id", whole)
