"""The authorization request and its response: state, PKCE, issuer, and what a callback must satisfy.

Spec: RFC 6749 section 4.1; RFC 7636; RFC 9207; RFC 9700 sections 2.1 and 4.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import SplitResult, urlsplit

from oauthreg.answers import read_json
from oauthreg.errors import (
    AccessDeniedError,
    CallbackError,
    MismatchingStateError,
    MissingCredentialError,
    OAuthError,
    TemporarilyUnavailableError,
    UsageError,
    quoted,
)
from oauthreg.jws import encode_segment
from oauthreg.legs import callback_pairs, endpoint, leg_parameters, render_page_url, render_scope
from oauthreg.messages import Pairs
from oauthreg.oauth2.issuer import is_issuer, knows_issuer
from oauthreg.origins import is_loopback, parse_origin
from oauthreg.provider import Documents, Provider
from oauthreg.records import dataclass, field
from oauthreg.redaction import redact_line, redact_url

_IS_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}").fullmatch
_MADE = frozenset(
    (
        "client_id",
        "redirect_uri",
        "response_type",
        "scope",
        "state",
        "code_challenge",
        "code_challenge_method",
        "request_uri",
        "resource",
        "dpop_jkt",
    )
)
"""What only the client itself puts into an authorization request."""
_LONGEST_NAME = 40
_MOST_NAMES = 20
_DENIALS = ("access_denied", "user_denied", "user_refused", "authorization_declined")


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """What a good callback brings: the code, and every parameter (JSON ones parsed)."""

    code: str = field(repr=False)
    parameters: Mapping[str, Any] = field(repr=False)


class SignedParameters(dict[str, str]):
    """The parameters of a callback which came in a JWT that the provider has signed."""


def is_signed_mode(response_mode: str) -> bool:
    """Whether callbacks come in a JWT. Spec: JARM section 2.3."""
    return response_mode.rpartition(".")[2] == "jwt"


def make_state() -> str:
    """A state or nonce: 256 random bits in base64url. Spec: RFC 6749 section 10.10."""
    return secrets.token_urlsafe(32)


def make_code_verifier() -> str:
    """A PKCE code verifier: 256 random bits as 43 characters. Spec: RFC 7636 section 4.1."""
    return secrets.token_urlsafe(32)


def code_challenge(verifier: str, method: str = "S256", encoding: str = "base64url") -> str:
    """The challenge of a verifier. Raises ``UsageError`` for a verifier that is none. Spec: RFC 7636 section 4.2."""
    if not _IS_VERIFIER(verifier):
        raise UsageError(
            f"a code verifier has 43 to 128 letters, digits or any of -._~: this one has {len(verifier)} characters",
            code="invalid-code-verifier",
            hint="leave it out to get a random one",
        )
    if method == "plain":
        return verifier
    digest = hashlib.sha256(verifier.encode()).digest()
    return digest.hex() if encoding == "hex" else encode_segment(digest).decode()


def check_redirect_uri(uri: str) -> str:
    """The redirection URI, unchanged, if it may be used.

    It is absolute and without fragment; http only leads to loopback; a private scheme holds a dot. Raises
    ``UsageError``. Spec: RFC 6749 section 3.1.2; RFC 8252 sections 7.1 and 8.4.
    """
    if not isinstance(uri, str):
        raise UsageError(
            f"a redirection URI is text: {type(uri).__name__}",
            code="invalid-redirect-uri",
            hint="write URIs as text",
        )
    parts = split_url(uri)
    if parts is None or not parts.scheme:
        reason = "it is not absolute"
    elif "#" in uri:
        reason = "it has a fragment"
    elif parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        reason = "http is only allowed on loopback"
    elif parts.scheme in ("http", "https") and not parts.hostname:
        reason = "it names no host"
    elif parts.scheme not in ("http", "https") and "." not in parts.scheme:
        reason = "its private scheme holds no dot"
    else:
        return uri
    raise UsageError(
        f"the redirection URI cannot be used, {reason}: {redact_url(uri)!r}",
        code="invalid-redirect-uri",
        hint="use https, a loopback address, or a scheme in reverse-domain form",
    )


def split_url(url: str) -> SplitResult | None:
    """The parts of a URL; ``None`` for one that is malformed or holds blanks or control characters."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return None if re.search(r"[\x00-\x20\x7f]", url) else parts


def check_resources(resources: Sequence[str] | str | None) -> tuple[str, ...]:
    """Resource indicators: absolute URIs without fragment. Raises ``UsageError``. Spec: RFC 8707 section 2."""
    given: Any = resources or ()
    listed = (given,) if isinstance(given, (str, bytes)) or not isinstance(given, Iterable) else tuple(given)
    for resource in listed:
        parts = split_url(resource) if isinstance(resource, str) else None
        if parts is None or not parts.scheme or "#" in resource or not (parts.netloc or parts.path):
            raise UsageError(
                f"a resource must be an absolute URI without fragment: {quoted(resource)}",
                code="invalid-resource",
                hint="write URIs as text; a free text goes into `audience`",
            )
    return listed


def build_authorization_url(
    provider: Provider,
    *,
    client_id: str,
    url: str | None = None,
    documents: Documents = MappingProxyType({}),
    **parameters: Any,
) -> str:
    """The URL to send the user to, with the parameters of ``authorization_parameters``. Raises ``UsageError``."""
    seen = {"client": {"client_id": client_id}, **documents}
    sent = authorization_parameters(provider, client_id=client_id, documents=seen, **parameters)
    return render_authorization_url(provider, sent, url=url, documents=seen)


def authorization_parameters(
    provider: Provider,
    *,
    client_id: str,
    redirect_uri: str | None,
    state: str | None,
    scope: Iterable[str] | str | None = None,
    code_verifier: str | None = None,
    nonce: str | None = None,
    dpop_jkt: str | None = None,
    resources: Sequence[str] = (),
    params: Pairs = (),
    documents: Documents = MappingProxyType({}),
) -> list[tuple[str, str]]:
    """The parameters of an authorization request, by the provider's names and in the order in which they are sent.

    ``params`` win over the definition's and must not repeat the parameters that are made here. ``dpop_jkt`` binds the
    code to a key, given by its thumbprint. Raises ``UsageError``.

    Spec: RFC 6749 section 4.1.1; RFC 7636 section 4.3; RFC 8707 section 2.1; RFC 9449 section 10.
    """
    settings, leg = provider.oauth2, provider.authorize
    for name, _ in params:
        if name in _MADE or name == provider.scopes.parameter or (name == "nonce" and nonce is not None):
            raise UsageError(
                f"the parameter is made by the client: {name!r}",
                code="reserved-parameter",
                hint=f"pass `{name}=` as an argument of its own",
            )
    _check_response_type(settings.response_type)
    if settings.response_mode.startswith("fragment"):
        raise UsageError(
            f"a fragment stays with the browser: {settings.response_mode!r}",
            code="fragment-refused",
            hint="use response mode `query` or `form_post`, or one of them with `.jwt`",
        )
    pairs = [("response_type", settings.response_type), ("client_id", client_id)]
    if redirect_uri is not None:
        is_name = settings.redirect_uri_is_name
        pairs.append(("redirect_uri", redirect_uri if is_name else check_redirect_uri(redirect_uri)))
    pairs.append((provider.scopes.parameter, render_scope(provider, scope)))
    if state is not None:
        pairs.append(("state", state))
    if code_verifier is not None:
        challenge = code_challenge(code_verifier, settings.pkce_method, settings.pkce_encoding)
        pairs += [("code_challenge", challenge), ("code_challenge_method", settings.pkce_method)]
    pairs += [("resource", resource) for resource in check_resources(resources)]
    if nonce is not None:
        pairs.append(("nonce", nonce))
    if dpop_jkt is not None:
        pairs.append(("dpop_jkt", dpop_jkt))
    if settings.response_mode:
        pairs.append(("response_mode", settings.response_mode))
    return leg_parameters(leg, pairs, params=params, documents=documents)


def render_authorization_url(
    provider: Provider,
    sent: Iterable[tuple[str, str]],
    *,
    url: str | None = None,
    documents: Documents = MappingProxyType({}),
) -> str:
    """The URL that carries these parameters, and what the leg always puts into the query.

    Raises ``UsageError`` where the provider has no authorization endpoint.
    """
    return render_page_url(provider.authorize, url or endpoint(provider, "authorize"), sent, documents)


def is_in_front_channel(response_type: str) -> bool:
    """Whether tokens would come by the user's browser. Spec: RFC 9700 section 2.1.2."""
    types = response_type.split()
    return "token" in types or types == ["id_token"]


def _check_response_type(response_type: str) -> None:
    if is_in_front_channel(response_type):
        raise UsageError(
            f"tokens in the front channel are not supported: {response_type!r}",
            code="implicit-grant-refused",
            hint="use response type `code` (RFC 9700 section 2.1.2)",
        )


def parse_authorization_response(
    provider: Provider,
    response: object,
    *,
    state: str | None,
    client_secret: str | None = None,
    sent_to: str = "",
) -> AuthorizationCode:
    """The authorization code in a callback: a URL, a form body, or a mapping (for ``response_mode=form_post``).

    Only the query of a URL is read. The issuer is compared first, then the state, then errors are told; ``state`` of
    ``None`` is for providers that send none back. ``sent_to`` is the URL at which the login began. Raises
    ``MismatchingStateError`` (``.code`` is ``issuer-mismatch``, ``issuer-missing``, ``state-missing``,
    ``state-mismatch``, ``callback-signature-mismatch``, or ``callback-unsigned`` for what
    ``jarm.signed_parameters_flow`` did not give), ``OAuthError`` with the server's error (its
    ``parameters["state_verified"]`` says whether the state was there), and ``CallbackError``; no message shows a value.

    Spec: RFC 6749 sections 4.1.2 and 10.12; RFC 9207 section 2.4.
    """
    if is_signed_mode(provider.oauth2.response_mode) and not isinstance(response, SignedParameters):
        raise MismatchingStateError(
            "this provider signs its callbacks, and this one is not signed",
            code="callback-unsigned",
            hint="start the login again: somebody may have changed the callback on its way",
        )
    callback = provider.callback
    pairs = callback_pairs(response, (callback.code, _state_name(provider)))
    names = [name for name, _ in pairs]
    for name in (callback.code, _state_name(provider), "iss", *callback.errors):
        if names.count(name) > 1:
            raise CallbackError(f"the parameter stands twice in the callback: `{name}`", code="repeated-parameter")
    fields: dict[str, Any] = dict(pairs)
    _check_issuer(provider, fields.get("iss"), sent_to)
    verified = _check_state(fields.get(_state_name(provider)), state)
    _check_refused(provider, fields, verified=verified)
    if state is not None and not verified:
        raise MismatchingStateError(
            "the callback carries no `state`", code="state-missing", hint="start the login again in the same browser"
        )
    if callback.signature is not None:
        _check_signature(pairs, callback.signature.parameter, client_secret)
    code = fields.get(callback.code)
    if not code:
        raise CallbackError(
            f"the callback carries no `{callback.code}` (it has: {_named(pairs)})",
            code="code-missing",
            hint="pass the callback as it came: its URL, or the form of a POST",
        )
    for name in callback.json:
        if fields.get(name):
            fields[name] = _json(fields[name])
    return AuthorizationCode(code, MappingProxyType(fields))


def callback_fields(response: Any, *names: str) -> dict[str, str]:
    """Of a callback, a URL, a form or a mapping, the parameters of these names. Raises ``CallbackError``."""
    fields: dict[str, str] = {}
    for name, value in callback_pairs(response):
        if name in fields:
            raise CallbackError(f"a parameter stands twice in the callback: `{name}`", code="repeated-parameter")
        if name in names:
            fields[name] = value
    return fields


def _named(pairs: Iterable[tuple[str, str]]) -> str:
    """The names of parameters, for a message: what has no value may be a code that was passed by itself."""
    names = sorted({name[:_LONGEST_NAME] for name, value in pairs if value.strip("=")})
    return ", ".join(names[:_MOST_NAMES]) or "no parameter with a value"


def _state_name(provider: Provider) -> str:
    return provider.authorize.rename.get("state") or "state"


def _check_issuer(provider: Provider, given: str | None, sent_to: str) -> None:
    settings = provider.oauth2
    if given is None:
        if settings.issuer_in_callback:
            raise MismatchingStateError(
                "the callback carries no `iss`, and this provider always sends it", code="issuer-missing"
            )
        return
    if knows_issuer(settings):
        hint = "someone may be mixing up providers: do not use the code"
        is_good = is_issuer(settings, given)
    else:
        # Nothing was said about the issuer: it must at least live where the user was sent. A client without definition
        # that another one began the login for does not know where that was.
        hint = "add the provider's `issuer`, if you trust the one in the callback"
        page = sent_to or provider.endpoints.get("authorize", "")
        is_good = not page or _same_origin(given, page)
    if not is_good:
        raise MismatchingStateError("the callback comes from another issuer", code="issuer-mismatch", hint=hint)


def _same_origin(first: str, second: str) -> bool:
    try:
        return parse_origin(first) == parse_origin(second)
    except UsageError:
        return False


def _check_state(given: str | None, state: str | None) -> bool:
    if state is None or not given:
        return state is None
    if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), state.encode("utf-8", "surrogatepass")):
        raise MismatchingStateError(
            "the `state` of the callback belongs to another login",
            code="state-mismatch",
            hint="start the login again in the same browser",
        )
    return True


def _check_refused(provider: Provider, fields: Mapping[str, str], *, verified: bool) -> None:
    for name, value in provider.callback.denied:
        if name in fields and (value is None or fields[name] == value):
            raise _denied(verified=verified)
    for name in provider.callback.errors:
        error = fields.get(name)
        if not error:
            continue
        kind: type[OAuthError] = OAuthError
        if error in _DENIALS:
            kind = AccessDeniedError
        elif error in ("temporarily_unavailable", "server_error"):
            kind = TemporarilyUnavailableError
        raise kind(
            redact_line(error),
            redact_line(fields.get(f"{name}_description", "")),
            redact_line(fields.get(f"{name}_uri", "")),
            parameters={"state_verified": verified},
        )
    if any(name not in fields for name in provider.callback.denied_without):
        raise _denied(verified=verified)


def _denied(*, verified: bool) -> AccessDeniedError:
    return AccessDeniedError(
        "access_denied", "the user refused the authorization", parameters={"state_verified": verified}
    )


def _check_signature(pairs: list[tuple[str, str]], parameter: str, secret: str | None) -> None:
    if not secret:
        raise MissingCredentialError(
            "the callback is signed with the client secret, and there is none",
            code="missing-client-secret",
            hint="pass `client_secret=`",
        )
    expected = callback_signature([pair for pair in pairs if pair[0] != parameter], secret)
    given = dict(pairs).get(parameter, "")
    if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogatepass")):
        raise MismatchingStateError(
            f"the signature of the callback (`{parameter}`) does not match", code="callback-signature-mismatch"
        )


def callback_signature(pairs: Iterable[tuple[str, str]], secret: str) -> str:
    """The HMAC-SHA256, in hexadecimal, of a callback's sorted parameters."""
    # Escaped so that no value can pass for a further pair.
    signed = "&".join(sorted(f"{_joined(name).replace('=', '%3D')}={_joined(value)}" for name, value in pairs))
    return hmac.digest(secret.encode(), signed.encode("utf-8", "surrogatepass"), "sha256").hex()


def _joined(text: str) -> str:
    return text.replace("%", "%25").replace("&", "%26")


def _json(text: str) -> Any:
    try:
        return read_json(text)
    except (ValueError, RecursionError):
        raise CallbackError("a parameter of the callback should hold JSON and does not", code="callback-json") from None
