"""What a logout token must hold before anybody asks who signed it, and the two ways back by the browser."""

import base64
import json

import pytest

from oauthreg.errors import CallbackError, MismatchingStateError, ResponseError, UsageError
from oauthreg.oauth2 import ClientIdentity
from oauthreg.oauth2.logout_token import (
    LOGGED_OUT,
    check_logout_response,
    logout_token_flow,
    parse_front_channel_logout,
    parse_logout_token,
)
from oauthreg.provider import OAuth2Settings

NOW = 1_700_000_000
ISSUER = "https://as.example"
CLAIMS = {
    "iss": ISSUER,
    "sub": "u1",
    "aud": "c1",
    "iat": NOW,
    "exp": NOW + 120,
    "jti": "j1",
    "sid": "s1",
    "events": {LOGGED_OUT: {}},
}


def token(header=None, **changes):
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not ...}
    pieces = ({"alg": "RS256", **(header or {})}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(piece).encode()).rstrip(b"=").decode() for piece in pieces]
    return ".".join([*encoded, "c2ln"])


@pytest.fixture
def issued(provider):
    return lambda **settings: provider(oauth2=OAuth2Settings(**{"issuer": ISSUER} | settings))


@pytest.fixture
def parse(issued):
    return lambda text, **settings: parse_logout_token(issued(**settings), text, client_id="c1", now=NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"aud": ["c1"]},
        {"sub": ...},
        {"sid": ...},
        {"events": {LOGGED_OUT: {"more": 1}, "other": {}}},
        {"exp": NOW - 30},
        {"iat": NOW - 0.5},
        {"header": {"typ": "logout+jwt"}},
        {"header": {"typ": "application/Logout+JWT"}},
        {"header": {"typ": "JWT"}},
    ],
    ids=str,
)
def test_good_ones(parse, changes):
    made = parse(token(**changes))
    expected = {name: value for name, value in (CLAIMS | changes).items() if value is not ... and name != "header"}
    assert dict(made.claims) == expected
    assert (made.sub, made.sid, made.jti) == tuple(expected.get(name) for name in ("sub", "sid", "jti"))
    assert "claims" not in repr(made)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "https://as.example/"}, "logout-token-issuer"),
        ({"iss": ...}, "logout-token-issuer"),
        ({"aud": "c2"}, "logout-token-audience"),
        ({"aud": ["c1", "c2"]}, "logout-token-audience"),
        ({"azp": "c2"}, "logout-token-party"),
        ({"exp": ...}, "logout-token-incomplete"),
        ({"iat": ...}, "logout-token-incomplete"),
        ({"iat": "now"}, "logout-token-incomplete"),
        ({"exp": NOW - 3600}, "jwt-expired"),
        ({"iat": NOW + 3600, "exp": NOW + 7200}, "jwt-time"),
        ({"events": ...}, "logout-token-event"),
        ({"events": [LOGGED_OUT]}, "logout-token-event"),
        ({"events": {LOGGED_OUT: True}}, "logout-token-event"),
        ({"events": {f"{LOGGED_OUT}/": {}}}, "logout-token-event"),
        ({"nonce": None}, "logout-token-nonce"),
        ({"sub": ..., "sid": ...}, "logout-token-incomplete"),
        ({"sub": 7}, "logout-token-incomplete"),
        ({"sid": ""}, "logout-token-incomplete"),
        ({"jti": ...}, "logout-token-incomplete"),
        ({"jti": ["j"]}, "logout-token-incomplete"),
        ({"header": {"typ": "at+jwt"}}, "logout-token-type"),
        ({"header": {"typ": ["logout+jwt"]}}, "logout-token-type"),
    ],
    ids=str,
)
def test_bad_ones(parse, changes, code):
    with pytest.raises(ResponseError) as refused:
        parse(token(**changes))
    assert refused.value.code == code
    assert str(refused.value).startswith(("the logout token cannot be trusted: ", "the JWT cannot be trusted: "))


def test_another_algorithm(parse):
    with pytest.raises(ResponseError) as refused:
        parse(token(), id_token_algorithms=("ES256",))
    assert refused.value.code == "jwt-algorithm"


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c.d.e", "x" * 100_000, None, 7])
def test_what_is_no_jwt(parse, text):
    with pytest.raises(ResponseError):
        parse(text)


def test_without_an_issuer_nothing_can_be_checked(parse):
    with pytest.raises(UsageError) as refused:
        parse(token(), issuer=None)
    assert refused.value.code == "issuer-unknown"


def test_a_signature_that_nobody_can_check_is_none(issued):
    """Unlike an ID token, it comes over no channel that proves where it is from."""
    client = ClientIdentity("c1", lambda: NOW, lambda: "id", None, None, None, None, {})
    with pytest.raises(UsageError) as refused:
        next(logout_token_flow(issued(), client, token()))
    assert refused.value.code == "keys-unknown"


@pytest.mark.parametrize("query", ["iss=https://as.example&sid=s%201", "?x=1&x=2&sid=s+1&iss=https%3A%2F%2Fas.example"])
def test_the_session_that_ended(issued, query):
    assert parse_front_channel_logout(issued(), query) == "s 1"


@pytest.mark.parametrize("url", ["https://app.example/logout", "https://app.example/logout?x=1#iss=a&sid=b"])
def test_no_session_is_named(issued, url):
    assert parse_front_channel_logout(issued(issuer=None), url) is None


@pytest.mark.parametrize(
    "query", ["iss=https://as.example", "sid=s", "iss=https://as.example/&sid=s", "iss=https://as.example&sid="]
)
def test_a_logout_of_another_provider(issued, query):
    with pytest.raises(MismatchingStateError) as refused:
        parse_front_channel_logout(issued(), f"https://app.example/logout?{query}")
    assert refused.value.code == "issuer-mismatch"


def test_a_tenant_is_named_by_the_template(issued):
    settings = {"issuer": None, "issuer_template": "https://as.example/{tid}/v2"}
    assert parse_front_channel_logout(issued(**settings), "iss=https://as.example/t1/v2&sid=s") == "s"


def test_what_stands_twice_is_refused(issued):
    with pytest.raises(CallbackError) as refused:
        parse_front_channel_logout(issued(), "sid=a&sid=b&iss=https://as.example")
    assert refused.value.code == "repeated-parameter"
    with pytest.raises(CallbackError) as refused:
        check_logout_response("state=a&state=a", "a")
    assert refused.value.code == "repeated-parameter"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://app.example/bye", "state-missing"),
        ("https://app.example/bye?state=", "state-missing"),
        ("https://app.example/bye?state=S1", "state-mismatch"),
        ("https://app.example/bye#state=s1", "state-missing"),
    ],
)
def test_a_way_back_of_another_browser(url, code):
    with pytest.raises(MismatchingStateError) as refused:
        check_logout_response(url, "s1")
    assert refused.value.code == code
    check_logout_response("https://app.example/bye?state=s1", "s1")


@pytest.mark.parametrize("state", [None, "", "\ud800"])
def test_a_browser_that_began_no_logout(state):
    with pytest.raises(MismatchingStateError):
        check_logout_response("https://app.example/bye?state=s1", state)


@pytest.mark.parametrize("url", [None, b"?sid=s", 7])
def test_what_is_no_url(issued, url):
    with pytest.raises(CallbackError):
        parse_front_channel_logout(issued(), url)
