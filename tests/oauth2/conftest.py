"""Flows driven by hand: what is sent is looked at, what is answered is given."""

import json
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from oauthreg.messages import Response, Sleep
from oauthreg.oauth2.draft import ClientIdentity
from oauthreg.provider import Provider

ISSUER = "https://as.example"
TOKEN = {"access_token": "AT1", "token_type": "Bearer", "expires_in": 3600}


@pytest.fixture
def provider() -> Callable[..., Provider]:
    """A provider of the standard, with the given changes; ``endpoints`` are added to its own."""

    def make(*, endpoints: dict[str, str] | None = None, **changes: Any) -> Provider:
        known = {name: f"{ISSUER}/{name}" for name in ("authorize", "token", "device", "revoke", "introspect")}
        return Provider(**{"name": "example", "protocol": "oauth2", "endpoints": known | (endpoints or {})} | changes)

    return make


@pytest.fixture
def identity(clock: Callable[[], float]) -> Callable[..., ClientIdentity]:
    """A client that may be changed; its identifiers are ``id1``, ``id2`` …"""

    def make(client_id: str = "c1", client_secret: str | None = "s3cr3t-of-c1", **changes: Any) -> ClientIdentity:
        numbers = count(1)
        return ClientIdentity(client_id, clock, lambda: f"id{next(numbers)}", client_secret, **changes)

    return make


@pytest.fixture
def answer() -> Callable[..., Response]:
    """A response with a body: text, octets, or what becomes JSON."""

    def make(body: Any = TOKEN, status: int = 200, **headers: str) -> Response:
        text = body if isinstance(body, (str, bytes)) else json.dumps(body)
        octets = text if isinstance(text, bytes) else text.encode()
        return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, octets)

    return make


@pytest.fixture
def known(server_keys: Any) -> dict[str, Any]:
    """The JWK set of a server with one RSA key, `k1`."""
    return {"keys": [server_keys.jwk("k1")]}


@pytest.fixture
def drive(answer: Callable[..., Response]) -> Callable[..., tuple[Any, list[Any]]]:
    """Drives a flow with the given answers; gives its value and what it yielded. Every answer must be asked for."""

    def run(flow: Any, *answers: Any) -> tuple[Any, list[Any]]:
        left, yielded = list(answers), []
        try:
            step = next(flow)
            while True:
                yielded.append(step)
                step = flow.send(None if isinstance(step, Sleep) else _response(answer, left.pop(0)))
        except StopIteration as end:
            assert not left
            return end.value, yielded

    return run


def _response(answer: Callable[..., Response], given: Any) -> Response:
    return given if isinstance(given, Response) else answer(given)
