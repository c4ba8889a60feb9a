"""What the requests of all protocols share."""

import json
from email.parser import BytesParser
from email.policy import HTTP

import pytest
import yarl
from multidict import MultiDict

from oauthreg.errors import CallbackError, OAuthRegError, UsageError
from oauthreg.legs import (
    answered,
    append_missing,
    append_query,
    append_text,
    build_request,
    callback_pairs,
    endpoint,
    leg_parameters,
    renamed,
    render_form,
    render_page_url,
    render_pairs,
    render_scope,
    split_scope,
)
from oauthreg.messages import Response
from oauthreg.provider import Leg, Provider, Scopes

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


@pytest.mark.parametrize("value", ["s3cr3t\n", "a\r\nX-B: c", "a\0", "a\x7f", "a\ud800"])
def test_a_header_that_cannot_be_sent_is_refused(value):
    for leg, headers in ((Leg(), (("X-A", value),)), (Leg(headers=(("X-A", Field("id")),)), ())):
        with pytest.raises(UsageError, match="`X-A`") as refused:
            build_request(leg, URL, (), headers=headers, documents={"token": {"id": value}})
        assert refused.value.code == "invalid-header-value"
        assert value not in str(refused.value)
    assert build_request(Leg(), URL, (), headers=(("X-A", "é\t a\xa0b"),)).headers == (("X-A", "é\t a\xa0b"),)


def test_names_are_renamed_or_dropped():
    leg = Leg(rename={"client_id": "app_id", "state": ""})
    assert renamed(leg, [("client_id", "c"), ("state", "s"), ("x", "1")]) == [("app_id", "c"), ("x", "1")]


def test_a_query_is_completed_by_what_it_lacks():
    assert append_missing(f"{URL}?%61=1#f", [("a", "2"), ("b", "3 4")]) == f"{URL}?%61=1&b=3%204#f"
    assert append_missing(f"{URL}?a=1", [("a", "2")]) == f"{URL}?a=1"


def test_required_scopes_are_always_asked_for():
    given = Provider(scopes=Scopes(default=("a",), required=("openid",), separator=","))
    assert render_scope(given, None) == "a,openid"
    assert render_scope(given, "openid,b") == "openid,b"
    assert render_scope(given, ["b"]) == "b,openid"
    assert render_scope(given, "") == "openid"
    assert split_scope(given, "openid, b,,c d") == ("openid", "b", "c", "d")


@pytest.mark.parametrize(
    ("leg", "expected"),
    [
        (Leg(), f"{URL}?b=1%202&a=%2B"),
        (Leg(sort_params=True), f"{URL}?a=%2B&b=1%202"),
        (Leg(literal=("a",)), f"{URL}?b=1%202&a=+"),
        (Leg(fragment="#x"), f"{URL}?b=1%202&a=%2B#x"),
        (Leg(route="/in"), f"{URL}#/in?b=1%202&a=%2B"),
        (Leg(query=(("v", Field("id")),)), f"{URL}?b=1%202&a=%2B&v=7%20%C3%A9"),
    ],
)
def test_the_url_of_a_page(leg, expected):
    assert render_page_url(leg, URL, [("b", "1 2"), ("a", "+")], TOKEN) == expected


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

    def test_a_delete_may_have_a_form(self):
        made = build_request(Leg("DELETE", body="form"), URL, self.pairs)
        assert (made.method, made.url, made.form) == ("DELETE", URL, self.pairs)

    def test_a_get_never_has_a_body(self):
        assert build_request(Leg("GET", body="json"), URL, self.pairs) == build_request(Leg("GET"), URL, self.pairs)

    def test_multipart(self):
        made = build_request(Leg(body="multipart"), URL, [("a", "1\r\n--x"), ('b"\n', "é"), ("c", "")], params=())
        ((name, media_type),) = made.headers
        assert (name, media_type.partition("; boundary=")[0]) == ("Content-Type", "multipart/form-data")
        message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + media_type.encode() + b"\r\n\r\n" + made.body)
        parts = [
            (part.get_param("name", header="content-disposition"), part.get_payload(decode=True))
            for part in message.iter_parts()
        ]
        assert parts == [("a", b"1\r\n--x"), ("b%22%0A", "é".encode())]
        assert made.form is None
        assert build_request(Leg(body="multipart"), URL, [("a", "2")]).headers != made.headers

    def test_a_parameter_that_ends_the_path(self):
        leg = Leg("GET", path_parameter="token", rename={"token": "t"})
        made = build_request(leg, f"{URL}/?v=1", [("token", "a/b ?"), ("hint", "x")])
        assert (made.method, made.url, made.form) == ("GET", f"{URL}/a%2Fb%20%3F?v=1&hint=x", None)

    @pytest.mark.parametrize("value", ["", ".", ".."])
    def test_what_is_no_segment_of_a_path_is_refused(self, value):
        with pytest.raises(UsageError, match="`token`") as refused:
            build_request(Leg("GET", path_parameter="token"), URL, [("token", value)])
        assert refused.value.code == "invalid-path-parameter"

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


@pytest.mark.parametrize(
    "callback",
    [
        "https://app.example/cb?a=1&b=/p?x=2&a=c://d#e=f",
        "app:/cb?a=1&b=/p?x=2&a=c://d",
        "/cb?a=1&b=/p?x=2&a=c://d",
        "?a=1&b=/p?x=2&a=c://d",
        "a=1&b=/p?x=2&a=c://d",
        " a=1&b=/p?x=\r\n2&a=c://d\n",
        "http://[::1/cb?a=1&b=/p?x=2&a=c://d",
        "https://a\u2100b/cb?a=1&b=%2Fp%3fx=2&a=c://d",
    ],
)
def test_the_parameters_of_a_callback(callback):
    assert callback_pairs(callback) == [("a", "1"), ("b", "/p?x=2"), ("a", "c://d")]


def test_a_callback_that_is_no_text():
    with pytest.raises(CallbackError) as refused:
        callback_pairs("https://app.example/cb?a=\udcff")
    assert refused.value.code == "callback-not-utf8"


class Written:
    """An object that is a URL, as that of a framework."""

    def __init__(self, url):
        self.url = url

    def __str__(self):
        return self.url


class Fields(dict):
    """A form as Django, Flask and Starlette give it: one value of each name, unless all are asked for."""

    def getlist(self, name):
        return [self[name], "again"] if name == "a" else [self[name]]


@pytest.mark.parametrize(
    ("callback", "expected"),
    [
        (b"https://app.example/cb?a=1&b=%C3%A9", [("a", "1"), ("b", "é")]),
        ("a=1&b=é".encode(), [("a", "1"), ("b", "é")]),
        (Written("https://app.example/cb?a=1&b=%C3%A9#c"), [("a", "1"), ("b", "é")]),
        (yarl.URL("https://app.example/cb?a=1&b=é"), [("a", "1"), ("b", "é")]),
        (yarl.URL("/cb?a=1&b=é"), [("a", "1"), ("b", "é")]),
        ({"a": "1", "b": "é", "c": None}, [("a", "1"), ("b", "é")]),
        ({b"a": b"1", "b": 7}, [("a", "1"), ("b", "7")]),
        (MultiDict([("a", "1"), ("a", "again"), ("b", "é")]), [("a", "1"), ("a", "again"), ("b", "é")]),
        (Fields(a="1", b="é"), [("a", "1"), ("a", "again"), ("b", "é")]),
    ],
    ids=["octets", "a form", "a URL", "yarl's", "a relative one", "a mapping", "octets in it", "aiohttp's", "Django's"],
)
def test_a_callback_comes_in_many_forms(callback, expected):
    assert callback_pairs(callback) == expected


@pytest.mark.parametrize("given", [None, 7, [("a", "1")], object(), Written("<Request GET /cb?a=1 >"), Written("a=1")])
def test_anything_else_is_no_callback(given):
    with pytest.raises(UsageError, match="no callback: ") as refused:
        callback_pairs(given)
    assert refused.value.code == "wrong-type"


@pytest.mark.parametrize(
    "callback", ["?a=%FF&b=%E9", b"?a=%FF&b=\xe9", b"a=\xff&b=\xe9", {"a": b"\xff", "b": "\udce9"}]
)
def test_what_is_compared_or_sent_on_must_be_text(callback):
    """Another value would be sent; a name in another encoding beside it breaks no login."""
    with pytest.raises(CallbackError) as refused:
        callback_pairs(callback, ("a",))
    assert refused.value.code == "callback-not-utf8"
    (_, name), (_, other) = callback_pairs(callback, ("c",))
    assert name == "\ufffd"
    assert set(other) == {"\ufffd"}
