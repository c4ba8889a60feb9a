"""A pending login as a text for a cookie: the browser keeps it, and can neither read nor change it.

It is then bound to that browser, whatever the application has of sessions. Spec: RFC 6749 section 10.12.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from oauthreg.errors import InvalidKeyError, MismatchingStateError, ResponseError, UsageError
from oauthreg.login import PendingLogin
from oauthreg.records import replace
from oauthreg.sealing import SealingKeys

if TYPE_CHECKING:
    from collections.abc import Callable

_LOGIN = "login"
_LONGEST = 3800
"""Characters: a browser keeps 4,096 octets of a cookie, its name and its attributes included."""


def seal_login(pending: PendingLogin, sealing_key: str) -> str:
    """What ``start`` gave, fit for a cookie; ``open_login`` gives it back to ``finish``.

    The key is one of ``new_sealing_key``, the same in all processes. The query of the URL is left out: send the user
    there before. Raises ``InvalidKeyError``, and ``UsageError`` for a login that is too long for a cookie.
    """
    kept = replace(pending, url=pending.url.partition("?")[0])
    sealed = SealingKeys(sealing_key).seal({_LOGIN: kept.to_json()})
    if len(sealed) > _LONGEST:
        raise UsageError(
            f"the login takes {len(sealed)} characters, and a cookie holds {_LONGEST}",
            code="login-too-long",
            hint="keep `to_json()` in a session on the server's side",
        )
    return sealed


def open_login(
    sealed: str | None,
    sealing_key: str,
    *former_keys: str,
    max_age: float = 600.0,
    now: Callable[[], float] = time.time,
) -> PendingLogin:
    """The login in a cookie, which may be ``max_age`` seconds old.

    Raises ``MismatchingStateError`` where there is none (``login-missing``), it was not sealed here
    (``login-unknown``) or is too old (``login-expired``): the user has to begin once more. Raises ``InvalidKeyError``.
    """
    keys = SealingKeys(sealing_key, *former_keys)
    if not sealed:
        raise _refused("this browser has begun no login, or keeps no cookies", "login-missing")
    try:
        content = keys.open(sealed)
        pending = PendingLogin.from_json(content[_LOGIN])
    except (InvalidKeyError, ResponseError, UsageError, KeyError, TypeError):
        raise _refused("the cookie holds no login that began here", "login-unknown") from None
    if not -max_age <= now() - pending.created <= max_age:
        raise _refused("the login began too long ago", "login-expired")
    return pending


def _refused(reason: str, code: str) -> MismatchingStateError:
    return MismatchingStateError(reason, code=code, hint="let the user log in again, in the same browser")
