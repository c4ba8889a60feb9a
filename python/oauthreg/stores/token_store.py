"""What every token store promises: versions that fence off late writers, and leases that keep renewals apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from oauthreg.errors import TokenStoreError
from oauthreg.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager


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


class TokenStore(Protocol):
    """Keeps the latest token of each key.

    A version is a number that is never used twice for a key, not even after ``delete``. Whatever a store raises
    reaches the caller inside a ``TokenStoreError``.
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


def stale_version() -> TokenStoreError:
    """The refusal of a token that would overwrite one that its writer has not seen."""
    return TokenStoreError(
        "the store holds a token that came later than the one this replaces",
        code="stale-version",
        hint="load it and go on with that one",
    )
