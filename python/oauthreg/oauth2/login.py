"""A login by authorization code: begun with a URL for the user, ended with what their browser brings back.

Spec: RFC 6749 section 4.1; RFC 9700 sections 2.1 and 4.7 (one use, bound to the browser).
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from types import MappingProxyType

from oauthreg.errors import MismatchingStateError, UsageError
from oauthreg.legs import renamed, render_scope, split_scope
from oauthreg.login import PendingLogin, check_server, server_of
from oauthreg.messages import Flow, Pairs
from oauthreg.oauth2.authorize import (
    AuthorizationCode,
    authorization_parameters,
    is_signed_mode,
    make_code_verifier,
    make_state,
    parse_authorization_response,
    render_authorization_url,
)
from oauthreg.oauth2.dpop import check_key
from oauthreg.oauth2.draft import ClientIdentity
from oauthreg.oauth2.id_token import check_issuer, check_max_age
from oauthreg.oauth2.request_object import with_request_object
from oauthreg.oauth2.token_endpoint import pushed_authorization_flow, token_flow
from oauthreg.provider import Provider
from oauthreg.records import dataclass, field
from oauthreg.token import OAuth2Token

LIFETIME = 600
"""How many seconds a login may take from its start to its callback."""


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """What a login asks for; what is left out is made anew, or is the provider's default.

    ``binding`` is a value of the user's browser session, such as a random cookie: only a digest of it is kept, and the
    callback must come with the same value. ``now`` is in seconds since 1970. The rest is as in
    ``build_authorization_url``.
    """

    redirect_uri: str | None
    now: float
    scope: Iterable[str] | str | None = None
    resources: Sequence[str] = ()
    params: Pairs = ()
    url: str | None = None
    binding: str | None = field(default=None, repr=False)
    state: str | None = field(default=None, repr=False)
    code_verifier: str | None = field(default=None, repr=False)
    nonce: str | None = field(default=None, repr=False)


def build_login(provider: Provider, client: ClientIdentity, request: LoginRequest) -> PendingLogin:
    """A login that begins: its URL, and in ``values`` what ``parse_callback`` needs.

    State, code verifier (unless the provider's ``pkce`` is ``unsupported``) and nonce (where an ID token is asked for)
    are made anew unless given. Raises ``UsageError``; its code is ``pushed-authorization-required`` where the provider
    takes no parameters from the browser.
    """
    if provider.oauth2.require_par:
        raise UsageError(
            f"{provider.name} takes authorization requests only when they are pushed first",
            code="pushed-authorization-required",
            hint="begin the login with `await client.start(…)`",
        )
    values, sent = _asked(provider, client, request)
    shown = with_request_object(provider, client, sent)
    target = render_authorization_url(provider, shown, url=request.url, documents=client.documents)
    return _pending(provider, request, values, target)


def pushed_login_flow(provider: Provider, client: ClientIdentity, request: LoginRequest) -> Flow[PendingLogin]:
    """A login that begins with its parameters pushed: the URL names the client and what the provider keeps for it.

    Each login is pushed anew. Raises ``UsageError``, ``OAuthError`` and ``MalformedResponseError``. Spec: RFC 9126
    sections 2 and 4.
    """
    values, sent = _asked(provider, client, request)
    pushed = with_request_object(provider, client, sent, is_pushed=True)
    request_uri = yield from pushed_authorization_flow(provider, client, pushed)
    shown = renamed(provider.authorize, [("client_id", client.client_id), ("request_uri", request_uri)])
    target = render_authorization_url(provider, shown, url=request.url, documents=client.documents)
    return _pending(provider, request, values, target)


def _asked(
    provider: Provider, client: ClientIdentity, request: LoginRequest
) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """What must be remembered of a login, and the parameters of its authorization request."""
    settings = provider.oauth2
    asked = render_scope(provider, request.scope)
    values = {
        "scope": asked,
        "resource": " ".join(request.resources),
        "issuer": settings.issuer or "",
        "server": server_of(provider),
    }
    if is_signed_mode(settings.response_mode):
        check_issuer(provider)
    if settings.state or request.state:
        values["state"] = request.state or make_state()
    if settings.pkce != "unsupported":
        values["code_verifier"] = request.code_verifier or make_code_verifier()
    is_of_oidc = provider.protocol == "oidc" or "openid" in asked.split() or "id_token" in settings.response_type
    if request.nonce or settings.nonce == "always" or (settings.nonce == "auto" and is_of_oidc):
        values["nonce"] = request.nonce or make_state()
    if request.binding is not None:
        values["binding"] = _digest(request.binding)
    if client.proofs is not None:
        values["dpop_jkt"] = client.proofs.key.thumbprint
    sent = authorization_parameters(
        provider,
        client_id=client.client_id,
        redirect_uri=request.redirect_uri,
        state=values.get("state"),
        scope=asked,
        code_verifier=values.get("code_verifier"),
        nonce=values.get("nonce"),
        dpop_jkt=values.get("dpop_jkt"),
        resources=request.resources,
        params=request.params,
        documents=client.documents,
    )
    values["max_age"] = check_max_age(dict(sent).get(provider.authorize.rename.get("max_age") or "max_age", ""))
    return {name: value for name, value in values.items() if value}, sent


def _pending(provider: Provider, request: LoginRequest, values: dict[str, str], url: str) -> PendingLogin:
    kept = MappingProxyType(values)
    return PendingLogin(provider.name, provider.protocol, url, request.redirect_uri, kept, int(request.now))


def parse_callback(
    provider: Provider,
    pending: PendingLogin,
    response: object,
    *,
    now: float,
    binding: str | None = None,
    client_secret: str | None = None,
    lifetime: float = LIFETIME,
) -> AuthorizationCode:
    """The authorization code in the callback of a login that ``build_login`` began.

    Checked before the response is read: that the login is of this provider and server, in time (``lifetime`` in
    seconds), and, if it was bound, in the same browser (``binding``). Raises ``MismatchingStateError`` with the code
    ``other-provider``, ``login-expired``, ``binding-missing`` or ``binding-mismatch``, and what
    ``parse_authorization_response`` raises.
    """
    check_server(pending, provider)
    # One that was not known then may have been told by the server's metadata since.
    if pending.values.get("issuer", provider.oauth2.issuer) != (provider.oauth2.issuer or None):
        raise MismatchingStateError(
            f"the login began at another issuer than that of {provider.name!r}",
            code="other-provider",
            hint="finish it with the tenant and environment that it began with",
        )
    if now - pending.created > lifetime:
        raise MismatchingStateError(
            f"the login took longer than {lifetime:.0f} seconds", code="login-expired", hint="start the login again"
        )
    _check_binding(provider, pending.values.get("binding"), binding)
    state = pending.values.get("state")
    if state is None and provider.oauth2.state:
        raise UsageError(
            "the pending login holds no `state`",
            code="invalid-pending-login",
            hint="keep what the start of the login gave, unchanged",
        )
    return parse_authorization_response(
        provider, response, state=state, client_secret=client_secret, sent_to=pending.url
    )


def login_flow(
    provider: Provider,
    client: ClientIdentity,
    pending: PendingLogin,
    response: object,
    *,
    binding: str | None = None,
    lifetime: float = LIFETIME,
    params: Pairs = (),
    url: str | None = None,
) -> Flow[OAuth2Token]:
    """Ends a login: the callback is checked and its code exchanged for a token, once.

    Where the provider signs callbacks, ``response`` is what ``jarm.signed_parameters_flow`` gave. The token holds the
    callback's parameters that the definition keeps. Raises what ``check_login_key``,
    ``parse_callback`` and ``token_flow`` raise.
    """
    check_login_key(pending, client)
    answer = parse_callback(
        provider,
        pending,
        response,
        now=client.now(),
        binding=binding,
        client_secret=client.client_secret,
        lifetime=lifetime,
    )
    values, provider = pending.values, provider.located({"callback": answer.parameters})
    token = yield from token_flow(
        provider,
        client,
        "authorization_code",
        code=answer.code,
        redirect_uri=pending.redirect_uri,
        code_verifier=values.get("code_verifier"),
        scopes=split_scope(provider, values.get("scope", "")),
        resources=values.get("resource", "").split(),
        params=(*_forwarded(provider, answer), *params),
        documents={"callback": answer.parameters},
        nonce=values.get("nonce"),
        max_age=values.get("max_age"),
        url=url,
    )
    for name in provider.callback.keep:
        if name in answer.parameters:
            token.setdefault(name, answer.parameters[name])
    return token


def check_login_key(pending: PendingLogin, client: ClientIdentity) -> None:
    """Raises where a login began with a DPoP key that the client no longer has: its code would be refused.

    ``MissingCredentialError`` without any key, ``InvalidKeyError`` with another one. Spec: RFC 9449 section 10.
    """
    bound_to = pending.values.get("dpop_jkt")
    if bound_to is not None:
        check_key(bound_to, client.proofs, "the login")


def _forwarded(provider: Provider, answer: AuthorizationCode) -> Pairs:
    """The parameters of the callback that the token endpoint wants to see, too."""
    return tuple(
        (name, str(answer.parameters[name])) for name in provider.callback.forward if name in answer.parameters
    )


def _check_binding(provider: Provider, expected: str | None, given: str | None) -> None:
    if expected is None:
        return
    if given is None:
        crossing = provider.oauth2.response_mode == "form_post"
        raise MismatchingStateError(
            "the login is bound to a browser, and the callback came without `binding`",
            code="binding-missing",
            hint="a callback by POST from another site brings no cookie, unless it is `SameSite=None; Secure`"
            if crossing
            else "pass the `binding=` that the start of the login was given, from the browser's own session",
        )
    if not hmac.compare_digest(_digest(given).encode(), expected.encode("utf-8", "surrogatepass")):
        raise MismatchingStateError(
            "the callback came from another browser than the one that began the login",
            code="binding-mismatch",
            hint="start the login again in this browser",
        )


def _digest(binding: str) -> str:
    """What is kept of a binding: enough to recognise it, nothing to take over a session with."""
    digest = hashlib.sha256(binding.encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest).decode()
