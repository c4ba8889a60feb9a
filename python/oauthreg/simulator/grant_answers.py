"""What a simulated provider does with a token request: one function for each grant.

Spec: RFC 6749 section 4; RFC 7523; RFC 7522; RFC 8628; RFC 8693.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from oauthreg.errors import InvalidKeyError, OAuthError, ResponseError, UsageError
from oauthreg.jose import check_jwt_times, parse_own_jwt
from oauthreg.legs import endpoint
from oauthreg.oauth2.authorize import code_challenge, split_scope
from oauthreg.oauth2.grants import GRANT_TYPES
from oauthreg.oauth2.grants.token_exchange import TOKEN_TYPES
from oauthreg.provider import Leg, Provider
from oauthreg.simulator.oauth2_state import Issued, OAuth2State
from oauthreg.simulator.received import Credentials

_BY_TYPE = {value: name for name, value in GRANT_TYPES.items()}
_TELLING = {"refresh_token": "refresh_token", "device_code": "device_code", "code": "authorization_code"}
"""A parameter -> the grant of a request in which the provider has no `grant_type` of the standard."""
_LEEWAY = 60


@dataclass(frozen=True, slots=True)
class Asked:
    """A token request whose client is known; ``parameters`` go by the standard's names. ``now`` is in seconds."""

    provider: Provider
    credentials: Credentials
    state: OAuth2State
    leg: Leg
    parameters: Mapping[str, str] = field(repr=False)
    now: float

    def needed(self, name: str) -> str:
        """The value of a parameter. Raises ``OAuthError`` with ``invalid_request`` when it is missing."""
        value = self.parameters.get(name)
        if not value:
            raise OAuthError("invalid_request", f"the parameter is missing: {name}")
        return value

    @property
    def scope(self) -> str:
        """The scopes that are asked for, separated by blanks."""
        return " ".join(split_scope(self.provider, self.parameters.get(self.provider.scopes.parameter, "")))

    @property
    def renewable(self) -> bool:
        """Whether tokens of this provider can be renewed."""
        return "refresh_token" in self.provider.oauth2.grants


Answer: TypeAlias = Callable[[Asked], Issued]
"""Gives the token for a good request and raises ``OAuthError`` for any other."""


def grant_of(provider: Provider, leg: Leg, parameters: Mapping[str, str]) -> str:
    """The grant that a request is for.

    Raises ``OAuthError`` with ``unsupported_grant_type`` for one that the definition does not name.
    """
    given = parameters.get("grant_type")
    own_words = not leg.rename.get("grant_type", "grant_type") or any(name == "grant_type" for name, _ in leg.params)
    grant = _BY_TYPE.get(given or "")
    if own_words:
        grant = next((grant for name, grant in _TELLING.items() if name in parameters), grant or "client_credentials")
    if grant is None or grant not in (*provider.oauth2.grants, "refresh_token", "token_exchange"):
        raise OAuthError("unsupported_grant_type", f"the definition names no such grant: {str(given)[:60]!r}")
    return grant


def _authorization_code(asked: Asked) -> Issued:
    found = asked.state.redeem(asked.needed("code"), asked.now)
    authorization = found.authorization
    if asked.leg.rename.get("redirect_uri", "redirect_uri") and (
        asked.parameters.get("redirect_uri") != authorization.redirect_uri
    ):
        raise OAuthError("invalid_grant", "`redirect_uri` is not the one of the authorization request")
    _check_verifier(asked, authorization.code_challenge, authorization.code_challenge_method)
    return asked.state.issue(
        authorization.scope,
        asked.now,
        family=found.family,
        renewable=asked.renewable,
        nonce=authorization.nonce,
    )


def _check_verifier(asked: Asked, challenge: str | None, method: str) -> None:
    """Spec: RFC 7636 section 4.6; RFC 9700 section 4.8.2 for a verifier that nobody announced."""
    verifier = asked.parameters.get("code_verifier")
    if challenge is None:
        if verifier is not None:
            raise OAuthError("invalid_grant", "there is a code verifier, and the login began without a challenge")
        return
    if verifier is None:
        raise OAuthError("invalid_grant", "the code verifier is missing")
    try:
        made = code_challenge(verifier, method, asked.provider.oauth2.pkce_encoding)
    except UsageError as error:
        raise OAuthError("invalid_request", error.message) from None
    if not hmac.compare_digest(made.encode(), challenge.encode()):
        raise OAuthError("invalid_grant", "the code verifier does not fit the challenge")


def _refresh_token(asked: Asked) -> Issued:
    return asked.state.renew(asked.needed("refresh_token"), asked.now, asked.scope or None)


def _client_credentials(asked: Asked) -> Issued:
    return asked.state.issue(asked.scope, asked.now)


def _password(asked: Asked) -> Issued:
    asked.needed("username")
    asked.needed("password")
    return asked.state.issue(asked.scope, asked.now, renewable=asked.renewable)


def _device_code(asked: Asked) -> Issued:
    device = asked.state.poll(asked.needed("device_code"), asked.now)
    return asked.state.issue(device.scope, asked.now, renewable=asked.renewable)


def _jwt_bearer(asked: Asked) -> Issued:
    """Spec: RFC 7523 section 3."""
    settings = asked.provider.oauth2.assertion
    is_shared = settings.algorithm.startswith("HS")
    key = asked.credentials.client_secret if is_shared else asked.credentials.private_key
    try:
        _, claims = parse_own_jwt(asked.needed("assertion"), key, settings.algorithm)
        check_jwt_times(claims, asked.now, _LEEWAY)
    except (ResponseError, InvalidKeyError) as error:
        raise OAuthError("invalid_grant", f"the assertion is not accepted: {error.message}") from None
    fixed = {name: value for name, value in settings.claims.items() if not hasattr(value, "render")}
    audience = settings.audience or endpoint(asked.provider, "token")
    wanted = {"iss": asked.credentials.client_id, "aud": audience, **fixed}
    for name, value in wanted.items():
        if not hasattr(value, "render") and claims.get(name) != value:
            raise OAuthError("invalid_grant", f"the claim is missing or differs: {name}")
    if not 0 < claims.get("exp", 0) - claims.get("iat", 0) <= (settings.max_lifetime or settings.lifetime):
        raise OAuthError("invalid_grant", "the assertion lives too long")
    if not asked.state.is_new_assertion(str(claims.get("jti"))):
        raise OAuthError("invalid_grant", "the assertion was used before")
    return asked.state.issue(asked.scope or str(claims.get("scope") or ""), asked.now)


def _saml2_bearer(asked: Asked) -> Issued:
    """Spec: RFC 7522 section 2.1: the assertion is XML in base64url. Its signature is nobody's here."""
    text = asked.needed("assertion")
    try:
        is_xml = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).lstrip()[:1] == b"<"
    except (binascii.Error, ValueError):
        is_xml = False
    if not is_xml:
        raise OAuthError("invalid_grant", "the assertion is no SAML assertion in base64url")
    return asked.state.issue(asked.scope, asked.now)


def _token_exchange(asked: Asked) -> Issued:
    """Spec: RFC 8693 section 2.1: a token of this provider must be good; others are taken as they are."""
    token, kind = asked.needed("subject_token"), asked.needed("subject_token_type")
    if kind not in TOKEN_TYPES.values():
        raise OAuthError("invalid_request", f"the type of the subject token is unknown: {kind[:80]!r}")
    if kind in (TOKEN_TYPES["access_token"], TOKEN_TYPES["refresh_token"]):
        found = asked.state.find(token, asked.now)
        if found is None:
            raise OAuthError("invalid_request", "the subject token is not good")
        return asked.state.issue(asked.scope or found.scope, asked.now, family=found.family)
    return asked.state.issue(asked.scope, asked.now)


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
