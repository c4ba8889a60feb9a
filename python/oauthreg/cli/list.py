"""``oauthreg list``: the providers that are known here."""

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from oauthreg.cli.command import Command, json_option
from oauthreg.cli.output import echo_json, echo_table, note
from oauthreg.errors import DefinitionError

if TYPE_CHECKING:
    from oauthreg.definition import Loader

_HEADINGS = ("name", "title", "protocol", "status", "file", "warning")
_DOUBTFUL = ("name", "key", "value", "place")
_EXAMPLES = (
    ("oauthreg list", "a table"),
    ("oauthreg list --doubtful", "values that no source confirms"),
    ("oauthreg list --json", "for a program"),
)


@click.command(cls=Command, examples=_EXAMPLES, short_help="List the providers that are known here.")
@click.option("--doubtful", is_flag=True, help="List the values that carry the comment `# unconfirmed` instead.")
@json_option
def command(*, doubtful: bool, as_json: bool) -> None:
    """List the providers that are known here: name, title, protocol, status, file, and what ends soon or has ended.

    Later places hide earlier ones: bundled files, your folder, OAUTHREG_PATH.
    """
    from oauthreg.definition import Loader

    loader = Loader(environ=os.environ)
    headings = _DOUBTFUL if doubtful else _HEADINGS
    rows = list(_doubts(loader) if doubtful else _providers(loader))
    if as_json:
        echo_json(rows)
    else:
        echo_table(headings, [[row[heading] for heading in headings] for row in rows])


def _providers(loader: "Loader") -> Iterator[Mapping[str, str]]:
    today = datetime.now(UTC).date()
    for name in loader.names():
        try:
            definition = loader.load(name)
        except DefinitionError as error:
            place = _note_fault(name, error)
            yield {"name": name, "title": "", "protocol": "", "status": "invalid", "file": place, "warning": ""}
            continue
        yield {
            "name": name,
            "title": definition.title,
            "protocol": definition.protocol,
            "status": definition.status,
            "file": definition.file,
            "warning": definition.lifecycle.render_warning(today),
        }


def _doubts(loader: "Loader") -> Iterator[Mapping[str, str]]:
    """What each file says itself; what it inherits is doubtful where it stands."""
    from oauthreg.definition import find_doubts

    for name in loader.names():
        try:
            source = loader.chain(name)[0]
        except DefinitionError as error:
            _note_fault(name, error)
            continue
        for doubt in find_doubts(source.text):
            place = f"{source.file}:{doubt.line}"
            yield {"name": name, "key": doubt.key, "value": doubt.value, "place": place, "comment": doubt.comment}


def _note_fault(name: str, error: DefinitionError) -> str:
    """Say that a definition is passed over, and where its file is."""
    place: str = error.problems[0].file if error.problems else ""
    note(f"{name} cannot be used: see `oauthreg check {place or name}`")
    return place
