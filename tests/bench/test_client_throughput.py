"""Signed and unsigned requests a second, on keep-alive connections with 16 requests in flight."""

import asyncio
import functools
import importlib
import sys
from pathlib import Path

import aiohttp
import pytest

sys.path.insert(0, str(Path(__file__).parent))
clients, in_turns, signers = (importlib.import_module(name) for name in ("clients", "rounds", "signers"))

MARK = 0.95
"""How much of the unsigned throughput the client is meant to keep with the native engine."""


def sending_constant(session, method, url, body, headers):
    """An unsigned request with a header as long as a signature's: what no signed one can be faster than."""
    return clients.sending(session, method, url, body, {**headers, "Authorization": "OAuth " + "x" * 344})


def sending_signed_alone(session, method, url, body, headers, *, sign):
    """A request that is signed, and that is all: no origin is looked at, no refusal repaired, no header taken off."""

    async def signing(req, handler):
        req.headers["Authorization"] = sign(req.method, req.url, body, headers.get("Content-Type"))
        return await handler(req)

    return clients.sending(session, method, url, body, headers, middlewares=(signing,))


def test_throughput(benchmark, loopback_server, wire, credentials, capsys):
    pytest.importorskip("oauthreg.signing._native", reason="the native engine is not built")
    method, target, body, headers = wire
    sign = signers.make_native("HMAC-SHA1", credentials, b"")
    engine_of = functools.partial(clients.our_client, credentials=credentials)
    kinds = {  # name -> whether it signs, what is made of a session, how it sends
        "native": (True, functools.partial(engine_of, engine="native"), clients.sending),
        "pure": (True, functools.partial(engine_of, engine="pure"), clients.sending),
        "bare middleware": (True, lambda session: session, functools.partial(sending_signed_alone, sign=sign)),
        "constant header": (False, lambda session: session, sending_constant),
        "unsigned": (False, lambda session: session, clients.sending),
    }

    async def run(rounds, count):
        sends, sessions = {}, [aiohttp.ClientSession() for _ in kinds]  # nobody finds the other's connections
        try:
            for (name, (is_signed, make, sending)), session in zip(kinds.items(), sessions, strict=True):
                client = make(session)
                proven = sending(client, method, f"{loopback_server}/proven{target}", body, headers)
                await clients.assert_right(proven, is_signed=is_signed)
                sends[name] = sending(client, method, f"{loopback_server}{target}", body, headers)
            return await clients.measure_in_turns(sends, rounds=rounds, count=count)
        finally:
            for session in sessions:
                await session.close()

    taken = asyncio.run(run(15, 1_000) if benchmark.enabled else run(1, clients.IN_FLIGHT))
    if benchmark.enabled:
        told = clients.told(taken)
        ratios = {name: in_turns.ratio(taken["unsigned"], seconds) for name, seconds in taken.items()}
        benchmark.extra_info.update(row="client, unsigned", request=method, **told, ratio=ratios["native"], mark=MARK)
        with capsys.disabled():
            cells = "  ".join(
                f"{name} {seconds * 1e6:6.1f} us ({told['spreads'][name]:.0%}) {ratios[name]:.3f}x"
                for name, seconds in told["medians"].items()
            )
            print(f"\n{method:4} {cells}  (mark {MARK}x of unsigned)")  # noqa: T201 - a table for whoever measures
    benchmark.pedantic(lambda: None, rounds=1)
