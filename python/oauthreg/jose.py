"""JSON Web Tokens: the thin wrap of joserfc, with an allow-list of algorithms for every call.

Spec: RFC 7519; RFC 8725 sections 3.1 and 3.2 (the verifier, not the token, chooses the algorithm).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from oauthreg.errors import InvalidKeyError, ResponseError, UnsupportedMethodError
from oauthreg.signing import keys

_LONGEST = 65536

SIGNING_ALGORITHMS: dict[str, tuple[str, str]] = {
    "HS256": ("oct", ""),
    "HS384": ("oct", ""),
    "HS512": ("oct", ""),
    "RS256": ("RSA", ""),
    "RS384": ("RSA", ""),
    "RS512": ("RSA", ""),
    "PS256": ("RSA", ""),
    "PS384": ("RSA", ""),
    "PS512": ("RSA", ""),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}
"""Algorithm -> (key type, curve). Spec: RFC 7518 section 3.1; RFC 8037."""


def sign_jwt(
    claims: Mapping[str, Any],
    key: Any,
    algorithm: str,
    *,
    header: Mapping[str, Any] | None = None,
    passphrase: str | bytes | None = None,
) -> str:
    """A signed JWT in its compact form.

    ``key`` is a private key (PEM, DER, a JWK as text or mapping, a path object, a ``cryptography`` key object), or the
    shared secret for the HS algorithms. Raises ``InvalidKeyError`` for a key that does not fit the algorithm and
    ``UnsupportedMethodError`` for an unknown algorithm. Spec: RFC 7515 section 7.1.
    """
    from joserfc import jwt

    loaded = load_signing_key(key, algorithm, passphrase)
    return jwt.encode({"alg": algorithm, **(header or {})}, dict(claims), loaded, algorithms=[algorithm])


def load_signing_key(key: Any, algorithm: str, passphrase: str | bytes | None = None) -> Any:
    """The key of the joserfc package for one algorithm, its kind and curve checked. Raises ``InvalidKeyError``."""
    wanted = SIGNING_ALGORITHMS.get(algorithm)
    if wanted is None:
        raise UnsupportedMethodError(
            f"unknown signing algorithm: {str(algorithm)[:20]!r} (known: {', '.join(SIGNING_ALGORITHMS)})",
            code="unknown-algorithm",
        )
    kind, curve = wanted
    made = _shared_key(key) if kind == "oct" else _private_key(key, passphrase)
    found = (made.key_type, getattr(made, "curve_name", ""))
    if found != wanted:
        raise InvalidKeyError(
            f"{algorithm} needs a key of the kind {kind}{f' on {curve}' if curve else ''}, this is one of the kind "
            f"{found[0]}{f' on {found[1]}' if found[1] else ''}",
            code="wrong-key-kind",
            hint="change the algorithm, or pass another key",
        )
    return made


def _shared_key(key: Any) -> Any:
    from joserfc.jwk import OctKey

    if not isinstance(key, (str, bytes)):
        raise InvalidKeyError("an HS algorithm needs a shared secret as text", code="wrong-key-kind")
    octets = key.encode() if isinstance(key, str) else key
    if b"-----BEGIN" in octets:
        raise InvalidKeyError(
            "an HS algorithm needs a shared secret, this is a PEM key",
            code="wrong-key-kind",
            hint="RFC 8725 section 3.1: never use a public key as a shared secret",
        )
    return OctKey.import_key(octets)


def _private_key(key: Any, passphrase: str | bytes | None) -> Any:
    from cryptography.hazmat.primitives import serialization
    from joserfc.errors import JoseError
    from joserfc.jwk import JWKRegistry

    jwk = _jwk(key)
    try:
        if jwk is not None:
            made = JWKRegistry.import_key(jwk)
        else:
            loaded = keys.load_private_key_of_any_kind(key, passphrase)
            pem = loaded.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            made = JWKRegistry.import_key(pem, key_type=_kind_of(loaded))
    except (JoseError, ValueError, TypeError, KeyError):
        raise InvalidKeyError("the private key cannot be used for a JWT", code="invalid-key") from None
    if not made.is_private:
        raise InvalidKeyError(
            "a private key is needed to sign, this is a public key",
            code="not-a-private-key",
            hint="pass the matching private key",
        )
    return made


def _jwk(key: Any) -> Any:
    """The mapping of a JWK that is given as one, or as JSON text."""
    if isinstance(key, Mapping):
        return dict(key)
    if isinstance(key, (str, bytes)) and key.strip()[:1] in ("{", b"{"):
        try:
            return json.loads(key)
        except ValueError:
            raise InvalidKeyError("the JWK is no JSON", code="invalid-key") from None
    return None


def _kind_of(key: Any) -> str:
    numbers = hasattr(key, "private_numbers")
    if not numbers:
        return "OKP"
    return "RSA" if hasattr(key.private_numbers(), "dmp1") else "EC"


def parse_hmac_jwt(
    text: str,
    *,
    secret: str,
    algorithms: Sequence[str],
    audience: str | None,
    issuer: str | None,
    now: float,
    leeway: int = 60,
) -> dict[str, Any]:
    """The claims of a JWT signed with a shared secret, checked: signature, ``exp``, ``nbf``, ``iat``, ``aud``, ``iss``.

    ``algorithms`` is the allow-list (HS256, HS384, HS512); ``now`` is in seconds since 1970, ``leeway`` in seconds.
    Raises ``ResponseError`` with a ``.code`` that says which check failed. Spec: RFC 7519 section 7.2.
    """
    # joserfc pulls in cryptography: only who reads a JWT pays for that.
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import OctKey

    if len(text) > _LONGEST:
        raise _refused("it is too long", "jwt-too-long")
    try:
        claims = jwt.decode(text, OctKey.import_key(secret), algorithms=list(algorithms)).claims
    except (JoseError, ValueError, TypeError):
        raise _refused("its signature or form is wrong", "jwt-signature") from None
    _check_times(claims, now, leeway)
    if audience is not None:
        named = claims.get("aud")
        if audience not in (named if isinstance(named, list) else [named]):
            raise _refused("it is meant for another audience", "jwt-audience")
    if issuer is not None and claims.get("iss") != issuer:
        raise _refused("it comes from another issuer", "jwt-issuer")
    return dict(claims)


def _check_times(claims: dict[str, Any], now: float, leeway: int) -> None:
    for name in ("exp", "nbf", "iat"):
        value = claims.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise _refused(f"its `{name}` is no time", "jwt-time")
    if claims.get("exp") is not None and claims["exp"] + leeway < now:
        raise _refused("it has expired", "jwt-expired")
    if any(claims.get(name) is not None and claims[name] - leeway > now for name in ("nbf", "iat")):
        raise _refused("it is from the future", "jwt-time")


def _refused(reason: str, code: str) -> ResponseError:
    return ResponseError(f"the JWT cannot be trusted: {reason}", code=code)
