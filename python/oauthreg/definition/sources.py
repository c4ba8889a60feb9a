"""From texts of definitions to a validated one: read, merged along what they extend, their problems placed.

Apart from ``loader`` because pydantic and all that knows the schema are imported with it, and a definition that was
found good before needs none of them.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from oauthreg.definition.diagnostics import MOST_FINDINGS, Finding, Problem, place, place_at, render_problems
from oauthreg.definition.examples import check_examples
from oauthreg.definition.model import Definition
from oauthreg.definition.names import shown
from oauthreg.definition.requests import VERIFIED
from oauthreg.definition.spans import KeyPath, Spans
from oauthreg.definition.suggestions import hint
from oauthreg.definition.syntax import parse_toml, syntax_error
from oauthreg.definition.validation import InvalidDefinition, validate
from oauthreg.errors import DefinitionError, DefinitionInvalidError, UsageError, quoted
from oauthreg.records import dataclass, field, replace

STRING = "<string>"
"""What stands in place of a path when a text came from no file."""

_LARGEST = 256 * 1024
_NO_PATH = frozenset("\n=#")
_NOT_INHERITED = ("extends", "aliases", "without")
_SAYS_OF = {f"{name}_verified": name for name in VERIFIED}
"""Claim -> the claim that it is about: of another address or number it says nothing."""
_INHERITED_EXAMPLE = "the example is inherited: write `example = []`, or one of your own"
_NAMING = "rename the file: lower-case letters, digits and `-`, beginning with a letter or digit"


@dataclass(frozen=True, slots=True)
class Source:
    """One text of a definition: its name, what to call its file in messages, the text and its tables.

    ``found`` is what the file was when it was read.
    """

    name: str
    file: str
    text: str = field(repr=False)
    data: Mapping[str, Any] = field(repr=False)
    found: os.stat_result | None = field(default=None, repr=False, compare=False)


def read_source(name: str, path: str) -> Source:
    """The text of a file, whose stem is ``name``, parsed. Raises ``DefinitionError``."""
    file = shown(path)
    text, found = _read(path, file)
    return Source(name, file, text, parse_toml(text, file), found)


def check_source(source: object) -> None:
    """Raises ``UsageError`` for what is no definition, in whatever form."""
    if not isinstance(source, (str, Source, Definition)):
        raise UsageError(
            f"neither TOML text nor a definition: {type(source).__name__}",
            code="invalid-source",
            hint="to read a file, pass a `pathlib.Path`",
        )


def made_source(name: str, source: Source | Definition | str) -> Source:
    """What is to be added, as a source of that name. Raises ``DefinitionError``, or ``UsageError`` for what is none."""
    check_source(source)
    if isinstance(source, Source):
        return replace(source, name=name)
    if isinstance(source, Definition):
        # It holds what it extends already, and may come from another loader, which knew more.
        data = source.model_dump(by_alias=True, exclude_unset=True, exclude={"extends", "without"})
        return Source(name, source.file or STRING, "", data)
    if source.endswith(".toml") and _NO_PATH.isdisjoint(source):
        message = f"the name of a file, not its text: {quoted(source)}"
        raise syntax_error(Problem(STRING, 1, 1, "", message, "pass it as a `pathlib.Path`"))
    return Source(name, STRING, source, parse_toml(source, STRING))


def validated(chain: tuple[Source, ...]) -> Definition:
    """The definition that a chain of texts makes. Raises ``DefinitionInvalidError``."""
    data, problems = _merged(chain)
    try:
        definition = validate(data).called(chain[0].name, chain[0].file)
    except InvalidDefinition as error:
        problems += _placed(error.findings, chain)
    if problems:
        problems = _in_order(problems)
        raise DefinitionInvalidError(render_problems(problems), problems=problems)
    return definition


def all_problems(chain: Callable[[], tuple[Source, ...]], taken: Callable[[str, str], str]) -> tuple[Problem, ...]:
    """The problems of a definition, or else of its aliases and examples: of too many the first hundred, in order.

    ``taken`` tells, of a name and an alias of it, which other definition has that alias as a name or an alias. Raises
    ``DefinitionError`` where it cannot be read.
    """
    try:
        sources = chain()
        definition = validated(sources)
    except DefinitionError as error:
        if not error.problems:
            raise
        return tuple(_in_order(error.problems))
    of_examples = check_examples(definition)
    if "example" not in sources[0].data:
        of_examples = (replace(finding, hint=_INHERITED_EXAMPLE) for finding in of_examples)
    findings = [*_taken_aliases(definition, taken), *islice(of_examples, MOST_FINDINGS)]
    return tuple(_placed(findings[:MOST_FINDINGS], sources))


def _taken_aliases(definition: Definition, taken: Callable[[str, str], str]) -> Iterator[Finding]:
    for index, alias in enumerate(definition.aliases):
        other = taken(definition.name, alias)
        if other == alias:
            yield Finding(("aliases", index), f"an alias that is another's name: {quoted(alias)}", "names come first")
        elif other:
            yield Finding(("aliases", index), f"an alias of two definitions: {quoted(alias)}", f"`{other}` has it, too")


def wrong_name(path: str, name: str) -> DefinitionInvalidError:
    """A file whose stem is no provider's name."""
    problem = Problem(shown(path), 1, 1, "", f"not a provider's name: {quoted(name)}", _NAMING)
    return DefinitionInvalidError(render_problems([problem]), problems=(problem,))


def wrong_base(chain: Sequence[Source], message: str, advice: str) -> DefinitionInvalidError:
    """A chain of texts whose last ``extends`` leads nowhere."""
    problem = place(Finding(("extends",), message, advice), chain[-1].file, Spans(chain[-1].text))
    problem = _found_for(chain[0], problem)
    return DefinitionInvalidError(render_problems([problem]), problems=(problem,))


def read_base(read: Callable[[], Source], definition: Source) -> Source:
    """The text that a definition extends. Raises ``DefinitionError``, whose problems name that definition."""
    try:
        return read()
    except DefinitionError as error:
        found: tuple[Any, ...] = error.problems
        if not found:
            raise
        problems = [_found_for(definition, problem) for problem in found]
        raise type(error)(render_problems(problems), problems=problems) from None


def _found_for(definition: Source, problem: Problem) -> Problem:
    """The problem with the definition that was being checked, unless it stands in that one's own file."""
    return problem if problem.file == definition.file else replace(problem, definition=definition.file)


def _merged(chain: tuple[Source, ...]) -> tuple[Mapping[str, Any], list[Problem]]:
    """What a chain of texts says, and the problems of what it takes away."""
    merged, problems = chain[-1].data, list[Problem]()
    for source in reversed(chain[:-1]):
        inherited = {key: value for key, value in merged.items() if key not in _NOT_INHERITED}
        given = source.data.get("claims")
        changed = {*given} if isinstance(given, Mapping) else set()
        for index, path in _paths(source.data.get("without")):
            try:
                inherited = _less(inherited, path.split("."))
            except LookupError as error:
                message = f"nothing of this name is taken over: {quoted(path)}"
                finding = Finding(("without", index), message, hint(*error.args))
                problems.append(_found_for(chain[0], place(finding, source.file, Spans(source.text))))
            else:
                changed |= {path.removeprefix("claims.")}
        merged = _merge(_without_words_of(inherited, changed), source.data)
    return merged, problems


def _paths(listed: Any) -> Iterator[tuple[int, str]]:
    """The dotted paths in a list, if it is one, with their places; the schema tells of what is none."""
    for index, path in enumerate(listed) if isinstance(listed, list | tuple) else ():
        if isinstance(path, str) and all(path.split(".")):
            yield index, path


def _less(table: Mapping[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """A table without what stands at a path. Raises ``LookupError``: the key that is not there, and those that are."""
    key, *rest = path
    below = table.get(key)
    if key not in table or (rest and not isinstance(below, Mapping)):
        raise LookupError(key, list(table))
    left = {name: value for name, value in table.items() if name != key}
    return {**left, key: _less(below, rest)} if isinstance(below, Mapping) and rest else left


def _without_words_of(below: dict[str, Any], changed: Collection[str]) -> dict[str, Any]:
    """What is inherited where these claims are changed: no word on what stood in their places before."""
    claims = below.get("claims")
    if not isinstance(claims, Mapping):
        return below
    return {**below, "claims": {name: value for name, value in claims.items() if _SAYS_OF.get(name) not in changed}}


def _merge(below: Mapping[str, Any], above: Mapping[str, Any], path: KeyPath = ()) -> dict[str, Any]:
    """Tables are merged key by key, everything else is replaced, and so are a claim and a test on an answer."""
    merged = dict(below)
    for key, value in above.items():
        old, at = merged.get(key), (*path, key)
        if path == ("claims",) or at[-2:] == ("error", "when"):
            old = None
        merged[key] = _merge(old, value, at) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _placed(findings: Iterable[Finding], chain: tuple[Source, ...]) -> list[Problem]:
    """The findings, each in the text that it is about: the first of the chain that has the key path."""
    spans = [Spans(source.text) for source in chain]

    def one(finding: Finding) -> Problem:
        path = finding.path[:-1] if finding.at == "table" else finding.path
        found = max(range(len(chain)), key=lambda index: (_known(chain[index].data, path), -index))
        return _found_for(chain[0], place(finding, chain[found].file, spans[found]))

    return _in_order(one(finding) for finding in findings)


def _known(data: Any, path: KeyPath) -> int:
    """How many keys of a path lead somewhere."""
    for depth, key in enumerate(path):
        try:
            data = data[key]
        except (LookupError, TypeError):
            return depth
    return len(path)


def _in_order(problems: Iterable[Any]) -> list[Any]:
    return sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column))


def _read(path: str, file: str) -> tuple[str, os.stat_result]:
    try:
        # Some hundred files may be read: a buffer asks the system more, and so does room for the largest.
        with open(path, "rb", buffering=0) as stream:  # noqa: PTH123
            found = os.fstat(stream.fileno())
            octets = stream.read(min(found.st_size, _LARGEST) + 1)
            while len(octets) != found.st_size and len(octets) <= _LARGEST and (more := stream.read(_LARGEST)):
                octets += more
    except (OSError, ValueError) as error:  # a path may hold what no name of a file can
        reason = getattr(error, "strerror", None) or "it cannot be read"
        raise DefinitionError(f"cannot read {file}: {reason}", code="unreadable-definition") from None
    if len(octets) > _LARGEST:
        problem = Problem(file, 1, 1, "", "the file is too large for a definition", f"{_LARGEST} octets are allowed")
        raise syntax_error(problem)
    try:
        return octets.decode().removeprefix("\ufeff"), found
    except UnicodeDecodeError as error:
        spans = Spans(octets.decode("utf-8-sig", "replace"))
        before = octets[: error.start].decode("utf-8-sig")
        span = spans.at(len(before.replace("\r\n", "\n")))
        message = f"an octet that is no UTF-8: 0x{octets[error.start]:02X}"
        raise syntax_error(place_at(span, file, spans, message, "save the file as UTF-8")) from None
