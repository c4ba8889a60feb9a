"""The place of one OAuth 1.0 token in a store: where clients of many processes find it, and renew it one at a time.

Tokens of OAuth 1.0 rarely end, so nothing here watches the time: a client looks into its place before its first
request, before a renewal, and when a token was refused.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from oauthreg.errors import MissingTokenError, TokenStoreError
from oauthreg.http.renewals import give_back, insist, take_lease, telling
from oauthreg.token import OAuth1Token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from oauthreg.http.driver import Sleeper
    from oauthreg.stores import TokenKey, TokenStore


class StoredToken:
    """The token of one key in a store, as one client sees it. Whatever the store raises is a ``TokenStoreError``."""

    def __init__(self, store: TokenStore, key: TokenKey, *, sleep: Sleeper = asyncio.sleep) -> None:
        self._store = store
        self._key = key
        self._sleep = sleep
        self._version: int | None = None

    async def load(self) -> OAuth1Token | None:
        """The token that is there. Raises ``TokenStoreError`` for what is none."""
        found = await self._look()
        return None if found is None else _usable(found)

    async def settle(self, given: OAuth1Token | None) -> OAuth1Token | None:
        """The token that counts: the ``given`` one, which is stored then, unless that which is there ends later."""
        stored = await self.load()
        if given is None or (stored is not None and (stored == given or _ends_later(stored, given))):
            return stored
        return await self.save(given)

    async def save(self, token: OAuth1Token, *, successor_of: OAuth1Token | None = None) -> OAuth1Token:
        """The token that is there afterwards: this one, whatever was there before it.

        As the ``successor_of`` another one it gives way to a token that came there meanwhile.
        """

        async def attempt() -> OAuth1Token:
            while True:
                try:
                    self._version = await self._store.save(self._key, token.to_mapping(), seen_version=self._version)
                except TokenStoreError as error:
                    if error.code != "stale-version":
                        raise
                    seen, found = self._version, await self._look()
                    if found == token.to_mapping():
                        return token
                    if found is not None and successor_of is not None and found != successor_of.to_mapping():
                        return _usable(found)
                    if self._version == seen:
                        raise  # a store that reads from a copy shows the newer one later
                else:
                    return token

        with telling("a new token could not be saved"):
            return await insist(attempt, self._sleep)

    async def _look(self) -> Mapping[str, Any] | None:
        """What is there, and its version."""
        with telling("the token could not be loaded"):
            found, self._version = await self._store.load(self._key) or (None, None)
        return found

    async def delete(self) -> None:
        """Forget the token."""
        with telling("the token could not be deleted"):
            await self._store.delete(self._key)
        self._version = None

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[None]:
        """A context in which nobody else renews the token."""
        lease = await take_lease(self._store, self._key)
        error: BaseException | None = None
        try:
            yield
        except BaseException as caught:
            error = caught
            raise
        finally:
            await give_back(lease, error)


def _usable(stored: Mapping[str, Any]) -> OAuth1Token:
    try:
        return OAuth1Token.from_mapping(stored)
    except (MissingTokenError, AttributeError, TypeError):
        raise TokenStoreError(
            "the store holds what is no token",
            code="unusable-token",
            hint="let the user log in again, which replaces it",
        ) from None


def _ends_later(token: OAuth1Token, other: OAuth1Token) -> bool:
    ends, other_ends = token.expires_at, other.expires_at
    return ends is not None and other_ends is not None and ends > other_ends
