"""What the requests of all protocols share: endpoints, parameters that are renamed or filled in, forms and queries."""

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from oauthreg.errors import OAuthRegError, UsageError
from oauthreg.messages import Authenticator, Pairs, Request, Response
from oauthreg.provider import Documents, Leg, Provider, TemplatePairs
from oauthreg.signing._pure import escape

_NO_DOCUMENTS: Documents = MappingProxyType({})
_BODILESS = ("GET", "HEAD", "DELETE")


def endpoint(provider: Provider, name: str) -> str:
    """The URL of a provider's endpoint. Raises ``UsageError`` when it has none."""
    url = provider.endpoints.get(name)
    if not url:
        raise UsageError(
            f"{provider.name} has no `{name}` endpoint",
            code="missing-endpoint",
            hint="pass the URL, or add it to `[endpoints]` of the definition",
        )
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


def render_pairs(pairs: TemplatePairs, documents: Documents = _NO_DOCUMENTS) -> Pairs:
    """The pairs with their templates filled in; a pair whose template lacks a value is left out."""
    rendered = [(name, value if isinstance(value, str) else value.render(documents)) for name, value in pairs]
    return tuple((name, value) for name, value in rendered if value is not None)


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
    """One protocol request as its leg wants it sent: query of a GET, else form, JSON or query; a DELETE may have JSON.

    ``pairs`` and ``params`` are those of ``leg_parameters``; a header of the leg replaces one of ``headers``.
    """
    method = leg.method.upper()
    sent = leg_parameters(leg, pairs, params=params, documents=documents)
    own = render_pairs(leg.headers, documents)
    replaced = {name.lower() for name, _ in own}
    all_headers = (*(pair for pair in headers if pair[0].lower() not in replaced), *own)
    in_query = is_sent_in_query(leg)
    target = append_query(url, [*render_pairs(leg.query, documents), *(sent if in_query else [])])
    if in_query:
        return Request(method, target, all_headers, authenticator=authenticator)
    if leg.body == "json":
        body = json.dumps(_object(sent)).encode()
        all_headers = (*all_headers, ("Content-Type", "application/json"))
        return Request(method, target, all_headers, body=body, authenticator=authenticator)
    return Request(method, target, all_headers, form=tuple(sent), authenticator=authenticator)


def is_sent_in_query(leg: Leg) -> bool:
    """Whether a leg's parameters travel in the query, and not in a body."""
    method = leg.method.upper()
    return leg.body == "query" or (method in _BODILESS and (method, leg.body) != ("DELETE", "json"))


def answered(response: Response | None) -> Response:
    """The response that a flow was sent. Raises ``OAuthRegError`` when the driver sent none."""
    if response is None:
        raise OAuthRegError("a flow was resumed without the response to its request", code="flow-without-response")
    return response


def _object(pairs: Iterable[tuple[str, str]]) -> Mapping[str, str | list[str]]:
    """The pairs as an object; a name that repeats has a list."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}
