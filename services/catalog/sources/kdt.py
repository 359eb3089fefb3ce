"""K-Digital Training sessions (KDT 회차), the CSV of the training system's open data. One row is one session."""

from libs.contracts.catalog import Course, Session
from services.catalog.domain import classify
from services.catalog.domain.draft import Draft, course_id
from services.catalog.domain.field import field
from services.catalog.domain.programme import of_scheme
from services.catalog.domain.text import title
from services.catalog.domain.value import won
from services.catalog.sources.base import (
    MOST_ID,
    MOST_TITLE,
    Fields,
    Source,
    dates,
    hours,
    known,
    ncs_code,
    places,
    seat,
    session_no,
    url,
)

NAME = "kdt"
COLUMNS = (
    "과정명", "훈련과정 ID", "회차", "훈련기관", "총 훈련시간", "과정시작일", "과정종료일", "NCS코드", "훈련비", "정원",
    "지역", "주소", "과정페이지 링크",
)  # fmt: skip


def draft(fields: Fields) -> Draft:
    name = fields.text("과정명", MOST_TITLE, title)
    source_id = fields.text("훈련과정 ID", MOST_ID)
    number = fields.required("회차", session_no, 0)
    provider = fields.text("훈련기관")
    starts_on, ends_on = dates(fields, "과정시작일", "과정종료일")
    code = fields.optional("NCS코드", ncs_code)
    length = fields.optional("총 훈련시간", known(hours))
    session = Session(
        session_no=number,
        starts_on=starts_on,
        ends_on=ends_on,
        capacity=fields.optional("정원", known(places)),
        fee=fields.optional("훈련비", known(won)),
    )
    link = fields.optional("과정페이지 링크", url)
    region = seat(fields, None, "지역", "주소")
    fields.done()
    ai = classify.is_ai(name, code)
    level = classify.level(name, code, length)
    # KDT is 집체훈련 unless the course itself says otherwise.
    mode = classify.mode(name) or "onsite"
    course = Course(
        course_id=course_id(NAME, source_id),
        source=NAME,
        source_id=source_id,
        programme=of_scheme("C0104", ai, level, mode),
        title=name,
        provider=provider,
        mode=mode,
        level=level,
        field=field(name, code, ai),
        ai=ai,
        hours=length,
        ncs_code=code,
        region_code=region,
        url=link,
    )
    return Draft(course, session, notes=tuple(fields.notes))


SOURCE = Source(NAME, COLUMNS, draft)
