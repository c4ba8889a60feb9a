"""A command whose help shows examples before anything else, and what commands have in common."""

from collections.abc import Sequence
from typing import Any

import click

Example = tuple[str, str]
"""A command line and what it does."""

FORM = "application/x-www-form-urlencoded"
"""The media type of a body of which nothing else is said."""


class _WithExamples:
    """Adds examples to the help of a command or a group."""

    examples: Sequence[Example]

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the description and the examples."""
        super().format_help_text(ctx, formatter)  # type: ignore[misc]
        with formatter.section("Examples"):
            formatter.write_dl(self.examples, col_max=40)


class Command(_WithExamples, click.Command):
    """A command with examples."""

    def __init__(self, *arguments: Any, examples: Sequence[Example], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.examples = examples


class Group(_WithExamples, click.Group):
    """A group of commands with examples."""

    def __init__(self, *arguments: Any, examples: Sequence[Example], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.examples = examples


def read_given(text: str) -> bytes:
    """The octets of an argument: its own, or those of ``@FILE`` or ``@-`` (stdin). Raises click's ``UsageError``."""
    if not text.startswith("@"):
        return text.encode("utf-8", "surrogateescape")
    try:
        with click.open_file(text[1:], "rb") as file:
            return bytes(file.read())
    except OSError as error:
        raise click.UsageError(f"{text[1:]!r} cannot be read: {error.strerror}") from None


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
