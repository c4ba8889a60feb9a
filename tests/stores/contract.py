"""What every token store must do. A store's tests subclass ``TokenStoreContract`` and give it a ``store`` fixture."""

import asyncio

import pytest

from oauthreg.errors import TokenStoreError
from oauthreg.stores import TokenKey

KEY = TokenKey("acme", "ada", "client")
TOKEN = {"access_token": "A1", "refresh_token": "R1", "expires_at": 1_700_003_600, "nested": {"list": [1, "é"]}}


class TokenStoreContract:
    """``store`` is empty; ``late`` is a lease that is over as soon as it is taken."""

    late = 0.0
    ample = 60.0

    async def test_a_token_comes_back_as_it_was(self, store):
        version = await store.save(KEY, TOKEN, seen_version=None)
        assert await store.load(KEY) == (TOKEN, version)

    async def test_nothing_is_there_before_it_is_saved(self, store):
        assert await store.load(KEY) is None

    @pytest.mark.parametrize("field", ["provider", "account", "client_id", "resource", "audience", "scope", "server"])
    async def test_every_part_of_the_key_counts(self, store, field):
        await store.save(KEY, TOKEN, seen_version=None)
        other = TokenKey(**{**{name: getattr(KEY, name) for name in KEY.__slots__}, field: "another"})
        assert await store.load(other) is None

    async def test_what_was_saved_cannot_be_changed_from_outside(self, store):
        given = {"access_token": "A1", "nested": {"list": [1]}}
        await store.save(KEY, given, seen_version=None)
        given["nested"]["list"].append(2)
        token, _ = await store.load(KEY)
        token["nested"]["list"].append(3)
        assert (await store.load(KEY))[0]["nested"]["list"] == [1]

    async def test_versions_differ(self, store):
        first = await store.save(KEY, TOKEN, seen_version=None)
        second = await store.save(KEY, {**TOKEN, "access_token": "A2"}, seen_version=first)
        assert first != second
        assert (await store.load(KEY))[1] == second

    @pytest.mark.parametrize("seen", [None, "first"])
    async def test_a_late_writer_changes_nothing(self, store, seen):
        first = await store.save(KEY, TOKEN, seen_version=None)
        newer = {**TOKEN, "access_token": "A2"}
        second = await store.save(KEY, newer, seen_version=first)
        with pytest.raises(TokenStoreError) as caught:
            await store.save(KEY, TOKEN, seen_version=first if seen else None)
        assert caught.value.code == "stale-version"
        assert await store.load(KEY) == (newer, second)

    async def test_a_version_that_never_was_is_refused(self, store):
        with pytest.raises(TokenStoreError):
            await store.save(KEY, TOKEN, seen_version=7)
        assert await store.load(KEY) is None

    async def test_a_deleted_token_is_gone(self, store):
        await store.save(KEY, TOKEN, seen_version=None)
        await store.delete(KEY)
        assert await store.load(KEY) is None
        await store.delete(KEY)

    async def test_a_version_does_not_come_again_after_a_deletion(self, store):
        first = await store.save(KEY, TOKEN, seen_version=None)
        await store.delete(KEY)
        with pytest.raises(TokenStoreError):
            await store.save(KEY, TOKEN, seen_version=first)
        assert await store.save(KEY, TOKEN, seen_version=None) != first

    async def test_one_writer_of_many_wins(self, store):
        first = await store.save(KEY, TOKEN, seen_version=None)
        saves = [store.save(KEY, {**TOKEN, "access_token": f"B{n}"}, seen_version=first) for n in range(10)]
        results = await asyncio.gather(*saves, return_exceptions=True)
        assert len([result for result in results if isinstance(result, int)]) == 1
        assert len([result for result in results if isinstance(result, TokenStoreError)]) == 9

    async def test_one_holder_at_a_time_is_in_a_lease(self, store):
        inside, most = 0, 0

        async def hold():
            nonlocal inside, most
            async with store.lease(KEY, self.ample):
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*(hold() for _ in range(10)))
        assert (inside, most) == (0, 1)

    async def test_leases_of_different_keys_are_independent(self, store):
        other = TokenKey("acme", "bob", "client")
        async with store.lease(KEY, self.ample), store.lease(other, self.ample):
            pass

    async def test_a_lease_ends_with_an_error(self, store):
        with pytest.raises(KeyError):
            async with store.lease(KEY, self.ample):
                raise KeyError
        async with store.lease(KEY, self.ample):
            pass

    async def test_a_lease_ends_with_a_cancellation(self, store):
        entered = asyncio.Event()

        async def hold():
            async with store.lease(KEY, self.ample):
                entered.set()
                await asyncio.Event().wait()

        holder = asyncio.create_task(hold())
        await entered.wait()
        holder.cancel()
        await asyncio.wait([holder])
        async with store.lease(KEY, self.ample):
            pass

    async def test_who_is_cancelled_while_waiting_holds_nothing(self, store):
        async with store.lease(KEY, self.ample):
            waiting = asyncio.create_task(store.lease(KEY, self.ample).__aenter__())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
        async with store.lease(KEY, self.ample):
            pass

    async def test_a_lease_is_over_in_time(self, store):
        """Its holder may have died; who comes late leaves the next one alone."""
        async with store.lease(KEY, self.late):
            async with store.lease(KEY, self.ample):
                pass
            second = store.lease(KEY, self.ample)
            await second.__aenter__()
        third = asyncio.create_task(store.lease(KEY, self.ample).__aenter__())
        await asyncio.sleep(0)
        assert not third.done()
        await second.__aexit__(None, None, None)
        await third

    async def test_no_token_is_shown(self, store):
        await store.save(KEY, {"access_token": "PLANTED"}, seen_version=None)
        assert "PLANTED" not in repr(store)
