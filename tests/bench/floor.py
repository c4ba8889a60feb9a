"""The least that a signature can cost which keeps nothing of a request for the next, out of what is measured beside it.

The floor is the compressions of the hash, one call from Python, the text that is returned, the clock and a nonce out of
a pool that the system fills; work on text is free in it.
"""

import hashlib
import itertools
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

BURST = 100
"""A loop of so many calls is timed as one, so that what drives it weighs nothing."""

_CLOCK = getattr(time, "CLOCK_REALTIME_COARSE", time.CLOCK_REALTIME)
_SHORT, _LONG = bytes(64 * 1024), bytes(64 * 3072)
_POOL = 4096
_NONCE = 16


def burst(function: Callable[..., object], *arguments: Any) -> Callable[[], object]:
    """``BURST`` calls with these arguments, at most four."""
    loop = itertools.repeat

    def run_none() -> None:
        for _ in loop(None, BURST):
            function()

    def run_one() -> None:
        (first,) = arguments
        for _ in loop(None, BURST):
            function(first)

    def run_two() -> None:
        first, second = arguments
        for _ in loop(None, BURST):
            function(first, second)

    def run_four() -> None:
        first, second, third, fourth = arguments
        for _ in loop(None, BURST):
            function(first, second, third, fourth)

    return {0: run_none, 1: run_one, 2: run_two, 4: run_four}[len(arguments)]


def empty_burst() -> None:
    """The loop alone."""
    for _ in itertools.repeat(None, BURST):
        pass


def pieces(hash_name: str, answer: str) -> dict[str, Callable[[], object]]:
    """What is timed for a floor, by name; ``answer`` is a text of the size that is returned."""
    hashed = getattr(hashlib, hash_name)
    return {
        "loop": empty_burst,
        "str": burst(answer.encode().decode),
        "clock": burst(time.clock_gettime_ns, _CLOCK),
        "call": burst(id, None),
        "pool": lambda: os.urandom(_POOL),
        "short": lambda: hashed(_SHORT),
        "long": lambda: hashed(_LONG),
    }


def floor(seconds: Mapping[str, float], compressions: int) -> float:
    """The floor in seconds, of the pieces' seconds and the number of compressions."""
    block = (seconds["long"] - seconds["short"]) / ((len(_LONG) - len(_SHORT)) / 64)
    call_and_str = (seconds["str"] - seconds["loop"]) / BURST
    clock = (seconds["clock"] - seconds["call"]) / BURST
    return compressions * block + call_and_str + clock + seconds["pool"] * _NONCE / _POOL


def compressions(base_string: str, body: bytes | None) -> int:
    """The blocks that HMAC over a base string takes with both key states kept, and those of a hashed body."""
    padding, outer = 9, 1
    hashed_body = -(-(len(body) + padding) // 64) if body is not None else 0
    return -(-(len(base_string) + padding) // 64) + outer + hashed_body
