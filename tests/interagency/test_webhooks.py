"""Webhooks reach the partner, signed, in order, again and again, and go nowhere they should not."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from aiohttp import web
from fastapi import FastAPI
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from libs.common.kit import Kit
from services.interagency.app import create_app
from services.interagency.outbound import Answer, Poster, Refused
from services.interagency.webhooks import Sender
from tests.conftest import ClientFor, Clock, MakeKit
from tests.interagency.test_api import GOOD, SCOPES, key
from tests.interagency.test_flow import assessment, hear, quote, recommendation


class Receiver:
    """A partner's receiver that answers what it is told to; `answers` are status codes, or how it misbehaves."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.got: list[tuple[dict[str, str], str]] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.got.append(({k.lower(): v for k, v in request.headers.items()}, await request.text()))
        answer = self.answers.pop(0) if self.answers else 204
        if answer == "redirect":
            raise web.HTTPFound("http://127.0.0.1:1/secret")
        if answer == "flood":
            body = web.StreamResponse()
            await body.prepare(request)
            for _ in range(64):
                await body.write(b"x" * 65_536)
            return body
        return web.Response(status=answer)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_post("/hook", made.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    await runner.cleanup()


@pytest.fixture
async def kit(make_kit: MakeKit, receiver: Receiver) -> Kit:
    return await make_kit("interagency", webhook_allow_hosts=receiver.url.split("/")[2])


@pytest.fixture
def app(kit: Kit) -> FastAPI:
    return create_app(kit)


@pytest.fixture
def msit(app: FastAPI, client_for: ClientFor) -> httpx.AsyncClient:
    return client_for(app, *SCOPES, "webhooks:manage", agency="MSIT")


@pytest.fixture
def sender(kit: Kit) -> Sender:
    return Sender(kit.db, kit.keyring, Poster(kit.settings.webhook_hosts), backoff=(5, 60))


async def changed(msit: httpx.AsyncClient, kit: Kit, *steps: Any) -> str:
    body = (await msit.post("/v1/referrals", json=GOOD, headers=key("1"))).json()
    for step in steps or (assessment, recommendation, quote):
        async with kit.db.transaction() as tx:
            await hear(tx, step(body["company_id"]))
    return str(body["referral_id"])


async def all_due(sender: Sender) -> None:
    while await sender.send_due():
        pass


async def test_each_change_arrives_signed_and_in_order(
    msit: httpx.AsyncClient, kit: Kit, sender: Sender, receiver: Receiver
) -> None:
    secret = (await msit.put("/v1/webhook", json={"url": receiver.url})).json()["secret"]
    referral = await changed(msit, kit)
    await all_due(sender)
    bodies = []
    for headers, text in receiver.got:
        # The clock of this test stands still, so the signature is checked without the age of the time stamp.
        signed = Webhook(secret).sign(headers["webhook-id"], kit.clock(), text)
        assert headers["webhook-signature"] == signed
        assert int(headers["webhook-timestamp"]) == int(kit.clock().timestamp())
        bodies.append(httpx.Response(200, text=text).json())
    assert [body["data"]["status"] for body in bodies] == ["diagnosed", "recommended"]
    assert [body["data"]["sequence"] for body in bodies] == [2, 3]
    assert {body["data"]["referral_id"] for body in bodies} == {referral}
    log = (await msit.get("/v1/webhook/deliveries?status=delivered")).json()
    assert len(log) == 2
    assert secret not in (await msit.get("/v1/webhook")).text


async def test_a_forged_body_does_not_verify() -> None:
    hook = Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    with pytest.raises(WebhookVerificationError):
        hook.verify("{}", {"webhook-id": "m", "webhook-timestamp": "1", "webhook-signature": "v1,forged"})


async def test_a_failing_receiver_is_tried_again_later(
    msit: httpx.AsyncClient, kit: Kit, sender: Sender, receiver: Receiver, clock: Clock
) -> None:
    await msit.put("/v1/webhook", json={"url": receiver.url})
    await changed(msit, kit)
    receiver.answers = [500, "redirect", 204]
    await all_due(sender)
    assert len(receiver.got) == 1, "the second change waits for the first"
    clock.now += timedelta(seconds=5)
    await all_due(sender)
    log = (await msit.get("/v1/webhook/deliveries?status=pending")).json()
    assert sorted((entry["attempts"], entry["last_status"] or 0) for entry in log) == [(0, 0), (2, 302)]
    clock.now += timedelta(seconds=60)
    await all_due(sender)
    log = (await msit.get("/v1/webhook/deliveries")).json()
    assert [entry["status"] for entry in log] == ["delivered", "delivered"]
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 2


async def test_after_the_last_attempt_it_has_failed_and_may_be_replayed(
    msit: httpx.AsyncClient, kit: Kit, sender: Sender, receiver: Receiver, clock: Clock
) -> None:
    await msit.put("/v1/webhook", json={"url": receiver.url})
    await changed(msit, kit, assessment)
    receiver.answers = [500, 500, 500]
    for _ in range(4):
        await all_due(sender)
        clock.now += timedelta(seconds=60)
    entry = (await msit.get("/v1/webhook/deliveries")).json()[0]
    assert (entry["status"], entry["attempts"], entry["last_status"]) == ("failed", 3, 500)
    replayed = await msit.post(f"/v1/webhook/deliveries/{entry['delivery_id']}/replay")
    assert replayed.json()["status"] == "pending"
    assert (await msit.post(f"/v1/webhook/deliveries/{entry['delivery_id']}/replay")).status_code == 409
    await all_due(sender)
    assert (await msit.get("/v1/webhook/deliveries")).json()[0]["status"] == "delivered"


async def test_410_stops_the_endpoint(msit: httpx.AsyncClient, kit: Kit, sender: Sender, receiver: Receiver) -> None:
    await msit.put("/v1/webhook", json={"url": receiver.url})
    await changed(msit, kit)
    receiver.answers = [410]
    await all_due(sender)
    assert (await msit.get("/v1/webhook")).json()["disabled"] is True
    assert len(receiver.got) == 1


async def test_a_flood_in_the_answer_is_cut_off(
    msit: httpx.AsyncClient, kit: Kit, sender: Sender, receiver: Receiver
) -> None:
    await msit.put("/v1/webhook", json={"url": receiver.url})
    await changed(msit, kit, assessment)
    receiver.answers = ["flood"]
    await all_due(sender)
    assert (await msit.get("/v1/webhook/deliveries")).json()[0]["status"] == "delivered"


async def test_two_workers_do_not_send_twice(
    msit: httpx.AsyncClient, kit: Kit, sender: Sender, receiver: Receiver
) -> None:
    await msit.put("/v1/webhook", json={"url": receiver.url})
    await changed(msit, kit, assessment)
    await asyncio.gather(*(sender.send_due() for _ in range(4)))
    assert len(receiver.got) == 1


async def test_a_rotated_secret_signs_beside_the_old_one(
    msit: httpx.AsyncClient, kit: Kit, sender: Sender, receiver: Receiver
) -> None:
    old = (await msit.put("/v1/webhook", json={"url": receiver.url})).json()["secret"]
    new = (await msit.post("/v1/webhook/rotate")).json()["secret"]
    await changed(msit, kit, assessment)
    await all_due(sender)
    headers, text = receiver.got[0]
    expected = {Webhook(secret).sign(headers["webhook-id"], kit.clock(), text) for secret in (old, new)}
    assert set(headers["webhook-signature"].split(" ")) == expected


async def test_another_ministry_sees_and_replays_nothing(
    msit: httpx.AsyncClient, app: FastAPI, kit: Kit, receiver: Receiver, client_for: ClientFor
) -> None:
    await msit.put("/v1/webhook", json={"url": receiver.url})
    await changed(msit, kit, assessment)
    identity = (await msit.get("/v1/webhook/deliveries")).json()[0]["delivery_id"]
    mss = client_for(app, "webhooks:manage", agency="MSS")
    assert (await mss.get("/v1/webhook")).status_code == 404
    assert (await mss.get("/v1/webhook/deliveries")).json() == []
    assert (await mss.post(f"/v1/webhook/deliveries/{identity}/replay")).status_code == 404


@pytest.mark.parametrize(
    "url",
    [
        "http://partner.example/hook",
        "ftp://partner.example/hook",
        "https://user:pass@partner.example/hook",
        "https://partner.example/hook#x",
        "https:///hook",
        "https://partner.example:99999/hook",
        "not a url",
        "https://" + "x" * 2000,
    ],
)
async def test_an_unsafe_address_is_refused_with_its_reason(msit: httpx.AsyncClient, url: str) -> None:
    answer = await msit.put("/v1/webhook", json={"url": url})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "url"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.9", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1",
     "fd00::1", "fe80::1%eth0", "::ffff:10.0.0.1", "224.0.0.1", "2002:0a00:0001::1"],
)  # fmt: skip
async def test_a_name_that_points_inside_is_not_called(address: str) -> None:
    async def find(host: str, port: int) -> list[str]:
        return ["93.184.216.34", address]

    with pytest.raises(Refused, match="private"):
        await Poster(find=find)("https://partner.example/hook", b"{}", {})


async def test_a_name_that_cannot_be_found_is_a_reason(kit: Kit) -> None:
    async def find(host: str, port: int) -> list[str]:
        raise OSError("no such host")

    with pytest.raises(Refused, match="resolved"):
        await Poster(find=find)("https://partner.example/hook", b"{}", {})


async def test_the_checked_address_is_the_one_called(receiver: Receiver) -> None:
    host = receiver.url.split("/")[2]
    port = host.split(":")[1]

    async def find(name: str, number: int) -> list[str]:
        return ["127.0.0.1"]

    poster = Poster({f"partner.example:{port}"}, find)
    answer = await poster(f"http://partner.example:{port}/hook", b"{}", {})
    assert answer == Answer(204)
    assert receiver.got[0][0]["host"] == f"partner.example:{port}"
