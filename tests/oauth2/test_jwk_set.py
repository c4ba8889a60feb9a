"""Which key of a server a JWT is signed with; the JWTs are made by joserfc, asked directly."""

import base64
import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc.jwk import RSAKey

from oauthreg.errors import MalformedResponseError, ResponseError
from oauthreg.oauth2.jwk_set import is_signed_flow, kept_jwks_flow, parse_jwks, publishes_keys, select_keys
from oauthreg.oauth2.server_metadata import RENEWAL

CLAIMS = {"sub": "u1"}
JWKS = "https://as.example/jwks"


@pytest.fixture
def published(provider):
    return provider(endpoints={"jwks": JWKS})


@pytest.fixture
def judge(answer, published):
    """Whether a JWT is signed with one of the keys that the server gives at the first, and at the second request."""

    def run(text, *sets):
        flow, left = is_signed_flow(published, text), list(sets)
        try:
            next(flow)
            while True:
                keys = left.pop(0) if len(left) > 1 else left[0]
                flow.send(answer({"keys": keys}))
        except StopIteration as end:
            return end.value

    return run


ALGORITHMS = [
    *((name, "RSA") for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
    ("ES256", "P-256"),
    ("ES384", "P-384"),
    ("ES512", "P-521"),
    ("EdDSA", "Ed25519"),
    ("Ed25519", "Ed25519"),
]


@pytest.mark.parametrize(("algorithm", "kind"), ALGORITHMS)
def test_each_algorithm(judge, algorithm, kind, server_keys):
    text = server_keys.sign(CLAIMS, "k1", algorithm, kind)
    keys = [server_keys.jwk("k1", kind, use="sig", alg=algorithm)]
    assert judge(text, keys) is True
    head, body, signature = text.split(".")
    octets = bytearray(base64.urlsafe_b64decode(signature + "=="))
    octets[-1] ^= 1
    damaged = base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
    assert judge(f"{head}.{body}.{damaged}", keys) is False
    other = base64.urlsafe_b64encode(b'{"sub":"u2"}').rstrip(b"=").decode()
    assert judge(f"{head}.{other}.{signature}", keys) is False


@pytest.mark.parametrize(("algorithm", "kind"), ALGORITHMS)
def test_a_key_of_the_same_name_and_kind_that_is_another(judge, algorithm, kind, server_keys):
    text = server_keys.sign(CLAIMS, "k1", algorithm, kind)
    assert judge(text, [server_keys.jwk("another", kind, kid="k1")]) is False


def test_JW01_a_key_that_came_later_is_fetched_once_more(judge, server_keys):
    assert (
        judge(
            server_keys.sign(CLAIMS, "new"), [server_keys.jwk("old")], [server_keys.jwk("old"), server_keys.jwk("new")]
        )
        is True
    )


def test_JW01_keys_that_stay_unknown(drive, published, server_keys):
    with pytest.raises(ResponseError) as refused:
        drive(
            is_signed_flow(published, server_keys.sign(CLAIMS, "new")), {"keys": []}, {"keys": [server_keys.jwk("old")]}
        )
    assert refused.value.code == "unknown-key"


def test_the_first_set_may_be_one_that_is_kept_and_the_second_may_not(drive, published, server_keys):
    text = server_keys.sign(CLAIMS, "new")
    _, requests = drive(is_signed_flow(published, text), {"keys": []}, {"keys": [server_keys.jwk("new")]})
    assert [(request.url, request.shared.source) for request in requests] == [(JWKS, "any"), (JWKS, "new")]
    assert {request.authenticator for request in requests} == {None}


def test_JW03_without_a_name_each_fitting_key_is_tried(judge, server_keys):
    text = server_keys.sign(CLAIMS, "k1", kid=None)
    assert judge(text, [server_keys.jwk("k1", kid=None)]) is True
    assert judge(text, [server_keys.jwk("k2"), server_keys.jwk("k1")]) is True
    assert judge(text, [server_keys.jwk("k2")], [server_keys.jwk("k2"), server_keys.jwk("k1")]) is True
    assert judge(text, [server_keys.jwk("k2")], [server_keys.jwk("k2")]) is False


def test_JW03_not_any_number_of_keys_is_tried(server_keys):
    keys = {"keys": [server_keys.jwk("k1", kid=str(number)) for number in range(40)]}
    assert len(select_keys(keys, {"alg": "RS256"})) == 16


def test_a_name_for_no_key_leaves_those_without_one(judge, server_keys):
    assert judge(server_keys.sign(CLAIMS, "k1"), [server_keys.jwk("k1", kid=None)]) is True
    assert (
        judge(server_keys.sign(CLAIMS, "k1"), [server_keys.jwk("k1", kid=None), server_keys.jwk("k2", kid="k1")])
        is False
    )


def test_a_new_key_under_an_old_name_is_fetched(judge, server_keys):
    old, new = server_keys.jwk("old", kid="k"), server_keys.jwk("new", kid="k")
    assert judge(server_keys.sign(CLAIMS, "new", kid="k"), [old], [new]) is True


def test_while_a_token_waits_only_what_is_at_hand_counts(drive, published, server_keys):
    text = server_keys.sign(CLAIMS, "k1")
    signed, (request,) = drive(is_signed_flow(published, text, RENEWAL), {"keys": [server_keys.jwk("k1")]})
    assert (signed, request.shared.source) == (True, "kept")


def test_a_member_without_value_says_nothing(judge, server_keys):
    key = {**server_keys.jwk("k1"), "alg": None, "use": None, "key_ops": None}
    assert judge(server_keys.sign(CLAIMS, "k1"), [key]) is True


def test_JW04_keys_are_told_apart_by_name_kind_use_and_algorithm(judge, server_keys):
    keys = [
        server_keys.jwk("k384", kid="k", alg="RS384"),
        server_keys.jwk("k512", kid="k", alg="RS512"),
        server_keys.jwk("kEC", "P-256", kid="k"),
        server_keys.jwk("kenc", kid="k", use="enc"),
        server_keys.jwk("kops", kid="k", key_ops=["encrypt"]),
        server_keys.jwk("k256", kid="k", alg="RS256"),
    ]
    assert judge(server_keys.sign(CLAIMS, "k256", kid="k"), keys) is True
    assert judge(server_keys.sign(CLAIMS, "k384", "RS384", kid="k"), keys) is True
    assert judge(server_keys.sign(CLAIMS, "kEC", "ES256", "P-256", kid="k"), keys) is True
    for name in ("k384", "kenc", "kops"):
        assert judge(server_keys.sign(CLAIMS, name, kid="k"), keys) is False


@pytest.mark.parametrize(
    "bad",
    [
        {"kty": "EC", "crv": "P-256", "kid": "k1", "x": "AAAA", "y": "AAAA"},
        {"kty": "own", "kid": "k1"},
        {"kty": "RSA", "kid": "k1"},
        {"kty": "RSA", "kid": "k1", "n": 1, "e": "AQAB"},
        {"kty": "RSA", "kid": "k1", "n": "not base64!", "e": "AQAB"},
        {"kty": "RSA", "kid": "k1", "n": "", "e": ""},
        {"kty": "RSA", "kid": ["k1"], "n": "AAAA", "e": "AQAB"},
        {"kty": "RSA", "kid": "k1", "n": "AAAA", "e": "AQAB", "use": ["sig"], "key_ops": 5, "alg": {}},
        {"kty": "RSA", "kid": "k1", "n": "AAAA", "e": "AQAB", "x5c": "none"},
    ],
    ids=str,
)
def test_ID15_a_key_that_cannot_be_used_is_passed_over(judge, bad, server_keys):
    assert judge(server_keys.sign(CLAIMS, "k1"), [bad, server_keys.jwk("k1")]) is True
    assert judge(server_keys.sign(CLAIMS, "k1", kid=None), [bad, server_keys.jwk("k1")]) is True


def test_a_short_key_has_signed_nothing(judge, server_keys):
    with pytest.warns(match="Key size"):
        short = RSAKey.generate_key(1024)
    jwk = {**short.as_dict(private=False), "kid": "k1"}
    assert judge(server_keys.sign(CLAIMS, "k1", key=short), [jwk]) is False


def test_ID11_a_shared_secret_made_of_a_public_key_is_no_key_of_the_server(judge, server_keys):
    jwk = server_keys.jwk("k1")
    for secret in (server_keys.private("k1").as_pem(private=False), json.dumps(jwk).encode()):
        head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"k1"}').rstrip(b"=").decode()
        body = base64.urlsafe_b64encode(json.dumps(CLAIMS).encode()).rstrip(b"=").decode()
        mac = hmac.digest(secret, f"{head}.{body}".encode(), hashlib.sha256)
        text = f"{head}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
        with pytest.raises(ResponseError) as refused:
            judge(text, [jwk], [jwk])
        assert refused.value.code == "unknown-key"


@pytest.mark.parametrize(
    "header",
    [
        {"jwk": "own"},
        {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/cert"},
        {"x5c": ["AAAA"]},
    ],
    ids=lambda header: next(iter(header)),
)
def test_checklist_59_ID13_keys_in_the_header_are_never_used(judge, header, server_keys):
    if "jwk" in header:
        header = {"jwk": server_keys.jwk("attacker")}
    assert judge(server_keys.sign(CLAIMS, "attacker", kid="k1", **header), [server_keys.jwk("k1")]) is False
    with pytest.raises(ResponseError):
        judge(server_keys.sign(CLAIMS, "attacker", **header), [server_keys.jwk("k1")], [server_keys.jwk("k1")])
    assert judge(server_keys.sign(CLAIMS, "k1", **header), [server_keys.jwk("k1")]) is True


@pytest.mark.parametrize("algorithm", [["RS256"], {"a": 1}, 7, None, True], ids=str)
def test_an_algorithm_that_is_no_text(judge, server_keys, algorithm):
    head = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "kid": "k1"}).encode()).rstrip(b"=").decode()
    _, _, rest = server_keys.sign(CLAIMS, "k1").partition(".")
    with pytest.raises(ResponseError) as refused:
        judge(f"{head}.{rest}", [server_keys.jwk("k1")])
    assert refused.value.code == "jwt-malformed"


@pytest.mark.parametrize("header", [{"crit": ["b64"], "b64": False}, {"b64": False}, {"crit": ["exp"], "exp": 1}])
def test_what_would_be_read_otherwise_is_not_signed(judge, header, server_keys):
    """RFC 7515 section 4.1.11, RFC 7797 section 7."""
    pieces = [{"alg": "RS256", "kid": "k1", **header}, CLAIMS]
    octets = ".".join(base64.urlsafe_b64encode(json.dumps(piece).encode()).rstrip(b"=").decode() for piece in pieces)
    made = server_keys.private("k1").private_key.sign(octets.encode(), padding.PKCS1v15(), hashes.SHA256())
    text = f"{octets}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"
    assert judge(text, [server_keys.jwk("k1")]) is False


def test_the_place_of_the_keys_may_be_told_by_the_metadata(drive, provider):
    given = provider(endpoints={"discovery": "https://as.example/.well-known/openid-configuration"})
    assert publishes_keys(given)
    told = {"issuer": "https://as.example", "jwks_uri": "https://keys.example/jwks"}
    found, requests = drive(kept_jwks_flow(given), told, {"keys": []})
    assert found == {"keys": []}
    assert [request.url for request in requests] == [
        "https://as.example/.well-known/openid-configuration",
        "https://keys.example/jwks",
    ]


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "k", "oth"])
def test_a_set_with_any_part_of_a_private_key(answer, server_keys, member):
    with pytest.raises(MalformedResponseError) as refused:
        parse_jwks(answer({"keys": [{**server_keys.jwk("k1"), member: "AAAA"}]}))
    assert refused.value.code == "secret-keys"


def test_an_empty_set_is_no_answer_to_be_kept(answer, published):
    shared = next(kept_jwks_flow(published)).shared
    with pytest.raises(MalformedResponseError) as refused:
        shared.read(answer({"keys": []}))
    assert refused.value.code == "no-usable-key"
    assert shared.read(answer({"keys": [{"kty": "own"}]})) is None
