"""Request objects: the parameters of an authorization request as a JWT that the client signs.

What the browser carries can then be read on its way, and not changed.

Spec: RFC 9101 (JAR); OpenID Connect Core 1.0 section 6; FAPI 2.0 Message Signing section 5.3.
"""

from collections.abc import Sequence
from typing import Any

from oauthreg.answers import read_json
from oauthreg.errors import UsageError, quoted
from oauthreg.jose import is_shared, sign_jwt
from oauthreg.oauth2.draft import ClientIdentity
from oauthreg.provider import Provider

LIFETIME = 300
"""Seconds: the user may take a while to follow a link, and a stranger gains nothing by the same request again."""

_TYPE = "oauth-authz-req+jwt"
_OF_OPENID = ("response_type", "scope")
"""What stands beside a request object as well, for servers that read a request of OAuth 2.0 first. Spec: OpenID Connect
Core 1.0 section 6.1."""

_OF_JSON = ("authorization_details", "claims", "registration")
"""Parameters that hold JSON, and are what it says there.

Spec: RFC 9396 section 2; OpenID Connect Core 1.0 sections 5.5 and 7.2.1.
"""


def with_request_object(
    provider: Provider, client: ClientIdentity, sent: Sequence[tuple[str, str]], *, is_pushed: bool = False
) -> list[tuple[str, str]]:
    """The parameters with which a request is sent: one JWT in place of ``sent``, where the client signs requests.

    Beside one that ``is_pushed`` stands the client's identifier alone (RFC 9126 section 3). Raises
    ``MissingCredentialError``, ``InvalidKeyError``, and ``UsageError`` (``issuer-unknown``) where nobody knows whom it
    is for.

    Spec: RFC 9101 sections 4 and 5.
    """
    if provider.oauth2.request_object_algorithm is None:
        return [*sent]
    rename = provider.authorize.rename
    beside = ("client_id", *(_OF_OPENID if provider.protocol == "oidc" and not is_pushed else ()))
    kept = {rename.get(name) or name for name in beside}
    shown = [(name, value) for name, value in sent if name in kept]
    return [*shown, (rename.get("request") or "request", build_request_object(provider, client, sent))]


def build_request_object(provider: Provider, client: ClientIdentity, sent: Sequence[tuple[str, str]]) -> str:
    """The JWT that holds an authorization request. Raises as ``with_request_object``.

    Spec: RFC 9101 sections 4 and 10.8 (``typ``); RFC 7519 section 4.1.
    """
    algorithm, now = provider.oauth2.request_object_algorithm or "", int(client.now())
    is_secret = is_shared(algorithm)
    key = client.secret("request_object") if is_secret else client.key("request_object")
    audience = provider.oauth2.issuer
    if audience is None:
        raise UsageError(
            f"nobody knows whom a request object for {provider.name} is for: its issuer is not known",
            code="issuer-unknown",
            hint="add `issuer` to the definition, or pass `issuer=` to a client without one",
        )
    claims: dict[str, Any] = {}
    for name, value in sent:
        claims[name] = [*_listed(claims[name]), value] if name in claims else _claim(name, value)
    claims |= {
        "iss": client.client_id,
        "aud": audience,
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME,
        "jti": client.make_id(),
    }
    header = {"typ": _TYPE, **({"kid": client.key_id} if client.key_id and not is_secret else {})}
    return sign_jwt(claims, key, algorithm, header=header, passphrase=None if is_secret else client.passphrase)


def _claim(name: str, value: str) -> Any:
    """A parameter as JSON has it: what is text in a query may be a number or an object there."""
    if name == "max_age" and value.isascii() and value.isdecimal():
        return int(value)
    if name not in _OF_JSON:
        return value
    try:
        return read_json(value)
    except (ValueError, RecursionError):
        raise UsageError(
            f"`{name}` is no JSON: {quoted(value)}", code="invalid-parameters", hint="as `json.dumps` writes it"
        ) from None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
