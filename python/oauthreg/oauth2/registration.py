"""Dynamic client registration: the server makes a client identifier for an application that asks.

Spec: RFC 7591.
"""

import json
from collections.abc import Mapping
from typing import Any

from oauthreg.answers import malformed
from oauthreg.errors import UsageError
from oauthreg.legs import ACCEPT_JSON, check_headers, endpoint
from oauthreg.messages import Flow, Pairs, Request, Response
from oauthreg.oauth2.authorize import check_redirect_uri
from oauthreg.oauth2.token_answer import parse_document
from oauthreg.oauth2.token_endpoint import ask
from oauthreg.provider import Provider


def registration_flow(
    provider: Provider,
    metadata: Mapping[str, Any],
    *,
    initial_access_token: str | None = None,
    url: str | None = None,
) -> Flow[dict[str, Any]]:
    """What the server made of an application: ``client_id``, perhaps ``client_secret``, and what it holds to be true.

    Raises ``UsageError`` where the provider has no registration, ``OAuthError`` and ``MalformedResponseError``.
    """
    target = url or endpoint(provider, "registration")
    request = build_registration_request(target, metadata, initial_access_token=initial_access_token)
    return (yield from ask(lambda: request, parse_registration, [initial_access_token or ""]))


def build_registration_request(
    url: str, metadata: Mapping[str, Any], *, initial_access_token: str | None = None
) -> Request:
    """The request that registers an application which is described by ``metadata``, under the names of RFC 7591.

    Raises ``UsageError`` for redirection URIs that cannot be used, for what JSON cannot hold and for a token that no
    header can carry. Spec: RFC 7591 section 3.1.
    """
    uris = metadata.get("redirect_uris", ())
    if not isinstance(uris, (list, tuple)):
        raise UsageError(
            "`redirect_uris` is a list", code="invalid-client-metadata", hint="write one URI as a list, too"
        )
    for uri in uris:
        check_redirect_uri(uri)
    try:
        body = json.dumps(dict(metadata), allow_nan=False).encode()
    except (TypeError, ValueError):
        raise UsageError("the client's metadata cannot be written as JSON", code="invalid-client-metadata") from None
    bearer: Pairs = () if initial_access_token is None else (("Authorization", f"Bearer {initial_access_token}"),)
    headers = (*ACCEPT_JSON, ("Content-Type", "application/json"), *check_headers(bearer))
    return Request("POST", url, headers, body=body)


def parse_registration(response: Response) -> dict[str, Any]:
    """The client in an answer.

    Raises ``OAuthError`` (``invalid_redirect_uri``, ``invalid_client_metadata`` …) and ``MalformedResponseError``.

    Spec: RFC 7591 sections 3.2.1 and 3.2.2.
    """
    document = parse_document(response)
    client_id = document.get("client_id") if isinstance(document, Mapping) else None
    if not isinstance(client_id, str) or not client_id:
        raise malformed(response, "the answer holds no `client_id`", code="no-client-id")
    return dict(document)
