"""The keys that a server signs with, and whether a JWT is signed with one of them.

Spec: RFC 7517; OpenID Connect Core 1.0 sections 10.1 and 10.1.1.
"""

from collections.abc import Collection, Mapping
from typing import Any

from oauthreg.answers import malformed
from oauthreg.errors import MissingCredentialError, ResponseError
from oauthreg.jose import SIGNING_ALGORITHMS, is_shared, is_signed_with, is_signed_with_secret, parse_unverified_jwt
from oauthreg.legs import ACCEPT_JSON, answered, endpoint
from oauthreg.messages import AnswerSource, Flow, Request, Response, Shared
from oauthreg.oauth2.server_metadata import LOGIN, completed_flow, owner_of, published_document
from oauthreg.provider import Provider

_SECRET_MEMBERS = frozenset(("d", "dp", "dq", "k", "oth", "p", "q", "qi"))
"""Members of a JWK that are part of a private or a shared key. Spec: RFC 7518 section 6."""

_MOST_TRIED = 16
"""Keys that are tried for one JWT: a set may hold any number without names."""


def jwks_flow(provider: Provider, *, url: str | None = None) -> Flow[dict[str, Any]]:
    """The server's public keys as a JWK set.

    Raises ``UsageError`` where the provider publishes none, ``TemporarilyUnavailableError`` and
    ``MalformedResponseError``.
    """
    response = yield Request("GET", url or endpoint(provider, "jwks"), ACCEPT_JSON)
    return parse_jwks(answered(response))


def kept_jwks_flow(provider: Provider, source: AnswerSource = "any") -> Flow[dict[str, Any]]:
    """As ``jwks_flow``, from the server's metadata if need be; keys that were fetched before will do.

    ``source`` is that of ``Shared``. Raises as ``jwks_flow`` and ``completed_flow``, and ``LookupError`` where only
    what is kept will do.
    """
    if source != "kept":
        provider = yield from completed_flow(provider, "jwks")
    shared = Shared(_parse_some, owner_of(provider, "keys"), source)
    response = yield Request("GET", endpoint(provider, "jwks"), ACCEPT_JSON, shared=shared)
    return parse_jwks(answered(response))


def publishes_keys(provider: Provider) -> bool:
    """Whether the server's keys can be asked for."""
    return "jwks" in provider.endpoints or "discovery" in provider.endpoints


def parse_jwks(response: Response) -> dict[str, Any]:
    """The JWK set in an answer, without keys of which nobody knows what they are.

    Raises ``TemporarilyUnavailableError`` and ``MalformedResponseError`` (``no-jwks``; ``secret-keys`` for keys that
    nobody may know).

    Spec: RFC 7517 section 5.
    """
    document = published_document(response, "the server's keys")
    keys = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(keys, list) or not all(isinstance(key, Mapping) for key in keys):
        raise malformed(response, "the answer is no JWK set", code="no-jwks")
    if any(not _SECRET_MEMBERS.isdisjoint(key) for key in keys):
        raise malformed(response, "the JWK set publishes private or shared keys", code="secret-keys")
    return {**document, "keys": [key for key in keys if isinstance(key.get("kty"), str)]}


def _parse_some(response: Response) -> None:
    """Raises as ``parse_jwks``, and for a set without any key: that is no answer to be kept."""
    if not parse_jwks(response)["keys"]:
        raise malformed(response, "the JWK set is empty", code="no-usable-key")


def check_algorithm(provider: Provider, header: Mapping[str, Any], expected: Collection[str]) -> None:
    """Raises ``ResponseError`` (``jwt-algorithm``) for a JWT that is signed otherwise; no expectation allows all.

    Spec: RFC 8725 section 3.1.
    """
    algorithm = header.get("alg")
    if not expected or algorithm in expected:
        return
    shown = algorithm if algorithm in SIGNING_ALGORITHMS else "another algorithm"
    raise ResponseError(
        f"the JWT is signed with {shown}, and {' or '.join(expected)} is expected of {provider.name}",
        code="jwt-algorithm",
        hint="if the provider signs so: `algorithms` in `[identity.id_token]`, or `id_token_signed_response_alg=`",
    )


def signature_flow(
    provider: Provider,
    text: str,
    expected: Collection[str],
    client_secret: str | None,
    sources: Collection[AnswerSource] = LOGIN,
) -> Flow[bool | None]:
    """Whether a JWT is signed by the provider; ``None`` where nobody knows with which key it would be.

    ``expected`` are the algorithms that it signs with, a shared one with the client secret. Raises ``ResponseError``
    (``jwt-algorithm``) for another one and what is no signed JWT, and as ``check_secret`` and ``is_signed_flow``.
    Spec: RFC 8725 section 3.1.
    """
    header, _ = parse_unverified_jwt(text)
    if not expected:
        return None
    check_algorithm(provider, header, expected)
    algorithm = str(header["alg"])
    if is_shared(algorithm):
        return is_signed_with_secret(text, check_secret(algorithm, client_secret), algorithm)
    return (yield from is_signed_flow(provider, text, sources)) if publishes_keys(provider) else None


def check_secret(algorithm: str, client_secret: str | None) -> str:
    """The client secret, which a JWT can be checked with. Raises ``MissingCredentialError``."""
    if not client_secret:
        raise MissingCredentialError(
            f"a JWT that is signed with {algorithm} needs a client secret to be checked",
            code="missing-client-secret",
            hint="pass `client_secret=`",
        )
    return client_secret


def is_signed_flow(provider: Provider, text: str, sources: Collection[AnswerSource] = LOGIN) -> Flow[bool]:
    """Whether a JWT is signed with one of the server's keys, which are looked for in the ``sources`` in turn.

    What the header itself says of keys (``jwk``, ``jku``, ``x5u``, ``x5c``) counts for nothing. Raises
    ``ResponseError`` (``unknown-key``) where the server has no such key, and as ``kept_jwks_flow``.

    Spec: OpenID Connect Core 1.0 section 10.1.1; RFC 8725 section 3.10.
    """
    header, _ = parse_unverified_jwt(text)
    for source in sources:
        keys = select_keys((yield from kept_jwks_flow(provider, source)), header)
        if any(is_signed_with(text, key, str(header["alg"])) for key in keys):
            return True
    if not keys:
        raise ResponseError(
            "the JWT is signed with none of the keys that the provider publishes",
            code="unknown-key",
            hint="if the provider has just changed its keys, a login within a minute will succeed",
        )
    return False


def select_keys(jwks: Mapping[str, Any], header: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The keys of a set that a JWT with this header may be signed with: by name, kind, use and algorithm, 16 at most.

    Keys without a name are tried where none has the name that is asked for. Spec: RFC 7517 sections 4.1 to 4.5.
    """
    fitting = [key for key in jwks["keys"] if _fits(key, str(header.get("alg")))]
    kid = header.get("kid")
    if kid is not None:
        named = [key for key in fitting if key.get("kid") == kid]
        fitting = named or [key for key in fitting if key.get("kid") is None]
    return fitting[:_MOST_TRIED]


def _fits(key: Mapping[str, Any], algorithm: str) -> bool:
    kind, curve = SIGNING_ALGORITHMS.get(algorithm, ("", ""))
    own, operations = key.get("alg"), key.get("key_ops")
    return (
        key["kty"] == kind
        and (not curve or key.get("crv") == curve)
        and key.get("use") in (None, "sig")
        and (operations is None or (isinstance(operations, list) and "verify" in operations))
        # The algorithm of Edwards curves has two names.
        and (own is None or own == algorithm or (curve == "Ed25519" and own in ("EdDSA", "Ed25519")))
    )
