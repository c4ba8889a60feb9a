"""Whether a request proves the key that its client says it holds, as a simulated provider checks it.

Spec: RFC 9449 sections 4.3, 8 and 9.
"""

import hmac
from collections.abc import Mapping
from typing import Any

from oauthreg.errors import OAuthError, ResponseError, UsageError
from oauthreg.jose import check_jwt_times, parse_jwt_of_its_own_key
from oauthreg.oauth2.authorize import split_url
from oauthreg.oauth2.dpop import ALGORITHMS, NONCE_ERROR, target_uri, thumbprint, token_hash
from oauthreg.provider import Provider
from oauthreg.simulator.oauth2_state import OAuth2State
from oauthreg.simulator.received import Received

PROOF_ERROR = "invalid_dpop_proof"
WINDOW = 60
"""By how many seconds the time of a proof may differ from the provider's."""


def check_proof(
    provider: Provider,
    state: OAuth2State,
    received: Received,
    now: float,
    *,
    access_token: str | None = None,
    status: int = 400,
) -> str | None:
    """The thumbprint of the key that a request proves; ``None`` for a request without a proof.

    ``access_token`` is the one that the request carries, ``status`` that of a refusal. Raises ``OAuthError``:
    ``invalid_dpop_proof``, or ``use_dpop_nonce`` for a proof without the nonce that the provider gave last.
    """
    proof = received.headers.get("dpop")
    if proof is None:
        return None
    try:
        header, claims = parse_jwt_of_its_own_key(proof, provider.oauth2.dpop_algorithms or ALGORITHMS)
        check_jwt_times(claims, now, WINDOW)
        wrong = _wrong(header, claims, received, now) or _wrong_token(claims, access_token)
    except (ResponseError, UsageError) as error:
        wrong = error.message
    if wrong is None and not state.is_new_assertion(f"dpop {claims['jti']}"):
        wrong = "it was used before"
    if wrong is not None:
        raise OAuthError(PROOF_ERROR, f"the DPoP proof is not accepted: {wrong}", status=status)
    if state.dpop_nonce is not None and not _equal(claims.get("nonce"), state.dpop_nonce):
        raise OAuthError(NONCE_ERROR, "the proof must hold the nonce in the header `DPoP-Nonce`", status=status)
    return thumbprint(header["jwk"])


def _wrong(header: Mapping[str, Any], claims: Mapping[str, Any], received: Received, now: float) -> str | None:
    """What a proof says of its request that is not so."""
    named, target = str(claims.get("htu")), target_uri(received.url)
    parts = split_url(named)
    is_bare = parts is not None and not (parts.query or parts.fragment or "@" in parts.netloc)
    checks = (
        (header.get("typ") == "dpop+jwt", "the type of its header must be `dpop+jwt`"),
        (claims.get("htm") == received.method, f"`htm` must be {received.method!r}"),
        (is_bare and target_uri(named) == target, f"`htu` must be {target!r}"),
        (abs((claims.get("iat") or 0.0) - now) <= WINDOW, "`iat` is missing or too far from now"),
        (isinstance(claims.get("jti"), str) and claims.get("jti") != "", "`jti` is missing"),
    )
    return next((reason for is_right, reason in checks if not is_right), None)


def _wrong_token(claims: Mapping[str, Any], access_token: str | None) -> str | None:
    if access_token is None or _equal(claims.get("ath"), token_hash(access_token)):
        return None
    return "`ath` is missing, or of another token"


def _equal(given: object, expected: str) -> bool:
    return isinstance(given, str) and hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())
