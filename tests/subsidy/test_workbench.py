"""The life of a policy version over HTTP: proposed, looked at, tried, approved by another, activated, rolled back."""

import copy
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from libs.common.kit import Kit
from services.subsidy.app import create_app, work_once
from services.subsidy.domain import parse
from services.subsidy.loading import FOLDER, documents, read
from services.subsidy.service import Desk
from services.subsidy.service.shadow import shadow_some
from tests.conftest import ClientFor, Clock, MakeKit
from tests.subsidy.makers import handle, issued, question, updated

VERSIONS = "/v1/policy-versions"


@pytest.fixture
async def kit(make_kit: MakeKit) -> Kit:
    return await make_kit("subsidy")


@pytest.fixture
def app(kit: Kit) -> FastAPI:
    return create_app(kit)


@pytest.fixture
def author(app: FastAPI, client_for: ClientFor) -> httpx.AsyncClient:
    scopes = ("policies:read", "policies:write", "policies:approve", "quotes:read", "quotes:write")
    return client_for(app, *scopes, client="author")


@pytest.fixture
def second(app: FastAPI, client_for: ClientFor) -> httpx.AsyncClient:
    return client_for(app, "policies:read", "policies:approve", client="second")


def lower_rate(since: str = "2026-11-23", capital: str = "0.50", non_capital: str = "0.60") -> dict[str, Any]:
    """M5 pays less from a day on."""
    document = copy.deepcopy(documents()["P10.support_rate"])
    value = {"value": {"capital": capital, "non_capital": non_capital}, "reference": "plan:IV-②-p.7", "grade": "S"}
    document["values"][since] = value
    return {"P10.support_rate": document}


_numbers = iter(range(10**6))


async def post(client: httpx.AsyncClient, path: str, body: Any = None, status: int = 201) -> Any:
    headers = {"Idempotency-Key": f"key-{next(_numbers)}"}
    answer = await client.post(path, json=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def propose(client: httpx.AsyncClient, changes: dict[str, Any], status: int = 201, **more: Any) -> Any:
    return await post(client, VERSIONS, {"label": "cut", "changes": changes, "reason": "시험", **more}, status)


async def approved(author: httpx.AsyncClient, second: httpx.AsyncClient, changes: dict[str, Any]) -> str:
    version: str = (await propose(author, changes))["policy_version"]
    await post(second, f"{VERSIONS}/{version}/approve", status=200)
    return version


async def settle(kit: Kit, app: FastAPI) -> None:
    while await work_once(kit, app.state.desk):
        pass


async def test_a_version_lives_from_proposal_to_rollback(
    kit: Kit, app: FastAPI, author: httpx.AsyncClient, second: httpx.AsyncClient
) -> None:
    desk: Desk = app.state.desk
    await handle(kit, desk, updated("k1"), updated("k2", size_class="large_1000_plus", headcount=5000))
    proposed = await propose(author, lower_rate())
    version = proposed["policy_version"]
    assert (proposed["status"], proposed["proposed_by"], proposed["base"]) == (
        "proposed",
        "author",
        desk.policy.version,
    )
    (change,) = proposed["difference"]
    assert (change["parameter"], change["change"]) == ("P10.support_rate", "changed")
    (value,) = change["values"]
    assert (value["effective_on"], value["old"]) == ("2026-11-23", None)
    assert value["new"]["value"] == {"capital": "0.50", "non_capital": "0.60"}

    lint = (await author.get(f"{VERSIONS}/{version}/lint")).json()
    assert lint["errors"] == 0
    (rise,) = [one for one in lint["findings"] if one["code"] == "self-pay-rises"]
    assert (rise["parameter"], rise["on"]) == ("P10.support_rate", "2026-11-23")

    run = await post(author, f"{VERSIONS}/{version}/shadow-runs", {"budget": {"P10": 300_000}}, 202)
    assert (run["status"], run["total"]) == ("running", 2)
    await settle(kit, app)
    run = (await author.get(f"{VERSIONS}/{version}/shadow-runs/{run['run_id']}")).json()
    assert (run["status"], run["done"], run["lose"], run["same"]) == ("done", 2, 1, 1)
    (loser,) = run["losers"]
    assert (loser["before"], loser["after"], loser["difference"]) == (334_400, 211_200, -123_200)
    assert run["support"]["difference"] == -123_200
    (p10,) = run["programmes"]
    assert p10["left"] == 300_000 - p10["after"]

    refused = await post(author, f"{VERSIONS}/{version}/activate", {"effective_on": "2026-11-23"}, 409)
    assert refused["type"] == "urn:ieum:problem:not-approved"
    await post(second, f"{VERSIONS}/{version}/approve", status=200)
    done = await post(second, f"{VERSIONS}/{version}/activate", {"effective_on": "2026-11-23"})
    await settle(kit, app)
    events = await issued(kit)
    assert [(e.company_id, e.recommendation_version, e.policy_version) for e in events[2:]] == [("k1", 1, version)]
    assert events[2].prices[0].support == 211_200
    assert events[2].prices[0].quote_id != events[0].prices[0].quote_id
    requote = (await author.get(f"/v1/requotes/{done['requote_id']}")).json()
    assert (requote["status"], requote["total"], requote["done"], requote["changed"]) == ("done", 2, 2, 1)

    back = await post(second, f"{VERSIONS}/rollback", {"effective_on": "2026-11-23", "reason": "되돌림"})
    assert back["policy_version"] == desk.policy.version
    await settle(kit, app)
    events = await issued(kit)
    assert len(events) == 4
    assert events[3].prices == events[0].prices, "the same won, rules and citations as before"
    shown = (await author.get(VERSIONS)).json()
    assert [(one["seq"], one["kind"]) for one in shown["activations"]] == [(1, "activate"), (2, "rollback")]
    assert shown["in_force"] == desk.policy.version
    history = (await author.get(f"{VERSIONS}/{version}")).json()
    assert [step["step"] for step in history["steps"]] == ["proposed", "approved"]
    assert (len(history["shadow_runs"]), len(history["activations"])) == (1, 1)


async def test_who_proposed_a_version_cannot_approve_it(
    app: FastAPI, author: httpx.AsyncClient, second: httpx.AsyncClient, client_for: ClientFor
) -> None:
    version = (await propose(author, lower_rate()))["policy_version"]
    refused = await post(author, f"{VERSIONS}/{version}/approve", status=403)
    assert refused["type"] == "urn:ieum:problem:second-person-needed"
    changer = client_for(app, "policies:write", "policies:approve", client="changer")
    built_on = (await propose(changer, lower_rate("2026-12-01"), base=version))["policy_version"]
    refused = await post(author, f"{VERSIONS}/{built_on}/approve", status=403)
    assert refused["type"] == "urn:ieum:problem:second-person-needed", "a part of it is the author's"
    assert (await post(second, f"{VERSIONS}/{built_on}/approve", status=200))["status"] == "approved"


async def test_a_proposal_that_undoes_another_has_an_end(author: httpx.AsyncClient, second: httpx.AsyncClient) -> None:
    """Under the label of the base its content is the base, on which the other one builds."""
    changed = await propose(author, lower_rate())
    undone = {"P10.support_rate": documents()["P10.support_rate"]}
    back = await propose(author, undone, label=read(FOLDER)[0], base=changed["policy_version"])
    assert back["policy_version"] == changed["base"]
    for version in (changed["policy_version"], back["policy_version"]):
        await post(author, f"{VERSIONS}/{version}/approve", status=403)
        await post(second, f"{VERSIONS}/{version}/approve", status=200)


async def test_two_values_for_one_day_are_refused_and_not_chosen_from(author: httpx.AsyncClient) -> None:
    value = '{"value": {"capital": "0.50", "non_capital": "0.60"}, "reference": "plan:IV-②-p.7", "grade": "S"}'
    document = f'{{"values": {{"2027-01-01": {value}, "2027-01-01": {value}}}}}'
    body = f'{{"label": "cut", "reason": "시험", "changes": {{"P10.support_rate": {document}}}}}'
    headers = {"Idempotency-Key": "twice", "Content-Type": "application/json"}
    answer = await author.post(VERSIONS, content=body.encode(), headers=headers)
    assert answer.status_code == 422
    assert [(one["code"], one["value"]) for one in answer.json()["errors"]] == [("key-twice", "2027-01-01")]


async def test_the_same_content_is_the_same_version(author: httpx.AsyncClient) -> None:
    first = await propose(author, lower_rate())
    again = await propose(author, lower_rate())
    assert again == first
    other = await propose(author, lower_rate(capital="0.51"))
    assert other["label"] == first["label"]
    assert other["policy_version"] != first["policy_version"]


async def test_every_fault_comes_back_at_once_with_its_parameter(author: httpx.AsyncClient) -> None:
    bad = lower_rate()
    bad["P10.support_rate"]["values"]["2026-11-23"]["value"] = {"capital": "1.50"}
    unset = copy.deepcopy(documents()["P9.support_rate"]) | {"by": ["x"], "unit": "euro"}
    found = await propose(author, bad, 422)
    assert found["type"] == "urn:ieum:problem:policy-invalid"
    found = await propose(author, bad | {"P9.support_rate": unset, "P9.unknown": None}, 422)
    assert {error["parameter"] for error in found["errors"]} == {"P9.support_rate", "P9.unknown"}
    unset["by"] = None
    found = await propose(author, bad | {"P9.support_rate": unset}, 422)
    assert {error["parameter"] for error in found["errors"]} == {"P9.support_rate", "P10.support_rate"}
    assert all(error["ko"] and error["en"] for error in found["errors"])
    same = await propose(author, {"P9.support_rate": documents()["P9.support_rate"]}, 422)
    assert same["errors"][0]["code"] == "nothing-changed"
    assert (await propose(author, lower_rate(), 422, base="nowhere-1"))["errors"][0]["field"] == "base"


async def test_lint_errors_block_the_approval(author: httpx.AsyncClient, second: httpx.AsyncClient) -> None:
    version = (await propose(author, {"common.rounding_unit": None}))["policy_version"]
    refused = await post(second, f"{VERSIONS}/{version}/approve", status=409)
    assert refused["type"] == "urn:ieum:problem:lint-errors"
    assert {one["parameter"] for one in refused["findings"]} == {"common.rounding_unit"}
    assert (await author.get(f"{VERSIONS}/{version}")).json()["status"] == "proposed"


async def test_a_rejected_version_must_be_proposed_again(author: httpx.AsyncClient, second: httpx.AsyncClient) -> None:
    version = (await propose(author, lower_rate()))["policy_version"]
    assert (await post(second, f"{VERSIONS}/{version}/reject", {"reason": "근거 부족"}, 200))["status"] == "rejected"
    assert (await post(second, f"{VERSIONS}/{version}/approve", status=409))["type"].endswith("proposal-rejected")
    assert (await propose(author, lower_rate()))["status"] == "proposed"
    shown = await post(second, f"{VERSIONS}/{version}/approve", status=200)
    assert [step["step"] for step in shown["steps"]] == ["proposed", "rejected", "proposed", "approved"]


async def test_a_day_before_today_needs_retroactive_and_a_reason(
    author: httpx.AsyncClient, second: httpx.AsyncClient
) -> None:
    version = await approved(author, second, lower_rate("2026-10-01"))
    path, past = f"{VERSIONS}/{version}/activate", {"effective_on": "2026-11-22"}
    for body in (past, past | {"retroactive": True}, past | {"reason": "고시"}):
        assert (await post(second, path, body, 422))["errors"][0]["code"] == "in-the-past"
    await post(second, path, past | {"retroactive": True, "reason": "고시"})
    for day, support in (("2026-11-21", 334_400), ("2026-11-22", 211_200)):
        answer = await author.post("/v1/quotes", json=question(applied_on=day))
        assert answer.json()["support"] == support


async def test_an_activation_for_a_coming_day_requotes_on_that_day(
    kit: Kit, app: FastAPI, clock: Clock, author: httpx.AsyncClient, second: httpx.AsyncClient
) -> None:
    await handle(kit, app.state.desk, updated("k1"))
    version = await approved(author, second, lower_rate())
    await post(second, f"{VERSIONS}/{version}/activate", {"effective_on": "2026-12-01"})
    await settle(kit, app)
    assert len(await issued(kit)) == 1
    (waiting,) = (await author.get("/v1/requotes")).json()
    assert (waiting["status"], waiting["due_on"]) == ("waiting", "2026-12-01")
    asked = await author.post("/v1/quotes", json=question(applied_on="2026-12-01"))
    assert asked.json()["support"] == 211_200
    known = await author.post("/v1/quotes", json=question(applied_on="2026-12-01") | {"known_on": "2026-11-22"})
    assert known.json()["support"] == 334_400
    clock.now = clock.now.replace(month=12, day=1)
    await settle(kit, app)
    assert [event.policy_version for event in await issued(kit)][1:] == [version]


async def test_rights_are_asked_for(app: FastAPI, client_for: ClientFor) -> None:
    stranger = client_for(app, "quotes:read", client="stranger")
    for path in (VERSIONS, f"{VERSIONS}/x", f"{VERSIONS}/x/lint", f"{VERSIONS}/x/shadow-runs/y", "/v1/requotes"):
        assert (await stranger.get(path)).status_code == 403
    reader = client_for(app, "policies:read", client="reader")
    await propose(reader, lower_rate(), 403)
    for path in ("x/approve", "x/activate", "rollback"):
        await post(reader, f"{VERSIONS}/{path}", {"effective_on": "2026-12-01", "reason": "x"}, 403)
    for path in (f"{VERSIONS}/x", f"{VERSIONS}/x/lint", f"{VERSIONS}/x/shadow-runs/y", "/v1/requotes/x"):
        assert (await reader.get(path)).status_code == 404


async def test_a_shadow_run_goes_on_batch_by_batch_and_stops_at_its_limit(
    kit: Kit, app: FastAPI, author: httpx.AsyncClient
) -> None:
    desk: Desk = app.state.desk
    await handle(kit, desk, *(updated(f"k{number}") for number in range(14)))
    await handle(kit, desk, updated("k1", version=2))
    asked = await author.post("/v1/quotes", json=question(people=7, applied_on="2026-10-01"))
    version = (await propose(author, lower_rate()))["policy_version"]
    path = f"{VERSIONS}/{version}/shadow-runs"
    own_days = (await post(author, path, {}, 202))["run_id"]
    one_day = (await post(author, path, {"on": "2026-11-30"}, 202))["run_id"]
    few = (await post(author, path, {"limit": 3, "on": "2026-11-30"}, 202))["run_id"]
    async with kit.db.transaction() as tx:
        assert await shadow_some(tx, desk, 4) == 1
    first = (await author.get(f"{path}/{own_days}")).json()
    assert (first["status"], first["total"], first["done"]) == ("running", 15, 4)
    for _ in range(12):
        async with kit.db.transaction() as tx:
            await shadow_some(tx, Desk(*read(FOLDER)), 4)
    runs = [(await author.get(f"{path}/{run}")).json() for run in (own_days, one_day, few)]
    assert [(run["status"], run["done"], run["lose"], run["same"]) for run in runs] == [
        ("done", 15, 14, 1),
        ("done", 15, 15, 0),
        ("done", 3, 3, 0),
    ]
    assert (len(runs[1]["losers"]), runs[1]["winners"]) == (10, [])
    assert runs[1]["losers"][0]["quote_id"] == asked.json()["quote_id"], "seven people lose most"
    assert runs[1]["support"]["difference"] == -123_200 * (14 + 7)
    (p10,) = [one for one in runs[0]["programmes"] if one["programme"] == "P10"]
    assert p10["before"] == 334_400 * (14 + 7)
    assert [event.company_id for event in await issued(kit)][14:] == ["k1"], "nothing was told of"


async def test_a_version_that_would_undo_another_in_silence_is_not_activated(
    author: httpx.AsyncClient, second: httpx.AsyncClient
) -> None:
    online = copy.deepcopy(documents()["P9.support_rate"])
    online["values"]["2026-11-23"] = {"value": "0.99", "reference": "plan:IV-②-p.7", "grade": "S"}
    one, other = [await approved(author, second, changes) for changes in (lower_rate(), {"P9.support_rate": online})]
    on = {"effective_on": "2026-11-23"}
    await post(second, f"{VERSIONS}/{one}/activate", on)
    refused = await post(second, f"{VERSIONS}/{other}/activate", on, 409)
    assert (refused["type"], refused["applies"]) == ("urn:ieum:problem:base-replaced", one)
    assert refused["parameters"] == ["P10.support_rate"]
    both = await approved(author, second, {"P9.support_rate": online})
    assert both != other, "proposed again, it stands on what applies now"
    await post(second, f"{VERSIONS}/{both}/activate", on)


async def test_an_activation_names_those_to_come_that_it_cancels(
    author: httpx.AsyncClient, second: httpx.AsyncClient
) -> None:
    version = await approved(author, second, lower_rate())
    later = await post(second, f"{VERSIONS}/{version}/activate", {"effective_on": "2027-01-01"})
    assert later["cancels"] == []
    with_base = {"effective_on": "2027-01-01", "to": (await author.get(VERSIONS)).json()["in_force"], "reason": "x"}
    same_day = await post(second, f"{VERSIONS}/rollback", with_base)
    assert same_day["cancels"] == [later["seq"]]
    later = await post(second, f"{VERSIONS}/{version}/activate", {"effective_on": "2027-01-02"})
    sooner = await post(second, f"{VERSIONS}/{version}/activate", {"effective_on": "2026-12-01"})
    assert sooner["cancels"] == [same_day["seq"], later["seq"]]
    again = await post(second, f"{VERSIONS}/{version}/activate", {"effective_on": "2026-11-25"})
    assert again["cancels"] == [sooner["seq"]], "the first was cancelled before"


async def test_a_rollback_that_two_send_does_not_bring_back_what_it_undid(
    author: httpx.AsyncClient, second: httpx.AsyncClient
) -> None:
    version = await approved(author, second, lower_rate())
    await post(second, f"{VERSIONS}/{version}/activate", {"effective_on": "2026-11-23"})
    rollback = {"effective_on": "2026-11-23", "reason": "x"}
    back = await post(second, f"{VERSIONS}/rollback", rollback)
    twice = await post(second, f"{VERSIONS}/rollback", rollback, 409)
    assert twice["type"] == "urn:ieum:problem:already-rolled-back"
    assert (await author.get(VERSIONS)).json()["in_force"] == back["policy_version"]
    named = await post(second, f"{VERSIONS}/rollback", rollback | {"to": version})
    assert named["policy_version"] == version


async def test_requests_that_lose_their_price_are_counted(kit: Kit, app: FastAPI, author: httpx.AsyncClient) -> None:
    await handle(kit, app.state.desk, updated("k1"))
    unset = lower_rate()
    unset["P10.support_rate"]["values"]["2026-11-23"]["value"] = None
    unset["P10.support_rate"]["set_by"] = {"ko": "고용노동부", "en": "Ministry of Employment and Labor"}
    version = (await propose(author, unset))["policy_version"]
    run = await post(author, f"{VERSIONS}/{version}/shadow-runs", {}, 202)
    await settle(kit, app)
    run = (await author.get(f"{VERSIONS}/{version}/shadow-runs/{run['run_id']}")).json()
    assert (run["stop_being_priced"], run["become_priced"], run["support"]["after"]) == (1, 0, 0)
    lint = (await author.get(f"{VERSIONS}/{version}/lint")).json()
    named = {(one["code"], one["parameter"]) for one in lint["findings"]}
    assert ("no-longer-priced", "P10.support_rate") in named
    assert lint["errors"] > 0


async def test_documents_that_are_no_documents_are_named(author: httpx.AsyncClient) -> None:
    deep: Any = "x"
    for _ in range(400):
        deep = [deep]
    body = b'{"label":"a","reason":"r","changes":{"P9.support_rate":{"description":"\\ud800","unit":1,"values":[]}}}'
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    assert (await author.post(VERSIONS, content=body, headers=headers)).status_code == 422
    no_documents: list[Any] = [1, "x", [], {}, deep, {"unit": deep}, {"by": {}}, {"values": {"2026-01-01": deep}}]
    for bad in no_documents:
        found = await propose(author, {"P9.support_rate": bad}, 422)
        assert {error["parameter"] for error in found["errors"]} == {"P9.support_rate"}
    assert (await propose(author, lower_rate(), 422, label="a b"))["errors"][0]["parameter"] == "label"


async def test_an_activation_that_is_sent_twice_happens_once(
    author: httpx.AsyncClient, second: httpx.AsyncClient
) -> None:
    nothing = await post(second, f"{VERSIONS}/rollback", {"effective_on": "2026-12-01", "reason": "x"}, 409)
    assert nothing["type"] == "urn:ieum:problem:nothing-to-roll-back"
    version = await approved(author, second, lower_rate())
    body, headers = {"effective_on": "2026-12-01"}, {"Idempotency-Key": "once"}
    answers = [await second.post(f"{VERSIONS}/{version}/activate", json=body, headers=headers) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    again = await post(second, f"{VERSIONS}/{version}/activate", body, 409)
    assert again["type"] == "urn:ieum:problem:applies-already"
    assert len((await author.get(VERSIONS)).json()["activations"]) == 1
    early = await post(second, f"{VERSIONS}/rollback", {"effective_on": "2026-11-01", "reason": "x"}, 422)
    assert early["errors"][0]["code"] == "in-the-past"
    unknown = await post(second, f"{VERSIONS}/rollback", {"effective_on": "2026-12-01", "reason": "x", "to": "v"}, 422)
    assert unknown["errors"][0]["code"] == "never-activated"
    late = await post(second, f"{VERSIONS}/{version}/reject", {"reason": "x"}, 409)
    assert late["type"] == "urn:ieum:problem:already-activated"


async def test_a_version_is_given_whole(author: httpx.AsyncClient, second: httpx.AsyncClient) -> None:
    version = await approved(author, second, lower_rate())
    given = (await author.get(f"{VERSIONS}/{version}/documents")).json()
    assert parse(given["label"], given["documents"]).version == version
    base = (await author.get(VERSIONS)).json()["in_force"]
    assert (await author.get(f"{VERSIONS}/{base}/documents")).json()["documents"] == documents()
    assert (await author.get(f"{VERSIONS}/none/documents")).status_code == 404
