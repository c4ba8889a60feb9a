"""Requests to the token endpoint and its neighbours (pushed requests, devices, revocation, introspection), as flows.

Spec: RFC 6749 section 3.2; RFC 7009; RFC 7662; RFC 8628; RFC 9126.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from oauthreg.answers import malformed, mask_error, parse_http_date, read_masked
from oauthreg.errors import (
    AccessDeniedError,
    MissingCredentialError,
    OAuthError,
    ReauthorizationRequired,
    ResponseError,
    TemporarilyUnavailableError,
    TokenExpiredError,
    UnsupportedMethodError,
    UsageError,
)
from oauthreg.legs import ACCEPT_JSON, append_query, build_request, endpoint, renamed, render_scope
from oauthreg.messages import Flow, Pairs, Request, Response, Result, Sleep
from oauthreg.oauth2.authorize import check_resources, split_url
from oauthreg.oauth2.client_auth import CERTIFICATE_METHODS, authenticate_client, client_auth_method
from oauthreg.oauth2.dpop import check_token_key, send_proven, with_proof
from oauthreg.oauth2.draft import ClientIdentity, Draft
from oauthreg.oauth2.grants import GRANTS
from oauthreg.oauth2.id_token import Expected, check_max_age, further_id_token_flow, id_token_flow, is_checked
from oauthreg.oauth2.request_signature import sign_request
from oauthreg.oauth2.token_answer import answer_fields, parse_document, parse_token_response, raise_for_error
from oauthreg.provider import Documents, Exchange, Leg, Provider, TokenAnswer
from oauthreg.records import dataclass, field, replace
from oauthreg.redaction import is_secret
from oauthreg.token import OAuth2Token

_OF_ACCESS = ("access_token", "token_type", "expires_in", "expires_at", "dpop_jkt")
_OF_A_USER = ("authorization_code", "refresh_token")
_LOGINS = ("authorization_code", "device_code", "password")
_AFTER_AN_OUTAGE = {
    "authorization_code": "let the user log in again: the code may be used up",
    "refresh_token": "the token is kept: try again later",
}
"""Grant -> what to do when nobody knows what has become of its request."""
_PUSHED = Leg()
_INTERVAL = 5
_LEAST_INTERVAL = 1
_DEVICE_LIFETIME = 900
_LONGEST_WAIT = 86400


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
    resources: Sequence[str] = (),
    params: Pairs = (),
    documents: Documents | None = None,
    nonce: str | None = None,
    max_age: str | None = None,
    url: str | None = None,
    **parameters: Any,
) -> Flow[OAuth2Token]:
    """One token request by a grant of ``GRANTS`` with its ``parameters``: a function makes one anew for each attempt.

    ``scopes`` are those asked for: the answer is compared with them, and they are sent again where the provider wants
    that. ``resources`` are resource indicators, ``params`` further parameters (``audience`` …), which win over the
    definition's. ``documents`` is what templates of the leg see beside ``client``; ``previous`` is the token to renew.
    A provider's second step (``exchange``) follows a user's grant, and a renewal at the token endpoint itself: where it
    fails then, the token has a ``failure``. Its ``app_token`` comes before a code is sent. A client with ``proofs``
    proves its key, and a bound token tells its thumbprint as ``dpop_jkt`` (RFC 9449). Where an ID token tells who the
    user is, it is checked, which may take a request for the server's keys; ``nonce`` is the one that it must hold after
    a login, ``max_age`` what was asked for (seconds since the user proved who they are).

    Raises what ``id_token_flow`` and ``further_id_token_flow`` raise, ``OAuthError`` and its kinds
    (``AccessDeniedError`` with the code ``scope-not-granted`` where the provider's ``strict_scope`` wants all scopes),
    ``MalformedResponseError``, and
    ``UsageError`` before any traffic: for an unknown grant, and for ``password`` where the provider's ``grants`` do not
    name it (RFC 9700 section 2.4).
    """
    rest = [*_scope(provider, grant, scopes), *(("resource", resource) for resource in check_resources(resources))]

    def draw() -> list[tuple[str, str]]:
        given = {name: value() if callable(value) else value for name, value in parameters.items()}
        return [*_grant(provider, grant)(**given), *rest]

    check_max_age(max_age or "")
    dates = list[float | None]()
    ready, sent = [draw()], list[tuple[str, str]]()  # what is wrong with the parameters is said before any traffic
    if provider.oauth2.dpop == "required" and client.proofs is None:
        raise MissingCredentialError(
            f"{provider.name} gives only tokens that are bound to a DPoP key",
            code="missing-dpop-key",
            hint="pass `dpop_key=`",
        )
    renewal = grant == "refresh_token"
    leg = provider.refresh if renewal and provider.refresh is not None else provider.token
    name = "refresh" if renewal and "refresh" in provider.endpoints else "token"
    seen: dict[str, Any] = {**(documents or {}), **client.documents, "token": previous or {}}
    if provider.app_token is not None and grant in _OF_A_USER:
        seen["app_token"] = yield from _app_token_flow(provider.app_token, client)
    target = url or client_endpoint(provider, client, name)

    def build() -> Request:
        pairs = ready.pop() if ready else draw()
        sent.extend(pairs)
        made = build_token_request(provider, client, leg, target, pairs, params=params, documents=seen)
        return with_proof(made, client.proofs)

    sent_at = client.now()
    how = (provider.refresh_answer if renewal else None) or provider.token_answer
    wanted = [name for name in scopes if name != provider.scopes.offline]

    def read(response: Response) -> OAuth2Token:
        dates.append(parse_http_date(response.headers.get("date", "")))
        return parse_token_response(
            response,
            how,
            sent_at=sent_at,
            previous=previous if renewal else None,
            scopes=wanted,
            bound_to=None if client.proofs is None else client.proofs.key.thumbprint,
            must_be_bound=provider.oauth2.dpop == "required",
            may_be_no_access_token=grant == "token_exchange",
        )

    token = yield from _ask_for_token(grant, build, read, _secrets(client, sent))
    if provider.oauth2.strict_scope and token.missing_scopes and not renewal:
        raise AccessDeniedError(
            "access_denied",
            f"scopes were not granted: {' '.join(token.missing_scopes)}",
            code="scope-not-granted",
            hint="ask the user again, or do without them",
        )
    if is_checked(provider) and grant in _LOGINS:
        expected = Expected(nonce, max_age, is_needed=provider.protocol == "oidc" and "openid" in scopes)
        yield from id_token_flow(provider, client, token, expected, server_time=dates[-1])
    elif is_checked(provider):
        yield from further_id_token_flow(provider, client, token, previous, server_time=dates[-1])
    # What the token endpoint gives for a refresh token is what it gave for the code; other ways renew what was kept.
    is_like_first = name == "token" and provider.oauth2.refresh_with == "refresh_token"
    if provider.exchange is None or grant == "client_credentials" or (renewal and not is_like_first):
        return token
    return (yield from _second_step_flow(provider, client, token, previous, documents))


def renewal_flow(
    provider: Provider,
    client: ClientIdentity,
    token: OAuth2Token,
    *,
    scopes: Sequence[str] = (),
    resources: Sequence[str] = (),
    params: Pairs = (),
    url: str | None = None,
) -> Flow[OAuth2Token]:
    """Renews a user's token, as the provider renews it: by its refresh token, or by its second step once more.

    ``scopes`` and ``resources`` are those of the login. Raises, without any traffic, ``TokenExpiredError`` for a token
    that cannot be renewed, ``ReauthorizationRequired`` when the refresh token has expired, and ``InvalidKeyError`` or
    ``MissingCredentialError`` where a public client no longer has the DPoP key of the login; else as ``token_flow``.

    Spec: RFC 6749 section 6; RFC 9449 section 5.
    """
    provider = provider.located_for(token)
    if client_auth_method(provider, client) == "none":
        check_token_key(token, client.proofs)
    if provider.exchange is not None and provider.exchange.renews:
        return (yield from exchange_flow(provider, client, token))
    sent = token.refresh_token if provider.oauth2.refresh_with == "refresh_token" else token.access_token
    if sent is None:
        raise TokenExpiredError(
            "the token cannot be renewed: there is no refresh token",
            code="no-refresh-token",
            hint=f"let the user log in again, with {_offline(provider)}",
        )
    if token.refresh_expires_at is not None and client.now() >= token.refresh_expires_at:
        raise ReauthorizationRequired(
            "invalid_grant", "the refresh token has expired", hint="let the user log in again"
        )
    return (
        yield from token_flow(
            provider,
            client,
            "refresh_token",
            previous=token,
            scopes=scopes,
            resources=resources,
            params=params,
            url=url,
            refresh_token=sent,
        )
    )


def _second_step_flow(
    provider: Provider,
    client: ClientIdentity,
    token: OAuth2Token,
    previous: OAuth2Token | None,
    documents: Documents | None,
) -> Flow[OAuth2Token]:
    try:
        return (yield from exchange_flow(provider, client, token, documents=documents))
    except Exception as error:
        if previous is None:
            raise
        # The refresh token that was sent is spent: its successor is kept, beside the old access token.
        kept = OAuth2Token({name: value for name, value in token.items() if name not in _OF_ACCESS})
        kept |= {name: previous[name] for name in _OF_ACCESS if name in previous}
        if not previous.access_token:
            kept |= {"access_token": "", "expires_at": 0}
        kept.is_proven, kept.failure = token.is_proven, error
        return kept


def exchange_flow(
    provider: Provider, client: ClientIdentity, token: OAuth2Token, *, documents: Documents | None = None
) -> Flow[OAuth2Token]:
    """The second step that some providers want: the token is exchanged for the one to keep.

    The leg's own parameters carry the token. Raises ``UsageError`` where there is no such step, else as ``token_flow``.
    """
    exchange = provider.exchange
    if exchange is None:
        raise UsageError(f"{provider.name} has no second step after its token endpoint", code="no-exchange")
    seen: Documents = {**(documents or {}), **client.documents, "token": token}
    pairs = [("client_id", client.client_id)]
    if client.client_secret is not None:
        pairs.append(("client_secret", client.client_secret))
    sent_at = client.now()
    request = build_request(exchange.leg, exchange.url, pairs, documents=seen, headers=ACCEPT_JSON)
    if exchange.leg.sign is not None:
        request = sign_request(request, exchange.leg.sign, client, access_token=token.access_token)
    made = yield from ask(
        lambda: request,
        lambda response: parse_token_response(response, exchange.answer, sent_at=sent_at, previous=token),
        _secrets(client, pairs, token.access_token),
    )
    if is_checked(provider):
        yield from further_id_token_flow(provider, client, made, token)
    return made


def _app_token_flow(step: Exchange, client: ClientIdentity) -> Flow[OAuth2Token]:
    """The token of the application itself, which some providers want to see with a user's code."""
    pairs = [("client_id", client.client_id), ("client_secret", client.secret("app_token"))]
    request = build_request(step.leg, step.url, pairs, documents=client.documents, headers=ACCEPT_JSON)
    if step.leg.sign is not None:
        request = sign_request(request, step.leg.sign, client)
    sent_at = client.now()
    return (
        yield from ask(
            lambda: request,
            lambda response: parse_token_response(response, step.answer, sent_at=sent_at),
            _secrets(client, pairs),
        )
    )


def build_token_request(
    provider: Provider,
    client: ClientIdentity,
    leg: Leg,
    url: str,
    pairs: Sequence[tuple[str, str]],
    *,
    params: Pairs = (),
    documents: Documents,
) -> Request:
    """A request with client authentication, as the leg wants it sent. Raises ``UsageError`` and its kinds."""
    draft = Draft(list(pairs), list(ACCEPT_JSON))
    if leg.client_auth is not None:
        provider = replace(provider, oauth2=replace(provider.oauth2, client_auth=leg.client_auth))
    authenticate_client(draft, client, provider)
    request = build_request(
        leg,
        url,
        draft.parameters,
        params=params,
        documents=documents,
        headers=tuple(draft.headers),
        authenticator=draft.authenticator,
    )
    request = replace(request, url=append_query(request.url, renamed(leg, draft.query)))
    if leg.sign is None:
        return request
    token = documents.get("token") or {}
    return sign_request(request, leg.sign, client, access_token=str(token.get("access_token") or ""))


def client_endpoint(provider: Provider, client: ClientIdentity, name: str) -> str:
    """The URL of an endpoint for this client: its mutual-TLS alias where the client shows a certificate there.

    Raises ``UsageError`` when there is no such endpoint, or no alias and the provider demands one. Spec: RFC 8705
    section 5.
    """
    settings = provider.oauth2
    by_certificate = client_auth_method(provider, client) in CERTIFICATE_METHODS
    if by_certificate or (settings.certificate_bound and name in ("token", "refresh")):
        alias = settings.mtls_endpoints.get(name)
        if alias is not None:
            return alias
        if settings.require_mtls_endpoints:
            raise UsageError(
                f"{provider.name} has no mutual-TLS alias of its `{name}` endpoint",
                code="missing-mtls-endpoint",
                hint="add it to the definition, or choose another method of client authentication",
            )
    return endpoint(provider, name)


def pushed_authorization_flow(
    provider: Provider, client: ClientIdentity, parameters: Sequence[tuple[str, str]]
) -> Flow[str]:
    """Leaves an authorization request with the provider and gives the ``request_uri`` that stands for it.

    ``parameters`` go by the provider's names. Raises ``OAuthError`` and ``MalformedResponseError``. Spec: RFC 9126
    section 2.
    """
    url = client_endpoint(provider, client, "par")

    def build() -> Request:
        made = build_token_request(provider, client, _PUSHED, url, parameters, documents=client.documents)
        return with_proof(made, client.proofs)

    return (
        yield from ask(
            build,
            lambda response: parse_pushed_authorization(response, now=client.now()),
            _secrets(client, parameters),
        )
    )


def parse_pushed_authorization(response: Response, *, now: float | None = None) -> str:
    """The ``request_uri`` in an answer.

    Raises ``OAuthError`` and ``MalformedResponseError``. Spec: RFC 9126 section 2.2.
    """
    fields = parse_document(response, now=now)
    request_uri = fields.get("request_uri") if isinstance(fields, Mapping) else None
    if not isinstance(request_uri, str) or not request_uri:
        raise malformed(response, "the answer holds no `request_uri`", code="no-request-uri")
    return request_uri


def device_authorization_flow(
    provider: Provider,
    client: ClientIdentity,
    *,
    scope: Iterable[str] | str | None = None,
    resources: Sequence[str] = (),
    params: Pairs = (),
) -> Flow[DeviceAuthorization]:
    """Asks for a device code and the user code to show; ``scope`` of ``None`` asks for the default scopes.

    Raises ``OAuthError`` and ``MalformedResponseError``. Spec: RFC 8628 sections 3.1 and 3.2.
    """
    pairs = [
        ("client_id", client.client_id),
        (provider.scopes.parameter, render_scope(provider, scope)),
        *(("resource", resource) for resource in check_resources(resources)),
    ]
    url = client_endpoint(provider, client, "device")
    request = build_token_request(
        provider, client, provider.device, url, pairs, params=params, documents=client.documents
    )
    return (
        yield from ask(
            lambda: request,
            lambda response: parse_device_authorization(response, provider.device_answer, now=client.now()),
            _secrets(client, pairs),
        )
    )


def parse_device_authorization(
    response: Response, answer: TokenAnswer | None = None, *, now: float | None = None
) -> DeviceAuthorization:
    """The codes in an answer, which ``answer`` says how to read; an interval that is missing or no number is 5 seconds.

    Raises ``OAuthError`` and ``MalformedResponseError``. Spec: RFC 8628 section 3.2.
    """
    how = answer or TokenAnswer()
    fields = answer_fields(parse_document(response, how, now=now), how)
    user_code = str(fields.get("user_code") or "")
    if not fields.get("device_code") or not user_code or not user_code.isprintable():
        raise malformed(response, "the answer holds no `device_code` and `user_code`", code="no-device-code")
    uri = fields.get("verification_uri") or fields.get("verification_url")
    if not _is_page(uri):
        raise malformed(response, "the answer holds no `verification_uri` of a web page", code="no-verification-uri")
    complete = fields.get("verification_uri_complete")
    return DeviceAuthorization(
        str(fields["device_code"]),
        user_code,
        str(uri),
        str(complete) if _is_page(complete) else None,
        _positive(fields.get("expires_in"), _DEVICE_LIFETIME),
        min(max(_positive(fields.get("interval"), _INTERVAL), _LEAST_INTERVAL), _LONGEST_WAIT),
    )


def _is_page(uri: Any) -> bool:
    """Whether a browser may be sent there: applications open what they are told, or make a link of it."""
    parts = split_url(uri) if isinstance(uri, str) and uri.isprintable() else None
    return parts is not None and parts.scheme in ("http", "https") and bool(parts.netloc)


def device_token_flow(
    provider: Provider,
    client: ClientIdentity,
    authorization: DeviceAuthorization,
    *,
    elapsed: Callable[[], float],
    progress: Callable[[str, float], None] | None = None,
    scopes: Sequence[str] = (),
    resources: Sequence[str] = (),
    params: Pairs = (),
) -> Flow[OAuth2Token]:
    """Polls until the user has decided.

    ``elapsed()`` gives the seconds since the device authorization was answered, on a monotonic clock. ``progress`` is
    told why the login is not done (``authorization_pending``, ``slow_down``, ``temporarily_unavailable``) and the
    seconds until the next question. The wait grows by five seconds with each ``slow_down`` and outage, and never
    shrinks. Raises ``AccessDeniedError`` when the user refuses and ``TokenExpiredError`` when the time is up.

    Spec: RFC 8628 section 3.5.
    """
    interval = authorization.interval
    while True:
        if elapsed() + interval >= authorization.expires_in:
            raise _expired()
        yield Sleep(interval)
        try:
            return (
                yield from token_flow(
                    provider,
                    client,
                    "device_code",
                    scopes=scopes,
                    resources=resources,
                    params=params,
                    device_code=authorization.device_code,
                )
            )
        except OAuthError as error:
            interval = _next_interval(error, interval)
            if progress is not None:
                progress(error.error or "temporarily_unavailable", interval)


def revocation_flow(
    provider: Provider,
    client: ClientIdentity,
    token: str,
    *,
    token_type_hint: str | None = None,
    url: str | None = None,
    documents: Documents | None = None,
) -> Flow[None]:
    """Revokes a token; any answer of 2xx is success, whatever its body.

    ``documents`` is what templates of the leg see beside ``client``; its ``token`` holds the token that is revoked.
    Raises ``OAuthError`` (``TemporarilyUnavailableError`` for 503: the token is then still good). Spec: RFC 7009
    section 2.
    """
    pairs = _about(token, token_type_hint)
    target = url or client_endpoint(provider, client, "revoke")
    known = documents or {}
    seen = {**known, **client.documents, "token": {**known.get("token", {}), "access_token": token}}
    request = build_token_request(provider, client, provider.revoke, target, pairs, documents=seen)
    yield from ask(
        lambda: request,
        lambda response: raise_for_error(response, provider.revoke_answer, now=client.now()),
        _secrets(client, pairs),
    )


def introspection_flow(
    provider: Provider,
    client: ClientIdentity,
    token: str,
    *,
    token_type_hint: str | None = None,
    url: str | None = None,
) -> Flow[dict[str, Any]]:
    """What the server says of a token; ``active`` is always there.

    Raises ``OAuthError`` and ``MalformedResponseError``. Spec: RFC 7662 section 2.
    """
    pairs = _about(token, token_type_hint)
    target = url or client_endpoint(provider, client, "introspect")
    request = build_token_request(provider, client, provider.introspect, target, pairs, documents=client.documents)
    return (
        yield from ask(
            lambda: request,
            lambda response: _parse_introspection(response, provider.introspect_answer, client.now()),
            _secrets(client, pairs),
        )
    )


def _parse_introspection(response: Response, answer: TokenAnswer, now: float) -> dict[str, Any]:
    fields = answer_fields(parse_document(response, answer, now=now), answer)
    if not isinstance(fields.get("active"), bool):
        raise malformed(response, "the answer does not say whether the token is active", code="no-introspection")
    return fields


def ask(build: Callable[[], Request], read: Callable[[Response], Result], secrets: Iterable[str]) -> Flow[Result]:
    """Sends one request and reads its answer; what a refusal repeats of our own secrets is masked."""
    try:
        response = yield from send_proven(build)
    except ResponseError as error:
        mask_error(error, secrets)
        raise
    return read_masked(response, read, secrets)


def _ask_for_token(
    grant: str, build: Callable[[], Request], read: Callable[[Response], OAuth2Token], secrets: Iterable[str]
) -> Flow[OAuth2Token]:
    """As ``ask``; an outage says what has become of what was sent."""
    try:
        return (yield from ask(build, read, secrets))
    except TemporarilyUnavailableError as error:
        error.hint = _AFTER_AN_OUTAGE.get(grant, error.hint)
        raise


def _secrets(client: ClientIdentity, pairs: Iterable[tuple[str, str]], *others: str) -> Iterator[str]:
    """What a request tells nobody but its endpoint, as far as ``pairs`` were sent when it is asked for."""
    yield from others
    yield from (value for name, value in pairs if is_secret(name))
    yield client.client_secret or ""
    yield from client.credentials.values()


def _grant(provider: Provider, name: str) -> Callable[..., list[tuple[str, str]]]:
    build = GRANTS.get(name)
    if build is None:
        raise UnsupportedMethodError(f"unknown grant: {name[:40]!r} (known: {', '.join(GRANTS)})", code="unknown-grant")
    if name == "password" and name not in provider.oauth2.grants:
        raise UsageError(
            "the password grant is not enabled",
            code="password-grant-refused",
            hint="let the user log in at the provider; if it offers nothing else, add `password` to its `grants`",
        )
    return build


def _scope(provider: Provider, grant: str, scopes: Sequence[str]) -> list[tuple[str, str]]:
    """The scope that is said again at the token endpoint; servers do not expect it unless they want it."""
    wanted = (grant == "refresh_token" and provider.oauth2.refresh_scope) or (
        grant == "authorization_code" and provider.scopes.in_token_request
    )
    return [(provider.scopes.parameter, provider.scopes.separator.join(scopes))] if wanted and scopes else []


def _offline(provider: Provider) -> str:
    offline = provider.scopes.offline
    return f"the scope `{offline}`" if offline else "the scope or parameter that the provider wants for offline access"


def _about(token: str, token_type_hint: str | None) -> list[tuple[str, str]]:
    return [("token", token), *([("token_type_hint", token_type_hint)] if token_type_hint else [])]


def _next_interval(error: OAuthError, interval: float) -> float:
    """The seconds to wait after an answer that ends nothing; any other is raised."""
    if error.error == "authorization_pending":
        return interval
    if error.error == "slow_down":
        asked = _positive(error.parameters.get("interval"), 0)
        return max(interval + _INTERVAL, min(asked, _LONGEST_WAIT))
    if isinstance(error, TemporarilyUnavailableError):
        return max(interval + _INTERVAL, error.retry_after or 0)
    if error.error == "expired_token":
        raise _expired()
    raise error


def _expired() -> TokenExpiredError:
    return TokenExpiredError(
        "the device code expired before the user decided", code="device-code-expired", hint="start again"
    )


def _positive(value: Any, default: float) -> float:
    try:
        number = 0.0 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return default
    return number if 0 < number < math.inf else default
