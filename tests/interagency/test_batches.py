"""The account of long and of wholly wrong files: nothing is hidden, and everything adds up."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from libs.common.kit import Kit
from libs.reference import business_number
from services.interagency import files, store
from services.interagency.app import create_app
from services.interagency.domain.account import MOST_LISTED, results_of, shortened
from services.interagency.domain.draft import Draft, Fault
from tests.conftest import ClientFor, MakeKit
from tests.interagency.test_api import HEADER, SCOPES, count, key
from tests.interagency.test_intake import good

NOTE = Fault("region_code", "mapped", "읽음", "read")


@pytest.fixture
async def kit(make_kit: MakeKit) -> Kit:
    return await make_kit("interagency")


@pytest.fixture
def app(kit: Kit) -> FastAPI:
    return create_app(kit)


@pytest.fixture
def msit(app: FastAPI, client_for: ClientFor) -> httpx.AsyncClient:
    return client_for(app, *SCOPES, agency="MSIT")


def report(drafts: list[Any]) -> dict[str, Any]:
    counts, results, accepted = results_of(list(enumerate(drafts, start=2)), (), {}, "b")
    assert counts["rows"] == counts["accepted"] + counts["duplicates"] + counts["refused"]
    assert len(accepted) == counts["accepted"]
    return shortened({**counts, "results": results})


def drafts(number: int, notes: tuple[Fault, ...] = ()) -> list[Draft]:
    draft = good()
    return [draft._replace(business_number=str(n), notes=notes) for n in range(number)]


def test_every_row_of_a_file_of_usual_length_has_its_result() -> None:
    made = report([*drafts(3), (NOTE,), *drafts(1)])
    assert [(one["row"], one["result"]) for one in made["results"]] == [
        (2, "accepted"),
        (3, "accepted"),
        (4, "accepted"),
        (5, "refused"),
        (6, "duplicate"),
    ]
    assert (made["results"][0]["referral_id"], made["omitted"]) == ("b.2", 0)


def test_remarks_on_accepted_rows_never_push_a_refusal_out_of_the_answer() -> None:
    made = report([*drafts(MOST_LISTED + 50, (NOTE,)), *drafts(5), *[(NOTE,)] * 7])
    kinds = [one["result"] for one in made["results"]]
    assert len(kinds) == MOST_LISTED
    assert (kinds.count("refused"), kinds.count("duplicate")) == (7, 5)
    assert made["omitted"] == made["rows"] - MOST_LISTED
    assert made["results"] == sorted(made["results"], key=lambda one: int(one["row"]))


async def test_all_results_of_a_wholly_wrong_file_can_be_read(msit: httpx.AsyncClient) -> None:
    rows = MOST_LISTED + 1_500
    answer = (await msit.post("/v1/referral-batches", content=HEADER + "1,,,,\n" * rows, headers=key("1"))).json()
    assert (answer["refused"], len(answer["results"]), answer["omitted"]) == (rows, MOST_LISTED, 1_500)
    seen: list[int] = []
    after = 0
    while True:
        page = (await msit.get(answer["links"]["rows"], params={"after": after})).json()
        seen.extend(item["row"] for item in page["items"])
        after = page["next"]
        if not page["more"]:
            break
    assert seen == list(range(2, rows + 2))
    assert all(item["errors"][0]["ko"] for item in page["items"])
    beyond = (await msit.get(answer["links"]["rows"], params={"after": after})).json()
    assert beyond == {"items": [], "next": after, "more": False}


async def test_results_are_the_ministrys_own(msit: httpx.AsyncClient, app: FastAPI, client_for: ClientFor) -> None:
    answer = (await msit.post("/v1/referral-batches", content=HEADER + "1,,,,\n", headers=key("1"))).json()
    mss = client_for(app, *SCOPES, agency="MSS")
    assert (await mss.get(answer["links"]["rows"])).status_code == 404
    assert (await msit.get(answer["links"]["rows"])).status_code == 200


async def test_an_accepted_row_leads_to_its_referral(msit: httpx.AsyncClient) -> None:
    line = "116-82-00276,이음정밀,12110,35,AI 통합 바우처\n"
    answer = (await msit.post("/v1/referral-batches", content=HEADER + line, headers=key("1"))).json()
    result = answer["results"][0]
    assert (result["row"], result["result"], result["company_known"]) == (2, "accepted", False)
    referral = (await msit.get(f"/v1/referrals/{result['referral_id']}")).json()
    assert (referral["business_number"], referral["row_number"]) == ("1168200276", 2)


async def test_a_dry_run_names_no_referrals(msit: httpx.AsyncClient, kit: Kit) -> None:
    line = "116-82-00276,이음정밀,12110,35,AI 통합 바우처\n"
    answer = await msit.post("/v1/referral-batches?dry_run=true", content=HEADER + line, headers=key("1"))
    assert "referral_id" not in answer.json()["results"][0]
    assert await count(kit, store.referrals) == 0


async def test_a_single_referral_meets_a_file_that_is_not_registered_yet(msit: httpx.AsyncClient, kit: Kit) -> None:
    number = business_number.make(1)
    line = f"{number},이음,12110,35,AI 통합 바우처\n"
    batch = (await msit.post("/v1/referral-batches", content=HEADER + line, headers=key("1"))).json()
    body = {"business_number": number, "company_name": "이음", "region_code": "12110", "programme": "AI 통합 바우처"}
    single = await msit.post("/v1/referrals", json=body, headers=key("2"))
    assert single.status_code == 200
    assert single.json()["referral_id"] == batch["results"][0]["referral_id"]
    other = {**body, "programme": "msit-manufacturing-ai"}
    assert (await msit.post("/v1/referrals", json=other, headers=key("3"))).status_code == 201
    assert await count(kit, store.companies) == 1


async def test_an_unknown_programme_is_answered_with_those_that_there_are(
    msit: httpx.AsyncClient, app: FastAPI, client_for: ClientFor
) -> None:
    body = {"business_number": "116-82-00276", "company_name": "이음", "region_code": "12110", "programme": "없는 사업"}
    error = (await msit.post("/v1/referrals", json=body, headers=key("1"))).json()["errors"][0]
    for part in ("AI 통합 바우처(msit-ai-voucher)", "제조업 AI 융합기반 조성(msit-manufacturing-ai)"):
        assert part in error["ko"]
        assert part in error["en"]
    assert "mss-" not in error["ko"]
    stranger = client_for(app, *SCOPES, agency="MOE")
    refused = await stranger.post("/v1/referrals", json={**body, "programme": "AI 통합 바우처"}, headers=key("2"))
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "unknown-programme")


async def test_a_body_that_states_its_200_mb_gets_the_reason_as_well(msit: httpx.AsyncClient) -> None:
    headers = {**key("1"), "Content-Length": str(200 * 1024 * 1024)}
    file = await msit.post("/v1/referral-batches", content=b"x", headers=headers)
    single = await msit.post("/v1/referrals", content=b"{}", headers={**headers, "Content-Type": "application/json"})

    assert (file.status_code, file.json()["type"]) == (413, "urn:ieum:problem:file-too-large")
    assert (single.status_code, single.json()["type"]) == (413, "urn:ieum:problem:too-large")


async def test_a_body_that_cannot_be_read_as_sent_says_how_to_send_it(msit: httpx.AsyncClient) -> None:
    zipped = await msit.post("/v1/referral-batches", content=b"x", headers={**key("1"), "Content-Encoding": "gzip"})
    form = await msit.post("/v1/referrals", content=b"{}", headers=key("2"))

    assert (zipped.status_code, zipped.headers["accept-encoding"]) == (415, "identity")
    assert zipped.json()["type"] == "urn:ieum:problem:unsupported-content-encoding"
    assert (form.status_code, form.json()["type"]) == (415, "urn:ieum:problem:unsupported-media-type")
    assert "application/json" in form.json()["title"]


async def test_an_address_with_a_slash_too_many_sends_nobody_to_an_inner_address(msit: httpx.AsyncClient) -> None:
    answer = await msit.get("/v1/referrals/")
    assert (answer.status_code, "location" in answer.headers) == (404, False)


def test_the_document_tells_in_which_forms_a_file_may_come(app: FastAPI) -> None:
    content = app.openapi()["paths"]["/v1/referral-batches"]["post"]["requestBody"]["content"]
    assert list(content) == [files.CSV, files.NDJSON, files.XLSX, "multipart/form-data"]
