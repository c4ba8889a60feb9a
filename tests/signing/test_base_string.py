"""The base URI, the parameters that count, and the base string (RFC 5849 section 3.4.1)."""

import pytest
from yarl import URL

from oauthreg.errors import UnsignableRequestError, UnsupportedMethodError, UsageError

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("url", "uri"),
    [
        ("http://EXAMPLE.com:80/r%20v/X?id=1", "http://example.com/r%20v/X"),
        ("HTTPS://Example.com:443", "https://example.com/"),
        ("http://h:443/", "http://h:443/"),
        ("https://h:80/", "https://h:80/"),
        ("http://h:/p", "http://h/p"),
        ("http://h:0/p", "http://h:0/p"),
        ("http://h:00080/p", "http://h/p"),
        ("http://h:008080/p", "http://h:8080/p"),
        ("https://h:65535/p", "https://h:65535/p"),
        ("http://h?", "http://h/"),
        ("http://h?a=/b", "http://h/"),
        ("http://h#f", "http://h/"),
        ("http://h/p#f?a=b", "http://h/p"),
        ("http://h/p?a=b#f/g", "http://h/p"),
        ("http://h/p??a", "http://h/p"),
        ("http://user:pass@h/p", "http://h/p"),
        ("http://us@er:p@ss@h:8080/p", "http://h:8080/p"),
        ("http://@h/p", "http://h/p"),
        ("http://[::1]/p", "http://[::1]/p"),
        ("http://[::1]:80/p", "http://[::1]/p"),
        ("http://[::1]:/p", "http://[::1]/p"),
        ("https://[2001:DB8::A]:8443/p", "https://[2001:db8::a]:8443/p"),
        ("http://[::ffff:192.0.2.1]/p", "http://[::ffff:192.0.2.1]/p"),
        ("http://[fe80::1%25en0]/p", "http://[fe80::1%25en0]/p"),
        ("http://user@[::1]:8080/p", "http://[::1]:8080/p"),
        ("http://192.0.2.1:8080/p", "http://192.0.2.1:8080/p"),
        ("http://bücher.example/p", "http://xn--bcher-kva.example/p"),
        ("http://BÜCHER.example/p", "http://xn--bcher-kva.example/p"),
        ("http://bu\u0308cher.example/p", "http://xn--bcher-kva.example/p"),
        ("http://faß.example/p", "http://xn--fa-hia.example/p"),
        ("http://日本語。jp/p", "http://xn--wgv71a119e.jp/p"),
        ("http://a_ü.example/p", "http://xn--a_-yka.example/p"),
        ("http://xn--bcher-kva.example/p", "http://xn--bcher-kva.example/p"),
        ("http://under_score.example/p", "http://under_score.example/p"),
        ("http://h/a//b///", "http://h/a//b///"),
        ("http://h//", "http://h//"),
        ("http://h/a/./b/../c", "http://h/a/./b/../c"),
        ("http://h/a;b=1;c/d;e", "http://h/a;b=1;c/d;e"),
        ("http://h/%7Euser/%7euser/~user", "http://h/%7Euser/%7euser/~user"),
        ("http://h/%2f%2F%c3%a9", "http://h/%2f%2F%c3%a9"),
        ("http://h/%zz/50%/%", "http://h/%zz/50%/%"),
        ("http://h/a+b", "http://h/a+b"),
        ("http://h/!$&'()*,:=@|^`{}[]\"<>\\", "http://h/!$&'()*,:=@|^`{}[]\"<>\\"),
        ("http://h/a b", "http://h/a%20b"),
        ("http://h/é/\u2028", "http://h/%C3%A9/%E2%80%A8"),
        ("http://h/\x00\t\r\n\x7f", "http://h/%00%09%0D%0A%7F"),
    ],
)
def test_base_uri(engine, url, uri):
    assert engine.module.base_uri(url) == uri


@pytest.mark.parametrize(
    ("url", "uri"),
    [
        ("http://EXAMPLE.com:80/a%7Eb", "http://example.com/a~b"),
        ("http://h/a/../b", "http://h/b"),
        ("http://h/é", "http://h/%C3%A9"),
        ("http://h/\tp\n", "http://h/p"),
        ("http://h:/p", "http://h/p"),
        ("http://h./p", "http://h/p"),
        ("http://h..:8080/p", "http://h:8080/p"),
        ("http://[2001:DB8:0:0::A]:80/p", "http://[2001:db8::a]/p"),
        ("http://bücher.example/p", "http://xn--bcher-kva.example/p"),
        ("http://a_ü.example/p", "http://xn--a_-yka.example/p"),
        ("http://user:pass@h/p", "http://h/p"),
    ],
)
def test_base_uri_is_that_of_the_wire_for_a_url_object(engine, url, uri):
    target = URL(url)
    assert engine.module.base_uri(target) == uri
    host = uri.partition("://")[2].partition("/")[0]
    assert target.host_port_subcomponent == host, "aiohttp would send another Host header"


@pytest.mark.parametrize(
    ("url", "uri"),
    [
        ("HTTP://EXAMPLE.com:80/a%7Eb", "http://example.com/a%7Eb"),
        ("http://h/a/../b", "http://h/a/../b"),
        ("http://h/é b", "http://h/%C3%A9%20b"),
        ("http://bücher.example/p", "http://xn--bcher-kva.example/p"),
        ("http://h./p", "http://h/p"),
        ("http://[2001:DB8:0::A]/p", "http://[2001:db8:0::a]/p"),
    ],
)
def test_base_uri_of_a_url_object_that_is_sent_as_written(engine, url, uri):
    assert engine.module.base_uri(URL(url, encoded=True)) == uri


def test_a_name_written_with_its_last_dot_is_signed_with_it(engine):
    """Text says what the Host header says; aiohttp alone is known to drop the dot."""
    assert engine.module.base_uri("http://example.com./p") == "http://example.com./p"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "no scheme and host"),
        ("/path", "no scheme and host"),
        ("example.com/path", "no scheme and host"),
        ("//example.com/path", "no scheme and host"),
        ("http:/example.com", "no scheme and host"),
        ("1http://example.com", "no scheme and host"),
        (" http://example.com", "no scheme and host"),
        ("http://", "no host"),
        ("http:///path", "no host"),
        ("http://:80/path", "no host"),
        ("http://user@/path", "no host"),
        ("http://user@:80/", "no host"),
        ("ftp://example.com/", "neither http nor https"),
        ("ws://example.com/", "neither http nor https"),
        ("file:///etc/passwd", "no host"),
        ("http://h:65536/", "port"),
        ("http://h:-1/", "port"),
        ("http://h:8o/", "port"),
        ("http://h:\uff18\uff10/", "port"),
        ("http://h:80 /", "port"),
        ("http://h:99999999999999999999999999/", "port"),
        ("http://[::1]x/", "host name or address"),
        ("http://[::1/", "host name or address"),
        ("http://::1/", "host name or address"),
        ("http://[]/", "host name or address"),
        ("http://[::é]/", "host name or address"),
        ("http://a b/", "host name or address"),
        ("http://a\nb/", "host name or address"),
        ("http://a\\b/", "host name or address"),
        ("http://a<b>/", "host name or address"),
        ("http://ü b/", "host name or address"),
        ("http://ü\u0000/", "host name or address"),
        ("http://\udcff/", "host name or address"),
    ],
)
def test_a_url_that_names_no_server_is_refused(engine, url, reason):
    with pytest.raises(UsageError) as caught:
        engine.module.base_uri(url)
    assert (caught.value.code, caught.value.hint) == ("invalid-url", "pass an absolute http or https URL")
    assert reason in caught.value.message


@pytest.mark.parametrize("url", [URL("/path?a=b"), URL(""), URL("http:"), URL("mailto:a@b"), URL("http://./x")])
def test_a_url_object_without_a_server_is_refused(engine, url):
    with pytest.raises(UsageError) as caught:
        engine.module.base_uri(url)
    assert caught.value.code == "invalid-url"


@pytest.mark.parametrize("port", ["99999", "8o", "-1"])
def test_a_url_object_that_reads_its_port_too_late_is_refused(engine, port):
    with pytest.raises(UsageError) as caught:
        engine.module.base_uri(URL(f"http://user:pass@h:{port}/", encoded=True))
    assert caught.value.code == "invalid-url"
    assert caught.value.message == "the URL cannot be signed, its port is no number up to 65535: 'http://'"


@pytest.mark.parametrize("url", [b"http://h/", None, 5, ("http", "h")])
def test_what_is_no_url_is_refused(engine, url):
    with pytest.raises(UsageError) as caught:
        engine.module.base_uri(url)
    assert caught.value.code == "wrong-type"


@pytest.mark.parametrize("url", ["http://h/\ud800", "http://h/?\udcff"])
def test_a_lone_surrogate_is_refused(engine, url):
    for written in (url, URL(url, encoded=True)):
        with pytest.raises(UsageError) as caught:
            engine.module.base_string("GET", written, ())
        assert caught.value.code == "lone-surrogate"


def test_a_lone_surrogate_that_is_not_signed_does_no_harm(engine):
    assert engine.module.base_string("GET", "http://\udcff@h/#\udcff", ()) == "GET&http%3A%2F%2Fh%2F&"


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("", ""),
        ("?", ""),
        ("?&&", ""),
        ("?a", "a%3D"),
        ("?=", "%3D"),
        ("?=b&=a", "%3Da%26%3Db"),
        ("?a=%2b+%20", "a%3D%252B%2520%2520"),
        ("?a%20b=1&a+b=0", "a%2520b%3D0%26a%2520b%3D1"),
        ("?a=%c3%a9&b=%C3%A9&c=é", "a%3D%25C3%25A9%26b%3D%25C3%25A9%26c%3D%25C3%25A9"),
        ("?a=%41%7e%2D&b=A~-", "a%3DA~-%26b%3DA~-"),
        ("?a=%00", "a%3D%2500"),
        ("?a=%E9", "a%3D%25E9"),
        ("?a=100%&b=%zz&c=%", "a%3D100%2525%26b%3D%2525zz%26c%3D%2525"),
        ("?a=%252B", "a%3D%25252B"),
        ("?a=b c", "a%3Db%2520c"),
        ("?a=\t\r\n", "a%3D%2509%250D%250A"),
        ("?a=1;b=2", "a%3D1%253Bb%253D2"),
        ("?a=b?c/d", "a%3Db%253Fc%252Fd"),
        ("?[a]='!*()", "%255Ba%255D%3D%2527%2521%252A%2528%2529"),
        ("?realm=r", "realm%3Dr"),
        ("?oauth_signature=x&a=1", "a%3D1"),
        ("?oauth%5Fsignature=x&oauth_signature", ""),
        ("?oauth_signature_method=x", "oauth_signature_method%3Dx"),
        ("?OAUTH_SIGNATURE=x", "OAUTH_SIGNATURE%3Dx"),
        ("#a=b", ""),
        ("?a=1#?b=2", "a%3D1"),
    ],
)
def test_query(engine, query, text):
    assert engine.module.base_string("GET", f"http://h/{query}", ()) == f"GET&http%3A%2F%2Fh%2F&{text}"
    assert engine.module.base_string("POST", "http://h/", (), query.partition("#")[0][1:], FORM) == (
        f"POST&http%3A%2F%2Fh%2F&{text}"
    )


@pytest.mark.parametrize(
    "content_type",
    [
        FORM,
        FORM.upper(),
        "Application/X-WWW-Form-URLEncoded",
        f"{FORM}; charset=UTF-8",
        f"{FORM};charset=ISO-8859-1",
        f" {FORM}\t; boundary=x",
        f"{FORM};",
    ],
)
def test_a_form_is_known_by_its_media_type_alone(engine, content_type):
    for method in ("POST", "PUT", "GET", "DELETE", "PATCH", "HEAD"):
        text = engine.module.base_string(method, "http://h/?b=2", (), b"a=%E9&c=\xe9", content_type)
        assert text == f"{method}&http%3A%2F%2Fh%2F&a%3D%25E9%26b%3D2%26c%3D%25E9"


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/json", f"x{FORM}", f"{FORM}x", f"{FORM}, text/plain", "multipart/form-data"],
)
def test_any_other_body_is_not_in_the_base_string(engine, content_type):
    assert engine.module.base_string("POST", "http://h/", (), "a=1", content_type) == "POST&http%3A%2F%2Fh%2F&"


def test_a_body_that_is_not_covered_may_be_anything(engine):
    assert engine.module.base_string("POST", "http://h/", (), object(), None) == "POST&http%3A%2F%2Fh%2F&"


@pytest.mark.parametrize("body", ["a=é", "a=é".encode(), bytearray("a=é".encode()), memoryview("a=é".encode())])
def test_form_bodies_of_every_kind(engine, body):
    assert engine.module.base_string("POST", "http://h/", (), body, FORM) == "POST&http%3A%2F%2Fh%2F&a%3D%25C3%25A9"


@pytest.mark.parametrize("body", [None, "", b""])
def test_an_empty_form(engine, body):
    assert engine.module.base_string("POST", "http://h/", (), body, FORM) == "POST&http%3A%2F%2Fh%2F&"


@pytest.mark.parametrize("body", [{"a": "1"}, [("a", "1")], object(), 5])
def test_a_form_whose_bytes_are_unknown_is_refused(engine, body):
    with pytest.raises(UnsignableRequestError) as caught:
        engine.module.base_string("POST", "http://h/", (), body, FORM)
    assert caught.value.code == "unsignable-body"
    assert type(body).__name__ in caught.value.message


def test_parameters_of_all_sources_are_sorted_together(engine):
    text = engine.module.base_string(
        "POST", "http://h/?b=q&a=q", [("oauth_x", "h"), ("b", "h"), ("oauth_signature", "s")], "a=f&b=f", FORM
    )
    assert text == "POST&http%3A%2F%2Fh%2F&a%3Df%26a%3Dq%26b%3Df%26b%3Dh%26b%3Dq%26oauth_x%3Dh"


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ("get", "GET"),
        ("m-search", "M-SEARCH"),
        ("version-control", "VERSION-CONTROL"),
        ("!#$%&'*+-.^_`|~", "%21%23%24%25%26%27%2A%2B-.%5E_%60%7C~"),
        ("0", "0"),
    ],
)
def test_the_method_is_upper_case_and_escaped(engine, method, text):
    assert engine.module.base_string(method, "http://h/", ()) == f"{text}&http%3A%2F%2Fh%2F&"


@pytest.mark.parametrize("method", ["", " ", "GET ", "GET\r\nX: y", "G\0T", "GÉT", "\u017f", "G/T", "G(T", "\ud800"])
def test_a_method_that_is_no_token_is_refused(engine, method):
    with pytest.raises(UsageError) as caught:
        engine.module.base_string(method, "http://h/", ())
    assert caught.value.code == "invalid-method"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((b"GET", "http://h/", ()), "method"),
        ((None, "http://h/", ()), "method"),
        (("GET", "http://h/", 5), "parameters"),
        (("GET", "http://h/", (), "", b"text/plain"), "content_type"),
        (("GET", "http://h/", (), "", 5), "content_type"),
    ],
)
def test_arguments_of_another_type_are_named(engine, arguments, named):
    with pytest.raises(UsageError) as caught:
        engine.module.base_string(*arguments)
    assert caught.value.code == "wrong-type"
    assert f"`{named}`" in caught.value.message


def test_a_long_request(engine):
    query = "&".join(f"k{number:05}=%C3%A9{number}" for number in reversed(range(10_000)))
    text = engine.module.base_string("GET", f"http://h/?{query}", ())
    sorted_pairs = "%26".join(f"k{number:05}%3D%25C3%25A9{number}" for number in range(10_000))
    assert text == f"GET&http%3A%2F%2Fh%2F&{sorted_pairs}"


@pytest.mark.parametrize(
    ("signature_method", "body", "value"),
    [
        ("HMAC-SHA1", None, "2jmj7l5rSw0yVb/vlWAYkK/YBwk="),
        ("RSA-SHA1", b"", "2jmj7l5rSw0yVb/vlWAYkK/YBwk="),
        ("HMAC-SHA256", "", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
        ("RSA-SHA256", None, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
        (
            "HMAC-SHA512",
            None,
            "z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
        ),
        ("HMAC-SHA1", "é", "vxW+cXrBsIC08cRWaSgliR/1Bz0="),
        ("HMAC-SHA1", bytearray("é".encode()), "vxW+cXrBsIC08cRWaSgliR/1Bz0="),
    ],
)
def test_body_hash(engine, signature_method, body, value):
    assert engine.module.body_hash(signature_method, body) == value


def test_a_body_that_cannot_be_hashed_is_refused(engine):
    async def stream():
        yield b""

    for body in (stream(), iter([b""]), {"a": 1}):
        with pytest.raises(UnsignableRequestError) as caught:
            engine.module.body_hash("HMAC-SHA1", body)
        assert caught.value.code == "unsignable-body"
        assert "body hash" in caught.value.hint


@pytest.mark.parametrize("signature_method", ["PLAINTEXT", "HMAC-MD5", "", None, ["HMAC-SHA1"]])
def test_a_method_without_a_hash_is_refused(engine, signature_method):
    with pytest.raises(UnsupportedMethodError) as caught:
        engine.module.body_hash(signature_method, b"")
    assert caught.value.code == "unknown-signature-method"
    assert "HMAC-SHA512" in caught.value.message
