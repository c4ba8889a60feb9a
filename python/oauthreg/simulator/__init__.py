"""A local provider made from a definition, to develop and test against: it verifies signatures and needs no network.

::

    async with Simulator("acme") as simulator, aiohttp.ClientSession() as session:
        client = simulator.client(session)
        pending = await client.start(redirect_uri="https://app.example/callback")
        await client.finish(pending, await simulator.approve(pending.url))

It shares signing code with the client, so it proves flows, not correctness. The fixture of ``pytest_plugin`` gives it
to tests. Names are loaded when they are first used: pytest looks in here at every start.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oauthreg.simulator.faults import (
        Body as Body,
        ContentType as ContentType,
        Half as Half,
        Missing as Missing,
        Slow as Slow,
        Status as Status,
        Step as Step,
    )
    from oauthreg.simulator.received import Credentials as Credentials
    from oauthreg.simulator.server import (
        SIMULATED_PROTOCOLS as SIMULATED_PROTOCOLS,
        Exchange as Exchange,
        Simulator as Simulator,
    )

_HOME = {
    "Body": "faults",
    "ContentType": "faults",
    "Credentials": "received",
    "Exchange": "server",
    "Half": "faults",
    "Missing": "faults",
    "SIMULATED_PROTOCOLS": "server",
    "Simulator": "server",
    "Slow": "faults",
    "Status": "faults",
    "Step": "faults",
}
"""Public name -> the module that holds it."""

__all__ = list(_HOME)


def __getattr__(name: str) -> object:
    """Load a public name from its module, once."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
