"""Client authentication: one file and one row a method.

A method is a function that is given the request under construction, the client and the provider, and that changes
headers, query or parameters. Spec: RFC 6749 section 2.3; RFC 7523; RFC 8705.
"""

from oauthreg.errors import UnsupportedMethodError
from oauthreg.oauth2.client_auth.client_secret_basic import client_secret_basic
from oauthreg.oauth2.client_auth.client_secret_jwt import client_secret_jwt
from oauthreg.oauth2.client_auth.client_secret_post import client_secret_post
from oauthreg.oauth2.client_auth.header import header
from oauthreg.oauth2.client_auth.none import none
from oauthreg.oauth2.client_auth.private_key_jwt import private_key_jwt
from oauthreg.oauth2.client_auth.query import query
from oauthreg.oauth2.client_auth.signed_secret import signed_secret
from oauthreg.oauth2.client_auth.tls_client_auth import tls_client_auth
from oauthreg.oauth2.draft import ClientIdentity, Draft, Method
from oauthreg.provider import Provider

__all__ = ["CLIENT_AUTH_METHODS", "ClientIdentity", "Draft", "authenticate_client", "client_auth_method"]

CLIENT_AUTH_METHODS: dict[str, Method] = {
    "client_secret_basic": client_secret_basic,
    "client_secret_jwt": client_secret_jwt,
    "client_secret_post": client_secret_post,
    "header": header,
    "none": none,
    "private_key_jwt": private_key_jwt,
    "query": query,
    "signed_secret": signed_secret,
    "tls_client_auth": tls_client_auth,
}
"""Method -> the function that authenticates the client on a draft."""


def client_auth_method(provider: Provider, client: ClientIdentity) -> str:
    """The method that is used: the provider's, or else ``client_secret_basic`` with a secret and ``none`` without."""
    return provider.oauth2.client_auth or ("client_secret_basic" if client.client_secret is not None else "none")


def authenticate_client(draft: Draft, client: ClientIdentity, provider: Provider) -> None:
    """Authenticate the client by exactly one method. Raises ``UnsupportedMethodError`` and ``MissingCredentialError``."""
    name = client_auth_method(provider, client)
    method = CLIENT_AUTH_METHODS.get(name)
    if method is None:
        raise UnsupportedMethodError(
            f"unknown method of client authentication: {name[:40]!r} (known: {', '.join(CLIENT_AUTH_METHODS)})",
            code="unknown-client-auth",
        )
    method(draft, client, provider)
