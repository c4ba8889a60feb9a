import asyncio
import warnings

import aiohttp
import pytest
from authlib.oauth1 import ClientAuth

from oauthreg.errors import ResponseError, UnsignableRequestError, UsageError
from oauthreg.http import AsyncOAuth1Client, OAuthRequest
from oauthreg.http.request_class import OAuthRequest as Door
from oauthreg.messages import Authenticated
from oauthreg.provider import OAuth1Settings, Provider

PLACEMENTS = ["HEADER", "QUERY", "BODY"]


@pytest.fixture
async def session():
    """A session as the old module wants it."""
    async with aiohttp.ClientSession(request_class=OAuthRequest) as made:
        yield made


@pytest.fixture(autouse=True)
def no_warning_of_the_old_argument():
    """aiohttp 3.14 warns of any `auth=`; that the caller gives it is the caller's affair."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The 'auth' parameter is deprecated", DeprecationWarning)
        warnings.filterwarnings("ignore", "BasicAuth is deprecated", DeprecationWarning)
        yield


@pytest.fixture(params=PLACEMENTS)
def placement(request):
    return request.param


@pytest.fixture(params=["this package", "authlib"])
def auth(request, placement, session, credentials):
    """An object for `auth=`: an authenticator of this package, or what Authlib's clients pass."""
    if request.param == "authlib":
        return ClientAuth(**credentials, signature_type=placement)
    return AsyncOAuth1Client(session, **credentials, signature_type=placement).auth


def test_it_is_public():
    assert OAuthRequest is Door
    assert issubclass(OAuthRequest, aiohttp.ClientRequest)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("GET", {"params": {"a": "x y", "b": "$'"}}),
        ("GET", {}),
        ("POST", {"data": {"a": "x y"}}),
        ("POST", {"data": {"a": ["1", "2"]}}),
        ("PUT", {"data": [("a", "é"), ("a", "&=")]}),
        ("DELETE", {"data": {"a": "1"}}),
    ],
)
async def test_an_object_in_auth_signs_what_is_sent(method, options, auth, placement, server, session, verifier):
    if isinstance(auth, ClientAuth) and "params" in options:
        options = {"params": {"a": "x y"}}  # it refuses a raw `$` or `'`
    async with session.request(method, server.url, auth=auth, **options) as response:
        assert response.status == 200
    (sent,) = server.sent
    in_query = placement == "BODY" and method == "GET" and not isinstance(auth, ClientAuth)
    assert list(sent.places) == ["query" if in_query else placement.lower()]
    verifier.check(sent)


@pytest.mark.parametrize("json", [{"a": 1}, "a=1"])
async def test_a_body_that_is_no_form_stays_what_it_is(json, server, session, credentials, verifier):
    async with session.post(server.url, json=json, auth=ClientAuth(**credentials)):
        pass
    (sent,) = server.sent
    assert sent.body == (b'{"a": 1}' if json != "a=1" else b'"a=1"')
    verifier.check(sent)


async def test_a_stream_is_not_read_for_an_old_object(server, session, credentials, verifier):
    async def pieces():
        yield b"a"

    async with session.post(server.url, data=pieces(), auth=ClientAuth(**credentials)):
        pass
    assert server.sent[0].body == b"a"
    verifier.check(server.sent[0])


async def test_a_stream_that_must_be_covered_is_refused(server, session, credentials):
    async def pieces():
        yield b"a"

    client = AsyncOAuth1Client(session, **credentials, body_hash=True)
    with pytest.raises(UnsignableRequestError):
        await session.post(server.url, data=pieces(), auth=client.auth)
    assert server.sent == []


@pytest.mark.parametrize("status", [302, 307])
async def test_each_hop_is_signed_anew(status, auth, placement, server, session, verifier, redirect):
    server.replies = [redirect(status, "/t2?x=1")]
    async with session.post(server.url, data={"a": "1"}, auth=auth):
        pass
    first, second = server.sent
    assert (second.method, second.own_body) == (("POST", b"a=1") if status == 307 else ("GET", b""))
    assert verifier.check(first)["oauth_nonce"] != verifier.check(second)["oauth_nonce"]


@pytest.fixture(params=["of the request", "of the session", "of a session with a base URL"])
async def ask(request, auth, server):
    """Makes a request with ``auth``, wherever that was given; its URL is the server's unless another one is said."""
    place = request.param
    base = {"base_url": server.url} if "base" in place else {}
    of_session = {} if place == "of the request" else {"auth": auth}
    of_request = {} if of_session else {"auth": auth}
    async with aiohttp.ClientSession(request_class=OAuthRequest, **of_session, **base) as session:

        async def ask(method="GET", url=server.url, **options):
            async with session.request(method, url, **of_request, **options) as response:
                return response.status

        yield ask


@pytest.mark.parametrize("back", [False, True])
async def test_no_credential_follows_to_another_origin_nor_back(back, ask, server, make_server, redirect):
    """Whoever the user is sent to could choose what is signed."""
    other = await make_server()
    server.replies = [redirect(302, f"{other.url}/there")]
    if back:
        other.replies = [redirect(302, f"{server.url}/delete?everything=1")]
    assert await ask("POST", data={"a": "1"}) == 200
    assert [bool(sent.places) for sent in server.sent] == [True, False][: 1 + back]
    (stranger,) = other.sent
    assert (stranger.places, stranger.body, stranger.header("Authorization")) == ({}, b"", None)


async def test_no_stranger_sends_a_request_where_it_gets_a_credential(auth, server, make_server, redirect):
    other = await make_server()
    other.replies = [redirect(302, f"{server.url}/delete?everything=1")]
    async with (
        aiohttp.ClientSession(request_class=OAuthRequest, auth=auth, base_url=server.url) as session,
        session.get(other.url),
    ):
        pass
    assert [sent.places for sent in (*other.sent, *server.sent)] == [{}, {}]


async def test_requests_at_once_are_told_apart(ask, server, make_server, redirect, reply):
    other = await make_server()

    def answer(sent):
        return redirect(302, f"{other.url}/there") if "away" in sent.target else reply()

    server.answer = answer
    await asyncio.gather(*(ask(url=f"{server.url}/{word}{n}") for n in range(10) for word in ("away", "stay")))
    assert [bool(sent.places) for sent in server.sent] == [True] * 20
    assert [bool(sent.places) for sent in other.sent] == [False] * 10


class TestOriginsOfAClient:
    @pytest.fixture
    def make_auth(self, session, credentials, placement):
        def make(*origins, **options):
            provider = Provider(name="acme", endpoints={"token": f"{origins[0]}/token"}) if origins else None
            given = {**credentials, "provider": provider, "signature_type": placement, **options}
            return AsyncOAuth1Client(session, allowed_origins=origins[1:], **given).auth

        return make

    @pytest.mark.parametrize("place", ["of the request", "of the session"])
    async def test_a_request_to_another_origin_is_refused(self, place, make_auth, server, make_server):
        other = await make_server()
        auth = make_auth(server.url)
        of_session, of_request = ({"auth": auth}, {}) if place == "of the session" else ({}, {"auth": auth})
        async with aiohttp.ClientSession(request_class=OAuthRequest, **of_session) as session:
            with pytest.raises(UsageError) as caught:
                await session.get(f"{other.url}/x", **of_request)
        assert caught.value.code == "foreign-origin"
        assert other.sent == []

    async def test_a_redirect_within_them_is_signed(self, make_auth, server, make_server, session, redirect, verifier):
        other = await make_server()
        server.replies = [redirect(307, f"{other.url}/x")]
        async with session.post(server.url, data={"a": "1"}, auth=make_auth(server.url, other.url)):
            pass
        for sent in (*server.sent, *other.sent):
            assert verifier.check(sent)
            assert sent.own_body == b"a=1"

    async def test_no_body_leaves_them(self, make_auth, server, make_server, session, redirect):
        other = await make_server()
        for auth in (make_auth(), make_auth(server.url)):
            server.replies = [redirect(307, f"{other.url}/x")]
            with pytest.raises(ResponseError) as caught:
                await session.post(server.url, data={"a": "1"}, auth=auth)
            assert caught.value.code == "foreign-redirect"
        assert other.sent == []

    @pytest.mark.parametrize(
        ("options", "is_sent"),
        [
            ({"signature_method": "HMAC-SHA1"}, True),
            ({"signature_method": "PLAINTEXT"}, False),
            ({"signature_method": "PLAINTEXT", "provider": Provider(allow_insecure_http=True)}, True),
            ({"provider": Provider(oauth1=OAuth1Settings(bearer="oauth_token_secret"))}, False),
        ],
    )
    async def test_secrets_do_not_go_in_clear_text(self, options, is_sent, make_auth, any_host_session, server):
        auth = make_auth(**options)
        async with aiohttp.ClientSession(
            request_class=OAuthRequest, connector=any_host_session.connector, connector_owner=False
        ) as session:
            if is_sent:
                async with session.get("http://api.example.com/", auth=auth):
                    pass
            else:
                with pytest.raises(UsageError) as caught:
                    await session.get("http://api.example.com/", auth=auth)
                assert caught.value.code == "insecure-url"
        assert len(server.sent) == is_sent


async def test_bodies_for_which_an_old_object_signed_go_where_aiohttp_takes_them(
    placement, server, make_server, session, credentials, redirect
):
    other = await make_server()
    server.replies = [redirect(307, other.url)]
    auth = ClientAuth(**credentials, signature_type=placement)
    async with session.post(server.url, data={"a": "1"}, auth=auth):
        pass
    (sent,) = other.sent
    assert (sent.places, sent.body) == ({}, b"a=1")


async def test_what_is_shown_afterwards_holds_no_credential(auth, server, session):
    async with session.post(server.url, data={"a": "1"}, auth=auth) as response:
        shown = repr((response, response.request_info, dict(response.request_info.headers)))
    assert "oauth_signature" in repr(server.sent)
    assert "oauth_" not in shown


async def test_basic_authentication_is_left_to_aiohttp(server, session):
    async with session.get(server.url, auth=aiohttp.BasicAuth("ada", "secret")):
        pass
    assert server.sent[0].header("Authorization") == "Basic YWRhOnNlY3JldA=="


async def test_nonsense_is_left_to_aiohttp(server, session):
    with pytest.raises(TypeError):
        await session.get(server.url, auth=object())
    assert server.sent == []


async def test_without_auth_it_is_a_plain_request(server, session):
    async with session.post(server.url, data={"a": "1"}):
        pass
    assert server.sent[0].places == {}
    assert server.sent[0].body == b"a=1"


async def test_with_a_client_it_is_inert(placement, server, session, credentials, verifier, recwarn):
    client = AsyncOAuth1Client(session, **credentials, signature_type=placement)
    async with client.post(server.url, data={"a": "1"}):
        pass
    assert verifier.check(server.sent[0])
    assert list(recwarn) == []


@pytest.mark.parametrize(("body", "sent_body"), [("a=2&b=é", "a=2&b=é".encode()), (b"a=1", b"a=1"), ("", b"a=1")])
async def test_an_old_objects_body_is_sent_and_its_length_is_not(body, sent_body, server, session):
    class Auth:
        def prepare(self, method, url, headers, given):
            return url, {**headers, "X-Saw": f"{method} {given!r}", "Content-Length": "1"}, body

    async with session.post(server.url, data={"a": "1"}, auth=Auth()):
        pass
    (sent,) = server.sent
    assert (sent.body, sent.header("X-Saw")) == (sent_body, "POST b'a=1'")
    assert sent.header("Content-Length") == str(len(sent_body))


async def test_it_works_where_the_base_class_knows_no_auth(server, session, monkeypatch):
    """aiohttp 4 has no `auth`, and then nobody can pass one."""
    asked = []

    def init(self, method, url, **options):
        asked.append(sorted(options))

    monkeypatch.setattr(aiohttp.ClientRequest, "__init__", init)
    OAuthRequest("GET", aiohttp.client.URL(server.url), loop=None)
    assert asked == [["data", "loop"]]


async def test_an_authenticator_of_any_kind_is_taken(server, session):
    class Bearing:
        covers = "forms"
        is_slow = False
        header = None

        def authenticate(self, method, url, body, content_type):
            return Authenticated(headers=(("Authorization", "Bearer t0k3n"),))

    async with session.get(server.url, auth=Bearing()):
        pass
    assert server.sent[0].header("Authorization") == "Bearer t0k3n"


async def test_a_middleware_may_send_it_once_more(auth, server, credentials, verifier):
    async def twice(req, handler):
        (await handler(req)).release()
        return await handler(req)

    async with (
        aiohttp.ClientSession(request_class=OAuthRequest, middlewares=(twice,)) as session,
        session.post(server.url, data={"a": "1"}, auth=auth),
    ):
        pass
    first, second = (verifier.check(sent) for sent in server.sent)
    assert first["oauth_nonce"] != second["oauth_nonce"]
    assert [sent.own_body for sent in server.sent] == [b"a=1", b"a=1"]
