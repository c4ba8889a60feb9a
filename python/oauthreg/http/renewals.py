"""Renewals of tokens of any protocol: tasks that go on without their callers, and what they ask of a store."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from oauthreg.errors import TokenStoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterator
    from contextlib import AbstractAsyncContextManager

    from oauthreg.http.driver import Sleeper
    from oauthreg.stores import TokenKey, TokenStore

Saved = TypeVar("Saved")

own_tasks: ContextVar[tuple[asyncio.Task[Any], ...]] = ContextVar("oauthreg_own_tasks", default=())
"""The tasks of OAuth 1.0 that the running code is part of, none of which may be waited for."""

_log = logging.getLogger("oauthreg")

_LEASE = 120.0
"""Seconds: longer than a renewal with all its time-outs."""

_SAVE_PAUSES = (0.1, 0.5, 2.0)
"""Seconds before a store that failed is asked once more to save a token."""

LATER_PAUSES = (1.0, 2.0, 5.0, 10.0, *(20.0,) * 30)
"""Seconds before it is asked again by nobody's request, for ten minutes."""

RIVAL_PATIENCE = 30
"""Seconds for which a renewal that another process announced, and whose lease is over, may still come to its end."""

RENEWING = "oauthreg_renewing"
"""The field of a stored token whose refresh token is about to be sent: by whom, in a name that each process makes."""

UNPROVEN = "oauthreg_unproven"
"""The field of a stored token that came from the application, with an ID token that nobody has checked."""


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


def no_token() -> TokenStoreError:
    """What is told of a stored token that can be neither used nor renewed."""
    return TokenStoreError(
        "the store holds what is no token",
        code="unusable-token",
        hint="let the user log in again, which replaces it",
    )


async def take_lease(store: TokenStore, key: TokenKey) -> AbstractAsyncContextManager[None]:
    """A lease that was entered: nobody else renews the token of this key. Raises ``TokenStoreError``."""
    with telling("the token's turn to be renewed did not come"):
        lease = store.lease(key, _LEASE)
        await lease.__aenter__()
        return lease


async def give_back(lease: AbstractAsyncContextManager[None], error: BaseException | None) -> None:
    """Leave a lease; one that cannot be left will be over by itself, and what was done under it stands."""
    try:
        await lease.__aexit__(type(error) if error else None, error, error.__traceback__ if error else None)
    except Exception as failure:  # noqa: BLE001 - its text may hold the store's password
        if failure is not error:
            _log.warning("the lease of a token could not be given back: %s", type(failure).__name__)


async def insist(save: Callable[[], Awaitable[Saved]], sleep: Sleeper) -> Saved:
    """What ``save`` gives, in several attempts: the token that a new one replaces is spent."""
    for pause in _SAVE_PAUSES:
        try:
            return await save()
        except Exception as error:  # noqa: BLE001 - of the last attempt it is raised
            _log.warning("a new token could not be saved yet: %s", type(error).__name__)
        await sleep(pause)
    return await save()


@contextmanager
def telling(message: str) -> Iterator[None]:
    """Whatever a store raises is a ``TokenStoreError``; one of its own passes as it is, with its cause."""
    try:
        yield
    except TokenStoreError:
        raise
    except Exception as error:
        raise TokenStoreError(
            f"{message}: {type(error).__name__}",
            hint="the cause is the error that this one was raised from; the token stays in memory, and nothing uses it "
            "before it is saved",
        ) from error
