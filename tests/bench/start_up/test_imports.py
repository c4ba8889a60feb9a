"""Processes that begin: what importing and a first client take where aiohttp and pydantic are there already."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PYTHON = Path(__file__).parents[3] / "python"
TOLD = [0.0]
"""Seconds of processor time that child processes told of: what came before in them is many times as long."""

pytestmark = pytest.mark.benchmark(timer=lambda: TOLD[0])

PROGRAM = """
import time
{before}
began = time.process_time()
{timed}
print(time.process_time() - began)
"""
SESSION = """
import asyncio, aiohttp
from pydantic import BaseModel
loop = asyncio.new_event_loop()
async def made():
    return aiohttp.ClientSession()
session = loop.run_until_complete(made())
"""
CLIENT = """
from oauthreg import Registry
secrets = {{"client_id": "id", "client_secret": "secret"}}
assert Registry(credentials={{"{0}": secrets}}).client("{0}", session).provider.name == "{0}"
loop.run_until_complete(session.close())
"""
ROWS = {
    "import oauthreg": ("", "import oauthreg", 20e-3),
    "first client of OAuth 2.0": (SESSION, CLIENT.format("github"), 10e-3),
    "first client of OAuth 1.0": (SESSION, CLIENT.format("flickr"), 10e-3),
}
"""Row -> what the process did before, what is timed, and its mark in seconds."""


@pytest.mark.parametrize("row", ROWS)
def test_a_process(measure, row, tmp_path_factory):
    before, timed, mark = ROWS[row]
    code = PROGRAM.format(before=before, timed=timed)
    compiled = Path(tmp_path_factory.getbasetemp()) / "compiled"
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environ |= {"PYTHONPATH": str(PYTHON), "PYTHONPYCACHEPREFIX": str(compiled)}

    def run():
        done = subprocess.run([sys.executable, "-c", code], env=environ, check=True, capture_output=True, text=True)
        TOLD[0] += float(done.stdout)

    run()
    measure(row, mark, run, rounds=21)


def test_the_facade_imports_nothing_that_takes_long():
    code = "import sys; import oauthreg; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    environ = {**os.environ, "PYTHONPATH": str(PYTHON)}
    found = subprocess.run([sys.executable, "-S", "-c", code], env=environ, check=True, capture_output=True, text=True)
    assert set(found.stdout.split()) & {"aiohttp", "pydantic", "cryptography", "typing", "re", "asyncio"} == set()
