"""How a client proves itself at a simulated provider: one function for each method of client authentication.

Spec: RFC 6749 section 2.3; RFC 7523 section 3; RFC 8705 section 2.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import unquote_plus

from oauthreg.errors import InvalidKeyError, OAuthError, ResponseError
from oauthreg.jose import check_jwt_times, parse_own_jwt
from oauthreg.legs import endpoint
from oauthreg.oauth2.assertion import ASSERTION_TYPE
from oauthreg.provider import Leg, Provider
from oauthreg.simulator.oauth2_state import OAuth2State
from oauthreg.simulator.received import Credentials, Received

_LONGEST_ASSERTION = 600
_LONGEST_SECRET = 15_777_000
"""Six months: the most that a secret which is a JWT may live."""
_LEEWAY = 60


@dataclass(frozen=True, slots=True)
class Proof:
    """What a request shows of its client: ``parameters`` go by the standard's names. ``now`` is in seconds."""

    provider: Provider
    credentials: Credentials
    state: OAuth2State
    received: Received
    leg: Leg
    parameters: Mapping[str, str] = field(repr=False)
    now: float

    def is_client(self, given: str | None) -> None:
        """Raises ``OAuthError`` unless this is the application's identifier; a leg may have none."""
        if self.leg.rename.get("client_id", "client_id") and given != self.credentials.client_id:
            raise _unknown("no application has this client identifier")

    def is_secret(self, given: str | None) -> None:
        """Raises ``OAuthError`` unless this is the application's secret."""
        if given is None:
            raise _unknown("the client secret is missing")
        if not hmac.compare_digest(given.encode(), self.credentials.client_secret.encode()):
            raise _unknown("the client secret is wrong")


Check: TypeAlias = Callable[[Proof], None]
"""Raises ``OAuthError`` with ``invalid_client`` unless the client is who it says."""


def client_auth_of(provider: Provider) -> str:
    """The method that the simulated application uses: it has a secret."""
    return provider.oauth2.client_auth or "client_secret_basic"


def check_client(proof: Proof) -> str:
    """The method by which the client proved itself.

    Raises ``OAuthError`` with ``invalid_client``; one method is allowed, and it is the definition's (RFC 6749 section
    2.3).
    """
    name = client_auth_of(proof.provider)
    if name != "client_secret_basic" and proof.received.headers.get("authorization", "").lower().startswith("basic "):
        raise _unknown(f"the client proves itself by `{name}`, not by a Basic header")
    if name not in _IN_PARAMETERS and "client_secret" in proof.parameters:
        raise _unknown(f"the client proves itself by `{name}`, not by a secret among the parameters")
    CLIENT_PROOFS[name](proof)
    return name


def _client_secret_basic(proof: Proof) -> None:
    scheme, _, text = proof.received.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        raise _unknown("the Basic header is missing")
    try:
        name, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise _unknown("the Basic header cannot be read") from None
    if proof.provider.oauth2.basic_encoding == "form":
        name, secret = unquote_plus(name), unquote_plus(secret)
    if name != proof.credentials.client_id:
        raise _unknown("no application has this client identifier")
    proof.is_secret(secret)


def _client_secret_post(proof: Proof) -> None:
    proof.is_client(proof.parameters.get("client_id"))
    if proof.leg.rename.get("client_secret", "client_secret"):
        proof.is_secret(proof.parameters.get("client_secret"))


def _none(proof: Proof) -> None:
    proof.is_client(proof.parameters.get("client_id"))


def _header(proof: Proof) -> None:
    proof.is_client(proof.parameters.get("client_id"))
    proof.is_secret(proof.received.headers.get(proof.provider.oauth2.client_auth_name.lower()))


def _query(proof: Proof) -> None:
    query, rename = proof.received.query, proof.leg.rename
    proof.is_client(query.get(rename.get("client_id", "client_id")))
    name = proof.provider.oauth2.client_auth_name or "client_secret"
    proof.is_secret(query.get(rename.get(name, name)))


def _client_secret_jwt(proof: Proof) -> None:
    algorithm = proof.provider.oauth2.client_assertion.algorithm
    _assertion(proof, proof.credentials.client_secret, algorithm if algorithm.startswith("HS") else "HS256")


def _private_key_jwt(proof: Proof) -> None:
    _assertion(proof, proof.credentials.private_key, proof.provider.oauth2.client_assertion.algorithm)


def _signed_secret(proof: Proof) -> None:
    settings = proof.provider.oauth2.client_assertion
    proof.is_client(proof.parameters.get("client_id"))
    read_assertion(
        proof, proof.parameters.get("client_secret"), proof.credentials.private_key, settings.algorithm, _LONGEST_SECRET
    )


def _assertion(proof: Proof, key: Any, algorithm: str) -> None:
    proof.is_client(proof.parameters.get("client_id"))
    if proof.parameters.get("client_assertion_type") != ASSERTION_TYPE:
        raise _unknown("`client_assertion_type` is missing or unknown")
    claims = read_assertion(proof, proof.parameters.get("client_assertion"), key, algorithm, _LONGEST_ASSERTION)
    if not proof.state.is_new_assertion(str(claims.get("jti"))):
        raise _unknown("the client assertion was used before")


def read_assertion(proof: Proof, text: str | None, key: Any, algorithm: str, longest: int) -> dict[str, Any]:
    """The claims of a JWT by which the client proves itself: signed by it, about it, for this provider, and fresh.

    Raises ``OAuthError`` with ``invalid_client``.
    """
    settings = proof.provider.oauth2
    if text is None:
        raise _unknown("the client assertion is missing")
    try:
        _, claims = parse_own_jwt(text, key, algorithm)
        check_jwt_times(claims, proof.now, _LEEWAY)
    except (ResponseError, InvalidKeyError) as error:
        raise _unknown(f"the client assertion is not accepted: {error.message}") from None
    audience = settings.client_assertion.audience or settings.issuer or endpoint(proof.provider, "token")
    if isinstance(audience, str) and claims.get("aud") != audience:
        raise _unknown("the client assertion is meant for another audience")
    if claims.get("sub") != proof.credentials.client_id:
        raise _unknown("the client assertion is about another client")
    if not 0 < claims.get("exp", 0) - claims.get("iat", 0) <= longest:
        raise _unknown("the client assertion lives too long")
    return claims


def _unknown(description: str) -> OAuthError:
    return OAuthError("invalid_client", description, status=401)


CLIENT_PROOFS: dict[str, Check] = {
    "client_secret_basic": _client_secret_basic,
    "client_secret_jwt": _client_secret_jwt,
    "client_secret_post": _client_secret_post,
    "header": _header,
    "none": _none,
    "private_key_jwt": _private_key_jwt,
    "query": _query,
    "self_signed_tls_client_auth": _none,
    "signed_secret": _signed_secret,
    "tls_client_auth": _none,
}
"""Method -> its check. A certificate is nothing that loopback without TLS could see."""

_IN_PARAMETERS = ("client_secret_post", "signed_secret", "query")
