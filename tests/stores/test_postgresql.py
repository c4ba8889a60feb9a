"""The store in PostgreSQL, with a server of its own."""

import asyncio
from signal import Signals

import asyncpg
import pytest

from oauthreg.stores import PostgreSQLStore

from .contract import KEY, TOKEN, TokenStoreContract


@pytest.fixture
async def pool(postgresql_server):
    async with connect(postgresql_server) as pool:
        await pool.execute("DROP TABLE IF EXISTS oauthreg_tokens, oauthreg_leases")
        yield pool


def connect(server, **options):
    return asyncpg.create_pool(host=str(server.folder), user="postgres", database="postgres", min_size=1, **options)


class TestPostgreSQLStore(TokenStoreContract):
    @pytest.fixture
    async def store(self, pool, no_pause):
        store = PostgreSQLStore(pool, sleep=no_pause)
        await store.create_tables()
        return store

    @pytest.fixture
    async def twin(self, store, postgresql_server, no_pause):
        async with connect(postgresql_server) as pool:
            yield PostgreSQLStore(pool, sleep=no_pause)


async def test_any_number_may_create_the_tables_at_once(pool, postgresql_server):
    async with connect(postgresql_server) as other:
        await asyncio.gather(*(PostgreSQLStore(by).create_tables() for by in (pool, other) * 5))
    assert await PostgreSQLStore(pool).load(KEY) is None


async def test_without_its_tables_it_says_so(pool):
    with pytest.raises(asyncpg.UndefinedTableError, match="oauthreg_tokens"):
        await PostgreSQLStore(pool).load(KEY)


async def test_no_connection_is_held_while_a_token_is_renewed(pool, postgresql_server):
    async with connect(postgresql_server, max_size=1) as small:
        store = PostgreSQLStore(small)
        await store.create_tables()
        async with store.lease(KEY, 60):
            version = await store.save(KEY, TOKEN, seen_version=None)
            assert await store.load(KEY) == (TOKEN, version)
            assert small.get_idle_size() == 1


async def test_a_lease_ends_by_the_clock_of_the_database(pool, no_pause):
    """Of two machines one may be an hour ahead."""
    store = PostgreSQLStore(pool, sleep=no_pause)
    await store.create_tables()
    held = store.lease(KEY, 60)
    await held.__aenter__()
    left = await pool.fetchval("SELECT ends - extract(epoch FROM clock_timestamp()) FROM oauthreg_leases")
    assert 0 < left <= 60
    await pool.execute("UPDATE oauthreg_leases SET ends = ends - 60")
    async with store.lease(KEY, 60):
        await held.__aexit__(None, None, None)
        assert await pool.fetchval("SELECT count(*) FROM oauthreg_leases") == 1


async def test_a_server_that_was_away_is_found_again(postgresql_server):
    """What was saved is there, and so is a lease, whose holder goes on."""
    async with connect(postgresql_server) as pool:
        store = PostgreSQLStore(pool)
        await store.create_tables()
        key = KEY
        await store.delete(key)
        async with store.lease(key, 60):
            version = await store.save(key, TOKEN, seen_version=None)
            for signal in (Signals.SIGINT, Signals.SIGKILL):
                postgresql_server.stop(signal)
                with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
                    await store.load(key)
                postgresql_server.start()
                assert await ask_again(store.load, key) == (TOKEN, version)
            await store.save(key, TOKEN, seen_version=version)


async def test_a_statement_that_is_cut_off_changes_all_or_nothing(pool, postgresql_server):
    store = PostgreSQLStore(pool)
    await store.create_tables()
    version = await store.save(KEY, TOKEN, seen_version=None)
    waits = "FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    async with connect(postgresql_server) as other, other.acquire() as connection, connection.transaction():
        await connection.execute("SELECT 1 FROM oauthreg_tokens FOR UPDATE")
        saving = asyncio.create_task(store.save(KEY, {**TOKEN, "access_token": "A2"}, seen_version=version))
        while not await other.fetchval(f"SELECT count(*) {waits}"):
            pass
        await other.execute(f"SELECT pg_terminate_backend(pid) {waits}")
        with pytest.raises(asyncpg.PostgresError):
            await saving
    assert await store.load(KEY) == (TOKEN, version)


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
async def test_however_strictly_transactions_are_kept_apart(postgresql_server, no_pause, isolation):
    settings = {"default_transaction_isolation": isolation}
    async with connect(postgresql_server, server_settings=settings, max_size=8) as pool:
        store, inside = PostgreSQLStore(pool, sleep=no_pause), []
        await store.create_tables()
        await store.delete(KEY)

        async def hold():
            async with store.lease(KEY, 60):
                found = await store.load(KEY)
                inside.append(found)
                token = {"count": found[0]["count"] + 1 if found else 1}
                await store.save(KEY, token, seen_version=found[1] if found else None)

        await asyncio.gather(*(hold() for _ in range(30)))
        assert (await store.load(KEY))[0] == {"count": 30}


async def test_a_conflict_without_end_is_told(no_pause):
    class ConflictError(Exception):
        sqlstate = "40001"

    class Pool:
        async def execute(self, *_):
            raise ConflictError

    with pytest.raises(ConflictError):
        await PostgreSQLStore(Pool(), sleep=no_pause).delete(KEY)


async def ask_again(call, *arguments):
    """What a call gives once the server is ready for it; its socket is there a little earlier."""
    for _ in range(500):
        try:
            return await call(*arguments)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await asyncio.sleep(0.01)
    return await call(*arguments)
