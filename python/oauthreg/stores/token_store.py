"""What every token store promises: versions that fence off late writers, and leases that keep renewals apart.

Beside the promise stands what stores that outlast a process have in common: how a key is named, a token written and a
version made.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import TYPE_CHECKING, Any, Protocol

from oauthreg.errors import TokenStoreError, UsageError, quoted
from oauthreg.records import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from contextlib import AbstractAsyncContextManager

_VERSION_BITS = 62
"""As many as every database holds, with a sign and to spare."""


@dataclass(frozen=True, slots=True)
class TokenKey:
    """Whose token it is: of which account at which provider, given to which client, and for what.

    ``account`` is the application's own name for the user, and empty for a token of the client itself. ``resource``,
    ``audience`` and ``scope`` are what the token was asked for, as text. ``server`` is the endpoint that gave it,
    without its query: the servers of a provider with one for each customer, or the tenants of one server, must not get
    each other's tokens.
    """

    provider: str
    account: str = ""
    client_id: str = ""
    resource: str = ""
    audience: str = ""
    scope: str = ""
    server: str = ""

    def __post_init__(self) -> None:
        for name in KEY_PARTS:
            value = getattr(self, name)
            if not _is_storable(value):
                raise UsageError(
                    f"`{name}` of a token's key must be text that can be stored, not {quoted(value)}",
                    code="invalid-token-key",
                    hint="give users names that are text, such as `str(user.id)`",
                )


class TokenStore(Protocol):
    """Keeps the latest token of each key.

    A version is a number that is never used twice for a key, not even after ``delete``. Whatever a store raises
    reaches the caller inside a ``TokenStoreError``. Clients add a field to a token whose renewal is under way, unless
    the store has a true ``is_local``: then it belongs to one process alone.
    """

    async def load(self, key: TokenKey) -> tuple[Mapping[str, Any], int] | None:
        """The token and its version; ``None`` where there is none."""

    async def save(self, key: TokenKey, token: Mapping[str, Any], *, seen_version: int | None) -> int:
        """The version under which the token is kept from now on.

        ``seen_version`` is the version that it replaces, ``None`` where there was none. Raises what ``stale_version``
        makes when another one is there by now, and then changes nothing.
        """

    async def delete(self, key: TokenKey) -> None:
        """Forget the token of a key, if there is one."""

    def lease(self, key: TokenKey, seconds: float) -> AbstractAsyncContextManager[None]:
        """A context that one holder at a time is in, others waiting; it is over after ``seconds`` at the latest.

        Who is still in it by then may go on, but a version tells that others may have been there. Who could not save
        what it renewed stays in, and leaves it late or never.
        """


class ListingStore(TokenStore, Protocol):
    """A token store that tells what it holds, as all stores of this package do; clients do not ask for it."""

    def token_keys(self, *, provider: str | None = None, account: str | None = None) -> AsyncIterator[TokenKey]:
        """The keys of all tokens, or of those of one provider, of one account, or of both; in no order.

        A token that comes or goes meanwhile may be among them or not.
        """


def stale_version() -> TokenStoreError:
    """The refusal of a token that would overwrite one that its writer has not seen."""
    return TokenStoreError(
        "the store holds a token that came later than the one this replaces",
        code="stale-version",
        hint="load it and go on with that one",
    )


def new_version() -> int:
    """A version that was never used: a random one, so that no count has to outlive the tokens."""
    return secrets.randbits(_VERSION_BITS) + 1


def digest_of(key: TokenKey) -> str:
    """A name for a key that every database can hold and look up, whatever is in the key and however long it is."""
    return hashlib.sha256(render_key(key).encode()).hexdigest()


def render_key(key: TokenKey) -> str:
    """A key as JSON, in ASCII."""
    return json.dumps(key_parts(key))


def key_parts(key: TokenKey) -> list[str]:
    """What a key consists of, in order."""
    return [getattr(key, name) for name in KEY_PARTS]


def parse_key(text: str | bytes) -> TokenKey:
    """What ``render_key`` was given."""
    return TokenKey(*json.loads(text))


def render_token(token: Mapping[str, Any]) -> str:
    """A token as JSON, in ASCII. Raises ``TokenStoreError`` for what JSON cannot hold."""
    try:
        return json.dumps(dict(token))
    except (TypeError, ValueError):  # which may quote a value
        raise unstorable() from None


def unstorable() -> TokenStoreError:
    """The refusal of a token that JSON cannot hold."""
    return TokenStoreError(
        "the token holds what JSON cannot",
        code="unusable-token",
        hint="take out what the server did not send: texts, numbers, lists and tables can be stored",
    )


def parse_token(text: str | bytes) -> dict[str, Any]:
    """What ``render_token`` was given. Raises ``TokenStoreError`` for what it never makes."""
    try:
        token = json.loads(text)
    except ValueError:
        token = None
    if not isinstance(token, dict):
        raise TokenStoreError(
            "the store holds what is no token",
            code="unusable-token",
            hint="something else has written there: restore the row, or delete it and let the user log in again",
        )
    return token


def _is_storable(value: object) -> bool:
    """Whether every database holds a value, and gives it back as it was."""
    try:
        return isinstance(value, str) and b"\0" not in value.encode()
    except UnicodeEncodeError:
        return False


KEY_PARTS = tuple(TokenKey.__slots__)
"""The names of what a key consists of, in order."""
