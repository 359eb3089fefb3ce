"""K-MOOC courses, the CSV of the public course list. One row is one run of a course.

A run has its own address and its own title, and a name such as `2022_T1` for a number, so each run is a
course without sessions. The list states neither fee nor hours nor dates: they stay unknown. A run
that is over and cannot be audited (종료) is kept and not offered.
"""

import re

from libs.contracts.catalog import Course
from services.catalog.domain import classify
from services.catalog.domain.draft import Draft, course_id
from services.catalog.domain.fault import Fault, Refused
from services.catalog.domain.field import field
from services.catalog.domain.programme import KMOOC
from services.catalog.domain.text import clean, title
from services.catalog.sources.base import MOST_ID, MOST_TITLE, Fields, Source, url

NAME = "kmooc"
COLUMNS = ("title", "condition", "url", "agency", "introduce", "kind")

_OPEN = {"개강예정": True, "진행중": True, "종료(청강가능)": True, "종료": False}
_KEY = re.compile(r"/courses?/course-v1:([^/?#\s]+)")
# "공학 (컴퓨터ㆍ통신)": of the categories only this one says more than the title does.
_COMPUTING = re.compile(r"컴퓨터")
_BUSINESS = re.compile(r"경영")


def draft(fields: Fields) -> Draft:
    name = fields.text("title", MOST_TITLE, title)
    provider = fields.text("agency")
    is_open = fields.required("condition", _condition, True)
    link = fields.required("url", url, "")
    source_id = fields.required("url", _key, "") if link else ""
    kind = clean(fields.raw("kind") or "")
    fields.done()
    ai = classify.is_ai(name)
    course = Course(
        course_id=course_id(NAME, source_id),
        source=NAME,
        source_id=source_id,
        programme=KMOOC,
        title=name,
        provider=provider,
        mode="remote",
        level=classify.level(name),
        field=field(name, _ncs_of(kind), ai),
        ai=ai,
        url=link,
    )
    return Draft(course, open=is_open)


def _condition(name: str, raw: str) -> bool:
    found = _OPEN.get(clean(raw).replace(" ", ""))
    if found is None:
        known = ", ".join(_OPEN)
        raise Refused([Fault(name, "unknown-value", f"{known} 가운데 하나여야 합니다", f"must be one of {known}", raw)])
    return found


def _key(name: str, raw: str) -> str:
    """`org+code+run` of an Open edX course key."""
    match = _KEY.search(raw)
    if match is None or not 1 <= len(match[1]) <= MOST_ID:
        ko, en = "강좌 주소에 course-v1 식별자가 없습니다", "holds no course-v1 key"
        raise Refused([Fault(name, "no-course-key", ko, en, raw)])
    return match[1]


def _ncs_of(kind: str) -> str | None:
    """The NCS 대분류 nearest to a K-MOOC category, where there is one."""
    if _COMPUTING.search(kind):
        return "20"
    if _BUSINESS.search(kind):
        return "02"
    return "15" if kind.startswith("공학") else None


SOURCE = Source(NAME, COLUMNS, draft)
