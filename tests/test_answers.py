import pickle
import time

import pytest

from oauthreg.answers import decode_text, parse_answer, parse_form, parse_http_date, read_masked, refusal
from oauthreg.errors import MalformedResponseError, OAuthError
from oauthreg.messages import Response
from oauthreg.oauth2.token_answer import parse_token_response


def answer(body, chosen="auto"):
    return parse_answer(Response(200, {"content-type": "text/html"}, body), chosen)


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (b'{"id": 12345678901234567890}', {"id": 12345678901234567890}),
        (b"\xef\xbb\xbf [1, 2]", [1, 2]),
        (b'callback( {"a": {"b": ")"}} );', {"a": {"b": ")"}}),
        (b"/**/a=1", {"/**/a": "1"}),
        (b"a=1&b=x+y&c=%C3%A9&a=2&d", {"a": "1", "b": "x y", "c": "é", "d": ""}),
        (b"<u id='7'><n>Ada</n><n>Lace</n><n>x</n><e/></u>", {"u": {"@id": "7", "n": ["Ada", "Lace", "x"], "e": ""}}),
        (b"<a:u xmlns:a='x'><a:n a:k='v'>t</a:n></a:u>", {"u": {"n": {"@k": "v", "#text": "t"}}}),
        (b"\r\na=1&b=x+\r\n", {"a": "1", "b": "x "}),
        (b"\n<?xml version='1.0'?><a>1</a>\n", {"a": "1"}),
        (b"", {}),
    ],
)
def test_the_first_character_decides(body, document):
    assert answer(body) == document


@pytest.mark.parametrize(
    ("chosen", "body"),
    [
        ("json", b"<html>"),
        ("json", b"NaN"),
        ("json", b"[" * 100_000),
        ("jsonp", b'{"a": 1}'),
        ("xml", b"<a"),
        ("xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"),
        ("xml", b"<a>" * 100 + b"</a>" * 100),
        ("auto", b"{broken"),
    ],
)
def test_another_format_is_refused_with_the_text_that_came(chosen, body):
    with pytest.raises(MalformedResponseError) as refused:
        answer(body, chosen)
    assert refused.value.status == 200
    assert refused.value.text.startswith(body.decode()[:20])


@pytest.mark.parametrize(
    "body",
    [
        b"a()" + b" " * 1_000_000 + b"x",
        b"a" + b" " * 1_000_000 + b"(",
        b"a(" + b") " * 500_000 + b"x",
        b" " * 1_000_000,
    ],
)
@pytest.mark.parametrize("kind", ["auto", "jsonp"])
def test_white_space_is_read_once(body, kind):
    """Trying each of its splits would keep the event loop for an hour, and no time-out could end it."""
    try:
        assert isinstance(parse_answer(Response(200, {}, body), kind), dict)
    except MalformedResponseError:
        assert kind == "jsonp"


def test_a_document_is_not_too_deep_to_go_through():
    def nested(depth):
        return b'{"a": [' * depth + b"]}" * depth

    assert parse_answer(Response(200, {}, nested(32)))
    for depth in (33, 450, 100_000):
        with pytest.raises(MalformedResponseError):
            parse_answer(Response(200, {}, nested(depth)))


def test_what_a_refusal_repeats_is_masked():
    def read(response):
        raise OAuthError("", decode_text(response.body), text=response.url, headers=response.headers)

    headers = {"www-authenticate": 'OAuth advice="no PLANTED%2dtoken"'}
    answer = Response(400, headers, b"no PLANTED-token here", "https://a.example/?t=PLANTED-token")
    with pytest.raises(OAuthError) as refused:
        read_masked(answer, read, ["PLANTED-token", ""])
    assert (refused.value.description, refused.value.text) == ("no *** here", "https://a.example/?t=***")
    assert refused.value.headers == {"www-authenticate": 'OAuth advice="no ***"'}
    assert (refused.value.__cause__, refused.value.__context__) == (None, None)
    assert read_masked(answer, lambda response: response.body, ["PLANTED-token"]) == answer.body


def test_what_was_refused_for_a_secret_is_not_taken_without_it():
    answer = Response(200, {}, b'{"access_token": "PLANTED\\u0007token"}', "https://a.example/")
    with pytest.raises(MalformedResponseError) as refused:
        read_masked(answer, lambda given: parse_token_response(given, sent_at=0), ["PLANTED\x07token"])
    assert (refused.value.code, refused.value.text) == ("unusable-answer", '{"access_token": "***"}')


def test_text_is_left_alone_and_a_token_is_trimmed():
    assert answer(b" ada\n", "text") == " ada\n"
    assert answer(b" a.b.c\n", "jwt") == "a.b.c"


def test_octets_that_are_not_utf8_do_not_break_an_answer():
    assert answer(b'{"a": "\xe9"}') == {"a": "�"}
    assert parse_form("a=%E9") == {"a": "�"}


def test_a_refused_answer_says_where_it_is_from():
    headers = {"content-type": "text/html; charset=utf-8"}
    with pytest.raises(MalformedResponseError) as refused:
        parse_answer(Response(404, headers, b"<p", "https://ada:PLANTED@as.example/token?code=PLANTED"))
    assert str(refused.value) == (
        "the answer is a web page or other markup, not JSON (status 404 from https://as.example/token, text/html)"
    )
    with pytest.raises(MalformedResponseError) as refused:
        parse_answer(Response(200, {}, b"<p"), "xml")
    assert str(refused.value) == "the answer is no XML (status 200)"


@pytest.mark.parametrize(
    "page", [b"<html><body>Sign in</body></html>", b"<HTML/>", b"\n<h:html xmlns:h='x'>a</h:html>"]
)
def test_a_page_that_is_well_written_is_no_data(page):
    with pytest.raises(MalformedResponseError, match="web page") as refused:
        parse_answer(Response(200, {}, page))
    assert refused.value.status == 200
    assert list(parse_answer(Response(200, {}, page), "xml")) in (["html"], ["HTML"])


@pytest.mark.parametrize(
    ("said", "description", "message"),
    [
        (b"Invalid signature\n", "", "status 401: Invalid signature"),
        (b"no", "the profile was refused", "the profile was refused (status 401): no"),
        (b"first\nsecond \x1b[31m", "", r"status 401: first\nsecond \u001b[31m"),
        (b"token=PLANTED is bad", "", "status 401: token=*** is bad"),
        (b"x" * 200, "", f"status 401: {'x' * 100}…"),
        (b"<p>no</p>", "", "status 401"),
        (b'{"no": 1}', "", "status 401"),
        (b"[1]", "", "status 401"),
        (b" ", "", "status 401"),
    ],
)
def test_a_refusal_without_a_code_says_what_came_as_text(said, description, message):
    made = refusal(OAuthError, Response(401, {}, said), "", description)
    assert str(made) == message
    assert str(pickle.loads(pickle.dumps(made))) == message
    assert str(refusal(OAuthError, Response(401, {}, said), "nonce_used", "")) == "nonce_used (status 401)"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Tue, 14 Nov 2023 22:13:20 GMT", 1_700_000_000.0),
        ("Tuesday, 14-Nov-23 22:13:20 GMT", 1_700_000_000.0),
        ("Tue Nov 14 22:13:20 2023", 1_700_000_000.0),
        ("Tue, 14 Nov 2023 22:13:20 -0000", 1_700_000_000.0),
        ("", None),
        ("yesterday", None),
        ("Tue, 99 Nov 2023 22:13:20 GMT", None),
        ("Tue, 99999999999999999999 Nov 2023 22:13:20 GMT", None),
        ("Tue, 14 Nov 2023 22:13:20 +99999999999999", None),
    ],
)
def test_a_date_of_http_is_read_whatever_the_machines_time_zone_is(text, moment, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert parse_http_date(text) == moment
    finally:
        monkeypatch.undo()
        time.tzset()
