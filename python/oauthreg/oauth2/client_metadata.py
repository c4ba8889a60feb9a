"""What an application says of server and client, by the names that metadata have for it, as a provider.

Spec: RFC 8414 section 2 (servers); RFC 7591 section 2 and OpenID Connect Dynamic Client Registration 1.0 section 2
(clients).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from oauthreg.errors import UnsupportedMethodError, UsageError, quoted
from oauthreg.jose import ENCRYPTION_ALGORITHMS, SIGNING_ALGORITHMS
from oauthreg.oauth2.client_auth import known_method
from oauthreg.oauth2.dpop import ALGORITHMS as DPOP_ALGORITHMS
from oauthreg.oauth2.grants import grant_name
from oauthreg.oauth2.server_metadata import METADATA_ENDPOINTS
from oauthreg.provider import AssertionSettings, OAuth2Settings, Provider
from oauthreg.records import replace


def described_provider(
    provider: Provider | None,
    parameters: Mapping[str, Any],
    *,
    client_auth_method: str | None = None,
    refresh_token_url: str | None = None,
) -> Provider:
    """The provider with what ``parameters`` say instead of its own; one of its own for a client without a definition.

    Raises ``UnsupportedMethodError`` for methods and algorithms that are not known, ``UsageError`` for another issuer
    than that of a definition, and ``TypeError`` for a name that is none.
    """
    rest, is_custom = dict(parameters), provider is None
    provider = provider or Provider(protocol="oauth2")
    endpoints = {name: rest.pop(key) for key, name in METADATA_ENDPOINTS.items() if key in rest}
    if (metadata_url := rest.pop("server_metadata_url", None)) is not None:
        endpoints["discovery"] = metadata_url
    if refresh_token_url is not None:
        endpoints["refresh"] = refresh_token_url
    if "issuer" in rest and not is_custom:
        raise UsageError(
            f"the issuer of {provider.name} is what its definition says",
            code="issuer-of-definition",
            hint="choose another by `variables=` or `environment=`, or change the definition",
        )
    settings = replace(
        provider.oauth2,
        client_auth=known_method(client_auth_method) or provider.oauth2.client_auth,
        response_type=rest.pop("response_type", None) or provider.oauth2.response_type,
        response_mode=rest.pop("response_mode", None) or provider.oauth2.response_mode,
        require_par=bool(rest.pop("require_pushed_authorization_requests", provider.oauth2.require_par)),
        client_assertion=_assertion_choice(provider, rest),
        request_object_algorithm=_algorithm_choice(rest, "request_object_signing_alg")
        or provider.oauth2.request_object_algorithm,
        **_dpop_choices(provider, rest),
        **_id_token_choices(provider, rest),
    )
    if (grant_type := rest.pop("grant_type", None)) is not None:
        first = grant_name(grant_type)
        settings = replace(settings, grants=(first, *(name for name in settings.grants if name != first)))
    if rest:
        raise TypeError(f"unexpected keyword argument: {min(rest)!r}")
    if is_custom and _is_of_oidc(settings, endpoints):
        provider = replace(provider, protocol="oidc")
    return replace(provider, endpoints={**provider.endpoints, **endpoints}, oauth2=settings)


def _is_of_oidc(settings: OAuth2Settings, endpoints: Mapping[str, str]) -> bool:
    """Whether a client without definition was told whose ID tokens it gets, and where they can be checked."""
    if "/.well-known/openid-configuration" in endpoints.get("discovery", ""):
        return True
    return settings.issuer is not None and ("jwks" in endpoints or bool(settings.id_token_algorithms))


def _id_token_choices(provider: Provider, rest: dict[str, Any]) -> dict[str, Any]:
    """What the metadata of server and client say of the issuer and its ID tokens, taken out of ``rest``.

    Spec: OpenID Connect Dynamic Client Registration 1.0 section 2; RFC 9207 section 3.
    """
    settings = provider.oauth2
    algorithm = _algorithm_choice(rest, "id_token_signed_response_alg")
    encryption = rest.pop("id_token_encrypted_response_alg", None)
    if encryption is not None:
        _check_known(encryption, "encryption", ENCRYPTION_ALGORITHMS)
    names_issuer = rest.pop("authorization_response_iss_parameter_supported", settings.issuer_in_callback)
    return {
        "issuer": rest.pop("issuer", None) or settings.issuer,
        "issuer_in_callback": bool(names_issuer),
        "id_token_algorithms": settings.id_token_algorithms if algorithm is None else (algorithm,),
        "id_token_encryption": settings.id_token_encryption if encryption is None else (encryption,),
    }


def _check_known(algorithm: Any, kind: str, known: Iterable[str]) -> None:
    if algorithm not in tuple(known):
        raise UnsupportedMethodError(
            f"unknown {kind} algorithm: {quoted(algorithm)} (known: {', '.join(known)})", code="unknown-algorithm"
        )


def _assertion_choice(provider: Provider, rest: dict[str, Any]) -> AssertionSettings:
    """How the client proves itself by a JWT, its algorithm taken out of ``rest`` (RFC 7591 section 2)."""
    algorithm, settings = _algorithm_choice(rest, "token_endpoint_auth_signing_alg"), provider.oauth2.client_assertion
    return settings if algorithm is None else replace(settings, algorithm=algorithm)


def _algorithm_choice(rest: dict[str, Any], name: str) -> str | None:
    """What something is signed with, by the name that the client's metadata has for it, taken out of ``rest``."""
    algorithm: str | None = rest.pop(name, None)
    if algorithm is not None:
        _check_known(algorithm, "signing", SIGNING_ALGORITHMS)
    return algorithm


def _dpop_choices(provider: Provider, rest: dict[str, Any]) -> dict[str, Any]:
    """What the metadata of server and client say of DPoP (RFC 9449 sections 5.1 and 5.2), taken out of ``rest``."""
    chosen: dict[str, Any] = {}
    accepted = rest.pop("dpop_signing_alg_values_supported", None)
    if accepted is not None:
        chosen["dpop_algorithms"] = tuple(name for name in DPOP_ALGORITHMS if name in accepted)
        if not chosen["dpop_algorithms"]:
            raise UnsupportedMethodError(
                f"the server takes no DPoP proofs that are made here (known: {', '.join(DPOP_ALGORITHMS)})",
                code="unsupported-dpop-algorithm",
            )
        if provider.oauth2.dpop == "unsupported":
            chosen["dpop"] = "supported"
    is_bound = rest.pop("dpop_bound_access_tokens", None)
    if is_bound is not None:
        chosen["dpop"] = "required" if is_bound else "supported"
    return chosen
