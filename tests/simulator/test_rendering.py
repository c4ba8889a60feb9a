"""What is written is what the client reads back."""

import pytest

from oauthreg.answers import parse_answer
from oauthreg.errors import ResponseError
from oauthreg.jose import parse_hmac_jwt
from oauthreg.simulator.rendering import render_document, render_jwt

FLAT = {"oauth_token": "a b&c=ü", "n": "1"}
NESTED = {"data": {"user": {"@id": "1", "name": 'A & "B" <c>', "#text": "x"}, "tags": {"tag": ["a", "b"]}}}


@pytest.mark.parametrize(
    ("written_as", "document"),
    [
        ("json", NESTED),
        ("jsonp", NESTED),
        ("xml", NESTED),
        ("form", FLAT),
        ("text", "plain text"),
        ("auto", NESTED),
        ("auto", [1, {"a": None}]),
    ],
)
def test_a_document_is_read_back(written_as, document):
    answer = render_document(document, written_as, status=201)
    assert answer.status == 201
    assert parse_answer(answer, written_as) == document


def test_text_stays_text_and_plain_values_are_spelled_as_forms_do():
    assert render_document("just me", "auto").body == b"just me"
    assert render_document({"a": True, "b": False, "c": None, "d": 1}, "form").body == b"a=true&b=false&c=&d=1"


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_jwt_is_accepted_with_the_right_secret_alone(algorithm):
    secret = "a secret that is long enough"
    text = render_jwt({"sub": "1", "aud": "ck"}, secret=secret, algorithm=algorithm)
    rules = {"algorithms": (algorithm,), "audience": "ck", "issuer": None, "now": 0.0}
    assert parse_hmac_jwt(text, secret=secret, **rules) == {"sub": "1", "aud": "ck"}
    with pytest.raises(ResponseError):
        parse_hmac_jwt(text, secret=f"not {secret}", **rules)
