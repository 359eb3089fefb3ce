"""Personal data at rest: AES-256-GCM under a ring of keys, and blind indexes for look-up.

The first key of the ring encrypts, every key decrypts; so a key is rotated by putting a new one
first and sealing again what the old one sealed.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class SealBroken(ValueError):
    """The text was changed, moved to another row, or sealed with a key that is not in the ring."""


class Keyring:
    """`text` is `kid=base64 of 32 bytes`, comma separated."""

    def __init__(self, text: str, randomness: Callable[[int], bytes] = os.urandom) -> None:
        self._keys: dict[str, bytes] = {}
        self._randomness = randomness
        for item in filter(None, (part.strip() for part in text.split(","))):
            kid, _, encoded = item.partition("=")
            key = base64.b64decode(encoded, validate=True)
            if len(key) != 32 or not kid or len(kid) > 32:
                raise ValueError(f"KEYRING: key {kid!r} must be 32 bytes in base64")
            self._keys[kid] = key
        self.active = next(iter(self._keys), "")

    def seal(self, plaintext: str, aad: str) -> bytes:
        """`aad` names the place (table|column|row id), so that a sealed value cannot be moved."""
        if not self.active:
            raise ValueError("KEYRING is not set, so personal data cannot be stored")
        nonce = self._randomness(12)
        body = AESGCM(self._keys[self.active]).encrypt(nonce, plaintext.encode(), aad.encode())
        return self.active.encode() + b"." + nonce + body

    def open(self, sealed: bytes, aad: str) -> str:
        kid, _, rest = bytes(sealed).partition(b".")
        key = self._keys.get(kid.decode("utf-8", "replace"))
        if key is None:
            raise SealBroken(f"no key {kid!r} in the ring")
        try:
            return AESGCM(key).decrypt(rest[:12], rest[12:], aad.encode()).decode()
        except InvalidTag as error:
            raise SealBroken("the sealed value does not belong here") from error

    def kid(self, sealed: bytes) -> str:
        """Which key sealed it; rotation looks for values whose key is not `active`."""
        return bytes(sealed).partition(b".")[0].decode("utf-8", "replace")

    def blind_index(self, value: str, purpose: str) -> str:
        """A keyed hash for equality look-ups; the same value gives the same index under the same key."""
        if not self.active:
            raise ValueError("KEYRING is not set, so personal data cannot be indexed")
        key = hmac.new(self._keys[self.active], purpose.encode(), hashlib.sha256).digest()
        return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()


def new_keyring(kid: str, randomness: Callable[[int], bytes] = os.urandom) -> str:
    """Settings text of a ring with one fresh key."""
    return f"{kid}={base64.b64encode(randomness(32)).decode()}"
