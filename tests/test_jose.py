import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from oauthreg.errors import ResponseError
from oauthreg.jose import parse_hmac_jwt

SECRET = "s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t"
NOW = 1_700_000_000
CLAIMS = {"sub": "7", "aud": "ck", "iss": "https://a.example", "iat": NOW - 5, "exp": NOW + 100}


def token(claims=CLAIMS, alg="HS256", secret=SECRET):
    return jwt.encode({"alg": alg}, claims, OctKey.import_key(secret), algorithms=[alg])


def read(text, **changes):
    rules = {"audience": "ck", "issuer": "https://a.example"} | changes
    return parse_hmac_jwt(text, secret=SECRET, algorithms=["HS256"], now=NOW, **rules)


def test_a_good_token_gives_its_claims():
    assert read(token()) == CLAIMS
    assert read(token({**CLAIMS, "aud": ["x", "ck"]}))["sub"] == "7"
    assert read(token({"sub": "7"}), audience=None, issuer=None) == {"sub": "7"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (token(secret="another-secret-another-secret-xx"), "jwt-signature"),
        (token(alg="HS512"), "jwt-signature"),
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiI3In0.", "jwt-signature"),
        ("", "jwt-signature"),
        ("a.b.c", "jwt-signature"),
        ("x" * 70_000, "jwt-too-long"),
        (token({**CLAIMS, "exp": NOW - 100}), "jwt-expired"),
        (token({**CLAIMS, "exp": "soon"}), "jwt-time"),
        (token({**CLAIMS, "exp": True}), "jwt-time"),
        (token({**CLAIMS, "iat": NOW + 100}), "jwt-time"),
        (token({**CLAIMS, "nbf": NOW + 100}), "jwt-time"),
        (token({**CLAIMS, "aud": "other"}), "jwt-audience"),
        (token({key: value for key, value in CLAIMS.items() if key != "aud"}), "jwt-audience"),
        (token({**CLAIMS, "iss": "https://a.example/"}), "jwt-issuer"),
    ],
)
def test_any_other_is_refused(text, code):
    with pytest.raises(ResponseError) as refused:
        read(text)
    assert refused.value.code == code


def test_the_leeway_covers_small_differences_of_clocks():
    assert read(token({**CLAIMS, "exp": NOW - 30, "iat": NOW + 30}))["sub"] == "7"
