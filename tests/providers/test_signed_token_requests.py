"""A bundled definition of OAuth 2.0 whose client proves itself by a signature of OAuth 1.0a."""

from dataclasses import replace

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from oauthreg.registry import Registry
from oauthreg.signing.verify import verify

NOW = 1_735_689_600


async def test_here_gives_a_token_for_a_signed_request(engine):
    received = []

    async def token(request):
        body = await request.read()
        signed = verify(
            request.method,
            str(request.url),
            body,
            request.headers["Content-Type"],
            authorization=request.headers["Authorization"],
            client_secret="not-a-secret",
            signature_methods=("HMAC-SHA256",),
            now=NOW,
            engine=engine.name,
        )
        received.append((signed.client_id, signed.token, body))
        return web.json_response({"access_token": "not-a-token", "token_type": "bearer", "expires_in": 86399})

    app = web.Application()
    app.router.add_post("/token", token)
    registry = Registry(
        credentials={"here-platform": {"client_id": "key", "client_secret": "not-a-secret"}}, environ={}
    )
    provider = registry.provider("here-platform")
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        local = replace(provider, endpoints={"token": str(server.make_url("/token"))}, origins=frozenset())
        client = registry.client("here-platform", session, provider=local, clock=lambda: NOW)
        found = await client.fetch_token()
    assert (found.access_token, found.expires_at) == ("not-a-token", NOW + 86399)
    assert received == [("key", None, b"grant_type=client_credentials")]
