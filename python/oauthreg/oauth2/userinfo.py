"""A userinfo answer that is a JWT: signed, encrypted, or both.

Spec: OpenID Connect Core 1.0 sections 5.3.2 and 5.3.4.
"""

import json
from types import MappingProxyType

from oauthreg.answers import decode_text
from oauthreg.errors import ResponseError
from oauthreg.jose import check_jwt_times, parse_unverified_jwt
from oauthreg.jwe import DecryptionKeys
from oauthreg.messages import Flow, Response
from oauthreg.oauth2.encryption import opened_jwt
from oauthreg.oauth2.id_token import expected_algorithms
from oauthreg.oauth2.issuer import is_issuer, knows_issuer
from oauthreg.oauth2.jwk_set import signature_flow
from oauthreg.provider import Provider
from oauthreg.records import replace

_MEDIA_TYPE = "application/jwt"


def opened_flow(
    provider: Provider,
    response: Response,
    *,
    client_id: str,
    client_secret: str | None,
    now: float,
    decryption_keys: DecryptionKeys | None = None,
) -> Flow[Response]:
    """An answer as JSON of its claims if it is a JWT, checked: signature, issuer, audience, times; else as it came.

    One that is encrypted and not signed says as much as one that is neither: TLS tells where it is from. ``now`` is in
    seconds since 1970. Raises ``ResponseError`` for a JWT that cannot be trusted or opened, and as ``signature_flow``.
    """
    if response.headers.get("content-type", "").partition(";")[0].strip().lower() != _MEDIA_TYPE:
        return response
    text = decode_text(response.body).strip()
    opened = opened_jwt(decryption_keys, text)
    if opened is not text and opened.lstrip().startswith("{"):
        return _as_json(response, opened)
    text = opened
    is_signed = yield from signature_flow(provider, text, expected_algorithms(provider), client_secret)
    if is_signed is not True:
        reason = "nobody knows the provider's keys" if is_signed is None else "its signature is not the provider's"
        raise _refused(reason, "userinfo-signature")
    _, claims = parse_unverified_jwt(text)
    issuer, named = claims.get("iss"), claims.get("aud")
    if issuer is not None and knows_issuer(provider.oauth2) and not is_issuer(provider.oauth2, str(issuer), claims):
        raise _refused("it comes from another issuer", "userinfo-issuer")
    if named is not None and client_id not in (named if isinstance(named, list) else [named]):
        raise _refused("it is meant for another client", "userinfo-audience")
    check_jwt_times(claims, now, provider.oauth2.id_token_leeway)
    return _as_json(response, json.dumps(claims))


def _as_json(response: Response, text: str) -> Response:
    headers = MappingProxyType({**response.headers, "content-type": "application/json"})
    return replace(response, headers=headers, body=text.encode())


def _refused(reason: str, code: str) -> ResponseError:
    return ResponseError(f"the userinfo answer cannot be trusted: {reason}", code=code)
