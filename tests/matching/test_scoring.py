"""The rules of the score as tables."""

from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.catalog import FIELDS
from services.matching import weights
from services.matching.domain.offers import offers
from services.matching.domain.rules import BANDS, MODES, parse
from services.matching.domain.scoring import (
    EXCLUDED,
    hours_band,
    industry_points,
    next_session,
    offered,
    parts,
    points,
    programme_points,
    region_points,
    start_points,
)
from tests.matching.makers import DAY, RULES, company, course, session

WEIGHTS = yaml.safe_load((Path(weights.__file__).parent / "data" / "scoring.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("own", "its", "case"),
    [
        ("beginner", "beginner", "same"),
        ("beginner", "intermediate", "above"),
        ("beginner", "advanced", "far"),
        ("intermediate", "beginner", "below"),
        ("advanced", "beginner", "far"),
        ("advanced", "intermediate", "below"),
    ],
)
def test_one_level_off_is_allowed_and_two_are_not(own: str, its: str, case: str) -> None:
    who, one = company(level=own), course(level=its)
    level = parts(RULES, who, one, DAY)[0]
    expected = {"same": 3000, "far": EXCLUDED}.get(case, 600)
    assert (level.case, level.points) == (case, expected)
    assert (points(RULES, who, one, DAY) is None) == (case == "far")


@pytest.mark.parametrize(
    ("hours", "band"),
    [(1, 0), (3, 0), (4, 1), (7, 1), (8, 2), (15, 2), (16, 3), (39, 3), (40, 4), (1640, 4), (None, 5), (0, 5), (-3, 5)],
)
def test_hours_fall_into_the_bands_of_the_survey(hours: int | None, band: int) -> None:
    assert hours_band(hours) == band


@pytest.mark.parametrize(
    ("own", "its", "case"),
    [
        ("11680", "*", "anywhere"),
        ("11680", "11680", "same"),
        ("41281", "41285", "same"),
        ("41281", "41280", "same"),
        ("41590", "41597", "same"),
        ("11680", "11110", "sido"),
        ("11680", "11", "sido"),
        ("43745", "43740", "sido"),
        ("11680", "41281", "zone"),
        ("12110", "52110", "zone"),
        ("46110", "12110", "zone"),
        ("11680", "26140", "other"),
        ("48820", "51820", "other"),
        ("11680", None, "unknown"),
        ("11680", "", "unknown"),
        ("", "11680", "unknown"),
        ("99999", "11680", "unknown"),
    ],
)
def test_nearer_courses_have_more_points(own: str, its: str | None, case: str) -> None:
    found = region_points(RULES, own, its)
    assert (found.case, found.points) == (case, RULES.region[case])


@pytest.mark.parametrize(
    ("own", "targets", "case"),
    [
        ("29271", (), "open"),
        (None, (), "open"),
        ("29271", ("29",), "match"),
        ("29271", ("26", "292"), "match"),
        ("29271", ("26",), "other"),
        ("29271", ("C",), "match"),
        ("29271", ("c",), "match"),
        ("62010", ("C",), "other"),
        (None, ("26",), "unknown"),
        ("", ("26",), "unknown"),
        ("26", ("2612",), "unknown"),
        ("26", ("2612", "26"), "match"),
        ("00000", ("C",), "unknown"),
    ],
)
def test_only_a_known_other_industry_leaves_a_course_out(own: str | None, targets: tuple[str, ...], case: str) -> None:
    found = industry_points(RULES, own, targets)
    assert (found.case, found.points < 0) == (case, case == "other")
    assert (points(RULES, company({"ksic_code": own}), course(target_ksic=targets), DAY) is None) == (case == "other")


@pytest.mark.parametrize(
    ("days", "case", "expected"),
    [(0, "within_30", 400), (30, "within_30", 400), (31, "within_90", 240), (91, "within_365", 80), (366, "later", 0)],
)
def test_a_nearer_start_has_more_points(days: int, case: str, expected: int) -> None:
    found = start_points(RULES, DAY + timedelta(days=days), DAY)
    assert (found.case, found.points) == (case, expected)
    assert start_points(RULES, None, DAY).points == 240


PAST, TODAY, SOON = session(1, DAY - timedelta(days=1)), session(2, DAY), session(3, DAY + timedelta(days=9))
OPEN = session(4, None)


@pytest.mark.parametrize(
    ("sessions", "number", "may"),
    [
        ((), None, True),
        ((PAST,), None, False),
        ((SOON, TODAY, PAST), 2, True),
        ((PAST, SOON), 3, True),
        ((OPEN, SOON), 3, True),
        ((PAST, OPEN), 4, True),
        ((OPEN,), 4, True),
        ((session(9, DAY), TODAY), 2, True),
    ],
)
def test_the_next_session_that_can_still_be_joined_is_recommended(
    sessions: tuple[Any, ...], number: int | None, may: bool
) -> None:
    one = course(sessions=sessions)
    found = next_session(one, DAY)
    assert (found.session_no if found else None, offered(one, DAY)) == (number, may)


@pytest.mark.parametrize(
    ("programme", "case"),
    [
        ("P10", "workers"),
        ("C0041T", "workers"),
        ("P1", "open"),
        ("KMOOC", "open"),
        ("P4", "seekers"),
        ("P20", "teachers"),
        ("X", "unknown"),
    ],
)
def test_programmes_for_people_at_work_have_more_points(programme: str, case: str) -> None:
    found = programme_points(RULES, programme)
    assert (found.case, found.points) == (case, RULES.programme[case])
    assert points(RULES, company(), course(programme=programme), DAY) is not None


def test_a_course_that_is_not_about_ai_is_never_offered() -> None:
    assert points(RULES, company(), course(ai=False), DAY) is None


def test_a_fit_in_everything_is_a_hundred_points() -> None:
    who = company(
        {"region_code": "26140"}, field_weights={"hr": 0.3}, mode_weights={"onsite": 1}, hour_weights={"lt4": 1}
    )
    best = course(mode="onsite", region_code="26140", field="hr", hours=3, target_ksic=("29",))
    assert points(RULES, who, best, DAY) == 10_000
    assert offers(RULES, who, [best], DAY)[0].score == 100


def test_unknown_wants_are_those_of_the_survey() -> None:
    unknown, wanted = company(), company(field_weights=RULES.wanted["field"], mode_weights=RULES.wanted["mode"])
    assert unknown.wants == wanted.wants
    nonsense = company(field_weights={"hr": float("nan"), "office": -1.0, "market": float("inf")})
    assert nonsense.wants == unknown.wants


shares = st.floats(0, 1)


@given(
    st.fixed_dictionaries({
        "field_weights": st.dictionaries(st.sampled_from(FIELDS), shares),
        "mode_weights": st.dictionaries(st.sampled_from(MODES), shares),
        "hour_weights": st.dictionaries(st.sampled_from(BANDS), shares),
    }),
    st.fixed_dictionaries({
        "field": st.sampled_from([*FIELDS, "quantum"]),
        "mode": st.sampled_from(MODES),
        "level": st.sampled_from(("beginner", "intermediate")),
        "hours": st.none() | st.integers(0, 2000),
        "region_code": st.sampled_from([None, "11680", "50110"]),
        "sessions": st.sampled_from([(), (OPEN,), (SOON,), (session(1, DAY + timedelta(days=999)),)]),
    }),
)  # fmt: skip
def test_every_score_lies_between_0_and_100_and_has_its_reasons(wants: dict[str, Any], traits: dict[str, Any]) -> None:
    (offer,) = offers(RULES, company(**wants), [course(**traits)], DAY)
    assert 0 <= offer.score <= 100
    assert 2 <= len(offer.reasons) <= 4
    assert len({reason.code for reason in offer.reasons}) == len(offer.reasons)


def test_more_of_a_want_never_makes_a_course_of_it_weaker() -> None:
    found = [
        points(RULES, company(field_weights={"office": weight, "hr": 1.0}), course(field="office"), DAY)
        for weight in (0.0, 0.2, 0.5, 1.0)
    ]
    assert found == sorted(found, key=lambda value: value or 0)
    assert found[0] != found[-1]


@pytest.mark.parametrize(
    ("who", "one", "codes"),
    [
        ({}, {}, {"level_same", "mode_remote"}),
        ({"ksic_code": None}, {"target_ksic": ("26",)}, {"industry_unconfirmed", "level_same"}),
        ({}, {"mode": "onsite", "region_code": None}, {"place_unconfirmed", "level_same"}),
        ({}, {"mode": "onsite", "sessions": ()}, {"start_unconfirmed", "region_same"}),
        ({}, {"target_ksic": ("29",)}, {"industry_match", "level_same"}),
        ({}, {"programme": "P20"}, {"programme_for_teachers", "level_same"}),
        ({}, {"programme": "P4"}, {"programme_for_seekers", "level_same"}),
        ({}, {"field": "marketing"}, {"field_in_demand", "level_same"}),
        ({}, {"sessions": (), "field": "quantum", "hours": None}, {"level_same", "start_any_time"}),
        ({}, {"level": "intermediate", "mode": "onsite", "region_code": "50110", "hours": 90, "field": "market"},
         {"level_above", "mode_onsite", "starts_on"}),
    ],
)  # fmt: skip
def test_reasons_name_what_speaks_for_a_course_and_what_is_to_be_asked(
    who: dict[str, Any], one: dict[str, Any], codes: set[str]
) -> None:
    (offer,) = offers(RULES, company(who), [course(**one)], DAY)
    assert codes <= {reason.code for reason in offer.reasons}


def test_a_want_of_the_company_is_not_called_the_survey_s() -> None:
    wish = {"field_weights": {"office": 1.0}, "mode_weights": {"remote": 1.0}}
    for provisional, code, cited in ((True, "field_in_demand", "plan:붙임2-p.14"), (False, "field_wanted", None)):
        (offer,) = offers(RULES, company(provisional=provisional, **wish), [course()], DAY)
        assert {reason.code: reason.citation for reason in offer.reasons}[code] == cited


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("full", "level"), 2999),
        (("level", "near"), -1),
        (("region", "same"), 1101),
        (("start", "undated"), 401),
        (("programme", "open"), 801),
    ],
)
def test_weights_that_do_not_add_up_are_refused(path: tuple[str, str], value: int) -> None:
    wrong = deepcopy(WEIGHTS)
    wrong[path[0]][path[1]] = value
    with pytest.raises(ValueError, match="points"):
        parse(wrong, "test")
