"""Faults on demand: what goes wrong with servers and networks, put into otherwise right answers."""

import json
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from oauthreg.answers import parse_answer
from oauthreg.legs import render_form
from oauthreg.messages import Response
from oauthreg.records import dataclass, field, replace

Step: TypeAlias = Literal[
    "request_token",
    "authorize",
    "token",
    "refresh",
    "app_token",
    "exchange",
    "device",
    "device_page",
    "par",
    "revoke",
    "introspect",
    "end_session",
    "discovery",
    "jwks",
    "registration",
    "server_time",
    "identity",
    "api",
]
"""What a request to a provider is for."""


@dataclass(frozen=True, slots=True)
class Status:
    """An error before the provider looked at the request, such as 401, 429 or 503; nothing is used up by it."""

    status: int
    text: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ContentType:
    """The right body under a wrong label; ``None`` sends it under none."""

    content_type: str | None = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Body:
    """Another body under the right status and label, such as an HTML error page."""

    body: bytes = b"<!DOCTYPE html><title>Maintenance</title>"


@dataclass(frozen=True, slots=True)
class Missing:
    """A form or JSON answer without a field that it has: ``oauth_callback_confirmed``, ``oauth_token_secret`` …."""

    field: str


@dataclass(frozen=True, slots=True)
class Half:
    """Half of the answer, then the connection is gone."""


@dataclass(frozen=True, slots=True)
class Slow:
    """The right answer after a while, in seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class StaleNonce:
    """The provider wants another nonce in DPoP proofs than it gave last, from this request on (OAuth 2.0)."""


@dataclass(frozen=True, slots=True)
class OtherClaims:
    """An ID token with other claims, signed like the right one: ``{"nonce": "x"}``; ``None`` leaves one out."""

    claims: Mapping[str, Any]


Fault: TypeAlias = Status | ContentType | Body | Missing | Half | Slow | StaleNonce | OtherClaims


@dataclass(slots=True)
class Faults:
    """The faults that are armed, each for one step and a number of requests."""

    armed: list[tuple[Step, Fault, int]] = field(default_factory=list)

    def arm(self, step: Step, fault: Fault, times: int) -> None:
        """Let the next ``times`` requests of this step go wrong; faults of one step come in the order given."""
        if times > 0:
            self.armed.append((step, fault, times))

    def take(self, step: Step) -> Fault | None:
        """The fault for a request of this step, used up by asking."""
        for place, (wanted, fault, times) in enumerate(self.armed):
            if wanted == step:
                self.armed[place : place + 1] = [(wanted, fault, times - 1)] if times > 1 else []
                return fault
        return None


def build_error(fault: Status) -> Response:
    """The answer of a server that did not look at the request."""
    headers = {"content-type": "text/plain; charset=utf-8", **{name.lower(): value for name, value in fault.headers}}
    return Response(fault.status, headers, fault.text.encode())


def spoil(answer: Response, fault: Fault | None) -> Response:
    """The answer with a fault in its content; faults of the transport leave it as it is."""
    match fault:
        case ContentType(content_type):
            kept = {name: value for name, value in answer.headers.items() if name != "content-type"}
            return replace(answer, headers=kept if content_type is None else {**kept, "content-type": content_type})
        case Body(body):
            return replace(answer, body=body)
        case Missing(name):
            document = parse_answer(answer)
            if not isinstance(document, dict) or name not in document:
                return answer
            del document[name]
            text = json.dumps(document) if answer.body.startswith(b"{") else render_form(document.items())
            return replace(answer, body=text.encode())
    return answer
