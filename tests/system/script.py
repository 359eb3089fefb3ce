"""A day in the life of the system, through its gateway, for whichever servers it stands on."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from cli.main_job import FILES, SAMPLE
from services.__main__ import System

PATIENCE = 90.0


class Callers:
    """HTTP clients of the system's own clients, in this process."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(app=system.apps["gateway"]), base_url="http://g")
        self._tokens: dict[str, str] = {}
        self._keys = 0

    async def call(self, client: str, method: str, path: str, **more: Any) -> httpx.Response:
        if client not in self._tokens:
            auth = (client, self._system.credentials[client])
            answer = await self._http.post("/oauth2/token", data={"grant_type": "client_credentials"}, auth=auth)
            self._tokens[client] = answer.json()["access_token"]
        headers = {"Authorization": f"Bearer {self._tokens[client]}", **more.pop("headers", {})}
        if method == "POST":
            self._keys += 1
            headers.setdefault("Idempotency-Key", f"{client}-{self._keys}")
        return await self._http.request(method, path, headers=headers, timeout=60, **more)

    async def get(self, client: str, path: str, **query: Any) -> Any:
        answer = await self.call(client, "GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def close(self) -> None:
        await self._http.aclose()


async def load_courses(callers: Callers) -> Any:
    data = (SAMPLE / "courses.csv").read_bytes()
    answer = await callers.call("institution", "POST", "/v1/course-imports?source=ieum", content=data)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def send_files(callers: Callers, folder: Path = SAMPLE) -> list[Any]:
    reports = []
    for client, name, media in FILES:
        data = (folder / name).read_bytes()
        answer = await callers.call(
            client, "POST", "/v1/referral-batches", content=data, headers={"Content-Type": media}
        )
        assert answer.status_code == 200, answer.text
        reports.append(answer.json())
    return reports


async def referrals(callers: Callers) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    after = None
    while True:
        page = await callers.get("operator", "/v1/referrals", limit=500, **({"after": after} if after else {}))
        items.extend(page["items"])
        after = page["next"]
        if not page["more"]:
            return items


async def recommendations(callers: Callers, numbers: Sequence[str]) -> dict[str, Any]:
    found = {}
    for number in numbers:
        found[number] = await callers.get("step", f"/v1/recommendations/{number}")
    return found


async def settled(callers: Callers) -> list[dict[str, Any]]:
    """Waits until every referral has a priced recommendation and nothing moves any more."""
    before = ""
    async with asyncio.timeout(PATIENCE):
        while True:
            items = await referrals(callers)
            status = await callers.get("operator", "/v1/overview")
            events = [service["events"] for service in status["services"].values()]
            quiet = all(not e.get("outbox_unsent") and not e.get("consumer_lag") for e in events)
            now = json.dumps(items, sort_keys=True)
            if quiet and now == before and items and all(item["status"] == "recommended" for item in items):
                return items
            before = now
            await asyncio.sleep(0.3)


async def reserve_a_place(callers: Callers, quote_id: str, company_id: str) -> list[dict[str, Any]]:
    """The company's quote is reserved, confirmed and settled on quotas of the register; gives the quotas after it."""
    await _post(callers, "operator", "/v1/quotas/from-register")
    wish = {"quote_id": quote_id, "company_id": company_id}
    made = await _post(callers, "operator", "/v1/reservations", wish)
    place = f"/v1/reservations/{made['reservation_id']}"
    await _post(callers, "operator", f"{place}/confirm", {})
    await _post(callers, "operator", f"{place}/settle", {"completed_people": 1})
    found: list[dict[str, Any]] = await callers.get("operator", "/v1/quotas")
    return found


async def change_the_policy(callers: Callers, parameter: str, document: Any, on: str) -> dict[str, Any]:
    """Proposed by one client, approved and activated by another; gives the requote once it is done."""
    proposal = {"label": "system-test", "changes": {parameter: document}, "reason": "시험"}
    version = (await _post(callers, "planner", "/v1/policy-versions", proposal))["policy_version"]
    place = f"/v1/policy-versions/{version}"
    await _post(callers, "approver", f"{place}/approve")
    activated = await _post(callers, "approver", f"{place}/activate", {"effective_on": on})
    async with asyncio.timeout(PATIENCE):
        while True:
            requote: dict[str, Any] = await callers.get("planner", f"/v1/requotes/{activated['requote_id']}")
            if requote["status"] == "done":
                return requote
            await asyncio.sleep(0.2)


async def _post(callers: Callers, client: str, path: str, body: Any = None) -> Any:
    answer = await callers.call(client, "POST", path, **({} if body is None else {"json": body}))
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


_IDS = {"referral_id", "company_id", "quote_id", "import_id", "batch_id", "cursor", "sequence", "version", "links"}
_INSTANTS = {"received_at", "changed_at", "as_of"}


def without_ids(value: Any) -> Any:
    """The same facts on other servers have other ids and instants; everything else must agree."""
    if isinstance(value, dict):
        return {key: without_ids(item) for key, item in value.items() if key not in _IDS | _INSTANTS}
    if isinstance(value, list):
        return [without_ids(item) for item in value]
    return value
