"""Exit codes, and how an error is said.

0 fine, 1 unexpected, or this machine refused (a full disk), 2 wrong usage, 3 a definition is invalid, 4 a login is
needed, 5 the provider refused, 6 network or time-out, 130 interrupted.
"""

import sys
import traceback
from errno import EDQUOT, EFBIG, EIO, ENOSPC

from oauthreg.errors import (
    DefinitionError,
    OAuthError,
    OAuthRegError,
    ResponseError,
    TokenError,
    UnknownProviderError,
    UsageError,
)
from oauthreg.redaction import escape

FINE, UNEXPECTED, USAGE, DEFINITION, LOGIN_NEEDED, REFUSED, NETWORK, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 130

_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (UnknownProviderError, USAGE),
    (DefinitionError, DEFINITION),
    (UsageError, USAGE),
    (TokenError, LOGIN_NEEDED),
    (OAuthError, REFUSED),
    (ResponseError, REFUSED),
    (OAuthRegError, UNEXPECTED),
    (ConnectionError, NETWORK),
    (TimeoutError, NETWORK),
    (KeyboardInterrupt, INTERRUPTED),
)

_OF_WRITING = (ENOSPC, EDQUOT, EFBIG, EIO)

_ADVICE = {
    "foreign-origin": "give a URL of the provider's API; ask others without the token, by another program",
    "foreign-redirect": "ask there without the token, by another program",
    "insecure-url": "give an `https` URL",
    "missing-client-secret": "it is looked for in OAUTHREG_<NAME>_CLIENT_SECRET",
    "missing-decryption-key": "the private half of the key that the provider was given: OAUTHREG_<NAME>_DECRYPTION_KEY",
    "missing-dpop-key": "the key of the login is looked for in OAUTHREG_<NAME>_DPOP_KEY",
    "missing-private-key": "it is looked for in OAUTHREG_<NAME>_PRIVATE_KEY",
    "missing-variable": "`--variable NAME=VALUE`, or OAUTHREG_<NAME>_<VARIABLE>",
    "wrong-dpop-key": "OAUTHREG_<NAME>_DPOP_KEY must hold the key of the login; with another one, log in again",
}
"""What to do at the command line, by an error's code, where the error's own hint speaks of arguments in Python."""


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
        hint = _ADVICE.get(error.code, error.hint)
        return f"error: {escape(error.message)}" + (f"\nhint: {escape(hint)}" if hint else "")
    if exit_code(error) == NETWORK:
        return f"error: {type(error).__name__}: {escape(str(error))}"
    if isinstance(error, OSError):
        where = error.filename or ("the output cannot be written" if error.errno in _OF_WRITING else "")
        return f"error: {where}{': ' if where else ''}{error.strerror or error}"
    return f"{''.join(traceback.format_exception(error))}error: unexpected; this is a fault of oauthreg"


def _is_of_transport(error: BaseException) -> bool:
    """Whether aiohttp raised it; whoever has not loaded aiohttp has no such error."""
    aiohttp = sys.modules.get("aiohttp")
    return aiohttp is not None and isinstance(error, aiohttp.ClientError)
