"""Userinfo answers that are signed JWTs. Test ids are those of ``tests/vectors/oauth2_cases.json``."""

import json

import pytest

from oauthreg.errors import ResponseError
from oauthreg.messages import Response
from oauthreg.oauth2.userinfo import opened_flow
from oauthreg.provider import OAuth2Settings

NOW = 1_700_000_000
CLAIMS = {"sub": "u1", "iss": "https://as.example", "aud": "c1", "email": "ada@example.org"}
SECRET = "s" * 32


@pytest.fixture
def open_(drive, provider, server_keys):
    """What an answer says, at a provider that publishes the key ``k1``."""

    def run(body, content_type="application/jwt", *, jwks=True, sets=1, **settings):
        given = provider(
            endpoints={"jwks": "https://as.example/jwks"} if jwks else {},
            oauth2=OAuth2Settings(issuer="https://as.example", **settings),
        )
        answer = Response(200, {"content-type": content_type}, body.encode())
        flow = opened_flow(given, answer, client_id="c1", client_secret=SECRET, now=NOW)
        return drive(flow, *[{"keys": [server_keys.jwk("k1")]}] * sets)[0]

    return run


@pytest.mark.parametrize("content_type", ["application/jwt", "application/jwt;charset=utf-8", "Application/JWT ; x=y"])
def test_UI03_its_claims_are_given_once_it_is_checked(open_, server_keys, content_type):
    opened = open_(server_keys.sign(CLAIMS), content_type)
    assert json.loads(opened.body) == CLAIMS
    assert opened.headers["content-type"] == "application/json"


@pytest.mark.parametrize("content_type", ["application/jwtx", "application/json", "text/plain; application/jwt", ""])
def test_UI03_what_is_no_jwt_stays_as_it_is(open_, server_keys, content_type):
    text = server_keys.sign(CLAIMS)
    assert open_(text, content_type, sets=0).body == text.encode()


def test_UI03_what_it_need_not_say(open_, server_keys):
    assert json.loads(open_(server_keys.sign({"sub": "u1"})).body) == {"sub": "u1"}
    many = CLAIMS | {"aud": ["c1", "c2"], "exp": NOW + 5}
    assert json.loads(open_(server_keys.sign(many)).body) == many


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "https://evil.example"}, "userinfo-issuer"),
        ({"iss": ["https://as.example"]}, "userinfo-issuer"),
        ({"aud": "c2"}, "userinfo-audience"),
        ({"aud": []}, "userinfo-audience"),
        ({"exp": NOW - 3600}, "jwt-expired"),
    ],
)
def test_UI03_what_is_for_others_is_refused(open_, server_keys, changes, code):
    with pytest.raises(ResponseError) as refused:
        open_(server_keys.sign(CLAIMS | changes))
    assert refused.value.code == code


def test_UI03_a_foreign_signature_tells_nothing(open_, server_keys):
    with pytest.raises(ResponseError) as refused:
        open_(server_keys.sign(CLAIMS, "evil", kid="k1"), sets=2)
    assert refused.value.code == "userinfo-signature"
    with pytest.raises(ResponseError) as refused:
        open_(server_keys.sign(CLAIMS, "evil"), sets=2)
    assert refused.value.code == "unknown-key"
    with pytest.raises(ResponseError) as refused:
        open_(server_keys.sign_with_secret(CLAIMS, server_keys.private("k1").as_pem(private=False)), sets=0)
    assert refused.value.code == "jwt-algorithm"


def test_UI03_without_keys_it_cannot_be_read(open_, server_keys):
    with pytest.raises(ResponseError) as refused:
        open_(server_keys.sign(CLAIMS), jwks=False, sets=0)
    assert refused.value.code == "userinfo-signature"


def test_UI03_a_shared_secret_where_that_is_agreed(open_, server_keys):
    text = server_keys.sign_with_secret(CLAIMS, SECRET.encode())
    assert json.loads(open_(text, sets=0, id_token_algorithms=("HS256",)).body) == CLAIMS


@pytest.mark.parametrize(
    ("text", "code"), [("a.b.c.d.e", "jwt-encrypted"), ("a.b", "jwt-malformed"), ("", "jwt-malformed")]
)
def test_UI03_what_cannot_be_read(open_, text, code):
    with pytest.raises(ResponseError) as refused:
        open_(text, sets=0)
    assert refused.value.code == code
