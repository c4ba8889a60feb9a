"""What the requests of all protocols share: endpoints, scopes, parameters, forms and queries, the user's pages."""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote_plus

from oauthreg.errors import CallbackError, OAuthRegError, UsageError
from oauthreg.messages import Authenticator, Pairs, Request, Response
from oauthreg.provider import Documents, Leg, Provider, TemplatePairs
from oauthreg.signing._pure import escape, parse_parameters

ACCEPT_JSON: Pairs = (("Accept", "application/json"),)
"""The header of a request whose answer is JSON."""

_NO_DOCUMENTS: Documents = MappingProxyType({})
_BODILESS = ("GET", "HEAD")
_QUERY_BY_DEFAULT = (*_BODILESS, "DELETE")
_NO_SEGMENTS = ("", ".", "..")
_IS_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/|[/?]|[^=&]*\?").match
"""More than a query, in whose values ``?`` and ``://`` may stand as they are."""
_IS_WRITTEN_URL = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?/").match
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_BREAKS = re.compile(r"[\t\r\n]")
_NO_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]").search
"""What no header can carry. Spec: RFC 9110 section 5.5."""


def endpoint(provider: Provider, name: str) -> str:
    """The URL of a provider's endpoint. Raises ``UsageError`` when it has none."""
    url = provider.endpoints.get(name)
    if not url:
        hint = "pass the URL, or add it to `[endpoints]` of the definition"
        if "discovery" in provider.endpoints:
            hint = f"{hint}; what the server's metadata name is known after `await client.discover()`"
        raise UsageError(f"{provider.name} has no `{name}` endpoint", code="missing-endpoint", hint=hint)
    return url


def render_form(parameters: Iterable[tuple[str, str]]) -> str:
    """Pairs as a form or query, encoded as RFC 5849 section 3.6 says (spaces as ``%20``)."""
    return "&".join([f"{escape(name)}={escape(value)}" for name, value in parameters])


def append_query(url: str, pairs: Iterable[tuple[str, str]]) -> str:
    """The URL with pairs added to its query, before its fragment, everything else untouched."""
    return append_text(url, render_form(pairs))


def append_text(url: str, added: str) -> str:
    """The URL with encoded text added to its query, before its fragment, everything else untouched."""
    if not added:
        return url
    rest, hash_sign, fragment = url.partition("#")
    joint = "" if rest.endswith(("?", "&")) else "&" if "?" in rest else "?"
    return f"{rest}{joint}{added}{hash_sign}{fragment}"


def append_missing(url: str, pairs: Iterable[tuple[str, str]]) -> str:
    """The URL with those pairs added whose names are not in its query."""
    return append_query(url, missing_pairs(url, pairs))


def missing_pairs(url: str, pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pairs whose names are not in the query of a URL."""
    query = url.partition("#")[0].partition("?")[2]
    present = {unquote_plus(piece.partition("=")[0]) for piece in query.split("&")}
    return [pair for pair in pairs if pair[0] not in present]


def render_pairs(pairs: TemplatePairs, documents: Documents = _NO_DOCUMENTS) -> Pairs:
    """The pairs with their templates filled in; a pair whose template lacks a value is left out."""
    rendered = [(name, value if isinstance(value, str) else value.render(documents)) for name, value in pairs]
    return tuple((name, value) for name, value in rendered if value is not None)


def check_headers(headers: Pairs) -> Pairs:
    """The headers, if each can be sent: a value may come from a file with a line end, or from a callback.

    Raises ``UsageError``. Spec: RFC 9110 section 5.5.
    """
    for name, value in headers:
        if _NO_HEADER(value):
            raise UsageError(
                f"the value of the header `{name}` holds characters that no header can carry",
                code="invalid-header-value",
                hint="a line end may have come along from the place where it was kept",
            )
    return headers


def renamed(leg: Leg, pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pairs under the provider's own names; a name that the leg maps to nothing is dropped."""
    return [(leg.rename.get(name, name), value) for name, value in pairs if leg.rename.get(name, name)]


def leg_parameters(
    leg: Leg, pairs: Iterable[tuple[str, str]], *, params: Pairs = (), documents: Documents = _NO_DOCUMENTS
) -> list[tuple[str, str]]:
    """The parameters of a leg, each name from one source: the caller's ``params``, the leg's own, else ``pairs``.

    ``pairs`` and ``params`` go by the standard's names, the leg's own by the provider's. Spec: RFC 6749 section 3.2.
    """
    given, own = renamed(leg, params), render_pairs(leg.params, documents)
    from_caller = {name for name, _ in given}
    from_leg = {name for name, _ in own}
    sent = [pair for pair in renamed(leg, pairs) if pair[0] not in from_caller | from_leg]
    sent += [pair for pair in own if pair[0] not in from_caller]
    sent += given
    return [pair for pair in sent if pair[1] != ""] if leg.omit_empty else sent


def build_request(
    leg: Leg,
    url: str,
    pairs: Iterable[tuple[str, str]],
    *,
    params: Pairs = (),
    documents: Documents = _NO_DOCUMENTS,
    headers: Pairs = (),
    authenticator: Authenticator | None = None,
) -> Request:
    """One protocol request as its leg wants it sent: its parameters in the query, a form, JSON, multipart or the path.

    ``pairs`` and ``params`` are those of ``leg_parameters``; a header of the leg replaces one of ``headers``. Raises
    ``UsageError`` for a value that is no segment of a path, and as ``check_headers``.
    """
    method = leg.method.upper()
    sent = leg_parameters(leg, pairs, params=params, documents=documents)
    own = render_pairs(leg.headers, documents)
    replaced = {name.lower() for name, _ in own}
    all_headers = check_headers((*(pair for pair in headers if pair[0].lower() not in replaced), *own))
    if leg.path_parameter is not None:
        url, sent = _in_path(leg, url, sent)
    in_query = is_sent_in_query(leg)
    target = append_query(url, [*render_pairs(leg.query, documents), *(sent if in_query else [])])
    if in_query:
        return Request(method, target, all_headers, authenticator=authenticator)
    if leg.body in ("json", "multipart"):
        body, media_type = (_render_json if leg.body == "json" else render_multipart)(sent)
        all_headers = (*all_headers, ("Content-Type", media_type))
        return Request(method, target, all_headers, body=body, authenticator=authenticator)
    return Request(method, target, all_headers, form=tuple(sent), authenticator=authenticator)


def is_sent_in_query(leg: Leg) -> bool:
    """Whether a leg's parameters travel in the query, and not in a body."""
    method = leg.method.upper()
    return method in _BODILESS or leg.body == "query" or (method in _QUERY_BY_DEFAULT and leg.body == "auto")


def render_multipart(parameters: Iterable[tuple[str, str]]) -> tuple[bytes, str]:
    """Pairs as a multipart body, and its media type; equal pairs give an equal body. Spec: RFC 7578."""
    parts = [(_quoted(name), value.encode("utf-8", "surrogatepass")) for name, value in parameters]
    # No value can hold a digest of itself.
    boundary = hashlib.sha256(b"\0".join([name.encode() + b"\0" + value for name, value in parts])).hexdigest()
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="'
    body = b"".join([f'{head}{name}"\r\n\r\n'.encode() + value + b"\r\n" for name, value in parts])
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def object_of(pairs: Iterable[tuple[str, str]]) -> Mapping[str, str | list[str]]:
    """The pairs as an object; a name that repeats has a list."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}


def split_scope(provider: Provider, scope: str) -> tuple[str, ...]:
    """The single scopes of a text, separated as the provider separates them or by blanks."""
    return tuple(piece for piece in re.split(rf"[\s{re.escape(provider.scopes.separator)}]+", scope) if piece)


def render_scope(provider: Provider, scope: Iterable[str] | str | None) -> str:
    """The scope parameter: the given scopes or the default ones, the required ones always among them."""
    scopes = provider.scopes
    if isinstance(scope, str):
        wanted = [scope] if scope else []
        known = set(split_scope(provider, scope))
    else:
        wanted = list(scopes.default if scope is None else scope)
        known = set(wanted)
    added = [*scopes.required, *([scopes.offline] if scopes.offline and scope is None else [])]
    wanted += [name for name in added if name not in known]
    return scopes.separator.join(wanted)


def render_page_url(leg: Leg, url: str, sent: Iterable[tuple[str, str]], documents: Documents = _NO_DOCUMENTS) -> str:
    """The URL of a page for the user that carries these parameters, and what the leg always puts into the query.

    Values are percent-encoded with ``%20`` for spaces, unless the leg takes a parameter literally.
    """
    sent = [*sent, *render_pairs(leg.query, documents)]
    if leg.sort_params:
        sent.sort()
    text = "&".join([f"{escape(name)}={value if name in leg.literal else escape(value)}" for name, value in sent])
    # Such a page reads its path and its query behind the `#`.
    made = append_text(url, text) if leg.route is None else f"{url}#{append_text(leg.route, text)}"
    return made + leg.fragment


def callback_pairs(callback: object, exact: Collection[str] = ()) -> list[tuple[str, str]]:
    """The parameters of a callback: its URL as text or object, the query alone, a form as octets, or a mapping.

    Those whose names are in ``exact`` are compared or sent on, and must be text; in all others octets that are no UTF-8
    are replaced. Raises ``CallbackError`` for octets that are no text, and ``UsageError`` for what is no callback.

    Spec: RFC 3986 section 3.4.
    """
    try:
        pairs = _mapped(callback) if isinstance(callback, Mapping) else parse_parameters(_query_of(callback))
        return [(_decoded(name), _decoded(value, exact=_decoded(name) in exact)) for name, value in pairs]
    except UnicodeError:
        raise CallbackError(
            "the callback cannot be read: it holds octets that are no UTF-8",
            code="callback-not-utf8",
            hint="pass the URL as the browser sent it, percent-encoded",
        ) from None


def _mapped(fields: Mapping[Any, Any]) -> list[tuple[bytes, bytes]]:
    # As aiohttp calls it, and as Django, Flask and Starlette do, whose mappings hide what is repeated.
    every = getattr(fields, "getall", None) or getattr(fields, "getlist", None)
    pairs = []
    for name in dict.fromkeys(fields):
        values = every(name) if every else fields[name]
        pairs += [(name, value) for value in (values if isinstance(values, (list, tuple)) else [values])]
    return [(_as_octets(name), _as_octets(value)) for name, value in pairs if value is not None]


def _query_of(callback: object) -> bytes:
    if isinstance(callback, bytes):
        text = _NOT_ASCII.sub(lambda octet: b"%%%02X" % octet[0][0], callback).decode("ascii")
    else:
        # An object that writes itself as a URL is one: those of yarl, Starlette and httpx.
        text = str(callback)
        if not isinstance(callback, str) and not _IS_WRITTEN_URL(text):
            raise UsageError(
                f"no callback: {type(callback).__name__}",
                code="wrong-type",
                hint="pass the URL at which the user came back, or the form of a POST",
            )
    # Terminals break what is pasted into them. A host that is none does not matter: only the query is read.
    text = _BREAKS.sub("", text).strip().partition("#")[0]
    return (text.partition("?")[2] if _IS_URL(text) else text).encode()


def _as_octets(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


def _decoded(octets: bytes, *, exact: bool = False) -> str:
    return octets.decode("utf-8", "strict" if exact else "replace")


def answered(response: Response | None) -> Response:
    """The response that a flow was sent. Raises ``OAuthRegError`` when the driver sent none."""
    if response is None:
        raise OAuthRegError("a flow was resumed without the response to its request", code="flow-without-response")
    return response


def _in_path(leg: Leg, url: str, sent: list[tuple[str, str]]) -> tuple[str, list[tuple[str, str]]]:
    """The URL whose path ends with one of the parameters, and the others."""
    name = leg.rename.get(leg.path_parameter or "") or leg.path_parameter or ""
    value = dict(sent).get(name, "")
    if value in _NO_SEGMENTS:
        raise UsageError(f"the parameter `{name}` is no segment of a path", code="invalid-path-parameter")
    path, mark, query = url.partition("?")
    return f"{path.rstrip('/')}/{escape(value)}{mark}{query}", [pair for pair in sent if pair[0] != name]


def _quoted(name: str) -> str:
    """A name between quotes, as browsers write it. Spec: RFC 7578 section 2; HTML, "multipart form data"."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _render_json(pairs: Iterable[tuple[str, str]]) -> tuple[bytes, str]:
    return json.dumps(object_of(pairs)).encode(), "application/json"
