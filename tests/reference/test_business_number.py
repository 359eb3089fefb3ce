"""사업자등록번호: accepted forms, refused ones with their reason, and made-up numbers that hold."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.reference import CodeError, business_number

LAST = 35_956_403


@pytest.mark.parametrize(
    "text",
    [
        "116-82-00276",
        "1168200276",
        "  116 82 00276 ",
        "１１６－８２－００２７６",
        "116‑82‑00276",
        "116–82–00276",
        "\ufeff1168200276",
        "1168200276.0",
        "1.168200276E+09",
        "1.168200276e9",
    ],
)
def test_every_usual_way_of_writing_a_number_is_read(text: str) -> None:
    assert business_number.parse(text) == "1168200276"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("116-82-00278", "check-digit"),
        ("116-82-0027", "length"),
        ("116-82-002761", "length"),
        ("", "missing"),
        (" \u200b ", "missing"),
        ("11682OO276", "characters"),
        ("116-82-0027²", "characters"),
        ("１１６-82-٠٠٢٧٦", "characters"),
        ("1.16820E+09", "spreadsheet-number"),
        ("1.16820027612E9", "spreadsheet-number"),
        ("0.123456789e9", "characters"),
        ("0.000000012e9", "characters"),
        ("٣.168200276e9", "characters"),
        ("000-00-00000", "structure"),
        ("100-81-00010", "structure"),
        ("116-00-00271", "structure"),
        ("116-82-00001", "structure"),
    ],
)
def test_a_wrong_number_is_refused_with_its_reason_in_both_languages(text: str, code: str) -> None:
    with pytest.raises(CodeError) as caught:
        business_number.parse(text)

    assert caught.value.code == code
    assert "사업자등록번호" in caught.value.ko
    assert "usiness number" in caught.value.en


@given(st.text(st.sampled_from("0123456789.eE+- ٣１"), max_size=14))
def test_any_cell_is_a_number_or_refused(text: str) -> None:
    with suppress(CodeError):
        number = business_number.parse(text)
        assert number == business_number.parse(number)
        assert len(number) == 10


def test_a_hostile_cell_does_not_flood_the_message() -> None:
    with pytest.raises(CodeError) as caught:
        business_number.parse("9" * 100_000)

    assert len(caught.value.ko) < 200


@given(st.integers(0, LAST))
def test_a_made_up_number_is_valid_in_either_form(serial: int) -> None:
    number = business_number.make(serial)

    assert business_number.parse(number) == number
    assert business_number.parse(business_number.format_(number)) == number


@given(st.integers(0, LAST), st.integers(0, 9), st.integers(1, 9))
def test_one_wrong_digit_never_passes(serial: int, place: int, shift: int) -> None:
    number = business_number.make(serial)
    wrong = number[:place] + str((int(number[place]) + shift) % 10) + number[place + 1 :]

    with pytest.raises(CodeError):
        business_number.parse(wrong)


@given(st.sets(st.integers(0, LAST), min_size=2, max_size=50))
def test_different_serials_make_different_numbers(serials: set[int]) -> None:
    assert len({business_number.make(serial) for serial in serials}) == len(serials)


@pytest.mark.parametrize("serial", [-1, LAST + 1])
def test_a_serial_out_of_range_is_refused(serial: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        business_number.make(serial)
