"""Reservations over HTTP: what is taken, what goes back, who waits, and what is refused."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from libs.common import tables
from libs.common.kit import Kit
from libs.contracts.subsidy import ReservationChangedV1
from services.subsidy.app import create_app
from services.subsidy.service.ledger import expire_overdue
from tests.conftest import ClientFor, Clock, MakeKit
from tests.subsidy.ledgers import granted, holds, key, left, quoted, reserved, stepped
from tests.subsidy.makers import question

SCOPES = ("quotes:read", "quotes:write", "reservations:read", "reservations:write", "quotas:write")


@pytest.fixture
async def kit(make_kit: MakeKit) -> Kit:
    return await make_kit("subsidy")


@pytest.fixture
def app(kit: Kit) -> FastAPI:
    return create_app(kit)


@pytest.fixture
def national(app: FastAPI, client_for: ClientFor) -> httpx.AsyncClient:
    return client_for(app, *SCOPES)


async def test_a_reservation_takes_people_won_and_a_firms_place(kit: Kit, national: httpx.AsyncClient) -> None:
    for measure, amount in (("people", 10), ("won", 5_000_000), ("firms", 2)):
        assert (await granted(national, measure, amount)).status_code == 200
    quote = await quoted(national, people=3)
    answer = await reserved(national, quote["quote_id"])
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["status"], made["firms"], made["people"], made["won"]) == ("reserved", 1, 3, 1_003_200)
    assert made["expires_at"] is not None
    assert await left(national) == {"people": 7, "won": 3_996_800, "firms": 1}
    again = (await reserved(national, (await quoted(national, people=1))["quote_id"])).json()
    assert again["firms"] == 0, "the company has its place already"
    assert await left(national) == {"people": 6, "won": 3_662_400, "firms": 1}
    await holds(kit)


async def test_the_whole_life_of_a_reservation_is_in_the_ledger(kit: Kit, national: httpx.AsyncClient) -> None:
    await granted(national, "people", 10)
    await granted(national, "won", 5_000_000)
    made = (await reserved(national, (await quoted(national, people=3))["quote_id"])).json()
    assert (await stepped(national, made, "confirm")).json()["expires_at"] is None
    settled = (await stepped(national, made, "settle", completed_people=2, reason="1명 중도 포기")).json()
    assert (settled["status"], settled["people"], settled["won"]) == ("settled", 2, 668_800)
    part = (await stepped(national, made, "claw-back", won=100_000, reason="출석 미달 확인")).json()
    assert (part["status"], part["won"]) == ("settled", 568_800)
    whole = (await stepped(national, made, "claw-back", won=568_800, reason="부정 수급")).json()
    assert (whole["status"], whole["won"], whole["people"]) == ("clawed-back", 0, 2)
    shown = (await national.get(f"/v1/reservations/{made['reservation_id']}")).json()
    assert [step["step"] for step in shown["steps"]] == ["reserve", "confirm", "settle", "claw-back", "claw-back"]
    won = [(line["kind"], line["taken"]) for line in shown["ledger"] if line["quota_id"] == "P10:2026:won"]
    assert sorted(won) == sorted(
        [("reserve", 1_003_200), ("settle", -334_400), ("claw-back", -100_000), ("claw-back", -568_800)]
    )
    assert any(line["reason"] == "부정 수급" for line in shown["ledger"])
    assert await left(national) == {"people": 8, "won": 5_000_000}
    await holds(kit)
    async with kit.db.reading() as conn:
        stored = await conn.execute(
            select(tables.outbox.c.value)
            .where(tables.outbox.c.type == ReservationChangedV1.wire_type)
            .order_by(tables.outbox.c.seq)
        )
        told = [ReservationChangedV1.model_validate_json(value) for (value,) in stored]
    assert [event.version for event in told] == [1, 2, 3, 4, 5]
    assert [event.status for event in told] == ["reserved", "confirmed", "settled", "settled", "clawed-back"]


async def test_won_are_cut_below_ten_once_at_settlement(national: httpx.AsyncClient) -> None:
    await granted(national, "won", 10**9)
    made = (await reserved(national, (await quoted(national, people=7))["quote_id"])).json()
    await stepped(national, made, "confirm")
    settled = (await stepped(national, made, "settle", completed_people=3)).json()
    assert settled["won"] == made["won"] * 3 // 7 // 10 * 10


async def test_without_a_completer_everything_goes_back(kit: Kit, national: httpx.AsyncClient) -> None:
    await granted(national, "firms", 1)
    await granted(national, "people", 5)
    made = (await reserved(national, (await quoted(national))["quote_id"])).json()
    await stepped(national, made, "confirm")
    await stepped(national, made, "settle", completed_people=0, reason="과정 폐강")
    assert await left(national) == {"firms": 1, "people": 5}
    await holds(kit)


async def test_a_firms_place_passes_to_its_other_reservation(kit: Kit, national: httpx.AsyncClient) -> None:
    await granted(national, "firms", 1)
    first = (await reserved(national, (await quoted(national))["quote_id"])).json()
    second = (await reserved(national, (await quoted(national, people=2))["quote_id"])).json()
    assert (first["firms"], second["firms"]) == (1, 0)
    await stepped(national, first, "release", reason="일정 변경")
    assert await left(national) == {"firms": 0}, "the company still takes part"
    heir = (await national.get(f"/v1/reservations/{second['reservation_id']}")).json()
    assert (heir["firms"], [step["step"] for step in heir["steps"]]) == (1, ["reserve", "firm-place"])
    await holds(kit)
    refused = await reserved(national, (await quoted(national))["quote_id"], company="c2")
    assert refused.status_code == 409
    await stepped(national, second, "release", reason="일정 변경")
    assert await left(national) == {"firms": 1}
    await holds(kit)


async def test_a_quota_set_later_counts_what_is_held_already(kit: Kit, national: httpx.AsyncClient) -> None:
    await granted(national, "people", 10)
    made = [(await reserved(national, (await quoted(national, people=n))["quote_id"])).json() for n in (3, 1)]
    await stepped(national, made[1], "release", reason="취소")
    low = await granted(national, "won", 1_003_199)
    assert (low.status_code, low.json()["quota_id"], low.json()["taken"]) == (409, "P10:2026:won", 1_003_200)
    assert (await granted(national, "won", 1_500_000)).status_code == 200
    assert await left(national) == {"people": 7, "won": 496_800}
    lines = (await national.get(f"/v1/reservations/{made[0]['reservation_id']}")).json()["ledger"]
    assert ("P10:2026:won", "carry-over", 1_003_200) in [(one["quota_id"], one["kind"], one["taken"]) for one in lines]
    assert (await stepped(national, made[0], "release", reason="취소")).status_code == 200
    assert await left(national) == {"people": 10, "won": 1_500_000}
    await holds(kit)


async def test_where_nothing_is_left_the_answer_says_of_what(national: httpx.AsyncClient) -> None:
    await granted(national, "people", 2)
    answer = await reserved(national, (await quoted(national, people=3))["quote_id"])
    assert answer.status_code == 409
    problem = answer.json()
    assert problem["type"] == "urn:ieum:problem:quota-exhausted"
    assert (problem["measure"], problem["granted"], problem["left"]) == ("people", 2, 2)
    assert "정원" in problem["title"]


async def test_without_any_quota_the_problem_says_who_must_set_it(national: httpx.AsyncClient) -> None:
    answer = await reserved(national, (await quoted(national))["quote_id"])
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:ieum:problem:quota-unset"


async def test_those_who_wait_move_up_in_order_and_nobody_is_overtaken(kit: Kit, national: httpx.AsyncClient) -> None:
    await granted(national, "people", 3)
    one, two, three = [(await quoted(national, people=number))["quote_id"] for number in (1, 2, 3)]
    held = (await reserved(national, three, company="a")).json()
    big = (await reserved(national, two, company="b", wait=True)).json()
    small = (await reserved(national, one, company="c", wait=True)).json()
    assert [(row["status"], row["position"]) for row in (big, small)] == [("waiting", 1), ("waiting", 2)]
    await granted(national, "people", 4)
    assert (await left(national))["people"] == 1, "the one in front needs two, so nobody moves"
    assert (await reserved(national, one, company="d")).json()["type"] == "urn:ieum:problem:others-wait"
    await stepped(national, held, "release", reason="취소")
    rows = (await national.get("/v1/reservations", params={"status": "reserved"})).json()["items"]
    assert [row["company_id"] for row in rows] == ["b", "c"]
    assert all(row["expires_at"] for row in rows)
    await holds(kit)


async def test_an_unconfirmed_reservation_expires_and_makes_room(
    kit: Kit, app: FastAPI, national: httpx.AsyncClient, client_for: ClientFor, clock: Clock
) -> None:
    await granted(national, "people", 1)
    quote = (await quoted(national))["quote_id"]
    first = (await reserved(national, quote, company="a", days=3)).json()
    waits = (await reserved(national, quote, company="b", wait=True)).json()
    clock.now += timedelta(days=3, seconds=-1)
    async with kit.db.transaction() as tx:
        assert await expire_overdue(tx) == 0
    clock.now += timedelta(seconds=1)
    async with kit.db.transaction() as tx:
        assert await expire_overdue(tx) == 1
    national = client_for(app, *SCOPES)
    states = {
        row["company_id"]: row["status"] for row in (await national.get("/v1/reservations")).json()["items"]
    }  # fmt: skip
    assert states == {"a": "expired", "b": "reserved"}
    late = await stepped(national, first, "confirm")
    assert late.status_code == 409
    assert late.json()["status_now"] == "expired"
    assert (await stepped(national, waits, "confirm")).status_code == 200


async def test_a_request_does_not_wait_behind_a_dead_reservation(
    app: FastAPI, national: httpx.AsyncClient, client_for: ClientFor, clock: Clock
) -> None:
    await granted(national, "people", 1)
    quote = (await quoted(national))["quote_id"]
    await reserved(national, quote, company="a", days=1)
    clock.now += timedelta(hours=23, minutes=59)
    national = client_for(app, *SCOPES)
    assert (await reserved(national, quote, company="b")).status_code == 409
    clock.now += timedelta(minutes=1)
    assert (await reserved(national, quote, company="b")).status_code == 201


async def test_a_refused_request_does_not_undo_what_it_found_expired(
    kit: Kit, app: FastAPI, national: httpx.AsyncClient, client_for: ClientFor, clock: Clock
) -> None:
    await granted(national, "people", 1)
    quote = (await quoted(national))["quote_id"]
    late = (await reserved(national, quote, company="a", days=1)).json()
    await reserved(national, quote, company="b", wait=True)
    clock.now += timedelta(days=1)
    national = client_for(app, *SCOPES)
    refused = await stepped(national, late, "confirm")
    assert (refused.status_code, refused.json()["status_now"]) == (409, "expired"), "before anybody looked for it"
    assert (await reserved(national, quote, company="c")).status_code == 409
    rows = (await national.get("/v1/reservations")).json()["items"]
    assert [(row["company_id"], row["status"]) for row in rows] == [("a", "expired"), ("b", "reserved")]
    await holds(kit)


async def test_each_step_is_idempotent_by_key_and_by_state(kit: Kit, national: httpx.AsyncClient) -> None:
    await granted(national, "people", 10)
    quote = (await quoted(national, people=3))["quote_id"]
    same = key()
    body = {"quote_id": quote, "company_id": "c1"}
    first, second = [await national.post("/v1/reservations", json=body, headers=same) for _ in range(2)]
    assert first.json() == second.json()
    other = await national.post("/v1/reservations", json=body | {"days": 3}, headers=same)
    assert (other.status_code, other.json()["type"]) == (422, "urn:ieum:problem:idempotency-key-reused")
    made = first.json()
    assert [(await stepped(national, made, "confirm")).status_code for _ in range(2)] == [200, 200]
    assert [(await stepped(national, made, "settle", completed_people=2)).status_code for _ in range(2)] == [200, 200]
    assert (await stepped(national, made, "settle", completed_people=1)).status_code == 409
    assert len((await national.get(f"/v1/reservations/{made['reservation_id']}")).json()["steps"]) == 3
    await holds(kit)


@pytest.mark.parametrize(
    ("step", "body"),
    [("settle", {"completed_people": 1}), ("claw-back", {"won": 10, "reason": "x"})],
)
async def test_a_step_out_of_order_says_what_is_possible(
    national: httpx.AsyncClient, step: str, body: dict[str, object]
) -> None:
    await granted(national, "people", 10)
    made = (await reserved(national, (await quoted(national))["quote_id"])).json()
    answer = await stepped(national, made, step, **body)
    assert answer.status_code == 409
    assert answer.json()["possible"] == ["confirm", "release"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"company_id": None}, "one-applicant"),
        ({"learner": "pseudonym-1"}, "one-applicant"),
        ({"company_id": None, "learner": "900101-1234567"}, "resident-number"),
        ({"quote_id": "nothing"}, "not-found"),
        ({"days": 0}, "invalid-input"),
        ({"days": 61}, "invalid-input"),
        ({"people": 5}, "invalid-input"),
    ],
)
async def test_a_wish_that_cannot_be_is_refused(
    national: httpx.AsyncClient, body: dict[str, object], code: str
) -> None:
    await granted(national, "people", 10)
    wish = {"quote_id": (await quoted(national))["quote_id"]} | body
    answer = await reserved(national, **wish)
    assert answer.json()["type"] == f"urn:ieum:problem:{code}"


async def test_a_quote_without_a_price_cannot_be_reserved(national: httpx.AsyncClient) -> None:
    await granted(national, "people", 10)
    quote = await quoted(national, programme="P15")
    answer = await reserved(national, quote["quote_id"])
    assert answer.json()["type"] == "urn:ieum:problem:quote-without-price"


async def test_a_quote_that_the_policy_does_not_give_any_more_cannot_be_reserved(national: httpx.AsyncClient) -> None:
    """M5 was 90 % everywhere; by what was known in 2025 it still is."""
    await granted(national, "people", 10)
    asked = question() | {"known_on": "2025-12-01"}
    quote = (await national.post("/v1/quotes", json=asked)).json()
    answer = await reserved(national, quote["quote_id"])
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:ieum:problem:quote-outdated")
    assert (answer.json()["quoted"], answer.json()["now"]) == (316_800, 334_400)


async def test_more_completers_than_people_and_more_won_than_paid_are_refused(national: httpx.AsyncClient) -> None:
    await granted(national, "people", 10)
    made = (await reserved(national, (await quoted(national, people=3))["quote_id"])).json()
    await stepped(national, made, "confirm")
    assert (await stepped(national, made, "settle", completed_people=4)).status_code == 422
    await stepped(national, made, "settle", completed_people=3)
    assert (await stepped(national, made, "claw-back", won=made["won"] + 1, reason="x")).status_code == 422


async def test_a_quota_is_not_lowered_below_what_is_taken(kit: Kit, national: httpx.AsyncClient) -> None:
    await granted(national, "people", 5)
    await reserved(national, (await quoted(national, people=3))["quote_id"])
    answer = await granted(national, "people", 2)
    assert (answer.status_code, answer.json()["taken"]) == (409, 3)
    assert (await granted(national, "people", 3)).status_code == 200
    await holds(kit)


async def test_a_quota_of_nothing_is_shown(national: httpx.AsyncClient) -> None:
    (shown,) = (await granted(national, "people", 0)).json()
    assert (shown["quota_id"], shown["granted"], shown["left"], shown["by_kind"]) == ("P10:2026:people", 0, 0, {})


async def test_quotas_of_the_register_are_made_once(national: httpx.AsyncClient) -> None:
    await granted(national, "firms", 7)
    made = (await national.post("/v1/quotas/from-register", headers=key())).json()
    found = {quota["quota_id"]: quota["granted"] for quota in made}
    assert found["P10:2026:firms"] == 7, "what somebody set stays"
    assert found["P4:2026:people"] == 10_000
    assert found["P9:2026:won"] == 30_800_000_000
    assert (await national.post("/v1/quotas/from-register", headers=key())).json() == made


async def test_only_national_clients_with_the_scope_reserve(kit: Kit, client_for: ClientFor) -> None:
    app = create_app(kit)
    agency = client_for(app, *SCOPES, agency="MSIT")
    assert (await agency.get("/v1/reservations")).status_code == 403
    assert (await granted(agency, "people", 1)).status_code == 403
    reader = client_for(app, "reservations:read")
    assert (await granted(reader, "people", 1)).status_code == 403
    assert (await reserved(reader, "x")).status_code == 403


async def test_the_last_places_are_granted_exactly(kit: Kit, national: httpx.AsyncClient) -> None:
    await granted(national, "people", 7)
    await granted(national, "won", 10**9)
    quote = (await quoted(national))["quote_id"]
    answers = await asyncio.gather(*(reserved(national, quote, company=f"c{number}") for number in range(200)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(201), statuses.count(409)) == (7, 193)
    assert (await left(national))["people"] == 0
    await holds(kit)
