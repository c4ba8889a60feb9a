"""``oauthreg check``: every problem of provider files, in one pass."""

import os
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING

import click

from oauthreg.cli.command import Command, json_option
from oauthreg.cli.exits import DEFINITION, FINE
from oauthreg.cli.output import echo_json, note
from oauthreg.errors import DefinitionError

if TYPE_CHECKING:
    from oauthreg.definition import Loader, Problem


_EXAMPLES = (
    ("oauthreg check", "all definitions that are known here"),
    ("oauthreg check acme.toml", "one file"),
    ("oauthreg check providers/ --json", "a folder, for a program"),
)


def _known_places(_context: click.Context, _parameter: click.Parameter, given: tuple[Path, ...]) -> tuple[Path, ...]:
    """What is there, be it readable or not: only what is mistyped is wrong usage."""
    for path in given:
        if not os.path.lexists(path):
            raise click.BadParameter(f"Path {str(path)!r} does not exist.")
    return given


@click.command(cls=Command, examples=_EXAMPLES, short_help="Show every problem of provider files, at once.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), callback=_known_places)
@json_option
def command(files: tuple[Path, ...], *, as_json: bool) -> int:
    """Show every problem of provider files (or folders of them), at once: place, line, caret and hint.

    The examples in a file are rendered and compared with the claims that they promise. The exit code is 3 when there
    is a problem.
    """
    from oauthreg.definition import render_problems

    checked, problems = _check(files)
    if as_json:
        echo_json([_record(problem) for problem in problems])
    elif problems:
        click.echo(render_problems(problems))
    note(_summary(checked, problems))
    return DEFINITION if problems else FINE


def _check(files: tuple[Path, ...]) -> tuple[int, list["Problem"]]:
    """How many definitions there were, and their problems."""
    from oauthreg.definition import Loader

    if files:
        paths = [path for given in files for path in _definitions_in(given) or [given]]
        loader_of = cache(lambda place: Loader([place]))  # each reads all files, if only for their aliases
        return len(paths), [
            problem for path in paths for problem in _problems(path, partial(loader_of, _place_of(path)))
        ]
    known = Loader(environ=os.environ)
    places = filter(os.path.exists, known.places)
    found = {path.stem: path for place in places for path in _definitions_in(place)}  # a later place wins by name
    names = sorted({*known.names(), *found})
    return len(names), [problem for name in names for problem in _problems(found[name], lambda: known)]


def _definitions_in(place: Path) -> list[Path]:
    """The definitions in a folder, be they files or not; the place itself if it is none, or cannot be listed."""
    try:
        return sorted(path for path in place.iterdir() if path.suffix == ".toml")
    except OSError:
        return [place]


def _place_of(path: Path) -> Path:
    """Where a loader finds a file: in its folder, since a definition may extend one that lies beside it."""
    return path.parent if path.suffix == ".toml" else path


def _problems(path: Path, loader: Callable[[], "Loader"]) -> Sequence["Problem"]:
    """The problems of one file: also of one that cannot be read, so that it hides no other."""
    from oauthreg.definition import Problem
    from oauthreg.definition.names import shown

    message, hint = _fault(path)
    if not message:
        try:
            return loader().check(path.stem)
        except DefinitionError as error:
            message, hint = error.message, error.hint
    return [Problem(shown(path.absolute()), 1, 1, "", message, hint)]


def _fault(path: Path) -> tuple[str, str]:
    """Why there is no file at a path, and what to do; empty if there is one. Loaders pass over all else."""
    try:
        mode = path.stat().st_mode
        if S_ISDIR(mode):
            next(path.iterdir(), None)  # that it cannot be listed is said first
            return "no definition: it is a folder", "in a folder, files that end with `.toml` are checked"
    except OSError as error:
        return f"cannot read it: {error.strerror}", ""
    return ("", "") if S_ISREG(mode) else ("no definition: it is no file", "")


def _summary(checked: int, problems: list["Problem"]) -> str:
    what = "1 definition" if checked == 1 else f"{checked} definitions"
    if not problems:
        return f"{what} checked, no problem"
    found = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return f"{what} checked, {found} in {len({_checked(problem) for problem in problems})} of them"


def _checked(problem: "Problem") -> str:
    """The file of the definition whose problem it is, be it in a file that this one extends."""
    return problem.definition or problem.file


def _record(problem: "Problem") -> dict[str, str | int]:
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "key": problem.key,
        "message": problem.message,
        "hint": problem.hint,
        "definition": _checked(problem),
    }
