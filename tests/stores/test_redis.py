"""The store in Redis, with a server of its own."""

import asyncio
from signal import Signals

import pytest
from redis.asyncio import BlockingConnectionPool, Redis, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as RedisConnectionError, RedisError

from oauthreg.errors import TokenStoreError
from oauthreg.stores import RedisStore, TokenKey

from .contract import KEY, TOKEN, TokenStoreContract


def connect(server, **options):
    """A client as the store's documentation asks for it."""
    pool = BlockingConnectionPool(connection_class=UnixDomainSocketConnection, path=str(server.socket), **options)
    return Redis.from_pool(pool)


@pytest.fixture
async def client(redis_server):
    async with connect(redis_server) as client:
        await client.flushall()
        yield client


class TestRedisStore(TokenStoreContract):
    @pytest.fixture(params=[False, True], ids=["octets", "texts"])
    async def store(self, request, redis_server, client, no_pause):
        async with connect(redis_server, decode_responses=request.param) as own:
            yield RedisStore(own, sleep=no_pause)

    @pytest.fixture
    def twin(self, client, no_pause):
        return RedisStore(client, sleep=no_pause)


async def test_its_names_begin_with_the_prefix(client):
    odd = RedisStore(client, prefix="app[*]-^\\?:")
    await odd.save(KEY, TOKEN, seen_version=None)
    await RedisStore(client, prefix="app*").save(KEY, TOKEN, seen_version=None)
    assert len([key async for key in odd.token_keys()]) == 1
    async with odd.lease(KEY, 60):
        names = [name async for name in client.scan_iter("*")]
    assert len(names) == 3
    assert len([name for name in names if name.startswith(rb"app[*]-^\?:")]) == 2
    assert repr(odd) == "<RedisStore 'app[*]-^\\\\?:'>"


async def test_other_names_of_the_database_stay_as_they_are(client):
    await client.set("oauthreg:token", "mine")
    await client.hset("sessions", "a", "b")
    store = RedisStore(client)
    await store.save(KEY, TOKEN, seen_version=None)
    assert [key async for key in store.token_keys()] == [KEY]
    await store.delete(KEY)
    assert {name async for name in client.scan_iter("*")} == {b"oauthreg:token", b"sessions"}


async def test_a_lease_ends_by_itself(client):
    store = RedisStore(client)
    async with store.lease(KEY, 60):
        (name,) = [name async for name in client.scan_iter("oauthreg:lease:*")]
        assert 59_000 < await client.pttl(name) <= 60_000
    assert not await client.exists(name)


async def test_an_answer_that_was_lost_may_be_asked_for_again(client):
    """redis-py asks once more by itself: whoever holds a lease is told so again."""
    lease = RedisStore(client).lease(KEY, 60)
    await lease.__aenter__()
    await lease.__aenter__()
    await lease.__aexit__(None, None, None)


async def test_a_longer_prefix_is_another_one(client):
    await RedisStore(client, prefix="app:").save(KEY, TOKEN, seen_version=None)
    await RedisStore(client, prefix="app:token:x:").save(TokenKey("other"), TOKEN, seen_version=None)
    assert [key async for key in RedisStore(client, prefix="app:").token_keys()] == [KEY]


async def test_what_is_no_token_is_told(client):
    store = RedisStore(client)
    await store.save(KEY, TOKEN, seen_version=None)
    (name,) = [name async for name in client.scan_iter("oauthreg:token:*")]
    await client.hset(name, "token", "[]")
    with pytest.raises(TokenStoreError) as told:
        await store.load(KEY)
    assert told.value.code == "unusable-token"
    await client.hdel(name, "token")
    with pytest.raises(TokenStoreError):
        await store.load(KEY)


async def test_a_server_that_forgot_everything_gets_no_token_of_before(client):
    """A version is never used again, not even by a server that counts from the beginning."""
    store = RedisStore(client)
    version = await store.save(KEY, TOKEN, seen_version=None)
    await client.flushall()
    await store.save(KEY, {"access_token": "NEW"}, seen_version=None)
    with pytest.raises(TokenStoreError):
        await store.save(KEY, TOKEN, seen_version=version)


async def test_a_server_that_was_away_is_found_again(client, redis_server):
    store = RedisStore(client)
    async with store.lease(KEY, 60):
        version = await store.save(KEY, TOKEN, seen_version=None)
        for signal in (Signals.SIGTERM, Signals.SIGKILL):
            redis_server.stop(signal)
            with pytest.raises((OSError, RedisConnectionError)):
                await store.load(KEY)
            redis_server.start()
            assert await ask_again(store.load, KEY) == (TOKEN, version)
        await store.save(KEY, TOKEN, seen_version=version)


async def test_more_tasks_than_connections_wait_for_their_turn(client, redis_server, no_pause):
    async with connect(redis_server, max_connections=2) as small:
        store = RedisStore(small, sleep=no_pause)
        keys = [TokenKey("acme", str(number)) for number in range(100)]
        await asyncio.gather(*(store.save(key, TOKEN, seen_version=None) for key in keys))
        assert len({key async for key in store.token_keys(provider="acme")}) == 100


async def ask_again(call, *arguments):
    """What a call gives once the server has read what it holds."""
    for _ in range(500):
        try:
            return await call(*arguments)
        except (OSError, RedisError):
            await asyncio.sleep(0.01)
    return await call(*arguments)
