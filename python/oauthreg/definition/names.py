"""How definitions and their files are named."""

import os

from oauthreg.errors import UsageError, quoted

PROVIDER_NAME = "[a-z0-9][a-z0-9-]*"
"""The stem of a definition's file, as a pattern."""


def is_provider_name(text: str) -> bool:
    """Whether a definition's file may have this stem: what ``PROVIDER_NAME`` says, with no pattern to compile."""
    return text.isascii() and text.replace("-", "0").isalnum() and text[0] != "-" and text == text.lower()


def checked_name(name: object) -> str:
    """The name that somebody asks for. Raises ``UsageError`` for what is no text."""
    if not isinstance(name, str):
        raise UsageError(f"a provider's name is text: {quoted(name)}", code="invalid-name")
    return name


def shown(path: str | os.PathLike[str]) -> str:
    """A path as messages name it: from the working directory if it is in there."""
    text = os.fspath(path)
    try:
        here = os.path.join(os.getcwd(), "")  # noqa: PTH109, PTH118 - done for every file that is read
    except OSError:
        here = ""
    if f"{text}{os.sep}" == here:
        return "."
    return text.removeprefix(here).replace(os.sep, "/")
