"""The security checklist for OAuth clients, as far as it needs clients, stores and the wire; one test a line or more.

Sources: RFC 9700; RFC 6749; RFC 6750; RFC 7009; RFC 9207. The lines that need no network are in ``tests/oauth2``.
"""

import asyncio
import logging
import pickle
import subprocess
import sys
import traceback
from pathlib import Path

import aiohttp
import pytest

import oauthreg
from oauthreg.errors import (
    MalformedResponseError,
    MismatchingStateError,
    OAuthRegError,
    ReauthorizationRequired,
    ResponseError,
    TokenStoreError,
    UsageError,
)
from oauthreg.http import AsyncAssertionClient, AsyncOAuth2Client
from oauthreg.http.driver import LARGEST_ANSWER, TIMEOUT
from oauthreg.http.token_life import TokenLives
from oauthreg.provider import Provider, TokenPlacement
from oauthreg.stores import MemoryStore

CALLBACK = "https://app.example/cb"
AUTHORIZE = "https://as.example/authorize"


@pytest.fixture
def make_client(session, authority, clock):
    """Makes clients of ``authority``."""

    def make(**options):
        options = {
            "token_endpoint": f"{authority.url}/token",
            "authorization_endpoint": AUTHORIZE,
            "revocation_endpoint": f"{authority.url}/revoke",
            "introspection_endpoint": f"{authority.url}/introspect",
            "device_authorization_endpoint": f"{authority.url}/device",
            "clock": clock,
            "redirect_uri": CALLBACK,
            **options,
        }
        return AsyncOAuth2Client(options.pop("session", session), "client", "PLANTED-secret", **options)

    return make


@pytest.fixture
def good(authority, clock):
    """A token that lasts."""
    return authority.give(clock() + 3600)


@pytest.fixture
def expired(authority, clock):
    """A token that has expired."""
    return authority.give(clock() - 1)


async def text_of(client, url):
    async with client.get(url) as response:
        return await response.text()


PROTOCOL_CALLS = {
    "fetch": lambda client, url: client.fetch_token(url, code="C"),
    "refresh": lambda client, url: client.refresh_token(url),
    "revoke": lambda client, url: client.revoke_token(url),
    "introspect": lambda client, url: client.introspect_token(url),
    "exchange": lambda client, url: client.token_exchange(url=url),
    "own token": lambda client, url: client.fetch_token(url, grant_type="client_credentials"),
}


@pytest.mark.parametrize("kind", ["wrong", "missing", "reused", "stale"])
async def test_checklist_11_a_bad_state_asks_for_no_token(kind, authority, make_client, clock):
    client = make_client()
    pending = await client.start()
    state = pending.values["state"]
    callbacks = {"wrong": f"{CALLBACK}?code=C&state=other", "missing": f"{CALLBACK}?code=C"}
    callback = callbacks.get(kind, f"{CALLBACK}?code=C&state={state}")
    if kind == "reused":
        await client.finish(pending, callback)
        authority.log.clear()
    if kind == "stale":
        clock.advance(601)
    with pytest.raises(MismatchingStateError):
        await client.finish(pending, callback)
    assert authority.log == []


async def test_checklist_12_a_state_of_another_browser_is_refused(authority, make_client):
    client = make_client()
    pending = await client.start(binding="cookie of browser A")
    with pytest.raises(MismatchingStateError):
        await client.finish(
            pending, f"{CALLBACK}?code=C&state={pending.values['state']}", binding="cookie of browser B"
        )
    assert authority.log == []


@pytest.mark.parametrize("call", PROTOCOL_CALLS)
async def test_checklist_20_no_connection_to_an_http_endpoint(call, authority, make_client, good, any_host_session):
    client = make_client(session=any_host_session, token=good)
    with pytest.raises(UsageError) as caught:
        await PROTOCOL_CALLS[call](client, "http://as.example/x")
    assert caught.value.code == "insecure-url"
    assert authority.server.connections == {}


async def test_checklist_20_nor_for_a_device_or_an_assertion(authority, make_client, any_host_session):
    client = make_client(session=any_host_session, device_authorization_endpoint="http://as.example/device")
    with pytest.raises(UsageError):
        await client.device_login()
    asserting = AsyncAssertionClient(any_host_session, "http://as.example/token", "me", key="k" * 32, alg="HS256")
    with pytest.raises(UsageError):
        await asserting.get("https://api.example/")
    assert authority.server.connections == {}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("call", PROTOCOL_CALLS)
async def test_checklist_21_a_second_server_receives_nothing(
    call, status, authority, make_client, make_server, good, redirect
):
    other = await make_server()
    authority.server.answer = lambda _: redirect(status, f"{other.url}/x")
    with pytest.raises(MalformedResponseError) as caught:
        await PROTOCOL_CALLS[call](make_client(token=good), f"{authority.url}/x")
    assert caught.value.code == "redirect-refused"
    assert (other.sent, other.connections) == ([], {})


@pytest.mark.parametrize("location", [None, "", "::", "http://[", "/relative"])
async def test_checklist_21_whatever_the_redirect_says(location, authority, make_client, reply):
    headers = () if location is None else (("Location", location),)
    authority.server.answer = lambda _: reply(307, headers)
    with pytest.raises(ResponseError) as caught:
        await make_client().fetch_token(code="C")
    assert caught.value.code == "redirect-refused"


async def test_checklist_22_a_definition_cannot_switch_off_tls_verification(make_server, tls, clock):
    server = await make_server(tls.server)
    provider = Provider(protocol="oauth2", endpoints={"token": f"{server.url}/token"}, allow_insecure_http=True)
    async with aiohttp.ClientSession() as session:
        client = AsyncOAuth2Client(session, "client", provider=provider, clock=clock)
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await client.fetch_token(code="C")
    assert server.sent == []


@pytest.mark.parametrize("failure", ["refused", "broken off", "outage", "nonsense"])
async def test_checklist_23_a_code_is_posted_once(failure, authority, make_client, reply, json_reply):
    answers = {
        "refused": json_reply({"error": "invalid_grant"}, 400),
        "broken off": reply(status=None),
        "outage": reply(503, (("Date", "Tue, 14 Nov 2023 23:13:20 GMT"),)),
        "nonsense": reply(200, (), b"<html>"),
    }
    client = make_client()
    _, state = client.create_authorization_url()
    authority.replies = [answers[failure]]
    callback = f"{CALLBACK}?code=C&state={state}"
    with pytest.raises((OAuthRegError, aiohttp.ClientError)):
        await client.fetch_token(authorization_response=callback)
    with pytest.raises(MismatchingStateError):
        await client.fetch_token(authorization_response=callback)
    assert len(authority.asked) == 1


async def test_checklist_28_an_answer_is_bounded(authority, make_client, reply):
    authority.replies = [reply(200, (), b'{"access_token": "' + b"A" * LARGEST_ANSWER + b'"}')]
    with pytest.raises(MalformedResponseError) as caught:
        await make_client().fetch_token(code="C")
    assert caught.value.code == "answer-too-large"


async def test_checklist_28_and_awaited_for_a_bounded_time(authority, make_client, make_server):
    assert 0 < TIMEOUT <= 60
    silent = await make_server()
    silent.answer = silent.stay_silent
    with pytest.raises(TimeoutError):
        await make_client().fetch_token(f"{silent.url}/token", code="C", timeout=aiohttp.ClientTimeout(total=0.01))


async def test_checklist_29_20_requests_with_an_expired_token_renew_once(authority, make_client, expired):
    client = make_client(token=expired)
    await asyncio.gather(*(text_of(client, authority.url) for _ in range(20)))
    assert authority.refreshes == ["R1"]
    assert authority.used == ["Bearer A2"] * 20


async def test_checklist_30_a_retired_refresh_token_is_never_sent(authority, make_client, expired, clock):
    """Two registries share nothing but the store, as two processes do."""
    store = MemoryStore()
    first, second = (make_client(lives=TokenLives(store), account="ada", token=dict(expired)) for _ in range(2))
    for _ in range(3):
        await asyncio.gather(*(text_of(client, authority.url) for client in (first, second) for _ in range(10)))
        clock.advance(3600)
    assert authority.refreshes == ["R1", "R2", "R3"]


async def test_checklist_31_cancelled_after_the_rotation_and_saved_all_the_same(authority, make_client, expired):
    store = MemoryStore()
    client = make_client(store=store, account="ada", token=expired)
    authority.gate = asyncio.Event()
    caller = asyncio.create_task(client.get(authority.url))
    await authority.arrived.wait()
    caller.cancel()
    authority.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await client.aclose()
    assert (await store.load(client._key))[0]["refresh_token"] == "R2"


async def test_checklist_31_cancelled_at_every_turn_of_the_event_loop(make_authority, make_client, clock):
    """On real sockets: whenever the caller goes away, the server has rotated nothing that is not saved."""
    turns, running = 0, True
    while running:
        authority = await make_authority()
        saved = []
        client = make_client(
            token=authority.give(clock() - 1), token_updater=saved.append, token_endpoint=f"{authority.url}/token"
        )
        caller = asyncio.create_task(client.get(authority.url))
        for _ in range(turns):
            await asyncio.sleep(0)
        running = not caller.done()
        caller.cancel()
        await asyncio.wait([caller])
        await client.aclose()
        await text_of(client, authority.url)
        assert authority.refreshes == ["R1"]
        assert [token.refresh_token for token in saved] == ["R2"]
        turns += 1
    assert turns > 10


async def test_checklist_32_a_failing_callback_after_the_rotation_is_surfaced(authority, make_client, expired):
    def fail(_):
        raise RuntimeError("no disk")

    with pytest.raises(TokenStoreError) as caught:
        await make_client(token=expired, token_updater=fail).get(authority.url)
    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.parametrize("status", [500, 503, 429, None])
async def test_checklist_33_an_outage_leaves_the_refresh_token_in_the_store(
    status, authority, make_client, expired, reply
):
    store = MemoryStore()
    client = make_client(store=store, account="ada", token=expired)
    authority.replies = [reply(status)]
    with pytest.raises((OAuthRegError, aiohttp.ClientError)):
        await client.get(authority.url)
    assert (await store.load(client._key))[0]["refresh_token"] == "R1"


async def test_checklist_34_invalid_grant_is_one_request_and_then_none(authority, make_client, expired):
    authority.is_dead = True
    client = make_client(token=expired)
    for _ in range(3):
        with pytest.raises(ReauthorizationRequired):
            await client.get(authority.url)
    assert authority.log == ["POST /token"]


async def test_checklist_35_a_refresh_token_goes_to_the_token_and_revocation_endpoints_only(
    authority, make_client, expired
):
    client = make_client(token=expired)
    await text_of(client, f"{authority.url}/api")
    async with client.post(f"{authority.url}/api", data={"a": "1"}):
        pass
    await client.introspect_token(token="A2")
    await client.revoke_token()
    holders = [(sent.target, b"R1" in sent.body or b"R2" in sent.body) for sent in authority.server.sent]
    assert holders == [("/token", True), ("/api", False), ("/api", False), ("/introspect", False), ("/revoke", True)]


@pytest.mark.parametrize("placement", ["header", "uri", "body"])
@pytest.mark.parametrize("status", [302, 307])
async def test_checklist_36_an_access_token_stays_at_the_api(
    status, placement, authority, make_client, make_server, good, redirect
):
    other = await make_server()
    authority.api_replies = [redirect(status, f"{other.url}/stolen")] * 2
    client = make_client(token=good, token_placement=placement)
    method = "post" if placement == "body" else "get"
    data = {"a": "1"} if placement == "body" else None
    try:
        async with getattr(client, method)(authority.url, data=data):
            pass
    except ResponseError as error:
        assert error.code == "foreign-redirect"  # noqa: PT017 - a redirect that keeps a body is refused
    assert b"A1" in authority.server.sent[0].body + repr(authority.server.sent[0]).encode()
    assert [sent for sent in other.sent if b"A1" in repr(sent).encode()] == []


async def test_checklist_36_only_pinned_origins_are_called(authority, make_client, make_server, good):
    other = await make_server()
    client = make_client(token=good, allowed_origins=[authority.url])
    await text_of(client, authority.url)
    with pytest.raises(UsageError) as caught:
        await client.get(other.url)
    assert caught.value.code == "foreign-origin"
    assert other.connections == {}


async def test_checklist_36_a_providers_own_header_stays_there_too(
    session, authority, make_server, good, redirect, clock
):
    other = await make_server()
    provider = Provider(
        protocol="oauth2",
        endpoints={"api_base": f"{authority.url}/"},
        token_placement=TokenPlacement("header", "X-Access-Token", ""),
    )
    client = AsyncOAuth2Client(session, "client", provider=provider, token=good, clock=clock)
    authority.api_replies = [redirect(302, f"{other.url}/stolen")]
    async with client.get("me"):
        pass
    assert authority.server.sent[0].header("X-Access-Token") == "A1"
    assert [sent.header("X-Access-Token") for sent in other.sent] == [None]


async def test_checklist_37_the_token_is_in_the_header_and_the_query_warns(authority, make_client, good, caplog):
    await text_of(make_client(token=good), authority.url)
    assert authority.used == ["Bearer A1"]
    assert caplog.records == []
    lives = TokenLives()
    for _ in range(3):
        make_client(token=good, token_placement="uri", lives=lives)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_checklist_38_no_secret_in_texts_and_logs(authority, make_client, expired, caplog):
    caplog.set_level(logging.DEBUG)
    planted = {"access_token": "PLANTED-access", "refresh_token": "PLANTED-refresh", "expires_at": 1}
    provider = Provider(protocol="oauth2", endpoints={"token": f"{authority.url}/token"})
    client = make_client(token=planted, provider=provider, private_key="PLANTED-key", passphrase="PLANTED-phrase")
    texts = [repr(client), str(client), repr(client.token), str(client.token), repr(provider), repr(client._client)]
    with pytest.raises(ReauthorizationRequired) as caught:
        await client.get(authority.url)
    texts += traceback.format_exception(caught.value)
    with pytest.raises(TypeError) as unpicklable:
        pickle.dumps(client)
    texts += [str(unpicklable.value), caplog.text]
    assert [text for text in texts if "PLANTED" in text] == []


def test_checklist_70_no_traffic_at_import_or_creation():
    program = """
import socket, sys
def refuse(*_, **__):
    raise AssertionError("traffic")
socket.socket.connect = socket.getaddrinfo = refuse
import asyncio, aiohttp, oauthreg
from oauthreg.http import AsyncAssertionClient, AsyncOAuth2Client
async def main():
    registry = oauthreg.Registry()
    registry.names()
    async with aiohttp.ClientSession() as session:
        AsyncOAuth2Client(session, "client", "secret", token_endpoint="https://as.example/token",
                          grant_type="client_credentials", token={"access_token": "A", "expires_at": 1})
        AsyncAssertionClient(session, "https://as.example/token", "me", key="k" * 32, alg="HS256")
        await asyncio.sleep(0)
asyncio.run(main())
print("fine")
"""
    path = str(Path(oauthreg.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {path!r})\n{program}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "fine\n", done.stderr
