"""Claim templates: the ``[claims]`` table of a provider, parsed once and rendered for every login.

A claim is a path; or a list of claims, of which the first that is there counts; or a table::

    { path = "id", as = "str" }                        a path with filters
    { format = "https://x.example/{id}", if = "id" }   text with paths; null if one is missing, unless written {id?}
    { value = "https://x.example" }                    a constant

Beside them stand ``if = "path"`` or ``if = "not path"``, with ``else`` (a claim of its own) for when it does not hold,
and the filters of ``FILTERS``, which work on every item of a list.
"""

import html
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from types import MappingProxyType
from typing import Protocol, TypeAlias
from urllib.parse import unquote

from oauthreg.claims.casts import (
    CASTS,
    STANDARD_CLAIMS,
    Cast,
    as_int,
    as_list,
    as_text,
    is_absent,
    standard_cast,
    unless_boolean,
)
from oauthreg.claims.dates import parse_date_pattern
from oauthreg.claims.paths import Condition, ExhaustedError, Path, Reading, parse_condition, parse_path
from oauthreg.claims.placeholders import Placeholder, split_placeholders
from oauthreg.claims.problems import ClaimProblem, ClaimsSyntaxError, TemplateSyntaxError, closest, listed, refusal
from oauthreg.errors import quoted
from oauthreg.records import dataclass

_LONGEST_TEXT = 8192
_LARGEST = 65_536
_MOST_ITEMS = 1000
_DEEPEST = 12
_MOST_CLAIMS = 256
_MOST_ALTERNATIVES = 16
_DEEPEST_ELSE = 4
_LONGEST_FORMAT = 512
_REMEMBERED = 1024
_NOTHING: Mapping[str, object] = {}
_MOST_UNKNOWN = 20
"""More unknown keys in one table are no typos."""

KeyPath: TypeAlias = tuple[str | int, ...]


class Source(Protocol):
    """Where a claim's value comes from."""

    def read(self, reading: Reading) -> object:
        """The value, or ``None``; raises ``ExhaustedError``."""


@dataclass(frozen=True, slots=True)
class Constant:
    """The same value always."""

    value: object

    def read(self, _: Reading) -> object:
        """The value."""
        return self.value


@dataclass(frozen=True, slots=True)
class OptionalPath:
    """A placeholder ``{path?}`` that may be missing."""

    path: Path


@dataclass(frozen=True, slots=True)
class Format:
    """Text with paths in it; in one that is ``naming`` somebody, a boolean is a missing value."""

    parts: tuple[str | Path | OptionalPath, ...]
    naming: bool = False

    def read(self, reading: Reading) -> object:
        """The text; a missing optional part takes the white space on its one side with it."""
        text = ""
        left_out = False
        for part in self.parts:
            piece = self._piece(part, reading)
            if piece is None:
                return None
            if left_out and (not text or text[-1].isspace()):
                piece = piece.lstrip()
            left_out = not piece and isinstance(part, OptionalPath)
            if len(text) + len(piece) > _LONGEST_TEXT:
                return None
            text += piece
        return text.strip() if any(isinstance(part, OptionalPath) for part in self.parts) else text

    def _piece(self, part: str | Path | OptionalPath, reading: Reading) -> str | None:
        if isinstance(part, str):
            return part
        value = (part.path if isinstance(part, OptionalPath) else part).read(reading)
        text = as_text(unless_boolean(value) if self.naming else value)
        return "" if text is None and isinstance(part, OptionalPath) else text


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to a claim: a source, what is done with its value, and when it counts."""

    source: Source
    condition: Condition | None = None
    otherwise: "tuple[Alternative, ...]" = ()
    filters: tuple[Cast, ...] = ()

    def read(self, reading: Reading, cast: Cast | None) -> object:
        """The filtered value in the type of ``cast``, or ``None``; raises ``ExhaustedError``."""
        if self.condition and not self.condition.read(reading):
            return _first(self.otherwise, reading, cast)
        value = _detached(self.source.read(reading), reading)
        for apply in (*self.filters, cast) if cast else self.filters:
            if is_absent(value):
                return None
            value = apply(value)
        return None if is_absent(value) else value


@dataclass(frozen=True, slots=True)
class ClaimsTemplate:
    """A parsed claims table: its claims' names in order, and the documents that it reads."""

    names: tuple[str, ...]
    documents: frozenset[str]
    claims: tuple[tuple[Alternative, ...], ...]

    def render(self, documents: Mapping[str, object]) -> dict[str, object]:
        """The claims that the documents give, by name; an absent one is left out, a standard one has its type.

        ``documents`` maps ``userinfo``, ``token`` … to parsed answers. Never raises: what is too long (8,192
        characters), too large (65,536 in all, 1,000 items) or too deep (12) is absent.
        """
        reading = Reading(documents)
        claims: dict[str, object] = {}
        for name, alternatives in zip(self.names, self.claims, strict=True):
            try:
                value = _first(alternatives, reading, standard_cast(name))
            except ExhaustedError:
                continue
            if value is not None:
                claims[name] = value
        return claims


def parse_claims(table: Mapping[str, object], *, documents: Collection[str]) -> ClaimsTemplate:
    """The template in a claims table; ``documents`` are all that its paths may read, ``userinfo`` included.

    Raises ``ClaimsSyntaxError`` with all findings at once.
    """
    parser = _ClaimsParser(documents)
    claims = tuple(parser.claim(value, (name,)) for name, value in islice(table.items(), _MOST_CLAIMS))
    if len(table) > _MOST_CLAIMS:
        parser.report((), f"{len(table)} claims", f"a table may have {_MOST_CLAIMS}")
    if parser.problems:
        raise ClaimsSyntaxError(parser.problems)
    return ClaimsTemplate(tuple(table), frozenset(parser.read), claims)


def _first(alternatives: tuple[Alternative, ...], reading: Reading, cast: Cast | None) -> object:
    for alternative in alternatives:
        value = alternative.read(reading, cast)
        if value is not None:
            return value
    return None


def _detached(value: object, reading: Reading) -> object:
    """A copy of the value that shares nothing with the document, ``None`` if it is beyond bounds."""
    if not isinstance(value, (dict, list, tuple, Mapping)):
        return _plain(value)
    try:
        return _Copy(reading).of(value, 0)
    except _TooLargeError:
        return None


def _plain(value: object) -> object:
    """A scalar as JSON knows it."""
    match value:
        case str():
            return value if len(value) <= _LONGEST_TEXT else None
        case None | bool():
            return value
        case int():
            return as_int(value)
        case float():
            return value if math.isfinite(value) else None
        case _:
            return as_text(value)


class _TooLargeError(Exception):
    pass


@dataclass(slots=True)
class _Copy:
    """Copies one value and counts; raises ``_TooLargeError``."""

    reading: Reading
    items: int = 0
    characters: int = 0

    def of(self, value: object, depth: int) -> object:
        if depth > _DEEPEST:
            raise _TooLargeError
        match value:
            case Mapping():
                self._count("")
                return {self._key(key): self.of(item, depth + 1) for key, item in value.items()}
            case list() | tuple():
                self._count("")
                return [self.of(item, depth + 1) for item in value]
            case _:
                plain = _plain(value)
                self._count(plain)
                return plain

    def _key(self, key: object) -> str:
        text = as_text(key) or ""
        self.characters += len(text)
        return text

    def _count(self, value: object) -> None:
        self.reading.spend()
        self.items += 1
        self.characters += len(value) if isinstance(value, str) else 0
        if self.items > _MOST_ITEMS or self.characters > _LARGEST:
            raise _TooLargeError


# --- filters ----------------------------------------------------------------------------------------------------------


def _each(apply: Cast) -> Cast:
    """The filter for every item of a list, those without a result left out, or for the one value."""

    def filtered(value: object) -> object:
        if not isinstance(value, list):
            return apply(value)
        results = (apply(item) for item in value if not is_absent(item))
        return [result for result in results if not is_absent(result)]

    return filtered


def _on_text(apply: Callable[[str], object]) -> Cast:
    def filtered(value: object) -> object:
        text = as_text(value)
        return None if text is None else apply(text)

    return _each(filtered)


def _flag(apply: Callable[[str], str]) -> Callable[[object], Cast | None]:
    def make(argument: object) -> Cast | None:
        if not isinstance(argument, bool):
            raise refusal(f"not a boolean: {quoted(argument)}", "write `true`, or leave the key out")
        return _on_text(apply) if argument else None

    return make


def _secure(url: str) -> str:
    """The URL with the scheme ``https`` in place of ``http`` or none."""
    if url[:7].lower() == "http://":
        return f"https://{url[7:]}"
    return f"https:{url}" if url.startswith("//") else url


def _strip_prefix(argument: object) -> Cast:
    if not isinstance(argument, str) or not argument:
        raise refusal(f"not a text: {quoted(argument)}", "the prefix to drop, such as `urn:person:`")
    return _on_text(lambda text: text.removeprefix(argument))


def _map(argument: object) -> Cast:
    if not isinstance(argument, Mapping) or not argument:
        raise refusal(f"not a table: {quoted(argument)}", 'as in `map = { 1 = "female", 2 = "male" }`')
    for value in argument.values():
        if not isinstance(value, (str, int)):
            raise refusal(f"neither text, number nor boolean: {quoted(value)}", "a claim's value is plain")
    rows = {str(key): value for key, value in argument.items()}
    return _on_text(rows.get)


def _cast(argument: object) -> Cast:
    if not isinstance(argument, str) or argument not in CASTS:
        raise refusal(f"unknown cast: {quoted(argument)}", closest(str(argument), CASTS))
    return as_list if argument == "list" else _each(CASTS[argument])


def _join(argument: object) -> Cast:
    if not isinstance(argument, str):
        raise refusal(f"not a text: {quoted(argument)}", 'what goes between the items, such as `" "`')

    def joined(value: object) -> object:
        texts = [text for text in map(as_text, as_list(value)) if text]
        text = argument.join(texts)
        return text if len(text) <= _LONGEST_TEXT else None

    return joined


FILTERS: Mapping[str, Callable[[object], Cast | None]] = MappingProxyType(
    {
        "html_unescape": _flag(html.unescape),
        "urldecode": _flag(unquote),
        "strip_prefix": _strip_prefix,
        "lower": _flag(str.lower),
        "https": _flag(_secure),
        "map": _map,
        "as": _cast,
        "join": _join,
    }
)
"""The filters in the order in which they work: each makes a function of its argument, or refuses the argument."""

# --- parsing ----------------------------------------------------------------------------------------------------------

_SOURCES = ("path", "format", "value")
_KEYS = (*_SOURCES, "if", "else", *FILTERS, "format_in")
_TEXTUAL = (str, dict)
"""Types of standard claims that are made of text."""
_DATE_CASTS = ("date", "timestamp")
_CLAIM_HINT = 'a claim is a path, a list, or a table such as `{ path = "id", as = "str" }`'


@lru_cache(maxsize=_REMEMBERED)
def _parsed(text: str, documents: tuple[str, ...]) -> tuple[Path, tuple[Alternative, ...]]:
    """A claim that is a path alone, parsed once: ``id`` and ``email`` stand in nearly every definition."""
    path = parse_path(text, documents=documents)
    return path, (Alternative(path),)


class _ClaimsParser:
    """Parses claims and goes on after a fault, so that one pass finds all."""

    def __init__(self, documents: Collection[str]) -> None:
        self.documents = tuple(documents)
        self.problems: list[ClaimProblem] = []
        self.read: set[str] = set()

    def report(self, key_path: KeyPath, message: str, hint: str = "") -> None:
        self.problems.append(ClaimProblem(key_path, message, hint))

    def claim(self, value: object, at: KeyPath, depth: int = 0) -> tuple[Alternative, ...]:
        """The alternatives of a claim or of an ``else``."""
        if isinstance(value, str):
            return self._bare(value, at)
        if not isinstance(value, list):
            return self._alternative(value, at, depth)
        if not value:
            self.report(at, "empty list of alternatives", _CLAIM_HINT)
        if len(value) > _MOST_ALTERNATIVES:
            self.report(at, f"{len(value)} alternatives", f"a claim may have {_MOST_ALTERNATIVES}")
        found: list[Alternative] = []
        for index, item in enumerate(value[:_MOST_ALTERNATIVES]):
            found += self._alternative(item, (*at, index), depth)
        return tuple(found)

    def _alternative(self, value: object, at: KeyPath, depth: int) -> tuple[Alternative, ...]:
        """One alternative, or none if it is at fault."""
        if isinstance(value, str):
            return self._bare(value, at)
        if not isinstance(value, Mapping):
            self.report(at, f"not a claim: {quoted(value)}", _CLAIM_HINT)
            return ()
        source = self._source(value, at)
        condition = self._condition(value, at)
        otherwise = self._otherwise(value, at, depth)
        filters = tuple(self._filters(value, at))
        if source is None:
            return ()
        self._check_single(source, value, at)
        return (Alternative(source, condition, otherwise, filters),)

    def _bare(self, text: str, at: KeyPath) -> tuple[Alternative, ...]:
        """The alternative that is a path alone."""
        try:
            path, alternatives = _parsed(text, self.documents)
        except TemplateSyntaxError as error:
            self._relay(error, at)
            return ()
        self.read |= path.documents
        if path.is_list:
            self._check_single(path, _NOTHING, at)
        return alternatives

    def _check_single(self, source: Source, table: Mapping[str, object], at: KeyPath) -> None:
        """A list can be no standard claim: it would always be absent."""
        is_list = (isinstance(source, Path) and source.is_list) or table.get("as") == "list"
        if is_list and "join" not in table and at[0] in STANDARD_CLAIMS:
            self.report(at, f"a list cannot be the claim `{at[0]}`", "select an item, as in `[0]`, or add `join`")

    def _source(self, table: Mapping[str, object], at: KeyPath) -> Source | None:
        unknown = [key for key in table if key not in _KEYS]
        for key in unknown[:_MOST_UNKNOWN]:
            self.report((*at, key), f"unknown key in a claim: {quoted(key)}", closest(key, _KEYS))
        named = [key for key in _SOURCES if key in table]
        if len(named) != 1:
            found = f"has {listed(named)}" if named else f"has none of {listed(_SOURCES)}"
            self.report(at, f"a claim's table {found}", f"write exactly one of {listed(_SOURCES)}")
            return None
        key = named[0]
        value = table[key]
        if key == "value":
            return self._constant(table, value, at)
        if not isinstance(value, str):
            self.report((*at, key), f"not a text: {quoted(value)}", _CLAIM_HINT)
            return None
        return self._path(value, (*at, key)) if key == "path" else self._format(value, (*at, key))

    def _constant(self, table: Mapping[str, object], value: object, at: KeyPath) -> Constant | None:
        for key in table:
            if key in FILTERS:
                self.report((*at, key), f"`{key}` does nothing to a constant", "write the value as it should be")
        items = value if isinstance(value, list) else [value]
        if is_absent(value) or not all(isinstance(item, (str, int)) for item in items):
            self.report(
                (*at, "value"),
                f"not a constant: {quoted(value)}",
                "a text, a whole number, a boolean, or a list of them",
            )
            return None
        return Constant(value)

    def _path(self, text: str, at: KeyPath) -> Path | None:
        try:
            path = parse_path(text, documents=self.documents)
        except TemplateSyntaxError as error:
            self._relay(error, at)
            return None
        self.read |= path.documents
        return path

    def _format(self, text: str, at: KeyPath) -> Format | None:
        if len(text) > _LONGEST_FORMAT:
            self.report(at, f"format of {len(text)} characters", f"a format may have {_LONGEST_FORMAT}")
            return None
        try:
            pieces = split_placeholders(text)
        except TemplateSyntaxError as error:
            self._relay(error, at)
            return None
        if not any(isinstance(piece, Placeholder) for piece in pieces):
            self.report(at, f"format without a placeholder: {quoted(text)}", 'a constant is `{ value = "…" }`')
        parts = [self._part(piece, at) for piece in pieces]
        return Format(tuple(part for part in parts if part is not None), STANDARD_CLAIMS.get(str(at[0])) in _TEXTUAL)

    def _part(self, piece: str | Placeholder, at: KeyPath) -> str | Path | OptionalPath | None:
        if isinstance(piece, str):
            return piece
        optional = piece.expression.endswith("?")
        path = self._path(piece.expression.removesuffix("?"), at)
        return OptionalPath(path) if path and optional else path

    def _condition(self, table: Mapping[str, object], at: KeyPath) -> Condition | None:
        text = table.get("if")
        if "if" not in table:
            return None
        at = (*at, "if")
        if not isinstance(text, str):
            self.report(at, f"not a condition: {quoted(text)}", "a path, or `not` and a path")
            return None
        try:
            condition = parse_condition(text, documents=self.documents)
        except TemplateSyntaxError as error:
            self._relay(error, at)
            return None
        self.read |= condition.path.documents
        return condition

    def _otherwise(self, table: Mapping[str, object], at: KeyPath, depth: int) -> tuple[Alternative, ...]:
        if "else" not in table:
            return ()
        at = (*at, "else")
        if "if" not in table:
            self.report(at, "`else` without `if`", "alternatives for a missing value are a list of claims")
        if depth >= _DEEPEST_ELSE:
            self.report(at, "too many `else` within each other", f"{_DEEPEST_ELSE} are allowed")
            return ()
        return self.claim(table["else"], at, depth + 1)

    def _filters(self, table: Mapping[str, object], at: KeyPath) -> Iterator[Cast]:
        # A filter would make text of it, which then passed for a name. Only `map` says what a boolean means.
        if STANDARD_CLAIMS.get(str(at[0])) in _TEXTUAL and "map" not in table:
            yield _each(unless_boolean)
        for key, make in FILTERS.items():
            if key in table:
                try:
                    apply = make(table[key])
                except TemplateSyntaxError as error:
                    self._relay(error, (*at, key))
                    continue
                if key == "as" and "format_in" in table:
                    apply = self._date_cast(table, at)
                if apply:
                    yield apply
        if "format_in" in table and "as" not in table:
            self.report((*at, "format_in"), "`format_in` without `as`", f"add {listed(_DATE_CASTS)}")

    def _date_cast(self, table: Mapping[str, object], at: KeyPath) -> Cast | None:
        text = table["format_in"]
        at = (*at, "format_in")
        if table["as"] not in _DATE_CASTS:
            self.report(at, f"`format_in` with the cast {quoted(table['as'])}", f"it goes with {listed(_DATE_CASTS)}")
        elif not isinstance(text, str):
            self.report(at, f"not a text: {quoted(text)}", "a date pattern, such as `%d.%m.%Y`")
        else:
            try:
                pattern = parse_date_pattern(text)
            except TemplateSyntaxError as error:
                self._relay(error, at)
            else:
                return _each(pattern.as_date if table["as"] == "date" else pattern.as_timestamp)
        return None

    def _relay(self, error: TemplateSyntaxError, at: KeyPath) -> None:
        for problem in error.problems:
            self.report((*at, *problem.key_path), problem.message, problem.hint)
