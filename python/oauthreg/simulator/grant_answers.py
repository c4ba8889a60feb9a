"""What a simulated provider does with a token request: one function for each grant.

Spec: RFC 6749 section 4; RFC 7523; RFC 7522; RFC 8628; RFC 8693.
"""

import base64
import hmac
from collections.abc import Callable, Mapping
from typing import TypeAlias

from oauthreg.errors import InvalidKeyError, OAuthError, ResponseError, UsageError
from oauthreg.jose import check_jwt_times, is_shared, parse_own_jwt
from oauthreg.legs import endpoint
from oauthreg.oauth2.authorize import code_challenge
from oauthreg.oauth2.grants import GRANT_TYPES
from oauthreg.oauth2.grants.token_exchange import TOKEN_TYPES
from oauthreg.provider import Leg, Provider
from oauthreg.simulator.client_proofs import client_auth_of
from oauthreg.simulator.oauth2_state import Issued
from oauthreg.simulator.received import LEEWAY
from oauthreg.simulator.token_request import TokenRequest

_BY_TYPE = {value: name for name, value in GRANT_TYPES.items()}
_TELLING = {"refresh_token": "refresh_token", "device_code": "device_code", "code": "authorization_code"}
"""A parameter -> the grant of a request in which the provider has no `grant_type` of the standard."""

Answer: TypeAlias = Callable[[TokenRequest], Issued]
"""Gives the token for a good request and raises ``OAuthError`` for any other."""


def grant_of(provider: Provider, leg: Leg, parameters: Mapping[str, str]) -> str:
    """The grant that a request is for.

    Raises ``OAuthError`` with ``unsupported_grant_type`` for one that the definition does not name.
    """
    grant = _grant_named(leg, parameters)
    if grant is None or grant not in (*provider.oauth2.grants, "refresh_token", "token_exchange"):
        given = str(parameters.get("grant_type"))
        raise OAuthError("unsupported_grant_type", f"the definition names no such grant: {given[:60]!r}")
    return grant


def is_renewal(leg: Leg, parameters: Mapping[str, str]) -> bool:
    """Whether a request of a leg renews a token."""
    return "refresh_token" in parameters and _grant_named(leg, parameters) == "refresh_token"


def _grant_named(leg: Leg, parameters: Mapping[str, str]) -> str | None:
    """The grant that a request names, or by what it brings where its leg has words of its own."""
    own_words = not leg.rename.get("grant_type", "grant_type") or any(name == "grant_type" for name, _ in leg.params)
    grant = _BY_TYPE.get(parameters.get("grant_type", ""))
    if own_words:
        return next((grant for name, grant in _TELLING.items() if name in parameters), grant or "client_credentials")
    return grant


def _authorization_code(request: TokenRequest) -> Issued:
    found = request.state.redeem(request.needed("code"), request.now)
    authorization = found.authorization
    if request.leg.rename.get("redirect_uri", "redirect_uri") and (
        request.parameters.get("redirect_uri") != authorization.redirect_uri
    ):
        raise OAuthError("invalid_grant", "`redirect_uri` is not the one of the authorization request")
    _check_verifier(request, authorization.code_challenge, authorization.code_challenge_method)
    if authorization.dpop_jkt not in (None, request.dpop_jkt):
        raise OAuthError("invalid_grant", "the code is bound to another DPoP key than the request proves")
    return request.state.issue(
        authorization.scope,
        request.now,
        family=found.family,
        renewable=request.renewable,
        nonce=authorization.nonce,
        auth_time=authorization.auth_time,
    )


def _check_verifier(request: TokenRequest, challenge: str | None, method: str) -> None:
    """Spec: RFC 7636 section 4.6; RFC 9700 section 4.8.2 for a verifier that nobody announced."""
    verifier = request.parameters.get("code_verifier")
    if challenge is None:
        if verifier is not None:
            raise OAuthError("invalid_grant", "there is a code verifier, and the login began without a challenge")
        return
    if verifier is None:
        raise OAuthError("invalid_grant", "the code verifier is missing")
    try:
        made = code_challenge(verifier, method, request.provider.oauth2.pkce_encoding)
    except UsageError as error:
        raise OAuthError("invalid_request", error.message) from None
    if not hmac.compare_digest(made.encode(), challenge.encode()):
        raise OAuthError("invalid_grant", "the code verifier does not fit the challenge")


def _refresh_token(request: TokenRequest) -> Issued:
    if request.provider.oauth2.refresh_with == "access_token":
        old = request.state.find(request.needed("refresh_token"), request.now)
        if old is None:
            raise OAuthError("invalid_grant", "the token that should be renewed is not good")
        return request.state.issue(old.scope, request.now, family=old.family, auth_time=old.auth_time)
    old = request.state.find(request.needed("refresh_token"), request.now)
    is_public = client_auth_of(request.provider, request.leg) == "none"
    if old is not None and is_public and old.dpop_jkt not in (None, request.dpop_jkt):  # RFC 9449 section 5
        raise OAuthError("invalid_grant", "the refresh token is bound to another DPoP key than the request proves")
    return request.state.renew(request.needed("refresh_token"), request.now, request.scope or None)


def _client_credentials(request: TokenRequest) -> Issued:
    return request.state.issue(request.scope, request.now)


def _password(request: TokenRequest) -> Issued:
    request.needed("username")
    request.needed("password")
    return request.state.issue(request.scope, request.now, renewable=request.renewable)


def _device_code(request: TokenRequest) -> Issued:
    device = request.state.poll(request.needed("device_code"), request.now)
    return request.state.issue(device.scope, request.now, renewable=request.renewable)


def _jwt_bearer(request: TokenRequest) -> Issued:
    """Spec: RFC 7523 section 3."""
    settings = request.provider.oauth2.assertion
    key = request.credentials.client_secret if is_shared(settings.algorithm) else request.credentials.private_key
    try:
        _, claims = parse_own_jwt(request.needed("assertion"), key, settings.algorithm)
        check_jwt_times(claims, request.now, LEEWAY)
    except (ResponseError, InvalidKeyError) as error:
        raise OAuthError("invalid_grant", f"the assertion is not accepted: {error.message}") from None
    fixed = {name: value for name, value in settings.claims.items() if not hasattr(value, "render")}
    audience = settings.audience or endpoint(request.provider, "token")
    wanted = {"iss": request.credentials.client_id, "aud": audience, **fixed}
    for name, value in wanted.items():
        if not hasattr(value, "render") and claims.get(name) != value:
            raise OAuthError("invalid_grant", f"the claim is missing or differs: {name}")
    if not 0 < (claims.get("exp") or 0) - (claims.get("iat") or 0) <= (settings.max_lifetime or settings.lifetime):
        raise OAuthError("invalid_grant", "the assertion lives too long")
    if not request.state.is_new_assertion(str(claims.get("jti"))):
        raise OAuthError("invalid_grant", "the assertion was used before")
    return request.state.issue(request.scope or str(claims.get("scope") or ""), request.now)


def _saml2_bearer(request: TokenRequest) -> Issued:
    """Spec: RFC 7522 section 2.1: the assertion is XML in base64url. Its signature is nobody's here."""
    text = request.needed("assertion")
    try:
        is_xml = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).lstrip()[:1] == b"<"
    except ValueError:
        is_xml = False
    if not is_xml:
        raise OAuthError("invalid_grant", "the assertion is no SAML assertion in base64url")
    return request.state.issue(request.scope, request.now)


def _token_exchange(request: TokenRequest) -> Issued:
    """Spec: RFC 8693 section 2.1: a token of this provider must be good; others are taken as they are."""
    token, kind = request.needed("subject_token"), request.needed("subject_token_type")
    if kind not in TOKEN_TYPES.values():
        raise OAuthError("invalid_request", f"the type of the subject token is unknown: {kind[:80]!r}")
    if kind in (TOKEN_TYPES["access_token"], TOKEN_TYPES["refresh_token"]):
        found = request.state.find(token, request.now)
        if found is None:
            raise OAuthError("invalid_request", "the subject token is not good")
        return request.state.issue(request.scope or found.scope, request.now, family=found.family)
    return request.state.issue(request.scope, request.now)


GRANT_ANSWERS: dict[str, Answer] = {
    "authorization_code": _authorization_code,
    "client_credentials": _client_credentials,
    "device_code": _device_code,
    "jwt_bearer": _jwt_bearer,
    "password": _password,
    "refresh_token": _refresh_token,
    "saml2_bearer": _saml2_bearer,
    "token_exchange": _token_exchange,
}
"""Grant -> what gives its token."""
