"""What the requests of all protocols share."""

import json

import pytest

from oauthreg.errors import OAuthRegError, UsageError
from oauthreg.legs import (
    answered,
    append_query,
    append_text,
    build_request,
    endpoint,
    leg_parameters,
    renamed,
    render_form,
    render_pairs,
)
from oauthreg.messages import Response
from oauthreg.provider import Leg, Provider

URL = "https://as.example/token"


class Field:
    """A template over one field of the document ``token``."""

    def __init__(self, field):
        self.names, self.field = frozenset((f"token:{field}",)), field

    def render(self, documents):
        return documents.get("token", {}).get(self.field)


TOKEN = {"token": {"id": "7 é"}}


def test_an_endpoint_or_a_refusal_that_names_it():
    provider = Provider(name="example", endpoints={"token": URL, "empty": ""})
    assert endpoint(provider, "token") == URL
    for name in ("revoke", "empty"):
        with pytest.raises(UsageError, match=rf"example.*`{name}`") as refused:
            endpoint(provider, name)
        assert refused.value.code == "missing-endpoint"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (URL, f"{URL}?a=1%202&a=%C3%A9"),
        (f"{URL}?", f"{URL}?a=1%202&a=%C3%A9"),
        (f"{URL}?x=%7e", f"{URL}?x=%7e&a=1%202&a=%C3%A9"),
        (f"{URL}?x&", f"{URL}?x&a=1%202&a=%C3%A9"),
        (f"{URL}#f?g", f"{URL}?a=1%202&a=%C3%A9#f?g"),
        ("", "?a=1%202&a=%C3%A9"),
    ],
)
def test_a_query_is_added_before_the_fragment_and_the_rest_is_untouched(url, expected):
    pairs = [("a", "1 2"), ("a", "é")]
    assert append_query(url, pairs) == expected
    assert append_text(url, render_form(pairs)) == expected
    assert append_query(url, []) == url


def test_templates_are_filled_in_or_left_out():
    pairs = (("a", "1"), ("b", Field("id")), ("c", Field("absent")))
    assert render_pairs(pairs, TOKEN) == (("a", "1"), ("b", "7 é"))
    assert render_pairs(pairs) == (("a", "1"),)


def test_names_are_renamed_or_dropped():
    leg = Leg(rename={"client_id": "app_id", "state": ""})
    assert renamed(leg, [("client_id", "c"), ("state", "s"), ("x", "1")]) == [("app_id", "c"), ("x", "1")]


class TestParameters:
    """Each name from one source."""

    def test_the_caller_wins_over_the_leg_and_the_leg_over_the_standard(self):
        leg = Leg(params=(("grant_type", "own"), ("prompt", "consent"), ("id", Field("id"))))
        pairs = [("grant_type", "authorization_code"), ("code", "C"), ("scope", "a")]
        assert leg_parameters(leg, pairs, params=(("prompt", "none"), ("scope", "b")), documents=TOKEN) == [
            ("code", "C"),
            ("grant_type", "own"),
            ("id", "7 é"),
            ("prompt", "none"),
            ("scope", "b"),
        ]

    def test_renaming_leaves_the_legs_own_names_alone(self):
        leg = Leg(
            rename={"code": "assertion", "client_secret": "client_assertion", "grant_type": ""},
            params=(("grant_type", "jwt"), ("code", "kept")),
        )
        pairs = [("grant_type", "authorization_code"), ("code", "C"), ("client_secret", "s")]
        assert leg_parameters(leg, pairs) == [
            ("assertion", "C"),
            ("client_assertion", "s"),
            ("grant_type", "jwt"),
            ("code", "kept"),
        ]

    def test_empty_values_are_left_out_unless_they_are_wanted(self):
        assert leg_parameters(Leg(), [("scope", ""), ("a", "1")]) == [("a", "1")]
        assert leg_parameters(Leg(omit_empty=False), [("scope", "")]) == [("scope", "")]

    def test_repeated_names_of_one_source_stay(self):
        pairs = [("resource", "a"), ("resource", "b")]
        assert leg_parameters(Leg(), pairs) == pairs


class TestRequest:
    """The request of a leg."""

    pairs = (("a", "1"), ("b", "2"))

    def test_a_form(self):
        made = build_request(Leg(query=(("v", "1"),)), URL, self.pairs, params=(("c", "3"),))
        assert (made.method, made.url, made.form) == ("POST", f"{URL}?v=1", (*self.pairs, ("c", "3")))
        assert (made.body, made.headers, made.authenticator) == (None, (), None)

    @pytest.mark.parametrize("method", ["GET", "get", "HEAD", "DELETE"])
    def test_a_query_where_there_is_no_body(self, method):
        made = build_request(Leg(method, query=(("v", "1"),)), URL, self.pairs)
        assert (made.method, made.url) == (method.upper(), f"{URL}?v=1&a=1&b=2")
        assert (made.form, made.body) == (None, None)

    def test_a_query_of_a_post(self):
        made = build_request(Leg(body="query"), URL, self.pairs)
        assert (made.method, made.url, made.form, made.body) == ("POST", f"{URL}?a=1&b=2", None, None)

    def test_json(self):
        made = build_request(Leg(body="json"), URL, [*self.pairs, ("a", "3"), ("a", "4")])
        assert json.loads(made.body) == {"a": ["1", "3", "4"], "b": "2"}
        assert made.headers == (("Content-Type", "application/json"),)
        assert made.form is None

    def test_a_legs_header_replaces_another_if_it_has_a_value(self):
        given = (("Accept", "application/json"), ("Authorization", "Basic x"))
        leg = Leg(headers=(("accept", "text/plain"), ("authorization", Field("absent")), ("X-Id", Field("id"))))
        made = build_request(leg, URL, (), headers=given, documents=TOKEN)
        assert made.headers == (("Authorization", "Basic x"), ("accept", "text/plain"), ("X-Id", "7 é"))

    @pytest.mark.parametrize("leg", [Leg(), Leg("GET"), Leg(body="json")], ids=["form", "query", "json"])
    def test_its_authenticator(self, leg):
        signer = object()
        assert build_request(leg, URL, (), authenticator=signer).authenticator is signer

    @pytest.mark.parametrize("leg", [Leg(), Leg("GET"), Leg(body="json"), Leg(body="query")])
    def test_SL03_repr_shows_no_secret(self, leg):
        made = build_request(leg, URL, [("client_secret", "PLANTED")], headers=(("Authorization", "PLANTED"),))
        assert repr(made) == f"Request(method={leg.method!r})"


def test_a_flow_needs_an_answer():
    response = Response(200)
    assert answered(response) is response
    with pytest.raises(OAuthRegError) as refused:
        answered(None)
    assert refused.value.code == "flow-without-response"
