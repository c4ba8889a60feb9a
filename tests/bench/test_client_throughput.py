"""Signed and unsigned requests a second, on keep-alive connections with 16 requests in flight.

The client's processor is saturated (its server has another one), so the time of the process over the requests is what
a request costs, and its inverse the throughput; unlike the wall it does not count what else the machine does. Each has
its turn for a thousand requests: after a tenth of a second of another's work the first hundreds take longer.
"""

import asyncio
import functools
import gc
import importlib
import random
import statistics
import sys
import time
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from oauthreg import AsyncOAuth1Client

sys.path.insert(0, str(Path(__file__).parent))
loopback = importlib.import_module("loopback")
in_turns = importlib.import_module("rounds")
signers = importlib.import_module("signers")

IN_FLIGHT = 16
MARKS = {"unsigned": 0.95, "authlib": 9}
"""Peer -> how many times its throughput the client is meant to reach with the native engine."""
SIGNING = {"native", "pure", "bare middleware", "authlib"}


@pytest.fixture(scope="module")
def base(credentials):
    with loopback.serving(credentials["client_secret"], credentials["token_secret"]) as url:
        yield url


@pytest.fixture(params=["R1", "R2"], ids=["GET", "POST"])
def wire(request, requests_by_name, base):
    """Method, path with query, body and headers."""
    method, url, body, content_type = requests_by_name[request.param]
    return method, URL(url, encoded=True).raw_path_qs, body, {"Content-Type": content_type} if content_type else {}


async def seconds_each(send, count: int) -> float:
    """Processor seconds a request of ``count``, so many in flight at once."""
    left = iter(range(count))

    async def worker():
        for _ in left:
            await send()

    start = time.process_time()
    await asyncio.gather(*[worker() for _ in range(IN_FLIGHT)])
    return (time.process_time() - start) / count


async def measure_in_turns(sends, *, rounds: int, count: int) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {name: [] for name in sends}
    for send in sends.values():
        await seconds_each(send, IN_FLIGHT * 2)
    for _ in range(rounds):
        for name in random.sample(list(sends), len(sends)):
            gc.collect()  # what one leaves behind is not the next one's to clear away
            taken[name].append(await seconds_each(sends[name], count))
    return taken


def sending(client, method, url, body, headers, **options):
    """One request of an aiohttp session or of one of our clients, answer read."""
    url, options = URL(url, encoded=True), options | ({"data": body} if body else {})

    async def send():
        async with client.request(method, url, headers=headers, **options) as response:
            assert response.status == 200
            return await response.read()

    return send


def sending_constant(session, method, url, body, headers):
    """An unsigned request with a header as long as a signature's: what no signed one can be faster than."""
    return sending(session, method, url, body, {**headers, "Authorization": "OAuth " + "x" * 344})


def sending_signed_alone(session, method, url, body, headers, *, sign):
    """A request that is signed, and that is all: no origin is looked at, no refusal repaired, no header taken off."""

    async def signing(req, handler):
        req.headers["Authorization"] = sign(req.method, req.url, body, headers.get("Content-Type"))
        return await handler(req)

    return sending(session, method, url, body, headers, middlewares=(signing,))


def sending_by_authlib(client, method, url, body, headers):
    async def send():
        response = await client.request(method, url, content=body, headers=headers)
        assert response.status_code == 200
        return response.content

    return send


def our_client(session, credentials, engine):
    return AsyncOAuth1Client(
        session,
        credentials["client_key"],
        credentials["client_secret"],
        credentials["token"],
        credentials["token_secret"],
        engine=engine,
    )


async def assert_right(send, signed):
    """The server says of this very kind of request that it is signed right, or that it is not signed."""
    if signed:
        assert await send() == b'{"ok":true}'
    else:
        with pytest.raises(AssertionError):
            await send()


@pytest.mark.parametrize("peer", ["unsigned", "authlib"])
def test_throughput(benchmark, base, wire, credentials, peer, capsys, monkeypatch):
    method, target, body, headers = wire
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # Authlib's check of the scheme is not what is measured
    pytest.importorskip("oauthreg.signing._native", reason="the native engine is not built")
    sign = signers.make_native("HMAC-SHA1", credentials, b"")
    authlib = pytest.importorskip("authlib.integrations.httpx_client") if peer == "authlib" else None

    async def run(rounds, count):
        sessions = [aiohttp.ClientSession() for _ in range(5)]  # one each: nobody finds the other's connections
        makers = {
            "native": (sending, our_client(sessions[0], credentials, "native")),
            "pure": (sending, our_client(sessions[1], credentials, "pure")),
            "bare middleware": (functools.partial(sending_signed_alone, sign=sign), sessions[4]),
            "constant header": (sending_constant, sessions[3]),
            "unsigned": (sending, sessions[2]),
        }
        if authlib is not None:
            client = authlib.AsyncOAuth1Client(
                credentials["client_key"],
                credentials["client_secret"],
                credentials["token"],
                credentials["token_secret"],
            )
            makers = {"native": makers["native"], "authlib": (sending_by_authlib, client)}
            closing = client.aclose
        else:
            closing = None
        try:
            for name, (make, client) in makers.items():
                await assert_right(make(client, method, f"{base}/proven{target}", body, headers), name in SIGNING)
            sends = {
                name: make(client, method, f"{base}{target}", body, headers) for name, (make, client) in makers.items()
            }
            return await measure_in_turns(sends, rounds=rounds, count=count)
        finally:
            for session in sessions:
                await session.close()
            if closing:
                await closing()

    taken = asyncio.run(run(15, 1_000) if benchmark.enabled else run(1, IN_FLIGHT))
    if benchmark.enabled:
        medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
        spreads = {
            name: (quarters[2] - quarters[0]) / quarters[1]
            for name, seconds in taken.items()
            for quarters in [statistics.quantiles(seconds, n=4)]
        }
        ratios = {name: in_turns.ratio(taken[peer], seconds) for name, seconds in taken.items() if name != peer}
        benchmark.extra_info.update(
            row=f"client, {peer}",
            request=method,
            medians=medians,
            spreads=spreads,
            ratio=ratios["native"],
            mark=MARKS[peer],
        )
        with capsys.disabled():
            cells = "  ".join(
                f"{name} {seconds * 1e6:6.1f} us ({spreads[name]:.0%})" for name, seconds in medians.items()
            )
            shown = "  ".join(f"{name} {ratio:.3f}x of {peer}" for name, ratio in ratios.items())
            print(f"\n{method:4} {cells}  {shown}  (mark {MARKS[peer]})")  # noqa: T201 - a table for whoever measures
    benchmark.pedantic(lambda: None, rounds=1)
