"""Definitions: TOML files found, read and checked, and compiled into providers.

What knows the schema is loaded when it is first used: a definition that was found good before needs none of it.
"""

import importlib
from typing import TYPE_CHECKING

from oauthreg.definition.compile import check_usable, compile_definition, credentials_in_texts, required_credentials
from oauthreg.definition.lifecycle import render_warning
from oauthreg.definition.loader import Loader, load_definition
from oauthreg.definition.settled import SettledDefinition
from oauthreg.definition.suggestions import hint

if TYPE_CHECKING:
    from oauthreg.definition.diagnostics import (
        Problem as Problem,
        render_problem as render_problem,
        render_problems as render_problems,
    )
    from oauthreg.definition.doubts import Doubt as Doubt, find_doubts as find_doubts
    from oauthreg.definition.model import Definition as Definition
    from oauthreg.definition.sources import Source as Source

    ProviderDefinition = Definition
    """The name under which the façade offers it."""

_HOME = {
    "Definition": ("model", "Definition"),
    "Doubt": ("doubts", "Doubt"),
    "Problem": ("diagnostics", "Problem"),
    "ProviderDefinition": ("model", "Definition"),
    "Source": ("sources", "Source"),
    "find_doubts": ("doubts", "find_doubts"),
    "render_problem": ("diagnostics", "render_problem"),
    "render_problems": ("diagnostics", "render_problems"),
}
"""Name -> the module that holds it, and its name there."""

__all__ = [
    "Definition",
    "Doubt",
    "Loader",
    "Problem",
    "ProviderDefinition",
    "SettledDefinition",
    "Source",
    "check_usable",
    "compile_definition",
    "credentials_in_texts",
    "find_doubts",
    "hint",
    "load_definition",
    "render_problem",
    "render_problems",
    "render_warning",
    "required_credentials",
]


def __getattr__(name: str) -> object:
    """Load what knows the schema, once."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, there = _HOME[name]
    value: object = getattr(importlib.import_module(f"{__name__}.{module}"), there)
    globals()[name] = value
    return value
