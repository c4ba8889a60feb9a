"""Leases of stores that tell nobody of their end: who waits looks again and again."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from types import TracebackType
    from typing import Any

Made = TypeVar("Made")

_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.02, 0.5, 1.5
"""Seconds between two looks. A renewal takes a few tenths of a second, or as long as its time-outs."""

_log = logging.getLogger("oauthreg")


class PolledLease:
    """A context that is entered once ``take`` was told so, by the name of the holder, which is made for each lease.

    ``take`` must say yes to who holds it already, since an answer may be lost and the question be asked again.
    ``give_back`` must leave the lease of another holder alone. A lease that is left in no order, such as one that is
    forgotten, ends by itself.
    """

    def __init__(
        self,
        take: Callable[[str], Coroutine[Any, Any, bool]],
        give_back: Callable[[str], Coroutine[Any, Any, object]],
        *,
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self._take = take
        self._give_back = give_back
        self._sleep = sleep
        self._holder = secrets.token_hex(16)

    async def __aenter__(self) -> None:
        pause = _FIRST_PAUSE
        try:
            while not await _whole(self._take(self._holder)):
                await self._sleep(pause)
                pause = min(pause * _GROWTH, _LONGEST_PAUSE)
        except BaseException:
            await self._leave()  # it may have been taken all the same
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            await self._leave()
        else:
            await _whole(self._give_back(self._holder))

    async def _leave(self) -> None:
        """Give it back after an error, which tells more than the failure of this would."""
        try:
            await _whole(self._give_back(self._holder))
        except Exception as failure:  # noqa: BLE001 - its text may hold the store's password
            _log.warning("the lease of a token could not be given back: %s", type(failure).__name__)


async def _whole(action: Coroutine[Any, Any, Made]) -> Made:
    """What an action gives; it ends before its caller does: one that was left halfway might take the lease later."""
    task = asyncio.get_running_loop().create_task(action)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return task.result()
    if not task.cancelled():
        task.exception()  # it was seen
    raise cancelled
