"""Tokens in Redis or Valkey: where one runs already, and what it holds is as safe as tokens must be."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Protocol

from oauthreg.stores.polled_lease import PolledLease
from oauthreg.stores.token_store import (
    TokenKey,
    digest_of,
    new_version,
    parse_key,
    parse_token,
    render_key,
    render_token,
    stale_version,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

_SAVE = """
if (redis.call('HGET', KEYS[1], 'version') or '') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'token', ARGV[3], 'key', ARGV[4])
return 1
"""

# The client may ask once more where an answer was lost, so its own lease is as good as none.
_TAKE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return 1 end
return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0
"""

_GIVE_BACK = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class Connection(Protocol):
    """What is asked of a client of redis-py (``redis.asyncio.Redis``)."""

    def hmget(self, name: str, keys: Sequence[str]) -> Any:
        """Fields of a hash."""

    def hget(self, name: str, key: str) -> Any:
        """One field of a hash."""

    def delete(self, *names: str) -> Any:
        """Forget values."""

    def eval(self, script: str, numkeys: int, *keys_and_args: Any) -> Any:
        """Run a script in Lua."""

    def scan_iter(self, match: str, *, count: int) -> AsyncIterator[Any]:
        """The names that match a pattern."""


class RedisStore:
    """A ``TokenStore`` in Redis 6 or later, or Valkey.

    ``client`` is one of redis-py, which stays the application's: it is neither made nor closed here. Many tasks at once
    want a ``BlockingConnectionPool``. What names it uses begin with ``prefix``.

    A server that forgets or evicts what it holds loses grants: it needs ``appendonly yes`` and ``maxmemory-policy
    noeviction``, and even then may lose the last second before a crash or a failover. ``PostgreSQLStore`` does not.
    ``sleep`` waits between two looks at a lease.
    """

    def __init__(
        self,
        client: Connection,
        *,
        prefix: str = "oauthreg:",
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._prefix = prefix
        self._sleep = sleep

    def __repr__(self) -> str:
        return f"<RedisStore {self._prefix!r}>"

    async def load(self, key: TokenKey) -> tuple[dict[str, Any], int] | None:
        """The token, and its version."""
        text, version = await self._client.hmget(self._token(key), ["token", "version"])
        return None if version is None else (parse_token(text or ""), int(version))

    async def save(self, key: TokenKey, token: Mapping[str, Any], *, seen_version: int | None) -> int:
        """The new version. Raises ``TokenStoreError``, of a late writer with the code ``stale-version``."""
        text, version = render_token(token), new_version()
        # Numbers of Lua have 53 bits, so versions are compared as texts.
        seen = "" if seen_version is None else str(seen_version)
        if not await self._client.eval(_SAVE, 1, self._token(key), seen, str(version), text, render_key(key)):
            raise stale_version()
        return version

    async def delete(self, key: TokenKey) -> None:
        """Forget the token."""
        await self._client.delete(self._token(key))

    async def token_keys(self, *, provider: str | None = None, account: str | None = None) -> AsyncIterator[TokenKey]:
        """The keys of all tokens, or of those of one provider, of one account, or of both.

        All names of the database are gone through, and one may come twice.
        """
        pattern = re.sub(r"([*?\[\]\\^-])", r"\\\1", f"{self._prefix}token:") + "*"
        length = len(self._token(TokenKey("")))
        async for name in self._client.scan_iter(pattern, count=500):
            if len(name) != length:  # of another prefix, which begins as this one
                continue
            text = await self._client.hget(name, "key")
            if text is None:
                continue
            key = parse_key(text)
            if provider in (None, key.provider) and account in (None, key.account):
                yield key

    def lease(self, key: TokenKey, seconds: float) -> AbstractAsyncContextManager[None]:
        """A context that one holder at a time is in, for ``seconds`` at most."""
        name = f"{self._prefix}lease:{digest_of(key)}"
        milliseconds = max(1, round(seconds * 1000))

        async def take(holder: str) -> bool:
            return bool(await self._client.eval(_TAKE, 1, name, holder, str(milliseconds)))

        async def give_back(holder: str) -> None:
            await self._client.eval(_GIVE_BACK, 1, name, holder)

        return PolledLease(take, give_back, sleep=self._sleep)

    def _token(self, key: TokenKey) -> str:
        return f"{self._prefix}token:{digest_of(key)}"
