"""What an ID token says of the user, checked as the standard wants it: whichever way it came, before anybody reads it.

One that comes from the token endpoint is known by TLS to be the provider's. Where the provider's keys are known, its
signature is checked all the same. An ID token from anywhere else must not be read here.

Spec: OpenID Connect Core 1.0 sections 3.1.3.7 and 12.2.
"""

import hmac
from collections.abc import Collection, Mapping
from typing import Any

from oauthreg.errors import OAuthError, ResponseError, UsageError, quoted
from oauthreg.jose import (
    SIGNING_ALGORITHMS,
    check_jwt_times,
    half_hash,
    is_shared,
    is_time,
    parse_unverified_jwt,
)
from oauthreg.messages import AnswerSource, Flow
from oauthreg.oauth2.draft import ClientIdentity
from oauthreg.oauth2.encryption import check_decryption_key, opened_jwt
from oauthreg.oauth2.issuer import is_issuer, knows_issuer
from oauthreg.oauth2.jwk_set import (
    check_algorithm,
    check_secret,
    kept_jwks_flow,
    publishes_keys,
    select_keys,
    signature_flow,
)
from oauthreg.oauth2.server_metadata import LOGIN, PROMPTED, RENEWAL, STANDARD_ALGORITHM
from oauthreg.provider import OAuth2Settings, Provider
from oauthreg.records import dataclass
from oauthreg.token import OAuth2Token

_MOST_DIGITS = 12
_OF_CLOCKS = ("jwt-time", "jwt-expired", "id-token-age")
"""What is wrong with an ID token where a clock is."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the ID token of a login must hold: the ``nonce`` that was sent, and, of ``max_age``, how long ago.

    ``is_needed``: there must be an ID token.
    """

    nonce: str | None = None
    max_age: str | None = None
    is_needed: bool = False


def is_checked(provider: Provider) -> bool:
    """Whether the ID tokens of a provider are checked: it speaks OpenID Connect, or claims are taken from them."""
    return provider.protocol == "oidc" or "id_token" in provider.identity_documents


def expected_algorithms(provider: Provider) -> tuple[str, ...]:
    """What an ID token may be signed with; nothing is expected of a provider whose keys nobody knows."""
    return provider.oauth2.id_token_algorithms or ((STANDARD_ALGORITHM,) if publishes_keys(provider) else ())


def keys_flow(provider: Provider, client: ClientIdentity) -> Flow[None]:
    """Makes sure that what a login brings can be checked, before anything is spent.

    Raises ``UsageError`` (``issuer-unknown``), ``MissingCredentialError`` where a secret is what signs, or a key is
    what opens ID tokens, ``ResponseError`` (``no-usable-key``) where the provider publishes no key that fits, and as
    ``kept_jwks_flow``.
    """
    if not is_checked(provider):
        return
    check_decryption_key(provider, client)
    if provider.protocol == "oidc":
        check_issuer(provider)
    algorithms = expected_algorithms(provider)
    asymmetric = [name for name in algorithms if not is_shared(name)]
    if algorithms and not asymmetric:
        check_secret(algorithms[0], client.client_secret)
    if not asymmetric or not publishes_keys(provider):
        return
    for source in LOGIN:
        jwks = yield from kept_jwks_flow(provider, source)
        if any(select_keys(jwks, {"alg": name}) for name in asymmetric):
            return
    raise ResponseError(
        f"{provider.name} publishes no key that signs with {' or '.join(asymmetric)}",
        code="no-usable-key",
        hint="if ID tokens are signed otherwise: `algorithms` in `[identity.id_token]`, or "
        "`id_token_signed_response_alg=`",
    )


def check_max_age(max_age: str) -> str:
    """What a login asks for of the seconds since the user proved who they are. Raises ``UsageError``."""
    if max_age and not (max_age.isascii() and max_age.isdecimal() and len(max_age) < _MOST_DIGITS):
        raise UsageError(
            f"`max_age` is no whole number of seconds: {quoted(max_age)}",
            code="invalid-max-age",
            hint="as in `max_age=300`",
        )
    return max_age


def check_issuer(provider: Provider) -> None:
    """Raises ``UsageError`` (``issuer-unknown``) where nobody knows whose ID tokens a provider's are."""
    if not knows_issuer(provider.oauth2):
        raise UsageError(
            f"ID tokens of {provider.name} cannot be checked: its issuer is not known",
            code="issuer-unknown",
            hint="add `issuer` to the definition, or pass `issuer=` to a client without one; it is taken from metadata "
            "only where that issuer must have them",
        )


def id_token_flow(
    provider: Provider,
    client: ClientIdentity,
    token: OAuth2Token,
    expected: Expected,
    *,
    server_time: float | None = None,
) -> Flow[None]:
    """Checks the ID token of a login. ``server_time``: the ``Date`` of the answer that it came with.

    One that is encrypted is kept as the signed JWT that it holds, which is what the provider wants to see again as
    ``id_token_hint``. Raises as ``parse_id_token`` and ``opened_jwt``, and ``ResponseError`` (``no-id-token``,
    ``id-token-signature``, ``unknown-key``). Spec: OpenID Connect Core 1.0 sections 3.1.2.1 and 3.1.3.7.
    """
    if token.id_token:
        token["id_token"] = opened_jwt(client.decryption_keys, token.id_token, provider.oauth2.id_token_encryption)
        yield from _checked_flow(provider, client, token, expected, server_time, LOGIN)
    elif expected.is_needed:
        raise _refused("there is none in the answer, and the scope `openid` asks for one", "no-id-token")


def further_id_token_flow(
    provider: Provider,
    client: ClientIdentity,
    token: OAuth2Token,
    previous: OAuth2Token | None,
    *,
    server_time: float | None = None,
) -> Flow[None]:
    """Checks the ID token that came with a token which is no login's, such as a renewed one.

    It tells of the same user as the one of ``previous``. One that cannot be trusted for another reason is taken out of
    the token again, and the former one takes its place: what was renewed is not lost for that, and does not wait for
    keys that are not at hand. Raises ``ResponseError`` (``id-token-user``).

    Spec: OpenID Connect Core 1.0 section 12.2.
    """
    text, former = token.id_token, None if previous is None else previous.id_token
    if not text or text == former:
        token.is_proven = previous is None or previous.is_proven
        return
    try:
        text = token["id_token"] = opened_jwt(client.decryption_keys, text, provider.oauth2.id_token_encryption)
    except ResponseError:
        _put_back(token, previous)
        return
    _check_same_user(provider.oauth2, text, former)
    try:
        yield from _checked_flow(provider, client, token, Expected(), server_time, RENEWAL)
    except Exception:  # noqa: BLE001 - whatever keeps the keys away, too
        _put_back(token, previous)


def _put_back(token: OAuth2Token, previous: OAuth2Token | None) -> None:
    token.pop("id_token")
    if previous is not None and previous.id_token is not None:
        token["id_token"], token.is_proven = previous.id_token, previous.is_proven


def _checked_flow(
    provider: Provider,
    client: ClientIdentity,
    token: OAuth2Token,
    expected: Expected,
    server_time: float | None,
    sources: Collection[AnswerSource],
) -> Flow[None]:
    text = token.id_token or ""
    about: dict[str, Any] = {"client_id": client.client_id, "expected": expected, "access_token": token.access_token}
    try:
        parse_id_token(provider, text, now=client.now(), **about)
    except ResponseError as error:
        if error.code not in _OF_CLOCKS or server_time is None:
            raise
        # The server that stamped it says what time it has: our own clock may be wrong.
        parse_id_token(provider, text, now=server_time, **about)
    try:
        is_signed = yield from signature_flow(
            provider, text, expected_algorithms(provider), client.client_secret, sources
        )
    except OAuthError as error:
        # It says nothing of what was exchanged, which is spent.
        raise _refused("the provider's keys cannot be had", "keys-unavailable", "let the user log in again") from error
    if is_signed is False:
        raise _refused("its signature is not the provider's", "id-token-signature")


def parse_id_token(
    provider: Provider,
    text: str,
    *,
    client_id: str,
    now: float,
    expected: Expected | None = None,
    access_token: str | None = None,
) -> dict[str, Any]:
    """The claims of an ID token, checked as it is received, but for its signature.

    Algorithm, issuer, audience, party, times, subject, what is ``expected`` (nothing on a renewal), and that it belongs
    to the ``access_token``. ``now`` is in seconds since 1970.
    Raises ``ResponseError`` whose ``.code`` says which check failed, and ``UsageError`` (``issuer-unknown``) for a
    provider without issuer.
    """
    check_algorithm(provider, parse_unverified_jwt(text)[0], expected_algorithms(provider))
    claims = read_id_token(provider, text, client_id=client_id)
    for name in ("exp", "iat"):
        if claims.get(name) is None:
            raise _refused(f"it holds no `{name}`", "id-token-incomplete")
    check_jwt_times(claims, now, provider.oauth2.id_token_leeway)
    wanted = expected or Expected()
    if wanted.nonce is not None and claims.get("nonce") != wanted.nonce:
        raise _refused("it answers another login: its `nonce` differs", "id-token-nonce")
    if wanted.max_age:
        _check_age(claims.get("auth_time"), wanted.max_age, now, provider.oauth2.id_token_leeway)
    if access_token is not None and claims.get("at_hash") is not None:
        _check_access_token(text, claims["at_hash"], access_token)
    return claims


def kept_id_token_flow(
    provider: Provider, client: ClientIdentity, text: str, *, is_proven: bool = True
) -> Flow[dict[str, Any]]:
    """The claims of an ID token that is kept. One that is not proven did not come from the provider's token endpoint.

    Its signature is checked: nothing else tells where it is from. Raises as ``read_id_token``, ``ResponseError``
    (``id-token-signature``, ``unknown-key``, ``keys-unknown`` where nobody knows the provider's keys), and what keeps
    the keys away.

    Spec: OpenID Connect Core 1.0 section 3.1.3.7, point 6.
    """
    claims = read_id_token(provider, text, client_id=client.client_id)
    if is_proven:
        return claims
    expected, is_signed = expected_algorithms(provider), None
    # Whoever reads what others kept may not know which of the provider's keys was agreed on.
    accepted = dict.fromkeys((*expected, *(name for name in SIGNING_ALGORITHMS if not is_shared(name))))
    try:
        if expected:
            is_signed = yield from signature_flow(provider, text, accepted, client.client_secret, PROMPTED)
    except ResponseError as error:
        if error.code == "unknown-key":
            error.hint = "the provider may have changed its keys since: let the user log in again"
        raise
    if is_signed is None:
        raise _refused("nobody knows the provider's keys", "keys-unknown", "let the user log in, or add `jwks`")
    if not is_signed:
        raise _refused("its signature is not the provider's", "id-token-signature")
    return claims


def read_id_token(provider: Provider, text: str, *, client_id: str) -> dict[str, Any]:
    """The claims of an ID token that is kept, checked but for times, nonce and signature: it may have expired since.

    Raises as ``parse_id_token``.
    """
    check_issuer(provider)
    header, claims = parse_unverified_jwt(text)
    check_algorithm(provider, header, provider.oauth2.id_token_algorithms)
    check_parties(provider, claims, client_id)
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise _refused("it names no subject", "id-token-incomplete")
    return claims


def check_parties(provider: Provider, claims: Mapping[str, Any], client_id: str, kind: str = "ID token") -> None:
    """Raises ``ResponseError`` for a JWT of this ``kind`` that is from another issuer or for another client.

    Spec: OpenID Connect Core 1.0 section 3.1.3.7, points 2 to 5.
    """
    settings, code = provider.oauth2, kind.lower().replace(" ", "-")
    issuer, named, party = map(claims.get, ("iss", "aud", "azp"))
    if not isinstance(issuer, str) or not is_issuer(settings, issuer, claims):
        raise _refused("it comes from another issuer", f"{code}-issuer", kind=kind)
    audiences, trusted = named if isinstance(named, list) else [named], settings.trusted_audiences
    if client_id not in audiences:
        raise _refused("it is meant for another client", f"{code}-audience", kind=kind)
    if any(audience != client_id and audience not in trusted for audience in audiences):
        raise _refused("it is meant for others as well, who are not trusted", f"{code}-audience", kind=kind)
    if party is not None and party != client_id and party not in trusted:
        raise _refused("it was issued to another client (`azp`)", f"{code}-party", kind=kind)


def _check_age(auth_time: Any, max_age: str, now: float, leeway: int) -> None:
    """Spec: OpenID Connect Core 1.0 sections 2 (``auth_time``) and 3.1.2.1 (``max_age``)."""
    if not is_time(auth_time) or auth_time - leeway > now:
        raise _refused("it does not say when the user proved who they are (`auth_time`)", "id-token-age")
    if auth_time + int(max_age) + leeway < now:
        raise _refused("the user proved who they are too long ago", "id-token-age")


def _check_access_token(text: str, told: Any, access_token: str) -> None:
    """Spec: OpenID Connect Core 1.0 section 3.1.3.6."""
    header, _ = parse_unverified_jwt(text)
    expected = half_hash(access_token, str(header["alg"]))
    is_same = isinstance(told, str) and hmac.compare_digest(told.encode("utf-8", "surrogatepass"), expected.encode())
    if expected and not is_same:
        raise _refused("it belongs to another access token (`at_hash`)", "id-token-hash")


def _check_same_user(settings: OAuth2Settings, text: str, former: str | None) -> None:
    try:
        (_, claims), (_, before) = map(parse_unverified_jwt, (text, former or ""))
    except ResponseError:
        return  # nothing is known of a user
    issuers = {str(told.get("iss")) for told in (claims, before)}
    is_same_issuer = len(issuers) == 1 or issuers <= {settings.issuer, *settings.issuer_aliases}
    if not is_same_issuer or claims.get("sub") != before.get("sub"):
        raise _refused("it is about another user than the one before", "id-token-user", "let the user log in again")


def _refused(reason: str, code: str, hint: str = "", *, kind: str = "ID token") -> ResponseError:
    return ResponseError(f"the {kind} cannot be trusted: {reason}", code=code, hint=hint)
