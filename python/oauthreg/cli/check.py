"""``oauthreg check``: every problem of provider files, in one pass."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oauthreg.cli.command import Command, json_option
from oauthreg.cli.exits import DEFINITION, FINE
from oauthreg.cli.output import echo_json, note

if TYPE_CHECKING:
    from oauthreg.definition import Problem


_EXAMPLES = (
    ("oauthreg check", "all definitions that are known here"),
    ("oauthreg check acme.toml", "one file"),
    ("oauthreg check providers/ --json", "a folder, for a program"),
)


@click.command(cls=Command, examples=_EXAMPLES, short_help="Show every problem of provider files, at once.")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=True, path_type=Path))
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

    known = Loader(environ=os.environ)
    asked = [(known, name) for name in known.names()]
    if files:
        # A definition may extend one that lies beside it.
        paths = [path for given in files for path in (sorted(given.glob("*.toml")) if given.is_dir() else [given])]
        asked = [(Loader([path.parent if path.suffix == ".toml" else path]), path.stem) for path in paths]
    return len(asked), [problem for loader, name in asked for problem in loader.check(name)]


def _summary(checked: int, problems: list["Problem"]) -> str:
    what = "1 definition" if checked == 1 else f"{checked} definitions"
    if not problems:
        return f"{what} checked, no problem"
    found = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return f"{what} checked, {found} in {len({problem.file for problem in problems})} of them"


def _record(problem: "Problem") -> dict[str, str | int]:
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "key": problem.key,
        "message": problem.message,
        "hint": problem.hint,
    }
