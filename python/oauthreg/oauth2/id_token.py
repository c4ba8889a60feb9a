"""What an ID token says of the user, checked as the standard wants it: whichever way it came, before anybody reads it.

One that comes from the token endpoint is known by TLS to be the provider's. Where the provider's keys are known, its
signature is checked all the same. An ID token from anywhere else must not be read here.

Spec: OpenID Connect Core 1.0 sections 3.1.3.7 and 12.2.
"""

import hmac
from collections.abc import Mapping
from typing import Any

from oauthreg.errors import ResponseError, UsageError
from oauthreg.jose import (
    check_jwt_times,
    half_hash,
    parse_unverified_jwt,
)
from oauthreg.messages import Flow
from oauthreg.oauth2.draft import ClientIdentity
from oauthreg.oauth2.issuer import is_issuer, knows_issuer
from oauthreg.oauth2.jwk_set import check_algorithm, kept_jwks_flow, publishes_keys, signature_flow
from oauthreg.provider import Provider
from oauthreg.token import OAuth2Token

STANDARD_ALGORITHMS = ("RS256",)
"""What ID tokens are signed with unless something else was agreed on. Spec: OpenID Connect Core 1.0 section 3.1.3.7."""


def is_checked(provider: Provider) -> bool:
    """Whether the ID tokens of a provider are checked: it speaks OpenID Connect, or claims are taken from them."""
    return provider.protocol == "oidc" or "id_token" in provider.identity_documents


def expected_algorithms(provider: Provider) -> tuple[str, ...]:
    """What an ID token may be signed with; nothing is expected of a provider whose keys nobody knows."""
    return provider.oauth2.id_token_algorithms or (STANDARD_ALGORITHMS if publishes_keys(provider) else ())


def keys_flow(provider: Provider) -> Flow[None]:
    """Fetches what the end of a login needs to be checked with, so that nothing is spent if it cannot be had.

    Raises as ``kept_jwks_flow``.
    """
    if (
        is_checked(provider)
        and publishes_keys(provider)
        and not all(name.startswith("HS") for name in expected_algorithms(provider))
    ):
        yield from kept_jwks_flow(provider)


def id_token_flow(
    provider: Provider,
    client: ClientIdentity,
    token: OAuth2Token,
    *,
    nonce: str | None,
    max_age: str | None = None,
    is_needed: bool = False,
) -> Flow[None]:
    """Checks the ID token of a login; ``is_needed``: there must be one.

    Raises as ``parse_id_token``, and ``ResponseError`` (``no-id-token``, ``id-token-signature``, ``unknown-key``).
    """
    if not token.id_token:
        if is_needed:
            raise _refused("there is none in the answer, and the scope `openid` asks for one", "no-id-token")
        return
    parse_id_token(
        provider,
        token.id_token,
        client_id=client.client_id,
        now=client.now(),
        nonce=nonce,
        max_age=max_age,
        access_token=token.access_token,
    )
    yield from _signature_flow(provider, client, token.id_token)


def renewed_id_token_flow(
    provider: Provider, client: ClientIdentity, token: OAuth2Token, previous: OAuth2Token | None
) -> Flow[None]:
    """Checks the ID token that came with a renewed token: it tells of the same user as the one before.

    One that cannot be trusted for another reason, or not be checked now, is taken out of the token again, and the
    former one takes its place: what was renewed is not lost for that. Raises ``ResponseError`` (``id-token-user``).

    Spec: OpenID Connect Core 1.0 section 12.2.
    """
    text, former = token.id_token, None if previous is None else previous.id_token
    if not text or text == former:
        return
    _check_same_user(text, former)
    try:
        parse_id_token(provider, text, client_id=client.client_id, now=client.now(), access_token=token.access_token)
        yield from _signature_flow(provider, client, text)
    except Exception:  # noqa: BLE001 - whatever keeps the keys away, too
        token.pop("id_token")
        if former is not None:
            token["id_token"] = former


def parse_id_token(
    provider: Provider,
    text: str,
    *,
    client_id: str,
    now: float,
    nonce: str | None = None,
    max_age: str | None = None,
    access_token: str | None = None,
) -> dict[str, Any]:
    """The claims of an ID token, checked as it is received, but for its signature.

    Algorithm, issuer, audience, party, times, subject, nonce, and that it belongs to the ``access_token``. ``nonce`` is
    the one of the authorization request (``None``: none was sent, as on a renewal), ``max_age`` the seconds that it
    allowed since the user proved who they are. ``now`` is in seconds since 1970.
    Raises ``ResponseError`` whose ``.code`` says which check failed, and ``UsageError`` (``issuer-unknown``) for a
    provider without issuer.
    """
    claims = read_id_token(provider, text, client_id=client_id)
    for name in ("exp", "iat"):
        if claims.get(name) is None:
            raise _refused(f"it holds no `{name}`", "id-token-incomplete")
    check_jwt_times(claims, now, provider.oauth2.id_token_leeway)
    if nonce is not None and claims.get("nonce") != nonce:
        raise _refused("it answers another login: its `nonce` differs", "id-token-nonce")
    if max_age:
        _check_age(claims.get("auth_time"), max_age, now - provider.oauth2.id_token_leeway)
    if access_token is not None and claims.get("at_hash") is not None:
        _check_access_token(text, claims["at_hash"], access_token)
    return claims


def read_id_token(provider: Provider, text: str, *, client_id: str) -> dict[str, Any]:
    """The claims of an ID token that is kept, checked but for times, nonce and signature: it may have expired since.

    Raises as ``parse_id_token``.
    """
    settings = provider.oauth2
    if not knows_issuer(settings):
        raise UsageError(
            f"the ID token of {provider.name} cannot be checked: its issuer is not known",
            code="issuer-unknown",
            hint="add `issuer` to the definition",
        )
    header, claims = parse_unverified_jwt(text)
    check_algorithm(provider, header, expected_algorithms(provider))
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or not is_issuer(settings, issuer, claims):
        raise _refused("it comes from another issuer", "id-token-issuer")
    _check_audience(claims, client_id, settings.trusted_audiences)
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise _refused("it names no subject", "id-token-incomplete")
    return claims


def _signature_flow(provider: Provider, client: ClientIdentity, text: str) -> Flow[None]:
    is_signed = yield from signature_flow(provider, text, expected_algorithms(provider), client.client_secret)
    if is_signed is False:
        raise _refused("its signature is not the provider's", "id-token-signature")


def _check_audience(claims: Mapping[str, Any], client_id: str, trusted: tuple[str, ...]) -> None:
    named = claims.get("aud")
    audiences = named if isinstance(named, list) else [named]
    if client_id not in audiences:
        raise _refused("it is meant for another client", "id-token-audience")
    if any(audience != client_id and audience not in trusted for audience in audiences):
        raise _refused("it is meant for others as well, who are not trusted", "id-token-audience")
    party = claims.get("azp")
    if party is not None and party != client_id and party not in trusted:
        raise _refused("it was issued to another client (`azp`)", "id-token-party")


def _check_age(auth_time: Any, max_age: str, now: float) -> None:
    """Spec: OpenID Connect Core 1.0 sections 2 (``auth_time``) and 3.1.2.1 (``max_age``)."""
    is_time = isinstance(auth_time, (int, float)) and not isinstance(auth_time, bool)
    if not is_time:
        raise _refused("it does not say when the user proved who they are (`auth_time`)", "id-token-age")
    if max_age.isdecimal() and now - auth_time > int(max_age):
        raise _refused("the user proved who they are too long ago", "id-token-age")


def _check_access_token(text: str, told: Any, access_token: str) -> None:
    """Spec: OpenID Connect Core 1.0 section 3.1.3.6."""
    header, _ = parse_unverified_jwt(text)
    expected = half_hash(access_token, str(header["alg"]))
    is_same = isinstance(told, str) and hmac.compare_digest(told.encode("utf-8", "surrogatepass"), expected.encode())
    if expected and not is_same:
        raise _refused("it belongs to another access token (`at_hash`)", "id-token-hash")


def _check_same_user(text: str, former: str | None) -> None:
    try:
        (_, claims), (_, before) = map(parse_unverified_jwt, (text, former or ""))
    except ResponseError:
        return  # nothing is known of a user
    if any(claims.get(name) != before.get(name) for name in ("iss", "sub")):
        raise _refused("it is about another user than the one before", "id-token-user")


def _refused(reason: str, code: str, hint: str = "") -> ResponseError:
    return ResponseError(f"the ID token cannot be trusted: {reason}", code=code, hint=hint)
