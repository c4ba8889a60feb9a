"""Dates in other forms than ISO 8601, described by patterns such as ``%d.%m.%Y``.

``datetime.strptime`` reads month names in the language of the process and accepts a wrong pattern until it meets a
date, so the patterns are compiled here: in English, and checked when they are read.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType

from oauthreg.claims.casts import as_text
from oauthreg.claims.problems import closest, refusal
from oauthreg.errors import quoted
from oauthreg.records import dataclass

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PIVOT = 69
"""Two-digit years from here on are of the 20th century. Spec: POSIX ``strptime``."""

DIRECTIVES: Mapping[str, str] = MappingProxyType(
    {
        "%Y": r"(?P<Y>[0-9]{4})",
        "%y": r"(?P<y>[0-9]{2})",
        "%m": r"(?P<m>[0-9]{1,2})",
        "%d": r"(?P<d>[0-9]{1,2})",
        "%B": rf"(?P<B>{'|'.join(_MONTHS)})",
        "%b": rf"(?P<b>{'|'.join(name[:3] for name in _MONTHS)})",
        "%A": rf"(?:{'|'.join(_DAYS)})",
        "%a": rf"(?:{'|'.join(name[:3] for name in _DAYS)})",
        "%H": r"(?P<H>[0-9]{1,2})",
        "%M": r"(?P<M>[0-9]{1,2})",
        "%S": r"(?P<S>[0-9]{1,2})",
        "%z": r"(?P<z>Z|[+-][0-9]{2}:?[0-9]{2})",
        "%%": "%",
    }
)
"""The directives of ``strptime`` that a pattern may hold, and what each matches."""

_NEEDED = (("%Y", "%y"), ("%m", "%b", "%B"), ("%d",))
_PIECES = re.compile(r"%.?|\s+|[^%\s]+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class DatePattern:
    """A compiled pattern."""

    regex: re.Pattern[str]

    def as_date(self, value: object) -> str | None:
        """``YYYY-MM-DD`` of a text that fits the pattern."""
        moment = self._read(value)
        return None if moment is None else moment.date().isoformat()

    def as_timestamp(self, value: object) -> int | None:
        """Seconds since 1970 of a text that fits the pattern, in UTC where it names no zone."""
        moment = self._read(value)
        return None if moment is None else (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)

    def _read(self, value: object) -> datetime | None:
        text = as_text(value)
        found = self.regex.fullmatch(text.strip()) if text else None
        return _moment(found.groupdict()) if found else None


def parse_date_pattern(text: str) -> DatePattern:
    """The compiled form of a ``format_in``, which must tell year, month and day.

    Raises ``TemplateSyntaxError``.
    """
    pieces = _PIECES.findall(text)
    directives = [piece for piece in pieces if piece.startswith("%")]
    for directive in directives:
        if directive not in DIRECTIVES:
            raise refusal(f"unknown date directive: {quoted(directive)}", closest(directive, DIRECTIVES))
        if directive != "%%" and directives.count(directive) > 1:
            raise refusal(f"date directive stands twice: {quoted(directive)}", "keep one of them")
    if not all(any(name in directives for name in names) for names in _NEEDED):
        raise refusal(f"date pattern without year, month or day: {quoted(text)}", "for example `%d.%m.%Y`")
    regex = "".join(DIRECTIVES.get(piece) or (r"\s+" if piece.isspace() else re.escape(piece)) for piece in pieces)
    return DatePattern(re.compile(regex, re.IGNORECASE | re.ASCII))


def _moment(found: Mapping[str, str | None]) -> datetime | None:
    numbers = {name: int(text) for name, text in found.items() if text and name in "YymdHMS"}
    try:
        return datetime(
            numbers["Y"] if "Y" in numbers else _full_year(numbers["y"]),
            numbers["m"] if "m" in numbers else _month(found.get("B") or found.get("b") or ""),
            numbers["d"],
            numbers.get("H", 0),
            numbers.get("M", 0),
            numbers.get("S", 0),
            tzinfo=_zone(found.get("z") or "Z"),
        )
    except ValueError:
        return None


def _full_year(year: int) -> int:
    return year + (1900 if year >= _PIVOT else 2000)


def _month(name: str) -> int:
    return next(number for number, month in enumerate(_MONTHS, 1) if month.startswith(name.lower()))


def _zone(text: str) -> timezone:
    if text in "Zz":
        return UTC
    distance = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-distance if text[0] == "-" else distance)
