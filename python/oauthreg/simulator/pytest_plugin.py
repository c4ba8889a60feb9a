"""The pytest fixture ``oauthreg_simulator``: local providers for an application's tests.

::

    async def test_login(oauthreg_simulator, app):
        async with oauthreg_simulator("acme") as simulator:
            app.registry = simulator.registry()
            ...

It works with every way to run asynchronous tests. When a test fails, its report shows what the providers were asked.
"""

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from oauthreg.simulator import Exchange, Simulator

_SIMULATORS = pytest.StashKey[list["Simulator"]]()


@pytest.fixture
def oauthreg_simulator(request: pytest.FixtureRequest) -> Callable[..., "Simulator"]:
    """Makes a ``Simulator`` from a definition or its name, and options; use it in ``async with``."""
    # Every run of pytest loads this module; only a test that wants a provider pays for one.
    from oauthreg.simulator import Simulator

    made: list[Simulator] = request.node.stash.setdefault(_SIMULATORS, [])

    def make(*arguments: object, **options: object) -> Simulator:
        simulator = Simulator(*arguments, **options)  # type: ignore[arg-type]
        made.append(simulator)
        return simulator

    return make


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what the test's providers were asked."""
    report = yield
    if report.failed:
        for simulator in item.stash.get(_SIMULATORS, []):
            lines = list(_lines(list(simulator.exchanges))) or ["nothing"]
            report.sections.append((f"what {simulator.definition.name} was asked", "\n".join(lines)))
    return report


def _lines(exchanges: list["Exchange"]) -> Iterator[str]:
    for exchange in exchanges:
        why = f" {exchange.problem}: {exchange.advice}" if exchange.problem else ""
        yield f"{exchange.status} {exchange.method} {exchange.url} ({exchange.step}){why}"
