"""One hop of one aiohttp request: what of it a credential covers, and the credential put on and taken off.

aiohttp rewrites what it is given (URL, form, body) before it sends it, sends a request anew on every redirect, and
takes URL, headers and body of error texts and further hops from the request object. So a credential is made from that
object at the last moment, and taken off again as soon as the answer is there.

Spec: RFC 5849 section 3.4.1 (what a signature covers).
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import (
    AsyncIterablePayload,
    BytesPayload,
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    IOBasePayload,
    MultipartWriter,
    Payload,
    RequestInfo,
    hdrs,
)
from aiohttp.multipart import BodyPartReaderPayload
from yarl import URL

from oauthreg.errors import UnsignableRequestError, UsageError
from oauthreg.messages import Authenticated, Authenticator, Pairs
from oauthreg.oauth1.placement import FORM
from oauthreg.origins import Origin, is_loopback, parse_origin, render_origin
from oauthreg.signing.refusals import unsignable_body

_IS_AUTHORITY = re.compile(r"[!\"$-.0->A-\[\]-~]+").fullmatch  # printable ASCII without `/?#@\`


def locate(req: ClientRequest) -> tuple[str, Origin, Origin | None]:
    """The URL that a credential covers, the origin that the request goes to, and what other one its header claims.

    The URL is the one that the server puts together: scheme, ``Host`` header, request target (RFC 5849 section
    3.4.1.2). Raises ``UnsignableRequestError`` for a header that is no host.
    """
    url, host = req.url, req.headers.get(hdrs.HOST)
    scheme, own_host = url.scheme, url.host_port_subcomponent
    origin = (scheme, (url.raw_host or "").lower(), url.port or 0)
    if host is None or host == own_host:
        return f"{scheme}://{own_host}{url.raw_path_qs}", origin, None
    if not _IS_AUTHORITY(host):
        raise UnsignableRequestError(
            f"the Host header is no host with an optional port: {host!r}", code="invalid-host-header"
        )
    covered = f"{scheme}://{host}{url.raw_path_qs}"
    return covered, origin, parse_origin(covered)


def located(response: ClientResponse) -> str:
    """The URL of an answer as its server put it together: that which :func:`locate` gave for the request."""
    url, host = response.url, response.request_info.headers.get(hdrs.HOST)
    return f"{url.scheme}://{host or url.host_port_subcomponent}{url.raw_path_qs}"


def refuse_clear_text(origin: Origin) -> None:
    """Raises ``UsageError`` for http to another machine: everybody in between would have the credentials."""
    scheme, host, _ = origin
    if scheme != "https" and not is_loopback(host):
        raise UsageError(
            f"credentials would travel unencrypted to {render_origin(origin)}",
            code="insecure-url",
            hint="use https; where that is impossible, a provider says `allow_insecure_http`",
        )


def has_content(req: ClientRequest) -> bool:
    """Whether a request carries a body that is not empty."""
    return isinstance(req.body, Payload) and req.body.size != 0


def is_replayable(body: Payload | bytes) -> bool:
    """Whether sending a body again sends the same bytes, however far the first attempt came."""
    if isinstance(body, MultipartWriter):
        return all(is_replayable(part) for part, _, _ in body)
    return not body or isinstance(body, BytesPayload)


def stream_in(body: Payload | bytes) -> str | None:
    """What keeps a body's bytes unknown before it is sent: it can be read once only, or is written otherwise."""
    if isinstance(body, BytesPayload):  # nearly every body, and the other questions cost more
        return None
    if isinstance(body, MultipartWriter):
        # aiohttp encodes parts as it writes them, and reads them as they were given.
        parts = (
            "an encoded part" if coding or transfer_coding else stream_in(part)
            for part, coding, transfer_coding in body
        )
        return next(filter(None, parts), None)
    if isinstance(body, IOBasePayload):
        file = body._value  # noqa: SLF001 - aiohttp has no public way
        return None if file.seekable() else "a file that can be read once only"
    if isinstance(body, BodyPartReaderPayload):
        return "a part of an answer"
    return "an asynchronous iterable" if isinstance(body, AsyncIterablePayload) else None


class LentBody(BytesPayload):
    """A body with a credential in it; ``own`` is the body that the caller gave."""

    def __init__(self, content: bytes, own: Payload | None) -> None:
        super().__init__(content)
        self.own = own


async def send_with(
    authenticator: Authenticator,
    req: ClientRequest,
    covered: str,
    handler: ClientHandlerType,
    headers: Pairs = (),
    *,
    restore_body: bool = True,
) -> ClientResponse:
    """The answer to one hop, sent with a credential and further ``headers``, of which nothing stays on the request.

    The credential may change whatever it likes. ``covered`` is its URL as :func:`locate` gives it. Redirects, retries
    and error texts are made from the request object: they neither forward nor show a credential. ``restore_body=False``
    leaves a :class:`LentBody`, for a handler that returns before the body is written. Raises ``UnsignableRequestError``
    and what the authenticator raises.
    """
    check_target(covered)
    own_url, own_headers = req.url, req.headers.copy()
    try:
        for name, value in headers:
            req.headers[name] = value
        credential, content = await _authenticated(authenticator, req, covered)
        await _rewrite(req, credential, content)
        for name, value in credential.headers:
            req.headers[name] = value
        response = await handler(req)
    except Exception as error:
        _conceal(error, req.url, own_url)
        raise
    finally:
        await _restore(req, own_url, own_headers, restore_body=restore_body)
    if credential.url is not None:
        _show(response, own_url)
    return response


async def _authenticated(
    authenticator: Authenticator, req: ClientRequest, covered: str
) -> tuple[Authenticated, bytes | None]:
    """What a credential changes, and the body's bytes if it covers them: some bodies tell them once."""
    content_type, body = req.headers.get(hdrs.CONTENT_TYPE), req.body  # b"" for none
    content = bytes(await body.as_bytes()) if body and covers_body(authenticator, req, body, content_type) else None
    wire_form = req.method, covered, content, content_type
    if authenticator.is_slow:
        return await asyncio.to_thread(authenticator.authenticate, *wire_form), content
    return authenticator.authenticate(*wire_form), content


def covers_body(authenticator: Authenticator, req: ClientRequest, body: Payload, content_type: str | None) -> bool:
    """Whether the credential covers the body's bytes as they go on the wire.

    Raises ``UnsignableRequestError`` for bytes that are not known before they are sent.
    """
    covers = authenticator.covers
    if covers == "nothing":
        return False
    is_form = _is_form(content_type)
    if not (is_form or covers == "bodies"):
        return False
    if (stream := stream_in(body)) is not None:
        raise unsignable_body(stream)
    if getattr(req, "compress", None) or (is_form and _is_coded(req.headers.get(hdrs.CONTENT_ENCODING))):
        raise UnsignableRequestError(
            "the signature covers the body, and this body is compressed on the way out",
            code="compressed-body",
            hint="send it without `compress=` and `Content-Encoding`",
        )
    return True


async def _rewrite(req: ClientRequest, credential: Authenticated, content: bytes | None) -> None:
    if credential.url is not None:
        # The authority may be that of the Host header: the connection still goes where the request went.
        target = URL(credential.url, encoded=True).raw_path_qs
        req.url = URL(f"{req.url.origin()}{target}", encoded=True)
    if credential.body is not None:
        own: Payload | None = req.body if isinstance(req.body, BytesPayload) else None
        if own is None and content:
            # Replacing a body closes it, so a file is kept by its bytes.
            own = BytesPayload(content, content_type=req.headers.get(hdrs.CONTENT_TYPE))
        await req.update_body(LentBody(credential.body, own))


async def _restore(req: ClientRequest, url: URL, headers: Mapping[str, str], *, restore_body: bool) -> None:
    if restore_body and type(req.body) is LentBody:
        await req.update_body(req.body.own)
    req.url = url
    req.headers.clear()
    req.headers.extend(headers)


def check_target(covered: str) -> None:
    """Raises ``UnsignableRequestError`` for a URL that stands otherwise on the wire than it is signed."""
    if not (covered.isascii() and covered.isprintable() and " " not in covered):
        raise UnsignableRequestError(
            "the URL holds characters that no request target can carry",
            code="unencoded-url",
            hint="percent-encode it, or pass text and not `URL(..., encoded=True)`",
        )


def _is_form(content_type: str | None) -> bool:
    return content_type == FORM or (content_type is not None and content_type.partition(";")[0].strip().lower() == FORM)


def _is_coded(content_encoding: str | None) -> bool:
    return content_encoding is not None and content_encoding.strip().lower() not in ("", "identity")


def _conceal(error: Exception, sent: URL, shown: URL) -> None:
    """Puts the caller's URL into an error that names the one with the credential, wherever it stands."""
    if sent == shown:
        return

    def concealed(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace(str(sent), str(shown))
        if isinstance(value, RequestInfo):
            return value._replace(url=shown)
        return shown if value == sent else value

    error.args = tuple([concealed(value) for value in error.args])
    for name, value in vars(error).items():
        setattr(error, name, concealed(value))
    if isinstance(error, OSError):
        error.strerror = concealed(error.strerror)


def _show(response: ClientResponse, url: URL) -> None:
    """Puts the caller's URL into ``response.request_info``, for which aiohttp has no public way."""
    info = getattr(response, "_request_info", None)
    if info is not None and info.url is not url:
        response._request_info = info._replace(url=url)  # noqa: SLF001
