"""Two base strings side by side: what a server signed that a client did not, and why that usually is.

Most "invalid signature" errors are two base strings that differ; servers that print theirs end the search here.

Spec: RFC 5849 section 3.4.1.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from oauthreg.errors import UsageError
from oauthreg.signing._pure import escape, unescape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Encoded = tuple[str, str]
"""A parameter as it stands in a base string, percent-encoded once less."""

_PARTS = 3
_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")


class BaseString(NamedTuple):
    """A base string, taken apart: the method, the URI, and the parameters in order, each encoded as in a form."""

    method: str
    uri: str
    parameters: tuple[Encoded, ...]


def parse_base_string(text: str) -> BaseString:
    """The parts of a base string, white space around it aside. Raises ``UsageError`` for what is none."""
    parts = text.strip().split("&")
    if len(parts) != _PARTS:
        raise UsageError(
            f"a base string has three parts with `&` between, this text has {len(parts)}",
            code="no-base-string",
            hint="quote it for the shell, or pass it as `@FILE`",
        )
    method, uri, parameters = (unescape(part).decode("utf-8", "replace") for part in parts)
    pairs = (piece.partition("=") for piece in parameters.split("&") if piece)
    return BaseString(method, uri, tuple((name, value) for name, _, value in pairs))


def compare_base_strings(ours: str, theirs: str) -> list[str]:
    """What differs, in words, the usual cause with it; nothing where both are the same.

    Raises ``UsageError`` for a text that is no base string.
    """
    if ours.strip() == theirs.strip():
        return []
    mine, other = parse_base_string(ours), parse_base_string(theirs)
    found = [*_of_method(mine.method, other.method), *_of_uri(mine.uri, other.uri), *_of_parameters(mine, other)]
    return found or ["the same parts are encoded differently: RFC 5849 wants %XX in upper case, and ~ as it is"]


def first_difference(ours: str, theirs: str) -> int | None:
    """Where two texts part, counted from 0; ``None`` if they are the same."""
    ours, theirs = ours.strip(), theirs.strip()
    if ours == theirs:
        return None
    shorter = min(len(ours), len(theirs))
    return next((place for place in range(shorter) if ours[place] != theirs[place]), shorter)


def _of_method(mine: str, other: str) -> Iterator[str]:
    if mine != other:
        cause = ": it is in upper case" if mine == other.upper() else ""
        yield f"the method: {mine} here, {other} there{cause}"


def _of_uri(mine: str, other: str) -> Iterator[str]:
    if mine == other:
        return
    here, there = urlsplit(mine), urlsplit(other)
    if here.scheme != there.scheme:
        why = "a proxy that ends TLS hides it from the server, or a redirect changed it"
        yield f"the scheme: {here.scheme} here, {there.scheme} there: {why}"
    if here.netloc != there.netloc:
        yield f"the host: {here.netloc} here, {there.netloc} there{_why_host(here.netloc, there.netloc)}"
    if here.path != there.path:
        yield f"the path: {here.path} here, {there.path} there{_why_path(here.path, there.path)}"
    if there.query or here.query:
        yield "the query: it belongs among the parameters, and stands in the URI"


def _why_host(mine: str, other: str) -> str:
    if mine == other.lower():
        return ": it is in lower case"
    if mine.partition(":")[0] == other.partition(":")[0]:
        return ": the port stands there unless it is the scheme's own (80, 443)"
    return ": a proxy that passes on another name, or `www.`"


def _why_path(mine: str, other: str) -> str:
    if mine.rstrip("/") == other.rstrip("/"):
        return ": a slash at the end counts"
    if unescape(mine) == unescape(other):
        return ": it is signed as it was sent, escapes and all"
    return ""


def _of_parameters(mine: BaseString, other: BaseString) -> Iterator[str]:
    only_mine = Counter(mine.parameters) - Counter(other.parameters)
    only_other = Counter(other.parameters) - Counter(mine.parameters)
    theirs: dict[str, list[str]] = {}
    for name, value in only_other.elements():
        theirs.setdefault(name, []).append(value)
    for name, value in only_mine.elements():
        if theirs.get(name):
            other_value = theirs[name].pop(0)
            yield f"{name}: {value!r} here, {other_value!r} there{_why_value(value, other_value)}"
        else:
            yield f"{name}: here alone{_why_alone(name)}"
    for name, values in theirs.items():
        for _ in values:
            yield f"{name}: there alone{_why_alone(name)}"
    if not (only_mine or only_other) and mine.parameters != other.parameters:
        here, there = _names(mine.parameters), _names(other.parameters)
        yield f"the order: {here} here, {there} there: they are sorted by their octets, once encoded"


def _why_value(mine: str, other: str) -> str:
    if escape(mine) == other or mine == escape(other):
        return ": one of them is encoded twice"
    if mine.replace("%20", "%2B") == other.replace("%20", "%2B") or mine.replace("%20", "+") == other:
        return ": a blank is %20 in a base string, and + stands for one in a query or form"
    if unescape(mine) == unescape(other):
        return ": encoded differently"
    if _ESCAPE.sub("?", mine) == _ESCAPE.sub("?", other):
        return ": the same text in another character set, or composed differently"
    return ""


def _why_alone(name: str) -> str:
    if name == "oauth_signature":
        return ": the signature does not sign itself"
    if name == "realm":
        return ": the realm is not signed"
    if name == "oauth_body_hash":
        return ": the body hash is an extension that not every server knows"
    return "" if name.startswith("oauth_") else ": a parameter of the query, or of a form (only with its media type)"


def _names(parameters: Sequence[Encoded]) -> str:
    return " ".join(name for name, _ in parameters)
