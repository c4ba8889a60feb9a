"""The place of one OAuth 1.0 token in a store: where clients of many processes find it, and renew it one at a time.

Tokens of OAuth 1.0 rarely end, so nothing here watches the time: a client looks into its place before its first
request, before a renewal, and when a token was refused.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

from oauthreg.errors import MissingTokenError, TokenStoreError
from oauthreg.http.renewals import give_back, insist, no_token, take_lease, telling
from oauthreg.token import OAuth1Token

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager

    from oauthreg.http.driver import Sleeper
    from oauthreg.stores import TokenKey, TokenStore


class Found(NamedTuple):
    """What is in a place: a token, unless there is none, and its version."""

    token: OAuth1Token | None
    version: int | None


class StoredToken:
    """The token of one key in a store. Whatever the store raises is a ``TokenStoreError``."""

    def __init__(self, store: TokenStore, key: TokenKey, *, sleep: Sleeper = asyncio.sleep) -> None:
        self._store = store
        self._key = key
        self._sleep = sleep
        self._lease: AbstractAsyncContextManager[None] | None = None

    async def load(self) -> Found:
        """The token that is there. Raises ``TokenStoreError`` for what is none."""
        stored, version = await self._look()
        return Found(None if stored is None else _usable(stored), version)

    async def save_login(self, token: OAuth1Token) -> OAuth1Token:
        """Put a token there, whatever was there before; gives the same token."""

        async def attempt() -> OAuth1Token:
            seen: int | None = None
            while not await self._try(token, seen):
                try:
                    stored, now = await self._look()
                except TokenStoreError:
                    # What is there cannot be read, and a login takes the place of whatever it is.
                    await self._store.delete(self._key)
                    stored, now = None, None
                if stored == token.to_mapping():
                    break
                if now is not None and now == seen:
                    raise _not_seen()
                seen = now
            return token

        with telling("a new token could not be saved"):
            return await insist(attempt, self._sleep)

    async def save_successor(self, token: OAuth1Token, old: OAuth1Token, version: int | None) -> OAuth1Token | None:
        """The token that is there afterwards: this one in place of the ``old`` one, which had this ``version``.

        It gives way to one that came there meanwhile, and to nothing where the old one was deleted.
        """

        async def attempt() -> OAuth1Token | None:
            seen = version
            while not await self._try(token, seen):
                stored, now = await self._look()
                if stored is None or stored == token.to_mapping():
                    return None if stored is None else token
                if stored != old.to_mapping():
                    return _usable(stored)
                if now == seen:
                    raise _not_seen()
                seen = now
            return token

        with telling("a new token could not be saved"):
            return await insist(attempt, self._sleep)

    async def delete(self, token: OAuth1Token) -> None:
        """Forget this token; another one that came there meanwhile stays."""
        with telling("the token could not be deleted"):
            stored, _ = await self._look()
            if stored == token.to_mapping():
                await self._store.delete(self._key)

    async def take_turn(self) -> None:
        """Return when nobody else renews the token, until ``end_turn``, or for two minutes."""
        if self._lease is None:
            self._lease = await take_lease(self._store, self._key)

    async def end_turn(self) -> None:
        """Let others renew the token. One that could not be saved keeps its turn: it would be found spent."""
        lease, self._lease = self._lease, None
        if lease is not None:
            await give_back(lease, None)

    async def _try(self, token: OAuth1Token, seen_version: int | None) -> bool:
        """Whether a token could be saved in place of what had this version."""
        try:
            await self._store.save(self._key, token.to_mapping(), seen_version=seen_version)
        except TokenStoreError as error:
            if error.code != "stale-version":
                raise
            return False
        return True

    async def _look(self) -> tuple[Mapping[str, Any] | None, int | None]:
        with telling("the token could not be loaded"):
            return await self._store.load(self._key) or (None, None)


def _usable(stored: Mapping[str, Any]) -> OAuth1Token:
    try:
        return OAuth1Token.from_mapping(stored)
    except (MissingTokenError, AttributeError, TypeError):
        raise no_token() from None


def _not_seen() -> TokenStoreError:
    """A store that reads from a copy refuses a version and goes on showing it."""
    return TokenStoreError(
        "the store refuses the version that it shows",
        code="stale-version",
        hint="let it read what was written last",
    )
