import pytest

from oauthreg.simulator.received import Received, closest

FORM = {"content-type": "Application/X-WWW-Form-URLencoded; charset=utf-8"}


def test_parameters_are_found_wherever_they_stand():
    header = {"authorization": 'OAuth realm="r", oauth_nonce="a%20b"'}
    received = Received("POST", "https://a.example/?q=1&q=2", {**FORM, **header}, b"f=%C3%BC&oauth_token=t")
    assert received.query == {"q": "1"}
    assert received.form == {"f": "ü", "oauth_token": "t"}
    assert received.claimed == {"q": "1", "f": "ü", "oauth_token": "t", "oauth_nonce": "a b"}


@pytest.mark.parametrize("header", ["", "Bearer x", "OAuth =broken"])
def test_a_header_that_says_nothing_claims_nothing(header):
    assert Received("GET", "https://a.example/", {"authorization": header}).claimed == {}


def test_only_a_form_has_fields():
    assert Received("POST", "https://a.example/", {"content-type": "text/plain"}, b"a=1").form == {}


def test_nothing_of_a_request_is_shown():
    received = Received("GET", "https://a.example/?oauth_token=planted", {"authorization": "planted"}, b"planted")
    assert "planted" not in repr(received)


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
