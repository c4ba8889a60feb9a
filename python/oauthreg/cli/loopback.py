"""How a login comes back to a program: by the browser to a port of this machine, or copied by the user.

Spec: RFC 8252 sections 7.3 and 8.3.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from oauthreg.cli.output import note
from oauthreg.errors import UsageError
from oauthreg.origins import is_loopback

if TYPE_CHECKING:
    import asyncio

DEFAULT_REDIRECT_URI = "http://127.0.0.1:8917/callback"
_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>oauthreg</title>"
    "<p>This login has come back to the terminal. You may close this page."
)


@asynccontextmanager
async def listening(redirect_uri: str) -> AsyncIterator["asyncio.Future[str] | None"]:
    """What the browser will bring to ``redirect_uri``: the URL it is sent to, or the form that is posted there.

    ``None`` where that is not a port of this machine, so that the user must copy it. Raises ``UsageError`` for a port
    that cannot be had.
    """
    import asyncio

    url = urlsplit(redirect_uri)
    if url.scheme != "http" or not is_loopback(url.hostname or "") or not url.port:
        yield None
        return
    from aiohttp import web

    brought: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def take(request: web.BaseRequest) -> web.StreamResponse:
        # A page elsewhere may have a name of its own lead here: it is not what the browser was sent to.
        if request.path != (url.path or "/") or request.host != url.netloc:
            return web.Response(status=404)
        if request.method not in ("GET", "POST"):
            return web.Response(status=405)
        text = await request.text() if request.method == "POST" else str(request.url)
        if not brought.done():
            brought.set_result(text)
        return web.Response(text=_PAGE, content_type="text/html", headers={"Cache-Control": "no-store"})

    runner = web.ServerRunner(web.Server(take))
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


def show_url(url: str, *, opens: bool) -> None:
    """Say where the user logs in, and open it in a browser if there is one."""
    note(f"log in at:\n\n  {url}\n")
    if opens:
        import webbrowser

        if not webbrowser.open(url):
            note("no browser could be opened here: open it yourself")


def ask_for(what: str) -> str:
    """What the user copies here; it is not shown, for it may be as good as a password."""
    return str(click.prompt(what, hide_input=True, err=True)).strip()
