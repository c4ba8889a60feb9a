"""A clock that can learn the server's time.

Spec: RFC 5849 section 3.3 (timestamps are seconds since 1970 and servers refuse old ones).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


_NEVER = float("-inf")


class Clock:
    """Seconds since 1970, corrected by what a server said its time is.

    Before anything is learnt the system's clock is read. Afterwards time runs on the monotonic clock from the learnt
    moment on, so that a later jump of the system's clock changes nothing.
    """

    __slots__ = ("_epoch", "_learnt_at", "_monotonic", "_wall", "is_system")

    def __init__(
        self, *, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._epoch: float | None = None
        self._learnt_at = _NEVER
        self.is_system = wall is time.time
        """Whether this is the system's clock as it stands, which signers then read themselves."""

    def __call__(self) -> float:
        """The time now, in seconds since 1970."""
        return self._wall() if self._epoch is None else self._epoch + self._monotonic()

    def monotonic(self) -> float:
        """Seconds that only run forward, from no particular moment."""
        return self._monotonic()

    @property
    def offset(self) -> float:
        """How far this clock is ahead of the system's now, in seconds; 0.0 before anything was learnt."""
        return 0.0 if self._epoch is None else self() - self._wall()

    @property
    def learnt_ago(self) -> float:
        """How many seconds ago the server's time was learnt; infinite before anything was."""
        return self._monotonic() - self._learnt_at

    def learn(self, server_time: float) -> None:
        """Take the server's time (seconds since 1970) as the time now."""
        self._learnt_at = self._monotonic()
        self._epoch = server_time - self._learnt_at
        self.is_system = False
