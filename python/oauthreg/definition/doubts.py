"""What a definition says and no source confirms: values with the comment ``# unconfirmed`` on their line."""

import re
from collections.abc import Iterator

from oauthreg.definition.diagnostics import render_path
from oauthreg.definition.spans import Spans
from oauthreg.records import dataclass

_MARK = re.compile(r"\bunconfirmed\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Doubt:
    """One doubtful value: its dotted key, its text in TOML, its line, and the comment.

    A header that is marked stands for its whole table, whose text is empty.
    """

    key: str
    value: str
    line: int
    comment: str


def find_doubts(text: str) -> Iterator[Doubt]:
    """Every doubtful value of a TOML text, in its order."""
    spans = Spans(text)
    for line, comment in spans.comments():
        if _MARK.search(comment):
            for path, value in spans.on_line(line):
                yield Doubt(render_path(path), " ".join(value.split()), line, comment)
