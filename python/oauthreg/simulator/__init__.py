"""A local provider made from a definition, to develop and test against: it verifies signatures and needs no network.

::

    async with Simulator("acme") as simulator, aiohttp.ClientSession() as session:
        client = simulator.client(session)
        pending = await client.start(redirect_uri="https://app.example/callback")
        await client.finish(pending, await simulator.approve(pending.url))

It shares signing code with the client, so it proves flows, not correctness. The fixture of ``pytest_plugin`` gives it
to tests. Names are loaded when they are first used: pytest looks in here at every start.
"""

from typing import TYPE_CHECKING

from oauthreg.facade import load_from

if TYPE_CHECKING:
    from oauthreg.simulator.faults import (
        Body as Body,
        ContentType as ContentType,
        Half as Half,
        Missing as Missing,
        OtherClaims as OtherClaims,
        Slow as Slow,
        StaleNonce as StaleNonce,
        Status as Status,
        Step as Step,
    )
    from oauthreg.simulator.received import Credentials as Credentials
    from oauthreg.simulator.server import (
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
    "OtherClaims": "faults",
    "Simulator": "server",
    "Slow": "faults",
    "StaleNonce": "faults",
    "Status": "faults",
    "Step": "faults",
}
"""Public name -> the module that holds it."""

__all__ = list(_HOME)

if not TYPE_CHECKING:  # a checker that saw it would take any name
    __getattr__ = load_from(globals(), _HOME)


def __dir__() -> list[str]:
    return __all__
