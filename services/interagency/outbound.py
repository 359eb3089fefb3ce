"""Requests to addresses that a partner chose: only public ones, only to the address that was checked."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

TIMEOUT = 10.0
MOST_BYTES = 65_536
_TRIED = 3

Resolve = Callable[[str, int], Awaitable[list[str]]]


class Refused(Exception):
    """The request was not made or not answered; the text says why and may be shown to the partner."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int


async def resolve(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def fault_of(url: str, allowed: Collection[str]) -> tuple[str, str] | None:
    """What is wrong with an endpoint's URL, in Korean and English; None if nothing is. `allowed` are host:port."""
    try:
        parts = urlsplit(url)
        port = parts.port
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        return "주소 형식이 올바르지 않습니다.", "Not a URL."
    if not parts.hostname or parts.username or parts.password or parts.fragment or len(url) > 2000:
        return "호스트가 있고 계정 정보와 #이 없는 주소여야 합니다.", "Needs a host, no user name and no fragment."
    if f"{parts.hostname}:{port}" in allowed:
        return None
    if parts.scheme != "https":
        return "https 주소여야 합니다.", "The address must be https."
    with suppress(ValueError):
        if not _public(parts.hostname):
            return "내부망 주소로는 보낼 수 없습니다.", "A private address cannot be reached."
    return None


class Poster:
    """Posts to a partner's endpoint. `allowed` hosts may be plain HTTP or private, for one machine and for tests."""

    def __init__(self, allowed: Collection[str] = (), find: Resolve = resolve) -> None:
        self._allowed, self._resolve = allowed, find
        self._tls = httpx.create_ssl_context()

    async def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        fault = fault_of(url, self._allowed)
        if fault:
            raise Refused(fault[1])
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        failure = "no address"
        # The name is not looked up again: what was checked is what is called, under the name's certificate.
        for address in await self._checked(host, port):
            target = httpx.URL(url).copy_with(host=address)
            named = f"[{host}]" if ":" in host else host
            shown = named if parts.port is None else f"{named}:{parts.port}"
            try:
                return await self._post(target, body, {**headers, "Host": shown}, host)
            except httpx.ConnectError as error:
                failure = type(error).__name__
            except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
                raise Refused(type(error).__name__) from error
        raise Refused(failure)

    async def _post(self, target: httpx.URL, body: bytes, headers: dict[str, str], host: str) -> Answer:
        # One client each: connections are not kept, so none can be taken for another host at the same address.
        async with httpx.AsyncClient(
            verify=self._tls, timeout=TIMEOUT, follow_redirects=False, trust_env=False
        ) as client:
            request = client.build_request("POST", target, content=body, headers=headers)
            request.extensions["sni_hostname"] = host
            async with asyncio.timeout(2 * TIMEOUT):
                answer = await client.send(request, stream=True)
                await _drain(answer)
        return Answer(answer.status_code)

    async def _checked(self, host: str, port: int) -> list[str]:
        """The addresses of the host, IPv4 first; none of them may be private."""
        try:
            async with asyncio.timeout(TIMEOUT):
                addresses = await self._resolve(host, port)
        except (OSError, TimeoutError, UnicodeError) as error:
            raise Refused(f"{host} cannot be resolved") from error
        if not addresses:
            raise Refused(f"{host} cannot be resolved")
        if f"{host}:{port}" not in self._allowed:
            for address in addresses:
                if not _public(address):
                    raise Refused(f"{host} is at a private address")
        return sorted(dict.fromkeys(addresses), key=lambda address: ":" in address)[:_TRIED]


def _public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.split("%", 1)[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo[1] if parsed.teredo else None)
        if inner is not None:
            parsed = inner
    # Reserved ranges hold the ways into IPv4 from IPv6 (::/8 with 64:ff9b::/96).
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


async def _drain(answer: httpx.Response) -> None:
    """Reads a little of the body, so that a receiver cannot fill our memory."""
    size = 0
    async for chunk in answer.aiter_raw():
        size += len(chunk)
        if size > MOST_BYTES:
            break
    await answer.aclose()
