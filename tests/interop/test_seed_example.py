"""The example of Authlib 0.11's documentation, line by line: only the import differs."""

import pytest
from aiohttp import ClientRequest, ClientSession

from oauthreg import AsyncOAuth1Client, OAuthRequest

from .counterpart import METHODS, PLAIN, USER
from .logins import approve

REDIRECT_URI = "https://app.example/auth"


@pytest.mark.parametrize("server", METHODS)
@pytest.mark.parametrize("request_class", [OAuthRequest, ClientRequest], ids=["request-class", "plain-session"])
async def test_the_old_example_runs_unchanged(server, request_class, counterpart):
    running = counterpart(server)
    request_token_url, authenticate_url = running.url("request_token"), running.url("authorize")
    access_token_url, account_url = running.url("access_token"), running.url("userinfo")
    client_id, client_secret = PLAIN.client_id, PLAIN.client_secret

    async with ClientSession(request_class=request_class) as session:
        client = AsyncOAuth1Client(session, client_id, client_secret)
        client.redirect_uri = REDIRECT_URI
        request_token = await client.fetch_request_token(request_token_url)
        url = client.create_authorization_url(authenticate_url, request_token["oauth_token"])
        resp_url = await approve(session, url)
        client.parse_authorization_response(resp_url)
        token = await client.fetch_access_token(access_token_url)

        resp = await client.get(account_url)
        assert await resp.json() == USER
        async with client.get(account_url) as resp:
            assert await resp.json() == USER

        kept = {"oauth_token": token["oauth_token"], "oauth_secret": token["oauth_token_secret"]}
        client = AsyncOAuth1Client(session, client_id, client_secret)
        client.token = kept
        async with client.get(account_url) as resp:
            assert await resp.json() == USER

        client = AsyncOAuth1Client(
            session, client_id, client_secret, token=token["oauth_token"], token_secret=token["oauth_token_secret"]
        )
        async with client.get(account_url) as resp:
            assert await resp.json() == USER
