"""From the text of an address to a region."""

import csv
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from libs.reference import regions

NOW = date(2026, 11, 23)
BEFORE = date(2026, 6, 30)


@pytest.mark.parametrize(
    ("text", "on", "code"),
    [
        ("경기 고양시 일산동구", NOW, "41285"),
        ("경기도 고양시일산동구 중앙로 1", NOW, "41285"),
        ("경기도고양시 일산동구", NOW, "41285"),
        ("경기 고양시", NOW, "41280"),
        ("서울 관악구", NOW, "11620"),
        ("서울특별시 종로구 종로12길 15 (관철동 종로코아)", NOW, "11110"),
        ("서울시 광진구 능동로", NOW, "11215"),
        ("서울특별시강남구", NOW, "11680"),
        ("서울 서울특별시 강남구 테헤란로", NOW, "11680"),
        ("  서울,  강남구 ", NOW, "11680"),
        ("전라남도 여수시 여문1로", BEFORE, "46130"),
        ("전라남도 여수시 여문1로", NOW, "12130"),
        ("전남 순천시", NOW, "12150"),
        ("광주 동구", BEFORE, "29110"),
        ("광주광역시 동구", NOW, "12210"),
        ("광주시 광산구", NOW, "12330"),
        ("전남광주통합특별시 동구", NOW, "12210"),
        ("전남광주통합특별시 목포시", BEFORE, "46110"),
        ("경기 광주시", NOW, "41610"),
        ("경기 광주", NOW, "41610"),
        ("경기 성남 분당구", NOW, "41135"),
        ("전남 여수", NOW, "12130"),
        ("서울 강남", NOW, "11680"),
        ("(06236) 서울특별시 강남구 테헤란로 1", NOW, "11680"),
        ("대한민국 서울특별시 강남구", NOW, "11680"),
        ("강원도 원주시", NOW, "51130"),
        ("강원특별자치도 원주시", date(2023, 1, 1), "42130"),
        ("강원 고성군", NOW, "51820"),
        ("경남 고성군", NOW, "48820"),
        ("전라북도 전주시 완산구", NOW, "52111"),
        ("전북특별자치도 익산시", NOW, "52140"),
        ("경북 군위군", NOW, "27720"),
        ("대구 군위군", NOW, "27720"),
        ("대구 중구", NOW, "27110"),
        ("부산진구 양정동", NOW, "26230"),
        ("부산 부산진구", NOW, "26230"),
        ("인천 동구", NOW, "28125"),
        ("인천 서구", BEFORE, "28260"),
        ("인천 남구", NOW, "28177"),
        ("경기 부천시 원미구", date(2022, 1, 1), "41190"),
        ("경기 부천시 원미구", NOW, "41192"),
        ("경기 부천시", NOW, "41190"),
        ("경기 화성시", NOW, "41590"),
        ("제주시 연동", NOW, "50110"),
        ("제주도 서귀포시", NOW, "50130"),
        ("강남구", NOW, "11680"),
        ("세종", NOW, "36110"),
        ("세종 세종", NOW, "36110"),
        ("세종특별자치시 한누리대로 3", NOW, "36110"),
        ("충남 연기군", NOW, "36110"),
    ],
)
def test_an_address_names_its_place(text: str, on: date, code: str) -> None:
    region = regions.from_text(text, on)

    assert region is not None
    assert region.code == code


@pytest.mark.parametrize(
    ("text", "on", "code", "name"),
    [
        ("강원특별자치도", NOW, "51", "강원특별자치도"),
        ("강원도", NOW, "51", "강원특별자치도"),
        ("강원", date(2023, 1, 1), "42", "강원도"),
        ("전라남도", NOW, "12", "전남광주통합특별시"),
        ("광주광역시", NOW, "12", "전남광주통합특별시"),
        ("광주", BEFORE, "29", "광주광역시"),
        ("서울", NOW, "11", "서울특별시"),
    ],
)
def test_a_province_alone_gives_the_province(text: str, on: date, code: str, name: str) -> None:
    region = regions.from_text(text, on)

    assert region is not None
    assert region.is_sido
    assert (region.code, region.name) == (code, name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "중구",
        "고성군",
        "남구 어디",
        "광주시",
        "광주시 오포읍",
        "광주 중구",
        "강남",
        "06236",
        "서울 어딘가",
        "경기 강남구",
        "미국",
        "온라인",
        "11680",
    ],
)
def test_what_names_no_one_place_gives_nothing(text: str) -> None:
    assert regions.from_text(text, NOW) is None


def test_the_old_name_of_a_split_place_gives_its_parts() -> None:
    parts = regions.candidates_from_text("인천광역시 서구 서곶로 284", NOW)

    assert [part.code for part in parts] == ["28275", "28290"]
    assert regions.from_text("인천광역시 서구 서곶로 284", NOW) is None


def test_a_province_is_known_by_all_its_names() -> None:
    names = {
        "서울특별시": "11",
        "광주광역시": "29",
        "전라남도": "46",
        "전남광주통합특별시": "12",
        "강원": "51",
        "세종": "36",
    }

    assert {name: regions.sido_code(name) for name in names} == names
    assert regions.sido_code("케이맨 제도") is None
    assert regions.sido_code("") is None


def test_every_course_row_names_its_place_on_its_own_day_and_all_but_the_split_one_today(shared_data: Path) -> None:
    with (shared_data / "kdt" / "kdt_sessions.csv").open(encoding="utf-8-sig", newline="") as file:
        sessions = list(csv.DictReader(file))
    unknown_then = [row["지역"] for row in sessions if not _named(row["지역"], row["과정시작일"])]
    unknown_now = Counter(row["지역"] for row in sessions if regions.from_text(row["지역"], NOW) is None)
    differing = [row for row in sessions if row["주소"] and not _agree(row["지역"], row["주소"], row["과정시작일"])]

    assert len(sessions) > 4000
    assert unknown_then == []
    assert set(unknown_now) == {"인천 서구"}
    assert differing == []


def _named(text: str, day: str) -> bool:
    return regions.from_text(text, date.fromisoformat(day)) is not None


def _agree(short: str, address: str, day: str) -> bool:
    one, other = (regions.from_text(text, date.fromisoformat(day)) for text in (short, address))
    return one is not None and other is not None and one.sido == other.sido
