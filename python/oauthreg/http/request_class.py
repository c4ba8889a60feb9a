"""The old door: a request class that takes objects in ``auth=``, for code written for Authlib's aiohttp clients.

The clients of this package do without it; on a session made with it they work as on any other.
"""

from typing import Any

from aiohttp import ClientRequest, ClientResponse
from yarl import URL

from oauthreg.http.hop import LentBody, locate, send_with, stream_in
from oauthreg.messages import Authenticated, Authenticator, Coverage


class OAuthRequest(ClientRequest):
    """For ``aiohttp.ClientSession(request_class=OAuthRequest)``.

    ``auth`` may be an authenticator of this package, or an object whose ``prepare(method, url, headers, body)`` gives
    the URL, headers and body to send; anything else is left to aiohttp. aiohttp hands ``auth`` on to redirects within
    one origin and drops it for any other.
    """

    def __init__(self, method: str, url: URL, *, auth: Any = None, data: Any = None, **options: Any) -> None:
        if auth is not None and not hasattr(auth, "authenticate") and not hasattr(auth, "prepare"):
            options["auth"] = auth  # aiohttp 4 knows no such argument, and then nobody can have given it
        super().__init__(method, url, data=data.own if isinstance(data, LentBody) else data, **options)
        self._authenticator: Authenticator | None = None
        if hasattr(auth, "authenticate"):
            self._authenticator = auth
        elif hasattr(auth, "prepare"):
            self._authenticator = _PreparingAuthenticator(auth, self)

    async def send(self, *arguments: Any) -> ClientResponse:
        """Put the credential on, send, and take it off again."""

        async def sending(_: ClientRequest) -> ClientResponse:
            return await super(OAuthRequest, self).send(*arguments)

        if self._authenticator is None:
            return await sending(self)
        if type(self.body) is LentBody:  # a middleware sends the same request once more
            await self.update_body(self.body.own)
        # aiohttp writes the body in a task that may not have begun yet.
        return await send_with(self._authenticator, self, locate(self)[0], sending, restore_body=False)


class _PreparingAuthenticator:
    """An object with ``prepare`` in the role of an authenticator for one request."""

    is_slow = False
    header = None

    def __init__(self, auth: Any, req: ClientRequest) -> None:
        self._auth = auth
        self._req = req

    @property
    def covers(self) -> Coverage:
        return "bodies" if stream_in(self._req.body) is None else "forms"

    def authenticate(self, method: str, url: str, body: bytes | None, _: str | None) -> Authenticated:
        """Only what ``prepare`` changed; the length is aiohttp's to compute."""
        new_url, headers, new_body = self._auth.prepare(method, url, dict(self._req.headers), body or b"")
        content = new_body.encode() if isinstance(new_body, str) else new_body
        changed = [(name, str(value)) for name, value in headers.items() if self._req.headers.get(name) != value]
        return Authenticated(
            headers=tuple(pair for pair in changed if pair[0].lower() != "content-length"),
            url=None if new_url == url else new_url,
            body=content if content and content != body else None,
        )
