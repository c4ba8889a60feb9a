"""The life of a token, without any network: who renews it, when it is saved, and that nothing on the way loses it."""

import asyncio
import functools
import gc
import os
import sys
import threading

import pytest

from oauthreg.errors import (
    ClientAuthenticationError,
    MissingTokenError,
    ReauthorizationRequired,
    TemporarilyUnavailableError,
    TokenExpiredError,
    TokenStoreError,
    UsageError,
)
from oauthreg.http import token_life
from oauthreg.http.renewals import RENEWING
from oauthreg.http.token_life import Renewal, TokenLives
from oauthreg.records import replace
from oauthreg.stores import MemoryStore, TokenKey
from oauthreg.token import OAuth2Token

KEY = TokenKey("acme", "ada", "client")
NOW = 1_700_000_000


class RotatingServer:
    """Gives a new refresh token at each renewal; one that comes twice ends the grant.

    ``errors`` are raised in turn before anything is looked at. An answer takes ``turns`` of the event loop on either
    way; ``answered`` is what it gave.
    """

    def __init__(self, turns=1):
        self.turns = turns
        self.number = 1
        self.asked = []
        self.errors = []
        self.is_dead = False
        self.lifetime = 3600
        self.gate = None
        self.clock = lambda: NOW

    @property
    def token(self):
        return self.make(self.number, self.clock() - 1)

    def make(self, number, ends):
        return OAuth2Token(access_token=f"A{number}", refresh_token=f"R{number}", expires_at=int(ends))

    async def renew(self, token):
        await self.pass_turns()
        self.asked.append(token.refresh_token)
        if self.errors:
            raise self.errors.pop(0)
        if self.is_dead or token.refresh_token != f"R{self.number}":
            self.is_dead = True
            raise ReauthorizationRequired("invalid_grant", status=400)
        self.number += 1
        answer = self.make(self.number, self.clock() + self.lifetime)
        if self.gate is not None:
            await self.gate.wait()
        await self.pass_turns()
        return answer

    async def pass_turns(self):
        for _ in range(self.turns):
            await asyncio.sleep(0)


@pytest.fixture
def server(clock):
    made = RotatingServer()
    made.clock = clock
    return made


async def at_once(_):
    await asyncio.sleep(0)


@pytest.fixture
def lives():
    return TokenLives(jitter=lambda: 0.0, sleep=at_once)


@pytest.fixture
def stored(server):
    """Lives over a store that holds the server's current token."""

    async def fill():
        store = MemoryStore()
        await store.save(KEY, server.token, seen_version=None)
        return TokenLives(store, jitter=lambda: 0.0, sleep=at_once)

    return fill


@pytest.fixture
def renewal(server, clock):
    def make(**options):
        way = options.pop("way", "refresh")
        return Renewal(server.renew, lambda token: way if token or way == "grant" else None, clock, **options)

    return make


def expiring(seconds, number=1):
    return OAuth2Token(access_token=f"A{number}", refresh_token=f"R{number}", expires_at=NOW + seconds)


async def turns_until(is_so):
    for _ in range(1000):
        if is_so():
            return
        await asyncio.sleep(0)
    raise AssertionError


async def in_another_loop(asked):
    """As synchronous code in a thread would ask."""
    return await asyncio.to_thread(asyncio.run, asked)


class TestWhenItIsRenewed:
    @pytest.mark.parametrize(
        ("seconds", "is_renewed"), [(-10, True), (0, True), (0.2, True), (59, True), (61, False), (3600, False)]
    )
    async def test_a_leeway_before_its_end(self, seconds, is_renewed, lives, renewal, server):
        life = lives.of_token(OAuth2Token(access_token="A1", refresh_token="R1", expires_at=NOW + seconds))
        token = await life.use(renewal())
        assert token.access_token == ("A2" if is_renewed else "A1")
        assert server.asked == (["R1"] if is_renewed else [])

    @pytest.mark.parametrize(("jitter", "first"), [(0.0, 60), (0.5, 67), (1.0, 75)])
    async def test_earlier_by_a_jitter_so_that_many_part_ways(self, jitter, first, renewal, server, clock):
        life = TokenLives(jitter=lambda: jitter).of_token(expiring(100))
        clock.now = NOW + 100 - first - 1
        assert (await life.use(renewal())).access_token == "A1"
        clock.now += 1
        assert (await life.use(renewal())).access_token == "A2"

    def test_the_jitter_is_random_by_default(self):
        assert len({TokenLives().jitter() for _ in range(10)}) == 10

    async def test_a_short_lived_token_is_used_for_half_of_its_life(self, lives, renewal, server, clock):
        life = lives.of_token(OAuth2Token(expiring(59), expires_in=59))
        assert (await life.use(renewal())).access_token == "A1"
        clock.advance(30)
        assert (await life.use(renewal())).access_token == "A2"

    async def test_one_that_cannot_be_renewed_is_used_until_its_end(self, lives, renewal, clock):
        life = lives.of_token(expiring(5))
        assert (await life.use(renewal(way=None))).access_token == "A1"
        clock.advance(5)
        with pytest.raises(TokenExpiredError) as caught:
            await life.use(renewal(way=None))
        assert caught.value.code == "token-expired"

    async def test_one_of_unknown_lifetime_is_used(self, lives, renewal, clock):
        life = lives.of_token(OAuth2Token(access_token="A1", refresh_token="R1"))
        clock.advance(10 * 86400)
        assert (await life.use(renewal())).access_token == "A1"

    async def test_without_a_token_there_is_nothing_to_renew(self, lives, renewal):
        with pytest.raises(MissingTokenError):
            await lives.of_token(None).use(renewal())

    async def test_without_a_token_one_is_asked_for_where_that_is_the_way(self, lives, clock):
        async def grant(token):
            assert token is None
            return OAuth2Token(access_token="own", expires_at=NOW + 3600)

        life = lives.of_key(KEY)
        made = Renewal(grant, lambda _: "grant", clock)
        assert (await life.use(made)).access_token == "own"
        assert await life.use(made) is life.token

    async def test_an_expired_refresh_token_is_not_sent(self, lives, renewal, server):
        life = lives.of_token(OAuth2Token(expiring(-1), refresh_expires_at=NOW))
        with pytest.raises(ReauthorizationRequired) as caught:
            await life.use(renewal())
        assert caught.value.error == "invalid_grant"
        assert server.asked == []

    async def test_a_good_token_is_given_without_a_pause(self, lives, renewal):
        with pytest.raises(StopIteration) as returned:
            lives.of_token(expiring(3600)).use(renewal()).send(None)
        assert returned.value.value.access_token == "A1"


class TestOneRenewalForAll:
    async def test_50_tasks_and_one_client(self, lives, renewal, server):
        life, made = lives.of_token(server.token), renewal()
        tokens = await asyncio.gather(*(life.use(made) for _ in range(50)))
        assert server.asked == ["R1"]
        assert {token.access_token for token in tokens} == {"A2"}

    async def test_50_tasks_and_50_clients_of_one_account(self, lives, renewal, server):
        lives.of_key(KEY).offer(server.token)
        tokens = await asyncio.gather(
            *(lives.of_key(KEY).use(made) for made in [renewal() for _ in range(50)] for _ in range(50))
        )
        assert server.asked == ["R1"]
        assert {token.access_token for token in tokens} == {"A2"}

    async def test_clients_with_the_same_token_and_no_account(self, lives, renewal, server):
        first, second = lives.of_token(server.token), lives.of_token(OAuth2Token(server.token))
        await asyncio.gather(first.use(renewal()), second.use(renewal()))
        assert server.asked == ["R1"]

    async def test_a_later_token_of_the_same_grant_takes_the_place_of_an_earlier_one(self, lives):
        """A provider may give one refresh token for all, and an application may have renewed it elsewhere."""
        first, later = (
            OAuth2Token(access_token=f"A{number}", refresh_token="R", expires_at=NOW + seconds)
            for number, seconds in ((1, 5), (2, 3600))
        )
        life = lives.of_token(first)
        for token in (later, first):
            assert lives.of_token(token) is life
            assert life.token == later

    async def test_50_registries_on_one_store(self, stored, renewal, server):
        """As many processes would: no memory is shared but the store's."""
        store = (await stored()).store
        many = [TokenLives(store) for _ in range(50)]
        tokens = await asyncio.gather(*(lives.of_key(KEY).use(renewal()) for lives in many))
        assert server.asked == ["R1"]
        assert {token.access_token for token in tokens} == {"A2"}

    async def test_an_error_is_everybodys_and_asked_for_once(self, lives, renewal, server):
        server.errors = [TemporarilyUnavailableError("temporarily_unavailable")]
        life = lives.of_token(server.token)
        results = await asyncio.gather(*(life.use(renewal()) for _ in range(20)), return_exceptions=True)
        assert {type(result) for result in results} == {TemporarilyUnavailableError}
        assert server.asked == ["R1"]

    @pytest.mark.parametrize("error", [RuntimeError("Session is closed"), UsageError("it has a credential")])
    async def test_a_session_of_no_use_fails_its_own_client_only(self, error, lives, renewal, server, clock):
        async def closed(token):
            await asyncio.sleep(0)
            raise error

        life = lives.of_token(server.token)
        failed = asyncio.create_task(life.use(Renewal(closed, lambda _: "refresh", clock)))
        await asyncio.sleep(0)
        assert (await life.use(renewal())).access_token == "A2"
        with pytest.raises(type(error)):
            await failed

    async def test_another_token_than_a_rejected_one(self, lives, renewal, server):
        life, made = lives.of_token(expiring(3600)), renewal()
        tokens = await asyncio.gather(*(life.replace("A1", made) for _ in range(20)))
        assert {token.access_token for token in tokens} == {"A2"}
        assert server.asked == ["R1"]

    async def test_a_rejected_token_that_was_replaced_meanwhile_is_not_renewed(self, lives, renewal, server):
        life = lives.of_token(expiring(3600, 2))
        assert (await life.replace("A1", renewal())).access_token == "A2"
        assert server.asked == []

    async def test_who_joins_a_renewal_with_a_rejected_token_gets_another_one(self, stored, renewal, server):
        """The renewal under way may only be a look into the store, which gives the rejected token."""
        lives = await stored()
        lives.of_key(KEY)
        version = (await lives.store.load(KEY))[1]
        await lives.store.save(KEY, expiring(3600), seen_version=version)
        life = lives.of_key(KEY)
        looked, replaced = await asyncio.gather(life.use(renewal()), life.replace("A1", renewal()))
        assert (looked.access_token, replaced.access_token) == ("A1", "A2")


class TestSaving:
    async def test_the_store_then_the_updater_then_the_use(self, stored, renewal, server):
        lives, order = await stored(), []
        save = lives.store.save

        async def watched(key, token, *, seen_version):
            order.append(("store", token["access_token"]))
            await asyncio.sleep(0)
            return await save(key, token, seen_version=seen_version)

        async def update(token):
            await asyncio.sleep(0)
            order.append(("updater", token.access_token))

        lives.store.save = watched
        token = await lives.of_key(KEY).use(renewal(updater=update))
        order.append(("use", token.access_token))
        assert order == [("store", "A2"), ("updater", "A2"), ("use", "A2")]

    @pytest.mark.parametrize("kind", ["function", "coroutine function", "partial", "callable object", "lambda"])
    async def test_an_updater_may_be_anything_that_can_be_called(self, kind, lives, renewal, server):
        saved = []

        async def update(where, token):
            await asyncio.sleep(0)
            where.append(token)
            return token

        class Updater:
            async def __call__(self, token):
                saved.append(token)

        updaters = {
            "function": saved.append,
            "coroutine function": functools.partial(update, saved),
            "partial": functools.partial(update, saved),
            "callable object": Updater(),
            "lambda": lambda token: saved.append(token) or dict(token),
        }
        await lives.of_token(server.token).use(renewal(updater=updaters[kind]))
        assert [token.access_token for token in saved] == ["A2"]

    async def test_an_updater_cannot_change_the_token(self, lives, renewal, server):
        token = await lives.of_token(server.token).use(renewal(updater=lambda token: token.clear()))
        assert token.access_token == "A2"

    async def test_a_failed_save_is_told_and_done_first_next_time(self, lives, renewal, server):
        attempts = []

        def update(token):
            attempts.append(token.access_token)
            if len(attempts) < 3:
                raise OSError("disk full")

        life, made = lives.of_token(server.token), renewal(updater=update)
        for _ in range(2):
            with pytest.raises(TokenStoreError) as caught:
                await life.use(made)
            assert isinstance(caught.value.__cause__, OSError)
            assert caught.value.code == "token-not-saved"
            assert life.token.access_token == "A2"
        assert (await life.use(made)).access_token == "A2"
        assert attempts == ["A2", "A2", "A2"]
        assert server.asked == ["R1"]

    @pytest.mark.parametrize("way", [lambda asked: asked, asyncio.gather, asyncio.create_task, in_another_loop])
    async def test_an_updater_that_waits_for_its_own_renewal_is_told(self, way, lives, renewal, server):
        life = lives.of_token(server.token)

        async def update(token):
            await way(life.use(made))

        made = renewal(updater=update)
        with pytest.raises(TokenStoreError) as caught:
            await life.use(made)
        assert caught.value.__cause__.code == "renewal-waits-for-itself"

    async def test_so_is_one_that_waits_for_it_through_another_renewal(self, lives, renewal, server):
        life, other = lives.of_token(server.token), lives.of_key(KEY)
        other.offer(expiring(-1, 7))

        async def give(token):
            return expiring(3600, 8)

        async def update(token):
            await other.use(Renewal(give, made.way, made.now, updater=update_other))

        async def update_other(token):
            await life.use(made)

        made = Renewal(give, lambda _: "refresh", server.clock, updater=update)
        with pytest.raises(TokenStoreError) as caught:
            await life.use(made)
        assert caught.value.__cause__.code == "renewal-waits-for-itself"

    async def test_a_task_that_a_renewal_began_may_wait_for_the_next_one(self, lives, renewal, server, clock):
        life, later = lives.of_token(server.token), []

        async def work():
            await landed.wait()
            return await life.use(renewal())

        landed = asyncio.Event()
        await life.use(renewal(updater=lambda _: later.append(asyncio.create_task(work()))))
        clock.advance(3600)
        landed.set()
        assert (await later[0]).access_token == "A3"

    async def test_what_was_saved_is_not_saved_again(self, stored, renewal, server):
        lives, updates = await stored(), []

        def update(token):
            updates.append(token)
            if len(updates) == 1:
                raise OSError

        life, made = lives.of_key(KEY), renewal(updater=update)
        with pytest.raises(TokenStoreError):
            await life.use(made)
        version = (await lives.store.load(KEY))[1]
        await life.use(made)
        assert (await lives.store.load(KEY))[1] == version
        assert len(updates) == 2

    async def test_an_unsaved_token_is_kept_though_no_client_is_left(self, stored, renewal, server):
        lives = await stored()
        lives.store.save, save = None, lives.store.save
        with pytest.raises(TokenStoreError):
            await lives.of_key(KEY).use(renewal())
        lives._recent.clear()
        gc.collect()
        lives.store.save = save
        assert (await lives.of_key(KEY).use(renewal())).access_token == "A2"
        assert server.asked == ["R1"]
        assert lives.unsaved == set()

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="tasks begin eagerly since Python 3.12")
    async def test_tasks_may_begin_eagerly(self, lives, renewal, server):
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        life = lives.of_token(server.token)
        tokens = await asyncio.gather(*(life.use(renewal()) for _ in range(10)))
        assert {token.access_token for token in tokens} == {"A2"}

    async def test_a_store_that_cannot_be_read_is_told(self, stored, renewal, server):
        lives = await stored()

        async def fail(key):
            raise ConnectionError

        lives.store.load = fail
        with pytest.raises(TokenStoreError) as caught:
            await lives.of_key(KEY).use(renewal())
        assert isinstance(caught.value.__cause__, ConnectionError)
        assert server.asked == []

    @pytest.mark.parametrize("row", [("no mapping", 1), ({"access_token": "A1"},), {"access_token": "A1"}, 7])
    async def test_a_store_that_gives_what_is_no_token_is_told(self, row, stored, renewal, server):
        lives = await stored()

        async def load(key):
            return row

        lives.store.load = load
        with pytest.raises(TokenStoreError) as caught:
            await lives.of_key(KEY).use(renewal())
        assert caught.value.__cause__ is not None
        assert server.asked == []

    @pytest.mark.parametrize(
        "row", [{}, {"id": 1}, {"access_token": None}, {"access_token": "PLANTED\n"}, {"access_token": "\ud800"}]
    )
    async def test_so_is_a_row_that_no_header_can_carry(self, row, stored, renewal, server):
        lives = await stored()
        await lives.store.save(KEY, row, seen_version=1)
        with pytest.raises(TokenStoreError) as caught:
            await lives.of_key(KEY).use(renewal())
        assert (caught.value.code, "PLANTED" in str(caught.value)) == ("unusable-token", False)
        assert server.asked == []

        async def login():
            return expiring(3600, 8)

        assert (await lives.of_key(KEY).obtain(login, renewal())).access_token == "A8", "a login takes its place"
        assert (await lives.store.load(KEY))[0]["access_token"] == "A8"

    async def test_a_refresh_token_alone_is_renewed_before_it_is_used(self, stored, renewal):
        lives = await stored()
        await lives.store.save(KEY, {"refresh_token": "R1"}, seen_version=1)
        assert (await lives.of_key(KEY).use(renewal())).access_token == "A2"

    @pytest.mark.parametrize("method", ["load", "lease"])
    async def test_a_good_token_is_used_while_the_store_is_away(self, method, stored, renewal, server, clock):
        lives = await stored()
        life = lives.of_key(KEY)
        await life.use(renewal())
        clock.advance(3570)

        def fail(*_):
            raise ConnectionError

        setattr(lives.store, method, fail)
        assert (await life.use(renewal())).access_token == "A2"
        clock.advance(30)
        with pytest.raises(TokenStoreError):
            await life.use(renewal())
        assert server.asked == ["R1"]

    async def test_an_error_of_the_store_itself_passes_as_it_is(self, stored, renewal):
        lives, error = await stored(), TokenStoreError("locked", code="locked")
        error.__cause__ = cause = ConnectionError()

        async def fail(*_, **__):
            raise error

        lives.store.save = fail
        with pytest.raises(TokenStoreError) as caught:
            await lives.of_key(KEY).use(renewal())
        assert caught.value is error
        assert error.__cause__ is cause


class TestAfterRefusals:
    async def test_a_dead_grant_is_asked_for_once(self, lives, renewal, server, clock):
        server.is_dead = True
        life = lives.of_token(server.token)
        for _ in range(5):
            with pytest.raises(ReauthorizationRequired) as caught:
                await life.use(renewal())
            assert caught.value.error == "invalid_grant"
            assert caught.value.status == 400
            clock.advance(80)
        assert server.asked == ["R1"]

    async def test_a_new_token_ends_that(self, lives, renewal, server):
        server.is_dead = True
        life = lives.of_key(KEY)
        life.offer(server.token)
        with pytest.raises(ReauthorizationRequired):
            await life.use(renewal())
        life.offer(server.token)
        with pytest.raises(ReauthorizationRequired):
            await life.use(renewal())
        life.offer(expiring(3600, 7))
        assert (await life.use(renewal())).access_token == "A7"
        assert server.asked == ["R1"]

    async def test_a_token_of_the_past_is_not_taken_back(self, lives, renewal, server):
        """A client made with what the application read a moment ago must not send a retired refresh token."""
        life, old = lives.of_key(KEY), server.token
        life.offer(old)
        await life.use(renewal())
        life.offer(old)
        assert (await life.use(renewal())).access_token == "A2"
        assert server.asked == ["R1"]

    async def test_the_same_without_an_account(self, lives, renewal, server):
        old = server.token
        life = lives.of_token(old)
        await life.use(renewal())
        assert lives.of_token(old) is life
        assert lives.of_token(OAuth2Token(life.token)) is life

    @pytest.mark.parametrize(
        "error",
        [
            TemporarilyUnavailableError("", status=503),
            ClientAuthenticationError("invalid_client", status=401),
            ReauthorizationRequired("invalid_grant", status=400),
            TimeoutError(),
            ConnectionError(),
        ],
        ids=lambda error: type(error).__name__,
    )
    async def test_a_token_that_is_still_good_is_used(self, error, lives, renewal, server, caplog):
        server.errors = [error]
        life = lives.of_token(expiring(30))
        assert (await life.use(renewal())).access_token == "A1"
        assert type(error).__name__ in caplog.text
        assert life.token.refresh_token == "R1"

    async def test_the_next_attempt_is_not_made_at_once(self, lives, renewal, server, clock):
        server.errors = [TimeoutError()]
        life = lives.of_token(expiring(30))
        await life.use(renewal())
        await life.use(renewal())
        assert server.asked == ["R1"]
        clock.advance(5)
        assert (await life.use(renewal())).access_token == "A2"

    async def test_the_server_may_ask_for_a_longer_pause(self, lives, renewal, server, clock):
        error = TemporarilyUnavailableError("", status=429)
        error.retry_after = 20.0
        server.errors = [error]
        life = lives.of_token(expiring(30))
        await life.use(renewal())
        clock.advance(19)
        assert (await life.use(renewal())).access_token == "A1"
        clock.advance(1)
        assert (await life.use(renewal())).access_token == "A2"

    @pytest.mark.parametrize(
        "error", [TemporarilyUnavailableError("", status=503), TimeoutError()], ids=["503", "slow"]
    )
    async def test_an_expired_token_is_kept_and_renewed_next_time(self, error, lives, renewal, server):
        server.errors = [error]
        life = lives.of_token(server.token)
        with pytest.raises(type(error)):
            await life.use(renewal())
        assert life.token.refresh_token == "R1"
        assert (await life.use(renewal())).access_token == "A2"

    async def test_a_good_token_of_a_dead_grant_is_used_until_its_end(self, lives, renewal, server, clock):
        server.is_dead = True
        life = lives.of_token(expiring(30))
        assert (await life.use(renewal())).access_token == "A1"
        clock.advance(20)
        assert (await life.use(renewal())).access_token == "A1"
        clock.advance(10)
        with pytest.raises(ReauthorizationRequired):
            await life.use(renewal())
        assert server.asked == ["R1"]

    async def test_a_rejected_token_is_not_used_though_it_looks_good(self, lives, renewal, server):
        server.errors = [TemporarilyUnavailableError("", status=503)]
        with pytest.raises(TemporarilyUnavailableError):
            await lives.of_token(expiring(3600)).replace("A1", renewal())

    async def test_asking_for_a_token_of_ones_own_is_never_over(self, lives, clock):
        asked = []

        async def grant(token):
            asked.append(token)
            raise ReauthorizationRequired("invalid_grant", status=400)

        life = lives.of_key(KEY)
        for _ in range(2):
            with pytest.raises(ReauthorizationRequired):
                await life.use(Renewal(grant, lambda _: "grant", clock))
        assert len(asked) == 2


class TestStores:
    async def test_a_token_is_found_in_the_store(self, stored, renewal):
        lives = await stored()
        assert (await lives.of_key(KEY).latest()).access_token == "A1"
        assert (await lives.of_key(KEY).use(renewal())).access_token == "A2"
        assert (await lives.of_key(KEY).latest()).access_token == "A2"

    async def test_what_another_process_renewed_is_used(self, stored, renewal, server):
        lives = await stored()
        life, other = lives.of_key(KEY), TokenLives(lives.store).of_key(KEY)
        server.lifetime = 100
        await life.use(renewal())
        server.clock.advance(100)
        server.lifetime = 3600
        await other.use(renewal())
        assert (await life.use(renewal())).access_token == "A3"
        assert server.asked == ["R1", "R2"]

    async def test_what_another_process_renewed_meanwhile_is_adopted_after_invalid_grant(self, stored, server, clock):
        """A store without working leases: the loser finds the winner's token."""
        lives = await stored()

        async def lose(token):
            found = await lives.store.load(KEY)
            await lives.store.save(KEY, expiring(3600, 2), seen_version=found[1])
            raise ReauthorizationRequired("invalid_grant", status=400)

        token = await lives.of_key(KEY).use(Renewal(lose, lambda _: "refresh", clock))
        assert token.access_token == "A2"

    async def test_an_adopted_token_that_has_expired_is_renewed(self, stored, server, clock):
        lives, asked = await stored(), []

        async def lose(token):
            asked.append(token.refresh_token)
            if len(asked) > 1:
                return expiring(3600, 3)
            found = await lives.store.load(KEY)
            await lives.store.save(KEY, expiring(-1, 2), seen_version=found[1])
            raise ReauthorizationRequired("invalid_grant", status=400)

        token = await lives.of_key(KEY).use(Renewal(lose, lambda _: "refresh", clock))
        assert (asked, token.access_token) == (["R1", "R2"], "A3")

    async def test_a_late_writer_uses_what_came_first(self, stored, server, clock):
        lives = await stored()

        async def be_late(token):
            found = await lives.store.load(KEY)
            await lives.store.save(KEY, expiring(3600, 9), seen_version=found[1])
            return expiring(3600, 2)

        life = lives.of_key(KEY)
        assert (await life.use(Renewal(be_late, lambda _: "refresh", clock))).access_token == "A9"
        assert (await lives.store.load(KEY))[0]["access_token"] == "A9"
        assert lives.unsaved == set()

    @pytest.mark.parametrize("answers", [1, 2, None])
    async def test_a_store_that_reads_from_an_older_copy_is_given_time(self, answers, stored, renewal, server):
        lives = await stored()
        old, load, waited = await lives.store.load(KEY), lives.store.load, []

        async def wait(seconds):
            waited.append(seconds)
            if len(waited) == answers:
                lives.store.load = load

        async def load_copy(_):
            return old

        async def renew(token):
            await lives.store.save(KEY, expiring(3600, 9), seen_version=1)
            return await server.renew(token)

        life, lives.sleep, lives.store.load = lives.of_key(KEY), wait, load_copy
        asked = life.use(replace(renewal(), renew=renew))
        if answers is None:
            with pytest.raises(TokenStoreError):
                await asked
        else:
            assert (await asked).access_token == "A9"
        assert waited[:3] == [0.1, 0.5, 2.0][:answers]

    async def test_a_given_token_that_ends_later_is_saved_before_it_is_used(self, stored, renewal):
        lives = await stored()
        life = lives.of_key(KEY)
        life.offer(expiring(3600, 5))
        assert (await life.use(renewal())).access_token == "A5"
        assert (await lives.store.load(KEY))[0]["access_token"] == "A5"

    async def test_a_given_token_that_ends_earlier_yields_to_the_store(self, stored, renewal, server):
        lives = await stored()
        await lives.of_key(KEY).use(renewal())
        other = TokenLives(lives.store).of_key(KEY)
        other.offer(expiring(-1))
        assert (await other.use(renewal())).access_token == "A2"
        assert server.asked == ["R1"]

    async def test_it_is_used_after_all_when_the_grant_of_the_stored_one_has_ended(self, stored, renewal, clock):
        """As after a new login, of which nothing is known but that it is to be used."""
        lives = await stored()

        async def renew(token):
            if token.refresh_token == "R1":
                raise ReauthorizationRequired("invalid_grant")
            return expiring(3600, 9)

        for _ in range(2):
            life = TokenLives(lives.store).of_key(KEY)
            life.offer(expiring(-10, 5))
            assert (await life.use(Renewal(renew, lambda _: "refresh", clock))).access_token == "A9"
            assert (await lives.store.load(KEY))[0]["access_token"] == "A9"

    async def test_a_given_token_whose_grant_has_ended_too_is_asked_for_once(self, stored, renewal, clock):
        asked, lives = [], await stored()

        async def renew(token):
            asked.append(token.refresh_token)
            raise ReauthorizationRequired("invalid_grant")

        life = TokenLives(lives.store).of_key(KEY)
        life.offer(expiring(-10, 5))
        for _ in range(2):
            with pytest.raises(ReauthorizationRequired):
                await life.use(Renewal(renew, lambda _: "refresh", clock))
        assert asked == ["R1", "R5"]

    async def test_a_given_token_is_saved_in_an_empty_store(self, renewal):
        lives = TokenLives(MemoryStore())
        life = lives.of_key(KEY)
        life.offer(expiring(3600))
        await life.use(renewal())
        assert (await lives.store.load(KEY))[0]["access_token"] == "A1"

    async def test_many_processes_are_given_the_same_token(self, renewal, server):
        store, old = SlowStore(), server.token
        many = [TokenLives(store) for _ in range(20)]
        for lives in many:
            lives.of_key(KEY).offer(OAuth2Token(old))
        tokens = await asyncio.gather(*(lives.of_key(KEY).use(renewal()) for lives in many))
        assert server.asked == ["R1"]
        assert {token.access_token for token in tokens} == {"A2"}

    async def test_a_retired_token_that_came_into_the_store_meanwhile_gives_way(self, stored, clock):
        """Who writes what was just spent is late, however new its version is."""
        lives = await stored()

        async def renew(token):
            found = await lives.store.load(KEY)
            await lives.store.save(KEY, {**token, "note": "again"}, seen_version=found[1])
            return expiring(3600, 2)

        assert (await lives.of_key(KEY).use(Renewal(renew, lambda _: "refresh", clock))).access_token == "A2"
        assert (await lives.store.load(KEY))[0]["access_token"] == "A2"

    async def test_a_login_counts_for_more_than_what_came_meanwhile(self, stored, clock, renewal):
        lives = await stored()
        load = lives.store.load

        async def overtaken(key):
            found = await load(key)
            await lives.store.save(KEY, expiring(3600, 9), seen_version=found[1])
            lives.store.load = load
            return found

        async def login():
            return expiring(60, 2)

        lives.store.load = overtaken
        assert (await lives.of_key(KEY).obtain(login, renewal())).access_token == "A2"
        assert (await lives.store.load(KEY))[0]["access_token"] == "A2"

    async def test_a_save_that_failed_after_all_was_done_is_not_repeated(self, stored, renewal, server):
        lives, saves = await stored(), []
        save = lives.store.save

        async def save_and_fail(key, token, *, seen_version):
            saves.append(await save(key, token, seen_version=seen_version))
            raise ConnectionResetError

        lives.store.save = save_and_fail
        assert (await lives.of_key(KEY).use(renewal())).access_token == "A2"
        assert len(saves) == 1
        assert lives.unsaved == set()

    async def test_an_unsaved_token_of_an_account_that_was_deleted_is_dropped(self, stored, renewal, server):
        lives = await stored()
        life, save = lives.of_key(KEY), lives.store.save
        lives.store.save = None
        with pytest.raises(TokenStoreError):
            await life.use(renewal())
        lives.store.save = save
        await lives.store.delete(KEY)
        with pytest.raises(MissingTokenError):
            await life.use(renewal())
        assert lives.unsaved == set()

    async def test_a_token_that_was_deleted_elsewhere_is_not_used_on(self, stored, renewal, clock, server):
        lives = await stored()
        life = lives.of_key(KEY)
        await life.use(renewal())
        await lives.store.delete(KEY)
        clock.advance(3600)
        with pytest.raises(MissingTokenError):
            await life.use(renewal())

    async def test_deleting(self, stored, renewal):
        lives = await stored()
        life = lives.of_key(KEY)
        await life.use(renewal())
        await life.delete()
        assert await lives.store.load(KEY) is None
        with pytest.raises(MissingTokenError):
            await life.use(renewal())

    async def test_a_deletion_that_fails_is_told(self, stored):
        lives = await stored()
        lives.store.delete = None
        with pytest.raises(TokenStoreError):
            await lives.of_key(KEY).delete()

    async def test_without_a_store_deleting_is_forgetting(self, lives):
        life = lives.of_token(expiring(3600))
        await life.delete()
        assert life.token is None
        assert await life.latest() is None

    async def test_a_token_without_account_is_not_stored(self, renewal, server):
        lives = TokenLives(MemoryStore())
        await lives.of_token(server.token).use(renewal())
        assert repr(lives.store) == "<MemoryStore of 0 tokens>"


class TestLeases:
    @pytest.fixture
    async def two(self, stored):
        """Two processes with one store."""
        lives = await stored()
        return lives, TokenLives(lives.store, sleep=at_once)

    @pytest.mark.parametrize("failures", [1, 2, 3])
    async def test_a_failed_save_is_done_again_before_others_have_their_turn(self, failures, two, renewal, server):
        """Else they would find the spent refresh token, and sending it ends the grant."""
        first, _ = two
        save, left, pauses = first.store.save, [ConnectionError()] * failures, []

        async def fail_at_first(key, token, *, seen_version):
            if left:
                raise left.pop()
            return await save(key, token, seen_version=seen_version)

        async def wait(seconds):
            pauses.append(seconds)
            await turns_until(lambda: len(lease.waiting) == 1)

        first.store.save, first.sleep = fail_at_first, wait
        using = [asyncio.create_task(lives.of_key(KEY).use(renewal())) for lives in two]
        await turns_until(lambda: first.store._leases)
        (lease,) = first.store._leases.values()
        assert [token.access_token for token in await asyncio.gather(*using)] == ["A2", "A2"]
        assert server.asked == ["R1"]
        assert pauses == [0.1, 0.5, 2.0][:failures]

    async def test_who_could_not_save_at_all_keeps_its_turn(self, two, renewal, server):
        first, second = two
        first.store.save, save = None, first.store.save
        with pytest.raises(TokenStoreError):
            await first.of_key(KEY).use(renewal())
        (lease,) = first.store._leases.values()
        waiting = asyncio.create_task(second.of_key(KEY).use(renewal()))
        await turns_until(lambda: lease.waiting)
        with pytest.raises(TokenStoreError):
            await first.of_key(KEY).use(renewal())
        assert not waiting.done()
        first.store.save = save
        assert (await first.of_key(KEY).use(renewal())).access_token == "A2"
        assert (await waiting).access_token == "A2"
        assert server.asked == ["R1"]

    async def test_until_its_time_is_over(self, server, renewal):
        now = [0.0]
        store = MemoryStore(monotonic=lambda: now[0])
        await store.save(KEY, server.token, seen_version=None)
        first, second = (TokenLives(store, sleep=at_once) for _ in range(2))
        store.save, save = None, store.save
        with pytest.raises(TokenStoreError):
            await first.of_key(KEY).use(renewal())
        now[0], store.save = 120.0, save
        held = store.lease(KEY, 60.0)
        await held.__aenter__()
        assert (await first.of_key(KEY).use(renewal())).access_token == "A2"
        assert store._leases != {}
        await held.__aexit__(None, None, None)
        assert (await second.of_key(KEY).use(renewal())).access_token == "A2"
        assert server.asked == ["R1"]

    async def test_a_turn_that_may_be_over_is_not_used_for_a_renewal(self, two, renewal, server, clock):
        first, _ = two
        life, seen = first.of_key(KEY), []
        first.store.save, save = None, first.store.save
        with pytest.raises(TokenStoreError):
            await life.use(renewal())
        first.store.save = save
        kept = first.store._leases[KEY]
        clock.advance(3600)

        async def renew(token):
            seen.append(first.store._leases[KEY] is kept)
            return await server.renew(token)

        assert (await life.use(Renewal(renew, lambda _: "refresh", clock))).access_token == "A3"
        assert seen == [False]

    @pytest.mark.parametrize("kind", ["login", "grant"])
    async def test_where_nothing_is_spent_nobody_is_kept_waiting(self, kind, two, clock, renewal, server, monkeypatch):
        monkeypatch.setattr(token_life, "LATER_PAUSES", ())
        first, second = two

        async def grant(_):
            return expiring(3600, 8)

        first.store.save, save = None, first.store.save
        life, own = first.of_key(KEY), Renewal(grant, lambda _: "grant", clock)
        asked = life.obtain(lambda: grant(None), renewal()) if kind == "login" else life.use(own)
        with pytest.raises(TokenStoreError):
            await asked
        first.store.save = save
        assert (await second.of_key(KEY).use(renewal())).access_token == "A2"

    async def test_a_deletion_ends_it(self, two, renewal):
        """Nothing spent is left that others could find."""
        first, _ = two
        first.store.save, save = None, first.store.save
        with pytest.raises(TokenStoreError):
            await first.of_key(KEY).use(renewal())
        assert first.store._leases != {}
        await first.of_key(KEY).delete()
        assert first.store._leases == {}
        first.store.save = save

    @pytest.mark.parametrize("error", [None, TimeoutError()], ids=["after a success", "after an error"])
    async def test_one_that_cannot_be_given_back_is_logged(self, error, two, renewal, server, caplog):
        lives, _ = two

        class Lease:
            async def __aenter__(self):
                pass

            async def __aexit__(self, *_):
                raise ConnectionResetError("redis://:PLANTED@host")

        lives.store.lease = lambda *_: Lease()
        if error is None:
            assert (await lives.of_key(KEY).use(renewal())).access_token == "A2"
        else:
            server.errors = [error]
            with pytest.raises(TimeoutError) as caught:
                await lives.of_key(KEY).use(renewal())
            assert caught.value is error
        assert "ConnectionResetError" in caplog.text
        assert "PLANTED" not in caplog.text


class TestLogins:
    async def test_a_new_token_takes_the_place_of_the_old_one_in_the_store(self, stored, renewal):
        lives = await stored()

        async def login():
            return expiring(3600, 8)

        saved = []
        token = await lives.of_key(KEY).obtain(login, renewal(updater=saved.append))
        assert token.access_token == saved[0].access_token == "A8"
        assert (await lives.store.load(KEY))[0]["access_token"] == "A8"

    async def test_it_is_kept_though_the_store_is_away(self, stored, renewal):
        """A code is good once: what it gave must not be lost."""
        lives = await stored()
        load, save = lives.store.load, lives.store.save

        async def login():
            return expiring(3600, 8)

        async def fail(*_, **__):
            raise ConnectionError

        lives.store.load = lives.store.save = fail
        with pytest.raises(TokenStoreError):
            await lives.of_key(KEY).obtain(login, renewal())
        lives.store.load, lives.store.save = load, save
        assert (await lives.of_key(KEY).use(renewal())).access_token == "A8"
        assert (await lives.store.load(KEY))[0]["access_token"] == "A8"

    async def test_one_that_is_given_up_unsaved_is_over(self, stored, renewal):
        """What another process saves afterwards counts."""
        lives = await stored()
        life, save = lives.of_key(KEY), lives.store.save

        async def login():
            return expiring(3600, 8)

        lives.store.save = None
        with pytest.raises(TokenStoreError):
            await life.obtain(login, renewal())
        lives.store.save = save
        life.forget()
        assert lives.unsaved == set()
        await lives.store.save(KEY, expiring(3600, 9), seen_version=1)
        assert (await life.use(renewal())).access_token == "A9"

    async def test_a_token_that_is_set_during_a_renewal_counts(self, lives, renewal, server):
        life = lives.of_key(KEY)
        life.offer(server.token)
        server.gate = asyncio.Event()
        using = asyncio.create_task(life.use(renewal()))
        await turns_until(lambda: server.asked)
        life.offer(expiring(3600, 9))
        server.gate.set()
        assert (await using).access_token == "A9"
        assert (await life.use(renewal())).access_token == "A9"

    async def test_a_token_that_is_taken_away_during_a_renewal_stays_away(self, lives, renewal, server):
        life = lives.of_key(KEY)
        life.offer(server.token)
        server.gate = asyncio.Event()
        using = asyncio.create_task(life.use(renewal()))
        await turns_until(lambda: server.asked)
        life.forget()
        server.gate.set()
        with pytest.raises(MissingTokenError):
            await using
        assert life.token is None

    async def test_what_is_given_up_in_memory_during_a_renewal_is_saved(self, stored, renewal, server):
        """The store is not touched by that, and would be left with what is spent."""
        lives = await stored()
        life, server.gate = lives.of_key(KEY), asyncio.Event()
        using = asyncio.create_task(life.use(renewal()))
        await turns_until(lambda: server.asked)
        life.forget()
        server.gate.set()
        assert (await using).access_token == "A2"
        assert (await lives.store.load(KEY))[0]["access_token"] == "A2"
        assert server.asked == ["R1"]

    async def test_what_is_deleted_during_a_renewal_stays_away(self, stored, renewal, server):
        lives = await stored()
        life, server.gate = lives.of_key(KEY), asyncio.Event()
        using = asyncio.create_task(life.use(renewal()))
        await turns_until(lambda: server.asked)
        delete, deleting = lives.store.delete, asyncio.Event()

        async def delete_late(key):
            await deleting.wait()
            await delete(key)

        lives.store.delete = delete_late
        leaving = asyncio.create_task(life.delete())
        await asyncio.sleep(0)
        server.gate.set()
        await using
        deleting.set()
        await leaving
        assert (life.token, await lives.store.load(KEY)) == (None, None)
        with pytest.raises(MissingTokenError):
            await life.use(renewal())

    async def test_a_login_counts_for_more_until_it_is_saved(self, stored, renewal, server, clock):
        """Not any longer, though `token_updater` failed: another process may have renewed it since."""
        lives = await stored()

        async def login():
            return server.token

        def fail(_):
            raise ConnectionError

        with pytest.raises(TokenStoreError):
            await lives.of_key(KEY).obtain(login, renewal(updater=fail))
        assert (await TokenLives(lives.store).of_key(KEY).use(renewal())).access_token == "A2"
        assert (await lives.of_key(KEY).use(renewal())).access_token == "A2"
        assert server.asked == ["R1"]

    async def test_a_failed_renewal_meanwhile_is_not_the_logins_fault(self, lives, renewal, server):
        server.is_dead = True
        life = lives.of_key(KEY)
        life.offer(server.token)

        async def login():
            return expiring(3600, 8)

        renewing = asyncio.create_task(life.use(renewal()))
        await asyncio.sleep(0)
        assert (await life.obtain(login, renewal())).access_token == "A8"
        with pytest.raises(ReauthorizationRequired):
            await renewing

    async def test_a_failed_login_is_not_the_fault_of_who_waits(self, lives, renewal, server):
        life = lives.of_key(KEY)
        life.offer(server.token)

        async def login():
            await asyncio.sleep(0)
            raise ClientAuthenticationError("invalid_client")

        logging_in = asyncio.create_task(life.obtain(login, renewal()))
        await asyncio.sleep(0)
        assert (await life.use(renewal())).access_token == "A2"
        with pytest.raises(ClientAuthenticationError):
            await logging_in


class TestInTheBackground:
    async def test_requests_go_on_with_the_good_token(self, lives, renewal, server):
        life, made = lives.of_token(expiring(30)), renewal(in_background=True)
        assert (await life.use(made)).access_token == "A1"
        assert (await life.use(made)).access_token == "A1"
        await lives.aclose()
        assert server.asked == ["R1"]
        assert (await life.use(made)).access_token == "A2"

    async def test_an_expired_token_is_waited_for(self, lives, renewal, server):
        assert (await lives.of_token(server.token).use(renewal(in_background=True))).access_token == "A2"

    async def test_a_failed_save_is_told_to_the_next_request(self, lives, renewal, server):
        attempts = []

        def update(token):
            attempts.append(token)
            if len(attempts) < 4:
                raise OSError

        life, made = lives.of_token(expiring(30)), renewal(in_background=True, updater=update)
        await life.use(made)
        await lives.aclose()
        assert len(attempts) == 2
        with pytest.raises(TokenStoreError):
            await life.use(made)
        assert (await life.use(made)).access_token == "A2"


class TestAnnounced:
    """Renewals that other processes know of, whatever becomes of leases and clocks."""

    class Shared(MemoryStore):
        """A store as of many processes, which keeps what was saved, and whose leases may be taken for over."""

        is_local = False

        def __init__(self):
            super().__init__()
            self.saved = []
            self.fault = None

        async def save(self, key, token, *, seen_version):
            if self.fault is not None:
                raise self.fault
            version = await super().save(key, token, seen_version=seen_version)
            self.saved.append((token["access_token"], RENEWING in token))
            return version

        def end_leases(self):
            for lease in self._leases.values():
                lease.until = 0.0
                lease.end()

    @pytest.fixture
    async def store(self, server):
        store = self.Shared()
        await store.save(KEY, server.token, seen_version=None)
        store.saved.clear()
        return store

    @pytest.fixture
    def two(self, store):
        return [TokenLives(store, jitter=lambda: 0.0, sleep=at_once) for _ in range(2)]

    async def test_it_stands_in_the_store_while_it_lasts(self, store, two, renewal, server):
        assert (await two[0].of_key(KEY).use(renewal())).access_token == "A2"
        assert store.saved == [("A1", True), ("A2", False)]
        assert RENEWING not in (await two[1].of_key(KEY).use(renewal()))

    async def test_it_is_withdrawn_after_a_failure(self, store, two, renewal, server):
        server.errors = [TemporarilyUnavailableError("temporarily_unavailable")]
        with pytest.raises(TemporarilyUnavailableError):
            await two[0].of_key(KEY).use(renewal())
        assert store.saved == [("A1", True), ("A1", False)]
        assert (await two[1].of_key(KEY).use(renewal())).access_token == "A2"

    @pytest.mark.parametrize("options", [{"may_repeat": True}, {"way": "grant"}])
    async def test_what_spends_nothing_is_not_announced(self, options, store, two, renewal):
        await two[0].of_key(KEY).use(renewal(**options))
        assert store.saved == [("A2", False)]

    async def test_where_it_cannot_be_announced_nothing_is_sent(self, store, two, renewal, server):
        store.fault = ConnectionError()
        with pytest.raises(TokenStoreError, match="announced"):
            await two[0].of_key(KEY).use(renewal())
        store.fault = None
        assert server.asked == []
        assert (await two[0].of_key(KEY).use(renewal())).access_token == "A2"

    async def test_one_whose_lease_is_over_too_soon_is_given_time(self, store, two, renewal, server):
        """As where a clock was set, or a provider takes minutes."""
        server.gate = asyncio.Event()
        using = asyncio.create_task(two[0].of_key(KEY).use(renewal()))
        await turns_until(lambda: server.asked)
        store.end_leases()
        pauses = []

        async def wait(seconds):
            pauses.append(seconds)
            if len(pauses) == 10:
                server.gate.set()
            await at_once(seconds)

        two[1].sleep = wait
        tokens = [await two[1].of_key(KEY).use(renewal()), await using]
        assert [token.access_token for token in tokens] == ["A2", "A2"]
        assert (server.asked, set(pauses)) == (["R1"], {1.0})
        assert 10 <= len(pauses) <= 12

    @pytest.mark.parametrize("name", ["gone", "{}3-1"])
    async def test_one_that_never_comes_to_an_end_is_outwaited(self, store, two, renewal, server, caplog, name):
        """Its process is gone; whether its refresh token was sent, only the provider knows.

        The second one is of a process whose number begins like that of this one, as forks of one process have them.
        """
        await store.save(KEY, {**server.token, RENEWING: name.format(two[0].name)}, seen_version=1)
        pauses = []

        async def wait(seconds):
            pauses.append(seconds)

        two[0].sleep = wait
        assert (await two[0].of_key(KEY).use(renewal())).access_token == "A2"
        assert pauses == [1.0] * 30
        assert "announced" in caplog.text

    async def test_one_that_is_late_finds_out_before_anything_is_spent(self, store, two, renewal, server):
        """A process that stood still between its look and its request, longer than its lease lasts."""
        load, is_late = store.load, []

        async def load_late(key):
            found = await load(key)
            if len(is_late) == 1:
                is_late.append(True)
                store.end_leases()
                assert (await two[1].of_key(KEY).use(renewal())).access_token == "A2"
            elif not is_late:
                is_late.append(True)
            return found

        store.load = load_late
        assert (await two[0].of_key(KEY).use(renewal())).access_token == "A2"
        assert len(is_late) == 2
        assert server.asked == ["R1"]

    async def test_a_token_that_could_not_be_saved_is_saved_although_nobody_asks(self, store, two, renewal, server):
        first, second = two
        life, begun, go_on = first.of_key(KEY), asyncio.Event(), asyncio.Event()

        async def renew(token):
            made = await server.renew(token)
            store.fault = ConnectionError()
            return made

        async def wait(seconds):
            if seconds == 1.0:
                begun.set()
                await go_on.wait()

        first.sleep = wait
        with pytest.raises(TokenStoreError):
            await life.use(replace(renewal(), renew=renew))
        await begun.wait()
        store.fault = None
        go_on.set()
        await turns_until(lambda: life not in first.unsaved)
        store.end_leases()
        assert (await second.of_key(KEY).use(renewal())).access_token == "A2"
        assert server.asked == ["R1"]
        await turns_until(lambda: not first._savers)

    @pytest.mark.parametrize("comes_back", [True, False])
    async def test_it_is_tried_once_more_at_the_end(self, comes_back, store, two, renewal, server, caplog):
        first, second = two
        asleep = asyncio.Event()

        async def renew(token):
            made = await server.renew(token)
            store.fault = ConnectionError()
            return made

        async def wait(seconds):
            if seconds >= 1.0 and seconds != 2.0:
                await asleep.wait()

        first.sleep = wait
        with pytest.raises(TokenStoreError):
            await first.of_key(KEY).use(replace(renewal(), renew=renew))
        if comes_back:
            store.fault = None
        await first.aclose()
        assert first._savers == {}
        assert ("could not be saved:" in caplog.text) is not comes_back
        if comes_back:
            assert (await second.of_key(KEY).use(renewal())).access_token == "A2"
            assert server.asked == ["R1"]

    async def test_a_store_that_fell_back_is_set_right(self, store, two, renewal, server):
        """A failover, a file put back: what it holds now is spent."""
        life = two[0].of_key(KEY)
        old = await store.load(KEY)
        await life.use(renewal())
        store._tokens[KEY] = old
        server.clock = lambda: NOW + 7200
        late = replace(renewal(), now=lambda: NOW + 7200)
        assert (await life.use(late)).access_token == "A3"
        assert server.asked == ["R1", "R2"]
        assert (await store.load(KEY))[0]["access_token"] == "A3"

    @pytest.mark.parametrize("was_known", [True, False])
    async def test_a_login_that_could_not_be_saved_gives_way_to_a_later_one(self, was_known, store, two, renewal):
        """Nobody asked for it meanwhile, and the user has logged in elsewhere."""
        life, load, go_on = two[0].of_key(KEY), store.load, asyncio.Event()

        async def log_in():
            store.fault = ConnectionError()
            return expiring(3600, 7)

        async def away(_):
            raise ConnectionError

        async def wait(seconds):
            if seconds == 1.0:
                await go_on.wait()

        two[0].sleep = wait
        store.load = load if was_known else away
        with pytest.raises(TokenStoreError):
            await life.obtain(log_in, renewal())
        store.fault, store.load = None, load
        version = (await store.load(KEY))[1]
        await store.save(KEY, expiring(3600, 8), seen_version=version)
        go_on.set()
        for _ in range(500):
            await asyncio.sleep(0)
        assert (await store.load(KEY))[0]["access_token"] == "A8"
        await two[0].aclose()
        assert (await store.load(KEY))[0]["access_token"] == "A8"

    async def test_a_refresh_token_that_is_given_again_is_not_spent(self, store, two, renewal):
        """Providers that do not rotate give a user the same one at each login."""
        life = two[0].of_key(KEY)
        users = {name: OAuth2Token(access_token=name, refresh_token=f"R-{name}", expires_at=NOW + 60) for name in "xy"}

        async def log_in(name):
            return users[name]

        for name in "xyx":
            await life.obtain(lambda name=name: log_in(name), renewal())
        await life.obtain(lambda: log_in("y"), renewal())
        await two[1].of_key(KEY).obtain(lambda: log_in("x"), renewal())
        assert (await life.replace("y", renewal())).access_token == "x"
        assert (await store.load(KEY))[0]["access_token"] == "x"

    async def test_a_good_token_is_used_while_another_process_renews_it(self, store, two, renewal, server):
        token = expiring(50)
        await store.save(KEY, {**token, RENEWING: "another"}, seen_version=1)
        pauses = []

        async def wait(seconds):
            pauses.append(seconds)

        two[0].sleep = wait
        assert (await two[0].of_key(KEY).use(renewal())).access_token == token.access_token
        assert (pauses, server.asked) == ([], [])

    async def test_a_store_that_shows_what_it_refuses_is_told(self, store, two, renewal, server):
        old = await store.load(KEY)

        async def load_copy(_):
            return old

        await store.save(KEY, server.token, seen_version=1)
        store.load = load_copy
        with pytest.raises(TokenStoreError) as told:
            await two[0].of_key(KEY).use(renewal())
        assert (told.value.code, server.asked) == ("stale-version", [])

    async def test_a_second_announcement_is_waited_for_as_the_first_one_was(self, store, two, renewal):
        pauses = []

        async def wait(seconds):
            pauses.append(seconds)

        two[0].sleep = wait
        life = two[0].of_key(KEY)
        await store.save(KEY, {**expiring(-1), RENEWING: "slow-1"}, seen_version=1)
        assert (await life.use(renewal())).access_token == "A2"
        version = (await store.load(KEY))[1]
        await store.save(KEY, {**expiring(-1, 2), RENEWING: "slow-2"}, seen_version=version)
        assert (await life.replace("A2", renewal())).access_token == "A3"
        assert len(pauses) == 60

    async def test_a_token_that_was_read_from_the_store_announces_nothing(self, store, two):
        life = two[0].of_key(KEY)
        life.offer(OAuth2Token({**expiring(3600, 9), RENEWING: "x"}))
        assert RENEWING not in life.token

    async def test_a_client_that_ends_ends_nobody_elses_saving(self, store, two, renewal, server):
        life, asleep = two[0].of_key(KEY), asyncio.Event()

        async def renew(token):
            made = await server.renew(token)
            store.fault = ConnectionError()
            return made

        async def wait(seconds):
            if seconds == 1.0:
                await asleep.wait()

        two[0].sleep = wait
        with pytest.raises(TokenStoreError):
            await life.use(replace(renewal(), renew=renew))
        await two[0].rest()
        assert len(two[0]._savers) == 1
        store.fault = None
        asleep.set()
        await turns_until(lambda: not two[0].unsaved)

    async def test_a_login_takes_the_place_of_what_cannot_be_read(self, store, two, renewal):
        load = store.load

        async def broken(key):
            if KEY in store._tokens and store._tokens[KEY][0].get("access_token") == "A1":
                raise TokenStoreError("sealed with a lost key")
            return await load(key)

        async def log_in():
            return expiring(3600, 7)

        store.load = broken
        with pytest.raises(TokenStoreError):
            await two[0].of_key(KEY).use(renewal())
        assert (await two[0].of_key(KEY).obtain(log_in, renewal())).access_token == "A7"
        assert (await two[1].of_key(KEY).use(renewal())).access_token == "A7"


async def cancelled_after(turns, task):
    """Cancel a task after so many turns of the event loop; whether it was still running then."""
    for _ in range(turns):
        await asyncio.sleep(0)
    was_running = not task.done()
    task.cancel()
    await asyncio.wait([task])
    return was_running


class TestCancellation:
    @pytest.mark.parametrize("place", ["memory", "store"])
    async def test_at_no_point_does_it_lose_the_rotated_token(self, place, renewal, clock):
        """The caller is cancelled at each turn of the event loop that a renewal takes, one after the other."""
        turns, running = 0, True
        while running:
            server = RotatingServer(turns=3)
            server.clock = clock
            store, saved = SlowStore(), []
            await store.inner.save(KEY, server.token, seen_version=None)
            lives = TokenLives(store if place == "store" else None)
            life = lives.of_key(KEY)
            if place == "memory":
                life.offer(server.token)

            async def update(token, saved=saved):
                await asyncio.sleep(0)
                saved.append(token.refresh_token)
                await asyncio.sleep(0)

            made = Renewal(server.renew, lambda token: "refresh" if token else None, clock, updater=update)
            task = asyncio.create_task(life.use(made))
            running = await cancelled_after(turns, task)
            assert task.cancelled() == running
            # Everybody goes away; only the shutdown waits.
            del life, task, made
            await lives.aclose()
            token = await lives.of_key(KEY).use(Renewal(server.renew, lambda _: "refresh", clock, updater=update))
            assert token.refresh_token == f"R{server.number}"
            assert server.asked == ["R1"]
            assert saved == ["R2"]
            if place == "store":
                assert (await store.inner.load(KEY))[0]["refresh_token"] == "R2"
            turns += 1
        assert turns > 10

    async def test_others_who_wait_are_not_touched(self, lives, renewal, server):
        life = lives.of_token(server.token)
        first, second = (asyncio.create_task(life.use(renewal())) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).access_token == "A2"
        assert first.cancelled()

    async def test_the_error_of_a_renewal_that_nobody_waits_for_is_quiet(self, lives, renewal, server, caplog):
        server.errors = [TimeoutError()]
        task = asyncio.create_task(lives.of_token(server.token).use(renewal()))
        await cancelled_after(1, task)
        await lives.aclose()
        del task
        gc.collect()
        assert caplog.records == []

    async def test_a_renewal_that_is_itself_ended_while_saving_is_saved_next_time(self, lives, renewal, server):
        """As at the end of ``asyncio.run``, which cancels every task."""
        saved, gate = [], asyncio.Event()

        async def update(token):
            await gate.wait()
            saved.append(token)

        life, made = lives.of_token(server.token), renewal(updater=update)
        waiting = asyncio.create_task(life.use(made))
        await turns_until(lambda: life.token.access_token == "A2")
        for task in lives._tasks:
            task.cancel()
        await asyncio.wait([waiting])
        gate.set()
        assert (await life.use(made)).access_token == "A2"
        assert server.asked == ["R1"]
        assert len(saved) == 1


class SlowStore:
    """A store that takes turns of the event loop for everything."""

    def __init__(self):
        self.inner = MemoryStore()

    async def load(self, key):
        await asyncio.sleep(0)
        return await self.inner.load(key)

    async def save(self, key, token, *, seen_version):
        await asyncio.sleep(0)
        version = await self.inner.save(key, token, seen_version=seen_version)
        await asyncio.sleep(0)
        return version

    def lease(self, key, seconds):
        return self.inner.lease(key, seconds)


class TestEventLoops:
    def test_one_after_the_other(self, lives, server, clock, renewal):
        life = lives.of_token(server.token)

        async def both():
            return [token.access_token for token in await asyncio.gather(life.use(renewal()), life.use(renewal()))]

        assert asyncio.run(both()) == ["A2", "A2"]
        clock.advance(3600)
        assert asyncio.run(both()) == ["A3", "A3"]
        assert server.asked == ["R1", "R2"]

    def test_one_that_ended_in_the_middle_does_not_block_the_next(self, lives, server, renewal):
        life = lives.of_token(server.token)

        async def leave():
            server.gate = asyncio.Event()
            task = asyncio.create_task(life.use(renewal()))
            await turns_until(lambda: server.asked)
            task.cancel()

        asyncio.run(leave())
        server.gate, server.number = None, 1
        assert asyncio.run(life.use(renewal())).access_token == "A2"

    def test_two_at_the_same_time_renew_once(self, lives, server, renewal):
        life, begun, go = lives.of_token(server.token), threading.Event(), threading.Event()
        tokens = []

        async def slow(token):
            begun.set()
            await asyncio.to_thread(go.wait)
            return await server.renew(token)

        def first():
            made = renewal()
            tokens.append(asyncio.run(life.use(Renewal(slow, made.way, made.now))))

        async def second():
            task = asyncio.create_task(life.use(renewal()))
            await asyncio.sleep(0)
            go.set()
            tokens.append(await task)

        thread = threading.Thread(target=first)
        thread.start()
        begun.wait()
        asyncio.run(second())
        thread.join()
        assert [token.access_token for token in tokens] == ["A2", "A2"]
        assert server.asked == ["R1"]

    def test_one_that_stops_in_the_middle_is_not_waited_for(self, lives, server, renewal, monkeypatch):
        monkeypatch.setattr(token_life, "_GLANCE", 0.001)
        life, begun, go = lives.of_token(server.token), threading.Event(), threading.Event()
        loop = asyncio.new_event_loop()

        async def begin():
            using = asyncio.create_task(life.use(Renewal(stand_still, lambda _: "refresh", server.clock)))
            await turns_until(begun.is_set)
            await asyncio.to_thread(go.wait)
            using.cancel()

        async def stand_still(token):
            begun.set()
            await asyncio.Event().wait()

        async def wait():
            async with asyncio.timeout(10):
                waiting = asyncio.create_task(life.use(renewal()))
                await asyncio.sleep(0)
                go.set()
                return await waiting

        thread = threading.Thread(target=loop.run_until_complete, args=[begin()])
        thread.start()
        begun.wait()
        try:
            assert asyncio.run(wait()).access_token == "A2"
        finally:
            go.set()
            thread.join()
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    async def test_that_of_the_process_before_a_fork_is_not_waited_for(self, lives, server, renewal, monkeypatch):
        life, server.gate = lives.of_token(server.token), asyncio.Event()
        before = asyncio.create_task(life.use(renewal()))
        await turns_until(lambda: server.asked)
        server.gate, gate = None, server.gate
        process = os.getpid()
        monkeypatch.setattr(token_life.os, "getpid", lambda: process + 1)
        server.number = 1
        async with asyncio.timeout(10):
            assert (await life.use(renewal())).access_token == "A2"
        gate.set()
        await before


class TestLives:
    async def test_a_life_outlives_its_clients(self, lives, server, renewal):
        old = server.token
        lives.of_key(KEY).offer(old)
        await lives.of_key(KEY).use(renewal())
        gc.collect()
        assert (await lives.of_key(KEY).use(renewal())).access_token == "A2"

    async def test_but_not_without_bound(self, lives, monkeypatch):
        monkeypatch.setattr(token_life, "_KEPT", 10)
        for number in range(50):
            lives.of_key(TokenKey("acme", f"user{number}")).offer(expiring(60, number))
            lives.of_token(expiring(60, 1000 + number))
        gc.collect()
        assert len(lives._recent) == 10
        assert len(lives._of_key) + len(lives._of_token) / 2 == 10

    async def test_a_used_life_is_the_same_for_all_however_many_there_are(self, lives, monkeypatch):
        monkeypatch.setattr(token_life, "_KEPT", 1)
        held = lives.of_key(KEY)
        lives.of_key(TokenKey("acme", "bob"))
        assert lives.of_key(KEY) is held

    async def test_a_long_life_knows_only_its_latest_past(self, lives, clock, server):
        life = lives.of_token(server.token)
        made = Renewal(server.renew, lambda _: "refresh", clock)
        for _ in range(100):
            await life.use(made)
            clock.advance(3600)
        assert len(life._past) == token_life._REMEMBERED
        assert len(lives._of_token) == token_life._REMEMBERED + 2

    async def test_closing_waits_for_what_is_under_way(self, lives, renewal, server):
        server.gate = asyncio.Event()
        waiting = asyncio.create_task(lives.of_token(server.token).use(renewal()))
        await turns_until(lambda: server.asked)
        waiting.cancel()
        closing = asyncio.create_task(lives.aclose())
        await asyncio.sleep(0)
        assert not closing.done()
        server.gate.set()
        await closing
        assert lives._tasks == set()

    @pytest.mark.parametrize("way", [lambda closing: closing, asyncio.create_task])
    async def test_closing_leaves_out_the_renewal_that_it_is_called_from(self, way, lives, renewal, server):
        async def update(token):
            await way(lives.aclose())

        async with asyncio.timeout(10):
            assert (await lives.of_token(server.token).use(renewal(updater=update))).access_token == "A2"

    async def test_closing_again_does_nothing(self, lives):
        await lives.aclose()
        await lives.aclose()

    def test_no_token_is_shown(self, lives, server):
        life = lives.of_key(KEY)
        life.offer(OAuth2Token(access_token="PLANTED"))
        assert "PLANTED" not in repr(life) + repr(lives)
        assert "ada" in repr(life)
