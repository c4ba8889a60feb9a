"""RSA signatures beside the bare operation: the rest of a signature must not be seen, and two threads must be two."""

import functools
import importlib
import sys
import timeit
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from oauthreg import Signer, verify

sys.path.insert(0, str(Path(__file__).parent))
rounds = importlib.import_module("rounds")

HASHES = {"RSA-SHA1": hashes.SHA1, "RSA-SHA256": hashes.SHA256}
MARK = 1.02
"""The time of a signature in times of ``key.sign`` over the same text, at most."""
THREADS_MARK = 1.95
"""How many times as many two threads make, at least."""
WORK = 0.1
"""How many seconds each thread signs. A system may have two new threads share a processor for milliseconds at first."""


@pytest.mark.parametrize("engine", ["native", "pure"])
@pytest.mark.parametrize("signature_method", HASHES)
@pytest.mark.parametrize("bits", [2048, 4096])
def test_rsa(benchmark, bits, signature_method, engine, credentials, requests_by_name, rsa_keys, capsys):
    if engine == "native":
        pytest.importorskip("oauthreg.signing._native", reason="the native engine is not built")
    key, pem = rsa_keys[bits]
    request = requests_by_name["R1"]
    signer = Signer(signature_method, credentials["client_key"], token=credentials["token"], rsa_key=pem, engine=engine)
    verify(*request, authorization=signer.authorization(*request), rsa_key=key.public_key(), engine="pure")
    text, pad, algorithm = signer.base_string(*request).encode(), padding.PKCS1v15(), HASHES[signature_method]()
    key.public_key().verify(key.sign(text, pad, algorithm), text, pad, algorithm)
    sign = functools.partial(signer.authorization, *request)
    bare = functools.partial(key.sign, text, pad, algorithm)
    if benchmark.enabled:
        repeats = round(WORK / min(timeit.repeat(bare, number=1)))
        timings = rounds.time_in_turns(
            {
                "signer": sign,
                "key.sign": bare,
                "one thread": functools.partial(rounds.in_threads, sign, 1, repeats),
                "two threads": functools.partial(rounds.in_threads, sign, 2, repeats),
                "one thread of key.sign": functools.partial(rounds.in_threads, bare, 1, repeats),
                "two threads of key.sign": functools.partial(rounds.in_threads, bare, 2, repeats),
            },
            rounds=11,
            batch=0.01,
        )
        ratio = rounds.ratio(timings["signer"].seconds, timings["key.sign"].seconds)
        scaling, bare_scaling = (
            2 * rounds.ratio(timings[f"one thread{of}"].seconds, timings[f"two threads{of}"].seconds)
            for of in ("", " of key.sign")
        )
        benchmark.extra_info.update(
            row="RSA",
            engine=engine,
            method=signature_method,
            bits=bits,
            **rounds.told(timings),
            ratio=ratio,
            mark=MARK,
            scaling=scaling,
            scaling_mark=THREADS_MARK,
            bare_scaling=bare_scaling,
        )
        with capsys.disabled():
            print(  # noqa: T201 - a table for whoever measures
                f"\n{signature_method} {bits} {engine}  {timings['signer'].median * 1e3:.3f} ms  {ratio:.3f}x key.sign "
                f"(mark {MARK}x)  two threads {scaling:.2f}x (mark {THREADS_MARK}x; of key.sign {bare_scaling:.2f}x)  "
                f"spread {max(timing.spread for timing in timings.values()):.0%}"
            )
    benchmark.group = f"{signature_method} {bits}"
    benchmark.pedantic(sign, rounds=5)
