"""Claims of ID tokens that came from the token endpoint itself."""

import base64
import json

import pytest

from oauthreg.errors import MissingCredentialError, ResponseError, UsageError
from oauthreg.oauth2.id_token import Expected, id_token_flow, parse_id_token, read_id_token
from oauthreg.provider import OAuth2Settings
from oauthreg.token import OAuth2Token

NOW = 1_700_000_000
CLAIMS = {"iss": "https://as.example", "sub": "u1", "aud": "c1", "iat": NOW, "exp": NOW + 3600, "nonce": "n0nce"}


def token(claims=CLAIMS, header=None, signature="c2ln"):
    pieces = (header or {"alg": "RS256"}, claims)
    return ".".join(
        [*(base64.urlsafe_b64encode(json.dumps(piece).encode()).rstrip(b"=").decode() for piece in pieces), signature]
    )


@pytest.fixture
def parse(provider):
    def parsed(text, *, nonce="n0nce", now=NOW, issuer="https://as.example", **settings):
        given = provider(oauth2=OAuth2Settings(issuer=issuer, **settings))
        return parse_id_token(given, text, client_id="c1", now=now, expected=Expected(nonce))

    return parsed


@pytest.fixture
def read(provider):
    def read(text, **settings):
        given = provider(oauth2=OAuth2Settings(issuer="https://as.example", **settings))
        return read_id_token(given, text, client_id="c1")

    return read


def changed(**changes):
    return token({name: value for name, value in (CLAIMS | changes).items() if value is not ...})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"aud": ["c1"]},
        {"azp": "c1"},
        {"email": "a@b.example"},
        pytest.param({"exp": NOW - 5}, id="ID16-exp"),
        pytest.param({"iat": NOW + 1, "nbf": NOW + 5}, id="ID16-iat-nbf"),
        {"exp": NOW - 30, "iat": NOW + 30},
    ],
    ids=str,
)
def test_good_ones(parse, changes):
    assert parse(changed(**changes)) == CLAIMS | changes


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "https://as.example/"}, "id-token-issuer"),
        ({"iss": ...}, "id-token-issuer"),
        ({"iss": ["https://as.example"]}, "id-token-issuer"),
        ({"aud": "other"}, "id-token-audience"),
        ({"aud": ...}, "id-token-audience"),
        ({"aud": []}, "id-token-audience"),
        pytest.param({"aud": ["c1", "other"]}, "id-token-audience", id="ID02"),
        ({"aud": ["c1", "other"], "azp": "c1"}, "id-token-audience"),
        ({"azp": "other"}, "id-token-party"),
        pytest.param({"exp": ...}, "id-token-incomplete", id="ID17-missing"),
        pytest.param({"exp": "soon"}, "jwt-time", id="ID17-text"),
        pytest.param({"exp": True}, "jwt-time", id="ID17-true"),
        ({"exp": float("nan")}, "jwt-time"),
        ({"exp": float("inf")}, "jwt-time"),
        ({"exp": NOW - 61}, "jwt-expired"),
        ({"iat": ...}, "id-token-incomplete"),
        pytest.param({"iat": NOW + 600}, "jwt-time", id="ID16"),
        ({"sub": ...}, "id-token-incomplete"),
        ({"sub": ""}, "id-token-incomplete"),
        ({"sub": 7}, "id-token-incomplete"),
        ({"nonce": "other"}, "id-token-nonce"),
        ({"nonce": ...}, "id-token-nonce"),
    ],
)
def test_others_are_refused(parse, changes, code):
    with pytest.raises(ResponseError) as refused:
        parse(changed(**changes))
    assert refused.value.code == code


@pytest.mark.parametrize(("algorithm", "is_good"), [("ES256", True), ("RS256", False), ("HS256", False), ("x", False)])
def test_a_provider_may_sign_by_some_algorithms_alone(parse, algorithm, is_good):
    text = token(header={"alg": algorithm})
    assert parse(text)["sub"] == "u1"
    if is_good:
        assert parse(text, id_token_algorithms=("ES256", "EdDSA"))["sub"] == "u1"
        return
    with pytest.raises(ResponseError) as refused:
        parse(text, id_token_algorithms=("ES256", "EdDSA"))
    assert refused.value.code == "jwt-algorithm"


def test_the_leeway_is_the_providers(parse):
    late = changed(exp=NOW - 61)
    assert parse(late, id_token_leeway=61)["sub"] == "u1"
    with pytest.raises(ResponseError, match="expired"):
        parse(changed(exp=NOW - 1), id_token_leeway=0)


def test_ID02_an_audience_that_is_trusted(parse):
    assert parse(changed(aud=["c1", "other"], azp="other"), trusted_audiences=("other",))["azp"] == "other"


def test_a_renewal_has_no_nonce_to_compare(parse):
    assert parse(changed(nonce=...), nonce=None)["sub"] == "u1"
    assert parse(token(), nonce=None)["nonce"] == "n0nce"


def test_checklist_63_a_tenants_issuer(parse):
    issuer = "https://login.example/9188/v2.0"
    options = {"issuer": None, "issuer_template": "https://login.example/{tid}/v2.0"}
    assert parse(changed(iss=issuer, tid="9188"), **options)["tid"] == "9188"
    with pytest.raises(ResponseError) as refused:
        parse(changed(iss=issuer, tid="other"), **options)
    assert refused.value.code == "id-token-issuer"


def test_without_an_issuer_nothing_can_be_checked(parse):
    with pytest.raises(UsageError) as refused:
        parse(token(), issuer=None)
    assert refused.value.code == "issuer-unknown"


def test_a_token_that_was_accepted_can_be_read_after_its_time(parse, read):
    old = changed(exp=NOW - 86400)
    with pytest.raises(ResponseError):
        parse(old)
    assert read(old)["sub"] == "u1"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "https://evil.example"}, "id-token-issuer"),
        ({"aud": "other"}, "id-token-audience"),
        ({"aud": ["c1", "other"]}, "id-token-audience"),
        ({"azp": "other"}, "id-token-party"),
        ({"sub": ...}, "id-token-incomplete"),
    ],
)
def test_a_token_that_is_kept_is_still_somebodys(read, changes, code):
    with pytest.raises(ResponseError) as refused:
        read(changed(**changes))
    assert refused.value.code == code


def test_a_token_that_is_kept_has_its_algorithm(read):
    with pytest.raises(ResponseError) as refused:
        read(token(header={"alg": "HS256"}), id_token_algorithms=("RS256",))
    assert refused.value.code == "jwt-algorithm"


HASHES = {
    "256": "1gdxOexABbMOcZUrSgAtcw",
    "384": "bXX4mluyS6jEWhS21rbki5JOcGViskba",
    "512": "ZWvkTuttgQ203EjfsbLJUMND69d8vUQOKGsdQGTnaVA",
}


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [(f"{kind}{bits}", told) for kind in ("RS", "PS", "ES", "HS") for bits, told in HASHES.items()]
    + [("EdDSA", HASHES["512"]), ("Ed25519", HASHES["512"])],
)
def test_ID10_it_belongs_to_the_access_token(parse_with, algorithm, expected):
    good, header = CLAIMS | {"at_hash": expected}, {"alg": algorithm}
    assert parse_with(token(good, header))["at_hash"] == expected
    for wrong in (
        expected[:-1],
        expected + "A",
        "",
        7,
        ["x"],
        "\ud800",
        HASHES["256" if "256" not in algorithm else "384"],
    ):
        with pytest.raises(ResponseError) as refused:
            parse_with(token(good | {"at_hash": wrong}, header))
        assert refused.value.code == "id-token-hash"


def test_ID10_without_a_hash_there_is_nothing_to_compare(parse_with):
    assert parse_with(token())["sub"] == "u1"
    assert parse_with(token(CLAIMS | {"at_hash": None}))["sub"] == "u1"


@pytest.fixture
def parse_with(provider):
    given = provider(oauth2=OAuth2Settings(issuer="https://as.example"))
    return lambda text: parse_id_token(given, text, client_id="c1", now=NOW, access_token="AT-example-1")


@pytest.fixture
def check(drive, provider, identity, server_keys):
    """Checks the ID token of a login at a provider that publishes the key ``k1``."""

    def run(text, *, keys=None, nonce="n0nce", client_secret="s" * 32, sets=1, **settings):
        given = provider(
            protocol="oidc",
            endpoints={"jwks": "https://as.example/jwks"},
            oauth2=OAuth2Settings(issuer="https://as.example", **settings),
        )
        answered = {"keys": [server_keys.jwk("k1")] if keys is None else keys}
        found = OAuth2Token(access_token="AT", id_token=text)
        flow = id_token_flow(given, identity(client_secret=client_secret), found, Expected(nonce, is_needed=True))
        return drive(flow, *[answered] * sets)

    return run


def test_ID11_a_mac_made_with_the_public_key_is_refused_before_any_key_is_asked_for(check, server_keys):
    for secret in (server_keys.private("k1").as_pem(private=False), json.dumps(server_keys.jwk("k1")).encode()):
        forged = server_keys.sign_with_secret(CLAIMS, secret, kid="k1")
        with pytest.raises(ResponseError, match="signed with HS256, and RS256 is expected") as refused:
            check(forged, sets=0)
        assert refused.value.code == "jwt-algorithm"
        with pytest.raises(ResponseError) as refused:
            check(forged, sets=0, id_token_algorithms=("RS256", "HS256"))
        assert refused.value.code == "id-token-signature"


def test_ID14_the_error_says_what_was_expected(check, server_keys):
    text = server_keys.sign(CLAIMS, "e1", "ES256", "P-256")
    with pytest.raises(ResponseError, match="signed with ES256, and RS256 is expected") as refused:
        check(text, sets=0)
    assert "id_token_signed_response_alg" in refused.value.hint
    check(text, keys=[server_keys.jwk("e1", "P-256")], id_token_algorithms=("ES256",))
    with pytest.raises(ResponseError, match="another algorithm, and RS256 or ES256 is expected"):
        check(token(header={"alg": "PLANTED"}), sets=0, id_token_algorithms=("RS256", "ES256"))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None])
def test_one_without_a_signature(check, algorithm):
    with pytest.raises(ResponseError) as refused:
        check(token(header={"alg": algorithm}, signature=""), sets=0)
    assert refused.value.code in ("jwt-unsigned", "jwt-algorithm", "jwt-malformed")
    with pytest.raises(ResponseError):
        check(token(header={"alg": algorithm}, signature="AAAA"), sets=0)


def test_a_login_for_openid_must_bring_one(check):
    with pytest.raises(ResponseError) as refused:
        check(None, sets=0)
    assert refused.value.code == "no-id-token"


def test_what_nobody_knows_keys_of_is_the_providers_by_tls(drive, provider, identity):
    given = provider(protocol="oidc", oauth2=OAuth2Settings(issuer="https://as.example"))
    found = OAuth2Token(access_token="AT", id_token=token())
    assert drive(id_token_flow(given, identity(), found, Expected("n0nce", is_needed=True)))[1] == []


def test_a_shared_secret_that_is_missing(check, server_keys):
    with pytest.raises(MissingCredentialError):
        check(
            server_keys.sign_with_secret(CLAIMS, b"s" * 32),
            sets=0,
            id_token_algorithms=("HS256",),
            client_secret=None,
        )
