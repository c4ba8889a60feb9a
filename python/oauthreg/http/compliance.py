"""Compliance hooks: an application's own corrections of what is sent to a provider and of what it answers."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from oauthreg.answers import decode_text
from oauthreg.errors import UnsupportedMethodError, UsageError
from oauthreg.http.api_client import pairs
from oauthreg.http.driver import awaited
from oauthreg.legs import render_form
from oauthreg.messages import Request, Response
from oauthreg.records import replace

HOOK_TYPES = (
    "access_token_request",
    "access_token_response",
    "refresh_token_request",
    "refresh_token_response",
    "revoke_token_request",
    "introspect_token_request",
    "protected_request",
)
"""What a hook may be registered for.

Hooks of requests are given the URL, the headers (a dictionary that is theirs to change) and the body, and return all
three; hooks of responses are given a :class:`HookedResponse` and return it, another body, or ``None`` for no change.
"""

_FORM = "application/x-www-form-urlencoded"


class ComplianceHooks:
    """The hooks of one client; each may be a plain function or a coroutine function."""

    def __init__(self) -> None:
        self._hooks: dict[str, list[Callable[..., Any]]] = {kind: [] for kind in HOOK_TYPES}

    def register(self, kind: str, hook: Callable[..., Any]) -> None:
        """Add a hook. Raises ``UnsupportedMethodError`` for a type that is not in ``HOOK_TYPES``."""
        if kind not in self._hooks:
            raise UnsupportedMethodError(
                f"unknown type of hook: {kind!r} (known: {', '.join(HOOK_TYPES)})", code="unknown-hook-type"
            )
        self._hooks[kind].append(hook)

    @property
    def has_call_hooks(self) -> bool:
        """Whether there are hooks for requests to the API."""
        return bool(self._hooks["protected_request"])

    async def change_call(self, url: Any, headers: Any, body: Any) -> tuple[Any, Any, Any]:
        """URL, headers and body of a request to the API as the hooks want them."""
        own = _dictionary(headers) if self.has_call_hooks else headers
        return await self._through("protected_request", url, own, body)

    async def change_request(self, kind: str, request: Request) -> Request:
        """A protocol request as the hooks of a type want it; its body is a form as text."""
        if not self._hooks[kind]:
            return request
        own = dict(request.headers)
        body: Any = request.body
        if request.form is not None:
            own, body = {**own, "Content-Type": _FORM}, render_form(request.form)
        url, headers, body = await self._through(kind, request.url, own, body)
        octets = body.encode() if isinstance(body, str) else body
        return replace(request, url=str(url), headers=pairs("headers", headers), form=None, body=octets)

    async def change_response(self, kind: str, response: Response) -> Response:
        """The answer as the hooks of a type want it."""
        for hook in self._hooks[kind]:
            changed = await awaited(hook(HookedResponse(response)))
            response = response if changed is None else replace(response, body=await _body(changed))
        return response

    async def _through(self, kind: str, url: Any, headers: Any, body: Any) -> tuple[Any, Any, Any]:
        for hook in self._hooks[kind]:
            result = await awaited(hook(url, headers, body))
            if not isinstance(result, (tuple, list)) or len(result) != 3:
                raise UsageError(
                    f"a hook of the type {kind!r} gave something else than URL, headers and body",
                    code="invalid-hook-result",
                    hint="return all three, changed or not",
                )
            url, headers, body = result
        return url, headers, body


class HookedResponse:
    """An answer as hooks see it: read as an ``aiohttp.ClientResponse`` is, as often as one likes."""

    def __init__(self, response: Response) -> None:
        self._response = response
        self.status = response.status
        self.headers = dict(response.headers)

    async def read(self) -> bytes:
        """The body."""
        return self._response.body

    async def text(self) -> str:
        """The body as text."""
        return decode_text(self._response.body)

    async def json(self, **_: Any) -> Any:
        """The body as JSON, whatever it is labelled."""
        return json.loads(await self.text())


def _dictionary(headers: Any) -> Any:
    """A copy of what a caller gave as headers; lines of one name are joined (RFC 9110 section 5.3)."""
    if isinstance(headers, Mapping):
        return headers.copy() if hasattr(headers, "copy") else dict(headers)
    joined: dict[str, str] = {}
    for name, value in headers or ():
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


async def _body(changed: Any) -> bytes:
    if isinstance(changed, (bytes, str)):
        return changed.encode() if isinstance(changed, str) else changed
    if isinstance(changed, Mapping):
        return json.dumps(dict(changed)).encode()
    return changed.body if isinstance(changed, Response) else bytes(await changed.read())
