"""The store in memory, and what it must do beyond the contract: serve many event loops at once."""

import asyncio
import threading

import pytest

from oauthreg.stores import MemoryStore

from .contract import KEY, TOKEN, TokenStoreContract


class TestMemoryStore(TokenStoreContract):
    @pytest.fixture
    def store(self):
        return MemoryStore()


async def test_who_waits_goes_on_when_the_time_of_the_holder_is_over(monkeypatch):
    now = [100.0]
    store = MemoryStore(monotonic=lambda: now[0])
    waited = []

    class Timeout:
        def __init__(self, seconds):
            waited.append(seconds)
            now[0] += seconds

        async def __aenter__(self):
            raise TimeoutError

        async def __aexit__(self, *_):
            pass

    async with store.lease(KEY, 30.0):
        monkeypatch.setattr("asyncio.timeout", Timeout)
        async with store.lease(KEY, 30.0):
            assert now == [130.0]
    assert waited == [30.0]


def test_two_event_loops_wait_for_each_other():
    store = MemoryStore()
    inside, seen = [], []

    async def hold(rounds):
        for _ in range(rounds):
            async with store.lease(KEY, 60.0):
                inside.append(1)
                seen.append(len(inside))
                await asyncio.sleep(0)
                inside.pop()

    threads = [threading.Thread(target=lambda: asyncio.run(hold(50))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1] * 200


async def test_a_loop_that_is_gone_is_not_woken():
    store = MemoryStore()

    async def wait_in_vain():
        task = asyncio.create_task(store.lease(KEY, 60.0).__aenter__())
        await asyncio.sleep(0)
        assert not task.done()

    async with store.lease(KEY, 60.0):
        await asyncio.to_thread(asyncio.run, wait_in_vain())
    async with store.lease(KEY, 60.0):
        pass


async def test_it_says_how_much_it_holds():
    store = MemoryStore()
    await store.save(KEY, TOKEN, seen_version=None)
    assert repr(store) == "<MemoryStore of 1 tokens>"


async def test_who_comes_to_wait_for_a_lease_that_has_just_ended_goes_on():
    store = MemoryStore()
    async with store.lease(KEY, 60.0):
        held = store._leases[KEY]
    await held.wait(60.0)
