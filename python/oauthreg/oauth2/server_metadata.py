"""What a server publishes: its metadata, and the public keys that it signs with.

Spec: RFC 8414; OpenID Connect Discovery 1.0; RFC 7517.
"""

from collections.abc import Mapping
from typing import Any

from oauthreg.answers import malformed
from oauthreg.legs import answered, endpoint
from oauthreg.messages import Flow, Pairs, Request, Response
from oauthreg.oauth2.issuer import is_issuer, knows_issuer
from oauthreg.oauth2.token_answer import parse_document
from oauthreg.provider import OAuth2Settings, Provider

_ACCEPT: Pairs = (("Accept", "application/json"),)
_SECRET_MEMBERS = frozenset(("d", "k"))
"""Members of a JWK that are a private or a shared key. Spec: RFC 7518 section 6."""


def server_metadata_flow(provider: Provider, *, url: str | None = None) -> Flow[dict[str, Any]]:
    """What the server says of itself, under the names of RFC 8414.

    Raises ``UsageError`` where the provider publishes nothing, ``OAuthError`` and ``MalformedResponseError``.
    """
    response = yield Request("GET", url or endpoint(provider, "discovery"), _ACCEPT)
    return parse_server_metadata(answered(response), provider.oauth2)


def jwks_flow(provider: Provider, *, url: str | None = None) -> Flow[dict[str, Any]]:
    """The server's public keys as a JWK set.

    Raises ``UsageError`` where the provider publishes none, ``OAuthError`` and ``MalformedResponseError``.
    """
    response = yield Request("GET", url or endpoint(provider, "jwks"), _ACCEPT)
    return parse_jwks(answered(response))


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


def parse_jwks(response: Response) -> dict[str, Any]:
    """The JWK set in an answer.

    Raises ``OAuthError`` and ``MalformedResponseError`` (``no-jwks``; ``secret-keys`` for keys that nobody may know).

    Spec: RFC 7517 section 5.
    """
    document = parse_document(response)
    keys = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(keys, list) or not all(map(_is_jwk, keys)):
        raise malformed(response, "the answer is no JWK set", code="no-jwks")
    if any(not _SECRET_MEMBERS.isdisjoint(key) for key in keys):
        raise malformed(response, "the JWK set publishes private or shared keys", code="secret-keys")
    return dict(document)


def _is_jwk(key: Any) -> bool:
    return isinstance(key, Mapping) and isinstance(key.get("kty"), str)
