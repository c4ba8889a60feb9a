"""Answers read by their body, never by their label: JSON, JSONP, form, XML or plain text.

Servers name the wrong media type too often for it to decide anything.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from oauthreg.errors import MalformedResponseError, OAuthError, ResponseError, TemporarilyUnavailableError
from oauthreg.messages import Response, Result
from oauthreg.provider import AnswerFormat
from oauthreg.records import replace
from oauthreg.redaction import mask_secrets, redact, redact_headers, redact_line, redact_url
from oauthreg.signing._pure import parse_parameters

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

# No two runs of white space stand side by side in it, nor at its ends: trying all their splits takes minutes.
_JSONP = re.compile(r"[A-Za-z_$][\w$.]*\s*\((.*)\)(?:\s*;)?", re.DOTALL).fullmatch
_TRANSIENT_STATUS = frozenset((408, 425, 429))
_SHOWN = 100
"""How many characters of a refusal in plain text its message has."""
_DEEPEST = 64
"""How many levels a document may have, each of which is a call in those that go through it."""


def parse_answer(response: Response, kind: AnswerFormat = "auto") -> Any:
    """The document in an answer: a mapping or list (JSON, form, XML), or text.

    ``auto`` looks at the first character. Raises ``MalformedResponseError`` when the body is not of the format.
    """
    text = decode_text(response.body)
    chosen = _sniff(text) if kind == "auto" else kind
    is_markup = (kind, chosen) == ("auto", "xml")
    try:
        return (_read_markup if is_markup else _READERS[chosen])(text)
    except (ValueError, RecursionError, SyntaxError):  # the parser of XML raises the last one
        what = "a web page or other markup, not JSON" if is_markup else f"no {chosen.upper()}"
        raise malformed(response, f"the answer is {what}") from None


def decode_text(body: bytes) -> str:
    """The body as text: UTF-8 without a byte order mark, octets that are not UTF-8 replaced."""
    return body.decode("utf-8-sig", "replace")


def malformed(response: Response, message: str, *, code: str | None = None, hint: str = "") -> MalformedResponseError:
    """The refusal of an answer: where it is from, its status, media type, headers and redacted text."""
    media_type = response.headers.get("content-type", "").partition(";")[0].strip()[:80]
    place = f" from {redact_url(response.url)}" if response.url else ""
    return MalformedResponseError(
        f"{message} (status {response.status}{place}{f', {media_type}' if media_type else ''})",
        status=response.status,
        headers=redact_headers(response.headers),
        text=redact(decode_text(response.body)),
        code=code,
        hint=hint,
    )


def read_masked(response: Response, read: Callable[[Response], Result], secrets: Iterable[str]) -> Result:
    """What ``read`` makes of an answer. What a refusal repeats of our own ``secrets`` is masked."""
    try:
        return read(response)
    except (OAuthError, ResponseError):
        known = [*secrets]
        headers = {name: mask_secrets(value, known) for name, value in response.headers.items()}
        body = mask_secrets(decode_text(response.body), known).encode()
        url = mask_secrets(response.url, known)
    # Read once more, outside of the handler: the first error, which may hold a secret, must leave no trace.
    masked = replace(response, headers=MappingProxyType(headers), body=body, url=url)
    read(masked)
    # What was refused for its secrets is no better without them.
    raise malformed(masked, "the answer cannot be used", code="unusable-answer")


def is_outage(status: int) -> bool:
    """Whether a status says that the server cannot answer now, whatever it says beside it."""
    return status in _TRANSIENT_STATUS or status >= 500


def refusal(
    kind: type[OAuthError],
    response: Response,
    error: str,
    description: str,
    *,
    uri: str = "",
    now: float | None = None,
    parameters: Mapping[str, object] = MappingProxyType({}),
    hint: str | None = None,
) -> OAuthError:
    """An answer as an error of a ``kind``: its words and its text redacted, and how long it asks to wait.

    Where there is no code, the message says how a text begins that is neither markup nor data.
    """
    text = decode_text(response.body)
    made = kind(
        redact_line(error),
        redact_line(description),
        redact_line(uri),
        status=response.status,
        headers=redact_headers(response.headers),
        text=redact(text),
        parameters=parameters,
        hint=hint,
    )
    if not error and (said := _beginning(text)):
        made.message = f"{made.message}: {said}"
        made.args = (made.message,)
    if isinstance(made, TemporarilyUnavailableError):
        made.retry_after = asked_wait(response, now)
    return made


def _beginning(text: str) -> str:
    """What plain text says first, in one line; nothing of markup and JSON."""
    shown = text.strip()
    if shown.startswith(("<", "{", "[")):
        return ""
    shown = redact_line(shown)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


def asked_wait(response: Response, now: float | None) -> float | None:
    """The seconds that an answer asks to wait, if it does; a date counts from the answer's own, or else from ``now``.

    Spec: RFC 9110 section 10.2.3.
    """
    value = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    moment, sent = parse_http_date(value), parse_http_date(response.headers.get("date", ""))
    since = now if sent is None else sent
    return None if moment is None or since is None else max(0.0, moment - since)


def mask_error(error: ResponseError, secrets: Iterable[str]) -> None:
    """Mask our own ``secrets`` in the error about an answer that was not handed over: a URL may hold them."""
    known = [*secrets]
    error.message = mask_secrets(error.message, known)
    error.args = (error.message,)
    error.text = mask_secrets(error.text, known)
    error.headers = MappingProxyType({name: mask_secrets(value, known) for name, value in error.headers.items()})


def parse_form(text: str) -> dict[str, str]:
    """The fields of a form; of a repeated name the first value."""
    fields: dict[str, str] = {}
    for name, value in parse_parameters(text):
        fields.setdefault(name.decode("utf-8", "replace"), value.decode("utf-8", "replace"))
    return fields


def parse_http_date(text: str) -> float | None:
    """The moment that a header names, in seconds since 1970; ``None`` for what is no date.

    Spec: RFC 9110 section 5.6.7.
    """
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def _sniff(text: str) -> AnswerFormat:
    text = text.strip()
    if text.startswith(("{", "[")):
        return "json"
    if text.startswith("<"):
        return "xml"
    if _JSONP(text):
        return "jsonp"
    return "form"


def read_json(text: str) -> Any:
    """The JSON document in a text. Raises ``ValueError`` and ``RecursionError``; nothing deep nor infinite is one."""
    document = json.loads(text, parse_constant=_no_constant)
    level = [document]
    for _ in range(_DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
    if level:
        raise ValueError
    return document


def _inside(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _read_form(text: str) -> Any:
    # Many a server ends its answer with a line end, which would be one of the last value: often a secret to sign with.
    return parse_form(text.strip())


def _read_jsonp(text: str) -> Any:
    match = _JSONP(text.strip())
    if match is None:
        raise ValueError
    return read_json(match[1])


def _read_xml(text: str) -> Any:
    # A document type can define entities that grow without bound; no answer has a use for one.
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError
    from xml.etree import ElementTree as ET  # few answers are XML

    root = ET.fromstring(text.strip())  # noqa: S314 - expat bounds entities, and document types are refused above
    return {_local(root.tag): _element(root, 0)}


def _read_markup(text: str) -> Any:
    """XML that nobody promised. Some servers write pages for people so well that they can be parsed."""
    document = _read_xml(text)
    if any(name.lower() == "html" for name in document):
        raise ValueError
    return document


def _element(element: "Element", depth: int) -> Any:
    """Attributes as ``@name``, children by name (a list when repeated), text alone or as ``#text``."""
    if depth > _DEEPEST:
        raise ValueError
    found: dict[str, Any] = {f"@{_local(name)}": value for name, value in element.attrib.items()}
    for child in element:
        name, value = _local(child.tag), _element(child, depth + 1)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    text = (element.text or "").strip()
    if not found:
        return text
    if text:
        found["#text"] = text
    return found


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


_READERS: dict[str, Callable[[str], Any]] = {
    "json": read_json,
    "jsonp": _read_jsonp,
    "form": _read_form,
    "xml": _read_xml,
    "text": str,
    "jwt": str.strip,
}
