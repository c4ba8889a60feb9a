"""The identity requests, driven by hand."""

import json

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from oauthreg.answers import malformed
from oauthreg.errors import (
    MalformedResponseError,
    OAuthError,
    OAuthRegError,
    ResponseError,
    TemporarilyUnavailableError,
    UsageError,
)
from oauthreg.identity import identity_flow
from oauthreg.messages import Response
from oauthreg.provider import ErrorRule, IdentityRequest, JWTRules, Provider

ME = IdentityRequest("userinfo", "https://api.example.com/me")
SECRET = "s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t"
NOW = 1_700_000_000


class Template:
    """Fills in one document field."""

    names = frozenset({"x"})

    def __init__(self, find):
        self.render = find


def start(*requests, documents=None, **changes):
    return identity_flow(
        Provider(identity=requests, **changes),
        lambda nonce: ("signed", nonce),
        documents or {},
        make_nonce=lambda: "n1",
        now=lambda: NOW,
        client_id="ck",
        client_secret=SECRET,
    )


def finish(flow, response):
    with pytest.raises(StopIteration) as stopped:
        flow.send(response)
    return stopped.value.value


def test_one_request_becomes_the_userinfo_document():
    flow = start(ME, documents={"token": {"user_id": "7"}}, api_headers=(("X-A", "1"),))
    request = next(flow)
    assert (request.method, request.url, request.headers, request.authenticator) == (
        "GET",
        "https://api.example.com/me",
        (("X-A", "1"),),
        ("signed", None),
    )
    assert finish(flow, Response(200, {}, b'{"id": 1}')) == {"token": {"user_id": "7"}, "userinfo": {"id": 1}}


def test_a_credential_of_the_definition_that_a_refusal_repeats_is_masked():
    flow = start(ME, api_headers=(("X-Key", "PLANTED-key"),), secrets=("PLANTED-key",))
    next(flow)
    with pytest.raises(OAuthError) as refused:
        flow.send(Response(403, {}, b"the key PLANTED-key is not yours"))
    assert refused.value.text == "the key *** is not yours"


def test_no_request_gives_the_documents_back():
    with pytest.raises(StopIteration) as stopped:
        next(start(documents={"token": {}}))
    assert stopped.value.value == {"token": {}}


def test_later_requests_use_earlier_answers_and_the_client():
    url = Template(
        lambda documents: f"https://api.example.com/{documents['userinfo']['id']}/{documents['client']['client_id']}"
    )
    second = IdentityRequest(
        "more", url, method="POST", headers=(("x-a", "own"),), json={"q": 1}, when=lambda found: "userinfo" in found
    )
    flow = start(ME, second, api_headers=(("X-A", "1"),))
    next(flow)
    request = flow.send(Response(200, {}, b'{"id": 5}'))
    assert request.url == "https://api.example.com/5/ck"
    assert request.headers == (("x-a", "own"), ("Content-Type", "application/json"))
    assert request.body == b'{"q": 1}'
    assert finish(flow, Response(200, {}, b"{}"))["more"] == {}


def test_a_condition_that_does_not_hold_skips_the_request():
    with pytest.raises(StopIteration):
        next(start(IdentityRequest("x", "https://a.example/", when=lambda _: False)))


def test_a_missing_value_in_the_url_is_an_error_or_skips_an_optional_request():
    absent = Template(lambda _: None)
    with pytest.raises(UsageError) as refused:
        next(start(IdentityRequest("x", absent)))
    assert refused.value.code == "missing-identity-value"
    with pytest.raises(StopIteration):
        next(start(IdentityRequest("x", absent, optional=True)))


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_an_outage_is_told_from_a_refusal_and_says_when_to_come_back(status):
    flow = start(ME)
    next(flow)
    with pytest.raises(TemporarilyUnavailableError) as later:
        flow.send(Response(status, {"retry-after": "Tue, 14 Nov 2023 22:13:27 GMT"}, b"busy"))
    assert (later.value.status, later.value.retry_after, later.value.hint) == (status, 7.0, "try again later")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        *[("headers", value) for value in ("a\r\nX-B: c", "a\n", "a\0", "a\ud800")],
        *[(place, "a\ud800") for place in ("query", "form")],
    ],
)
def test_a_value_that_cannot_be_sent_is_an_error_or_skips_an_optional_request(place, value):
    pairs = (("x-a", Template(lambda documents: documents["userinfo"]["id"])),)
    for optional in (False, True):
        flow = start(
            ME, IdentityRequest("more", "https://a.example/", method="POST", optional=optional, **{place: pairs})
        )
        next(flow)
        response = Response(200, {}, json.dumps({"id": value}).encode())
        if optional:
            assert finish(flow, response) == {"userinfo": {"id": value}}
            continue
        with pytest.raises(ResponseError, match="`more` cannot be made") as refused:
            flow.send(response)
        assert refused.value.code == "unusable-identity-value"
        assert value not in str(refused.value)
        assert ("a line end may have come along" in refused.value.hint) is (place == "headers")


def test_an_answer_that_is_not_handed_over_shows_no_token_of_its_url():
    url = "https://api.example.com/PLANTED-token"
    flow = start(IdentityRequest("userinfo", url), documents={"token": {"access_token": "PLANTED-token"}})
    next(flow)
    with pytest.raises(MalformedResponseError) as refused:
        flow.throw(malformed(Response(200, {}, b"", url), "the answer is too large"))
    assert "PLANTED" not in str(refused.value) + repr(refused.value)


def test_a_redirect_brings_its_own_query():
    pairs = (("id", Template(lambda documents: documents["token"]["id"])),)
    flow = start(IdentityRequest("userinfo", "https://a.example/me", query=pairs), documents={"token": {"id": "7"}})
    assert next(flow).url == "https://a.example/me?id=7"
    assert flow.send(Response(308, {"location": "/me/?id=7"})).url == "https://a.example/me/?id=7"
    assert finish(flow, Response(200, {}, b"{}"))["userinfo"] == {}


@pytest.mark.parametrize(
    ("protocol", "told", "is_good"),
    [
        ("oauth2", {"sub": "7"}, True),
        ("oauth2", {"sub": "8"}, False),
        ("oauth2", {"sub": ""}, False),
        ("oauth2", {"id": 8}, True),
        ("oauth2", {"sub": 8}, True),
        ("oauth2", [], True),
        ("oidc", {"sub": "7"}, True),
        ("oidc", {"sub": "8"}, False),
        ("oidc", {"sub": 7}, False),
        ("oidc", {"id": 8}, False),
    ],
)
def test_UI01_an_answer_about_another_user_than_the_id_token_is_refused(protocol, told, is_good):
    """At an OpenID provider it must say whom it is about."""
    flow = start(ME, documents={"id_token": {"sub": "7"}}, protocol=protocol)
    next(flow)
    response = Response(200, {}, json.dumps(told).encode())
    if is_good:
        assert finish(flow, response)["userinfo"] == told
        return
    with pytest.raises(ResponseError, match="names no `sub`" if "sub" not in told else "about another user") as refused:
        flow.send(response)
    assert refused.value.code == "userinfo-subject"
    assert (refused.value.status, refused.value.text) == (200, response.body.decode())


class Naming:
    """Claims of which `sub` may be missing."""

    def render(self, documents):
        return {"sub": documents.get("userinfo", {}).get("id")}


def test_answers_that_name_nobody_are_shown():
    flow = start(ME, claims=Naming(), secrets=("PLANTED-key",))
    next(flow)
    answer = Response(200, {"content-type": "text/plain; x=1"}, b"Come back later, PLANTED-key", ME.url)
    with pytest.raises(MalformedResponseError) as refused:
        flow.send(answer)
    assert refused.value.code == "missing-sub"
    assert refused.value.message == (
        "the answers name no user: `sub` is missing (status 200 from https://api.example.com/me, text/plain)"
    )
    assert refused.value.text == "Come back later, ***"
    assert "`[claims]`" in refused.value.hint


def test_a_page_in_place_of_the_user_is_called_one():
    flow = start(ME, claims=Naming())
    next(flow)
    with pytest.raises(MalformedResponseError, match=r"web page.*status 200"):
        flow.send(Response(200, {}, b"<html><body>Sign in</body></html>"))


def test_another_answer_may_have_a_sub_of_its_own():
    flow = start(IdentityRequest("subscription", "https://api.example.com/s"), documents={"id_token": {"sub": "7"}})
    next(flow)
    assert finish(flow, Response(200, {}, b'{"sub": "sub_42"}'))["subscription"] == {"sub": "sub_42"}


@pytest.mark.parametrize("response", [Response(403, {}, b"no"), Response(200, {}, b"{broken")])
def test_a_failed_request_is_an_error_unless_it_is_optional(response):
    flow = start(ME)
    next(flow)
    with pytest.raises((OAuthError, ResponseError)) as refused:
        flow.send(response)
    assert refused.value.status == response.status
    flow = start(IdentityRequest("userinfo", "https://a.example/", optional=True))
    next(flow)
    assert finish(flow, response) == {}


def test_an_error_behind_a_good_status():
    rule = ErrorRule(
        holds=lambda document, _: "error" in document,
        error=lambda document: document["error"],
        description=lambda _: "why",
    )
    for flow in (start(ME, api_error=rule), start(IdentityRequest("userinfo", "https://a.example/", error=rule))):
        next(flow)
        with pytest.raises(OAuthError) as refused:
            flow.send(Response(200, {}, b'{"error": "e1"}'))
        assert (refused.value.error, refused.value.description) == ("e1", "why")
        assert refused.value.message == "e1: why (status 200)"


def test_the_code_of_an_error_is_said_where_it_stands_alone_and_holds_no_secret():
    rule = ErrorRule(holds=lambda *_: True, error=lambda document: document["error"])
    flow = start(ME, api_error=rule)
    next(flow)
    with pytest.raises(OAuthError) as refused:
        flow.send(Response(200, {}, b'{"error": "bad\\naccess_token=s3cr3t-of-the-user"}'))
    assert refused.value.message.startswith("bad")
    assert "s3cr3t" not in refused.value.message + refused.value.error
    assert "\n" not in refused.value.error


class TestJWT:
    """An identity that comes as a signed token and answers one request only."""

    rules = JWTRules(audience=Template(lambda documents: documents["client"]["client_id"]), nonce=True)

    def answer(self, **claims):
        text = jwt.encode(
            {"alg": "HS256"}, {"sub": "7", "aud": "ck", "nonce": "n1", **claims}, OctKey.import_key(SECRET)
        )
        flow = start(IdentityRequest("userinfo", "https://a.example/", format="jwt", jwt=self.rules))
        assert next(flow).authenticator == ("signed", "n1")
        return flow, Response(200, {}, text.encode())

    def test_the_right_one_is_read(self):
        assert finish(*self.answer())["userinfo"]["sub"] == "7"

    def test_one_for_another_request_is_refused(self):
        flow, response = self.answer(nonce="n2")
        with pytest.raises(MalformedResponseError) as refused:
            flow.send(response)
        assert refused.value.code == "jwt-nonce"

    def test_one_for_another_audience_is_refused(self):
        flow, response = self.answer(aud="other")
        with pytest.raises(ResponseError) as refused:
            flow.send(response)
        assert refused.value.code == "jwt-audience"


def test_a_flow_must_be_resumed_with_a_response():
    flow = start(ME)
    next(flow)
    with pytest.raises(OAuthRegError) as refused:
        flow.send(None)
    assert refused.value.code == "flow-without-response"


class TestRedirects:
    """Some providers send "me" on to a page with a name."""

    def test_it_is_followed_and_authenticated_anew(self):
        flow = start(ME, api_headers=(("X-A", "1"),))
        first = next(flow)
        second = flow.send(Response(303, {"location": "/users/7"}))
        assert (second.method, second.url, second.headers) == ("GET", "https://api.example.com/users/7", first.headers)
        assert second.authenticator == ("signed", None)
        assert finish(flow, Response(200, {}, b'{"id": 7}'))["userinfo"] == {"id": 7}

    @pytest.mark.parametrize(
        "location",
        ["https://evil.example/me", "http://api.example.com/me", "//evil.example", "mailto:a", "http://[", ""],
    )
    def test_no_other_origin_is_asked(self, location):
        flow = start(ME)
        next(flow)
        with pytest.raises(OAuthError) as refused:
            flow.send(Response(302, {"location": location}))
        assert refused.value.status == 302

    def test_it_ends_somewhere(self):
        flow = start(ME)
        next(flow)
        for _ in range(3):
            flow.send(Response(302, {"location": "/me"}))
        with pytest.raises(OAuthError):
            flow.send(Response(302, {"location": "/me"}))

    @pytest.mark.parametrize(
        "request_",
        [
            IdentityRequest("userinfo", "https://a.example/", method="POST"),
            IdentityRequest("userinfo", "https://a.example/", format="jwt", jwt=JWTRules(nonce=True)),
        ],
        ids=["POST", "an answer to one nonce"],
    )
    def test_others_are_not_followed(self, request_):
        flow = start(request_)
        next(flow)
        with pytest.raises(OAuthError):
            flow.send(Response(303, {"location": "/x"}))
