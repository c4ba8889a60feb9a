"""A server for measuring clients: a process of its own, on a processor of its own where there are two.

``GET`` and ``POST`` anywhere answer with 11 octets of JSON. Below ``/proven`` the request must be signed with the keys
given on the command line, else the answer is 401.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives import serialization

import oauthreg


@contextmanager
def serving(client_secret: str, token_secret: str, rsa_key: Any = None, *, pinned: bool = True) -> Iterator[str]:
    """The base URL of a server that runs until the end of the block.

    ``rsa_key`` is a public key of the cryptography package. ``pinned`` gives server and client a processor each, which
    a client with threads must do without.
    """
    public = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    pem = "" if rsa_key is None else rsa_key.public_bytes(*public).decode()
    everywhere = os.sched_getaffinity(0)
    own, *others = sorted(everywhere)
    source = str(Path(oauthreg.__file__).parents[1])
    server = subprocess.Popen(
        [sys.executable, __file__, str(others[-1] if others else own), client_secret, token_secret, pem],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": source},
    )
    if pinned:
        os.sched_setaffinity(0, {own})
    try:
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
    finally:
        os.sched_setaffinity(0, everywhere)
        server.communicate()  # the server ends with its input
        assert server.returncode == 0


async def _serve(client_secret: str, token_secret: str, pem: str) -> None:
    from oauthreg import OAuthRegError, verify

    async def answer(request: web.BaseRequest) -> web.Response:
        body = await request.read()
        if request.path.startswith("/proven"):
            try:
                verify(
                    request.method,
                    request.url,
                    body,
                    request.headers.get("Content-Type"),
                    authorization=request.headers.get("Authorization"),
                    client_secret=client_secret,
                    token_secret=token_secret,
                    rsa_key=pem or None,
                )
            except OAuthRegError as error:
                return web.Response(status=401, text=str(error))
        return web.Response(body=b'{"ok":true}', content_type="application/json")

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)  # noqa: T201 - what the parent reads
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[1])})
    asyncio.run(_serve(*sys.argv[2:]))
