"""JARM: an authorization response that the provider signs, so that nobody on its way can change it.

Spec: JWT Secured Authorization Response Mode for OAuth 2.0 (JARM); FAPI 2.0 Message Signing section 5.4.
"""

from typing import Any

from oauthreg.errors import CallbackError, ResponseError, UsageError
from oauthreg.jose import check_jwt_times, claim_text, is_time, parse_unverified_jwt
from oauthreg.messages import Flow
from oauthreg.oauth2.authorize import SignedParameters, callback_fields, is_signed_mode
from oauthreg.oauth2.draft import ClientIdentity
from oauthreg.oauth2.encryption import opened_jwt
from oauthreg.oauth2.id_token import check_issuer, check_parties, expected_algorithms
from oauthreg.oauth2.jwk_set import check_algorithm, signature_flow
from oauthreg.oauth2.server_metadata import PROMPTED
from oauthreg.provider import Provider

_KIND = "signed callback"
_PARAMETER = "response"


def signed_parameters_flow(provider: Provider, client: ClientIdentity, response: object) -> Flow[object]:
    """The parameters of a callback, out of the JWT in which they came; as it is where the provider signs none.

    The JWT is checked: algorithm, issuer, audience, end, signature; one that is encrypted is opened. What stands beside
    it counts for nothing. Raises ``CallbackError`` whose ``.code`` says which check failed, ``UsageError``
    (``issuer-unknown``, ``keys-unknown``), and what keeps the provider's keys away.

    Spec: JARM section 2.4.
    """
    if not is_signed_mode(provider.oauth2.response_mode) or isinstance(response, SignedParameters):
        return response
    check_issuer(provider)
    given = callback_fields(response, _PARAMETER).get(_PARAMETER)
    if not given:
        raise CallbackError(
            f"the callback carries no `{_PARAMETER}`, the JWT of which this provider's callbacks consist",
            code="signed-callback-missing",
            hint="pass the callback as it came: its URL, or the form of a POST",
        )
    try:
        text = opened_jwt(client.decryption_keys, given)
        claims = _parsed(provider, client, text)
        algorithms = expected_algorithms(provider)
        is_signed = yield from signature_flow(provider, text, algorithms, client.client_secret, PROMPTED)
    except ResponseError as error:
        raise CallbackError(error.message, code=error.code, hint=error.hint) from error
    if is_signed is None:
        raise UsageError(
            f"callbacks of {provider.name} cannot be checked: nobody knows what it signs them with",
            code="keys-unknown",
            hint="add `jwks` or `discovery` to the definition, or pass `jwks_uri=` to a client without one",
        )
    if not is_signed:
        raise CallbackError(
            f"the {_KIND} cannot be trusted: its signature is not the provider's", code="signed-callback-signature"
        )
    told = {name: value for name, value in claims.items() if value is not None and name not in ("aud", "exp")}
    for name in (provider.callback.code, *provider.callback.errors):
        if not isinstance(told.get(name, ""), str):
            raise CallbackError(
                f"the {_KIND} cannot be trusted: its `{name}` is no text", code="signed-callback-incomplete"
            )
    return SignedParameters({name: claim_text(value) for name, value in told.items()})


def _parsed(provider: Provider, client: ClientIdentity, text: str) -> dict[str, Any]:
    """The claims of the JWT, checked but for its signature."""
    header, claims = parse_unverified_jwt(text)
    check_algorithm(provider, header, expected_algorithms(provider))
    check_parties(provider, claims, client.client_id, _KIND)
    if not is_time(claims.get("exp")):
        raise ResponseError(
            f"the {_KIND} cannot be trusted: it does not say when it ends", code="signed-callback-incomplete"
        )
    check_jwt_times(claims, client.now(), provider.oauth2.id_token_leeway)
    return claims
