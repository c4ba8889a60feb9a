"""Clients with 16 requests in flight, and what each request takes of the processor.

The client's processor is saturated (its server has another one), so the time of the process over the requests is what
a request costs, and its inverse the throughput; unlike the wall it does not count what else the machine does. Each has
its turn for a thousand requests: after a tenth of a second of another's work the first hundreds take longer.
"""

import asyncio
import gc
import importlib
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest
from yarl import URL

from oauthreg import AsyncOAuth1Client

in_turns = importlib.import_module("rounds")

IN_FLIGHT = 16

Send: TypeAlias = Callable[[], Awaitable[bytes]]
"""Sends a request and gives the answer's body."""
Wire: TypeAlias = tuple[str, str, bytes | None, Mapping[str, str]]
"""Method, path with query, body and headers."""


@dataclass(frozen=True, slots=True)
class Rival:
    """What is measured: a client or a session, what makes a ``Send`` of it and a request, and whether that signs."""

    client: Any
    sending: Callable[[Any, str, str, bytes | None, Mapping[str, str]], Send]
    signs: bool = True


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


async def measure(rivals: Mapping[str, Rival], server: str, wire: Wire, *, is_benchmark: bool) -> dict[str, Any]:
    """Processor seconds of a request by name, timed in turns after the server has proven each."""
    method, target, body, headers = wire
    sends = {}
    for name, rival in rivals.items():
        proven = rival.sending(rival.client, method, f"{server}/proven{target}", body, headers)
        await _assert_right(proven, is_signed=rival.signs)
        sends[name] = rival.sending(rival.client, method, f"{server}{target}", body, headers)
        await _seconds_each(sends[name], IN_FLIGHT * 2)
    rounds, count = (15, 1_000) if is_benchmark else (2, IN_FLIGHT)
    taken: dict[str, list[float]] = {name: [] for name in sends}
    for _ in range(rounds):
        for name in random.sample(list(sends), len(sends)):
            gc.collect()  # what one leaves behind is not the next one's to clear away
            taken[name].append(await _seconds_each(sends[name], count))
    return {name: in_turns.timing(seconds) for name, seconds in taken.items()}


def tell(benchmark: Any, capsys: Any, timings: Mapping[str, Any], *, peer: str, method: str, mark: float) -> None:
    """Notes how the native engine does beside a peer, and prints how all do, if this is a benchmark."""
    if benchmark.enabled:
        ratios = {name: in_turns.ratio(timings[peer].seconds, timing.seconds) for name, timing in timings.items()}
        benchmark.extra_info.update(
            row=f"client, {peer}", request=method, **in_turns.told(timings), ratio=ratios["native"], mark=mark
        )
        with capsys.disabled():
            cells = "  ".join(
                f"{name} {timing.median * 1e6:6.1f} us ({timing.spread:.0%}) {ratios[name]:.3f}x"
                for name, timing in timings.items()
            )
            print(f"\n{method:4} {cells}  (mark {mark}x of {peer})")  # noqa: T201 - a table for whoever measures
    benchmark.pedantic(lambda: None, rounds=1)


async def _assert_right(send: Send, *, is_signed: bool) -> None:
    """The server says of this very kind of request that it is signed right, or that it is not signed."""
    if is_signed:
        assert await send() == b'{"ok":true}'
    else:
        with pytest.raises(AssertionError):
            await send()


async def _seconds_each(send: Send, count: int) -> float:
    left = iter(range(count))

    async def worker() -> None:
        for _ in left:
            await send()

    start = time.process_time()
    await asyncio.gather(*[worker() for _ in range(IN_FLIGHT)])
    return (time.process_time() - start) / count
