import pytest

from oauthreg.legs import build_request, render_form
from oauthreg.provider import Leg, TokenPlacement
from oauthreg.simulator.received import Received, closest

FORM = {"content-type": "Application/X-WWW-Form-URLencoded; charset=utf-8"}


def test_parameters_are_found_wherever_they_stand():
    header = {"authorization": 'OAuth realm="r", oauth_nonce="a%20b"'}
    received = Received("POST", "https://a.example/?q=1&q=2", {**FORM, **header}, b"f=%C3%BC&oauth_token=t")
    assert (received.query, received.query_pairs) == ({"q": "1"}, [("q", "1"), ("q", "2")])
    assert received.form == {"f": "ü", "oauth_token": "t"}
    assert received.claimed == {"q": "1", "f": "ü", "oauth_token": "t", "oauth_nonce": "a b"}


@pytest.mark.parametrize("header", ["", "Bearer x", "OAuth =broken"])
def test_a_header_that_says_nothing_claims_nothing(header):
    assert Received("GET", "https://a.example/", {"authorization": header}).claimed == {}


@pytest.mark.parametrize("name", ["form", "json", "multipart", "query"])
@pytest.mark.parametrize("path_parameter", [None, "token"])
def test_the_parameters_of_a_leg_are_read_as_they_are_sent(name, path_parameter):
    leg = Leg(body=name, path_parameter=path_parameter, rename={"token": "t"})
    pairs = [("token", "a/b é"), ("c", "d=&e"), ('f"', "")]
    made = build_request(leg, "https://a.example/x?q=1", pairs, params=(("g", "1"),))
    headers = {header.lower(): value for header, value in made.headers}
    if made.form is not None:
        headers, body = FORM, render_form(made.form).encode()
    else:
        body = made.body or b""
    sent = Received(made.method, made.url, headers, body).sent(leg)
    own = [("q", "1")] if name == "query" else []
    assert sorted(sent) == sorted([*own, ("t", "a/b é"), ("c", "d=&e"), ("g", "1")])


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=x", "text/plain"])
def test_what_is_no_multipart_body_has_no_parameters(content_type):
    received = Received("POST", "https://a.example/", {"content-type": content_type}, b"--y\r\n\r\n")
    assert received.sent(Leg(body="multipart")) == []


def test_only_a_form_has_fields():
    assert Received("POST", "https://a.example/", {"content-type": "text/plain"}, b"a=1").form == {}
    received = Received("POST", "https://a.example/", FORM, b"a=1&b=\xc3\xbc&a=2")
    assert (received.form, received.form_pairs) == ({"a": "1", "b": "ü"}, [("a", "1"), ("b", "ü"), ("a", "2")])


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[" * 3000, b"[" * 900 + b"]" * 900, b'{"a": "\\ud800"}', b'{"a": NaN}', b"9" * 5000],
    ids=["empty", "half", "octets", "open", "deep", "half a character", "no number", "long"],
)
def test_what_cannot_be_repeated_is_no_json(body):
    received = Received("POST", "https://a.example/", {"content-type": "application/json"}, body)
    assert (received.json, received.sent(Leg(body="json"))) == (None, [])


def test_nothing_of_a_request_is_shown():
    received = Received("GET", "https://a.example/?oauth_token=planted", {"authorization": "planted"}, b"planted")
    assert "planted" not in repr(received)


@pytest.mark.parametrize(
    ("placement", "header", "token"),
    [
        (TokenPlacement(), "Bearer t", "t"),
        (TokenPlacement(), "bearer t", "t"),
        (TokenPlacement(), "BEARER   t", "t"),
        (TokenPlacement(), "Bearert", ""),
        (TokenPlacement(), "Basic t", ""),
        (TokenPlacement(prefix="Zoho-oauthtoken "), "zoho-OAuthToken t", "t"),
        (TokenPlacement(prefix="OAuth token="), "oauth token=t", "t"),
        (TokenPlacement(prefix="OAuth token="), "oauth Token=t", ""),
        (TokenPlacement(prefix="key"), "Keyt", ""),
        (TokenPlacement(prefix=""), "Bearer t", "Bearer t"),
        (TokenPlacement(name="X-Token", prefix="Token "), "Token t", "t"),
        (TokenPlacement(name="X-Token", prefix="Token "), "token t", ""),
    ],
)
def test_a_token_stands_in_its_place_whatever_the_case_of_a_scheme(placement, header, token):
    assert Received("GET", "https://a.example/", {placement.name.lower(): header}).token(placement) == token


def test_a_token_may_stand_in_the_query_or_the_form():
    received = Received("POST", "https://a.example/?k=q", FORM, b"k=f")
    assert [received.token(TokenPlacement(kind, "k")) for kind in ("query", "body", "header")] == ["q", "f", ""]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://a.example/index?title=One&x=1", "one"),
        ("https://a.example/index?x=1&title=One&deep=1", "deep"),
        ("https://a.example/index?title=Two", "index"),
        ("https://A.example/index", "index"),
        ("https://a.example", "root"),
        ("https://a.example/", "root"),
        ("https://a.example/index/", None),
        ("https://b.example/index", None),
        ("https://a.example:8443/index", None),
    ],
)
def test_a_url_leads_to_the_candidate_that_it_says_most_of(url, name):
    candidates = {
        "root": "https://a.example",
        "index": "https://a.example/index",
        "one": "https://a.example/index?title=One",
        "deep": "https://a.example/index?title=One&deep=1",
    }
    assert closest(url, candidates) == name
