"""Processes that begin: what importing and a first client take where aiohttp and pydantic are there already."""

import os
import statistics
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
marks = [time.process_time()]
{anyway}
marks.append(time.process_time())
{before}
marks.append(time.process_time())
{timed}
marks.append(time.process_time())
print(marks[3] - marks[2], marks[1] - marks[0])
"""
ANYWAY = """
import aiohttp
from pydantic import BaseModel
"""
SESSION = """
import asyncio
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
    "import oauthreg": ("", "", "import oauthreg", 20e-3),
    "first client of OAuth 2.0": (ANYWAY, SESSION, CLIENT.format("github"), 10e-3),
    "first client of OAuth 1.0": (ANYWAY, SESSION, CLIENT.format("flickr"), 10e-3),
}
"""Row -> what every such process imports, what it did before, what is timed, and its mark in seconds."""
ANYWAY_WHERE_MARKED = 241e-3
"""Seconds that importing aiohttp and pydantic took on the machine on which the marks were set."""


@pytest.mark.parametrize("row", ROWS)
def test_a_process(measure, benchmark, row, tmp_path_factory):
    anyway, before, timed, mark = ROWS[row]
    code = PROGRAM.format(anyway=anyway, before=before, timed=timed)
    compiled = Path(tmp_path_factory.getbasetemp()) / "compiled"
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environ |= {"PYTHONPATH": str(PYTHON), "PYTHONPYCACHEPREFIX": str(compiled)}
    told = []

    def run():
        done = subprocess.run([sys.executable, "-c", code], env=environ, check=True, capture_output=True, text=True)
        told.append([float(number) for number in done.stdout.split()])
        TOLD[0] += told[-1][0]

    run()
    told.clear()
    measure(row, mark, run, rounds=21)
    if anyway:
        benchmark.extra_info.update(
            anyway=statistics.median(imports for _, imports in told),
            share=statistics.median(own / imports for own, imports in told),
            share_mark=mark / ANYWAY_WHERE_MARKED,
        )


def test_the_facade_imports_nothing_that_takes_long():
    code = "import sys; import oauthreg; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    environ = {**os.environ, "PYTHONPATH": str(PYTHON)}
    found = subprocess.run([sys.executable, "-S", "-c", code], env=environ, check=True, capture_output=True, text=True)
    assert set(found.stdout.split()) & {"aiohttp", "pydantic", "cryptography", "typing", "re", "asyncio"} == set()
