"""Header, query and body placement, judged by the verifier."""

from types import SimpleNamespace

import pytest
from yarl import URL

from oauthreg.errors import UnsignableRequestError
from oauthreg.oauth1.placement import FORM, OAuth1Authentication
from oauthreg.signing import Signer
from oauthreg.signing.verify import verify

SIGNER = Signer("HMAC-SHA1", "ck", "cs", token="t/1", token_secret="ts", realm="x")


def check(method, url, body, content_type, made):
    """The request as it would be sent verifies; gives the verified word of it."""
    headers = dict(made.headers)
    return verify(
        method,
        made.url or url,
        body if made.body is None else made.body,
        headers.get("Content-Type", content_type),
        authorization=headers.get("Authorization"),
        client_secret="cs",
        token_secret="ts",
    )


@pytest.mark.parametrize(
    "url", ["https://a.example/p", "https://a.example/p?", "https://a.example/p?a=1&b=x+y&a=%2F#frag"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("placement", ["header", "query", "body"])
def test_every_placement_verifies(placement, method, url):
    authentication = OAuth1Authentication(SIGNER, placement, (("oauth_callback", "https://c.example/?a=b%20c"),))
    for given in (url, URL(url), URL(url, encoded=True)):
        made = authentication.authenticate(method, given, None, None)
        request = check(method, str(given), None, None, made)
        assert request.parameters["oauth_callback"] == "https://c.example/?a=b%20c"
        expected = placement if placement != "body" or method == "POST" else "query"
        assert request.placement == expected


def test_body_placement_keeps_the_form():
    made = OAuth1Authentication(SIGNER, "body").authenticate(
        "POST", "https://a.example/", b"a=b+c&a=%2F", FORM + "; charset=UTF-8"
    )
    assert made.body.startswith(b"a=b+c&a=%2F&oauth_consumer_key=ck&oauth_token=t%2F1&")
    assert made.headers == ()
    check("POST", "https://a.example/", None, FORM, made)


def test_query_placement_keeps_the_query_and_fragment():
    made = OAuth1Authentication(SIGNER, "query").authenticate("GET", "https://a.example/p?x=%2f+1#f", None, None)
    assert made.url.startswith("https://a.example/p?x=%2f+1&oauth_consumer_key=ck")
    assert made.url.endswith("#f")


def test_fields_of_an_upload_can_be_signed_without_being_sent():
    authentication = OAuth1Authentication(SIGNER, signed=(("title", "a photo"),))
    made = authentication.authenticate("POST", "https://a.example/up", b"--x", "multipart/form-data; boundary=x")
    assert made.body is None
    check("POST", "https://a.example/up", b"title=a+photo", FORM, made)
    beside_a_form = authentication.authenticate("POST", "https://a.example/up", b"a=b", FORM)
    check("POST", "https://a.example/up", b"a=b&title=a+photo", FORM, beside_a_form)


@pytest.mark.parametrize("old", [b"oauth_signature=old%3D", b"oauth%5Fsignature=old"])
def test_a_signature_that_is_there_already_is_replaced(old):
    body = b"a=b&" + old
    made = OAuth1Authentication(SIGNER, "body").authenticate("POST", "https://a.example/", body, FORM)
    assert made.body.count(b"signature=") == 1
    check("POST", "https://a.example/", None, FORM, made)
    url = "https://a.example/r?" + old.decode() + "&a=b"
    in_query = OAuth1Authentication(SIGNER, "query").authenticate("GET", url, None, None)
    assert in_query.url.count("signature=") == 1
    check("GET", url, None, None, in_query)


@pytest.mark.parametrize("signed", [(), (("title", "x"),)])
def test_a_body_that_is_no_form_cannot_carry_parameters(signed):
    with pytest.raises(UnsignableRequestError) as refused:
        OAuth1Authentication(SIGNER, "body", signed=signed).authenticate(
            "POST", "https://a.example/", b"{}", "application/json"
        )
    assert refused.value.code == "body-placement-needs-form"


def test_what_a_placement_needs():
    hashing = Signer("HMAC-SHA1", "ck", "cs", body_hash=True)
    assert OAuth1Authentication(hashing).needs_body
    assert OAuth1Authentication(SIGNER, "body").needs_body
    assert not OAuth1Authentication(SIGNER).needs_body
    assert not OAuth1Authentication(SIGNER).is_slow


@pytest.mark.parametrize(("bits", "is_slow"), [(0, False), (2048, False), (3072, True), (4096, True)])
def test_large_rsa_keys_leave_the_event_loop(bits, is_slow):
    assert OAuth1Authentication(SimpleNamespace(key_bits=bits)).is_slow is is_slow


def test_the_nonce_can_be_fixed():
    made = OAuth1Authentication(SIGNER, nonce="n1").authenticate("GET", "https://a.example/", None, None)
    assert 'oauth_nonce="n1"' in made.headers[0][1]


def test_repr_shows_no_parameter():
    assert "PLANTED" not in repr(OAuth1Authentication(SIGNER, "header", (("oauth_verifier", "PLANTED"),), "PLANTED"))
