"""Claims: from a provider's answers to the standard's words.

A template is parsed once (:func:`parse_claims`) and rendered without input or output; :class:`Profile` is the result.
:func:`parse_text_template` and :func:`parse_document_text` are the same idea for URLs and parameters. Names are loaded
when they are first used: few programs need all of them.
"""

from typing import TYPE_CHECKING

from oauthreg.facade import load_from

if TYPE_CHECKING:
    from oauthreg.claims.casts import CASTS as CASTS, STANDARD_CLAIMS as STANDARD_CLAIMS
    from oauthreg.claims.paths import (
        USERINFO as USERINFO,
        Condition as Condition,
        Path as Path,
        parse_condition as parse_condition,
        parse_path as parse_path,
    )
    from oauthreg.claims.problems import (
        ClaimProblem as ClaimProblem,
        ClaimsSyntaxError as ClaimsSyntaxError,
        TemplateSyntaxError as TemplateSyntaxError,
    )
    from oauthreg.claims.profile import Profile as Profile
    from oauthreg.claims.templates import (
        FILTERS as FILTERS,
        ClaimsTemplate as ClaimsTemplate,
        parse_claims as parse_claims,
    )
    from oauthreg.claims.text import (
        DocumentText as DocumentText,
        Position as Position,
        TextTemplate as TextTemplate,
        Variable as Variable,
        encode_for_url as encode_for_url,
        parse_document_text as parse_document_text,
        parse_text_template as parse_text_template,
        parse_url_template as parse_url_template,
        positions as positions,
    )

_HOME = {
    "CASTS": "casts",
    "ClaimProblem": "problems",
    "ClaimsSyntaxError": "problems",
    "ClaimsTemplate": "templates",
    "Condition": "paths",
    "DocumentText": "text",
    "FILTERS": "templates",
    "Path": "paths",
    "Position": "text",
    "Profile": "profile",
    "STANDARD_CLAIMS": "casts",
    "TemplateSyntaxError": "problems",
    "TextTemplate": "text",
    "USERINFO": "paths",
    "Variable": "text",
    "encode_for_url": "text",
    "parse_claims": "templates",
    "parse_condition": "paths",
    "parse_document_text": "text",
    "parse_path": "paths",
    "parse_text_template": "text",
    "parse_url_template": "text",
    "positions": "text",
}
"""Name -> the module that holds it."""

__all__ = [
    "CASTS",
    "FILTERS",
    "STANDARD_CLAIMS",
    "USERINFO",
    "ClaimProblem",
    "ClaimsSyntaxError",
    "ClaimsTemplate",
    "Condition",
    "DocumentText",
    "Path",
    "Position",
    "Profile",
    "TemplateSyntaxError",
    "TextTemplate",
    "Variable",
    "encode_for_url",
    "parse_claims",
    "parse_condition",
    "parse_document_text",
    "parse_path",
    "parse_text_template",
    "parse_url_template",
    "positions",
]

if not TYPE_CHECKING:  # a checker that saw it would take any name
    __getattr__ = load_from(globals(), _HOME)
