"""JSON Web Tokens: the thin wrap of joserfc, with an allow-list of algorithms for every call.

Spec: RFC 7519; RFC 8725 sections 3.1 and 3.2 (the verifier, not the token, chooses the algorithm).
"""

from collections.abc import Sequence
from typing import Any

from oauthreg.errors import ResponseError

_LONGEST = 65536


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
