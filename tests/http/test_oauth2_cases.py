"""Public mistakes of other OAuth 2.0 clients, tried on this one over the wire: ids of ``vectors/oauth2_cases.json``.

Those that need no network are tried in ``tests/oauth2``.
"""

import asyncio
import copy
import functools
import json
import logging
import pickle
import socket
import traceback
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from oauthreg.clock import Clock
from oauthreg.errors import (
    AccessDeniedError,
    MalformedResponseError,
    MismatchingStateError,
    OAuthError,
    ReauthorizationRequired,
    ResponseError,
    TemporarilyUnavailableError,
    TokenExpiredError,
    TokenStoreError,
    UsageError,
)
from oauthreg.http import AsyncOAuth2Client
from oauthreg.http.token_life import TokenLives
from oauthreg.provider import OAuth2Settings, Provider
from oauthreg.stores import MemoryStore, TokenKey

SECRETS = ("s3cr3t-of-client", "A1", "R1", "code-C1")
CALLBACK = "https://app.example/cb"


@pytest.fixture
def make_client(session, authority, clock):
    """Makes clients of ``authority``."""

    def make(**options):
        options = {"token_endpoint": f"{authority.url}/token", "clock": clock, "redirect_uri": CALLBACK, **options}
        return AsyncOAuth2Client(options.pop("session", session), "client", "s3cr3t-of-client", **options)

    return make


async def text_of(client, url):
    async with client.get(url) as response:
        return await response.text()


def bearers(authority):
    return [used.removeprefix("Bearer ") for used in authority.used]


class TestRefreshRace:
    async def test_case_RR01_three_requests_with_an_expired_token(self, authority, make_client, clock):
        client = make_client(token=authority.give(clock() - 1))
        authority.gate = asyncio.Event()
        requests = [asyncio.create_task(text_of(client, authority.url)) for _ in range(3)]
        await authority.arrived.wait()
        authority.gate.set()
        await asyncio.gather(*requests)
        assert authority.refreshes == ["R1"]
        assert bearers(authority) == ["A2"] * 3

    @pytest.mark.parametrize("account", ["ada", None])
    async def test_case_RR02_two_clients_with_the_same_token(self, account, authority, make_client, clock):
        lives, token = TokenLives(), authority.give(clock() - 1)
        clients = [make_client(lives=lives, account=account, token=dict(token)) for _ in range(2)]
        await asyncio.gather(*(text_of(client, authority.url) for client in clients))
        assert authority.refreshes == ["R1"]
        # A client that comes late with what was stored before sends no retired refresh token either.
        await text_of(make_client(lives=lives, account=account, token=dict(token)), authority.url)
        assert authority.refreshes == ["R1"]
        assert bearers(authority) == ["A2"] * 3

    @pytest.mark.parametrize("count", [1, 50])
    def test_case_RR02_50_tasks_for_each_of_many_clients(self, count, clock):
        server = InProcess()
        lives, token = TokenLives(), server.token(clock() - 1)
        options = {"lives": lives, "account": "ada", "token_endpoint": server.url, "clock": clock}
        clients = [AsyncOAuth2Client(server, "client", token=dict(token), **options) for _ in range(count)]

        async def all_at_once():
            return await asyncio.gather(*(client.get(server.url) for client in clients for _ in range(50)))

        assert len(asyncio.run(all_at_once())) == 50 * count
        assert server.refreshes == ["R1"]

    async def test_case_RR03_who_waited_looks_again(self, authority, make_client, clock):
        client = make_client(token=authority.give(clock() + 30))
        authority.gate = asyncio.Event()
        poll = asyncio.create_task(text_of(client, authority.url))
        await authority.arrived.wait()
        command = asyncio.create_task(text_of(client, authority.url))
        await asyncio.sleep(0)
        authority.gate.set()
        await asyncio.gather(poll, command)
        assert authority.refreshes == ["R1"]

    def test_case_RR04_a_second_event_loop(self, clock):
        """The session is of one event loop; the client's token and its renewals are not."""
        server = InProcess()
        client = AsyncOAuth2Client(
            server, "client", "secret", token=server.token(clock() - 1), refresh_token_url=server.url, clock=clock
        )

        async def twice():
            return [
                response.status for response in await asyncio.gather(client.get(server.url), client.get(server.url))
            ]

        assert asyncio.run(twice()) == [200, 200]
        clock.advance(3600)
        assert asyncio.run(twice()) == [200, 200]
        assert server.refreshes == ["R1", "R2"]

    async def test_case_RR05_another_process_renewed_first(self, authority, make_client, clock):
        store, token = MemoryStore(), authority.give(clock() + 100)
        first = make_client(store=store, account="ada", token=token)
        second = make_client(store=store, account="ada", token=dict(token))
        await text_of(second, authority.url)
        clock.advance(100)
        await text_of(first, authority.url)
        await text_of(second, authority.url)
        assert authority.refreshes == ["R1"]
        assert bearers(authority) == ["A1", "A2", "A2"]

    async def test_case_RR05_the_other_process_is_waited_for(self, authority, make_client, clock):
        store, token = MemoryStore(), authority.give(clock() - 1)
        clients = [make_client(store=store, account="ada") for _ in range(10)]
        await store.save(TokenKey("custom", "ada", "client", server=f"{authority.url}/token"), token, seen_version=None)
        await asyncio.gather(*(text_of(client, authority.url) for client in clients))
        assert authority.refreshes == ["R1"]

    async def test_case_RR06_two_users_at_one_provider(self, authority, session, clock, json_reply):
        provider = Provider(name="acme", protocol="oauth2", endpoints={"token": f"{authority.url}/token"})
        lives, users = TokenLives(MemoryStore()), ("ada", "bob")
        answers = {"R-ada": "A-ada", "R-bob": "A-bob"}

        async def token(form):
            await asyncio.sleep(0)
            access = answers[form["refresh_token"]]
            authority.good.add(access)
            return json_reply({"access_token": access, "expires_in": 3600})

        authority.token = token
        clients = [
            AsyncOAuth2Client(
                session,
                "client",
                provider=provider,
                lives=lives,
                account=user,
                clock=clock,
                token={"access_token": "old", "refresh_token": f"R-{user}", "expires_at": clock() - 1},
            )
            for user in users
        ]
        answers = await asyncio.gather(*(text_of(client, authority.url) for client in clients))
        assert [json.loads(answer)["token"] for answer in answers] == ["A-ada", "A-bob"]

    async def test_case_RR08_the_caller_is_cancelled_while_the_answer_is_on_its_way(
        self, authority, make_client, clock
    ):
        saved = []
        client = make_client(token=authority.give(clock() - 1), token_updater=saved.append)
        authority.gate = asyncio.Event()
        caller = asyncio.create_task(text_of(client, authority.url))
        await authority.arrived.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        authority.gate.set()
        await client.aclose()
        assert [token["refresh_token"] for token in saved] == ["R2"]
        await text_of(client, authority.url)
        assert authority.refreshes == ["R1"]
        assert bearers(authority) == ["A2"]


class InProcess:
    """A session that needs no event loop: answers of a rotating server, made in the process itself."""

    url = "https://as.example/token"
    headers = ()
    _middlewares = ()

    def __init__(self):
        self.number = 0
        self.refreshes = []

    def token(self, ends):
        self.number += 1
        return {
            "access_token": f"A{self.number}",
            "refresh_token": f"R{self.number}",
            "expires_at": ends,
        }

    def request(self, method, url, *, data=None, **_):
        return InProcessAnswer(self, data)


class InProcessAnswer:
    headers = {}  # noqa: RUF012 - nothing is written into it
    status = 200

    def __init__(self, server, data):
        self.server, self.data = server, data
        self.content = self

    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        return self

    async def __aenter__(self):
        await asyncio.sleep(0)
        if self.data is not None:
            self.server.refreshes += parse_qs(self.data.decode())["refresh_token"]
        return self

    async def __aexit__(self, *_):
        pass

    async def iter_any(self):
        yield json.dumps({**self.server.token(None), "expires_in": 3600, "expires_at": None}).encode()


class TestRefreshFailure:
    async def test_case_RF01_a_dead_grant_asks_for_a_new_login(self, authority, make_client, clock):
        client = make_client(token=authority.give(clock() - 1))
        authority.is_dead = True
        with pytest.raises(ReauthorizationRequired) as caught:
            await client.get(authority.url)
        assert isinstance(caught.value, OAuthError)
        assert (caught.value.error, caught.value.description) == ("invalid_grant", "used before")

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 429])
    async def test_case_RF02_an_outage_keeps_the_token(self, status, authority, make_client, clock, reply):
        store = MemoryStore()
        client = make_client(token=authority.give(clock() - 1), store=store, account="ada")
        authority.replies = [reply(status, (), b'{"error": "invalid_grant"}')]
        with pytest.raises(TemporarilyUnavailableError):
            await client.get(authority.url)
        stored, _ = await store.load(client._key)
        assert client.token.refresh_token == stored["refresh_token"] == "R1"
        await text_of(client, authority.url)
        assert authority.refreshes == ["R1"]

    async def test_case_RF02_no_connection_keeps_the_token(self, make_client, make_server, authority, clock):
        gone = f"http://127.0.0.1:{unused_port()}/token"
        client = make_client(token=authority.give(clock() - 1), refresh_token_url=gone)
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.get(authority.url)
        assert client.token.refresh_token == "R1"

    async def test_case_RF02_a_time_out_keeps_the_token(self, make_client, make_server, authority, clock):
        silent = await make_server()
        silent.answer = silent.stay_silent
        client = make_client(token=authority.give(clock() - 1))
        with pytest.raises(TimeoutError):
            await client.refresh_token(f"{silent.url}/token", timeout=aiohttp.ClientTimeout(total=0.01))
        assert client.token.refresh_token == "R1"

    async def test_case_RF05_invalid_grant_is_posted_once(self, authority, make_client, clock):
        client = make_client(token=authority.give(clock() - 1))
        authority.is_dead = True
        with pytest.raises(ReauthorizationRequired):
            await client.get(authority.url)
        assert authority.refreshes == ["R1"]

    async def test_case_RF06_later_polls_make_no_traffic_until_a_new_token_is_set(self, authority, make_client, clock):
        client = make_client(token=authority.give(clock() - 1))
        authority.is_dead = True
        for _ in range(4):
            with pytest.raises(ReauthorizationRequired):
                await client.get(authority.url)
            clock.advance(80)
        assert authority.log == ["POST /token"]
        client.token = authority.give(clock() + 3600)
        await text_of(client, authority.url)

    async def test_case_RF08_no_empty_refresh_token_is_sent(self, authority, make_client, clock):
        client = make_client(token={"access_token": "A1", "refresh_token": "", "expires_at": clock() - 1})
        with pytest.raises(TokenExpiredError):
            await client.get(authority.url)
        assert authority.log == []

    async def test_case_RF09_further_fields_of_the_refusal_can_be_read(self, authority, make_client, clock, json_reply):
        client = make_client(token=authority.give(clock() - 1))
        refusal = {"error": "invalid_grant", "error_description": "reauth", "error_subtype": "invalid_rapt"}
        authority.replies = [json_reply(refusal, 400)]
        with pytest.raises(ReauthorizationRequired) as caught:
            await client.get(authority.url)
        assert caught.value.parameters["error_subtype"] == "invalid_rapt"

    async def test_case_RF10_an_error_is_never_taken_for_a_token(self, authority, make_client, clock, json_reply):
        saved = []
        client = make_client(token=authority.give(clock() - 1), token_updater=saved.append)
        authority.replies = [json_reply({"error": "invalid_grant"})]
        with pytest.raises(ReauthorizationRequired):
            await client.refresh_token()
        assert saved == []
        assert client.token.access_token == "A1"

    async def test_case_RF11_a_request_for_a_token_needs_none(self, authority, make_client, clock):
        client = make_client(token=authority.give(clock() - 1))
        await text_of(client, authority.url)
        assert authority.log == ["POST /token", "GET /"]
        assert authority.authorizations == ["Basic Y2xpZW50OnMzY3IzdC1vZi1jbGllbnQ="]


def unused_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class TestPersistence:
    async def test_case_PE01_saved_before_the_request_is_made(self, authority, make_client, clock):
        async def save(token):
            authority.log.append("saving")
            await asyncio.sleep(0)
            authority.log.append(f"saved {token.refresh_token}")

        await text_of(make_client(token=authority.give(clock() - 1), token_updater=save), authority.url)
        assert authority.log == ["POST /token", "saving", "saved R2", "GET /"]

    async def test_case_PE02_a_failed_save_is_told_and_tried_first_next_time(self, authority, make_client, clock):
        attempts = []

        def save(token):
            attempts.append(token.refresh_token)
            if len(attempts) == 1:
                raise OSError("disk full")

        client = make_client(token=authority.give(clock() - 1), token_updater=save)
        with pytest.raises(TokenStoreError) as caught:
            await client.get(authority.url)
        assert isinstance(caught.value.__cause__, OSError)
        assert client.token.refresh_token == "R2"
        assert authority.log == ["POST /token"]
        await text_of(client, authority.url)
        assert (attempts, authority.log) == (["R2", "R2"], ["POST /token", "GET /"])

    async def test_case_PE03_saved_though_the_request_fails(self, authority, make_client, clock, reply):
        saved = []
        client = make_client(token=authority.give(clock() - 1), token_updater=saved.append)
        authority.api_replies = [reply(500)]
        async with client.get(authority.url) as response:
            assert response.status == 500
        assert [token.refresh_token for token in saved] == ["R2"]


class Saver:
    def __init__(self):
        self.saved = []

    async def __call__(self, token):
        self.saved.append(token.refresh_token)


class TestCallbacks:
    async def test_case_CB01_a_plain_function(self, authority, make_client, clock):
        saved = []
        await text_of(make_client(token=authority.give(clock() - 1), token_updater=saved.append), authority.url)
        assert [token.refresh_token for token in saved] == ["R2"]

    @pytest.mark.parametrize("kind", ["returns the token", "lambda", "partial", "callable object"])
    async def test_case_CB02_whatever_can_be_called(self, kind, authority, make_client, clock):
        saver = Saver()

        def returning(token):
            saver.saved.append(token.refresh_token)
            return token

        async def with_place(place, token):
            place.append(token.refresh_token)

        kinds = {
            "returns the token": returning,
            "lambda": lambda token: returning(token) and None,
            "partial": functools.partial(with_place, saver.saved),
            "callable object": saver,
        }
        await text_of(make_client(token=authority.give(clock() - 1), token_updater=kinds[kind]), authority.url)
        assert saver.saved == ["R2"]

    @pytest.mark.parametrize("is_async", [True, False])
    async def test_case_CB03_a_hook_of_the_refresh_request(self, is_async, authority, make_client, clock):
        def hook(url, headers, body):
            return url + "?nonce=1", {**headers, "X-Nonce": "n1"}, body + "&nonce=n1"

        async def slow_hook(url, headers, body):
            await asyncio.sleep(0)
            return hook(url, headers, body)

        client = make_client(token=authority.give(clock() - 1))
        client.register_compliance_hook("refresh_token_request", slow_hook if is_async else hook)
        await text_of(client, authority.url)
        sent = authority.server.sent[0]
        assert sent.target == "/token?nonce=1"
        assert sent.header("X-Nonce") == "n1"
        assert authority.asked == [{"grant_type": "refresh_token", "refresh_token": "R1", "nonce": "n1"}]


async def pieces():
    yield b"a"


class TestRetryAfter401:
    async def test_case_R401_one_renewal_and_one_retry(self, authority, make_client, clock):
        client = make_client(token=authority.give(clock() + 3600))
        authority.good.clear()
        async with client.get(authority.url) as response:
            assert response.status == 200
        assert bearers(authority) == ["A1", "A2"]
        assert authority.refreshes == ["R1"]

    async def test_case_R401_a_second_401_is_the_callers(self, authority, make_client, clock, reply):
        client = make_client(token=authority.give(clock() + 3600))
        authority.api_replies = [reply(401), reply(401, (), b"second"), reply(401, (), b"third")]
        for expected in ("second", "third"):
            async with client.get(authority.url) as response:
                assert (response.status, await response.text()) == (401, expected)
        assert authority.refreshes == ["R1"]
        assert bearers(authority) == ["A1", "A2", "A2"]

    @pytest.mark.parametrize("make_body", [pieces, lambda: open(__file__, "rb")], ids=["stream", "file"])  # noqa: SIM115, PTH123
    async def test_case_R402_a_body_that_is_used_up_is_not_sent_again(self, make_body, authority, make_client, clock):
        client = make_client(token=authority.give(clock() + 3600))
        authority.good.clear()
        async with client.post(authority.url, data=make_body()) as response:
            assert response.status == 401
        assert authority.refreshes == ["R1"]
        assert bearers(authority) == ["A1"]
        await text_of(client, authority.url)
        assert bearers(authority) == ["A1", "A2"]

    async def test_case_R403_the_same_request_again(self, authority, make_client, clock):
        client = make_client(token=authority.give(clock() + 3600))
        authority.good.clear()
        async with client.patch(
            f"{authority.url}/it", json={"a": 1}, params={"q": "x y"}, headers={"X-Own": "1"}
        ) as response:
            assert json.loads(await response.text()) == {"token": "A2", "body": '{"a": 1}', "method": "PATCH"}
        first, _, second = authority.server.sent
        assert (first.target, first.body, first.header("X-Own")) == (second.target, second.body, "1")
        assert first.header("Content-Type") == second.header("Content-Type") == "application/json"


class TestClientCredentials:
    async def test_case_CC02_the_definition_names_the_grant(self, authority, session, clock):
        provider = Provider(
            name="acme",
            protocol="oauth2",
            endpoints={"token": f"{authority.url}/token"},
            oauth2=OAuth2Settings(grants=("client_credentials",)),
        )
        client = AsyncOAuth2Client(
            session,
            "client",
            "secret",
            provider=provider,
            clock=clock,
            token={"access_token": "old", "expires_at": clock() - 1},
        )
        await text_of(client, authority.url)
        assert authority.asked == [{"grant_type": "client_credentials"}]
        assert bearers(authority) == ["A1"]

    async def test_case_CC03_headers_of_token_requests_are_their_own(self, authority, make_client, clock):
        client = make_client()
        await client.fetch_token(f"{authority.url}/token", headers={"X-Token": "t"}, grant_type="client_credentials")
        clock.advance(3600)
        async with client.get(f"{authority.url}/token/api", headers={"X-Api": "a"}):
            pass
        first, renewal, call = authority.server.sent
        assert [sent.header("X-Token") for sent in (first, renewal, call)] == ["t", "t", None]
        assert [sent.header("X-Api") for sent in (first, renewal, call)] == [None, None, "a"]

    async def test_case_CC05_the_new_token_is_used_right_after(self, authority, make_client):
        client = make_client()
        await client.fetch_token()
        await text_of(client, authority.url)
        assert bearers(authority) == ["A1"]

    async def test_case_EX04_a_token_of_unknown_lifetime_is_fetched_once(self, authority, make_client, clock):
        authority.fields = {"expires_in": None}
        client = make_client(grant_type="client_credentials")
        await text_of(client, authority.url)
        clock.advance(5)
        await text_of(client, authority.url)
        assert len(authority.asked) == 1

    async def test_case_SC08_the_configured_scope_is_asked_for(self, authority, make_client):
        await make_client(grant_type="client_credentials", scope=["a", "b"]).fetch_token()
        await make_client(grant_type="client_credentials").fetch_token()
        assert authority.asked == [
            {"grant_type": "client_credentials", "scope": "a b"},
            {"grant_type": "client_credentials"},
        ]


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_case_RL01_no_token_goes_to_another_origin(
        self, status, authority, make_client, make_server, redirect, clock
    ):
        other = await make_server()
        client = make_client(token=authority.give(clock() + 3600))
        authority.api_replies = [redirect(status, f"{other.url}/stolen")]
        async with client.get(authority.url):
            pass
        assert [sent.header("Authorization") for sent in other.sent] == [None]

    async def test_case_RL01_within_the_origin_it_goes_along(self, authority, make_client, redirect, clock):
        client = make_client(token=authority.give(clock() + 3600))
        authority.api_replies = [redirect(302, "/there")]
        async with client.get(authority.url):
            pass
        assert bearers(authority) == ["A1", "A1"]

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize(
        "call",
        [
            lambda client: client.fetch_token(code="code-C1"),
            lambda client: client.refresh_token(),
            lambda client: client.revoke_token(),
            lambda client: client.introspect_token(),
            lambda client: client.device_login(),
        ],
        ids=["code", "refresh", "revoke", "introspect", "device"],
    )
    async def test_case_RL03_a_protocol_request_follows_no_redirect(
        self, call, status, authority, make_client, make_server, redirect, clock
    ):
        other = await make_server()
        client = make_client(
            token=authority.give(clock() + 3600),
            revocation_endpoint=f"{authority.url}/revoke",
            introspection_endpoint=f"{authority.url}/introspect",
            device_authorization_endpoint=f"{authority.url}/device",
        )
        authority.replies = [redirect(status, f"{other.url}/stolen?secret=1")]
        with pytest.raises(MalformedResponseError) as caught:
            await call(client)
        assert caught.value.code == "redirect-refused"
        assert other.url in str(caught.value)
        assert "stolen" not in str(caught.value)
        assert (other.sent, other.connections) == ([], {})

    async def test_case_RL04_the_header_by_default(self, authority, make_client, clock):
        await text_of(make_client(token=authority.give(clock() + 3600)), authority.url)
        assert authority.server.sent[0].header("Authorization") == "Bearer A1"
        assert "A1" not in authority.server.sent[0].target

    async def test_case_RL04_the_query_with_a_warning(self, authority, make_client, clock, caplog):
        client = make_client(token=authority.give(clock() + 3600), token_placement="uri")
        assert "URLs" in caplog.text
        async with client.get(f"{authority.url}/?a=1"):
            pass
        assert authority.server.sent[0].target == "/?a=1&access_token=A1"


class TestTransport:
    @pytest.mark.parametrize(
        "call",
        [
            lambda client, url: client.fetch_token(url, code="C"),
            lambda client, url: client.refresh_token(url),
            lambda client, url: client.revoke_token(url),
            lambda client, url: client.introspect_token(url),
            lambda client, url: client.token_exchange(url=url),
        ],
        ids=["code", "refresh", "revoke", "introspect", "exchange"],
    )
    async def test_case_IT01_nothing_is_sent_in_clear_text(self, call, authority, make_client, any_host_session, clock):
        client = make_client(session=any_host_session, token=authority.give(clock() + 3600))
        with pytest.raises(UsageError) as caught:
            await call(client, "http://as.example/token")
        assert caught.value.code == "insecure-url"
        assert authority.server.connections == {}

    async def test_case_IT01_nor_is_an_api_called(self, authority, make_client, any_host_session, clock):
        client = make_client(session=any_host_session, token=authority.give(clock() + 3600))
        with pytest.raises(UsageError) as caught:
            await client.get("http://api.example/")
        assert caught.value.code == "insecure-url"

    async def test_case_IT02_no_switch_in_the_environment(self, make_client, any_host_session, monkeypatch):
        monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
        monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
        with pytest.raises(UsageError):
            await make_client(session=any_host_session).fetch_token("http://as.example/token", code="C")

    async def test_case_RT01_a_code_is_sent_once(self, authority, make_client, reply):
        client = make_client()
        authority.replies = [reply(status=None)]
        with pytest.raises(aiohttp.ClientError) as caught:
            await client.fetch_token(code="code-C1")
        assert "may be spent" in caught.value.__notes__[0]
        assert authority.log == ["POST /token"]

    async def test_case_RT02_a_refresh_token_is_sent_once(self, authority, make_client, reply, clock):
        client = make_client(token=authority.give(clock() - 1))
        authority.replies = [reply(status=None)]
        with pytest.raises(aiohttp.ClientError) as caught:
            await client.get(authority.url)
        assert "may be spent" in caught.value.__notes__[0]
        assert authority.log == ["POST /token"]

    async def test_case_RT02_twice_where_the_provider_allows_it(self, authority, session, reply, clock):
        provider = Provider(
            protocol="oauth2",
            endpoints={"token": f"{authority.url}/token"},
            oauth2=OAuth2Settings(refresh_repeatable=True),
        )
        client = AsyncOAuth2Client(session, "client", provider=provider, token=authority.give(clock() - 1), clock=clock)
        authority.replies = [reply(status=None)]
        await text_of(client, authority.url)
        assert authority.log == ["POST /token", "POST /token", "GET /"]


class TestSecrets:
    async def test_case_SL01_the_log_tells_no_secret(self, authority, make_client, caplog):
        caplog.set_level(logging.DEBUG)
        client = make_client()
        _, state = client.create_authorization_url("https://as.example/authorize")
        await client.fetch_token(authorization_response=f"{CALLBACK}?code=code-C1&state={state}")
        await text_of(client, f"{authority.url}/?private=1")
        assert "POST" in caplog.text
        assert f"{authority.url}/token: 200" in caplog.text
        verifier = authority.asked[0]["code_verifier"]
        assert [secret for secret in (*SECRETS, verifier, state, "private") if secret in caplog.text] == []

    @pytest.mark.parametrize(
        "body",
        [b"client_secret=s3cr3t-of-client&refresh_token=R1&x=1", b'{"error": "bad", "hint": "s3cr3t-of-client"}'],
    )
    async def test_case_SL02_errors_do_not_repeat_what_a_server_echoes(
        self, body, authority, make_client, reply, clock
    ):
        client = make_client(token=authority.give(clock() - 1, refresh_token="R1-which-is-long"))
        authority.replies = [reply(400, (), body)]
        with pytest.raises(OAuthError) as caught:
            await client.get(authority.url)
        shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.args) + str(vars(caught.value))
        assert [secret for secret in ("s3cr3t-of-client", "R1-which") if secret in shown] == []

    async def test_case_SL03_neither_client_nor_token_shows_a_secret(self, authority, make_client, clock):
        client = make_client(token=authority.give(clock() + 3600, access_token="PLANTED-access"))
        shown = [
            repr(client),
            str(client),
            repr(client.token),
            f"{client.token}",
            repr(client._life),
            repr(client._lives),
        ]
        assert [text for text in shown if "PLANTED" in text or "s3cr3t" in text or "R1" in text] == []

    async def test_case_SL04_a_bad_callback_is_not_quoted(self, authority, make_client):
        client = make_client()
        _, state = client.create_authorization_url("https://as.example/authorize")
        for callback in (f"{CALLBACK}?code=code-C1&state=wrong", f"{CALLBACK}?state={state}"):
            with pytest.raises(ResponseError) as caught:
                await client.fetch_token(authorization_response=callback)
            shown = "".join(traceback.format_exception(caught.value))
            assert [text for text in ("code-C1", state, "wrong") if text in str(caught.value)] == []
            assert CALLBACK not in shown.rpartition("Error: ")[2]


class TestSessionLifeCycle:
    async def test_case_SE02_a_token_can_be_pickled_and_a_client_says_why_not(self, authority, make_client, clock):
        client = make_client(token=authority.give(clock() + 3600))
        assert pickle.loads(pickle.dumps(client.token)) == client.token
        assert copy.deepcopy(client.token) == client.token
        for duplicate in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="bound to its session"):
                duplicate(client)

    async def test_case_SE03_the_session_of_another_event_loop_is_named(self, authority, make_client, clock):
        client = make_client(token=authority.give(clock() + 3600))

        async def call():
            await client.get(authority.url)

        with pytest.raises(UsageError) as caught:
            await asyncio.to_thread(asyncio.run, call())
        assert caught.value.code == "foreign-event-loop"
        assert authority.log == []

    async def test_case_SE05_awaited_and_entered_in_every_state_of_the_token(self, authority, make_client, clock):
        client = make_client(grant_type="client_credentials")
        for _ in ("none yet", "good", "expired", "rejected"):
            async with client.get(authority.url) as response:
                assert response.status == 200
            clock.advance(3600)
            response = await client.get(authority.url)
            assert response.status == 200
            response.release()
            authority.good.clear()


class TestExpiry:
    async def test_case_EX03_an_unknown_lifetime_ends_with_a_401(self, authority, make_client, clock):
        client = make_client(token=authority.give())
        clock.advance(10 * 86400)
        await text_of(client, authority.url)
        assert authority.refreshes == []
        assert "expires_at" not in client.token
        authority.good.clear()
        await text_of(client, authority.url)
        assert authority.refreshes == ["R1"]

    async def test_case_EC01_the_new_end_counts(self, authority, make_client, clock):
        client = make_client(token=authority.give(1000))
        await text_of(client, authority.url)
        assert client.token.expires_at == clock() + 3600
        await text_of(client, authority.url)
        assert authority.refreshes == ["R1"]

    async def test_case_EC02_renewed_before_it_ends(self, authority, make_client, clock):
        client = make_client(token={**authority.give(), "expires_at": clock() + 0.2})
        await text_of(client, authority.url)
        assert bearers(authority) == ["A2"]

    async def test_case_EC02_the_leeway_can_be_chosen(self, authority, make_client, clock):
        client = make_client(token=authority.give(clock() + 1), leeway=0)
        await text_of(client, authority.url)
        assert bearers(authority) == ["A1"]

    async def test_case_EC03_a_short_lived_token_without_refresh_token_is_used(self, authority, make_client, clock):
        authority.fields = {"expires_in": 59, "refresh_token": None}
        client = make_client()
        await client.fetch_token(code="C")
        await text_of(client, authority.url)
        clock.advance(58)
        await text_of(client, authority.url)
        assert bearers(authority) == ["A1", "A1"]

    async def test_case_EC06_the_lifetime_counts_from_the_request(self, authority, make_client, clock):
        client = make_client(token=authority.give(clock() - 1))
        authority.gate, began = asyncio.Event(), clock()
        request = asyncio.create_task(text_of(client, authority.url))
        await authority.arrived.wait()
        clock.advance(30)
        authority.gate.set()
        await request
        assert client.token.expires_at == began + 3600

    async def test_case_EC07_an_expired_refresh_token_is_not_sent(self, authority, make_client, clock):
        authority.fields = {"expires_in": 300, "refresh_expires_in": 1800}
        client = make_client()
        await client.fetch_token(code="C")
        clock.advance(7200)
        with pytest.raises(ReauthorizationRequired):
            await client.get(authority.url)
        assert authority.refreshes == []


class TestKeptFields:
    async def test_case_RK01_an_absent_refresh_token_stays(self, authority, make_client, clock):
        authority.fields = {"refresh_token": None}
        client = make_client(token=authority.give(clock() - 1))
        await client.refresh_token()
        authority.current = "R1"
        await client.refresh_token()
        assert authority.refreshes == ["R1", "R1"]

    async def test_case_RK03_a_new_refresh_token_takes_its_place(self, authority, make_client, clock):
        saved = []
        client = make_client(token=authority.give(clock() - 1), token_updater=saved.append)
        await client.refresh_token()
        await client.refresh_token()
        assert authority.refreshes == ["R1", "R2"]
        assert [token.refresh_token for token in saved] == ["R2", "R3"]

    async def test_case_RK06_the_new_token_is_returned_kept_and_told(self, authority, make_client):
        saved = []
        client = make_client(token=authority.give(1), token_updater=saved.append)
        token = await client.refresh_token()
        assert token == client.token == saved[0]
        assert (token.access_token, token.refresh_token) == ("A2", "R2")

    async def test_case_RK07_no_refresh_token_of_another_login(self, authority, make_client, clock):
        client = make_client(token=authority.give(clock() + 3600), account="ada", store=MemoryStore())
        authority.fields = {"refresh_token": None}
        token = await client.fetch_token(code="C")
        assert token.refresh_token is None
        assert client.token.refresh_token is None

    async def test_case_TR12_an_answer_without_token_changes_nothing(self, authority, make_client, clock, reply):
        saved, store = [], MemoryStore()
        client = make_client(token=authority.give(clock() - 1), token_updater=saved.append, store=store, account="ada")
        for body in (b"", b"null", b"[]", b'"AT1"', b'{"ok":true}', b'{"access_token":""}', b'{"access_token":123}'):
            authority.replies = [reply(body=body)]
            with pytest.raises(MalformedResponseError):
                await client.get(authority.url)
        assert (await store.load(client._key))[0]["access_token"] == client.token.access_token == "A1"
        assert saved == []

    async def test_case_TT01_the_canonical_word(self, authority, make_client):
        authority.fields = {"token_type": "bearer"}
        client = make_client()
        await client.fetch_token(code="C")
        await text_of(client, authority.url)
        assert authority.used == ["Bearer A1"]


class TestLogins:
    @pytest.mark.parametrize(
        ("query", "code"),
        [("code=C&state=evil", "state-mismatch"), ("code=C", "state-missing"), ("code=C&state=", "state-missing")],
    )
    async def test_case_ST01_a_wrong_state_sends_nothing(self, query, code, authority, make_client):
        client = make_client()
        client.create_authorization_url("https://as.example/authorize")
        with pytest.raises(MismatchingStateError) as caught:
            await client.fetch_token(authorization_response=f"{CALLBACK}?{query}")
        assert caught.value.code == code
        assert authority.log == []

    async def test_case_ST02_a_callback_is_taken_once(self, authority, make_client):
        client = make_client()
        _, state = client.create_authorization_url("https://as.example/authorize")
        await client.fetch_token(authorization_response=f"{CALLBACK}?code=C&state={state}")
        with pytest.raises(MismatchingStateError) as caught:
            await client.fetch_token(authorization_response=f"{CALLBACK}?code=C&state={state}")
        assert caught.value.code == "login-finished"
        assert len(authority.asked) == 1

    async def test_case_ST02_by_no_client_of_the_registry(self, authority, make_client):
        lives = TokenLives()
        pending = await make_client(lives=lives, authorization_endpoint="https://as.example/authorize").start()
        callback = f"{CALLBACK}?code=C&state={pending.values['state']}"
        await make_client(lives=lives).finish(pending, callback)
        with pytest.raises(MismatchingStateError) as caught:
            await make_client(lives=lives).finish(pending, callback)
        assert caught.value.code == "login-finished"
        assert len(authority.asked) == 1

    async def test_case_ST03_two_tabs(self, authority, make_client):
        client = make_client()
        states = [client.create_authorization_url("https://as.example/authorize")[1] for _ in range(2)]
        for state in states:
            await client.fetch_token(authorization_response=f"{CALLBACK}?code=C&state={state}")
        assert len(authority.asked) == 2

    @pytest.mark.parametrize(("binding", "code"), [("bob's", "binding-mismatch"), (None, "binding-missing")])
    async def test_case_ST04_a_login_of_another_browser(self, binding, code, authority, make_client):
        client = make_client(authorization_endpoint="https://as.example/authorize")
        pending = await client.start(binding="mallory's")
        callback = f"{CALLBACK}?code=C&state={pending.values['state']}"
        with pytest.raises(MismatchingStateError) as caught:
            await client.finish(pending, callback, binding=binding)
        assert caught.value.code == code
        assert authority.log == []
        assert "mallory" not in pending.to_json()
        await client.finish(pending, callback, binding="mallory's")

    async def test_case_ST05_too_late(self, authority, make_client, clock):
        client = make_client(authorization_endpoint="https://as.example/authorize")
        pending = await client.start()
        _, state = client.create_authorization_url()
        clock.advance(11 * 60)
        with pytest.raises(MismatchingStateError) as caught:
            await client.finish(pending, f"{CALLBACK}?code=C&state={pending.values['state']}")
        assert caught.value.code == "login-expired"
        with pytest.raises(MismatchingStateError) as caught:
            await client.fetch_token(authorization_response=f"{CALLBACK}?code=C&state={state}")
        assert caught.value.code == "login-expired"
        assert authority.log == []

    async def test_case_CE02_a_refusal_leaves_the_login_open(self, authority, make_client):
        client = make_client()
        _, state = client.create_authorization_url("https://as.example/authorize")
        with pytest.raises(AccessDeniedError) as caught:
            await client.fetch_token(authorization_response=f"{CALLBACK}?error=access_denied")
        assert caught.value.parameters["state_verified"] is False
        await client.fetch_token(authorization_response=f"{CALLBACK}?code=C&state={state}")

    async def test_case_CM04_a_callback_seen_as_http(self, authority, make_client):
        client = make_client()
        _, state = client.create_authorization_url("https://as.example/authorize")
        await client.fetch_token(authorization_response=f"http://app.example/cb?code=C&state={state}")
        assert authority.asked[0]["redirect_uri"] == CALLBACK

    async def test_case_PK06_each_login_has_its_own_verifier(self, authority, make_client):
        client = make_client()
        logins = [client.create_authorization_url("https://as.example/authorize") for _ in range(2)]
        for number, (url, _) in enumerate(logins):
            authority.challenges[f"C{number}"] = parse_qs(urlsplit(url).query)["code_challenge"][0]
        for number, (_, state) in reversed(list(enumerate(logins))):
            await client.fetch_token(authorization_response=f"{CALLBACK}?code=C{number}&state={state}")
        assert authority.challenges == {}
        assert len({asked["code_verifier"] for asked in authority.asked}) == 2

    async def test_case_PC01_a_public_client_names_itself_only(self, authority, session):
        client = AsyncOAuth2Client(session, "client", redirect_uri=CALLBACK, token_endpoint=f"{authority.url}/token")
        _, state = client.create_authorization_url("https://as.example/authorize")
        await client.fetch_token(authorization_response=f"{CALLBACK}?code=C&state={state}")
        assert authority.asked[0].keys() == {"grant_type", "code", "redirect_uri", "code_verifier", "client_id"}
        assert authority.authorizations == [None]

    async def test_case_TE04_the_state_is_not_sent_on(self, authority, make_client):
        client = make_client()
        _, state = client.create_authorization_url("https://as.example/authorize")
        await client.fetch_token(authorization_response=f"{CALLBACK}?code=C&state={state}")
        assert "state" not in authority.asked[0]

    async def test_case_AU03_the_redirection_uri_is_sent_as_it_was_given(self, authority, make_client):
        client = make_client(redirect_uri="https://c.example")
        url, state = client.create_authorization_url("https://as.example/authorize")
        assert "redirect_uri=https%3A%2F%2Fc.example&" in url
        await client.fetch_token(authorization_response=f"https://c.example/?code=C&state={state}")
        assert authority.asked[0]["redirect_uri"] == "https://c.example"


class TestResources:
    async def test_case_RA02_one_resource_in_all_three_requests(self, authority, make_client):
        client = make_client(resource="https://api.example/", audience="orders")
        url, state = client.create_authorization_url("https://as.example/authorize")
        await client.fetch_token(authorization_response=f"{CALLBACK}?code=C&state={state}")
        await client.refresh_token()
        assert "resource=https%3A%2F%2Fapi.example%2F" in url
        assert "audience=orders" in url
        assert [asked["resource"] for asked in authority.asked] == ["https://api.example/"] * 2
        assert [asked["audience"] for asked in authority.asked] == ["orders"] * 2

    @pytest.mark.parametrize(
        "different",
        [{"resource": "https://{}.example"}, {"audience": "{}"}, {"scope": "{}"}],
        ids=["resource", "audience", "scope"],
    )
    async def test_case_RA04_tokens_for_different_things_are_not_mixed(self, different, authority, make_client):
        ((name, pattern),) = different.items()
        lives = TokenLives(MemoryStore())
        for value in ("one", "two", "one", "two"):
            client = make_client(lives=lives, grant_type="client_credentials", **{name: pattern.format(value)})
            await text_of(client, authority.url)
        assert len(authority.asked) == 2
        assert bearers(authority) == ["A1", "A2", "A1", "A2"]


class TestDevices:
    async def test_case_DF05_it_ends_with_the_codes(self, authority, make_client, json_reply):
        now = [0.0]
        asked_at = []

        async def sleep(seconds):
            now[0] += seconds
            asked_at.append(now[0])

        clock = Clock(wall=lambda: 1_700_000_000.0, monotonic=lambda: now[0])
        client = make_client(device_authorization_endpoint=f"{authority.url}/device", clock=clock)
        authority.replies = [json_reply({**authority.device(), "expires_in": 12})]
        authority.replies += [json_reply({"error": "authorization_pending"}, 400) for _ in range(5)]
        with pytest.raises(TokenExpiredError) as caught:
            await client.device_login(sleep=sleep)
        assert caught.value.code == "device-code-expired"
        assert asked_at == [5.0, 10.0]


class TestAssertions:
    async def test_case_JA06_a_given_assertion_may_be_made_for_each_request(self, authority, make_client, clock):
        made = []

        async def assertion():
            made.append(f"J{len(made) + 1}")
            return made[-1]

        client = make_client()
        for _ in range(2):
            await client.fetch_token(grant_type="jwt_bearer", assertion=assertion)
        assert [asked["assertion"] for asked in authority.asked] == ["J1", "J2"]
