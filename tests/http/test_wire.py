"""What aiohttp puts on the wire, row by row, and that every row is signed as it was sent or refused by name.

The middle columns are measured with aiohttp 3.14.5 and yarl 1.25.1. A row that fails here after an update says that
aiohttp writes something else now: look whether the signature still covers it, then correct the row.
"""

import io
import os
from dataclasses import replace

import aiohttp
import pytest
from yarl import URL

from oauthreg.errors import OAuthRegError, UnsignableRequestError
from oauthreg.http import AsyncOAuth1Client

FORM = "application/x-www-form-urlencoded"

SAME = object()
"""The input itself, octet by octet."""

REFUSED = "unencoded-url"
"""The code of the refusal: what aiohttp would send is no request target."""

# (input, target from text, target from `URL(input, encoded=True)`)
TARGETS = [
    ("", "/", "/"),
    ("/", SAME, SAME),
    ("/a%2Fb", SAME, SAME),
    ("/a%2fb", "/a%2Fb", SAME),
    ("/a+b", SAME, SAME),
    ("/a%20b", SAME, SAME),
    ("/a b", "/a%20b", REFUSED),
    ("/a~b", SAME, SAME),
    ("/a%7Eb", "/a~b", SAME),
    ("/a%7eb", "/a~b", SAME),
    ("/a[b]", "/a%5Bb%5D", SAME),
    ("/a%5Bb%5D", SAME, SAME),
    ("/é", "/%C3%A9", REFUSED),
    ("/%c3%a9", "/%C3%A9", SAME),
    ("/a;b=1", SAME, SAME),
    ("/a%3Bb", "/a;b", SAME),
    ("/a//b", SAME, SAME),
    ("/a/./b", "/a/b", SAME),
    ("/a/../b", "/b", SAME),
    ("/a/%2E%2E/b", "/b", SAME),
    ("/a%zz", "/a%25zz", SAME),
    ("/a%", "/a%25", SAME),
    ("/a:b@c", SAME, SAME),
    ("/a!$&'()*,=", SAME, SAME),
    ("/a%21%27%28%29%2A", "/a!'()*", SAME),
    ('/a"b<c>', "/a%22b%3Cc%3E", SAME),
    ("/a\\b", "/a%5Cb", SAME),
    ("/a|b^c`{d}", "/a%7Cb%5Ec%60%7Bd%7D", SAME),
    ("/a%00b", SAME, SAME),
    ("/%41%42", "/AB", SAME),
    ("/p?", "/p", "/p"),
    ("/p?#", "/p", "/p"),
    ("/p?a", SAME, SAME),
    ("/p?a=", SAME, SAME),
    ("/p?=b", SAME, SAME),
    ("/p?a=1&a=2", SAME, SAME),
    ("/p?a=2&a=1", SAME, SAME),
    ("/p?b=1&a=2", SAME, SAME),
    ("/p?a=b=c", SAME, SAME),
    ("/p?a=b%3Dc", SAME, SAME),
    ("/p?a=1;b=2", SAME, SAME),
    ("/p?a=1%3Bb=2", SAME, SAME),
    ("/p?a=1&&b=2", SAME, SAME),
    ("/p?&a=1&", SAME, SAME),
    ("/p?a=x+y", SAME, SAME),
    ("/p?a=x%20y", SAME, SAME),
    ("/p?a=x%2By", SAME, SAME),
    ("/p?a=x y", "/p?a=x+y", REFUSED),
    ("/p?a=x%2Fy", "/p?a=x/y", SAME),
    ("/p?a=x%2fy", "/p?a=x/y", SAME),
    ("/p?a=~", SAME, SAME),
    ("/p?a=%7E", "/p?a=~", SAME),
    ("/p?a=%7e", "/p?a=~", SAME),
    ("/p?a[]=1", "/p?a%5B%5D=1", SAME),
    ("/p?a%5b%5d=1", "/p?a%5B%5D=1", SAME),
    ("/p?a=é", "/p?a=%C3%A9", REFUSED),
    ("/p?a=%C3%A9", SAME, SAME),
    ("/p?a=%c3%a9", "/p?a=%C3%A9", SAME),
    ("/p?a=%E9", SAME, SAME),
    ("/p?a=100%", "/p?a=100%25", SAME),
    ("/p?a=%zz", "/p?a=%25zz", SAME),
    ("/p?a=%25", SAME, SAME),
    ("/p?a=%2525", SAME, SAME),
    ("/p?a=x:y@z?w", SAME, SAME),
    ("/p?a=%3A%40%3F%2F", "/p?a=:@?/", SAME),
    ("/p?a=!*'()", SAME, SAME),
    ("/p?a=%21%2A%27%28%29", "/p?a=!*'()", SAME),
    ('/p?a="<>', "/p?a=%22%3C%3E", SAME),
    ("/p?a=\\", "/p?a=%5C", SAME),
    ("/p?a=|^{}", "/p?a=%7C%5E%7B%7D", SAME),
    ("/p?a=$,", SAME, SAME),
    ("/p?a=%24%2C", "/p?a=$,", SAME),
    ("/p?a=x%26y", SAME, SAME),
    ("/p?a=x%23y", SAME, SAME),
    ("/p?a=1#frag", "/p?a=1", "/p?a=1"),
    ("/p?a=%00", SAME, SAME),
    ("/p?a=%0A", SAME, SAME),
    ("/a\tb\rc\nd", "/abcd", "/abcd"),
    ("/p?a=x\r\nX-Evil: 1", "/p?a=xX-Evil:+1", REFUSED),
    ("/p?a=☃", "/p?a=%E2%98%83", REFUSED),
    ("/p?a=😀", "/p?a=%F0%9F%98%80", REFUSED),
    ("/p?a=%2D%2E%5F", "/p?a=-._", SAME),
    ("/p?a=%41", "/p?a=A", SAME),
    ("/p?A=%61%62", "/p?A=ab", SAME),
]

# (scheme, host and port; Host header from text; Host header from an encoded URL)
HOSTS = [
    ("http://EXAMPLE.com:80", "example.com", "EXAMPLE.com"),
    ("http://example.com", "example.com", "example.com"),
    ("http://example.com:8443", "example.com:8443", "example.com:8443"),
    ("http://example.com.", "example.com", "example.com"),
    ("http://bücher.example", "xn--bcher-kva.example", REFUSED),
    ("http://user:pass@example.com", "example.com", "example.com"),
]

# URL, params, target
PARAMS = [
    ("/p", {"a": "x y"}, "/p?a=x+y"),
    ("/p", {"a": "x+y"}, "/p?a=x%2By"),
    ("/p", {"a": "x%20y"}, "/p?a=x%2520y"),
    ("/p", {"a": "%2F"}, "/p?a=%252F"),
    ("/p", {"a": "%7E"}, "/p?a=%257E"),
    ("/p", {"a": "%"}, "/p?a=%25"),
    ("/p", {"a": "x/y"}, "/p?a=x/y"),
    ("/p", {"a": "~"}, "/p?a=~"),
    ("/p", {"a": "!*'()"}, "/p?a=!*'()"),
    ("/p", {"a": "$,:@?/"}, "/p?a=$,:@?/"),
    ("/p", {"a[]": "1"}, "/p?a%5B%5D=1"),
    ("/p", {"a": "b=c"}, "/p?a=b%3Dc"),
    ("/p", {"a": "1&b=2"}, "/p?a=1%26b%3D2"),
    ("/p", {"a": "1;b=2"}, "/p?a=1%3Bb%3D2"),
    ("/p", {"a": ""}, "/p?a="),
    ("/p", {"": "b"}, "/p?=b"),
    ("/p", {"a": ["1", "2"]}, "/p?a=1&a=2"),
    ("/p", [("a", "2"), ("a", "1"), ("b", "3")], "/p?a=2&a=1&b=3"),
    ("/p", {"a": 1}, "/p?a=1"),
    ("/p", {"a": 1.5}, "/p?a=1.5"),
    ("/p", {"a": "é☃"}, "/p?a=%C3%A9%E2%98%83"),
    ("/p", "a=x y&b=%2F+~%7E", "/p?a=x+y&b=%252F+~%257E"),
    ("/p", "?a=1", "/p??a=1"),
    ("/p", {"a": "\n\t\0"}, "/p?a=%0A%09%00"),
    ("/p", {}, "/p"),
    ("/p", "", "/p"),
    ("/p?z=1", {"a": "2"}, "/p?z=1&a=2"),
    ("/p?a=0", {"a": "2"}, "/p?a=0&a=2"),
]

# (name, arguments, body, Content-Type); `ANY` stands for a body that differs from run to run
ANY = object()
BODIES = [
    ("space", lambda: {"data": {"a": "x y"}}, b"a=x+y", FORM),
    ("plus", lambda: {"data": {"a": "x+y"}}, b"a=x%2By", FORM),
    ("escape", lambda: {"data": {"a": "%2F"}}, b"a=%252F", FORM),
    ("unreserved", lambda: {"data": {"a": "~*-._"}}, b"a=~%2A-._", FORM),
    ("sub-delims", lambda: {"data": {"a": "!'()"}}, b"a=%21%27%28%29", FORM),
    ("unicode", lambda: {"data": {"a": "é☃"}}, b"a=%C3%A9%E2%98%83", FORM),
    ("empty value", lambda: {"data": {"a": ""}}, b"a=", FORM),
    ("equals and ampersand", lambda: {"data": {"a": "b=c&d"}}, b"a=b%3Dc%26d", FORM),
    ("number", lambda: {"data": {"a": 1}}, b"a=1", FORM),
    ("none", lambda: {"data": {"a": None}}, b"a=None", FORM),
    ("list value", lambda: {"data": {"a": ["1", "2"]}}, b"a=1&a=2", FORM),
    ("pairs", lambda: {"data": [("b", "1"), ("a", "2"), ("a", "1")]}, b"b=1&a=2&a=1", FORM),
    ("empty mapping", lambda: {"data": {}}, b"", FORM),
    ("empty pairs", lambda: {"data": []}, b"", FORM),
    ("text", lambda: {"data": "a=1&b=x y"}, b"a=1&b=x y", "text/plain; charset=utf-8"),
    ("bytes", lambda: {"data": b"a=1"}, b"a=1", "application/octet-stream"),
    ("text as form", lambda: {"data": "a=1&b=x+y", "headers": {"Content-Type": FORM}}, b"a=1&b=x+y", FORM),
    ("bytes as form", lambda: {"data": b"a=%E9&&b", "headers": {"Content-Type": FORM}}, b"a=%E9&&b", FORM),
    (
        "view of bytes as form",
        lambda: {"data": memoryview(b"a=1"), "headers": {"Content-Type": FORM}},
        b"a=1",
        FORM,
    ),
    ("view of bytes", lambda: {"data": memoryview(b"a=1")}, b"a=1", "application/octet-stream"),
    ("mutable bytes", lambda: {"data": bytearray(b"a=1"), "headers": {"Content-Type": FORM}}, b"a=1", FORM),
    (
        "form with charset",
        lambda: {"data": b"a=1", "headers": {"Content-Type": f"{FORM}; charset=UTF-8"}},
        b"a=1",
        f"{FORM}; charset=UTF-8",
    ),
    (
        "form in capitals",
        lambda: {"data": b"a=1", "headers": {"Content-Type": FORM.upper()}},
        b"a=1",
        FORM.upper(),
    ),
    ("empty text", lambda: {"data": ""}, b"", "text/plain; charset=utf-8"),
    ("empty bytes", lambda: {"data": b""}, b"", "application/octet-stream"),
    ("nothing", dict, b"", "application/octet-stream"),
    ("json", lambda: {"json": {"a": "é"}}, b'{"a": "\\u00e9"}', "application/json"),
    ("json that looks like a form", lambda: {"json": "a=1&b"}, b'"a=1&b"', "application/json"),
    ("empty json", lambda: {"json": {}}, b"{}", "application/json"),
    ("no json", lambda: {"json": None}, b"", "application/octet-stream"),
    ("form data", lambda: {"data": form_data(("a", "x y"), ("b", "~"))}, b"a=x+y&b=~", FORM),
    (
        "form data in Latin-1",
        lambda: {"data": form_data(("a", "é"), charset="latin-1")},
        b"a=%E9",
        f"{FORM}; charset=latin-1",
    ),
    ("multipart", lambda: {"data": {"f": io.BytesIO(b"a=1")}}, ANY, "multipart/form-data"),
    ("bytes io", lambda: {"data": io.BytesIO(b"a=1")}, b"a=1", "application/octet-stream"),
    ("string io", lambda: {"data": io.StringIO("a=1")}, b"a=1", "text/plain; charset=utf-8"),
    (
        "file as form",
        lambda: {"data": io.BytesIO(b"a=1"), "headers": {"Content-Type": FORM}},
        b"a=1",
        FORM,
    ),
    ("stream", lambda: {"data": stream(b"a=", b"1")}, b"a=1", "application/octet-stream"),
    ("chunked form", lambda: {"data": {"a": "1"}, "chunked": True}, b"a=1", FORM),
]

# (name, arguments, code of the refusal)
REFUSED_BODIES = [
    ("compressed form", lambda: {"data": {"a": "1"}, "compress": "deflate"}, "compressed-body"),
    (
        "form compressed by the caller",
        lambda: {"data": b"\x78\x9c", "headers": {"Content-Type": FORM, "Content-Encoding": "deflate"}},
        "compressed-body",
    ),
    ("stream as form", lambda: {"data": stream(b"a=1"), "headers": {"Content-Type": FORM}}, "unsignable-body"),
    ("pipe as form", lambda: {"data": pipe(b"a=1"), "headers": {"Content-Type": FORM}}, "unsignable-body"),
]

# What else a body hash or body placement refuses.
REFUSED_WHEN_COVERED = [
    ("compressed bytes", lambda: {"data": b"a=1", "compress": "gzip"}, "compressed-body"),
    ("stream", lambda: {"data": stream(b"a=1")}, "unsignable-body"),
    ("multipart with a stream", lambda: {"data": multipart(stream(b"a=1"))}, "unsignable-body"),
    ("pipe", lambda: {"data": pipe(b"a=1")}, "unsignable-body"),
    ("multipart with a pipe", lambda: {"data": multipart(pipe(b"a=1"))}, "unsignable-body"),
    ("multipart with a part to compress", lambda: {"data": coded("Content-Encoding", "gzip")}, "unsignable-body"),
    (
        "multipart with a part in base64",
        lambda: {"data": coded("Content-Transfer-Encoding", "base64")},
        "unsignable-body",
    ),
]

METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
SEES_NO_BODY = ("GET", "HEAD")

# Status and method, and what the next hop's method is and whether the body goes along.
REDIRECTS = {
    (status, method): outcome
    for status in (301, 302, 303, 307, 308)
    for method, outcome in {
        "GET": ("GET", True),
        "HEAD": ("HEAD", True),
        "POST": ("POST", True) if status in (307, 308) else ("GET", False),
        **{other: ("GET", False) if status == 303 else (other, True) for other in ("PUT", "PATCH", "DELETE")},
    }.items()
}
PLACEMENTS = ["HEADER", "QUERY", "BODY"]


def form_data(*fields, charset=None):
    data = aiohttp.FormData(charset=charset) if charset else aiohttp.FormData()
    for field in fields:
        data.add_field(*field)
    return data


def multipart(part):
    writer = aiohttp.MultipartWriter("form-data")
    writer.append(part)
    return writer


def coded(name, value):
    writer = aiohttp.MultipartWriter("mixed")
    writer.append(b"a=1", {name: value})
    return writer


def pipe(content):
    readable, writable = os.pipe()
    os.write(writable, content)
    os.close(writable)
    return os.fdopen(readable, "rb")


async def stream(*pieces):
    for piece in pieces:
        yield piece


@pytest.fixture(params=PLACEMENTS)
def placement(request) -> str:
    return request.param


@pytest.fixture
def make_client(credentials, clock, engine):
    """A client of the engine under test, for the session given."""
    return lambda session, **options: AsyncOAuth1Client(
        session, **{**credentials, "clock": clock, "engine": engine.name, **options}
    )


async def send(context) -> None:
    async with context as response:
        assert await response.read() in (b"ok", b"")


@pytest.mark.parametrize(("url", "from_text", "from_encoded"), TARGETS, ids=[repr(row[0]) for row in TARGETS])
@pytest.mark.parametrize("encoded", [False, True], ids=["text", "encoded"])
async def test_a_target_is_signed_as_it_is_sent(
    url, from_text, from_encoded, encoded, server, session, make_client, verifier
):
    expected = from_encoded if encoded else from_text
    asked = URL(server.url + url, encoded=True) if encoded else server.url + url
    for placement in ("HEADER", "QUERY"):
        request = make_client(session, signature_type=placement).get(asked)
        if expected is REFUSED:
            with pytest.raises(UnsignableRequestError) as caught:
                await request
            assert caught.value.code == REFUSED
            assert server.sent == []
            continue
        await send(request)
        sent = server.sent[-1]
        assert sent.own_target == (url if expected is SAME else expected)
        assert list(sent.places) == [placement.lower()]
        verifier.check(sent)


@pytest.mark.parametrize(("authority", "from_text", "from_encoded"), HOSTS, ids=[row[0] for row in HOSTS])
@pytest.mark.parametrize("encoded", [False, True], ids=["text", "encoded"])
async def test_a_host_is_signed_as_the_header_says_it(
    authority, from_text, from_encoded, encoded, server, any_host_session, make_client, verifier
):
    expected = from_encoded if encoded else from_text
    request = make_client(any_host_session).get(URL(authority + "/p", encoded=True) if encoded else authority + "/p")
    if expected is REFUSED:
        with pytest.raises(UnsignableRequestError):
            await request
        assert server.sent == []
        return
    await send(request)
    (sent,) = server.sent
    assert sent.header("Host") == expected
    verifier.check(sent)
    assert f"%2F%2F{expected.lower().replace(':', '%3A')}%2Fp&" in verifier.base_string(sent)


async def test_an_address_in_brackets_is_signed(any_host_session, server, make_client, verifier):
    """The Host header overrides the authority, so that no IPv6 network is needed."""
    client = make_client(any_host_session, allowed_origins=("http://h", "http://[::1]:8080"))
    await send(client.get("http://h/p", headers={"Host": "[::1]:8080"}))
    (sent,) = server.sent
    verifier.check(sent)
    assert "http%3A%2F%2F%5B%3A%3A1%5D%3A8080%2Fp" in verifier.base_string(sent)


@pytest.mark.parametrize(
    ("reference", "target"),
    [("x", "/api/x"), ("/x", "/x"), ("../y", "/y"), ("?q=1", "/api/?q=1"), ("a%2fb", "/api/a%2Fb")],
)
async def test_a_relative_reference_on_the_sessions_base_url_is_signed(
    reference, target, server, make_client, verifier
):
    async with aiohttp.ClientSession(base_url=f"{server.url}/api/") as session:
        await send(make_client(session).get(reference))
    (sent,) = server.sent
    assert sent.target == target
    verifier.check(sent)


@pytest.mark.parametrize("placement", ["HEADER", "QUERY"])
async def test_a_request_through_a_plain_proxy_is_signed(placement, server, session, make_client, verifier):
    client = make_client(session, signature_type=placement)
    await send(client.get("http://h/a%7eb?x=%2F", proxy=server.url))
    (sent,) = server.sent
    assert sent.own_target == "http://h/a~b?x=/"
    verifier.check(sent)


@pytest.mark.parametrize(("url", "params", "target"), PARAMS, ids=[repr(row[1]) for row in PARAMS])
async def test_params_are_signed_as_they_are_sent(
    url, params, target, placement, server, session, make_client, verifier
):
    await send(make_client(session, signature_type=placement).get(server.url + url, params=params))
    (sent,) = server.sent
    assert sent.own_target == target
    verifier.check(sent)


async def test_params_leave_an_encoded_url_alone(placement, server, session, make_client, verifier):
    url = URL(f"{server.url}/p?z=%2F+%20", encoded=True)
    await send(make_client(session, signature_type=placement).get(url, params={"a": "x y"}))
    (sent,) = server.sent
    assert sent.own_target == "/p?z=%2F+%20&a=x+y"
    verifier.check(sent)


@pytest.mark.parametrize("params", [{"a": True}, {"a": None}, {"a": b"x"}], ids=repr)
async def test_params_that_aiohttp_refuses_never_get_to_signing(params, server, session, make_client):
    with pytest.raises(TypeError):
        await make_client(session).get(server.url, params=params)
    assert server.sent == []


@pytest.mark.parametrize(("name", "arguments", "body", "content_type"), BODIES, ids=[row[0] for row in BODIES])
async def test_a_body_is_signed_as_it_is_sent(
    name, arguments, body, content_type, placement, server, session, make_client, verifier
):
    client = make_client(session, signature_type=placement)
    is_form = content_type.partition(";")[0].lower() == FORM
    for method in ("POST", "PUT", "DELETE"):
        request = client.request(method, server.url, **arguments())
        if placement == "BODY" and not is_form and body != b"":
            with pytest.raises(UnsignableRequestError) as caught:
                await request
            assert caught.value.code == ("unsignable-body" if name == "stream" else "body-placement-needs-form")
            assert server.sent == []
            continue
        await send(request)
        sent = server.sent[-1]
        assert sent.method == method
        assert body is ANY or sent.own_body == body
        sent_type = sent.header("Content-Type")
        if list(sent.places) == ["body"] and not is_form:
            assert sent_type == FORM
        elif method == "DELETE" and name in ("nothing", "no json"):
            assert sent_type is None
        else:
            assert sent_type.startswith(content_type)
        verifier.check(sent)


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
@pytest.mark.parametrize("arguments", [{"data": {"a": "x y"}}, {"json": {"a": 1}}], ids=["form", "json"])
async def test_a_body_where_none_is_usual_is_signed(method, arguments, server, session, make_client, verifier):
    await send(make_client(session).request(method, server.url, **arguments))
    (sent,) = server.sent
    assert sent.body
    verifier.check(sent)


@pytest.mark.parametrize("method", METHODS)
async def test_a_request_without_a_body_is_signed(method, placement, server, session, make_client, verifier):
    await send(make_client(session, signature_type=placement).request(method, server.url))
    (sent,) = server.sent
    assert sent.method == method
    assert sent.own_body == b""
    in_body = placement == "BODY" and method in ("POST", "PUT", "PATCH")
    assert list(sent.places) == ["body" if in_body else "header" if placement == "HEADER" else "query"]
    verifier.check(sent)


@pytest.mark.parametrize(
    ("arguments", "code"), [row[1:] for row in REFUSED_BODIES], ids=[row[0] for row in REFUSED_BODIES]
)
async def test_a_form_whose_octets_are_unknown_is_refused(arguments, code, placement, server, session, make_client):
    with pytest.raises(UnsignableRequestError) as caught:
        await make_client(session, signature_type=placement).post(server.url, **arguments())
    assert caught.value.code == code
    assert caught.value.hint
    assert server.sent == []


@pytest.mark.parametrize(
    ("arguments", "code"), [row[1:] for row in REFUSED_WHEN_COVERED], ids=[row[0] for row in REFUSED_WHEN_COVERED]
)
@pytest.mark.parametrize("options", [{"body_hash": True}, {"signature_type": "BODY"}], ids=["body hash", "in body"])
async def test_a_covered_body_whose_octets_are_unknown_is_refused(
    options, arguments, code, server, session, make_client
):
    with pytest.raises(UnsignableRequestError) as caught:
        await make_client(session, **options).post(server.url, **arguments())
    assert caught.value.code == code
    assert server.sent == []


@pytest.mark.parametrize(
    ("arguments"),
    [row[1] for row in BODIES if row[0] != "stream"],
    ids=[row[0] for row in BODIES if row[0] != "stream"],
)
async def test_the_body_hash_is_that_of_the_body_sent(arguments, server, session, make_client, verifier):
    client = make_client(session, body_hash=True, signature_method="HMAC-SHA256")
    await send(client.post(server.url, **arguments()))
    (sent,) = server.sent
    assert ("oauth_body_hash" in verifier.check(sent)) is not sent.is_form


async def test_a_compressed_body_that_no_signature_covers_passes(server, session, make_client, verifier):
    await send(make_client(session).post(server.url, data=b"a=1", compress="deflate"))
    (sent,) = server.sent
    assert sent.header("Content-Encoding") == "deflate"
    verifier.check(sent)


async def test_bytes_that_the_caller_compressed_are_hashed_as_they_are(server, session, make_client, verifier):
    headers = {"Content-Encoding": "br", "Content-Type": "application/json"}
    await send(make_client(session, body_hash=True).post(server.url, data=b"\x0b\x00", headers=headers))
    (sent,) = server.sent
    assert "oauth_body_hash" in verifier.check(sent)


@pytest.mark.parametrize(("status", "method"), REDIRECTS)
async def test_each_hop_of_a_redirect_is_signed_anew(
    status, method, placement, server, session, make_client, verifier, redirect
):
    server.replies = [redirect(status, "/t2?x=%7E1")]
    data = None if method in SEES_NO_BODY else {"a": "x y"}
    await send(make_client(session, signature_type=placement).request(method, f"{server.url}/t1?y=2", data=data))
    first, second = server.sent
    next_method, keeps_body = REDIRECTS[status, method]
    assert (first.method, second.method) == (method, next_method)
    assert (first.own_target, second.own_target) == ("/t1?y=2", "/t2?x=~1")
    body = b"" if data is None else b"a=x+y"
    assert (first.own_body, second.own_body) == (body, body if keeps_body else b"")
    assert verifier.check(first)["oauth_nonce"] != verifier.check(second)["oauth_nonce"]


@pytest.mark.parametrize("status", [307, 308])
async def test_an_empty_post_is_signed_anew_on_a_redirect(
    status, placement, server, session, make_client, verifier, redirect
):
    server.replies = [redirect(status, "/t2"), redirect(status, "/t3")]
    await send(make_client(session, signature_type=placement).post(server.url))
    assert [sent.own_body for sent in server.sent] == [b"", b"", b""]
    assert len({verifier.check(sent)["oauth_nonce"] for sent in server.sent}) == 3


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/a%2fb?c=%2F", "/a%2Fb?c=/"),
        ("/a b?c=d e", "/a%20b?c=d+e"),
        ("t2?q=1", "/t2?q=1"),
        ("/t2#fragment", "/t2"),
        ("/t2?", "/t2"),
    ],
)
async def test_a_redirects_location_is_signed_as_aiohttp_writes_it(
    location, target, placement, server, session, make_client, verifier, redirect
):
    server.replies = [redirect(302, location)]
    await send(make_client(session, signature_type=placement).get(server.url))
    assert server.sent[1].own_target == target
    verifier.check(server.sent[1])


async def test_a_location_kept_octet_by_octet_is_signed_as_it_is(server, make_client, verifier, redirect):
    server.replies = [redirect(302, "/a%7eb?c=%2F+%20")]
    async with aiohttp.ClientSession(requote_redirect_url=False) as session:
        await send(make_client(session).get(server.url))
    assert server.sent[1].target == "/a%7eb?c=%2F+%20"
    verifier.check(server.sent[1])


async def test_a_location_kept_with_a_raw_space_is_refused(server, make_client, redirect):
    server.replies = [redirect(302, "/a b")]
    async with aiohttp.ClientSession(requote_redirect_url=False) as session:
        with pytest.raises(UnsignableRequestError):
            await make_client(session).get(server.url)
    assert len(server.sent) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_dropped_connection_is_tried_again_with_a_new_nonce(
    method, placement, server, session, make_client, verifier, reply
):
    """aiohttp does so by itself for idempotent methods, from the request as it was before signing."""
    client = make_client(session, signature_type=placement)
    data = None if method == "GET" else {"a": "1"}
    await send(client.request(method, server.url, data=data))
    server.replies = [reply(status=None)]
    await send(client.request(method, server.url, data=data))
    assert len(server.sent) == 3
    assert {sent.own_body for sent in server.sent} == {b"" if data is None else b"a=1"}
    assert len({verifier.check(sent)["oauth_nonce"] for sent in server.sent}) == 3


@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512", "PLAINTEXT"])
async def test_each_method_without_a_key_pair_signs(method, placement, server, session, make_client, verifier):
    await send(
        make_client(session, signature_method=method, signature_type=placement).post(server.url, data={"a": "1"})
    )
    assert verifier.check(server.sent[0])["oauth_signature_method"] == method


@pytest.mark.parametrize("method", ["RSA-SHA1", "RSA-SHA256", "RSA-SHA512"])
@pytest.mark.parametrize("bits", [2048, 3200])
async def test_each_method_with_a_key_pair_signs(
    method, bits, placement, server, session, make_client, verifier, rsa_keys
):
    """Above 3,072 bits a signature is made in a thread."""
    client = make_client(session, signature_method=method, signature_type=placement, rsa_key=rsa_keys[bits])
    await send(client.post(server.url, data={"a": "1"}))
    sent = server.sent[0]
    assert verifier.check(sent, public_key=rsa_keys[bits].public_key())["oauth_signature_method"] == method


@pytest.fixture(scope="module")
def rsa_keys():
    from cryptography.hazmat.primitives.asymmetric import rsa

    return {bits: rsa.generate_private_key(65537, bits) for bits in (2048, 3200)}


@pytest.mark.parametrize("host", ["a/b", "user@h", "h?", "h#", "a b", "h\\i", "é", "h:99999"], ids=repr)
async def test_a_host_header_that_is_no_host_is_refused(host, any_host_session, server, make_client):
    with pytest.raises(OAuthRegError) as caught:
        await make_client(any_host_session).get("http://h/", headers={"Host": host})
    assert caught.value.code in ("invalid-host-header", "invalid-origin")
    assert server.sent == []


async def test_an_overriding_host_header_is_what_is_signed(placement, any_host_session, server, make_client, verifier):
    client = make_client(any_host_session, signature_type=placement)
    await send(client.post("http://h/p", headers={"Host": "Other.Example:8080"}, data={"a": "1"}))
    (sent,) = server.sent
    assert sent.header("Host") == "Other.Example:8080"
    verifier.check(sent)
    assert "http%3A%2F%2Fother.example%3A8080%2Fp" in verifier.base_string(sent)


async def test_fields_signed_but_sent_elsewhere_are_covered(server, session, make_client, verifier):
    data = form_data(("title", "a title"), ("photo", io.BytesIO(b"...")))
    client = make_client(session)
    await send(client.post(server.url, data=data, signed_parameters={"title": "a title"}))
    (sent,) = server.sent
    assert sent.header("Content-Type").startswith("multipart/form-data")
    assert b"a title" in sent.body
    replace(verifier, extra=(("title", "a title"),)).check(sent)


@pytest.mark.parametrize(
    "change",
    [
        lambda sent: replace(sent, method="POST"),
        lambda sent: replace(sent, target=sent.target.replace("/a", "/b")),
        lambda sent: replace(sent, target=sent.target.replace("x=1", "x=2")),
        lambda sent: replace(sent, target=f"{sent.target}&x=1"),
        lambda sent: replace(sent, body=sent.body + b"&y=3"),
        lambda sent: replace(sent, headers=(*((k, v) for k, v in sent.headers if k != "Host"), ("Host", "other"))),
    ],
    ids=["method", "path", "query", "one more parameter", "body", "host"],
)
async def test_the_verifier_refuses_what_was_changed(change, placement, server, session, make_client, verifier):
    """The judge of this file is no yes-man."""
    await send(make_client(session, signature_type=placement).put(f"{server.url}/a?x=1", data={"y": "2"}))
    (sent,) = server.sent
    verifier.check(sent)
    with pytest.raises(AssertionError):
        verifier.check(change(sent))
