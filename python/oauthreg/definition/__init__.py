"""Definitions: TOML files found, read and checked, and compiled into providers."""

from oauthreg.definition.compile import check_usable, compile_definition, credentials_in_texts, required_credentials
from oauthreg.definition.diagnostics import Problem, render_problem, render_problems
from oauthreg.definition.doubts import Doubt, find_doubts
from oauthreg.definition.loader import Loader, Source, load_definition
from oauthreg.definition.model import Definition
from oauthreg.definition.suggestions import hint

ProviderDefinition = Definition
"""The name under which the façade offers it."""

__all__ = [
    "Definition",
    "Doubt",
    "Loader",
    "Problem",
    "ProviderDefinition",
    "Source",
    "check_usable",
    "compile_definition",
    "credentials_in_texts",
    "find_doubts",
    "hint",
    "load_definition",
    "render_problem",
    "render_problems",
    "required_credentials",
]
