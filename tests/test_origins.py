import pytest

from oauthreg.errors import UsageError
from oauthreg.origins import is_loopback, parse_origin, render_origin


@pytest.mark.parametrize(
    ("url", "origin", "text"),
    [
        ("https://API.Example.com/x?y#z", ("https", "api.example.com", 443), "https://api.example.com"),
        ("https://api.example.com:443", ("https", "api.example.com", 443), "https://api.example.com"),
        ("HTTP://u:p@a.example:/", ("http", "a.example", 80), "http://a.example"),
        ("http://[::1]:8080/", ("http", "::1", 8080), "http://[::1]:8080"),
        ("https://[2001:DB8::1]/", ("https", "2001:db8::1", 443), "https://[2001:db8::1]"),
    ],
)
def test_origins_are_compared_by_effective_port(url, origin, text):
    assert parse_origin(url) == origin
    assert render_origin(origin) == text


@pytest.mark.parametrize(
    "url", ["", "/x", "ftp://a.example/", "https://", "https://a:99999/", "https://a:x/", "https://[::1/", "a.example"]
)
def test_what_has_no_origin_is_refused(url):
    with pytest.raises(UsageError) as refused:
        parse_origin(url)
    assert refused.value.code == "invalid-origin"
    assert "https://api.example.com" in refused.value.hint


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("", "''"),
        ("api.example.com", "'api.example.com'"),
        ("Localhost:8080/x?hunter2", "'Localhost:8080/x'"),
        ("hunter2", "'…'"),
        ("4/hunter2.com", "'…'"),
        ("ghu.hunter2", "'…'"),
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.hunter-2_a", "'…'"),
        ("ftp://a.example/x?token=hunter2#hunter2", "'ftp://a.example/x'"),
        ("ftp://ada:hunter2@a.example/x", "'ftp://a.example'"),
        ("https://ada:hunter2/@a.example", "'https://'"),
        ("https://ada:hunter2?@a.example", "'https://'"),
        ("https://ada:hunter2#@a.example", "'https://'"),
        ("ada:hunter2@a.example", "'ada://'"),
    ],
)
def test_a_refusal_shows_the_url_without_secrets(url, shown):
    with pytest.raises(UsageError) as refused:
        parse_origin(url)
    assert refused.value.message == f"no http or https origin: {shown}"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("a.localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_loopback(host, expected):
    assert is_loopback(host) is expected
