"""Where definitions are found and layered, and which were found good before.

Folders are looked through in order, and a later one wins by name: the bundled folder, the user's folder, those of
``OAUTHREG_PATH``, those given as ``paths``. Only names are collected at first; a file is read when it is asked for, so
that a broken one hurts nobody else.
"""

from __future__ import annotations

# Where some hundred files are looked at, a `Path` for each would cost more than all else.
# ruff: noqa: PTH112, PTH113, PTH116, PTH118
import os
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from oauthreg.definition.cache import Cache, is_at_rest, stamp
from oauthreg.definition.folders import user_config_folder
from oauthreg.definition.names import checked_name, is_provider_name, shown
from oauthreg.definition.settled import SettledDefinition, parse_outline
from oauthreg.errors import DefinitionError, UnknownProviderError, UsageError, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from oauthreg.definition.diagnostics import Problem
    from oauthreg.definition.model import Definition
    from oauthreg.definition.settled import Outline
    from oauthreg.definition.sources import Source


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

_LONGEST_CHAIN = 8
_BUNDLED = (Path(__file__).parent.parent / "providers").resolve()
_SUFFIX = ".toml"
_GOOD_NAME = "lower-case letters, digits and `-`"
_OUTLINE = "outline"
"""Under what the cache keeps the schema's outline: no path of a file."""


class Loader:
    """Finds and reads definitions.

    ``paths`` holds folders and single files; what is neither raises ``UsageError``. ``environ`` is asked for
    ``OAUTHREG_PATH``, whose folders are separated as those of ``PATH`` (what is none is passed over), and for
    ``OAUTHREG_CACHE``: ``off``, or the folder in which it is kept what was found good (default: the user's cache).
    """

    def __init__(self, paths: Iterable[PathLike] = (), *, environ: Mapping[str, str] = os.environ) -> None:
        self._paths = tuple(_given_paths(paths))
        self._environ = environ
        self._added: dict[str, Source] = {}
        self._index: list[tuple[str, frozenset[str] | None]] | None = None
        self._looked_up: dict[tuple[str, int], str] = {}
        self._tried: list[tuple[str, str]] | None = None
        self._aliases: dict[str, list[tuple[int, str]]] | None = None
        self._outline: Outline | None = None
        self._cache = Cache.chosen(environ)

    @property
    def places(self) -> tuple[Path, ...]:
        """All files and folders that are looked through, in order, whether they exist or not."""
        listed = self._environ.get("OAUTHREG_PATH", "").split(os.pathsep)
        return (_BUNDLED, *_users_folder(), *(Path(path) for path in listed if path), *self._paths)

    def names(self) -> tuple[str, ...]:
        """The names of all definitions, sorted. Nothing is read for it."""
        found = sorted(self._all_names())
        # An empty name and one that begins with `-` would sort before all others, so one look tells of all.
        are_good = all(found[:1]) and is_provider_name("".join(found))
        return tuple(found if are_good else filter(is_provider_name, found))

    def resolve(self, name: str) -> str:
        """The name itself, or the one of which it is an alias. Raises ``UnknownProviderError``.

        Aliases stand in the files, which are only searched when no file has the name.
        """
        if self._is_known(checked_name(name)):
            return name
        bearers = self._bearers().get(name)
        if bearers:
            return max(bearers)[1]
        raise self._unknown(name)

    def load(self, name: str) -> Definition:
        """The definition of a name or alias, with all that it extends, read from its files.

        Raises ``UnknownProviderError``, ``DefinitionSyntaxError`` for the first fault of a text that is not TOML, and
        ``DefinitionInvalidError`` with all problems of one that does not fit the schema.
        """
        from oauthreg.definition.sources import validated

        chain = self.chain(name)
        definition = validated(chain)
        self._keep(chain, definition)
        return definition

    def settle(self, name: str) -> Definition | SettledDefinition:
        """As ``load``, for those who make clients of it: from the cache if no file has changed.

        What comes from there has the attributes of a ``Definition``, without examples and ``[meta]``.
        """
        return self._settled(checked_name(name)) or self._settled(name := self.resolve(name)) or self.load(name)

    def check(self, name: str) -> tuple[Problem, ...]:
        """All problems of a definition, in the order of their places, and those of its examples.

        Raises ``UnknownProviderError``.
        """
        from oauthreg.definition.sources import all_problems

        name = self.resolve(name)
        return all_problems(lambda: self.chain(name), self._taken)

    def chain(self, name: str) -> tuple[Source, ...]:
        """The texts that make up a definition: its own, then what it extends, and so on."""
        name = self.resolve(name)
        chain = [self._source(name, depth=0)]
        depth = 0
        while isinstance(base := chain[-1].data.get("extends"), str):
            from oauthreg.definition.sources import read_base, wrong_base

            # A file that extends its own name changes the one that it hides.
            depth = depth + 1 if base == chain[-1].name else 0
            if not depth and not self._is_known(base):
                raise wrong_base(chain, f"unknown definition: {quoted(base)}", self._known_base(base))
            if depth and not self._path(base, depth - (base in self._added)):
                raise wrong_base(chain, f"extends itself: {quoted(base)}", "no other file has this name")
            source = read_base(partial(self._source, base, depth), chain[0])
            if source in chain:
                names = " -> ".join([*(link.name for link in chain), base])
                raise wrong_base(chain, f"definitions extend each other in a circle: {names}", "")
            if len(chain) >= _LONGEST_CHAIN:
                raise wrong_base(chain, f"more than {_LONGEST_CHAIN} definitions extend each other", "")
            chain.append(source)
        return tuple(chain)

    def _known_base(self, name: str) -> str:
        """What to write in place of a name that no definition has."""
        from oauthreg.definition.suggestions import hint

        for other in self.names():
            with suppress(DefinitionError):
                # As written: to find out whether they are good ends here again, where they extend an alias.
                aliases = self._source(other, depth=0).data.get("aliases")
                if isinstance(aliases, list | tuple) and name in aliases:
                    return f"it is an alias: write `{other}`"
        return hint(name, self.names())

    def add(self, name: str, source: Source | Definition | str) -> Definition:
        """Put a definition before all others of its name: TOML text, a text that was read, or a loaded definition.

        Raises ``UsageError`` for a bad name, and ``DefinitionError`` if the definition cannot be used.
        """
        from oauthreg.definition.sources import made_source

        if not is_provider_name(checked_name(name)):
            raise UsageError(f"not a provider's name: {quoted(name)}", code="invalid-name", hint=_GOOD_NAME)
        hidden = self._added.get(name)
        self._added[name] = made_source(name, source)
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
        from oauthreg.definition.sources import read_source

        return read_source(path.stem, str(path))

    def reload(self) -> None:
        """Forget which files there are, so that new ones are found; what was added stays."""
        self._index = None
        self._looked_up.clear()
        self._tried = None
        self._aliases = None

    # --- files ----------------------------------------------------------------------------------------------------

    def _is_known(self, name: str) -> bool:
        return name in self._added or bool(self._path(name))

    def _all_names(self) -> set[str]:
        return {*self._added}.union(*(names or () for _, names in self._files()))

    def _files(self) -> list[tuple[str, frozenset[str] | None]]:
        """Each place as in ``_looked_through`` and the names that it has, ``None`` if not listed; the winner first."""
        if self._index is None:
            self._index = [
                (place, frozenset((stem,)) if stem else _names_in(place)) for place, stem in self._looked_through()
            ]
        return self._index

    def _path(self, name: str, depth: int = 0) -> str:
        """The file of a name that wins, or one that it hides (``depth`` 1 and above); empty if there is none.

        Folders are not listed for it.
        """
        if self._index is not None or not is_provider_name(name):
            return next(islice(_each_once(self._listed(name)), depth, None), "")
        known = self._looked_up.get((name, depth))
        if known is None:
            known = next(islice(_each_once(self._looked_for(name)), depth, None), "")
            self._looked_up[name, depth] = known
        return known

    def _listed(self, name: str) -> Iterator[str]:
        """The files of a name in folders that were listed, the winner first."""
        may_be_file = is_provider_name(name)
        for place, names in self._files():
            if (may_be_file and os.path.isfile(_file_in(place, name))) if names is None else name in names:
                yield _file_in(place, name)

    def _looked_for(self, name: str) -> Iterator[str]:
        """The same, as they are found: few ask for a file that is hidden."""
        for place, stem in self._looked_through():
            if stem in ("", name) and os.path.isfile(path := _file_in(place, name)):
                yield path

    def _looked_through(self) -> list[tuple[str, str]]:
        """The places that are there, the winner first: files with their stems, folders with a separator at the end."""
        if self._tried is None:
            _check_bundled()
            there = [(place, _absolute(place)) for place in reversed(self.places) if _is_place(place)]
            self._tried = [
                (os.path.join(text, ""), "") if os.path.isdir(text) else (text, place.stem)
                for place, text in there
                if text
            ]
        return self._tried

    def _source(self, name: str, depth: int) -> Source:
        """The text of a name: the one that wins, or one that it hides (``depth`` 1 and above)."""
        from oauthreg.definition.sources import read_source

        if name in self._added:
            if depth == 0:
                return self._added[name]
            depth -= 1
        path = self._path(name, depth)
        if not is_provider_name(name):
            from oauthreg.definition.sources import wrong_name

            raise wrong_name(path, name)
        return read_source(name, path)

    # --- what was found good ----------------------------------------------------------------------------------------

    def _settled(self, name: str) -> SettledDefinition | None:
        """The definition as it is kept, if its files are still the same."""
        path = "" if name in self._added else self._path(name)
        kept = self._cache.find(path) if path else None
        if kept is None:
            return None
        names, stamps, aliases, text = kept
        if self._stamps(path, names) != stamps:
            return None
        if self._outline is None:
            self._outline = self._kept_outline()
        if self._outline is None:
            return None
        return self._outline.definition(name, path, aliases, text)

    def _stamps(self, path: str, names: str) -> str | None:
        """The stamps of the files that make up a definition: ``path`` and those found by the names in its chain."""
        stamps: list[str] = []
        last, *others = names.split(" ")
        depth = 0
        try:
            stamps.append(stamp(os.stat(path)))
            for name in others:
                depth, last = depth + 1 if name == last else 0, name
                path = "" if name in self._added else self._path(name, depth)
                stamps.append(stamp(os.stat(path)))
        except OSError:
            return None
        return " ".join(stamps)

    def _keep(self, chain: tuple[Source, ...], definition: Definition) -> None:
        """Keep what was found good, if all of it came from files that are at rest."""
        if not self._cache.path:
            return
        found = [source.found for source in chain if source.found is not None and is_at_rest(source.found)]
        names = [source.name for source in chain]
        if len(found) < len(chain) or not self._added.keys().isdisjoint(names):
            return
        path, chained, stamps = self._path(names[0]), " ".join(names), " ".join(map(stamp, found))
        known = self._cache.find(path)
        if known is not None and known[:2] == (chained, stamps):
            return
        from oauthreg.definition.outline import render_outline, render_settled

        if self._cache.find(_OUTLINE) is None:
            self._cache.keep(_OUTLINE, ("", "", "", render_outline().encode()))
        self._cache.keep(path, (chained, stamps, " ".join(definition.aliases), render_settled(definition).encode()))

    def _kept_outline(self) -> Outline | None:
        kept = self._cache.find(_OUTLINE)
        return None if kept is None else parse_outline(kept[-1])

    # --- names --------------------------------------------------------------------------------------------------------

    def _bearers(self) -> dict[str, list[tuple[int, str]]]:
        """Each alias, and the definitions that bear it, with their ranks: the nearest place wins, as for names."""
        if self._aliases is None:
            found: dict[str, list[tuple[int, str]]] = {}
            ranks = self._ranks()
            for name in self.names():
                try:
                    aliases = self._aliases_of(name)
                except DefinitionError:
                    continue
                for alias in aliases if isinstance(aliases, list | tuple) else ():
                    if isinstance(alias, str):
                        found.setdefault(alias, []).append((ranks[name], name))
            self._aliases = found
        return self._aliases

    def _ranks(self) -> dict[str, int]:
        """All names, and how near the place is that each comes from."""
        ranks: dict[str, int] = {}
        for rank, names in enumerate((*(names for _, names in reversed(self._files())), self._added)):
            ranks.update(dict.fromkeys(names or (), rank))
        return ranks

    def _taken(self, name: str, alias: str) -> str:
        """The other definition whose name or alias an alias of this one is; empty if it only hides, or is hidden.

        A name counts before any alias, from wherever it comes; among aliases the places decide.
        """
        ranks = self._ranks()
        own = ranks.get(name, -1)  # what cannot be listed may be found by its name all the same
        if alias != name and alias in ranks and ranks[alias] <= own:
            return alias
        bearers = self._bearers().get(alias, ())
        return next((other for rank, other in bearers if rank == own and other != name), "")

    def _aliases_of(self, name: str) -> object:
        """The aliases that a definition has or, if it cannot be used, seems to have."""
        settled = self._settled(name)
        if settled is None and self._cache.path:
            try:
                return self.load(name).aliases
            except DefinitionError:
                pass
        return self._source(name, depth=0).data.get("aliases") if settled is None else settled.aliases

    def _unknown(self, name: str) -> UnknownProviderError:
        from oauthreg.definition.suggestions import suggestion

        known = {*self._all_names(), *(self._aliases or ())}
        stem = Path(name).stem if name.endswith(_SUFFIX) else name
        near = suggestion(stem, known)
        if near:
            advice = f"did you mean `{near}`?"
        elif is_provider_name(stem):
            searched = ", ".join(shown(path) for path in self.places[1:])
            where = f"one of: {searched}" if searched else "a folder that `OAUTHREG_PATH` names"
            advice = f"put `{stem}.toml` into {where}"
        else:
            advice = f"a name has {_GOOD_NAME}"
        if stem != name:
            advice = f"a name is the stem of its file; {advice}"
        return UnknownProviderError(f"no definition has the name: {quoted(name)}", hint=advice)


def _given_paths(paths: object) -> Iterator[Path]:
    if isinstance(paths, str | bytes) or not isinstance(paths, Iterable):
        raise UsageError(f"`paths` is no list: {quoted(paths)}", code="no-such-path", hint="as in `paths=[…]`")
    for path in paths:
        if not isinstance(path, str | os.PathLike):
            raise UsageError(f"no path: {quoted(path)}", code="no-such-path", hint="text, or a path object")
        place = _absolute(Path(path))  # the process may go elsewhere before it is looked into
        if not _is_place(place):
            raise UsageError(f"no such file or folder: {str(path)!r}", code="no-such-path", hint="see `paths=`")
        yield Path(place)


def _users_folder() -> Iterator[Path]:
    """The user's folder, where there can be one: a user without a home has none."""
    with suppress(RuntimeError):
        yield user_config_folder() / "providers"


def _absolute(place: Path) -> str:
    """The whole path; empty where nothing is, because the working directory is gone."""
    with suppress(OSError):
        return str(place.absolute())
    return ""


def _names_in(folder: str) -> frozenset[str] | None:
    """The names that the definitions of a folder have; ``None`` if it cannot be listed."""
    with suppress(OSError), os.scandir(folder) as entries:
        return frozenset(
            name[: -len(_SUFFIX)] for entry in entries if (name := entry.name).endswith(_SUFFIX) and _is_file(entry)
        )
    return None


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of a folder is a file; a link that leads nowhere, or in a circle, is none."""
    try:
        return entry.is_file()
    except OSError:
        return False


def _is_place(path: PathLike) -> bool:
    """Whether definitions can be there. Unlike a ``Path``, ``os.path`` raises nothing where it may not look."""
    return os.path.isdir(path) or os.path.isfile(path)


def _file_in(place: str, name: str) -> str:
    """The file of a name in a place, which is a folder or that file."""
    return f"{place}{name}{_SUFFIX}" if place.endswith(os.sep) else place


def _each_once(paths: Iterable[str]) -> Iterator[str]:
    """Paths that lead to one file are one: a folder may be named twice, and hides nothing of its own."""
    passed: list[str] = []
    for path in paths:
        # Most ask for the first alone, which costs the system nothing.
        if not passed or os.path.realpath(path) not in map(os.path.realpath, passed):
            yield path
            passed.append(path)


def _check_bundled() -> None:
    if not os.path.isdir(_BUNDLED):
        raise DefinitionError(
            f"the bundled definitions are no folder: {str(_BUNDLED)!r}",
            code="no-bundled-definitions",
            hint="it is a symbolic link: check the project out with symlinks (`git config core.symlinks true`), or "
            "install the package",
        )
