"""Tokens as values: they compare, serialise and print without showing a secret.

Spec: RFC 5849 section 2.3 (token credentials).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from oauthreg.errors import MissingTokenError

_SECRET_NAMES = ("oauth_token_secret", "oauth_secret")
"""The second spelling stands in documentation that people follow."""


@dataclass(frozen=True, slots=True)
class OAuth1Token:
    """OAuth 1 token credentials: the token, its secret, and every other field that the server sent along."""

    token: str = field(repr=False)
    token_secret: str = field(default="", repr=False)
    extra: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    @classmethod
    def from_mapping(cls, values: Mapping[str, str | bytes | None]) -> "OAuth1Token":
        """A token from ``oauth_token`` and ``oauth_token_secret`` (or ``oauth_secret``); other fields become ``extra``.

        Raises ``MissingTokenError`` without ``oauth_token``. Bytes are read as UTF-8.
        """
        fields = {name: _text(value) for name, value in values.items() if value is not None}
        token = fields.pop("oauth_token", "")
        if not token:
            raise MissingTokenError(
                "`oauth_token` is missing",
                hint="pass a mapping with `oauth_token` and `oauth_token_secret`, or log in first",
            )
        secrets = [fields.pop(name) for name in _SECRET_NAMES if name in fields]
        return cls(token, secrets[0] if secrets else "", MappingProxyType(fields))

    def to_mapping(self) -> dict[str, str]:
        """The token under the names of the wire: ``oauth_token``, ``oauth_token_secret`` and the extra fields."""
        return {"oauth_token": self.token, "oauth_token_secret": self.token_secret, **self.extra}


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
