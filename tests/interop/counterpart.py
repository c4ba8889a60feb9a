"""What the independent servers have in common: their paths, their clients, and how they are started and stopped.

Every counterpart serves ``POST /request_token``, ``GET /authorize`` (``deny=1`` refuses), ``POST /access_token``,
``GET /userinfo`` and any method on ``/echo…``, which tells what the server saw behind a valid signature.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

Placement = Literal["header", "query", "body"]
PLACEMENTS: tuple[Placement, ...] = ("header", "query", "body")

METHODS = {
    "oauthlib": ("HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512", "RSA-SHA1", "RSA-SHA256", "RSA-SHA512", "PLAINTEXT"),
    "authlib": ("HMAC-SHA1", "RSA-SHA1", "PLAINTEXT"),
    "php": ("HMAC-SHA1", "HMAC-SHA256", "PLAINTEXT"),
}
"""Counterpart -> the signature methods that its code knows."""

TIMESTAMP_WINDOW = {"oauthlib": 600, "authlib": 300, "php": 300}
"""Counterpart -> how old a timestamp may be, in seconds."""

USER = {"id": "9007199254740993", "name": "Zoë Ünïcode", "email": "zoe@example.org"}
"""The one user; the id cannot pass through a float unharmed."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A client that every counterpart knows; ``suffix`` ends every token, secret and verifier that it is given."""

    client_id: str
    client_secret: str
    suffix: str = ""


PLAIN = Credentials("plain-client", "plain-secret")
RESERVED = Credentials("reserved/&+= ~", "s&%+=25 ~", "/+=& ~")
UNICODE = Credentials("ünïcode-client", "gehéim☃", "ü☃")
CLIENTS = {client.client_id: client for client in (PLAIN, RESERVED, UNICODE)}


@dataclass(frozen=True, slots=True)
class Counterpart:
    """A running server: what it is and where."""

    name: str
    origin: str

    def url(self, path: str) -> str:
        """The complete URL of a path."""
        return f"{self.origin}/{path.removeprefix('/')}"

    def endpoints(self) -> dict[str, str]:
        """The endpoints under the names of a provider."""
        paths = {"request_token": "request_token", "authorize": "authorize", "token": "access_token"}
        return {name: self.url(path) for name, path in paths.items()} | {
            "userinfo": self.url("userinfo"),
            "api_base": self.url(""),
        }


@contextmanager
def serve_aiohttp(make_app: Callable[[], web.Application]) -> Iterator[str]:
    """The origin of an aiohttp application that runs in a thread with a loop of its own."""
    origin: Future[str] = Future()
    stop: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def run() -> None:
        runner = web.AppRunner(make_app())
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            stopped = asyncio.Event()
            stop.set_result((asyncio.get_running_loop(), stopped))
            origin.set_result(f"http://127.0.0.1:{runner.addresses[0][1]}")
            await stopped.wait()
        finally:
            await runner.cleanup()

    def run_in_thread() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:
            if origin.done():
                raise
            origin.set_exception(error)

    thread = threading.Thread(target=run_in_thread, name="aiohttp counterpart")
    thread.start()
    try:
        yield origin.result(timeout=10)
        loop, stopped = stop.result()
        loop.call_soon_threadsafe(stopped.set)
    finally:
        thread.join(timeout=10)
    assert not thread.is_alive()
