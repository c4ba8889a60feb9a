"""Start-up: three hundred definitions, and how their reading is timed."""

import time
from pathlib import Path

import pytest

from oauthreg.definition import Loader, SettledDefinition

BUNDLED = Path(__file__).parents[3] / "providers"
MANY = 300


@pytest.fixture(scope="session")
def many(tmp_path_factory):
    """A folder with copies of the bundled definitions under other names, until there are three hundred."""
    folder = tmp_path_factory.mktemp("many")
    paths = sorted(BUNDLED.glob("*.toml"))
    for number in range(MANY):
        path = paths[number % len(paths)]
        lines = path.read_text().splitlines()
        text = "\n".join(line for line in lines if not line.startswith("aliases"))
        (folder / f"{path.stem}-{number}.toml").write_text(f"{text}\n")
    return folder


@pytest.fixture(scope="session")
def names(many):
    return sorted(path.stem for path in many.glob("*.toml"))


@pytest.fixture(scope="session")
def kept(many, names, tmp_path_factory):
    """An environment whose cache knows all of them."""
    environ = {"OAUTHREG_CACHE": str(tmp_path_factory.mktemp("kept"))}
    time.sleep(2.1)  # what was just written is not kept
    loader = Loader([many], environ=environ)
    for name in names:
        loader.load(name)
    assert all(isinstance(loader.settle(name), SettledDefinition) for name in names)
    return environ


@pytest.fixture
def measure(benchmark):
    """Times a function in rounds, and notes its line of the table: its mark in seconds, and what it counts over.

    Modules choose a timer of processor time, so that other work on the machine counts less.
    """

    def timed(case, mark, function, *, rounds=50, iterations=1, less=""):
        benchmark.extra_info.update(row="start-up", case=case, mark=mark, less=less)
        benchmark.group = "start-up"
        return benchmark.pedantic(function, rounds=rounds, iterations=iterations, warmup_rounds=1)

    return timed
