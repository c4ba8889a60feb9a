"""``oauthreg schema``: the JSON schema of provider files, for editors and validators."""

from pathlib import Path

import click

from oauthreg.cli.command import Command, json_option
from oauthreg.cli.output import echo, echo_file, echo_json

_EXAMPLES = (
    ("oauthreg schema > definition.schema.json", "then begin a file: #:schema ./definition.schema.json"),
    ("oauthreg schema --path", "where the installed one is"),
)
# The file itself: what renders it would load the models, and gives the same text.
_FILE = Path(__file__).parents[1] / "definition" / "definition.schema.json"


@click.command(cls=Command, examples=_EXAMPLES, short_help="Print the JSON schema of provider files.")
@click.option("--path", "as_path", is_flag=True, help="Print where the schema's file is.")
@json_option
def command(*, as_path: bool, as_json: bool) -> None:
    """Print the JSON schema (draft-07) of provider files, which gives editors completion and checks.

    It is JSON with and without --json.
    """
    if not as_path:
        echo_file(_FILE.read_text("utf-8"))
    elif as_json:
        echo_json({"path": str(_FILE)})
    else:
        echo(str(_FILE))
