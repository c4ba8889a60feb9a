"""What bundled definitions send to give a token up, and what they make of the refusals of a token endpoint."""

import base64
import json
from dataclasses import replace
from urllib.parse import parse_qsl

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from oauthreg.errors import ClientAuthenticationError, OAuthError, ReauthorizationRequired
from oauthreg.messages import Response
from oauthreg.oauth2.token_answer import parse_token_response
from oauthreg.registry import Registry

NOW = 1_735_689_600
TOKEN = {"access_token": "at", "refresh_token": "rt", "token_type": "Bearer", "expires_at": NOW + 3600}
BEARER, BASIC = "Bearer at", "Basic " + base64.b64encode(b"app:not-a-secret").decode()
SECRET = {"client_id": "app", "client_secret": "not-a-secret"}

REVOCATIONS = {
    "canva": ("POST", BASIC, {"token": "rt", "token_type_hint": "refresh_token"}),
    "clio": ("POST", BEARER, {"token": "at"}),
    "coinbase": ("POST", None, {"token": "at", "access_token": "at", **SECRET}),
    "dropbox": ("POST", BEARER, {}),
    "github": ("DELETE", BASIC, {"access_token": "at"}),
    "lichess": ("DELETE", BEARER, {}),
    "miro": ("POST", None, {"accessToken": "at", "clientId": "app", "clientSecret": "not-a-secret"}),
    "monzo": ("POST", BEARER, {}),
    "notion": ("POST", BASIC, {"token": "at"}),
    "osu": ("DELETE", BEARER, {}),
    "ring-central": ("POST", BASIC, {"token": "rt", "token_type_hint": "refresh_token"}),
    "strava": ("POST", BASIC, {"token": "rt", "token_type_hint": "refresh_token"}),
    "tiktok": ("POST", None, {"token": "at", "client_key": "app", "client_secret": "not-a-secret"}),
    "trakt": ("POST", None, {"token": "at", **SECRET}),
    "twitch": ("POST", None, {"token": "at", "client_id": "app"}),
    "vimeo": ("DELETE", BEARER, {}),
    "whoop": ("DELETE", BEARER, {}),
    "yandex": ("POST", BASIC, {"access_token": "at"}),
    "zoom": ("POST", BASIC, {"token": "at", "token_type_hint": "access_token"}),
}
"""Name -> method, ``Authorization`` and parameters of the request that gives a token up."""

HAS_NO_REFRESH_TOKEN = ("lichess", "vimeo")
SENDS_JSON = ("github", "miro", "notion", "trakt")

REFUSALS = {
    "atlassian": {"error": "unauthorized_client", "error_description": "refresh_token is invalid"},
    "deviantart": {"error": "invalid_request", "error_description": "The refresh_token is invalid.", "status": "error"},
    "hubspot": {"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token", "correlationId": "1"},
    "strava": {
        "message": "Bad Request",
        "errors": [{"resource": "RefreshToken", "field": "refresh_token", "code": "invalid"}],
    },
    "twitch": {"error": "Bad Request", "status": 400, "message": "Invalid refresh token"},
    "x": {"error": "invalid_request", "error_description": "Value passed for the token was invalid."},
    "zoho": {"error": "invalid_code"},
    "zoom": {"reason": "Invalid Token!", "error": "invalid_request"},
}
"""Name -> the answer to a renewal with a refresh token that is no longer good."""


def refusal(name, document, status=400):
    """What is raised for an answer of the token endpoint of a bundled definition."""
    answer = Registry(environ={}).provider(name).token_answer
    with pytest.raises(OAuthError) as caught:
        parse_token_response(Response(status=status, body=json.dumps(document).encode()), answer, sent_at=NOW)
    return caught.value


@pytest.mark.parametrize("name", REVOCATIONS)
async def test_a_token_is_given_up_as_the_provider_wants_it(name):
    received = []

    async def revoke(request):
        body = (await request.read()).decode()
        media_type = request.headers.get("Content-Type")
        parameters = json.loads(body) if name in SENDS_JSON else dict(parse_qsl(body))
        received.append((request.method, request.headers.get("Authorization"), parameters))
        assert not request.query_string
        assert (media_type is None) is (not body)
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/revoke", revoke)
    registry = Registry(credentials={name: SECRET}, environ={})
    provider = registry.provider(name)
    assert provider.endpoints["revoke"].startswith("https://")
    held = {key: TOKEN[key] for key in TOKEN if not (key == "refresh_token" and name in HAS_NO_REFRESH_TOKEN)}
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        local = replace(provider, endpoints={**provider.endpoints, "revoke": str(server.make_url("/revoke"))})
        client = registry.client(name, session, provider=local, token=held, clock=lambda: NOW)
        await client.revoke_token()
        assert client.token is None
    assert received == [REVOCATIONS[name]]


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refresh_token_that_is_no_longer_good_asks_for_another_login(name):
    raised = refusal(name, REFUSALS[name], 200 if name == "zoho" else 400)
    assert type(raised) is ReauthorizationRequired
    assert raised.error == "invalid_grant"


@pytest.mark.parametrize("name", REFUSALS)
def test_another_refusal_asks_for_no_login(name):
    assert type(refusal(name, {"error": "invalid_request", "error_description": "Something else"})) is OAuthError


def test_strava_says_which_of_its_words_is_wrong():
    wrong = {"message": "Bad Request", "errors": [{"resource": "Application", "field": "client_id", "code": "invalid"}]}
    assert type(refusal("strava", wrong)) is ClientAuthenticationError


def test_instagram_says_why_it_refuses():
    raised = refusal(
        "instagram", {"error_type": "OAuthException", "code": 400, "error_message": "Matching code was used"}
    )
    assert (raised.error, raised.description) == ("OAuthException", "Matching code was used")


def test_shikimori_is_asked_where_it_moved_to():
    endpoints = Registry(environ={}).provider("shikimori").endpoints
    assert {url.split("/")[2] for url in endpoints.values()} == {"shikimori.io"}


def test_trovo_renews_at_an_endpoint_of_its_own():
    endpoints = Registry(environ={}).provider("trovo").endpoints
    assert endpoints["refresh"] == "https://open-api.trovo.live/openplatform/refreshtoken"


@pytest.mark.parametrize(
    ("environment", "hosts"),
    [
        ("eu", ["eu.account.amazon.com", "api.amazon.co.uk", "api.amazon.co.uk"]),
        ("fe", ["apac.account.amazon.com", "api.amazon.co.jp", "api.amazon.co.jp"]),
    ],
)
def test_amazon_keeps_a_login_in_its_region(environment, hosts):
    endpoints = Registry(environ={}).provider("amazon", environment=environment).endpoints
    assert [endpoints[name].split("/")[2] for name in ("authorize", "token", "userinfo")] == hosts


def test_default_scopes_are_as_the_provider_reads_them():
    registry = Registry(environ={})
    assert "read_user" in registry.provider("unsplash").scopes.default  # `/me` answers 403 without it
    assert registry.provider("dribbble").scopes.separator == " "
