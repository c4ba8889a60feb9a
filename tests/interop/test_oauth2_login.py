"""Logins by authorization code at independent servers: each method of client authentication, and each refusal."""

import json
from dataclasses import replace
from types import MappingProxyType

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from oauthreg.errors import (
    AccessDeniedError,
    ClientAuthenticationError,
    MismatchingStateError,
    OAuthError,
    ReauthorizationRequired,
)
from oauthreg.login import PendingLogin

from .authorization_server import CALLBACK, USER
from .authorization_servers import METHODS
from .logins import parse_query
from .oauth2_logins import begin, log_in

MATRIX = [(server, method) for server, methods in METHODS.items() for method in methods]
SECRETS = [(server, method) for server, method in MATRIX if method.startswith("client_secret")]

every_method = pytest.mark.parametrize(("server", "method"), MATRIX)
every_secret = pytest.mark.parametrize(("server", "method"), SECRETS)
every_server = pytest.mark.parametrize("server", METHODS)


@every_method
async def test_a_login_gives_a_token_and_tells_the_user(server, method, oauth2_setup, keys, session, browser):
    setup = oauth2_setup(server, method)
    kept = (await setup.client(session).start()).to_json()
    callback = await setup.server.approve(browser, PendingLogin.from_json(kept).url)

    client = setup.client(session)
    token = await client.finish(PendingLogin.from_json(kept), callback)
    profile = await client.profile()

    assert parse_query(PendingLogin.from_json(kept).url)["code_challenge_method"] == "S256"
    assert token.refresh_token
    assert token.missing_scopes == ()
    assert (profile.name, profile.email) == (USER["name"], USER["email"])
    assert profile.sub == jwt.decode(token.id_token, keys.server, algorithms=["RS256", "RS512"]).claims["sub"]
    assert parse_query(callback).get("iss") == (setup.server.issuer if setup.server.names_itself else None)


@every_server
async def test_a_client_without_definition_logs_in_and_renews(server, oauth2_setup, session, browser):
    setup = oauth2_setup(server, "client_secret_post")
    client = setup.plain_client(session)

    url, state = client.create_authorization_url(**setup.server.extra)
    callback = await setup.server.approve(browser, url)
    first = await client.fetch_token(authorization_response=callback)
    updated = []
    client = setup.plain_client(session, token={**first, "expires_at": 1}, token_updater=updated.append)
    async with client.get(setup.server.url("userinfo")) as response:
        user = await response.json()

    assert parse_query(callback)["state"] == state
    assert user["name"] == USER["name"]
    assert [token.access_token for token in updated] == [client.token.access_token]
    assert client.token.refresh_token != first.refresh_token


@every_server
async def test_another_verifier_is_refused(server, oauth2_setup, session, browser):
    setup = oauth2_setup(server, "none")
    pending, callback = await begin(setup, session, browser)
    other = replace(pending, values=MappingProxyType({**pending.values, "code_verifier": "v" * 43}))

    with pytest.raises(ReauthorizationRequired) as refused:
        await setup.client(session).finish(other, callback)

    assert refused.value.error == "invalid_grant"
    assert "v" * 43 not in str(refused.value)


@every_server
async def test_a_code_is_good_once(server, oauth2_setup, session, browser):
    setup = oauth2_setup(server, "client_secret_basic")
    pending, callback = await begin(setup, session, browser)
    client = setup.client(session)
    await client.finish(pending, callback)

    with pytest.raises(MismatchingStateError) as finished:
        await client.finish(pending, callback)
    with pytest.raises(ReauthorizationRequired) as refused:
        await setup.client(session).finish(pending, callback)  # of another process, which does not know

    assert finished.value.code == "login-finished"
    assert refused.value.error == "invalid_grant"


@every_secret
async def test_another_secret_is_refused(server, method, oauth2_setup, session, browser):
    setup = oauth2_setup(server, method)
    pending, callback = await begin(setup, session, browser)
    wrong = "wr0ng:secret&+%" * 4

    with pytest.raises(ClientAuthenticationError) as refused:
        await setup.client(session, client_secret=wrong).finish(pending, callback)

    assert refused.value.error == "invalid_client"
    assert "wr0ng" not in repr(refused.value) + str(refused.value) + refused.value.text


@pytest.mark.parametrize("server", [server for server, method in MATRIX if method == "private_key_jwt"])
async def test_another_key_is_refused(server, oauth2_setup, session, browser):
    setup = oauth2_setup(server, "private_key_jwt")
    pending, callback = await begin(setup, session, browser)
    other_key = ECKey.generate_key("P-256").as_pem(private=True)

    with pytest.raises(ClientAuthenticationError) as refused:
        await setup.client(session, private_key=other_key).finish(pending, callback)

    assert refused.value.error == "invalid_client"


@pytest.mark.parametrize("server", ["oidc-provider", "django-oauth-toolkit"])
async def test_servers_that_decode_basic_refuse_a_raw_secret(server, oauth2_setup, session, browser):
    setup = oauth2_setup(server, "client_secret_basic")
    pending, callback = await begin(setup, session, browser)

    def with_raw_basic(text: str) -> str:
        return text.replace('basic_encoding = "form"', 'basic_encoding = "raw"')

    with pytest.raises(OAuthError) as refused:
        await setup.client(session, definition=with_raw_basic).finish(pending, callback)

    assert refused.value.error in ("invalid_client", "invalid_request")


@pytest.mark.parametrize("server", [server for server in METHODS if server != "glewlwyd"])  # there the page refuses
async def test_a_user_may_refuse(server, oauth2_setup, session, browser):
    setup = oauth2_setup(server, "client_secret_post")
    pending = await setup.client(session).start(prompt="consent")  # though it may have been given before
    callback = await setup.server.approve(browser, pending.url, deny=True)

    with pytest.raises(AccessDeniedError) as refused:
        await setup.client(session).finish(pending, callback)

    assert callback.startswith(CALLBACK)
    assert refused.value.error == "access_denied"


@every_server
async def test_a_token_is_renewed_with_rotation(server, oauth2_setup, session, browser):
    setup = oauth2_setup(server, "client_secret_basic")
    client = await log_in(setup, session, browser)
    first = client.token

    second = await client.refresh_token()
    async with client.get(setup.server.url("userinfo")) as response:
        user = json.loads(await response.text())

    assert second.refresh_token != first.refresh_token
    assert second.access_token != first.access_token
    assert second.scopes == first.scopes == setup.scopes
    assert user["name"] == USER["name"]
