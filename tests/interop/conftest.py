"""Starts the independent counterparts when a test first wants them, stops them at the end, and says how many ran.

A counterpart that is missing on this machine skips its tests with the reason.
"""

import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiohttp import ClientSession
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from .authorization_server import REGISTRATIONS, AuthorizationServer, Keys
from .authorization_servers import SERVERS
from .browser import Browser
from .counterpart import PLAIN, Counterpart, Credentials, Placement
from .logins import Setup, Wiretap
from .oauth2_logins import OAuth2Setup
from .signers import Peer, Sign

Server = TypeVar("Server", Counterpart, AuthorizationServer)

_RSA_KEY = "test-pkcs8-11084ed5"
"""A published test key of 2048 bits, in ``tests/vectors/rsa_test_keys.json``."""


@dataclass(frozen=True, slots=True)
class RSAKeyPair:
    private_pem: str = field(repr=False)
    public_pem: str


@dataclass(slots=True)
class _Attendance:
    ran: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)

    def skip(self, name: str, reason: str) -> None:
        self.missing[name] = reason
        pytest.skip(f"{name}: {reason}")


_ATTENDANCE = pytest.StashKey[_Attendance]()


@pytest.fixture(scope="session")
def attendance(pytestconfig: pytest.Config) -> _Attendance:
    return pytestconfig.stash.setdefault(_ATTENDANCE, _Attendance())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    attendance = config.stash.get(_ATTENDANCE, None)
    if attendance is not None:
        ran, missing = attendance.ran, [f"{name}: {reason}" for name, reason in attendance.missing.items()]
        terminalreporter.write_line(
            f"interop counterparts: {len(ran)} ran ({', '.join(ran) or 'none'}), "
            f"{len(missing)} missing ({', '.join(missing) or 'none'})"
        )


@pytest.fixture(scope="session")
def rsa_key() -> RSAKeyPair:
    keys = json.loads((Path(__file__).parents[1] / "vectors" / "rsa_test_keys.json").read_text())["keys"]
    der = next(base64.b64decode(key["der_base64"]) for key in keys if key["id"] == _RSA_KEY)
    key = load_der_private_key(der, None)
    return RSAKeyPair(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    )


@pytest.fixture(scope="session")
def counterpart(
    attendance: _Attendance, rsa_key: RSAKeyPair, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Counterpart]]:
    """Gives a running server of OAuth 1.0a by name; it is started once."""

    def serve(name: str) -> AbstractContextManager[Counterpart]:
        # Imported here, so that a missing library costs nothing but its own counterpart.
        if name == "oauthlib":
            from .oauthlib_server import serve_oauthlib

            return serve_oauthlib(rsa_key.public_pem)
        if name == "authlib":
            from .authlib_server import serve_authlib

            return serve_authlib(rsa_key.public_pem)
        from .php_server import serve_php

        return serve_php(tmp_path_factory.mktemp("php"))

    with _started_once(attendance, serve) as start:
        yield start


@pytest.fixture(scope="session")
def keys() -> Keys:
    return Keys()


@pytest.fixture(scope="session")
def authorization_server(
    attendance: _Attendance, keys: Keys, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], AuthorizationServer]]:
    """Gives a running server of OAuth 2.0 by name; it is started once."""
    with _started_once(attendance, lambda name: SERVERS[name](keys, tmp_path_factory.mktemp(name))) as start:
        yield start


@contextmanager
def _started_once(
    attendance: _Attendance, serve: Callable[[str], AbstractContextManager[Server]]
) -> Iterator[Callable[[str], Server]]:
    """Gives servers by name, and stops them at the end; a missing one skips the test."""
    with ExitStack() as running:
        started: dict[str, Server] = {}

        def start(name: str) -> Server:
            if name in attendance.missing:
                attendance.skip(name, attendance.missing[name])
            if name not in started:
                try:
                    started[name] = running.enter_context(serve(name))
                except (ImportError, LookupError) as error:
                    attendance.skip(name, str(error.args[0]))
                attendance.ran.append(f"{started[name].name} server")
            return started[name]

        yield start


@pytest.fixture(scope="session")
def panel(attendance: _Attendance, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Peer], Sign]:
    """Gives the signing function of a peer."""
    folder = tmp_path_factory.mktemp("panel")

    def load(peer: Peer) -> Sign:
        try:
            name, sign = peer.load(folder)
        except LookupError as error:
            attendance.skip(peer.name, str(error.args[0]))
        attendance.ran.append(name)
        return sign

    return load


@pytest.fixture
def setup(counterpart: Callable[[str], Counterpart], rsa_key: RSAKeyPair, engine: Any) -> Callable[..., Setup]:
    """Gives everything that a client of a running server needs, in each engine."""

    def make(
        server: str, method: str = "HMAC-SHA1", placement: Placement = "header", credentials: Credentials = PLAIN
    ) -> Setup:
        return Setup(counterpart(server), credentials, method, placement, engine, rsa_key.private_pem)

    return make


@pytest.fixture
def oauth2_setup(authorization_server: Callable[[str], AuthorizationServer], keys: Keys) -> Callable[..., OAuth2Setup]:
    """Gives everything that a registered client of a running server needs."""

    def make(server: str, registration: str) -> OAuth2Setup:
        return OAuth2Setup(authorization_server(server), REGISTRATIONS[registration], keys)

    return make


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """The browser of a user who is logged in nowhere."""
    async with Browser() as browser:
        yield browser


@pytest.fixture
def wiretap() -> Wiretap:
    return Wiretap()


@pytest.fixture
async def session(wiretap: Wiretap) -> AsyncIterator[ClientSession]:
    """A session whose traffic the ``wiretap`` keeps."""
    async with ClientSession(trace_configs=[wiretap]) as session:
        yield session
