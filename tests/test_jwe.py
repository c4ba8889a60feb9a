"""JWTs that others encrypt to a key of ours. What is opened here was made by the joserfc package, by nothing of ours.

What only its maker opens is proven in ``test_sealed_login.py`` and ``stores/test_sealed.py``.
"""

import base64
import json
import warnings

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwe
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from oauthreg.errors import InvalidKeyError, ResponseError
from oauthreg.jose import ENCRYPTION_ALGORITHMS, generate_private_jwk, is_encrypted
from oauthreg.jwe import DecryptionKeys, encrypt_to

INNER = "e30.e30.c2ln"
CONTENT = ["A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM"]
KINDS = ["RSA", "P-256", "P-384", "P-521", "X25519"]


@pytest.fixture(scope="module")
def keys():
    """Makes keys by kind and name; equal ones are the same."""
    made = {}

    def key(kind="RSA", name="k1"):
        if (kind, name) not in made:
            more = {"kid": name}
            made[kind, name] = {
                "RSA": lambda: RSAKey.generate_key(2048, more),
                "X25519": lambda: OKPKey.generate_key("X25519", more),
            }.get(kind, lambda: ECKey.generate_key(kind, more))()
        return made[kind, name]

    return key


def encrypted(key, algorithm, enc="A256GCM", text=INNER, **header):
    head = {"alg": algorithm, "enc": enc, **header}
    registry = jwe.JWERegistry(algorithms=[algorithm, enc, "DEF"], strict_check_header=False)
    with warnings.catch_warnings(action="ignore"):  # joserfc has a word to say about RSA1_5
        return jwe.encrypt_compact(head, text.encode(), key, registry=registry)


def fitting(algorithm):
    return ["RSA"] if algorithm.startswith("RSA") else KINDS[1:]


@pytest.mark.parametrize("enc", CONTENT)
@pytest.mark.parametrize(
    ("algorithm", "kind"), [(algorithm, kind) for algorithm in ENCRYPTION_ALGORITHMS for kind in fitting(algorithm)]
)
def test_every_algorithm_on_every_kind_of_key(keys, algorithm, kind, enc):
    text = encrypted(keys(kind), algorithm, enc)
    assert is_encrypted(text)
    assert DecryptionKeys(keys(kind).as_dict(private=True)).open(text) == INNER
    assert DecryptionKeys(keys(kind).as_dict(private=True)).open(text, [algorithm]) == INNER


@pytest.mark.parametrize("algorithm", ENCRYPTION_ALGORITHMS)
def test_what_we_encrypt_is_what_others_open(algorithm):
    own = generate_private_jwk(algorithm)
    text = encrypt_to(INNER, own, algorithm)
    kind = {"RSA": RSAKey, "EC": ECKey}[own["kty"]]
    opened = jwe.decrypt_compact(text, kind.import_key(own), algorithms=[algorithm, "A128CBC-HS256"])
    assert (opened.plaintext.decode(), opened.protected["cty"], opened.protected["kid"]) == (INNER, "JWT", own["kid"])
    assert DecryptionKeys(own).open(text) == INNER


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_in_every_form(keys, kind, tmp_path):
    key = keys(kind)
    text = encrypted(key, "RSA-OAEP-256" if kind == "RSA" else "ECDH-ES")
    jwk, pem = key.as_dict(private=True), key.as_pem(private=True)
    (tmp_path / "key.pem").write_bytes(pem)
    forms = [jwk, json.dumps(jwk), json.dumps(jwk).encode(), pem, pem.decode(), key.as_der(private=True), key.raw_value]
    for form in (*forms, tmp_path / "key.pem", {"keys": [jwk]}, json.dumps({"keys": [jwk]})):
        assert DecryptionKeys(form).open(text) == INNER


class TestWhichKey:
    """Spec: OpenID Connect Core 1.0 section 10.2.1."""

    def test_the_one_that_is_named(self, keys):
        both = {"keys": [keys("RSA", name).as_dict(private=True) for name in ("k1", "k2")]}
        for name in ("k1", "k2"):
            assert DecryptionKeys(both).open(encrypted(keys("RSA", name), "RSA-OAEP", kid=name)) == INNER

    def test_each_where_none_is_named(self, keys):
        both = {"keys": [keys("RSA", name).as_dict(private=True) for name in ("k1", "k2")]}
        assert DecryptionKeys(both).open(encrypted(keys("RSA", "k2"), "RSA-OAEP")) == INNER

    def test_one_without_a_name_for_any_name(self, keys):
        assert DecryptionKeys(keys().as_pem(private=True)).open(encrypted(keys(), "RSA-OAEP", kid="theirs")) == INNER

    def test_the_one_of_the_right_kind(self, keys):
        both = {"keys": [keys("P-256").as_dict(private=True), keys("RSA").as_dict(private=True)]}
        assert DecryptionKeys(both).open(encrypted(keys("RSA"), "RSA-OAEP", kid="k1")) == INNER
        assert DecryptionKeys(both).open(encrypted(keys("P-256"), "ECDH-ES", kid="k1")) == INNER

    def test_none_under_another_name(self, keys):
        own = DecryptionKeys(keys().as_dict(private=True))
        assert code_of(lambda: own.open(encrypted(keys(), "RSA-OAEP", kid="k9"))) == "jwt-decryption"


def code_of(refused):
    with pytest.raises(ResponseError) as error:
        refused()
    assert INNER not in str(error.value)
    return error.value.code


class TestRefused:
    @pytest.fixture
    def own(self, keys):
        return DecryptionKeys(keys().as_dict(private=True))

    def test_another_key(self, own, keys):
        assert code_of(lambda: own.open(encrypted(keys("RSA", "k2"), "RSA-OAEP"))) == "jwt-decryption"

    def test_a_kind_that_no_key_has(self, own, keys):
        assert code_of(lambda: own.open(encrypted(keys("P-256"), "ECDH-ES"))) == "jwt-decryption"

    @pytest.mark.parametrize("algorithm", ["RSA1_5", "dir", "A128KW", "A128GCMKW", "PBES2-HS256+A128KW"])
    def test_algorithms_that_prove_nothing_or_tell_too_much(self, own, keys, algorithm):
        key = keys() if algorithm == "RSA1_5" else OctKey.import_key(b"k" * (32 if algorithm == "dir" else 16))
        text = encrypted(key, algorithm)
        assert code_of(lambda: own.open(text)) == "jwt-algorithm"
        assert code_of(lambda: own.open(text, ["RSA-OAEP"])) == "jwt-algorithm"

    def test_another_algorithm_than_agreed_on(self, own, keys):
        assert code_of(lambda: own.open(encrypted(keys(), "RSA-OAEP"), ["RSA-OAEP-256"])) == "jwt-algorithm"

    @pytest.mark.parametrize(
        "header", [{"alg": ["RSA-OAEP"]}, {"alg": {}}, {"enc": "A512GCM"}, {"enc": None}, {"enc": []}]
    )
    def test_headers_that_name_none(self, own, keys, header):
        _, *rest = encrypted(keys(), "RSA-OAEP").split(".")
        head = base64.urlsafe_b64encode(json.dumps({"alg": "RSA-OAEP", "enc": "A256GCM", **header}).encode())
        assert code_of(lambda: own.open(".".join([head.decode().rstrip("="), *rest]))) == "jwt-algorithm"

    def test_what_is_compressed(self, own, keys):
        assert code_of(lambda: own.open(encrypted(keys(), "RSA-OAEP", zip="DEF"))) == "jwt-compressed"

    def test_what_must_be_understood_and_is_not(self, own, keys):
        _, *rest = encrypted(keys(), "RSA-OAEP").split(".")
        head = {"alg": "RSA-OAEP", "enc": "A256GCM", "crit": ["exp"], "exp": 1}
        made = base64.urlsafe_b64encode(json.dumps(head).encode()).decode().rstrip("=")
        assert code_of(lambda: own.open(".".join([made, *rest]))) == "jwt-malformed"

    @pytest.mark.parametrize("part", range(1, 5))
    @pytest.mark.parametrize("kind", ["RSA", "P-256"])
    def test_what_was_changed(self, keys, part, kind):
        own = DecryptionKeys(keys(kind).as_dict(private=True))
        pieces = encrypted(keys(kind), "RSA-OAEP" if kind == "RSA" else "ECDH-ES+A128KW").split(".")
        for piece in ("", "AAAA", "?", pieces[part][:-4], pieces[part][::-1]):
            changed = ".".join([*pieces[:part], piece, *pieces[part + 1 :]])
            assert code_of(lambda text=changed: own.open(text)) == "jwt-decryption"

    @pytest.mark.parametrize("epk", [{}, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, "x", None, 7])
    def test_a_foreign_key_that_is_none(self, keys, epk):
        """A point off the curve would tell the private key, bit by bit (RFC 8725 section 2.6)."""
        own = DecryptionKeys(keys("P-256").as_dict(private=True))
        _, *rest = encrypted(keys("P-256"), "ECDH-ES").split(".")
        head = base64.urlsafe_b64encode(json.dumps({"alg": "ECDH-ES", "enc": "A256GCM", "epk": epk}).encode())
        assert code_of(lambda: own.open(".".join([head.decode().rstrip("="), *rest]))) == "jwt-decryption"

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("", "jwt-malformed"),
            ("a.b.c.d.e", "jwt-malformed"),
            ("W10.b.c.d.e", "jwt-malformed"),
            ("e30.b.c.d.e", "jwt-algorithm"),
            ("e30." + "x" * 65536, "jwt-too-long"),
        ],
    )
    def test_what_is_none(self, own, text, code):
        assert code_of(lambda: own.open(text)) == code

    def test_what_is_no_text_inside(self, own, keys):
        registry = jwe.JWERegistry(algorithms=["RSA-OAEP", "A256GCM"])
        text = jwe.encrypt_compact({"alg": "RSA-OAEP", "enc": "A256GCM"}, b"\xff\xfe", keys(), registry=registry)
        assert code_of(lambda: own.open(text)) == "jwt-decryption"


class TestKeysThatOpenNothing:
    @pytest.mark.parametrize(
        ("source", "code"),
        [
            ("no key", "invalid-key"),
            ("{", "invalid-jwk"),
            ('{"kty": "RSA"}', "invalid-jwk"),
            ({"keys": []}, "invalid-jwk"),
            ({"keys": "k"}, "invalid-jwk"),
            ({"keys": [7]}, "invalid-jwk"),
            ({"kty": "oct", "k": "c2VjcmV0"}, "wrong-key-kind"),
        ],
    )
    def test_what_is_none(self, source, code):
        with pytest.raises(InvalidKeyError) as refused:
            DecryptionKeys(source)
        assert refused.value.code == code

    def test_a_public_half(self, keys):
        for source in (keys().as_dict(private=False), {"keys": [keys().as_dict(private=False)]}):
            with pytest.raises(InvalidKeyError) as refused:
                DecryptionKeys(source)
            assert refused.value.code == "not-a-private-key"

    @pytest.mark.parametrize("members", [{"use": "sig"}, {"key_ops": ["sign"]}, {"key_ops": []}])
    def test_one_that_is_for_something_else(self, keys, members):
        with pytest.raises(InvalidKeyError) as refused:
            DecryptionKeys({**keys().as_dict(private=True), **members})
        assert refused.value.code == "invalid-jwk"

    @pytest.mark.parametrize("members", [{"use": "enc"}, {"key_ops": ["unwrapKey"]}, {"alg": "RSA-OAEP"}])
    def test_one_that_is_for_this(self, keys, members):
        own = DecryptionKeys({**keys().as_dict(private=True), **members})
        assert own.open(encrypted(keys(), "RSA-OAEP")) == INNER

    def test_one_that_is_for_another_algorithm(self, keys):
        own = DecryptionKeys({**keys().as_dict(private=True), "alg": "RSA-OAEP-256"})
        assert code_of(lambda: own.open(encrypted(keys(), "RSA-OAEP"))) == "jwt-decryption"

    def test_kinds_that_only_sign_and_keys_that_are_short(self):
        signing = (OKPKey.generate_key("Ed25519"), ECKey.generate_key("secp256k1"))
        short = rsa.generate_private_key(65537, 1024)
        for key in (*(key.as_dict(private=True) for key in signing), short):
            with pytest.raises(InvalidKeyError) as refused:
                DecryptionKeys(key)
            assert refused.value.code == "wrong-key-kind"

    def test_nothing_shows_a_key(self, keys):
        assert keys().as_dict(private=True)["d"] not in repr(DecryptionKeys(keys().as_dict(private=True)))
