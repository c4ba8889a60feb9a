"""``oauthreg show``: one definition, with all that it inherits."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import click

from oauthreg.cli.command import Command, json_option
from oauthreg.cli.output import echo_file, echo_json, note
from oauthreg.cli.toml import render_toml

_EXAMPLES = (
    ("oauthreg show acme", "what holds after inheritance, and what came from where"),
    ("oauthreg show acme --raw", "the file as it is"),
)


@click.command(cls=Command, examples=_EXAMPLES, short_help="Show a provider's definition, with all that it inherits.")
@click.argument("name")
@click.option("--raw", is_flag=True, help="Print the file as it is.")
@json_option
def command(name: str, *, raw: bool, as_json: bool) -> None:
    """Show a provider's definition, with all that it inherits; comments say what came from another file."""
    from oauthreg.definition import Loader

    loader = Loader(environ=os.environ)
    chain = loader.chain(name)
    if raw and as_json:
        echo_json({"file": chain[0].file, "text": chain[0].text})
        return
    if raw:
        echo_file(chain[0].text)
        return
    definition = loader.load(name)
    if as_json:
        echo_json(definition.model_dump(mode="json", by_alias=True, exclude_unset=True))
        return
    inherited = {
        path: f"from {source.file}"
        for source in reversed(chain[1:])
        for path in _paths(source.data)
        if not _stands_in(chain[0].data, path)
    }
    note(f"{definition.name}: {definition.file}")
    echo_file(render_toml(definition.model_dump(by_alias=True, exclude_unset=True), inherited))


def _paths(table: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, value in table.items():
        yield (*above, name)
        if isinstance(value, Mapping):
            yield from _paths(value, (*above, name))


def _stands_in(table: Any, path: tuple[str, ...]) -> bool:
    for key in path:
        if not isinstance(table, Mapping) or key not in table:
            return False
        table = table[key]
    return True
