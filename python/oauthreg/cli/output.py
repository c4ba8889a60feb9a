"""How commands speak: data on stdout, notes on stderr, tables that are pretty on a terminal and plain elsewhere.

Much of what they say comes from servers, and a terminal obeys control characters: all text of servers goes through
``escape``.
"""

import codecs
import json
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Any

import click

from oauthreg.redaction import escape


def tolerate_any_text() -> None:
    """Let streams that cannot write a character write its escape instead: a title may be in any language."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def echo(*lines: str, err: bool = False) -> None:
    """Lines on stdout, or on stderr; a line break within one is escaped."""
    click.echo("\n".join(map(escape, lines)), err=err)


def note(*lines: str) -> None:
    """Lines for the person, on stderr."""
    echo(*lines, err=True)


def echo_json(document: Any) -> None:
    """One JSON document on stdout: in ASCII unless stdout is UTF-8, since JSON is (RFC 8259 section 8.1)."""
    is_utf8 = codecs.lookup(getattr(sys.stdout, "encoding", None) or "ascii").name == "utf-8"
    echo(*json.dumps(document, indent=2, ensure_ascii=not is_utf8).split("\n"))


def echo_file(text: str) -> None:
    """The text of a file on stdout, octet by octet: such files are UTF-8, whatever the terminal is."""
    takes_octets = hasattr(sys.stdout, "buffer")  # a notebook's stdout, or one in memory, takes text alone
    click.echo(text.encode() if takes_octets else text, nl=False)


def echo_body(content: bytes, encoding: str) -> None:
    """What an API answered, on stdout: octet by octet, but as lines of text for a terminal."""
    if hasattr(sys.stdout, "buffer") and not _is_terminal():
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    text = content.decode(encoding, "replace").replace("\r\n", "\n").removesuffix("\n")
    echo(*(line.expandtabs() for line in text.split("\n")))


def echo_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows under headings on stdout: drawn by rich on a terminal, aligned columns elsewhere."""
    cells = [[escape(cell) for cell in row] for row in rows]
    if _is_terminal():
        _echo_rich(headings, cells)
    else:
        echo(*render_columns(headings, cells))


def render_columns(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows under headings as lines, columns aligned and two spaces apart."""
    lines = [list(headings), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def _is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()  # a process may have none


def _echo_rich(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*headings, box=SIMPLE_HEAD, show_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
