"""Claims: from a provider's answers to the standard's words.

A template is parsed once (:func:`parse_claims`) and rendered without input or output; :class:`Profile` is the result.
:func:`parse_text_template` and :func:`parse_document_text` are the same idea for URLs and parameters.
"""

from oauthreg.claims.casts import CASTS, STANDARD_CLAIMS
from oauthreg.claims.paths import USERINFO, Condition, Path, parse_condition, parse_path
from oauthreg.claims.problems import ClaimProblem, ClaimsSyntaxError, TemplateSyntaxError
from oauthreg.claims.profile import Profile
from oauthreg.claims.templates import FILTERS, ClaimsTemplate, parse_claims
from oauthreg.claims.text import (
    DocumentText,
    Position,
    TextTemplate,
    Variable,
    encode_for_url,
    parse_document_text,
    parse_text_template,
)

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
]
