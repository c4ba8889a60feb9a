"""How commands speak: data on stdout, notes on stderr, tables that are pretty on a terminal and plain elsewhere."""

import codecs
import json
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Any

import click


def tolerate_any_text() -> None:
    """Let streams that cannot write a character write its escape instead: a title may be in any language."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def echo_json(document: Any) -> None:
    """One JSON document on stdout: in ASCII unless stdout is UTF-8, since JSON is (RFC 8259 section 8.1)."""
    is_utf8 = codecs.lookup(getattr(sys.stdout, "encoding", None) or "ascii").name == "utf-8"
    click.echo(json.dumps(document, indent=2, ensure_ascii=not is_utf8))


def echo_file(text: str) -> None:
    """The text of a file on stdout, octet by octet: such files are UTF-8, whatever the terminal is."""
    takes_octets = hasattr(sys.stdout, "buffer")  # a notebook's stdout, or one in memory, takes text alone
    click.echo(text.encode() if takes_octets else text, nl=False)


def note(text: str) -> None:
    """A line for the person, on stderr."""
    click.echo(text, err=True)


def echo_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows under headings on stdout: drawn by rich on a terminal, aligned columns elsewhere."""
    if sys.stdout is not None and sys.stdout.isatty():  # a process may have none
        _echo_rich(headings, rows)
    else:
        click.echo(render_columns(headings, rows))


def render_columns(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows under headings as text, columns aligned and two spaces apart."""
    lines = [list(headings), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _echo_rich(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*headings, box=SIMPLE_HEAD, show_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
