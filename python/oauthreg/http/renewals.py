"""Renewals as tasks, of tokens of any protocol: they go on without their callers, so that others see to their end."""

import asyncio
import logging
from collections.abc import Collection
from typing import Any

_log = logging.getLogger("oauthreg")


async def wait_for_all(tasks: Collection[asyncio.Task[Any]], *, own: Collection[asyncio.Task[Any]]) -> None:
    """Return when none of the ``tasks`` is under way in this event loop any more, those that begin meanwhile included.

    ``own`` are those that the caller is part of, which are not waited for.
    """
    loop = asyncio.get_running_loop()
    # Other threads begin and end theirs meanwhile.
    while left := [task for task in [*tasks] if task.get_loop() is loop and task not in own]:
        await asyncio.wait(left)


def note_end(task: asyncio.Task[Any]) -> None:
    """Log what nobody may be left to hear."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _log.debug("a token was not renewed: %s", type(error).__name__)
