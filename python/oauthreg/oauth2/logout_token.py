"""What a provider says of sessions that have ended there, so that they end here as well.

Unlike an ID token, which comes over a channel that proves where it is from, a logout token is brought by anybody: its
signature is what makes it one.

Spec: OpenID Connect Back-Channel Logout 1.0; OpenID Connect Front-Channel Logout 1.0.
"""

import hmac
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from oauthreg.errors import CallbackError, MismatchingStateError, ResponseError, UsageError
from oauthreg.jose import check_jwt_times, is_time, parse_unverified_jwt
from oauthreg.messages import Flow
from oauthreg.oauth2.authorize import callback_fields
from oauthreg.oauth2.draft import ClientIdentity
from oauthreg.oauth2.encryption import opened_jwt
from oauthreg.oauth2.id_token import check_issuer, check_parties, expected_algorithms
from oauthreg.oauth2.issuer import is_issuer
from oauthreg.oauth2.jwk_set import check_algorithm, signature_flow
from oauthreg.oauth2.server_metadata import PROMPTED
from oauthreg.provider import Provider
from oauthreg.records import dataclass, field

LOGGED_OUT = "http://schemas.openid.net/event/backchannel-logout"
_TYPES = ("logout+jwt", "jwt")
"""What `typ` may say if it is there: a JWT that says it is something else is not taken for a logout token."""


@dataclass(frozen=True, slots=True)
class LogoutToken:
    """Whose sessions have ended at the provider ``iss``: one session (``sid``), or all those of a user (``sub``).

    Both are as in the ID token of the login (``profile.raw["id_token"]``); where both are here, only that session has
    ended. ``jti`` tells this token from all others, ``iat`` is when it was made, in seconds since 1970. ``claims`` are
    all of its claims.

    Spec: OpenID Connect Back-Channel Logout 1.0 section 2.4.
    """

    iss: str
    sub: str | None
    sid: str | None
    jti: str
    iat: float
    claims: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), repr=False)


def logout_token_flow(provider: Provider, client: ClientIdentity, text: str) -> Flow[LogoutToken]:
    """A logout token that a provider posted, checked. It is encrypted where ID tokens are.

    Raises ``ResponseError`` whose ``.code`` says which check failed, ``UsageError`` (``issuer-unknown``,
    ``keys-unknown``) where nobody knows what it should hold, and what keeps the provider's keys away:
    ``TemporarilyUnavailableError``, ``MalformedResponseError``, ``MissingCredentialError``.

    Spec: OpenID Connect Back-Channel Logout 1.0 section 2.6.
    """
    if isinstance(text, str):
        text = opened_jwt(client.decryption_keys, text, provider.oauth2.id_token_encryption)
    made = parse_logout_token(provider, text, client_id=client.client_id, now=client.now())
    algorithms = expected_algorithms(provider)
    is_signed = yield from signature_flow(provider, text, algorithms, client.client_secret, PROMPTED)
    if is_signed is None:
        raise UsageError(
            f"logout tokens of {provider.name} cannot be checked: nobody knows what it signs them with",
            code="keys-unknown",
            hint="add `jwks` or `discovery` to the definition, or pass `jwks_uri=` to a client without one",
        )
    if not is_signed:
        raise _refused("its signature is not the provider's", "signature")
    return made


def parse_logout_token(provider: Provider, text: str, *, client_id: str, now: float) -> LogoutToken:
    """A logout token, checked but for its signature. Raises as ``logout_token_flow``."""
    check_issuer(provider)
    header, claims = parse_unverified_jwt(text)
    kind = header.get("typ", "jwt")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in _TYPES:
        raise _refused("its `typ` says that it is something else", "type")
    check_algorithm(provider, header, expected_algorithms(provider))
    check_parties(provider, claims, client_id, "logout token")
    if not (is_time(claims.get("iat")) and is_time(claims.get("exp"))):
        raise _refused("it does not say when it was made and when it ends", "incomplete")
    check_jwt_times(claims, now, provider.oauth2.id_token_leeway)
    events = claims.get("events")
    if not isinstance(events, Mapping) or not isinstance(events.get(LOGGED_OUT), Mapping):
        raise _refused("it tells of no logout (`events`)", "event")
    if "nonce" in claims:
        raise _refused("it has a `nonce`, as only the ID token of a login has", "nonce")
    sub, sid, jti = (_text(claims, name) for name in ("sub", "sid", "jti"))
    if jti is None or (sub is None and sid is None):
        raise _refused("it names neither a user nor a session, or has no name of its own (`jti`)", "incomplete")
    return LogoutToken(claims["iss"], sub, sid, jti, claims["iat"], MappingProxyType(claims))


def parse_front_channel_logout(provider: Provider, url: str) -> str | None:
    """The session (``sid``) that has ended, of the URL that the provider's page had the user's browser fetch.

    ``None`` where it names none, so that any page on the web may have written it: it is then for the application to
    decide whether the browser's own session ends. Raises ``UsageError`` (``issuer-unknown``) and
    ``MismatchingStateError`` (``issuer-mismatch``) for a URL of another provider, and ``CallbackError``.

    Spec: OpenID Connect Front-Channel Logout 1.0 section 2.
    """
    fields = _fields(url, "iss", "sid")
    if not fields.get("sid") and "iss" not in fields:
        return None
    check_issuer(provider)
    if not fields.get("sid") or not is_issuer(provider.oauth2, fields.get("iss", "")):
        raise MismatchingStateError("the logout is of another provider", code="issuer-mismatch", hint="leave it alone")
    return fields["sid"]


def check_logout_response(url: str, state: str | None) -> None:
    """Raises ``MismatchingStateError`` for a way back that does not belong to the logout with this ``state``.

    Without one, as a browser's session may be that began no logout, there is none.

    Spec: OpenID Connect RP-Initiated Logout 1.0 section 3.
    """
    given = _fields(url, "state").get("state", "")
    known = (state or "").encode("utf-8", "surrogatepass")
    if not given or not known or not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), known):
        raise MismatchingStateError(
            "the way back belongs to no logout that began in this browser: its `state` differs",
            code="state-mismatch" if given else "state-missing",
            hint="show the page that anybody may see",
        )


def _fields(url: str, *names: str) -> dict[str, str]:
    if not isinstance(url, str):
        raise CallbackError(f"no URL: {type(url).__name__}", code="no-callback", hint="pass it as text")
    return callback_fields(url, *names)


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    """A claim that is text. Raises ``ResponseError`` where it is there and is none."""
    value = claims.get(name)
    if value is not None and (not isinstance(value, str) or not value):
        raise _refused(f"its `{name}` is no text", "incomplete")
    return value


def _refused(reason: str, code: str) -> ResponseError:
    return ResponseError(f"the logout token cannot be trusted: {reason}", code=f"logout-token-{code}")
