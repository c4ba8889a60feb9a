"""OpenID Connect at independent servers, of which the issuer is all that a client is told."""

import json
from dataclasses import replace
from types import MappingProxyType
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc import jwt

from oauthreg import Registry
from oauthreg.errors import MismatchingStateError, ResponseError
from oauthreg.login import PendingLogin
from oauthreg.records import replace as replace_record

from .authorization_server import CALLBACK, REGISTRATIONS, USER
from .authorization_servers import METHODS

ALGORITHMS = {"canaille": "RS512"}
"""What else than RS256 a server signs with."""
METHOD = {"glewlwyd": "client_secret_post"}
"""How a client proves itself where Basic is not decoded."""
METADATA = {"glewlwyd": "/api/oidc/.well-known/openid-configuration"}
"""Where its metadata are, if not where the standard has them."""
UNNAMED = {"django-oauth-toolkit": ("revoke",)}
"""Endpoints that its metadata do not name."""

every_server = pytest.mark.parametrize("server", METHODS)


@pytest.fixture
def make_client(oauth2_setup, session):
    """Makes clients of the bundled definition that knows an issuer and nothing else."""

    def make(server, kind=None, **options):
        method = METHOD.get(server, "client_secret_basic")
        setup = oauth2_setup(server, kind or method)
        known = {
            **setup.credentials(),
            "client_auth_method": method,
            "redirect_uri": CALLBACK,
            "scope": setup.scopes,
            **setup.server.extra,
        }
        if server in ALGORITHMS:
            known["id_token_signed_response_alg"] = ALGORITHMS[server]
        registry = Registry(environ={})
        text = 'schema = 1\ntitle = "Counterpart"\nprotocol = "oidc"\nextends = "openid-connect"\n'
        if server in METADATA:
            text += f'[endpoints]\ndiscovery = "{setup.server.origin}{METADATA[server]}"\n'
        registry.add(text, name="counterpart")
        variables = {"issuer": setup.server.issuer}
        return setup, registry.client("counterpart", session, variables=variables, **known | options)

    return make


@every_server
async def test_a_login_with_the_issuer_alone(server, make_client, keys, browser):
    setup, client = make_client(server)
    kept = (await client.start()).to_json()
    callback = await setup.server.approve(browser, PendingLogin.from_json(kept).url)

    _, client = make_client(server)  # of another process, which knows as little
    token = await client.finish(PendingLogin.from_json(kept), callback)
    profile = await client.profile()

    claims = jwt.decode(token.id_token, keys.server, algorithms=["RS256", "RS512"]).claims
    assert claims["nonce"] == json.loads(kept)["values"]["nonce"]
    assert (profile.sub, profile.name, profile.email) == (claims["sub"], USER["name"], USER["email"])
    assert set(profile.raw) >= {"id_token", "userinfo"}
    assert client.provider.endpoints["userinfo"] == setup.server.url("userinfo")


@every_server
async def test_the_answer_to_another_login_is_refused(server, make_client, browser):
    setup, client = make_client(server)
    pending = await client.start()
    callback = await setup.server.approve(browser, pending.url)
    other = replace(pending, values=MappingProxyType({**pending.values, "nonce": "another"}))

    with pytest.raises(ResponseError) as refused:
        await client.finish(other, callback)

    assert refused.value.code == "id-token-nonce"
    assert client.token is None


@every_server
async def test_it_is_renewed_and_given_up_where_the_metadata_say(server, make_client, browser):
    setup, client = make_client(server)
    pending = await client.start()
    first = await client.finish(pending, await setup.server.approve(browser, pending.url))

    _, client = make_client(server, token=dict(first))
    second = await client.refresh_token()
    await client.revoke_token(setup.server.url("revoke") if "revoke" in UNNAMED.get(server, ()) else None)

    assert second.access_token != first.access_token
    assert second.id_token is not None
    assert client.token is None


@every_server
async def test_keys_that_cannot_have_signed_are_noticed_before_the_code_is_sent(server, make_client, browser):
    setup, client = make_client(server, id_token_signed_response_alg="ES256")
    pending = await client.start()
    callback = await setup.server.approve(browser, pending.url)
    with pytest.raises(ResponseError) as refused:
        await client.finish(pending, callback)
    _, client = make_client(server)
    assert (await client.finish(pending, callback)).id_token
    assert refused.value.code == "no-usable-key"


async def test_a_session_that_ends_there_ends_here(make_client, browser, session):
    """The user logs out, and the provider tells the application behind its back; so it does of another session."""
    setup, client = make_client("oidc-provider")
    pending = await client.start()
    await client.finish(pending, await setup.server.approve(browser, pending.url))
    profile = await client.profile()
    url = client.create_logout_url(CALLBACK, state="s t")

    back = await browser.visit(url, {"logout": "yes"}, until=CALLBACK)
    client.check_logout_response(back, "s t")
    async with session.get(f"{setup.server.origin}/told") as response:
        (logout_token,) = await response.json()
    _, other = make_client("oidc-provider")
    ended = await other.check_logout_token(logout_token)

    assert (ended.iss, ended.sub, ended.sid) == (setup.server.issuer, profile.sub, profile.raw["id_token"]["sid"])
    with pytest.raises(ResponseError):
        await make_client("oidc-provider", "signed userinfo")[1].check_logout_token(logout_token)


async def test_a_signed_userinfo_answer_is_checked_and_read(make_client, browser, session):
    setup, client = make_client("oidc-provider", "signed userinfo")
    pending = await client.start()
    await client.finish(pending, await setup.server.approve(browser, pending.url))

    async with client.get(setup.server.url("userinfo")) as response:
        assert response.content_type == "application/jwt"
    profile = await client.profile()

    assert (profile.name, profile.email) == (USER["name"], USER["email"])
    assert profile.raw["userinfo"]["aud"] == setup.registration.client_id


@pytest.mark.parametrize("kind", ["encrypted, RSA", "encrypted, EC"])
async def test_what_is_encrypted_for_the_client_is_opened_and_checked(make_client, keys, browser, session, kind):
    private = {"keys": [key.as_dict(private=True) for key in (keys.closed, keys.curved)]}
    algorithm = REGISTRATIONS[kind].encryption
    given = {"decryption_key": private, "id_token_encrypted_response_alg": algorithm}
    setup, client = make_client("oidc-provider", kind, **given)
    pending = await client.start()
    token = await client.finish(pending, await setup.server.approve(browser, pending.url))

    async with client.get(setup.server.url("userinfo")) as response:
        assert (response.content_type, (await response.text()).count(".")) == ("application/jwt", 4)
    profile = await client.profile()
    renewed = await client.refresh_token()
    back = await browser.visit(client.create_logout_url(CALLBACK, state="s"), {"logout": "yes"}, until=CALLBACK)
    async with session.get(f"{setup.server.origin}/told") as response:
        logout_token = (await response.json())[-1]

    assert jwt.decode(token.id_token, keys.server, algorithms=["RS256"]).claims["nonce"] == pending.values["nonce"]
    assert jwt.decode(renewed.id_token, keys.server, algorithms=["RS256"]).claims["sub"] == profile.sub
    assert (profile.name, profile.email) == (USER["name"], USER["email"])
    client.check_logout_response(back, "s")
    assert logout_token.count(".") == 4
    assert (await client.check_logout_token(logout_token)).sub == profile.sub


@pytest.mark.parametrize("is_pushed", [True, False])
@pytest.mark.parametrize("mode", ["jwt", "query.jwt", "form_post.jwt"])
async def test_requests_and_answers_are_signed(make_client, keys, browser, mode, is_pushed):
    """As FAPI 2.0 Message Signing wants it; the server refuses a request that is not signed."""
    given = {
        "private_key": keys.client.as_pem(private=True),
        "key_id": "client",
        "client_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "request_object_signing_alg": "ES256",
        "response_mode": mode,
    }
    setup, client = make_client("oidc-provider", "signed messages", **given)
    await client.discover()
    if not is_pushed:
        endpoints = {name: url for name, url in client.provider.endpoints.items() if name not in ("par", "discovery")}
        client.provider = replace_record(client.provider, endpoints=endpoints)
    pending = await client.start()
    asked = dict(parse_qsl(urlsplit(pending.url).query))
    callback = await setup.server.approve(browser, pending.url)
    with pytest.raises(MismatchingStateError) as refused:
        await client.finish(replace(pending, values={**pending.values, "state": "another"}), callback)
    token = await client.finish(pending, callback)

    assert ("request_uri" in asked, "request" in asked) == (is_pushed, not is_pushed)
    assert refused.value.code == "state-mismatch"
    assert jwt.decode(token.id_token, keys.server, algorithms=["RS256"]).claims["nonce"] == pending.values["nonce"]
