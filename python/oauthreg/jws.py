"""Compact JWS made at high rates: the header is encoded once for a key, the signature is the bare operation.

Spec: RFC 7515 sections 3.1 and 7.1; RFC 7518 section 3.
"""

import hmac
from binascii import b2a_base64
from collections.abc import Callable, Mapping
from json.encoder import JSONEncoder, encode_basestring
from typing import Any, TypeAlias

from oauthreg.errors import UnsupportedMethodError

SignOctets: TypeAlias = Callable[[bytes], bytes]
"""The signature of octets, in the form that JWS has it."""

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_LONG_FORM = 0x80
_encode_other = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def is_encodable(text: str) -> bool:
    """Whether a text has octets: the error of a text that has none would show all of it."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def encode_segment(octets: bytes) -> bytes:
    """Octets in base64url without padding. Spec: RFC 7515 section 2."""
    return b2a_base64(octets, newline=False).translate(_URL_SAFE, b"=")


def render_json(values: Mapping[str, Any]) -> bytes:
    """A JSON object without spaces. Raises ``TypeError`` and ``ValueError`` for what JSON does not know.

    Text and whole numbers, which are nearly all, do without the encoder's run-up.
    """
    members = [
        f"{encode_basestring(name)}:"
        f"{encode_basestring(value) if type(value) is str else value if type(value) is int else _encode_other(value)}"
        for name, value in values.items()
    ]
    return f"{{{','.join(members)}}}".encode()


def compact_signer(header: Mapping[str, Any], key: Any, algorithm: str) -> Callable[[bytes], str]:
    """What makes a JWS in its compact form of a payload, always with the same header and key.

    ``key`` is a private key of the ``cryptography`` package that fits the algorithm, or the octets of a shared secret.
    Raises ``UnsupportedMethodError``, and ``TypeError`` and ``ValueError`` for a header that JSON does not know.
    """
    head = encode_segment(render_json(header)) + b"."
    sign = sign_octets_with(key, algorithm)

    def make(payload: bytes) -> str:
        signed = head + encode_segment(payload)
        return str(signed + b"." + encode_segment(sign(signed)), "ascii")

    return make


def sign_octets_with(key: Any, algorithm: str) -> SignOctets:
    """What signs octets with a private key of the ``cryptography`` package, or a shared secret.

    What joserfc adds to an elliptic signature takes as long as the signature. Raises ``UnsupportedMethodError`` for an
    unknown algorithm. Spec: RFC 7518 section 3.1; RFC 8037 section 3.1.
    """
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding

    if algorithm in ("EdDSA", "Ed25519"):
        return lambda octets: bytes(key.sign(octets))
    family, bits = algorithm[:2], algorithm[2:]
    if family not in ("ES", "HS", "PS", "RS") or bits not in ("256", "384", "512"):
        raise UnsupportedMethodError(f"no signature is made with {algorithm[:20]!r}", code="unknown-algorithm")
    digest = getattr(hashes, f"SHA{bits}")()
    if family == "HS":
        return lambda octets: hmac.digest(key, octets, digest.name)
    sign = key.sign
    if family == "ES":
        scheme, size = ec.ECDSA(digest), (key.key_size + 7) // 8
        return lambda octets: _joined(sign(octets, scheme), size)
    pad = padding.PSS(padding.MGF1(digest), digest.digest_size) if family == "PS" else padding.PKCS1v15()
    return lambda octets: bytes(sign(octets, pad, digest))


def _joined(der: bytes, size: int) -> bytes:
    """The two numbers of an elliptic signature, each of ``size`` octets, out of the DER of ``Ecdsa-Sig-Value``.

    Cut out rather than decoded to numbers and back, which is a tenth of the signature. Spec: RFC 7518 section 3.4;
    RFC 3279 section 2.2.3.
    """
    begin = 4 if der[1] < _LONG_FORM else 5  # from 128 octets on the sequence says its length in two
    end = begin + der[begin - 1]
    return der[begin:end][-size:].rjust(size, b"\0") + der[end + 2 :][-size:].rjust(size, b"\0")
