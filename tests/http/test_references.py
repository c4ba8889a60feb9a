import pytest
from yarl import URL

from oauthreg.errors import UsageError
from oauthreg.http.references import resolve

BASE = "https://api.example.com/1.1/users?x=1#top"


@pytest.mark.parametrize(
    ("reference", "resolved"),
    [
        ("me.json", "https://api.example.com/1.1/me.json"),
        ("me.json?a=%7e&b=c/../d", "https://api.example.com/1.1/me.json?a=%7e&b=c/../d"),
        ("a//b/./c/../%2E%2E", "https://api.example.com/1.1/a//b/./c/../%2E%2E"),
        ("/2/me", "https://api.example.com/2/me"),
        ("?q=1", "https://api.example.com/1.1/users?q=1"),
        ("", "https://api.example.com/1.1/users?x=1"),
        ("#f", "https://api.example.com/1.1/users?x=1#f"),
        ("users/a:b", "https://api.example.com/1.1/users/a:b"),
        ("@evil.example/", "https://api.example.com/1.1/@evil.example/"),
        (".evil.example/", "https://api.example.com/1.1/.evil.example/"),
        (":80/", "https://api.example.com/1.1/:80/"),
        ("\\\\evil.example/", "https://api.example.com/1.1/\\\\evil.example/"),
        ("//evil.example/x", "https://evil.example/x"),
        ("http://evil.example/x", "http://evil.example/x"),
        ("HTTPS://API.example.com/x", "HTTPS://API.example.com/x"),
    ],
)
def test_a_reference_is_resolved_as_plain_text(reference, resolved):
    assert resolve(BASE, reference) == resolved


@pytest.mark.parametrize(
    "base", ["https://api.example.com", "https://api.example.com?x=1", "https://api.example.com#x"]
)
@pytest.mark.parametrize("reference", ["me", "@evil.example", ".evil.example", "\t//evil.example", " //evil.example"])
def test_a_reference_never_becomes_part_of_the_host(base, reference):
    assert URL(resolve(base, reference)).host == "api.example.com"


def test_a_url_object_keeps_its_encoding():
    resolved = resolve(BASE, URL("a%7Eb?c=%2F", encoded=True))
    assert isinstance(resolved, URL)
    assert str(resolved) == "https://api.example.com/1.1/a%7Eb?c=%2F"


@pytest.mark.parametrize("reference", ["me", URL("me"), "https://api.example.com/me", "ftp://example.com"])
def test_without_a_base_the_reference_is_left_to_the_session(reference):
    assert resolve(None, reference) is reference


@pytest.mark.parametrize("reference", ["javascript:alert(1)", "file:///etc/passwd", "x:y?token=t0k3n", "http:relative"])
def test_another_scheme_is_refused(reference):
    with pytest.raises(UsageError) as caught:
        resolve(BASE, reference)
    assert caught.value.code == "invalid-url"
    assert "t0k3n" not in str(caught.value)


def test_a_base_that_is_no_url_is_refused():
    with pytest.raises(UsageError) as caught:
        resolve("api.example.com", "me")
    assert caught.value.code == "invalid-url"


@pytest.mark.parametrize("reference", [None, 5, b"me", ["me"], object()])
def test_what_is_no_text_is_no_reference(reference):
    """`None` is a forgotten value, and no resource of that name."""
    with pytest.raises(UsageError, match=f"`url`.*{type(reference).__name__}") as caught:
        resolve(BASE, reference)
    assert caught.value.code == "wrong-type"
