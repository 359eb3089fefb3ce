"""The provisional AX level: every step, by hand-worked figures."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.catalog import FIELDS
from libs.contracts.interagency import CompanyProfile, ExternalScore
from services.diagnosis.domain import LEVELS, estimate
from services.diagnosis.domain.estimate import statistical
from services.diagnosis.domain.facts import facts_of
from services.diagnosis.domain.priors import HOUR_BANDS
from services.diagnosis.loading import priors

TODAY = date(2026, 11, 23)
PRIORS = priors()


def company(**known: Any) -> CompanyProfile:
    values: dict[str, Any] = {
        "business_number": "1168200276",
        "name": "가온정밀",
        "headcount": 35,
        "size_class": "priority",
        "ksic_version": "10",
        "ksic_code": "29299",
        "region_code": "12110",
    }
    return CompanyProfile(**(values | known))


def score(instrument: str, level: int, levels: int, on: date | None = date(2026, 5, 1)) -> ExternalScore:
    return ExternalScore(instrument=instrument, level=level, levels=levels, measured_on=on)


def codes(**known: Any) -> list[str]:
    return [reason.code for reason in estimate(company(**known), PRIORS, TODAY).reasons]


def test_a_manufacturer_of_35_in_jeonnam_is_a_beginner_with_confidence_40() -> None:
    # use 19.95 % → odds 0.2492 × 1.0 (C) × 0.9 (비수도권) = 0.2243 → 18.3 %; users split 36.3 : 11.3
    found = estimate(company(), PRIORS, TODAY)
    shares = statistical(facts_of(company(), PRIORS, TODAY), PRIORS)
    assert shares == pytest.approx((0.8168, 0.1397, 0.0435), abs=5e-5)
    # known 30 + 15 + 10 = 55, separation (3 × 0.8168 − 1) / 2 = 0.725
    assert (found.level, found.confidence) == ("beginner", 40)
    assert [reason.code for reason in found.reasons] == ["size", "industry", "region", "sum"]
    assert found.reasons[0].citation == "plan:붙임2-p.14"
    assert "19.95 %" in found.reasons[0].ko
    assert "초급 82 %, 중급 14 %, 고급 4 % → 초급(추정); 확신도 40" in found.reasons[-1].ko


@pytest.mark.parametrize(
    ("headcount", "percent"),
    [
        (0, 9.4),
        (4, 9.4),
        (5, 19.1),
        (9, 19.1),
        (10, 19.95),
        (49, 19.95),
        (50, 20.8),
        (99, 20.8),
        (100, 30.95),
        (299, 30.95),
        (300, 41.1),
        (250_000, 41.1),
    ],
)
def test_bands_of_size_are_half_open_and_gaps_take_the_mean_of_their_neighbours(headcount: int, percent: float) -> None:
    found = estimate(company(headcount=headcount), PRIORS, TODAY)
    assert f"{percent:g} %" in found.reasons[0].ko
    assert ("이웃 구간" in found.reasons[0].ko) == (percent in (19.95, 30.95))


def test_use_grows_with_size_and_with_industries_that_work_digitally() -> None:
    def user(**known: Any) -> float:
        return 1 - statistical(facts_of(company(**known), PRIORS, TODAY), PRIORS)[0]

    assert user(headcount=3) < user(headcount=35) < user(headcount=200) < user(headcount=800)
    assert user(ksic_code="62010") > user(ksic_code="71531") > user()
    assert user(region_code="11680") > user(region_code="12110") > user(region_code="12720")


def test_nothing_known_gives_the_survey_average_with_no_confidence() -> None:
    found = estimate(company(headcount=None, size_class=None, ksic_code=None, region_code="99999"), PRIORS, TODAY)
    assert (found.level, found.confidence) == ("beginner", 0)
    assert [r.code for r in found.reasons] == ["size-unknown", "industry-unknown", "region-unknown", "sum"]
    assert "99999" in found.reasons[2].ko


def test_a_size_class_without_head_count_counts_less_than_a_head_count() -> None:
    small = estimate(company(headcount=None), PRIORS, TODAY)
    large = estimate(company(headcount=None, size_class="large_under_1000"), PRIORS, TODAY)
    assert "size-class" in codes(headcount=None)
    assert small.confidence < estimate(company(), PRIORS, TODAY).confidence
    assert "22.8 %" in small.reasons[0].ko or "22.8 %" in small.reasons[1].ko
    assert any("41.1 %" in reason.ko for reason in large.reasons)


@pytest.mark.parametrize("bad", [{"headcount": -4, "size_class": None}, {"ksic_code": "77000"}, {"ksic_code": "x"}])
def test_a_fact_that_cannot_be_is_treated_as_unknown_and_said_to_be(bad: dict[str, Any]) -> None:
    assert {"size-unknown", "industry-unknown"} & set(codes(**bad))


def test_a_region_that_was_split_or_retired_is_still_placed_where_its_successors_agree() -> None:
    assert "region" in codes(region_code="28260")
    assert "region" in codes(region_code="46110")


@pytest.mark.parametrize(
    ("instrument", "levels", "expected"),
    [
        ("AX혁신지수", 5, {1: "beginner", 2: "beginner", 3: "intermediate", 4: "advanced", 5: "advanced"}),
        ("스마트공장 수준", 4, {1: "beginner", 2: "intermediate", 3: "intermediate", 4: "advanced"}),
        ("스마트공장", 4, {2: "intermediate", 3: "intermediate"}),
        ("스마트공장 수준확인", 5, {2: "beginner", 3: "intermediate", 4: "intermediate", 5: "advanced"}),
        ("DMAT", 4, {1: "beginner", 2: "intermediate", 3: "intermediate", 4: "advanced"}),
        ("oAIRI", 5, {0: "beginner", 1: "beginner", 2: "intermediate", 3: "advanced", 4: "advanced"}),
    ],
)
def test_a_known_instrument_is_read_by_its_table(instrument: str, levels: int, expected: dict[int, str]) -> None:
    for level, meant in expected.items():
        found = estimate(company(scores=(score(instrument, level, levels),)), PRIORS, TODAY)
        assert (level, found.level) == (level, meant)
        assert found.reasons[0].code == "score-mapped"


@pytest.mark.parametrize("name", ["ax 혁신지수", "ＡＸ혁신지수", "기보 AX혁신지수", "AX-혁신-지수"])
def test_an_instrument_is_known_by_its_name_however_it_is_spelt(name: str) -> None:
    assert codes(scores=(score(name, 3, 5),))[0] == "score-mapped"


@pytest.mark.parametrize(
    ("level", "levels", "meant"),
    [
        (1, 3, "beginner"),
        (2, 3, "intermediate"),
        (3, 3, "advanced"),
        (1, 2, "beginner"),
        (2, 2, "advanced"),
        (3, 9, "beginner"),
        (4, 9, "intermediate"),
        (6, 9, "intermediate"),
        (7, 9, "advanced"),
    ],
)
def test_an_unknown_instrument_is_read_by_thirds(level: int, levels: int, meant: str) -> None:
    found = estimate(company(scores=(score("우리협회 지수", level, levels),)), PRIORS, TODAY)
    assert (found.level, found.reasons[0].code) == (meant, "score-linear")
    assert "3등분" in found.reasons[0].ko
    assert "thirds" in found.reasons[0].en


def test_a_known_instrument_on_an_unknown_scale_is_read_by_thirds() -> None:
    assert codes(scores=(score("AX혁신지수", 5, 10),))[0] == "score-linear"


def test_a_scale_is_not_used_before_its_date() -> None:
    before = estimate(company(scores=(score("AX혁신지수", 3, 5, date(2026, 2, 1)),)), PRIORS, date(2026, 2, 28))
    assert before.reasons[0].code == "score-linear"


@pytest.mark.parametrize(("level", "levels"), [(0, 5), (6, 5), (-1, 5), (1, 1), (1, 0), (1, -3), (5, 0)])
def test_a_level_outside_its_scale_changes_nothing_and_says_so(level: int, levels: int) -> None:
    plain, found = (
        estimate(c, PRIORS, TODAY) for c in (company(), company(scores=(score("AX혁신지수", level, levels),)))
    )
    assert (found.level, found.confidence, found.dimensions) == (plain.level, plain.confidence, plain.dimensions)
    assert "score-unusable" in [reason.code for reason in found.reasons]


def test_confidence_falls_from_mapped_to_linear_to_out_of_date() -> None:
    def confidence(name: str, on: date | None) -> int:
        return estimate(company(scores=(score(name, 1, 5, on),)), PRIORS, TODAY).confidence

    fresh, old = date(2026, 5, 1), date(2021, 5, 1)
    assert confidence("AX혁신지수", fresh) > confidence("AX혁신지수", None) > confidence("AX혁신지수", old)
    assert confidence("AX혁신지수", fresh) > confidence("모르는 지수", fresh) > confidence("모르는 지수", old)
    assert confidence("모르는 지수", old) > estimate(company(), PRIORS, TODAY).confidence


@pytest.mark.parametrize(
    ("measured", "today", "old"),
    [
        (date(2023, 11, 23), date(2026, 11, 23), False),
        (date(2023, 11, 22), date(2026, 11, 23), True),
        (date(2024, 2, 29), date(2027, 3, 1), False),
        (date(2024, 2, 29), date(2027, 3, 2), True),
    ],
)
def test_a_measurement_is_out_of_date_after_three_years_to_the_day(measured: date, today: date, old: bool) -> None:
    found = estimate(company(scores=(score("DMAT", 2, 4, measured),)), PRIORS, today)
    assert ("3년이 넘어" in "".join(reason.ko for reason in found.reasons)) is old


def test_a_date_in_the_future_is_trusted_like_no_date_and_named() -> None:
    future, undated = (
        estimate(company(scores=(score("DMAT", 2, 4, on),)), PRIORS, TODAY) for on in (date(2099, 1, 1), None)
    )
    assert future.confidence == undated.confidence
    assert "미래" in future.reasons[0].ko


def test_of_one_instrument_the_latest_usable_score_counts() -> None:
    found = estimate(
        company(
            scores=(
                score("AX혁신지수", 5, 5, date(2026, 10, 1)),
                score("AX 혁신지수", 1, 5, date(2025, 10, 1)),
                score("기보 AX혁신지수", 9, 5, date(2026, 11, 1)),
                score("AX혁신지수", 1, 5, date(2098, 1, 1)),
            )
        ),
        PRIORS,
        TODAY,
    )
    assert found.level == "advanced"
    assert [r.code for r in found.reasons].count("score-mapped") == 1
    assert "score-unusable" in [r.code for r in found.reasons]


@pytest.mark.parametrize("measured_on", [date(2026, 5, 1), date(2019, 1, 1), None])
def test_a_score_that_counts_is_named_before_the_statistics(measured_on: date | None) -> None:
    assert codes(scores=(score("모르는 지수", 3, 5, measured_on),)) == [
        "score-linear",
        "size",
        "industry",
        "region",
        "sum",
    ]


def test_two_instruments_that_agree_are_surer_than_one_and_two_that_differ_less() -> None:
    one = (score("AX혁신지수", 4, 5),)
    alone = estimate(company(scores=one), PRIORS, TODAY)
    agreeing = estimate(company(scores=(*one, score("DMAT", 4, 4))), PRIORS, TODAY)
    differing = estimate(company(scores=(*one, score("DMAT", 1, 4))), PRIORS, TODAY)
    assert agreeing.confidence > alone.confidence > differing.confidence


def test_weights_are_the_wants_of_the_survey_for_this_size_and_industry() -> None:
    maker, trader = (estimate(company(ksic_code=code), PRIORS, TODAY) for code in ("29299", "46102"))
    assert tuple(maker.field_weights) == FIELDS
    assert tuple(maker.hour_weights) == HOUR_BANDS
    assert maker.field_weights["marketing"] == trader.field_weights["marketing"] == 0.343
    assert maker.field_weights["production"] > 0.169 > trader.field_weights["production"]
    assert maker.hour_weights["lt4"] == 0.429
    tiny = estimate(company(headcount=3), PRIORS, TODAY).mode_weights
    big = estimate(company(headcount=900), PRIORS, TODAY).mode_weights
    assert (tiny["remote"], big["remote"], big["onsite"]) == (0.734, 0.359, 0.641)
    assert tiny["blended"] == 0.5


@given(
    headcount=st.none() | st.integers(-5, 300_000),
    size_class=st.sampled_from([None, "priority", "large_under_1000", "large_1000_plus"]),
    ksic_code=st.none() | st.text(max_size=6) | st.sampled_from(["62010", "01123", "29299", "98"]),
    region_code=st.text(max_size=6) | st.sampled_from(["11680", "12720", "28260", "41590"]),
    scores=st.lists(
        st.builds(
            ExternalScore,
            instrument=st.sampled_from(["AX혁신지수", "DMAT", "oAIRI", "<b>x</b>", ""]),
            level=st.integers(-3, 12),
            levels=st.integers(-2, 11),
            measured_on=st.none() | st.dates(),
        ),
        max_size=5,
    ),
)
def test_every_profile_has_a_level_and_figures_within_their_bounds(**known: Any) -> None:
    found = estimate(company(**(known | {"scores": tuple(known["scores"])})), PRIORS, TODAY)
    assert found.level in LEVELS
    assert 0 <= found.confidence <= 100
    assert all(0 <= dimension.score <= 100 for dimension in found.dimensions)
    weights = (*found.field_weights.values(), *found.mode_weights.values(), *found.hour_weights.values())
    assert all(0 < weight <= 1 for weight in weights)
    assert all(reason.ko and reason.en and reason.citation for reason in found.reasons)
    assert found.reasons[-1].code == "sum"
    assert found == estimate(company(**(known | {"scores": tuple(known["scores"])})), PRIORS, TODAY)
