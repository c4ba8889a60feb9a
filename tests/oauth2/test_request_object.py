"""Authorization requests as signed JWTs. What is made here is read by the joserfc package.

Spec: RFC 9101 (JAR).
"""

import json
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from oauthreg.errors import InvalidKeyError, MissingCredentialError, UsageError
from oauthreg.oauth2.login import LoginRequest, build_login, pushed_login_flow
from oauthreg.oauth2.request_object import LIFETIME
from oauthreg.provider import Leg, OAuth2Settings

NOW = 1_700_000_000
ISSUER = "https://as.example"
CALLBACK = "https://app.example/cb"
SECRET = "s" * 64
RSA = RSAKey.generate_key(2048)
P256 = ECKey.generate_key("P-256")


@pytest.fixture
def signing(provider):
    """A provider that takes request objects."""

    def make(algorithm="ES256", *, endpoints=None, protocol="oauth2", leg=None, **settings):
        known = {"issuer": ISSUER, "request_object_algorithm": algorithm} | settings
        leg = leg or Leg(method="GET")
        return provider(protocol=protocol, endpoints=endpoints, oauth2=OAuth2Settings(**known), authorize=leg)

    return make


@pytest.fixture
def client(identity):
    return identity(client_secret=SECRET, private_key=P256.as_pem(private=True), key_id="k7")


def query(url):
    return dict(parse_qsl(urlsplit(url).query))


def read(text, key=P256, algorithm="ES256"):
    found = jwt.decode(text, key, algorithms=[algorithm])
    return found.header, found.claims


def test_all_of_the_request_is_in_it(signing, client):
    request = LoginRequest(CALLBACK, NOW, scope="a b", resources=["https://r.example/"], params=(("prompt", "login"),))
    pending = build_login(signing(), client, request)
    sent = query(pending.url)
    header, claims = read(sent.pop("request"))
    assert sent == {"client_id": "c1"}
    assert header == {"alg": "ES256", "typ": "oauth-authz-req+jwt", "kid": "k7"}
    plain = query(build_login(signing(None), client, request).url)
    made = {name: claims.pop(name) for name in ("iss", "aud", "iat", "nbf", "exp", "jti")}
    assert made == {"iss": "c1", "aud": ISSUER, "iat": NOW, "nbf": NOW, "exp": NOW + LIFETIME, "jti": made["jti"]}
    assert claims.keys() == plain.keys()
    assert claims["state"] == pending.values["state"]
    assert {"client_id": "c1", "redirect_uri": CALLBACK, "scope": "a b", "prompt": "login"}.items() <= claims.items()


def test_each_is_another_one(signing, client):
    texts = [query(build_login(signing(), client, LoginRequest(CALLBACK, NOW)).url)["request"] for _ in range(2)]
    assert len({read(text)[1]["jti"] for text in texts}) == 2


def test_openid_wants_some_of_it_beside(signing, client):
    """OpenID Connect Core 1.0 section 6.1."""
    sent = query(build_login(signing(protocol="oidc"), client, LoginRequest(CALLBACK, NOW, scope="openid email")).url)
    _, claims = read(sent.pop("request"))
    assert sent == {"client_id": "c1", "response_type": "code", "scope": "openid email"}
    assert claims["scope"] == "openid email"


def test_what_is_no_text_in_json(signing, client):
    wanted = {"id_token": {"acr": {"essential": True}}}
    params = (("claims", json.dumps(wanted)), ("max_age", "300"), ("login_hint", "7"))
    request = LoginRequest(CALLBACK, NOW, params=params, resources=["https://a.example/", "https://b.example/"])
    _, claims = read(query(build_login(signing(), client, request).url)["request"])
    assert (claims["claims"], claims["max_age"], claims["login_hint"]) == (wanted, 300, "7")
    assert claims["resource"] == ["https://a.example/", "https://b.example/"]


@pytest.mark.parametrize("name", ["claims", "authorization_details", "registration"])
def test_what_is_json_in_a_query_is_json_in_it(signing, client, name):
    wanted = [{"type": "payment", "amount": 7}]
    request = LoginRequest(CALLBACK, NOW, params=((name, json.dumps(wanted)),))
    assert read(query(build_login(signing(), client, request).url)["request"])[1][name] == wanted
    for bad in ("{", "[" * 100_000):
        with pytest.raises(UsageError, match=f"`{name}` is no JSON"):
            build_login(signing(), client, LoginRequest(CALLBACK, NOW, params=((name, bad),)))


def test_a_provider_has_its_own_names(signing, client):
    leg = Leg(method="GET", rename={"client_id": "app", "state": "s", "request": "req"}, query=(("v", "2"),))
    pending = build_login(signing(leg=leg), client, LoginRequest(CALLBACK, NOW))
    sent = query(pending.url)
    _, claims = read(sent.pop("req"))
    assert sent == {"app": "c1", "v": "2"}
    assert (claims["app"], claims["s"], claims["iss"]) == ("c1", pending.values["state"], "c1")


@pytest.mark.parametrize(
    ("algorithm", "key"), [("PS256", RSA), ("RS256", RSA), ("ES256", P256), ("HS256", OctKey.import_key(SECRET))]
)
def test_every_kind_of_key(signing, identity, algorithm, key):
    private = None if algorithm == "HS256" else key.as_pem(private=True)
    known = identity(client_secret=SECRET, private_key=private, key_id="k7")
    sent = query(build_login(signing(algorithm), known, LoginRequest(CALLBACK, NOW)).url)
    header, claims = read(sent["request"], key, algorithm)
    assert (header.get("kid"), claims["aud"]) == (None if algorithm == "HS256" else "k7", ISSUER)


@pytest.mark.parametrize("protocol", ["oauth2", "oidc"])
def test_it_is_pushed_in_place_of_the_parameters(drive, signing, client, protocol):
    given = signing(endpoints={"par": f"{ISSUER}/par"}, protocol=protocol)
    answer = {"request_uri": "urn:x:1", "expires_in": 60}
    pending, (request,) = drive(pushed_login_flow(given, client, LoginRequest(CALLBACK, NOW)), answer)
    sent = dict(request.form)
    assert read(sent["request"])[1]["state"] == pending.values["state"]
    assert sent.keys() == {"client_id", "request"}
    assert query(pending.url) == {"client_id": "c1", "request_uri": "urn:x:1"}


@pytest.mark.parametrize(
    ("settings", "credentials", "kind"),
    [
        ({}, {"private_key": None}, MissingCredentialError),
        ({"algorithm": "HS256"}, {"client_secret": None}, MissingCredentialError),
        ({"algorithm": "PS256"}, {"private_key": P256.as_pem(private=True)}, InvalidKeyError),
        ({"issuer": None}, {"private_key": P256.as_pem(private=True)}, UsageError),
        (
            {"issuer": None, "issuer_template": f"{ISSUER}/{{tid}}"},
            {"private_key": P256.as_pem(private=True)},
            UsageError,
        ),
    ],
)
def test_what_cannot_be_signed_is_not_sent(signing, identity, settings, credentials, kind):
    with pytest.raises(kind):
        build_login(signing(**settings), identity(**credentials), LoginRequest(CALLBACK, NOW))
