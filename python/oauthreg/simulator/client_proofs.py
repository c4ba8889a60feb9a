"""How a client proves itself at a simulated provider: one function for each method of client authentication.

Spec: RFC 6749 section 2.3; RFC 7523 section 3; RFC 8705 section 2; RFC 5849 section 3.
"""

import base64
import hmac
from collections.abc import Callable
from typing import Any, TypeAlias
from urllib.parse import unquote_plus

from oauthreg.errors import InvalidKeyError, OAuthError, ResponseError, VerificationError
from oauthreg.jose import check_jwt_times, parse_own_jwt
from oauthreg.legs import endpoint
from oauthreg.oauth2.assertion import ASSERTION_TYPE
from oauthreg.provider import Leg, Provider
from oauthreg.signing.verify import verify
from oauthreg.simulator.received import LEEWAY
from oauthreg.simulator.token_request import TokenRequest

_LONGEST_ASSERTION = 600
_LONGEST_SECRET = 15_777_000
"""Six months: the most that a secret which is a JWT may live."""

Check: TypeAlias = Callable[[TokenRequest], None]
"""Raises ``OAuthError`` with ``invalid_client`` unless the client is who it says."""


def client_auth_of(provider: Provider, leg: Leg) -> str:
    """The method that the simulated application uses on a leg: it has a secret."""
    return leg.client_auth or provider.oauth2.client_auth or "client_secret_basic"


def check_client(request: TokenRequest) -> str:
    """The method by which the client proved itself.

    Raises ``OAuthError``: ``invalid_request`` for two methods at once, ``invalid_client`` for one that is not the
    definition's, or that proves nothing (RFC 6749 sections 2.3 and 5.2).
    """
    name, shown = client_auth_of(request.provider, request.leg), _shown(request)
    place = _PLACES.get(name, request.provider.oauth2.client_auth_name.lower() if name == "header" else "")
    other = next((_WORDS[found] for found in shown if found != place), None)
    if other is not None and (place in shown or place in request.received.headers):
        raise OAuthError("invalid_request", f"the client proves itself twice: by `{name}`, and by {other}")
    if other is not None:
        raise _unknown(f"the client proves itself by `{name}`, not by {other}")
    CLIENT_PROOFS[name](request)
    return name


def _shown(request: TokenRequest) -> list[str]:
    """Where the request shows who the client is; a header of the definition shows something else."""
    own = {name.lower() for name, _ in request.leg.headers}
    in_header = ["authorization"] if "authorization" in request.received.headers.keys() - own else []
    return [*in_header, *(name for name in ("client_secret", "client_assertion") if name in request.parameters)]


def _client_secret_basic(request: TokenRequest) -> None:
    name, secret = _basic(request)
    if name != request.credentials.client_id:
        raise _unknown("no application has this client identifier")
    _check_secret(request, secret)


def _secret_as_username(request: TokenRequest) -> None:
    secret, password = _basic(request)
    if password:
        raise _unknown("there is a password beside the secret")
    _check_secret(request, secret)


def _basic(request: TokenRequest) -> tuple[str, str]:
    """The two parts of a Basic header."""
    scheme, _, text = request.received.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        raise _unknown("the Basic header is missing")
    try:
        name, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
    except ValueError:  # no Base64, or no UTF-8
        raise _unknown("the Basic header cannot be read") from None
    if request.provider.oauth2.basic_encoding == "form":
        return unquote_plus(name), unquote_plus(secret)
    return name, secret


def _client_secret_post(request: TokenRequest) -> None:
    check_identifier(request)
    if request.leg.rename.get("client_secret", "client_secret"):
        check_secret(request)


def _none(request: TokenRequest) -> None:
    check_identifier(request)


def _header(request: TokenRequest) -> None:
    check_identifier(request)
    _check_secret(request, request.received.headers.get(request.provider.oauth2.client_auth_name.lower()))


def _query(request: TokenRequest) -> None:
    client_id, client_secret = map(request.received.query.get, names_in_query(request.provider, request.leg))
    _check_identifier(request, client_id)
    _check_secret(request, client_secret)


def names_in_query(provider: Provider, leg: Leg) -> tuple[str, str]:
    """The parameters of the query by which a client proves itself with the method ``query``."""
    name = provider.oauth2.client_auth_name or "client_secret"
    return leg.rename.get("client_id", "client_id"), leg.rename.get(name, name)


def _client_secret_jwt(request: TokenRequest) -> None:
    algorithm = request.provider.oauth2.client_assertion.algorithm
    _assertion(request, request.credentials.client_secret, algorithm if algorithm.startswith("HS") else "HS256")


def _private_key_jwt(request: TokenRequest) -> None:
    _assertion(request, request.credentials.private_key, request.provider.oauth2.client_assertion.algorithm)


def _signed_secret(request: TokenRequest) -> None:
    settings = request.provider.oauth2.client_assertion
    check_identifier(request)
    read_assertion(
        request,
        request.parameters.get("client_secret"),
        request.credentials.private_key,
        settings.algorithm,
        _LONGEST_SECRET,
    )


def _oauth1(request: TokenRequest) -> None:
    received, credentials = request.received, request.credentials
    try:
        signed = verify(
            received.method,
            received.url,
            received.body,
            received.headers.get("content-type"),
            authorization=received.headers.get("authorization"),
            client_secret=credentials.client_secret,
            signature_methods=request.provider.oauth1.signature_methods,
            now=request.now,
        )
    except VerificationError as error:
        raise _unknown(f"the request is not signed as it should be: {error.message}") from None
    if signed.client_id != credentials.client_id:
        raise _unknown("no application has this client identifier")


def _assertion(request: TokenRequest, key: Any, algorithm: str) -> None:
    check_identifier(request)
    if request.parameters.get("client_assertion_type") != ASSERTION_TYPE:
        raise _unknown("`client_assertion_type` is missing or unknown")
    claims = read_assertion(request, request.parameters.get("client_assertion"), key, algorithm, _LONGEST_ASSERTION)
    if not request.state.is_new_assertion(str(claims.get("jti"))):
        raise _unknown("the client assertion was used before")


def read_assertion(request: TokenRequest, text: str | None, key: Any, algorithm: str, longest: int) -> dict[str, Any]:
    """The claims of a JWT by which the client proves itself: signed by it, about it, for this provider, and fresh.

    Raises ``OAuthError`` with ``invalid_client``.
    """
    settings = request.provider.oauth2
    if text is None:
        raise _unknown("the client assertion is missing")
    try:
        _, claims = parse_own_jwt(text, key, algorithm)
        check_jwt_times(claims, request.now, LEEWAY)
    except (ResponseError, InvalidKeyError) as error:
        raise _unknown(f"the client assertion is not accepted: {error.message}") from None
    audience = settings.client_assertion.audience or settings.issuer or endpoint(request.provider, "token")
    if isinstance(audience, str) and claims.get("aud") != audience:
        raise _unknown("the client assertion is meant for another audience")
    client_id = request.credentials.client_id
    for name, wanted in {"iss": client_id, "sub": client_id, **settings.client_assertion.claims}.items():
        if not hasattr(wanted, "render") and claims.get(name) != wanted:
            of_client = "is about another client" if name in ("iss", "sub") else "lacks a claim, or has another"
            raise _unknown(f"the client assertion {of_client}: `{name}`")
    if not 0 < (claims.get("exp") or 0) - (claims.get("iat") or 0) <= longest:
        raise _unknown("the client assertion lives too long")
    return claims


def check_identifier(request: TokenRequest) -> None:
    """Raises ``OAuthError`` unless the client's identifier is among the parameters; a leg may have none."""
    _check_identifier(request, request.parameters.get("client_id"))


def check_secret(request: TokenRequest) -> None:
    """Raises ``OAuthError`` unless the client's secret is among the parameters."""
    _check_secret(request, request.parameters.get("client_secret"))


def _check_identifier(request: TokenRequest, given: str | None) -> None:
    if request.leg.rename.get("client_id", "client_id") and given != request.credentials.client_id:
        raise _unknown("no application has this client identifier")


def _check_secret(request: TokenRequest, given: str | None) -> None:
    if given is None:
        raise _unknown("the client secret is missing")
    if not hmac.compare_digest(given.encode(), request.credentials.client_secret.encode()):
        raise _unknown("the client secret is wrong")


def _unknown(description: str) -> OAuthError:
    return OAuthError("invalid_client", description, status=401)


CLIENT_PROOFS: dict[str, Check] = {
    "client_secret_basic": _client_secret_basic,
    "client_secret_jwt": _client_secret_jwt,
    "client_secret_post": _client_secret_post,
    "header": _header,
    "none": _none,
    "oauth1": _oauth1,
    "private_key_jwt": _private_key_jwt,
    "query": _query,
    "secret_as_username": _secret_as_username,
    "self_signed_tls_client_auth": _none,
    "signed_secret": _signed_secret,
    "tls_client_auth": _none,
}
"""Method -> its check. A certificate is nothing that loopback without TLS could see."""

_PLACES = {
    **dict.fromkeys(("client_secret_basic", "oauth1", "secret_as_username"), "authorization"),
    **dict.fromkeys(("client_secret_post", "query", "signed_secret"), "client_secret"),
    **dict.fromkeys(("client_secret_jwt", "private_key_jwt"), "client_assertion"),
}
"""Method -> the header or parameter in which the proof stands; that of `header` is the definition's."""
_WORDS = {
    "authorization": "an `Authorization` header",
    "client_assertion": "a client assertion",
    "client_secret": "a secret among the parameters",
}
