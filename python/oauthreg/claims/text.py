"""Text with ``{placeholders}``: URLs, realms and parameters whose variables are filled in later.

A literal brace is written twice. A template never calls anything and never grows: it is pieces of text in order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import quote

from oauthreg.claims.placeholders import Placeholder, escape_braces, split_placeholders
from oauthreg.claims.problems import ClaimProblem, TemplateSyntaxError, closest, listed, refusal
from oauthreg.errors import UsageError, quoted
from oauthreg.records import dataclass

if TYPE_CHECKING:
    from oauthreg.claims.paths import Path

Position: TypeAlias = Literal["start", "authority", "path", "query", "fragment"]
"""Where a variable stands if the text is a URL; ``start`` means that it is or begins the whole URL."""

_LONGEST = 8192
_NAME = r"[A-Za-z_][\w.:-]*"
_AUTHORITY = r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?"


@dataclass(frozen=True, slots=True)
class Variable:
    """One placeholder of a text template: its name as written and its position."""

    name: str
    position: Position


Encode: TypeAlias = Callable[[str, Variable], str]
"""Gives a value the form that its position demands."""


@dataclass(frozen=True, slots=True)
class TextTemplate:
    """A parsed text: literal pieces and variables in order."""

    parts: tuple[str | Variable, ...]

    @property
    def names(self) -> frozenset[str]:
        """The names of all variables."""
        return frozenset(part.name for part in self.parts if isinstance(part, Variable))

    @property
    def text(self) -> str:
        """The template as it would be written, literal braces twice."""
        return "".join(escape_braces(part) if isinstance(part, str) else f"{{{part.name}}}" for part in self.parts)

    def fill(self, values: Mapping[str, str], *, encode: Encode | None = None) -> TextTemplate:
        """The template with the given variables filled in and the others left; ``encode`` sees each value first."""
        return TextTemplate(tuple(_positioned(self._filled(values, encode))))

    def render(self, values: Mapping[str, str], *, encode: Encode | None = None) -> str:
        """The text with all variables filled in; ``encode`` sees each value first.

        Raises ``UsageError`` with the code ``missing-variable``.
        """
        filled = list(self._filled(values, encode))
        missing = sorted({part.name for part in filled if isinstance(part, Variable)})
        if missing:
            raise UsageError(
                f"no value for {listed(missing)}",
                code="missing-variable",
                hint="pass `variables={…}` with a value for each",
            )
        return "".join(part for part in filled if isinstance(part, str))

    def _filled(self, values: Mapping[str, str], encode: Encode | None) -> Iterator[str | Variable]:
        for part in self.parts:
            if isinstance(part, str) or part.name not in values:
                yield part
            else:
                yield encode(values[part.name], part) if encode else values[part.name]


def parse_text_template(text: str, *, names: Collection[str] | None = None) -> TextTemplate:
    """A text with variables ``{name}``; ``names`` are those that exist (``None``: any).

    Raises ``TemplateSyntaxError`` with every finding.
    """
    parts = _split(text)
    problems = [
        problem
        for part in parts
        if isinstance(part, Placeholder)
        for problem in _problems_of_name(part.expression, names)
    ]
    if problems:
        raise TemplateSyntaxError([problem for error in problems for problem in error.problems])
    return _template(parts)


def positions(parts: Iterable[str | Placeholder]) -> Iterator[tuple[str, Position]]:
    """What each placeholder of a URL that was split holds, and where in the URL it stands."""
    before = ""
    for part in parts:
        if isinstance(part, str):
            before += part
        else:
            yield part.expression, _position(before)
            before += "x"  # whatever the value is, the URL has begun


@dataclass(frozen=True, slots=True)
class DocumentText:
    """A text whose placeholders are paths into documents, such as ``https://x.example/users/{token:user_id}``.

    ``written`` maps each placeholder to its path, which may name the documents of ``known``.
    """

    template: TextTemplate
    written: Mapping[str, str]
    known: tuple[str, ...]

    @property
    def paths(self) -> dict[str, Path]:
        """The paths, which are parsed when they are first followed: most clients only make requests."""
        from oauthreg.claims.paths import parse_path

        return {name: parse_path(path, documents=self.known) for name, path in self.written.items()}

    @property
    def names(self) -> frozenset[str]:
        """The placeholders as written."""
        return self.template.names

    @property
    def documents(self) -> frozenset[str]:
        """The documents that the text reads."""
        return frozenset[str]().union(*(path.documents for path in self.paths.values()))

    def render(self, documents: Mapping[str, object]) -> str | None:
        """The text with every value encoded for its position in a URL; ``None`` if one is missing or does not fit."""
        from oauthreg.claims.paths import Reading

        reading = Reading(documents)
        values = {name: path.find_text(reading) for name, path in self.paths.items()}
        encoded = [
            part if isinstance(part, str) else encode_for_url(values[part.name], part) for part in self.template.parts
        ]
        return None if None in encoded else "".join(part for part in encoded if part is not None)


def parse_document_text(text: str, *, documents: Collection[str]) -> DocumentText:
    """A text with paths ``{document:path}`` into the named documents.

    Raises ``TemplateSyntaxError`` with every finding.
    """
    from oauthreg.claims.paths import parse_path

    parts = _split(text)
    paths: dict[str, str] = {}
    problems: list[ClaimProblem] = []
    for part in parts:
        if isinstance(part, Placeholder):
            try:
                parse_path(part.expression, documents=documents)
                paths[part.expression] = part.expression
            except TemplateSyntaxError as error:
                problems.extend(error.problems)
    if problems:
        raise TemplateSyntaxError(problems)
    return DocumentText(_template(parts), paths, tuple(documents))


def parse_url_template(text: str, *, names: Collection[str]) -> tuple[TextTemplate, dict[str, str]]:
    """A URL with the placeholders of ``names`` as they are, and stand-ins for all others: paths into documents.

    The second value maps each stand-in to its path. Raises ``TemplateSyntaxError``.
    """
    paths: dict[str, str] = {}
    template = ""
    for piece in split_placeholders(text):
        if isinstance(piece, str):
            template += escape_braces(piece)
        elif piece.expression in names:
            template += f"{{{piece.expression}}}"
        else:
            stand_in = f"document.{len(paths)}"  # names have no dots
            paths[stand_in] = piece.expression
            template += f"{{{stand_in}}}"
    return parse_text_template(template), paths


def encode_for_url(value: str | None, variable: Variable) -> str | None:
    """A value made fit for its position in a URL; ``None`` if it cannot be.

    At the start it is taken as it is. A dot segment is refused: encoded or not, URL libraries would climb by it.
    """
    if value is None or variable.position == "start":
        return value
    if variable.position == "authority":
        return value if re.fullmatch(_AUTHORITY, value, re.ASCII) else None
    if value in {".", ".."}:
        return None
    return quote(value, safe="", errors="replace")


def _split(text: str) -> tuple[str | Placeholder, ...]:
    if len(text) > _LONGEST:
        raise refusal(f"text of {len(text)} characters", f"a template may have {_LONGEST}")
    return split_placeholders(text)


def _problems_of_name(name: str, names: Collection[str] | None) -> Iterator[TemplateSyntaxError]:
    is_plain = name.isascii() and name.isidentifier()
    if not is_plain and not re.fullmatch(_NAME, name, re.ASCII):
        yield refusal(f"not a variable's name: {quoted(name)}", "letters, digits, `_`, `-`, `.` and `:`")
    elif names is not None and name not in names:
        yield refusal(f"unknown variable: {quoted(name)}", closest(name, sorted(names)))


def _template(parts: Sequence[str | Placeholder]) -> TextTemplate:
    unplaced = (part if isinstance(part, str) else Variable(part.expression, "start") for part in parts)
    return TextTemplate(tuple(_positioned(unplaced)))


def _positioned(parts: Iterator[str | Variable]) -> Iterator[str | Variable]:
    """Joined literals, and variables with the position that the text before them gives."""
    before = literal = ""
    for part in parts:
        if isinstance(part, str):
            literal += part
            continue
        if literal:
            yield literal
        before, literal = before + literal, ""
        yield Variable(part.name, _position(before))
        before += "x"  # whatever the value is, the URL has begun
    if literal:
        yield literal


def _position(before: str) -> Position:
    if not before:
        return "start"
    if "#" in before:
        return "fragment"
    if "?" in before:
        return "query"
    scheme, separator, rest = before.partition("://")
    return "authority" if separator and "/" not in scheme + rest else "path"
