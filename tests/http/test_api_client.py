"""What all clients share: pinned origins, clocks, arguments as pairs, and the event loop of a session."""

import asyncio

import pytest

from oauthreg.clock import Clock
from oauthreg.errors import UsageError
from oauthreg.http import AsyncOAuth1Client, AsyncOAuth2Client
from oauthreg.http.api_client import learning_clock, pairs, pinned_origins
from oauthreg.provider import Provider

FIXED = frozenset({("https", "api.example", 443)})


@pytest.mark.parametrize(
    ("provider", "allowed", "expected"),
    [
        (None, (), set()),
        (None, "https://api.example/v1", {("https", "api.example", 443)}),
        (
            None,
            ["http://127.0.0.1:8000", "https://b.example"],
            {("http", "127.0.0.1", 8000), ("https", "b.example", 443)},
        ),
        (None, ["https://bücher.example"], {("https", "xn--bcher-kva.example", 443)}),
        (Provider(endpoints={"token": "https://as.example/t", "revoke": ""}), (), {("https", "as.example", 443)}),
        (Provider(endpoints={"token": "https://as.example/t"}, origins=FIXED), (), FIXED),
        (Provider(origins=FIXED), ["https://b.example"], {*FIXED, ("https", "b.example", 443)}),
    ],
)
def test_the_origins_that_may_receive_credentials(provider, allowed, expected):
    assert pinned_origins(provider, allowed) == expected


def test_what_is_no_origin_is_refused():
    with pytest.raises(UsageError):
        pinned_origins(None, ["api.example"])


def test_any_clock_becomes_one_that_can_learn(clock):
    own = Clock()
    assert learning_clock(own) is own
    assert learning_clock(clock)() == clock()
    assert isinstance(learning_clock(None), Clock)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, ()), ({}, ()), ({"a": 1}, (("a", "1"),)), ([("a", "1"), ("a", "2")], (("a", "1"), ("a", "2")))],
)
def test_a_mapping_or_pairs(given, expected):
    assert pairs("params", given) == expected


@pytest.mark.parametrize("given", ["a=1", [1], 1])
def test_nothing_else(given):
    with pytest.raises(UsageError) as caught:
        pairs("params", given)
    assert "`params`" in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda session: AsyncOAuth1Client(session, "client", "secret", token="t", token_secret="s"),
        lambda session: AsyncOAuth2Client(session, token="t"),
    ],
    ids=["OAuth 1", "OAuth 2"],
)
async def test_a_session_serves_its_own_event_loop_only(make, session, server):
    client = make(session)

    async def call():
        await client.get(server.url)

    with pytest.raises(UsageError) as caught:
        await asyncio.to_thread(asyncio.run, call())
    assert caught.value.code == "foreign-event-loop"
    assert server.connections == {}


async def test_what_keeps_a_request_from_beginning_is_told_when_it_is_awaited(session, server):
    """So that of many requests in one ``gather`` only the wrong one fails."""
    provider = Provider(protocol="oauth1", endpoints={"api_base": server.url}, allow_insecure_http=True)
    client = AsyncOAuth1Client(session, "client", "secret", token="t", token_secret="s", provider=provider)
    for _ in range(2):  # before and after the client has made what all its calls have in common
        requests = [client.get("/me"), client.get("ftp://example.com/"), client.get("/me", no_option=True)]
        response, refused, unknown = await asyncio.gather(*requests, return_exceptions=True)
        assert response.status == 200
        assert refused.code == "invalid-url"
        assert isinstance(unknown, TypeError)
        response.release()


@pytest.mark.parametrize("protocol", ["oauth1", "oauth2"])
async def test_headers_may_come_from_an_iterator(protocol, session, server):
    """Which of the provider's own are missing is looked up in them before they are sent."""
    own = (("X-Version", "2"), ("X-Kind", "theirs"))
    endpoints = {"api_base": server.url}
    provider = Provider(protocol=protocol, endpoints=endpoints, api_headers=own, allow_insecure_http=True)
    made = {
        "oauth1": lambda: AsyncOAuth1Client(session, "client", "secret", token="t", provider=provider),
        "oauth2": lambda: AsyncOAuth2Client(session, token="t", provider=provider),
    }
    async with made[protocol]().get("/me", headers=iter([("X-Kind", "ours"), ("X-More", "1")])):
        pass
    (sent,) = server.sent
    assert [sent.header(name) for name in ("X-Version", "X-Kind", "X-More")] == ["2", "ours", "1"]


async def test_a_request_may_be_made_where_no_event_loop_runs(session, server):
    client = AsyncOAuth1Client(session, "client", "secret", token="t", token_secret="s")
    for _ in range(2):
        request = await asyncio.to_thread(client.get, server.url)
        async with request as response:
            assert response.status == 200


async def test_a_session_of_an_unknown_kind_is_trusted(server, session):
    class Wrapped:
        headers, _middlewares = session.headers, ()

        def request(self, *arguments, **options):
            return session.request(*arguments, **options)

    async with AsyncOAuth2Client(Wrapped(), token="t").get(server.url) as response:
        assert response.status == 200
