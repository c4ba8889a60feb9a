"""Pushed authorization requests: what is left with the provider, and the little that the browser carries.

Spec: RFC 9126. Case PA01 is of ``tests/vectors/oauth2_cases.json``; the checklist's lines are those of
``test_checklist.py``.
"""

from urllib.parse import parse_qsl, urlsplit

import pytest

from oauthreg.errors import ClientAuthenticationError, MalformedResponseError, MismatchingStateError, UsageError
from oauthreg.oauth2.login import LoginRequest, build_login, parse_callback, pushed_login_flow
from oauthreg.oauth2.token_endpoint import parse_pushed_authorization
from oauthreg.provider import Leg, OAuth2Settings

NOW = 1_700_000_000
PAR = {"par": "https://as.example/par"}
REDIRECT = "https://c.example/cb"
PUSHED = {"request_uri": "urn:x:1", "expires_in": 60}


@pytest.fixture
def push(provider, identity, drive):
    """Begins a login with a pushed request; gives the login and what was sent."""

    def begin(answer=PUSHED, *, request=None, client=None, **changes):
        given = provider(endpoints=PAR, **changes)
        flow = pushed_login_flow(given, client or identity(), request or LoginRequest(REDIRECT, NOW, ["a", "b"]))
        login, (sent,) = drive(flow, answer)
        return login, sent

    return begin


def query(url):
    return parse_qsl(urlsplit(url).query)


def test_checklist_46_where_pushing_is_demanded_no_plain_url_is_made(provider, identity):
    given = provider(oauth2=OAuth2Settings(require_par=True))
    with pytest.raises(UsageError) as caught:
        build_login(given, identity(), LoginRequest(REDIRECT, NOW))
    assert caught.value.code == "pushed-authorization-required"
    with pytest.raises(UsageError, match="`par`"):
        next(pushed_login_flow(given, identity(), LoginRequest(REDIRECT, NOW)))


def test_checklist_47_PA01_the_browser_carries_the_client_and_the_reference_alone(push):
    login, _ = push()
    assert query(login.url) == [("client_id", "c1"), ("request_uri", "urn:x:1")]
    there, _ = push(authorize=Leg("GET", query=(("ui", "1"),)))
    assert query(there.url) == [("client_id", "c1"), ("request_uri", "urn:x:1"), ("ui", "1")]


def test_what_always_stands_in_the_query_may_be_a_credential_of_the_client(push, identity):
    class Field:
        names = frozenset({"client:application_id"})

        def render(self, documents):
            return documents.get("client", {}).get("application_id")

    leg = Leg("GET", query=(("application_id", Field()),))
    login, _ = push(authorize=leg, client=identity(credentials={"application_id": "A1"}))
    assert dict(query(login.url))["application_id"] == "A1"


def test_checklist_48_PA01_each_login_pushes_again(provider, identity, drive):
    given, client = provider(endpoints=PAR), identity()
    request = LoginRequest(REDIRECT, NOW)
    urls = []
    for number in (1, 2):
        login, sent = drive(pushed_login_flow(given, client, request), {"request_uri": f"urn:x:{number}"})
        assert len(sent) == 1
        urls.append(dict(query(login.url))["request_uri"])
    assert urls == ["urn:x:1", "urn:x:2"]


def test_checklist_49_the_reference_comes_from_the_back_channel_alone(push, provider, identity):
    _, sent = push()
    assert (sent.method, sent.url) == ("POST", PAR["par"])
    assert dict(sent.headers)["Authorization"].startswith("Basic ")
    planted = LoginRequest(REDIRECT, NOW, params=(("request_uri", "urn:evil"),))
    for begin in (
        lambda: build_login(provider(), identity(), planted),
        lambda: next(pushed_login_flow(provider(endpoints=PAR), identity(), planted)),
    ):
        with pytest.raises(UsageError) as caught:
            begin()
        assert caught.value.code == "reserved-parameter"


def test_everything_that_the_browser_would_have_carried_is_pushed(push):
    login, sent = push(request=LoginRequest(REDIRECT, NOW, ["a", "b"], ["https://api.example"], (("prompt", "login"),)))
    form = dict(sent.form)
    assert {name: form[name] for name in ("response_type", "client_id", "redirect_uri", "scope", "prompt")} == {
        "response_type": "code",
        "client_id": "c1",
        "redirect_uri": REDIRECT,
        "scope": "a b",
        "prompt": "login",
    }
    assert form["resource"] == "https://api.example"
    assert form["state"] == login.values["state"]
    assert form["code_challenge_method"] == "S256"
    assert "code_verifier" not in form


def test_the_callback_is_checked_as_ever(push, provider):
    login, _ = push()
    good = {"code": "C1", "state": login.values["state"]}
    given = provider(endpoints=PAR)
    assert parse_callback(given, login, good, now=NOW).code == "C1"
    with pytest.raises(MismatchingStateError):
        parse_callback(given, login, {**good, "state": "x"}, now=NOW)


def test_a_public_client_names_itself(push, identity):
    _, sent = push(client=identity(client_secret=None))
    assert [value for name, value in sent.form if name == "client_id"] == ["c1"]
    assert "Authorization" not in dict(sent.headers)


def test_a_certificate_changes_the_address(push):
    settings = OAuth2Settings(client_auth="tls_client_auth", mtls_endpoints={"par": "https://mtls.as.example/par"})
    _, sent = push(oauth2=settings)
    assert sent.url == "https://mtls.as.example/par"


@pytest.mark.parametrize("body", [{}, {"request_uri": ""}, {"request_uri": 1}, [], "no JSON"])
def test_an_answer_without_a_reference_is_no_answer(answer, body):
    with pytest.raises(MalformedResponseError):
        parse_pushed_authorization(answer(body, 201))


def test_a_refusal_is_told_without_what_was_pushed(push, answer):
    secret = "s3cr3t-of-c1"
    with pytest.raises(ClientAuthenticationError) as caught:
        push(answer({"error": "invalid_client", "error_description": f"not {secret}"}, 401))
    assert secret not in f"{caught.value} {caught.value.text}"
