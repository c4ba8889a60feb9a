"""Compact JWS made at high rates: read by an independent implementation, whatever the numbers of a signature are."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc import jws as other
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from oauthreg.errors import UnsupportedMethodError
from oauthreg.jws import compact_signer, encode_segment, sign_octets_with

KEYS = {
    "ES256": ECKey.generate_key("P-256"),
    "ES384": ECKey.generate_key("P-384"),
    "ES512": ECKey.generate_key("P-521"),
    "EdDSA": OKPKey.generate_key("Ed25519"),
    "HS256": OctKey.generate_key(256),
    "HS384": OctKey.generate_key(384),
    "HS512": OctKey.generate_key(512),
}
RSA = RSAKey.generate_key(2048)
KEYS |= {f"{family}{bits}": RSA for family in ("RS", "PS") for bits in (256, 384, 512)}


@pytest.mark.parametrize("algorithm", KEYS)
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_another_implementation_reads_it(algorithm):
    key = KEYS[algorithm]
    make = compact_signer({"alg": algorithm, "typ": "x"}, key.raw_value, algorithm)
    for number in range(1 if key is RSA else 40):
        payload = json.dumps({"number": number}).encode()
        read = other.deserialize_compact(make(payload), key, algorithms=[algorithm])
        assert (read.payload, read.headers()) == (payload, {"alg": algorithm, "typ": "x"})


class OneSignature:
    """A key that gives one signature."""

    def __init__(self, der, key_size):
        self.der = der
        self.key_size = key_size

    def sign(self, _, scheme):
        assert isinstance(scheme, ec.ECDSA)
        return self.der


@pytest.mark.parametrize(("algorithm", "bits", "size"), [("ES256", 256, 32), ("ES384", 384, 48), ("ES512", 521, 66)])
@pytest.mark.parametrize("first", ["least", "octet", "short", "high", "long"])
@pytest.mark.parametrize("second", ["least", "octet", "short", "high", "long"])
def test_numbers_of_every_length(algorithm, bits, size, first, second):
    most = 1 << (8 * size)
    numbers = {"least": 1, "octet": 0x80, "short": most >> 20, "high": most - 1, "long": most >> 2}
    pair = numbers[first], numbers[second]
    made = sign_octets_with(OneSignature(encode_dss_signature(*pair), bits), algorithm)(b"")
    assert made == pair[0].to_bytes(size, "big") + pair[1].to_bytes(size, "big")


@pytest.mark.parametrize(
    ("octets", "text"), [(b"", b""), (b"\xfb\xff", b"-_8"), (b"\xff\xff\xff", b"____"), (b"a", b"YQ")]
)
def test_base64url_without_padding(octets, text):
    assert encode_segment(octets) == text


@pytest.mark.parametrize("algorithm", ["HS", "none", "ES257", "", "RS1", "HS1"])
def test_nothing_signs_with_it(algorithm):
    with pytest.raises(UnsupportedMethodError) as refused:
        sign_octets_with(RSA.raw_value, algorithm)
    assert refused.value.code == "unknown-algorithm"
