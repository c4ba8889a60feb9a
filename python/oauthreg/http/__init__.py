"""The floor that talks HTTP: ready clients over the caller's ``aiohttp.ClientSession``."""

from aiohttp import ClientSession

from oauthreg.http.assertion_client import AsyncAssertionClient
from oauthreg.http.driver import run
from oauthreg.http.middleware import AuthenticationMiddleware
from oauthreg.http.oauth1_client import AsyncOAuth1Client
from oauthreg.http.oauth2_client import AsyncOAuth2Client
from oauthreg.http.request_class import OAuthRequest

__all__ = [
    "AsyncAssertionClient",
    "AsyncOAuth1Client",
    "AsyncOAuth2Client",
    "AuthenticationMiddleware",
    "ClientSession",
    "OAuthRequest",
    "run",
]
