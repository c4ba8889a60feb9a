"""How definitions and their files are named."""

import re
from pathlib import Path

PROVIDER_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
"""The stem of a definition's file."""


def shown(path: Path) -> str:
    """A path as messages name it: from the working directory if it is in there."""
    try:
        return path.absolute().relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError):
        return path.as_posix()
