"""Values as a Korean reader expects them, whatever comes in."""

from datetime import UTC, datetime

import pytest

from services.console import render
from services.subsidy.loading import policy

OVERLAPS = ("common.overlap_two_tiers", "common.overlap_three_tiers")
"""Tiers, which receipts show as such."""


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        ("1", "rate", "100 %"),
        ("0.950", "rate", "95 %"),
        ("0", "rate", "0 %"),
        ("0.005", "rate", "0.5 %"),
        ("3.00", "multiple", "× 3"),
        (10, "multiple", "× 10"),
        (1600000, "won", "1,600,000원"),
        ("480000.5", "won", "480,000.5원"),
        (5940, "won/hour", "5,940원/시간"),
        (12, "hours", "12시간"),
        (100, "people", "100명"),
        ("priority", "size_class", "우선지원대상기업"),
        ("priority", "text", "우선지원대상기업"),
        ("capital", "tier2", "수도권"),
        ("depopulation", "tier3", "인구감소지역"),
        ("one", "text", "하나만"),
        ("그 밖", "text", "그 밖"),
        ("많음", "won", "많음"),
        (None, "won", "–"),
    ],
)
def test_a_factor_is_shown_with_its_unit(value: int | str | None, unit: str, shown: str) -> None:
    assert render.measure(value, unit)[0] == shown


def test_every_reading_of_the_policy_has_words() -> None:
    texts = [p for p in policy().parameters.values() if p.unit == "text" and p.id not in OVERLAPS]
    for parameter in texts:
        for value in [value for dated in parameter.values for value in dated.cells.values() if value is not None]:
            assert all(render.measure(str(value), "text")), (parameter.id, value)
    assert len(texts) > 5


@pytest.mark.parametrize(("amount", "shown"), [(0, "0원"), (14520000, "14,520,000원"), (None, "–")])
def test_money_is_in_won(amount: int | None, shown: str) -> None:
    assert render.won(amount) == shown


@pytest.mark.parametrize("value", [None, "many", True, [], {}])
def test_a_count_that_is_none_is_a_dash(value: object) -> None:
    assert render.number(value) == "–"


def test_instants_are_shown_in_korean_time() -> None:
    assert render.kst(datetime(2026, 12, 31, 15, 0, tzinfo=UTC)) == "2027-01-01 00:00:00"


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "JAVASCRIPT:alert(1)", " javascript:x", "data:text/html,x", "//evil", "http://[", "", None],
)
def test_an_address_that_is_not_of_the_web_is_no_link(address: str | None) -> None:
    assert render.web_address(address) is None


def test_codes_are_named_where_they_are_known() -> None:
    assert render.region("26350") == "부산광역시 해운대구 (26350)"
    assert render.region("99999") == "99999"
    assert render.industry("29293", "10") != render.industry("29293", "11")
    assert render.industry("77777", "10") == "77777 (10차)"
    assert render.business_number("1168200276") == "116-82-00276"
    assert render.business_number("123") == "123"
    assert render.label("unheard-of", "status") == ("unheard-of", "")
