"""The floor that talks HTTP: ready clients over the caller's ``aiohttp.ClientSession``.

Names are loaded when they are first used: a program that makes clients of one kind needs no other.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import ClientSession as ClientSession

    from oauthreg.http.assertion_client import AsyncAssertionClient as AsyncAssertionClient
    from oauthreg.http.driver import run as run
    from oauthreg.http.middleware import AuthenticationMiddleware as AuthenticationMiddleware
    from oauthreg.http.oauth1_client import AsyncOAuth1Client as AsyncOAuth1Client
    from oauthreg.http.oauth2_client import AsyncOAuth2Client as AsyncOAuth2Client
    from oauthreg.http.request_class import OAuthRequest as OAuthRequest

_HOME = {
    "AsyncAssertionClient": "oauthreg.http.assertion_client",
    "AsyncOAuth1Client": "oauthreg.http.oauth1_client",
    "AsyncOAuth2Client": "oauthreg.http.oauth2_client",
    "AuthenticationMiddleware": "oauthreg.http.middleware",
    "ClientSession": "aiohttp",
    "OAuthRequest": "oauthreg.http.request_class",
    "run": "oauthreg.http.driver",
}
"""Name -> the module that holds it."""

__all__ = [
    "AsyncAssertionClient",
    "AsyncOAuth1Client",
    "AsyncOAuth2Client",
    "AuthenticationMiddleware",
    "ClientSession",
    "OAuthRequest",
    "run",
]


def __getattr__(name: str) -> object:
    """Load a name from its module, once."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value
