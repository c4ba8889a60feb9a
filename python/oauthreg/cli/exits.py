"""Exit codes, and how an error is said.

0 fine, 1 unexpected, 2 wrong usage, 3 a definition is invalid, 4 a login is needed, 5 the provider refused,
6 network or time-out, 130 interrupted.
"""

import sys
import traceback

from oauthreg.errors import (
    DefinitionError,
    OAuthError,
    OAuthRegError,
    ResponseError,
    TokenError,
    UnknownProviderError,
    UsageError,
)

FINE, UNEXPECTED, USAGE, DEFINITION, LOGIN_NEEDED, REFUSED, NETWORK, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 130

_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (UnknownProviderError, USAGE),
    (DefinitionError, DEFINITION),
    (UsageError, USAGE),
    (TokenError, LOGIN_NEEDED),
    (OAuthError, REFUSED),
    (ResponseError, REFUSED),
    (OAuthRegError, UNEXPECTED),
    (OSError, NETWORK),
    (KeyboardInterrupt, INTERRUPTED),
)


def exit_code(error: BaseException) -> int:
    """The exit code that an error ends the program with."""
    if _is_of_transport(error):
        return NETWORK
    return next((code for kind, code in _CODES if isinstance(error, kind)), UNEXPECTED)


def render_error(error: Exception) -> str:
    """The error in words: the problems of a definition one by one, and where the program broke if that was the case."""
    if isinstance(error, DefinitionError) and error.problems:
        from oauthreg.definition.diagnostics import Problem, render_problems

        return render_problems(problem for problem in error.problems if isinstance(problem, Problem))
    if isinstance(error, OAuthRegError):
        return f"error: {error}"
    if exit_code(error) == NETWORK:
        return f"error: {type(error).__name__}: {error}"
    return f"{''.join(traceback.format_exception(error))}error: unexpected; this is a fault of oauthreg"


def _is_of_transport(error: BaseException) -> bool:
    """Whether aiohttp raised it; whoever has not loaded aiohttp has no such error."""
    aiohttp = sys.modules.get("aiohttp")
    return aiohttp is not None and isinstance(error, aiohttp.ClientError)
