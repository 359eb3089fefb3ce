"""Quotes and policies over HTTP."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from libs.common.kit import Kit
from services.subsidy.api.receipt import StoredReceipt
from services.subsidy.app import create_app
from services.subsidy.loading import FOLDER, read
from services.subsidy.service import Desk
from tests.conftest import ClientFor, Clock, MakeKit
from tests.subsidy.makers import another, handle, issued, question, updated

QUOTES, POLICIES = "/v1/quotes", "/v1/policies"


@pytest.fixture
async def kit(make_kit: MakeKit) -> Kit:
    return await make_kit("subsidy")


@pytest.fixture
def app(kit: Kit) -> FastAPI:
    return create_app(kit)


@pytest.fixture
def national(app: FastAPI, client_for: ClientFor) -> httpx.AsyncClient:
    return client_for(app, "quotes:read", "quotes:write", "ops")


async def asked(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post(QUOTES, json=question(**changes))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def refused(client: httpx.AsyncClient, **changes: Any) -> dict[str, dict[str, Any]]:
    """Field → its error."""
    answer = await client.post(QUOTES, json=question(**changes))
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["type"] == "urn:ieum:problem:invalid-input"
    assert all(error["ko"] and error["en"] for error in body["errors"])
    return {error["field"]: error for error in body["errors"]}


async def test_a_question_is_answered_with_a_receipt_that_can_be_read_again(national: httpx.AsyncClient) -> None:
    found = await asked(national, people=3)
    assert (found["outcome"], found["cost"], found["support"]) == ("quoted", 2_400_000, 1_003_200)
    assert found["self_pay"] == 1_396_800
    assert found["rules"] == ["M5"]
    again = (await national.get(f"{QUOTES}/{found['quote_id']}")).json()
    StoredReceipt.model_validate(again)
    assert {name: again[name] for name in found} == found
    assert again["company_id"] is None


async def test_the_steps_of_a_receipt_lead_from_the_fee_to_the_self_pay(national: httpx.AsyncClient) -> None:
    steps = {step["step"]: step for step in (await asked(national, people=3))["steps"]}
    won = ("fee", "unit-price", "hours", "multiple", "cap", "eligible", "rate", "people", "rounding", "support")
    values = [steps[name]["value"] for name in won]
    assert values == [800_000, 11_000, 32, "1.00", 352_000, 352_000, "0.95", 3, 10, 1_003_200]
    assert steps["self-pay"]["value"] == 1_396_800
    assert all(step["ko"] and step["en"] and step["unit"] for step in steps.values())
    assert steps["rate"]["parameter"] == "P10.support_rate"
    assert steps["rate"]["effective_on"] == "2026-01-01"
    assert "plan:IV-②-p.7" in steps["rate"]["citation"]
    assert steps["rounding"]["interpretation"] is True
    assert "국고금 관리법 제47조" in steps["rounding"]["citation"]


async def test_the_same_question_has_the_same_quote(national: httpx.AsyncClient) -> None:
    first, second = await asked(national), await asked(national)
    assert first == second
    assert (await asked(national, people=2))["quote_id"] != first["quote_id"]
    counts = (await national.get("/ops/subsidy/status")).json()["counts"]
    assert (counts["quotes"], counts["quoted"], counts["companies_priced"]) == (2, 2, 0)


async def test_head_count_and_industry_stand_in_for_the_size_class(national: httpx.AsyncClient) -> None:
    size = {"size_class": None, "headcount": 450, "ksic_version": "10", "ksic_code": "29271"}
    assert (await asked(national, company=size))["rules"] == ["M5"]
    large = await asked(national, company=size | {"headcount": 501})
    assert large["rules"] == ["employer"]
    reasons = {reason["code"] for other in large["others"] for reason in other["reasons"]}
    assert "not-sme" in reasons


async def test_without_a_size_class_there_is_no_price_but_a_reason(national: httpx.AsyncClient) -> None:
    found = await asked(national, company={"size_class": None})
    assert (found["outcome"], found["cost"], found["steps"]) == ("unpriced", None, [])
    assert "size-class-unknown" in {reason["code"] for reason in found["reasons"]}


async def test_a_course_without_unit_price_says_who_must_set_it(national: httpx.AsyncClient) -> None:
    found = await asked(national, course={"unit_price": None})
    (reason,) = [reason for reason in found["reasons"] if reason["code"] == "unit-price-unset"]
    assert "고용노동부" in reason["ko"]
    assert "Ministry of Employment and Labor" in reason["en"]


@pytest.mark.parametrize("day", [1772323200, "1772323200", 20260301, 0, True, "", "2026.03.01", "2026-02-30", None])
@pytest.mark.parametrize("field", ["applied_on", "known_on"])
async def test_a_day_is_written_as_one_and_never_read_from_a_number(
    national: httpx.AsyncClient, field: str, day: object
) -> None:
    answer = await national.post(QUOTES, json=question() | {field: day})
    if field == "known_on" and day is None:
        assert answer.status_code == 201
    else:
        assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, [field])


async def test_a_day_before_any_policy_is_named_beside_a_region_of_later(national: httpx.AsyncClient) -> None:
    errors = await refused(national, applied_on="2009-01-01")
    assert errors["applied_on"]["code"] == "policy-not-begun"
    assert errors["company.region_code"]["code"] == "region-not-yet"


async def test_an_empty_region_code_is_not_the_same_as_none(national: httpx.AsyncClient) -> None:
    errors = await refused(national, company={"region_code": ""}, course={"institution_region": ""})
    assert {error["code"] for error in errors.values()} == {"region-missing"}
    assert set(errors) == {"company.region_code", "course.institution_region"}


async def test_every_bad_value_is_named_at_once(national: httpx.AsyncClient) -> None:
    course = {"programme": "P99", "hours": -1, "fee": -5, "unit_price": 0, "capacity": 10}
    errors = await refused(national, people=11, course=course, company={"region_code": "99999", "headcount": -2})
    assert {field: error["code"] for field, error in errors.items()} == {
        "course.programme": "programme-unknown",
        "course.hours": "negative",
        "course.fee": "negative",
        "course.unit_price": "out-of-range",
        "people": "over-capacity",
        "company.headcount": "negative",
        "company.region_code": "region-unknown",
    }


@pytest.mark.parametrize("people", [0, -1, 10**30])
async def test_people_must_be_people(national: httpx.AsyncClient, people: int) -> None:
    assert "people" in await refused(national, people=people)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"people": 1}',
        b'{"company": {}, "course": {"programme": "P10"}, "people": "x", "applied_on": "2026-13-01"}',
    ],
)
async def test_what_is_no_question_is_refused_as_a_problem(national: httpx.AsyncClient, body: bytes) -> None:
    answer = await national.post(QUOTES, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_part_of_a_won_or_an_unknown_field_is_refused(national: httpx.AsyncClient) -> None:
    assert "course.fee" in await refused(national, course={"fee": 1000.5})
    assert "course.discount" in await refused(national, course={"discount": 10})
    assert "course.mode" in await refused(national, course={"mode": "telepathy"})
    assert "course.fee" in await refused(national, course={"fee": "800,000"})
    assert "course.ai" in await refused(national, course={"ai": "yes"})
    assert "people" in await refused(national, people=True)


@pytest.mark.parametrize(("on", "code"), [("2026-07-01", "46110"), ("2026-06-30", "12110")])
async def test_a_region_code_not_in_force_on_the_day_is_refused_with_the_right_one(
    national: httpx.AsyncClient, on: str, code: str
) -> None:
    error = (await refused(national, applied_on=on, company={"region_code": code}))["company.region_code"]
    assert error["code"] == "region-not-in-force"
    assert {"46110": "12110", "12110": "46110"}[code] in error["ko"]


async def test_a_split_region_is_refused_with_its_successors(national: httpx.AsyncClient) -> None:
    error = (await refused(national, company={"region_code": "28110"}))["company.region_code"]
    assert error["code"] == "region-split"
    assert "28125" in error["ko"]
    assert "28155" in error["en"]


async def test_a_code_in_force_is_taken_on_the_days_it_holds(national: httpx.AsyncClient) -> None:
    for on, code in (("2026-06-30", "46110"), ("2026-07-01", "12110")):
        found = await asked(national, applied_on=on, company={"region_code": code})
        assert found["support"] == 334_400


async def test_a_province_or_a_legal_dong_code_says_enough_for_two_tiers(national: httpx.AsyncClient) -> None:
    for code, support in (("48", 334_400), ("4812312800", 334_400), ("11", 316_800), ("1168010100", 316_800)):
        assert (await asked(national, company={"region_code": code}))["support"] == support
    error = (await refused(national, company={"region_code": "46"}))["company.region_code"]
    assert error["ko"]


async def test_an_industry_that_cannot_be_read_is_not_passed_over(national: httpx.AsyncClient) -> None:
    unknown = {"size_class": None, "headcount": 300, "ksic_version": "10", "ksic_code": "00000"}
    assert "company.ksic_code" in await refused(national, company=unknown)
    assert "company.ksic_version" in await refused(national, company=unknown | {"ksic_version": None})


@pytest.mark.parametrize("on", ["2024-12-31", "1900-01-01", "0001-01-01"])
async def test_a_day_before_any_policy_is_a_named_problem(national: httpx.AsyncClient, on: str) -> None:
    without_place = question(applied_on=on, company={"region_code": None})
    for answer in (
        await national.post(QUOTES, json=without_place),
        await national.get(POLICIES, params={"on": on}),
    ):
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:ieum:problem:policy-not-begun")
        assert "2025-01-01" in answer.json()["title"]


async def test_a_receipt_of_a_list_names_company_and_course(kit: Kit, national: httpx.AsyncClient) -> None:
    await handle(kit, Desk(*read(FOLDER)), updated())
    price = (await issued(kit))[0].prices[0]
    found = (await national.get(f"{QUOTES}/{price.quote_id}")).json()
    assert (found["company_id"], found["course_id"], found["list_version"]) == ("k1", "a", 1)
    assert (found["cost"], found["support"], found["self_pay"]) == (price.cost, price.support, price.self_pay)


async def test_an_unknown_quote_is_not_found(national: httpx.AsyncClient) -> None:
    assert (await national.get(f"{QUOTES}/nothing")).status_code == 404
    assert (await national.get(f"{QUOTES}/a%00b")).status_code == 422


async def test_quotes_are_for_national_clients_with_the_scope(app: FastAPI, client_for: ClientFor) -> None:
    assert (await client_for(app).get(f"{QUOTES}/x")).status_code == 401
    reader = client_for(app, "quotes:read")
    assert (await reader.post(QUOTES, json=question())).status_code == 403
    assert (await client_for(app, "courses:read").get(POLICIES, params={"on": "2026-11-23"})).status_code == 403
    agency = client_for(app, "quotes:read", "quotes:write", agency="MSIT")
    asked = await agency.post(QUOTES, json=question())
    assert asked.status_code == 201, "its own question tells nobody anything about others"
    answer = await agency.get(f"{QUOTES}/{asked.json()['quote_id']}")
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:ieum:problem:national-clients-only")
    assert "/v1/referrals" in answer.json()["title"]


async def test_the_policy_of_a_day_is_shown_with_its_citations(national: httpx.AsyncClient) -> None:
    before = await parameters(national, "2026-02-28")
    after = await parameters(national, "2026-03-01")
    assert (before["P9.support_rate"]["value"], after["P9.support_rate"]["value"]) == ("0.90", "1.00")
    assert after["P9.support_rate"]["effective_on"] == "2026-03-01"
    assert after["P10.support_rate"]["value"] == {"capital": "0.90", "non_capital": "0.95"}
    assert all(parameter["citation"] for parameter in after.values() if parameter["status"] != "not-yet")
    assert after["common.rounding_unit"]["interpretation"] is True


async def test_the_policy_says_what_is_not_set_and_what_comes_later(national: httpx.AsyncClient) -> None:
    found = await parameters(national, "2026-02-28")
    assert found["P11.expert_allowance"]["status"] == "not-yet"
    assert found["P11.expert_allowance"]["effective_on"] == "2026-03-01"
    unset = (await parameters(national, "2026-03-01"))["P11.expert_allowance"]
    assert (unset["status"], "value" in unset) == ("unset", False)
    assert unset["set_by_ko"]
    assert unset["set_by_en"]
    share = found["card.own_share"]
    assert (share["status"], share["value"]["over_6m_to_12m"], share["value"]["over_12m_to_18m"]) == (
        "in-force", 400_000, None,
    )  # fmt: skip
    assert share["set_by_ko"]
    assert (await national.get(POLICIES, params={"on": "1772323200"})).status_code == 422


async def parameters(client: httpx.AsyncClient, on: str) -> dict[str, dict[str, Any]]:
    answer = await client.get(POLICIES, params={"on": on})
    assert answer.status_code == 200
    return {parameter["parameter"]: parameter for parameter in answer.json()["parameters"]}


async def test_readiness_tells_whether_a_policy_is_in_force(kit: Kit, clock: Clock, client_for: ClientFor) -> None:
    def begin_later(documents: dict[str, Any]) -> None:
        for document in documents.values():
            newest = max(document["values"])
            document["values"] = {"2027-01-01": document["values"][newest]}

    later = client_for(create_app(kit, another(begin_later)))
    assert (await later.get("/readyz")).json()["checks"]["policy"] is False
    assert (await client_for(create_app(kit)).get("/readyz")).json()["checks"]["policy"] is True


async def test_a_learner_is_told_allowance_and_own_share(national: httpx.AsyncClient) -> None:
    course = {"programme": "P14", "level": "advanced", "hours": 20, "fee": 300_000, "unit_price": 10_000, "months": 6}
    course |= {"institution_region": "11680"}
    learner = {"learner": {"status": "jobseeker", "age": 45}, "company": {}, "people": 1, "applied_on": "2026-07-01"}
    answer = await national.post(QUOTES, json=learner | {"course": question()["course"] | course})
    assert answer.status_code == 201, answer.text
    found = answer.json()
    assert (found["cost"], found["support"], found["self_pay"]) == (300_000, 234_000, 66_000)
    assert [(payer["payer"], payer["won"]) for payer in found["payers"]] == [("moel", 234_000), ("learner", 66_000)]
    (allowance,) = found["allowances"]
    assert (allowance["per_month"], allowance["before"], allowance["change"]) == (300_000, 316_000, -16_000)
    assert (allowance["total"], allowance["changed_on"]) == (1_800_000, "2026-07-01")
    assert {step["step"] for step in allowance["steps"]} == {"allowance-place", "per-month", "months", "people"}
    again = (await national.get(f"{QUOTES}/{found['quote_id']}")).json()
    assert {name: again[name] for name in found} == found


async def test_the_yearly_limit_of_a_firm_is_looked_at_where_its_payroll_is_stated(national: httpx.AsyncClient) -> None:
    course = {"programme": "C0041T", "fee": 400_000, "hours": 40, "unit_price": 10_000}
    firm = {"headcount": 50, "annual_payroll": 2_000_000_000, "support_used": 10_000_000}
    found = await asked(national, people=40, course=course, company=firm)
    assert (found["support"], found["self_pay"]) == (2_000_000, 14_000_000)
    steps = {step["step"]: step for step in found["steps"]}
    assert (steps["premium-rate"]["value"], steps["yearly-multiple"]["value"]) == ("0.0025", "2.40")
    assert steps["yearly-left"]["value"] == 2_000_000
    missing = await refused(national, course=course, company={"annual_payroll": 1})
    assert missing["company.annual_payroll"]["code"] == "payroll-incomplete"


async def test_what_was_known_on_a_day_gives_the_answer_of_that_day(national: httpx.AsyncClient) -> None:
    course = {"programme": "P9", "mode": "remote", "level": "beginner", "hours": 8, "fee": 60_000, "unit_price": 5_000}
    base = question(course=course, applied_on="2026-03-01")
    before, after = [
        (await national.post(QUOTES, json=base | {"known_on": day})).json() for day in ("2025-12-17", "2025-12-18")
    ]
    assert (before["self_pay"], before["known_on"]) == (6_000, "2025-12-17")
    assert after["self_pay"] == 0
    assert before["quote_id"] != after["quote_id"]
    again = (await national.get(f"{QUOTES}/{before['quote_id']}")).json()
    assert (again["self_pay"], again["known_on"]) == (6_000, "2025-12-17")


async def test_before_anything_was_known_there_is_no_answer(national: httpx.AsyncClient) -> None:
    for extra in ({"known_on": "2024-12-31"}, {"known_on": "0001-01-01", "company": {"headcount": 10}}):
        answer = await national.post(QUOTES, params={"what_if": True}, json=question() | extra)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:ieum:problem:policy-not-known")
        assert "2025-01-01" in answer.json()["title"]
    first = await national.post(QUOTES, params={"what_if": True}, json=question() | {"known_on": "2025-01-01"})
    assert first.status_code == 201


async def test_what_another_day_would_change_comes_with_the_quote_or_later(national: httpx.AsyncClient) -> None:
    course = {"programme": "P9", "mode": "remote", "level": "beginner", "hours": 8, "fee": 60_000, "unit_price": 5_000}
    body = question(course=course, applied_on="2026-02-01")
    plain = (await national.post(QUOTES, json=body)).json()
    assert "what_if" not in plain
    found = (await national.post(QUOTES, params={"what_if": True}, json=body)).json()
    (march,) = found["what_if"]["dates"]
    assert (march["applied_on"], march["self_pay"]) == ("2026-03-01", 0)
    assert "자부담이 6,000원(10%)에서 0원이 됩니다" in march["ko"]
    later = (await national.get(f"{QUOTES}/{found['quote_id']}/what-if")).json()
    assert later == found["what_if"]
    assert (await national.get(f"{QUOTES}/nothing/what-if")).status_code == 404


@pytest.mark.parametrize(
    ("part", "value", "field"),
    [
        ("learner", {"status": "student"}, "learner.status"), ("learner", {"age": 30}, "learner.status"),
        ("learner", {"status": "worker", "age": -1}, "learner.age"),
        ("learner", {"status": "worker", "age": 121}, "learner.age"),
        ("known_on", "2026-13-01", "known_on"),
    ],
)  # fmt: skip
async def test_a_learner_that_cannot_be_is_refused(
    national: httpx.AsyncClient, part: str, value: Any, field: str
) -> None:
    answer = await national.post(QUOTES, json=question() | {part: value})
    assert answer.status_code == 422
    assert field in {error["field"] for error in answer.json()["errors"]}
