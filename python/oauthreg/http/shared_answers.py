"""Answers that are the same for everybody (server metadata, key sets): fetched once for all who need them, and kept.

Spec: OpenID Connect Core 1.0 section 10.1.1 (keys that change); RFC 8414 section 3.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING

from oauthreg.http.renewals import wait_for_all
from oauthreg.records import dataclass

if TYPE_CHECKING:
    from oauthreg.http.driver import Send
    from oauthreg.messages import Request, Response

LIFETIME = 3600.0
"""Seconds for which an answer is kept."""

COOL_DOWN = 60.0
"""Seconds within which an answer is asked for anew once at most: tokens with made-up key names cost no more traffic."""

_MOST = 256
"""Answers that are kept: applications may have tenants without end."""

_log = logging.getLogger("oauthreg")


@dataclass(slots=True)
class _Kept:
    """An answer, and the moments from which it is too old, and from which it may be asked for anew."""

    answer: Response
    old_at: float
    anew_at: float = float("-inf")


class SharedAnswers:
    """What servers publish, by URL. Moments are seconds on a monotonic clock."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[Response]] = {}

    async def get(self, request: Request, send: Send, now: float) -> Response:
        """The answer to a request that is ``shared``: one that is kept, or else one fetched for all who wait for it.

        A failure is not kept, and an old answer is better than none. Raises what ``send`` and the request's reader
        raise.
        """
        kept = self._kept.get(request.url)
        if kept is not None and now < (kept.anew_at if request.anew else kept.old_at):
            return kept.answer
        try:
            answer = await self._fetch(request, send)
        except Exception as error:
            if kept is None:
                raise
            _log.warning("an old answer is used, as no new one could be had: %s", type(error).__name__)
            kept.old_at = max(kept.old_at, now + COOL_DOWN)
        else:
            kept = self._keep(request.url, answer, now + LIFETIME)
        if request.anew:
            kept.anew_at = now + COOL_DOWN
        return kept.answer

    async def aclose(self) -> None:
        """Return when nothing is being fetched in this event loop any more."""
        await wait_for_all(self._under_way.values(), own=())

    async def _fetch(self, request: Request, send: Send) -> Response:
        """One fetch for all who wait; it goes on without any of them."""
        task = self._under_way.get(request.url)
        if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
            task = asyncio.get_running_loop().create_task(_read(request, send))
            self._under_way[request.url] = task
            task.add_done_callback(partial(self._landed, request.url))
        return await asyncio.shield(task)

    def _landed(self, url: str, task: asyncio.Task[Response]) -> None:
        if self._under_way.get(url) is task:
            del self._under_way[url]
        if not task.cancelled():
            task.exception()  # whoever waits hears of it; that nobody may be left is no error

    def _keep(self, url: str, answer: Response, old_at: float) -> _Kept:
        kept = self._kept.setdefault(url, _Kept(answer, old_at))
        kept.answer, kept.old_at = answer, old_at
        self._kept.move_to_end(url)
        if len(self._kept) > _MOST:
            self._kept.popitem(last=False)
        return kept


async def _read(request: Request, send: Send) -> Response:
    """The answer, if it is a good one."""
    answer = await send(request)
    if request.shared is not None:
        request.shared(answer)
    return answer
