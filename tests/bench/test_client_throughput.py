"""Signed and unsigned requests a second, on keep-alive connections with 16 requests in flight."""

import asyncio
import functools
import importlib
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

sys.path.insert(0, str(Path(__file__).parent))
clients, signers = (importlib.import_module(name) for name in ("clients", "signers"))

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
    alone = functools.partial(sending_signed_alone, sign=signers.make_native("HMAC-SHA1", credentials, b""))

    async def run():
        async with AsyncExitStack() as stack:
            # One each: nobody finds the other's connections.
            sessions = [await stack.enter_async_context(aiohttp.ClientSession()) for _ in range(5)]
            native, pure = (
                clients.our_client(session, credentials, engine)
                for session, engine in zip(sessions, ("native", "pure"), strict=False)
            )
            rivals = {
                "native": clients.Rival(native, clients.sending),
                "pure": clients.Rival(pure, clients.sending),
                "bare middleware": clients.Rival(sessions[2], alone),
                "constant header": clients.Rival(sessions[3], sending_constant, signs=False),
                "unsigned": clients.Rival(sessions[4], clients.sending, signs=False),
            }
            return await clients.measure(rivals, loopback_server, wire, is_benchmark=benchmark.enabled)

    clients.tell(benchmark, capsys, asyncio.run(run()), peer="unsigned", method=wire[0], mark=MARK)
