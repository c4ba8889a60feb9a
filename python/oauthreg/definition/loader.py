"""Where definitions are found, layered and read.

Folders are looked through in order, and a later one wins by name: the bundled folder, the user's folder, those of
``OAUTHREG_PATH``, those given as ``paths``. Only names are collected at first; a file is read when it is asked for, so
that a broken one hurts nobody else.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from oauthreg.claims.problems import quoted
from oauthreg.definition.diagnostics import Finding, Problem, place, place_at, render_problems
from oauthreg.definition.examples import check_examples
from oauthreg.definition.model import Definition
from oauthreg.definition.spans import KeyPath, Spans
from oauthreg.definition.suggestions import hint, suggestion
from oauthreg.definition.syntax import parse_toml, syntax_error
from oauthreg.definition.texts import PROVIDER_NAME
from oauthreg.definition.validation import InvalidDefinition, validate
from oauthreg.errors import DefinitionError, DefinitionInvalidError, UnknownProviderError, UsageError


def load_definition(source: str | os.PathLike[str], *, name: str = "custom") -> Definition:
    """The definition in a TOML text, or in the file of a path object (whose stem is its name then).

    What it extends is looked for as in ``Loader``. Raises ``DefinitionError``.
    """
    loader = Loader()
    if isinstance(source, os.PathLike):
        path = Path(source)
        return loader.add(path.stem, loader.read(path))
    return loader.add(name, source)


PathLike: TypeAlias = str | os.PathLike[str]

STRING = "<string>"
"""What stands in place of a path when a text came from no file."""

_LARGEST = 256 * 1024
_LONGEST_CHAIN = 8
_NOT_INHERITED = ("extends", "aliases")
_BUNDLED = (Path(__file__).parent.parent / "providers").resolve()


@dataclass(frozen=True, slots=True)
class Source:
    """One text of a definition: its name, what to call its file in messages, the text and its tables."""

    name: str
    file: str
    text: str = field(repr=False)
    data: Mapping[str, Any] = field(repr=False)


class Loader:
    """Finds and reads definitions.

    ``paths`` holds folders and single files; one that does not exist raises ``UsageError``. ``environ`` is asked for
    ``OAUTHREG_PATH``, whose folders are separated as those of ``PATH``; missing ones are passed over.
    """

    def __init__(self, paths: Iterable[PathLike] = (), *, environ: Mapping[str, str] = os.environ) -> None:
        self._paths = tuple(Path(path) for path in paths)
        for path in self._paths:
            if not path.exists():
                raise UsageError(f"no such file or folder: {str(path)!r}", code="no-such-path", hint="see `paths=`")
        self._environ = environ
        self._added: dict[str, Source] = {}
        self._index: dict[str, list[Path]] | None = None
        self._aliases: dict[str, str] | None = None

    @property
    def places(self) -> tuple[Path, ...]:
        """All files and folders that are looked through, in order, whether they exist or not."""
        from platformdirs import user_config_path

        listed = self._environ.get("OAUTHREG_PATH", "").split(os.pathsep)
        user = user_config_path("oauthreg") / "providers"
        return (_BUNDLED, user, *(Path(path) for path in listed if path), *self._paths)

    def names(self) -> tuple[str, ...]:
        """The names of all definitions, sorted. Nothing is read for it."""
        found = {*self._files(), *self._added}
        return tuple(sorted(name for name in found if PROVIDER_NAME.fullmatch(name)))

    def resolve(self, name: str) -> str:
        """The name itself, or the one of which it is an alias. Raises ``UnknownProviderError``.

        Aliases stand in the files, which are only searched when no file has the name.
        """
        if not isinstance(name, str):
            raise UsageError(f"a provider's name is text: {name!r}", code="invalid-name")
        if name in self._added or name in self._files():
            return name
        if self._aliases is None:
            self._aliases = dict(self._read_aliases())
        if name in self._aliases:
            return self._aliases[name]
        raise self._unknown(name)

    def load(self, name: str) -> Definition:
        """The definition of a name or alias, with all that it extends.

        Raises ``UnknownProviderError``, ``DefinitionSyntaxError`` for the first fault of a text that is not TOML, and
        ``DefinitionInvalidError`` with all problems of one that does not fit the schema.
        """
        chain = self.chain(name)
        return _validated(chain).named(chain[0].name, chain[0].file)

    def check(self, name: str) -> tuple[Problem, ...]:
        """All problems of a definition, in the order of their places, and those of its examples.

        Raises ``UnknownProviderError``.
        """
        name = self.resolve(name)
        try:
            chain = self.chain(name)
            definition = _validated(chain)
        except DefinitionError as error:
            if not error.problems:
                raise
            return tuple(_sorted(error.problems))
        return tuple(_placed(check_examples(definition), chain))

    def chain(self, name: str) -> tuple[Source, ...]:
        """The texts that make up a definition: its own, then what it extends, and so on."""
        name = self.resolve(name)
        chain = [self._source(name, depth=0)]
        depth = 0
        while isinstance(base := chain[-1].data.get("extends"), str):
            # A file that extends its own name changes the one that it hides.
            depth = depth + 1 if base == chain[-1].name else 0
            if not depth and base not in self._added and base not in self._files():
                raise self._wrong_base(chain[-1], f"unknown definition: {quoted(base)}", hint(base, self.names()))
            if depth and depth >= self._layers(base):
                raise self._wrong_base(chain[-1], f"extends itself: {quoted(base)}", "no other file has this name")
            source = self._source(base, depth)
            if source in chain:
                names = " -> ".join([*(link.name for link in chain), base])
                raise self._wrong_base(chain[-1], f"definitions extend each other in a circle: {names}", "")
            if len(chain) >= _LONGEST_CHAIN:
                raise self._wrong_base(chain[-1], f"more than {_LONGEST_CHAIN} definitions extend each other", "")
            chain.append(source)
        return tuple(chain)

    def add(self, name: str, source: "Source | Definition | str") -> Definition:
        """Put a definition before all others of its name: TOML text, a text that was read, or a loaded definition.

        Raises ``UsageError`` for a bad name, and ``DefinitionError`` if the definition cannot be used.
        """
        if not PROVIDER_NAME.fullmatch(name):
            raise UsageError(
                f"not a provider's name: {quoted(name)}", code="invalid-name", hint="lower-case letters, digits and `-`"
            )
        hidden = self._added.get(name)
        self._added[name] = _as_source(name, source)
        self._aliases = None
        try:
            return self.load(name)
        except DefinitionError:
            del self._added[name]
            if hidden is not None:
                self._added[name] = hidden
            raise

    def read(self, path: Path) -> Source:
        """The text of a file, parsed. Raises ``DefinitionError``."""
        file = _shown(path)
        text = _read(path, file)
        return Source(path.stem, file, text, parse_toml(text, file))

    def reload(self) -> None:
        """Forget which files there are, so that new ones are found; what was added stays."""
        self._index = None
        self._aliases = None

    def _files(self) -> dict[str, list[Path]]:
        if self._index is None:
            _check_bundled()
            self._index = {}
            for place_ in self.places:
                for path in _definitions_in(place_):
                    self._index.setdefault(path.stem, []).append(path)
        return self._index

    def _layers(self, name: str) -> int:
        return len(self._files().get(name, ())) + (name in self._added)

    def _source(self, name: str, depth: int) -> Source:
        """The text of a name: the one that wins, or one that it hides (``depth`` 1 and above)."""
        if name in self._added:
            if depth == 0:
                return self._added[name]
            depth -= 1
        path = self._files()[name][-1 - depth]
        if not PROVIDER_NAME.fullmatch(name):
            problem = Problem(_shown(path), 1, 1, "", f"not a provider's name: {quoted(name)}", _NAMING)
            raise DefinitionInvalidError(render_problems([problem]), problems=(problem,))
        return self.read(path)

    def _read_aliases(self) -> Iterator[tuple[str, str]]:
        for name in self.names():
            try:
                aliases = self._source(name, depth=0).data.get("aliases")
            except DefinitionError:
                continue
            for alias in aliases if isinstance(aliases, list | tuple) else ():
                if isinstance(alias, str):
                    yield alias, name

    def _unknown(self, name: str) -> UnknownProviderError:
        known = {*self._files(), *self._added, *(self._aliases or ())}
        near = suggestion(name, known)
        searched = ", ".join(_shown(path) for path in self.places[1:])
        advice = f"did you mean `{near}`?" if near else f"put `{name}.toml` into one of: {searched}"
        return UnknownProviderError(f"no definition has the name: {quoted(name)}", hint=advice)

    def _wrong_base(self, source: Source, message: str, advice: str) -> DefinitionInvalidError:
        problem = place(Finding(("extends",), message, advice), source.file, Spans(source.text))
        return DefinitionInvalidError(render_problems([problem]), problems=(problem,))


def _as_source(name: str, source: Source | Definition | str) -> Source:
    if isinstance(source, Source):
        return replace(source, name=name)
    if isinstance(source, Definition):
        # It holds what it extends already, and may come from another loader, which knew more.
        data = source.model_dump(by_alias=True, exclude_unset=True, exclude={"extends"})
        return Source(name, source.file or STRING, "", data)
    return Source(name, STRING, source, parse_toml(source, STRING))


_NAMING = "rename the file: lower-case letters, digits and `-`, beginning with a letter or digit"


def _validated(chain: tuple[Source, ...]) -> Definition:
    try:
        return validate(_merged(chain))
    except InvalidDefinition as error:
        problems = tuple(_placed(error.findings, chain))
        raise DefinitionInvalidError(render_problems(problems), problems=problems) from None


def _merged(chain: tuple[Source, ...]) -> Mapping[str, Any]:
    merged = chain[-1].data
    for source in reversed(chain[:-1]):
        inherited = {key: value for key, value in merged.items() if key not in _NOT_INHERITED}
        merged = _merge(inherited, source.data)
    return merged


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables are merged key by key, everything else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _placed(findings: Iterable[Finding], chain: tuple[Source, ...]) -> list[Problem]:
    """The findings, each in the text that it is about: the first of the chain that has the key path."""
    spans = [Spans(source.text) for source in chain]

    def placed(finding: Finding) -> Problem:
        path = finding.path[:-1] if finding.at == "table" else finding.path
        found = max(range(len(chain)), key=lambda index: (_known(chain[index].data, path), -index))
        return place(finding, chain[found].file, spans[found])

    return _sorted(placed(finding) for finding in findings)


def _known(data: Any, path: KeyPath) -> int:
    """How many keys of a path lead somewhere."""
    for depth, key in enumerate(path):
        try:
            data = data[key]
        except (LookupError, TypeError):
            return depth
    return len(path)


def _sorted(problems: Iterable[Any]) -> list[Any]:
    return sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column))


def _definitions_in(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(found for found in path.iterdir() if found.suffix == ".toml" and found.is_file())
    return [path] if path.is_file() else []


def _check_bundled() -> None:
    if not _BUNDLED.is_dir():
        raise DefinitionError(
            f"the bundled definitions are no folder: {str(_BUNDLED)!r}",
            code="no-bundled-definitions",
            hint="it is a symbolic link: check the project out with symlinks (`git config core.symlinks true`), or "
            "install the package",
        )


def _shown(path: Path) -> str:
    """A path as messages name it: from the working directory if it is in there."""
    try:
        return path.absolute().relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError):
        return path.as_posix()


def _read(path: Path, file: str) -> str:
    try:
        with path.open("rb") as stream:
            octets = stream.read(_LARGEST + 1)
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise DefinitionError(f"cannot read {file}: {reason}", code="unreadable-definition") from None
    if len(octets) > _LARGEST:
        problem = Problem(file, 1, 1, "", "the file is too large for a definition", f"{_LARGEST} octets are allowed")
        raise syntax_error(problem)
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        spans = Spans(octets.decode("utf-8-sig", "replace"))
        before = octets[: error.start].decode("utf-8-sig")
        span = spans.at(len(before.replace("\r\n", "\n")))
        message = f"an octet that is no UTF-8: 0x{octets[error.start]:02X}"
        raise syntax_error(place_at(span, file, spans, message, "save the file as UTF-8")) from None
