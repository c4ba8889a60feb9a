"""Sealed tokens: what the store around has is of no use without the key."""

import json
import sqlite3

import pytest
from joserfc import jwe
from joserfc.jwk import OctKey

from oauthreg.errors import InvalidKeyError, TokenStoreError, UsageError
from oauthreg.sealing import SealingKeys, new_sealing_key
from oauthreg.stores import MemoryStore, SealedStore, SQLiteStore, TokenKey
from oauthreg.stores.token_store import key_parts

from .contract import KEY, TOKEN, TokenStoreContract

SEALING_KEY = "sMUFPyuCLDgGmPkX0GLwX-Zn9A__1vJ5ooOMMTwRT1A"
FORMER_KEY = "8mUGPyuCLDgGmPkX0GLwX-Zn9A__1vJ5ooOMMTwRT1A"
BOB = TokenKey("acme", "bob", "client")


class TestSealedStore(TokenStoreContract):
    @pytest.fixture(params=["memory", "sqlite"])
    def store(self, request, tmp_path, no_pause):
        inner = MemoryStore() if request.param == "memory" else SQLiteStore(tmp_path / "tokens.db", sleep=no_pause)
        return SealedStore(inner, SEALING_KEY)


@pytest.fixture
def inner():
    return MemoryStore()


async def code_of(store, key=KEY):
    with pytest.raises(TokenStoreError) as refused:
        await store.load(key)
    text = f"{refused.value}{refused.value!r}{refused.value.__cause__!r}"
    assert not any(secret in text for secret in ("A1", "R1", SEALING_KEY, FORMER_KEY))
    return refused.value.code


async def test_what_is_on_the_disk_tells_nothing(tmp_path):
    path = tmp_path / "tokens.db"
    store = SealedStore(SQLiteStore(path), SEALING_KEY)
    planted = {"access_token": "PLANTED-ACCESS", "refresh_token": "PLANTED-REFRESH"}
    version = await store.save(KEY, planted, seen_version=None)
    await store.save(KEY, planted, seen_version=version)
    written = b"".join(place.read_bytes() for place in tmp_path.iterdir())
    assert b"PLANTED" not in written
    assert b"access_token" not in written
    assert b"oauthreg_tokens" in written
    assert repr(store) == f"<SealedStore around <SQLiteStore {str(path)!r}>>"


async def test_the_same_token_is_never_sealed_alike(inner):
    store = SealedStore(inner, SEALING_KEY)
    version = await store.save(KEY, TOKEN, seen_version=None)
    before = (await inner.load(KEY))[0]
    await store.save(KEY, TOKEN, seen_version=version)
    assert (await inner.load(KEY))[0] != before


async def test_a_sealed_token_is_a_jwe_of_the_standard(inner):
    await SealedStore(inner, SEALING_KEY).save(KEY, TOKEN, seen_version=None)
    stored = (await inner.load(KEY))[0]
    assert stored.keys() == {"sealed"}
    key = OctKey.import_key({"kty": "oct", "k": SEALING_KEY})
    opened = jwe.decrypt_compact(stored["sealed"], key, algorithms=["dir", "A256GCM"])
    assert opened.headers().keys() == {"alg", "enc", "kid"}
    assert json.loads(opened.plaintext)["token"] == TOKEN


def test_a_key_is_made_anew_each_time():
    keys = {new_sealing_key() for _ in range(10)}
    assert len(keys) == 10
    assert all(SealedStore(MemoryStore(), key) for key in keys)


@pytest.mark.parametrize(
    "key", ["", "short", SEALING_KEY[:-4], SEALING_KEY + "AAAA", "!" * 43, "é" * 43, None, 7, b"k"]
)
def test_a_key_of_another_form_is_refused_unquoted(inner, key):
    for keys in ((key,), (SEALING_KEY, key)):
        with pytest.raises(InvalidKeyError) as refused:
            SealedStore(inner, *keys)
        assert not key or str(key) not in str(refused.value)


async def test_a_token_opens_at_its_own_place_alone(inner):
    """Whoever can write to the store gives himself the token of another account."""
    store = SealedStore(inner, SEALING_KEY)
    await store.save(KEY, TOKEN, seen_version=None)
    await inner.save(BOB, (await inner.load(KEY))[0], seen_version=None)
    assert await code_of(store, BOB) == "broken-seal"


@pytest.mark.parametrize("content", [{}, {"key": 7}, {"key": ["acme"]}, {"key": key_parts(KEY), "token": "x"}])
async def test_what_the_same_key_sealed_for_something_else_is_refused(inner, content):
    """As it seals logins under way, in cookies that a browser has."""
    store, other = SealedStore(inner, SEALING_KEY), TokenKey("acme", "eve")
    await inner.save(KEY, {"sealed": SealingKeys(SEALING_KEY).seal(content)}, seen_version=None)
    assert await code_of(store) == "broken-seal"
    await inner.save(other, TOKEN, seen_version=None)
    resealing = SealedStore(inner, FORMER_KEY, SEALING_KEY, accept_unsealed_tokens=True)
    resealed = []

    async def reseal():
        async for key in resealing.reseal():
            resealed.append(key)  # noqa: PERF401 - the last step raises

    with pytest.raises(TokenStoreError):
        await reseal()
    assert resealed == [other]


@pytest.mark.parametrize("part", range(5))
async def test_a_changed_token_is_refused(inner, part):
    store = SealedStore(inner, SEALING_KEY)
    version = await store.save(KEY, TOKEN, seen_version=None)
    pieces = (await inner.load(KEY))[0]["sealed"].split(".")
    changed = pieces[part]
    pieces[part] = "B" + changed[1:] if changed[:1] != "B" else "C" + changed[1:]
    await inner.save(KEY, {"sealed": ".".join(pieces)}, seen_version=version)
    assert await code_of(store) in {"broken-seal", "unknown-sealing-key"}


@pytest.mark.parametrize("sealed", ["", ".", "a.b.c.d.e", "e30....", "not a token", "\ud800", "x" * 100_000])
async def test_what_is_no_jwe_is_refused(inner, sealed):
    store = SealedStore(inner, SEALING_KEY)
    await inner.save(KEY, {"sealed": sealed}, seen_version=None)
    assert await code_of(store) in {"broken-seal", "unknown-sealing-key"}
    with pytest.raises(TokenStoreError):
        _ = [key async for key in store.reseal()]


async def test_another_algorithm_is_refused(inner):
    """A JWE that anybody can make who knows the name of the key, such as one without a secret."""
    store = SealedStore(inner, SEALING_KEY)
    version = await store.save(KEY, TOKEN, seen_version=None)
    kid = jwe.decrypt_compact(
        (await inner.load(KEY))[0]["sealed"], OctKey.import_key({"kty": "oct", "k": SEALING_KEY})
    ).headers()["kid"]
    for header in ({"alg": "A256KW", "enc": "A256GCM"}, {"alg": "dir", "enc": "A128CBC-HS256"}):
        content = json.dumps({"key": ["acme", "ada", "client", "", "", "", ""], "token": {"access_token": "X"}})
        made = jwe.encrypt_compact(
            {**header, "kid": kid}, content, OctKey.import_key({"kty": "oct", "k": SEALING_KEY}), [*header.values()]
        )
        version = await inner.save(KEY, {"sealed": made}, seen_version=version)
        assert await code_of(store) == "broken-seal"


async def test_a_token_that_nobody_sealed_is_refused(inner):
    await inner.save(KEY, TOKEN, seen_version=None)
    assert await code_of(SealedStore(inner, SEALING_KEY)) == "unsealed-token"
    store = SealedStore(inner, SEALING_KEY, accept_unsealed_tokens=True)
    assert (await store.load(KEY))[0] == TOKEN


async def test_former_keys_open_and_the_current_one_seals(inner):
    version = await SealedStore(inner, FORMER_KEY).save(KEY, TOKEN, seen_version=None)
    assert await code_of(SealedStore(inner, SEALING_KEY)) == "unknown-sealing-key"
    store = SealedStore(inner, SEALING_KEY, FORMER_KEY)
    assert await store.load(KEY) == (TOKEN, version)
    await store.save(KEY, TOKEN, seen_version=version)
    assert await code_of(SealedStore(inner, FORMER_KEY)) == "unknown-sealing-key"
    assert (await SealedStore(inner, SEALING_KEY).load(KEY))[0] == TOKEN


async def test_all_tokens_are_sealed_anew(inner):
    await inner.save(TokenKey("acme", "unsealed"), TOKEN, seen_version=None)
    await SealedStore(inner, FORMER_KEY).save(KEY, TOKEN, seen_version=None)
    current = SealedStore(inner, SEALING_KEY)
    before = await current.save(BOB, TOKEN, seen_version=None)
    store = SealedStore(inner, SEALING_KEY, FORMER_KEY, accept_unsealed_tokens=True)
    assert {key.account async for key in store.reseal()} == {"ada", "unsealed"}
    assert [key async for key in store.reseal()] == []
    assert (await current.load(BOB))[1] == before
    for key in (KEY, BOB, TokenKey("acme", "unsealed")):
        assert (await current.load(key))[0] == TOKEN


async def test_a_token_that_comes_while_all_are_sealed_anew_is_kept(inner):
    """Between the look and the writing somebody else renews it, somebody else deletes one."""
    former = SealedStore(inner, FORMER_KEY)
    version = await former.save(KEY, TOKEN, seen_version=None)
    await former.save(BOB, TOKEN, seen_version=None)
    store = SealedStore(inner, SEALING_KEY, FORMER_KEY)
    newer = {**TOKEN, "access_token": "A2"}
    load = inner.load

    async def load_and_be_late(key):
        found = await load(key)
        if key == BOB:
            await inner.delete(BOB)
        elif found[1] == version:
            await store.save(key, newer, seen_version=version)
        return found

    inner.load = load_and_be_late
    assert [key async for key in store.reseal()] == []
    inner.load = load
    assert (await store.load(KEY))[0] == newer
    assert await store.load(BOB) is None


async def test_tokens_that_do_not_open_are_named_at_the_end(inner):
    former = SealedStore(inner, FORMER_KEY)
    for number in range(12):
        await former.save(TokenKey("acme", f"user{number}"), TOKEN, seen_version=None)
    await SealedStore(inner, new_sealing_key()).save(KEY, TOKEN, seen_version=None)
    (spoiled, version) = await inner.load(TokenKey("acme", "user3"))
    await inner.save(TokenKey("acme", "user3"), {"sealed": spoiled["sealed"][:-4] + "AAAA"}, seen_version=version)
    gone_through = []

    async def go_through():
        async for key in SealedStore(inner, SEALING_KEY, FORMER_KEY).reseal():
            gone_through.append(key.account)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(TokenStoreError) as told:
        await go_through()
    assert len(gone_through) == 11
    assert "'user3' at acme (broken-seal)" in str(told.value)
    assert "'ada' at acme (unknown-sealing-key)" in str(told.value)


async def test_a_store_that_lists_nothing_can_be_sealed_all_the_same(inner):
    class Minimal:
        load, save, delete, lease = inner.load, inner.save, inner.delete, inner.lease

    store = SealedStore(Minimal(), SEALING_KEY)
    await store.save(KEY, TOKEN, seen_version=None)
    assert (await store.load(KEY))[0] == TOKEN
    assert store.is_local is False
    with pytest.raises(UsageError) as refused:
        store.token_keys()
    assert refused.value.code == "no-listing"


async def test_an_error_of_the_store_ends_it(inner):
    await SealedStore(inner, FORMER_KEY).save(KEY, TOKEN, seen_version=None)

    async def fail(*_, **__):
        raise sqlite3.OperationalError("disk I/O error")

    inner.save = fail
    with pytest.raises(sqlite3.OperationalError):
        _ = [key async for key in SealedStore(inner, SEALING_KEY, FORMER_KEY).reseal()]
