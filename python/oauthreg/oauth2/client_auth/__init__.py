"""Client authentication: one file and one row a method.

A method is a function that is given the request under construction, the client and the provider, and that changes
headers, query or parameters, or names who authenticates it in the end. Spec: RFC 6749 section 2.3; RFC 7523; RFC 8705.
"""

import logging

from oauthreg.errors import UnsupportedMethodError
from oauthreg.oauth2.client_auth.client_secret_basic import client_secret_basic
from oauthreg.oauth2.client_auth.client_secret_jwt import client_secret_jwt
from oauthreg.oauth2.client_auth.client_secret_post import client_secret_post
from oauthreg.oauth2.client_auth.header import header
from oauthreg.oauth2.client_auth.none import none
from oauthreg.oauth2.client_auth.oauth1 import oauth1
from oauthreg.oauth2.client_auth.private_key_jwt import private_key_jwt
from oauthreg.oauth2.client_auth.query import query
from oauthreg.oauth2.client_auth.secret_as_username import secret_as_username
from oauthreg.oauth2.client_auth.signed_secret import signed_secret
from oauthreg.oauth2.client_auth.tls_client_auth import tls_client_auth
from oauthreg.oauth2.draft import ClientIdentity, Draft, Method
from oauthreg.provider import Provider
from oauthreg.records import replace

__all__ = [
    "CERTIFICATE_METHODS",
    "CLIENT_AUTH_METHODS",
    "ClientIdentity",
    "Draft",
    "authenticate_client",
    "check_client_auth",
    "client_auth_method",
    "known_method",
]

_log = logging.getLogger("oauthreg")

CLIENT_AUTH_METHODS: dict[str, Method] = {
    "client_secret_basic": client_secret_basic,
    "client_secret_jwt": client_secret_jwt,
    "client_secret_post": client_secret_post,
    "header": header,
    "none": none,
    "oauth1": oauth1,
    "private_key_jwt": private_key_jwt,
    "query": query,
    "secret_as_username": secret_as_username,
    "self_signed_tls_client_auth": tls_client_auth,
    "signed_secret": signed_secret,
    "tls_client_auth": tls_client_auth,
}
"""Method -> the function that authenticates the client on a draft."""

CERTIFICATE_METHODS = frozenset(("tls_client_auth", "self_signed_tls_client_auth"))
"""The methods in which the TLS connection proves the client."""


def client_auth_method(provider: Provider, client: ClientIdentity) -> str:
    """The method that is used: the provider's, or else its usual one with a secret and ``none`` without."""
    settings = provider.oauth2
    return settings.client_auth or (settings.secret_auth if client.client_secret is not None else "none")


def authenticate_client(draft: Draft, client: ClientIdentity, provider: Provider) -> None:
    """Authenticate the client by exactly one method. Raises ``UnsupportedMethodError`` and other ``UsageError``."""
    name = known_method(client_auth_method(provider, client))
    CLIENT_AUTH_METHODS[name or "none"](draft, client, provider)


def known_method(name: str | None) -> str | None:
    """A method that was chosen, or ``None`` for none. Raises ``UnsupportedMethodError`` for one that is not known."""
    if name is not None and name not in CLIENT_AUTH_METHODS:
        raise UnsupportedMethodError(
            f"unknown method of client authentication: {str(name)[:40]!r} (known: {', '.join(CLIENT_AUTH_METHODS)})",
            code="unknown-client-auth",
        )
    return name


def check_client_auth(provider: Provider, client: ClientIdentity) -> None:
    """Raises now what the client's first request would raise: for a missing credential, or a key of the wrong kind.

    Logs a warning where an assertion would name the token endpoint for want of a known issuer (rfc7523bis section 3).
    """
    settings = provider.oauth2
    is_known = settings.issuer or settings.client_assertion.audience
    if not is_known and "token" not in provider.endpoints:
        # Whom an assertion is for is told later; whether it can be made is seen now.
        assertion = replace(settings.client_assertion, audience=provider.name)
        provider, is_known = replace(provider, oauth2=replace(settings, client_assertion=assertion)), provider.name
    authenticate_client(Draft([]), client, provider)
    is_assertion = client_auth_method(provider, client) in ("client_secret_jwt", "private_key_jwt")
    if is_assertion and not is_known:
        _log.warning("the issuer of %s is not known: client assertions name its token endpoint", provider.name)
