"""Compact JWS made at high rates: the header is encoded once for a key, the signature is the bare operation.

Spec: RFC 7515 sections 3.1 and 7.1; RFC 7518 section 3.
"""

import json
from binascii import b2a_base64
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from oauthreg.errors import UnsupportedMethodError

SignOctets: TypeAlias = Callable[[bytes], bytes]
"""The signature of octets, in the form that JWS has it."""

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_LONG_FORM = 0x80
_EC_SIZES = {"ES256": 32, "ES384": 48, "ES512": 66}
"""Algorithm -> the octets of each of the two numbers of a signature. Spec: RFC 7518 section 3.4."""


def encode_segment(octets: bytes) -> bytes:
    """Octets in base64url without padding. Spec: RFC 7515 section 2."""
    return b2a_base64(octets, newline=False).translate(_URL_SAFE).rstrip(b"=")


def compact_signer(header: Mapping[str, Any], private_key: Any, algorithm: str) -> Callable[[bytes], str]:
    """What makes a JWS in its compact form of a payload, always with the same header and key.

    ``private_key`` is one of the ``cryptography`` package that fits the algorithm. Raises ``UnsupportedMethodError``.
    """
    head = encode_segment(json.dumps(header, separators=(",", ":")).encode()) + b"."
    sign = sign_octets_with(private_key, algorithm)

    def make(payload: bytes) -> str:
        signed = head + encode_segment(payload)
        return str(signed + b"." + encode_segment(sign(signed)), "ascii")

    return make


def sign_octets_with(private_key: Any, algorithm: str) -> SignOctets:
    """What signs octets with a private key of the ``cryptography`` package that fits the algorithm.

    Raises ``UnsupportedMethodError`` for an algorithm that no private key signs with. Spec: RFC 7518 section 3.1; RFC
    8037 section 3.1.
    """
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding

    family, bits = algorithm[:2], algorithm[2:]
    if algorithm in ("EdDSA", "Ed25519"):
        sign_octets: SignOctets = private_key.sign
        return sign_octets
    known: dict[str, Any] = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
    if bits not in known or family not in ("ES", "PS", "RS"):
        raise UnsupportedMethodError(f"no private key signs with {algorithm[:20]!r}", code="unknown-algorithm")
    digest, sign = known[bits](), private_key.sign
    if family == "ES":
        scheme, size = ec.ECDSA(digest), _EC_SIZES[algorithm]
        return lambda octets: _raw(sign(octets, scheme), size)
    if family == "RS":
        pkcs1 = padding.PKCS1v15()
        return lambda octets: bytes(sign(octets, pkcs1, digest))
    pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
    return lambda octets: bytes(sign(octets, pss, digest))


def _raw(der: bytes, size: int) -> bytes:
    """The two numbers of an ECDSA signature side by side, each of ``size`` octets."""
    # SEQUENCE { INTEGER r, INTEGER s }, from our own library: the shortest form, with a zero before a high first bit.
    at = 4 if der[1] < _LONG_FORM else 5
    end = at + der[at - 1]
    return der[at:end][-size:].rjust(size, b"\0") + der[end + 2 :][-size:].rjust(size, b"\0")
