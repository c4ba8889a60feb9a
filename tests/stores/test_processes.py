"""Processes that share one token at a provider with rotation: whoever sends a spent refresh token ends the grant."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from oauthreg.simulator import Simulator

from .worker import ask, make_client, open_store

PROCESSES, REQUESTS = 4, 10


@pytest.fixture(params=["sqlite", "sealed", "postgresql", "redis"])
async def place(request, tmp_path):
    """The kind of a store, and where it is; it is empty."""
    kind = request.param
    if kind in {"sqlite", "sealed"}:
        return kind, str(tmp_path / "tokens.db")
    folder = str(request.getfixturevalue(f"{kind}_server").folder)
    async with open_store(kind, folder) as store:
        if kind == "postgresql":
            await store.create_tables()
        async for key in store.token_keys():
            await store.delete(key)
    return kind, folder


@pytest.fixture
async def simulator():
    async with Simulator("gitlab") as simulator:
        simulator.state.rotates = True
        simulator.serve("/api", {"good": True})
        yield simulator


def task_for(simulator, place, **more):
    endpoints = simulator.provider.endpoints
    api_url = endpoints["token"].partition("/oauth")[0] + "/api"
    kind, where = place
    client = {
        "client_id": simulator.credentials.client_id,
        "client_secret": simulator.credentials.client_secret,
        "client_auth_method": simulator.provider.oauth2.client_auth,
    }
    urls = {"token_url": endpoints["token"], "api_url": api_url}
    return {"kind": kind, "place": where, "client": client, **urls, **more}


async def log_in(simulator, task):
    """Put a token into the store, as a login does."""
    async with open_store(task["kind"], task["place"]) as store, aiohttp.ClientSession() as session:
        client = make_client(session, store, task, token=simulator.issue_token().to_mapping())
        assert await ask(client, task["api_url"]) == 200


async def run(task):
    """What a process answers; `None` if it was killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__).with_name("worker.py")),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    answer, _ = await process.communicate(json.dumps(task).encode())
    assert process.returncode in {0, -signal.SIGKILL}
    return json.loads(answer) if process.returncode == 0 else None


def renewals(simulator):
    return len([exchange for exchange in simulator.exchanges if exchange.step == "refresh"])


async def test_one_of_all_renews(simulator, place):
    task = task_for(simulator, place, requests=REQUESTS)
    await log_in(simulator, task)
    for round_ in (1, 2):
        simulator.state.expire_tokens()
        answers = await asyncio.gather(*(run(task) for _ in range(PROCESSES)))
        assert answers == [[200] * REQUESTS] * PROCESSES
        assert renewals(simulator) == round_


async def test_who_is_killed_before_asking_costs_nothing(simulator, place):
    task = task_for(simulator, place, requests=1)
    await log_in(simulator, task)
    simulator.state.expire_tokens()
    assert await run({**task, "dies": "before asking"}) is None
    await end_leases(place)
    assert await run(task) == [200]
    assert renewals(simulator) == 1


async def test_who_is_killed_before_saving_costs_the_grant_and_that_is_told(simulator, place):
    """The provider has rotated, and nobody else knows to what: no lock helps, and nobody goes on asking."""
    task = task_for(simulator, place, requests=5)
    await log_in(simulator, task)
    simulator.state.expire_tokens()
    assert await run({**task, "dies": "before saving"}) is None
    await end_leases(place)
    assert await run(task) == ["reauthorization-required"] * 5
    assert renewals(simulator) == 2


async def end_leases(place):
    """As two minutes do."""
    kind, where = place
    async with open_store(kind, where) as store:
        if kind == "redis":
            async for name in store._client.scan_iter("oauthreg:lease:*"):
                await store._client.delete(name)
        else:
            await getattr(store, "_store", store)._change("UPDATE oauthreg_leases SET ends = ends - $1", 120.0)
