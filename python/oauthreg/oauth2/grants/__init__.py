"""Grants: one file and one row each.

A grant is a function from what it exchanges to the parameters of the token request, without those of client
authentication. Spec: RFC 6749 section 4; RFC 7522; RFC 7523; RFC 8628; RFC 8693.
"""

from collections.abc import Callable
from typing import TypeAlias

from oauthreg.errors import UnsupportedMethodError
from oauthreg.oauth2.grants import (
    authorization_code,
    client_credentials,
    device_code,
    jwt_bearer,
    password,
    refresh_token,
    saml2_bearer,
    token_exchange,
)

__all__ = ["GRANTS", "GRANT_TYPES", "grant_name"]

Builder: TypeAlias = Callable[..., list[tuple[str, str]]]

GRANTS: dict[str, Builder] = {
    "authorization_code": authorization_code.build_parameters,
    "client_credentials": client_credentials.build_parameters,
    "device_code": device_code.build_parameters,
    "jwt_bearer": jwt_bearer.build_parameters,
    "password": password.build_parameters,
    "refresh_token": refresh_token.build_parameters,
    "saml2_bearer": saml2_bearer.build_parameters,
    "token_exchange": token_exchange.build_parameters,
}
"""Grant -> the function that builds its parameters."""

GRANT_TYPES: dict[str, str] = {
    "authorization_code": authorization_code.GRANT_TYPE,
    "client_credentials": client_credentials.GRANT_TYPE,
    "device_code": device_code.GRANT_TYPE,
    "jwt_bearer": jwt_bearer.GRANT_TYPE,
    "password": password.GRANT_TYPE,
    "refresh_token": refresh_token.GRANT_TYPE,
    "saml2_bearer": saml2_bearer.GRANT_TYPE,
    "token_exchange": token_exchange.GRANT_TYPE,
}
"""Grant -> its value of ``grant_type``."""


def grant_name(grant_type: str) -> str:
    """The short name of a grant, given by it or by its ``grant_type``. Raises ``UnsupportedMethodError``."""
    for name, value in GRANT_TYPES.items():
        if grant_type in (name, value):
            return name
    raise UnsupportedMethodError(
        f"unknown grant: {str(grant_type)[:60]!r} (known: {', '.join(GRANTS)})", code="unknown-grant"
    )
