"""Processes that begin: what importing and a first client add to what is there without us."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

resource = pytest.importorskip("resource", reason="the time of child processes is not told here")


def time_of_children():
    """Seconds of processor time that ended child processes have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


pytestmark = pytest.mark.benchmark(timer=time_of_children)

PYTHON = Path(__file__).parents[3] / "python"
THEIRS = "import asyncio, aiohttp; from pydantic import BaseModel\n"
SESSION = """
async def main():
    async with aiohttp.ClientSession() as session:
        {}
asyncio.run(main())
"""
CLIENT = """secrets = {{"client_id": "id", "client_secret": "secret"}}
        from oauthreg import Registry
        assert Registry(credentials={{"{0}": secrets}}).client("{0}", session).provider.name == "{0}"
"""
ROWS = {
    "bare Python": ("pass", None, ""),
    "import oauthreg": ("import oauthreg", 20e-3, "bare Python"),
    "aiohttp and pydantic": (THEIRS + SESSION.format("pass"), None, ""),
    "first client of OAuth 2.0": (THEIRS + SESSION.format(CLIENT.format("github")), 10e-3, "aiohttp and pydantic"),
    "first client of OAuth 1.0": (THEIRS + SESSION.format(CLIENT.format("flickr")), 10e-3, "aiohttp and pydantic"),
}
"""Row -> the program, its mark in seconds, and the row that it counts over."""


@pytest.mark.parametrize("row", ROWS)
def test_a_process(measure, row, tmp_path_factory):
    code, mark, less = ROWS[row]
    compiled = Path(tmp_path_factory.getbasetemp()) / "compiled"
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environ |= {"PYTHONPATH": str(PYTHON), "PYTHONPYCACHEPREFIX": str(compiled)}

    def run():
        assert subprocess.run([sys.executable, "-c", code], env=environ, check=True).returncode == 0

    run()
    measure(row, mark, run, rounds=11, less=less)


def test_the_facade_imports_nothing_that_takes_long():
    code = "import sys; import oauthreg; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    environ = {**os.environ, "PYTHONPATH": str(PYTHON)}
    found = subprocess.run([sys.executable, "-S", "-c", code], env=environ, check=True, capture_output=True, text=True)
    assert set(found.stdout.split()) & {"aiohttp", "pydantic", "cryptography", "typing", "re", "asyncio"} == set()
