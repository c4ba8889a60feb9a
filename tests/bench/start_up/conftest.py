"""Start-up: three hundred definitions, and a table of what was measured beside the marks."""

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
    """Times a function in rounds, and notes the row of the table that it belongs to: its mark in seconds.

    Modules choose a timer of processor time, so that other work on the machine counts less.
    """

    def timed(row, mark, function, *, rounds=50, iterations=1):
        benchmark.extra_info.update(row=row, mark=mark)
        benchmark.group = "start-up"
        return benchmark.pedantic(function, rounds=rounds, iterations=iterations, warmup_rounds=1)

    return timed


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter):
    """Medians beside their marks."""
    session = getattr(terminalreporter.config, "_benchmarksession", None)
    benches = [bench for bench in getattr(session, "benchmarks", []) if bench.stats.data and "row" in bench.extra_info]
    if not benches:
        return
    terminalreporter.section("start-up, milliseconds of processor time: median, least, spread")
    for bench in benches:
        mark, found, spread = bench.extra_info["mark"], bench.stats.median, bench.stats.iqr / bench.stats.median
        told = f"mark {mark * 1e3:9.4f}  {'kept' if found <= mark else 'MISSED'}" if mark else "for comparison"
        shown = f"{found * 1e3:10.4f}{bench.stats.min * 1e3:10.4f} {spread:5.0%}"
        terminalreporter.write_line(f"{bench.extra_info['row']:58}{shown}  {told}")
