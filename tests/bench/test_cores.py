"""What a second processor adds: signers in threads of one process, and in processes of their own.

``sign_many``, which makes threads itself, has its own file.
"""

import functools
import importlib
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import oauthreg
from oauthreg import Signer, verify

sys.path.insert(0, str(Path(__file__).parent))
rounds = importlib.import_module("rounds")

REPEATS = {"HMAC-SHA1": 5_000, "RSA-SHA256": 12}
"""Signature method -> the signatures of one thread or process in one round."""
WORKER = """
import sys
from ast import literal_eval
from oauthreg import Signer
method, engine, client_id, secret, token, token_secret = sys.argv[1:]
request = literal_eval(sys.stdin.readline())
key = literal_eval(sys.stdin.readline())
signer = Signer(method, client_id, secret, token=token, token_secret=token_secret, rsa_key=key, engine=engine)
for line in sys.stdin:
    for _ in range(int(line)):
        header = signer.authorization(*request)
    print(header, flush=True)
"""
"""Signs as often as each line says, and answers with the last header."""


def counts():
    """1, 2, 4 … up to the number of processors, and 2 on any machine."""
    processors = max(2, len(os.sched_getaffinity(0)))
    return [1 << power for power in range(processors.bit_length())]


@contextmanager
def working(arguments, request, key):
    """A process that signs when it is told to."""
    source = str(Path(oauthreg.__file__).parents[1])
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": source},
    )
    try:
        worker.stdin.write(f"{request!r}\n{key!r}\n")
        yield worker
    finally:
        worker.communicate()  # it ends with its input
        assert worker.returncode == 0


def sign_in_processes(workers, repeats):
    for worker in workers:
        worker.stdin.write(f"{repeats}\n")
        worker.stdin.flush()
    return [worker.stdout.readline().strip() for worker in workers]


def sign_in_threads(pool, sign, count, repeats):
    barrier = threading.Barrier(count)

    def work():
        barrier.wait()
        for _ in range(repeats):
            header = sign()
        return header

    return [future.result() for future in [pool.submit(work) for _ in range(count)]]


@pytest.mark.parametrize("engine", ["native", "pure"])
@pytest.mark.parametrize("signature_method", REPEATS)
def test_cores(benchmark, signature_method, engine, credentials, requests_by_name, rsa_keys, capsys):
    if engine == "native":
        pytest.importorskip("oauthreg.signing._native", reason="the native engine is not built")
    key, pem = rsa_keys[2048]
    rsa_key = pem if signature_method.startswith("RSA") else None
    request, repeats = requests_by_name["R1"], REPEATS[signature_method] if benchmark.enabled else 2
    client_id, token = credentials["client_key"], credentials["token"]
    secrets = {"client_secret": credentials["client_secret"], "token_secret": credentials["token_secret"]}
    signer = Signer(signature_method, client_id, token=token, rsa_key=rsa_key, engine=engine, **secrets)
    sign = functools.partial(signer.authorization, *request)
    arguments = [signature_method, engine, client_id, secrets["client_secret"], token, secrets["token_secret"]]
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(max(counts())))
        workers = [stack.enter_context(working(arguments, request, rsa_key)) for _ in range(max(counts()))]
        calls = {}
        for count in counts():
            threads, processes = ("thread", "process") if count == 1 else ("threads", "processes")
            calls[f"{count} {threads}"] = functools.partial(sign_in_threads, pool, sign, count, repeats)
            calls[f"{count} {processes}"] = functools.partial(sign_in_processes, workers[:count], repeats)
        for name, call in calls.items():
            headers = call()
            assert len(set(headers)) == int(name.split()[0])
            for header in headers:
                verify(*request, authorization=header, rsa_key=key.public_key(), engine="pure", **secrets)
        if benchmark.enabled:
            timings = rounds.time_in_turns(calls, rounds=15)
            # Other work takes whole processors away: what they add shows in the round in which it was least.
            rates = {name: int(name.split()[0]) * repeats / timing.least for name, timing in timings.items()}
            benchmark.extra_info.update(
                row="cores",
                method=signature_method,
                engine=engine,
                rate=rates["1 thread"],
                gains={name: rate / rates["1 thread"] for name, rate in rates.items()},
                spreads={name: timing.spread for name, timing in timings.items()},
            )
            with capsys.disabled():
                cells = "  ".join(f"{name} {rate:,.0f}/s" for name, rate in rates.items())
                print(f"\n{signature_method} {engine}  {cells}")  # noqa: T201 - a table for whoever measures
    benchmark.pedantic(sign, rounds=1)
