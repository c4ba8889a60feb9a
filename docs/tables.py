"""Tables as Markdown, and documents of which parts are made."""

import re
from collections.abc import Callable, Iterable, Mapping

_REGION = re.compile(r"(<!-- made by make bench: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """The lines of a table. A bar inside a cell does not end it."""
    lines = [list(headings), *(list(row) for row in rows)]
    written = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines]
    return "\n".join([written[0], f"|{'---|' * len(lines[0])}", *written[1:]])


def fill(text: str, regions: Mapping[str, Callable[[], str]]) -> str:
    """The document with each region between ``<!-- made by make bench: name -->`` and ``<!-- end -->`` made anew.

    Raises ``KeyError`` for a region that nobody makes.
    """
    return _REGION.sub(lambda found: f"{found[1]}{regions[found[2]]()}\n{found[3]}", text)


def names(text: str) -> list[str]:
    """The names of a document's regions, in order."""
    return [name for _, name, _ in _REGION.findall(text)]
