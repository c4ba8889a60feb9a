"""What a token endpoint answers, read into a token or a typed refusal.

The body decides how it is read, not its label. For 5xx and 429 the status decides, not the body, so that an outage
never ends a login. Spec: RFC 6749 sections 5.1 and 5.2.
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from oauthreg.answers import decode_text, is_outage, malformed, parse_answer, refusal
from oauthreg.errors import (
    AccessDeniedError,
    ClientAuthenticationError,
    MalformedResponseError,
    OAuthError,
    ReauthorizationRequired,
    TemporarilyUnavailableError,
    UsageError,
)
from oauthreg.messages import Response
from oauthreg.oauth2.lifetime import expires_at, refresh_expires_at
from oauthreg.origins import parse_origin, render_origin
from oauthreg.provider import TokenAnswer
from oauthreg.redaction import is_secret, redact
from oauthreg.token import DPOP_TYPE, OAuth2Token

_REFUSAL_STATUS = frozenset((400, 401, 403))
_NO_ACCESS_TOKEN = "N_A"  # noqa: S105 - the name of a type
"""The type of a security token that is no access token, which only an exchange gives. Spec: RFC 8693 section 2.2.1."""
_OF_THE_ANSWER = frozenset(
    ("dpop_jkt", "expires_in", "expires_at", "expires_on", "expires", "ext_expires_in", "missing_scopes")
)
"""Fields that say something of one answer alone, so that none is inherited from the last one."""
_ANSWER = TokenAnswer()

_KINDS: dict[str, tuple[type[OAuthError], str]] = {
    "access_denied": (AccessDeniedError, ""),
    "authorization_declined": (AccessDeniedError, ""),
    "invalid_client": (ClientAuthenticationError, "check client identifier, secret and the method `client_auth`"),
    "invalid_grant": (ReauthorizationRequired, "the code or token is no longer good: let the user log in again"),
    "server_error": (TemporarilyUnavailableError, "try again later"),
    "temporarily_unavailable": (TemporarilyUnavailableError, "try again later"),
}
"""Error code -> what is raised, and its hint."""


def parse_token_response(
    response: Response,
    answer: TokenAnswer = _ANSWER,
    *,
    sent_at: float,
    previous: OAuth2Token | None = None,
    scopes: Iterable[str] = (),
    bound_to: str | None = None,
    must_be_bound: bool = False,
    may_be_no_access_token: bool = False,
) -> OAuth2Token:
    """The token in an answer.

    ``sent_at`` (seconds since 1970) is when the request left; lifetimes count from it. ``previous`` is the token that
    is being renewed: its refresh token, scope and further fields stay where the answer has none. ``scopes`` are those
    that were asked for; what is missing of them is noted in ``missing_scopes`` and is no error. ``bound_to`` is the
    thumbprint of the DPoP key that the request proved, kept as ``dpop_jkt`` with a token of that type; with
    ``must_be_bound`` any other type is refused (``MalformedResponseError`` with the code ``token-not-bound``). What
    ``may_be_no_access_token`` is a security token of another kind (RFC 8693 section 2.2.1).

    Raises ``OAuthError`` (``ReauthorizationRequired`` for ``invalid_grant``, ``ClientAuthenticationError``,
    ``TemporarilyUnavailableError``) and ``MalformedResponseError``.
    """
    document = parse_document(response, answer, now=sent_at)
    fields = answer_fields(document, answer)
    if answer.reuse_token and previous is not None and not fields.get("access_token"):
        fields["access_token"] = previous.access_token
    access_token = fields.get("access_token")
    if not isinstance(access_token, str) or not access_token or not access_token.isprintable():
        raise malformed(
            response,
            "the answer holds no usable `access_token`",
            code="no-token",
            hint="check the token endpoint's URL; `.text` is what the server said",
        )
    made = {name: value for name, value in fields.items() if name not in _OF_THE_ANSWER and value is not None}
    made["token_type"] = _token_type(
        response, answer, fields.get("token_type"), bound_to, may_be_none=may_be_no_access_token
    )
    if made["token_type"] == DPOP_TYPE:
        made["dpop_jkt"] = bound_to
    elif must_be_bound:
        raise malformed(
            response,
            f"the token is not bound to the client's key, its type is {made['token_type']!r}",
            code="token-not-bound",
            hint='this provider should give DPoP tokens; if it need not, the definition says `dpop = "supported"`',
        )
    end = expires_at(answer, fields, sent_at)
    if end is not None:
        made |= {"expires_at": end, "expires_in": end - int(sent_at)}
    refresh_end = refresh_expires_at(fields, sent_at)
    if refresh_end is not None:
        made["refresh_expires_at"] = refresh_end
    if "scope" in made:
        granted = _scopes(made["scope"], answer.scope_separator)
        made["scope"] = " ".join(granted)
        # No server lists this one: the refresh token is its answer.
        missing = [name for name in scopes if name not in (*granted, "offline_access")]
        made |= {"missing_scopes": missing} if missing else {}
    token = OAuth2Token(_inherited(previous, made) | made)
    token.raw, token.is_proven = document, "id_token" in made or previous is None or previous.is_proven
    return token


def parse_document(response: Response, answer: TokenAnswer = _ANSWER, *, now: float | None = None) -> Any:
    """The document in the answer of a protocol endpoint, unless it is a refusal or an outage.

    ``now`` (seconds since 1970) turns a date in ``Retry-After`` into seconds. Raises as ``parse_token_response``.
    """
    status = response.status
    unreadable: MalformedResponseError | None = None
    try:
        document = parse_answer(response, answer.format)
    except MalformedResponseError as error:
        document, unreadable = None, error
    is_error, fields = _error_fields(document, response, answer)
    if is_outage(status) or is_error:
        raise _refusal(response, answer, fields, now)
    if not answer.is_success(status):
        raise _refusal(response, answer, fields, now) if status in _REFUSAL_STATUS else _unexpected(response)
    if unreadable is not None:
        raise unreadable
    return document


def raise_for_error(response: Response, answer: TokenAnswer = _ANSWER, *, now: float | None = None) -> None:
    """Raise what the answer of an endpoint without a document says if it is an error.

    Any 2xx passes, unless the provider names others, or tells errors so and this is one.
    """
    if not (200 <= response.status < 300 and answer.is_success(response.status)):
        parse_document(response, answer, now=now)
        raise _unexpected(response)
    if answer.error is not None:
        with suppress(MalformedResponseError):
            parse_document(response, answer, now=now)


def answer_fields(document: Any, answer: TokenAnswer) -> dict[str, Any]:
    """The fields of a token: those at the root, those kept from outside it, and the renamed ones."""
    root = answer.root(document) if answer.root else document
    if not isinstance(root, Mapping):
        root = {}
    fields = {name: document[name] for name in answer.keep if isinstance(document, Mapping) and name in document}
    fields |= root
    renamed = {name: find(document) for name, find in answer.fields.items()}
    return fields | {name: value for name, value in renamed.items() if value is not None}


def _error_fields(document: Any, response: Response, answer: TokenAnswer) -> tuple[bool, dict[str, Any]]:
    """Whether an answer is an error, by the provider's own rule first, and its fields; an ``error`` is opened.

    An error need not have a code.
    """
    fields = dict(document) if isinstance(document, Mapping) else {}
    if answer.error is not None and answer.error.holds(document, decode_text(response.body)):
        description = answer.error.description(document) or fields.get("error_description")
        return True, fields | {"error": answer.error.error(document), "error_description": description}
    inner = fields.get("error")
    if isinstance(inner, Mapping):
        code = inner.get("type") or inner.get("code") or inner.get("status")
        return True, fields | {"error": code, "error_description": inner.get("message")}
    return bool(inner) or fields.get("ok") is False, fields


def _refusal(response: Response, answer: TokenAnswer, fields: Mapping[str, Any], now: float | None) -> OAuthError:
    given = str(fields.get("error") or "")
    error = answer.error_map.get(given or str(response.status), given)
    kind, hint = _kind(response.status, error)
    return refusal(
        kind,
        response,
        error,
        str(fields.get("error_description") or fields.get("message") or ""),
        uri=str(fields.get("error_uri") or ""),
        now=now,
        parameters=MappingProxyType(_shown(fields)),
        hint=hint,
    )


def _kind(status: int, error: str) -> tuple[type[OAuthError], str]:
    if is_outage(status):
        return _KINDS["temporarily_unavailable"]
    if status == 401 and not error:
        return _KINDS["invalid_client"]
    return _KINDS.get(error, (OAuthError, ""))


def _unexpected(response: Response) -> MalformedResponseError:
    message, hint = f"the endpoint answered with status {response.status}", "check the endpoint's URL"
    if 300 <= response.status < 400:
        message = f"the endpoint redirects to {_origin(response.headers.get('location', ''))}"
        hint = "credentials follow no redirect: if the endpoint has moved, change its URL"
    return malformed(response, message, code="unexpected-status", hint=hint)


def _origin(location: str) -> str:
    try:
        return render_origin(parse_origin(location))
    except UsageError:
        return "another path"


def _shown(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What of an error answer may be shown: no field that names a secret, at no depth.

    Plain text that was read as a form is one long name.
    """
    return {redact(str(name)): _redacted(value) for name, value in fields.items() if not is_secret(str(name))}


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return _shown(value)
    return [_redacted(item) for item in value] if isinstance(value, list) else value


def _token_type(response: Response, answer: TokenAnswer, given: Any, bound_to: str | None, *, may_be_none: bool) -> str:
    if not isinstance(given, str) or not given:
        return answer.default_token_type
    if bound_to is not None and given.lower() == DPOP_TYPE.lower():
        return DPOP_TYPE
    known = {"bearer": "Bearer", **({_NO_ACCESS_TOKEN.lower(): _NO_ACCESS_TOKEN} if may_be_none else {})}
    understood = answer.token_types.get(given.lower()) or known.get(given.lower())
    if understood is None:
        raise malformed(
            response,
            f"the token is of a type that is not understood: {given[:40]!r}",
            code="unsupported-token-type",
            hint="if it is used as a bearer token, the definition says so in `[token.response] token_types`",
        )
    return understood


def _inherited(previous: OAuth2Token | None, made: dict[str, Any]) -> dict[str, Any]:
    """What the token takes over from the one that it renews; an unusable refresh token or scope in ``made`` is dropped.

    It must not cost the access token: what was exchanged for it is spent.
    """
    new = OAuth2Token(made)
    for name, value in (("refresh_token", new.refresh_token), ("id_token", new.id_token)):
        if value is None:
            made.pop(name, None)
        else:
            made[name] = value
    if previous is None:
        return {}
    if not made.get("scope"):
        made.pop("scope", None)
        made.pop("missing_scopes", None)
    left_out = _OF_THE_ANSWER | ({"refresh_expires_at"} if "refresh_token" in made else set())
    return {name: value for name, value in previous.items() if name not in left_out}


def _scopes(value: Any, separator: str) -> list[str]:
    if isinstance(value, str):
        return [piece for piece in re.split(rf"[\s{re.escape(separator)}]+", value) if piece]
    return [str(item) for item in value if item] if isinstance(value, (list, tuple)) else []
