"""How a login comes back to a program: by the browser to a port of this machine, or copied by the user.

Spec: RFC 8252 sections 7.3 and 8.3.
"""

import sys
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import click

from oauthreg.cli.output import note
from oauthreg.errors import OAuthError, UsageError, quoted
from oauthreg.origins import is_loopback

if TYPE_CHECKING:
    import asyncio

DEFAULT_REDIRECT_URI = "http://127.0.0.1:8917/callback"
_HEAD = "<!doctype html><html lang=en><meta charset=utf-8><title>oauthreg</title><p>"
_COME_BACK = f"{_HEAD}This login has come back to the terminal. You may close this page."
_NOT_WANTED = f"{_HEAD}This is not the login that the terminal waits for."
_SHUTDOWN = 1.0
"""Seconds for a request that has begun when the login is over."""


def listens(redirect_uri: str) -> bool:
    """Whether a program can wait at a redirection URI: a port of this machine. Raises ``UsageError`` for no URI."""
    try:
        url = urlsplit(redirect_uri)
        return url.scheme == "http" and is_loopback(url.hostname or "") and url.port is not None
    except ValueError:
        raise UsageError(
            f"no redirection URI: {quoted(redirect_uri)}",
            code="invalid-redirect-uri",
            hint=f"as {DEFAULT_REDIRECT_URI}",
        ) from None


@asynccontextmanager
async def listening(redirect_uri: str, wanted: Collection[str] = ()) -> AsyncIterator["asyncio.Future[str]"]:
    """What the browser will bring to ``redirect_uri``: the URL it is sent to, or the form that is posted there.

    It must hold one of the ``wanted`` values (the state, the request token) if there are any: any page can send a
    browser there. Raises ``UsageError`` for a port that cannot be had.
    """
    import asyncio

    from aiohttp import web

    url = urlsplit(redirect_uri)
    brought: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def take(request: web.BaseRequest) -> web.StreamResponse:
        if request.path != (unquote(url.path) or "/") or not _is_host(request.host, url):
            return web.Response(status=404)
        if request.method not in ("GET", "POST"):
            return web.Response(status=405)
        text = await request.text() if request.method == "POST" else str(request.url)
        query = text if request.method == "POST" else urlsplit(text).query
        if wanted and not {value for _, value in parse_qsl(query)} & {*wanted}:
            return web.Response(status=400, text=_NOT_WANTED, content_type="text/html")
        if not brought.done():
            brought.set_result(text)
        return web.Response(text=_COME_BACK, content_type="text/html", headers={"Cache-Control": "no-store"})

    runner = web.ServerRunner(web.Server(take), shutdown_timeout=_SHUTDOWN)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, url.hostname, url.port).start()
        except OSError as error:
            raise UsageError(
                f"the port of {redirect_uri} cannot be had: {error.strerror or error}",
                code="port-in-use",
                hint="end what listens there, or register another `--redirect-uri` with the provider",
            ) from error
        yield brought
    finally:
        await runner.cleanup()


def _is_host(host: str, url: SplitResult) -> bool:
    """Whether a request is for this address: a page elsewhere may have a name of its own lead here."""
    with suppress(ValueError):
        given = urlsplit(f"//{host}")
        return given.hostname == url.hostname and (given.port or 80) == url.port
    return False


@contextmanager
def showing(url: str, *, opens: bool, in_turn: bool = False) -> Iterator[None]:
    """Say where the user logs in, and open it in a browser if there is one, while the login is under way.

    A browser may run until somebody closes it, as those in a terminal do, and nobody waits for it: only ``in_turn``,
    where this program reads from the same terminal next.
    """
    note("log in at:", "", f"  {url}", "")
    is_over = Event()

    def open_browser() -> None:
        import webbrowser

        is_open = False
        with suppress(webbrowser.Error, ValueError):  # what BROWSER names may be nothing
            is_open = webbrowser.open(url)
        if not is_open and not is_over.is_set():
            note("no browser could be opened here, or it failed: open the address yourself")

    if opens:
        # The program ends without threads of this kind, and without what they wait for.
        browser = Thread(target=open_browser, daemon=True)
        browser.start()
        if in_turn and _is_terminal():
            browser.join()
    try:
        yield
    finally:
        is_over.set()


def ask_for(what: str, seconds: float, *, is_secret: bool = True, is_exact: bool = False) -> str:
    """What the user types or copies here; at a terminal it is not shown if it may be as good as a password.

    Blanks around it are left out, unless it ``is_exact``, as a password is.
    Without a terminal it is a line of stdin, for which ``seconds`` are waited. Raises ``UsageError`` where none comes,
    and ``OAuthError`` when time is up.
    """
    if _is_terminal():
        typed = str(click.prompt(what, hide_input=is_secret, err=True))
        return typed if is_exact else typed.strip()
    note(f"{what}:")
    lines: list[str] = []

    def read_line() -> None:
        # The interpreter cannot end while a thread holds the reader of `sys.stdin`; this one takes no further line.
        with suppress(OSError, AttributeError), open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as stdin:
            lines.append(stdin.readline().decode(errors="replace").rstrip("\r\n"))

    reader = Thread(target=read_line, daemon=True)
    reader.start()
    reader.join(seconds)
    if reader.is_alive():
        raise nobody_came(seconds)
    given = "".join(lines) if is_exact else "".join(lines).strip()
    if not given:
        raise UsageError(
            f"no terminal to ask at: pipe in {what}",
            code="no-terminal",
            hint="a line of standard input is read",
        )
    return given


def nobody_came(seconds: float) -> OAuthError:
    """What is raised when a login has not come back in time."""
    return OAuthError("access_denied", f"nobody has logged in within {seconds:g} seconds")


def _is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()  # a process may have none
