"""The bundled sample shows what the system is for: every programme with courses, and rows that are refused."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from libs.contracts.catalog import FIELDS, Course
from libs.reference import ncs, regions
from services.catalog.domain.merge import Gathered, gather
from services.catalog.parsing import Parsed, parse
from services.catalog.sources import SOURCES
from tests.catalog.conftest import Catalog, adds_up

SAMPLE = Path(__file__).resolve().parents[2] / "cli" / "sample" / "courses.csv"
TODAY = date(2026, 11, 23)
PROGRAMMES = {f"P{number}" for number in (*range(1, 6), *range(8, 16), *range(17, 23), 25)}


@pytest.fixture(scope="module")
def parsed() -> Parsed:
    return parse(SOURCES["ieum"], SAMPLE.read_bytes(), TODAY)


@pytest.fixture(scope="module")
def found(parsed: Parsed) -> list[Gathered]:
    return gather(parsed.drafts)[0]


@pytest.fixture(scope="module")
def courses(found: list[Gathered]) -> list[Course]:
    return [one.speaker[1].course for one in found]


def test_the_sample_says_of_itself_that_it_is_one(courses: list[Course]) -> None:
    assert 60 <= len(courses) <= 80
    assert all(course.title.endswith("(견본)") for course in courses)


def test_the_sample_covers_programmes_levels_fields_and_modes(courses: list[Course]) -> None:
    assert {course.programme for course in courses} >= PROGRAMMES
    assert {course.level for course in courses} == {"beginner", "intermediate", "advanced"}
    assert {course.field for course in courses} == set(FIELDS)
    assert {course.mode for course in courses} == {"onsite", "remote", "blended"}
    assert Counter(course.ai for course in courses)[False] > 0


def test_the_sample_sits_in_all_tiers_at_codes_in_force(courses: list[Course]) -> None:
    codes = {course.region_code for course in courses if course.region_code}

    assert {regions.tier3(code, TODAY) for code in codes} == {"capital", "non_capital", "depopulation"}
    assert all(regions.in_force(code, TODAY) for code in codes)


def test_the_sample_uses_real_ncs_codes(courses: list[Course]) -> None:
    assert all(ncs.parse(course.ncs_code) == course.ncs_code for course in courses if course.ncs_code)


def test_the_sample_starts_between_december_and_june(found: list[Gathered]) -> None:
    sessions = [draft.session for one in found for _, draft in one.rows.values() if draft.session]

    starts = [session.starts_on for session in sessions if session.starts_on]
    assert len(starts) == len(sessions)
    assert date(2026, 12, 1) <= min(starts)
    assert max(starts) <= date(2027, 6, 30)


def test_most_courses_of_the_sample_have_a_unit_price_and_some_have_none(courses: list[Course]) -> None:
    priced = [course for course in courses if course.unit_price]

    assert 0.8 < len(priced) / len(courses) < 1


async def test_the_sample_loads_with_its_two_refusals_and_its_duplicate(catalog: Catalog) -> None:
    report = await catalog.loaded("ieum", SAMPLE.read_bytes())

    assert adds_up(report)
    assert (report["merged"], report["refused"], report["updated"], report["unchanged"]) == (1, 2, 0, 0)
    assert [one["code"] for one in report["lists"]["refused"]] == ["programme-unknown", "negative"]
    assert len(await catalog.events()) == report["courses"]["new"]
