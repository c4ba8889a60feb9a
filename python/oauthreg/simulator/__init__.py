"""A local provider made from a definition, to develop and test against: it verifies signatures and needs no network.

::

    async with Simulator("acme") as simulator, aiohttp.ClientSession() as session:
        client = simulator.client(session)
        pending = await client.start(redirect_uri="https://app.example/callback")
        await client.finish(pending, await simulator.approve(pending.url))

It shares signing code with the client, so it proves flows, not correctness.
"""

from oauthreg.simulator.faults import Body, ContentType, Half, Missing, Slow, Status, Step
from oauthreg.simulator.oauth1 import Credentials
from oauthreg.simulator.server import Exchange, Simulator

__all__ = [
    "Body",
    "ContentType",
    "Credentials",
    "Exchange",
    "Half",
    "Missing",
    "Simulator",
    "Slow",
    "Status",
    "Step",
]
