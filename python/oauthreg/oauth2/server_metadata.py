"""What a server says of itself, and a provider that takes from it what its definition leaves out.

Spec: RFC 8414; OpenID Connect Discovery 1.0.
"""

from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from oauthreg.answers import malformed
from oauthreg.errors import ResponseError, UsageError
from oauthreg.legs import answered, endpoint
from oauthreg.messages import Flow, Pairs, Request, Response
from oauthreg.oauth2.issuer import is_issuer, knows_issuer
from oauthreg.oauth2.token_answer import parse_document
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

_ACCEPT: Pairs = (("Accept", "application/json"),)
_WELL_KNOWN = ("openid-configuration", "oauth-authorization-server")


def server_metadata_flow(provider: Provider, *, url: str | None = None) -> Flow[dict[str, Any]]:
    """What the server says of itself, under the names of RFC 8414.

    Raises ``UsageError`` where the provider publishes nothing, ``OAuthError`` and ``MalformedResponseError``.
    """
    response = yield Request("GET", url or endpoint(provider, "discovery"), _ACCEPT)
    return parse_server_metadata(answered(response), provider.oauth2)


def completed_flow(provider: Provider, *names: str) -> Flow[Provider]:
    """The provider with these endpoints and its issuer, if there are such: from its server's metadata where need be.

    The metadata may have been fetched before. Raises as ``server_metadata_flow`` and ``with_metadata``.
    """
    needs_issuer = provider.protocol == "oidc" and not knows_issuer(provider.oauth2)
    if "discovery" not in provider.endpoints or not (needs_issuer or any(n not in provider.endpoints for n in names)):
        return provider
    url, read = provider.endpoints["discovery"], _reader(provider.oauth2)
    response = yield Request("GET", url, _ACCEPT, shared=read)
    return with_metadata(provider, read(answered(response)), url)


def _reader(settings: OAuth2Settings) -> Callable[[Response], dict[str, Any]]:
    return lambda response: parse_server_metadata(response, settings)


def parse_server_metadata(response: Response, settings: OAuth2Settings) -> dict[str, Any]:
    """The metadata in an answer, whose issuer is the provider's own if that is known.

    Raises ``OAuthError`` and ``MalformedResponseError`` (``no-server-metadata``, ``foreign-server-metadata``).

    Spec: RFC 8414 sections 3.2 and 3.3.
    """
    document = parse_document(response)
    issuer = document.get("issuer") if isinstance(document, Mapping) else None
    if not isinstance(issuer, str) or not issuer:
        raise malformed(response, "the answer is no server metadata: it names no issuer", code="no-server-metadata")
    if knows_issuer(settings) and not is_issuer(settings, issuer):
        raise malformed(
            response,
            "the metadata is that of another issuer than the provider's",
            code="foreign-server-metadata",
            hint="compare the definition's `issuer` with the one in the document, character by character",
        )
    return dict(document)


def with_metadata(provider: Provider, metadata: Mapping[str, Any], url: str) -> Provider:
    """The provider with what its definition leaves out as the metadata from ``url`` has it; what it says counts.

    Taken are endpoints, their mutual-TLS aliases, the userinfo request where claims need one, how a client proves
    itself, whether requests must be pushed and callbacks name the issuer; the issuer itself only from where that issuer
    must have its metadata. Raises ``ResponseError`` (``unusable-server-metadata``) for an endpoint that is no https
    URL, or one in a network of its own which is not that of ``url``.

    Spec: RFC 8414 sections 2 and 3; RFC 9207 section 3; RFC 9126 section 5; RFC 8705 section 5.
    """
    named = _endpoints(provider, metadata, url)
    endpoints = {**named, **provider.endpoints}
    identity, origins = provider.identity, provider.origins
    if "userinfo" in named and "userinfo" in provider.identity_documents and "userinfo" not in provider.endpoints:
        identity = (IdentityRequest("userinfo", named["userinfo"]), *identity)
        origins |= {parse_origin(named["userinfo"])}
    settings, aliases = provider.oauth2, metadata.get("mtls_endpoint_aliases")
    issuer = str(metadata.get("issuer"))
    changed = replace(
        settings,
        issuer=issuer if not knows_issuer(settings) and url in well_known_urls(issuer) else settings.issuer,
        issuer_in_callback=settings.issuer_in_callback
        or metadata.get("authorization_response_iss_parameter_supported") is True,
        require_par=settings.require_par or metadata.get("require_pushed_authorization_requests") is True,
        secret_auth=_only_post(metadata.get("token_endpoint_auth_methods_supported")) or settings.secret_auth,
        mtls_endpoints={
            **(_endpoints(provider, aliases, url) if isinstance(aliases, Mapping) else {}),
            **settings.mtls_endpoints,
        },
    )
    return replace(provider, endpoints=endpoints, identity=identity, origins=origins, oauth2=changed)


def well_known_urls(issuer: str) -> tuple[str, ...]:
    """Where an issuer has its metadata: the suffix at the end of its path, or before it.

    Spec: OpenID Connect Discovery 1.0 section 4.1; RFC 8414 section 3.1.
    """
    bare, parts = issuer.rstrip("/"), urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    return tuple(
        where
        for suffix in _WELL_KNOWN
        for where in (f"{bare}/.well-known/{suffix}", f"{origin}/.well-known/{suffix}{path}")
    )


def _endpoints(provider: Provider, metadata: Mapping[str, Any], url: str) -> dict[str, str]:
    """The endpoints that metadata name, by the names of a definition, and that the provider does not have itself."""
    told = {own: metadata[name] for name, own in METADATA_ENDPOINTS.items() if metadata.get(name) is not None}
    missing = {own: value for own, value in told.items() if own not in provider.endpoints}
    return {own: _checked(provider, own, value, url) for own, value in missing.items()}


def _checked(provider: Provider, name: str, value: Any, url: str) -> str:
    """An endpoint of the metadata, if a secret may go there.

    Spec: RFC 9700 section 4.4; RFC 8414 section 2 (all endpoints are https URLs).
    """
    reason = _fault(value, url, is_clear_allowed=provider.allow_insecure_http)
    if reason:
        raise ResponseError(
            f"the server metadata of {provider.name} cannot be used: its `{name}` endpoint {reason}",
            code="unusable-server-metadata",
            hint="write the URL into `[endpoints]` of the definition if it is right",
        )
    return str(value)


def _fault(value: Any, url: str, *, is_clear_allowed: bool) -> str:
    """What is wrong with a URL of metadata; empty where nothing is."""
    if not isinstance(value, str):
        return "is no text"
    try:
        scheme, host, _ = parse_origin(value)
    except UsageError:
        return "is no https URL"
    parts = urlsplit(value)
    if parts.fragment or "@" in parts.netloc or not value.isprintable() or " " in value:
        return "is no URL of an endpoint"
    if scheme != "https" and not is_loopback(host) and not is_clear_allowed:
        return f"is no https URL: {render_origin(parse_origin(value))}"
    if _is_internal(host) and not _is_same_network(host, parse_origin(url)[1]):
        return f"leads into an internal network: {render_origin(parse_origin(value))}"
    return ""


def _is_internal(host: str) -> bool:
    """Whether a host is an address that not everybody reaches."""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return is_loopback(host)


def _is_same_network(host: str, other: str) -> bool:
    return host == other or (is_loopback(host) and is_loopback(other))


def _only_post(methods: Any) -> str | None:
    """The method of servers that know secrets in forms, and none in headers; else the client chooses."""
    if not isinstance(methods, Iterable) or isinstance(methods, (str, Mapping)):
        return None
    known = {method for method in methods if isinstance(method, str)}
    return "client_secret_post" if "client_secret_post" in known and "client_secret_basic" not in known else None
