"""Clients with 16 requests in flight, and what each request takes of the processor.

The client's processor is saturated (its server has another one), so the time of the process over the requests is what
a request costs, and its inverse the throughput; unlike the wall it does not count what else the machine does. Each has
its turn for a thousand requests: after a tenth of a second of another's work the first hundreds take longer.
"""

import asyncio
import gc
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import pytest
from yarl import URL

from oauthreg import AsyncOAuth1Client

IN_FLIGHT = 16

Send: TypeAlias = Callable[[], Awaitable[bytes]]
"""Sends a request and gives the answer's body."""


def sending(client: Any, method: str, url: str, body: bytes | None, headers: Mapping[str, str], **options: Any) -> Send:
    """One request of an aiohttp session or of one of our clients, answer read."""
    target, options = URL(url, encoded=True), options | ({"data": body} if body else {})

    async def send() -> bytes:
        async with client.request(method, target, headers=headers, **options) as response:
            assert response.status == 200
            answer: bytes = await response.read()
        return answer

    return send


def our_client(session: Any, credentials: Mapping[str, str], engine: Any) -> AsyncOAuth1Client:
    """A client that signs each request."""
    return AsyncOAuth1Client(
        session,
        credentials["client_key"],
        credentials["client_secret"],
        credentials["token"],
        credentials["token_secret"],
        engine=engine,
    )


async def assert_right(send: Send, *, is_signed: bool) -> None:
    """The server says of this very kind of request that it is signed right, or that it is not signed."""
    if is_signed:
        assert await send() == b'{"ok":true}'
    else:
        with pytest.raises(AssertionError):
            await send()


async def measure_in_turns(sends: Mapping[str, Send], *, rounds: int, count: int) -> dict[str, list[float]]:
    """Processor seconds of a request by name, one figure a round."""
    taken: dict[str, list[float]] = {name: [] for name in sends}
    for send in sends.values():
        await _seconds_each(send, IN_FLIGHT * 2)
    for _ in range(rounds):
        for name in random.sample(list(sends), len(sends)):
            gc.collect()  # what one leaves behind is not the next one's to clear away
            taken[name].append(await _seconds_each(sends[name], count))
    return taken


def told(taken: Mapping[str, list[float]]) -> dict[str, dict[str, float]]:
    """What a table shows: medians, and interquartile ranges over them."""
    quarters = {name: statistics.quantiles(seconds, n=4) for name, seconds in taken.items()}
    return {
        "medians": {name: middle for name, (_, middle, _) in quarters.items()},
        "spreads": {name: (last - first) / middle for name, (first, middle, last) in quarters.items()},
    }


async def _seconds_each(send: Send, count: int) -> float:
    left = iter(range(count))

    async def worker() -> None:
        for _ in left:
            await send()

    start = time.process_time()
    await asyncio.gather(*[worker() for _ in range(IN_FLIGHT)])
    return (time.process_time() - start) / count
