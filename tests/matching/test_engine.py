"""The engine gives what weighing and sorting every course would give, however it came to know them."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.contracts.catalog import FIELDS, Course
from services.matching.domain.offers import offers
from services.matching.domain.rules import BANDS, LEVELS, MODES
from services.matching.domain.scoring import Seeker
from services.matching.engine import Engine
from tests.matching.makers import DAY, RULES, company, course, session, slow_list

REGIONS = ["11680", "11110", "41281", "41285", "41280", "26140", "46110", "12110", "48820", "41", "99999"]
KSICS = [None, "26", "2612", "26121", "29271", "62010", "01123"]
TARGETS = [(), (), (), ("26",), ("2612", "62"), ("C",), ("J", "29")]

starts = st.none() | st.integers(-40, 400).map(lambda days: DAY + timedelta(days=days))
sessions = st.lists(starts, max_size=3).map(lambda found: tuple(session(n, at) for n, at in enumerate(found, 1)))


def courses_of(ids: st.SearchStrategy[str]) -> st.SearchStrategy[Course]:
    return st.builds(
        course,
        ids,
        level=st.sampled_from(LEVELS),
        field=st.sampled_from([*FIELDS, "quantum"]),
        mode=st.sampled_from(MODES),
        title=st.sampled_from(["AI 기초", "AI 실무", "ai 실무", "AI 심화"]),
        hours=st.none() | st.integers(0, 60) | st.just(6),
        ai=st.sampled_from([True, True, True, False]),
        programme=st.sampled_from(["P10", "P1", "P4", "another"]),
        provider=st.sampled_from(["가", "나", "다", "라", ""]),
        region_code=st.none() | st.sampled_from(REGIONS),
        target_ksic=st.sampled_from(TARGETS),
        sessions=sessions,
    )


weight = st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0])
seekers = st.builds(
    company,
    st.fixed_dictionaries({"region_code": st.sampled_from(REGIONS), "ksic_code": st.sampled_from(KSICS)}),
    level=st.sampled_from(LEVELS),
    field_weights=st.dictionaries(st.sampled_from(FIELDS), weight),
    mode_weights=st.dictionaries(st.sampled_from(MODES), weight),
    hour_weights=st.dictionaries(st.sampled_from(BANDS), weight),
)
ids = st.integers(0, 60).map("c{}".format)
catalogues = st.lists(courses_of(ids), max_size=60, unique_by=lambda one: one.course_id)


def found_ids(engine: Engine, who: Seeker) -> list[str]:
    return [one.course_id for one in engine.find(who).courses]


@settings(max_examples=150, deadline=None)
@given(catalogues, seekers)
def test_the_engine_finds_what_weighing_every_course_finds(catalogue: list[Course], who: Seeker) -> None:
    engine = Engine(RULES, DAY)
    for one in catalogue:
        engine.put(one)
    assert found_ids(engine, who) == slow_list(who, catalogue)


changes = st.lists(st.lists(courses_of(ids) | ids, min_size=1, max_size=6), max_size=6)


@settings(max_examples=120, deadline=None)
@given(catalogues, st.lists(seekers, min_size=1, max_size=5), changes)
def test_lists_kept_up_to_date_equal_lists_made_from_scratch(
    catalogue: list[Course], companies: list[Seeker], batches: list[list[Course | str]]
) -> None:
    """Only the companies that the engine names are given a new list; a bare id is a withdrawal."""
    engine, known = Engine(RULES, DAY), {one.course_id: one for one in catalogue}
    for one in catalogue:
        engine.put(one)
    lists: dict[str, list[str]] = {}

    def give(name: str, who: Seeker) -> None:
        found = engine.find(who)
        lists[name] = [one.course_id for one in found.courses]
        engine.set_list(name, lists[name], found.floor)

    for number, who in enumerate(companies):
        engine.companies.put(f"k{number}", who)
        give(f"k{number}", who)
    for batch in batches:
        for change in batch:
            if isinstance(change, str):
                known.pop(change, None)
                engine.drop(change)
            else:
                known[change.course_id] = change
                engine.put(change)
        named = [change if isinstance(change, str) else change.course_id for change in batch]
        for name in engine.affected(named):
            give(name, companies[int(name[1:])])
        assert lists == {f"k{n}": slow_list(who, known.values()) for n, who in enumerate(companies)}


@settings(max_examples=60, deadline=None)
@given(catalogues, seekers, st.integers(1, 90))
def test_another_day_gives_the_list_of_that_day(catalogue: list[Course], who: Seeker, days: int) -> None:
    engine = Engine(RULES, DAY)
    for one in catalogue:
        engine.put(one)
    engine.advance(DAY + timedelta(days=days))
    assert found_ids(engine, who) == slow_list(who, catalogue, DAY + timedelta(days=days))


def test_the_day_never_goes_back() -> None:
    engine = Engine(RULES, DAY)
    engine.advance(date(2026, 1, 1))
    assert engine.day == DAY


def test_one_large_provider_takes_three_places_at_most() -> None:
    engine = Engine(RULES, DAY)
    catalogue = [course(f"big{n}", provider="big") for n in range(500)]
    catalogue += [course(f"small{n}", provider=f"small {n}", hours=50) for n in range(4)]
    for one in catalogue:
        engine.put(one)
    found = engine.find(company())
    assert [one.provider == "big" for one in found.courses] == [True] * 3 + [False] * 4


def test_of_runs_of_one_course_the_best_is_listed() -> None:
    engine = Engine(RULES, DAY)
    runs = [course(f"run{n}", title="AI 개론", provider="대학교") for n in range(3)]
    others = [course("onsite", title="AI 개론", provider="대학교", mode="onsite"), course("other", title="AI 개론")]
    for one in (*runs, *others):
        engine.put(one)
    listed = found_ids(engine, company())
    assert sorted(name[:3] for name in listed) == ["ons", "oth", "run"]

    engine.drop(next(name for name in listed if name.startswith("run")))
    assert len(found_ids(engine, company())) == 3


def test_a_course_that_comes_concerns_only_companies_it_suits() -> None:
    engine = Engine(RULES, DAY)
    for n in range(30):
        engine.put(course(f"c{n}"))
    for name, level in (("new", "beginner"), ("expert", "advanced")):
        engine.companies.put(name, company(level=level))
        found = engine.find(company(level=level))
        engine.set_list(name, [one.course_id for one in found.courses], found.floor)
    engine.put(course("for experts", level="advanced"))
    assert engine.affected(["for experts"]) == ["expert"]


def test_a_withdrawn_course_concerns_the_companies_that_hold_it() -> None:
    engine = Engine(RULES, DAY)
    for n in range(30):
        engine.put(course(f"c{n}", provider=f"p{n}"))
    engine.companies.put("k1", company())
    found = engine.find(company())
    held = [one.course_id for one in found.courses]
    engine.set_list("k1", held, found.floor)
    spare = next(f"c{n}" for n in range(30) if f"c{n}" not in held)
    for gone, concerned in ((spare, []), (held[4], ["k1"])):
        engine.drop(gone)
        assert engine.affected([gone]) == concerned


def test_a_forgotten_company_is_concerned_by_nothing() -> None:
    engine = Engine(RULES, DAY)
    engine.companies.put("k1", company())
    engine.set_list("k1", [], engine.find(company()).floor)
    engine.put(course())
    assert engine.affected(["c1"]) == ["k1"]
    engine.companies.forget("k1")
    assert engine.affected(["c1"]) == []
    assert len(engine.companies) == 0


@pytest.mark.parametrize("count", [1, 9, 70])
def test_arrays_grow_without_losing_anyone(count: int) -> None:
    engine = Engine(RULES, DAY)
    seen: dict[str, Any] = {}
    for n in range(count):
        who = company({"region_code": f"{11000 + n}", "ksic_code": f"{10 + n}"}, level=LEVELS[n % 3])
        seen[f"k{n:02d}"] = who
        engine.companies.put(f"k{n:02d}", who)
        engine.set_list(f"k{n:02d}", [], engine.find(who).floor)
    engine.put(course(level="intermediate"))
    assert engine.affected(["c1"]) == sorted(seen)


@given(
    st.lists(courses_of(st.integers(0, 40).map(str)), max_size=25, unique_by=lambda one: one.course_id),
    st.sampled_from(LEVELS),
    st.booleans(),
    st.sampled_from(["priority", "large_under_1000", None]),
    st.none() | st.integers(0, 900),
)
def test_companies_of_one_kind_are_recommended_the_same(
    courses: list[Course], level: str, provisional: bool, size_class: str | None, headcount: int | None
) -> None:
    engine = Engine(RULES, DAY)
    for one in courses:
        engine.put(one)
    first = company(level=level, provisional=provisional)
    second = company({"size_class": size_class, "headcount": headcount}, level=level, provisional=provisional)
    assert first.kind == second.kind
    lists = [offers(RULES, who, engine.find(who).courses, DAY) for who in (first, second)]
    assert lists[0] == lists[1]
