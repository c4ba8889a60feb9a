"""Tokens as values: they compare, serialise and print without showing a secret.

Spec: RFC 5849 section 2.3 (token credentials); RFC 6749 section 5.1 (access token response).
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from oauthreg.errors import MissingTokenError
from oauthreg.records import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECRET_NAMES = ("oauth_token_secret", "oauth_secret")
"""The second spelling stands in documentation that people follow."""


@dataclass(frozen=True, slots=True)
class OAuth1Token:
    """OAuth 1 token credentials: the token, its secret, and every other field that the server sent along."""

    token: str = field(repr=False)
    token_secret: str = field(default="", repr=False)
    extra: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    @classmethod
    def from_mapping(cls, values: Mapping[str, str | bytes | None]) -> OAuth1Token:
        """A token from ``oauth_token`` and ``oauth_token_secret`` (or ``oauth_secret``); other fields become ``extra``.

        Raises ``MissingTokenError`` without ``oauth_token``, and for bytes that are no UTF-8.
        """
        fields = {name: _text(name, value) for name, value in values.items() if value is not None}
        token = fields.pop("oauth_token", "")
        if not token:
            raise MissingTokenError(
                "`oauth_token` is missing",
                hint="pass a mapping with `oauth_token` and `oauth_token_secret`, or log in first",
            )
        secrets = [fields.pop(name) for name in _SECRET_NAMES if name in fields]
        return cls(token, secrets[0] if secrets else "", MappingProxyType(fields))

    @property
    def expires_at(self) -> int | None:
        """When the token expires, in seconds since 1970; ``None`` while unknown."""
        return _seconds(self.extra.get("expires_at"))

    def to_mapping(self) -> dict[str, str]:
        """The token under the names of the wire: ``oauth_token``, ``oauth_token_secret`` and the extra fields."""
        return {"oauth_token": self.token, "oauth_token_secret": self.token_secret, **self.extra}


DPOP_TYPE = "DPoP"
"""The type of a token that is bound to a key, and the scheme of its header. Spec: RFC 9449 sections 5 and 7.1."""


class OAuth2Token(dict[str, Any]):
    """An OAuth 2 token: a dictionary under the names of the wire, with the usual fields as attributes.

    ``expires_at`` is in seconds since 1970 and absent while the lifetime is unknown; ``expires_in`` is the lifetime at
    its issue; ``scope`` is text separated by spaces. Everything else that the server sent stays in the dictionary. It
    serialises as JSON and pickles; it prints only the names of its fields.

    ``raw`` is the whole answer that the token came in, as it was parsed; ``None`` for a token from elsewhere. Where it
    is not ``is_proven``, nobody has seen its ID token come from the provider, or looked at its signature. ``failure``
    is why a renewal brought no new access token, though a new refresh token. None of them is part of the dictionary.

    Spec: RFC 6749 section 5.1.
    """

    raw: Any = None
    is_proven: bool = True
    failure: Exception | None = None

    @property
    def access_token(self) -> str:
        """The access token."""
        return str(self.get("access_token") or "")

    @property
    def refresh_token(self) -> str | None:
        """The refresh token, if there is one."""
        return _credential(self.get("refresh_token"))

    @property
    def token_type(self) -> str:
        """``Bearer`` unless the server said otherwise; ``DPoP`` in whichever case it stands there."""
        kind = str(self.get("token_type") or "Bearer")
        return DPOP_TYPE if kind.lower() == DPOP_TYPE.lower() else kind

    @property
    def expires_at(self) -> int | None:
        """When the access token expires, in seconds since 1970; ``None`` while unknown."""
        return _seconds(self.get("expires_at"))

    @property
    def refresh_expires_at(self) -> int | None:
        """When the refresh token expires, in seconds since 1970; ``None`` while unknown."""
        return _seconds(self.get("refresh_expires_at"))

    @property
    def scopes(self) -> tuple[str, ...]:
        """The granted scopes, as far as they are known."""
        return _names(self.get("scope"))

    @property
    def missing_scopes(self) -> tuple[str, ...]:
        """Scopes that were asked for and not granted."""
        return _names(self.get("missing_scopes"))

    @property
    def id_token(self) -> str | None:
        """The ID token that came last, if any."""
        return _credential(self.get("id_token"))

    def to_mapping(self) -> dict[str, Any]:
        """The token as a plain dictionary, fit for JSON: what a store keeps and ``token=`` takes."""
        return dict(self)

    def is_expired(self, now: float | None = None, leeway: float = 0) -> bool:
        """Whether the access token expires within ``leeway`` seconds; ``False`` while its lifetime is unknown.

        ``now`` is in seconds since 1970; default: the system's clock. Of a short-lived token the leeway is at most half
        the lifetime, so that it can be used at all.
        """
        expires_at = self.expires_at
        if expires_at is None:
            return False
        lifetime = _seconds(self.get("expires_in")) or 0
        margin = min(leeway, lifetime / 2) if lifetime > 0 else leeway
        return (time.time() if now is None else now) + margin >= expires_at

    def __repr__(self) -> str:
        return f"<OAuth2Token {', '.join(sorted(map(str, self)))}>"

    __str__ = __repr__


def _names(value: Any) -> tuple[str, ...]:
    """Scopes as stores hold them: text with blanks between, or a list; none in anything else."""
    if isinstance(value, str):
        return tuple(value.split())
    return tuple(str(name) for name in value if name) if isinstance(value, (list, tuple, set, frozenset)) else ()


def _credential(value: Any) -> str | None:
    """A credential as text, which some servers write as a number; ``None`` for what none can be."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and value.isprintable() and value else None


def _seconds(value: Any) -> int | None:
    """Seconds as stores hold them: a number, its text, or a date; ``None`` for anything else."""
    if isinstance(value, str) and not re.fullmatch(r"\s*[0-9]+(?:\.[0-9]*)?\s*", value):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        value = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    try:
        return None if isinstance(value, bool) else int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None


def _text(name: str, value: str | bytes) -> str:
    if not isinstance(value, bytes):
        return value
    with suppress(UnicodeDecodeError):  # which holds the value
        return value.decode()
    raise MissingTokenError(
        f"the token's field {name!r} is no UTF-8",
        code="unusable-token",
        hint="pass what the login gave, as it was",
    )
