"""The object that a client's verbs return: awaited, it is the response; as a context, it also releases it."""

from collections.abc import Awaitable, Coroutine, Generator
from types import TracebackType
from typing import Any

from aiohttp import ClientResponse


class RequestContext(Coroutine[Any, Any, ClientResponse]):
    """A request that is made when it is awaited or entered, once.

    ``await client.get(url)`` gives the response, which the caller releases; ``async with client.get(url) as response``
    releases it at the end. It is a coroutine, as aiohttp's own object is, so ``asyncio.create_task`` takes it, too.
    """

    __slots__ = ("_coroutine", "_response")

    def __init__(self, coroutine: Coroutine[Any, Any, ClientResponse]) -> None:
        self._coroutine = coroutine
        self._response: ClientResponse

    def send(self, value: Any) -> Any:
        """Resume the request (the coroutine protocol)."""
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        """Raise an error inside the request (the coroutine protocol)."""
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """Give the request up before it is awaited."""
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, ClientResponse]:
        return self._coroutine.__await__()

    async def __aenter__(self) -> ClientResponse:
        self._response = response = await self._coroutine
        return await response.__aenter__()

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Awaitable[None]:
        return self._response.__aexit__(kind, error, traceback)
