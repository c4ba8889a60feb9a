import asyncio
import gzip
import zlib
from dataclasses import dataclass, replace

import aiohttp
import pytest

from oauthreg.errors import MalformedResponseError, OAuthError, UsageError
from oauthreg.http import driver
from oauthreg.http.driver import LARGEST_ANSWER, run
from oauthreg.messages import Authenticated, Request, Sleep


def asking(*steps):
    """A flow that takes its steps and returns the answers."""
    answers = []
    for step in steps:
        answer = yield step
        answers += [answer]
    return answers


@dataclass
class Bearing:
    """An authenticator whose credential is a fixed header."""

    value: str = "Bearer t0k3n"
    covers: str = "nothing"
    is_slow: bool = False
    header: None = None

    def authenticate(self, method, url, body, content_type):
        return Authenticated(headers=(("Authorization", self.value),))


async def test_a_flow_is_given_answers_and_its_value_is_returned(server, session, reply):
    server.replies = [
        reply(201, (("X-One", "1"), ("X-Two", "first"), ("x-two", "last")), b"one"),
        reply(404, (), b""),
    ]
    first, second = await run(asking(Request("GET", f"{server.url}/a"), Request("DELETE", f"{server.url}/b")), session)
    assert (first.status, first.body, first.url) == (201, b"one", f"{server.url}/a")
    assert (first.headers["x-one"], first.headers["x-two"]) == ("1", "last")
    assert (second.status, second.body) == (404, b"")
    assert [sent.method for sent in server.sent] == ["GET", "DELETE"]


async def test_a_flow_without_requests_makes_no_traffic(server, session):
    assert await run(asking(), session) == []
    assert server.sent == []


async def test_a_form_is_encoded_as_the_standard_says(server, session):
    form = (("b", "x y+~*é"), ("a", ""), ("b", "&="))
    await run(asking(Request("POST", server.url, headers=(("content-type", "text/plain"),), form=form)), session)
    (sent,) = server.sent
    assert sent.body == b"b=x%20y%2B~%2A%C3%A9&a=&b=%26%3D"
    assert sent.header("Content-Type") == "application/x-www-form-urlencoded"


async def test_a_body_goes_as_it_is(server, session):
    headers = (("Content-Type", "application/json"), ("Accept", "application/json"))
    await run(asking(Request("POST", server.url, headers=headers, body=b'{"a":1}')), session)
    (sent,) = server.sent
    assert (sent.body, sent.header("Content-Type"), sent.header("Accept")) == (b'{"a":1}', *(v for _, v in headers))


@pytest.mark.parametrize("options", [{}, {"skip_auto_headers": None}, {"skip_auto_headers": ("User-Agent",)}])
async def test_what_has_no_body_has_no_type(options, server, session):
    request = Request("POST", server.url, authenticator=Bearing())
    await run(asking(request, replace(request, body=b"{}")), session, options=options)
    without, with_body = server.sent
    assert (without.body, without.header("Content-Type"), without.header("Content-Length")) == (b"", None, "0")
    assert with_body.header("Content-Type") == "application/octet-stream"
    assert (without.header("User-Agent") is None) is bool(options.get("skip_auto_headers"))


async def test_the_authenticator_of_a_request_is_applied(server, session):
    await run(asking(Request("GET", server.url, authenticator=Bearing()), Request("GET", server.url)), session)
    assert [sent.header("Authorization") for sent in server.sent] == ["Bearer t0k3n", None]


async def test_a_pause_is_slept(session, monkeypatch):
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr(driver.asyncio, "sleep", sleep)
    assert await run(asking(Sleep(5.0)), session) == [None]
    assert slept == [5.0]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_handed_over_and_never_followed(status, server, session, redirect):
    server.replies = [redirect(status, "/elsewhere")]
    (answer,) = await run(asking(Request("POST", server.url, form=(("a", "1"),))), session)
    assert (answer.status, answer.headers["location"]) == (status, "/elsewhere")
    assert len(server.sent) == 1


async def test_a_session_that_raises_for_status_does_not_hide_an_answer(server, reply):
    server.replies = [reply(401, (), b"why")]
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        (answer,) = await run(asking(Request("GET", server.url)), session)
    assert (answer.status, answer.body) == (401, b"why")


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_an_answer_is_decompressed_whatever_the_session_does(encoding, server, reply):
    compress = {"gzip": gzip.compress, "deflate": zlib.compress}[encoding]
    server.replies = [reply(200, (("Content-Encoding", encoding),), compress(b"oauth_token=a"))]
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        (answer,) = await run(asking(Request("GET", server.url)), session)
    assert answer.body == b"oauth_token=a"


async def test_the_largest_answer_is_read(server, session, reply):
    server.replies = [reply(body=b"a" * LARGEST_ANSWER)]
    (answer,) = await run(asking(Request("GET", server.url)), session)
    assert len(answer.body) == LARGEST_ANSWER


@pytest.mark.parametrize("compressed", [False, True])
async def test_a_larger_answer_is_refused(compressed, server, session, reply):
    body = b"a" * (LARGEST_ANSWER + 1)
    headers = (("Content-Encoding", "gzip"),) if compressed else ()
    server.replies = [reply(200, headers, gzip.compress(body) if compressed else body)]
    with pytest.raises(MalformedResponseError) as caught:
        await run(asking(Request("GET", server.url)), session)
    assert caught.value.code == "answer-too-large"
    assert caught.value.status == 200


@pytest.mark.parametrize("url", ["http://api.example.com/", "http://10.0.0.1/", "http://localhost.example.com/"])
async def test_clear_text_to_another_machine_is_refused_before_any_connection(url, any_host_session, server):
    with pytest.raises(UsageError) as caught:
        await run(asking(Request("GET", url)), any_host_session)
    assert caught.value.code == "insecure-url"
    assert server.connections == {}


@pytest.mark.parametrize("url", ["ftp://example.com/", "example.com", "/relative", "https://"])
async def test_what_is_no_url_of_http_is_refused(url, session):
    with pytest.raises(UsageError) as caught:
        await run(asking(Request("GET", url)), session)
    assert caught.value.code == "invalid-origin"


async def test_clear_text_may_be_allowed(any_host_session, server):
    request = Request("GET", "http://api.example.com/", authenticator=Bearing())
    await run(asking(request), any_host_session, allow_insecure_http=True)
    assert server.sent[0].header("Authorization") == "Bearer t0k3n"


async def test_a_request_to_an_origin_that_is_not_pinned_is_refused(server, make_server, session):
    other = await make_server()
    pinned = [("http", "127.0.0.1", server.port)]
    with pytest.raises(UsageError) as caught:
        await run(asking(Request("GET", other.url, authenticator=Bearing())), session, origins=pinned)
    assert caught.value.code == "foreign-origin"
    assert other.sent == []


async def test_an_answer_that_takes_too_long_times_out(server, session):
    server.answer = server.stay_silent
    with pytest.raises(TimeoutError):
        await run(asking(Request("GET", server.url)), session, timeout=0.05)


async def test_errors_of_the_transport_pass_unwrapped(session, server, reply):
    server.replies = [reply(status=None)]
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await run(asking(Request("POST", server.url)), session)


async def test_an_error_of_the_transport_shows_no_credential(session, server, reply):
    server.replies = [reply(status="no number")]
    request = Request("GET", f"{server.url}/token?client_secret=PLANTED", authenticator=Bearing("Basic PLANTED"))
    with pytest.raises(aiohttp.ClientResponseError) as refused:
        await run(asking(request), session)
    error = refused.value
    assert "PLANTED" not in f"{error} {error!r} {error.args} {vars(error)}"
    assert str(error.request_info.real_url) == f"{server.url}/token"


async def test_a_flow_may_go_on_after_an_error(server, session, reply):
    server.replies = [reply(status=None), reply(body=b"second")]

    def flow():
        try:
            yield Request("POST", server.url)
        except aiohttp.ClientError:
            answer = yield Request("POST", server.url)
            return answer.body

    assert await run(flow(), session) == b"second"


async def test_an_error_of_the_flow_is_raised(server, session):
    def flow():
        yield Request("GET", server.url)
        raise OAuthError("invalid")

    with pytest.raises(OAuthError):
        await run(flow(), session)


async def test_a_cancelled_flow_is_closed(server, session):
    waiting, closed = asyncio.Event(), asyncio.Event()

    async def answer(sent):
        waiting.set()
        return await server.stay_silent(sent)

    def flow():
        try:
            yield Request("GET", server.url)
        finally:
            closed.set()

    server.answer = answer
    task = asyncio.create_task(run(flow(), session))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed.is_set()


async def test_options_of_the_transport_are_handed_on(server, session):
    await run(asking(Request("GET", "http://localhost:1/x")), session, options={"proxy": server.url})
    assert server.sent[0].target == "http://localhost:1/x"


async def test_the_sessions_middlewares_see_the_requests(server):
    seen = []

    async def watch(req, handler):
        seen.append(req.url.path)
        return await handler(req)

    async with aiohttp.ClientSession(middlewares=(watch,)) as session:
        await run(asking(Request("GET", f"{server.url}/a")), session)
    assert seen == ["/a"]
