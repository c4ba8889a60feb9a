"""Definitions: TOML files found, read and checked, and compiled into providers.

What knows the schema is loaded when it is first used: a definition that was found good before needs none of it.
"""

from typing import TYPE_CHECKING

from oauthreg.definition.compile import check_usable, compile_definition, credentials_in_texts, required_credentials
from oauthreg.definition.loader import Loader, load_definition
from oauthreg.definition.settled import SettledDefinition
from oauthreg.facade import load_from

if TYPE_CHECKING:
    from oauthreg.definition.diagnostics import (
        Problem as Problem,
        render_problem as render_problem,
        render_problems as render_problems,
    )
    from oauthreg.definition.doubts import Doubt as Doubt, find_doubts as find_doubts
    from oauthreg.definition.lifecycle import render_warning as render_warning
    from oauthreg.definition.model import Definition as Definition
    from oauthreg.definition.sources import Source as Source
    from oauthreg.definition.suggestions import hint as hint

    ProviderDefinition = Definition
    """The name under which the façade offers it."""

_HOME = {
    "Definition": "model",
    "Doubt": "doubts",
    "Problem": "diagnostics",
    "ProviderDefinition": "model:Definition",
    "Source": "sources",
    "find_doubts": "doubts",
    "hint": "suggestions",
    "render_problem": "diagnostics",
    "render_problems": "diagnostics",
    "render_warning": "lifecycle",
}
"""Name -> the module that holds it (and its name there, if that is another)."""

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

if not TYPE_CHECKING:  # a checker that saw it would take any name
    __getattr__ = load_from(globals(), _HOME)
