"""Independent signers in several languages, all asked in one way: requests in, HMAC-SHA1 signatures out.

The foreign ones are small programs in ``panel/`` that read one tab-separated request a line and print one signature a
line, or ``refused``. npm's packages are looked for beside the interpreter, in ``sys.prefix``.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch
from urllib.parse import unquote

FORM = "application/x-www-form-urlencoded"
PANEL = Path(__file__).parent / "panel"


class SignedRequest(NamedTuple):
    """A request to sign, in the order of the line protocol; ``form`` is a form body or empty."""

    method: str
    url: str
    form: str
    client_id: str
    client_secret: str
    token: str
    token_secret: str
    timestamp: str
    nonce: str


Sign = Callable[[Sequence[SignedRequest]], list[str]]


@dataclass(frozen=True, slots=True)
class Peer:
    """One implementation: ``load`` gives its full name and its function, or raises ``LookupError``."""

    name: str
    load: Callable[[Path], tuple[str, Sign]]


def _oauthlib(folder: Path) -> tuple[str, Sign]:
    try:
        from oauthlib import oauth1
    except ImportError:
        raise LookupError("no Python package oauthlib") from None

    def sign(request: SignedRequest) -> str:
        client = oauth1.Client(
            request.client_id,
            request.client_secret,
            request.token or None,
            request.token_secret or None,
            nonce=request.nonce,
            timestamp=request.timestamp,
        )
        _, headers, _ = client.sign(request.url, request.method, request.form or None, _headers(request))
        return _signature(headers)

    return f"oauthlib {version('oauthlib')} client", _each(sign)


def _authlib(folder: Path) -> tuple[str, Sign]:
    try:
        from authlib.oauth1 import ClientAuth
    except ImportError:
        raise LookupError("no Python package Authlib") from None

    def sign(request: SignedRequest) -> str:
        client = ClientAuth(
            request.client_id,
            request.client_secret,
            request.token or None,
            request.token_secret or None,
        )
        make = client.get_oauth_params
        # The client makes its own nonce and timestamp: this is where they can be fixed.
        client.get_oauth_params = lambda *_: make(request.nonce, request.timestamp)
        # Without this setting Authlib signs no plain http outside of loopback.
        with patch.dict(os.environ, AUTHLIB_INSECURE_TRANSPORT="1"):
            _, headers, _ = client.prepare(request.method, request.url, _headers(request), request.form)
        return _signature(headers)

    return f"Authlib {version('Authlib')} client", _each(sign)


def _headers(request: SignedRequest) -> dict[str, str]:
    return {"Content-Type": FORM} if request.form else {}


def _signature(headers: Mapping[str, str]) -> str:
    found = re.search(r'oauth_signature="([^"]+)"', headers["Authorization"])
    assert found is not None
    return unquote(found[1])


def _each(sign: Callable[[SignedRequest], str]) -> Sign:
    def sign_all(requests: Sequence[SignedRequest]) -> list[str]:
        return [_or_refused(sign, request) for request in requests]

    return sign_all


def _or_refused(sign: Callable[[SignedRequest], str], request: SignedRequest) -> str:
    try:
        return sign(request)
    except ValueError:
        return "refused"


def _script(program: str, script: str, *arguments: str) -> Callable[[Path], tuple[str, Sign]]:
    def load(folder: Path) -> tuple[str, Sign]:
        found = shutil.which(program)
        if found is None:
            raise LookupError(f"no `{program}`")
        return _program([found, str(PANEL / script), *arguments])

    return load


def _compiled(source: str, library: str) -> Callable[[Path], tuple[str, Sign]]:
    def load(folder: Path) -> tuple[str, Sign]:
        compiler = shutil.which("cc")
        if compiler is None:
            raise LookupError("no `cc`")
        target = folder / library
        done = subprocess.run(
            [compiler, "-o", str(target), str(PANEL / source), f"-l{library}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            raise LookupError(f"no lib{library} to compile with")
        return _program([str(target)])

    return load


def _program(command: list[str]) -> tuple[str, Sign]:
    asked = _run([*command, "--version"], "")
    if asked.returncode:
        raise LookupError("its library is missing")

    def sign(requests: Sequence[SignedRequest]) -> list[str]:
        done = _run(command, "".join("\t".join(request) + "\n" for request in requests))
        signatures = done.stdout.splitlines()
        assert done.returncode == 0, done.stderr
        assert len(signatures) == len(requests), done.stderr
        return signatures

    return asked.stdout.strip(), sign


def _run(command: list[str], lines: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        input=lines,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "NODE_PATH": str(Path(sys.prefix) / "node_modules")},
        check=False,
        timeout=60,
    )


PEERS = (
    Peer("oauthlib", _oauthlib),
    Peer("Authlib", _authlib),
    Peer("php-oauth", _script("php", "oauth.php")),
    Peer("Net::OAuth", _script("perl", "net_oauth.pl")),
    Peer("ruby-oauth", _script("ruby", "oauth.rb")),
    Peer("liboauth", _compiled("liboauth.c", "oauth")),
    Peer("npm oauth", _script("node", "npm.mjs", "oauth")),
    Peer("npm oauth-1.0a", _script("node", "npm.mjs", "oauth-1.0a")),
    Peer("npm oauth-sign", _script("node", "npm.mjs", "oauth-sign")),
    Peer("npm oauth-signature", _script("node", "npm.mjs", "oauth-signature")),
)
