import io
import os
import zlib

import aiohttp
import pytest
from aiohttp.multipart import BodyPartReaderPayload

from oauthreg.errors import UnsignableRequestError, UsageError
from oauthreg.http import Access, AuthenticationMiddleware
from oauthreg.http.hop import refuse_clear_text, stream_in
from oauthreg.messages import Authenticated

SECRET = "t0k3n"


class InQuery:
    covers = "forms"
    is_slow = False
    header = None

    def authenticate(self, method, url, body, content_type):
        return Authenticated(url=f"{url}?access_token={SECRET}")


class InBody(InQuery):
    covers = "bodies"

    def authenticate(self, method, url, body, content_type):
        return Authenticated(body=body + f"&access_token={SECRET}".encode())


class InHeader(InQuery):
    covers = "nothing"

    def authenticate(self, method, url, body, content_type):
        assert body is None
        return Authenticated((("Authorization", f"Bearer {SECRET}"),))


async def test_what_covers_no_body_goes_with_any(server, session):
    middlewares = (AuthenticationMiddleware(Access(InHeader())),)
    async with session.post(server.url, data={"a": "1"}, compress="deflate", middlewares=middlewares):
        pass
    assert zlib.decompress(server.sent[0].body) == b"a=1"
    assert server.sent[0].header("Authorization") == f"Bearer {SECRET}"


@pytest.mark.parametrize(
    "make_error",
    [
        lambda req: aiohttp.ConnectionTimeoutError(f"Connection timeout to host {req.url}"),
        lambda req: aiohttp.ClientOSError(32, f"Can not write request body for {req.url}"),
        lambda req: aiohttp.ClientResponseError(req.request_info, (), status=400, message="Bad status line"),
        lambda req: aiohttp.InvalidURL(req.url),
        lambda req: ValueError(b"no text", str(req.url)),
    ],
    ids=["time-out", "broken pipe", "no HTTP", "another object", "several arguments"],
)
async def test_an_error_of_the_transport_names_the_callers_url(make_error, server, session):
    async def fail(req, handler):
        assert SECRET in str(req.url)
        raise make_error(req)

    with pytest.raises(Exception) as caught:  # noqa: PT011 - any error will do
        await session.get(f"{server.url}/a", middlewares=(AuthenticationMiddleware(Access(InQuery())), fail))
    error = caught.value
    for text in (str(error), repr(error), repr(error.args)):
        assert SECRET not in text
    assert f"{server.url}/a" in repr(error)


async def test_raise_for_status_shows_no_credential(server, session, reply):
    server.replies = [reply(404)]
    async with session.get(server.url, middlewares=(AuthenticationMiddleware(Access(InQuery())),)) as response:
        with pytest.raises(aiohttp.ClientResponseError) as caught:
            response.raise_for_status()
    assert SECRET in server.sent[0].target
    assert SECRET not in repr(caught.value) + str(caught.value)


async def test_an_endless_redirect_shows_no_credential(server, session, redirect):
    server.answer = lambda _: redirect(302, "/")
    with pytest.raises(aiohttp.TooManyRedirects) as caught:
        await session.get(server.url, middlewares=(AuthenticationMiddleware(Access(InQuery())),))
    assert len(server.sent) == 10
    assert SECRET not in repr(caught.value) + str(caught.value)


async def test_the_body_is_the_callers_again_after_the_hop(server, session):
    seen = []

    async def watch(req, handler):
        body, length = req.body, req.headers["Content-Length"]
        response = await handler(req)
        seen.append((req.body is body, req.headers["Content-Length"] == length, await req.body.as_bytes()))
        return response

    async with session.post(
        server.url, data={"a": "1"}, middlewares=(watch, AuthenticationMiddleware(Access(InBody())))
    ):
        pass
    assert server.sent[0].body == b"a=1&access_token=t0k3n"
    assert seen == [(True, True, b"a=1")]


async def test_a_file_given_as_a_form_survives_its_replacement(server, session, redirect, tmp_path):
    server.replies = [redirect(307, "/again")]
    path = tmp_path / "form"
    path.write_bytes(b"a=1")
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    with path.open("rb") as file:
        own = AuthenticationMiddleware(Access(InBody()))
        async with session.post(server.url, data=file, headers=headers, middlewares=(own,)):
            pass
    assert [sent.body for sent in server.sent] == [b"a=1&access_token=t0k3n"] * 2


async def test_a_file_that_can_be_read_once_is_left_unread(server, session):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    readable, writable = os.pipe()
    kept = os.dup(readable)
    os.write(writable, b"a=1")
    os.close(writable)
    own = AuthenticationMiddleware(Access(InBody()))
    with pytest.raises(UnsignableRequestError) as caught:
        await session.post(server.url, data=os.fdopen(readable, "rb"), headers=headers, middlewares=(own,))
    assert caught.value.code == "unsignable-body"
    assert server.sent == []
    assert os.read(kept, 10) == b"a=1"
    os.close(kept)


def writer(*arguments):
    made = aiohttp.MultipartWriter("mixed")
    made.append(*arguments)
    return made


class Part:
    """As much of a part of somebody's answer as is needed to send it on."""

    name = filename = None


@pytest.mark.parametrize(
    ("make_body", "kind"),
    [
        (lambda: aiohttp.BytesPayload(b"a"), None),
        (lambda: aiohttp.BytesIOPayload(io.BytesIO(b"a")), None),
        (lambda: writer(b"a"), None),
        (lambda: writer(b"a", {"Content-Encoding": "identity", "Content-Transfer-Encoding": "binary"}), None),
        (lambda: writer(b"a", {"Content-Encoding": "gzip"}), "an encoded part"),
        (lambda: writer(b"a", {"Content-Transfer-Encoding": "base64"}), "an encoded part"),
        (lambda: writer(writer(b"a", {"Content-Encoding": "deflate"})), "an encoded part"),
        (lambda: BodyPartReaderPayload(Part()), "a part of an answer"),
        (lambda: writer(BodyPartReaderPayload(Part())), "a part of an answer"),
    ],
    ids=["bytes", "file", "part", "plain part", "gzip", "base64", "nested", "forwarded", "forwarded in a part"],
)
async def test_what_keeps_the_bytes_of_a_body_unknown(make_body, kind):
    assert stream_in(make_body()) == kind


async def test_a_response_without_request_info_is_left_alone(server, session):
    """A middleware may answer by itself, with an object of its own."""
    answer = object()

    async def short_cut(req, handler):
        return answer

    own = AuthenticationMiddleware(Access(InQuery()))
    found = []

    async def watch(req, handler):
        found.append(await handler(req))
        return await session.get(server.url)

    await session.get(server.url, middlewares=(watch, own, short_cut))
    assert found == [answer]


@pytest.mark.parametrize(
    "origin",
    [("https", "example.com", 443), ("http", "127.0.0.2", 80), ("http", "::1", 80), ("http", "a.localhost", 1)],
)
def test_encrypted_and_local_origins_are_safe(origin):
    refuse_clear_text(origin)


@pytest.mark.parametrize("host", ["example.com", "10.0.0.1", "localhost.example.com", "127.0.0.1.nip.io", "::2"])
def test_clear_text_to_elsewhere_is_refused(host):
    with pytest.raises(UsageError) as caught:
        refuse_clear_text(("http", host, 80))
    assert caught.value.code == "insecure-url"
    assert host in str(caught.value)
