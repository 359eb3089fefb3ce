"""Partners at the API: one referral, a file, what they may see, and what a repeated request does."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from libs.common import tables
from libs.common.kit import Kit
from libs.reference import business_number
from services.interagency import service, store
from services.interagency.app import create_app
from tests.conftest import ClientFor, Clock, MakeKit

GOOD = {
    "business_number": "116-82-00276",
    "company_name": "이음정밀",
    "region_code": "12110",
    "programme": "AI 통합 바우처",
    "headcount": 35,
    "ksic_version": "10",
    "ksic_code": "29271",
}
HEADER = "사업자등록번호,기업명,소재지코드,상시근로자수,사업명\n"
SCOPES = ("referrals:write", "referrals:read")


@pytest.fixture
async def kit(make_kit: MakeKit) -> Kit:
    return await make_kit("interagency")


@pytest.fixture
def app(kit: Kit) -> FastAPI:
    return create_app(kit)


@pytest.fixture
def msit(app: FastAPI, client_for: ClientFor) -> httpx.AsyncClient:
    return client_for(app, *SCOPES, agency="MSIT")


@pytest.fixture
def mss(app: FastAPI, client_for: ClientFor) -> httpx.AsyncClient:
    return client_for(app, *SCOPES, agency="MSS")


def key(value: str) -> dict[str, str]:
    return {"Idempotency-Key": value}


async def events(kit: Kit) -> list[str]:
    async with kit.db.reading() as conn:
        return list(await conn.scalars(select(tables.outbox.c.type).order_by(tables.outbox.c.seq)))


async def count(kit: Kit, table: Any) -> int:
    async with kit.db.reading() as conn:
        return int(await conn.scalar(select(func.count()).select_from(table)) or 0)


async def register_all(kit: Kit) -> None:
    while True:
        async with kit.db.transaction() as tx:
            if await service.register_waiting(tx, 100) == 0:
                return


async def test_a_referral_is_stored_and_told(msit: httpx.AsyncClient, kit: Kit) -> None:
    answer = await msit.post("/v1/referrals", json=GOOD, headers=key("1"))
    assert answer.status_code == 201
    body = answer.json()
    assert (body["status"], body["company_known"], body["programme"]) == ("received", False, "msit-ai-voucher")
    assert await events(kit) == ["interagency.company.registered.v1", "interagency.referral.received.v1"]
    assert (await msit.get(f"/v1/referrals/{body['referral_id']}")).json()["business_number"] == "1168200276"


async def test_the_same_request_again_gets_the_same_answer(msit: httpx.AsyncClient, kit: Kit) -> None:
    first = await msit.post("/v1/referrals", json=GOOD, headers=key("1"))
    again = await msit.post("/v1/referrals", json=GOOD, headers=key("1"))
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert len(await events(kit)) == 2


async def test_a_used_key_with_other_content_is_refused(msit: httpx.AsyncClient, kit: Kit) -> None:
    await msit.post("/v1/referrals", json=GOOD, headers=key("1"))
    other = await msit.post("/v1/referrals", json={**GOOD, "headcount": 36}, headers=key("1"))
    assert other.status_code == 422
    assert other.json()["type"] == "urn:ieum:problem:idempotency-key-reused"
    missing = await msit.post("/v1/referrals", json=GOOD)
    assert (missing.status_code, missing.json()["type"]) == (400, "urn:ieum:problem:idempotency-key-missing")


async def test_one_key_of_two_ministries_is_two_keys(msit: httpx.AsyncClient, mss: httpx.AsyncClient, kit: Kit) -> None:
    await msit.post("/v1/referrals", json=GOOD, headers=key("1"))
    answer = await mss.post("/v1/referrals", json={**GOOD, "programme": "스마트공장 보급"}, headers=key("1"))
    assert (answer.status_code, answer.json()["company_known"]) == (201, True)


async def test_one_company_through_many_doors(msit: httpx.AsyncClient, mss: httpx.AsyncClient, kit: Kit) -> None:
    first = (await msit.post("/v1/referrals", json=GOOD, headers=key("1"))).json()
    body = {**GOOD, "programme": "mss-smart-factory", "headcount": 40}
    second = (await mss.post("/v1/referrals", json=body, headers=key("2"))).json()
    assert first["company_id"] == second["company_id"]
    assert await count(kit, store.companies) == 1
    assert (await events(kit))[2:] == [
        "interagency.company.profile-changed.v1",
        "interagency.referral.received.v1",
    ]


async def test_the_same_company_and_programme_twice_is_one_referral(msit: httpx.AsyncClient, kit: Kit) -> None:
    first = await msit.post("/v1/referrals", json=GOOD, headers=key("1"))
    again = await msit.post("/v1/referrals", json={**GOOD, "headcount": 50}, headers=key("2"))
    found = again.json()
    assert (first.status_code, again.status_code, found["notes"][0]["code"]) == (201, 200, "referred-before")
    assert found["referral_id"] == first.json()["referral_id"]
    assert len(await events(kit)) == 2


async def test_two_ministries_at_once_make_one_company(
    msit: httpx.AsyncClient, mss: httpx.AsyncClient, kit: Kit
) -> None:
    other = {**GOOD, "programme": "스마트공장 보급"}
    answers = await asyncio.gather(
        *(msit.post("/v1/referrals", json=GOOD, headers=key(f"a{n}")) for n in range(5)),
        *(mss.post("/v1/referrals", json=other, headers=key(f"b{n}")) for n in range(5)),
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 8 + [201] * 2
    assert await count(kit, store.companies) == 1
    assert await count(kit, store.referrals) == 2


async def test_bad_fields_are_named_in_both_languages(msit: httpx.AsyncClient, kit: Kit) -> None:
    bad = {**GOOD, "business_number": "116-82-00278", "region_code": "28260", "headcount": -1}
    answer = await msit.post("/v1/referrals", json=bad, headers=key("1"))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    errors = {error["field"]: error for error in answer.json()["errors"]}
    assert set(errors) == {"business_number", "region_code", "headcount"}
    assert "28275" in errors["region_code"]["ko"]
    assert await events(kit) == []
    good = await msit.post("/v1/referrals", json=GOOD, headers=key("1"))
    assert good.status_code == 201, "a refused request does not use up its key"


async def test_agency_comes_from_the_token(msit: httpx.AsyncClient, app: FastAPI, client_for: ClientFor) -> None:
    forged = await msit.post("/v1/referrals", json={**GOOD, "agency": "MSS"}, headers=key("1"))
    assert forged.status_code == 422
    national = client_for(app, *SCOPES)
    assert (await national.post("/v1/referrals", json=GOOD, headers=key("1"))).status_code == 403
    reader = client_for(app, "referrals:read", agency="MSIT")
    assert (await reader.post("/v1/referrals", json=GOOD, headers=key("1"))).status_code == 403


async def test_a_ministry_never_sees_anothers_data(msit: httpx.AsyncClient, mss: httpx.AsyncClient) -> None:
    mine = (await msit.post("/v1/referrals", json=GOOD, headers=key("1"))).json()
    batch = (await msit.post("/v1/referral-batches", content=HEADER + "x,y,z,1,w", headers=key("2"))).json()
    for path in (
        f"/v1/referrals/{mine['referral_id']}",
        f"/v1/companies/{mine['company_id']}",
        "/v1/companies/116-82-00276",
        f"/v1/referral-batches/{batch['batch_id']}",
    ):
        assert (await msit.get(path)).status_code == 200, path
        assert (await mss.get(path)).status_code == 404, path
    assert (await mss.get("/v1/referrals?agency=MSIT")).json()["items"] == []


async def test_the_cursor_misses_nothing(msit: httpx.AsyncClient, kit: Kit) -> None:
    programmes = ("msit-ai-voucher", "msit-manufacturing-ai")
    for number, programme in enumerate(programmes):
        await msit.post("/v1/referrals", json={**GOOD, "programme": programme}, headers=key(str(number)))
    first = (await msit.get("/v1/referrals?limit=1")).json()
    assert first["more"]
    second = (await msit.get("/v1/referrals", params={"after": first["next"], "limit": 1})).json()
    assert (second["more"], second["items"][0]["programme"]) == (False, programmes[1])
    nothing = (await msit.get("/v1/referrals", params={"after": second["next"]})).json()
    assert (nothing["items"], nothing["next"]) == ([], second["next"])
    assert (await msit.get("/v1/referrals?after=rubbish")).status_code == 422


async def test_a_file_accounts_for_every_row(msit: httpx.AsyncClient, kit: Kit) -> None:
    await msit.post("/v1/referrals", json=GOOD, headers=key("0"))
    text = (
        HEADER
        + "116-82-00276,이음정밀,12110,35,AI 통합 바우처\n"  # referred before
        + "116-82-00276,이음정밀,12110,35,제조업 AI 융합기반 조성\n"  # new, known company
        + "103-81-50036,새기업,46110,10,AI 통합 바우처\n"  # new, old region code
        + "103-81-50036,새기업,46110,10,AI 통합 바우처\n"  # repeats row 4
        + "103-81-50037,틀림,12110,-1,없는 사업\n"
        + "하나,둘\n"
    )
    answer = await msit.post("/v1/referral-batches", content=text.encode("cp949"), headers=key("1"))
    report = answer.json()
    assert answer.status_code == 200
    assert report["rows"] == 6
    assert (report["accepted"], report["duplicates"], report["refused"], report["recognised"]) == (2, 2, 2, 1)
    by_row = {result["row"]: result for result in report["results"]}
    assert by_row[2]["referral_id"]
    assert by_row[5]["repeats_row"] == 4
    assert {error["field"] for error in by_row[6]["errors"]} == {"business_number", "headcount", "programme"}
    assert by_row[7]["errors"][0]["code"] == "cell-count"
    assert by_row[4]["notes"][0]["code"] == "mapped"
    await register_all(kit)
    assert await count(kit, store.companies) == 2
    stored = (await msit.get(f"/v1/referral-batches/{report['batch_id']}")).json()
    assert stored["results"] == report["results"]
    listed = (await msit.get("/v1/referrals", params={"batch_id": report["batch_id"]})).json()["items"]
    assert [item["company_id"] is not None for item in listed] == [True, True]


async def test_the_same_file_twice_changes_nothing(msit: httpx.AsyncClient, kit: Kit) -> None:
    text = HEADER + "116-82-00276,이음정밀,12110,35,AI 통합 바우처\n"
    await msit.post("/v1/referral-batches", content=text, headers=key("1"))
    await register_all(kit)
    before = await events(kit)
    again = (await msit.post("/v1/referral-batches", content=text, headers=key("2"))).json()
    await register_all(kit)
    assert (again["accepted"], again["duplicates"]) == (0, 1)
    assert await events(kit) == before


async def test_a_dry_run_stores_nothing(msit: httpx.AsyncClient, kit: Kit) -> None:
    text = HEADER + "116-82-00276,이음정밀,12110,35,AI 통합 바우처\n"
    report = (await msit.post("/v1/referral-batches?dry_run=true", content=text, headers=key("1"))).json()
    assert (report["dry_run"], report["accepted"]) == (True, 1)
    assert await count(kit, store.referrals) == 0


async def test_a_form_may_carry_the_file(msit: httpx.AsyncClient) -> None:
    text = HEADER + "116-82-00276,이음정밀,12110,35,AI 통합 바우처\n"
    file = {"file": ("기업.csv", text.encode("utf-8-sig"), "text/csv")}
    answer = await msit.post("/v1/referral-batches", files=file, headers=key("1"))
    assert answer.json()["accepted"] == 1


async def test_a_file_of_200_mb_is_stopped_at_the_limit(msit: httpx.AsyncClient) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(200):
            sent += 1
            yield b"x" * 1024 * 1024

    answer = await msit.post("/v1/referral-batches", content=chunks(), headers=key("1"))
    assert answer.status_code == 413
    assert answer.json()["limit"] == 32 * 1024 * 1024
    assert sent < 50


async def test_an_unreadable_file_is_a_problem_with_its_reason(msit: httpx.AsyncClient) -> None:
    answer = await msit.post("/v1/referral-batches", content=b"", headers=key("1"))
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:ieum:problem:empty")
    assert answer.json()["errors"][0]["field"] == "file"


async def test_a_crash_between_storing_and_registering_loses_nothing(msit: httpx.AsyncClient, kit: Kit) -> None:
    text = HEADER + "116-82-00276,이음정밀,12110,35,AI 통합 바우처\n103-81-50036,새기업,12110,10,AI 통합 바우처\n"
    await msit.post("/v1/referral-batches", content=text, headers=key("1"))

    async def crash() -> None:
        async with kit.db.transaction() as tx:
            await service.register_waiting(tx, 1)
            raise RuntimeError("crash")

    with pytest.raises(RuntimeError):
        await crash()
    assert await count(kit, store.companies) == 0
    await register_all(kit)
    assert (await events(kit)).count("interagency.company.registered.v1") == 2


async def test_personal_data_is_sealed(msit: httpx.AsyncClient, kit: Kit, tmp_path: Path) -> None:
    body = {**GOOD, "contact_email": "kim.lee@corp.example"}
    answer = await msit.post("/v1/referrals", json=body, headers=key("1"))
    assert "kim.lee" not in answer.text
    async with kit.db.reading() as conn:
        row = (await conn.execute(select(store.referrals))).mappings().one()
    assert b"kim.lee" not in row["contact_email"]
    place = f"referrals|contact_email|{row['referral_id']}"
    assert kit.keyring.open(row["contact_email"], place) == "kim.lee@corp.example"
    on_disk = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert b"kim.lee" not in on_disk


async def test_the_matrix_is_data_with_dates(msit: httpx.AsyncClient) -> None:
    today = (await msit.get("/v1/programmes")).json()
    assert today["citation"] == "plan:IV-⑤-p.11"
    channels = {item["id"]: item["channels"] for item in today["items"]}
    assert channels["motie-ax-sprint"] == ["publicity"]
    assert channels["mss-smart-factory"] == ["publicity", "demand_survey", "incentive", "joint_consulting"]
    assert len(channels) == 7
    before = (await msit.get("/v1/programmes", params={"on": date(2025, 12, 31).isoformat()})).json()
    assert before["items"] == []


async def test_an_expired_token_is_refused(msit: httpx.AsyncClient, clock: Clock) -> None:
    clock.now += timedelta(hours=2)
    answer = await msit.get("/v1/referrals")
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:ieum:problem:token-expired")


async def test_an_unsigned_token_is_refused(msit: httpx.AsyncClient) -> None:
    answer = await msit.get("/v1/referrals", headers={"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."})
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:ieum:problem:token-invalid")


async def test_two_files_with_the_same_companies_at_once_store_each_once(msit: httpx.AsyncClient, kit: Kit) -> None:
    rows = "".join(f"{business_number.make(n)},이음{n},12110,5,AI 통합 바우처\n" for n in range(300))
    answers = await asyncio.gather(
        *(msit.post("/v1/referral-batches", content=HEADER + rows, headers=key(f"f{n}")) for n in range(4))
    )
    assert [answer.status_code for answer in answers] == [200] * 4
    assert sum(answer.json()["accepted"] for answer in answers) == 300
    assert sum(answer.json()["duplicates"] for answer in answers) == 900
    assert await count(kit, store.referrals) == 300


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"headcount": "1,234"}, {}),
        ({"headcount": 35.0, "region_code": 12110, "business_number": 1168200276}, {}),
        ({"headcount": True}, {"headcount"}),
        ({"headcount": 35.5}, {"headcount"}),
        ({"headcount": 10**30}, {"headcount"}),
        ({"company_name": 10**30}, {"company_name"}),
        ({"company_name": "\ud800"}, {"company_name"}),
        ({"score": {"instrument": "AX혁신지수", "level": 6, "levels": "5"}}, {"score.level"}),
        ({"score": {"instrument": "AX혁신지수", "level": 3, "levels": 5, "measured_on": "어제"}},
         {"score.measured_on"}),
        ({"contact_email": ["kim@corp.example"]}, {"contact_email"}),
    ],
)  # fmt: skip
async def test_a_json_value_is_read_as_in_a_file_or_refused(
    msit: httpx.AsyncClient, changes: dict[str, Any], expected: set[str]
) -> None:
    content = json.dumps({**GOOD, **changes})
    answer = await msit.post("/v1/referrals", content=content, headers={**key("1"), "Content-Type": "application/json"})
    assert answer.status_code == (422 if expected else 201), answer.text
    assert {error["field"] for error in answer.json().get("errors", [])} == set(expected)
    assert "kim@" not in answer.text


async def test_an_unknown_member_is_refused_whatever_its_name(msit: httpx.AsyncClient) -> None:
    for name, code in (("agency", "extra_forbidden"), ("\ud800", "string_unicode"), ("\x00", "extra_forbidden")):
        content = json.dumps({**GOOD, name: 1})
        headers = {**key("1"), "Content-Type": "application/json"}
        answer = await msit.post("/v1/referrals", content=content, headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, code), name


async def test_who_asks_comes_before_what_is_asked(app: FastAPI, client_for: ClientFor) -> None:
    assert (await client_for(app).post("/v1/referrals", json=GOOD)).status_code == 401


async def test_a_known_company_is_answered_with_ones_own_referrals(
    msit: httpx.AsyncClient, mss: httpx.AsyncClient
) -> None:
    first = (await msit.post("/v1/referrals", json=GOOD, headers=key("1"))).json()
    assert first["other_referrals"] == []
    second = (
        await msit.post("/v1/referrals", json={**GOOD, "programme": "msit-manufacturing-ai"}, headers=key("2"))
    ).json()
    assert [other["referral_id"] for other in second["other_referrals"]] == [first["referral_id"]]
    again = (await msit.post("/v1/referrals", json=GOOD, headers=key("3"))).json()
    assert [other["referral_id"] for other in again["other_referrals"]] == [second["referral_id"]]
    foreign = (await mss.post("/v1/referrals", json={**GOOD, "programme": "mss-ai-product"}, headers=key("4"))).json()
    assert (foreign["company_known"], foreign["other_referrals"]) == (True, [])
    changes = (await msit.get(second["links"]["changes"])).json()["items"]
    assert changes[-1]["referral_id"] == second["referral_id"]
    assert len((await msit.get("/v1/referrals?after=")).json()["items"]) == 2


async def test_a_ministry_sees_of_a_company_only_what_it_told_itself(
    msit: httpx.AsyncClient, mss: httpx.AsyncClient, app: FastAPI, client_for: ClientFor
) -> None:
    score = {"instrument": "AI 도입수준 진단", "level": 2, "levels": 5}
    await msit.post("/v1/referrals", json={**GOOD, "score": score}, headers=key("1"))
    little = {"business_number": "116-82-00276", "company_name": "(주)이음정밀", "region_code": "12110"}
    await mss.post("/v1/referrals", json={**little, "programme": "mss-smart-factory"}, headers=key("2"))
    path, facts = "/v1/companies/116-82-00276", ("name", "headcount", "size_class", "ksic_code")
    own = (await msit.get(path)).json()["profile"]
    assert ([own[name] for name in facts], own["scores"][0]["level"]) == (["이음정밀", 35, "priority", "29271"], 2)
    seen = (await mss.get(path)).json()
    assert [seen["profile"][name] for name in facts] == ["(주)이음정밀", None, None, None]
    assert (seen["profile"]["scores"], [one["agency"] for one in seen["referrals"]]) == ([], ["MSS"])
    everything = (await client_for(app, "referrals:read").get(path)).json()
    assert [everything["profile"][name] for name in facts] == ["(주)이음정밀", 35, "priority", "29271"]
    assert len(everything["profile"]["scores"]) == 1
    assert {one["agency"] for one in everything["referrals"]} == {"MSIT", "MSS"}
