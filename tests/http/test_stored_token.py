"""Tokens of OAuth 1.0 in a store: found by every client of their account, and renewed by one at a time."""

import asyncio

import aiohttp
import pytest

from oauthreg import AsyncOAuth1Client, Registry
from oauthreg.errors import MismatchingStateError, MissingTokenError, OAuthError, TokenStoreError, UsageError
from oauthreg.provider import OAuth1Settings, Provider
from oauthreg.simulator import Simulator, Status
from oauthreg.stores import MemoryStore, SQLiteStore, TokenKey
from oauthreg.token import OAuth1Token

DEFINITION = """
schema = 1
title = "Acme"
protocol = "oauth1"

[endpoints]
request_token = "https://api.acme.example/oauth/request_token"
authorize = "https://api.acme.example/oauth/authorize"
token = "https://api.acme.example/oauth/access_token"
revoke = "https://api.acme.example/oauth/revoke"
userinfo = "https://api.acme.example/me"
api_base = "https://api.acme.example/"

[oauth1]
session_handle = true

[claims]
sub = "id"

[[example]]
userinfo = { id = 7 }
claims = { sub = "7" }
"""


@pytest.fixture
async def simulator():
    registry = Registry(environ={})
    registry.add(DEFINITION, "acme")
    async with Simulator("acme", registry=registry) as simulator:
        simulator.serve("/items", ["one"])
        yield simulator


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def store():
    return Hesitant()


@pytest.fixture
def make_client(simulator, session, store):
    """A client as of another process each time, if not of another user."""

    def make(account="ada", store=store, **options):
        return simulator.registry(store=store).client("acme", session, account=account, **options)

    return make


class Hesitant(MemoryStore):
    """A store that fails as often as it is told to, and whose callers wait for each other as those of a database do.

    With a ``gate`` nothing is saved before it is open; ``arrived`` tells that somebody waits there.
    """

    def __init__(self):
        super().__init__()
        self.failures = 0
        self.saved = []
        self.gate = None

    async def save(self, key, token, *, seen_version):
        await asyncio.sleep(0)
        if self.gate is not None and not self.gate.is_set():
            self.arrived.set()
            await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the store is away")
        self.saved.append(token["oauth_token"])
        return await super().save(key, token, seen_version=seen_version)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr("oauthreg.http.renewals._SAVE_PAUSES", (0, 0, 0))


async def log_in(client, simulator):
    pending = await client.start(redirect_uri="https://app.example/callback")
    return await client.finish(pending, await simulator.approve(pending.url))


def given(token):
    """What a login asks the provider for."""

    async def fetch():
        return token

    return fetch


async def until(is_so):
    for _ in range(100_000):
        if is_so():
            return
        await asyncio.sleep(0)
    raise AssertionError


async def ask(client):
    async with client.get("items") as response:
        return response.status


def sent(simulator, step):
    return len([exchange for exchange in simulator.exchanges if exchange.step == step])


async def test_a_login_is_finished_once_by_all_clients_of_a_registry(simulator, session):
    """A second visit of the callback; one that failed may come again."""
    registry = simulator.registry()
    pending = await registry.client("acme", session).start(redirect_uri="https://app.example/callback")
    callback = await simulator.approve(pending.url)
    simulator.fail("token", Status(500))
    with pytest.raises(OAuthError):
        await registry.client("acme", session).finish(pending, callback)
    await registry.client("acme", session).finish(pending, callback)
    before = len(simulator.exchanges)
    with pytest.raises(MismatchingStateError) as refused:
        await registry.client("acme", session).finish(pending, callback)
    assert refused.value.code == "login-finished"
    assert len(simulator.exchanges) == before
    await log_in(registry.client("acme", session), simulator)


class TestFound:
    """What one client logged in to, others of the account go on with."""

    async def test_by_another_process(self, make_client, simulator):
        token = await log_in(make_client(), simulator)
        other = make_client()
        assert other.token["oauth_token"] is None
        assert await ask(other) == 200
        assert other.token["oauth_token"] == token.token
        assert (await make_client().profile()).sub == "7"

    async def test_in_a_file(self, make_client, simulator, tmp_path):
        await log_in(make_client(store=SQLiteStore(tmp_path / "tokens.db")), simulator)
        assert await ask(make_client(store=SQLiteStore(tmp_path / "tokens.db"))) == 200

    async def test_by_clients_of_a_registry_without_a_store(self, simulator, session):
        registry = simulator.registry()
        await log_in(registry.client("acme", session, account="ada"), simulator)
        assert await ask(registry.client("acme", session, account="ada")) == 200

    async def test_by_who_asks_for_it(self, make_client, simulator):
        assert await make_client().load_token() is None
        token = await log_in(make_client(), simulator)
        assert await make_client().load_token() == token
        assert await make_client(None).load_token() is None

    async def test_under_the_whole_of_its_key(self, make_client, simulator, store):
        await log_in(make_client(), simulator)
        endpoint = simulator.provider.endpoints["token"]
        client_id = simulator.credentials.client_id
        assert [key async for key in store.token_keys()] == [TokenKey("acme", "ada", client_id, server=endpoint)]

    async def test_by_nobody_else(self, make_client, simulator):
        await log_in(make_client(), simulator)
        with pytest.raises(MissingTokenError):
            await ask(make_client("bob"))
        assert await ask(make_client(None)) == 401

    @pytest.mark.parametrize("call", [ask, lambda client: client.profile()], ids=["a request", "the profile"])
    async def test_without_one_nothing_is_sent(self, call, make_client, simulator):
        """The application alone is not the user."""
        former = make_client()
        await log_in(former, simulator)
        before = len(simulator.exchanges)
        await former.revoke_token()
        for client in (former, make_client(), make_client(token=OAuth1Token("", "a secret alone"))):
            with pytest.raises(MissingTokenError, match="log in"):
                await call(client)
        assert [exchange.step for exchange in simulator.exchanges][before:] == ["revoke"]

    async def test_the_old_door_is_closed_without_one_in_memory(self, make_client, simulator):
        await log_in(make_client(), simulator)
        client = make_client()
        with pytest.raises(MissingTokenError, match="load_token"):
            _ = client.auth
        await client.load_token()
        assert client.auth.authenticate("GET", "https://a.example/", None, None).headers

    async def test_once_for_many_requests(self, make_client, simulator, store):
        await log_in(make_client(), simulator)
        client, loads = make_client(), []
        load = store.load

        async def counted(key):
            loads.append(key)
            return await load(key)

        store.load = counted
        assert [await ask(client) for _ in range(3)] == [200] * 3
        assert len(loads) == 1

    async def test_what_is_no_token_is_told(self, make_client, store, simulator):
        await log_in(make_client(), simulator)
        (key,) = [key async for key in store.token_keys()]
        version = (await store.load(key))[1]
        await MemoryStore.save(store, key, {"access_token": "PLANTED"}, seen_version=version)
        with pytest.raises(TokenStoreError) as told:
            await ask(make_client())
        assert told.value.code == "unusable-token"
        assert "PLANTED" not in str(told.value)
        token = await log_in(make_client(), simulator)  # which replaces it
        assert (await store.load(key))[0]["oauth_token"] == token.token

    async def test_a_store_that_fails_is_told(self, make_client, store):
        async def fail(_):
            raise ConnectionError

        store.load = fail
        with pytest.raises(TokenStoreError, match="could not be loaded"):
            await ask(make_client())


class TestGiven:
    """A token that the caller has from elsewhere."""

    async def test_it_is_used_as_it_is_and_stored_nowhere(self, make_client, simulator, store):
        token = simulator.issue_token()
        client = make_client(token=token)
        assert await ask(client) == 200
        assert await client.load_token() == token
        assert store.saved == []

    async def test_it_takes_the_place_of_another_one_if_it_is_kept(self, make_client, simulator, store):
        stored = await log_in(make_client(), simulator)
        token = simulator.issue_token()
        client = make_client()
        assert await ask(client) == 200
        client.token = token
        assert await ask(client) == 200
        assert client.token["oauth_token"] == token.token
        assert await make_client().load_token() == stored
        await client.keep_token("ada")
        assert await make_client().load_token() == token

    @pytest.mark.parametrize("is_other_stored", [False, True])
    async def test_it_is_renewed_as_it_is(self, make_client, simulator, store, is_other_stored):
        if is_other_stored:
            await log_in(make_client(), simulator)
        token = await log_in(make_client("bob"), simulator)
        client = make_client(token=token)
        renewed = await client.refresh_token()
        assert sent(simulator, "refresh") == 1
        assert client.token["oauth_token"] == renewed.token != token.token
        assert await make_client().load_token() == renewed
        assert await ask(client) == 200

    async def test_none_goes_back_to_the_store(self, make_client, simulator):
        client = make_client()
        token = await log_in(client, simulator)
        client.token = None
        assert await ask(client) == 200
        assert client.token["oauth_token"] == token.token

    async def test_a_request_token_is_stored_nowhere(self, make_client, simulator, store):
        """Step by step, as old code logs in."""
        client = make_client()
        client.redirect_uri = "https://app.example/callback"
        await client.fetch_request_token()
        callback = await simulator.approve(client.create_authorization_url())
        assert await ask(client) == 401
        client.parse_authorization_response(callback)
        assert await ask(client) == 401
        assert store.saved == []
        with pytest.raises(MissingTokenError, match="no access token"):
            await client.keep_token("ada")
        await client.fetch_access_token()
        assert store.saved == [client.token["oauth_token"]]
        assert await ask(make_client()) == 200


class TestSaved:
    """A login is saved before it is used, and lost by no failure of the store."""

    async def test_before_the_updater_hears_of_it(self, make_client, simulator, store):
        heard = []
        client = make_client(token_updater=lambda token: heard.append((token.token, [*store.saved])))
        token = await log_in(client, simulator)
        assert heard == [(token.token, [token.token])]

    async def test_whatever_becomes_of_its_caller(self, make_client, simulator, store):
        save, slow = store.save, asyncio.Event()

        async def save_slowly(key, token, *, seen_version):
            await slow.wait()
            return await save(key, token, seen_version=seen_version)

        store.save = save_slowly
        client = make_client()
        logging_in = asyncio.create_task(log_in(client, simulator))
        await until(lambda: sent(simulator, "token"))
        logging_in.cancel()
        await asyncio.wait([logging_in])
        slow.set()
        await client.aclose()
        assert await make_client().load_token() is not None
        assert await ask(client) == 200

    async def test_a_token_that_was_set_meanwhile_counts(self, make_client, simulator, store):
        client = make_client()
        load, slow = store.save, asyncio.Event()

        async def save_slowly(key, token, *, seen_version):
            await slow.wait()
            return await load(key, token, seen_version=seen_version)

        store.save = save_slowly
        logging_in = asyncio.create_task(log_in(client, simulator))
        await until(lambda: sent(simulator, "token"))
        client.token = {"oauth_token": "mine", "oauth_token_secret": "s"}
        slow.set()
        await logging_in
        assert client.token["oauth_token"] == "mine"

    async def test_an_updater_that_fails_leaves_what_is_stored(self, make_client, simulator):
        def fail(_):
            raise KeyError

        client = make_client(token_updater=fail)
        with pytest.raises(KeyError):
            await log_in(client, simulator)
        assert (await make_client().load_token()).token == client.token["oauth_token"]

    async def test_a_login_replaces_whatever_is_there(self, make_client, simulator):
        first, second = make_client(), make_client()
        await log_in(first, simulator)
        await log_in(second, simulator)
        token = await log_in(first, simulator)  # which has not seen the second one
        client = make_client()
        await ask(client)
        assert client.token["oauth_token"] == token.token

    async def test_a_store_that_is_away_for_a_moment(self, make_client, simulator, store):
        store.failures = 3
        await log_in(make_client(), simulator)
        assert await ask(make_client()) == 200

    async def test_a_store_that_is_away_for_longer(self, make_client, simulator, store):
        store.failures = 5
        client = make_client()
        with pytest.raises(TokenStoreError, match="could not be saved"):
            await log_in(client, simulator)
        assert await ask(client) == 200
        assert store.saved == [client.token["oauth_token"]]

    async def test_what_a_store_says_itself_is_passed_on(self, make_client, simulator, store):
        async def fail(*_, **__):
            raise TokenStoreError("the disk is full", code="disk-full")

        store.save = fail
        with pytest.raises(TokenStoreError) as told:
            await log_in(make_client(), simulator)
        assert told.value.code == "disk-full"

    async def test_a_save_that_went_through_and_did_not_say_so(self, make_client, simulator, store):
        save = store.save

        async def cut_off(key, token, *, seen_version):
            await save(key, token, seen_version=seen_version)
            store.save = save
            raise ConnectionError

        store.save = cut_off
        token = await log_in(make_client(), simulator)
        assert store.saved == [token.token] * 2
        client = make_client()
        await ask(client)
        assert client.token["oauth_token"] == token.token

    async def test_a_store_that_reads_from_a_copy(self, make_client, simulator, store):
        """It refuses a version and goes on showing it."""
        client = make_client()
        await log_in(client, simulator)
        (key,) = [key async for key in store.token_keys()]
        old = await store.load(key)
        await log_in(make_client(), simulator)

        async def shown(_):
            return old

        store.load = shown
        with pytest.raises(TokenStoreError) as told:
            await log_in(client, simulator)
        assert told.value.code == "stale-version"

    async def test_its_account_may_be_known_later(self, make_client, simulator, session, store):
        client = simulator.registry(store=store).client("acme", session)
        token = await log_in(client, simulator)
        assert store.saved == []
        assert await client.keep_token((await client.profile()).sub) == token
        assert await ask(make_client("7")) == 200
        assert await client.keep_token("7") == token

    async def test_what_is_renewed_while_it_is_kept_is_kept(self, simulator, session, store, make_client):
        client = simulator.registry(store=store).client("acme", session)
        token = await log_in(client, simulator)
        store.gate, store.arrived = asyncio.Event(), asyncio.Event()
        keeping = asyncio.create_task(client.keep_token("ada"))
        await store.arrived.wait()
        renewed = await client.refresh_token()
        store.gate.set()
        assert await keeping == renewed != token
        assert await make_client().load_token() == renewed

    async def test_what_is_kept_while_it_is_renewed_is_renewed_there(self, simulator, session, store, make_client):
        kept = []

        async def keep(token):
            if token != login:
                kept.append(await client.keep_token("ada"))

        login = await log_in(make_client("bob"), simulator)
        client = simulator.registry(store=store).client("acme", session, token=login, token_updater=keep)
        renewed = await client.refresh_token()
        assert kept == [login]
        assert await make_client().load_token() == renewed

    async def test_there_must_be_a_token_an_account_and_a_store(self, make_client, simulator, session, store):
        with pytest.raises(MissingTokenError):
            await make_client().keep_token("ada")
        for account, code in (("", "empty-account"), ("bob", "other-account")):
            with pytest.raises(UsageError) as refused:
                await make_client().keep_token(account)
            assert refused.value.code == code
        with pytest.raises(UsageError) as refused:
            await AsyncOAuth1Client(session, "c", token="t").keep_token("ada")
        assert refused.value.code == "no-store"


class TestRenewed:
    """One of all who share a token renews it; the others find what came of it."""

    async def test_by_one_of_many(self, make_client, simulator):
        await log_in(make_client(), simulator)
        clients = [make_client() for _ in range(5)]
        assert [await ask(client) for client in clients] == [200] * 5
        simulator.state.expire_tokens()
        tokens = await asyncio.gather(*(client.refresh_token() for client in clients))
        assert len(set(map(str, tokens))) == 1
        assert sent(simulator, "refresh") == 1
        assert [await ask(client) for client in clients] == [200] * 5

    async def test_once_more_if_asked_once_more(self, make_client, simulator):
        client = make_client()
        await log_in(client, simulator)
        tokens = {(await client.refresh_token()).token for _ in range(3)}
        assert len(tokens) == sent(simulator, "refresh") == 3

    async def test_a_refused_one_is_looked_up(self, make_client, simulator):
        """A client that has its token since long finds the one that another process renewed."""
        old = make_client()
        await log_in(old, simulator)
        new = make_client()
        await new.refresh_token()
        assert await ask(old) == 200
        assert old.token["oauth_token"] == new.token["oauth_token"]

    async def test_what_a_request_has_covered_stays_covered(self, make_client, simulator):
        old = make_client()
        await log_in(old, simulator)
        fields = (("title", "a title"),)
        access = old._covering(await old._made_access(), fields)
        new = await make_client().refresh_token()
        successor = await old._successor(access.authenticator, old._token)
        assert (successor.signed, successor.signer.token) == (fields, new.token)

    async def test_the_field_that_calls_carry_instead_is_looked_up(self, session, store):
        provider = Provider(oauth1=OAuth1Settings(bearer="access"))
        options = {"provider": provider, "account": "ada", "store": store}
        old, new = (AsyncOAuth1Client(session, "c", "s", **options) for _ in range(2))
        await old._life.obtain(given(OAuth1Token("t1", "s", {"access": "one"})))
        authenticator = (await old._made_access()).authenticator
        await new._life.obtain(given(OAuth1Token("t2", "s", {"access": "two"})))
        assert await old._successor(authenticator, old._token) == new._bearer

    async def test_a_token_that_tells_where_the_api_is_is_not_changed_on_the_way(self, session, store):
        class Base:
            names = frozenset({"token"})

        client = AsyncOAuth1Client(
            session, "c", "s", provider=Provider(api_base=Base()), account="ada", store=store, token="old"
        )
        await client._life.settled()
        await client._life.stored.save_login(OAuth1Token("new"))
        assert await client._successor(None, client._token) is None

    async def test_a_refusal_stands_if_there_is_nothing_new(self, make_client, simulator, store):
        client = make_client()
        await log_in(client, simulator)
        simulator.state.revoke_tokens()
        assert await ask(client) == 401
        assert sent(simulator, "api") == 1

        async def fail(_):
            raise ConnectionError

        store.load = fail
        assert await ask(client) == 401

    async def test_one_that_was_deleted_stays_so(self, make_client, simulator, store):
        client = make_client()
        await log_in(client, simulator)
        (key,) = [key async for key in store.token_keys()]
        await store.delete(key)
        with pytest.raises(MissingTokenError, match="deleted"):
            await client.refresh_token()
        assert client.token["oauth_token"] is None
        assert sent(simulator, "refresh") == 0

    async def test_a_renewed_one_that_cannot_be_saved_is_saved_later(self, make_client, simulator, store):
        client = make_client()
        await log_in(client, simulator)
        store.failures = 4
        with pytest.raises(TokenStoreError):
            await client.refresh_token()
        assert await ask(client) == 200
        assert store.saved[-1] == client.token["oauth_token"]
        assert await ask(make_client()) == 200

    async def test_a_login_meanwhile_counts_for_more(self, make_client, simulator, store):
        client = make_client()
        await log_in(client, simulator)
        login = OAuth1Token("login", "secret")
        save = store.save

        async def late(key, token, *, seen_version):
            if token["oauth_token"] != "login":
                await save(key, login.to_mapping(), seen_version=seen_version)
            return await save(key, token, seen_version=seen_version)

        store.save = late
        assert await client.refresh_token() == login
        assert client.token["oauth_token"] == "login"

    async def test_a_lease_that_cannot_be_had_is_told(self, make_client, simulator, store):
        client = make_client()
        await log_in(client, simulator)

        def fail(*_):
            raise ConnectionError

        store.lease = fail
        with pytest.raises(TokenStoreError, match="turn"):
            await client.refresh_token()
        assert sent(simulator, "refresh") == 0

    async def test_a_refusal_gives_the_lease_back(self, make_client, simulator):
        client = make_client()
        await log_in(client, simulator)
        simulator.fail("refresh", Status(500))
        with pytest.raises(OAuthError):
            await client.refresh_token()
        await make_client().refresh_token()

    async def test_who_could_not_save_keeps_its_turn(self, make_client, simulator, store):
        """Others would find the spent token, and sending it may end the session."""
        first, second = make_client(), make_client()
        await log_in(first, simulator)
        await ask(second)
        store.failures = 4
        with pytest.raises(TokenStoreError):
            await first.refresh_token()
        waiting = asyncio.create_task(second.refresh_token())
        for _ in range(50):
            await asyncio.sleep(0)
        assert not waiting.done()
        assert await ask(first) == 200
        assert (await waiting).token == first.token["oauth_token"]
        assert sent(simulator, "refresh") == 1

    async def test_one_that_is_deleted_on_the_way_is_not_stored_again(self, make_client, simulator, store):
        client = make_client()
        await log_in(client, simulator)
        save = store.save

        async def be_late(key, token, *, seen_version):
            await store.delete(key)
            return await save(key, token, seen_version=seen_version)

        store.save = be_late
        with pytest.raises(MissingTokenError, match="deleted"):
            await client.refresh_token()
        assert [key async for key in store.token_keys()] == []
        assert client.token["oauth_token"] is None

    async def test_one_that_a_request_looked_up_meanwhile_is_not_taken_for_its_own(self, make_client, simulator, store):
        """What is replaced is the version that the renewal saw, whatever else the client saw since."""
        client = make_client()
        await log_in(client, simulator)
        save, login = store.save, OAuth1Token("login", "secret")

        async def be_late(key, token, *, seen_version):
            store.save = save
            await make_client().load_token()
            (found, version) = await store.load(key)
            await save(key, login.to_mapping(), seen_version=version)
            await client._successor((await client._made_access()).authenticator, OAuth1Token(found["oauth_token"]))
            return await save(key, token, seen_version=seen_version)

        store.save = be_late
        assert await client.refresh_token() == login
        assert await make_client().load_token() == login

    async def test_a_version_that_changed_alone_is_replaced(self, make_client, simulator, store):
        """As where tokens are sealed anew."""
        client = make_client()
        await log_in(client, simulator)
        save = store.save

        async def reseal_first(key, token, *, seen_version):
            store.save = save
            (found, version) = await store.load(key)
            await save(key, found, seen_version=version)
            return await save(key, token, seen_version=seen_version)

        store.save = reseal_first
        token = await client.refresh_token()
        assert await make_client().load_token() == token

    async def test_a_registry_waits_for_it(self, simulator, session, store):
        registry = simulator.registry(store=store)
        client = registry.client("acme", session, account="ada")
        await log_in(client, simulator)
        save, slow = store.save, asyncio.Event()

        async def save_slowly(key, token, *, seen_version):
            await slow.wait()
            return await save(key, token, seen_version=seen_version)

        store.save = save_slowly
        asking = asyncio.create_task(client.refresh_token())
        await until(lambda: sent(simulator, "refresh"))
        asking.cancel()
        await asyncio.wait([asking])
        closing = asyncio.create_task(registry.aclose())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not closing.done()
        slow.set()
        await closing
        assert (await store.load(next(iter(store._tokens))))[0]["oauth_token"] == client.token["oauth_token"]

    async def test_what_it_calls_may_close_the_registry(self, simulator, session, store):
        registry = simulator.registry(store=store)

        async def update(_):
            await registry.aclose()
            await client.aclose()

        client = registry.client("acme", session, account="ada", token_updater=update)
        await log_in(client, simulator)
        await client.refresh_token()


class TestGivenUp:
    async def test_a_login_that_came_meanwhile_stays(self, make_client, simulator):
        client = make_client()
        await log_in(client, simulator)
        newer = await log_in(make_client(), simulator)
        await client.revoke_token()
        assert await make_client().load_token() == newer

    async def test_it_is_gone_for_everybody(self, make_client, simulator, store):
        client = make_client()
        await log_in(client, simulator)
        await client.revoke_token()
        assert [key async for key in store.token_keys()] == []
        with pytest.raises(MissingTokenError):
            await make_client().revoke_token()

    async def test_a_store_that_fails_is_told(self, make_client, simulator, store):
        client = make_client()
        await log_in(client, simulator)

        async def fail(_):
            raise ConnectionError

        store.delete = fail
        with pytest.raises(TokenStoreError, match="deleted"):
            await client.revoke_token()
        assert sent(simulator, "revoke") == 1


class TestPlaces:
    """Whose token it is."""

    async def test_servers_without_a_definition_are_told_apart(self, session, store):
        for number, origin in enumerate(("https://a.example", "https://b.example")):
            client = AsyncOAuth1Client(session, "app", allowed_origins=[f"{origin}/x"], account="ada", store=store)
            assert await client.load_token() is None
            client.token = {"oauth_token": f"t{number}", "oauth_token_secret": "s"}
            await client.keep_token("ada")
        assert {key.server async for key in store.token_keys()} == {"https://a.example", "https://b.example"}

    async def test_a_server_that_nobody_knows_has_none(self, session, store):
        with pytest.raises(UsageError) as refused:
            AsyncOAuth1Client(session, "app", account="ada", store=store)
        assert refused.value.code == "no-server"

    async def test_an_account_has_a_name(self, make_client, session):
        """All who come without a cookie would share one token."""
        for make in (lambda: make_client(""), lambda: AsyncOAuth1Client(session, "app", account="")):
            with pytest.raises(UsageError, match="`account` is empty"):
                make()

    @pytest.mark.parametrize("account", [7, "a\0b", "\ud800", b"ada"])
    async def test_an_account_is_text_that_can_be_stored(self, make_client, account):
        with pytest.raises(UsageError) as refused:
            make_client(account)
        assert refused.value.code == "invalid-token-key"
