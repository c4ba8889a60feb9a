"""What a definition says about reading, turned around and read again by what it compiles to."""

import json

import pytest

from oauthreg import Registry
from oauthreg.errors import OAuthError
from oauthreg.oauth1.flow import parse_token_answer
from oauthreg.simulator.script import RefusalShape, TokenShape, load_script, place

HEAD = """
schema = 1
title = "Acme"
protocol = "oauth1"

[endpoints]
request_token = "https://api.example.com/request"
authorize = "https://api.example.com/authorize"
token = "https://api.example.com/token"
"""
EXAMPLES = """
[claims]
sub = "token:user"

[[example]]
token = { oauth_token = "t", user = "1" }
claims = { sub = "1" }

[[example]]
token = { oauth_token = "u", user = "2" }
claims = { sub = "2" }
"""
FIELDS = {"oauth_token": "at", "oauth_token_secret": "ts"}


def compiled(text):
    registry = Registry(environ={})
    registry.add(HEAD + text, "acme")
    return load_script(registry.definition("acme")), registry.provider("acme")


@pytest.mark.parametrize(
    "response",
    [
        "",
        'format = "json"',
        'format = "jsonp"',
        'format = "json"\nroot = "data"',
        'format = "json"\nfields = { oauth_token = "access.token", oauth_token_secret = "access.secret" }',
        """format = "json"\nfields = { oauth_token = '["a.b"].c', oauth_token_secret = "x.'d.e'" }""",
        'format = "xml"\nroot = "response"',
        'format = "json"\nroot = "data[0]"\nfields = { oauth_token = "a.token", oauth_token_secret = "[\'a b\']" }',
        "success_status = [201]",
    ],
)
def test_a_token_answer_is_read_as_the_definition_says(response):
    script, provider = compiled(f"[token.response]\n{response}\n")
    answer = script.token.render(FIELDS)
    found = parse_token_answer(answer, provider.token_answer)
    assert {name: found[name] for name in FIELDS} == FIELDS
    assert answer.status == (201 if "201" in response else 200)


def test_a_renamed_field_stands_at_the_root_as_others_do():
    script, _ = compiled(
        '[token.response]\nformat = "json"\nroot = "data"\nfields = { oauth_token = "access.token" }\n'
    )
    answer = script.token.render(FIELDS)
    assert json.loads(answer.body) == {"data": {"access": {"token": "at"}, "oauth_token_secret": "ts"}}


@pytest.mark.parametrize(
    ("response", "error"),
    [
        ("", 'when = { text_prefix = "Error: " }'),
        ('format = "json"', 'code = "error.code"\ndescription = "error.text"'),
        ('format = "json"', 'when = { path = "ok", equals = false }\ncode = "reason"'),
        ('format = "json"', 'when = { path = "status", in = ["fail", "err"] }\ndescription = "message"'),
        ('format = "json"', 'when = { path = "errcode", not_in = [0, "0"] }\ndescription = "errmsg"'),
        ('format = "json"', 'when = { path = "error", present = true }\ncode = "error"'),
        ('format = "xml"', 'code = "failure.code"'),
        ("", 'code = "failure"'),
    ],
)
def test_a_refusal_is_told_as_the_definition_says(response, error):
    script, provider = compiled(f"[token.response]\n{response}\n[token.error]\n{error}\n")
    answer = script.token.refusal.render("token_rejected", "it is unknown")
    assert answer.status == 200
    with pytest.raises(OAuthError) as caught:
        parse_token_answer(answer, provider.token_answer)
    if '\ncode = "' in f"\n{error}":
        assert caught.value.error == "token_rejected"


def test_the_first_example_is_what_is_said():
    script, _ = compiled(EXAMPLES)
    assert script.documents == {"token": {"oauth_token": "t", "user": "1"}}
    answer = script.token.render(FIELDS, script.documents["token"])
    assert answer.body == b"oauth_token=at&user=1&oauth_token_secret=ts"
    assert script.documents == {"token": {"oauth_token": "t", "user": "1"}}


def test_without_anything_said_answers_are_the_standard_s():
    script, _ = compiled("")
    assert (script.documents, script.request_token, script.api_refusal) == ({}, TokenShape(), None)
    ready, _ = compiled('[oauth1]\nauthorize_url_from = "login_url"\n[api.error]\ncode = "error"\n')
    assert ready.authorize_url == "login_url"
    assert ready.api_refusal == RefusalShape("auto", error="error")


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("a", {"a": 1}),
        ("a.b.c", {"a": {"b": {"c": 1}}}),
        ('["a.b"]', {"a.b": 1}),
        ("a['b c'].d", {"a": {"b c": {"d": 1}}}),
        ('a."b.c"', {"a": {"b.c": 1}}),
        ("a.0.b", {"a": {"0": {"b": 1}}}),
        ("a[0].b", {"a": [{"b": 1}]}),
        ("a[1]", {"a": [{}, 1]}),
        ("a[-1].b", {"a": [{"b": 1}]}),
    ],
)
def test_a_value_is_put_where_a_path_leads(path, document):
    made = {}
    place(made, path, 1)
    assert made == document
