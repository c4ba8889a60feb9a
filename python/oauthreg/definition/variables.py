"""Variables of a definition: which values fit, and values made from others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from oauthreg.errors import quoted

if TYPE_CHECKING:
    from oauthreg.definition.model import Variable

_LONGEST = 255
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)(?::[0-9]{1,5})?"
_URL = r"https?://[^/?#@]+(?:/[^?#]*)?"


def fault(variable: Variable, value: str) -> str:
    """Why a value does not fit its variable, in words that end with it; empty if it does."""
    if not value or len(value) > _LONGEST or not value.isprintable():
        return f"not 1 to {_LONGEST} printable characters: {quoted(value)}"
    match variable.kind:
        case "label" if not re.fullmatch(_LABEL, value):
            return f"not one part of a host name: {quoted(value)}"
        case "host" if not re.fullmatch(_HOST, value):
            return f"not a host: {quoted(value)}"
        case "url":
            return _fault_of_url(value) or _fault_of_pattern(variable, value)
    return _fault_of_pattern(variable, value)


def derived(variable: Variable, value: str) -> str:
    """The other spelling of a value that ``variable`` stands for."""
    value = value.lower() if variable.lower else value
    for piece, replacement in variable.replace.items():
        value = value.replace(piece, replacement)
    return value


def _fault_of_url(value: str) -> str:
    if not re.fullmatch(_URL, value) or "{" in value or "}" in value:
        return "not an absolute URL without query, fragment and user information"
    from oauthreg.definition import texts

    try:
        texts.check_url(f"https{value[value.index(':') :]}")
    except texts.Refused as error:
        return error.message
    return ""


def _fault_of_pattern(variable: Variable, value: str) -> str:
    from oauthreg.definition import texts

    if variable.pattern is None or texts.matches(variable.pattern, value):
        return ""
    return f"not of the pattern {quoted(variable.pattern)}: {quoted(value)}"
