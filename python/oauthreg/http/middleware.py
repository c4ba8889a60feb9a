"""The client middleware that puts a credential on each hop of one request, and only on hops to pinned origins.

Spec: RFC 5849 section 3.3 (a nonce for every request), RFC 6454 (origins).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import TypeAlias

from aiohttp import (
    ClientError,
    ClientHandlerType,
    ClientMiddlewareType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    hdrs,
)

from oauthreg.errors import ResponseError, UsageError
from oauthreg.http.hop import (
    check_target,
    covers_body,
    has_content,
    is_replayable,
    locate,
    located,
    refuse_clear_text,
    send_with,
)
from oauthreg.messages import Authenticated, Authenticator, Coverage, Making, Pairs, Response
from oauthreg.origins import Origin, render_origin
from oauthreg.records import dataclass, field, replace

Repair: TypeAlias = Callable[[Response], Awaitable[Authenticator | None]]
"""Given a refusal (401), the authenticator to send the request once more with, or ``None`` to let it stand."""

Hope: TypeAlias = Callable[[Response], bool]
"""Given a refusal, whether a repair will be made of it, so that nobody is going to read it."""

_PATIENCE = 1.0
"""How many seconds the text of a refusal is waited for."""

_UNAUTHORIZED = 401

_begun: set[asyncio.Task[None]] = set()
"""Repairs that nobody waits for: an event loop alone does not keep them."""

_HeaderName = type(hdrs.AUTHORIZATION)
"""aiohttp's own kind of text, which its headers look for without making it lower case first."""


@dataclass(frozen=True, slots=True)
class Access:
    """What all requests with one credential have in common.

    ``origins`` are those that may receive the credential; without any, the first hop's own origin is the only one.
    ``clear_text`` lets it travel by http to other machines. ``repair`` is what a refusal is answered with, and
    ``is_hopeful`` says beforehand that this will be done, if no request has its own. ``base`` is what clients resolve
    relative URLs against.

    It is an authenticator itself: whoever is handed one in place of a client knows where the credential may go.
    """

    authenticator: Authenticator
    origins: frozenset[Origin] = frozenset()
    clear_text: bool = False
    repair: Repair | None = None
    base: str | None = None
    is_hopeful: Hope | None = None
    header: tuple[str, Making[str]] | None = field(init=False, repr=False, compare=False)
    """That of an authenticator that makes it at once, its name as aiohttp's headers look for it."""

    def __post_init__(self) -> None:
        own = None if self.authenticator.is_slow else self.authenticator.header
        object.__setattr__(self, "header", None if own is None else (_HeaderName(own[0]), own[1]))

    @property
    def covers(self) -> Coverage:
        """As its authenticator."""
        return self.authenticator.covers

    @property
    def is_slow(self) -> bool:
        """As its authenticator."""
        return self.authenticator.is_slow

    def authenticate(self, method: str, url: str, body: bytes | None, content_type: str | None) -> Authenticated:
        """What its authenticator makes, whatever the URL: origins are compared by who sends the request."""
        return self.authenticator.authenticate(method, url, body, content_type)


class AuthenticationMiddleware:
    """Authenticates one request, redirects included. Make a new one for every request.

    A hop to another origin than those of ``access`` goes out as the caller made it, with nothing of ours on it, and so
    do all that follow it, lest a stranger choose what is signed; one that would carry a body is refused. ``headers`` go
    where the credential goes. ``repair`` may ask for ``repairs`` more attempts after a 401; it is asked even if the
    body is used up, so that later requests fare better, and then the refusal stands, at once if its text is long.
    ``is_hopeful`` says beforehand that a repair will be made of a refusal, whose connection is then free for it.
    ``restore_body`` is that of ``send_with``.

    Raises ``UsageError`` when the first hop is foreign or any is insecure, ``UnsignableRequestError`` when the wire
    form cannot be covered, ``ResponseError`` when a redirect would carry the body to a foreign origin.
    """

    __slots__ = (
        "_access",
        "_has_left",
        "_headers",
        "_is_first",
        "_is_hopeful",
        "_origins",
        "_repair",
        "_repairs_left",
        "_restore_body",
    )

    def __init__(
        self,
        access: Access,
        headers: Pairs = (),
        repair: Repair | None = None,
        repairs: int = 1,
        is_hopeful: Hope | None = None,
        *,
        restore_body: bool = True,
    ) -> None:
        self._access = access
        self._origins = access.origins
        self._headers = headers
        self._repair = repair or access.repair
        self._repairs_left = repairs
        self._is_hopeful = is_hopeful
        self._restore_body = restore_body
        self._is_first = True
        self._has_left = False

    async def __call__(self, req: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Send one hop."""
        access = self._access
        covered, origin, claimed = locate(req)
        pinned = self._origins = self._origins or frozenset((origin, claimed or origin))
        if origin not in pinned:
            self._leave(req, origin)
        elif claimed is not None and claimed not in pinned:
            self._leave(req, claimed)
        elif not (access.clear_text or self._has_left):
            refuse_clear_text(origin)
            if claimed is not None:
                refuse_clear_text(claimed)
        self._is_first = False
        if self._has_left:
            return await handler(req)
        authenticator, header = access.authenticator, access.header
        if header is None or self._headers or header[0] in req.headers:
            response = await send_with(
                authenticator, req, covered, handler, self._headers, restore_body=self._restore_body
            )
        else:
            # Nearly every request goes this way, with nothing of it in the processor's caches: each step that is spared
            # counts, a coroutine most of all.
            check_target(covered)
            name, make = header
            content_type, body = req.headers.get(hdrs.CONTENT_TYPE), req.body
            content: bytes | None = None
            if body and covers_body(authenticator, req, body, content_type):
                content = bytes(await body.as_bytes())
            req.headers[name] = make(req.method, covered, content, content_type)
            try:
                response = await handler(req)
            finally:
                req.headers.popall(name, None)
        if self._repair is not None and response.status == _UNAUTHORIZED:
            return await self._send_again(self._repair, response, req, covered, handler)
        return response

    async def _send_again(
        self, repair: Repair, response: ClientResponse, req: ClientRequest, covered: str, handler: ClientHandlerType
    ) -> ClientResponse:
        """The answer to further attempts, as long as what was refused can be repaired."""
        while response.status == _UNAUTHORIZED and self._repairs_left:
            again = is_replayable(req.body)
            repaired = await self._repaired(repair, response, again=again)
            if repaired is None or not again:
                return response
            self._repairs_left, self._access = self._repairs_left - 1, replace(self._access, authenticator=repaired)
            response.release()
            req.update_expect_continue()  # a refusal instead of 100 (Continue) ended the waiting for good
            response = await send_with(repaired, req, covered, handler, self._headers)
        return response

    async def _repaired(self, repair: Repair, response: ClientResponse, *, again: bool) -> Authenticator | None:
        try:
            refusal = await _peek(response)
            is_hopeful = self._is_hopeful or self._access.is_hopeful
            if again and is_hopeful is not None and is_hopeful(refusal):
                # Its text may be long or slow, and the repair in want of a connection.
                response.release()
            elif not again and response.connection is not None:
                # It is the caller's to read, and the repair may be in want of its connection.
                _begin(repair, refusal)
                return None
            return await repair(refusal)
        except BaseException:
            response.release()
            raise

    def _leave(self, req: ClientRequest, foreign: Origin) -> None:
        """Let a hop go to a foreign origin as the caller made it, and all that follow."""
        if self._is_first:
            raise UsageError(
                f"credentials stay with the provider, and this is another origin: {render_origin(foreign)}",
                code="foreign-origin",
                hint="pass `allowed_origins=` to let it receive them, or use the session itself to go without",
            )
        if has_content(req):
            raise ResponseError(
                f"a redirect would carry the request's body to another origin: {render_origin(foreign)}",
                code="foreign-redirect",
                hint="pass `allow_redirects=False` to see the redirect, or `allowed_origins=` to let it follow",
            )
        self._has_left = True


def chain(session: ClientSession, own: Sequence[ClientMiddlewareType] | None) -> Sequence[ClientMiddlewareType]:
    """The middlewares of one request: the caller's ``own`` or else the session's. Ours goes last, nearest to the wire.

    aiohttp lets a request's middlewares replace the session's and gives no public way to read those. Raises
    ``UsageError`` if they cannot be read: leaving them out would drop, say, somebody's audit log.
    """
    if own is not None:
        return own
    of_session: Sequence[ClientMiddlewareType] | None = getattr(session, "_middlewares", None)
    if of_session is None:
        raise UsageError(
            f"the middlewares of the session cannot be read: {type(session).__name__}",
            code="unreadable-session",
            hint="pass an `aiohttp.ClientSession` of a supported version, or `middlewares=` with the request",
        )
    return of_session


def _begin(repair: Repair, refusal: Response) -> None:
    """Have a repair made that nobody waits for; what keeps it from success is told to the next request."""

    async def repairing() -> None:
        with suppress(Exception):
            await repair(refusal)

    task = asyncio.get_running_loop().create_task(repairing())
    _begun.add(task)
    task.add_done_callback(_begun.discard)


async def _peek(response: ClientResponse) -> Response:
    """A refusal as plain data; its text only if it is complete soon and small enough to be buffered.

    Nothing is taken from the stream of a longer one, so that the caller can still read it.
    """
    body = b""
    with suppress(TimeoutError, ClientError):
        async with asyncio.timeout(_PATIENCE):
            await response.content.wait_eof()
        body = await response.read()
    return plain_answer(response, body)


def plain_answer(response: ClientResponse, body: bytes = b"") -> Response:
    """An answer as flows know it, its body read or not."""
    return Response(response.status, plain_headers(response), body, located(response))


def plain_headers(response: ClientResponse) -> Mapping[str, str]:
    """The headers by names in lower case, the last value of a repeated one, but every challenge (RFC 9110 11.6.1)."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    if "www-authenticate" in headers:
        headers["www-authenticate"] = ", ".join(response.headers.getall("WWW-Authenticate"))
    return MappingProxyType(headers)
