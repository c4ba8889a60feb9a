"""The three legs of OAuth 1.0a as flows, and their messages built and parsed apart.

Spec: RFC 5849 section 2; "OAuth Problem Reporting" and "OAuth Session 1.0" for what servers answer beyond it.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from oauthreg.answers import decode_text, is_outage, malformed, parse_answer, parse_form, read_masked, refusal
from oauthreg.errors import (
    AccessDeniedError,
    MalformedResponseError,
    OAuthError,
    OAuthRegError,
    ReauthorizationRequired,
    TemporarilyUnavailableError,
    UsageError,
)
from oauthreg.legs import (
    answered,
    append_query,
    callback_pairs,
    check_headers,
    endpoint,
    leg_parameters,
    renamed,
    render_page_url,
    render_pairs,
    render_scope,
)
from oauthreg.messages import Flow, Pairs, Request, Response, Result
from oauthreg.oauth1.placement import OAuth1Authentication
from oauthreg.oauth2.lifetime import expires_at
from oauthreg.provider import CallbackSettings, Documents, Leg, Provider, TokenAnswer
from oauthreg.records import dataclass, field, replace
from oauthreg.redaction import is_secret, redact, redact_line, redact_url
from oauthreg.signing import Signer
from oauthreg.signing._pure import unescape
from oauthreg.token import OAuth1Token, OAuth2Token

_CALLBACK = CallbackSettings()
_ANSWER = TokenAnswer()
_NO_DOCUMENTS: Documents = MappingProxyType({})
_IS_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/").match
_TIMESTAMP_WORDS = re.compile(r"time\s*-?_?stamp|(?<![a-z])clocks?(?![a-z])", re.IGNORECASE)
_QUOTE = r"(?:[\"'\]\\\s]|&quot;|%(?:25)*22)"
_TIMESTAMP_ITSELF = re.compile(
    rf"(?:timestamp{_QUOTE}*(?:=>?|%(?:25)*3D)"
    rf"|(?:[\"']|&quot;|%(?:25)*22)(?:oauth_)?timestamp{_QUOTE}*(?::|%(?:25)*3A))"
    rf"{_QUOTE}*[0-9]+",
    re.IGNORECASE,
)
"""One with its value, as in a base string, a header or JSON that a server gives: that says nothing of what is wrong.

In prose a colon is followed by the value that is wrong.
"""
_REPORTED = re.compile(
    r"""(?<![^\s,])(oauth_[^\s=,"]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s,"]*+))|"(?:[^"\\]|\\.)*+"?"""
)
"""A parameter of a problem report among challenges of any scheme (RFC 9110 section 11.6.1), or a quoted text."""
_TIMESTAMP_PROBLEMS = frozenset({"timestamp_refused", "timestamp-refused"})
_DENIED_PROBLEMS = frozenset({"user_refused", "permission_denied", "access_denied"})
_CREDENTIALS = ("oauth_token", "oauth_token_secret", "oauth_session_handle")
"""What requests are signed with, or carry: another text in its place is another credential."""
_NEVER_TEXT = re.compile(r"[\ud800-\udfff\ufffd]").search
_NO_TEXT = "ask the provider: what cannot be read cannot be used, and its server knows it by its octets"
_ENDED_PROBLEMS = frozenset({"token_revoked", "permission_unknown", "token_rejected", "token_used"})


@dataclass(frozen=True, slots=True)
class RequestToken:
    """Temporary credentials, the ready-made authorization URL if the server sent one, and its other fields."""

    token: str = field(repr=False)
    token_secret: str = field(repr=False)
    authorize_url: str | None = field(default=None, repr=False)
    extra: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    def to_mapping(self) -> dict[str, str]:
        """The credentials under the names of the wire."""
        return {"oauth_token": self.token, "oauth_token_secret": self.token_secret, **self.extra}


@dataclass(frozen=True, slots=True)
class AuthorizationResponse:
    """What the user's browser brought back. ``token`` and ``verifier`` may be absent where a provider leaves them."""

    token: str | None = field(repr=False)
    verifier: str | None = field(repr=False)
    parameters: Mapping[str, str] = field(repr=False)


def request_token_flow(
    provider: Provider,
    signer: Signer,
    *,
    callback: str | None,
    scope: Sequence[str] | str | None = None,
    params: Pairs = (),
    secrets: Iterable[str] = (),
) -> Flow[RequestToken]:
    """Asks for temporary credentials. ``callback`` of ``None`` means out of band.

    ``secrets`` are those that the signer signs with, which it does not give away: no error of this flow repeats them,
    nor anything else that is sent in secret. Raises ``OAuthError``, ``MalformedResponseError`` and ``UsageError``, also
    for a callback that is no absolute URI.

    Spec: RFC 5849 section 2.1.
    """
    _check_callback(callback)
    in_request = provider.oauth1.callback in ("request", "both", "oob")
    if provider.oauth1.callback == "oob":
        callback = None
    protocol = (("oauth_callback", callback or "oob"),) if in_request else ()
    if provider.scopes.leg == "request_token" and (asked := render_scope(provider, scope)):
        params = ((provider.scopes.parameter, asked), *params)
    request = build_leg_request(provider, "request_token", provider.request_token, signer, protocol, params)
    must_confirm = in_request and provider.oauth1.confirm == "strict"
    return (
        yield from _ask(
            request, lambda response: _request_token(provider, response, must_confirm=must_confirm), signer, secrets
        )
    )


def _check_callback(callback: object) -> None:
    """Raises ``UsageError`` for what is neither an absolute URI nor ``oob``. Spec: RFC 5849 section 2.1."""
    hint = "write it whole, as in `https://app.example/callback`; with `oob` the user is shown a code"
    if callback is not None and not isinstance(callback, str):
        message = f"a redirection URI is text: {type(callback).__name__}"
        raise UsageError(message, code="invalid-redirect-uri", hint=hint)
    if callback is not None and callback != "oob" and not _IS_ABSOLUTE(callback):
        message = f"the redirection URI cannot be used, it is not absolute: {redact_url(callback)!r}"
        raise UsageError(message, code="invalid-redirect-uri", hint=hint)


def _request_token(provider: Provider, response: Response, *, must_confirm: bool) -> RequestToken:
    """The temporary credentials in an answer, which may have to confirm the callback."""
    fields = parse_token_answer(response, provider.request_token_answer)
    if must_confirm and fields.get("oauth_callback_confirmed", "").lower() != "true":
        raise malformed(
            response,
            "the server did not confirm the callback: `oauth_callback_confirmed` is not `true`",
            code="callback-not-confirmed",
            hint='an OAuth 1.0 server never confirms: its definition says `confirm = "lenient"`; without one, pass '
            '`provider=Provider(oauth1=OAuth1Settings(confirm="lenient"))`',
        )
    found = provider.oauth1.authorize_url_from(fields) if provider.oauth1.authorize_url_from else None
    token, secret = fields.pop("oauth_token"), fields.pop("oauth_token_secret", "")
    return RequestToken(token, secret, str(found) if found else None, MappingProxyType(fields))


def build_authorization_url(
    provider: Provider,
    request_token: str,
    *,
    callback: str | None = None,
    url: str | None = None,
    scope: Sequence[str] | str | None = None,
    params: Pairs = (),
) -> str:
    """The URL to send the user to. ``url`` replaces the provider's authorization endpoint.

    Spec: RFC 5849 section 2.2.
    """
    leg = provider.authorize
    pairs = [("oauth_token", request_token)]
    if callback and provider.oauth1.callback in ("authorize", "both"):
        pairs.append(("oauth_callback", callback))
    if provider.scopes.leg == "authorize":
        pairs.append((provider.scopes.parameter, render_scope(provider, scope)))
    return render_page_url(leg, url or endpoint(provider, "authorize"), leg_parameters(leg, pairs, params=params))


def parse_authorization_response(callback: object, settings: CallbackSettings = _CALLBACK) -> AuthorizationResponse:
    """The request token and verifier in a callback, in any of the forms that ``callback_pairs`` takes.

    Raises ``AccessDeniedError`` when the user refused, ``OAuthError`` for an error that the server reports,
    ``CallbackError`` for anything unusable and ``UsageError`` for what is no callback. Spec: RFC 5849 section 2.2.
    """
    pairs = callback_pairs(callback, ("oauth_token", "oauth_verifier"))
    parameters = dict(reversed(pairs))  # of a repeated name the first value
    for name, value in settings.denied:
        if name in parameters and (value is None or parameters[name] == value):
            raise AccessDeniedError(
                "access_denied", "the user refused the authorization", hint="let the user start again"
            )
    for name in settings.errors:
        problem = parameters.get(name)
        if problem:
            denied = problem in _DENIED_PROBLEMS
            text = parameters.get(f"{name}_description") or parameters.get("oauth_problem_advice") or ""
            raise (AccessDeniedError if denied else OAuthError)(
                redact_line(problem), redact_line(text), parameters=_public(parameters)
            )
    if any(name not in parameters for name in settings.denied_without):
        raise AccessDeniedError("access_denied", "the user refused the authorization", hint="let the user start again")
    token, verifier = parameters.get("oauth_token") or None, parameters.get("oauth_verifier") or None
    if token is None and verifier is None and "denied" in parameters:
        raise AccessDeniedError("access_denied", "the user refused the authorization", hint="let the user start again")
    return AuthorizationResponse(token, verifier, MappingProxyType(parameters))


def access_token_flow(
    provider: Provider,
    signer: Signer,
    *,
    verifier: str | None,
    params: Pairs = (),
    documents: Documents = _NO_DOCUMENTS,
    sent_at: float | None = None,
    secrets: Iterable[str] = (),
) -> Flow[OAuth1Token]:
    """Exchanges the authorized request token (the signer's token) for an access token.

    ``documents`` is what templates of the leg see: the parameters of the ``callback``. ``sent_at`` (seconds since 1970)
    is when the request leaves: with it, a lifetime that the server tells becomes the field ``expires_at``. ``secrets``
    as in ``request_token_flow``. Raises ``OAuthError``, ``MalformedResponseError`` and ``UsageError``.

    Spec: RFC 5849 section 2.3.
    """
    protocol = (("oauth_verifier", verifier),) if verifier else ()
    request = build_leg_request(provider, "token", provider.token, signer, protocol, params, documents)
    own = (*secrets, verifier or "")
    return (yield from _ask(request, lambda response: _token(provider, response, sent_at), signer, own))


def password_flow(
    provider: Provider,
    signer: Signer,
    *,
    username: str,
    password: str,
    sent_at: float | None = None,
    secrets: Iterable[str] = (),
) -> Flow[OAuth1Token]:
    """Exchanges the user's name and password for an access token (xAuth), always by POST: a URL is no secret place.

    ``sent_at`` and ``secrets`` as in ``access_token_flow``. Raises ``OAuthError``, ``MalformedResponseError`` and
    ``UsageError``.
    """
    params = (("x_auth_username", username), ("x_auth_password", password), ("x_auth_mode", "client_auth"))
    leg = replace(provider.token, method="POST")
    request = build_leg_request(provider, "token", leg, signer, (), params)
    own = (*secrets, password)
    return (yield from _ask(request, lambda response: _token(provider, response, sent_at), signer, own))


def refresh_flow(
    provider: Provider,
    signer: Signer,
    token: OAuth1Token,
    *,
    sent_at: float | None = None,
    secrets: Iterable[str] = (),
) -> Flow[OAuth1Token]:
    """Exchanges an access token for a new one, or makes it good again; fields that do not come anew are kept.

    A provider with session handles wants that of the token. Without them an answer may hold no token: then the old one
    goes on. ``sent_at`` and ``secrets`` as in ``access_token_flow``.

    Raises ``ReauthorizationRequired`` without a handle or when the server ended the session.

    Spec: OAuth Session 1.0, section 1 (the draft that servers follow).
    """
    protocol: Pairs = ()
    if provider.oauth1.session_handle:
        handle = token.extra.get("oauth_session_handle")
        if not handle:
            raise ReauthorizationRequired(
                description="the token cannot be renewed: it has no `oauth_session_handle`",
                code="no-session-handle",
                hint="let the user log in again",
            )
        protocol = (("oauth_session_handle", handle),)
    name = "refresh" if "refresh" in provider.endpoints else "token"
    leg, documents = provider.refresh or provider.token, _documents_of(token)
    request = build_leg_request(provider, name, leg, signer, protocol, (), documents)
    own = (*secrets, *_secrets_of(token))
    return (yield from _ask(request, lambda response: _renewed(provider, response, token, sent_at), signer, own))


def _renewed(provider: Provider, response: Response, token: OAuth1Token, sent_at: float | None) -> OAuth1Token:
    # The end of the old token says nothing of the new one's.
    kept = {key: value for key, value in token.extra.items() if key != "expires_at"}
    try:
        renewed = _token(provider, response, sent_at)
    except OAuthError as error:
        if error.error in _ENDED_PROBLEMS:
            raise ReauthorizationRequired(
                error.error, "the session has ended", code="session-ended", hint="let the user log in again"
            ) from error
        raise
    except MalformedResponseError as error:
        is_page = response.body.lstrip().startswith(b"<")
        if error.code != "no-token" or provider.oauth1.session_handle or is_page:
            raise
        return _with_end(OAuth1Token(token.token, token.token_secret, MappingProxyType(kept)), provider, sent_at)
    return OAuth1Token(renewed.token, renewed.token_secret, MappingProxyType({**kept, **renewed.extra}))


def revocation_flow(
    provider: Provider, signer: Signer, token: OAuth1Token, *, secrets: Iterable[str] = ()
) -> Flow[None]:
    """Gives a token up, which is the signer's; any answer that is no error is success, whatever its body.

    ``secrets`` as in ``request_token_flow``. Raises ``OAuthError`` and ``UsageError``. No RFC knows this request: it is
    what providers have.
    """
    request = build_leg_request(provider, "revoke", provider.revoke, signer, (), (), _documents_of(token))
    own = (*secrets, *_secrets_of(token))
    yield from _ask(request, lambda response: _check_revoked(provider, response), signer, own)


def _check_revoked(provider: Provider, response: Response) -> None:
    answer, text = provider.revoke_answer, decode_text(response.body)
    if not answer.is_success(response.status):
        raise _refusal(response)
    if answer.error is not None:
        document = parse_answer(response, answer.format)
        if answer.error.holds(document, text):
            raise _oauth_error(response, answer.error.error(document), answer.error.description(document))


def exchange_flow(
    provider: Provider, signer: Signer, token: OAuth1Token, *, sent_at: float, secrets: Iterable[str] = ()
) -> Flow[OAuth2Token]:
    """Exchanges a token, which is the signer's, for one of OAuth 2.0, at a provider that is on its way there.

    ``sent_at`` (seconds since 1970) is when the request leaves; ``secrets`` as in ``request_token_flow``. Raises
    ``UsageError`` where there is no such step, ``OAuthError`` and ``MalformedResponseError``.
    """
    from oauthreg.oauth2.token_answer import parse_token_response  # few logins of OAuth 1.0 end so

    step = provider.exchange
    if step is None:
        raise UsageError(f"{provider.name} does not exchange tokens for others", code="no-exchange")
    provider = replace(provider, endpoints={**provider.endpoints, "exchange": step.url})
    request = build_leg_request(provider, "exchange", step.leg, signer, (), (), _documents_of(token))
    own = (*secrets, *_secrets_of(token))
    return (
        yield from _ask(
            request, lambda response: parse_token_response(response, step.answer, sent_at=sent_at), signer, own
        )
    )


def build_leg_request(
    provider: Provider,
    name: str,
    leg: Leg,
    signer: Signer,
    protocol: Pairs,
    params: Pairs,
    documents: Documents = _NO_DOCUMENTS,
) -> Request:
    """The signed request of one token leg: further parameters in the query of a GET, in the form of a POST.

    Raises as ``check_headers``.
    """
    pairs = renamed(leg, [*render_pairs(leg.params, documents), *params])
    has_body = leg.method.upper() not in ("GET", "HEAD", "DELETE")
    url = append_query(endpoint(provider, name), [*render_pairs(leg.query, documents), *([] if has_body else pairs)])
    return Request(
        leg.method.upper(),
        url,
        headers=check_headers(render_pairs(leg.headers, documents)),
        form=tuple(pairs) if has_body and pairs else None,
        authenticator=OAuth1Authentication.of(provider.oauth1, signer, protocol, placement=leg.placement),
    )


def parse_token_answer(response: Response, answer: TokenAnswer = _ANSWER) -> dict[str, str]:
    """The fields of a token endpoint's answer; ``oauth_token`` and ``oauth_token_secret`` are among them.

    Raises ``OAuthError`` when the server refused (its ``oauth_problem``, its JSON error, or the text) and
    ``MalformedResponseError`` when the answer is no token. Spec: RFC 5849 sections 2.1 and 2.3.
    """
    text = decode_text(response.body)
    if not answer.is_success(response.status):
        raise _refusal(response)
    document = parse_answer(response, answer.format)
    if answer.error is not None and answer.error.holds(document, text):
        raise _oauth_error(response, answer.error.error(document), answer.error.description(document))
    root = answer.root(document) if answer.root else document
    given = {str(name): value for name, value in root.items()} if isinstance(root, Mapping) else {}
    for name, find in answer.fields.items():
        value = find(document)
        if value is not None:
            given[name] = value
    fields = {name: _field(value) for name, value in given.items()}
    if not fields.get("oauth_token"):
        if "oauth_problem" in fields or "error" in fields:
            raise _refusal(response)
        raise malformed(
            response,
            "the answer holds no `oauth_token`",
            code="no-token",
            hint="check the endpoint's URL; `.text` is what the server said",
        )
    if "oauth_token_secret" not in fields and "oauth_token_secret" not in answer.fields:
        escaped = "amp;oauth_token_secret" in fields
        raise malformed(
            response,
            "the answer holds no `oauth_token_secret`",
            code="no-token-secret",
            hint="the server escaped its answer as HTML (`&amp;`)" if escaped else "",
        )
    for name in _CREDENTIALS:
        if not _is_text(given.get(name)):
            raise malformed(response, f"the answer's `{name}` is no text", code="unusable-token", hint=_NO_TEXT)
    return fields


def is_timestamp_refusal(error: OAuthError) -> bool:
    """Whether the server refused the timestamp: its clock differs, and the ``Date`` of its answer tells how much.

    A problem by its name (``oauth_problem``) is that one alone; else the server's words count, first those that it
    gives as its reason. Codes of OAuth 2.0 do not tell: Authlib and oauthlib say ``invalid_request``, and the rest in
    the description.
    """
    if error.error in _TIMESTAMP_PROBLEMS:
        return True
    if error.status not in (400, 401, 403):
        return False
    reason = f"{error.error} {error.description}"
    problem = error.parameters.get("oauth_problem")
    said = problem or (reason if error.error and error.description else f"{reason} {error.text}")
    return _TIMESTAMP_WORDS.search(_TIMESTAMP_ITSELF.sub("", str(said))) is not None


def _ask(request: Request, read: Callable[[Response], Result], signer: Signer, secrets: Iterable[str]) -> Flow[Result]:
    """Sends one request and reads its answer; what a refusal repeats of our own secrets is masked."""
    sent = (*(request.form or ()), *parse_form(request.url.partition("?")[2]).items())
    own = [signer.token or "", *secrets, *(value for name, value in sent if is_secret(name))]
    return read_masked(answered((yield request)), read, own)


def _secrets_of(token: OAuth1Token) -> list[str]:
    return [value for name, value in token.to_mapping().items() if is_secret(name)]


def _documents_of(token: OAuth1Token) -> Documents:
    return {"token": token.to_mapping()}


def _token(provider: Provider, response: Response, sent_at: float | None) -> OAuth1Token:
    token = OAuth1Token.from_mapping(parse_token_answer(response, provider.token_answer))
    return _with_end(token, provider, sent_at, token.extra.get("oauth_expires_in"))


def _with_end(token: OAuth1Token, provider: Provider, sent_at: float | None, told: str | None = None) -> OAuth1Token:
    """The token with the end that its answer told, or that all of the provider's tokens have."""
    end = None if sent_at is None else expires_at(provider.token_answer, {"expires_in": told}, sent_at)
    if end is None:
        return token
    return replace(token, extra=MappingProxyType({**token.extra, "expires_at": str(end)}))


def _is_text(value: Any) -> bool:
    """Whether a credential is text, or a number that stands for its digits; octets that are none were replaced."""
    if isinstance(value, str):
        return _NEVER_TEXT(value) is None
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def _field(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else "" if value is None else str(value)


def _refusal(response: Response) -> OAuthError:
    """The server's own reason: problem reporting in the body or the challenge, a JSON error, or nothing."""
    fields = _problem_fields(response)
    error = fields.get("oauth_problem") or fields.get("error") or fields.get("code") or ""
    description = fields.get("oauth_problem_advice") or fields.get("error_description") or fields.get("message") or ""
    return _oauth_error(response, error, description, fields)


def _problem_fields(response: Response) -> dict[str, str]:
    fields = _body_fields(response)
    challenge = response.headers.get("www-authenticate", "")
    if "oauth_problem" in fields or "oauth_problem" not in challenge:
        return fields
    found = ((name, quoted or bare) for name, quoted, bare in _REPORTED.findall(challenge) if name)
    named = {name: unescape(value).decode("utf-8", "replace") for name, value in found}
    return named if named.get("oauth_problem") else fields


def _body_fields(response: Response) -> dict[str, str]:
    """What an answer says of an error, by name: its fields, or those of its first error that is an object."""
    try:
        document = parse_answer(response)
    except OAuthRegError:
        return {}
    if not isinstance(document, Mapping):
        return {}
    inner = document.get("errors") or document.get("error")
    inner = inner[0] if isinstance(inner, list) and inner else inner
    chosen = inner if isinstance(inner, Mapping) and "oauth_problem" not in document else document
    return {str(name): _field(value) for name, value in chosen.items() if not isinstance(value, (Mapping, list))}


def _oauth_error(
    response: Response, error: str, description: str, fields: Mapping[str, str] = MappingProxyType({})
) -> OAuthError:
    outage = TemporarilyUnavailableError if is_outage(response.status) else OAuthError
    kind = AccessDeniedError if error in _DENIED_PROBLEMS else outage
    made = refusal(kind, response, error, description, parameters=_public(fields))
    if is_timestamp_refusal(made):
        made.code = "timestamp-refused"
        made.hint = "the clocks of client and server differ"
    return made


def _public(fields: Mapping[str, str]) -> Mapping[str, object]:
    """The parameters of the problem report; lists of names are split."""
    shown: dict[str, object] = {
        name: redact(value) for name, value in fields.items() if name.startswith(("oauth_problem", "oauth_acceptable"))
    }
    for name in ("absent", "rejected"):
        value = fields.get(f"oauth_parameters_{name}")
        if value:
            shown[name] = [piece.partition("=")[0] for piece in value.split("&")]
    return MappingProxyType(shown)
