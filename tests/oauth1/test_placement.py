"""Header, query and body placement, judged by the verifier."""

import re
from types import SimpleNamespace

import pytest

from oauthreg.errors import InvalidSignatureError, UnsignableRequestError
from oauthreg.messages import Authenticated
from oauthreg.oauth1.placement import FORM, OAuth1Authentication, signed_url
from oauthreg.provider import OAuth1Settings
from oauthreg.signing import SIGNATURE_METHODS, Signer
from oauthreg.signing.verify import parse_authorization, verify

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
        signature_methods=SIGNATURE_METHODS,
    )


@pytest.mark.parametrize(
    "url", ["https://a.example/p", "https://a.example/p?", "https://a.example/p?a=1&b=x+y&a=%2F#frag"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("placement", ["header", "query", "body"])
def test_every_placement_verifies(placement, method, url):
    authentication = OAuth1Authentication(SIGNER, placement, (("oauth_callback", "https://c.example/?a=b%20c"),))
    made = authentication.authenticate(method, url, None, None)
    request = check(method, url, None, None, made)
    assert request.parameters["oauth_callback"] == "https://c.example/?a=b%20c"
    assert request.placement == (placement if placement != "body" or method == "POST" else "query")


def test_a_signature_that_is_one_header_says_so():
    name, make = OAuth1Authentication(SIGNER).header
    made = Authenticated(((name, make("GET", "https://a.example/p?a=1", None, None)),))
    assert check("GET", "https://a.example/p?a=1", None, None, made).token == "t/1"


@pytest.mark.parametrize(
    "changes",
    [
        {"placement": "query"},
        {"placement": "body"},
        {"parameters": (("oauth_callback", "oob"),)},
        {"nonce": "n"},
        {"signed": (("a", "1"),)},
        {"params": (("key", "1"),)},
        {"settings": OAuth1Settings(realm_from="url")},
        {"settings": OAuth1Settings(signed_scheme="http")},
        {"settings": OAuth1Settings(signed_host="b.example")},
        {"settings": OAuth1Settings(nonce_length=8)},
        {"settings": OAuth1Settings(send_nonce=False)},
        {"settings": OAuth1Settings(send_timestamp=False)},
    ],
)
def test_no_other_signature_says_so(changes):
    assert OAuth1Authentication(SIGNER, **changes).header is None


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
    assert OAuth1Authentication(hashing).covers == "bodies"
    assert OAuth1Authentication(SIGNER, "body").covers == "bodies"
    assert OAuth1Authentication(SIGNER).covers == "forms"
    assert not OAuth1Authentication(SIGNER).is_slow


@pytest.mark.parametrize(("bits", "is_slow"), [(0, False), (2048, False), (3072, True), (4096, True)])
def test_large_rsa_keys_leave_the_event_loop(bits, is_slow):
    assert OAuth1Authentication(SimpleNamespace(key_bits=bits, body_hash=False, authorization=None)).is_slow is is_slow


def test_the_nonce_can_be_fixed():
    made = OAuth1Authentication(SIGNER, nonce="n1").authenticate("GET", "https://a.example/", None, None)
    assert 'oauth_nonce="n1"' in made.headers[0][1]


def test_repr_shows_no_parameter():
    assert "PLANTED" not in repr(OAuth1Authentication(SIGNER, "header", (("oauth_verifier", "PLANTED"),), "PLANTED"))


@pytest.mark.parametrize(
    ("realm_from", "realm"), [("url", "https://a.example:8443/p/%C3%A9"), ("origin", "https://a.example:8443")]
)
def test_a_realm_may_be_that_of_each_request(realm_from, realm, engine):
    signer = Signer("HMAC-SHA1", "ck", "cs", engine=engine.name)
    authentication = OAuth1Authentication.of(OAuth1Settings(realm_from=realm_from), signer)
    url = "https://a.example:8443/p/%C3%A9?x=1#f"
    made = authentication.authenticate("GET", url, None, None)
    assert verify("GET", url, authorization=dict(made.headers)["Authorization"], client_secret="cs").realm == realm


def test_a_realm_of_the_request_is_quoted(engine):
    signer = Signer("HMAC-SHA1", "ck", "cs", engine=engine.name)
    authentication = OAuth1Authentication.of(OAuth1Settings(realm_from="url"), signer)
    url = 'https://a.example/x", oauth_token="evil\\'
    made = authentication.authenticate("GET", url, None, None)
    proven = verify("GET", url, authorization=dict(made.headers)["Authorization"], client_secret="cs")
    assert (proven.realm, proven.token) == (url, None)


def test_a_realm_that_the_caller_chose_stands_alone():
    authentication = OAuth1Authentication.of(OAuth1Settings(realm_from="url"), SIGNER)
    made = authentication.authenticate("GET", "https://a.example/", None, None)
    assert dict(made.headers)["Authorization"].count("realm=") == 1
    assert parse_authorization(dict(made.headers)["Authorization"])[0] == "x"


@pytest.mark.parametrize("placement", ["header", "query", "body"])
def test_the_signed_url_may_have_another_scheme(placement, engine):
    signer = Signer("HMAC-SHA1", "ck", "cs", engine=engine.name)
    authentication = OAuth1Authentication.of(OAuth1Settings(placement=placement, signed_scheme="http"), signer)
    made = authentication.authenticate("POST", "https://a.example/p?a=1", None, None)
    headers, sent = dict(made.headers), made.url or "https://a.example/p?a=1"
    assert sent.startswith("https://a.example/p?a=1")
    received = ("POST", sent.replace("https:", "http:"), made.body, headers.get("Content-Type"))
    assert verify(*received, authorization=headers.get("Authorization"), client_secret="cs").client_id == "ck"
    with pytest.raises(InvalidSignatureError, match="http URL"):
        verify(
            "POST", sent, *received[2:], authorization=headers.get("Authorization"), client_secret="cs", explain=True
        )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "https://a.example:8/p?a=1#f"),
        ({"signed_scheme": "http"}, "http://a.example:8/p?a=1#f"),
        ({"signed_host": "b.example"}, "https://b.example/p?a=1#f"),
        ({"signed_scheme": "http", "signed_host": "b.example:9"}, "http://b.example:9/p?a=1#f"),
    ],
)
def test_the_signed_url_may_be_that_which_the_server_knows(changes, expected):
    assert signed_url("https://a.example:8/p?a=1#f", OAuth1Settings(**changes)) == expected
    assert signed_url("https://a.example?a=1", OAuth1Settings(signed_host="b.example")) == "https://b.example?a=1"


@pytest.mark.parametrize("placement", ["header", "query", "body"])
@pytest.mark.parametrize("length", [8, 31, 33, 128])
def test_a_nonce_may_have_another_length(placement, length, engine):
    signer = Signer("HMAC-SHA1", "ck", "cs", token_secret="ts", engine=engine.name)
    settings = OAuth1Settings(placement=placement, nonce_length=length)
    given = {
        check(
            "POST",
            "https://a.example/p",
            None,
            None,
            OAuth1Authentication.of(settings, signer).authenticate("POST", "https://a.example/p", None, None),
        ).parameters["oauth_nonce"]
        for _ in range(3)
    }
    assert {len(nonce) for nonce in given} == {length}
    assert len(given) == 3
    fixed = OAuth1Authentication.of(settings, signer, nonce="n1")
    made = fixed.authenticate("POST", "https://a.example/p", None, None)
    assert check("POST", "https://a.example/p", None, None, made).parameters["oauth_nonce"] == "n1"


@pytest.mark.parametrize("realm", [None, 'x", oauth_nonce="1", '])
@pytest.mark.parametrize("placement", ["header", "query", "body"])
@pytest.mark.parametrize(
    ("method", "omitted", "missing"),
    [
        ("PLAINTEXT", {"send_nonce": False}, {"oauth_nonce"}),
        ("PLAINTEXT", {"send_timestamp": False}, {"oauth_timestamp"}),
        ("PLAINTEXT", {"send_nonce": False, "send_timestamp": False}, {"oauth_nonce", "oauth_timestamp"}),
        ("HMAC-SHA1", {"send_nonce": False, "send_timestamp": False}, set()),
    ],
)
def test_what_plaintext_does_without_can_be_left_out(method, omitted, missing, placement, realm, engine):
    signer = Signer(method, "ck", "cs", token_secret="ts", realm=realm, engine=engine.name)
    authentication = OAuth1Authentication.of(OAuth1Settings(placement=placement, **omitted), signer)
    made = authentication.authenticate("POST", "https://a.example/p", None, None)
    request = check("POST", "https://a.example/p", None, None, made)
    assert {"oauth_nonce", "oauth_timestamp"} - request.parameters.keys() == missing
    assert request.realm == (realm if placement == "header" else None)


@pytest.mark.parametrize("body", [None, b"a=b%20c"])
@pytest.mark.parametrize("placement", ["header", "query", "body"])
@pytest.mark.parametrize("where", ["query", "body"])
def test_a_verifier_may_stand_apart_and_is_signed_alike(where, placement, body, engine):
    url, media_type = "https://a.example/p?x=%2F#f", body and FORM
    signer = Signer("HMAC-SHA1", "ck", "cs", token_secret="ts", clock=lambda: 1_700_000_000, engine=engine.name)
    parameters = (("oauth_verifier", "v/ 1"), ("oauth_a", "b"))

    def sent(**settings):
        """Header, URL and body as they are sent."""
        settings = OAuth1Settings(placement=placement, **settings)
        authentication = OAuth1Authentication.of(settings, signer, parameters, nonce="n")
        made = authentication.authenticate("POST", url, body, media_type)
        found = (body if made.body is None else made.body) or b""
        return dict(made.headers), made.url or url, found.decode()

    (headers, sent_url, form), whole = sent(verifier_placement=where), sent()
    texts = {"header": headers.get("Authorization", ""), "query": sent_url, "body": form}
    assert {place: text.count("oauth_verifier") for place, text in texts.items()} == {
        **dict.fromkeys(texts, 0),
        where: 1,
    }
    assert "oauth_verifier=v%2F%201" in texts[where]
    assert sent_url.endswith("#f")
    if form and not body:
        assert headers["Content-Type"] == FORM
    signature = re.compile(r'oauth_signature="?([^"&#]+)').search
    assert signature(" ".join(texts.values()))[1] == signature(" ".join([*whole[0].values(), *whole[1:]]))[1]


def test_parameters_of_every_call_are_signed(engine):
    signer = Signer("HMAC-SHA1", "ck", "cs", token_secret="ts", engine=engine.name)
    for placement in ("header", "query", "body"):
        settings = OAuth1Settings(placement=placement)
        authentication = OAuth1Authentication.of(settings, signer, params=(("key", "k 1"), ("a", "2")))
        made = authentication.authenticate("POST", "https://a.example/p?a=1", None, None)
        assert made.url.startswith("https://a.example/p?a=1&key=k%201")
        assert check("POST", "https://a.example/p?a=1", None, None, made).client_id == "ck"


@pytest.mark.parametrize("placement", ["header", "query", "body"])
def test_an_empty_token_is_sent_and_signed_where_it_is_wanted(placement, engine):
    settings = OAuth1Settings(placement=placement, send_empty_token=True)
    for token, sent in ((None, ""), ("t/1", "t/1")):
        signer = Signer("HMAC-SHA1", "ck", "cs", token=token, token_secret="ts", engine=engine.name)
        made = OAuth1Authentication.of(settings, signer).authenticate("POST", "https://a.example/p", None, None)
        assert check("POST", "https://a.example/p", None, None, made).parameters["oauth_token"] == sent


def test_settings_decide_unless_a_leg_does():
    settings = OAuth1Settings(placement="query")
    assert OAuth1Authentication.of(settings, SIGNER).placement == "query"
    assert OAuth1Authentication.of(settings, SIGNER, placement="body").placement == "body"
