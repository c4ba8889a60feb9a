"""The OAuth 2.0 client, method by method, against an authorization server on the wire."""

import asyncio
import base64
import hashlib
import inspect
import json
import re
import traceback
from contextlib import nullcontext, suppress
from dataclasses import replace
from functools import partial
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import (
    BasicAuth,
    ClientConnectorError,
    ClientError,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    TCPConnector,
)
from joserfc import jwt
from joserfc.jwk import OctKey
from yarl import URL

from oauthreg import DPoPKey
from oauthreg.clock import Clock
from oauthreg.errors import (
    AccessDeniedError,
    InvalidKeyError,
    MismatchingStateError,
    MissingCredentialError,
    MissingTokenError,
    OAuthError,
    ResponseError,
    TemporarilyUnavailableError,
    TokenExpiredError,
    TokenStoreError,
    UnsupportedMethodError,
    UsageError,
)
from oauthreg.http import AsyncAssertionClient, AsyncOAuth2Client, middleware, oauth2_client
from oauthreg.http.token_life import TokenLives
from oauthreg.login import PendingLogin
from oauthreg.provider import (
    CallbackSettings,
    Exchange,
    IdentityRequest,
    Leg,
    OAuth2Settings,
    Provider,
    Scopes,
    TokenAnswer,
)
from oauthreg.stores import MemoryStore

CALLBACK = "https://app.example/cb"
SHARED = "k" * 32
AUTHORIZE = "https://as.example/authorize?fixed=1"


@pytest.fixture
def make_client(session, authority, clock):
    """Makes clients of ``authority`` without a definition."""

    def make(**options):
        endpoints = {
            "authorization_endpoint": AUTHORIZE,
            "device_authorization_endpoint": f"{authority.url}/device",
            "introspection_endpoint": f"{authority.url}/introspect",
            "revocation_endpoint": f"{authority.url}/revoke",
            "token_endpoint": f"{authority.url}/token",
        }
        options = {"clock": clock, "redirect_uri": CALLBACK, "client_secret": "secret", **endpoints, **options}
        return AsyncOAuth2Client(session, options.pop("client_id", "client"), **options)

    return make


class Claims:
    """A claims template that reads the documents of a test."""

    documents = ("callback", "id_token", "token", "userinfo")

    def render(self, documents):
        return {
            "sub": documents["userinfo"]["token"],
            "name": documents["token"].get("team", ""),
            "shop": documents["callback"].get("shop", ""),
            "nickname": documents.get("id_token", {}).get("nick", ""),
        }


@pytest.fixture
def make_provider(authority):
    """Makes the provider at ``authority``, as a definition would describe it."""

    def make(**options):
        return Provider(
            **{
                "name": "acme",
                "protocol": "oauth2",
                "endpoints": {
                    "authorize": AUTHORIZE,
                    "token": f"{authority.url}/token",
                    "revoke": f"{authority.url}/revoke",
                    "api_base": f"{authority.url}/v1/",
                },
                "origins": frozenset({("http", "127.0.0.1", authority.server.port)}),
                "identity": (IdentityRequest("userinfo", f"{authority.url}/me"),),
                "claims": Claims(),
                **options,
            }
        )

    return make


@pytest.fixture
def make_defined(session, clock, make_provider):
    """Makes clients of the provider."""

    def make(provider=None, **options):
        options = {"client_secret": "secret", "redirect_uri": CALLBACK, "clock": clock, **options}
        return AsyncOAuth2Client(session, "client", provider=provider or make_provider(), **options)

    return make


def of_any_server(pending):
    """A login that was kept by an earlier version, which did not note where it began."""
    return replace(pending, values={name: value for name, value in pending.values.items() if name != "server"})


def query_of(url):
    return {name: values[0] if len(values) == 1 else values for name, values in parse_qs(urlsplit(url).query).items()}


def challenge_of(verifier):
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


async def text_of(client, url):
    async with client.get(url) as response:
        return await response.text()


async def raise_another(response):
    """As ``raise_for_status``: an error of the caller's own."""
    raise LookupError(response.status)


async def keep_during_a_renewal(client, authority):
    """A task that keeps the token, while a renewal in the background waits for its answer behind the gate."""
    authority.gate, authority.arrived = asyncio.Event(), asyncio.Event()
    await text_of(client, authority.url)
    await authority.arrived.wait()
    keeping = asyncio.create_task(client.keep_token("ada"))
    for _ in range(10):
        await asyncio.sleep(0)
    return keeping


class TestConstruction:
    def test_the_arguments_are_those_of_the_old_module(self):
        parameters = inspect.signature(AsyncOAuth2Client).parameters
        positional = {name: p.default for name, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD}
        assert positional == {
            "session": inspect.Parameter.empty,
            "client_id": None,
            "client_secret": None,
            "client_auth_method": None,
            "refresh_token_url": None,
            "refresh_token_params": None,
            "scope": None,
            "redirect_uri": None,
            "token": None,
            "token_placement": "header",
            "state": None,
            "token_updater": None,
        }

    def test_so_are_the_methods(self):
        arguments = {
            "create_authorization_url": ["url", "state"],
            "fetch_token": [
                *("url", "code", "authorization_response", "body", "auth"),
                *("username", "password", "method", "headers"),
            ],
            "refresh_token": ["url", "refresh_token", "body", "auth", "headers"],
            "revoke_token": ["url", "token", "token_type_hint", "body", "auth", "headers"],
            "register_compliance_hook": ["hook_type", "hook"],
        }
        for name, expected in arguments.items():
            parameters = inspect.signature(getattr(AsyncOAuth2Client, name)).parameters.values()
            positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
            assert positional[1:] == expected

    async def test_an_unknown_argument_is_not_swallowed(self, make_client):
        with pytest.raises(TypeError, match="'scoope'"):
            make_client(scoope="typo")

    @pytest.mark.parametrize(
        ("options", "code"),
        [
            ({"client_auth_method": "basic"}, "unknown-client-auth"),
            ({"token_placement": "cookie"}, "unknown-placement"),
            ({"grant_type": "magic"}, "unknown-grant"),
        ],
    )
    async def test_unknown_names_are_refused_with_the_known_ones(self, options, code, make_client):
        with pytest.raises(UnsupportedMethodError) as caught:
            make_client(**options)
        assert caught.value.code == code
        assert "known: " in str(caught.value)

    async def test_a_provider_of_another_protocol_is_refused(self, session):
        with pytest.raises(UsageError) as caught:
            AsyncOAuth2Client(session, "client", provider=Provider(name="acme"))
        assert caught.value.code == "wrong-protocol"

    async def test_two_stores_are_refused(self, session):
        with pytest.raises(UsageError) as caught:
            AsyncOAuth2Client(session, "client", store=MemoryStore(), lives=TokenLives())
        assert caught.value.code == "two-stores"

    async def test_a_resource_that_is_none_is_refused(self, make_client):
        with pytest.raises(UsageError) as caught:
            make_client(resource="api")
        assert caught.value.code == "invalid-resource"

    async def test_a_key_that_fits_no_algorithm_is_refused(self, make_client):
        with pytest.raises(InvalidKeyError):
            make_client(client_auth_method="private_key_jwt", private_key="no key at all")

    async def test_a_key_that_is_missing_is_told(self, make_client):
        with pytest.raises(MissingCredentialError):
            make_client(client_auth_method="private_key_jwt")

    async def test_it_says_what_it_is(self, make_client, make_defined):
        assert repr(make_client()) == "<AsyncOAuth2Client provider='custom' client_id='client'>"
        assert repr(make_defined()) == "<AsyncOAuth2Client provider='acme' client_id='client'>"

    async def test_a_token_may_be_borne_without_a_client(self, session, authority, clock):
        client = AsyncOAuth2Client(session, token="A1")
        authority.good.add("A1")
        assert "A1" in await text_of(client, authority.url)

    @pytest.mark.parametrize(
        "call",
        [
            lambda client: client.fetch_token(),
            lambda client: client.refresh_token(refresh_token="R"),
            lambda client: client.revoke_token(token="R"),
            lambda client: client.start(),
            lambda client: client.device_login(),
        ],
        ids=["fetch", "refresh", "revoke", "start", "device"],
    )
    async def test_everything_else_needs_one(self, call, make_client, authority):
        with pytest.raises(MissingCredentialError) as caught:
            await call(make_client(client_id=None))
        assert caught.value.code == "missing-client-id"
        assert authority.log == []


class TestAccountWithoutAName:
    """As a cookie that a visitor does not have: what is kept under no name is the client's own."""

    def test_it_is_refused(self, session):
        for make in (AsyncOAuth2Client, partial(AsyncAssertionClient, issuer="i", key="k" * 32, alg="HS256")):
            with pytest.raises(UsageError, match="`account` is empty") as refused:
                make(session, account="")
            assert refused.value.code == "empty-account"


class TestToken:
    async def test_a_mapping(self, make_client, clock):
        client = make_client(token={"access_token": "A", "expires_at": "1700003600", "custom": 1})
        assert client.token == {"access_token": "A", "expires_at": "1700003600", "custom": 1}
        assert client.token.expires_at == 1_700_003_600

    async def test_a_lifetime_alone_counts_from_now(self, make_client, clock):
        client = make_client(token={"access_token": "A", "expires_in": "3600", "expires_at": None})
        assert client.token.expires_at == clock() + 3600

    @pytest.mark.parametrize("lifetime", [None, 0, -1, "soon"])
    async def test_a_lifetime_that_is_none_is_unknown(self, lifetime, make_client):
        assert make_client(token={"access_token": "A", "expires_in": lifetime}).token.expires_at is None

    async def test_none_at_first(self, make_client, authority):
        client = make_client()
        assert client.token is None
        with pytest.raises(MissingTokenError):
            await client.get(authority.url)

    async def test_it_can_be_set_and_taken_away(self, make_client, authority, clock):
        client = make_client()
        client.token = authority.give(clock() + 3600)
        await text_of(client, authority.url)
        client.token = None
        with pytest.raises(MissingTokenError):
            await client.get(authority.url)

    async def test_of_an_account_as_well(self, make_client, authority, clock):
        client = make_client(account="ada")
        client.token = authority.give(clock() + 3600)
        client.token = None
        assert client.token is None

    @pytest.mark.parametrize("value", [1, [], {"token": "A"}, {"access_token": ""}])
    async def test_nothing_else_is_taken(self, value, make_client):
        with pytest.raises(MissingTokenError):
            make_client(token=value)

    async def test_changing_the_copy_changes_nothing(self, make_client):
        client = make_client(token="A")
        client.token["access_token"] = "B"
        assert client.token.access_token == "A"


class TestAuthorizationURL:
    async def test_everything_that_the_client_says(self, make_client):
        client = make_client(
            scope=["a", "b"],
            response_mode="form_post",
            nonce="n1",
            prompt="consent",
            login_hint="ada@example.org",
            resource=["https://a.example", "https://b.example"],
            audience="orders",
        )
        url, state = client.create_authorization_url()
        assert url.startswith(f"{AUTHORIZE}&")
        query = query_of(url)
        challenge = query.pop("code_challenge")
        assert len(challenge) == 43
        assert query == {
            "fixed": "1",
            "response_type": "code",
            "client_id": "client",
            "redirect_uri": CALLBACK,
            "scope": "a b",
            "state": state,
            "code_challenge_method": "S256",
            "resource": ["https://a.example", "https://b.example"],
            "response_mode": "form_post",
            "nonce": "n1",
            "prompt": "consent",
            "login_hint": "ada@example.org",
            "audience": "orders",
        }
        assert client.state == state

    async def test_what_the_call_says_counts(self, make_client):
        client = make_client(scope="a", nonce="n1", prompt="consent", audience="orders")
        verifier = "v" * 43
        url, state = client.create_authorization_url(
            "https://other.example/auth",
            state="S1",
            scope="b",
            nonce="n2",
            prompt="none",
            redirect_uri="https://app.example/other",
            resource="https://c.example",
            code_verifier=verifier,
            audience="invoices",
            access_type="offline",
            left_out=None,
        )
        query = query_of(url)
        assert (url.partition("?")[0], state) == ("https://other.example/auth", "S1")
        assert query["code_challenge"] == challenge_of(verifier)
        assert (query["scope"], query["nonce"], query["prompt"]) == ("b", "n2", "none")
        assert (query["redirect_uri"], query["resource"]) == ("https://app.example/other", "https://c.example")
        assert (query["access_type"], query["audience"], "left_out" in query) == ("offline", "invoices", False)

    @pytest.mark.parametrize("name", ["client_id", "response_type", "code_challenge"])
    async def test_what_the_client_makes_cannot_be_given(self, name, make_client):
        with pytest.raises(UsageError) as caught:
            make_client().create_authorization_url(**{name: "x"})
        assert caught.value.code == "reserved-parameter"

    async def test_no_pkce_where_the_provider_forbids_it(self, make_defined, make_provider, authority):
        client = make_defined(make_provider(oauth2=OAuth2Settings(pkce="unsupported")))
        url, state = client.create_authorization_url()
        await client.fetch_token(authorization_response=f"{CALLBACK}?code=C&state={state}")
        assert "code_challenge" not in url
        assert "code_verifier" not in authority.asked[0]

    async def test_only_so_many_logins_are_remembered(self, make_client, monkeypatch):
        monkeypatch.setattr(oauth2_client, "_MOST_LOGINS", 3)
        client = make_client()
        states = [client.create_authorization_url()[1] for _ in range(5)]
        assert list(client._open) == states[2:]

    async def test_an_implicit_response_type_is_refused(self, make_client):
        with pytest.raises(UsageError) as caught:
            make_client(response_type="token").create_authorization_url()
        assert caught.value.code == "implicit-grant-refused"


class TestFetchingByCode:
    async def test_in_two_clients_as_web_applications_do(self, make_client, make_defined, make_provider, authority):
        """The second one, made when the browser comes back, knows the state; the verifier follows from it."""
        of_issuer = make_provider(oauth2=OAuth2Settings(issuer="https://as.example"))
        for make in (make_client, make_defined, partial(make_defined, of_issuer)):
            authority.number = 0
            url, state = make().create_authorization_url()
            authority.challenges["C"] = query_of(url)["code_challenge"]
            client = make(state=state)
            token = await client.fetch_token(authorization_response=f"{CALLBACK}?code=C&state={state}")
            assert (token.access_token, authority.challenges) == ("A1", {})

    async def test_with_a_state_that_the_call_names(self, make_client, authority):
        url, state = make_client().create_authorization_url()
        authority.challenges["C"] = query_of(url)["code_challenge"]
        client = make_client(state="another")
        await client.fetch_token(authorization_response=f"{CALLBACK}?code=C&state={state}", state=state)
        assert authority.challenges == {}

    async def test_a_state_that_the_call_names_is_the_only_one(self, make_client, authority):
        """Somebody else's login with the same client object must not pass in this browser session."""
        client = make_client()
        _, mine = client.create_authorization_url()
        _, other = client.create_authorization_url()
        with pytest.raises(MismatchingStateError) as caught:
            await client.fetch_token(authorization_response=f"{CALLBACK}?code=C&state={other}", state=mine)
        assert caught.value.code == "state-mismatch"
        assert authority.log == []

    async def test_where_it_came_from_is_where_its_successor_comes_from(self, session, authority, clock):
        client = AsyncOAuth2Client(session, "client", clock=clock)
        await client.fetch_token(f"{authority.url}/token", code="C")
        clock.advance(3600)
        await text_of(client, authority.url)
        assert authority.refreshes == ["R1"]

    async def test_the_verifier_depends_on_client_and_state(self, make_client):
        one, other = make_client(), make_client(client_id="other")
        verifiers = {one._make_verifier("S1"), one._make_verifier("S2"), other._make_verifier("S1")}
        assert len(verifiers) == 3
        assert {len(verifier) for verifier in verifiers} == {43}

    async def test_a_given_verifier_counts(self, make_client, authority):
        _, state = make_client().create_authorization_url(code_verifier="v" * 43)
        client = make_client(state=state)
        callback = f"{CALLBACK}?code=C&state={state}"
        await client.fetch_token(
            authorization_response=callback, code_verifier="v" * 43, redirect_uri="https://x.example"
        )
        assert authority.asked[0]["code_verifier"] == "v" * 43
        assert authority.asked[0]["redirect_uri"] == "https://x.example"

    async def test_a_bare_code_of_the_last_login(self, make_client, authority):
        client = make_client()
        url, _ = client.create_authorization_url()
        authority.challenges["C"] = query_of(url)["code_challenge"]
        await client.fetch_token(code="C")
        assert authority.challenges == {}
        assert authority.asked[0]["redirect_uri"] == CALLBACK

    async def test_a_bare_code_that_a_store_stopped(self, make_client, authority):
        """What was remembered of its login is there for the next attempt."""
        client = make_client(account="ada", store=(store := MemoryStore()))
        client.create_authorization_url(redirect_uri="https://app.example/other")
        lease, store.lease = store.lease, None
        with pytest.raises(TokenStoreError):
            await client.fetch_token(code="C")
        store.lease = lease
        await client.fetch_token(code="C")
        assert [form["redirect_uri"] for form in authority.asked] == ["https://app.example/other"]

    async def test_a_bare_code_with_everything_said(self, make_client, authority):
        await make_client().fetch_token(code="C", code_verifier="v" * 43, redirect_uri="https://x.example")
        assert authority.asked[0] == {
            "grant_type": "authorization_code",
            "code": "C",
            "redirect_uri": "https://x.example",
            "code_verifier": "v" * 43,
        }

    async def test_a_bare_code_brings_the_id_token_of_its_login(self, make_defined, make_provider, authority, clock):
        settings = OAuth2Settings(issuer="https://as.example", nonce="always")
        client = make_defined(make_provider(oauth2=settings))
        for nonce_of, is_right in ((lambda url: query_of(url)["nonce"], True), (lambda _: "another", False)):
            url, state = client.create_authorization_url()
            claims = {"iss": "https://as.example", "aud": "client", "sub": "u1", "nonce": nonce_of(url)}
            claims |= {"iat": int(clock()), "exp": int(clock()) + 60}
            authority.fields = {"id_token": jwt.encode({"alg": "HS256"}, claims, OctKey.import_key("k" * 32))}
            if is_right:
                await client.fetch_token(code="C", state=state)
                continue
            with pytest.raises(ResponseError) as refused:
                await client.fetch_token(code="C", state=state)
            assert refused.value.code == "id-token-nonce"

    async def test_a_bare_code_of_a_login_that_nobody_knows(self, make_client, authority):
        await make_client().fetch_token(code="C")
        assert "code_verifier" not in authority.asked[0]

    async def test_a_callback_without_any_state_may_be_a_strangers(self, make_client, authority):
        """As ``state=session.get("state")`` gives for a browser that began no login."""
        with pytest.raises(MismatchingStateError) as caught:
            await make_client().fetch_token(authorization_response=f"{CALLBACK}?code=C", state=None)
        assert (caught.value.code, authority.log) == ("state-missing", [])
        await make_client().fetch_token(authorization_response=f"{CALLBACK}?code=C", accept_missing_state=True)
        assert authority.asked[0]["code"] == "C"

    async def test_a_state_is_wanted_whatever_else_is_accepted(self, make_client, authority):
        client = make_client()
        client.create_authorization_url()
        with pytest.raises(MismatchingStateError) as caught:
            await client.fetch_token(authorization_response=f"{CALLBACK}?code=C", accept_missing_state=True)
        assert (caught.value.code, authority.log) == ("state-missing", [])

    async def test_a_state_that_nobody_expects_is_refused(self, make_client, authority):
        with pytest.raises(MismatchingStateError) as caught:
            await make_client().fetch_token(authorization_response=f"{CALLBACK}?code=C&state=evil")
        assert caught.value.code == "state-mismatch"
        assert authority.log == []

    @pytest.mark.parametrize("form", ["mapping", "text", "bytes", "fragment", "object"])
    async def test_every_form_of_a_callback(self, form, make_client, authority):
        client = make_client()
        _, state = client.create_authorization_url()
        callbacks = {
            "mapping": {"code": "C", "state": state},
            "text": f"code=C&state={state}",
            "bytes": f"code=C&state={state}".encode(),
            "fragment": f"{CALLBACK}?code=C&state={state}#_=_",
            "object": URL(f"{CALLBACK}?code=C&state={state}"),
        }
        assert (await client.fetch_token(authorization_response=callbacks[form])).access_token == "A1"

    async def test_a_renamed_state_is_found(self, make_defined, make_provider):
        client = make_defined(make_provider(authorize=Leg(method="GET", rename={"state": "custom"})))
        url, state = client.create_authorization_url()
        assert query_of(url)["custom"] == state
        await client.fetch_token(authorization_response={"code": "C", "custom": state})

    async def test_the_token_is_told_and_kept(self, make_client):
        told = []
        client = make_client(token_updater=told.append)
        token = await client.fetch_token(code="C")
        assert token == client.token == told[0]

    async def test_a_users_token_does_not_touch_another_users(self, make_client, authority, clock):
        lives = TokenLives()
        client = make_client(lives=lives, token=authority.give(clock() + 3600))
        first = client._life
        await client.fetch_token(code="C")
        assert (first.token.access_token, client.token.access_token) == ("A1", "A2")

    async def test_200_logins_of_different_users_through_one_client(self, make_client, authority):
        client = make_client()
        authority.fields = {"expires_in": 60}
        tokens = await asyncio.gather(*(client.fetch_token(code=f"C{number}") for number in range(200)))
        codes = [asked["code"] for asked in authority.asked]
        assert len(set(codes)) == len({token.access_token for token in tokens}) == 200
        given = {code: f"A{number + 1}" for number, code in enumerate(codes)}
        assert [token.access_token for token in tokens] == [given[f"C{number}"] for number in range(200)]

    async def test_another_way_to_ask(self, make_client, authority):
        client = make_client()
        await client.fetch_token(
            f"{authority.url}/token?q=1",
            code="C",
            body="a=1&b=x%20y",
            auth="client_secret_post",
            headers={"X-Own": "1"},
            extra=["1", "2"],
        )
        sent = authority.server.sent[0]
        assert (sent.target, sent.header("X-Own"), sent.header("Authorization")) == ("/token?q=1", "1", None)
        assert sent.body.endswith(b"client_id=client&client_secret=secret&a=1&b=x%20y&extra=1&extra=2")

    async def test_with_a_get(self, make_client, server, authority, json_reply):
        server.answer = lambda _: json_reply({"access_token": "A1"})
        await make_client().fetch_token(code="C", method="GET")
        (sent,) = server.sent
        assert (sent.method, sent.body) == ("GET", b"")
        assert "code=C" in sent.target

    async def test_transport_options_are_no_parameters(self, make_client, authority):
        await make_client().fetch_token(code="C", ssl=False, timeout=None, proxy=None)
        assert authority.asked[0].keys() == {"grant_type", "code", "redirect_uri"}

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    @pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
    @pytest.mark.parametrize("options", [{}, {"dpop_key": DPoPKey()}], ids=["bearer", "DPoP"])
    async def test_a_session_with_a_credential_of_its_own_is_refused(self, method, options, make_client, authority):
        """RFC 6749 section 2.3: one way to authenticate for each request."""
        authority.fields = {"token_type": "DPoP"} if options else {}
        client, own = make_client(client_auth_method=method, **options), BasicAuth("u", "PLANTED")
        async with ClientSession(auth=own) as client.session:
            with pytest.raises(UsageError) as caught:
                await client.fetch_token(code="C")
            assert caught.value.code == "session-credential"
            assert "PLANTED" not in str(caught.value)
            assert authority.server.connections == {}
        async with ClientSession(auth=own, base_url=authority.url) as client.session:
            with pytest.raises(UsageError):
                await client.fetch_token(code="C")
        async with ClientSession(auth=own, base_url="https://api.example") as client.session:
            await client.fetch_token(code="C")
        assert "PLANTED" not in str(authority.authorizations)

    @pytest.mark.parametrize(("method", "is_refused"), [("client_secret_basic", False), ("client_secret_post", True)])
    async def test_so_is_one_in_its_headers_unless_ours_takes_its_place(
        self, method, is_refused, make_client, authority
    ):
        client = make_client(client_auth_method=method)
        async with ClientSession(headers={"authorization": "Bearer PLANTED"}) as client.session:
            if is_refused:
                with pytest.raises(UsageError) as caught:
                    await client.fetch_token(code="C")
                assert caught.value.code == "session-credential"
                assert authority.server.connections == {}
            else:
                await client.fetch_token(code="C")
        assert "PLANTED" not in str(authority.authorizations)

    @pytest.mark.parametrize(
        ("method", "change", "expected"),
        [
            ("client_secret_post", lambda headers: {**headers, "authorization": "Own x"}, ["Own x"]),
            ("client_secret_basic", lambda headers: {"X-Own": headers["Authorization"]}, []),
        ],
        ids=["given", "taken"],
    )
    async def test_what_counts_is_what_hooks_leave(self, method, change, expected, make_client, authority):
        client = make_client(client_auth_method=method)
        client.register_compliance_hook("access_token_request", lambda url, headers, body: (url, change(headers), body))
        async with ClientSession(headers={"Authorization": "Bearer PLANTED"}) as client.session:
            with nullcontext() if expected else pytest.raises(UsageError):
                await client.fetch_token(code="C")
        assert authority.authorizations == expected

    async def test_what_is_no_session_is_refused_by_name(self, make_client):
        client = make_client(client_auth_method="client_secret_post")
        client.session = object()
        with pytest.raises(UsageError) as caught:
            await client.fetch_token(code="C")
        assert caught.value.code == "unreadable-session"

    @pytest.mark.parametrize("trust_env", [False, True])
    async def test_middlewares_of_the_session_see_and_change_what_is_sent(
        self, trust_env, make_client, authority, tmp_path, monkeypatch
    ):
        async def change(req, handler):
            seen.append(req.headers["Authorization"])
            req.headers["Authorization"] = "Own x"
            return await handler(req)

        seen, client = [], make_client(client_auth_method="client_secret_basic")
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password PLANTED\n" if trust_env else "")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        async with ClientSession(trust_env=trust_env, middlewares=(change,)) as client.session:
            await client.fetch_token(code="C")
        assert (seen, authority.authorizations) == (["Basic Y2xpZW50OnNlY3JldA=="], ["Own x"])

    @pytest.mark.parametrize(
        ("method", "expected"), [("client_secret_basic", "Basic Y2xpZW50OnNlY3JldA=="), ("client_secret_post", None)]
    )
    @pytest.mark.parametrize("options", [{}, {"dpop_key": DPoPKey()}], ids=["bearer", "DPoP"])
    async def test_one_for_the_machine_stays_at_home(
        self, method, expected, options, make_client, authority, reply, tmp_path, monkeypatch
    ):
        """A netrc file is not about clients of an authorization server."""
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password PLANTED\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        authority.fields = {"token_type": "DPoP" if options else "Bearer"}
        client = make_client(client_auth_method=method, **options)
        async with ClientSession(trust_env=True) as client.session:
            await client.fetch_token(code="C")
            authority.api_replies = [reply()]
            await text_of(client, authority.url)
        assert (authority.authorizations, authority.used) == ([expected], [f"{authority.fields['token_type']} A1"])


class TestFetchingByOtherGrants:
    async def test_a_token_of_the_clients_own(self, make_client, authority, clock):
        client = make_client(scope="a b")
        await client.fetch_token(audience="orders", resource="https://a.example", extra="1")
        clock.advance(3600)
        await text_of(client, authority.url)
        expected = {
            "grant_type": "client_credentials",
            "scope": "a b",
            "resource": "https://a.example",
            "audience": "orders",
            "extra": "1",
        }
        assert authority.asked == [expected, expected]

    async def test_the_first_request_fetches_it(self, make_client, authority):
        client = make_client(grant_type="client_credentials")
        await asyncio.gather(*(text_of(client, authority.url) for _ in range(10)))
        assert authority.asked == [{"grant_type": "client_credentials"}]

    async def test_the_clients_of_a_registry_share_it(self, make_client, authority):
        lives = TokenLives()
        for _ in range(3):
            await text_of(make_client(grant_type="client_credentials", lives=lives), authority.url)
        assert len(authority.asked) == 1

    async def test_the_scopes_of_users_are_not_asked_for(self, make_defined, make_provider, authority):
        client = make_defined(make_provider(scopes=Scopes(default=("email",))))
        await client.fetch_token(grant_type="client_credentials")
        assert authority.asked == [{"grant_type": "client_credentials"}]

    async def test_those_of_a_provider_for_clients_are(self, make_defined, make_provider, authority):
        settings = OAuth2Settings(grants=("client_credentials",))
        client = make_defined(make_provider(scopes=Scopes(default=("read",)), oauth2=settings))
        await text_of(client, authority.url)
        assert authority.asked == [{"grant_type": "client_credentials", "scope": "read"}]

    async def test_a_users_token_at_such_a_provider_is_refreshed(self, make_defined, make_provider, authority, clock):
        provider = make_provider(oauth2=OAuth2Settings(grants=("client_credentials", "authorization_code")))
        client = make_defined(provider, token=authority.give(clock() - 1))
        await text_of(client, authority.url)
        assert authority.asked[0]["grant_type"] == "refresh_token"

    async def test_a_login_ends_the_time_of_the_own_token(self, make_client, authority, clock):
        client = make_client(grant_type="client_credentials")
        await text_of(client, authority.url)
        await client.fetch_token(code="C")
        clock.advance(3600)
        await text_of(client, authority.url)
        assert [asked["grant_type"] for asked in authority.asked][1:] == ["authorization_code", "refresh_token"]

    async def test_a_failed_attempt_changes_nothing(self, make_client, authority, clock, json_reply):
        client = make_client(token=authority.give(clock() - 1))
        authority.replies = [json_reply({"error": "unauthorized_client"}, 400)]
        with pytest.raises(OAuthError):
            await client.fetch_token(grant_type="client_credentials")
        await text_of(client, authority.url)
        assert authority.asked[1]["grant_type"] == "refresh_token"

    async def test_a_password_is_only_sent_when_the_grant_is_named(self, make_client, authority):
        client = make_client()
        with pytest.raises(UsageError) as caught:
            await client.fetch_token(username="ada", password="pw")
        assert caught.value.code == "password-grant-refused"
        assert authority.log == []
        await client.fetch_token(username="ada", password="pw", grant_type="password")
        assert authority.asked == [{"grant_type": "password", "username": "ada", "password": "pw"}]

    async def test_a_definition_must_have_it(self, make_defined, authority):
        with pytest.raises(UsageError) as caught:
            await make_defined().fetch_token(username="ada", password="pw", grant_type="password")
        assert caught.value.code == "password-grant-refused"
        assert authority.log == []

    @pytest.mark.parametrize("name", ["saml2_bearer", "urn:ietf:params:oauth:grant-type:saml2-bearer"])
    async def test_by_either_name_of_a_grant(self, name, make_client, authority):
        await make_client().fetch_token(grant_type=name, assertion="<xml/>")
        assert authority.asked[0] == {
            "grant_type": "urn:ietf:params:oauth:grant-type:saml2-bearer",
            "assertion": "PHhtbC8-",
        }

    async def test_an_unknown_grant_is_refused(self, make_client, authority):
        with pytest.raises(UnsupportedMethodError):
            await make_client().fetch_token(grant_type="urn:example:magic")
        assert authority.log == []

    async def test_missing_scopes_are_noted(self, make_client, authority):
        authority.fields = {"scope": "a"}
        token = await make_client(scope="a b").fetch_token(code="C")
        assert (token.scopes, token.missing_scopes) == (("a",), ("b",))


class TestRefreshing:
    async def test_whether_it_is_needed_or_not(self, make_client, authority, clock):
        client = make_client(token=authority.give(clock() + 3600))
        token = await client.refresh_token()
        assert (token.access_token, client.token.access_token) == ("A2", "A2")

    async def test_once_for_all_who_ask(self, make_client, authority, clock):
        client = make_client(token=authority.give(clock() + 3600))
        authority.gate = asyncio.Event()
        asking = [asyncio.create_task(client.refresh_token()) for _ in range(5)]
        await authority.arrived.wait()
        authority.gate.set()
        assert {token.access_token for token in await asyncio.gather(*asking)} == {"A2"}
        assert authority.refreshes == ["R1"]

    async def test_with_the_parameters_of_the_client_and_of_the_call(self, make_client, authority, clock):
        client = make_client(token=authority.give(clock()), refresh_token_params={"always": "1"})
        await client.refresh_token(body="a=1", once="2")
        await client.refresh_token()
        assert authority.asked[0] == {
            "grant_type": "refresh_token",
            "refresh_token": "R1",
            "a": "1",
            "once": "2",
            "always": "1",
        }
        assert authority.asked[1].keys() == {"grant_type", "refresh_token", "always"}

    async def test_at_a_url_of_its_own(self, make_client, authority, clock, server):
        client = make_client(token=authority.give(clock() - 1), refresh_token_url=f"{authority.url}/token?refresh")
        await text_of(client, authority.url)
        await client.refresh_token(f"{authority.url}/token?here")
        assert [sent.target for sent in server.sent] == ["/token?refresh", "/", "/token?here"]

    async def test_with_a_refresh_token_from_elsewhere(self, make_client, authority):
        authority.give()
        client = make_client()
        token = await client.refresh_token(refresh_token="R1")
        assert (token.refresh_token, client.token.refresh_token) == ("R2", "R2")

    async def test_with_the_one_at_hand(self, make_client, authority, clock):
        client = make_client(token=authority.give(clock() + 3600))
        assert (await client.refresh_token(refresh_token="R1")).refresh_token == "R2"

    async def test_with_the_one_in_the_store(self, make_client, authority, clock):
        store = MemoryStore()
        await text_of(make_client(token=authority.give(clock() + 3600), store=store, account="ada"), authority.url)
        assert (await make_client(store=store, account="ada").refresh_token()).refresh_token == "R2"

    async def test_without_any(self, make_client, authority):
        with pytest.raises(MissingTokenError):
            await make_client().refresh_token()
        with pytest.raises(TokenExpiredError) as caught:
            await make_client(token="A").refresh_token()
        assert caught.value.code == "no-refresh-token"
        assert authority.log == []

    async def test_a_token_of_the_clients_own_is_fetched_anew(self, make_client, authority):
        client = make_client(grant_type="client_credentials")
        await client.fetch_token()
        assert (await client.refresh_token()).access_token == "A2"
        assert [asked["grant_type"] for asked in authority.asked] == ["client_credentials"] * 2

    async def test_the_url_is_remembered(self, session, authority, clock):
        client = AsyncOAuth2Client(session, "client", token=authority.give(clock() - 1), clock=clock)
        await client.refresh_token(f"{authority.url}/token")
        clock.advance(3600)
        await text_of(client, authority.url)
        assert authority.refreshes == ["R1", "R2"]

    @pytest.mark.parametrize("options", [{}, {"client_id": "client"}, {"token_endpoint": "https://as.example/token"}])
    async def test_who_only_bears_a_token_does_not_try(self, options, session, authority, clock, caplog):
        client = AsyncOAuth2Client(session, token=authority.give(clock() + 30), clock=clock, **options)
        await text_of(client, authority.url)
        authority.good.clear()
        async with client.get(authority.url) as response:
            assert response.status == 401
        clock.advance(30)
        with pytest.raises(TokenExpiredError):
            await client.get(authority.url)
        assert authority.refreshes == []
        assert caplog.records == []

    async def test_with_the_scope_where_the_provider_wants_it(self, make_defined, make_provider, authority, clock):
        provider = make_provider(oauth2=OAuth2Settings(refresh_scope=True), scopes=Scopes(default=("a", "b")))
        client = make_defined(provider, token=authority.give(clock() - 1))
        await client.refresh_token()
        assert authority.asked[0]["scope"] == "a b"

    async def test_with_the_redirection_uri_where_the_provider_wants_it(
        self, make_defined, make_provider, authority, clock
    ):
        for settings, sent in ((OAuth2Settings(), None), (OAuth2Settings(refresh_redirect_uri=True), CALLBACK)):
            client = make_defined(make_provider(oauth2=settings), token=authority.give(clock() - 1))
            await client.refresh_token()
            assert authority.asked[-1].get("redirect_uri") == sent

    async def test_by_the_access_token_where_that_is_the_way(
        self, make_defined, make_provider, authority, clock, json_reply
    ):
        old = {"access_token": "A", "expires_at": clock() + 9}
        authority.good.update("AB")
        await text_of(make_defined(token=old), authority.url)
        assert authority.asked == []
        authority.replies = [json_reply({"access_token": "B"})]
        client = make_defined(make_provider(oauth2=OAuth2Settings(refresh_with="access_token")), token=old)
        await text_of(client, authority.url)
        assert authority.asked[0]["refresh_token"] == "A"
        assert authority.used == ["Bearer A", "Bearer B"]

    async def test_by_the_second_step_where_that_is_the_way(
        self, make_defined, make_provider, authority, clock, server
    ):
        step = Exchange(
            f"{authority.url}/token", Leg(params=(("grant_type", "long_lived"),)), TokenAnswer(), renews=True
        )
        client = make_defined(make_provider(exchange=step), token={"access_token": "A", "expires_at": clock() + 30})
        await text_of(client, authority.url)
        assert authority.asked[0]["grant_type"] == "long_lived"

    async def test_a_second_step_that_fails_loses_no_refresh_token(
        self, make_defined, make_provider, authority, clock, json_reply
    ):
        step = Exchange(f"{authority.url}/token", Leg(params=(("grant_type", "long_lived"),)), TokenAnswer())
        store, provider, saved = MemoryStore(), make_provider(exchange=step), []
        options = {"store": store, "account": "ada", "token_updater": lambda token: saved.append(dict(token))}
        given = authority.give(clock() - 1)
        client = make_defined(provider, token=given, **options)
        renewed = {"access_token": "S2", "refresh_token": "R-new", "expires_in": 3600}
        authority.replies = [json_reply(renewed), json_reply({"error": "temporarily_unavailable"}, 503)]
        with pytest.raises(OAuthError) as refused:
            await text_of(client, authority.url)
        assert refused.value.error == "temporarily_unavailable"
        assert [token["refresh_token"] for token in saved] == ["R-new"]
        assert authority.used == []
        authority.replies = [json_reply(renewed | {"refresh_token": "R-next"}), json_reply({"access_token": "LONG"})]
        authority.good.add("LONG")
        await text_of(make_defined(provider, **options), authority.url)
        assert [asked.get("refresh_token") for asked in authority.asked] == ["R1", None, "R-new", None]
        assert authority.used == ["Bearer LONG"]

    async def test_a_second_step_that_fails_costs_no_token_that_is_good(
        self, make_defined, make_provider, authority, clock, json_reply, reply
    ):
        step = Exchange(f"{authority.url}/token", Leg(params=(("grant_type", "long_lived"),)), TokenAnswer())
        client = make_defined(make_provider(exchange=step), token=authority.give(clock() + 30), store=MemoryStore())
        renewed = {"access_token": "S2", "refresh_token": "R-new", "expires_in": 3600}
        authority.replies = [json_reply(renewed), reply(503)]
        await text_of(client, authority.url)
        await text_of(client, authority.url)
        assert authority.used == ["Bearer A1"] * 2
        assert len(authority.asked) == 2  # not anew at once
        assert (client.token.refresh_token, client.token.failure) == ("R-new", None)
        assert (await client.keep_token("ada")).refresh_token == "R-new"

    async def test_in_the_background(self, make_client, authority, clock):
        client = make_client(token=authority.give(clock() + 30), background_refresh=True)
        await text_of(client, authority.url)
        await client.aclose()
        await text_of(client, authority.url)
        assert authority.used == ["Bearer A1", "Bearer A2"]

    async def test_the_leeway_of_the_provider(self, make_defined, make_provider, authority, clock):
        provider = make_provider(oauth2=OAuth2Settings(leeway=600))
        await text_of(make_defined(provider, token=authority.give(clock() + 500)), authority.url)
        assert authority.refreshes == ["R1"]

    async def test_leaving_the_client_waits_for_it(self, make_client, authority, clock):
        saved = []
        async with make_client(token=authority.give(clock() - 1), token_updater=saved.append) as client:
            caller = asyncio.create_task(client.get(authority.url))
            await authority.arrived.wait()
            caller.cancel()
        assert [token.refresh_token for token in saved] == ["R2"]

    async def test_a_lost_answer_says_that_the_token_may_be_spent(self, make_client, authority, clock, reply):
        authority.replies = [reply(None)] * 2
        with pytest.raises(ClientError) as caught:
            await make_client(token=authority.give(clock() - 1)).get(authority.url)
        assert "the refresh token may be spent" in caught.value.__notes__[0]

    async def test_where_nothing_was_sent_nothing_is_said(self, make_client, authority, clock):
        """Port 1 of this machine: nobody listens there."""
        client = make_client(token=authority.give(clock() - 1), refresh_token_url="http://127.0.0.1:1/token")
        for asked in (client.get(authority.url), client.fetch_token("http://127.0.0.1:1/token", code="C")):
            with pytest.raises(ClientConnectorError) as caught:
                await asked
            assert not hasattr(caught.value, "__notes__")


class TestAccounts:
    async def test_a_store_tells_the_servers_of_one_provider_apart(self, make_defined, make_provider, make_authority):
        """As with one shop's token, which must not reach another shop."""
        lives = TokenLives(MemoryStore())
        for _ in range(2):
            shop = await make_authority()
            endpoints = {"token": f"{shop.url}/token", "api_base": f"{shop.url}/"}
            provider = make_provider(endpoints=endpoints, origins=frozenset())
            client = make_defined(provider, account="ada", lives=lives)
            with pytest.raises(MissingTokenError):
                await client.get("me")
            await client.fetch_token(code="C")

    @pytest.mark.parametrize("options", [{"account": "ada"}, {"grant_type": "client_credentials"}], ids=["user", "own"])
    async def test_so_it_does_with_the_tenants_of_one_server(self, options, make_defined, make_provider, authority):
        """As with a directory of Microsoft or a realm of Keycloak, which stand in the path."""
        lives = TokenLives(MemoryStore())
        for tenant in ("one", "two"):
            endpoints = {"token": f"{authority.url}/{tenant}/token?v=1"}
            client = make_defined(make_provider(endpoints=endpoints), lives=lives, **options)
            assert client.token is None
            client.token = authority.give()
            newer = make_provider(endpoints={"token": f"{authority.url}/{tenant}/token?v=2"})
            assert make_defined(newer, lives=lives, **options).token == client.token

    async def test_a_store_tells_servers_without_definition_apart(self, session, authority, make_authority, clock):
        store, other = MemoryStore(), await make_authority()
        for server in (authority, other):
            client = AsyncOAuth2Client(
                session, "client", store=store, account="ada", token_endpoint=f"{server.url}/token", clock=clock
            )
            await client.fetch_token(code="C")
        again = AsyncOAuth2Client(
            session, "client", store=store, account="ada", refresh_token_url=f"{authority.url}/token", clock=clock
        )
        assert "A1" in await text_of(again, authority.url)
        assert repr(store) == "<MemoryStore of 2 tokens>"

    async def test_a_login_is_kept_once_it_is_known_whose_it_is(self, make_defined, authority, clock):
        heard, store = [], MemoryStore()
        lives = TokenLives(store)
        client = make_defined(lives=lives, token_updater=heard.append)
        await client.fetch_token(code="C")
        kept = await client.keep_token((await client.profile()).sub)
        assert (kept, kept is client.token) == (client.token, False)
        assert (repr(store), len(heard)) == ("<MemoryStore of 1 tokens>", 1)
        assert await client.keep_token("A1") == kept
        elsewhere = make_defined(account="A1", lives=TokenLives(store))
        clock.advance(3600)
        await text_of(elsewhere, authority.url)
        await text_of(client, authority.url)
        assert authority.refreshes == ["R1"], "the client goes on with what the other one renewed"

    async def test_it_is_loaded_as_it_is_for_who_asks(self, make_defined, authority, clock):
        store = MemoryStore()
        client = make_defined(account="A1", lives=TokenLives(store))
        assert await client.load_token() is None
        token = await client.fetch_token(code="C")
        clock.advance(3600)
        for other in (client, make_defined(account="A1", lives=TokenLives(store))):
            loaded = await other.load_token()
            assert loaded == token
            loaded.clear()
        assert authority.refreshes == []

    async def test_it_is_made_good_for_who_makes_requests_by_other_means(self, make_defined, authority, clock):
        client = make_defined()
        with pytest.raises(MissingTokenError):
            await client.ensure_active_token()
        token = await client.fetch_token(code="C")
        assert await client.ensure_active_token() == token
        clock.advance(3600)
        active = await client.ensure_active_token()
        assert active.access_token != token.access_token
        active.clear()
        assert (await client.ensure_active_token()).access_token == client.token.access_token
        assert authority.refreshes == ["R1"]

    async def test_it_takes_the_place_of_what_was_kept(self, make_defined, authority, clock):
        """However long the old token would have lasted: its grant may be over."""
        lives = TokenLives(MemoryStore())
        await text_of(make_defined(account="ada", lives=lives, token=authority.give(clock() + 9e6)), authority.url)
        client = make_defined(lives=TokenLives(lives.store))
        await client.fetch_token(code="C")
        await client.keep_token("ada")
        assert "A2" in await text_of(make_defined(account="ada", lives=TokenLives(lives.store)), authority.url)

    async def test_what_a_store_could_not_keep_is_not_lost(self, make_defined, authority):
        store = MemoryStore()
        client = make_defined(store=store)
        await client.fetch_token(code="C")
        lease = store.lease

        def fail(*_):
            raise ConnectionError

        store.lease = fail
        with pytest.raises(TokenStoreError):
            await client.keep_token("ada")
        assert "A1" in await text_of(client, authority.url)
        store.lease = lease
        await client.keep_token("ada")
        assert repr(store) == "<MemoryStore of 1 tokens>"

    @pytest.mark.parametrize("is_kept", [False, True], ids=["first", "again"])
    async def test_what_a_renewal_replaces_meanwhile_is_not_kept(self, is_kept, make_defined, authority, clock):
        client = make_defined(store=MemoryStore(), background_refresh=True)
        await client.fetch_token(code="C")
        if is_kept:
            await client.keep_token("ada")
        clock.advance(3590)
        keeping = await keep_during_a_renewal(client, authority)
        authority.gate.set()
        assert (await keeping).refresh_token == client.token.refresh_token == authority.current == "R2"

    async def test_nor_what_is_taken_away_meanwhile(self, make_defined, authority, clock):
        client = make_defined(store=MemoryStore(), background_refresh=True)
        await client.fetch_token(code="C")
        clock.advance(3590)
        keeping = await keep_during_a_renewal(client, authority)
        client._life.forget()
        authority.gate.set()
        with pytest.raises(MissingTokenError):
            await keeping

    @pytest.mark.parametrize("options", [{}, {"account": "ada"}], ids=["new", "known"])
    async def test_an_updater_may_keep_it(self, options, make_defined, authority, clock):
        async def keep(token):
            kept.append(await client.keep_token("ada"))

        kept = []
        client = make_defined(store=MemoryStore(), token_updater=keep, **options)
        await client.fetch_token(code="C")
        assert kept == [client.token]
        clock.advance(3600)
        assert "A2" in await text_of(client, authority.url)
        assert kept[1:] == [client.token], "and once more with each renewal"

    async def test_even_while_others_do(self, make_defined, authority, clock):
        """Neither of the two waits for the other."""

        async def keep(_):
            await client.keep_token("ada")

        client = make_defined(
            store=MemoryStore(), token=authority.give(clock() + 10), token_updater=keep, background_refresh=True
        )
        keeping = await keep_during_a_renewal(client, authority)
        authority.gate.set()
        async with asyncio.timeout(10):
            assert (await keeping).refresh_token == authority.current == "R2"
            assert "A2" in await text_of(client, authority.url)
        await client.aclose()

    async def test_what_is_kept_does_not_replace_what_others_renewed(self, make_defined, authority, clock):
        store = MemoryStore()
        client, elsewhere = make_defined(store=store), make_defined(store=store, account="ada")
        await client.fetch_token(code="C")
        await client.keep_token("ada")
        clock.advance(3600)
        await text_of(elsewhere, authority.url)
        await client.keep_token("ada")
        clock.advance(3600)
        await text_of(elsewhere, authority.url)
        assert authority.refreshes == ["R1", "R2"]

    async def test_nor_is_it_kept_twice(self, session, authority, clock):
        """Where the token came from is learned after the client has its account."""
        client = AsyncOAuth2Client(session, "client", store=MemoryStore(), account="ada", clock=clock)
        await client.fetch_token(f"{authority.url}/token", code="C")
        await client.keep_token("ada")
        assert repr(client._lives.store) == "<MemoryStore of 1 tokens>"

    async def test_what_cannot_be_kept(self, make_defined, make_client, authority, clock):
        with pytest.raises(MissingTokenError):
            await make_defined().keep_token("ada")
        own = make_client(grant_type="client_credentials")
        await own.fetch_token()
        with pytest.raises(MissingTokenError):
            await own.keep_token("ada")
        client = make_defined(account="ada", token=authority.give(clock() + 3600))
        for account, code in (("", "empty-account"), ("eve", "other-account")):
            with pytest.raises(UsageError) as caught:
                await client.keep_token(account)
            assert caught.value.code == code


class TestClocks:
    """A server that refuses an assertion because of its times tells its own time."""

    @pytest.fixture
    def make_asserting(self, make_client, authority):
        def strict(lifetime=60):
            async def token(form):
                claims = jwt.decode(form["client_assertion"], OctKey.import_key("s" * 32), algorithms=["HS256"]).claims
                late = not (1_700_003_600 - 60 <= claims["iat"] <= 1_700_003_600 + 60)
                if late:
                    return authority.refusal
                return await type(authority).token(authority, form)

            authority.token = token

        def make(**options):
            strict()
            return make_client(client_secret="s" * 32, client_auth_method="client_secret_jwt", **options)

        return make

    async def test_its_time_is_learnt(self, make_asserting, authority, clock, json_reply):
        authority.refusal = json_reply({"error": "invalid_client"}, 401, ("Date", "Tue, 14 Nov 2023 23:13:20 GMT"))
        client = make_asserting(token=authority.give(clock() - 1))
        await client.refresh_token()
        assert len(authority.asked) == 2
        assert client.clock() == pytest.approx(1_700_003_600, abs=5)

    async def test_for_other_grants_as_well(self, make_asserting, authority, json_reply):
        authority.refusal = json_reply({"error": "invalid_client"}, 401, ("Date", "Tue, 14 Nov 2023 23:13:20 GMT"))
        await make_asserting().fetch_token()
        assert len(authority.asked) == 2

    @pytest.mark.parametrize(
        ("error", "date"),
        [
            ("invalid_client", "Tue, 14 Nov 2023 22:13:21 GMT"),
            ("invalid_client", "yesterday"),
            ("invalid_grant", "Tue, 14 Nov 2023 23:13:20 GMT"),
        ],
    )
    async def test_a_refusal_for_another_reason_stands(self, error, date, make_asserting, authority, clock, json_reply):
        authority.refusal = json_reply({"error": error}, 400, ("Date", date))
        with pytest.raises(OAuthError):
            await make_asserting(token=authority.give(clock() - 1)).refresh_token()
        assert len(authority.asked) == 1

    async def test_the_server_is_asked_where_it_tells_its_time(self, make_asserting, authority, json_reply, reply):
        authority.refusal = json_reply({"error": "invalid_client"}, 401, ("Date", "yesterday"))
        authority.api_replies = [reply(body=b"1700003600")]
        client = make_asserting()
        client.provider = replace(
            client.provider, endpoints={**client.provider.endpoints, "server_time": f"{authority.url}/time"}
        )
        await client.fetch_token()
        assert authority.log == ["POST /token", "GET /time", "POST /token"]
        assert authority.used == [None]
        assert client.clock() == pytest.approx(1_700_003_600, abs=5)

    async def test_a_signed_token_request_is_late_as_a_call_of_oauth1_is(self, make_client, authority, json_reply):
        late = {"errorCode": 401204, "message": "Time stamp is outside of the valid period"}
        authority.replies = [json_reply(late, 401, ("Date", "Tue, 14 Nov 2023 23:13:20 GMT"))]
        client = make_client(client_auth_method="oauth1")
        await client.fetch_token()
        assert len(authority.asked) == 2
        first, second = (int(re.search('oauth_timestamp="([0-9]+)"', header)[1]) for header in authority.authorizations)
        assert second - first == pytest.approx(3600, abs=5)
        authority.replies = [json_reply({"error": "invalid_client"}, 401, ("Date", "Tue, 14 Nov 2023 20:13:20 GMT"))]
        with pytest.raises(OAuthError):
            await client.fetch_token()
        assert len(authority.asked) == 3

    async def test_a_code_is_not_sent_again_for_that(self, make_asserting, authority, json_reply):
        authority.refusal = json_reply({"error": "invalid_client"}, 401, ("Date", "Tue, 14 Nov 2023 23:13:20 GMT"))
        with pytest.raises(OAuthError):
            await make_asserting().fetch_token(code="C")
        assert len(authority.asked) == 1


class TestRevokingAndIntrospecting:
    async def test_the_refresh_token_by_default(self, make_client, authority, clock):
        client = make_client(token=authority.give(clock() + 3600))
        await client.revoke_token()
        assert authority.asked == [{"token": "R1", "token_type_hint": "refresh_token"}]
        assert client.token is None

    async def test_in_the_store_as_well(self, make_client, authority, clock):
        store = MemoryStore()
        client = make_client(token=authority.give(clock() + 3600), store=store, account="ada")
        await text_of(client, authority.url)
        await client.revoke_token()
        assert await store.load(client._key) is None

    async def test_the_access_token_alone(self, make_client, authority, clock):
        """What the refresh token is good for stays."""
        client = make_client(token=authority.give(clock() + 3600))
        await client.revoke_token(token_type_hint="access_token")
        assert authority.revoked == ["A1"]
        assert client.token.refresh_token == "R1"

    async def test_an_access_token_without_refresh_token(self, make_client, authority):
        client = make_client(token="A1")
        await client.revoke_token(f"{authority.url}/revoke?x", body="a=1", b="2")
        assert authority.asked == [{"token": "A1", "token_type_hint": "access_token", "a": "1", "b": "2"}]
        assert client.token is None

    async def test_another_token(self, make_client, authority, clock):
        client = make_client(token=authority.give(clock() + 3600))
        await client.revoke_token(token="other")
        assert authority.asked == [{"token": "other"}]
        assert client.token is not None

    async def test_a_refusal_leaves_the_token(self, make_client, authority, clock, json_reply, reply):
        client = make_client(token=authority.give(clock() + 3600))
        authority.replies = [json_reply({"error": "unsupported_token_type"}, 400), reply(503)]
        with pytest.raises(OAuthError) as caught:
            await client.revoke_token()
        assert caught.value.error == "unsupported_token_type"
        with pytest.raises(TemporarilyUnavailableError):
            await client.revoke_token()
        assert client.token.refresh_token == "R1"

    async def test_the_access_token_goes_first_where_the_provider_knows_no_other(
        self, make_defined, make_provider, authority, clock
    ):
        provider = make_provider(oauth2=OAuth2Settings(revoke_first="access_token"))
        client = make_defined(provider, token=authority.give(clock() + 3600))
        await client.revoke_token()
        assert authority.revoked == ["A1"]
        assert client.token is None

    @pytest.mark.parametrize("call", ["revoke_token", "introspect_token"])
    async def test_without_a_token(self, call, make_client, authority):
        with pytest.raises(MissingTokenError):
            await getattr(make_client(), call)()
        assert authority.log == []

    async def test_introspecting(self, make_client, authority, clock):
        client = make_client(token=authority.give(clock() + 3600))
        assert await client.introspect_token() == {"active": True}
        assert authority.asked == [{"token": "A1", "token_type_hint": "access_token"}]
        assert await client.introspect_token(token="other") == {"active": False}
        assert authority.authorizations[0].startswith("Basic ")


class TestStartAndFinish:
    async def test_in_two_processes(self, make_defined, authority):
        pending = await make_defined().start(scope="a b", prompt="login")
        query = query_of(pending.url)
        authority.challenges["C"] = query["code_challenge"]
        assert (query["scope"], query["prompt"]) == ("a b", "login")
        kept = PendingLogin.from_json(pending.to_json())
        client = make_defined()
        token = await client.finish(kept, f"{CALLBACK}?code=C&state={query['state']}")
        assert token == client.token
        assert authority.challenges == {}

    async def test_a_form_that_was_posted(self, make_defined):
        client = make_defined()
        pending = await client.start(redirect_uri="https://app.example/post")
        form = {"code": "C", "state": pending.values["state"]}
        assert (await client.finish(pending, form)).access_token == "A1"

    async def test_the_login_of_another_provider(self, make_defined, make_provider, authority):
        pending = await make_defined().start()
        with pytest.raises(MismatchingStateError):
            await make_defined(make_provider(name="other")).finish(pending, f"{CALLBACK}?code=C")
        assert authority.log == []

    async def test_a_refusal_by_the_user(self, make_defined, authority):
        client = make_defined()
        pending = await client.start()
        with pytest.raises(AccessDeniedError):
            await client.finish(pending, f"{CALLBACK}?error=access_denied&state={pending.values['state']}")
        assert authority.log == []
        await client.finish(pending, f"{CALLBACK}?code=C&state={pending.values['state']}")

    async def test_what_the_callback_brings_is_kept(self, make_defined, make_provider):
        client = make_defined(make_provider(callback=CallbackSettings(keep=("shop",))))
        pending = await client.start()
        token = await client.finish(pending, f"{CALLBACK}?code=C&state={pending.values['state']}&shop=s1")
        assert token["shop"] == "s1"

    async def test_an_account_keeps_it_in_the_store(self, make_defined, authority, clock):
        lives = TokenLives(MemoryStore())
        client = make_defined(account="ada", lives=lives, token=authority.give(clock() - 1))
        pending = await client.start()
        await client.finish(pending, f"{CALLBACK}?code=C&state={pending.values['state']}")
        assert (await lives.store.load(client._key))[0]["access_token"] == "A2"
        await text_of(make_defined(account="ada", lives=TokenLives(lives.store)), authority.url)
        assert authority.used == ["Bearer A2"]

    async def test_a_provider_without_state_takes_a_code_once(self, make_defined, make_provider, authority):
        client = make_defined(make_provider(oauth2=OAuth2Settings(state=False)))
        pending = await client.start()
        await client.finish(pending, f"{CALLBACK}?code=C")
        with pytest.raises(MismatchingStateError) as caught:
            await client.finish(pending, f"{CALLBACK}?code=C")
        assert caught.value.code == "login-finished"
        assert len(authority.asked) == 1

    async def test_what_concerns_the_transport_stays_out_of_the_browser(
        self, make_defined, make_provider, authority, json_reply
    ):
        """A proxy's password, say, which the methods beside take by the same name."""
        secret = {"proxy": None, "timeout": ClientTimeout(5), "ssl": False}
        known = make_provider()
        client = make_defined(replace(known, endpoints={**known.endpoints, "par": f"{authority.url}/token?par"}))
        authority.replies = [json_reply({"request_uri": "urn:x:1", "expires_in": 60}, 201)]
        pending = await client.start(prompt="login", **secret)
        assert pending.url == "https://as.example/authorize?fixed=1&client_id=client&request_uri=urn%3Ax%3A1"
        assert authority.asked[0]["prompt"] == "login"
        assert not secret.keys() & authority.asked[0].keys()
        plain = make_defined()
        pending = await plain.start(prompt="login", **secret)
        assert not secret.keys() & query_of(pending.url).keys()
        await plain.finish(pending, f"{CALLBACK}?code=C&state={pending.values['state']}", timeout=ClientTimeout(5))
        await plain.profile(timeout=ClientTimeout(5))
        for name in ("headers", "timeout", "proxy"):
            with pytest.raises(UsageError) as refused:
                plain.create_authorization_url(**{name: "PLANTED"})
            assert refused.value.code == "transport-option"
            with pytest.raises(UsageError):
                plain.create_logout_url(**{name: "PLANTED"})
        with pytest.raises(UsageError):
            await plain.start(headers={"X": "PLANTED"})
        for call in (plain.profile, lambda **options: plain.finish(pending, "?code=C", **options)):
            with pytest.raises(TypeError, match="unexpected keyword argument: 'headers'"):
                await call(headers={})

    async def test_a_second_visit_is_told_what_came_of_the_first(self, make_defined, authority, reply):
        """A code is not sent twice, whatever became of it (RFC 6749 section 4.1.2)."""
        for fails in (True, False):
            client = make_defined()
            pending = await client.start()
            callback = f"{CALLBACK}?code=C&state={pending.values['state']}"
            if fails:
                authority.replies = [reply(503)]
                with pytest.raises(TemporarilyUnavailableError) as away:
                    await client.finish(pending, callback)
                assert away.value.hint == "let the user log in again: the code may be used up"
            else:
                await client.finish(pending, callback)
            with pytest.raises(MismatchingStateError) as over:
                await client.finish(pending, callback)
            assert over.value.code == "login-finished"
            assert ("the first one gave the token" in over.value.hint) is not fails
            assert (over.value.hint == "let the user log in again") is fails
        assert len(authority.asked) == 2

    async def test_an_outage_of_a_renewal_costs_nothing(self, make_client, authority, clock, reply):
        client = make_client(token=authority.give(clock() - 1))
        authority.replies = [reply(503)]
        with pytest.raises(TemporarilyUnavailableError) as away:
            await client.get(authority.url)
        assert away.value.hint == "the token is kept: try again later"

    @pytest.mark.parametrize("given", ["json", None, {"values": {}}])
    async def test_what_is_no_pending_login(self, make_defined, given):
        client = make_defined()
        pending = (await client.start()).to_json() if given == "json" else given
        with pytest.raises(UsageError, match="a pending login") as refused:
            await client.finish(pending, f"{CALLBACK}?code=C")
        assert "PendingLogin.from_json" in refused.value.hint

    async def test_what_a_store_stopped_can_be_finished(self, make_defined, authority):
        client, leases = make_defined(account="ada", store=(store := MemoryStore())), []
        lease = store.lease

        def fail_at_first(*arguments):
            leases.append(arguments)
            return lease(*arguments) if len(leases) > 1 else None

        store.lease = fail_at_first
        pending = await client.start()
        callback = f"{CALLBACK}?code=C&state={pending.values['state']}"
        with pytest.raises(TokenStoreError):
            await client.finish(pending, callback)
        assert authority.asked == []
        assert (await client.finish(pending, callback)).access_token == "A1"
        with pytest.raises(MismatchingStateError) as caught:
            await client.finish(pending, callback)
        assert caught.value.code == "login-finished"

    async def test_what_reached_no_server_can_be_finished(
        self, make_defined, make_provider, authority, unused_tcp_port, json_reply
    ):
        lives, away = TokenLives(), f"http://127.0.0.1:{unused_tcp_port}/token"
        known = make_provider()
        pending = of_any_server(await make_defined(known, lives=lives).start())
        callback = f"{CALLBACK}?code=C&state={pending.values['state']}"
        with pytest.raises(ClientConnectorError):
            await make_defined(replace(known, endpoints={**known.endpoints, "token": away}), lives=lives).finish(
                pending, callback
            )
        client = make_defined(known, lives=lives)
        assert (await client.finish(pending, callback)).access_token == "A1"
        with pytest.raises(MismatchingStateError):
            await client.finish(pending, callback)

    async def test_what_reached_one_is_over(self, make_defined, make_provider, authority, reply):
        """Also where its second step finds no server."""
        client = make_defined()
        pending = await client.start()
        callback = f"{CALLBACK}?code=C&state={pending.values['state']}"
        authority.replies = [reply(None), reply(None)]
        for kind in (ClientError, MismatchingStateError):
            with pytest.raises(kind):
                await client.finish(pending, callback)

    async def test_what_only_an_app_token_was_fetched_for_can_be_finished(
        self, make_defined, make_provider, authority, unused_tcp_port, json_reply
    ):
        known, lives = (
            make_provider(app_token=Exchange(f"{authority.url}/token?app", Leg(), TokenAnswer())),
            TokenLives(),
        )
        away = replace(known, endpoints={**known.endpoints, "token": f"http://127.0.0.1:{unused_tcp_port}/token"})
        pending = of_any_server(await make_defined(known, lives=lives).start())
        callback = f"{CALLBACK}?code=C&state={pending.values['state']}"
        authority.fields = {"refresh_token": None}
        authority.replies = [json_reply({"access_token": "APP"})] * 2
        with pytest.raises(ClientConnectorError):
            await make_defined(away, lives=lives).finish(pending, callback)
        assert (await make_defined(known, lives=lives).finish(pending, callback)).access_token

    @pytest.mark.parametrize("status", [503, 401, None])
    async def test_what_an_app_token_was_refused_for_can_be_finished(
        self, make_defined, make_provider, authority, reply, json_reply, status
    ):
        step = Exchange(f"{authority.url}/token?app", Leg(), TokenAnswer())
        client = make_defined(make_provider(app_token=step))
        pending = await client.start()
        callback = f"{CALLBACK}?code=C&state={pending.values['state']}"
        authority.replies = [reply(status)] if status else [reply(None)] * 2
        with pytest.raises((OAuthError, ClientError)):
            await client.finish(pending, callback)
        authority.replies = [json_reply({"access_token": "APP"}), json_reply({"access_token": "USER"})]
        assert (await client.finish(pending, callback)).access_token == "USER"

    @pytest.mark.parametrize("answer", [302, 400, 503])
    async def test_what_the_token_endpoint_answered_to_is_over(self, make_defined, authority, redirect, reply, answer):
        client = make_defined()
        pending = await client.start()
        callback = f"{CALLBACK}?code=C&state={pending.values['state']}"
        authority.replies = [redirect(302, "/elsewhere") if answer == 302 else reply(answer)]
        for kind in ((OAuthError, ResponseError), MismatchingStateError):
            with pytest.raises(kind):
                await client.finish(pending, callback)

    async def test_a_renewal_of_oauth_needs_no_metadata(self, make_defined, make_provider, authority, clock):
        known = make_provider(claims=None)
        known = replace(known, endpoints={**known.endpoints, "discovery": f"{authority.url}/metadata"})
        token = authority.give(clock() - 1, id_token="kept.as.is")
        assert (await make_defined(known, token=token).refresh_token()).id_token == "kept.as.is"
        assert authority.log == ["POST /token"]

    async def test_a_get_may_have_reached_one(self, make_defined, make_provider, authority, unused_tcp_port):
        """aiohttp sends a GET again whose connection was closed, and may find nobody the second time."""
        away = f"http://127.0.0.1:{unused_tcp_port}/token"
        known = make_provider(token=Leg(method="GET"))
        client = make_defined(replace(known, endpoints={**known.endpoints, "token": away}))
        pending = await client.start()
        callback = f"{CALLBACK}?code=C&state={pending.values['state']}"
        for kind in (ClientConnectorError, MismatchingStateError):
            with pytest.raises(kind):
                await client.finish(pending, callback)

    async def test_a_session_that_may_not_be_used_uses_nothing_up(self, make_client, authority):
        client = make_client(client_auth_method="client_secret_post")
        _, state = client.create_authorization_url()
        callback = f"{CALLBACK}?code=C&state={state}"
        good = client.session
        async with ClientSession(headers={"Authorization": "Basic b3RoZXI="}) as client.session:
            with pytest.raises(UsageError) as refused:
                await client.fetch_token(authorization_response=callback)
        assert refused.value.code == "session-credential"
        client.session = good
        assert (await client.fetch_token(authorization_response=callback)).access_token == "A1"
        assert "code_verifier" in authority.asked[0]

    async def test_of_two_who_finish_at_once_one_does(self, make_defined, authority):
        client = make_defined()
        pending = await client.start()
        finishing = [client.finish(pending, f"{CALLBACK}?code=C&state={pending.values['state']}") for _ in range(2)]
        token, error = await asyncio.gather(*finishing, return_exceptions=True)
        assert (token.access_token, error.code) == ("A1", "login-finished")
        assert len(authority.asked) == 1

    async def test_the_caller_may_go_away(self, make_defined, authority):
        saved = []
        client = make_defined(token_updater=saved.append)
        pending = await client.start()
        authority.gate = asyncio.Event()
        finishing = asyncio.create_task(client.finish(pending, f"{CALLBACK}?code=C&state={pending.values['state']}"))
        await authority.arrived.wait()
        finishing.cancel()
        authority.gate.set()
        await client.aclose()
        assert saved[0].access_token == client.token.access_token == "A1"


class TestProfile:
    @staticmethod
    def id_token(**changes):
        claims = {"iss": "https://as.example", "aud": "client", "sub": "u1", "nick": "adi"} | changes
        return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SHARED))

    async def test_claims_from_all_documents(self, make_defined, make_provider, authority, clock):
        settings = OAuth2Settings(issuer="https://as.example", id_token_algorithms=("HS256",))
        provider = make_provider(callback=CallbackSettings(keep=("shop",)), oauth2=settings)
        token = authority.give(clock() + 3600, team="T", shop="s1", id_token=self.id_token())
        profile = await make_defined(provider, token=token, client_secret=SHARED).profile()
        assert (profile.sub, profile.name, profile.extra["shop"], profile.nickname) == ("A1", "T", "s1", "adi")

    async def test_an_id_token_from_elsewhere_that_nobody_can_check_tells_nothing(
        self, make_defined, make_provider, authority, clock
    ):
        """Not before the provider itself has sent it: anybody can write one."""
        provider = make_provider(oauth2=OAuth2Settings(issuer="https://as.example"))
        client = make_defined(provider, token=authority.give(clock() + 3600, id_token=self.id_token()))
        with pytest.raises(ResponseError) as refused:
            await client.profile()
        assert refused.value.code == "keys-unknown"
        assert "`jwks`" in str(refused.value)
        authority.fields = {"id_token": self.id_token(iat=clock(), exp=clock() + 60)}
        await client.refresh_token()
        assert (await client.profile()).nickname == "adi"

    async def test_a_renewal_without_an_id_token_proves_none(self, make_defined, make_provider, authority, clock):
        provider = make_provider(oauth2=OAuth2Settings(issuer="https://as.example"))
        client = make_defined(provider, token=authority.give(clock() - 1, id_token=self.id_token()))
        renewed = await client.refresh_token()
        assert renewed.id_token
        with pytest.raises(ResponseError) as refused:
            await client.profile()
        assert refused.value.code == "keys-unknown"

    async def test_no_store_proves_one(self, make_defined, make_provider, authority, clock):
        provider, store = make_provider(oauth2=OAuth2Settings(issuer="https://as.example")), MemoryStore()
        given = authority.give(clock() + 3600, id_token=self.id_token())
        await make_defined(provider, token=given, store=store).keep_token("ada")
        later = make_defined(provider, store=store, account="ada")
        with pytest.raises(ResponseError) as refused:
            await later.profile()
        assert refused.value.code == "keys-unknown"
        await later.refresh_token()
        with pytest.raises(ResponseError):
            await make_defined(provider, store=store, account="ada").profile()
        assert "oauthreg_unproven" not in later.token

    async def test_what_a_store_has_proven_stays_so_whoever_brings_it(
        self, make_defined, make_provider, authority, clock
    ):
        """The very token of a login, that an application has kept beside the store."""
        provider, store = make_provider(oauth2=OAuth2Settings(issuer="https://as.example")), MemoryStore()
        authority.fields = {"id_token": self.id_token(iat=clock(), exp=clock() + 60)}
        first = make_defined(provider, store=store, account="ada", token=authority.give(clock() - 1))
        login = await first.refresh_token()
        later = make_defined(provider, store=store, account="ada", token=dict(login))
        authority.fields = {}
        await later.refresh_token()
        for client in (later, make_defined(provider, store=store, account="ada")):
            assert (await client.profile()).nickname == "adi"

    @pytest.mark.parametrize(
        ("changes", "code"),
        [({"iss": "https://evil.example"}, "id-token-issuer"), ({"aud": "another"}, "id-token-audience")],
    )
    async def test_an_id_token_of_somebody_else_tells_nothing(
        self, make_defined, make_provider, authority, clock, changes, code
    ):
        """Not even if it comes from the application's own storage."""
        provider = make_provider(oauth2=OAuth2Settings(issuer="https://as.example"))
        client = make_defined(provider, token=authority.give(clock() + 3600, id_token=self.id_token(**changes)))
        with pytest.raises(ResponseError) as refused:
            await client.profile()
        assert refused.value.code == code

    async def test_an_id_token_that_comes_with_a_renewal_and_is_not_for_us_is_left(
        self, make_defined, make_provider, authority, clock
    ):
        settings = OAuth2Settings(issuer="https://as.example", id_token_algorithms=("HS256",))
        authority.fields = {"id_token": self.id_token(aud="another", nick="eve")}
        token = authority.give(clock() - 1, id_token=self.id_token())
        client = make_defined(make_provider(oauth2=settings), token=token, client_secret=SHARED)
        assert (await client.profile()).nickname == "adi"

    async def test_me_leads_on_to_a_page_with_a_name(self, make_defined, authority, clock, redirect):
        authority.api_replies = [redirect(303, "/users/ada")]
        token = authority.give(clock() + 3600)
        assert (await make_defined(token=token).profile()).sub == "A1"
        assert authority.used == ["Bearer A1"] * 2

    async def test_it_leads_nowhere_else(self, make_defined, authority, clock, redirect):
        authority.api_replies = [redirect(302, "https://evil.example/users/ada")]
        with pytest.raises(OAuthError) as refused:
            await make_defined(token=authority.give(clock() + 3600)).profile()
        assert (refused.value.status, len(authority.used)) == (302, 1)

    async def test_a_refusal_that_repeats_the_token_shows_none(self, make_defined, authority, clock, reply):
        token = authority.give(clock() + 3600, access_token="PLANTED-access", refresh_token="PLANTED-refresh")
        said = b"the tokens PLANTED-access and PLANTED-refresh are malformed"
        for status in (400, 403):
            authority.api_replies = [reply(status, (), said)]
            with pytest.raises(OAuthError) as refused:
                await make_defined(token=token).profile()
            assert refused.value.text == "the tokens *** and *** are malformed"
            shown = "".join(traceback.format_exception(refused.value)) + repr(vars(refused.value))
            assert "PLANTED" not in shown

    async def test_a_provider_that_spells_names_otherwise_shows_no_token(self, make_defined, authority, clock):
        token = authority.give(clock() + 3600, accessToken="PLANTED", refreshToken="PLANTED", team="T")
        profile = await make_defined(token=token).profile()
        assert "PLANTED" not in repr(profile.raw["token"])

    async def test_the_raw_answers_hold_no_token(self, make_defined, authority, clock):
        nested = {"id": "U1", "access_token": "PLANTED", "more": [{"refresh_token": "PLANTED", "n": 1}]}
        profile = await make_defined(token=authority.give(clock() + 3600, team="T", user=nested)).profile()
        assert profile.raw["token"] == {
            "token_type": "Bearer",
            "expires_at": clock() + 3600,
            "team": "T",
            "user": {"id": "U1", "more": [{"n": 1}]},
        }

    async def test_the_token_is_renewed_first(self, make_defined, authority, clock):
        assert (await make_defined(token=authority.give(clock() - 1)).profile()).sub == "A2"

    async def test_a_token_that_is_refused_is_replaced_once(self, make_defined, authority, clock, reply):
        client = make_defined(token=authority.give(clock() + 3600))
        authority.good.clear()
        assert (await client.profile()).sub == "A2"
        authority.api_replies = [reply(401), reply(401)]
        with pytest.raises(OAuthError) as caught:
            await client.profile()
        assert caught.value.status == 401
        assert authority.refreshes == ["R1", "R2"]

    async def test_a_new_one_that_is_refused_is_not_renewed_each_time(self, make_defined, authority, clock, reply):
        """As one without the scope that the identity request takes."""
        client = make_defined(token=authority.give(clock() + 3600))
        authority.api_replies = [reply(401)] * 4
        for _ in range(3):
            with pytest.raises(OAuthError):
                await client.profile()
        assert authority.refreshes == ["R1"]

    async def test_another_refusal_stands(self, make_defined, authority, clock, reply):
        client = make_defined(token=authority.give(clock() + 3600))
        authority.api_replies = [reply(403)]
        with pytest.raises(OAuthError):
            await client.profile()
        assert authority.refreshes == []

    async def test_a_provider_that_says_nothing(self, make_client, authority):
        with pytest.raises(UsageError) as caught:
            await make_client(token="A1").profile()
        assert caught.value.code == "no-claims"


class TestDeviceLogin:
    @pytest.fixture
    def waits(self):
        return []

    @pytest.fixture
    def patient(self, make_client, waits):
        """A client whose waiting takes no time."""
        now = [0.0]

        async def sleep(seconds):
            waits.append(seconds)
            now[0] += seconds

        client = make_client(clock=Clock(wall=lambda: 1_700_000_000.0, monotonic=lambda: now[0]), scope="a")
        return client, lambda *arguments, **options: client.device_login(*arguments, sleep=sleep, **options)

    async def test_its_token_is_not_lost_to_a_store(self, make_client, authority, clock):
        """A device code is good once, and is used up before the store is asked."""
        store = MemoryStore()
        lease, store.lease = store.lease, None
        client = make_client(account="ada", store=store)
        with pytest.raises(TokenStoreError):
            await client.device_login(sleep=lambda _: asyncio.sleep(0))
        store.lease = lease
        assert json.loads(await text_of(client, authority.url))["token"] == "A1"
        assert repr(store) == "<MemoryStore of 1 tokens>"

    @pytest.mark.parametrize("is_async", [True, False])
    async def test_from_the_codes_to_the_token(self, is_async, patient, waits, authority, json_reply):
        client, log_in = patient
        told = []

        def progress(authorization, state, seconds):
            told.append((authorization.user_code, state, seconds))

        async def slow_progress(*arguments):
            await asyncio.sleep(0)
            progress(*arguments)

        authority.replies = [json_reply(authority.device())]
        authority.replies += [
            json_reply({"error": "authorization_pending"}, 400),
            json_reply({"error": "slow_down"}),
        ]
        token = await log_in(slow_progress if is_async else progress, extra="1")
        assert told == [
            ("WDJB-MJHT", "started", 5),
            ("WDJB-MJHT", "authorization_pending", 5),
            ("WDJB-MJHT", "slow_down", 10),
        ]
        assert waits == [5, 5, 10]
        assert authority.asked[0] == {"client_id": "client", "scope": "a", "extra": "1"}
        assert authority.asked[-1]["device_code"] == "D1"
        assert token == client.token

    async def test_a_lost_connection_ends_nothing(self, patient, waits, authority, json_reply, reply):
        _, log_in = patient
        authority.replies = [json_reply(authority.device()), reply(status=None), reply(503)]
        assert (await log_in()).access_token == "A1"
        assert waits == [5, 10, 15]

    async def test_the_user_refuses(self, patient, authority, json_reply):
        _, log_in = patient
        authority.replies = [json_reply(authority.device()), json_reply({"error": "access_denied"}, 400)]
        with pytest.raises(AccessDeniedError):
            await log_in()

    async def test_the_caller_gives_up(self, make_client, authority):
        waiting = asyncio.Event()

        async def sleep(_):
            waiting.set()
            await asyncio.Event().wait()

        login = asyncio.create_task(make_client().device_login(sleep=sleep))
        await waiting.wait()
        login.cancel()
        with pytest.raises(asyncio.CancelledError):
            await login
        assert authority.log == ["POST /device"]

    async def test_the_real_clock_by_default(self, make_client, authority, monkeypatch):
        waits = []

        async def sleep(seconds):
            waits.append(seconds)

        client = make_client()
        monkeypatch.setattr(oauth2_client.asyncio, "sleep", sleep)
        await client.device_login()
        assert waits[0] == 5


class TestTokenExchange:
    async def test_of_the_current_token(self, make_client, authority, clock):
        client = make_client(token=authority.give(clock() - 1))
        token = await client.token_exchange(audience="orders", scope=["a", "b"], requested_token_type="jwt")
        assert authority.asked[1] == {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": "A2",
            "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "requested_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "audience": "orders",
            "scope": "a b",
        }
        assert token.access_token == "A3"
        assert client.token.access_token == "A2"

    async def test_of_another_one(self, make_client, authority):
        await make_client(resource="https://a.example").token_exchange("J1", subject_token_type="jwt")
        assert authority.asked[0]["subject_token"] == "J1"
        assert authority.asked[0]["resource"] == "https://a.example"

    async def test_without_any(self, make_client, authority):
        with pytest.raises(MissingTokenError):
            await make_client().token_exchange()
        assert authority.log == []


class TestRequests:
    @pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options"])
    async def test_every_verb(self, method, make_client, authority, clock):
        client = make_client(token=authority.give(clock() + 3600))
        async with getattr(client, method)(authority.url) as response:
            assert (await response.json())["method"] == method.upper()

    async def test_a_head(self, make_client, authority, clock):
        client = make_client(token=authority.give(clock() + 3600))
        response = await client.head(authority.url)
        assert response.status == 200

    async def test_relative_to_the_api(self, make_defined, authority, clock):
        client = make_defined(token=authority.give(clock() + 3600))
        await text_of(client, "me?x=1")
        assert authority.server.sent[0].target == "/v1/me?x=1"

    async def test_an_api_that_only_the_token_tells(self, make_defined, make_provider, authority, clock):
        class Template:
            names = frozenset({"token:instance"})

            def render(self, documents):
                return documents["token"].get("instance")

        provider = make_provider(origins=frozenset({("https", "as.example", 443)}))
        provider = replace(provider, api_base=Template(), api_origins=(Template(), "https://fixed.example"))
        client = make_defined(provider, token=authority.give(clock() + 3600, instance=f"{authority.url}/i/"))
        await text_of(client, "me")
        assert authority.server.sent[0].target == "/i/me"
        other = make_defined(provider, token=authority.give(clock() + 3600))
        with pytest.raises(UsageError) as caught:
            await other.get(f"{authority.url}/i/me")
        assert caught.value.code == "foreign-origin"

    async def test_a_fixed_api_base(self, make_defined, make_provider, authority, clock):
        client = make_defined(make_provider(api_base=f"{authority.url}/fixed/"), token=authority.give(clock() + 3600))
        await text_of(client, "me")
        assert authority.server.sent[0].target == "/fixed/me"

    async def test_the_providers_headers(self, make_defined, make_provider, authority, clock):
        client = make_defined(make_provider(api_headers=(("X-Version", "1"),)), token=authority.give(clock() + 3600))
        await text_of(client, "me")
        assert authority.server.sent[0].header("X-Version") == "1"

    async def test_servers_that_only_the_login_tells(
        self, make_defined, make_provider, make_server, authority, clock, json_reply
    ):
        other = await make_server()
        other.answer = lambda sent: json_reply({"token": sent.header("Authorization")})

        def locate(provider, documents):
            if "home" not in documents["token"]:
                return provider
            return replace(
                provider,
                endpoints={**provider.endpoints, "api_base": f"{other.url}/v2/"},
                origins=provider.origins | {("http", "127.0.0.1", other.port)},
                identity=(IdentityRequest("userinfo", f"{other.url}/me"),),
            )

        client = make_defined(make_provider(locate=locate), token={**authority.give(clock() + 3600), "home": "x"})
        await text_of(client, "items")
        profile = await client.profile()
        assert [sent.target for sent in other.sent] == ["/v2/items", "/me"]
        assert profile.sub == "Bearer A1"

    async def test_the_providers_parameters(self, make_defined, make_provider, authority, clock):
        client = make_defined(make_provider(api_params=(("key", "k 1"),)), token=authority.give(clock() + 3600))
        await text_of(client, "me?a=1")
        async with client.get("me", params={"key": "own"}) as response:
            assert "k 1" not in str(response.url)
        assert [sent.target for sent in authority.server.sent] == ["/v1/me?a=1&key=k%201", "/v1/me?key=own"]

    async def test_a_definition_pins_its_origins(self, make_defined, make_server, authority, clock):
        other = await make_server()
        client = make_defined(token=authority.give(clock() + 3600))
        with pytest.raises(UsageError) as caught:
            await client.get(other.url)
        assert caught.value.code == "foreign-origin"
        async with make_defined(token="A1", allowed_origins=other.url).get(other.url):
            pass
        assert other.sent[0].header("Authorization") == "Bearer A1"

    async def test_a_401_that_nothing_can_repair_stands(self, make_client, authority):
        async with make_client(token="wrong").get(authority.url) as response:
            assert (response.status, await response.text()) == (401, "who are you?")
        assert authority.log == ["GET /"]

    async def test_a_401_for_a_token_that_was_replaced_meanwhile(self, make_client, authority, clock):
        """Two requests with the same rejected token: the second one finds the new token already there."""
        client = make_client(token=authority.give(clock() + 3600))
        authority.good.clear()
        await asyncio.gather(*(text_of(client, authority.url) for _ in range(10)))
        assert authority.refreshes == ["R1"]

    async def test_a_401_for_a_token_that_was_set_anew_meanwhile(self, make_client, authority, clock, reply):
        client = make_client(token=authority.give(clock() + 3600), account="ada")

        def refuse(sent):
            client.token = {"access_token": "newer", "refresh_token": "R9", "expires_at": clock() + 3600}
            authority.server.answer = lambda _: reply(200, (), b"fine")
            return reply(401)

        authority.server.answer = refuse
        assert await text_of(client, authority.url) == "fine"
        assert authority.server.sent[1].header("Authorization") == "Bearer newer"
        assert authority.refreshes == []

    @pytest.mark.parametrize("raises", [False, True, raise_another], ids=["answer", "raised", "raised by the caller"])
    async def test_a_token_that_was_renewed_in_vain_is_not_renewed_again(
        self, raises, make_client, authority, clock, reply
    ):
        client = make_client(token=authority.give(clock() + 3600))
        authority.api_replies = [reply(401)] * 4
        for _ in range(3):
            with suppress(LookupError, ClientResponseError):
                async with client.get(authority.url, raise_for_status=raises) as response:
                    assert response.status == 401
        assert authority.refreshes == ["R1"]
        assert authority.used == ["Bearer A1", "Bearer A2", "Bearer A2", "Bearer A2"]

    async def test_but_it_is_when_it_may_have_ended(self, make_client, authority, clock, reply):
        """A token without known end is renewed by a 401 alone, and one API may refuse what others take."""
        authority.fields = {"expires_in": None}
        client = make_client(token=authority.give())
        authority.api_replies = [reply(401), reply(401)]
        async with client.get(authority.url) as response:
            assert response.status == 401
        assert json.loads(await text_of(client, authority.url))["token"] == "A2"
        authority.good.clear()
        clock.advance(3600)
        assert json.loads(await text_of(client, authority.url))["token"] == "A3"

    async def test_a_new_token_that_could_not_be_tried_is_not_thought_refused(self, make_client, authority, clock):
        async def body():
            yield b"once"

        client = make_client(token=authority.give(clock() + 3600))
        for _ in range(2):
            authority.good.clear()
            async with client.post(authority.url, data=body()) as response:
                assert response.status == 401
        assert authority.refreshes == ["R1", "R2"]

    async def test_a_slow_401_holds_no_connection_that_a_renewal_waits_for(self, authority, clock, reply, monkeypatch):
        monkeypatch.setattr(middleware, "_PATIENCE", 0.01)
        authority.api_replies = [reply(401, (), b"begun", 100)]
        async with ClientSession(connector=TCPConnector(limit=1)) as session, asyncio.timeout(10):
            client = AsyncOAuth2Client(
                session,
                "client",
                refresh_token_url=f"{authority.url}/token",
                token=authority.give(clock() + 3600),
                clock=clock,
            )
            assert json.loads(await text_of(client, authority.url))["token"] == "A2"

    async def test_the_time_of_a_request_is_that_of_its_renewal_too(self, make_client, authority, clock):
        """Who goes leaves the renewal to others, and its token is not lost."""
        authority.gate = asyncio.Event()
        client = make_client(token=authority.give(clock() - 1))
        with pytest.raises(TimeoutError):
            await client.get(authority.url, timeout=ClientTimeout(total=0.01))
        authority.gate.set()
        for timeout in (ClientTimeout(), ClientTimeout(total=60), ClientTimeout(total=0)):
            async with client.get(authority.url, timeout=timeout) as response:
                assert response.status == 200
        assert authority.refreshes == ["R1"]

    async def test_a_403_renews_nothing(self, make_client, authority, clock, reply):
        client = make_client(token=authority.give(clock() + 3600))
        authority.api_replies = [reply(403)]
        async with client.get(authority.url) as response:
            assert response.status == 403
        assert authority.refreshes == []

    async def test_a_401_with_a_dead_grant_asks_for_a_new_login(self, make_client, authority, clock):
        client = make_client(token=authority.give(clock() + 3600))
        authority.good.clear()
        authority.is_dead = True
        for _ in range(2):
            with pytest.raises(OAuthError) as caught:
                await client.get(authority.url)
            assert caught.value.error == "invalid_grant"
        assert authority.refreshes == ["R1"]

    async def test_a_header_covers_no_form_so_that_it_may_be_streamed(self, make_client, authority, clock):
        async def pieces():
            yield b"a=1"
            yield b"&b=2"

        client = make_client(token=authority.give(clock() + 3600))
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        async with client.post(authority.url, data=pieces(), headers=form) as response:
            assert response.status == 200
        assert authority.server.sent[0].body == b"a=1&b=2"

    async def test_in_the_body_of_a_form(self, make_client, authority, clock):
        client = make_client(token=authority.give(clock() + 3600), token_placement="body")
        async with client.post(authority.url, data={"a": "1"}):
            pass
        assert authority.server.sent[0].body == b"a=1&access_token=A1"

    async def test_the_hook_of_api_requests(self, make_client, authority, clock):
        client = make_client(token=authority.give(clock() + 3600))
        client.register_compliance_hook(
            "protected_request", lambda url, headers, data: (f"{url}/hooked", {**(headers or {}), "X-Hook": "1"}, data)
        )
        assert json.loads(await text_of(client, authority.url))["token"] == "A1"
        sent = authority.server.sent[0]
        assert (sent.target, sent.header("X-Hook")) == ("/hooked", "1")

    async def test_a_hook_may_change_the_headers_that_it_is_given(self, make_client, authority, clock):
        def hook(url, headers, data):
            headers["X-Hook"] = "1"
            return url, headers, data

        client, own = make_client(token=authority.give(clock() + 3600)), {"X-Own": "1"}
        client.register_compliance_hook("protected_request", hook)
        async with client.get(authority.url), client.get(authority.url, headers=own):
            pass
        assert [sent.header("X-Hook") for sent in authority.server.sent] == ["1", "1"]
        assert own == {"X-Own": "1"}, "the caller's own are left alone"

    async def test_a_hook_may_take_the_body_away(self, make_client, authority, clock):
        client = make_client(token=authority.give(clock() + 3600))
        client.register_compliance_hook("protected_request", lambda url, headers, _: (url, headers, None))
        async with client.post(authority.url, data=b"body"), client.post(authority.url, json={}):
            pass
        assert [sent.body for sent in authority.server.sent] == [b"", b"{}"]
