"""What is wrong with a template: findings that the caller can place in its file."""

from collections.abc import Iterable, Sequence
from typing import Any

from oauthreg.records import dataclass


@dataclass(frozen=True, slots=True)
class ClaimProblem:
    """One finding; ``key_path`` leads from the parsed table to the value at fault, ``()`` being the value itself."""

    key_path: tuple[str | int, ...]
    message: str
    hint: str = ""


class TemplateSyntaxError(ValueError):
    """A path, condition or text template that cannot be used; ``problems`` holds every finding."""

    def __init__(self, problems: Sequence[ClaimProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problem.message for problem in self.problems))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.problems,)


class ClaimsSyntaxError(TemplateSyntaxError):
    """A claims table that cannot be used; ``problems`` holds the findings of the whole table."""


def refusal(message: str, hint: str = "") -> TemplateSyntaxError:
    """The error of a text that has one fault."""
    return TemplateSyntaxError([ClaimProblem((), message, hint)])


def listed(names: Iterable[str]) -> str:
    """Names in backticks, in order, with commas."""
    return ", ".join(f"`{name}`" for name in names)


def closest(word: str, names: Iterable[str]) -> str:
    """``did you mean `x`?`` for the name that is nearest to ``word``, or a list of all that there are."""
    from difflib import get_close_matches

    known = list(names)
    near = get_close_matches(word.lower(), known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"known: {listed(known)}" if known else ""
