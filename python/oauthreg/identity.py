"""Who the user is: the requests that a provider's definition names, as one flow for every protocol."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any
from urllib.parse import urljoin

from oauthreg.answers import decode_text, is_outage, malformed, mask_error, parse_answer, read_masked, refusal
from oauthreg.claims.profile import Profile
from oauthreg.errors import MalformedResponseError, OAuthError, ResponseError, TemporarilyUnavailableError, UsageError
from oauthreg.jose import parse_hmac_jwt
from oauthreg.jwe import DecryptionKeys
from oauthreg.legs import append_query, check_headers, render_form, render_pairs
from oauthreg.messages import Authenticator, Flow, Request, Response
from oauthreg.oauth2.bearer import BearerAuthentication
from oauthreg.oauth2.dpop import send_proven
from oauthreg.oauth2.userinfo import opened_flow
from oauthreg.origins import parse_origin
from oauthreg.provider import Documents, IdentityRequest, JWTRules, Provider
from oauthreg.records import replace
from oauthreg.redaction import is_secret

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 3


def identity_flow(
    provider: Provider,
    authenticator_for: Callable[[str | None], Authenticator],
    documents: Documents,
    *,
    make_nonce: Callable[[], str],
    now: Callable[[], float],
    client_id: str,
    client_secret: str,
    decryption_keys: DecryptionKeys | None = None,
) -> Flow[dict[str, Any]]:
    """Makes the provider's identity requests in order and gives all documents, the given ones included.

    ``authenticator_for(nonce)`` signs a request (``nonce`` fixes the nonce where the answer must repeat it). A request
    whose condition does not hold, or that is optional and fails, adds no document. A GET is followed within its origin,
    each hop authenticated anew: some providers send "me" on to a page with a name. ``decryption_keys`` open answers
    that are encrypted.

    Raises ``OAuthError`` and ``ResponseError``.
    """
    found = {**documents, "client": {"client_id": client_id}}
    answers: dict[str, Response] = {}
    secrets = [*_secrets(client_secret, documents.get("token", {})), *provider.secrets]
    for request in provider.identity:
        if request.when is not None and not request.when(found):
            continue
        nonce = make_nonce() if request.jwt is not None and request.jwt.nonce else None
        url = request.url if isinstance(request.url, str) else request.url.render(found)
        if url is None:
            if request.optional:
                continue
            raise UsageError(
                f"the identity request `{request.name}` needs a value that is missing",
                code="missing-identity-value",
                hint="its URL names a document field that the earlier answers did not give",
            )
        try:
            response = yield from _answer_flow(provider, request, url, authenticator_for, nonce, found)
            if request.jwt is None and 200 <= response.status < 300:
                response = yield from opened_flow(
                    provider,
                    response,
                    client_id=client_id,
                    client_secret=client_secret or None,
                    now=now(),
                    decryption_keys=decryption_keys,
                )
            read = partial(_read, provider, request, nonce, now(), client_secret, found)
            found[request.name] = read_masked(response, read, secrets)
            answers[request.name] = response
        except (OAuthError, ResponseError) as error:
            if request.optional:
                continue
            if isinstance(error, ResponseError):
                mask_error(error, secrets)
            raise
    _check_subject(found, answers.get("userinfo"), secrets, must_be_named=provider.protocol == "oidc")
    del found["client"]
    _check_user(provider, found, next(reversed(answers.values()), None), secrets)
    return found


def _answer_flow(
    provider: Provider,
    request: IdentityRequest,
    url: str,
    authenticator_for: Callable[[str | None], Authenticator],
    nonce: str | None,
    documents: Documents,
) -> Flow[Response]:
    """The answer to one request, followed within its origin."""
    build = partial(build_identity_request, provider, request, documents=documents)
    response = yield from send_proven(partial(build, url, authenticator_for(nonce)))
    for _ in range(_MOST_REDIRECTS):
        target = _redirect(request, url, response)
        if target is None:
            break
        url = target
        # What the server sends us to has a query of its own.
        build = partial(build_identity_request, provider, replace(request, query=()), documents=documents)
        response = yield from send_proven(partial(build, url, authenticator_for(None)))
    return response


def _check_user(provider: Provider, documents: Documents, last: Response | None, secrets: Iterable[str]) -> None:
    """Refuse answers that name nobody, with the last one, which may say why."""
    if provider.claims is None or last is None:
        return
    try:
        Profile.from_claims(provider.claims.render(documents))
    except MalformedResponseError as error:
        raise _unusable(last, error.message, secrets, code=error.code, hint=error.hint) from None


def _check_subject(
    documents: Documents, answer: Response | None, secrets: Iterable[str], *, must_be_named: bool
) -> None:
    """Refuse what is told of somebody else than the ID token is about. Spec: OpenID Connect Core section 5.3.2."""
    about, told = (documents.get(name) for name in ("id_token", "userinfo"))
    if not isinstance(about, Mapping) or not isinstance(told, Mapping):
        return
    subject = told.get("sub")
    if (isinstance(subject, str) or must_be_named) and subject != about.get("sub"):
        reason, advice = (
            ("names no `sub`", "where logins need no ID token, the definition's protocol is `oauth2`")
            if subject is None
            else ("is about another user than the ID token", "let the user log in again")
        )
        raise _unusable(answer, f"the `userinfo` answer {reason}", secrets, code="userinfo-subject", hint=advice)


def _unusable(answer: Response | None, message: str, secrets: Iterable[str], *, code: str, hint: str) -> ResponseError:
    """What is wrong with answers, as far as possible with the one that shows it."""
    if answer is None:
        return ResponseError(message, code=code, hint=hint)
    error = malformed(answer, message, code=code, hint=hint)
    mask_error(error, secrets)
    return error


def _redirect(request: IdentityRequest, url: str, response: Response) -> str | None:
    """Where an answer sends a request on, if that is at the same origin; an answer tied to one nonce is not awaited."""
    location = response.headers.get("location")
    has_nonce = request.jwt is not None and request.jwt.nonce
    if response.status not in _REDIRECTS or not location or request.method != "GET" or has_nonce:
        return None
    try:
        target = urljoin(url, location)
        return target if parse_origin(target) == parse_origin(url) else None
    except (UsageError, ValueError):
        return None


def build_identity_request(
    provider: Provider,
    request: IdentityRequest,
    url: str,
    authenticator: Authenticator,
    documents: Documents = MappingProxyType({}),
) -> Request:
    """One identity request with the provider's API headers; templates in it are filled in from ``documents``.

    Raises ``ResponseError`` for a value that cannot be sent where it belongs.
    """
    try:
        return _built(provider, request, url, authenticator, documents)
    except UsageError as error:
        # It came with an earlier answer, or from a credential in the provider's headers: no caller is to blame.
        message = f"the identity request `{request.name}` cannot be made: {error.message}"
        raise ResponseError(message, code="unusable-identity-value", hint=error.hint) from None


def _built(
    provider: Provider, request: IdentityRequest, url: str, authenticator: Authenticator, documents: Documents
) -> Request:
    given = render_pairs(request.headers, documents)
    own = {name.lower() for name, _ in given}
    headers = [pair for pair in provider.api_headers if pair[0].lower() not in own] + list(given)
    body = None
    if request.json is not None:
        body = json.dumps(_filled(request.json, documents)).encode()
        headers.append(("Content-Type", "application/json"))
    if request.token_placement is not None and isinstance(authenticator, BearerAuthentication):
        authenticator = replace(authenticator, placement=request.token_placement)
    form = render_pairs(request.form, documents) or None
    render_form(form or ())  # a form that cannot be encoded is refused now
    return Request(
        request.method,
        append_query(url, render_pairs(request.query, documents)),
        check_headers(tuple(headers)),
        form,
        body,
        authenticator,
    )


def _filled(value: Any, documents: Documents) -> Any:
    """A JSON body with its templates filled in; one without a value is left out of its object."""
    if isinstance(value, Mapping):
        made = {name: _filled(item, documents) for name, item in value.items()}
        return {name: item for name, item in made.items() if item is not None}
    if isinstance(value, list):
        return [_filled(item, documents) for item in value]
    return value.render(documents) if hasattr(value, "render") else value


def _secrets(client_secret: str, token: Mapping[str, Any]) -> Iterator[str]:
    """What an identity request tells nobody but the provider."""
    yield client_secret
    yield from (value for name, value in token.items() if is_secret(name) and isinstance(value, str))


def _read(
    provider: Provider,
    request: IdentityRequest,
    nonce: str | None,
    now: float,
    client_secret: str,
    documents: Documents,
    response: Response,
) -> Any:
    text = decode_text(response.body)
    if not 200 <= response.status < 300:
        raise _refusal(response, "", f"the identity request `{request.name}` was refused", now)
    document = parse_answer(response, request.format)
    if request.jwt is not None:
        document = _read_jwt(request.jwt, response, str(document), nonce, now, client_secret, documents)
    rule = request.error or provider.api_error
    if rule is not None and rule.holds(document, text):
        raise _refusal(response, rule.error(document), rule.description(document), now)
    return document


def _read_jwt(
    rules: JWTRules,
    response: Response,
    text: str,
    nonce: str | None,
    now: float,
    client_secret: str,
    documents: Documents,
) -> dict[str, Any]:
    audience = rules.audience
    if audience is not None and not isinstance(audience, str):
        audience = audience.render(documents)
    claims = parse_hmac_jwt(
        text,
        secret=client_secret,
        algorithms=rules.algorithms,
        audience=audience,
        issuer=rules.issuer,
        now=now,
        leeway=rules.leeway,
    )
    if nonce is not None and claims.get("nonce") != nonce:
        raise malformed(response, "the JWT answers another request: its `nonce` differs", code="jwt-nonce")
    return claims


def _refusal(response: Response, error: str, description: str, now: float) -> OAuthError:
    is_away = is_outage(response.status)
    kind = TemporarilyUnavailableError if is_away else OAuthError
    return refusal(kind, response, error, description, now=now, hint="try again later" if is_away else "")
