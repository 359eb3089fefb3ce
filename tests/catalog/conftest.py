"""A catalog on its own SQLite file, and files of each source made in memory."""

import csv
import io
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import select

from libs.common import tables
from libs.common.kit import Kit
from services.catalog.app import create_app
from services.catalog.sources import ieum
from tests.conftest import ClientFor, MakeKit

Row = dict[str, Any]

IEUM_ROW: Row = {
    "course_id": "A-1",
    "programme": "P10",
    "title": "생성형 AI 업무 활용 실무",
    "provider": "견본직업전문학교",
    "mode": "집체",
    "level": "중급",
    "field": "사무일반",
    "ai": "Y",
    "hours": "16",
    "unit_price": "9,000",
    "ncs_code": "2010301",
    "region": "11110",
    "session_no": "1",
    "starts_on": "2026-12-07",
    "ends_on": "2026-12-08",
    "capacity": "20",
    "fee": "432,000",
    "url": "https://example.com/a-1",
}

KDT_ROW: Row = {
    "과정명": "AI활용 빅데이터 분석가",
    "훈련과정 ID": "AIG20260000000001",
    "회차": "1",
    "훈련기관": "견본학원",
    "총 훈련시간": "960",
    "과정시작일": "2026-12-07",
    "과정종료일": "2027-06-07",
    "NCS코드": "20010105",
    "훈련비": " 9,140,160 ",
    "정원": "25",
    "수료율": "76%",
    "만족도": "A",
    "지역": "서울 종로구",
    "주소": "서울특별시 종로구 종로 1",
    "과정페이지 링크": "https://example.com/kdt?id=1&tme=1",
}

KMOOC_ROW: Row = {
    "title": " 인공지능의\n기초 ",
    "condition": "진행중",
    "url": "http://www.kmooc.kr/courses/course-v1:ABC+ABC01+2022_T1/about",
    "agency": "견본대학교",
    "introduce": '줄이\n여럿인 "소개"',
    "kind": "\n공학\n\n                (컴퓨터ㆍ통신)\n            ",
}

WORK24_ROW: Row = {
    "trprId": "ABA20260000000001",
    "trprDegr": "3",
    "title": "EB243F 실무자를 위한 챗GPT &amp; 업무",
    "subTitle": "견본원격평생교육원",
    "titleIcon": '<img src="a.gif" alt="사업주훈련" />',
    "titleLink": "https://example.com/w",
    "trainTargetCd": "C0041T",
    "traStartDate": "2026-12-01",
    "traEndDate": "2026-12-30",
    "ncsCd": "02010101",
    "courseMan": "0",
    "realMan": "115000",
    "stdgScor": "0",
    "grade": None,
    "yardMan": "2000",
    "trngAreaCd": "11110",
    "address": "서울 종로구",
}


def csv_bytes(rows: list[Row], encoding: str = "utf-8-sig", columns: tuple[str, ...] = ()) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns or tuple(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def ieum_csv(*changes: Row) -> bytes:
    return csv_bytes([IEUM_ROW | change for change in changes], columns=(*ieum.COLUMNS, "target_ksic"))


def json_bytes(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


@dataclass
class Catalog:
    """The service with a client that may read and write courses."""

    kit: Kit
    client: httpx.AsyncClient
    keys: Callable[[], str]

    async def load(self, source: str, data: bytes, key: str = "", **query: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key or self.keys(), "Content-Type": "application/octet-stream"}
        params = {"source": source, **query}
        return await self.client.post("/v1/course-imports", params=params, content=data, headers=headers)

    async def loaded(self, source: str, data: bytes, **query: Any) -> dict[str, Any]:
        answer = await self.load(source, data, **query)
        assert answer.status_code == 201, answer.text
        report: dict[str, Any] = answer.json()
        return report

    async def course(self, course_id: str) -> dict[str, Any]:
        answer = await self.client.get(f"/v1/courses/{course_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def events(self) -> list[tuple[str, dict[str, Any]]]:
        """(wire type, data) of everything in the outbox, in order."""
        async with self.kit.db.reading() as conn:
            rows = await conn.execute(select(tables.outbox).order_by(tables.outbox.c.seq))
            return [(row["type"], orjson.loads(row["value"])) for row in rows.mappings()]


@pytest.fixture
async def catalog(make_kit: MakeKit, client_for: ClientFor) -> Catalog:
    kit = await make_kit("catalog")
    numbers = itertools.count(1)
    return Catalog(kit, client_for(create_app(kit), "courses:read", "courses:write"), lambda: f"key-{next(numbers)}")


def adds_up(report: dict[str, Any]) -> bool:
    """Every row has exactly one outcome."""
    names = ("loaded", "updated", "unchanged", "merged", "refused")
    return bool(report["rows"] == sum(report[name] for name in names))
