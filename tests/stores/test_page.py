"""The examples of docs/token-stores.md run, each against the store that it is about."""

import re
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from redis.asyncio import Redis

import oauthreg
from oauthreg.simulator import Simulator

PAGE = Path(__file__).parents[2].joinpath("docs/token-stores.md").read_text("utf-8")


@pytest.fixture
async def simulator(monkeypatch):
    async with Simulator("github") as simulator:
        monkeypatch.setattr(oauthreg, "Registry", simulator.registry)
        simulator.serve("/user/repos", ["oauthreg"])
        yield simulator


@pytest.fixture
def examples(simulator):
    """The names that the page defines."""
    names = {}
    exec("\n\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)), names)
    return names


@pytest.fixture
def log_in(examples, simulator):
    async def log_in(store):
        pending = oauthreg.PendingLogin.from_json(await examples["log_in"]("ada", store))
        async with aiohttp.ClientSession() as session:
            client = oauthreg.Registry(store=store).client("github", session, account="ada")
            await client.finish(pending, await simulator.approve(pending.url))

    return log_in


async def test_one_machine(examples, log_in, tmp_path):
    path, key = str(tmp_path / "tokens.db"), oauthreg.new_sealing_key()
    await log_in(examples["open_store"](path, key))
    assert await examples["repositories"]("ada", examples["open_store"](path, key)) == ["oauthreg"]
    assert await examples["forget"]("ada", oauthreg.SQLiteStore(path)) == 1
    with pytest.raises(oauthreg.MissingTokenError):
        await examples["repositories"]("ada", examples["open_store"](path, key))


async def test_postgresql(examples, log_in, postgresql_server):
    url = f"postgresql://postgres@/postgres?host={postgresql_server.folder}"
    async with asyncpg.create_pool(url, min_size=1) as pool:
        store = oauthreg.PostgreSQLStore(pool)
        await store.create_tables()
        await log_in(store)
        assert await examples["with_postgresql"](url, "ada") == ["oauthreg"]
        assert await examples["forget"]("ada", store) == 1


async def test_redis(examples, log_in, redis_server):
    url = f"unix://{redis_server.socket}"
    async with Redis.from_url(url) as client:
        store = oauthreg.RedisStore(client)
        await log_in(store)
        assert await examples["with_redis"](url, "ada") == ["oauthreg"]
        assert await examples["forget"]("ada", store) == 1


async def test_keys_change(examples, log_in):
    store, (former, current) = oauthreg.MemoryStore(), (oauthreg.new_sealing_key() for _ in range(2))
    await log_in(store)
    assert await examples["seal_what_is_there"](store, former) == 1
    assert await examples["change_key"](store, current, former) == 1
    assert await examples["repositories"]("ada", oauthreg.SealedStore(store, current)) == ["oauthreg"]


@pytest.mark.parametrize("path", re.findall(r"\]\(([\w./-]+)\)", PAGE))
def test_links_lead_somewhere(path):
    assert Path(__file__).parents[2].joinpath("docs", path).exists()
