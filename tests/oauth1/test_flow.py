"""The three legs, driven by hand: no loop, no server."""

import traceback
from dataclasses import replace
from urllib.parse import quote

import pytest

from oauthreg.errors import (
    AccessDeniedError,
    CallbackError,
    MalformedResponseError,
    OAuthError,
    OAuthRegError,
    ReauthorizationRequired,
    TemporarilyUnavailableError,
    UsageError,
)
from oauthreg.legs import append_query, endpoint
from oauthreg.messages import Request, Response
from oauthreg.oauth1.flow import (
    RequestToken,
    access_token_flow,
    build_authorization_url,
    exchange_flow,
    is_timestamp_refusal,
    parse_authorization_response,
    parse_token_answer,
    password_flow,
    refresh_flow,
    request_token_flow,
    revocation_flow,
)
from oauthreg.provider import CallbackSettings, ErrorRule, Exchange, Leg, OAuth1Settings, Provider, Scopes, TokenAnswer
from oauthreg.signing import Signer
from oauthreg.signing.verify import parse_authorization
from oauthreg.token import OAuth1Token

ENDPOINTS = {
    "request_token": "https://api.example.com/oauth/request_token",
    "authorize": "https://api.example.com/oauth/authorize",
    "token": "https://api.example.com/oauth/access_token",
}
WITH_SESSIONS = OAuth1Settings(session_handle=True)
NOW = 1_700_000_000
GOOD = b"oauth_token=rt&oauth_token_secret=rs&oauth_callback_confirmed=true"


def provider(**changes):
    return Provider(endpoints=ENDPOINTS, **changes)


def signer(**changes):
    return Signer("HMAC-SHA1", "ck", "cs", **changes)


def finish(flow, response):
    with pytest.raises(StopIteration) as stopped:
        flow.send(response)
    return stopped.value.value


def header_of(request: Request) -> dict[str, str]:
    """The protocol parameters that the request would carry."""
    made = request.authenticator.authenticate(request.method, request.url, None, None)
    _, pairs = parse_authorization(dict(made.headers)["Authorization"])
    return {name.decode(): value.decode() for name, value in pairs}


def test_request_token_is_asked_for_with_the_callback():
    flow = request_token_flow(provider(), signer(), callback="https://app.example/cb?next=%2Fhome")
    request = next(flow)
    assert (request.method, request.url) == ("POST", ENDPOINTS["request_token"])
    assert header_of(request)["oauth_callback"] == "https://app.example/cb?next=%2Fhome"
    token = finish(flow, Response(200, {}, GOOD))
    assert (token.token, token.token_secret) == ("rt", "rs")
    assert token.to_mapping()["oauth_callback_confirmed"] == "true"


def test_no_callback_means_out_of_band():
    assert header_of(next(request_token_flow(provider(), signer(), callback=None)))["oauth_callback"] == "oob"


@pytest.mark.parametrize("callback", ["authorize", "none"])
def test_a_callback_that_belongs_elsewhere_is_not_sent(callback):
    flow = request_token_flow(
        provider(oauth1=OAuth1Settings(callback=callback)), signer(), callback="https://a.example/"
    )
    assert "oauth_callback" not in header_of(next(flow))
    assert finish(flow, Response(200, {}, b"oauth_token=a&oauth_token_secret=b")).token == "a"


@pytest.mark.parametrize("confirmed", [b"true", b"True", b"TRUE", b"true\r\n"])
def test_confirmation_is_read_without_case_and_line_end(confirmed):
    flow = request_token_flow(provider(), signer(), callback=None)
    next(flow)
    body = b"oauth_token=a&oauth_token_secret=b&oauth_callback_confirmed=" + confirmed
    assert finish(flow, Response(200, {}, body)).token == "a"


@pytest.mark.parametrize("tail", [b"", b"&oauth_callback_confirmed=false", b"&oauth_callback_confirmed="])
def test_an_unconfirmed_callback_is_refused_unless_the_provider_is_lenient(tail):
    body = b"oauth_token=a&oauth_token_secret=b" + tail
    flow = request_token_flow(provider(), signer(), callback=None)
    next(flow)
    with pytest.raises(MalformedResponseError, match="oauth_callback_confirmed") as refused:
        flow.send(Response(200, {}, body))
    assert refused.value.code == "callback-not-confirmed"
    lenient = request_token_flow(provider(oauth1=OAuth1Settings(confirm="lenient")), signer(), callback=None)
    next(lenient)
    assert finish(lenient, Response(200, {}, body)).token == "a"


def test_an_error_comes_before_a_missing_confirmation():
    flow = request_token_flow(provider(), signer(), callback=None)
    next(flow)
    with pytest.raises(OAuthError) as refused:
        flow.send(Response(401, {}, b"Failed to validate oauth signature and token"))
    assert refused.value.status == 401
    assert refused.value.text == "Failed to validate oauth signature and token"


def test_scope_goes_where_the_provider_wants_it():
    scopes = Scopes(default=("read", "write"), separator=",", parameter="perms", leg="request_token")
    request = next(request_token_flow(provider(scopes=scopes), signer(), callback=None))
    assert request.form == (("perms", "read,write"),)
    at_authorize = Scopes(default=("read",), parameter="perms")
    assert build_authorization_url(provider(scopes=at_authorize), "rt").endswith("?oauth_token=rt&perms=read")
    assert build_authorization_url(provider(scopes=at_authorize), "rt", scope=["a", "b"]).endswith("&perms=a%20b")
    assert build_authorization_url(provider(scopes=at_authorize), "rt", scope="a").endswith("&perms=a")
    assert build_authorization_url(provider(scopes=at_authorize), "rt", scope=[]).endswith("?oauth_token=rt")


def test_parameters_of_a_get_leg_go_into_the_query():
    leg = Leg(method="GET", params=(("format", "json"),), query=(("v", "1"),), headers=(("X-A", "b"),))
    request = next(request_token_flow(provider(request_token=leg), signer(), callback=None, params=(("a", "x y"),)))
    assert (request.method, request.form) == ("GET", None)
    assert request.url == ENDPOINTS["request_token"] + "?v=1&format=json&a=x%20y"
    assert request.headers == (("X-A", "b"),)


def test_a_ready_made_authorization_url_is_kept():
    settings = OAuth1Settings(authorize_url_from=lambda fields: fields.get("login_url"), confirm="lenient")
    flow = request_token_flow(provider(oauth1=settings), signer(), callback=None)
    next(flow)
    body = b"login_url=https://www.example.com/go?oauth_token=a&oauth_token=a&oauth_token_secret=b"
    assert finish(flow, Response(200, {}, body)).authorize_url == "https://www.example.com/go?oauth_token=a"


def test_the_authorization_url_carries_renamed_parameters_and_keeps_the_rest():
    leg = Leg(method="GET", rename={"oauth_token": "token", "drop": ""}, params=(("k", "é"),))
    made = build_authorization_url(
        provider(authorize=leg, oauth1=OAuth1Settings(callback="both")),
        "r/t",
        callback="https://a.example/?x=1&y=2",
        url="https://login.example.com/a%20b?keep=%2F#top",
        params=(("drop", "x"), ("empty", "")),
    )
    assert made == (
        "https://login.example.com/a%20b?keep=%2F&token=r%2Ft&oauth_callback=https%3A%2F%2Fa.example%2F%3Fx%3D1%26y%3D2"
        "&k=%C3%A9#top"
    )


def test_the_token_request_carries_the_verifier_and_no_callback():
    flow = access_token_flow(provider(), signer(token="rt", token_secret="rs"), verifier="v/1")
    protocol = header_of(next(flow))
    assert protocol["oauth_verifier"] == "v/1"
    assert protocol["oauth_token"] == "rt"
    assert "oauth_callback" not in protocol
    token = finish(flow, Response(200, {}, b"oauth_token=at&oauth_token_secret=as&user_id=12&screen_name=ada"))
    assert token == OAuth1Token("at", "as", {"user_id": "12", "screen_name": "ada"})


def test_a_header_that_cannot_be_sent_is_refused():
    broken = provider(token=Leg(headers=(("X-Key", "k3y\r\n"),)))
    with pytest.raises(UsageError) as refused:
        next(access_token_flow(broken, signer(token="rt"), verifier="v"))
    assert refused.value.code == "invalid-header-value"
    assert "k3y" not in str(refused.value)


def test_a_token_request_without_verifier_sends_none():
    assert "oauth_verifier" not in header_of(next(access_token_flow(provider(), signer(token="rt"), verifier=None)))


def test_a_session_handle_renews_the_token_and_keeps_what_does_not_come_anew():
    old = OAuth1Token("at", "as", {"oauth_session_handle": "sh", "guid": "g"})
    flow = refresh_flow(provider(oauth1=WITH_SESSIONS), signer(token="at", token_secret="as"), old)
    assert header_of(next(flow))["oauth_session_handle"] == "sh"
    new = finish(flow, Response(200, {}, b"oauth_token=at2&oauth_token_secret=as2&oauth_session_handle=sh2"))
    assert new == OAuth1Token("at2", "as2", {"oauth_session_handle": "sh2", "guid": "g"})


def test_a_token_without_handle_cannot_be_renewed():
    with pytest.raises(ReauthorizationRequired) as refused:
        next(refresh_flow(provider(oauth1=WITH_SESSIONS), signer(), OAuth1Token("at", "as")))
    assert refused.value.code == "no-session-handle"


def test_an_ended_session_needs_a_new_login_and_any_other_refusal_does_not():
    old = OAuth1Token("at", "as", {"oauth_session_handle": "sh"})
    flow = refresh_flow(provider(oauth1=WITH_SESSIONS), signer(), old)
    next(flow)
    with pytest.raises(ReauthorizationRequired) as refused:
        flow.send(Response(401, {}, b"oauth_problem=token_revoked"))
    assert refused.value.code == "session-ended"
    flow = refresh_flow(provider(oauth1=WITH_SESSIONS), signer(), old)
    next(flow)
    with pytest.raises(OAuthError) as failed:
        flow.send(Response(503, {}, b"later"))
    assert failed.value.status == 503


def test_a_missing_endpoint_is_named():
    with pytest.raises(UsageError, match="`revoke`") as refused:
        endpoint(provider(), "revoke")
    assert refused.value.code == "missing-endpoint"


def test_a_flow_must_be_resumed_with_a_response():
    flow = request_token_flow(provider(), signer(), callback=None)
    next(flow)
    with pytest.raises(OAuthRegError) as refused:
        flow.send(None)
    assert refused.value.code == "flow-without-response"


class TestTokenAnswers:
    """What token endpoints answer."""

    def test_values_are_text_whatever_the_server_sends(self):
        fields = parse_token_answer(
            Response(200, {}, b'{"oauth_token": 8, "oauth_token_secret": "x", "ok": true, "n": null}')
        )
        assert fields == {"oauth_token": "8", "oauth_token_secret": "x", "ok": "true", "n": ""}

    @pytest.mark.parametrize(
        ("body", "name"),
        [
            (b'{"oauth_token": ["x"], "oauth_token_secret": "b"}', "oauth_token"),
            (b'{"oauth_token": true, "oauth_token_secret": "b"}', "oauth_token"),
            (b'{"oauth_token": "a", "oauth_token_secret": {"a": 1}}', "oauth_token_secret"),
            (b'{"oauth_token": "a", "oauth_token_secret": "r\\ud800s"}', "oauth_token_secret"),
            (b'{"oauth_token": "a", "oauth_token_secret": "b", "oauth_session_handle": [1]}', "oauth_session_handle"),
            (b"oauth_token=a&oauth_token_secret=r%FFs", "oauth_token_secret"),
            (b"oauth_token=a&oauth_token_secret=r\xffs", "oauth_token_secret"),
            (b"oauth_token=%C3&oauth_token_secret=b", "oauth_token"),
            (b"<t><oauth_token x='1'>a</oauth_token><oauth_token_secret>b</oauth_token_secret></t>", "oauth_token"),
        ],
    )
    def test_a_credential_that_is_no_text_is_none(self, body, name):
        """Another text in its place would sign with another secret than the server's."""
        answer = TokenAnswer(root=lambda document: document.get("t", document))
        with pytest.raises(MalformedResponseError, match=f"`{name}` is no text") as refused:
            parse_token_answer(Response(200, {}, body), answer)
        assert refused.value.code == "unusable-token"

    @pytest.mark.parametrize(
        "body",
        [
            b"oauth_token=a&oauth_token_secret=b",
            b"oauth_token=a&oauth_token_secret=b\n",
            b"\xef\xbb\xbfoauth_token=a&oauth_token_secret=b",
            b"oauth_token=a&oauth_token_secret=b&x[0]=1",
            b"oauth_token=a&oauth_token_secret=b&name=\xe3\x85\x8b",
            b"oauth_token=a&oauth_token_secret=b&name=%E9",
            b'{"oauth_token": "a", "oauth_token_secret": "b"}',
            b' cb({"oauth_token": "a", "oauth_token_secret": "b"});',
        ],
    )
    def test_the_body_decides_how_it_is_read(self, body):
        fields = parse_token_answer(Response(200, {"content-type": "image/png"}, body))
        assert fields["oauth_token"] == "a"
        assert fields["oauth_token_secret"] == "b"

    def test_roots_and_renamed_fields(self):
        answer = TokenAnswer(
            format="xml",
            root=lambda document: document["response"]["token"],
            fields={"oauth_token": lambda d: d["response"]["token"]["key"], "oauth_token_secret": lambda _: None},
        )
        body = b"<response status='ok'><token><key>k</key><oauth_token_secret>s</oauth_token_secret></token></response>"
        assert parse_token_answer(Response(201, {}, body), answer)["oauth_token"] == "k"

    def test_a_status_that_the_provider_calls_success(self):
        answer = TokenAnswer(success_status=(302,))
        assert parse_token_answer(Response(302, {}, GOOD), answer)["oauth_token"] == "rt"
        with pytest.raises(OAuthError) as refused:
            parse_token_answer(Response(200, {}, GOOD), answer)
        assert refused.value.status == 200

    def test_an_html_escaped_answer_is_explained(self):
        with pytest.raises(MalformedResponseError, match="oauth_token_secret") as refused:
            parse_token_answer(Response(200, {}, b"oauth_token=a&amp;oauth_token_secret=b"))
        assert "escaped" in refused.value.hint
        assert "=b" not in refused.value.text

    def test_an_answer_without_token_says_what_came(self):
        with pytest.raises(MalformedResponseError) as refused:
            parse_token_answer(Response(200, {}, b"Sign in"))
        assert refused.value.code == "no-token"
        assert refused.value.text == "Sign in"

    def test_a_page_is_called_one(self):
        with pytest.raises(MalformedResponseError, match="web page") as refused:
            parse_token_answer(Response(200, {}, b"<html>Sign in</html>"))
        assert refused.value.text == "<html>Sign in</html>"

    def test_a_refusal_in_plain_text_is_told(self):
        with pytest.raises(OAuthError) as refused:
            parse_token_answer(Response(401, {}, b"Invalid signature\n"))
        assert str(refused.value) == "status 401: Invalid signature"
        assert (refused.value.error, refused.value.description) == ("", "")

    def test_a_list_is_no_token(self):
        with pytest.raises(MalformedResponseError):
            parse_token_answer(Response(200, {}, b"[1]"))

    @pytest.mark.parametrize(
        ("response", "error", "description"),
        [
            (Response(401, {}, b"oauth_problem=consumer_key_rejected"), "consumer_key_rejected", ""),
            (Response(200, {}, b"oauth_problem=nonce_used&oauth_problem_advice=again"), "nonce_used", "again"),
            (
                Response(401, {"www-authenticate": 'OAuth realm="x", oauth_problem="token_rejected"'}, b""),
                "token_rejected",
                "",
            ),
            (
                Response(401, {}, b'{"oauth_problem": "token_rejected", "oauth_problem_advice": "why"}'),
                "token_rejected",
                "why",
            ),
            (Response(401, {}, b'{"error": "token_rejected", "detail": "see oauth_problem"}'), "token_rejected", ""),
            (Response(401, {}, b'{"error": "bad", "sent": "a&oauth_problem=b&c"}'), "bad", ""),
            (Response(401, {}, b'{"error": {"oauth_problem": "nonce_used"}}'), "nonce_used", ""),
            (Response(401, {}, b'{"oauth_problem": "nonce_used", "errors": [{"code": 1}]}'), "nonce_used", ""),
            (Response(401, {}, b"<oauth_problem>nonce_used</oauth_problem>"), "nonce_used", ""),
            (Response(401, {}, b"\n oauth_problem=nonce_used\n"), "nonce_used", ""),
            (
                Response(401, {"www-authenticate": 'OAuth oauth_problem="nonce_used"'}, b"<p>see oauth_problem</p>"),
                "nonce_used",
                "",
            ),
            (Response(401, {"www-authenticate": 'OAuth realm="see oauth_problem"'}, b'{"error": "bad"}'), "bad", ""),
            *(
                (Response(401, {"www-authenticate": challenge}, b'{"error": "bad"}'), error, "")
                for challenge, error in [
                    ('Bearer realm="a, b", OAuth realm="c", oauth_problem="token_rejected"', "token_rejected"),
                    ('OAuth realm="c", oauth_problem="token_rejected", Bearer realm="a"', "token_rejected"),
                    ("Negotiate YQ==, OAuth oauth_problem=token%5Frejected,Basic realm=a", "token_rejected"),
                    (r'Bearer realm="a \" b", OAuth oauth_problem="token_rejected"', "token_rejected"),
                    ('Bearer realm="a, OAuth oauth_problem=no", OAuth realm="c"', "bad"),
                    ('Bearer realm="a, OAuth oauth_problem=no', "bad"),
                    ('Bearer realm="a", OAuth oauth_problem=""', "bad"),
                    ('Bearer realm="a", OAuth x_oauth_problem="no"', "bad"),
                ]
            ),
            (Response(401, {"www-authenticate": "Basic oauth_problem"}, b"no"), "", ""),
            (Response(401, {"www-authenticate": 'OAuth oauth_problem="'}, b"no"), "", ""),
            (
                Response(400, {}, b'{"errors": [{"code": 32, "message": "Could not authenticate you."}]}'),
                "32",
                "Could not",
            ),
            (Response(400, {}, b'{"error": "bad", "error_description": "why"}'), "bad", "why"),
            (Response(400, {}, b'{"error": {"code": "x", "message": "y"}}'), "x", "y"),
            (Response(500, {}, b"<html><body>Oops</html>"), "", ""),
            (Response(500, {}, b"{broken"), "", ""),
            (Response(302, {"location": "https://evil.example/"}, b""), "", ""),
        ],
    )
    def test_the_servers_reason_is_found(self, response, error, description):
        with pytest.raises(OAuthError) as refused:
            parse_token_answer(response)
        assert refused.value.error == error
        assert refused.value.description.startswith(description)
        assert refused.value.status == response.status
        assert "location" not in refused.value.headers

    def test_absent_parameters_become_a_list(self):
        body = b"oauth_problem=parameter_absent&oauth_parameters_absent=oauth_consumer_key%26oauth_nonce"
        with pytest.raises(OAuthError) as refused:
            parse_token_answer(Response(400, {}, body))
        assert refused.value.error == "parameter_absent"
        assert refused.value.parameters["absent"] == ["oauth_consumer_key", "oauth_nonce"]

    def test_an_error_behind_a_good_status_by_the_providers_rule(self):
        rule = ErrorRule(
            holds=lambda _, text: text.startswith("Error"), error=lambda _: "refused", description=lambda _: "text"
        )
        with pytest.raises(OAuthError) as refused:
            parse_token_answer(Response(200, {}, b"Error: mwoauth-bad-request"), TokenAnswer(error=rule))
        assert (refused.value.error, refused.value.status) == ("refused", 200)

    def test_denied_by_the_server(self):
        with pytest.raises(AccessDeniedError):
            parse_token_answer(Response(401, {}, b"oauth_problem=user_refused"))

    def test_no_secret_stands_in_an_error(self):
        body = b"oauth_token=PLANTED1&oauth_token_secret=PLANTED2&oauth_problem=x"
        with pytest.raises(OAuthError) as refused:
            parse_token_answer(Response(401, {"set-cookie": "PLANTED3"}, body))
        shown = (
            f"{refused.value} {refused.value!r} {refused.value.text} {refused.value.headers} {refused.value.parameters}"
        )
        assert "PLANTED" not in shown

    @pytest.mark.parametrize(
        ("response", "is_refusal"),
        [
            (Response(401, {}, b"oauth_problem=timestamp_refused&oauth_acceptable_timestamps=1-2"), True),
            (Response(401, {}, b"oauth_timestamp is too far away; we believe it is now 1390665118"), True),
            (Response(403, {}, b'{"errors":[{"code":135,"message":"Timestamp out of bounds."}]}'), True),
            (
                Response(400, {}, b'error=invalid_request&error_description=Invalid "oauth_timestamp" value'),
                True,
            ),  # Authlib
            (
                Response(401, {}, b"error=invalid_request&error_description=Timestamp+given+is+invalid"),
                True,
            ),  # oauthlib
            (Response(401, {}, b'{"errors":[{"code":1004,"detail":"oauth_timestamp is too far away"}]}'), True),
            (Response(401, {}, b"check your clock"), True),
            (Response(401, {}, b"clock_skew"), True),
            (Response(401, {}, b"Invalid timestamp: 17000"), True),
            (Response(401, {}, b'{"message":"oauth_timestamp: 17000 is too old"}'), True),
            (Response(401, {}, b'Seen: {"oauth_nonce": "n", "oauth_timestamp": "17000"}'), False),
            (Response(401, {}, b"Invalid signature"), False),
            (Response(500, {}, b"timestamp"), False),
            (Response(401, {}, b"the clockwork is broken"), False),
            (Response(401, {}, b"oauth_problem=signature_invalid&oauth_problem_advice=check+the+timestamp"), False),
            (Response(401, {"www-authenticate": 'OAuth oauth_problem="nonce_used"'}, b"timestamp"), False),
            (Response(401, {}, b"Base string: GET&https%3A%2F%2Fa&oauth_nonce%3Dn%26oauth_timestamp%3D17000"), False),
            (
                Response(401, {}, b'You sent: OAuth oauth_nonce="n", oauth_timestamp="17000", oauth_version="1.0"'),
                False,
            ),
            (Response(401, {}, b"You sent: a=b&oauth_timestamp=17000&oauth_version=1.0"), False),
            (
                Response(401, {}, b'{"error":"bad","message":"base string GET&a&oauth_timestamp%3D17000%26b%3Dc"}'),
                False,
            ),
            (Response(401, {}, b"message=base+string+GET%26a%26oauth_timestamp%253D17000"), False),
            (Response(401, {}, b'{"timestamp":"2026-11-26T10:00:00Z","status":401,"path":"/x"}'), False),  # Spring
            (Response(401, {}, b'{"error":"bad","message":"no","seen":"a timestamp"}'), False),
            (Response(401, {}, b"Array ( [oauth_timestamp] => 17000 )"), False),
        ],
    )
    def test_a_refused_timestamp_is_recognised(self, response, is_refusal):
        with pytest.raises(OAuthError) as refused:
            parse_token_answer(response)
        assert is_timestamp_refusal(refused.value) is is_refusal
        assert (refused.value.code == "timestamp-refused") is is_refusal

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({}, None),
            ({"retry-after": "30"}, 30),
            ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT", "date": "Tue, 14 Nov 2023 22:13:20 GMT"}, 30),
            ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT"}, None),
        ],
    )
    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_an_outage_is_told_from_a_refusal(self, status, headers, seconds):
        with pytest.raises(TemporarilyUnavailableError) as refused:
            parse_token_answer(Response(status, headers, b"later"))
        assert (refused.value.status, refused.value.retry_after) == (status, seconds)

    def test_a_denial_is_one_whatever_its_status(self):
        with pytest.raises(AccessDeniedError):
            parse_token_answer(Response(503, {}, b"oauth_problem=user_refused"))


class TestAuthorizationResponses:
    """What the user's browser brings back."""

    @pytest.mark.parametrize(
        "url",
        [
            "https://www.example.com/cb?next=ㅋㅋ&oauth_token=aaa&oauth_verifier=bbb",
            "https://www.example.com/cb?oauth_token=aaa&oauth_verifier=bbb#_=_",
            "?oauth_token=aaa&oauth_verifier=bbb",
            "oauth_token=aaa&oauth_verifier=bbb",
            "/cb?oauth_verifier=bbb&oauth_token=aaa",
            "myapp://cb?oauth_token=a%61a&oauth_verifier=bbb",
            "oauth_token=aaa&oauth_verifier=bbb&next=/p?oauth_token=c",
            "oauth_token=aaa&oauth_verifier=bbb&next=https://app.example/",
            "?oauth_token=aaa&oauth_verifier=bbb&next=https://app.example/?oauth_token=c",
            "https://www.example.com/x=1?oauth_token=aaa&oauth_verifier=bbb",
            "http://[::1/cb?oauth_token=aaa&oauth_verifier=bbb",
            "https://a\u2100b/cb?oauth_token=aaa&oauth_verifier=bbb",
            " https://www.example.com/cb?oauth_token=a\r\naa&oauth_verifier=bbb\n",
        ],
    )
    def test_token_and_verifier_are_found(self, url):
        found = parse_authorization_response(url)
        assert (found.token, found.verifier) == ("aaa", "bbb")

    @pytest.mark.parametrize("where", ["https://a.example/cb?oauth_token=aaa&x=", "oauth_token=aaa&oauth_verifier="])
    def test_octets_that_are_no_text_are_refused(self, where):
        with pytest.raises(CallbackError) as refused:
            parse_authorization_response(f"{where}\udcff")
        assert refused.value.code == "callback-not-utf8"
        assert "aaa" not in f"{refused.value}"

    @pytest.mark.parametrize("query", ["oauth_token=a&oauth_verifier=%FF", "oauth_token=%FF&oauth_verifier=b"])
    def test_no_other_value_is_sent_for_octets(self, query):
        with pytest.raises(CallbackError) as refused:
            parse_authorization_response(f"https://a.example/?{query}")
        assert refused.value.code == "callback-not-utf8"

    def test_other_parameters_may_be_in_another_encoding(self):
        found = parse_authorization_response("https://a.example/?name=Jos%E9&oauth_token=a&oauth_verifier=b")
        assert (found.token, found.verifier) == ("a", "b")

    def test_other_parameters_are_kept(self):
        found = parse_authorization_response("https://a.example/?next=ㅋㅋ&oauth_token=a&oauth_verifier=b&realmId=7")
        assert found.parameters["next"] == "ㅋㅋ"
        assert found.parameters["realmId"] == "7"

    @pytest.mark.parametrize(
        ("query", "settings"),
        [
            ("denied=aaa", CallbackSettings(denied=(("denied", None),))),
            ("denied=aaa", CallbackSettings()),
            ("oauth_token=a&oauth_verifier=denied", CallbackSettings(denied=(("oauth_verifier", "denied"),))),
            ("oauth_problem=user_refused", CallbackSettings()),
            ("oauth_problem=permission_denied&oauth_token=a", CallbackSettings()),
            ("error=access_denied&error_description=no", CallbackSettings()),
        ],
    )
    def test_a_refusal_is_told_apart(self, query, settings):
        with pytest.raises(AccessDeniedError):
            parse_authorization_response(f"https://www.example.com/cb?{query}", settings)

    def test_a_value_that_only_looks_like_denial_is_none(self):
        settings = CallbackSettings(denied=(("oauth_verifier", "denied"),))
        assert parse_authorization_response("?oauth_token=a&oauth_verifier=b", settings).verifier == "b"

    def test_another_error_keeps_its_code_and_text(self):
        with pytest.raises(OAuthError) as refused:
            parse_authorization_response("?error=server_error&error_description=try%20later")
        assert not isinstance(refused.value, AccessDeniedError)
        assert (refused.value.error, refused.value.description) == ("server_error", "try later")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/p", "https://a.example/p?x=1"),
        ("https://a.example/p?", "https://a.example/p?x=1"),
        ("https://a.example/p?a=%2f&", "https://a.example/p?a=%2f&x=1"),
        ("https://a.example/p?a=b#f?g", "https://a.example/p?a=b&x=1#f?g"),
    ],
)
def test_pairs_are_added_to_a_query_and_nothing_else_changes(url, expected):
    assert append_query(url, [("x", "1")]) == expected
    assert append_query(url, []) == url


def test_repr_shows_no_token():
    shown = repr(RequestToken("PLANTED", "PLANTED", "PLANTED", {"x": "PLANTED"}))
    shown += repr(parse_authorization_response("?oauth_token=PLANTED&oauth_verifier=PLANTED"))
    assert "PLANTED" not in shown


def test_where_only_codes_are_shown_no_other_callback_is_sent():
    flow = request_token_flow(
        provider(oauth1=OAuth1Settings(callback="oob")), signer(), callback="https://app.example/"
    )
    assert header_of(next(flow))["oauth_callback"] == "oob"
    assert finish(flow, Response(200, {}, GOOD)).token == "rt"


@pytest.mark.parametrize(("query", "denied"), [("oauth_token=rt", True), ("oauth_token=rt&oauth_verifier=v", False)])
def test_a_missing_parameter_may_mean_refusal(query, denied):
    settings = CallbackSettings(denied_without=("oauth_verifier",))
    if denied:
        with pytest.raises(AccessDeniedError):
            parse_authorization_response(f"https://app.example/?{query}", settings)
    else:
        assert parse_authorization_response(f"https://app.example/?{query}", settings).verifier == "v"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_password_is_exchanged_in_a_form_whatever_the_leg(method):
    flow = password_flow(provider(token=Leg(method=method)), signer(), username="ada", password="p&ss wörd")
    request = next(flow)
    assert (request.method, request.url) == ("POST", ENDPOINTS["token"])
    assert request.form == (
        ("x_auth_username", "ada"),
        ("x_auth_password", "p&ss wörd"),
        ("x_auth_mode", "client_auth"),
    )
    assert "oauth_token" not in header_of(request)
    assert "p&ss" not in repr(request)
    assert finish(flow, Response(200, {}, b"oauth_token=at&oauth_token_secret=as")) == OAuth1Token("at", "as")


def test_a_refused_password_is_an_error():
    flow = password_flow(provider(), signer(), username="ada", password="wrong")
    next(flow)
    with pytest.raises(OAuthError) as refused:
        flow.send(Response(401, {}, b"Invalid xAuth credentials."))
    assert refused.value.status == 401


SECRETS = {
    "client secret": "planted client s&cret",
    "token": "planted-token",
    "token secret": "planted/token/secret",
    "handle": "planted handle",
    "verifier": "planted+verifier",
    "password": "planted p&ss wörd",
}
OLD = OAuth1Token("planted-token", "planted/token/secret", {"oauth_session_handle": "planted handle"})


def in_base_string(text: str) -> str:
    return quote(quote(text, safe=""), safe="")


class TestEchoes:
    """Servers repeat what they were sent."""

    there = Provider(
        endpoints={**ENDPOINTS, "revoke": "https://api.example.com/revoke"},
        oauth1=WITH_SESSIONS,
        # By whatever name it goes.
        token=Leg(rename={"x_auth_password": "pwd"}),
        exchange=Exchange("https://api.example.com/exchange", Leg(), TokenAnswer()),
    )
    signer = Signer("PLAINTEXT", "ck", SECRETS["client secret"], token="planted-token")

    def flow(self, name):
        of_signer = {"secrets": (SECRETS["client secret"], SECRETS["token secret"])}
        leg = Leg(method="GET", params=(("oauth_session_handle", SECRETS["handle"]),))
        return {
            "request token": lambda: request_token_flow(
                replace(self.there, request_token=leg), self.signer, callback=None, **of_signer
            ),
            "access token": lambda: access_token_flow(
                self.there, self.signer, verifier=SECRETS["verifier"], **of_signer
            ),
            "password": lambda: password_flow(
                self.there, self.signer, username="ada", password=SECRETS["password"], **of_signer
            ),
            "renewal": lambda: refresh_flow(self.there, self.signer, OLD, secrets=of_signer["secrets"][:1]),
            "revocation": lambda: revocation_flow(self.there, self.signer, OLD, secrets=of_signer["secrets"][:1]),
            "exchange": lambda: exchange_flow(
                self.there, self.signer, OLD, sent_at=NOW, secrets=of_signer["secrets"][:1]
            ),
        }[name]()

    @pytest.mark.parametrize(
        ("name", "sent"),
        [
            ("request token", ("client secret", "token secret", "token", "handle")),
            ("access token", ("client secret", "token secret", "token", "verifier")),
            ("password", ("client secret", "password")),
            ("renewal", ("client secret", "token secret", "token", "handle")),
            ("revocation", ("client secret", "token secret", "token", "handle")),
            ("exchange", ("client secret", "token secret", "token", "handle")),
        ],
    )
    @pytest.mark.parametrize("encode", [str, quote, in_base_string, lambda text: quote(in_base_string(text))])
    @pytest.mark.parametrize(
        ("status", "headers", "body"),
        [
            (401, {}, "who is %s?"),
            (401, {}, '{"error": "bad", "message": "no %s here"}'),
            (401, {}, "oauth_problem=%s&oauth_problem_advice=base+string+%s"),
            (401, {"www-authenticate": 'OAuth oauth_problem="bad", oauth_problem_advice="base string %s"'}, ""),
            (401, {"x-reason": "no %s here"}, "oauth_problem=token_rejected"),
            (200, {"content-type": "text/html"}, "<html>no %s here"),
            (200, {}, '{"oauth_token": "a", "error": "%s"}'),
        ],
    )
    def test_no_refusal_repeats_a_secret(self, name, sent, encode, status, headers, body):
        flow, text = self.flow(name), " ".join(encode(SECRETS[one]) for one in sent)
        next(flow)
        headers = {key: value.replace("%s", text) for key, value in headers.items()}
        try:
            flow.send(Response(status, headers, body.replace("%s", text).encode(), ENDPOINTS["token"]))
        except StopIteration:
            assert (name, status) == ("revocation", 200)  # any answer will do
        except OAuthRegError as error:
            told = [*traceback.format_exception(error), repr(vars(error))]
            told += [repr(vars(cause)) for cause in (error.__cause__, error.__context__) if cause is not None]
            assert "planted" not in "".join(told)
        else:
            pytest.fail("it was no refusal")

    def test_short_ones_are_masked_by_name(self):
        flow = password_flow(self.there, self.signer, username="ada", password="pw1")
        next(flow)
        with pytest.raises(OAuthError) as refused:
            flow.send(
                Response(401, {}, b"Base string: POST&https%3A%2F%2Fa&x_auth_password%3Dpw1%26x_auth_username%3Dada")
            )
        assert refused.value.text.endswith("x_auth_password%3D***%26x_auth_username%3Dada")


@pytest.mark.parametrize(
    "body",
    [
        b"oauth_problem=token_rejected",
        b'{"oauth_problem": "token_rejected", "oauth_problem_advice": "log in"}',
        b'{"error": "token_rejected", "detail": "see oauth_problem"}',
    ],
)
def test_an_ended_session_is_told_in_any_format(body):
    flow = refresh_flow(provider(oauth1=WITH_SESSIONS), signer(), OLD)
    next(flow)
    with pytest.raises(ReauthorizationRequired) as refused:
        flow.send(Response(401, {}, body))
    assert (refused.value.error, refused.value.code) == ("token_rejected", "session-ended")


class TestRenewalWithoutASession:
    """A token that is made good again by a request of its own."""

    old = OAuth1Token("at", "as", {"guid": "g"})

    def start(self, **changes):
        there = Provider(endpoints={**ENDPOINTS, "refresh": "https://api.example.com/renew"}, **changes)
        flow = refresh_flow(there, signer(token="at", token_secret="as"), self.old)
        return flow, next(flow)

    def test_it_has_its_own_leg_and_no_handle(self):
        _, request = self.start(refresh=Leg(method="GET", query=(("v", "1"),)))
        assert (request.method, request.url) == ("GET", "https://api.example.com/renew?v=1")
        assert header_of(request)["oauth_token"] == "at"
        assert "oauth_session_handle" not in header_of(request)

    def test_the_leg_of_the_token_is_the_default(self):
        assert self.start(token=Leg(method="GET"))[1].method == "GET"

    def test_an_answer_without_a_token_keeps_the_old_one(self):
        assert finish(self.start()[0], Response(200, {}, b"Access Token has been renewed")) == self.old

    def test_an_answer_with_a_token_replaces_it(self):
        new = finish(self.start()[0], Response(200, {}, b"oauth_token=at2&oauth_token_secret=as2"))
        assert new == OAuth1Token("at2", "as2", {"guid": "g"})

    @pytest.mark.parametrize(
        ("response", "error"),
        [
            (Response(401, {}, b"oauth_problem=token_rejected"), ReauthorizationRequired),
            (Response(200, {}, b"oauth_problem=timestamp_refused"), OAuthError),
            (Response(200, {}, b"<html>log in</html>"), MalformedResponseError),
        ],
    )
    def test_anything_else_is_no_renewal(self, response, error):
        flow, _ = self.start()
        with pytest.raises(error):
            flow.send(response)

    def test_with_a_session_an_answer_without_a_token_is_broken(self):
        there = Provider(endpoints=ENDPOINTS, oauth1=WITH_SESSIONS)
        flow = refresh_flow(there, signer(token="at"), OAuth1Token("at", "as", {"oauth_session_handle": "sh"}))
        next(flow)
        with pytest.raises(MalformedResponseError):
            flow.send(Response(200, {}, b"fine"))


@pytest.mark.parametrize(
    ("kind", "told", "end"),
    [
        ("relative_s", "60", NOW + 60),
        ("relative_ms", "60000", NOW + 60),
        ("absolute_s", str(NOW + 60), NOW + 60),
        ("absolute_ms", f"{NOW + 60}541", NOW + 60),
        ("iso8601", "2023-11-14T22:14:20Z", NOW + 60),
        ("none", "60", None),
        ("relative_s", "soon", None),
    ],
)
def test_a_lifetime_becomes_a_moment(kind, told, end):
    answer = TokenAnswer(expires_kind=kind, fields={"oauth_expires_in": lambda document: document.get("ends")})
    body = f"oauth_token=at&oauth_token_secret=as&ends={told}".encode()
    for flow in (
        access_token_flow(provider(token_answer=answer), signer(token="rt"), verifier="v", sent_at=NOW),
        refresh_flow(provider(token_answer=answer), signer(token="at"), OAuth1Token("at"), sent_at=NOW),
        password_flow(provider(token_answer=answer), signer(), username="a", password="b", sent_at=NOW),
    ):
        next(flow)
        token = finish(flow, Response(200, {}, body))
        assert token.expires_at == end
        assert token.extra["ends"] == told
        assert OAuth1Token.from_mapping(token.to_mapping()) == token


@pytest.mark.parametrize("body", [b"renewed", b"oauth_token=at2&oauth_token_secret=as2"])
def test_the_end_of_the_old_token_is_not_that_of_the_new_one(body):
    there = Provider(endpoints={**ENDPOINTS, "refresh": "https://api.example.com/renew"})
    flow = refresh_flow(
        there, signer(token="at"), OAuth1Token("at", "as", {"expires_at": "1", "guid": "g"}), sent_at=NOW
    )
    next(flow)
    assert finish(flow, Response(200, {}, body)).extra == {"guid": "g"}


def test_without_a_time_nothing_is_said_about_the_end():
    flow = access_token_flow(provider(), signer(token="rt"), verifier="v")
    next(flow)
    assert finish(flow, Response(200, {}, b"oauth_token=a&oauth_token_secret=b&oauth_expires_in=60")).expires_at is None
