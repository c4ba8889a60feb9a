"""An RSA-4096 signature takes milliseconds, and the event loop goes on meanwhile: large keys sign in a thread."""

import asyncio
import importlib
import statistics
import sys
import time
from pathlib import Path

import aiohttp
import pytest

from oauthreg import AsyncOAuth1Client

sys.path.insert(0, str(Path(__file__).parent))
loopback = importlib.import_module("loopback")

SCHEDULING = Path("/proc/thread-self/schedstat")
LONGEST = 0.001
"""Seconds: the longest time that one request may keep the event loop to itself."""


def kept_waiting() -> float:
    """Seconds that this thread was ready to run and the system ran others."""
    return int(SCHEDULING.read_bytes().split()[1]) / 1e9 if SCHEDULING.exists() else 0.0


async def longest_pause(call) -> float:
    """The longest time in seconds between two turns of the event loop while ``call`` runs.

    What other programs on the machine take is left out; a wait for the interpreter's lock is in.
    """
    longest = 0.0

    async def tick():
        nonlocal longest
        while True:
            start, waited = time.perf_counter(), kept_waiting()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - start - (kept_waiting() - waited))

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)
    try:
        await call()
    finally:
        ticking.cancel()
    return longest


@pytest.mark.parametrize("engine", ["native", "pure"])
@pytest.mark.parametrize("bits", [2048, 4096])
def test_pauses(benchmark, credentials, rsa_keys, engine, bits, capsys):
    if engine == "native":
        pytest.importorskip("oauthreg.signing._native", reason="the native engine is not built")
    key, pem = rsa_keys[bits]

    async def run(base, requests):
        async with aiohttp.ClientSession() as session:
            client = AsyncOAuth1Client(
                session, credentials["client_key"], rsa_key=pem, signature_method="RSA-SHA256", engine=engine
            )

            async def call():
                async with client.get(f"{base}/proven?a=1") as response:
                    assert response.status == 200, await response.text()

            first = await longest_pause(call)
            return first, [await longest_pause(call) for _ in range(requests)]

    public = key.public_key()
    with loopback.serving("", "", public, pinned=False) as base:
        first, pauses = asyncio.run(run(base, 40 if benchmark.enabled else 3))
    benchmark.extra_info.update(
        row="client, loop",
        engine=engine,
        bits=bits,
        pause=statistics.median(pauses),
        pause_mark=LONGEST if bits == 4096 else None,
        least_pause=min(pauses),
        first_pause=first,
    )
    if benchmark.enabled:
        with capsys.disabled():
            print(  # noqa: T201 - a table for whoever measures
                f"\n{engine}, RSA-{bits}: longest pause of the loop, over {len(pauses)} requests: median "
                f"{statistics.median(pauses) * 1e3:.2f} ms, least {min(pauses) * 1e3:.2f} ms; in the first, "
                f"which loads the key, {first * 1e3:.1f} ms"
            )
        # A signature in the loop would stop it in every request; a thread that is put off while it holds the
        # interpreter's lock stops it in some, on a machine that has other work.
        assert bits == 2048 or min(pauses) < LONGEST
    benchmark.pedantic(lambda: None, rounds=1)
