"""Tokens bound to a key (DPoP) at independent servers: logins, calls, renewal, nonces, and what they refuse."""

import base64
import json

import pytest

from oauthreg import DPoPKey
from oauthreg.errors import InvalidKeyError, ReauthorizationRequired
from oauthreg.login import PendingLogin

from .authorization_server import USER
from .logins import parse_query

SERVERS = ("oidc-provider", "glewlwyd")
WITH_NONCES = ("oidc-provider",)
every_server = pytest.mark.parametrize("server", SERVERS)
every_client = pytest.mark.parametrize("registration", ["none, bound", "private_key_jwt, bound"])
KEY = DPoPKey()


def claims_of(wiretap, url):
    """What the proofs that were sent to a URL say."""
    proofs = [sent.headers["DPoP"] for sent in wiretap.sent if str(sent.url).partition("?")[0] == url]
    pieces = [proof.split(".")[1] for proof in proofs]
    return [json.loads(base64.urlsafe_b64decode(piece + "=" * (-len(piece) % 4))) for piece in pieces]


async def log_in(setup, session, browser, key=KEY, **options):
    """A client with a bound token."""
    client = setup.client(session, dpop_key=key, **options)
    pending = await client.start()
    callback = await setup.server.approve(browser, pending.url)
    await client.finish(PendingLogin.from_json(pending.to_json()), callback)
    return client


@every_client
@every_server
async def test_a_login_a_call_and_a_renewal(server, registration, oauth2_setup, session, browser, wiretap):
    setup = oauth2_setup(server, registration)
    client = await log_in(setup, session, browser)
    first = client.token
    profile = await client.profile()
    second = await client.refresh_token()
    async with client.get(setup.server.url("userinfo")) as response:
        user = await response.json()

    assert (first.token_type, second.token_type) == ("DPoP", "DPoP")
    assert first["dpop_jkt"] == second["dpop_jkt"] == KEY.thumbprint
    assert second.access_token != first.access_token
    assert (profile.name, user["name"]) == (USER["name"], USER["name"])
    if server in WITH_NONCES:
        asked = claims_of(wiretap, setup.server.url("token"))
        assert ["nonce" in claims for claims in asked] == [False, True, True]
        assert all("nonce" in claims for claims in claims_of(wiretap, setup.server.url("userinfo")))


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "PS256", "RS256"])
async def test_algorithms(algorithm, oauth2_setup, session, browser):
    setup = oauth2_setup("oidc-provider", "none, bound")
    client = await log_in(setup, session, browser, DPoPKey(algorithms=[algorithm]))
    assert (await client.profile()).name == USER["name"]


@pytest.mark.parametrize("server", WITH_NONCES)
async def test_a_pushed_login(server, oauth2_setup, session, browser, wiretap):
    setup = oauth2_setup(server, "none, bound")
    par = f"{setup.server.origin}/request"

    def with_pushing(text):
        return text.replace("[oauth2]", f'par = "{par}"\n[oauth2]', 1)

    client = await log_in(setup, session, browser, definition=with_pushing)

    assert client.token["dpop_jkt"] == KEY.thumbprint
    assert ["nonce" in claims for claims in claims_of(wiretap, par)] == [False, True]


@pytest.mark.parametrize("server", WITH_NONCES)
async def test_a_code_is_bound_from_the_start(server, oauth2_setup, session, browser):
    setup = oauth2_setup(server, "none, bound")
    client = setup.client(session, dpop_key=KEY)
    pending = await client.start()
    callback = await setup.server.approve(browser, pending.url)
    assert parse_query(pending.url)["dpop_jkt"] == KEY.thumbprint

    thief = setup.client(session, dpop_key=DPoPKey())
    with pytest.raises(InvalidKeyError):
        await thief.finish(pending, callback)
    with pytest.raises(ReauthorizationRequired):
        await thief.fetch_token(code=parse_query(callback)["code"], code_verifier=pending.values["code_verifier"])


@pytest.mark.parametrize("server", WITH_NONCES)
async def test_another_key_opens_and_renews_nothing(server, oauth2_setup, session, browser):
    setup = oauth2_setup(server, "none, bound")
    token = dict((await log_in(setup, session, browser)).token)
    del token["dpop_jkt"]  # who stole it will not be stopped by our own check
    thief = setup.client(session, dpop_key=DPoPKey(), token=token)

    with pytest.raises(ReauthorizationRequired) as refused:
        await thief.refresh_token()
    del token["refresh_token"]
    async with setup.client(session, dpop_key=DPoPKey(), token=token).get(setup.server.url("userinfo")) as response:
        assert response.status == 401
        assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]

    assert refused.value.error == "invalid_grant"
