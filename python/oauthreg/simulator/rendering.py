"""Answers as providers write them: the reverse of reading. JSON, JSONP, form, XML, plain text and signed JWTs."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from html import escape
from typing import Any
from urllib.parse import urlsplit

from oauthreg.jose import generate_private_key_for, is_shared, load_signing_key
from oauthreg.jws import compact_signer, render_json
from oauthreg.legs import object_of, render_form
from oauthreg.messages import Response
from oauthreg.provider import AnswerFormat, ExpiresKind
from oauthreg.simulator.received import Received

_MILLISECONDS = 1000
_MEDIA_TYPES: dict[AnswerFormat, str] = {
    "json": "application/json",
    "jsonp": "application/javascript",
    "form": "application/x-www-form-urlencoded",
    "xml": "application/xml",
    "text": "text/plain; charset=utf-8",
    "jwt": "application/jwt",
}


def render_document(document: Any, written_as: AnswerFormat, *, status: int = 200) -> Response:
    """The answer that holds a document. ``auto`` writes JSON, and a document that is text as text."""
    chosen: AnswerFormat = ("text" if isinstance(document, str) else "json") if written_as == "auto" else written_as
    text = {"json": _json, "jsonp": _jsonp, "form": _form, "xml": _xml, "text": _text, "jwt": _text}[chosen](document)
    return Response(status, {"content-type": _MEDIA_TYPES[chosen]}, text.encode())


def render_resource(received: Received, put: tuple[Any, int] | None, is_hidden: Callable[[str], bool]) -> Response:
    """A document that was put there with its status, or the request itself, for whoever wants to see what arrived."""
    document, status = put or (
        {
            "simulated": True,
            "method": received.method,
            "path": urlsplit(received.url).path,
            "query": object_of(pair for pair in received.query_pairs if not is_hidden(pair[0])),
            "form": object_of(pair for pair in received.form_pairs if not is_hidden(pair[0])),
        },
        200,
    )
    return render_document(document, "auto", status=status)


def render_end(kind: ExpiresKind, end: float, now: float) -> int | str | None:
    """When a token ends, as a provider says it; ``None`` where it says nothing."""
    seconds = int(end)
    written: dict[str, int | str] = {
        "relative_s": seconds - int(now),
        "relative_ms": (seconds - int(now)) * _MILLISECONDS,
        "absolute_s": seconds,
        "absolute_ms": seconds * _MILLISECONDS,
        "iso8601": datetime.fromtimestamp(seconds, UTC).isoformat(),
    }
    return written.get(kind)


def render_jwt(claims: Mapping[str, Any], *, secret: str, algorithm: str = "HS256", key_number: int = 0) -> str:
    """A compact JWT, signed with a shared secret or with a key of the server's, which have numbers.

    Spec: RFC 7515 section 3.1, RFC 7518 section 3.2.
    """
    is_secret = is_shared(algorithm)
    key = secret.encode() if is_secret else _key_for(algorithm, key_number).raw_value
    header = {"alg": algorithm, "typ": "JWT", **({} if is_secret else {"kid": _name_of(algorithm, key_number)})}
    return compact_signer(header, key, algorithm)(render_json(claims))


def public_jwk(algorithm: str, key_number: int = 0) -> dict[str, Any]:
    """The public half of a key that signs JWTs with an algorithm. Spec: RFC 7517 section 4."""
    known = _key_for(algorithm, key_number).as_dict(private=False)
    return {**known, "kid": _name_of(algorithm, key_number), "alg": algorithm, "use": "sig"}


def _name_of(algorithm: str, key_number: int) -> str:
    return f"simulated-{algorithm}-{key_number}"


@cache
def _key_for(algorithm: str, key_number: int) -> Any:  # noqa: ARG001 - each number is a key of its own
    return load_signing_key(generate_private_key_for(algorithm), algorithm)


def _json(document: Any) -> str:
    return json.dumps(document)


def _jsonp(document: Any) -> str:
    return f"callback({json.dumps(document)});"


def _form(document: Any) -> str:
    return render_form([(str(name), _text(value)) for name, value in document.items()])


def _text(document: Any) -> str:
    if isinstance(document, bool):
        return "true" if document else "false"
    return "" if document is None else str(document)


def _xml(document: Any) -> str:
    return '<?xml version="1.0" encoding="UTF-8"?>' + "".join(_element(str(k), v) for k, v in document.items())


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, item) for item in value)
    if not isinstance(value, Mapping):
        return f"<{name}>{escape(_text(value))}</{name}>"
    attributes = "".join(f' {key[1:]}="{escape(_text(item))}"' for key, item in value.items() if key.startswith("@"))
    children = "".join(_element(key, item) for key, item in value.items() if not key.startswith(("@", "#")))
    return f"<{name}{attributes}>{escape(_text(value.get('#text')))}{children}</{name}>"
