"""Answers that are the same for everybody (server metadata, key sets): fetched once for all who need them, and kept.

Spec: OpenID Connect Core 1.0 section 10.1.1 (keys that change); RFC 8414 section 3.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from aiohttp import ClientConnectionError

from oauthreg.errors import UsageError
from oauthreg.http.renewals import wait_for_all
from oauthreg.records import dataclass, field

if TYPE_CHECKING:
    from oauthreg.http.driver import Send
    from oauthreg.messages import AnswerSource, Request, Response, Shared

    _Place: TypeAlias = tuple[str, str]
    """The URL, and whose answer it is."""

LIFETIME = 3600.0
"""Seconds for which an answer is kept."""

COOL_DOWN = 60.0
"""Seconds within which an answer is asked for anew once at most: tokens with made-up key names cost no more traffic."""

_PAUSE = 5.0
"""The same after an attempt that failed: the next login shall not fail as well."""

_PATIENCE = 1.5
"""Seconds that are waited for an answer in place of an old one, which is used then."""

_MOST = 1024
"""Answers that are kept: applications may have tenants without end."""

_MOST_JOINED = 2
"""Fetches of others that are waited for."""

_log = logging.getLogger("oauthreg")


@dataclass(slots=True)
class _Kept:
    """An answer, the moment from which it is too old, and those from which it may be asked for anew, by source."""

    answer: Response
    old_at: float
    anew_at: dict[AnswerSource, float] = field(default_factory=dict)


class SharedAnswers:
    """What servers publish. Moments are seconds on a monotonic clock."""

    def __init__(self) -> None:
        self._kept: OrderedDict[_Place, _Kept] = OrderedDict()
        self._under_way: dict[_Place, asyncio.Task[Response]] = {}
        self._cleared = 0

    async def get(self, request: Request, shared: Shared, send: Send, now: float) -> Response:
        """The answer to a request: one that is kept, or else one fetched for all who wait for it.

        A failure is not kept, and an old answer is better than none. Raises ``LookupError`` where only what is kept
        will do and nothing is, and what ``send`` and the request's reader raise.
        """
        place = request.url, shared.owner
        kept = self._kept.get(place)
        if shared.source == "kept":
            if kept is None:
                raise LookupError("nothing is at hand")
            return kept.answer
        if kept is None:
            return await self._fetch(place, request, shared, send, now)
        self._put(place, kept)
        source, is_fresh = shared.source, shared.source in ("new", "prompted")
        is_joining = is_fresh and place in self._under_way
        if now < (kept.anew_at.get(source, now) if is_fresh else kept.old_at) and not is_joining:
            return kept.answer
        if is_fresh:
            kept.anew_at[source] = now + COOL_DOWN
        fetching = self._fetch(place, request, shared, send, now)
        try:
            return await (fetching if is_fresh else asyncio.wait_for(fetching, _PATIENCE))
        except Exception as error:  # noqa: BLE001 - whatever keeps the new one away
            _log.warning("an old answer is used, as no new one could be had: %s", type(error).__name__)
            kept.old_at = max(kept.old_at, now + COOL_DOWN)
            if is_fresh:
                kept.anew_at[source] = now + _PAUSE
            return kept.answer

    def clear(self) -> None:
        """Keep nothing, not even what is being fetched."""
        self._cleared += 1
        self._kept.clear()

    async def aclose(self) -> None:
        """Return when nothing is being fetched in this event loop any more."""
        await wait_for_all(self._under_way.values(), own=())

    async def _fetch(self, place: _Place, request: Request, shared: Shared, send: Send, now: float) -> Response:
        """One fetch for all who wait; it goes on without any of them.

        Who waited for others' fetches, which failed for their sessions, goes on alone.
        """
        for _ in range(_MOST_JOINED):
            task, is_own, loop = self._under_way.get(place), False, asyncio.get_running_loop()
            if task is None or task.done() or task.get_loop() is not loop:
                is_own = True
                task = self._under_way[place] = loop.create_task(self._read(place, request, shared, send, now))
                task.add_done_callback(partial(self._landed, place))
            try:
                return await asyncio.shield(task)
            except Exception as error:
                if is_own or not _is_of_session(error):
                    raise
        return await self._read(place, request, shared, send, now)

    async def _read(self, place: _Place, request: Request, shared: Shared, send: Send, now: float) -> Response:
        """The answer, if it is a good one, which is kept from now on."""
        cleared = self._cleared
        answer = await send(request)
        shared.read(answer)
        if cleared == self._cleared:
            kept = self._kept.setdefault(place, _Kept(answer, 0.0))
            kept.answer, kept.old_at = answer, now + LIFETIME
            self._put(place, kept)
            if len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return answer

    def _put(self, place: _Place, kept: _Kept) -> None:
        """Make this the latest one; other threads may forget it at the same time."""
        self._kept.pop(place, None)
        self._kept[place] = kept

    def _landed(self, place: _Place, task: asyncio.Task[Response]) -> None:
        if self._under_way.get(place) is task:
            del self._under_way[place]
        if not task.cancelled():
            task.exception()  # whoever waits hears of it; that nobody may be left is no error


def _is_of_session(error: Exception) -> bool:
    """Whether a request failed for the session that was to send it: one that was closed, or has a credential."""
    return isinstance(error, (RuntimeError, UsageError)) or type(error) is ClientConnectionError
