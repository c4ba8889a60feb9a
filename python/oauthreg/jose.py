"""JSON Web Tokens: the thin wrap of joserfc, with an allow-list of algorithms for every call.

Spec: RFC 7519; RFC 8725 sections 3.1 and 3.2 (the verifier, not the token, chooses the algorithm).
"""

import base64
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from functools import cache, lru_cache
from typing import Any

from oauthreg.errors import InvalidKeyError, ResponseError, UnsupportedMethodError, UsageError
from oauthreg.jws import compact_signer, encode_segment, is_encodable, render_json
from oauthreg.signing import keys

LONGEST_JWT = 65536
"""Characters."""
_LEAST_RSA_BITS = 2048
_PARTS_OF_SIGNED = 3
_PARTS_OF_ENCRYPTED = 5
_AGREEING_CURVES = ("P-256", "P-384", "P-521", "X25519")
_OPERATIONS = {"sign": frozenset({"sign"}), "decrypt": frozenset({"decrypt", "unwrapKey", "deriveKey", "deriveBits"})}
"""What a key is for -> of its ``key_ops`` the ones that allow it. Spec: RFC 7517 section 4.3."""

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
    "Ed25519": ("OKP", "Ed25519"),
}
"""Algorithm -> (key type, curve). Spec: RFC 7518 section 3.1; RFC 8037; RFC 9864 (``Ed25519``)."""

ENCRYPTION_ALGORITHMS: dict[str, tuple[str, ...]] = {
    "RSA-OAEP": ("RSA",),
    "RSA-OAEP-256": ("RSA",),
    "ECDH-ES": ("EC", "OKP"),
    "ECDH-ES+A128KW": ("EC", "OKP"),
    "ECDH-ES+A192KW": ("EC", "OKP"),
    "ECDH-ES+A256KW": ("EC", "OKP"),
}
"""How the key of the content is sent to a public key -> the kinds of that key. ``RSA1_5`` is none: it tells an attacker
what he guesses (RFC 8725 section 3.2). Spec: RFC 7518 section 4.1; RFC 8037 section 3.2."""

PUBLIC_MEMBERS: dict[str, tuple[str, ...]] = {
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
    "RSA": ("e", "kty", "n"),
}
"""Key type -> the members of its public JWK, in the order of RFC 7638 section 3.2."""


def is_shared(algorithm: str) -> bool:
    """Whether an algorithm signs with a secret that both sides know."""
    return SIGNING_ALGORITHMS.get(algorithm, ("", ""))[0] == "oct"


def sign_jwt(
    claims: Mapping[str, Any],
    key: Any,
    algorithm: str,
    *,
    header: Mapping[str, Any] | None = None,
    passphrase: str | bytes | None = None,
) -> str:
    """A signed JWT in its compact form.

    ``key`` and ``passphrase`` are those of ``load_signing_key``. The ``kid`` of a JWK goes into the header unless the
    header has one; ``typ`` stands in it only if it is given. Raises ``InvalidKeyError``, ``UnsupportedMethodError`` for
    an unknown algorithm and ``UsageError`` for claims or a header that JSON or RFC 7515 cannot hold.

    Spec: RFC 7515 section 7.1.
    """
    given = header or {}
    payload = render_claims(claims)
    # A shared secret is kept by nobody but the client.
    if is_lasting(key) and not is_shared(algorithm) and all(type(value) is str for value in given.values()):
        return _kept_signer(key, algorithm, passphrase, *given.items())(payload)
    return make_signer(key, algorithm, header=given, passphrase=passphrase)(payload)


def render_claims(claims: Mapping[str, Any]) -> bytes:
    """The payload of a JWT. Raises ``UsageError`` for claims that JSON cannot hold. Spec: RFC 7519 section 3."""
    try:
        return render_json(claims)
    except (TypeError, ValueError):
        raise _unwritable() from None


def is_lasting(key: Any) -> bool:
    """Whether a key stays what it is: a file may change, and so may a mapping."""
    return isinstance(key, (str, bytes)) or hasattr(key, "private_bytes")


def make_signer(
    key: Any,
    algorithm: str,
    *,
    header: Mapping[str, Any] | None = None,
    passphrase: str | bytes | None = None,
) -> Callable[[bytes], str]:
    """A function from the octets of claims to a signed JWT, with key and header made ready once.

    Arguments and errors are those of ``sign_jwt``, which keeps such functions.
    """
    from joserfc.errors import JoseError

    private_key = load_signing_key(key, algorithm, passphrase).raw_value
    # A shared secret is a text like any other, also where it looks like a JWK.
    named = {} if is_shared(algorithm) else _kid(key)
    head = {"alg": algorithm, **named, **(header or {})}
    try:
        sign = compact_signer(head, private_key, algorithm)
        _registry().check_header(head)
    except (JoseError, TypeError, ValueError):
        raise _unwritable() from None
    if head["alg"] != algorithm or "b64" in head:  # RFC 7797 section 7: the payload of a JWT is encoded
        raise _unwritable()
    return sign


@lru_cache(maxsize=64)
def _kept_signer(
    key: Any, algorithm: str, passphrase: str | bytes | None, *header: tuple[str, str]
) -> Callable[[bytes], str]:
    return make_signer(key, algorithm, header=dict(header), passphrase=passphrase)


def generate_private_key_for(algorithm: str) -> str:
    """A fresh private key for a signing algorithm, as PEM text. Raises ``UnsupportedMethodError``."""
    kind, curve = SIGNING_ALGORITHMS.get(algorithm, ("", ""))
    if kind == "RSA":
        return keys.generate_private_key()
    if kind not in ("EC", "OKP"):
        raise UnsupportedMethodError(f"no private key signs with {algorithm!r}", code="unknown-algorithm")
    from joserfc.jwk import JWKRegistry

    made: Any = JWKRegistry.generate_key(kind, curve)
    return str(made.as_pem(private=True), "ascii")


def generate_private_jwk(algorithm: str) -> dict[str, str]:
    """A fresh private key for an algorithm that signs or encrypts, as a JWK with ``alg``, ``use`` and a ``kid``.

    Raises ``UnsupportedMethodError``. Spec: RFC 7517 section 4; RFC 7638 (the ``kid`` is its thumbprint).
    """
    from joserfc.jwk import JWKRegistry

    kinds = ENCRYPTION_ALGORITHMS.get(algorithm, SIGNING_ALGORITHMS.get(algorithm, ("", ""))[:1])
    if kinds[0] not in PUBLIC_MEMBERS:
        raise UnsupportedMethodError(f"no private key is for {str(algorithm)[:20]!r}", code="unknown-algorithm")
    curve = SIGNING_ALGORITHMS.get(algorithm, ("", ""))[1] or "P-256"
    use: Any = {"alg": algorithm, "use": "enc" if algorithm in ENCRYPTION_ALGORITHMS else "sig"}
    size = _LEAST_RSA_BITS if kinds[0] == "RSA" else curve
    made: Any = JWKRegistry.generate_key(kinds[0], size, use, auto_kid=True)
    return dict(made.as_dict(private=True))


def public_jwk_set(source: Any) -> dict[str, list[dict[str, Any]]]:
    """The public halves of a private key in any form, or of a JWK set of them: what a provider is given.

    A key without a ``kid`` has its thumbprint. Raises ``InvalidKeyError``. Spec: RFC 7517 sections 4 and 5.
    """
    return {"keys": [_public_half(key) for key in keys_in(source)]}


def _public_half(key: Any) -> dict[str, Any]:
    jwk = _jwk(key)
    if jwk is None:
        made = _wrapped(_load_private(key, None))
    elif jwk.get("kty") == "oct":
        raise InvalidKeyError("a shared secret has no public half", code="wrong-key-kind", hint="pass a private key")
    else:
        purpose = "decrypt" if jwk.get("use") == "enc" else "sign"
        made = _private_jwk({name: jwk[name] for name in jwk if name != "key_ops"}, purpose)
    given, known = jwk or {}, made.as_dict(private=False)
    public: dict[str, Any] = {name: known[name] for name in PUBLIC_MEMBERS[made.key_type]}
    return {
        **public,
        "kid": given.get("kid") or made.thumbprint(),
        **{name: given[name] for name in ("alg", "use") if name in given},
    }


def keys_in(source: Any) -> Iterator[Any]:
    """The keys in a JWK set, given as a mapping or JSON, or the one key. Raises ``InvalidKeyError``."""
    found = source
    if isinstance(source, (str, bytes)) and source.strip()[:1] in ("{", b"{"):
        try:
            found = json.loads(source)
        except (ValueError, RecursionError):
            found = None
    if not isinstance(found, Mapping) or "keys" not in found:
        yield source
        return
    listed = found["keys"]
    if not isinstance(listed, list) or not listed or not all(isinstance(key, Mapping) for key in listed):
        raise InvalidKeyError("the JWK set holds no keys", code="invalid-jwk", hint="`keys` lists private JWKs")
    yield from listed


def load_signing_key(key: Any, algorithm: str, passphrase: str | bytes | None = None) -> Any:
    """The key of the joserfc package for one algorithm, its kind and curve checked.

    ``key`` is a private key (PEM, DER, a JWK as text or mapping, a path object, a ``cryptography`` key object), or the
    shared secret as text for the HS algorithms. Raises ``InvalidKeyError`` for a key that cannot be read or does not
    fit the algorithm, and ``UnsupportedMethodError`` for an unknown algorithm.

    Spec: RFC 7518 sections 3.1 and 3.3; RFC 8725 section 3.1.
    """
    wanted = SIGNING_ALGORITHMS.get(algorithm)
    if wanted is None:
        raise UnsupportedMethodError(
            f"unknown signing algorithm: {str(algorithm)[:20]!r} (known: {', '.join(SIGNING_ALGORITHMS)})",
            code="unknown-algorithm",
        )
    kind = wanted[0]
    made = _shared_key(key) if kind == "oct" else _private_key(key, algorithm, passphrase)
    found = (made.key_type, getattr(made, "curve_name", ""))
    if found != wanted:
        raise _wrong_kind(algorithm, wanted, found)
    if kind == "RSA" and made.raw_value.key_size < _LEAST_RSA_BITS:
        raise InvalidKeyError(
            f"the RSA key is too short for a JWT: {made.raw_value.key_size} bits",
            code="short-key",
            hint="RFC 7518 section 3.3 wants at least 2048 bits",
        )
    return made


def _unwritable() -> UsageError:
    return UsageError(
        "the claims or the header of the JWT cannot be written",
        code="invalid-claims",
        hint="claims are what JSON knows; `kid`, `typ` and `alg` are text",
    )


@cache
def _registry() -> Any:
    """The algorithms of joserfc without its word about ``EdDSA``: providers still know it under no newer name."""
    from joserfc.jws import JWSRegistry

    class Registry(JWSRegistry):
        def get_alg(self, name: str) -> Any:
            return self.algorithms[name]

    return Registry(strict_check_header=False)


def _shared_key(key: Any) -> Any:
    from joserfc.jwk import OctKey

    if not isinstance(key, (str, bytes)):
        raise InvalidKeyError("an HS algorithm needs a shared secret as text", code="wrong-key-kind")
    if isinstance(key, str) and not is_encodable(key):
        raise InvalidKeyError(
            "the shared secret holds a lone surrogate, which UTF-8 cannot carry", code="wrong-key-kind"
        )
    octets = key.encode() if isinstance(key, str) else key
    if not octets:
        raise InvalidKeyError("an HS algorithm needs a shared secret, this one is empty", code="empty-secret")
    if b"-----BEGIN" in octets:
        raise InvalidKeyError(
            "an HS algorithm needs a shared secret, this is a PEM key",
            code="wrong-key-kind",
            hint="RFC 8725 section 3.1: never use a public key as a shared secret",
        )
    return OctKey(octets, octets)


def _private_key(key: Any, algorithm: str, passphrase: str | bytes | None) -> Any:
    from joserfc.errors import JoseError

    jwk = _jwk(key)
    if jwk is None:
        return _wrapped(_load_private(key, passphrase))
    if jwk.get("kty") == "oct":
        raise _wrong_kind(algorithm, SIGNING_ALGORITHMS[algorithm], ("oct", ""))
    made = _private_jwk(jwk, "sign")
    try:
        made.check_alg(algorithm)
    except JoseError:
        raise _unusable_jwk("sign") from None
    return made


def load_decryption_key(key: Any) -> tuple[Any, Mapping[str, Any]]:
    """The key of the joserfc package that opens what was encrypted to its public half, and what its JWK says of it.

    ``key`` is a private key as ``load_signing_key`` takes it: RSA, or on P-256, P-384, P-521 or X25519. Raises
    ``InvalidKeyError``.

    Spec: RFC 7518 section 4; RFC 8037 section 3.2.
    """
    jwk = _jwk(key)
    # Its members are judged here: joserfc knows fewer operations that open something.
    made = _wrapped(_load_private(key, None) if jwk is None else _private_jwk(jwk, "decrypt").raw_value)
    kind = made.key_type
    is_good = kind == "RSA" or (kind in ("EC", "OKP") and made.curve_name in _AGREEING_CURVES)
    if not is_good or (kind == "RSA" and made.raw_value.key_size < _LEAST_RSA_BITS):
        raise InvalidKeyError(
            "nothing is encrypted to a key of this kind",
            code="wrong-key-kind",
            hint="pass an RSA key of 2048 bits at least, or one on P-256, P-384, P-521 or X25519",
        )
    return made, jwk or {}


def _private_jwk(jwk: dict[str, Any], purpose: str) -> Any:
    """The key of the joserfc package in a private JWK whose members allow to ``sign`` or to ``decrypt``."""
    from joserfc.errors import JoseError

    try:
        made = _imported(json.dumps(jwk, sort_keys=True))
        if made.is_private:
            made.check_use({"sign": "sig", "decrypt": "enc"}[purpose])
        operations = jwk.get("key_ops")
        is_allowed = operations is None or not _OPERATIONS[purpose].isdisjoint(operations)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise _unusable_jwk(purpose) from None
    if not made.is_private:
        raise InvalidKeyError(
            f"a private key is needed to {purpose}, this is a public JWK",
            code="not-a-private-key",
            hint="pass the matching private key",
        )
    if not is_allowed:
        raise _unusable_jwk(purpose)
    return made


def _unusable_jwk(purpose: str) -> InvalidKeyError:
    return InvalidKeyError(
        f"the JWK cannot be used to {purpose}",
        code="invalid-jwk",
        hint="check `kty` and its members; `use`, `alg` and `key_ops`, where they are there, must allow it",
    )


# Importing an RSA key takes far longer than a signature: it is done once for each key.
@lru_cache(maxsize=64)
def _imported(jwk: str) -> Any:
    from joserfc.jwk import JWKRegistry

    values = json.loads(jwk)
    kind: Any = JWKRegistry.key_types[values["kty"]]
    kind.validate_dict_key(values)
    return kind(kind.binding.import_from_dict(values), values)


@lru_cache(maxsize=64)
def _wrapped(key: Any) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    if isinstance(key, rsa.RSAPrivateKey):
        return RSAKey(keys.load_private_key(key), key)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return ECKey(key, key)
    made = OKPKey(key, key)
    try:
        _ = made.curve_name
    except ValueError:
        raise InvalidKeyError(
            f"a key of this kind signs no JWT: {type(key).__name__.lstrip('_')}",
            code="wrong-key-kind",
            hint="pass an RSA key, or one on an elliptic curve",
        ) from None
    return made


def _wrong_kind(algorithm: str, wanted: tuple[str, str], found: tuple[str, str]) -> InvalidKeyError:
    needed, given = (f"{kind} on {curve}" if curve else kind for kind, curve in (wanted, found))
    return InvalidKeyError(
        f"{algorithm} needs a key of the kind {needed}, this is one of the kind {given}",
        code="wrong-key-kind",
        hint="change the algorithm, or pass another key",
    )


def _load_private(key: Any, passphrase: str | bytes | None) -> Any:
    if not passphrase:
        return keys.load_private_key_of_any_kind(key)
    try:
        keys.load_private_key_of_any_kind(key)
    except InvalidKeyError:
        return keys.load_private_key_of_any_kind(key, passphrase)
    raise InvalidKeyError(
        "a passphrase was given and the private key is not encrypted",
        code="passphrase-needless",
        hint="leave the passphrase out, or pass the key that it belongs to",
    )


def _jwk(key: Any) -> dict[str, Any] | None:
    """The mapping of a JWK that is given as one, or as JSON text."""
    if isinstance(key, Mapping):
        return dict(key)
    if not isinstance(key, (str, bytes)) or key.strip()[:1] not in ("{", b"{"):
        return None
    try:
        return dict(json.loads(key))
    except (ValueError, RecursionError):
        raise InvalidKeyError("the JWK is no JSON", code="invalid-jwk") from None


def _kid(key: Any) -> dict[str, str]:
    kid = (_jwk(key) or {}).get("kid")
    return {"kid": kid} if isinstance(kid, str) and kid else {}


def parse_unverified_jwt(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the claims of a JWT whose signature is **not** checked.

    For a JWT that came over a channel which itself proves where it is from. Raises ``ResponseError`` for a text that is
    no signed JWT: malformed, encrypted, or with the algorithm ``none``.
    """
    if not isinstance(text, str):
        raise refused_jwt("it is no text", "jwt-malformed")
    if len(text) > LONGEST_JWT:
        raise refused_jwt("it is too long", "jwt-too-long")
    pieces = text.split(".")
    if is_encrypted(text):
        raise refused_jwt(
            "it is encrypted, and there is no key that opens it", "jwt-encrypted", "pass `decryption_key=`"
        )
    if len(pieces) != _PARTS_OF_SIGNED:
        raise refused_jwt("its form is wrong", "jwt-malformed")
    header, claims = (_json_part(piece) for piece in pieces[:2])
    if not isinstance(algorithm := header.get("alg", "none"), str):
        raise refused_jwt("its form is wrong", "jwt-malformed")
    if algorithm.lower() == "none" or not pieces[2]:
        raise refused_jwt("it is not signed", "jwt-unsigned")
    return header, claims


def is_encrypted(text: str) -> bool:
    """Whether a JWT has the form of an encrypted one. Spec: RFC 7516 section 3."""
    return text.count(".") == _PARTS_OF_ENCRYPTED - 1


def claim_text(value: Any) -> str:
    """A claim as the parameter that it stands for: text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def parse_unverified_header(text: str) -> dict[str, Any]:
    """The header of a JWS or JWE in its compact form, which is **not** checked. Raises ``ResponseError``."""
    return _json_part(text.partition(".")[0])


def _json_part(piece: str) -> dict[str, Any]:
    try:
        value = json.loads(base64.b64decode(piece + "=" * (-len(piece) % 4), altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise refused_jwt("its form is wrong", "jwt-malformed")
    return value


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

    if len(text) > LONGEST_JWT:
        raise refused_jwt("it is too long", "jwt-too-long")
    try:
        claims = jwt.decode(text, _shared_key(secret), algorithms=list(algorithms)).claims
    except (JoseError, ValueError, TypeError, RecursionError):
        raise refused_jwt("its signature or form is wrong", "jwt-signature") from None
    check_jwt_times(claims, now, leeway)
    if audience is not None:
        named = claims.get("aud")
        if audience not in (named if isinstance(named, list) else [named]):
            raise refused_jwt("it is meant for another audience", "jwt-audience")
    if issuer is not None and claims.get("iss") != issuer:
        raise refused_jwt("it comes from another issuer", "jwt-issuer")
    return dict(claims)


def parse_own_jwt(text: str, key: Any, algorithm: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the claims of a JWT that was signed with this very key; times and audience are not checked.

    ``key`` is that of ``load_signing_key``. Raises ``ResponseError`` for any other JWT, and for another algorithm.
    """
    from joserfc import jwt
    from joserfc.errors import JoseError

    try:
        found = jwt.decode(text, load_signing_key(key, algorithm), algorithms=[algorithm], registry=_registry())
    except (JoseError, ValueError, TypeError, RecursionError):
        raise refused_jwt("its signature or form is wrong", "jwt-signature") from None
    return dict(found.header), dict(found.claims)


def parse_jwt_of_its_own_key(text: str, algorithms: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the claims of a JWT that is signed with the public key in its header (``jwk``).

    That proves only that whoever made it holds the private key: whose key it is must be known otherwise. Raises
    ``ResponseError`` for any other JWT, for an algorithm that is not among ``algorithms``, and for a private or shared
    key in the header. Spec: RFC 7515 section 4.1.3; RFC 9449 section 4.3.
    """
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import JWKRegistry

    header, _ = parse_unverified_jwt(text)
    jwk, algorithm = header.get("jwk"), str(header.get("alg"))
    kinds = {SIGNING_ALGORITHMS[name] for name in algorithms if name == algorithm}
    if not isinstance(jwk, dict) or jwk.get("kty") not in [kind for kind, _ in kinds]:
        raise refused_jwt("its algorithm or its key is not accepted", "jwt-signature")
    try:
        key: Any = JWKRegistry.import_key(jwk)
        if key.is_private or (key.key_type, getattr(key, "curve_name", "")) not in kinds:
            raise refused_jwt("its key is not a public one for its algorithm", "jwt-signature")
        found = jwt.decode(text, key, algorithms=[algorithm], registry=_wide_registry())
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise refused_jwt("its signature or form is wrong", "jwt-signature") from None
    return dict(found.header), dict(found.claims)


def is_signed_with(text: str, key: Mapping[str, Any], algorithm: str) -> bool:
    """Whether a JWT is signed by the private half of this public JWK; a key that cannot be used has signed nothing.

    Neither times nor claims are checked. Spec: RFC 7515 section 5.2; RFC 8725 sections 3.1 and 3.2.
    """
    from joserfc.errors import JoseError

    wanted = SIGNING_ALGORITHMS.get(algorithm)
    try:
        public = _imported(json.dumps({name: key[name] for name in PUBLIC_MEMBERS[key["kty"]]}))
        if (public.key_type, getattr(public, "curve_name", "")) != wanted:
            return False
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False
    if public.key_type == "RSA" and public.raw_value.key_size < _LEAST_RSA_BITS:
        return False
    return _is_signed(text, public, algorithm)


def is_signed_with_secret(text: str, secret: str, algorithm: str) -> bool:
    """Whether a JWT is signed with this shared secret. Raises ``InvalidKeyError`` for an empty one, and for a key."""
    return is_shared(algorithm) and _is_signed(text, _shared_key(secret), algorithm)


def _is_signed(text: str, key: Any, algorithm: str) -> bool:
    from joserfc import jws
    from joserfc.errors import JoseError

    try:
        found = jws.deserialize_compact(text, key, algorithms=[algorithm], registry=_wide_registry())
    except (JoseError, ValueError, TypeError, RecursionError):
        return False
    # The header may not say that it is read otherwise than here: what is signed must be what is read.
    return found.protected.get("alg") == algorithm and "crit" not in found.protected and "b64" not in found.protected


def half_hash(text: str, algorithm: str) -> str:
    """The left half of a text's digest in base64url, as ``at_hash`` has it; the algorithm is that of the ID token.

    Empty for an algorithm that is not known. Spec: OpenID Connect Core 1.0 section 3.1.3.6.
    """
    if algorithm not in SIGNING_ALGORITHMS:
        return ""
    name = f"sha{algorithm[2:]}" if algorithm[2:] in ("256", "384", "512") else "sha512"  # that of Ed25519
    digest = hashlib.new(name, text.encode("utf-8", "surrogatepass")).digest()
    return encode_segment(digest[: len(digest) // 2]).decode()


@cache
def _wide_registry() -> Any:
    """As ``_registry``, for headers that hold a key."""
    made = copy(_registry())
    made.max_header_length = LONGEST_JWT
    return made


def check_jwt_times(claims: Mapping[str, Any], now: float, leeway: int) -> None:
    """Raises ``ResponseError`` where ``exp``, ``nbf`` or ``iat`` is there and does not fit ``now``."""
    for name in ("exp", "nbf", "iat"):
        value = claims.get(name)
        if value is not None and not is_time(value):
            raise refused_jwt(f"its `{name}` is no time", "jwt-time")
    if claims.get("exp") is not None and claims["exp"] + leeway < now:
        raise refused_jwt("it has expired", "jwt-expired")
    if any(claims.get(name) is not None and claims[name] - leeway > now for name in ("nbf", "iat")):
        raise refused_jwt("it is from the future", "jwt-time")


def is_time(value: Any) -> bool:
    """Whether a claim is a moment, in seconds since 1970. Spec: RFC 7519 section 2."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def refused_jwt(reason: str, code: str, hint: str = "") -> ResponseError:
    """What is raised for a JWT that cannot be trusted."""
    return ResponseError(f"the JWT cannot be trusted: {reason}", code=code, hint=hint)
