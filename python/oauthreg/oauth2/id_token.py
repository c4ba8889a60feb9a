"""The claims of an ID token that came from the token endpoint itself.

TLS has proven where it is from, so its signature is not checked. An ID token from anywhere else must not be read here.

Spec: OpenID Connect Core 1.0 section 3.1.3.7.
"""

from collections.abc import Mapping
from typing import Any

from oauthreg.errors import ResponseError, UsageError
from oauthreg.jose import check_jwt_times, parse_unverified_jwt
from oauthreg.oauth2.issuer import is_issuer, knows_issuer
from oauthreg.provider import Provider


def parse_id_token(
    provider: Provider, text: str, *, client_id: str, now: float, nonce: str | None = None
) -> dict[str, Any]:
    """The claims of an ID token, checked as it is received: algorithm, issuer, audience, party, times, subject, nonce.

    ``nonce`` is the one of the authorization request (``None``: none was sent, as on a renewal). ``now`` is in seconds
    since 1970. Raises ``ResponseError`` whose ``.code`` says which check failed, and
    ``UsageError`` (``issuer-unknown``) for a provider without issuer.
    """
    claims = read_id_token(provider, text, client_id=client_id)
    for name in ("exp", "iat"):
        if claims.get(name) is None:
            raise _refused(f"it holds no `{name}`", "id-token-incomplete")
    check_jwt_times(claims, now, provider.oauth2.id_token_leeway)
    if nonce is not None and claims.get("nonce") != nonce:
        raise _refused("it answers another login: its `nonce` differs", "id-token-nonce")
    return claims


def read_id_token(provider: Provider, text: str, *, client_id: str) -> dict[str, Any]:
    """The claims of an ID token that is kept, checked but for its times and its nonce: it may have expired since.

    Raises as ``parse_id_token``.
    """
    settings = provider.oauth2
    if not knows_issuer(settings):
        raise UsageError(
            f"the ID token of {provider.name} cannot be checked: its issuer is not known",
            code="issuer-unknown",
            hint="add `issuer` to the definition",
        )
    header, claims = parse_unverified_jwt(text)
    _check_algorithm(header.get("alg"), settings.id_token_algorithms)
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or not is_issuer(settings, issuer, claims):
        raise _refused("it comes from another issuer", "id-token-issuer")
    _check_audience(claims, client_id, settings.trusted_audiences)
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise _refused("it names no subject", "id-token-incomplete")
    return claims


def _check_algorithm(algorithm: Any, allowed: tuple[str, ...]) -> None:
    """A token that is signed otherwise than its issuer signs is somebody else's."""
    if allowed and algorithm not in allowed:
        raise _refused("it is not signed as this provider signs", "id-token-algorithm")


def _check_audience(claims: Mapping[str, Any], client_id: str, trusted: tuple[str, ...]) -> None:
    named = claims.get("aud")
    audiences = named if isinstance(named, list) else [named]
    if client_id not in audiences:
        raise _refused("it is meant for another client", "id-token-audience")
    if any(audience != client_id and audience not in trusted for audience in audiences):
        raise _refused("it is meant for others as well, who are not trusted", "id-token-audience")
    party = claims.get("azp")
    if party is not None and party != client_id and party not in trusted:
        raise _refused("it was issued to another client (`azp`)", "id-token-party")


def _refused(reason: str, code: str) -> ResponseError:
    return ResponseError(f"the ID token cannot be trusted: {reason}", code=code)
