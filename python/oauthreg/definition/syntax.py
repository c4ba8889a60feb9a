"""From text to parsed TOML, or to the place where it is none."""

import re
from typing import Any

import tomli

from oauthreg.definition.diagnostics import Problem, place_at, render_problem
from oauthreg.definition.spans import Span, Spans
from oauthreg.errors import DefinitionSyntaxError

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_QUOTES = 'text stands in quotes: `key = "value"`; booleans are `true` and `false`'
_MORE = "unexpected text after a value"
_TWICE = "the key is defined twice"
_NOT_CLOSED = "the text is not closed"
_NO_DAY = ("no such day or time", "a date is year, month and day, as in `2026-11-25`")
_DATE = re.compile(r"(?<![\w-])[0-9]{4}-[0-9]+-[0-9]+")
_INTEGER = re.compile(r"[+-]?[0-9_]+|0[xob][0-9A-Fa-f_]+")
_INTEGERS = range(-(2**63), 2**63)
"""What TOML asks of its readers. Python's takes more, of which no text can be made. Spec: TOML 1.1.0, Integer."""
_LONGEST_INTEGER = 100
"""Characters: `_INTEGERS` in any notation, with room for zeros and `_`."""

_WORDS: tuple[tuple[str, str, str], ...] = (
    ("Invalid statement", "neither a key nor a header", 'a line is `key = "value"`, `[table]`, or a `# comment`'),
    ("Expected newline", _MORE, "one `key = value` on a line; no leading zeros in numbers"),
    ("Expected '='", "`=` is missing after the key", 'as in `key = "value"`'),
    ("Expected ']", "the header is not closed", "as in `[table]` or `[[list]]`, alone on its line"),
    ("Expected", _NOT_CLOSED, "end it with the quotes that it begins with"),
    (
        "Invalid initial character for a key",
        "not a key",
        "a key has letters, digits, `_` and `-`, or stands in quotes",
    ),
    ("Invalid value (at end", "the value is missing, or its list is not closed", 'as in `["a", "b"]`'),
    ("Invalid value", "not a value", _QUOTES),
    ("Invalid date", *_NO_DAY),
    ("Illegal character '\\n'", _NOT_CLOSED, "end it with quotes on its line, or begin and end it with three"),
    ("Found invalid character '\\n'", _NOT_CLOSED, "end it with quotes on its line, or begin and end it with three"),
    ("Illegal character", "a control character", "write it as an escape, such as `\\t` or `\\u0000`"),
    ("Found invalid character", "a control character", "write it as an escape in double quotes"),
    ("Unterminated string", _NOT_CLOSED, "end it with the quotes that it begins with"),
    ("Unclosed array", "the list is not closed, or lacks a comma", 'as in `["a", "b"]`'),
    (
        "Unclosed inline table",
        "the inline table is not closed, or lacks a comma",
        'as in `{ a = "1", b = "2" }`',
    ),
    ("Unescaped", "a backslash that escapes nothing", "write it twice, or put the text in single quotes"),
    ("Invalid hex value", "a bad escape in the text", "as in `\\u00e9`, with four digits"),
    ("Escaped character", "a bad escape in the text", "the number is no character of Unicode"),
    ("Cannot overwrite", _TWICE, ""),
    ("Cannot declare", _TWICE, ""),
    ("Cannot mutate", _TWICE, "what is written as an inline value cannot be added to"),
    ("Cannot redefine", _TWICE, ""),
    ("Duplicate inline table key", _TWICE, ""),
)
"""Start of the parser's message -> ours, and what to do."""


def parse_toml(text: str, file: str) -> dict[str, Any]:
    """The tables of a text. Raises ``DefinitionSyntaxError`` with the place of the fault. Spec: TOML 1.1.0."""
    try:
        data = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise syntax_error(_problem(str(error), file, Spans(text))) from None
    except RecursionError:
        spans = Spans("")
        raise syntax_error(place_at(Span(1, 1), file, spans, "tables and lists nest too deep")) from None
    except ValueError:
        raise _too_long_integer(text, file) from None
    if not _has_usual_integers(data):
        raise _too_long_integer(text, file)
    return data


def syntax_error(problem: Problem) -> DefinitionSyntaxError:
    """The error of a text that cannot be read."""
    return DefinitionSyntaxError(render_problem(problem), problems=(problem,))


def _problem(message: str, file: str, spans: Spans) -> Problem:
    found = _PLACE.search(message)
    words, hint = next(
        ((words, hint) for start, words, hint in _WORDS if message.startswith(start)),
        (message[:1].lower() + _PLACE.sub("", message[1:]), ""),
    )
    line, column = (found[1], found[2]) if found else (None, None)
    offset = spans.offset(int(line), int(column)) if line and column else len(spans.text)
    span = spans.at(offset) if line else spans.last_key(offset)
    date = next(
        (found for found in _DATE.finditer(spans.line(span.line)) if found.start() < span.column <= found.end()), None
    )
    if words in (_MORE, _NO_DAY[0]) and date is not None:  # or its year alone was read, as a number
        (words, hint), span = _NO_DAY, Span(span.line, date.start() + 1, len(date[0]))
    if words == _TWICE:
        span, first = spans.repeated(offset) or (span, None)
        hint = f"it stands on line {first.line} already" if first else hint
    return place_at(span, file, spans, words, hint)


def _has_usual_integers(data: dict[str, Any]) -> bool:
    tables: list[Any] = [data]
    for table in tables:
        for value in table.values() if type(table) is dict else table:
            kind = type(value)
            if kind is dict or kind is list:
                tables.append(value)
            elif kind is int and value not in _INTEGERS:
                return False
    return True


def _too_long_integer(text: str, file: str) -> DefinitionSyntaxError:
    spans = Spans(text)
    place = next((place for number, place in spans.bare() if _is_too_long(number)), Span(1, 1))
    return syntax_error(place_at(place, file, spans, "a number that is too long", "whole numbers have 64 bits at most"))


def _is_too_long(number: str) -> bool:
    if not _INTEGER.fullmatch(number):
        return False
    return len(number) > _LONGEST_INTEGER or int(number, 0) not in _INTEGERS
