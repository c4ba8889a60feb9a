"""Tokens in memory: for tests, for scripts, and for servers of one process."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from copy import deepcopy
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Any

from oauthreg.records import dataclass, field
from oauthreg.stores.token_store import TokenKey, stale_version

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping


class MemoryStore:
    """A ``TokenStore`` that lasts as long as the process. Any number of event loops and threads may share it.

    ``monotonic`` gives the seconds by which leases end.
    """

    is_local = True
    """Nobody else has it, so renewals need not be announced."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._tokens: dict[TokenKey, tuple[dict[str, Any], int]] = {}
        self._leases: dict[TokenKey, _Lease] = {}
        self._versions = count(1)
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"<MemoryStore of {len(self._tokens)} tokens>"

    async def load(self, key: TokenKey) -> tuple[dict[str, Any], int] | None:
        """A copy of the token, and its version."""
        found = self._tokens.get(key)
        return deepcopy(found)

    async def save(self, key: TokenKey, token: Mapping[str, Any], *, seen_version: int | None) -> int:
        """The new version. Raises ``TokenStoreError`` with the code ``stale-version``."""
        with self._lock:
            found = self._tokens.get(key)
            if (found and found[1]) != seen_version:
                raise stale_version()
            version = next(self._versions)
            self._tokens[key] = deepcopy(dict(token)), version
            return version

    async def delete(self, key: TokenKey) -> None:
        """Forget the token."""
        self._tokens.pop(key, None)

    async def token_keys(self, *, provider: str | None = None, account: str | None = None) -> AsyncIterator[TokenKey]:
        """The keys of all tokens, or of those of one provider, of one account, or of both."""
        for key in [*self._tokens]:
            if provider in (None, key.provider) and account in (None, key.account):
                yield key

    @asynccontextmanager
    async def lease(self, key: TokenKey, seconds: float) -> AsyncIterator[None]:
        """A context that one holder at a time is in, for ``seconds`` at most."""
        mine = _Lease(self._monotonic() + seconds)
        while (held := self._take(key, mine)) is not mine:
            await held.wait(held.until - self._monotonic())
            mine.until = self._monotonic() + seconds
        try:
            yield
        finally:
            self._give_back(key, mine)

    def _take(self, key: TokenKey, mine: _Lease) -> _Lease:
        """The lease that holds now: ``mine`` if the key was free or the time of its holder is over."""
        with self._lock:
            held = self._leases.get(key)
            if held is None or held.until <= self._monotonic():
                held = self._leases[key] = mine
            return held

    def _give_back(self, key: TokenKey, mine: _Lease) -> None:
        with self._lock:
            if self._leases.get(key) is mine:
                del self._leases[key]
        mine.end()


@dataclass(slots=True, eq=False)
class _Lease:
    """Until when a lease holds, and who waits for its end."""

    until: float
    waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = field(default_factory=list)
    is_over: bool = False

    async def wait(self, seconds: float) -> None:
        """Return when the lease is over, or after ``seconds``."""
        ended = asyncio.Event()
        self.waiting.append((asyncio.get_running_loop(), ended))
        if self.is_over:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await ended.wait()

    def end(self) -> None:
        """Wake everybody who waits, in whatever event loop."""
        self.is_over = True
        for loop, ended in self.waiting:
            # A loop that was closed has nobody left who waits.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(ended.set)
