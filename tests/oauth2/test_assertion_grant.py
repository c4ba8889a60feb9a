"""Tokens by JWT assertions."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import RSAKey

from oauthreg import DPoPKey
from oauthreg.errors import OAuthError
from oauthreg.oauth2.assertion_grant import assertion_flow
from oauthreg.oauth2.dpop import DPoPProofs
from oauthreg.provider import AssertionSettings, OAuth2Settings, Scopes

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class Scope:
    names = frozenset({"assertion:scope"})

    def render(self, documents):
        return documents["assertion"]["scope"]


@pytest.fixture
def client(identity):
    return identity("", None, private_key=KEY, key_id="k1")


@pytest.fixture
def make(provider):
    def made(default=(), **settings):
        oauth2 = OAuth2Settings(client_auth="none", assertion=AssertionSettings(**settings))
        return provider(oauth2=oauth2, scopes=Scopes(default=default))

    return made


def claims(request):
    text = dict(request.form)["assertion"]
    return jwt.decode(text, RSAKey(KEY.public_key(), KEY.public_key()), algorithms=["RS256"]).claims


def test_JA12_the_scope_is_in_the_claims_where_the_provider_reads_it(drive, make, client):
    flow = assertion_flow(make(claims={"scope": Scope()}), client, issuer="sa@example", scope=["s1", "s2"])
    token, (request,) = drive(flow, {"access_token": "AT1", "scope": "s1"})
    assert [name for name, _ in request.form] == ["grant_type", "assertion"]
    assert dict(request.form)["grant_type"] == GRANT_TYPE
    found = claims(request)
    assert (found["iss"], found["aud"], found["scope"]) == ("sa@example", "https://as.example/token", "s1 s2")
    assert "sub" not in found
    assert token.missing_scopes == ("s2",)


def test_elsewhere_it_is_in_the_form(drive, make, client):
    flow = assertion_flow(make(default=("d",)), client, issuer="i", subject="ada", audience="aud", params=(("x", "1"),))
    _, (request,) = drive(flow, {"access_token": "AT1"})
    assert dict(request.form) | {"assertion": ""} == {
        "grant_type": GRANT_TYPE,
        "assertion": "",
        "scope": "d",
        "x": "1",
    }
    found = claims(request)
    assert (found["sub"], found["aud"], "scope" in found) == ("ada", "aud", False)


def test_a_scope_among_the_callers_claims_stays_out_of_the_form(drive, make, client):
    flow = assertion_flow(make(), client, issuer="i", scope="s", claims={"scope": "s"}, grant_type="own")
    _, (request,) = drive(flow, {"access_token": "AT1"})
    assert [name for name, _ in request.form] == ["grant_type", "assertion"]
    assert dict(request.form)["grant_type"] == "own"


def test_JA05_every_request_has_an_assertion_of_its_own(drive, make, client):
    requests = [drive(assertion_flow(make(), client, issuer="i"), {"access_token": "A"})[1][0] for _ in range(2)]
    assert claims(requests[0])["jti"] != claims(requests[1])["jti"]


def test_JA14_a_self_signed_token_needs_no_request(drive, make, client):
    given = make(default=("d",), self_signed=True, claims={"scope": Scope()})
    token, sent = drive(assertion_flow(given, client, issuer="sa@example", audience="https://svc.example/"))
    assert sent == []
    assert token.access_token.count(".") == 2
    scoped, _ = drive(assertion_flow(given, client, issuer="sa@example", subject="sa@example"))
    assert scoped.scopes == ("d",)


def test_JA13_speaking_for_somebody_else_takes_the_token_endpoint(drive, make, client):
    given = make(self_signed=True, claims={"scope": Scope()})
    token, (request,) = drive(
        assertion_flow(given, client, issuer="sa@example", subject="ada@example", scope="s"), {"access_token": "AT1"}
    )
    assert (token.access_token, request.url) == ("AT1", "https://as.example/token")
    assert claims(request)["sub"] == "ada@example"


@pytest.mark.parametrize("refusal", ["none", "repeats both assertions"])
def test_an_attempt_with_the_servers_nonce_has_an_assertion_of_its_own(drive, make, client, answer, refusal):
    bound = replace(client, proofs=DPoPProofs(DPoPKey(), lambda: 1.7e9, lambda: "p1"))
    flow = assertion_flow(make(), bound, issuer="i", audience="aud")
    challenge = answer({"error": "use_dpop_nonce"}, 400, dpop_nonce="n1")
    if refusal == "none":
        _, sent = drive(flow, challenge, {"access_token": "AT1", "token_type": "DPoP"})
        assert len(sent) == len({claims(request)["jti"] for request in sent}) == 2
        return
    sent = [next(flow), flow.send(challenge)]
    texts = [dict(request.form)["assertion"] for request in sent]
    with pytest.raises(OAuthError) as refused:
        flow.send(answer({"error": "invalid_grant", "error_description": " ".join(texts)}, 400))
    assert not any(text in str(refused.value) for text in texts)
