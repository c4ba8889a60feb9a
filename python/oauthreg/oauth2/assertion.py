"""JWT assertions: as an authorization grant, as client authentication, and as a client secret.

Spec: RFC 7521; RFC 7523; its revision draft-ietf-oauth-rfc7523bis (the audience of a client assertion is the issuer).
"""

from collections.abc import Mapping
from typing import Any

from oauthreg.errors import UsageError
from oauthreg.jose import sign_jwt
from oauthreg.legs import endpoint
from oauthreg.oauth2.draft import ClientIdentity
from oauthreg.provider import AssertionSettings, Documents, Provider

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def build_assertion(
    settings: AssertionSettings,
    client: ClientIdentity,
    *,
    issuer: str,
    subject: str | None,
    audience: str,
    scope: str | None = None,
    claims: Mapping[str, Any] | None = None,
    header: Mapping[str, Any] | None = None,
    key: Any = None,
    lifetime: int | None = None,
    issued_at: int | None = None,
) -> str:
    """A signed assertion: ``iss``, ``sub`` (unless ``None``), ``aud``, ``iat``, ``exp``, ``jti``, the settings' claims.

    Given claims win over made ones, ``None`` takes one out. ``lifetime`` is at most the settings'. Each call gives a
    fresh ``jti``. Raises ``InvalidKeyError`` when key and algorithm do not fit. Spec: RFC 7523 section 3.
    """
    documents: Documents = {
        **client.documents,
        "assertion": {"issuer": issuer, "subject": subject, "audience": audience, "scope": scope or None},
    }
    now = int(client.now()) if issued_at is None else issued_at
    wanted = settings.lifetime if lifetime is None else lifetime
    if wanted > settings.lifetime:
        raise UsageError(
            f"the assertion may live {settings.lifetime} seconds at most: {wanted}", code="assertion-lifetime"
        )
    made: dict[str, Any] = {"iss": issuer, "sub": subject, "aud": audience, "iat": now, "exp": now + wanted}
    made |= _rendered(settings.claims, documents)
    made.setdefault("jti", client.make_id())
    made |= dict(claims or {})
    head = {"typ": settings.typ, "kid": client.key_id, **_rendered(settings.header, documents), **(header or {})}
    return sign_jwt(
        _present(made),
        client.private_key if key is None else key,
        str(head.pop("alg", settings.algorithm)),
        header=_present(head),
        passphrase=client.passphrase,
    )


def build_client_assertion(provider: Provider, client: ClientIdentity, key: Any, algorithm: str) -> str:
    """The assertion of ``private_key_jwt`` and ``client_secret_jwt``: issued by the client about itself.

    The audience is the provider's issuer alone, or what the settings say, or the token endpoint where no issuer is
    known. Spec: RFC 7523 section 3; rfc7523bis section 3.
    """
    settings = provider.oauth2.client_assertion
    return build_assertion(
        settings,
        client,
        issuer=client.client_id,
        subject=client.client_id,
        audience=audience_of(provider, settings, client.documents, prefer_issuer=True),
        header={"alg": algorithm},
        key=key,
    )


def build_signed_secret(provider: Provider, client: ClientIdentity) -> str:
    """A client secret that is a JWT about the client; who issues it is in the settings' claims."""
    settings = provider.oauth2.client_assertion
    return build_assertion(
        settings,
        client,
        issuer=client.client_id,
        subject=client.client_id,
        audience=audience_of(provider, settings, client.documents, prefer_issuer=True),
        key=client.key("signed_secret"),
    )


def audience_of(
    provider: Provider, settings: AssertionSettings, documents: Documents, *, prefer_issuer: bool = False
) -> str:
    """The one audience of an assertion: the settings', the issuer (for client authentication), the token endpoint."""
    audience = settings.audience
    if audience is not None and not isinstance(audience, str):
        audience = audience.render(documents)
    if audience:
        return audience
    if prefer_issuer and provider.oauth2.issuer:
        return provider.oauth2.issuer
    return endpoint(provider, "token")


def _rendered(values: Mapping[str, Any], documents: Documents) -> dict[str, Any]:
    return {name: value.render(documents) if hasattr(value, "render") else value for name, value in values.items()}


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
