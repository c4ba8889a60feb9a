"""What a token endpoint answers, read into a token or a typed refusal.

The body decides how it is read, not its label. For 5xx and 429 the status decides, not the body, so that an outage
never ends a login. Spec: RFC 6749 sections 5.1 and 5.2.
"""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any

from oauthreg.answers import decode_text, malformed, parse_answer
from oauthreg.errors import (
    AccessDeniedError,
    ClientAuthenticationError,
    MalformedResponseError,
    OAuthError,
    OAuthRegError,
    ReauthorizationRequired,
    TemporarilyUnavailableError,
)
from oauthreg.messages import Response
from oauthreg.provider import TokenAnswer
from oauthreg.redaction import is_secret, redact, redact_headers
from oauthreg.token import OAuth2Token

_LONGEST_LIFETIME = 10 * 365 * 86400
_MILLISECONDS = 1000
_TRANSIENT_STATUS = frozenset((408, 425, 429, 500, 502, 503, 504))
_TRANSIENT_ERRORS = frozenset(("temporarily_unavailable", "server_error", "slow_down_later"))
_KNOWN_TYPES = {"bearer": "Bearer", "dpop": "DPoP"}
_STALE = frozenset(("expires_in", "expires_at", "expires_on", "expires", "ext_expires_in", "missing_scopes"))
_REFRESH_LIFETIMES = ("refresh_expires_in", "refresh_token_expires_in")
_ANSWER = TokenAnswer()


def parse_token_response(
    response: Response,
    answer: TokenAnswer = _ANSWER,
    *,
    sent_at: float,
    previous: OAuth2Token | None = None,
    scopes: Iterable[str] = (),
) -> OAuth2Token:
    """The token in an answer.

    ``sent_at`` (seconds since 1970) is when the request left; lifetimes count from it. ``previous`` is the token that
    is being renewed: its refresh token, scope and further fields stay where the answer has none. ``scopes`` are those
    that were asked for; what is missing of them is noted in ``missing_scopes`` and is no error.

    Raises ``OAuthError`` (``ReauthorizationRequired`` for ``invalid_grant``, ``ClientAuthenticationError``,
    ``TemporarilyUnavailableError``) and ``MalformedResponseError``.
    """
    document = _document(response, answer)
    root = answer.root(document) if answer.root else document
    fields = dict(root) if isinstance(root, Mapping) else {}
    for name, find in answer.fields.items():
        value = find(document)
        if value is not None:
            fields[name] = value
    access_token = fields.get("access_token")
    if not isinstance(access_token, str) or not access_token:
        raise malformed(
            response,
            "the answer holds no usable `access_token`",
            code="no-token",
            hint="check the token endpoint's URL; `.text` is what the server said",
        )
    made = {name: value for name, value in fields.items() if name not in _STALE}
    made["token_type"] = _token_type(response, answer, fields)
    _put(made, "expires_at", expires_at(answer, fields, sent_at))
    _put(made, "refresh_expires_at", _refresh_expires_at(fields, sent_at))
    granted = _scopes(fields.get("scope"), answer.scope_separator)
    _put(made, "scope", " ".join(granted) if fields.get("scope") is not None else None)
    if fields.get("scope") is not None:
        missing = [name for name in scopes if name not in granted and name != "offline_access"]
        if missing:
            made["missing_scopes"] = missing
    return OAuth2Token(_merged(previous, made))


def raise_for_error(response: Response, answer: TokenAnswer = _ANSWER) -> None:
    """Raise what a protocol endpoint's answer says if it is an error; any 2xx without error passes."""
    text = decode_text(response.body)
    if response.status in _TRANSIENT_STATUS or response.status >= 500:
        raise _refusal(response, answer, _fields_of_error(response, answer), text)
    if not 200 <= response.status < 300:
        fields = _fields_of_error(response, answer)
        if fields.get("error") or response.status in (400, 401, 403):
            raise _refusal(response, answer, fields, text)
        raise malformed(response, f"the endpoint answered with status {response.status}", code="unexpected-status")


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """The seconds that a ``Retry-After`` header asks to wait, in either of its forms. Spec: RFC 9110 section 10.2.3."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, TypeError):
        return None


def expires_at(answer: TokenAnswer, fields: Mapping[str, Any], sent_at: float) -> int | None:
    """When the token expires, in seconds since 1970; ``None`` for an unknown or absurd lifetime."""
    if answer.expires_kind == "none":
        return None
    lifetime = _number(fields.get("expires_in"))
    if lifetime is None and answer.expires_kind == "iso8601":
        return _iso(fields.get("expires_in"), sent_at)
    if lifetime is not None:
        if answer.expires_kind == "absolute_s":
            lifetime -= sent_at
        elif answer.expires_kind == "absolute_ms":
            lifetime = lifetime / _MILLISECONDS - sent_at
        elif answer.expires_kind == "relative_ms":
            lifetime /= _MILLISECONDS
    else:
        for name in ("expires_at", "expires_on"):
            moment = _number(fields.get(name))
            if moment is not None:
                lifetime = moment - sent_at
                break
            found = _iso(fields.get(name), sent_at)
            if found is not None:
                return found
    if lifetime is None:
        lifetime = _number(fields.get("expires"))
    if lifetime == 0 and answer.zero_is_expired:
        return int(sent_at)
    if lifetime is None or lifetime <= 0 or lifetime > _LONGEST_LIFETIME:
        return int(sent_at) + answer.default_expires_in if answer.default_expires_in and lifetime is None else None
    return int(sent_at + math.floor(lifetime))


def _document(response: Response, answer: TokenAnswer) -> Any:
    text = decode_text(response.body)
    if response.status in _TRANSIENT_STATUS or response.status >= 500:
        raise _refusal(response, answer, _fields_of_error(response, answer), text)
    try:
        document = parse_answer(response, answer.format)
    except MalformedResponseError:
        if 400 <= response.status < 500:
            raise _refusal(response, answer, {}, text) from None
        raise
    fields = _error_fields(document)
    if answer.error is not None and answer.error.holds(document, text):
        error, description = answer.error.error(document), answer.error.description(document)
        raise _refusal(response, answer, {**fields, "error": error or "error", "error_description": description}, text)
    succeeded = 200 <= response.status < 300 or response.status in answer.success_status
    if fields.get("error"):
        raise _refusal(response, answer, fields, text)
    if isinstance(document, Mapping) and document.get("ok") is False:
        raise _refusal(response, answer, {**fields, "error": fields.get("error") or "error"}, text)
    if not succeeded:
        if response.status in (400, 401):
            raise _refusal(response, answer, fields, text)
        raise malformed(
            response,
            f"the token endpoint answered with status {response.status}",
            code="unexpected-status",
            hint="check the token endpoint's URL",
        )
    return document


def _fields_of_error(response: Response, answer: TokenAnswer) -> dict[str, Any]:
    try:
        return _error_fields(parse_answer(response, answer.format))
    except OAuthRegError:
        return {}


def _error_fields(document: Any) -> dict[str, Any]:
    """The fields of an error answer; an error that is an object or a list is looked into."""
    if not isinstance(document, Mapping):
        return {}
    fields = dict(document)
    inner = fields.get("error")
    if isinstance(inner, Mapping):
        code = inner.get("type") or inner.get("code") or inner.get("status") or "error"
        fields |= {"error": str(code), "error_description": str(inner.get("message") or "")}
    elif inner is not None and not isinstance(inner, str):
        fields["error"] = "" if inner in (False, 0, []) else str(inner)
    return fields


def _refusal(response: Response, answer: TokenAnswer, fields: Mapping[str, Any], text: str) -> OAuthError:
    given = str(fields.get("error") or "")
    error = answer.error_map.get(given, given)
    description = str(fields.get("error_description") or fields.get("message") or "")
    kind, hint = _kind(response.status, error)
    made = kind(
        redact(error),
        redact(description),
        redact(str(fields.get("error_uri") or "")),
        status=response.status,
        headers=redact_headers(response.headers),
        text=redact(text),
        parameters=MappingProxyType(
            {
                name: redact(value) if isinstance(value, str) else value
                for name, value in fields.items()
                if not is_secret(name)
            }
        ),
        hint=hint,
    )
    if isinstance(made, TemporarilyUnavailableError):
        made.retry_after = retry_after(response.headers, _date(response.headers))
    return made


def _kind(status: int, error: str) -> tuple[type[OAuthError], str]:
    if status in _TRANSIENT_STATUS or status >= 500 or error in _TRANSIENT_ERRORS:
        return TemporarilyUnavailableError, "the token is kept: try again later"
    if error == "invalid_grant":
        return ReauthorizationRequired, "the code or token is no longer good: let the user log in again"
    if error == "invalid_client" or (status == 401 and not error):
        return ClientAuthenticationError, "check client identifier, secret, and the definition's `client_auth`"
    if error in ("access_denied", "authorization_declined"):
        return AccessDeniedError, ""
    return OAuthError, ""


def _date(headers: Mapping[str, str]) -> float:
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, TypeError):
        return 0.0


def _token_type(response: Response, answer: TokenAnswer, fields: Mapping[str, Any]) -> str:
    given = fields.get("token_type")
    if not isinstance(given, str) or not given:
        return answer.default_token_type
    mapped = answer.token_types.get(given.lower()) or _KNOWN_TYPES.get(given.lower())
    if mapped is None:
        raise malformed(
            response,
            f"the token is of a type that is not understood: {given[:40]!r}",
            code="unsupported-token-type",
            hint="if it is used as a bearer token, the definition says so in `[token.response] token_types`",
        )
    return mapped


def _merged(previous: OAuth2Token | None, made: dict[str, Any]) -> dict[str, Any]:
    if previous is None:
        return {name: value for name, value in made.items() if not (name == "refresh_token" and not value)}
    kept = {
        name: value for name, value in previous.items() if name not in _STALE | {"token_type", "refresh_expires_at"}
    }
    if not made.get("refresh_token"):
        made.pop("refresh_token", None)
        _put(made, "refresh_expires_at", made.get("refresh_expires_at") or previous.get("refresh_expires_at"))
    return kept | made


def _scopes(value: Any, separator: str) -> list[str]:
    if isinstance(value, str):
        pieces = re.split(rf"[\s{re.escape(separator)}]+" if separator.strip() else r"\s+", value)
    elif isinstance(value, (list, tuple)):
        pieces = [str(item) for item in value if item is not None]
    else:
        return []
    return [piece for piece in pieces if piece]


def _refresh_expires_at(fields: Mapping[str, Any], sent_at: float) -> int | None:
    for name in _REFRESH_LIFETIMES:
        lifetime = _number(fields.get(name))
        if lifetime is not None and 0 < lifetime <= _LONGEST_LIFETIME:
            return int(sent_at + lifetime)
    return None


def _number(value: Any) -> float | None:
    """A finite number from a number or its text; never from a boolean."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _iso(value: Any, sent_at: float) -> int | None:
    if not isinstance(value, str) or not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return int(seconds) if 0 < seconds - sent_at <= _LONGEST_LIFETIME else None


def _put(fields: dict[str, Any], name: str, value: Any) -> None:
    if value is not None:
        fields[name] = value
