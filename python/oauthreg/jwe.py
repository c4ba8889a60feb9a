"""Encrypted texts: those that only their maker opens, and JWTs that others encrypt to a key of ours.

Spec: RFC 7516; RFC 8725 sections 3.1 and 3.2 (the recipient, not the text, chooses the algorithms).
"""

import sys
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, Self

from oauthreg.errors import InvalidKeyError, ResponseError
from oauthreg.jose import (
    ENCRYPTION_ALGORITHMS,
    LONGEST_JWT,
    PUBLIC_MEMBERS,
    keys_in,
    load_decryption_key,
    parse_unverified_header,
    refused_jwt,
)

_MOST_TRIED = 16
"""Keys that are tried for one JWT: a set may hold any number without names."""

_CONTENT_ALGORITHMS = ("A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM")
_USUAL_CONTENT_ALGORITHM = _CONTENT_ALGORITHMS[0]


def encrypt(plaintext: bytes, key: bytes, kid: str) -> str:
    """A JWE in its compact form, which only the same key of 256 bits opens (``dir``, ``A256GCM``).

    ``kid`` names the key in the header, for everybody to see. Spec: RFC 7516 section 7.1; RFC 7518 sections 4.5, 5.3.
    """
    from joserfc import jwe
    from joserfc.jwk import OctKey

    header = {"alg": "dir", "enc": "A256GCM", "kid": kid}
    return jwe.encrypt_compact(header, plaintext, OctKey(key, key), registry=_of_one_maker())


def decrypt(text: str, keys: Mapping[str, bytes]) -> bytes:
    """What ``encrypt`` was given, with the key of the name that stands in the header.

    Raises ``InvalidKeyError`` with the code ``unknown-key`` where that key is not among ``keys``, and ``ResponseError``
    for a text that was made otherwise, or changed since. Spec: RFC 7516 section 5.2.
    """
    from joserfc import jwe
    from joserfc.errors import JoseError
    from joserfc.jwk import OctKey

    if (kid := kid_of(text)) not in keys:
        raise InvalidKeyError("the text was encrypted with a key that is not known", code="unknown-key")
    try:
        plaintext = jwe.decrypt_compact(text, OctKey(keys[kid], keys[kid]), registry=_of_one_maker()).plaintext
    except (JoseError, ValueError, TypeError):
        plaintext = None
    if plaintext is None:
        raise ResponseError("the encrypted text was changed, or is none", code="jwe-malformed")
    return plaintext


def kid_of(text: str) -> str:
    """The name of the key in the header of a JWE, which is **not** checked; empty where there is none.

    Raises ``ResponseError`` for a text without such a header.
    """
    kid = parse_unverified_header(text).get("kid")
    return kid if isinstance(kid, str) else ""


@cache
def _of_one_maker() -> Any:
    """One way to encrypt, for texts of any length: what could be encrypted must be decrypted."""
    from joserfc.jwe import JWERegistry

    made = JWERegistry(algorithms=["dir", "A256GCM"])
    made.max_ciphertext_length = sys.maxsize
    return made


class DecryptionKeys:
    """The private keys to whose public halves others encrypt JWTs for us.

    ``source`` is a private key (PEM, DER, a JWK as text or mapping, a path object, a ``cryptography`` key object), or
    a JWK set of private keys, while one takes the place of another. RSA keys, and those on P-256, P-384, P-521 and
    X25519. Raises ``InvalidKeyError``.

    Spec: RFC 7517; OpenID Connect Core 1.0 section 10.2.1 (how keys are changed).
    """

    __slots__ = ("_keys",)

    def __init__(self, source: Any) -> None:
        self._keys = tuple(map(load_decryption_key, keys_in(source)))

    @classmethod
    def of(cls, key: Any) -> Self:
        """The keys that an application gave, which may have been loaded before. Raises ``InvalidKeyError``."""
        return key if isinstance(key, cls) else cls(key)

    def open(self, text: str, algorithms: Collection[str] = ()) -> str:
        """What a JWT in its compact form holds, which is encrypted with one of ``algorithms`` (default: any that fits).

        Raises ``ResponseError``: ``jwt-algorithm`` for another algorithm, ``jwt-compressed``, ``jwt-too-long``,
        ``jwt-malformed``, and ``jwt-decryption`` for what is encrypted to another key, or was changed.

        Spec: RFC 7516 section 5.2; RFC 8725 section 3.6 (no compression).
        """
        if len(text) > LONGEST_JWT:
            raise refused_jwt("it is too long", "jwt-too-long")
        header = parse_unverified_header(text)
        algorithm, allowed = header.get("alg"), algorithms or ENCRYPTION_ALGORITHMS
        if algorithm not in tuple(allowed) or header.get("enc") not in _CONTENT_ALGORITHMS:
            shown = algorithm if algorithm in tuple(ENCRYPTION_ALGORITHMS) else "another algorithm"
            raise refused_jwt(f"it is encrypted with {shown}, which is not expected", "jwt-algorithm")
        if "crit" in header:
            raise refused_jwt("its header demands what is not known", "jwt-malformed")
        if "zip" in header:
            raise refused_jwt("it is compressed, whose length tells what it holds", "jwt-compressed")
        for key in self._fitting(str(algorithm), header.get("kid")):
            plaintext = _opened(text, key)
            if plaintext is not None:
                return plaintext
        raise refused_jwt("it is encrypted to another key than the client's, or was changed", "jwt-decryption")

    def _fitting(self, algorithm: str, kid: Any) -> list[Any]:
        """Keys without a name are tried where none has the name that is asked for."""
        fitting = [
            (key, jwk.get("kid"))
            for key, jwk in self._keys
            if key.key_type in ENCRYPTION_ALGORITHMS[algorithm] and jwk.get("alg") in (None, algorithm)
        ]
        named = [key for key, name in fitting if name == kid]
        return (named or [key for key, name in fitting if None in (kid, name)])[:_MOST_TRIED]


def encrypt_to(text: str, jwk: Mapping[str, Any], algorithm: str) -> str:
    """A JWT encrypted to the public half of a JWK, whose ``kid`` stands in the header.

    Spec: RFC 7519 section 5.2 (``cty``).
    """
    from joserfc import jwe
    from joserfc.jwk import JWKRegistry

    named = {"kid": jwk["kid"]} if "kid" in jwk else {}
    header = {"alg": algorithm, "enc": _USUAL_CONTENT_ALGORITHM, "cty": "JWT", **named}
    key: Any = JWKRegistry.import_key({name: jwk[name] for name in PUBLIC_MEMBERS[jwk["kty"]]})
    return jwe.encrypt_compact(header, text.encode(), key, registry=_of_others())


@cache
def _of_others() -> Any:
    from joserfc.jwe import JWERegistry

    made = JWERegistry(algorithms=[*ENCRYPTION_ALGORITHMS, *_CONTENT_ALGORITHMS], strict_check_header=False)
    made.max_ciphertext_length = made.max_protected_header_length = LONGEST_JWT
    return made


def _opened(text: str, key: Any) -> str | None:
    from joserfc import jwe
    from joserfc.errors import JoseError

    try:
        plaintext = jwe.decrypt_compact(text, key, registry=_of_others()).plaintext
        return None if plaintext is None else plaintext.decode()
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
