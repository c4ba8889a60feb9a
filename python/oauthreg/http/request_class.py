"""The old door: a request class that takes objects in ``auth=``, for code written for Authlib's aiohttp clients.

The clients of this package do without it; on a session made with it they work as on any other.
"""

from typing import Any
from weakref import WeakValueDictionary

from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from yarl import URL

from oauthreg.http.hop import LentBody, stream_in
from oauthreg.http.middleware import Access, AuthenticationMiddleware
from oauthreg.messages import Authenticated, Coverage
from oauthreg.origins import Origin


class OAuthRequest(ClientRequest):
    """For ``aiohttp.ClientSession(request_class=OAuthRequest)``.

    ``auth``, of one request or of the session, may be a client's own (``auth=client.auth``), another authenticator, or
    an object whose ``prepare(method, url, headers, body)`` gives the URL, headers and body to send; anything else is
    left to aiohttp.

    A client's own goes where the client's requests go: a hop of a redirect to another origin than the pinned ones is
    sent without it, and so are all that follow; one that would carry a body is refused. What knows no origins is put on
    requests to any, and on no hop that leaves the origin where the request began. A request that begins without gets
    none on its way, lest a stranger choose what is signed.

    Raises ``UsageError`` for a foreign origin and for one that the secrets would reach unencrypted, and
    ``ResponseError`` for a redirect that cannot be followed.
    """

    def __init__(self, method: str, url: URL, *, auth: Any = None, data: Any = None, **options: Any) -> None:
        is_ours = hasattr(auth, "authenticate") or hasattr(auth, "prepare")
        if auth is not None and not is_ours:
            options["auth"] = auth  # aiohttp 4 knows no such argument, and then nobody can have given it
        super().__init__(method, url, data=data.own if isinstance(data, LentBody) else data, **options)
        self._authentication = _authentication(auth) if is_ours else None
        # aiohttp says neither which hop this is, nor whether it puts the session's `auth` on one that left its origin;
        # but all hops of a request have its timer, and the former one is kept until this one is made.
        self._shared_timer = options.get("timer")
        if self._shared_timer is not None:
            former = _latest_hops.get(id(self._shared_timer))
            if former is not None:
                self._authentication = former._authentication  # noqa: SLF001 - it is of this class
            _latest_hops[id(self._shared_timer)] = self

    async def send(self, *arguments: Any) -> ClientResponse:
        """Put the credential on, send, and take it off again."""

        async def sending(_: ClientRequest) -> ClientResponse:
            return await super(OAuthRequest, self).send(*arguments)

        if self._authentication is None:
            return await sending(self)
        if type(self.body) is LentBody:  # a middleware sends the same request once more
            await self.update_body(self.body.own)
        return await self._authentication(self, sending)


_latest_hops: WeakValueDictionary[int, OAuthRequest] = WeakValueDictionary()
"""Of each request under way its latest hop, by the identity of the timer, which the hop keeps from being another's."""


def _authentication(auth: Any) -> AuthenticationMiddleware:
    # aiohttp writes the body in a task that may not have begun when the answer's object is there.
    return AuthenticationMiddleware(auth, restore_body=False) if isinstance(auth, Access) else _Unpinned(auth)


class _Unpinned(AuthenticationMiddleware):
    """Puts on a credential that knows no origins, as old code has it; where bodies go is aiohttp's affair."""

    def __init__(self, auth: Any) -> None:
        self._preparing = None if hasattr(auth, "authenticate") else _PreparingAuthenticator(auth)
        super().__init__(Access(self._preparing or auth, clear_text=True), restore_body=False)

    async def __call__(self, req: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        if self._preparing is not None:
            self._preparing.req = req
        return await super().__call__(req, handler)

    def _leave(self, req: ClientRequest, foreign: Origin) -> None:  # noqa: ARG002 - it asks of neither
        self._has_left = True


class _PreparingAuthenticator:
    """An object with ``prepare`` in the role of an authenticator, for the request that is being sent."""

    is_slow = False
    header = None
    req: ClientRequest

    def __init__(self, auth: Any) -> None:
        self._auth = auth

    @property
    def covers(self) -> Coverage:
        return "bodies" if stream_in(self.req.body) is None else "forms"

    def authenticate(self, method: str, url: str, body: bytes | None, _: str | None) -> Authenticated:
        """Only what ``prepare`` changed; the length is aiohttp's to compute."""
        new_url, headers, new_body = self._auth.prepare(method, url, dict(self.req.headers), body or b"")
        content = new_body.encode() if isinstance(new_body, str) else new_body
        changed = [(name, str(value)) for name, value in headers.items() if self.req.headers.get(name) != value]
        return Authenticated(
            headers=tuple(pair for pair in changed if pair[0].lower() != "content-length"),
            url=None if new_url == url else new_url,
            body=content if content and content != body else None,
        )
