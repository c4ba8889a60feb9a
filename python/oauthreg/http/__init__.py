"""The floor that talks HTTP: ready clients over the caller's ``aiohttp.ClientSession``.

Names are loaded when they are first used: a program that makes clients of one kind needs no other.
"""

from typing import TYPE_CHECKING

from oauthreg.facade import load_from

if TYPE_CHECKING:
    from aiohttp import ClientSession as ClientSession

    from oauthreg.http.assertion_client import AsyncAssertionClient as AsyncAssertionClient
    from oauthreg.http.driver import awaited as awaited, run as run
    from oauthreg.http.middleware import (
        Access as Access,
        AuthenticationMiddleware as AuthenticationMiddleware,
        chain as chain,
        plain_answer as plain_answer,
    )
    from oauthreg.http.oauth1_client import AsyncOAuth1Client as AsyncOAuth1Client
    from oauthreg.http.oauth2_client import AsyncOAuth2Client as AsyncOAuth2Client
    from oauthreg.http.references import resolve as resolve
    from oauthreg.http.request_class import OAuthRequest as OAuthRequest
    from oauthreg.http.request_context import RequestContext as RequestContext

_HOME = {
    "Access": "middleware",
    "AsyncAssertionClient": "assertion_client",
    "AsyncOAuth1Client": "oauth1_client",
    "AsyncOAuth2Client": "oauth2_client",
    "AuthenticationMiddleware": "middleware",
    "ClientSession": "driver",
    "OAuthRequest": "request_class",
    "RequestContext": "request_context",
    "awaited": "driver",
    "chain": "middleware",
    "plain_answer": "middleware",
    "resolve": "references",
    "run": "driver",
}
"""Name -> the module that holds it."""

__all__ = [
    "Access",
    "AsyncAssertionClient",
    "AsyncOAuth1Client",
    "AsyncOAuth2Client",
    "AuthenticationMiddleware",
    "ClientSession",
    "OAuthRequest",
    "RequestContext",
    "awaited",
    "chain",
    "plain_answer",
    "resolve",
    "run",
]

if not TYPE_CHECKING:  # a checker that saw it would take any name
    __getattr__ = load_from(globals(), _HOME)
