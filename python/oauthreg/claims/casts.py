"""Values of foreign documents read as text, number, truth, time or list; what cannot be read is ``None``.

No cast raises, whatever it is given: documents come from elsewhere.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import TypeAlias

Cast: TypeAlias = Callable[[object], object]
"""A total function from any value to the wanted type, or to ``None``."""

_LONGEST_INTEGER = 256
"""In bits: ids have 64 or 128. Python refuses to print far longer ones, and nobody means them."""
_EXACT_FLOAT = 2**53
_TRUTH: Mapping[object, bool] = MappingProxyType(
    {"true": True, "1": True, 1: True, "false": False, "0": False, 0: False}
)
_INTEGER = re.compile(r"[+-]?[0-9]{1,78}")
_ISO_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})-([0-9]{2})|([0-9]{2})([0-9]{2}))?(?:[T ].*)?", re.DOTALL)
_LATEST = 253_402_300_799  # 9999-12-31T23:59:59Z
_EARLIEST = -62_135_596_800  # 0001-01-01T00:00:00Z
_FRACTIONS = ((10**17, 10**9), (10**14, 10**6), (10**11, 10**3))
"""From which size on a number counts nano-, micro- or milliseconds: 10**11 seconds are the year 5138."""


def is_absent(value: object) -> bool:
    """Whether the value stands for nothing: ``None``, or an empty text, list or object."""
    return value is None or (isinstance(value, (str, list, tuple, Mapping)) and not value)


def is_true(value: object) -> bool:
    """Whether a condition on the value holds: it is there, and neither false nor zero, as text or as itself."""
    return not is_absent(value) and as_bool(value) is not False


def as_text(value: object) -> str | None:
    """The value as text: booleans are ``true`` and ``false``, dates ISO 8601.

    Lists and objects have no text, nor has a float that may have lost digits.
    """
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value) if value.bit_length() <= _LONGEST_INTEGER else None
        case float():
            return _float_text(value)
        case date():
            return value.isoformat()
        case _:
            return None


def as_lower(value: object) -> str | None:
    """The value as text in lower case."""
    text = as_text(value)
    return None if text is None else text.lower()


def as_int(value: object) -> int | None:
    """The value as a whole number; a float only where it is exact, so that no id is read through one."""
    match value:
        case bool():
            return None
        case int():
            return value if value.bit_length() <= _LONGEST_INTEGER else None
        case float():
            return int(value) if value.is_integer() and abs(value) < _EXACT_FLOAT else None
        case str() if _INTEGER.fullmatch(value.strip()):
            return as_int(int(value))
        case _:
            return None


def as_bool(value: object) -> bool | None:
    """True for ``true`` and 1, false for ``false`` and 0, also as text in any case; anything else is neither."""
    if isinstance(value, str):
        return _TRUTH.get(value.strip().lower())
    return _TRUTH.get(value) if isinstance(value, (int, float)) else None


def as_timestamp(value: object) -> int | None:
    """Seconds since 1970 in UTC, from seconds, finer units by their size, or ISO 8601 (UTC without a zone)."""
    number = int(value) if isinstance(value, float) and math.isfinite(value) else as_int(value)
    if number is None:
        return _seconds(_iso_datetime(as_text(value)))
    for size, unit in _FRACTIONS:
        if abs(number) >= size:
            number //= unit
            break
    return number if _EARLIEST <= number <= _LATEST else None


def as_date(value: object) -> str | None:
    """``YYYY-MM-DD`` (or ``YYYY`` alone, or year ``0000`` where it is withheld) from ISO 8601 or a timestamp.

    Spec: OpenID Connect Core section 5.1, ``birthdate``.
    """
    text = as_text(value)
    found = _ISO_DATE.fullmatch(text.strip()) if text else None
    if found:
        year, *rest = (part for part in found.groups() if part)
        return _calendar_day(year, *rest) if rest else year if int(year) else None
    moment = as_timestamp(value) if as_int(value) is not None or isinstance(value, float) else None
    return None if moment is None else (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=moment)).date().isoformat()


def as_list(value: object) -> list[object]:
    """A list as it is; anything else as a list of one."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


CASTS: Mapping[str, Cast] = MappingProxyType(
    {
        "str": as_text,
        "int": as_int,
        "bool": as_bool,
        "timestamp": as_timestamp,
        "date": as_date,
        "lower": as_lower,
        "list": as_list,
    }
)
"""What ``as`` may name."""


def unless_boolean(value: object) -> object:
    """The value, but ``None`` for a boolean: many servers write ``false`` where they have no text."""
    return None if isinstance(value, bool) else value


def as_claim_text(value: object) -> str | None:
    """The value as a standard text claim: blank text is absent, and so are ``false`` and floats, which name nobody."""
    text = None if isinstance(value, float) else as_text(unless_boolean(value))
    return text if text and not text.isspace() else None


def as_claim_flag(value: object) -> bool | None:
    """The value as a standard claim that is true or false, spelt out or not; no number makes it true.

    Whoever is taken to have a verified address gets what belongs to it. Spec: OpenID Connect Core section 5.1.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return None if is_number and value else as_bool(value)


def as_address(value: object) -> dict[str, object] | None:
    """The value as an address object; plain text becomes its ``formatted`` member."""
    if isinstance(value, Mapping):
        return dict(value) or None
    text = as_claim_text(value)
    return None if text is None else {"formatted": text}


STANDARD_CLAIMS: Mapping[str, type] = MappingProxyType(
    {
        "sub": str,
        "name": str,
        "given_name": str,
        "family_name": str,
        "middle_name": str,
        "nickname": str,
        "preferred_username": str,
        "profile": str,
        "picture": str,
        "website": str,
        "email": str,
        "email_verified": bool,
        "gender": str,
        "birthdate": str,
        "zoneinfo": str,
        "locale": str,
        "phone_number": str,
        "phone_number_verified": bool,
        "address": dict,
        "updated_at": int,
    }
)
"""The standard claims and their types. Spec: OpenID Connect Core section 5.1."""

_STANDARD_CASTS: Mapping[type, Cast] = MappingProxyType(
    {str: as_claim_text, bool: as_claim_flag, dict: as_address, int: as_timestamp}
)


def standard_cast(name: str) -> Cast | None:
    """The cast that gives a standard claim its type; other claims have none."""
    kind = STANDARD_CLAIMS.get(name)
    return None if kind is None else _STANDARD_CASTS[kind]


def _float_text(value: float) -> str | None:
    if not abs(value) < _EXACT_FLOAT:  # infinity and NaN, too
        return None
    return str(int(value)) if value.is_integer() else repr(value)


def _iso_datetime(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text.strip()) if text else None
    except ValueError:
        return None


def _seconds(moment: datetime | None) -> int | None:
    """Counted in whole seconds: ``datetime.timestamp`` goes through a float and, for naive times, the local zone."""
    if moment is None:
        return None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (zoned - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)


def _calendar_day(year: str, month: str, day: str) -> str | None:
    """Year 0000, which no calendar has, allows every day of a leap year."""
    try:
        date(int(year) or 2000, int(month), int(day))
    except ValueError:
        return None
    return f"{year}-{month}-{day}"
