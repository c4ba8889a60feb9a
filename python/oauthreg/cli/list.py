"""``oauthreg list``: the providers that are known here."""

import os

import click

from oauthreg.cli.command import Command, json_option
from oauthreg.cli.output import echo_json, echo_table, note
from oauthreg.errors import DefinitionError

_EXAMPLES = (
    ("oauthreg list", "a table"),
    ("oauthreg list --json", "for a program"),
)


@click.command(cls=Command, examples=_EXAMPLES, short_help="List the providers that are known here.")
@json_option
def command(*, as_json: bool) -> None:
    """List the providers that are known here: name, title, protocol, status and file.

    Later places hide earlier ones: bundled files, your folder, OAUTHREG_PATH.
    """
    from oauthreg.definition import Loader

    loader = Loader(environ=os.environ)
    rows = []
    for name in loader.names():
        try:
            definition = loader.load(name)
        except DefinitionError as error:
            place = error.problems[0].file if error.problems else ""
            rows.append({"name": name, "title": "", "protocol": "", "status": "invalid", "file": place})
            note(f"{name} cannot be used: see `oauthreg check {place or name}`")
            continue
        rows.append(
            {
                "name": name,
                "title": definition.title,
                "protocol": definition.protocol,
                "status": definition.status,
                "file": definition.file,
            }
        )
    if as_json:
        echo_json(rows)
    else:
        headings = ("name", "title", "protocol", "status", "file")
        echo_table(headings, [[row[heading] for heading in headings] for row in rows])
