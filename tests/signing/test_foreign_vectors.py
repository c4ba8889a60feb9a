"""The primitives, judged by vectors of RFC 2202, RFC 4231, RSA Laboratories and NIST.

The package ``cryptography_vectors`` carries them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cryptography_vectors
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from oauthreg.errors import UnsupportedMethodError

FOLDER = Path(cryptography_vectors.__file__).parent
NIST = "asymmetric/RSA/FIPS_186-2"
HASHES = {"SHA1": "sha1", "SHA256": "sha256", "SHA512": "sha512"}


@dataclass(frozen=True)
class Signature:
    hash_name: str
    n: int
    e: int
    d: int
    message: bytes
    signature: bytes
    is_right: bool = True


def fields(file: str) -> Iterator[tuple[str, str]]:
    for line in (FOLDER / file).read_text(encoding="latin-1").splitlines():
        name, separator, value = line.partition(" = ")
        if separator and not line.startswith(("#", "[")):
            yield name, value.strip()


def hmac_vectors(file: str) -> list[tuple[bytes, bytes, bytes]]:
    values = {"Key": b"", "Msg": b""}
    vectors = []
    for name, value in fields(file):
        if name == "MD":
            vectors.append((values["Key"], values["Msg"], bytes.fromhex(value)))
        elif name in values:
            values[name] = bytes.fromhex(value)
    return vectors


def nist_vectors(file: str) -> list[Signature]:
    """Signatures over the three hashes; a file without ``Result`` holds right ones only."""
    seen: dict[str, str] = {"d": "0"}
    vectors = []
    has_results = "Result = " in (FOLDER / file).read_text(encoding="latin-1")
    for name, value in fields(file):
        seen[name] = value
        if name == ("Result" if has_results else "S") and seen["SHAAlg"] in HASHES:
            vectors.append(
                Signature(
                    HASHES[seen["SHAAlg"]],
                    int(seen["n"], 16),
                    int(seen["e"], 16),
                    int(seen["d"], 16),
                    bytes.fromhex(seen["Msg"]),
                    bytes.fromhex(seen["S"]),
                    is_right=not has_results or value.startswith("P"),
                )
            )
    return vectors


def rsa_laboratories_vectors() -> list[Signature]:
    text = (FOLDER / "asymmetric/RSA/pkcs1v15sign-vectors.txt").read_text(encoding="latin-1")
    seen: dict[str, bytes] = {}
    vectors = []
    for title, hexadecimal in re.findall(r"^# ([A-Z][a-z ]+):\s*\n((?:[0-9a-f]{2}[ \r\n]+)+)", text, re.MULTILINE):
        seen[title] = bytes.fromhex(hexadecimal)
        if title == "Signature":
            n, e, d = (int.from_bytes(seen[part]) for part in ("Modulus", "Public exponent", "Exponent"))
            vectors.append(Signature("sha1", n, e, d, seen["Message to be signed"], seen["Signature"]))
    return vectors


@cache
def private_key(n: int, e: int, d: int) -> rsa.RSAPrivateKey:
    p, q = rsa.rsa_recover_prime_factors(n, e, d)
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), rsa.RSAPublicNumbers(e, n)
    )
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


@cache
def public_key(n: int, e: int) -> rsa.RSAPublicKey:
    return rsa.RSAPublicNumbers(e, n).public_key()


@pytest.mark.parametrize(
    ("hash_name", "file", "count"),
    [
        ("sha1", "HMAC/rfc-2202-sha1.txt", 7),
        ("sha256", "HMAC/rfc-4231-sha256.txt", 6),
        ("sha512", "HMAC/rfc-4231-sha512.txt", 6),
    ],
)
def test_hmac(engine, hash_name, file, count):
    vectors = hmac_vectors(file)
    assert len(vectors) == count
    for key, message, digest in vectors:
        assert engine.module.hmac(hash_name, key, message) == digest


def test_rsa_signing_by_rsa_laboratories(engine):
    vectors = rsa_laboratories_vectors()
    assert len(vectors) == 300
    assert len({vector.n.bit_length() for vector in vectors}) == 10
    for vector in vectors:
        key = private_key(vector.n, vector.e, vector.d)
        assert engine.module.rsa_sign(vector.hash_name, key, vector.message) == vector.signature
        assert engine.module.rsa_verify(vector.hash_name, key, vector.message, vector.signature)


def test_rsa_signing_by_nist(engine):
    vectors = nist_vectors(f"{NIST}/SigGen15_186-2.txt")
    assert len(vectors) == 150
    for vector in vectors:
        key = private_key(vector.n, vector.e, vector.d)
        assert engine.module.rsa_sign(vector.hash_name, key, vector.message) == vector.signature


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        (f"{NIST}/SigGen15_186-2.rsp", 150, 0),
        (f"{NIST}/SigGen15_186-3.rsp", 150, 0),
        (f"{NIST}/SigVer15_186-3.rsp", 45, 225),
    ],
)
def test_rsa_verification_by_nist(engine, file, right, wrong):
    vectors = nist_vectors(file)
    assert [vector.is_right for vector in vectors].count(True) == right
    assert len(vectors) == right + wrong
    for vector in vectors:
        key = public_key(vector.n, vector.e)
        verdict = engine.module.rsa_verify(vector.hash_name, key, vector.message, vector.signature)
        assert verdict is vector.is_right


@pytest.mark.parametrize("hash_name", ["md5", "sha224", "SHA1", "sha-1", ""])
def test_other_hashes_are_refused(engine, rsa_key, hash_name):
    calls = [
        lambda: engine.module.hmac(hash_name, b"", b""),
        lambda: engine.module.rsa_sign(hash_name, rsa_key.pem, b""),
        lambda: engine.module.rsa_verify(hash_name, rsa_key.pem, b"", b""),
    ]
    for call in calls:
        with pytest.raises(UnsupportedMethodError) as caught:
            call()
        assert (caught.value.code, caught.value.message) == (
            "unknown-hash",
            f"unknown hash: {hash_name!r} (known: sha1, sha256, sha512)",
        )


@pytest.mark.parametrize("length", [0, 127, 129, 255, 257, 512])
def test_a_signature_of_another_length_is_wrong(engine, rsa_key, length):
    assert engine.module.rsa_verify("sha1", rsa_key.pem, b"text", bytes(length)) is False
