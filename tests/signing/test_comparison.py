"""Why two base strings differ: each usual cause planted into the other side's, and found again."""

import pytest

from oauthreg.errors import UsageError
from oauthreg.signing import load_engine
from oauthreg.signing.comparison import compare_base_strings, first_difference, parse_base_string

PAIRS = [("oauth_consumer_key", "c"), ("oauth_nonce", "n é"), ("oauth_timestamp", "1")]
URL = "https://api.example.com/1/items/ä?b=2&a=x%20y&c=%C3%A9&a=z"
FORM = "application/x-www-form-urlencoded"


def made(method="GET", url=URL, pairs=PAIRS, body=None):
    return load_engine("pure").base_string(method, url, pairs, body, FORM if body else None)


OURS = made()


def test_the_parts_of_a_base_string():
    parts = parse_base_string(f" {OURS}\n")
    assert (parts.method, parts.uri) == ("GET", "https://api.example.com/1/items/%C3%A4")
    assert parts.parameters[:4] == (("a", "x%20y"), ("a", "z"), ("b", "2"), ("c", "%C3%A9"))
    assert len(parts.parameters) == 7


@pytest.mark.parametrize("text", ["", "GET", "GET&x", f"{OURS}&b=2", "a&b&c&d"])
def test_what_is_none(text):
    with pytest.raises(UsageError) as refused:
        compare_base_strings(OURS, text)
    assert refused.value.code == "no-base-string"


def test_the_same_differ_in_nothing():
    assert compare_base_strings(OURS, f"{OURS}\n") == []
    assert first_difference(OURS, f" {OURS}") is None


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        (made("POST"), ["the method: GET here, POST there"]),
        (OURS.replace("GET", "get"), ["the method: GET here, get there: it is in upper case"]),
        (made(url=URL.replace("https", "http")), ["the scheme: https here, http there: a proxy"]),
        (made(url=URL.replace("api.", "www.")), ["the host: api.example.com here, www.example.com there: a proxy"]),
        (OURS.replace("api.example", "API.example"), ["the host: api.example.com here, API.example.com there: it is"]),
        (made(url=URL.replace(".com/", ".com:8443/")), ["the host: api.example.com here, api.example.com:8443 there"]),
        (OURS.replace(".com%2F", ".com%3A443%2F"), ["the host: api.example.com here, api.example.com:443 there"]),
        (made(url=URL.replace("ä?", "ä/?")), ["the path: /1/items/%C3%A4 here, /1/items/%C3%A4/ there: a slash"]),
        (OURS.replace("%25C3%25A4&", "%25c3%25a4&"), ["the path: /1/items/%C3%A4 here, /1/items/%c3%a4 there: it"]),
        (made(url=URL.replace("/1/", "/2/")), ["the path: /1/items/%C3%A4 here, /2/items/%C3%A4 there"]),
        (OURS.replace("%25A4&", "%25A4%3Fb%3D2&"), ["the query: it belongs among the parameters"]),
        (OURS.replace("x%2520y", "x%252520y"), ["a: 'x%20y' here, 'x%2520y' there: one of them is encoded twice"]),
        (OURS.replace("x%2520y", "x%252By"), ["a: 'x%20y' here, 'x%2By' there: a blank is %20"]),
        (OURS.replace("x%2520y", "x%2By"), ["a: 'x%20y' here, 'x+y' there: a blank is %20"]),
        (OURS.replace("c%3D%25C3%25A9", "c%3D%25c3%25a9"), ["c: '%C3%A9' here, '%c3%a9' there: encoded differently"]),
        (OURS.replace("c%3D%25C3%25A9", "c%3D%25E3%25A9"), ["c: '%C3%A9' here, '%E3%A9' there: the same text"]),
        (made(url=URL.replace("b=2", "b=3")), ["b: '2' here, '3' there"]),
        (made(url=URL.partition("?")[0]), ["a: here alone: a parameter of the query", "a: here", "b: here", "c: here"]),
        (made(body="d=1"), ["d: there alone: a parameter of the query, or of a form (only with its media type)"]),
        (made(pairs=PAIRS[:2]), ["oauth_timestamp: here alone"]),
        (made(pairs=[*PAIRS, ("realm", "x")]), ["realm: there alone: the realm is not signed"]),
        (made(pairs=[*PAIRS, ("oauth_body_hash", "x")]), ["oauth_body_hash: there alone: the body hash"]),
        (OURS.replace("b%3D2", "b%3D2%26oauth_signature%3Dx"), ["oauth_signature: there alone: the signature"]),
        (OURS.replace("a%3Dz%26b%3D2", "b%3D2%26a%3Dz"), ["the order: a a b c oauth_consumer_key"]),
        (OURS.replace("%3D2%26", "%3d2%26"), ["the same parts are encoded differently"]),
    ],
)  # fmt: skip
def test_a_cause_is_found(theirs, words):
    told = compare_base_strings(OURS, theirs)
    assert len(told) == len(words)
    for one, beginning in zip(told, words, strict=True):
        assert one.startswith(beginning)
    assert OURS[: first_difference(OURS, theirs)] == theirs[: first_difference(OURS, theirs)]
    assert len(compare_base_strings(theirs, OURS)) == len(words)


def test_causes_are_told_together():
    told = compare_base_strings(OURS, made("POST", url=URL.replace("https", "http").replace("b=2", "b=3")))
    assert [one.partition(":")[0] for one in told] == ["the method", "the scheme", "b"]


@pytest.mark.parametrize(("ours", "theirs", "place"), [("a", "b", 0), ("ab", "a", 1), ("a", "ab", 1), ("", "a", 0)])
def test_where_they_part(ours, theirs, place):
    assert first_difference(ours, theirs) == place
