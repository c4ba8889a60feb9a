"""Clients come and go with an application's own requests: nothing of them may stay."""

import asyncio
import gc
import re
from pathlib import Path

import aiohttp
import pytest

from oauthreg import AsyncOAuth1Client

STATUS = Path("/proc/self/status")
CLIENTS = 10_000
MOST = 2**20
"""Octets by which the resident memory may grow over so many clients, after as many to warm up."""


def resident() -> int:
    gc.collect()
    return int(re.search(r"VmRSS:\s+(\d+) kB", STATUS.read_text())[1]) * 1024


@pytest.mark.skipif(not STATUS.exists(), reason="this system does not tell the resident memory")
@pytest.mark.parametrize("engine", ["native", "pure"])
def test_ten_thousand_clients(benchmark, credentials, engine, capsys):
    """Each is made, signs and is dropped; none has the same keys or asks for the same thing as another."""
    if engine == "native":
        pytest.importorskip("oauthreg.signing._native", reason="the native engine is not built")

    async def run():
        async with aiohttp.ClientSession() as session:

            def use(number):
                client = AsyncOAuth1Client(
                    session, f"{credentials['client_key']}{number}", f"secret {number}", f"t{number}", engine=engine
                )
                url = f"https://api.example.com/{number}.json?page={number}"
                ((name, value),) = client.auth.authenticate("GET", url, None, None).headers
                assert name == "Authorization"
                assert f'oauth_token="t{number}"' in value

            for number in range(CLIENTS):
                use(number)
            before = resident()
            for number in range(CLIENTS, 2 * CLIENTS):
                use(number)
            return resident() - before

    grown = asyncio.run(run())
    benchmark.extra_info.update(row="client, memory", engine=engine, clients=CLIENTS, grown=grown, grown_mark=MOST)
    if benchmark.enabled:
        with capsys.disabled():
            print(f"\n{engine}, {CLIENTS:,} clients: resident memory grew by {grown / 1024:.0f} KiB")  # noqa: T201 - a table
    assert grown < MOST
    benchmark.pedantic(lambda: None, rounds=1)
