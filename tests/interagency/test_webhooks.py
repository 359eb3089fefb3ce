"""Webhooks reach the partner, signed, in order, again and again, and go nowhere they should not."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from aiohttp import web
from fastapi import FastAPI
from sqlalchemy import update
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from libs.common.crypto import Keyring, new_keyring
from libs.common.kit import Kit
from services.interagency import store, webhooks
from services.interagency.app import create_app
from services.interagency.outbound import Answer, Poster, Refused
from services.interagency.sender import KEEP, LEASE, Sender
from tests.conftest import ClientFor, Clock, MakeKit
from tests.interagency.test_api import GOOD, HEADER, SCOPES, key
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
    while agencies := await sender.waiting():
        for agency in agencies:
            await sender.send_due(agency)


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
    await asyncio.gather(*(sender.send_due("MSIT") for _ in range(4)))
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
        "https://127.0.0.1/hook",
        "https://[::1]/hook",
        "https://10.0.0.1:8443/hook",
        "https://partner.example/\x7fhook",
    ],
)
async def test_an_unsafe_address_is_refused_with_its_reason(msit: httpx.AsyncClient, url: str) -> None:
    answer = await msit.put("/v1/webhook", json={"url": url})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "url"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.9", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1",
     "fd00::1", "fe80::1%eth0", "::ffff:10.0.0.1", "224.0.0.1", "2002:0a00:0001::1",
     "64:ff9b::a00:1", "::10.0.0.1"],
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


async def test_another_address_of_the_name_is_tried(receiver: Receiver) -> None:
    port = receiver.url.split("/")[2].split(":")[1]

    async def find(name: str, number: int) -> list[str]:
        return ["127.0.0.9", "127.0.0.1"]

    poster = Poster({f"partner.example:{port}"}, find)
    assert await poster(f"http://partner.example:{port}/hook", b"{}", {}) == Answer(204)


@pytest.mark.parametrize("slow", ["msit", "mss"])
async def test_a_slow_receiver_delays_only_its_own_ministry(
    msit: httpx.AsyncClient, app: FastAPI, kit: Kit, receiver: Receiver, client_for: ClientFor, slow: str
) -> None:
    mss = client_for(app, *SCOPES, "webhooks:manage", agency="MSS")
    await msit.put("/v1/webhook", json={"url": receiver.url + "?msit"})
    await mss.put("/v1/webhook", json={"url": receiver.url + "?mss"})
    await mss.post("/v1/referrals", json={**GOOD, "programme": "mss-smart-factory"}, headers=key("2"))
    await changed(msit, kit, assessment)
    assert sorted(await Sender(kit.db, kit.keyring, Poster()).waiting()) == ["MSIT", "MSS"]
    never, arrived = asyncio.Event(), asyncio.Event()

    async def post(url: str, body: bytes, headers: dict[str, str]) -> Answer:
        if url.endswith(f"?{slow}"):
            await never.wait()
        arrived.set()
        return Answer(204)

    serving = asyncio.create_task(Sender(kit.db, kit.keyring, post).serve(asyncio.Event(), idle=0.05))
    async with asyncio.timeout(10):
        await arrived.wait()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    assert arrived.is_set()


async def test_a_secret_of_a_lost_key_is_a_reason_to_be_seen(
    msit: httpx.AsyncClient, kit: Kit, receiver: Receiver
) -> None:
    await msit.put("/v1/webhook", json={"url": receiver.url})
    await changed(msit, kit, assessment)
    other = Keyring(new_keyring("k2"))
    await Sender(kit.db, other, Poster(kit.settings.webhook_hosts)).send_due("MSIT")
    entry = (await msit.get("/v1/webhook/deliveries")).json()[0]
    assert (entry["status"], entry["attempts"], receiver.got) == ("pending", 1, [])
    assert "secret" in entry["last_error"]


async def test_without_an_endpoint_nothing_is_replayed(msit: httpx.AsyncClient, kit: Kit, receiver: Receiver) -> None:
    await msit.put("/v1/webhook", json={"url": receiver.url})
    await changed(msit, kit, assessment)
    assert (await msit.delete("/v1/webhook")).status_code == 204
    entry = (await msit.get("/v1/webhook/deliveries")).json()[0]
    assert entry["status"] == "failed"
    assert (await msit.post(f"/v1/webhook/deliveries/{entry['delivery_id']}/replay")).status_code == 404


async def test_what_a_killed_worker_held_is_sent_by_another(
    msit: httpx.AsyncClient, kit: Kit, sender: Sender, receiver: Receiver, clock: Clock
) -> None:
    await msit.put("/v1/webhook", json={"url": receiver.url})
    await changed(msit, kit, assessment)

    async def killed(url: str, body: bytes, headers: dict[str, str]) -> Answer:
        raise RuntimeError("killed while sending")

    with pytest.raises(RuntimeError):
        await Sender(kit.db, kit.keyring, killed).send_due("MSIT")
    assert await sender.waiting() == []
    clock.now += LEASE + timedelta(seconds=1)
    await all_due(sender)
    entry = (await msit.get("/v1/webhook/deliveries")).json()[0]
    assert (entry["status"], entry["attempts"], len(receiver.got)) == ("delivered", 1, 1)


async def test_the_running_service_registers_files_and_sends_webhooks_by_itself(
    app: FastAPI, kit: Kit, msit: httpx.AsyncClient, receiver: Receiver
) -> None:
    async with app.router.lifespan_context(app), asyncio.timeout(20):
        await msit.put("/v1/webhook", json={"url": receiver.url})
        line = f"{GOOD['business_number']},이음,12110,5,AI 통합 바우처\n"
        batch = (await msit.post("/v1/referral-batches", content=HEADER + line, headers=key("1"))).json()
        path = f"/v1/referrals/{batch['results'][0]['referral_id']}"
        while (company := (await msit.get(path)).json()["company_id"]) is None:
            await asyncio.sleep(0.01)
        async with kit.db.transaction() as tx:
            await hear(tx, assessment(company))
        while not receiver.got:
            await asyncio.sleep(0.01)
    assert receiver.got[0][0]["content-type"] == "application/json"
    assert '"status":"diagnosed"' in receiver.got[0][1]


async def test_what_was_settled_long_ago_is_removed_and_what_waits_is_not(
    msit: httpx.AsyncClient, kit: Kit, sender: Sender, receiver: Receiver, clock: Clock
) -> None:
    await msit.put("/v1/webhook", json={"url": receiver.url})
    await changed(msit, kit, assessment, recommendation, quote)
    receiver.answers = [204, 500]
    await all_due(sender)

    async def statuses() -> list[str]:
        async with kit.db.reading() as conn:
            return [entry["status"] for entry in await webhooks.log(conn, "MSIT", None, 10)]

    assert sorted(await statuses()) == ["delivered", "pending"]
    clock.now += KEEP - timedelta(seconds=1)
    await sender.prune()
    assert sorted(await statuses()) == ["delivered", "pending"]
    clock.now += timedelta(hours=1)
    await sender.prune()
    assert await statuses() == ["pending"]


async def test_a_change_made_while_the_clock_was_ahead_is_sent_all_the_same(
    msit: httpx.AsyncClient, kit: Kit, sender: Sender, receiver: Receiver, clock: Clock
) -> None:
    await msit.put("/v1/webhook", json={"url": receiver.url})
    await changed(msit, kit)
    ahead = clock.now + timedelta(days=90)
    async with kit.db.transaction() as tx:
        await tx.conn.execute(update(store.deliveries).values(next_at=ahead, leased_until=ahead))
    await all_due(sender)
    assert len(receiver.got) == 2
