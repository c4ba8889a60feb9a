"""What a server says of itself, and a provider that takes from it what its definition leaves out.

Spec: RFC 8414; OpenID Connect Discovery 1.0.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache, partial
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from oauthreg.answers import is_outage, malformed, parse_answer, refusal
from oauthreg.errors import ResponseError, TemporarilyUnavailableError, UsageError, quoted
from oauthreg.jose import SIGNING_ALGORITHMS, is_shared
from oauthreg.legs import ACCEPT_JSON, answered, endpoint
from oauthreg.messages import AnswerSource, Flow, Request, Response, Shared
from oauthreg.oauth2.issuer import is_issuer, knows_issuer
from oauthreg.origins import is_loopback, parse_origin, render_origin
from oauthreg.provider import IdentityRequest, OAuth2Settings, Provider
from oauthreg.records import replace

METADATA_ENDPOINTS: Mapping[str, str] = MappingProxyType(
    {
        "authorization_endpoint": "authorize",
        "device_authorization_endpoint": "device",
        "end_session_endpoint": "end_session",
        "introspection_endpoint": "introspect",
        "jwks_uri": "jwks",
        "pushed_authorization_request_endpoint": "par",
        "registration_endpoint": "registration",
        "revocation_endpoint": "revoke",
        "token_endpoint": "token",
        "userinfo_endpoint": "userinfo",
    }
)
"""A server's name of an endpoint in its metadata -> the definition's. Spec: RFC 8414 section 2; OpenID Connect
Discovery 1.0 section 3."""

STANDARD_ALGORITHM = "RS256"
"""What ID tokens are signed with unless something else was agreed on. Spec: OpenID Connect Core 1.0 section 3.1.3.7."""

LOGIN: tuple[AnswerSource, ...] = ("any", "new")
"""Where metadata and keys are looked for in turn while nothing is lost by waiting."""

PROMPTED: tuple[AnswerSource, ...] = ("any", "prompted")
"""Where keys are looked for for what anybody may bring."""

RENEWAL: tuple[AnswerSource, ...] = ("kept",)
"""Where keys are looked for while a token waits to be saved."""

_WELL_KNOWN = ("openid-configuration", "oauth-authorization-server")
_LONGEST_URL = 2048
_IS_HOST = re.compile(r"(?=.{1,253}\Z)(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?").fullmatch
_IS_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*").fullmatch
"""The last label of what resolvers take for an address, however it is written. Spec: WHATWG URL section 3.5."""

_HOLDING_IPV4 = (IPv6Network("::/96"), IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/96"))
"""Where the last four octets are an IPv4 address. Spec: RFC 4291 section 2.5.5.1; RFC 6052 section 2.1; RFC 8215."""


def server_metadata_flow(provider: Provider, *, url: str | None = None) -> Flow[dict[str, Any]]:
    """What the server says of itself, under the names of RFC 8414.

    Raises ``UsageError`` where the provider publishes nothing, ``TemporarilyUnavailableError`` and
    ``MalformedResponseError``.
    """
    response = yield Request("GET", url or endpoint(provider, "discovery"), ACCEPT_JSON)
    return parse_server_metadata(answered(response), provider.oauth2)


def completed_flow(
    provider: Provider,
    *names: str,
    optional: Collection[str] = (),
    needs_issuer: bool = False,
    is_fresh: bool = False,
) -> Flow[Provider]:
    """The provider with these endpoints, and its issuer if that is needed: from its server's metadata where need be.

    The metadata may have been fetched before, unless they are to be ``is_fresh``; without any of the ``optional`` ones
    it goes on. Raises ``UsageError`` (``missing-endpoint``) for others that nobody names, ``ResponseError``
    (``unusable-server-metadata``) for one that no secret may go to, and as ``server_metadata_flow``.
    """
    is_complete = all(name in provider.endpoints for name in (*names, *optional))
    url = provider.endpoints.get("discovery")
    if url is None or (is_complete and not is_fresh and (knows_issuer(provider.oauth2) or not needs_issuer)):
        return provider
    settings, sources = provider.oauth2, LOGIN[1:] if is_fresh else LOGIN
    for source in sources:
        shared = Shared(partial(parse_server_metadata, settings=settings), owner_of(provider, "metadata"), source)
        response = yield Request("GET", url, ACCEPT_JSON, shared=shared)
        metadata = parse_server_metadata(answered(response), settings)
        faults = {name: fault for name, fault in _faults(provider, metadata, url).items() if name in names}
        if not faults:
            break
    if faults:
        name, fault = next(iter(faults.items()))
        raise ResponseError(
            f"the server metadata of {provider.name} cannot be used: its `{name}` endpoint {fault}",
            code="unusable-server-metadata",
            hint="write the URL into `[endpoints]` of the definition if it is right",
        )
    completed = with_metadata(provider, metadata, url)
    missing = [name for name in names if name not in completed.endpoints]
    if missing:
        raise UsageError(
            f"{provider.name} has no `{missing[0]}` endpoint, and its server's metadata name none",
            code="missing-endpoint",
            hint="pass the URL, or add it to `[endpoints]` of the definition",
        )
    return completed


def owner_of(provider: Provider, kind: str) -> str:
    """Whose answers are shared: those of one issuer, as this provider knows it."""
    settings = provider.oauth2
    return " ".join((kind, settings.issuer or "", *settings.issuer_aliases, settings.issuer_template or ""))


def published_document(response: Response, what: str) -> Any:
    """The document in an answer that is the same for everybody; it says nothing of a token, whatever it says.

    Raises ``TemporarilyUnavailableError`` and ``MalformedResponseError``.
    """
    if is_outage(response.status):
        raise refusal(
            TemporarilyUnavailableError,
            response,
            "",
            f"{what} cannot be had now",
            hint="try again later: nothing was used up",
        )
    if response.status != 200:
        raise malformed(response, f"{what} cannot be had", hint="check the endpoint's URL")
    return parse_answer(response)


def parse_server_metadata(response: Response, settings: OAuth2Settings) -> dict[str, Any]:
    """The metadata in an answer, whose issuer is the provider's own if that is known.

    Raises ``TemporarilyUnavailableError`` and ``MalformedResponseError`` (``no-server-metadata``,
    ``foreign-server-metadata``).

    Spec: RFC 8414 sections 3.2 and 3.3.
    """
    document = published_document(response, "the server's metadata")
    issuer = document.get("issuer") if isinstance(document, Mapping) else None
    if not isinstance(issuer, str) or not issuer or len(issuer) > _LONGEST_URL:
        raise malformed(response, "the answer is no server metadata: it names no issuer", code="no-server-metadata")
    if knows_issuer(settings) and not is_issuer(settings, issuer):
        own = settings.issuer or settings.issuer_template or settings.issuer_aliases[0]
        raise malformed(
            response,
            f"the metadata is that of another issuer than {quoted(own)}: {quoted(issuer)}",
            code="foreign-server-metadata",
            hint="compare the definition's `issuer` with the one in the document, character by character",
        )
    return dict(document)


def with_metadata(provider: Provider, metadata: Mapping[str, Any], url: str) -> Provider:
    """The provider with what its definition leaves out as the metadata from ``url`` has it; what it says counts.

    Taken are endpoints and their mutual-TLS aliases (https URLs, none in an internal network which is not that of
    ``url``), the userinfo request where claims need one, how a client proves itself, what ID tokens are signed with
    where that is not the standard's, whether requests must be pushed and callbacks name the issuer; the issuer itself
    only from where that issuer must have its metadata.

    Spec: RFC 8414 sections 2 and 3; RFC 9207 section 3; RFC 9126 section 5; RFC 8705 section 5; RFC 9700 section 4.4.
    """
    named = _endpoints(provider, metadata, url)
    identity, origins = provider.identity, provider.origins
    if "userinfo" in named and "userinfo" in provider.identity_documents:
        identity = (IdentityRequest("userinfo", named["userinfo"]), *identity)
        origins |= {parse_origin(named["userinfo"])}
    settings, aliases, issuer = provider.oauth2, metadata.get("mtls_endpoint_aliases"), str(metadata.get("issuer"))
    changed = replace(
        settings,
        issuer=issuer if not knows_issuer(settings) and url in well_known_urls(issuer) else settings.issuer,
        issuer_in_callback=settings.issuer_in_callback
        or metadata.get("authorization_response_iss_parameter_supported") is True,
        require_par=settings.require_par or metadata.get("require_pushed_authorization_requests") is True,
        secret_auth=_only_post(metadata.get("token_endpoint_auth_methods_supported")) or settings.secret_auth,
        id_token_algorithms=settings.id_token_algorithms
        or _unusual_algorithms(metadata.get("id_token_signing_alg_values_supported")),
        mtls_endpoints={
            **(_endpoints(provider, aliases, url) if isinstance(aliases, Mapping) else {}),
            **settings.mtls_endpoints,
        },
    )
    return replace(
        provider,
        endpoints={**named, **provider.endpoints},
        identity=identity,
        origins=origins,
        oauth2=changed,
        from_metadata=provider.from_metadata | named.keys(),
    )


def well_known_urls(issuer: str) -> tuple[str, ...]:
    """Where an issuer has its metadata: the suffix at the end of its path, or before it; nowhere if it is no URL.

    Spec: OpenID Connect Discovery 1.0 section 4.1; RFC 8414 section 3.1.
    """
    try:
        bare, parts = issuer.rstrip("/"), urlsplit(issuer if len(issuer) <= _LONGEST_URL else "")
    except ValueError:
        return ()
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    return tuple(
        where
        for suffix in _WELL_KNOWN
        for where in (f"{bare}/.well-known/{suffix}", f"{origin}/.well-known/{suffix}{path}")
    )


def _named(provider: Provider, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The endpoints that metadata name, by the names of a definition, and that the provider does not have itself."""
    told = {own: metadata.get(name) for name, own in METADATA_ENDPOINTS.items() if own not in provider.endpoints}
    return {own: value for own, value in told.items() if value is not None}


def _faults(provider: Provider, metadata: Mapping[str, Any], url: str) -> dict[str, str]:
    """What is wrong with the endpoints that metadata name."""
    found = {own: _fault(provider, value, url) for own, value in _named(provider, metadata).items()}
    return {own: fault for own, fault in found.items() if fault}


def _endpoints(provider: Provider, metadata: Mapping[str, Any], url: str) -> dict[str, str]:
    """Those of the named endpoints with which nothing is wrong."""
    return {own: value for own, value in _named(provider, metadata).items() if not _fault(provider, value, url)}


def _fault(provider: Provider, value: Any, url: str) -> str:
    """Why no secret may go to what metadata call an endpoint; empty where it may."""
    if not isinstance(value, str):
        return "is no text"
    if len(value) > _LONGEST_URL or not value.isascii() or not value.isprintable() or " " in value:
        return "is no https URL"
    return _fault_of_url(value, url, provider.allow_insecure_http)


@lru_cache(maxsize=1024)  # each client object of an application reads the same metadata once more
def _fault_of_url(value: str, url: str, is_clear_allowed: bool) -> str:
    """Spec: RFC 9700 section 4.4; RFC 8414 section 2 (all endpoints are https URLs)."""
    try:
        scheme, host, port = parse_origin(value)
    except UsageError:
        return "is no https URL"
    parts = urlsplit(value)
    if parts.fragment or "@" in parts.netloc or not (":" in host or _IS_HOST(host)):
        return "is no URL of an endpoint"
    shown, is_local = render_origin((scheme, host, port)), is_loopback(host)
    if scheme != "https" and not is_local and not is_clear_allowed:
        return f"is no https URL: {shown}"
    is_reachable = not _is_internal(host) or _is_same_network(host, parse_origin(url)[1])
    return "" if is_reachable else f"leads into an internal network: {shown}"


def _is_internal(host: str) -> bool:
    """Whether a host is an address that not everybody reaches, or one that is not written as addresses are."""
    bare = host.rstrip(".")
    try:
        return not _is_public(ip_address(bare))
    except ValueError:
        return is_loopback(bare) or _IS_NUMBER(bare.rpartition(".")[2]) is not None


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if address.is_multicast or not address.is_global:
        return False
    if isinstance(address, IPv4Address):
        return True
    held = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
    if held is None and any(address in network for network in _HOLDING_IPV4):
        held = IPv4Address(int(address) & 0xFFFFFFFF)
    return held is None or _is_public(held)


def _is_same_network(host: str, other: str) -> bool:
    return host == other or (is_loopback(host) and is_loopback(other))


def _only_post(methods: Any) -> str | None:
    """The method of servers that know secrets in forms, and none in headers; else the client chooses."""
    known = _texts(methods)
    return "client_secret_post" if "client_secret_post" in known and "client_secret_basic" not in known else None


def _unusual_algorithms(told: Any) -> tuple[str, ...]:
    """What a server signs with that cannot sign as the standard wants it; no shared secret makes up for that."""
    known = _texts(told)
    if STANDARD_ALGORITHM in known:
        return ()
    return tuple(name for name in SIGNING_ALGORITHMS if name in known and not is_shared(name))


def _texts(values: Any) -> frozenset[str]:
    is_list = isinstance(values, Iterable) and not isinstance(values, (str, Mapping))
    return frozenset(value for value in values if isinstance(value, str)) if is_list else frozenset()
