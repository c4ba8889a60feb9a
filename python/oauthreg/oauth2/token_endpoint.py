"""Requests to the token endpoint and its neighbours (device authorization, revocation, introspection), as flows.

Spec: RFC 6749 section 3.2; RFC 7009; RFC 7662; RFC 8628.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from oauthreg.answers import malformed, parse_answer
from oauthreg.errors import AccessDeniedError, OAuthError, TokenExpiredError
from oauthreg.legs import answered, append_query, build_request, endpoint
from oauthreg.messages import Flow, Pairs, Request, Sleep
from oauthreg.oauth2.client_auth import authenticate_client, client_auth_method
from oauthreg.oauth2.draft import ClientIdentity, Draft
from oauthreg.oauth2.grants import GRANTS
from oauthreg.oauth2.token_answer import parse_token_response, raise_for_error
from oauthreg.provider import Documents, Leg, Provider
from oauthreg.token import OAuth2Token

_ACCEPT: Pairs = (("Accept", "application/json"),)
_INTERVAL = 5
_DEVICE_LIFETIME = 900


@dataclass(frozen=True, slots=True)
class DeviceAuthorization:
    """What the user is to be shown, and what polling needs. ``expires_in`` and ``interval`` are in seconds.

    Spec: RFC 8628 section 3.2.
    """

    device_code: str = field(repr=False)
    user_code: str = field(repr=False)
    verification_uri: str
    verification_uri_complete: str | None = field(default=None, repr=False)
    expires_in: float = _DEVICE_LIFETIME
    interval: float = _INTERVAL


def token_flow(
    provider: Provider,
    client: ClientIdentity,
    grant: str,
    *,
    previous: OAuth2Token | None = None,
    scopes: Sequence[str] = (),
    params: Pairs = (),
    documents: Documents | None = None,
    url: str | None = None,
    **parameters: Any,
) -> Flow[OAuth2Token]:
    """One token request by a grant of ``GRANTS`` with its ``parameters``; ``params`` are further ones.

    ``documents`` is what templates of the leg see beside ``client``. A provider's second step (``exchange``) follows.
    Raises ``OAuthError`` and its kinds, ``MalformedResponseError`` and ``UsageError``.
    """
    renewal = grant == "refresh_token"
    leg = provider.refresh if renewal and provider.refresh is not None else provider.token
    target = url or provider.endpoints.get("refresh" if renewal else "token") or endpoint(provider, "token")
    seen: Documents = {**(documents or {}), **client.documents, "token": previous or {}}
    sent_at = client.now()
    pairs = [*GRANTS[grant](**parameters), *params]
    response = answered((yield build_token_request(provider, client, leg, target, pairs, documents=seen)))
    token = parse_token_response(
        response, provider.token_answer, sent_at=sent_at, previous=previous if renewal else None, scopes=scopes
    )
    exchange = provider.exchange
    if exchange is not None and not renewal:
        token = yield from exchange_flow(provider, client, token, documents=seen)
    return token


def exchange_flow(
    provider: Provider, client: ClientIdentity, token: OAuth2Token, *, documents: Documents | None = None
) -> Flow[OAuth2Token]:
    """The second step that some providers want: the token is exchanged for the one to keep."""
    exchange = provider.exchange
    if exchange is None:
        raise OAuthError("no_exchange", "the provider has no second step")
    seen: Documents = {**(documents or {}), **client.documents, "token": token}
    secret = (("client_secret", client.client_secret),) if client.client_secret is not None else ()
    sent_at = client.now()
    request = build_request(
        exchange.leg, exchange.url, [("client_id", client.client_id), *secret], documents=seen, headers=_ACCEPT
    )
    response = answered((yield request))
    return parse_token_response(response, exchange.answer, sent_at=sent_at, previous=token)


def build_token_request(
    provider: Provider,
    client: ClientIdentity,
    leg: Leg,
    url: str,
    pairs: Sequence[tuple[str, str]],
    *,
    documents: Documents,
) -> Request:
    """A request with client authentication, as the leg wants it sent; its mutual-TLS alias where the method needs it."""
    draft = Draft(list(pairs), list(_ACCEPT))
    authenticate_client(draft, client, provider)
    request = build_request(leg, url, draft.parameters, documents=documents, headers=tuple(draft.headers))
    if not draft.query:
        return request
    return Request(request.method, append_query(request.url, draft.query), request.headers, request.form, request.body)


def device_authorization_flow(
    provider: Provider, client: ClientIdentity, *, scope: str | None = None, params: Pairs = ()
) -> Flow[DeviceAuthorization]:
    """Asks for a device code and the user code to show. Spec: RFC 8628 section 3.1."""
    pairs = [("client_id", client.client_id), *([("scope", scope)] if scope else []), *params]
    url = endpoint(provider, "device")
    if client_auth_method(provider, client) == "none":
        request = build_request(provider.device, url, pairs, documents=client.documents, headers=_ACCEPT)
    else:
        request = build_token_request(provider, client, provider.device, url, pairs, documents=client.documents)
    response = answered((yield request))
    raise_for_error(response)
    fields = parse_answer(response)
    if not isinstance(fields, Mapping) or not fields.get("device_code") or not fields.get("user_code"):
        raise malformed(response, "the answer holds no `device_code` and `user_code`", code="no-device-code")
    uri = fields.get("verification_uri") or fields.get("verification_url")
    if not uri:
        raise malformed(response, "the answer holds no `verification_uri`", code="no-verification-uri")
    return DeviceAuthorization(
        str(fields["device_code"]),
        str(fields["user_code"]),
        str(uri),
        fields.get("verification_uri_complete"),
        _positive(fields.get("expires_in"), _DEVICE_LIFETIME),
        _positive(fields.get("interval"), _INTERVAL),
    )


def device_token_flow(
    provider: Provider,
    client: ClientIdentity,
    authorization: DeviceAuthorization,
    *,
    elapsed: Callable[[], float],
    progress: Callable[[str, float], None] | None = None,
    scopes: Sequence[str] = (),
    params: Pairs = (),
) -> Flow[OAuth2Token]:
    """Polls until the user has decided.

    ``elapsed()`` gives the seconds since the device authorization was answered, on a monotonic clock. ``progress`` is
    told the state (``"pending"`` or ``"slow_down"``) and the seconds until the next question. The wait grows by five
    seconds with each ``slow_down`` and never shrinks. Raises ``AccessDeniedError`` when the user refuses and
    ``TokenExpiredError`` when the time is up. Spec: RFC 8628 section 3.5.
    """
    interval = authorization.interval
    while True:
        if elapsed() + interval >= authorization.expires_in:
            raise TokenExpiredError(
                "the device code expired before the user decided", code="device-code-expired", hint="start again"
            )
        yield Sleep(interval)
        try:
            return (
                yield from token_flow(
                    provider,
                    client,
                    "device_code",
                    scopes=scopes,
                    params=params,
                    device_code=authorization.device_code,
                )
            )
        except OAuthError as error:
            interval = _next_interval(error, interval)
            if progress is not None:
                progress(error.error, interval)


def revocation_flow(
    provider: Provider,
    client: ClientIdentity,
    token: str,
    *,
    token_type_hint: str | None = None,
    url: str | None = None,
) -> Flow[None]:
    """Revokes a token; any answer of 2xx is success, whatever its body.

    Raises ``OAuthError`` (``TemporarilyUnavailableError`` for 503: the token is then still good). Spec: RFC 7009
    section 2.
    """
    pairs = [("token", token), *([("token_type_hint", token_type_hint)] if token_type_hint else [])]
    target = url or endpoint(provider, "revoke")
    seen = {**client.documents, "token": {"access_token": token}}
    request = build_token_request(provider, client, provider.revoke, target, pairs, documents=seen)
    raise_for_error(answered((yield request)))


def introspection_flow(
    provider: Provider,
    client: ClientIdentity,
    token: str,
    *,
    token_type_hint: str | None = None,
    url: str | None = None,
) -> Flow[dict[str, Any]]:
    """What the server says of a token; ``active`` is always there. Spec: RFC 7662 section 2."""
    pairs = [("token", token), *([("token_type_hint", token_type_hint)] if token_type_hint else [])]
    target = url or endpoint(provider, "introspect")
    request = build_token_request(provider, client, provider.introspect, target, pairs, documents=client.documents)
    response = answered((yield request))
    raise_for_error(response)
    fields = parse_answer(response)
    if not isinstance(fields, Mapping) or not isinstance(fields.get("active"), bool):
        raise malformed(response, "the answer does not say whether the token is active", code="no-introspection")
    return dict(fields)


def _next_interval(error: OAuthError, interval: float) -> float:
    if isinstance(error, AccessDeniedError):
        raise error
    if error.error == "authorization_pending":
        return interval
    if error.error == "slow_down":
        return max(interval + _INTERVAL, _positive(error.parameters.get("interval"), 0))
    if error.error == "expired_token":
        raise TokenExpiredError(
            "the device code expired before the user decided", code="device-code-expired", hint="start again"
        ) from error
    raise error


def _positive(value: Any, default: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return default
    return number if 0 < number < _DEVICE_LIFETIME * 100 else default
