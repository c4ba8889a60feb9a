"""Requests a second of our client and of Authlib's asynchronous one, with 16 requests in flight."""

import asyncio
import importlib
import sys
from pathlib import Path

import aiohttp
import pytest

sys.path.insert(0, str(Path(__file__).parent))
clients = importlib.import_module("clients")

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
    keys = [credentials[name] for name in ("client_key", "client_secret", "token", "token_secret")]

    async def run():
        async with aiohttp.ClientSession() as session, authlib.AsyncOAuth1Client(*keys) as peer:
            rivals = {
                "native": clients.Rival(clients.our_client(session, credentials, "native"), clients.sending),
                "authlib": clients.Rival(peer, sending_by_authlib),
            }
            return await clients.measure(rivals, loopback_server, wire, is_benchmark=benchmark.enabled)

    clients.tell(benchmark, capsys, asyncio.run(run()), peer="authlib", method=wire[0], mark=MARK)
