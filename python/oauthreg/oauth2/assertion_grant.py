"""A token by a JWT assertion: from the token endpoint, or signed by the client itself where that is enough.

Spec: RFC 7523 section 2.1.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from oauthreg.legs import render_scope, split_scope
from oauthreg.messages import Flow, Pairs
from oauthreg.oauth2.assertion import audience_of, build_assertion, build_self_signed_token
from oauthreg.oauth2.draft import ClientIdentity
from oauthreg.oauth2.grants.jwt_bearer import GRANT_TYPE
from oauthreg.oauth2.token_endpoint import token_flow
from oauthreg.provider import Provider
from oauthreg.token import OAuth2Token


def assertion_flow(
    provider: Provider,
    client: ClientIdentity,
    *,
    issuer: str,
    subject: str | None = None,
    audience: str | None = None,
    scope: Iterable[str] | str | None = None,
    claims: Mapping[str, Any] | None = None,
    header: Mapping[str, Any] | None = None,
    key: Any = None,
    lifetime: int | None = None,
    issued_at: int | None = None,
    grant_type: str = GRANT_TYPE,
    resources: Sequence[str] = (),
    params: Pairs = (),
    url: str | None = None,
) -> Flow[OAuth2Token]:
    """A token for a fresh assertion by ``issuer``, about ``subject`` if it is somebody else.

    ``scope`` goes into the form, or into the claims where the settings' claims have one. Where the provider takes
    self-signed tokens, one is made without a request, unless it would speak for another ``subject``. The other
    arguments are those of ``build_assertion`` and ``token_flow``; so are the errors.
    """
    settings = provider.oauth2.assertion
    asked = render_scope(provider, scope)
    if settings.self_signed and subject in (None, issuer):
        return build_self_signed_token(
            provider,
            client,
            issuer=issuer,
            audience=audience,
            scope=None if audience and scope is None else asked or None,
            claims=claims,
            header=header,
            key=key,
            lifetime=lifetime,
            issued_at=issued_at,
        )
    assertion = partial(
        build_assertion,
        settings,
        client,
        issuer=issuer,
        subject=subject,
        audience=audience or audience_of(provider, settings, client.documents),
        scope=asked,
        claims=claims,
        header=header,
        key=key,
        lifetime=lifetime,
        issued_at=issued_at,
    )
    in_claims = "scope" in settings.claims or "scope" in (claims or {})
    return (
        yield from token_flow(
            provider,
            client,
            "jwt_bearer",
            scopes=split_scope(provider, asked),
            resources=resources,
            params=params,
            url=url,
            assertion=assertion,
            scope=None if in_claims else asked,
            grant_type=grant_type,
        )
    )
