"""Batches in the native engine: signatures a second on one thread, and what a second thread adds."""

import functools
import hashlib
import importlib
import os
import sys
from pathlib import Path

import pytest

from oauthreg import verify

sys.path.insert(0, str(Path(__file__).parent))
rounds, signers = importlib.import_module("rounds"), importlib.import_module("signers")

SIZES = (5_000, 20_000)
"""Requests of a batch: a worker's beginning and end, a tenth of a millisecond, weigh less in the larger one."""
MARK = 1.3e6
"""Signatures a second of R1 on one thread."""
SCALING_MARK = 1.9
"""How many times as many on two."""
TEXT = bytes(1 << 20)
TEXTS = 80
"""So many are hashed, on one thread or on two: what a second processor adds where nothing is shared.

It takes two threads 20 ms, for a few of which the system may have both on one processor."""


@pytest.mark.parametrize("size", SIZES)
def test_sign_many(benchmark, size, credentials, requests_by_name, capsys):
    pytest.importorskip("oauthreg.signing._native", reason="the native engine is not built")
    signer = signers.make_signer("native", "HMAC-SHA1", credentials)
    method, url, *_ = requests_by_name["R1"]
    batch = [(method, f"{url[:-4]}{number:05}") for number in range(size)]
    for threads in (1, 2):
        headers = signer.sign_many(batch, threads=threads)
        assert len(set(headers)) == size
        for number in (0, 1_023, 1_024, size - 1):
            verify(
                *batch[number],
                authorization=headers[number],
                client_secret=credentials["client_secret"],
                token_secret=credentials["token_secret"],
                engine="pure",
            )
    if benchmark.enabled:
        hash_text = functools.partial(hashlib.sha1, TEXT)
        timings = rounds.time_in_turns(
            {threads: functools.partial(signer.sign_many, batch, threads=threads) for threads in (1, 2)}
            | {
                f"hash on {count}": functools.partial(rounds.in_threads, hash_text, count, TEXTS // count)
                for count in (1, 2)
            }
        )
        bare_scaling = rounds.ratio(timings.pop("hash on 1").seconds, timings.pop("hash on 2").seconds)
        rates = {threads: size / timing.median for threads, timing in timings.items()}
        scaling = rounds.ratio(timings[1].seconds, timings[2].seconds)
        benchmark.extra_info.update(
            row="sign_many",
            requests=f"{size:,}",
            rates=rates,
            spreads={threads: timing.spread for threads, timing in timings.items()},
            mark=MARK,
            scaling=scaling,
            scaling_mark=SCALING_MARK,
            bare_scaling=bare_scaling,
            processors=os.cpu_count(),
        )
        with capsys.disabled():
            print(  # noqa: T201 - a table for whoever measures
                f"\nsign_many R1, {size:,}  {rates[1] / 1e6:.2f} M/s on one thread (mark {MARK / 1e6} M/s)  "
                f"{scaling:.2f}x on two (mark {SCALING_MARK}x; hash {bare_scaling:.2f}x)  "
                f"spread {max(timing.spread for timing in timings.values()):.0%}"
            )
    benchmark.group = f"sign_many, {size:,} requests"
    benchmark.pedantic(signer.sign_many, (batch,), {"threads": 1}, rounds=5)
