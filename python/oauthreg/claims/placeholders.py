"""The one rule for braces: ``{expression}`` is a placeholder, ``{{`` and ``}}`` are literal braces."""

import re
from functools import lru_cache

from oauthreg.claims.problems import refusal
from oauthreg.errors import quoted
from oauthreg.records import dataclass

_LONGEST_KEPT = 1024
# Compiled when they are first used: a first client that needs none of them starts sooner.
_BRACE = r"[{}]"
_MARK = r"[{}\"']"
_NAMED = r"\{([^{}\"'\s][^{}\"']*)\}"
_DOUBLE_HINT = "write a literal brace twice: `{{` or `}}`"


@dataclass(frozen=True, slots=True)
class Placeholder:
    """What stands between two braces."""

    expression: str


def split_placeholders(text: str) -> tuple[str | Placeholder, ...]:
    """Literals and placeholders in order; an expression may hold braces in pairs, or in quotes.

    Raises ``TemplateSyntaxError``.
    """
    # A check asks for the same text several times: for its form, its names, its place in a URL.
    return _split_again(text) if len(text) <= _LONGEST_KEPT else _split(text)


def _split(text: str) -> tuple[str | Placeholder, ...]:
    pieces = re.split(_NAMED, text)
    literals = "".join(pieces[::2])
    if "{" in literals or "}" in literals:
        return _split_with_care(text)
    return tuple([Placeholder(piece) if index % 2 else piece for index, piece in enumerate(pieces) if piece])


def _split_with_care(text: str) -> tuple[str | Placeholder, ...]:
    """The pieces of a text with braces that are doubled, within others, or without their like."""
    parts: list[str | Placeholder] = []
    literal = ""
    at = 0
    braces = re.compile(_BRACE)
    while brace := braces.search(text, at):
        literal += text[at : brace.start()]
        at = brace.start()
        if text[at : at + 2] in {"{{", "}}"}:
            literal += text[at]
            at += 2
        elif text[at] == "{":
            end = closing_brace(text, at)
            if literal:
                parts.append(literal)
                literal = ""
            parts.append(_placeholder(text, text[at + 1 : end]))
            at = end + 1
        else:
            raise refusal(f"`}}` without `{{`: {quoted(text)}", _DOUBLE_HINT)
    literal += text[at:]
    return (*parts, literal) if literal else tuple(parts)


_split_again = lru_cache(maxsize=128)(_split)


def closing_brace(text: str, at: int) -> int:
    """The index of the brace that closes the one at ``at``, passing over pairs and quotes within."""
    depth = 0
    start = at
    marks = re.compile(_MARK)
    while mark := marks.search(text, at):
        at = mark.start()
        match text[at]:
            case "{":
                depth += 1
            case "}":
                depth -= 1
                if not depth:
                    return at
            case _:
                at = closing_quote(text, at)
        at += 1
    raise refusal(f"`{{` without `}}`: {quoted(text[start:])}", _DOUBLE_HINT)


def closing_quote(text: str, at: int) -> int:
    """The index of the quote that closes the one at ``at``, passing over what a backslash escapes."""
    mark = text[at]
    end = at + 1
    while end < len(text):
        if text[end] == "\\":
            end += 1
        elif text[end] == mark:
            return end
        end += 1
    raise refusal(f"quote is not closed: {quoted(text[at:])}", f"end it with {mark}")


def escape_braces(text: str) -> str:
    """The literal as a template writes it."""
    return text.replace("{", "{{").replace("}", "}}")


def _placeholder(text: str, expression: str) -> Placeholder:
    if not expression.strip():
        raise refusal(f"empty placeholder: {quoted(text)}", _DOUBLE_HINT)
    return Placeholder(expression)
