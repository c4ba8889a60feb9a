"""What every token store must do. A store's tests subclass ``TokenStoreContract`` and give it a ``store`` fixture."""

import asyncio

import pytest

from oauthreg.errors import TokenStoreError, UsageError
from oauthreg.stores import TokenKey

KEY = TokenKey("acme", "ada", "client")
TOKEN = {"access_token": "A1", "refresh_token": "R1", "expires_at": 1_700_003_600, "nested": {"list": [1, "é"]}}


class TokenStoreContract:
    """``store`` is empty; ``late`` is a lease that is over as soon as it is taken.

    ``twin`` is another object that keeps tokens at the same place, as one of another process would.
    """

    late = 0.0
    ample = 60.0

    @pytest.fixture
    def twin(self, store):
        return store

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

    @pytest.mark.parametrize(
        "token",
        [
            {},
            {"access_token": ""},
            {"access_token": "A" * 200_000},
            {"access_token": "a\u2028\U0001f511\x00\ud800'\";--"},
            {"number": 2**70, "negative": -1, "half": 0.5, "no": None, "yes": True, "": [], "\x00": {}},
        ],
        ids=["nothing", "empty", "long", "odd", "kinds"],
    )
    async def test_whatever_a_server_can_send_comes_back(self, store, token):
        version = await store.save(KEY, token, seen_version=None)
        assert await store.load(KEY) == (token, version)
        await store.save(KEY, {**token, "more": 1}, seen_version=version)
        assert (await store.load(KEY))[0] == {**token, "more": 1}

    async def test_parts_of_the_key_are_not_confused(self, store):
        odd = [
            TokenKey("a", "b"),
            TokenKey("ab"),
            TokenKey("a", "", "b"),
            TokenKey("a:b"),
            TokenKey('a", "b'),
            TokenKey("a", "B"),
            TokenKey("a", "b "),
            TokenKey("a", "%"),
            TokenKey("a", "*"),
            TokenKey("a", "'; DROP TABLE oauthreg_tokens; --"),
            TokenKey("a", "\u00e9"),
            TokenKey("a", "e\u0301"),
            TokenKey("a", "\U0001f511"),
            TokenKey("a", "b", scope="s" * 10_000),
            TokenKey("a", "b", scope="s" * 10_001),
        ]
        versions = [await store.save(key, {"number": number}, seen_version=None) for number, key in enumerate(odd)]
        for number, key in enumerate(odd):
            assert await store.load(key) == ({"number": number}, versions[number])
        assert sorted([key async for key in store.token_keys()], key=odd.index) == odd

    async def test_it_tells_what_it_holds(self, store):
        keys = [TokenKey("acme", "ada"), TokenKey("acme", "bob"), TokenKey("other", "ada"), TokenKey("other")]
        for key in keys:
            await store.save(key, TOKEN, seen_version=None)

        async def listed(**chosen):
            return sorted([key async for key in store.token_keys(**chosen)], key=keys.index)

        assert await listed() == keys
        assert await listed(provider="acme") == keys[:2]
        assert await listed(account="ada") == [keys[0], keys[2]]
        assert await listed(account="") == [keys[3]]
        assert await listed(provider="other", account="ada") == [keys[2]]
        assert await listed(provider="nobody") == []
        await store.delete(keys[0])
        assert await listed() == keys[1:]

    async def test_tokens_may_go_while_they_are_listed(self, store):
        for number in range(20):
            await store.save(TokenKey("acme", str(number)), TOKEN, seen_version=None)
        async for key in store.token_keys():
            await store.delete(key)
        assert [key async for key in store.token_keys()] == []

    async def test_what_one_saves_the_others_see(self, store, twin):
        first = await store.save(KEY, TOKEN, seen_version=None)
        assert await twin.load(KEY) == (TOKEN, first)
        newer = {**TOKEN, "access_token": "A2"}
        second = await twin.save(KEY, newer, seen_version=first)
        with pytest.raises(TokenStoreError):
            await store.save(KEY, TOKEN, seen_version=first)
        assert await store.load(KEY) == (newer, second)
        await store.delete(KEY)
        assert await twin.load(KEY) is None

    async def test_one_of_all_holds_a_lease(self, store, twin):
        async with store.lease(KEY, self.ample):
            waiting = twin.lease(KEY, self.ample)
            entering = asyncio.create_task(waiting.__aenter__())
            for _ in range(10):
                await asyncio.sleep(0)
            assert not entering.done()
        await entering
        await waiting.__aexit__(None, None, None)

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
        third = store.lease(KEY, self.ample)
        entering = asyncio.create_task(third.__aenter__())
        await asyncio.sleep(0)
        assert not entering.done()
        await second.__aexit__(None, None, None)
        await entering
        await third.__aexit__(None, None, None)

    @pytest.mark.parametrize("count", [1, 2, 3])
    async def test_who_is_cancelled_again_and_again_holds_nothing(self, store, count):
        """Whenever that is: while the lease is taken, or given back."""
        for turns in range(12):
            holder = asyncio.create_task(store.lease(KEY, self.ample).__aenter__())
            for _ in range(turns):
                await asyncio.sleep(0)
            if holder.done():
                break
            for _ in range(count):
                holder.cancel()
                await asyncio.sleep(0)
            await asyncio.wait([holder])
            if holder.cancelled():
                async with store.lease(KEY, self.ample):
                    pass

    async def test_an_error_inside_is_told_whatever_becomes_of_the_lease(self, store):
        with pytest.raises(KeyError):
            async with store.lease(KEY, self.ample):
                raise KeyError

    @pytest.mark.parametrize("value", [7, None, b"ada", "a\0b", "\ud800"])
    def test_a_key_is_of_text_that_every_store_can_hold(self, value):
        for part in TokenKey.__slots__:
            with pytest.raises(UsageError) as refused:
                TokenKey(**{"provider": "acme", part: value})
            assert refused.value.code == "invalid-token-key"

    async def test_no_token_is_shown(self, store):
        await store.save(KEY, {"access_token": "PLANTED"}, seen_version=None)
        assert "PLANTED" not in repr(store)
