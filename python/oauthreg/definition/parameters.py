"""The parameters that the client itself puts into each request of a definition, by their standard names."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from oauthreg.definition.model import Definition

OF_GRANTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "authorization_code": ("code", "redirect_uri", "code_verifier"),
        "client_credentials": ("scope",),
        "device_code": ("device_code",),
        "jwt_bearer": ("assertion", "scope"),
        "password": ("username", "password", "scope"),
        "refresh_token": ("refresh_token", "scope"),
        "saml2_bearer": ("assertion", "scope"),
        "token_exchange": (
            "subject_token",
            "subject_token_type",
            "actor_token",
            "actor_token_type",
            "requested_token_type",
            "audience",
            "scope",
        ),
    }
)
"""Grant -> what it sends beside ``grant_type``."""

OF_CLIENTS: Mapping[str | None, tuple[str, ...]] = MappingProxyType(
    {
        "client_secret_post": ("client_secret",),
        "signed_secret": ("client_secret",),
        "client_secret_jwt": ("client_assertion", "client_assertion_type"),
        "private_key_jwt": ("client_assertion", "client_assertion_type"),
    }
)
"""Method of client authentication -> what it sends beside ``client_id``."""
_AUTHENTICATED = ("token", "refresh", "device", "revoke", "introspect")
_OF_TOKENS = ("token", "token_type_hint")
_OF_PASSWORDS = ("x_auth_username", "x_auth_password", "x_auth_mode")
_OF_LEGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "revoke": _OF_TOKENS,
        "introspect": _OF_TOKENS,
        "app_token": ("client_secret",),
        "exchange": ("client_secret",),
        "end_session": ("id_token_hint", "post_logout_redirect_uri", "state"),
    }
)
"""Leg of OAuth 2.0 -> what it sends in any case."""
_OF_CALLERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "authorize": (
            "acr_values",
            "audience",
            "authorization_details",
            "claims",
            "claims_locales",
            "display",
            "id_token_hint",
            "login_hint",
            "max_age",
            "prompt",
            "request",
            "request_uri",
            "resource",
            "response_mode",
            "ui_locales",
        ),
        "end_session": ("logout_hint", "ui_locales"),
        "token": ("audience", "resource"),
        "refresh": ("audience", "resource", "redirect_uri"),
        "device": ("resource",),
    }
)
"""Leg of OAuth 2.0 -> what an application may add, by the names of the standards."""


def made_parameters(definition: Definition, leg: str) -> frozenset[str]:
    """What the client puts into the request of a leg, as far as the definition lets it."""
    return frozenset(_made_for_oauth1(definition, leg) if definition.protocol == "oauth1" else _made(definition, leg))


def known_parameters(definition: Definition, leg: str) -> tuple[str, ...]:
    """What the request of a leg may carry by a standard name, sorted."""
    known = {*made_parameters(definition, leg)}
    if definition.protocol == "oauth1":
        return tuple(sorted(known | {definition.scopes.parameter} | getattr(definition, leg).params.keys()))
    known |= {*_OF_CALLERS.get(leg, ())}
    if leg == "authorize":
        known |= {"state", "code_challenge", "code_challenge_method", "nonce", "dpop_jkt"}
    if leg in ("token", "refresh"):
        known.add(definition.scopes.parameter)
    if leg == "token":  # an application may use a grant that the definition does not name
        known |= {name for names in OF_GRANTS.values() for name in names} | {*definition.callback.forward}
    if leg in _AUTHENTICATED:
        known |= {name for names in OF_CLIENTS.values() for name in names}
        known |= {definition.oauth2.client_auth_name} if definition.oauth2.client_auth_name else set()
    return tuple(sorted(known))


def _made_for_oauth1(definition: Definition, leg: str) -> Iterator[str]:
    """The protocol parameters are none of these: the signature makes them, and nobody renames them."""
    settings, scopes = definition.oauth1, definition.scopes
    if leg == "authorize":
        yield "oauth_token"
        if settings.callback in ("authorize", "both"):
            yield "oauth_callback"
    if leg == scopes.leg:
        yield scopes.parameter
    if leg == "token" and "xauth" in settings.flow:
        yield from _OF_PASSWORDS


def _made(definition: Definition, leg: str) -> Iterator[str]:
    settings = definition.oauth2
    has_pkce = settings.pkce != "unsupported"
    yield "client_id"
    yield from _OF_LEGS.get(leg, ())
    if leg in _AUTHENTICATED:
        table = getattr(definition, leg) or definition.token
        yield from OF_CLIENTS.get(table.client_auth or settings.client_auth, ())
    if leg == "authorize":
        yield from ("response_type", "redirect_uri", definition.scopes.parameter)
        yield from ("state",) if settings.state else ()
        yield from ("code_challenge", "code_challenge_method") if has_pkce else ()
        yield from ("nonce",) if settings.nonce != "never" else ()
        yield from ("dpop_jkt",) if settings.dpop != "unsupported" else ()
        yield from ("response_mode",) if settings.response_mode else ()
    elif leg == "device":
        yield definition.scopes.parameter
    elif leg in ("token", "refresh"):
        yield "grant_type"
        for grant in settings.grants if leg == "token" else ("refresh_token",):
            yield from (name for name in OF_GRANTS[grant] if has_pkce or name != "code_verifier")
