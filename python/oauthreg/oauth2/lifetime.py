"""How long a token lives, in every form in which servers say it. Spec: RFC 6749 section 5.1."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

from oauthreg.provider import ExpiresKind, TokenAnswer

_LONGEST = 10 * 365 * 86400
_MILLISECONDS = 1000


def expires_at(answer: TokenAnswer, fields: Mapping[str, Any], sent_at: float) -> int | None:
    """When the token expires, in seconds since 1970; ``None`` for an unknown or absurd lifetime."""
    is_told = answer.expires_kind != "none"
    lifetime = _lifetime(answer, fields, sent_at) if is_told else None
    if lifetime is None:
        lifetime = answer.default_expires_in if is_told else 0
    elif lifetime == 0 and answer.zero_is_expired:
        return int(sent_at)
    ends = [int(sent_at) + lifetime] if 0 < lifetime <= _LONGEST else []
    midnight = None if answer.midnight_in is None else _next_midnight(answer.midnight_in, sent_at)
    return min(ends if midnight is None else [*ends, midnight], default=None)


def _next_midnight(zone: str, now: float) -> int | None:
    """The next midnight there, in seconds since 1970; ``None`` on a machine that does not know the zone."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # one answer in hundreds ends so

    try:
        here = datetime.fromtimestamp(now, ZoneInfo(zone))
    except ZoneInfoNotFoundError:
        return None
    return int(datetime.combine(here.date() + timedelta(days=1), time(), here.tzinfo).timestamp())


def refresh_expires_at(fields: Mapping[str, Any], sent_at: float) -> int | None:
    """When the refresh token expires, in seconds since 1970; ``None`` where the server does not say."""
    for name in ("refresh_expires_in", "refresh_token_expires_in"):
        lifetime = _relative(fields.get(name), sent_at)
        if lifetime is not None and 0 < lifetime <= _LONGEST:
            return int(sent_at + lifetime)
    return None


def moment_of(kind: ExpiresKind, value: Any) -> float | None:
    """The moment that a value names, in seconds since 1970; ``kind`` is one of those that name moments."""
    return _READERS[kind](value, 0.0)


def _lifetime(answer: TokenAnswer, fields: Mapping[str, Any], sent_at: float) -> int | None:
    """The first lifetime that can be read, in whole seconds; ``expires_in`` is of the provider's own kind."""
    readers = (("expires_in", _READERS[answer.expires_kind]), *_OTHERS)
    for name, read in readers:
        lifetime = read(fields.get(name), sent_at)
        if lifetime is not None:
            return math.floor(lifetime)
    return None


def _relative(value: Any, _: float) -> float | None:
    """A finite number from a number or its text; never from a boolean."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _relative_ms(value: Any, sent_at: float) -> float | None:
    number = _relative(value, sent_at)
    return None if number is None else number / _MILLISECONDS


def _absolute(value: Any, sent_at: float) -> float | None:
    number = _relative(value, sent_at)
    return _date(value, sent_at) if number is None else number - sent_at


def _absolute_ms(value: Any, sent_at: float) -> float | None:
    number = _relative_ms(value, sent_at)
    return None if number is None else number - sent_at


def _date_or_relative(value: Any, sent_at: float) -> float | None:
    number = _relative(value, sent_at)
    return _date(value, sent_at) if number is None else number


def _date(value: Any, sent_at: float) -> float | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - sent_at


_READERS: dict[ExpiresKind, Callable[[Any, float], float | None]] = {
    "relative_s": _relative,
    "relative_ms": _relative_ms,
    "absolute_s": _absolute,
    "absolute_ms": _absolute_ms,
    "iso8601": _date_or_relative,
}
_OTHERS = (("expires_at", _absolute), ("expires_on", _absolute), ("expires", _date_or_relative))
