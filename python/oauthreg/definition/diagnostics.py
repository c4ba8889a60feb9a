"""Problems of a definition: each with its place, the source line, a caret and a hint.

::

    providers/acme.toml:7:1: unknown key in `[oauth1]`: 'placment'
      placment = "header"
      ^^^^^^^^
      hint: did you mean `placement`?
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Literal, TypeAlias

from oauthreg.records import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from oauthreg.definition.spans import KeyPath, Span, Spans

Target: TypeAlias = Literal["key", "value", "table"]

MOST_FINDINGS = 100
"""A file with more is not one that somebody mends line by line; each costs a search for what was meant and where."""

_WIDEST = 120
_LEAD = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at a key path, not placed yet.

    ``at`` says what is wrong: the key, its value (or ``part`` of it), or a table that lacks the last key of the path.
    ``mask`` keeps the value out of the source line that is shown.
    """

    path: KeyPath
    message: str
    hint: str = ""
    at: Target = "value"
    part: str = ""
    mask: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding in a provider file. Line and column count from 1, in characters; ``key`` is the dotted path.

    ``source`` is the line that the place is on and ``length`` how far the fault reaches there. ``definition`` is the
    file of the definition that was being checked where that is another one, which extends this.
    """

    file: str
    line: int
    column: int
    key: str
    message: str
    hint: str = ""
    source: str = field(default="", repr=False)
    length: int = field(default=1, repr=False)
    definition: str = ""


def place(finding: Finding, file: str, spans: Spans) -> Problem:
    """The finding at its place in a text."""
    span = _span(finding, spans)
    hidden = spans.value(finding.path).column - 1 if finding.mask else None
    return place_at(span, file, spans, finding.message, finding.hint, key=render_path(finding.path), hidden=hidden)


def place_at(
    span: Span, file: str, spans: Spans, message: str, hint: str = "", *, key: str = "", hidden: int | None = None
) -> Problem:
    """A problem at a known place; what follows ``hidden`` characters of its line is not shown."""
    source = spans.line(span.line)
    shown = spans.shown_length(span.line)
    cut = shown if hidden is None else min(shown, hidden)
    if cut < len(source):
        source = f"{source[:cut]}…"
        span = type(span)(span.line, min(span.column, cut + 1), max(min(span.length, cut + 2 - span.column), 1))
    return Problem(file, span.line, span.column, key, message, hint, source, span.length)


def render_problem(problem: Problem) -> str:
    """The problem as lines of text: place and message, the source line, a caret, the hint, whose problem it is."""
    lines = [f"{problem.file}:{problem.line}:{problem.column}: {problem.message}"]
    if problem.source.strip():
        shown, start, length = _window(problem)
        before = shown[:start]
        lines += [f"  {shown}", f"  {' ' * _width(before)}{'^' * max(_width(shown[start : start + length]), 1)}"]
    if problem.hint:
        lines.append(f"  hint: {problem.hint}")
    if problem.definition:
        lines.append(f"  note: found while checking {problem.definition}, which extends this file")
    return "\n".join(lines)


def render_problems(problems: Iterable[Problem]) -> str:
    """All problems, in the order of their places."""
    return "\n".join(render_problem(problem) for problem in problems)


def render_path(path: Sequence[str | int]) -> str:
    """A key path as it would be written: ``identity.request[0].url``."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += f".{key}" if text else key
    return text


def _span(finding: Finding, spans: Spans) -> Span:
    if finding.at == "table":
        return spans.key(finding.path[:-1])
    if finding.at == "key":
        return spans.key(finding.path)
    return spans.value(finding.path, finding.part)


def _window(problem: Problem) -> tuple[str, int, int]:
    """The piece of a long line around the place, where in it the fault starts, and how long it is there.

    What would move the caret is shown as a space, or as a replacement character.
    """
    source = problem.source.rstrip()
    start = problem.column - 1
    indent = len(source) - len(source.lstrip())
    cut = indent if len(source) <= _WIDEST else max(min(start - _LEAD, len(source) - _WIDEST), indent)
    lead = "…" if cut > indent else ""
    shown = "".join(_visible(letter) for letter in source[cut : cut + _WIDEST])
    tail = "…" if cut + _WIDEST < len(source) else ""
    return f"{lead}{shown}{tail}", max(start - cut, 0) + len(lead), min(problem.length, len(shown))


def _visible(letter: str) -> str:
    if letter.isspace():
        return " "
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else letter


def _width(text: str) -> int:
    """How many cells a terminal gives to the text."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in {"W", "F"} else 1
        for letter in text
    )
