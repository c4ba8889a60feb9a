import asyncio
import threading
from dataclasses import dataclass, field

import aiohttp
import pytest

from oauthreg.errors import ResponseError, UnsignableRequestError, UsageError
from oauthreg.http import Access, AsyncOAuth1Client, AuthenticationMiddleware, middleware
from oauthreg.http.middleware import chain
from oauthreg.messages import Authenticated

SECRETS = ("t0k3n", "s1gnature")


@dataclass
class Fixed:
    """An authenticator whose credential is always the same, so that any trace of it is found."""

    placement: str = "headers"
    covers: str = "nothing"
    is_slow: bool = False
    threads: list = field(default_factory=list)
    error: Exception | None = None

    @property
    def header(self):
        return ("Authorization", self.make) if self.placement == "one header" else None

    def make(self, *_):
        self.threads.append(threading.current_thread())
        if self.error:
            raise self.error
        return "Bearer t0k3n,s1gnature"

    def authenticate(self, method, url, body, content_type):
        value = self.make()
        if self.placement == "one header":
            return Authenticated(headers=(("Authorization", value),))
        if self.placement == "headers":
            return Authenticated(headers=(("Authorization", "Bearer t0k3n"), ("X-Proof", "s1gnature")))
        if self.placement == "query":
            return Authenticated(url=f"{url}?access_token=t0k3n&proof=s1gnature")
        return Authenticated(body=(body + b"&" if body else b"") + b"access_token=t0k3n&proof=s1gnature")


@pytest.fixture(params=["one header", "headers", "query", "body"])
def authenticator(request):
    return Fixed(request.param, covers="bodies" if request.param == "body" else "nothing")


def shows(sent) -> list[str]:
    """The secrets that a request carries."""
    text = repr(sent)
    return [secret for secret in SECRETS if secret in text]


def origin(server):
    return (server.scheme, "127.0.0.1", server.port)


async def test_a_credential_is_on_the_wire_and_nowhere_else(authenticator, server, session):
    own = AuthenticationMiddleware(Access(authenticator))
    async with session.post(server.url, data={"a": "1"}, middlewares=(own,)) as response:
        assert shows(server.sent) == list(SECRETS)
        for text in (
            response,
            response.request_info,
            response.url,
            response.real_url,
            dict(response.request_info.headers),
        ):
            assert shows(text) == []


@pytest.mark.parametrize("status", [301, 302, 303])
async def test_nothing_follows_a_redirect_to_another_origin(
    status, authenticator, server, make_server, session, redirect
):
    other = await make_server()
    server.replies = [redirect(status, f"{other.url}/stolen")]
    own = AuthenticationMiddleware(Access(authenticator), headers=(("X-Api-Key", "t0k3n"),))
    async with session.post(server.url, data={"a": "1"}, middlewares=(own,)) as response:
        assert response.status == 200
    assert shows(server.sent) == list(SECRETS)
    (stolen,) = other.sent
    assert (stolen.method, stolen.target, stolen.body) == ("GET", "/stolen", b"")
    assert shows(stolen) == []
    assert shows(response.history) == []


@pytest.mark.parametrize(
    ("status", "method"), [(307, "POST"), (308, "POST"), (301, "PUT"), (302, "DELETE"), (307, "PUT")]
)
async def test_a_body_does_not_follow_to_another_origin(
    status, method, authenticator, server, make_server, session, redirect
):
    other = await make_server()
    server.replies = [redirect(status, other.url)]
    own = AuthenticationMiddleware(Access(authenticator))
    with pytest.raises(ResponseError) as caught:
        await session.request(method, server.url, data={"a": "1"}, middlewares=(own,))
    assert caught.value.code == "foreign-redirect"
    assert other.sent == []
    assert other.connections == {}


@pytest.mark.parametrize("status", [307, 308])
async def test_an_empty_body_may_follow_with_nothing_of_ours(
    status, authenticator, server, make_server, session, redirect
):
    other = await make_server()
    server.replies = [redirect(status, other.url)]
    own = AuthenticationMiddleware(Access(authenticator))
    async with session.post(server.url, middlewares=(own,)):
        pass
    (stolen,) = other.sent
    assert (stolen.method, stolen.body, shows(stolen)) == ("POST", b"", [])


async def test_a_stranger_cannot_choose_what_is_signed(authenticator, server, make_server, session, redirect):
    """A redirect that comes back from another origin is not authenticated either."""
    other = await make_server()
    server.replies = [redirect(302, other.url)]
    other.replies = [redirect(302, f"{server.url}/delete-everything")]
    async with session.get(server.url, middlewares=(AuthenticationMiddleware(Access(authenticator)),)):
        pass
    assert [shows(sent) for sent in (*server.sent, *other.sent)] == [list(SECRETS), [], []]


async def test_two_pinned_origins_may_redirect_to_each_other(authenticator, server, make_server, session, redirect):
    other = await make_server()
    server.replies = [redirect(307, other.url)]
    own = AuthenticationMiddleware(Access(authenticator, frozenset([origin(server), origin(other)])))
    async with session.post(server.url, data={"a": "1"}, middlewares=(own,)):
        pass
    assert shows(server.sent[0]) == shows(other.sent[0]) == list(SECRETS)
    if authenticator.placement == "body":
        assert other.sent[0].body.count(b"t0k3n") == 1


async def test_nothing_follows_from_https_to_http(authenticator, server, make_server, tls, redirect):
    secure = await make_server(tls.server)
    secure.replies = [redirect(302, server.url)]
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls.client)) as session,
        session.get(secure.url, middlewares=(AuthenticationMiddleware(Access(authenticator)),)),
    ):
        pass
    assert shows(secure.sent[0]) == list(SECRETS)
    assert shows(server.sent[0]) == []


async def test_hosts_of_one_machine_are_different_origins(authenticator, any_host_session, server, redirect):
    server.replies = [redirect(302, "http://api.example.com.evil.example/")]
    own = AuthenticationMiddleware(Access(authenticator, clear_text=True))
    async with any_host_session.get("http://api.example.com/", middlewares=(own,)):
        pass
    assert [shows(sent) for sent in server.sent] == [list(SECRETS), []]


@pytest.mark.parametrize(
    ("first", "second"),
    [("http://h/", "http://h:80/x"), ("http://h:80/", "http://h/x"), ("http://H/", "http://h/x")],
)
async def test_an_origin_is_compared_by_its_effective_port_and_without_case(
    first, second, any_host_session, server, redirect
):
    server.replies = [redirect(302, second)]
    own = AuthenticationMiddleware(Access(Fixed(), clear_text=True))
    async with any_host_session.get(first, middlewares=(own,)):
        pass
    assert [shows(sent) for sent in server.sent] == [list(SECRETS)] * 2


async def test_a_first_hop_elsewhere_is_refused(authenticator, server, make_server, session):
    other = await make_server()
    with pytest.raises(UsageError) as caught:
        await session.get(
            other.url, middlewares=(AuthenticationMiddleware(Access(authenticator, frozenset([origin(server)]))),)
        )
    assert caught.value.code == "foreign-origin"
    assert "allowed_origins" in caught.value.hint
    assert other.connections == {}


async def test_what_is_refused_is_refused_again(authenticator, any_host_session, server):
    """A middleware of the caller that tries again gets no further."""
    refusals = []

    async def try_again(req, handler):
        for _ in range(2):
            with pytest.raises(UsageError) as caught:
                await handler(req)
            refusals.append(caught.value.code)
        return await handler(req)

    for access, url in [
        (Access(authenticator), "http://api.example.com/"),
        (Access(authenticator, frozenset([origin(server)])), "https://evil.example/"),
    ]:
        with pytest.raises(UsageError):
            await any_host_session.get(url, middlewares=(try_again, AuthenticationMiddleware(access)))
    assert refusals == ["insecure-url"] * 2 + ["foreign-origin"] * 2
    assert server.sent == []


async def test_a_body_goes_nowhere_after_a_request_has_left(authenticator, server, make_server, session, redirect):
    """Not even if a middleware of the caller sends it once more."""
    other = await make_server()
    server.replies, other.replies = [redirect(302, other.url)], [redirect(302, other.url)]
    hops = []

    async def fill(req, handler):
        hops.append(str(req.url))
        if len(hops) == 3:
            await req.update_body(b"all of it")
        return await handler(req)

    with pytest.raises(ResponseError) as caught:
        await session.get(server.url, middlewares=(fill, AuthenticationMiddleware(Access(authenticator))))
    assert caught.value.code == "foreign-redirect"
    assert [len(sent) for sent in (server.sent, other.sent)] == [1, 1]


async def test_a_host_header_of_another_origin_is_refused(authenticator, server, session):
    own = AuthenticationMiddleware(Access(authenticator, frozenset([origin(server)])))
    with pytest.raises(UsageError) as caught:
        await session.get(server.url, headers={"Host": "evil.example"}, middlewares=(own,))
    assert caught.value.code == "foreign-origin"
    assert server.sent == []


async def test_a_middleware_that_moves_the_request_does_not_move_the_credential(authenticator, server, make_server):
    """aiohttp leaves the old Host header when a middleware changes the URL: both must be pinned."""
    other = await make_server()

    async def move(req, handler):
        req.url = req.url.with_port(other.port)
        return await handler(req)

    async with aiohttp.ClientSession() as session:
        own = AuthenticationMiddleware(Access(authenticator, frozenset([origin(server)])))
        with pytest.raises(UsageError):
            await session.get(server.url, middlewares=(move, own))
    assert other.sent == []


async def test_clear_text_to_another_machine_is_refused(authenticator, any_host_session, server):
    with pytest.raises(UsageError) as caught:
        await any_host_session.get(
            "http://api.example.com/", middlewares=(AuthenticationMiddleware(Access(authenticator)),)
        )
    assert caught.value.code == "insecure-url"
    assert server.connections == {}


async def test_so_it_is_after_a_redirect(authenticator, any_host_session, server, redirect):
    elsewhere = ("http", "api.example.com", 80)
    server.replies = [redirect(302, "http://api.example.com/")]
    own = AuthenticationMiddleware(Access(authenticator, frozenset([origin(server), elsewhere])))
    with pytest.raises(UsageError) as caught:
        await any_host_session.get(server.url, middlewares=(own,))
    assert caught.value.code == "insecure-url"
    assert len(server.sent) == 1


async def test_without_a_credential_a_request_goes_there(any_host_session, server, redirect):
    elsewhere = ("http", "api.example.com", 80)
    server.replies = [redirect(302, "http://evil.example/"), redirect(302, "http://api.example.com/")]
    own = AuthenticationMiddleware(Access(Fixed(), frozenset([origin(server), elsewhere])))
    async with any_host_session.get(server.url, middlewares=(own,)) as response:
        assert response.status == 200
    assert [shows(sent) for sent in server.sent] == [list(SECRETS), [], []]


async def test_further_headers_go_along(server, session):
    own = AuthenticationMiddleware(Access(Fixed()), headers=(("Accept", "application/json"), ("X-Version", "2")))
    async with session.get(server.url, middlewares=(own,)) as response:
        assert response.request_info.headers["Accept"] == "*/*"
    assert (server.sent[0].header("Accept"), server.sent[0].header("X-Version")) == ("application/json", "2")


@pytest.mark.parametrize(("placement", "sent"), [("one header", "Bearer t0k3n,s1gnature"), ("headers", "Bearer t0k3n")])
async def test_the_callers_own_credential_gives_way_and_comes_back(
    placement, sent, server, make_server, session, redirect
):
    """Within the provider's origins there is one credential; aiohttp strips the caller's from any other origin."""
    other = await make_server()
    server.replies = [redirect(302, other.url)]
    own = AuthenticationMiddleware(Access(Fixed(placement)))
    async with session.get(server.url, headers={"Authorization": "Basic b3du"}, middlewares=(own,)) as response:
        assert response.history[0].request_info.headers["Authorization"] == "Basic b3du"
    assert server.sent[0].header("Authorization") == sent
    assert other.sent[0].header("Authorization") is None


@pytest.mark.parametrize("placement", ["one header", "headers"])
async def test_a_slow_credential_is_made_in_a_thread(placement, server, session):
    slow, fast = Fixed(placement, is_slow=True), Fixed(placement)
    for authenticator in (slow, fast):
        async with session.get(server.url, middlewares=(AuthenticationMiddleware(Access(authenticator)),)):
            pass
    assert slow.threads != [threading.main_thread()]
    assert fast.threads == [threading.main_thread()]


@pytest.mark.parametrize("make_data", [bytearray, memoryview], ids=["mutable bytes", "view of bytes"])
@pytest.mark.parametrize("placement", ["one header", "headers"])
async def test_an_authenticator_is_given_bytes(placement, make_data, server, session):
    covered = []

    class Covering(Fixed):
        def make(self, *wire_form):
            covered.extend(wire_form[2:3])
            return super().make()

        def authenticate(self, *wire_form):
            self.make(*wire_form)
            return super().authenticate(*wire_form)

    own = AuthenticationMiddleware(Access(Covering(placement, covers="bodies")))
    async with session.post(server.url, data=make_data(b"a"), middlewares=(own,)):
        pass
    assert [(type(content), content) for content in covered] == [(bytes, b"a")]


@pytest.mark.parametrize("further", [(), (("X-Version", "2"),)])
@pytest.mark.parametrize("placement", ["one header", "headers"])
async def test_an_error_of_the_authenticator_leaves_the_request_as_it_was(placement, further, server, session):
    seen = []

    async def watch(req, handler):
        try:
            return await handler(req)
        finally:
            seen.append((req.url.path_qs, dict(req.headers), await req.body.as_bytes()))

    failing = Fixed(placement, error=UnsignableRequestError("no"))
    own = AuthenticationMiddleware(Access(failing), headers=further)
    with pytest.raises(UnsignableRequestError):
        await session.post(f"{server.url}/a", data=b"x", headers={"X-A": "1"}, middlewares=(watch, own))
    ((path, headers, body),) = seen
    assert (path, body, headers["X-A"]) == ("/a", b"x", "1")
    assert not {"X-Version", "Authorization"} & headers.keys()
    assert server.sent == []


async def test_a_cancelled_request_is_left_as_it_was(authenticator, server, session):
    arrived, seen = asyncio.Event(), []

    async def answer(sent):
        arrived.set()
        return await server.stay_silent(sent)

    async def watch(req, handler):
        try:
            return await handler(req)
        except asyncio.CancelledError:
            seen.append((str(req.url), str(req.headers), await req.body.as_bytes()))
            raise

    server.answer = answer
    own = AuthenticationMiddleware(Access(authenticator))
    task = asyncio.create_task(session.post(server.url, data={"a": "1"}, middlewares=(watch, own)))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert shows(seen) == []
    assert seen[0][2] == b"a=1"


async def test_a_refusal_may_be_repaired_once(authenticator, server, session, reply):
    server.replies = [reply(401, (("X-Why", "clock"),), b"first"), reply(401, (), b"second"), reply()]
    asked = []

    async def repair(response):
        asked.append((response.status, response.headers["x-why"], response.body))
        return authenticator

    own = AuthenticationMiddleware(Access(authenticator), repair=repair)
    async with session.post(server.url, data={"a": "1"}, middlewares=(own,)) as response:
        assert (response.status, await response.text()) == (401, "second")
    assert asked == [(401, "clock", b"first")]
    assert server.sent[0].own_body == server.sent[1].own_body
    assert shows(server.sent[1]) == list(SECRETS)


async def test_a_repair_may_bring_another_authenticator(server, session, reply):
    server.replies = [reply(401)]

    async def repair(response):
        return Fixed("query")

    async with session.get(server.url, middlewares=(AuthenticationMiddleware(Access(Fixed()), repair=repair),)):
        pass
    assert [sent.target for sent in server.sent] == ["/", "/?access_token=t0k3n&proof=s1gnature"]


@pytest.mark.parametrize(("repairs", "seen"), [(1, [401, 2]), (2, [401, 3]), (3, [200, 4])])
async def test_as_many_repairs_as_are_allowed(server, session, reply, repairs, seen):
    server.replies = [reply(401), reply(401), reply(401), reply()]

    async def repair(response):
        return Fixed()

    own = AuthenticationMiddleware(Access(Fixed()), repair=repair, repairs=repairs)
    async with session.get(server.url, middlewares=(own,)) as response:
        assert [response.status, len(server.sent)] == seen


async def test_a_repair_holds_for_later_hops_and_is_not_asked_for_again(server, session, reply, redirect):
    server.replies = [reply(401), redirect(302, "/next"), reply(401)]
    asked = []

    async def repair(response):
        asked.append(response)
        return Fixed("query")

    own = AuthenticationMiddleware(Access(Fixed()), repair=repair)
    async with session.get(server.url, middlewares=(own,)) as response:
        assert response.status == 401
    assert len(asked) == 1
    assert [sent.target for sent in server.sent][1:] == [
        f"/{path}?access_token=t0k3n&proof=s1gnature" for path in ("", "next")
    ]


async def test_a_refusal_that_stands_can_still_be_read(server, session, reply):
    server.replies = [reply(401, (), b"denied")]

    async def repair(response):
        return None

    async with session.get(
        server.url, middlewares=(AuthenticationMiddleware(Access(Fixed()), repair=repair),)
    ) as response:
        assert (response.status, await response.text()) == (401, "denied")
    assert len(server.sent) == 1


@pytest.mark.parametrize("status", [200, 400, 403, 500])
async def test_only_a_401_is_repaired(status, server, session, reply):
    server.replies = [reply(status)]

    async def repair(response):
        raise AssertionError

    async with session.get(
        server.url, middlewares=(AuthenticationMiddleware(Access(Fixed()), repair=repair),)
    ) as response:
        assert response.status == status


async def pieces():
    yield b"a"
    yield b"b"


def writer(part):
    made = aiohttp.MultipartWriter()
    made.append(part)
    return made


@pytest.mark.parametrize(
    ("make_data", "again"),
    [
        (lambda: b"a", True),
        (lambda: "a", True),
        (lambda: {"a": "1"}, True),
        (lambda: writer("a"), True),
        (lambda: None, True),
        (pieces, False),
        (lambda: writer(pieces()), False),
    ],
    ids=["bytes", "text", "form", "multipart", "nothing", "stream", "multipart with a stream"],
)
async def test_a_body_that_may_be_used_up_is_not_sent_again(make_data, again, server, session, reply):
    server.replies = [reply(401)]

    async def repair(response):
        return Fixed()

    own = AuthenticationMiddleware(Access(Fixed()), repair=repair)
    async with session.post(server.url, data=make_data(), middlewares=(own,)) as response:
        assert response.status == (200 if again else 401)
    assert len({sent.body for sent in server.sent}) == 1
    assert len(server.sent) == (2 if again else 1)


@pytest.mark.parametrize("framing", ["longer than said", "too long to buffer"])
async def test_the_text_of_a_refusal_is_not_waited_for(framing, server, session, reply, monkeypatch):
    monkeypatch.setattr(middleware, "_PATIENCE", 0.02)
    long = b"x" * (1 << 21)
    server.replies = [reply(401, (), b"begun", 100) if framing == "longer than said" else reply(401, (), long)]
    asked = []

    async def repair(response):
        asked.append(response.body)

    async with session.get(
        server.url, middlewares=(AuthenticationMiddleware(Access(Fixed()), repair=repair),)
    ) as response:
        assert asked == [b""]
        assert await response.content.readany() != b""


async def test_a_refusal_that_will_be_repaired_holds_no_connection(server, reply, monkeypatch):
    monkeypatch.setattr(middleware, "_PATIENCE", 0.01)
    server.replies = [reply(401, (), b"begun", 100)]
    seen = []

    async def repair(response):
        seen.append(bool(session.connector._acquired))
        return Fixed()

    own = AuthenticationMiddleware(Access(Fixed()), repair=repair, is_hopeful=lambda refusal: refusal.status == 401)
    async with (
        aiohttp.ClientSession() as session,
        session.post(server.url, data=b"a", middlewares=(own,)) as response,
    ):
        assert response.status == 200
    assert seen == [False]


@pytest.mark.parametrize("error", [None, ResponseError("it cannot be repaired")])
async def test_a_refusal_that_is_left_to_be_read_keeps_nobody_waiting(error, server, reply, monkeypatch):
    """Its connection is the only one, and the repair is in want of one."""
    monkeypatch.setattr(middleware, "_PATIENCE", 0.01)
    text = b"x" * (1 << 20)
    server.replies = [reply(401, (), text)]
    repaired = asyncio.Event()

    async def repair(_):
        async with session.get(f"{server.url}/token"):
            repaired.set()
        if error is not None:
            raise error

    own = AuthenticationMiddleware(Access(Fixed()), repair=repair, is_hopeful=lambda _: True)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session, asyncio.timeout(10):
        async with session.post(server.url, data=pieces(), middlewares=(own,)) as response:
            assert (response.status, await response.read()) == (401, text)
        await repaired.wait()


async def test_a_body_that_was_not_asked_for_is_sent_with_the_repaired_request():
    """RFC 9110 section 10.1.1: a final status in place of 100 (Continue)."""
    statuses, bodies = [b"401 No", b"200 OK"], []

    async def answer(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Expect: 100-continue\r\n" in head
        status = statuses.pop(0)
        if status == b"200 OK":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            bodies.append(await reader.readexactly(4))
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async def repair(_):
        return Fixed()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    own = AuthenticationMiddleware(Access(Fixed()), repair=repair)
    async with (
        listening,
        aiohttp.ClientSession() as session,
        session.post(url, data=b"body", expect100=True, middlewares=(own,)) as response,
    ):
        assert (response.status, bodies) == (200, [b"body"])


async def test_a_refusal_that_breaks_off_stands(server, session, reply):
    async def answer(sent):
        for stream in server.connections:
            stream.write(b"HTTP/1.1 401 No\r\nContent-Length: 100\r\n\r\nbegun")
            await stream.drain()
        return reply(status=None)

    asked = []

    async def repair(response):
        asked.append(response.body)

    server.answer = answer
    async with session.get(
        server.url, middlewares=(AuthenticationMiddleware(Access(Fixed()), repair=repair),)
    ) as response:
        assert (response.status, asked) == (401, [b""])
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_it_comes_after_the_sessions_own_middlewares(server, credentials):
    order = []

    def watching(name):
        async def watch(req, handler):
            order.append((name, "Authorization" in req.headers))
            return await handler(req)

        return watch

    async with aiohttp.ClientSession(middlewares=(watching("a"), watching("b"))) as session:
        client = AsyncOAuth1Client(session, **credentials)
        async with client.get(server.url):
            pass
        assert order == [("a", False), ("b", False)]
        order.clear()
        async with client.get(server.url, middlewares=[watching("own")]):
            pass
        assert order == [("own", False)]
        order.clear()
        async with client.get(server.url, middlewares=()):
            pass
        assert order == []
    assert all(sent.header("Authorization") for sent in server.sent)


async def test_a_retrying_middleware_gets_a_new_nonce_each_time(server, credentials, verifier, reply):
    server.replies = [reply(503), reply(503)]

    async def persist(req, handler):
        while (response := await handler(req)).status == 503:
            response.release()
        return response

    async with (
        aiohttp.ClientSession(middlewares=(persist,)) as session,
        AsyncOAuth1Client(session, **credentials).get(server.url),
    ):
        pass
    assert len({verifier.check(sent)["oauth_nonce"] for sent in server.sent}) == 3


async def test_a_session_whose_middlewares_cannot_be_read_is_refused(session):
    assert chain(session, None) == ()
    with pytest.raises(UsageError) as caught:
        chain(object(), None)
    assert caught.value.code == "unreadable-session"
    assert chain(object(), ()) == ()
