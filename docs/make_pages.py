"""Writes all that is made in the documents: `make docs`; `make bench` gives the file of what was measured first."""

import sys
from pathlib import Path

import performance_page
import provider_pages


def pages() -> dict[Path, str]:
    """Path -> text, of every page, plot and document with a made part."""
    return provider_pages.pages() | performance_page.pages()


def write() -> None:
    """All of them anew."""
    for path, text in pages().items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    if sys.argv[1:]:
        performance_page.keep(Path(sys.argv[1]))
    write()
