"""Which logins are over, so that no callback is taken twice."""

import hashlib
from collections import OrderedDict

from oauthreg.errors import MismatchingStateError


class FinishedLogins:
    """The logins that are over, by whatever tells them apart; each is remembered for ``lifetime`` seconds."""

    def __init__(self, lifetime: float = 3600.0) -> None:
        self._lifetime = lifetime
        self._finished: OrderedDict[str, float] = OrderedDict()
        self._fruitful: set[str] = set()

    def __contains__(self, login: str) -> bool:
        return fingerprint(login) in self._finished

    def add(self, login: str, now: float) -> bool:
        """Note that a login is over; ``False`` if it was before. ``now`` is in seconds since 1970."""
        while self._finished and next(iter(self._finished.values())) < now - self._lifetime:
            self._fruitful.discard(self._finished.popitem(last=False)[0])
        name = fingerprint(login)
        is_first = name not in self._finished
        self._finished.setdefault(name, now)
        return is_first

    def note_token(self, login: str) -> None:
        """Note that a login that is over gave a token."""
        self._fruitful.add(fingerprint(login))

    def give_back(self, login: str) -> None:
        """Note that a login is not over after all."""
        self._finished.pop(fingerprint(login), None)

    def refusal(self, login: str) -> MismatchingStateError:
        """What is raised for a login that is over: whether its first end gave a token, or none."""
        if fingerprint(login) in self._fruitful:
            return MismatchingStateError(
                "the login was finished before",
                code="login-finished",
                hint="a second visit of the callback needs no second exchange: the first one gave the token",
            )
        return MismatchingStateError(
            "the end of this login was begun before, and no token has come of it",
            code="login-finished",
            hint="let the user log in again",
        )


def fingerprint(text: str) -> str:
    """A name by which a secret is known again, without the secret being kept."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
