"""Text that only its maker can read or change: what is sealed is a JWE, with a key that can be changed.

Spec: RFC 7516 (JWE), with ``dir`` and ``A256GCM`` of RFC 7518 sections 4.5 and 5.3.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from oauthreg import jwe
from oauthreg.errors import InvalidKeyError, ResponseError

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEY_OCTETS = 32


def new_sealing_key() -> str:
    """A key, as text: 256 random bits in base64url. Keep it as a secret."""
    return secrets.token_urlsafe(_KEY_OCTETS)


class SealingKeys:
    """The key that seals, and former ones that open what was sealed before.

    Keys are what ``new_sealing_key`` makes. Raises ``InvalidKeyError`` for a key of another form.
    """

    def __init__(self, sealing_key: str, *former_keys: str) -> None:
        self._keys = {_name_of(octets): octets for octets in map(_octets_of, (*former_keys, sealing_key))}
        self._current = _name_of(_octets_of(sealing_key))

    def seal(self, content: Mapping[str, Any]) -> str:
        """A mapping as text. Raises ``TypeError`` and ``ValueError`` for what JSON cannot hold."""
        return jwe.encrypt(json.dumps(content).encode(), self._keys[self._current], self._current)

    def open(self, text: str) -> dict[str, Any]:
        """What was sealed.

        Raises ``InvalidKeyError`` with the code ``unknown-key`` for another key's text, and ``ResponseError`` for one
        that was changed, or is none.
        """
        content: dict[str, Any] = json.loads(jwe.decrypt(text, self._keys))
        return content

    def is_current(self, text: str) -> bool:
        """Whether a text says that the current key has sealed it."""
        with suppress(ResponseError):
            return jwe.kid_of(text) == self._current
        return False


def _octets_of(sealing_key: str) -> bytes:
    """The octets of a key as ``new_sealing_key`` writes it."""
    try:
        octets = base64.b64decode(sealing_key + "=" * (-len(sealing_key) % 4), altchars=b"-_", validate=True)
    except (TypeError, ValueError):
        octets = b""
    if len(octets) != _KEY_OCTETS:
        raise InvalidKeyError(
            "a sealing key is 32 octets in base64url",
            hint="`new_sealing_key()` makes one; it must be the same in all processes",
        )
    return octets


def _name_of(octets: bytes) -> str:
    """What tells a key from others and tells nothing of it."""
    return hashlib.sha256(octets).hexdigest()[:16]
