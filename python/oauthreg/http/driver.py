"""Pumps a flow over the caller's session: the flow says what to send, the driver sends it and hands the answer back."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

from aiohttp import (
    ClientHandlerType,
    ClientMiddlewareType,
    ClientRequest,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    RequestInfo,
    hdrs,
)
from yarl import URL

from oauthreg.answers import malformed
from oauthreg.http.hop import refuse_clear_text
from oauthreg.http.middleware import Access, AuthenticationMiddleware, chain, plain_headers
from oauthreg.legs import render_form
from oauthreg.messages import Flow, Request, Response, Sleep
from oauthreg.oauth1.placement import FORM
from oauthreg.origins import Origin, parse_origin
from oauthreg.records import replace
from oauthreg.redaction import redact_url

Result = TypeVar("Result")

LARGEST_ANSWER = 1 << 20
"""The most bytes that an answer may have, after decompression."""

TIMEOUT = 30.0
"""How many seconds one request of a flow may take, from the connection to the last byte."""

Send: TypeAlias = Callable[[Request], Awaitable[Response]]
"""Sends one request and gives its answer."""

Around: TypeAlias = Callable[[Request, Send], Awaitable[Response]]
"""Given a request and what sends it, the answer."""

Sleeper: TypeAlias = Callable[[float], Awaitable[object]]
"""Waits for seconds."""

_NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


async def run(
    flow: Flow[Result],
    session: ClientSession,
    *,
    origins: Iterable[Origin] = (),
    allow_insecure_http: bool = False,
    timeout: float = TIMEOUT,  # noqa: ASYNC109 - it is for each request, not for the call
    options: Mapping[str, Any] = _NO_OPTIONS,
    around: Around | None = None,
    sleep: Sleeper | None = None,
) -> Result:
    """The value that a flow returns.

    Redirects are handed to the flow, never followed. Answers above 1 MiB raise ``MalformedResponseError`` with the
    code ``answer-too-large``. A URL that is not https raises ``UsageError`` (``insecure-url``) before any connection,
    unless it is on this machine or ``allow_insecure_http``. ``origins`` are those that may receive credentials; without
    any, each request's own. ``timeout`` is in seconds for each request. ``options`` are further arguments of
    ``session.request`` that concern the transport, such as ``proxy`` and ``ssl``. ``around`` is given each request and
    what sends it, and gives the answer. ``sleep`` waits in place of ``asyncio.sleep``.

    Errors of aiohttp pass unwrapped, without the query and the headers of the request; the flow sees every error first
    and may go on.
    """
    pinned = frozenset(origins)
    options = {"timeout": ClientTimeout(total=timeout), **options}

    async def send(request: Request) -> Response:
        with _redacting():
            return await _perform(request, session, pinned, allow_insecure_http, options)

    async def take(step: Request | Sleep) -> Response | None:
        if isinstance(step, Sleep):
            await (sleep or asyncio.sleep)(step.seconds)
            return None
        return await (send(step) if around is None else around(step, send))

    try:
        step = next(flow)
        while True:
            try:
                answer = await take(step)
            except Exception as error:  # noqa: BLE001 - it is raised again inside the flow
                step = flow.throw(error)
            else:
                step = flow.send(answer)
    except StopIteration as end:
        result: Result = end.value
        return result
    finally:
        flow.close()


async def awaited(value: Any) -> Any:
    """What a function gave that may be sync or async."""
    return await value if inspect.isawaitable(value) else value


async def _perform(
    request: Request,
    session: ClientSession,
    origins: frozenset[Origin],
    allow_insecure_http: bool,
    options: Mapping[str, Any],
) -> Response:
    if not allow_insecure_http:
        refuse_clear_text(parse_origin(request.url))
    middlewares = chain(session, None)
    headers, content = _content(request)
    if getattr(session, "trust_env", False):
        credential, headers = _split(headers)
        # First, so that the session's own middlewares see and change what they would without such a file.
        middlewares = (_with_sole(credential), *middlewares)
    if request.authenticator is not None:
        own = AuthenticationMiddleware(Access(request.authenticator, origins, allow_insecure_http))
        middlewares = (*middlewares, own)
    if content is None:  # aiohttp would call nothing an octet-stream, which some servers refuse
        options = {**options, "skip_auto_headers": {*(options.get("skip_auto_headers") or ()), "Content-Type"}}
    async with session.request(
        request.method,
        request.url,
        headers=headers,
        data=content,
        allow_redirects=False,
        raise_for_status=False,
        auto_decompress=True,
        middlewares=middlewares,
        **options,
    ) as response:
        answer = Response(response.status, plain_headers(response), b"", request.url)
        return replace(answer, body=await _read(response, answer))


@contextmanager
def _redacting() -> Iterator[None]:
    """Keeps credentials out of the errors of aiohttp that show the URL and the headers of a request."""
    try:
        yield
    except ClientResponseError as error:
        asked = error.request_info
        url, headers = URL(redact_url(str(asked.url))), asked.headers.copy()
        headers.clear()
        error.request_info = RequestInfo(url, asked.method, type(asked.headers)(headers), url)
        error.args = (error.request_info, *error.args[1:])
        raise


def _split(headers: Iterable[tuple[str, str]]) -> tuple[str | None, list[tuple[str, str]]]:
    """The credential among headers, and the other ones."""
    own = [value for name, value in headers if name.lower() == "authorization"]
    return own[-1] if own else None, [pair for pair in headers if pair[0].lower() != "authorization"]


def _with_sole(credential: str | None) -> ClientMiddlewareType:
    """Puts this credential, or none, in the place of one of a netrc file, beside which aiohttp would not take it.

    Spec: RFC 6749 section 2.3 (one method of authentication in each request).
    """

    async def send(req: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        req.headers.popall(hdrs.AUTHORIZATION, None)
        if credential is not None:
            req.headers[hdrs.AUTHORIZATION] = credential
        return await handler(req)

    return send


def _content(request: Request) -> tuple[list[tuple[str, str]], bytes | None]:
    """The headers and the body of a request, a form encoded as RFC 5849 section 3.6 says."""
    if request.form is None:
        return list(request.headers), request.body
    headers = [pair for pair in request.headers if pair[0].lower() != "content-type"]
    return [*headers, ("Content-Type", FORM)], render_form(request.form).encode()


async def _read(response: ClientResponse, answer: Response) -> bytes:
    """The whole body, but never more of it than may be."""
    pieces: list[bytes] = []
    room = LARGEST_ANSWER
    async for piece in response.content.iter_any():
        room -= len(piece)
        if room < 0:
            response.close()
            raise malformed(
                answer,
                f"the answer is larger than {LARGEST_ANSWER} bytes",
                code="answer-too-large",
                hint="check the endpoint's URL; no answer of the protocol is that large",
            )
        pieces.append(piece)
    return b"".join(pieces)
