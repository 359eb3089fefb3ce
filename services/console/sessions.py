"""Console sessions: a one-time code opens one, a signed cookie carries it, a token guards its forms."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

COOKIE = "ieum_console"
LIFETIME = 8 * 3600
"""Seconds until one must sign in anew."""


@dataclass(frozen=True, slots=True)
class Session:
    """`csrf` goes into every form of the session and comes back with it."""

    sid: str
    expires: int
    csrf: str


class Sessions:
    """`codes` each open one session. What was signed out is remembered by this process until it expires."""

    def __init__(self, key: bytes, codes: set[str], clock: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._key, self._codes, self._clock, self._new_id = key, codes, clock, new_id
        self._ended: dict[str, int] = {}

    def open(self, code: str) -> str | None:
        """The cookie of a new session, or None where the code is wrong or was used."""
        known = next((one for one in self._codes if hmac.compare_digest(one.encode(), code.encode())), None)
        if known is None:
            return None
        self._codes.discard(known)
        head = f"{self._new_id()}.{self._now() + LIFETIME}"
        return f"{head}.{self._sign('session', head)}"

    def read(self, cookie: str) -> Session | None:
        """The session of a cookie, while it is ours, not expired and not signed out."""
        head, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign("session", head).encode()):
            return None
        sid, _, expires = head.partition(".")
        if int(expires) <= self._now() or sid in self._ended:
            return None
        return Session(sid, int(expires), self._sign("csrf", sid))

    def end(self, session: Session) -> None:
        now = self._now()
        self._ended = {sid: expires for sid, expires in self._ended.items() if expires > now}
        self._ended[session.sid] = session.expires

    def _now(self) -> int:
        return int(self._clock().timestamp())

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, f"{purpose}|{text}".encode(), hashlib.sha256).hexdigest()
