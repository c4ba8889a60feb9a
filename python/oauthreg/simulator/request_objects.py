"""Authorization requests that the application signs, read as a provider reads them.

Spec: RFC 9101; OpenID Connect Core 1.0 section 6.
"""

from collections.abc import Mapping
from typing import Any

from oauthreg.errors import InvalidKeyError, OAuthError, ResponseError
from oauthreg.jose import check_jwt_times, claim_text, is_shared, is_time, parse_own_jwt
from oauthreg.provider import Provider
from oauthreg.simulator.received import LEEWAY, Credentials, unrenamed

_LONGEST = 3600
"""Seconds: what FAPI 2.0 Message Signing section 5.3.1 allows."""
_OF_THE_JWT = ("iss", "aud", "exp", "nbf", "iat", "jti")


def opened_request(
    provider: Provider, credentials: Credentials, parameters: Mapping[str, str], now: float, *, is_pushed: bool = False
) -> dict[str, str]:
    """The parameters in a request object, by the standard's names: those beside it count for nothing.

    Where the definition says nothing of request objects, the parameters as they are. Raises ``OAuthError`` with
    ``invalid_request`` where there is none, or parameters stand beside one that ``is_pushed`` (RFC 9126 section 3), and
    ``invalid_request_object``.
    """
    algorithm = provider.oauth2.request_object_algorithm
    if algorithm is None:
        return dict(parameters)
    text = parameters.get("request")
    if not text:
        raise OAuthError("invalid_request", "This provider takes signed authorization requests alone (`request`).")
    key = credentials.client_secret if is_shared(algorithm) else credentials.private_key
    try:
        header, claims = parse_own_jwt(text, key, algorithm)
        check_jwt_times(claims, now, LEEWAY)
    except (ResponseError, InvalidKeyError) as error:
        raise _wrong(error.message) from None
    if str(header.get("typ", "")).lower().removeprefix("application/") not in ("oauth-authz-req+jwt", "jwt", ""):
        raise _wrong("its `typ` says that it is something else")
    _check_claims(provider, credentials, claims)
    told = unrenamed(provider.authorize, [(name, _text(claims[name])) for name in claims if name not in _OF_THE_JWT])
    if told.get("client_id") != parameters.get("client_id"):
        raise _wrong("it is of another application than the request")
    if is_pushed and (beside := sorted(told.keys() & parameters.keys() - {"client_id"})):
        names = ", ".join(f"`{name}`" for name in beside)
        raise OAuthError("invalid_request", f"Beside a pushed request object stands what belongs into it: {names}.")
    return told


def _check_claims(provider: Provider, credentials: Credentials, claims: Mapping[str, Any]) -> None:
    audiences = claims.get("aud")
    if claims.get("iss") != credentials.client_id:
        raise _wrong("its `iss` is not the application")
    if provider.oauth2.issuer not in (audiences if isinstance(audiences, list) else [audiences]):
        raise _wrong("its `aud` is not this provider's issuer")
    if not (is_time(claims.get("nbf")) and is_time(claims.get("exp"))) or claims["exp"] - claims["nbf"] > _LONGEST:
        raise _wrong("it does not say when it begins and ends, or is good for more than an hour")
    if "request" in claims or "request_uri" in claims:
        raise _wrong("there is another request in it")


def _text(value: Any) -> str:
    """A claim as the parameter that it stands for; of several texts the first."""
    if isinstance(value, list) and value and isinstance(value[0], str):
        value = value[0]
    return claim_text(value)


def _wrong(reason: str) -> OAuthError:
    return OAuthError("invalid_request_object", f"The request object cannot be used: {reason}.")
