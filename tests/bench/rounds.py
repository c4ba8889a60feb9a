"""Times rivals in one process, in turns: whatever else the machine does in a round, it does to all of them."""

import gc
import random
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Call: TypeAlias = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds a call: the median over the rounds, the least, the interquartile range over the median, and all."""

    median: float
    least: float
    spread: float
    seconds: tuple[float, ...] = field(repr=False)


def time_in_turns(
    calls: Mapping[str, Call], *, rounds: int = 15, batch: float = 0.003, each: int = 1
) -> dict[str, Timing]:
    """The timing of each call by its name.

    In every round each call is repeated for about ``batch`` seconds, in an order that is drawn anew. A call that does
    its work for ``each`` arguments in turn is told by the seconds of one.
    """
    repeats = {name: _repeats(call, batch) for name, call in calls.items()}
    taken: dict[str, list[float]] = {name: [] for name in calls}
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name in random.sample(list(calls), len(calls)):
                taken[name].append(_seconds(calls[name], repeats[name]))
    finally:
        gc.enable()
    return {name: timing([second / each for second in seconds]) for name, seconds in taken.items()}


def timing(seconds: Sequence[float]) -> Timing:
    """What the seconds of at least two rounds tell."""
    first, median, third = statistics.quantiles(seconds, n=4)
    return Timing(median, min(seconds), (third - first) / median, tuple(seconds))


def in_threads(call: Call, count: int, repeats: int) -> None:
    """Makes the call so many times in each of so many threads."""

    def work() -> None:
        for _ in range(repeats):
            call()

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def ratio(seconds: Sequence[float], others: Sequence[float]) -> float:
    """How many times the other call's seconds a call takes: the median over the rounds of the ratio within each.

    A processor may run at half its speed for seconds at a time: within a round it does so for both.
    """
    return statistics.median(one / other for one, other in zip(seconds, others, strict=True))


def told(timings: Mapping[str, Timing]) -> dict[str, dict[str, float]]:
    """What a table shows of timings: medians and spreads by name."""
    return {
        "medians": {name: timing.median for name, timing in timings.items()},
        "spreads": {name: timing.spread for name, timing in timings.items()},
    }


def _repeats(call: Call, batch: float) -> int:
    repeats = 1
    while (seconds := _seconds(call, repeats)) * repeats < batch:
        repeats = max(repeats + 1, int(batch / seconds))
    return repeats


def _seconds(call: Call, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats
