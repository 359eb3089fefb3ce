"""work24 (고용24) course lists 310L01, 311L01 and 312L01 as JSON. Every value is a string or null.

`courseMan` is "0" throughout the employers' list, where `realMan` holds the fee; "0" means unknown. The
lists state no training hours. `titleIcon` is HTML and is not read.
"""

from libs.contracts.catalog import Course, Mode, Session
from services.catalog.domain import classify
from services.catalog.domain.draft import Draft, course_id
from services.catalog.domain.fault import Fault, Refused
from services.catalog.domain.field import field
from services.catalog.domain.programme import BLENDED_SCHEMES, REMOTE_SCHEMES, SCHEMES, of_scheme
from services.catalog.domain.text import title
from services.catalog.domain.value import won
from services.catalog.sources.base import (
    MOST_ID,
    MOST_TITLE,
    Fields,
    Source,
    dates,
    known,
    ncs_code,
    places,
    seat,
    session_no,
    url,
)

NAME = "work24"
COLUMNS = ("trprId", "trprDegr", "title", "subTitle", "trainTargetCd", "traStartDate", "traEndDate", "ncsCd", "realMan")

_CLASSROOM = 100
"""More places than any classroom of these schemes has: such a course is remote."""


def draft(fields: Fields) -> Draft:
    name = fields.text("title", MOST_TITLE, title)
    source_id = fields.text("trprId", MOST_ID)
    number = fields.required("trprDegr", session_no, 0)
    provider = fields.text("subTitle")
    scheme = fields.required("trainTargetCd", _scheme, "")
    starts_on, ends_on = dates(fields, "traStartDate", "traEndDate")
    code = fields.optional("ncsCd", ncs_code)
    real, listed = fields.optional("realMan", known(won)), fields.optional("courseMan", known(won))
    capacity = fields.optional("yardMan", known(places))
    link = fields.optional("titleLink", url)
    region = seat(fields, "trngAreaCd", "address")
    fields.done()
    ai = classify.is_ai(name, code)
    level = classify.level(name, code)
    mode = _mode(scheme, name, provider, capacity)
    course = Course(
        course_id=course_id(NAME, source_id),
        source=NAME,
        source_id=source_id,
        programme=of_scheme(scheme, ai, level, mode),
        title=name,
        provider=provider,
        mode=mode,
        level=level,
        field=field(name, code, ai),
        ai=ai,
        ncs_code=code,
        region_code=region,
        url=link,
    )
    session = Session(
        session_no=number,
        starts_on=starts_on,
        ends_on=ends_on,
        capacity=capacity,
        fee=real if real is not None else listed,
    )
    return Draft(course, session, notes=tuple(fields.notes))


def _mode(scheme: str, name: str, provider: str, capacity: int | None) -> Mode:
    """훈련방식: the scheme's own, else what title or institution say, else by the number of places."""
    if scheme in REMOTE_SCHEMES:
        return "remote"
    if scheme in BLENDED_SCHEMES:
        return "blended"
    return classify.mode(name, provider) or ("remote" if (capacity or 0) > _CLASSROOM else "onsite")


def _scheme(name: str, raw: str) -> str:
    code = raw.upper()
    if code not in SCHEMES:
        ko, en = "알 수 없는 훈련대상 코드입니다", "is no known trainTargetCd"
        raise Refused([Fault(name, "programme-unknown", ko, en, raw)])
    return code


SOURCE = Source(NAME, COLUMNS, draft)
