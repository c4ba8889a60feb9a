"""Requests a second of our client and of Authlib's asynchronous one, with 16 requests in flight."""

import asyncio
import importlib
import sys
from pathlib import Path

import aiohttp
import pytest

sys.path.insert(0, str(Path(__file__).parent))
clients, in_turns = (importlib.import_module(name) for name in ("clients", "rounds"))

MARK = 9
"""How many times Authlib's throughput the client is meant to reach with the native engine."""


def sending_by_authlib(client, method, url, body, headers):
    async def send():
        response = await client.request(method, url, content=body, headers=headers)
        assert response.status_code == 200
        return response.content

    return send


def test_client_beside_authlib(benchmark, loopback_server, wire, credentials, capsys, monkeypatch):
    pytest.importorskip("oauthreg.signing._native", reason="the native engine is not built")
    authlib = pytest.importorskip("authlib.integrations.httpx_client")
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # Authlib's check of the scheme is not what is measured
    method, target, body, headers = wire
    keys = [credentials[name] for name in ("client_key", "client_secret", "token", "token_secret")]

    async def run(rounds, count):
        async with aiohttp.ClientSession() as session, authlib.AsyncOAuth1Client(*keys) as peer:
            client = clients.our_client(session, credentials, "native")
            sends = {}
            for name, rival, sending in [("native", client, clients.sending), ("authlib", peer, sending_by_authlib)]:
                proven = sending(rival, method, f"{loopback_server}/proven{target}", body, headers)
                await clients.assert_right(proven, is_signed=True)
                sends[name] = sending(rival, method, f"{loopback_server}{target}", body, headers)
            return await clients.measure_in_turns(sends, rounds=rounds, count=count)

    taken = asyncio.run(run(15, 1_000) if benchmark.enabled else run(1, clients.IN_FLIGHT))
    if benchmark.enabled:
        told = clients.told(taken)
        ratio = in_turns.ratio(taken["authlib"], taken["native"])
        benchmark.extra_info.update(row="client, authlib", request=method, **told, ratio=ratio, mark=MARK)
        with capsys.disabled():
            cells = "  ".join(
                f"{name} {seconds * 1e6:6.1f} us ({told['spreads'][name]:.0%})"
                for name, seconds in told["medians"].items()
            )
            print(f"\n{method:4} {cells}  {ratio:.2f}x of Authlib (mark {MARK}x)")  # noqa: T201 - a table for whoever measures
    benchmark.pedantic(lambda: None, rounds=1)
