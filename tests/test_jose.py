import base64
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from oauthreg.errors import InvalidKeyError, ResponseError, UnsupportedMethodError, UsageError
from oauthreg.jose import (
    SIGNING_ALGORITHMS,
    load_signing_key,
    parse_hmac_jwt,
    parse_jwt_of_its_own_key,
    parse_unverified_jwt,
    sign_jwt,
)
from oauthreg.jws import compact_signer

SECRET = "s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t"
NOW = 1_700_000_000
CLAIMS = {"sub": "7", "aud": "ck", "iss": "https://a.example", "iat": NOW - 5, "exp": NOW + 100}


def token(claims=CLAIMS, alg="HS256", secret=SECRET):
    return jwt.encode({"alg": alg}, claims, OctKey.import_key(secret), algorithms=[alg])


def read(text, **changes):
    rules = {"audience": "ck", "issuer": "https://a.example"} | changes
    return parse_hmac_jwt(text, secret=SECRET, algorithms=["HS256"], now=NOW, **rules)


@pytest.mark.parametrize("secret", ["short", '{"kty":"oct"}'])
def test_a_shared_secret_is_taken_as_it_is(secret):
    text = sign_jwt(CLAIMS, secret, "HS256")
    rules = {"algorithms": ["HS256"], "audience": "ck", "issuer": "https://a.example", "now": NOW}
    assert parse_hmac_jwt(text, secret=secret, **rules) == CLAIMS
    for other in ("", "other", "-----BEGIN PUBLIC KEY-----"):
        with pytest.raises(ResponseError) as refused:
            parse_hmac_jwt(text, secret=other, **rules)
        assert refused.value.code == "jwt-signature"


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
        (token({**CLAIMS, "exp": float("nan")}), "jwt-time"),
        (token({**CLAIMS, "exp": float("inf")}), "jwt-time"),
        (token({**CLAIMS, "iat": 10**400}), "jwt-time"),
        (token({**CLAIMS, "exp": -(10**400)}), "jwt-expired"),
        (compact_signer({"alg": "HS256"}, SECRET.encode(), "HS256")(b'{"a":' + b"[" * 20_000), "jwt-signature"),
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


def test_a_time_may_be_any_number():
    assert read(token({**CLAIMS, "exp": 10**400}))["exp"] == 10**400


def test_the_leeway_covers_small_differences_of_clocks():
    assert read(token({**CLAIMS, "exp": NOW - 30, "iat": NOW + 30}))["sub"] == "7"


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
P256, P384, P521 = (ec.generate_private_key(curve()) for curve in (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1))
ED25519 = ed25519.Ed25519PrivateKey.generate()
SIGNERS = {
    **{f"{family}{bits}": RSA for family in ("RS", "PS") for bits in (256, 384, 512)},
    "ES256": P256,
    "ES384": P384,
    "ES512": P521,
    "EdDSA": ED25519,
    "Ed25519": ED25519,
}
WRAPPERS = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


def pem(key, form=serialization.PrivateFormat.PKCS8, passphrase=None):
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, encryption).decode()


def der(key):
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(key):
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def jwk(key, *, private=True, **changes):
    kind = {"RSAPrivateKey": RSAKey}.get(type(key).__name__, ECKey)
    return kind(key, key).as_dict(private=private) | changes


def refusal(key, algorithm="RS256", passphrase=None):
    with pytest.raises(InvalidKeyError) as refused:
        load_signing_key(key, algorithm, passphrase)
    assert "PLANTED" not in f"{refused.value} {refused.value!r}"
    return refused.value.code


class TestSigning:
    """JWTs, verified by the other package's own means."""

    @pytest.mark.parametrize("algorithm", SIGNERS)
    def test_every_algorithm_of_a_private_key(self, algorithm):
        key = SIGNERS[algorithm]
        text = sign_jwt({"sub": "7"}, key, algorithm, header={"kid": "k1"})
        wrapped = WRAPPERS[SIGNING_ALGORITHMS[algorithm][0]](key.public_key(), key.public_key())
        if algorithm == "EdDSA":
            with pytest.warns(UserWarning, match="EdDSA"):
                found = jwt.decode(text, wrapped, algorithms=[algorithm])
        else:
            found = jwt.decode(text, wrapped, algorithms=[algorithm])
        assert (found.claims, found.header) == ({"sub": "7"}, {"alg": algorithm, "kid": "k1"})

    @pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
    def test_every_algorithm_of_a_secret(self, algorithm):
        secret = SECRET * 2
        for key in (secret, secret.encode()):
            text = sign_jwt({"sub": "7"}, key, algorithm)
            assert jwt.decode(text, OctKey.import_key(secret), algorithms=[algorithm]).claims == {"sub": "7"}
        assert sign_jwt({}, "short", algorithm)

    def test_a_secret_may_look_like_a_key(self):
        for secret in ("{s3cret" * 6, '{"kid":"x","k":"abcdefghijklmnop"}', "[" * 40, "{" * 20_000):
            text = sign_jwt({"sub": "7"}, secret, "HS256")
            found = jwt.decode(text, OctKey.import_key(secret), algorithms=["HS256"])
            assert (found.claims, "kid" in found.header) == ({"sub": "7"}, False)

    def test_every_algorithm_is_proven(self):
        assert SIGNERS.keys() | {"HS256", "HS384", "HS512"} == SIGNING_ALGORITHMS.keys()

    @pytest.mark.parametrize(("algorithm", "octets"), [("ES256", 64), ("ES384", 96), ("ES512", 132)])
    def test_JK08_an_elliptic_signature_is_two_numbers_of_fixed_length(self, algorithm, octets):
        signature = sign_jwt({}, SIGNERS[algorithm], algorithm).rpartition(".")[2]
        assert len(base64.urlsafe_b64decode(signature + "==")) == octets

    def test_the_key_identifier_of_a_jwk(self):
        key = jwk(P256, kid="k7")
        assert parse_unverified_jwt(sign_jwt({}, key, "ES256"))[0]["kid"] == "k7"
        assert parse_unverified_jwt(sign_jwt({}, json.dumps(key), "ES256", header={"kid": "k8"}))[0]["kid"] == "k8"
        assert "kid" not in parse_unverified_jwt(sign_jwt({}, jwk(P256), "ES256"))[0]

    def test_headers_of_any_name(self):
        header = {"x5t#S256": "abc", "own": 1}
        assert parse_unverified_jwt(sign_jwt({}, P256, "ES256", header=header))[0].items() >= header.items()

    @pytest.mark.parametrize(
        ("claims", "header"),
        [
            ({"a": object()}, {}),
            ({"a": float("nan")}, {}),
            ({"a": "\ud800"}, {}),
            ({7: "a"}, {}),
            ({}, {"kid": 7}),
            ({}, {"own": object()}),
            ({}, {"crit": "x"}),
            ({}, {"alg": "ES384"}),
            ({}, {"b64": False, "crit": ["b64"]}),
        ],
    )
    def test_what_cannot_be_written(self, claims, header):
        with pytest.raises(UsageError) as refused:
            sign_jwt(claims, P256, "ES256", header=header)
        assert refused.value.code == "invalid-claims"

    def test_what_is_kept_of_a_client_is_its_own(self, tmp_path):
        for header in ({"own": "1"}, {"own": 1}, {"own": True}, {"own": 1.0}, {"own": None}, {"own": [1]}, {}):
            for _ in range(2):
                found = parse_unverified_jwt(sign_jwt({}, P256, "ES256", header=header))[0]
                assert json.dumps(found) == json.dumps({"alg": "ES256"} | header)
        path, other = tmp_path / "key.pem", ec.generate_private_key(ec.SECP256R1())
        for key in (P256, other):
            path.write_text(pem(key))
            for source in (path, jwk(key), pem(key), key):
                text = sign_jwt({"sub": "7"}, source, "ES256")
                assert jwt.decode(text, ECKey(key.public_key(), key.public_key()), algorithms=["ES256"])

    def test_all_that_json_knows(self):
        claims = {"a": 'x"\\\n\x00ж', "b": -7, "c": 1.5, "d": True, "e": None, "f": {"g": [1, "ж"]}, "ж": 2**70, "": ""}
        text = sign_jwt(claims, P256, "ES256", header={"kid": 'k"ж'})
        assert jwt.decode(text, ECKey(P256.public_key(), P256.public_key()), algorithms=["ES256"]).claims == claims
        assert parse_unverified_jwt(text) == ({"alg": "ES256", "kid": 'k"ж'}, claims)
        assert b" " not in base64.urlsafe_b64decode(text.split(".")[1] + "==")

    @pytest.mark.parametrize("algorithm", ["none", "None", "", "RS1", "HS256 ", "A128KW"])
    def test_checklist_45_an_algorithm_that_is_not_allowed(self, algorithm):
        with pytest.raises(UnsupportedMethodError, match="RS256") as refused:
            sign_jwt({}, RSA, algorithm)
        assert refused.value.code == "unknown-algorithm"


class TestKeys:
    """Every form that people have keys in."""

    @pytest.mark.parametrize(
        ("key", "algorithm"),
        [
            pytest.param(pem(RSA), "RS256", id="JK03-pkcs8"),
            pytest.param(pem(RSA).encode(), "RS256", id="JK03-octets"),
            pytest.param(pem(RSA, serialization.PrivateFormat.TraditionalOpenSSL), "RS256", id="JK03-pkcs1"),
            pytest.param(pem(P256, serialization.PrivateFormat.TraditionalOpenSSL), "ES256", id="JK03-sec1"),
            pytest.param(der(RSA), "RS256", id="JK03-der"),
            pytest.param(base64.b64encode(der(P256)).decode(), "ES256", id="JK03-base64"),
            pytest.param(jwk(RSA), "RS256", id="JK03-jwk"),
            pytest.param(json.dumps(jwk(P256)), "ES256", id="JK03-jwk-text"),
            pytest.param(f"  {json.dumps(jwk(P256))}".encode(), "ES256", id="JK03-jwk-octets"),
            pytest.param(RSA, "RS256", id="JK03-object"),
            pytest.param(pem(ED25519), "EdDSA", id="JK03-ed25519"),
            pytest.param(pem(RSA).replace("\n", "\\n"), "RS256", id="JK01"),
            pytest.param(f'"{pem(P256)}" '.replace("\n", "\\n"), "ES256", id="JK01-quoted"),
            pytest.param(pem(RSA).replace("\n", " "), "RS256", id="JK02"),
            pytest.param(jwk(P256, use="sig", alg="ES256", key_ops=["sign"]), "ES256", id="jwk-allowed"),
        ],
    )
    def test_good_ones(self, key, algorithm):
        assert load_signing_key(key, algorithm).is_private

    def test_a_file(self, tmp_path):
        path = tmp_path / "key.pem"
        path.write_text(pem(RSA))
        assert load_signing_key(path, "RS256").is_private

    @pytest.mark.parametrize("passphrase", ["open sesame", b"open sesame"])
    def test_JK04_an_encrypted_key(self, passphrase):
        for key, algorithm in ((RSA, "RS256"), (P256, "ES256")):
            assert load_signing_key(pem(key, passphrase=b"open sesame"), algorithm, passphrase).is_private

    def test_JK04_a_wrong_or_missing_passphrase(self):
        key = pem(RSA, passphrase=b"open sesame")
        assert refusal(key, passphrase="PLANTED") == "passphrase-wrong"
        assert refusal(key) == refusal(key, passphrase="") == "passphrase-missing"

    def test_JK05_a_passphrase_that_no_key_needs(self):
        assert load_signing_key(pem(RSA), "RS256", "").is_private
        assert refusal(pem(RSA), passphrase="PLANTED") == "passphrase-needless"

    @pytest.mark.parametrize(
        ("key", "code"),
        [
            pytest.param("AIzaSyPLANTED", "invalid-key", id="JK06-api-key"),
            pytest.param("/etc/PLANTED.pem", "invalid-key", id="JK06-path"),
            pytest.param(public_pem(RSA), "not-a-private-key", id="JK06-public"),
            pytest.param(RSA.public_key(), "not-a-private-key", id="JK06-public-object"),
            pytest.param(jwk(RSA, private=False), "not-a-private-key", id="JK06-public-jwk"),
            pytest.param(jwk(RSA, private=False, key_ops=["verify"]), "not-a-private-key", id="JK06-public-jwk-ops"),
            pytest.param(
                "-----BEGIN CERTIFICATE-----\nUExBTlRFRA==\n-----END CERTIFICATE-----",
                "not-a-private-key",
                id="JK06-certificate",
            ),
            pytest.param("{PLANTED", "invalid-jwk", id="JK06-json"),
            pytest.param({"kty": "RSA", "n": "PLANTED"}, "invalid-jwk", id="JK06-half-jwk"),
            pytest.param({}, "invalid-jwk", id="JK06-no-jwk"),
            pytest.param({"kty": "new"}, "invalid-jwk", id="JK06-kty"),
            pytest.param(jwk(RSA, use="enc"), "invalid-jwk", id="JK06-use"),
            pytest.param(jwk(RSA, alg="RS512"), "invalid-jwk", id="JK06-alg"),
            pytest.param(jwk(RSA, key_ops=["verify"]), "invalid-jwk", id="JK06-ops"),
            pytest.param(None, "invalid-key", id="JK06-none"),
            pytest.param(7, "invalid-key", id="JK06-number"),
        ],
    )
    def test_JK06_what_is_no_private_key(self, key, code):
        assert refusal(key) == code

    @pytest.mark.parametrize(
        ("key", "algorithm"),
        [
            pytest.param(P256, "RS256", id="JK07-ec-for-rsa"),
            pytest.param(ED25519, "RS256", id="JK07-ed25519-for-rsa"),
            pytest.param(P384, "ES256", id="JK07-curve"),
            pytest.param(RSA, "ES256", id="JK07-rsa-for-ec"),
            pytest.param(RSA, "EdDSA", id="JK07-rsa-for-ed25519"),
            pytest.param(pem(RSA), "HS256", id="JK07-pem-for-hmac"),
            pytest.param(public_pem(RSA).encode(), "HS256", id="JK07-public-pem-for-hmac"),
            pytest.param(RSA, "HS256", id="JK07-object-for-hmac"),
            pytest.param({"kty": "oct", "k": "UExBTlRFRA"}, "RS256", id="JK07-secret-for-rsa"),
            pytest.param(ed448.Ed448PrivateKey.generate(), "EdDSA", id="JK07-ed448"),
            pytest.param(dsa.generate_private_key(1024), "EdDSA", id="JK07-dsa"),
            pytest.param(x25519.X25519PrivateKey.generate(), "EdDSA", id="JK07-x25519"),
        ],
    )
    def test_JK07_checklist_45_a_key_of_another_kind(self, key, algorithm):
        assert refusal(key, algorithm) == "wrong-key-kind"

    def test_a_short_rsa_key(self):
        short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
        with pytest.warns(UserWarning, match="2048"):
            as_jwk = RSAKey.import_key(short).as_dict(private=True)
        assert refusal(short) == refusal(as_jwk) == "short-key"

    def test_an_empty_secret(self):
        assert refusal("", "HS256") == "empty-secret"

    def test_a_secret_that_has_no_octets(self):
        assert refusal("PLANTED\udcff", "HS256") == "wrong-key-kind"


class TestOwnKey:
    """JWTs that are signed with the key in their header."""

    KEY = ECKey.generate_key("P-256")

    def made(self, *, alg="ES256", **header):
        members = {"alg": alg, "jwk": self.KEY.as_dict(private=False), **header}
        return compact_signer(members, self.KEY.raw_value, "ES256")(json.dumps(CLAIMS).encode())

    def test_header_and_claims(self):
        header, claims = parse_jwt_of_its_own_key(self.made(typ="x"), ["RS256", "ES256"])
        assert (header["typ"], header["jwk"], claims) == ("x", self.KEY.as_dict(private=False), CLAIMS)

    @pytest.mark.parametrize(
        "header",
        [
            {"jwk": KEY.as_dict(private=True)},
            {"jwk": ECKey.generate_key("P-256").as_dict(private=False)},
            {"jwk": ECKey.generate_key("P-384").as_dict(private=False)},
            {"jwk": {"kty": "oct", "k": "c2VjcmV0"}},
            {"jwk": {"kty": "EC"}},
            {"jwk": {"kty": ["EC"]}},
            {"jwk": {}},
            {"jwk": None},
            {"alg": "HS256"},
            {"alg": "ES384"},
            {"alg": 7},
        ],
        ids=str,
    )
    def test_others_are_refused(self, header):
        with pytest.raises(ResponseError) as refused:
            parse_jwt_of_its_own_key(self.made(**header), ["ES256", "ES384"])
        assert refused.value.code == ("jwt-malformed" if header.get("alg") == 7 else "jwt-signature")

    def test_an_algorithm_that_is_not_allowed(self):
        with pytest.raises(ResponseError):
            parse_jwt_of_its_own_key(self.made(), ["RS256"])


class TestUnverified:
    """JWTs whose channel proves them."""

    def test_header_and_claims(self):
        assert parse_unverified_jwt(token()) == ({"alg": "HS256", "typ": "JWT"}, CLAIMS)

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("x" * 70_000, "jwt-too-long"),
            ("a.b.c.d.e", "jwt-encrypted"),
            ("", "jwt-malformed"),
            (7, "jwt-malformed"),
            ({"a": 1}, "jwt-malformed"),
            ("a.b", "jwt-malformed"),
            ("!.!.!", "jwt-malformed"),
            ("bnVsbA.bnVsbA.c2ln", "jwt-malformed"),
            ("e30.e30.c2ln", "jwt-unsigned"),
            ("eyJhbGciOiJub25lIn0.eyJzdWIiOiI3In0.", "jwt-unsigned"),
            ("eyJhbGciOiJOb25lIn0.eyJzdWIiOiI3In0.c2ln", "jwt-unsigned"),
            ("eyJhbGciOiJSUzI1NiJ9.e30.", "jwt-unsigned"),
        ],
    )
    def test_others_are_refused(self, text, code):
        with pytest.raises(ResponseError) as refused:
            parse_unverified_jwt(text)
        assert refused.value.code == code
