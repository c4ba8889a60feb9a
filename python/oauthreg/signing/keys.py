"""RSA keys from every form that people have them in, loaded and checked once for both engines.

A private key is checked by its algebra (``n = p q``, the exponents, the CRT values), which takes microseconds; the
prime tests that a full validation adds take 41 ms (2048 bits) to 286 ms (4096) and answer a question that the owner
of a key does not ask.

Spec: RFC 8017 (PKCS #1), RFC 5958 (PKCS #8), RFC 7468 (textual encodings).
"""

import base64
import binascii
import hashlib
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from oauthreg.errors import InvalidKeyError
from oauthreg.signing import refusals

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

KeySource: TypeAlias = "str | bytes | os.PathLike[str] | RSAPrivateKey"
"""PEM or DER as text or bytes, a path object, or a private key of the ``cryptography`` package."""

_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_WRITTEN_BREAK = re.compile(r"(?:\\+[rn])+")
_MINIMUM_BITS = 512
"""Published test vectors use keys as short as this; what is shorter cannot be meant."""


def load_private_key(source: Any, passphrase: str | bytes | None = None) -> "RSAPrivateKey":
    r"""The RSA private key in ``source``; equal sources give the same object.

    ``source`` is PEM (PKCS #1 or PKCS #8, plain or encrypted, with real line breaks or written as ``\n`` on one
    line), DER, base64 of DER, a path object, or a ``cryptography`` private key. A line break at the end of the
    passphrase is dropped. Raises ``InvalidKeyError``, whose text never quotes the key.
    """
    if hasattr(source, "private_bytes") or hasattr(source, "public_bytes"):
        return _checked(load_private_key_of_any_kind(source))
    return _load_rsa(_read(source), _secret(passphrase))


def load_private_key_of_any_kind(source: Any, passphrase: str | bytes | None = None) -> Any:
    """The private key in ``source``, RSA or another kind, in the same forms as ``load_private_key`` reads.

    Only ``load_private_key`` checks the numbers of an RSA key. Raises ``InvalidKeyError``.
    """
    if hasattr(source, "private_bytes"):
        return source
    if hasattr(source, "public_bytes"):
        raise _not_private("public key or certificate")
    return _load_private(_read(source), _secret(passphrase))


def load_public_key(source: Any) -> "RSAPublicKey":
    """The RSA public key in ``source``.

    ``source`` is PEM or DER of a public key, a certificate or a private key, a path object, or an object of the
    ``cryptography`` package. Raises ``InvalidKeyError``.
    """
    if hasattr(source, "public_key"):
        source = source.public_key()
    return _rsa_only(source if hasattr(source, "public_bytes") else _load_public(_read(source)))


def private_key_der(key: "RSAPrivateKey") -> bytes:
    """The key as an unencrypted PKCS #1 ``RSAPrivateKey`` in DER, for the native engine."""
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def public_key_der(key: "RSAPublicKey") -> bytes:
    """The key as a PKCS #1 ``RSAPublicKey`` in DER, for the native engine."""
    from cryptography.hazmat.primitives import serialization

    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)


def key_fingerprint(key: "RSAPublicKey") -> str:
    """A short name of a public key for messages and caches: 16 hexadecimal digits of the SHA-256 of its DER."""
    return hashlib.sha256(public_key_der(key)).hexdigest()[:16]


def generate_private_key(bits: int = 2048) -> str:
    """A new RSA private key as PKCS #8 PEM text, unencrypted."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _read(source: Any) -> bytes:
    if isinstance(source, os.PathLike):
        try:
            return Path(source).read_bytes()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise InvalidKeyError(
                f"key file cannot be read: {os.fspath(source)!r}: {reason}",
                code="unreadable-key-file",
                hint="check the path and its permissions",
            ) from None
    if isinstance(source, str):
        return source.encode("utf-8", "surrogatepass")
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    raise InvalidKeyError(
        f"an RSA key must be text, bytes, a path object or a key object: {type(source).__name__}",
        hint="pass the PEM text, or `pathlib.Path(...)` for a file",
    )


def _secret(passphrase: Any) -> bytes | None:
    if isinstance(passphrase, str):
        try:
            passphrase = passphrase.encode()
        except UnicodeEncodeError:
            raise refusals.lone_surrogate("passphrase") from None
    if passphrase is not None and not isinstance(passphrase, bytes):
        raise refusals.wrong_type("passphrase", "text or bytes", passphrase)
    return (passphrase or b"").rstrip(b"\r\n") or None


@lru_cache(maxsize=64)
def _load_rsa(data: bytes, passphrase: bytes | None) -> "RSAPrivateKey":
    return _checked(_load_private(data, passphrase))


@lru_cache(maxsize=64)
def _load_private(data: bytes, passphrase: bytes | None) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    label, der = _decode(data, "PRIVATE KEY")
    if label and not label.endswith("PRIVATE KEY"):
        raise _not_private(label.lower())
    load = serialization.load_pem_private_key if label else serialization.load_der_private_key
    try:
        key: Any = load(der, passphrase, unsafe_skip_rsa_key_validation=True)
    except TypeError:  # a passphrase is needed and not given, or given and not needed
        key = None
    except (ValueError, UnsupportedAlgorithm):
        raise _unreadable(data, passphrase, label) from None
    if key is not None:
        return key
    if passphrase is not None:
        return _load_private(data, None)
    raise InvalidKeyError(
        "the private key is encrypted and no passphrase was given",
        code="passphrase-missing",
        hint="pass `passphrase=`",
    )


def _unreadable(data: bytes, passphrase: bytes | None, label: str) -> InvalidKeyError:
    if not label and _is_public(data):
        return _not_private("public key or certificate")
    if passphrase is not None and (b"ENCRYPTED" in data or not label):
        return InvalidKeyError(
            "the private key cannot be decrypted",
            code="passphrase-wrong",
            hint="check the passphrase, and that the key text is complete",
        )
    if label.startswith("OPENSSH"):
        return InvalidKeyError(
            "the private key is in the OpenSSH format",
            hint="convert a copy of it with `ssh-keygen -p -m PEM -f FILE`",
        )
    return InvalidKeyError(
        "the private key cannot be read",
        hint="pass an RSA private key in PEM (PKCS #1 or PKCS #8) or DER, or `pathlib.Path(...)` for a file; "
        "check that the text is complete",
    )


def _is_public(data: bytes) -> bool:
    try:
        _load_public(data)
    except InvalidKeyError:
        return False
    return True


def _not_private(kind: str) -> InvalidKeyError:
    return InvalidKeyError(
        f"a private key is needed to sign, this is a {kind}",
        code="not-a-private-key",
        hint="pass the matching private key",
    )


@lru_cache(maxsize=64)
def _load_public(data: bytes) -> Any:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    label, der = _decode(data)
    readers: list[Any]
    if label.endswith("PRIVATE KEY"):
        return _load_private(data, None).public_key()
    if label == "CERTIFICATE":
        readers = [lambda: x509.load_pem_x509_certificate(der).public_key()]
    elif label:
        readers = [lambda: serialization.load_pem_public_key(der)]
    else:
        readers = [
            lambda: serialization.load_der_public_key(der),
            lambda: x509.load_der_x509_certificate(der).public_key(),
            lambda: serialization.load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True).public_key(),
        ]
    for reader in readers:
        try:
            return reader()
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
    raise InvalidKeyError(
        "the public key cannot be read",
        hint="pass an RSA public key or a certificate in PEM or DER; check that the text is complete",
    )


def _decode(data: bytes, wanted: str = "") -> tuple[str, bytes]:
    """The PEM label and a clean PEM text, or an empty label and DER; of several blocks the first that is ``wanted``."""
    if data[:1] == b"\x30" and not data.isascii():
        return "", data
    text = _WRITTEN_BREAK.sub("\n", data.decode("utf-8", "replace")).strip("\ufeff \t\r\n\"'")
    blocks = [block for block in _PEM.findall(text) if block[0].endswith("KEY") or block[0] == "CERTIFICATE"]
    if blocks:
        label, body = next((block for block in blocks if block[0].endswith(wanted)), blocks[0])
        return label, _rewrap(label, body)
    if "-----" in text:
        raise InvalidKeyError(
            "the key text has no complete PEM block",
            hint="pass everything from `-----BEGIN …-----` to `-----END …-----`, line breaks included",
        )
    try:
        return "", base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return "", data


def _rewrap(label: str, body: str) -> bytes:
    """PEM as its grammar wants it, from text whose line breaks were lost on the way (RFC 7468 section 2)."""
    headers = re.findall(r"^[ \t]*([A-Za-z0-9-]+:[^\n]*?)[ \t\r]*$", body, re.MULTILINE)
    for header in headers:
        body = body.replace(header, "")
    packed = "".join(body.split())
    lines = [packed[i : i + 64] for i in range(0, len(packed), 64)]
    head = [*headers, ""] if headers else []
    return "\n".join([f"-----BEGIN {label}-----", *head, *lines, f"-----END {label}-----", ""]).encode()


def _rsa_only(key: Any) -> "RSAPublicKey":
    if not hasattr(key, "public_numbers") or not hasattr(key.public_numbers(), "n"):
        raise _wrong_kind(key)
    return key  # type: ignore[no-any-return]


def _wrong_kind(key: Any) -> InvalidKeyError:
    return InvalidKeyError(
        f"an RSA key is needed, this is another kind: {type(key).__name__.lstrip('_')}",
        code="wrong-key-kind",
        hint="RSA-SHA1, RSA-SHA256 and RSA-SHA512 need an RSA key",
    )


def _checked(key: Any) -> "RSAPrivateKey":
    numbers: Any = key.private_numbers() if hasattr(key, "private_numbers") else None
    if not hasattr(numbers, "dmp1"):
        raise _wrong_kind(key)
    n, e = numbers.public_numbers.n, numbers.public_numbers.e
    p, q, d = numbers.p, numbers.q, numbers.d
    consistent = (
        p > 1
        and q > 1
        and p * q == n
        and e > 1
        and e % 2 == 1
        and d * e % (p - 1) == 1 % (p - 1)
        and d * e % (q - 1) == 1 % (q - 1)
        and numbers.dmp1 == d % (p - 1)
        and numbers.dmq1 == d % (q - 1)
        and numbers.iqmp * q % p == 1
    )
    if not consistent:
        raise InvalidKeyError(
            "the numbers of the private key do not fit together",
            code="inconsistent-key",
            hint="the key is damaged: export it again",
        )
    if n.bit_length() < _MINIMUM_BITS:
        raise InvalidKeyError(
            f"the RSA key is too short: {n.bit_length()} bits",
            code="short-key",
            hint="use at least 2048 bits",
        )
    return key  # type: ignore[no-any-return]
