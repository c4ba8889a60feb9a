"""Leases of stores that tell nobody of their end: who waits looks again and again."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

Made = TypeVar("Made")

_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.02, 0.5, 1.5
"""Seconds between two looks. A renewal takes a few tenths of a second, or as long as its time-outs."""


@asynccontextmanager
async def polled_lease(
    take: Callable[[str], Awaitable[bool]],
    give_back: Callable[[str], Awaitable[object]],
    *,
    sleep: Callable[[float], Awaitable[object]],
) -> AsyncIterator[None]:
    """A context that is entered once ``take`` was told so.

    Both functions are given the name of the holder, which is made for each lease. ``give_back`` is called in any case,
    and must leave the lease of another holder alone.
    """
    holder = secrets.token_hex(16)
    pause = _FIRST_PAUSE
    try:
        while not await _whole(take(holder)):
            await sleep(pause)
            pause = min(pause * _GROWTH, _LONGEST_PAUSE)
    except BaseException:
        with suppress(Exception):  # the error before tells more
            await _whole(give_back(holder))
        raise
    try:
        yield
    finally:
        await _whole(give_back(holder))


async def _whole(action: Awaitable[Made]) -> Made:
    """What an action gives; it ends before its caller does: one that was left halfway might take the lease later."""
    task = asyncio.ensure_future(action)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # it was seen
        raise
