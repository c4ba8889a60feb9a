"""JWT assertions: as an authorization grant, as client authentication, and as a client secret.

Spec: RFC 7521; RFC 7523; its revision draft-ietf-oauth-rfc7523bis (the audience of a client assertion is the issuer).
"""

from collections.abc import Callable, Mapping
from functools import partial
from json.encoder import encode_basestring as quoted
from typing import Any

from oauthreg.errors import UsageError
from oauthreg.jose import is_lasting, make_signer, parse_unverified_jwt, render_claims, sign_jwt
from oauthreg.legs import endpoint
from oauthreg.oauth2.draft import ClientIdentity
from oauthreg.provider import AssertionSettings, Documents, Provider
from oauthreg.token import OAuth2Token

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_MADE = frozenset(("iat", "exp", "jti"))
"""Claims that are new in each assertion."""


def build_assertion(
    settings: AssertionSettings,
    client: ClientIdentity,
    *,
    issuer: str,
    subject: str | None,
    audience: str | None,
    scope: str | None = None,
    claims: Mapping[str, Any] | None = None,
    header: Mapping[str, Any] | None = None,
    key: Any = None,
    lifetime: int | None = None,
    issued_at: int | None = None,
) -> str:
    """A signed assertion: ``iss``, ``sub``, ``aud``, ``iat``, ``exp``, ``jti`` and the settings' claims.

    A value of ``None`` leaves its claim out. Given claims win over the settings', which win over made ones. Each call
    gives a fresh ``jti``. Raises ``UsageError`` (``assertion-lifetime``) for a lifetime that the settings do not allow
    and ``InvalidKeyError`` when key and algorithm do not fit. Spec: RFC 7523 section 3.
    """
    named, head = _parts(settings, client, issuer, subject, audience, scope, claims, header)
    now = int(client.now()) - settings.backdate if issued_at is None else int(issued_at)
    wanted = settings.lifetime if lifetime is None else int(lifetime)
    made = {"iat": now, "exp": now + wanted, "jti": client.make_id()} | named
    _check_lifetime(settings, made)
    return sign_jwt(
        _present(made),
        client.private_key if key is None else key,
        str(head.pop("alg", settings.algorithm)),
        header=_present(head),
        passphrase=client.passphrase,
    )


def build_client_assertion(provider: Provider, client: ClientIdentity, key: Any, algorithm: str) -> str:
    """The assertion of ``private_key_jwt`` and ``client_secret_jwt``: issued by the client about itself.

    The audience is one alone: what the settings say, or the provider's issuer, or the token endpoint where no issuer
    is known. Spec: RFC 7523 section 3; rfc7523bis section 3.
    """
    known = client.ready.get(algorithm)
    if known is None or known[0] is not provider or known[1] is not key:
        known = client.ready[algorithm] = provider, key, _client_assertions(provider, client, key, algorithm)
    make: Callable[[], str] = known[2]
    return make()


def _client_assertions(provider: Provider, client: ClientIdentity, key: Any, algorithm: str) -> Callable[[], str]:
    """What makes the assertions of a client: of the next one only times and identifier are new."""
    settings, issuer, given = provider.oauth2.client_assertion, client.client_id, {"alg": algorithm}
    audience = audience_of(provider, settings, client.documents, prefer_issuer=True)
    named, head = _parts(settings, client, issuer, issuer, audience, None, None, given)
    if not is_lasting(key) or _MADE.intersection(named):
        return partial(
            build_assertion, settings, client, issuer=issuer, subject=issuer, audience=audience, header=given, key=key
        )
    lifetime, backdate, now, make_id = settings.lifetime, settings.backdate, client.now, client.make_id
    _check_lifetime(settings, {"iat": 0, "exp": lifetime})
    sign = make_signer(key, str(head.pop("alg")), header=_present(head), passphrase=client.passphrase)
    begin = render_claims(_present(named)).decode().removesuffix("}")

    def make() -> str:
        issued_at = int(now()) - backdate
        times = f'"iat":{issued_at},"exp":{issued_at + lifetime}'
        return sign(f'{begin},{times},"jti":{quoted(make_id())}}}'.encode())

    return make


def build_signed_secret(provider: Provider, client: ClientIdentity) -> str:
    """A client secret that is a JWT about the client; who issues it is in the settings' claims."""
    return build_client_assertion(
        provider, client, client.key("signed_secret"), provider.oauth2.client_assertion.algorithm
    )


def build_self_signed_token(
    provider: Provider,
    client: ClientIdentity,
    *,
    issuer: str,
    audience: str | None = None,
    scope: str | None = None,
    claims: Mapping[str, Any] | None = None,
    header: Mapping[str, Any] | None = None,
    key: Any = None,
    lifetime: int | None = None,
    issued_at: int | None = None,
) -> OAuth2Token:
    """An access token that the client signs itself, for its own account: valid for ``audience``, or for ``scope``.

    Raises ``UsageError`` with the code ``self-signed-audience`` unless exactly one of the two is given.
    """
    if bool(audience) == bool(scope):
        raise UsageError(
            "a self-signed token is for one audience or for scopes, never both or neither",
            code="self-signed-audience",
            hint="pass `audience=` or `scope=`",
        )
    settings = provider.oauth2.assertion
    text = build_assertion(
        settings,
        client,
        issuer=issuer,
        subject=issuer,
        audience=audience,
        scope=scope,
        claims=claims,
        header=header,
        key=key,
        lifetime=lifetime,
        issued_at=issued_at,
    )
    end = int(parse_unverified_jwt(text)[1]["exp"])
    token = OAuth2Token(access_token=text, token_type="Bearer", expires_at=end, expires_in=end - int(client.now()))  # noqa: S106
    return OAuth2Token(token, scope=scope) if scope else token


def audience_of(
    provider: Provider, settings: AssertionSettings, documents: Documents, *, prefer_issuer: bool = False
) -> str:
    """The one audience of an assertion: the settings', the issuer (for client authentication), the token endpoint.

    It comes from the provider's settings alone. Raises ``UsageError``: ``several-audiences`` for a list, and
    ``issuer-unknown`` where a client would be authenticated by what the server's metadata say. Spec: rfc7523bis
    section 3 (CVE-2025-27370).
    """
    audience: Any = settings.claims.get("aud") or settings.audience
    if hasattr(audience, "render"):
        audience = audience.render(documents)
    if audience and not isinstance(audience, str):
        raise UsageError(
            "an assertion that authenticates a client names one audience",
            code="several-audiences",
            hint="name the issuer alone: a second audience could pass the assertion on",
        )
    if audience:
        return str(audience)
    if prefer_issuer and provider.oauth2.issuer:
        return provider.oauth2.issuer
    if prefer_issuer and "token" in provider.from_metadata:
        # Metadata of a stranger would name the token endpoint of somebody else, and use there what they get.
        raise UsageError(
            f"nobody knows whom a client assertion for {provider.name} is for: its issuer is not known",
            code="issuer-unknown",
            hint="pass `issuer=`, or add it to the definition: what metadata call the token endpoint may be another's",
        )
    return endpoint(provider, "token")


def _parts(
    settings: AssertionSettings,
    client: ClientIdentity,
    issuer: str,
    subject: str | None,
    audience: str | None,
    scope: str | None,
    claims: Mapping[str, Any] | None,
    header: Mapping[str, Any] | None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The claims and the header of an assertion, but for its times and its identifier."""
    made: dict[str, Any] = {"iss": issuer, "sub": subject, "aud": audience}
    head: dict[str, Any] = {"typ": settings.typ or None, "kid": client.key_id}
    if settings.claims or settings.header:
        named = {"issuer": issuer, "subject": subject, "audience": audience, "scope": scope or None}
        documents: Documents = {**client.documents, "assertion": named}
        made |= _rendered(settings.claims, documents)
        head |= _rendered(settings.header, documents)
    return {**made, **(claims or {})}, {**head, **(header or {})}


def _check_lifetime(settings: AssertionSettings, claims: Mapping[str, Any]) -> None:
    longest = settings.lifetime if settings.max_lifetime is None else settings.max_lifetime
    start, end = claims.get("iat"), claims.get("exp")
    if not isinstance(start, int) or not isinstance(end, int):
        raise UsageError("`iat` and `exp` of an assertion are whole numbers", code="assertion-times")
    if not 0 < end - start <= longest:
        raise UsageError(
            f"the assertion may live from 1 to {longest} seconds: {end - start}",
            code="assertion-lifetime",
            hint="leave the lifetime out to get the provider's own",
        )


def _rendered(values: Mapping[str, Any], documents: Documents) -> dict[str, Any]:
    return {name: value.render(documents) if hasattr(value, "render") else value for name, value in values.items()}


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None} if None in values.values() else values
