"""Access tokens on API calls."""

import hashlib
import hmac

import pytest

from oauthreg.errors import UnsignableRequestError
from oauthreg.oauth2.bearer import BearerAuthentication
from oauthreg.provider import RequestProof, RequestSignature, TokenPlacement

FORM = "application/x-www-form-urlencoded"
URL = "https://api.example/me?x=%7E#top"
HEADER = TokenPlacement()
QUERY = TokenPlacement("query", "access_token", "")
BODY = TokenPlacement("body", "access_token", "")


def authenticate(placement=HEADER, *, method="GET", url=URL, body=None, content_type=None, **changes):
    return BearerAuthentication("AT 1", placement, **changes).authenticate(method, url, body, content_type)


@pytest.mark.parametrize(
    ("placement", "header"),
    [
        pytest.param(TokenPlacement(), ("Authorization", "Bearer AT 1"), id="TT01"),
        pytest.param(TokenPlacement(prefix="OAuth "), ("Authorization", "OAuth AT 1"), id="prefix"),
        pytest.param(TokenPlacement(name="X-Token", prefix=""), ("X-Token", "AT 1"), id="header"),
    ],
)
def test_a_header_carries_the_token(placement, header):
    made = authenticate(placement)
    assert (made.headers, made.url, made.body) == ((header,), None, None)
    name, make = BearerAuthentication("AT 1", placement).header
    assert (name, make("GET", URL, None, None)) == header


@pytest.mark.parametrize(
    ("placement", "changes"),
    [
        (QUERY, {}),
        (BODY, {}),
        (TokenPlacement("none"), {}),
        (HEADER, {"params": (("key", "1"),)}),
        (HEADER, {"proof": RequestProof("proof"), "client_secret": "s3cr3t"}),
        (HEADER, {"signature": RequestSignature("md5", (("text", "a"),))}),
    ],
)
def test_what_adds_more_than_a_header_does_not_say_that_it_is_one(placement, changes):
    assert BearerAuthentication("AT 1", placement, **changes).header is None


def test_a_provider_without_placement_gets_nothing():
    made = authenticate(TokenPlacement("none"))
    assert (made.headers, made.url, made.body) == ((), None, None)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (URL, "https://api.example/me?x=%7E&access_token=AT%201#top"),
        ("https://api.example/me", "https://api.example/me?access_token=AT%201"),
        ("https://api.example/me?", "https://api.example/me?access_token=AT%201"),
        ("https://api.example/me?access%5Ftoken=old&a=1", "https://api.example/me?a=1&access_token=AT%201"),
    ],
)
def test_the_query_carries_the_token_once(url, expected):
    assert authenticate(QUERY, url=url).url == expected


@pytest.mark.parametrize(
    ("body", "content_type", "expected", "headers"),
    [
        (b"a=1&b=%E9", FORM, b"a=1&b=%E9&access_token=AT%201", ()),
        (b"access_token=old&a=1", f"{FORM}; charset=utf-8", b"a=1&access_token=AT%201", ()),
        (b"", FORM, b"access_token=AT%201", ()),
        (None, None, b"access_token=AT%201", (("Content-Type", FORM),)),
    ],
)
def test_a_form_carries_the_token_once(body, content_type, expected, headers):
    made = authenticate(BODY, method="POST", body=body, content_type=content_type)
    assert (made.body, made.headers, made.url) == (expected, headers, None)


@pytest.mark.parametrize(("method", "body", "content_type"), [("GET", None, None), ("POST", b"{}", "application/json")])
def test_body_placement_without_a_form_is_refused(method, body, content_type):
    with pytest.raises(UnsignableRequestError) as refused:
        authenticate(BODY, method=method, body=body, content_type=content_type)
    assert refused.value.code == "body-placement-needs-form"


@pytest.mark.parametrize("placement", [TokenPlacement(), QUERY, TokenPlacement("none"), BODY])
def test_a_proof_goes_into_the_query_whatever_the_placement(placement):
    mac = hmac.new(b"s3cr3t", b"AT 1", hashlib.sha256).hexdigest()
    url = "https://api.example/me?proof=stale"
    made = authenticate(placement, method="POST", url=url, proof=RequestProof("proof"), client_secret="s3cr3t")
    assert f"?proof={mac}" in made.url
    assert "stale" not in made.url


def test_without_a_secret_there_is_no_proof():
    assert authenticate(proof=RequestProof("proof")).url is None


def test_what_it_covers_of_a_body():
    over_params, over_body = (
        RequestSignature("hmac-sha256", (("value", part),), parameter="sig") for part in ("params", "body")
    )
    assert BearerAuthentication("AT1", BODY).covers == "bodies"
    assert BearerAuthentication("AT1", signature=over_body).covers == "bodies"
    assert BearerAuthentication("AT1", signature=over_params).covers == "forms"
    assert BearerAuthentication("AT1", proof=RequestProof("proof")).covers == "nothing"
    assert BearerAuthentication("AT1", QUERY).covers == "nothing"
    assert not BearerAuthentication("AT1").is_slow


def test_SL03_repr_shows_no_secret():
    assert "PLANTED" not in repr(BearerAuthentication("PLANTED", client_secret="PLANTED"))
