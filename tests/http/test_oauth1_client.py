import asyncio
import inspect
import json
import logging
from dataclasses import replace
from email.utils import formatdate
from types import MappingProxyType, SimpleNamespace
from urllib.parse import parse_qsl, quote

import aiohttp
import pytest
from yarl import URL

from oauthreg.clock import Clock
from oauthreg.errors import (
    AccessDeniedError,
    CallbackError,
    InvalidKeyError,
    MalformedResponseError,
    MismatchingStateError,
    MissingRequestTokenError,
    MissingTokenError,
    OAuthError,
    ReauthorizationRequired,
    UnsupportedMethodError,
    UsageError,
)
from oauthreg.http import AsyncOAuth1Client, middleware
from oauthreg.http.finished_logins import FinishedLogins
from oauthreg.login import PendingLogin
from oauthreg.provider import (
    CallbackSettings,
    ErrorRule,
    Exchange,
    IdentityRequest,
    JWTRules,
    Leg,
    OAuth1Settings,
    Provider,
    Scopes,
    TokenAnswer,
    TokenPlacement,
)
from oauthreg.signing.keys import generate_private_key
from oauthreg.token import OAuth1Token

CALLBACK = "https://app.example.org/callback?a=b c"


class Claims:
    """A claims template that reads two documents."""

    def render(self, documents):
        return {
            "sub": str(documents["userinfo"]["id"]),
            "name": documents["userinfo"]["name"],
            "user": documents["token"]["user_id"],
            "kept": documents["callback"].get("kept"),
        }


@pytest.fixture
def provider(login):
    """The provider at ``login``, as a definition would describe it."""
    return Provider(
        name="acme",
        endpoints={
            "request_token": f"{login.url}/request_token",
            "authorize": f"{login.url}/authorize",
            "token": f"{login.url}/access_token",
            "api_base": f"{login.url}/1.1/",
        },
        origins=frozenset({("http", "127.0.0.1", login.server.port)}),
        callback=CallbackSettings(denied=(("denied", None),), keep=("kept",)),
        identity=(IdentityRequest("userinfo", f"{login.url}/me"),),
        claims=Claims(),
    )


@pytest.fixture
def make_client(session, engine, clock):
    return lambda *arguments, **options: AsyncOAuth1Client(
        session, "client", "client secret", *arguments, **{"engine": engine.name, "clock": clock, **options}
    )


@pytest.fixture
def client(make_client, provider):
    return make_client(provider=provider)


class TestConstruction:
    def test_the_arguments_are_those_of_the_old_module(self):
        parameters = inspect.signature(AsyncOAuth1Client).parameters
        positional = {name: p.default for name, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD}
        assert positional == {
            "session": inspect.Parameter.empty,
            "client_id": inspect.Parameter.empty,
            "client_secret": None,
            "token": None,
            "token_secret": None,
            "redirect_uri": None,
            "rsa_key": None,
            "verifier": None,
            "signature_method": "HMAC-SHA1",
            "signature_type": "HEADER",
            "force_include_body": False,
        }

    async def test_it_makes_no_traffic(self, make_client, provider, server):
        make_client(provider=provider, token="token")
        assert server.connections == {}

    @pytest.mark.parametrize("client_id", [None, ""])
    async def test_a_client_without_an_id_is_refused(self, client_id, session):
        with pytest.raises(ValueError, match="client_id") as caught:
            AsyncOAuth1Client(session, client_id)
        assert caught.value.code == "missing-client-id"

    async def test_an_unknown_argument_is_not_swallowed(self, session):
        with pytest.raises(TypeError, match="relm"):
            AsyncOAuth1Client(session, "client", relm="typo")

    async def test_an_unknown_signature_method_is_refused(self, make_client):
        with pytest.raises(UnsupportedMethodError) as caught:
            make_client(signature_method="HMAC-SHA3")
        assert caught.value.code == "unknown-signature-method"

    @pytest.mark.parametrize("given", ["COOKIE", "", None, 5, b"HEADER"])
    async def test_an_unknown_signature_type_is_refused(self, make_client, given):
        with pytest.raises(UnsupportedMethodError, match="HEADER, QUERY, BODY") as caught:
            make_client(signature_type=given)
        assert caught.value.code == "unknown-signature-type"

    @pytest.mark.parametrize("given", [5, b"x", ["a", 5], object()])
    async def test_a_realm_that_is_no_text_is_refused(self, make_client, given):
        with pytest.raises(UsageError, match="`realm` must be text") as caught:
            make_client(realm=given)
        assert caught.value.code == "wrong-type"

    async def test_an_rsa_method_without_a_key_is_refused(self, make_client):
        with pytest.raises(UsageError) as caught:
            make_client(signature_method="RSA-SHA256")
        assert caught.value.code == "missing-key"

    async def test_a_broken_key_is_refused_before_any_traffic(self, make_client, server):
        client = make_client(signature_method="RSA-SHA256", rsa_key="-----BEGIN PRIVATE KEY-----")
        with pytest.raises(InvalidKeyError):
            await client.get(server.url)
        assert server.connections == {}

    async def test_a_provider_of_another_protocol_is_refused(self, make_client):
        with pytest.raises(UsageError) as caught:
            make_client(provider=Provider(protocol="oauth2"))
        assert caught.value.code == "wrong-protocol"

    async def test_the_choices_of_the_provider_are_the_default(self, make_client, server):
        settings = OAuth1Settings(signature_methods=("PLAINTEXT", "HMAC-SHA1"), placement="query", realm="them")
        provider = Provider(oauth1=settings)
        async with make_client(provider=provider).get(server.url):
            pass
        async with make_client(provider=provider, signature_method="HMAC-SHA1", signature_type="header").get(
            server.url
        ):
            pass
        first, second = server.sent
        assert (list(first.places), first.protocol["oauth_signature_method"]) == (["query"], "PLAINTEXT")
        assert (list(second.places), second.protocol["oauth_signature_method"]) == (["header"], "HMAC-SHA1")
        assert second.header("Authorization").startswith('OAuth realm="them", ')

    @pytest.mark.parametrize(
        ("options", "hashed"),
        [({}, False), ({"body_hash": True}, True), ({"force_include_body": True}, True)],
    )
    @pytest.mark.parametrize("of_provider", [False, True])
    async def test_a_body_hash_is_made_when_asked_for(self, options, hashed, of_provider, make_client, server):
        provider = Provider(oauth1=OAuth1Settings(body_hash=of_provider))
        async with make_client(provider=provider, **options).post(server.url, json={}):
            pass
        async with make_client(provider=provider, **{**options, "body_hash": False}).post(server.url, json={}):
            pass
        assert ["oauth_body_hash" in sent.protocol for sent in server.sent] == [hashed or of_provider, False]

    async def test_the_version_may_be_left_out(self, make_client, server):
        async with make_client(provider=Provider(oauth1=OAuth1Settings(version=None))).get(server.url):
            pass
        assert "oauth_version" not in server.sent[0].protocol

    async def test_its_text_names_no_secret(self, client):
        client.token = {"oauth_token": "t0k3n", "oauth_token_secret": "s3cret"}
        assert repr(client) == "<AsyncOAuth1Client provider='acme' client_id='client'>"


class TestToken:
    async def test_it_is_read_as_in_the_old_module(self, make_client):
        assert make_client().token == {"oauth_token": None, "oauth_token_secret": None, "oauth_verifier": None}
        assert make_client("t", "s", None, None, "v").token == {
            "oauth_token": "t",
            "oauth_token_secret": "s",
            "oauth_verifier": "v",
        }

    @pytest.mark.parametrize(
        "value",
        [
            {"oauth_token": "t", "oauth_token_secret": "s"},
            {"oauth_token": "t", "oauth_secret": "s"},
            {"oauth_token": b"t", "oauth_token_secret": b"s"},
            MappingProxyType({"oauth_token": "t", "oauth_token_secret": "s", "oauth_verifier": None}),
            OAuth1Token("t", "s"),
        ],
        ids=["mapping", "the name in the documentation", "bytes", "read-only", "object"],
    )
    async def test_it_is_set_from(self, value, make_client):
        client = make_client()
        client.token = value
        assert client.token == {"oauth_token": "t", "oauth_token_secret": "s", "oauth_verifier": None}
        assert make_client(value).token == client.token

    async def test_other_fields_are_kept(self, make_client):
        client = make_client()
        client.token = {"oauth_token": "t", "oauth_token_secret": "s", "oauth_verifier": "v", "user_id": "12"}
        assert client.token == {
            "oauth_token": "t",
            "oauth_token_secret": "s",
            "oauth_verifier": "v",
            "user_id": "12",
        }

    async def test_none_clears_it(self, make_client):
        client = make_client("t", "s", None, None, "v")
        client.token = None
        assert client.token == {"oauth_token": None, "oauth_token_secret": None, "oauth_verifier": None}

    async def test_a_mapping_without_a_secret_leaves_the_secret(self, make_client):
        client = make_client("t", "s")
        client.token = {"oauth_token": "t", "oauth_verifier": "v"}
        assert client.token == {"oauth_token": "t", "oauth_token_secret": "s", "oauth_verifier": "v"}

    @pytest.mark.parametrize("value", [{}, {"access_token": "t"}, {"oauth_token": ""}, "t", 1, [("oauth_token", "t")]])
    async def test_anything_else_is_refused(self, value, make_client):
        client = make_client()
        with pytest.raises(MissingTokenError) as caught:
            client.token = value
        assert caught.value.code == "missing-token"

    async def test_a_secret_without_a_token_is_part_of_the_key(self, session, server, verifier):
        client = AsyncOAuth1Client(session, "client", "client secret", token_secret="token&secret")
        async with client.get(server.url):
            pass
        verifier.check(server.sent[0], token=None)

    async def test_a_new_token_signs_the_next_request(self, make_client, server, verifier):
        client = make_client("token", "token&secret")
        async with client.get(server.url):
            client.token = {"oauth_token": "other", "oauth_token_secret": "its secret"}
        async with client.get(server.url):
            pass
        verifier.check(server.sent[0])
        replace(verifier, token_secret="its secret").check(server.sent[1], "other")


class TestRequests:
    @pytest.mark.parametrize("verb", ["get", "options", "head", "post", "put", "patch", "delete"])
    async def test_each_verb_is_awaited_or_entered(self, verb, make_client, server, verifier):
        client = make_client("token", "token&secret")
        response = await getattr(client, verb)(f"{server.url}/a")
        assert response.status == 200
        response.release()
        async with getattr(client, verb)(URL(f"{server.url}/a")) as response:
            assert response.status == 200
        async with client.request(verb, f"{server.url}/a") as response:
            assert response.status == 200
        assert [sent.method for sent in server.sent] == [verb.upper()] * 3
        assert len({verifier.check(sent)["oauth_nonce"] for sent in server.sent}) == 3

    async def test_requests_in_parallel_have_nonces_of_their_own(self, make_client, server, verifier):
        client = make_client("token", "token&secret")

        async def ask(number):
            async with client.get(f"{server.url}/{number}") as response:
                return response.status

        assert await asyncio.gather(*(ask(number) for number in range(200))) == [200] * 200
        assert len({verifier.check(sent)["oauth_nonce"] for sent in server.sent}) == 200

    async def test_two_accounts_share_a_session(self, session, login, verifier):
        login.access_tokens = {"ada": "secret of ada", "bob": "secret of bob"}
        clients = [
            AsyncOAuth1Client(session, "client", "client secret", token=name, token_secret=secret)
            for name, secret in login.access_tokens.items()
        ]

        async def ask(client):
            async with client.get(f"{login.url}/me") as response:
                return (await response.json())["token"]

        assert await asyncio.gather(*(ask(client) for client in clients * 20)) == ["ada", "bob"] * 20

    async def test_the_session_stays_as_it_was(self, login, session, make_client, provider):
        before = {name: value for name, value in vars(session).items() if name != "_cookie_jar"}
        client = make_client(provider=provider)
        pending = await client.start()
        await client.finish(pending, verifier="verifier of request1")
        async with client.get("me"):
            pass
        assert {name: value for name, value in vars(session).items() if name != "_cookie_jar"} == before
        assert not session.closed

    @pytest.mark.parametrize(
        ("reference", "target"),
        [
            ("me.json?a=1", "/1.1/me.json?a=1"),
            ("/2/me", "/2/me"),
            (URL("a%7Eb", encoded=True), "/1.1/a%7Eb"),
            ("", "/1.1/"),
        ],
    )
    async def test_a_relative_url_is_below_api_base(self, reference, target, make_client, provider, server, verifier):
        async with make_client("token", "token&secret", provider=provider).get(reference):
            pass
        assert server.sent[0].target == target
        verifier.check(server.sent[0])

    @pytest.mark.parametrize("where", ["//127.0.0.1:{port}/x", "http://127.0.0.1:{port}/x", "http://localhost:{port}/"])
    async def test_a_foreign_url_is_refused(self, where, make_client, provider, make_server):
        other = await make_server()
        with pytest.raises(UsageError) as caught:
            await make_client(provider=provider).get(where.format(port=other.port))
        assert caught.value.code == "foreign-origin"
        assert other.connections == {}

    async def test_an_origin_may_be_allowed(self, make_client, provider, make_server, verifier):
        other = await make_server()
        for allowed in (other.url, [f"{other.url}/path?x=1"]):
            client = make_client("token", "token&secret", provider=provider, allowed_origins=allowed)
            async with client.get(f"{other.url}/x"):
                pass
        for sent in other.sent:
            verifier.check(sent)

    async def test_an_allowed_origin_may_be_international(self, make_client, any_host_session, server, verifier):
        client = AsyncOAuth1Client(
            any_host_session,
            "client",
            "client secret",
            token="token",
            token_secret="token&secret",
            allowed_origins=["http://bücher.example"],
        )
        async with client.get("http://bücher.example/x"):
            pass
        verifier.check(server.sent[0])

    async def test_an_allowed_origin_that_is_none_is_refused(self, make_client):
        with pytest.raises(UsageError) as caught:
            make_client(allowed_origins="api.example.com")
        assert caught.value.code == "invalid-origin"

    async def test_a_provider_made_by_hand_is_pinned_to_its_endpoints(self, make_client, server, make_server):
        other = await make_server()
        client = make_client(provider=Provider(endpoints={"token": f"{server.url}/access_token"}))
        async with client.get(f"{server.url}/x"):
            pass
        with pytest.raises(UsageError):
            await client.get(f"{other.url}/x")

    async def test_without_a_provider_each_request_is_pinned_to_where_it_begins(
        self, make_client, server, make_server, redirect
    ):
        other = await make_server()
        client = make_client("token", "token&secret")
        for each in (server, other):
            async with client.get(each.url):
                pass
        server.replies = [redirect(302, other.url)]
        async with client.get(server.url):
            pass
        assert [bool(sent.places) for sent in (*server.sent, *other.sent)] == [True, True, True, False]

    @pytest.mark.parametrize(("method", "sent"), [("HMAC-SHA1", True), ("HMAC-SHA512", True), ("PLAINTEXT", False)])
    async def test_the_secrets_themselves_never_go_in_clear_text(self, method, sent, any_host_session, server):
        client = AsyncOAuth1Client(any_host_session, "client", "secret", signature_method=method)
        if sent:
            async with client.get("http://api.example.com/"):
                pass
        else:
            with pytest.raises(UsageError) as caught:
                await client.get("http://api.example.com/")
            assert caught.value.code == "insecure-url"
        assert bool(server.connections) is sent

    async def test_api_headers_are_added_unless_the_caller_sets_them(self, make_client, provider, server):
        provider = replace(provider, api_headers=(("Accept", "application/json"), ("X-Version", "2")))
        client = make_client(provider=provider)
        for headers in (None, {"accept": "text/plain"}, [("X-VERSION", "3")]):
            async with client.get("me", headers=headers):
                pass
        assert [(sent.headers_of("Accept"), sent.headers_of("X-Version")) for sent in server.sent] == [
            (["application/json"], ["2"]),
            (["text/plain"], ["2"]),
            (["application/json"], ["3"]),
        ]

    async def test_api_headers_give_way_to_the_sessions(self, provider, server):
        provider = replace(provider, api_headers=(("Accept", "application/json"),))
        async with (
            aiohttp.ClientSession(headers={"ACCEPT": "text/html"}) as session,
            AsyncOAuth1Client(session, "client", provider=provider).get("me"),
        ):
            pass
        assert server.sent[0].headers_of("Accept") == ["text/html"]

    async def test_api_headers_stay_at_the_provider(self, make_client, provider, server, make_server, redirect):
        other = await make_server()
        server.replies = [redirect(302, other.url)]
        client = make_client(provider=replace(provider, api_headers=(("X-Api-Key", "k3y"),)))
        async with client.get("me"):
            pass
        assert server.sent[0].header("X-Api-Key") == "k3y"
        assert other.sent[0].header("X-Api-Key") is None

    async def test_errors_of_aiohttp_pass_unwrapped(self, make_client, server, reply):
        server.replies = [reply(status=None)]
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await make_client().post(server.url)
        with pytest.raises(aiohttp.InvalidURL):
            await make_client().get("no/base")

    async def test_a_url_with_protocol_parameters_is_refused(self, make_client, server):
        with pytest.raises(UsageError) as caught:
            await make_client().get(f"{server.url}/?oauth_token=x")
        assert caught.value.code == "protocol-parameters-in-request"
        assert server.sent == []

    async def test_parameters_that_are_no_pairs_are_refused(self, make_client, server):
        with pytest.raises(UsageError) as caught:
            await make_client().post(server.url, signed_parameters="title")
        assert caught.value.code == "invalid-parameters"


class TestClock:
    SERVER_TIME = 1_700_003_600

    @pytest.fixture
    def client(self, make_client, provider):
        clock = Clock(wall=lambda: 1_700_000_000.0, monotonic=lambda: 5.0)
        return make_client("token", "token&secret", provider=provider, clock=clock)

    @pytest.fixture
    def strict(self, login, reply):
        """A server that refuses timestamps which are not its own time."""

        def answer(sent):
            if abs(int(sent.protocol["oauth_timestamp"]) - self.SERVER_TIME) > 300:
                return self.refusal
            return login.answer(sent)

        self.refusal = reply(401, (("Date", formatdate(self.SERVER_TIME, usegmt=True)),), b"timestamp is too old")
        login.server.answer = answer
        return login.server

    @pytest.mark.parametrize(
        "options",
        [{}, {"data": b"a"}, {"data": "a"}, {"data": {"a": "1"}}, {"json": {"a": 1}}],
        ids=["nothing", "bytes", "text", "form", "json"],
    )
    async def test_a_call_learns_the_servers_time_and_is_sent_once_more(self, options, client, strict, verifier):
        async with client.post("me", **options) as response:
            assert response.status == 200
        first, second = strict.sent
        assert first.own_body == second.own_body
        assert verifier.check(second)["oauth_timestamp"] == str(self.SERVER_TIME)
        assert client.clock.offset == 3600
        async with client.post("me", **options):
            pass
        assert len(strict.sent) == 3

    @pytest.mark.parametrize(
        "date", ["Sat, 01 Jan 1966 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "x"]
    )
    async def test_a_date_that_cannot_be_teaches_nothing(self, date, client, strict, reply):
        """A clock that believed it would make timestamps that nobody takes, or none at all."""
        self.refusal = reply(401, (("Date", date),), b"timestamp is too old")
        for _ in range(2):
            async with client.get("me") as response:
                assert response.status == 401
        assert client.clock.offset == 0

    async def test_a_call_with_a_stream_only_learns(self, client, strict):
        async def pieces():
            yield b"a"

        async with client.post("me", data=pieces()) as response:
            assert (response.status, await response.text()) == (401, "timestamp is too old")
        assert len(strict.sent) == 1

    @pytest.mark.parametrize(
        ("headers", "body"),
        [
            ((("WWW-Authenticate", 'OAuth oauth_problem="timestamp_refused"'),), b""),
            ((), b"oauth_problem=timestamp_refused&oauth_acceptable_timestamps=1-2"),
            ((), b'{"errors":[{"code":135,"message":"Timestamp out of bounds."}]}'),
        ],
        ids=["challenge", "problem", "json"],
    )
    async def test_every_way_of_saying_so_is_understood(self, headers, body, client, strict):
        self.refusal = replace(self.refusal, headers=(*self.refusal.headers, *headers), body=body)
        async with client.get("me") as response:
            assert response.status == 200

    async def test_another_refusal_is_not_repaired(self, client, strict):
        self.refusal = replace(self.refusal, body=b"bad signature")
        async with client.get("me") as response:
            assert (response.status, await response.text()) == (401, "bad signature")
        # Every base string holds a timestamp.
        echo = b"Invalid signature. Base string: GET&https%3A%2F%2Fa&oauth_nonce%3Dn%26oauth_timestamp%3D1%26a%3Db"
        self.refusal = replace(self.refusal, body=echo)
        async with client.get("me") as response:
            assert response.status == 401
        with pytest.raises(OAuthError) as caught:
            await client.start()
        assert caught.value.code == "oauth-error"
        assert len(strict.sent) == 3
        assert client.clock.offset == 0

    @pytest.mark.parametrize("date", [None, "yesterday", formatdate(1_700_000_003, usegmt=True)])
    async def test_without_a_different_time_a_refusal_stands(self, date, client, strict):
        self.refusal = replace(self.refusal, headers=(("Date", date),) if date else ())
        async with client.get("me") as response:
            assert response.status == 401
        assert len(strict.sent) == 1

    async def test_a_second_refusal_stands(self, client, server, reply):
        server.answer = lambda _: reply(401, (("Date", formatdate(self.SERVER_TIME)),), b"timestamp")
        async with client.get("me") as response:
            assert response.status == 401
        assert len(server.sent) == 2

    async def test_a_login_learns_the_servers_time(self, client, strict):
        pending = await client.start(redirect_uri=CALLBACK)
        assert len(strict.sent) == 2
        assert pending.created == self.SERVER_TIME
        await client.finish(pending, verifier="verifier of request1")
        assert len(strict.sent) == 3

    @pytest.fixture
    def asked(self, client, strict, reply):
        """The client of a server that tells its time when asked, and what it then answers."""
        told = [reply(body=str(self.SERVER_TIME).encode())]
        answer = strict.answer
        strict.answer = lambda sent: told[0] if sent.target.endswith("/time") else answer(sent)
        self.refusal = reply(401, (("Date", "yesterday"),), b"timestamp is too old")
        endpoints = {**client.provider.endpoints, "server_time": f"{strict.url}/time"}
        client.provider = replace(client.provider, endpoints=endpoints)
        return told

    @staticmethod
    def targets(server):
        return [sent.target for sent in server.sent]

    async def test_the_server_is_asked_where_it_tells_its_time(self, client, strict, asked):
        async with client.get("me") as response:
            assert response.status == 200
        assert self.targets(strict)[1] == "/time"
        assert strict.sent[1].header("Authorization") is None
        assert len(strict.sent) == 3
        assert client.clock.offset == 3600

    async def test_the_question_goes_the_way_of_the_request(self, client, strict, asked):
        with pytest.raises(OAuthError):  # this server is no proxy
            await client.fetch_request_token(proxy=strict.url)
        assert self.targets(strict)[1] == f"{strict.url}/time"

    @pytest.mark.parametrize("told", ["no time", "", "0"])
    async def test_a_server_that_tells_no_time_has_a_date(self, told, client, strict, asked, reply):
        asked[0] = reply(body=told.encode())
        self.refusal = replace(self.refusal, headers=(("Date", formatdate(self.SERVER_TIME, usegmt=True)),))
        async with client.get("me") as response:
            assert response.status == 200
        assert client.clock.offset == 3600

    async def test_an_endpoint_that_hangs_up_spoils_no_refusal(self, client, strict, asked, reply):
        asked[0] = reply(status=None)
        async with client.get("me") as response:
            assert (response.status, await response.text()) == (401, "timestamp is too old")

    @pytest.fixture
    def patience(self, monkeypatch):
        monkeypatch.setattr(middleware, "_PATIENCE", 0.01)

    @pytest.mark.parametrize("is_first", [True, False])
    @pytest.mark.parametrize(("told", "last"), [(SERVER_TIME, 200), (1_700_000_000, 401)])
    async def test_a_slow_refusal_holds_no_connection_that_the_question_waits_for(
        self, told, last, is_first, client, strict, asked, reply, patience
    ):
        """Its text is given up, and so the request is sent once more even by a clock that was right."""
        refused = (("WWW-Authenticate", 'OAuth oauth_problem="timestamp_refused"'),)
        calls = [reply(401, refused, b"begun", 100), reply(last, refused, b"whole")]
        if not is_first:
            calls.insert(0, reply())
        strict.answer = lambda sent: reply(body=str(told).encode()) if sent.target == "/time" else calls.pop(0)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session, asyncio.timeout(10):
            client.session = session
            if not is_first:
                await client.get("me")
            async with client.get("me") as response:
                assert (response.status, await response.text()) == (last, "whole")
        assert self.targets(strict)[-3:] == ["/1.1/me", "/time", "/1.1/me"]
        assert calls == []

    async def test_a_slow_refusal_of_another_kind_can_be_read(self, client, strict, asked, reply, patience):
        self.refusal = reply(401, (("WWW-Authenticate", 'OAuth oauth_problem="nonce_used"'),), b"begun", 100)
        async with client.get("me") as response:
            assert response.status == 401
            assert await response.content.readany() == b"begun"
        assert len(strict.sent) == 1

    async def test_it_may_be_asked_for_beforehand(self, client, strict, asked):
        assert await client.fetch_server_time(proxy=None) == self.SERVER_TIME
        async with client.get("me") as response:
            assert response.status == 200
        assert len(strict.sent) == 2
        with pytest.raises(TypeError, match="'headers'"):
            await client.fetch_server_time(headers={})

    async def test_a_provider_without_that_endpoint(self, client):
        with pytest.raises(UsageError) as caught:
            await client.fetch_server_time()
        assert caught.value.code == "missing-endpoint"

    async def test_all_that_were_under_way_are_sent_once_more(self, client, strict):
        """The first refusal puts the clock right, and the others were as late."""
        everybody = asyncio.Barrier(8)
        answer = strict.answer

        async def together(sent):
            if abs(int(sent.protocol["oauth_timestamp"]) - self.SERVER_TIME) > 300:
                await everybody.wait()
            return answer(sent)

        strict.answer = together

        async def call():
            async with client.get("me") as response:
                return response.status

        assert await asyncio.gather(*(call() for _ in range(8))) == [200] * 8
        assert len(strict.sent) == 16

    async def test_a_login_whose_clock_is_right_fails_at_once(self, client, strict):
        self.refusal = replace(self.refusal, headers=())
        with pytest.raises(OAuthError) as caught:
            await client.start()
        assert caught.value.code == "timestamp-refused"
        assert len(strict.sent) == 1

    async def test_a_fraction_is_cut(self, make_client, server):
        async with make_client(clock=lambda: 183488343.3438394).get(server.url):
            pass
        assert server.sent[0].protocol["oauth_timestamp"] == "183488343"

    async def test_the_systems_clock_is_the_default(self, session):
        client = AsyncOAuth1Client(session, "client")
        assert isinstance(client.clock, Clock)
        assert client.clock.offset == 0


class TestStepByStep:
    """The methods of the old module."""

    async def test_the_three_steps(self, login, make_client):
        client = make_client(redirect_uri=CALLBACK)
        request_token = await client.fetch_request_token(f"{login.url}/request_token")
        assert request_token == {
            "oauth_token": "request1",
            "oauth_token_secret": "secret of request1",
            "oauth_callback_confirmed": "true",
        }
        assert login.callbacks == [CALLBACK]
        url = client.create_authorization_url(f"{login.url}/authorize?x=1", lang="de")
        assert url == f"{login.url}/authorize?x=1&oauth_token=request1&lang=de"
        answer = client.parse_authorization_response(
            f"{CALLBACK}&oauth_token=request1&oauth_verifier=verifier%20of%20request1"
        )
        assert answer == {"a": "b c", "oauth_token": "request1", "oauth_verifier": "verifier of request1"}
        assert client.token["oauth_token_secret"] == "secret of request1"
        token = await client.fetch_access_token(f"{login.url}/access_token")
        assert token == {"oauth_token": "access1", "oauth_token_secret": "secret of access1", "user_id": "12"}
        assert client.token == {**token, "oauth_verifier": None}
        async with client.get(f"{login.url}/me") as response:
            assert (await response.json())["token"] == "access1"

    async def test_without_a_redirect_uri_the_user_is_shown_a_code(self, login, make_client):
        client = make_client()
        await client.fetch_request_token(f"{login.url}/request_token")
        assert login.callbacks == ["oob"]
        await client.fetch_access_token(f"{login.url}/access_token", "verifier of request1")

    async def test_a_provider_knows_its_urls(self, client, login):
        client.redirect_uri = CALLBACK
        await client.fetch_request_token()
        assert client.create_authorization_url() == f"{login.url}/authorize?oauth_token=request1"
        await client.fetch_access_token(verifier="verifier of request1")
        assert login.callbacks == [CALLBACK]

    @pytest.mark.parametrize(
        ("call", "name"),
        [
            (lambda client: client.fetch_request_token(), "request_token"),
            (lambda client: client.fetch_access_token(verifier="v"), "token"),
        ],
    )
    async def test_a_missing_endpoint_is_named(self, call, name, make_client):
        with pytest.raises(UsageError, match=f"`{name}`") as caught:
            await call(make_client("token", "secret"))
        assert caught.value.code == "missing-endpoint"

    async def test_a_missing_authorization_endpoint_is_named(self, make_client):
        with pytest.raises(UsageError, match="`authorize`"):
            make_client("token").create_authorization_url()

    @pytest.mark.parametrize("token", [{}, {"token": "old", "token_secret": "secret"}])
    async def test_a_request_token_is_asked_for_without_a_token(self, token, login, make_client):
        await make_client(**token).fetch_request_token(f"{login.url}/request_token")
        assert "oauth_token" not in login.server.sent[0].protocol

    @pytest.mark.parametrize(("realm", "shown"), [("one", "one"), (["one", "two"], "one two"), (None, "own")])
    async def test_a_realm_is_sent(self, realm, shown, login, make_client):
        await make_client(realm="own").fetch_request_token(f"{login.url}/request_token", realm)
        assert login.server.sent[0].header("Authorization").startswith(f'OAuth realm="{shown}", ')

    async def test_a_realm_of_several_parts_is_joined(self, make_client, server):
        async with make_client(realm=("a", "b")).get(server.url):
            pass
        assert 'realm="a b"' in server.sent[0].header("Authorization")

    async def test_further_parameters_are_signed(self, login, make_client):
        await make_client().fetch_request_token(
            f"{login.url}/request_token?a=1",
            data={"x_auth_mode": "reverse auth"},
            params=[("scope", "a b"), ("scope", "c")],
            headers={"X-Trace": "7"},
        )
        (sent,) = login.server.sent
        assert sent.target == "/request_token?a=1&scope=a%20b&scope=c"
        assert sent.body == b"x_auth_mode=reverse%20auth"
        assert sent.header("X-Trace") == "7"

    async def test_options_of_the_transport_are_handed_on(self, server, make_client, reply):
        server.replies = [reply(body=b"oauth_token=a&oauth_token_secret=b&oauth_callback_confirmed=true")]
        await make_client().fetch_request_token("http://localhost/request_token", proxy=server.url)
        assert server.sent[0].target == "http://localhost/request_token"

    async def test_an_unknown_option_is_not_swallowed(self, make_client, server):
        with pytest.raises(TypeError, match="allow_redirects"):
            await make_client().fetch_request_token(server.url, allow_redirects=True)

    @pytest.mark.parametrize("name", ["data", "params", "headers"])
    async def test_parameters_that_are_no_pairs_are_refused(self, name, make_client, server):
        with pytest.raises(UsageError, match=f"`{name}`"):
            await make_client().fetch_request_token(server.url, **{name: "a=1"})

    async def test_a_callback_that_no_request_token_carried_goes_into_the_url(self, make_client):
        client = make_client(redirect_uri="https://c.b/?x")
        url = client.create_authorization_url("https://p.example/authorize?foo=bar", "t")
        assert url == "https://p.example/authorize?foo=bar&oauth_token=t&oauth_callback=https%3A%2F%2Fc.b%2F%3Fx"
        url = client.create_authorization_url("https://p.example/authorize", "t", oauth_callback="https://d.b")
        assert url == "https://p.example/authorize?oauth_token=t&oauth_callback=https%3A%2F%2Fd.b"

    async def test_there_is_no_url_without_a_request_token(self, make_client):
        with pytest.raises(MissingTokenError):
            make_client().create_authorization_url("https://p.example/authorize")

    async def test_there_is_no_access_token_without_a_verifier(self, make_client, server):
        with pytest.raises(UsageError) as caught:
            await make_client("token", "secret").fetch_access_token(server.url)
        assert caught.value.code == "missing-verifier"
        with pytest.raises(MissingTokenError):
            await make_client(verifier="v").fetch_access_token(server.url)
        assert server.sent == []

    async def test_a_verifier_outlives_a_failed_attempt(self, login, make_client):
        client = make_client("unknown", "secret", verifier="v")
        with pytest.raises(OAuthError):
            await client.fetch_access_token(f"{login.url}/access_token")
        assert client.token["oauth_verifier"] == "v"

    async def test_a_provider_without_verifiers_needs_none(self, make_client, server, reply):
        server.replies = [reply(body=b"oauth_token=a&oauth_token_secret=b")]
        client = make_client(provider=Provider(oauth1=OAuth1Settings(verifier="none")))
        assert await client.fetch_access_token(server.url) == {"oauth_token": "a", "oauth_token_secret": "b"}
        assert "oauth_token" not in server.sent[0].protocol

    async def test_a_callback_of_another_login_is_refused(self, make_client):
        """An attacker's: with RSA the secret of the request token is not missed, and the user would be the attacker."""
        own = make_client()
        own._life.put(OAuth1Token("mine", "secret"), is_request_token=True)
        for client in (own, make_client("mine", "secret")):
            with pytest.raises(MismatchingStateError):
                client.parse_authorization_response(f"{CALLBACK}&oauth_token=another&oauth_verifier=v")
            assert (client.token["oauth_token"], client.token["oauth_verifier"]) == ("mine", None)
            client.parse_authorization_response(f"{CALLBACK}&oauth_token=mine&oauth_verifier=v")
            assert client.token["oauth_verifier"] == "v"

    async def test_a_client_without_a_token_takes_that_of_the_callback(self, make_client):
        for client in (make_client(), make_client(None, "secret")):
            client.parse_authorization_response(f"{CALLBACK}&oauth_token=any&oauth_verifier=v")
            assert (client.token["oauth_token"], client.token["oauth_verifier"]) == ("any", "v")

    async def test_a_callback_without_a_token_is_refused(self, make_client):
        with pytest.raises(MissingRequestTokenError):
            make_client().parse_authorization_response("https://app.example.org/?oauth_verifier=v")

    async def test_a_client_asks_for_a_token_of_its_own_in_two_legs(self, make_client, provider, server, reply):
        server.replies = [reply(body=b"oauth_token=a&oauth_token_secret=b")] * 2
        client = make_client(provider=replace(provider, oauth1=OAuth1Settings(flows=("two-legged",))))
        for _ in range(2):
            assert await client.fetch_access_token(server.url) == {"oauth_token": "a", "oauth_token_secret": "b"}
        assert ["oauth_token" in sent.protocol for sent in server.sent] == [False, False]

    async def test_a_client_of_both_flows_asks_for_itself_only_without_a_request_token(self, login, make_client, reply):
        client = make_client(provider=Provider(oauth1=OAuth1Settings(flows=("three-legged", "two-legged"))))
        login.server.replies = [reply(body=b"oauth_token=a&oauth_token_secret=b")]
        await client.fetch_access_token(f"{login.url}/access_token")
        assert "oauth_token" not in login.server.sent[0].protocol
        with pytest.raises(UsageError) as caught:
            await client.fetch_access_token(f"{login.url}/access_token")
        assert caught.value.code == "missing-verifier"

    async def test_a_password_is_exchanged_where_the_provider_takes_one(self, make_client, server, reply, verifier):
        endpoints = {"token": server.url}
        flows = OAuth1Settings(flows=("xauth", "three-legged"))
        client = make_client(provider=Provider(endpoints=endpoints, oauth1=flows))
        server.replies = [reply(body=b"oauth_token=a&oauth_token_secret=b&user_id=7")]
        token = await client.exchange_password("ada", "s3cret pass")
        assert token == OAuth1Token("a", "b", {"user_id": "7"})
        assert client.token["oauth_token"] == "a"
        assert b"x_auth_password=s3cret%20pass" in server.sent[0].body
        other = make_client(provider=Provider(endpoints=endpoints))
        with pytest.raises(UsageError) as caught:
            await other.exchange_password("ada", "s3cret pass")
        assert caught.value.code == "no-password-login"
        assert "s3cret" not in str(caught.value)

    async def test_a_token_is_given_up_and_forgotten(self, make_client, server, reply, verifier):
        endpoints = {"revoke": server.url}
        leg = Leg(method="GET", params=(("all", "1"),))
        client = make_client("t", "s", provider=Provider(endpoints=endpoints, revoke=leg))
        server.replies = [reply(401, body=b"oauth_problem=token_rejected"), reply(body=b"bye")]
        with pytest.raises(OAuthError) as caught:
            await client.revoke_token()
        assert (caught.value.error, client.token["oauth_token"]) == ("token_rejected", "t")
        await client.revoke_token()
        assert client.token["oauth_token"] is None
        assert [sent.target for sent in server.sent] == ["/?all=1", "/?all=1"]
        with pytest.raises(MissingTokenError):
            await client.revoke_token()
        with pytest.raises(UsageError, match="`revoke`"):
            await make_client("t", "s").revoke_token()

    async def test_a_token_that_was_set_meanwhile_is_not_forgotten(self, make_client, server, reply):
        revoking = Provider(endpoints={"revoke": f"{server.url}/revoke"})
        client = make_client("token", "s", provider=revoking)

        def answer(_):
            client.token = OAuth1Token("other", "s")
            return reply()

        server.answer = answer
        await client.revoke_token()
        assert client.token["oauth_token"] == "other"

    async def test_an_error_with_a_good_status_is_one_when_a_token_is_given_up(self, make_client, server, reply):
        rule = ErrorRule(lambda document, _: "error" in document, lambda document: document["error"])
        provider = Provider(endpoints={"revoke": server.url}, revoke_answer=TokenAnswer(error=rule))
        server.replies = [reply(body=b'{"error": "too_late"}')]
        with pytest.raises(OAuthError, match="too_late"):
            await make_client("t", "s", provider=provider).revoke_token()

    async def test_a_token_is_exchanged_for_one_of_oauth2(self, make_client, server, reply, clock):
        step = Exchange(f"{server.url}/upgrade", Leg(query=(("v", "2"),)), TokenAnswer())
        client = make_client("t", "s", provider=Provider(exchange=step))
        server.replies = [reply(body=b'{"access_token": "A1", "refresh_token": "R1", "expires_in": 60}')]
        token = await client.exchange_token()
        assert (token.access_token, token.refresh_token, token.expires_at) == ("A1", "R1", int(clock()) + 60)
        assert server.sent[0].target == "/upgrade?v=2"
        assert server.sent[0].protocol["oauth_token"] == "t"
        assert client.token["oauth_token"] == "t"
        with pytest.raises(UsageError) as caught:
            await make_client("t", "s").exchange_token()
        assert caught.value.code == "no-exchange"
        with pytest.raises(MissingTokenError):
            await make_client(provider=Provider(exchange=step)).exchange_token()

    @pytest.mark.parametrize("placement", ["header", "query", "body"])
    async def test_parameters_of_every_call_are_sent_and_signed(self, placement, make_client, server, verifier):
        provider = Provider(api_params=(("key", "k 1"),), oauth1=OAuth1Settings(placement=placement))
        client = make_client("t", "s", provider=provider, allowed_origins=[server.url])
        async with client.post(f"{server.url}/p?a=1", data={"b": "2"}):
            pass
        async with client.get(f"{server.url}/p", params={"key": "mine"}):
            pass
        assert server.sent[0].target.startswith("/p?a=1&key=k%201")
        assert server.sent[1].target.partition("&")[0] == "/p?key=mine"
        assert all(sent.protocol["oauth_token"] == "t" for sent in server.sent)

    async def test_tokens_that_end_at_midnight_say_so(self, make_client, provider, login, clock):
        rules = TokenAnswer(default_expires_in=90)
        client = make_client(provider=replace(provider, token_answer=rules))
        pending = await client.start(redirect_uri=CALLBACK)
        token = await client.finish(pending, f"{CALLBACK}&oauth_token=request1&oauth_verifier=verifier+of+request1")
        assert token.expires_at == int(clock()) + 90

    async def test_a_callback_need_not_name_the_token_where_no_callback_does(self, make_client, provider):
        silent = replace(provider, oauth1=OAuth1Settings(token_in_callback=False))
        client = make_client("rt", "rs", provider=silent)
        client.parse_authorization_response("https://app.example.org/?oauth_verifier=v")
        assert (client.token["oauth_token"], client.token["oauth_verifier"]) == ("rt", "v")
        with pytest.raises(MissingRequestTokenError):
            make_client(provider=silent).parse_authorization_response("https://app.example.org/?oauth_verifier=v")

    async def test_an_answer_of_the_token_endpoint_is_read(self, make_client):
        read = make_client().parse_response_token
        assert read(200, "oauth_token=a&oauth_token_secret=b") == {"oauth_token": "a", "oauth_token_secret": "b"}
        assert read(200, '{"oauth_token": "a", "oauth_token_secret": "b"}')["oauth_token"] == "a"
        with pytest.raises(OAuthError) as caught:
            read(401, "denied")
        assert (caught.value.status, caught.value.text) == (401, "denied")
        with pytest.raises(MalformedResponseError):
            read(200, "<html>")

    def test_an_error_is_raised_by_name(self):
        with pytest.raises(OAuthError) as caught:
            AsyncOAuth1Client.handle_error("missing_token", "why")
        assert (caught.value.error, caught.value.description) == ("missing_token", "why")

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_a_token_request_follows_no_redirect(self, status, login, make_client, make_server, redirect):
        other = await make_server()
        login.server.replies = [redirect(status, other.url)]
        with pytest.raises(OAuthError) as caught:
            await make_client().fetch_request_token(f"{login.url}/request_token")
        assert caught.value.status == status
        assert other.connections == {}

    @pytest.mark.parametrize("placement", ["HEADER", "QUERY", "BODY"])
    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_every_placement_and_method_works(self, placement, method, login, make_client):
        provider = Provider(request_token=Leg(method=method), token=Leg(method=method))
        client = make_client(provider=provider, signature_type=placement, redirect_uri=CALLBACK)
        await client.fetch_request_token(f"{login.url}/request_token")
        await client.fetch_access_token(f"{login.url}/access_token", "verifier of request1")
        place = "query" if placement == "BODY" and method == "GET" else placement.lower()
        assert [list(sent.places) for sent in login.server.sent] == [[place], [place]]

    async def test_clear_text_to_another_machine_is_refused(self, make_client):
        with pytest.raises(UsageError) as caught:
            await make_client().fetch_request_token("http://api.example.com/request_token")
        assert caught.value.code == "insecure-url"


class TestLogin:
    async def test_it_survives_a_change_of_process(self, client, login, make_client, provider, clock):
        pending = await client.start(redirect_uri=CALLBACK, lang="de")
        assert pending.url == f"{login.url}/authorize?oauth_token=request1&lang=de"
        assert (pending.provider, pending.protocol, pending.redirect_uri) == ("acme", "oauth1", CALLBACK)
        assert pending.created == clock.now
        assert "secret" not in repr(pending)
        restored = PendingLogin.from_json(pending.to_json())
        other = make_client(provider=provider)
        callback = f"{CALLBACK}&oauth_token=request1&oauth_verifier=verifier+of+request1&kept=7&dropped=8"
        token = await other.finish(restored, callback)
        assert token == OAuth1Token("access1", "secret of access1", {"user_id": "12", "kept": "7"})
        assert other.token["oauth_token"] == "access1"
        assert login.callbacks == [CALLBACK]
        profile = await other.profile()
        assert (profile.sub, profile.name, profile.extra) == ("12", "Ada", {"user": "12", "kept": "7"})
        assert profile.raw["userinfo"]["id"] == 12
        assert profile.raw["token"] == {"user_id": "12", "kept": "7"}
        assert "secret of access1" not in json.dumps(dict(profile.raw))

    async def test_many_users_log_in_at_once(self, client, login, make_client, provider):
        pendings = await asyncio.gather(*(client.start(redirect_uri=CALLBACK) for _ in range(5)))
        assert client.token["oauth_token"] is None
        for pending in reversed(pendings):
            name = pending.values["oauth_token"]
            await make_client(provider=provider).finish(
                pending, f"{CALLBACK}&oauth_token={name}&oauth_verifier=verifier of {name}"
            )
        assert len(login.access_tokens) == 6

    async def test_what_concerns_the_transport_stays_out_of_the_browser(self, make_client, login, provider):
        """A proxy's password, say; `None` is no text either."""
        here = "http://localhost"
        login.server.answer = lambda sent: login.answer(replace(sent, target=sent.target.removeprefix(here)))
        there = {name: url.replace(login.url, here) for name, url in provider.endpoints.items()}
        identity = (IdentityRequest("userinfo", f"{here}/me"),)
        origins = frozenset({("http", "localhost", 80)})
        client = make_client(provider=replace(provider, endpoints=there, identity=identity, origins=origins))
        options = {"proxy": login.url, "timeout": aiohttp.ClientTimeout(5), "ssl": False, "trace_request_ctx": None}
        pending = await client.start(lang="de", hint=None, **options)
        assert pending.url == f"{here}/authorize?oauth_token=request1&lang=de"
        await client.finish(pending, verifier="verifier of request1", **options)
        await client.profile(**options)
        assert [sent.target for sent in login.server.sent] == [
            f"{here}/request_token",
            f"{here}/access_token",
            f"{here}/me",
        ]

    async def test_a_url_for_the_browser_has_no_transport(self, client, login):
        for name in ("headers", "proxy", "timeout"):
            with pytest.raises(UsageError) as caught:
                client.create_authorization_url(request_token="t", **{name: "PLANTED"})
            assert caught.value.code == "transport-option"
        with pytest.raises(UsageError, match="`headers`"):
            await client.start(headers={"X": "1"})
        pending = await client.start()
        for call in (client.profile, lambda **options: client.finish(pending, verifier="v", **options)):
            with pytest.raises(TypeError, match="'headers'"):
                await call(headers={})
        assert len(login.server.sent) == 1
        url = client.create_authorization_url(request_token="t", lang=None, scope=["a", "b"])
        assert url == f"{login.url}/authorize?oauth_token=t&scope=a&scope=b"

    async def test_without_a_redirect_uri_the_user_is_shown_a_code(self, client, login):
        pending = await client.start()
        assert pending.redirect_uri == "oob"
        token = await client.finish(pending, verifier="verifier of request1")
        assert token.token == "access1"
        assert login.callbacks == ["oob"]

    async def test_where_the_provider_knows_only_codes_no_redirect_is_asked_for(self, make_client, provider, login):
        client = make_client(provider=replace(provider, oauth1=OAuth1Settings(callback="oob")))
        pending = await client.start(redirect_uri=CALLBACK)
        assert pending.redirect_uri == "oob"
        assert login.callbacks == ["oob"]
        assert (await client.finish(pending, verifier="verifier of request1")).token == "access1"

    async def test_a_callback_without_a_token_ends_the_login_only_where_none_has_one(
        self, make_client, provider, login
    ):
        settings = OAuth1Settings(token_in_callback=False)
        client = make_client(provider=replace(provider, oauth1=settings))
        pending = await client.start(redirect_uri=CALLBACK)
        with pytest.raises(MismatchingStateError):
            await client.finish(pending, f"{CALLBACK}&oauth_token=other&oauth_verifier=v")
        token = await client.finish(pending, f"{CALLBACK}&oauth_verifier=verifier of request1")
        assert token.token == "access1"
        with pytest.raises(MissingRequestTokenError):
            await make_client(provider=provider).finish(pending, f"{CALLBACK}&oauth_verifier=v")

    async def test_of_two_who_finish_at_once_one_does(self, make_client, provider, login):
        finished = FinishedLogins()
        first, second = (make_client(provider=provider, finished=lambda: finished) for _ in range(2))
        pending = await first.start()
        ends = [one.finish(pending, verifier="verifier of request1") for one in (first, second)]
        token, error = await asyncio.gather(*ends, return_exceptions=True)
        assert (token.token, error.code) == ("access1", "login-finished")
        assert len(login.server.sent) == 2
        with pytest.raises(MismatchingStateError, match="needs no second exchange"):
            await second.finish(pending, verifier="verifier of request1")

    async def test_one_whose_end_failed_may_be_tried_again(self, make_client, provider, login):
        finished = FinishedLogins()
        client = make_client(provider=provider, finished=lambda: finished)
        pending = await client.start()
        with pytest.raises(OAuthError):
            await client.finish(pending, verifier="another")
        login.request_tokens["request1"] = "secret of request1"
        assert (await client.finish(pending, verifier="verifier of request1")).token == "access2"

    async def test_the_clients_redirect_uri_is_the_default(self, make_client, provider, login):
        pending = await make_client(provider=provider, redirect_uri=CALLBACK).start()
        assert pending.redirect_uri == CALLBACK

    async def test_a_scope_is_asked_for(self, make_client, provider, login):
        provider = replace(provider, scopes=Scopes(default=("a",), separator=","))
        assert (await make_client(provider=provider).start()).url.endswith("&scope=a")
        assert (await make_client(provider=provider).start(scope=["b", "c"])).url.endswith("&scope=b%2Cc")

    async def test_the_server_may_give_the_authorization_url(self, make_client, provider, login, reply):
        settings = OAuth1Settings(authorize_url_from=lambda fields: fields.get("login_url"), confirm="lenient")
        client = make_client(
            provider=replace(provider, oauth1=settings, endpoints={**provider.endpoints, "authorize": ""})
        )
        body = b"oauth_token=a&oauth_token_secret=b&login_url=https%3A%2F%2Fp.example%2Fin%3Foauth_token%3Da"
        login.server.replies = [reply(body=body), reply(body=body)]
        assert (await client.start()).url == "https://p.example/in?oauth_token=a"
        await client.fetch_request_token()
        assert client.create_authorization_url(lang="de") == "https://p.example/in?oauth_token=a&lang=de"
        assert client.create_authorization_url("https://q.example/") == "https://q.example/?oauth_token=a"
        with pytest.raises(UsageError, match="`authorize`"):
            client.create_authorization_url(request_token="another")

    @pytest.mark.parametrize(
        ("flow", "word"), [("none", "token="), ("two-legged", "fetch_access_token"), ("xauth", "exchange_password")]
    )
    async def test_where_there_is_no_login_a_hint_says_what_to_do(self, flow, word, make_client, provider, server):
        client = make_client(provider=replace(provider, oauth1=OAuth1Settings(flows=(flow,))))
        with pytest.raises(UsageError) as caught:
            await client.start()
        assert caught.value.code == "no-login"
        assert word in caught.value.hint
        assert server.sent == []
        async with client.get("me"):
            pass

    async def test_a_callback_that_was_not_confirmed_is_refused(self, client, login, make_client, provider):
        login.confirms = "false"
        with pytest.raises(MalformedResponseError) as caught:
            await client.start()
        assert caught.value.code == "callback-not-confirmed"
        for word in ('`confirm = "lenient"`', '`provider=Provider(oauth1=OAuth1Settings(confirm="lenient"))`'):
            assert word in caught.value.hint
        lenient = replace(provider, oauth1=OAuth1Settings(confirm="lenient"))
        assert (await make_client(provider=lenient).start()).values["oauth_token"] == "request2"

    @pytest.mark.parametrize(
        ("callback", "error", "code"),
        [
            ("?denied=request1", AccessDeniedError, "access-denied"),
            ("?oauth_problem=user_refused", AccessDeniedError, "access-denied"),
            ("?oauth_problem=token_expired", OAuthError, "oauth-error"),
            ("?oauth_token=request2&oauth_verifier=v", MismatchingStateError, "mismatching-state"),
            ("?oauth_token=%C3%A9&oauth_verifier=v", MismatchingStateError, "mismatching-state"),
            ("?oauth_verifier=v", MissingRequestTokenError, "missing-request-token"),
            ("", MissingRequestTokenError, "missing-request-token"),
            ("?oauth_token=request1", CallbackError, "missing-verifier"),
        ],
    )
    async def test_a_bad_callback_makes_no_traffic(self, callback, error, code, client, login):
        pending = await client.start(redirect_uri="https://app.example.org/")
        with pytest.raises(error) as caught:
            await client.finish(pending, f"https://app.example.org/{callback}")
        assert caught.value.code == code
        assert type(caught.value) is error
        assert len(login.server.sent) == 1

    @pytest.mark.parametrize(
        "form",
        [
            lambda url: url,
            URL,
            lambda url: url.encode(),
            lambda url: dict(URL(url).query),
            lambda url: URL(url).query,
            lambda url: URL(url).raw_query_string,
        ],
        ids=["text", "a URL", "octets", "a mapping", "a form of aiohttp", "the query alone"],
    )
    @pytest.mark.parametrize("door", ["finish", "parse_authorization_response"])
    async def test_a_callback_is_taken_as_frameworks_give_it(self, form, door, client, login):
        callback = form(f"{CALLBACK}&oauth_token=request1&oauth_verifier=verifier+of+request1")
        if door == "finish":
            assert (await client.finish(await client.start(), callback)).token == "access1"
        else:
            await client.fetch_request_token()
            assert client.parse_authorization_response(callback)["oauth_verifier"] == "verifier of request1"

    async def test_what_is_no_callback_and_no_pending_login_is_said(self, client, login):
        pending = await client.start()
        with pytest.raises(UsageError, match="no callback: int"):
            await client.finish(pending, 7)
        with pytest.raises(UsageError) as caught:
            await client.finish(pending.to_json(), f"{CALLBACK}&oauth_token=request1&oauth_verifier=v")
        assert "PendingLogin.from_json" in caught.value.hint
        assert len(login.server.sent) == 1

    @pytest.mark.parametrize("door", ["finish", "fetch_access_token"])
    async def test_blanks_around_a_typed_code_are_not_sent(self, door, client, login):
        typed = " verifier of request1\n"
        if door == "finish":
            await client.finish(await client.start(), verifier=typed)
        else:
            await client.fetch_request_token()
            await client.fetch_access_token(verifier=typed)
        assert login.verifiers == ["verifier of request1"]

    @pytest.mark.parametrize("uri", ["/cb", "app.example/cb", "localhost:8000", URL(CALLBACK), 7])
    @pytest.mark.parametrize("place", ["start", "the client"])
    async def test_a_callback_must_be_absolute(self, uri, place, make_client, provider, login):
        client = make_client(provider=provider, redirect_uri=uri if place == "the client" else None)
        with pytest.raises(UsageError, match="redirection URI") as caught:
            await (client.start(redirect_uri=uri) if place == "start" else client.fetch_request_token())
        assert caught.value.code == "invalid-redirect-uri"
        assert login.server.sent == []

    @pytest.mark.parametrize("uri", ["oob", "http://app.example/cb", "x-app:/cb", "app://cb"])
    async def test_a_callback_may_be_of_any_scheme(self, uri, client, login):
        await client.start(redirect_uri=uri)
        assert login.callbacks == [uri]

    async def test_a_login_is_finished_at_the_server_that_began_it(self, client, make_client, provider, login):
        """Servers of one definition: what one of them gave is shown to no other."""
        elsewhere = replace(provider, endpoints={**provider.endpoints, "token": "https://evil.example/token"})
        pending = PendingLogin.from_json((await client.start()).to_json())
        with pytest.raises(MismatchingStateError) as refused:
            await make_client(provider=elsewhere).finish(pending, verifier="v")
        assert (refused.value.code, len(login.server.sent)) == ("other-provider", 1)

    async def test_a_login_is_finished_at_the_provider_that_began_it(self, client, make_client, provider, login):
        pending = await client.start()
        for other in (replace(pending, provider="other"), replace(pending, protocol="oauth2")):
            with pytest.raises(MismatchingStateError):
                await client.finish(other, verifier="v")
        assert len(login.server.sent) == 1

    async def test_a_pending_login_without_a_token_is_refused(self, client, login):
        with pytest.raises(MissingTokenError):
            await client.finish(PendingLogin("acme", "oauth1", "https://p.example"), verifier="v")

    async def test_the_verifier_given_wins(self, client, login):
        pending = await client.start()
        await client.finish(pending, "https://app.example.org/?oauth_token=request1", verifier="verifier of request1")

    async def test_a_provider_without_verifiers_needs_none(self, make_client, provider, login, reply):
        settings = OAuth1Settings(verifier="none", callback="authorize", confirm="lenient")
        client = make_client(provider=replace(provider, oauth1=settings))
        pending = await client.start(redirect_uri="https://c.b")
        assert pending.url.endswith("&oauth_callback=https%3A%2F%2Fc.b")
        assert login.callbacks == [None]
        login.server.replies = [reply(body=b"oauth_token=a&oauth_token_secret=b")]
        assert (await client.finish(pending, "https://c.b?oauth_token=request1")).token == "a"

    @pytest.mark.parametrize("sync", [True, False])
    async def test_a_new_token_is_saved_before_it_is_used(self, sync, make_client, provider, login):
        saved = []

        def update(token):
            saved.append((token, client.token["oauth_token"]))

        async def update_later(token):
            await asyncio.sleep(0)
            update(token)

        client = make_client(provider=provider, token_updater=update if sync else update_later)
        token = await client.finish(await client.start(), verifier="verifier of request1")
        assert saved == [(token, None)]
        await client.fetch_request_token()
        assert len(saved) == 1
        await client.fetch_access_token(verifier="verifier of request2")
        assert saved[1][0].token == "access2"

    async def test_a_token_that_cannot_be_saved_is_not_used(self, make_client, provider, login):
        def fail(token):
            raise KeyError(token)

        client = make_client("old", "secret", provider=provider, token_updater=fail)
        with pytest.raises(KeyError):
            await client.finish(await client.start(), verifier="verifier of request1")
        assert client.token["oauth_token"] == "old"

    async def test_a_cancelled_login_changes_nothing(self, client, server):
        arrived = asyncio.Event()

        async def answer(sent):
            arrived.set()
            return await server.stay_silent(sent)

        server.answer = answer
        task = asyncio.create_task(client.fetch_request_token())
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert client.token["oauth_token"] is None

    async def test_no_secret_is_told(self, client, login, reply, caplog):
        caplog.set_level(logging.DEBUG)
        pending = await client.start(redirect_uri=CALLBACK)
        login.server.replies = [
            reply(401, (("WWW-Authenticate", "OAuth"),), b"oauth_token=leak&oauth_token_secret=l34k")
        ]
        with pytest.raises(OAuthError) as caught:
            await client.finish(pending, verifier="v3rifier")
        texts = [caplog.text, repr(caught.value), str(caught.value), caught.value.text, repr(pending), repr(client)]
        for secret in ("client secret", "secret of request1", "v3rifier", "l34k", "oauth_signature"):
            assert secret not in "".join(texts)

    @pytest.mark.parametrize(
        ("call", "arguments"),
        [
            ("start", {}),
            ("fetch_request_token", {}),
            ("finish", {"verifier": "planted verifier"}),
            ("fetch_access_token", {"verifier": "planted verifier"}),
            ("exchange_password", {"username": "ada", "password": "planted p&ssword"}),
            ("refresh_token", {}),
            ("revoke_token", {}),
            ("exchange_token", {}),
        ],
    )
    async def test_a_server_that_repeats_everything_tells_no_secret(
        self, call, arguments, session, provider, server, reply
    ):
        def repeat(sent):
            values = sent.protocol | dict(parse_qsl(sent.body.decode()))
            said = [value for value in values.values() if "planted" in value] + ["planted client s&cret"]
            said += ["planted s&cret of the token"] if "oauth_token" in values else []
            assert said[:-1] or call in ("start", "fetch_request_token")
            return reply(401, (("X-Sent", quote(" ".join(said))),), quote("&".join(said)).encode())

        server.answer = repeat
        provider = replace(
            provider,
            endpoints={**provider.endpoints, "revoke": f"{server.url}/revoke"},
            exchange=Exchange(f"{server.url}/exchange", Leg(), TokenAnswer()),
            oauth1=OAuth1Settings(flows=("three-legged", "xauth"), session_handle=True),
        )
        token = {
            "oauth_token": "planted token",
            "oauth_token_secret": "planted s&cret of the token",
            "oauth_session_handle": "planted handle",
        }
        client = AsyncOAuth1Client(session, "client", "planted client s&cret", provider=provider, token=token)
        if call == "finish":
            arguments = {"pending": PendingLogin("acme", "oauth1", "https://a.example/", "oob", token, 0), **arguments}
        with pytest.raises(OAuthError) as caught:
            await getattr(client, call)(**arguments)
        assert "***" in caught.value.text
        assert "planted" not in f"{caught.value} {vars(caught.value)}"

    async def test_an_answer_that_is_read_by_hand_tells_no_secret(self, make_client):
        client = make_client("planted token", "planted token secret", verifier="planted verifier")
        with pytest.raises(OAuthError) as caught:
            client.parse_response_token(
                401, "error=x&message=planted token, planted token secret, planted verifier, client secret"
            )
        assert caught.value.description == "***, ***, ***, ***"


class TestRenewal:
    @pytest.fixture
    def client(self, make_client, provider):
        token = {"oauth_token": "token", "oauth_token_secret": "token&secret", "oauth_session_handle": "h4ndle"}
        renewing = replace(provider, oauth1=OAuth1Settings(session_handle=True))
        return make_client(token, provider=renewing)

    async def test_a_token_is_renewed(self, client, server, reply, verifier, clock):
        server.answer = lambda _: reply(body=b"oauth_token=new&oauth_token_secret=s2&oauth_expires_in=60")
        token = await client.refresh_token()
        extra = {"oauth_session_handle": "h4ndle", "oauth_expires_in": "60", "expires_at": str(int(clock.now) + 60)}
        assert token == OAuth1Token("new", "s2", extra)
        assert token.expires_at == clock.now + 60
        assert client.token["oauth_token"] == "new"
        assert verifier.check(server.sent[0])["oauth_session_handle"] == "h4ndle"

    async def test_an_ended_session_asks_for_a_new_login(self, client, server, reply):
        server.answer = lambda _: reply(401, (), b"oauth_problem=token_revoked")
        with pytest.raises(ReauthorizationRequired):
            await client.refresh_token()
        assert client.token["oauth_token"] == "token"

    @pytest.fixture
    def rotating(self, client, server, reply):
        """A server that takes each token once, and answers when its gate is open."""

        made = SimpleNamespace(gate=asyncio.Event(), arrived=asyncio.Event())

        async def answer(sent):
            *spent, token = [one.protocol["oauth_token"] for one in server.sent]
            made.arrived.set()
            await made.gate.wait()
            if token in spent:
                return reply(401, (), b"oauth_problem=token_used")
            return reply(body=f"oauth_token=new{len(spent) + 1}&oauth_token_secret=s2".encode())

        server.answer = answer
        return made

    async def test_one_renewal_answers_all(self, client, server, rotating):
        rotating.gate.set()
        tokens = await asyncio.gather(*(client.refresh_token() for _ in range(3)))
        assert [token.token for token in tokens] == ["new1"] * 3
        assert len(server.sent) == 1
        assert (await client.refresh_token()).token == "new2"

    async def test_a_refusal_is_everybodys(self, client, server, reply):
        server.answer = lambda _: reply(401, (), b"oauth_problem=token_revoked")
        errors = await asyncio.gather(*(client.refresh_token() for _ in range(3)), return_exceptions=True)
        assert [type(error) for error in errors] == [ReauthorizationRequired] * 3
        assert len(server.sent) == 1
        with pytest.raises(ReauthorizationRequired):
            await client.refresh_token()
        assert len(server.sent) == 2

    async def test_it_goes_on_when_its_caller_is_cancelled(self, client, server, rotating):
        caller = asyncio.create_task(client.refresh_token())
        await rotating.arrived.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        waiting = asyncio.create_task(client.refresh_token())
        await asyncio.sleep(0)
        rotating.gate.set()
        assert (await waiting).token == "new1"
        assert client.token["oauth_token"] == "new1"
        assert len(server.sent) == 1

    async def test_an_error_that_nobody_hears_is_logged(self, client, server, reply, caplog):
        caplog.set_level(logging.DEBUG, "oauthreg")
        arrived, gate = asyncio.Event(), asyncio.Event()

        async def answer(_):
            arrived.set()
            await gate.wait()
            return reply(401, (), b"oauth_problem=token_revoked")

        server.answer = answer
        caller = asyncio.create_task(client.refresh_token())
        await arrived.wait()
        caller.cancel()
        await asyncio.wait([caller])
        _, renewal = client._life._renewal
        gate.set()
        await asyncio.wait([renewal])
        await asyncio.sleep(0)
        assert "a token was not renewed: ReauthorizationRequired" in caplog.text

    async def test_the_new_token_is_saved_before_it_is_used(self, client, rotating):
        rotating.gate.set()
        saved = []

        async def save(token):
            await asyncio.sleep(0)
            saved.append((token.token, client.token["oauth_token"]))

        client._life.updater = save
        await client.refresh_token()
        assert saved == [("new1", "token")]
        assert client.token["oauth_token"] == "new1"

    async def test_a_new_token_that_cannot_be_saved_is_kept(self, client, rotating):
        """The old one is spent."""
        rotating.gate.set()

        def fail(token):
            raise KeyError(token)

        client._life.updater = fail
        with pytest.raises(KeyError):
            await client.refresh_token()
        assert client.token["oauth_token"] == "new1"

    @pytest.mark.parametrize("token", [None, OAuth1Token("other", "s")])
    async def test_a_token_that_was_set_meanwhile_stays(self, token, client, rotating):
        saved = []
        client._life.updater = saved.append
        waiting = asyncio.create_task(client.refresh_token())
        await rotating.arrived.wait()
        client.token = token
        rotating.gate.set()
        assert (await waiting).token == "new1"
        assert client.token["oauth_token"] == (token.token if token else None)
        assert saved == []

    async def test_the_same_token_set_again_is_replaced(self, client, server, rotating):
        waiting = asyncio.create_task(client.refresh_token())
        await rotating.arrived.wait()
        client.token = client.token
        asyncio.get_running_loop().call_soon(rotating.gate.set)
        assert (await client.refresh_token()) == (await waiting)
        assert client.token["oauth_token"] == "new1"
        assert len(server.sent) == 1

    @pytest.mark.parametrize("between", [lambda call: call, asyncio.gather, asyncio.create_task])
    async def test_it_does_not_wait_for_itself(self, between, client, rotating):
        rotating.gate.set()

        async def save(token):
            await between(client.refresh_token())

        client._life.updater = save
        with pytest.raises(UsageError) as caught:
            await client.refresh_token()
        assert caught.value.code == "renewal-waits-for-itself"
        assert client.token["oauth_token"] == "new1"

    async def test_two_that_wait_for_each_other_do_not(self, client, make_client, rotating):
        """One client's ``token_updater`` renews the other's token, and the other way round."""
        rotating.gate.set()
        other = make_client(OAuth1Token("other", "s", {"oauth_session_handle": "h"}), provider=client.provider)
        client._life.updater = lambda _: other.refresh_token()
        other._life.updater = lambda _: client.refresh_token()
        async with asyncio.timeout(10):
            with pytest.raises(UsageError) as caught:
                await client.refresh_token()
        assert caught.value.code == "renewal-waits-for-itself"

    @pytest.mark.parametrize("way", ["aclose", "async with"])
    async def test_the_end_of_a_client_waits_for_it(self, way, client, rotating, any_host_session):
        saved = []
        client.session, client._life.updater = any_host_session, saved.append
        caller = asyncio.create_task(client.refresh_token())
        await rotating.arrived.wait()
        caller.cancel()
        asyncio.get_running_loop().call_later(0.01, rotating.gate.set)
        if way == "aclose":
            await client.aclose()
        else:
            async with client as entered:
                assert entered is client
        await any_host_session.close()
        assert client.token["oauth_token"] == "new1"
        assert [token.token for token in saved] == ["new1"]
        await client.aclose()

    async def test_the_end_of_a_client_waits_for_all(self, client, rotating):
        """That of a token which is in use no more, too."""
        callers = [asyncio.create_task(client.refresh_token())]
        await rotating.arrived.wait()
        client.token = OAuth1Token("other", "s", {"oauth_session_handle": "h"})
        callers.append(asyncio.create_task(client.refresh_token()))
        asyncio.get_running_loop().call_later(0.01, rotating.gate.set)
        await asyncio.sleep(0)
        await client.aclose()
        assert not client._life._tasks
        assert [caller.result().token for caller in callers] == ["new1", "new2"]

    async def test_the_end_of_a_client_does_not_wait_for_the_renewal_that_asks(self, client, rotating):
        rotating.gate.set()
        client._life.updater = lambda _: client.aclose()
        async with asyncio.timeout(10):
            assert (await client.refresh_token()).token == "new1"

    async def test_another_event_loop_does_not_wait_for_it(self, client, rotating):
        waiting = asyncio.create_task(client.refresh_token())
        await rotating.arrived.wait()
        with pytest.raises(UsageError) as caught:
            await asyncio.to_thread(asyncio.run, client.refresh_token())
        assert caught.value.code == "foreign-event-loop"
        rotating.gate.set()
        assert (await waiting).token == "new1"

    async def test_there_must_be_a_token(self, client, server):
        client.token = None
        with pytest.raises(MissingTokenError):
            await client.refresh_token()
        assert server.sent == []

    async def test_most_providers_renew_nothing(self, make_client, provider, server):
        with pytest.raises(UsageError) as caught:
            await make_client("t", "s", provider=provider).refresh_token()
        assert caught.value.code == "not-renewable"


class TestProfile:
    async def test_a_provider_without_claims_has_none(self, make_client):
        with pytest.raises(UsageError) as caught:
            await make_client("t", "s").profile()
        assert caught.value.code == "no-claims"

    async def test_there_must_be_a_user(self, make_client, provider, server):
        for client in (make_client(provider=provider), make_client(None, "secret", provider=provider)):
            with pytest.raises(MissingTokenError, match="log in"):
                await client.profile()
        assert server.sent == []

    @pytest.mark.parametrize("flow", ["two-legged", "none"])
    async def test_an_application_may_ask_for_itself(self, flow, make_client, provider, server, reply):
        class OfTheApplication:
            def render(self, documents):
                return {"sub": documents["userinfo"]["id"]}

        settings = OAuth1Settings(flows=(flow,))
        server.replies = [reply(body=b'{"id": "app"}')]
        client = make_client(provider=replace(provider, oauth1=settings, claims=OfTheApplication()))
        assert (await client.profile()).sub == "app"
        assert "oauth_token" not in server.sent[0].protocol

    async def test_a_refusal_is_raised(self, make_client, provider, server, reply):
        server.answer = lambda _: reply(403, (), b"no")
        with pytest.raises(OAuthError) as caught:
            await make_client("t", "s", provider=provider).profile()
        assert caught.value.status == 403

    async def test_its_raw_answers_hold_no_credential(self, make_client, provider):
        token = {
            "oauth_token": "token",
            "oauth_token_secret": "token&secret",
            "oauth_session_handle": "h4ndle",
            "user_id": "12",
        }
        profile = await make_client(token, provider=provider).profile()
        assert profile.raw["token"] == {"user_id": "12"}
        assert "h4ndle" not in str(profile.raw)

    async def test_it_asks_only_pinned_origins(self, make_client, provider, make_server):
        other = await make_server()
        provider = replace(provider, identity=(IdentityRequest("userinfo", other.url),))
        with pytest.raises(UsageError) as caught:
            await make_client("t", "s", provider=provider).profile()
        assert caught.value.code == "foreign-origin"
        assert other.connections == {}

    async def test_an_answer_that_repeats_the_nonce_is_checked(self, make_client, provider, server, reply, clock):
        from joserfc import jwt
        from joserfc.jwk import OctKey

        def answer(sent):
            claims = {
                "id": 12,
                "name": "Ada",
                "nonce": sent.protocol["oauth_nonce"],
                "iat": int(clock.now),
                "aud": "client",
            }
            key = OctKey.import_key("client secret of a length that HS256 wants")
            return reply(body=jwt.encode({"alg": "HS256"}, claims, key).encode())

        server.answer = answer
        identity = IdentityRequest("userinfo", server.url, format="jwt", jwt=JWTRules(nonce=True))
        client = AsyncOAuth1Client(
            make_client().session,
            "client",
            "client secret of a length that HS256 wants",
            token={"oauth_token": "t", "oauth_token_secret": "s", "user_id": "12"},
            clock=clock,
            provider=replace(provider, identity=(identity,)),
        )
        assert (await client.profile()).sub == "12"


class TestAnswers:
    async def test_another_shape_of_answer_is_read(self, make_client, login, reply):
        login.server.replies = [reply(body=b'{"data": {"token": "a", "secret": "b"}}')]
        answer = TokenAnswer(
            fields={
                "oauth_token": lambda document: document["data"]["token"],
                "oauth_token_secret": lambda document: document["data"]["secret"],
                "oauth_callback_confirmed": lambda _: "true",
            }
        )
        client = make_client(provider=Provider(request_token_answer=answer))
        assert (await client.fetch_request_token(login.url))["oauth_token"] == "a"


@pytest.mark.parametrize("request_class", [None, "OAuthRequest"])
async def test_the_old_documentation_works_line_by_line(request_class, login):
    """The example of Authlib 0.12, with the import line changed."""
    from oauthreg import AsyncOAuth1Client, OAuthRequest

    REQUEST_TOKEN_URL = f"{login.url}/request_token"  # noqa: N806 - as in the documentation
    options = {"request_class": OAuthRequest} if request_class else {}
    async with aiohttp.ClientSession(**options) as session:
        client = AsyncOAuth1Client(session, "client", "client secret")
        request_token = await client.fetch_request_token(REQUEST_TOKEN_URL)
        assert sorted(request_token) == ["oauth_callback_confirmed", "oauth_token", "oauth_token_secret"]

        authenticate_url = "https://api.example.com/oauth/authenticate"
        url = client.create_authorization_url(authenticate_url, request_token["oauth_token"])
        assert url == "https://api.example.com/oauth/authenticate?oauth_token=request1"
        url = client.create_authorization_url(authenticate_url)
        assert url == "https://api.example.com/oauth/authenticate?oauth_token=request1"

        resp_url = "https://example.com/acme?oauth_token=request1&oauth_verifier=verifier+of+request1"
        client = AsyncOAuth1Client(session, "client", "client secret")
        client.token = {"oauth_token": "request1", "oauth_token_secret": request_token["oauth_token_secret"]}
        oauth_verifier = client.parse_authorization_response(resp_url)["oauth_verifier"]
        token = await client.fetch_access_token(f"{login.url}/access_token", oauth_verifier)

        client = AsyncOAuth1Client(session, "client", "client secret")
        access_token = {"oauth_token": token["oauth_token"], "oauth_secret": token["oauth_token_secret"]}
        client.token = access_token
        account_url = f"{login.url}/1.1/account/verify_credentials.json"
        async with client.get(account_url) as resp:
            data = await resp.json()
        assert data["name"] == "Ada"

        client = AsyncOAuth1Client(
            session, "client", "client secret", token=token["oauth_token"], token_secret=token["oauth_token_secret"]
        )
        resp = await client.get(account_url)
        assert (await resp.json())["name"] == "Ada"


class TestUnsignedCalls:
    """Calls that carry a field of the token answer in place of a signature."""

    @pytest.fixture
    def unsigned(self, provider):
        placement = TokenPlacement(name="X-Key", prefix="")
        return replace(provider, oauth1=OAuth1Settings(bearer="oauth_token_secret"), token_placement=placement)

    async def test_they_carry_it_and_nothing_else(self, make_client, unsigned, server, reply):
        server.answer = lambda _: reply(body=b'{"id": 12, "name": "Ada"}')
        client = make_client({"oauth_token": "t", "oauth_token_secret": "k3y", "user_id": "7"}, provider=unsigned)
        async with client.get("things"):
            pass
        await client.profile()
        assert [dict(sent.headers)["X-Key"] for sent in server.sent] == ["k3y", "k3y"]
        assert [(sent.places, sent.header("Authorization")) for sent in server.sent] == [({}, None)] * 2
        assert dict(client.auth.authenticate("GET", "https://a.example/", None, None).headers) == {"X-Key": "k3y"}

    async def test_there_must_be_a_token(self, make_client, unsigned, server):
        with pytest.raises(MissingTokenError):
            await make_client(provider=unsigned).get("things")
        assert server.sent == []

    @pytest.mark.parametrize("value", ["k3y\r\nX-Evil: 1", "k3y\x00", "k3y\ud800"])
    async def test_one_that_no_header_can_carry_is_refused(self, value, make_client, unsigned, server):
        with pytest.raises(MissingTokenError) as caught:
            await make_client("token", value, provider=unsigned).get("things")
        assert caught.value.code == "unusable-token"
        assert "k3y" not in str(caught.value)
        assert server.sent == []

    async def test_it_stays_with_the_provider_and_off_clear_text(self, make_client, unsigned, server):
        client = make_client("token", "k3y", provider=unsigned, allowed_origins=["http://other.example"])
        for url, code in (("https://else.example/", "foreign-origin"), ("http://other.example/", "insecure-url")):
            with pytest.raises(UsageError) as caught:
                await client.get(url)
            assert caught.value.code == code
        assert server.sent == []


class TestBaseOfTheToken:
    """An API whose host the token answer names."""

    class Base:
        names = frozenset({"token"})

        def render(self, documents):
            host = documents["token"].get("host")
            return f"{host}/" if host else None

    async def test_relative_urls_and_signatures_go_there(self, make_client, provider, make_server):
        site = await make_server()
        provider = replace(provider, api_base=self.Base(), api_origins=(self.Base(),))
        token = {"oauth_token": "token", "oauth_token_secret": "token&secret", "host": site.url.rstrip("/")}
        async with make_client(token, provider=provider).get("api/user"):
            pass
        assert site.sent[0].protocol["oauth_token"] == "token"
        with pytest.raises(UsageError) as caught:
            await make_client("t", "s", provider=provider).get(site.url)
        assert caught.value.code == "foreign-origin"

    @pytest.mark.parametrize("call", ["get", "profile"])
    async def test_a_token_that_is_set_meanwhile_changes_no_place(
        self, call, make_client, provider, make_server, reply
    ):
        """While an RSA key is read: the token of one customer does not go to another's site."""
        sites = [await make_server(), await make_server()]
        for site in sites:
            site.answer = lambda _: reply(body=b'{"id": 12, "name": "Ada"}')
        base = self.Base()
        provider = replace(
            provider, api_base=base, api_origins=(base,), identity=(IdentityRequest("userinfo", base, format="json"),)
        )
        first, second = (
            {"oauth_token": site.url, "oauth_token_secret": "s", "host": site.url.rstrip("/"), "user_id": "7"}
            for site in sites
        )
        key = generate_private_key()
        client = make_client(first, provider=provider, signature_method="RSA-SHA256", rsa_key=key)
        calling = asyncio.ensure_future(client.get("me") if call == "get" else client.profile())
        await asyncio.sleep(0)
        client.token = second
        await calling
        assert [sent.protocol["oauth_token"] for sent in sites[0].sent] == [sites[0].url]
        assert sites[1].sent == []
