"""The store in a file of SQLite."""

import asyncio
import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from oauthreg.errors import TokenStoreError, UsageError
from oauthreg.stores import SQLiteStore

from .contract import KEY, TOKEN, TokenStoreContract


class TestSQLiteStore(TokenStoreContract):
    @pytest.fixture
    def store(self, tmp_path, no_pause):
        return SQLiteStore(tmp_path / "tokens.db", sleep=no_pause)

    @pytest.fixture
    def twin(self, tmp_path, no_pause):
        return SQLiteStore(tmp_path / "tokens.db", sleep=no_pause)


@pytest.mark.parametrize("path", ["", ":memory:", "file:tokens.db?mode=memory", None, 7, b""])
def test_a_path_that_names_no_file_is_refused(path):
    with pytest.raises(UsageError) as refused:
        SQLiteStore(path)
    assert refused.value.code == "no-file"


@pytest.mark.parametrize("kind", [str, Path, os.fsencode])
async def test_a_path_may_be_of_any_kind(tmp_path, kind):
    await SQLiteStore(kind(tmp_path / "tokens.db")).save(KEY, TOKEN, seen_version=None)
    assert (tmp_path / "tokens.db").exists()


async def test_nothing_is_made_before_it_is_needed(tmp_path):
    store = SQLiteStore(tmp_path / "deep" / "folder" / "tokens.db")
    assert not (tmp_path / "deep").exists()
    assert await store.load(KEY) is None
    assert repr(store) == f"<SQLiteStore {str(tmp_path / 'deep' / 'folder' / 'tokens.db')!r}>"


async def test_only_its_owner_may_read_it(tmp_path):
    path = tmp_path / "folder" / "tokens.db"
    await SQLiteStore(path).save(KEY, TOKEN, seen_version=None)
    assert [stat.S_IMODE(place.stat().st_mode) for place in (path.parent, path)] == [0o700, 0o600]


async def test_the_rights_of_a_file_that_is_there_stay(tmp_path):
    path = tmp_path / "tokens.db"
    path.touch(mode=0o640)
    path.chmod(0o640)
    await SQLiteStore(path).save(KEY, TOKEN, seen_version=None)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def open_files():
    return {link.resolve() for link in Path("/proc/self/fd").iterdir()}


async def test_nothing_stays_open(tmp_path):
    """Not even while a lease is held: a fork, a thread or the end of a process finds nothing to spoil."""
    async with SQLiteStore(tmp_path / "tokens.db").lease(KEY, 60):
        assert not {place for place in open_files() if place.is_relative_to(tmp_path)}


async def test_an_application_may_keep_its_own_tables_in_the_file(tmp_path):
    path = tmp_path / "app.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE users (name TEXT)")
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    await SQLiteStore(path).save(KEY, TOKEN, seen_version=None)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (7,)
        rows = connection.execute("SELECT provider, account FROM oauthreg_tokens").fetchall()
    connection.close()
    assert rows == [("acme", "ada")]


async def test_a_file_that_goes_away_is_made_anew(tmp_path):
    path = tmp_path / "tokens.db"
    store = SQLiteStore(path)
    await store.save(KEY, TOKEN, seen_version=None)
    path.unlink()
    assert await store.load(KEY) is None
    await store.save(KEY, TOKEN, seen_version=None)


async def test_what_is_no_database_stays_as_it_is(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, " * 100)
    with pytest.raises(sqlite3.DatabaseError):
        await SQLiteStore(path).save(KEY, TOKEN, seen_version=None)
    assert path.read_text().startswith("not a database")


@pytest.mark.parametrize("text", ["", "null", "[]", "{", "7", '"text"'])
async def test_a_row_that_holds_no_token_is_told(tmp_path, text):
    path = tmp_path / "tokens.db"
    store = SQLiteStore(path)
    await store.save(KEY, TOKEN, seen_version=None)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE oauthreg_tokens SET token = ?", [text])
    connection.close()
    with pytest.raises(TokenStoreError) as told:
        await store.load(KEY)
    assert told.value.code == "unusable-token"


@pytest.mark.parametrize("value", [{1, 2}, object(), b"octets"])
async def test_what_json_cannot_hold_is_refused_unquoted(tmp_path, value):
    store = SQLiteStore(tmp_path / "tokens.db")
    with pytest.raises(TokenStoreError) as refused:
        await store.save(KEY, {"access_token": "PLANTED", "extra": value}, seen_version=None)
    assert refused.value.code == "unusable-token"
    assert "PLANTED" not in f"{refused.value!r}{refused.value.__cause__!r}"
    assert await store.load(KEY) is None


async def test_a_clock_that_was_put_back_keeps_no_lease_for_long(tmp_path, no_pause):
    now = [1_000_000.0]
    store = SQLiteStore(tmp_path / "tokens.db", now=lambda: now[0], sleep=no_pause)
    held = store.lease(KEY, 60)
    await held.__aenter__()
    now[0] -= 3600
    async with store.lease(KEY, 60):
        pass
    await held.__aexit__(None, None, None)


async def test_who_waits_looks_again_until_the_lease_is_over(tmp_path):
    now = [1_000_000.0]
    pauses = []

    async def sleep(seconds):
        pauses.append(seconds)
        now[0] += seconds
        await asyncio.sleep(0)

    store = SQLiteStore(tmp_path / "tokens.db", now=lambda: now[0], sleep=sleep)
    held = store.lease(KEY, 60)
    await held.__aenter__()
    async with store.lease(KEY, 60):
        assert 60 <= sum(pauses) <= 61
    assert pauses == sorted(pauses)
    assert 0 < pauses[0] < pauses[-1] <= 0.5
    await held.__aexit__(None, None, None)


async def test_a_look_that_was_cancelled_leaves_no_lease(tmp_path, monkeypatch, no_pause):
    """The statement may be under way in a thread, and takes the lease although nobody wants it any more."""
    store = SQLiteStore(tmp_path / "tokens.db", sleep=no_pause)
    begun, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    run = store._run

    def held_up(statement, values):
        if not go_on.is_set():
            loop.call_soon_threadsafe(begun.set)
            go_on.wait(10)
        return run(statement, values)

    monkeypatch.setattr(store, "_run", held_up)
    entering = asyncio.create_task(store.lease(KEY, 60).__aenter__())
    await begun.wait()
    entering.cancel()
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.wait([entering])
    assert entering.cancelled()
    async with SQLiteStore(tmp_path / "tokens.db", sleep=no_pause).lease(KEY, 60):
        pass


async def test_an_answer_that_was_lost_may_be_asked_for_again(tmp_path):
    """Whoever holds a lease is told so again."""
    lease = SQLiteStore(tmp_path / "tokens.db").lease(KEY, 60)
    await lease.__aenter__()
    await lease.__aenter__()
    await lease.__aexit__(None, None, None)


def test_a_lease_that_is_left_with_its_loop_is_kept(tmp_path):
    """Somebody could not save what it renewed, and its job has ended; others wait for the end of the lease."""
    now, kept = [1_000_000.0], []

    async def wait(_):
        raise InterruptedError

    def lease():
        kept.append(SQLiteStore(tmp_path / "tokens.db", now=lambda: now[0], sleep=wait).lease(KEY, 60))
        return kept[-1].__aenter__()

    asyncio.run(lease())
    with pytest.raises(InterruptedError):
        asyncio.run(lease())
    now[0] += 60
    asyncio.run(lease())


async def test_a_lease_that_cannot_be_given_back_hides_no_error(tmp_path, monkeypatch, caplog):
    store = SQLiteStore(tmp_path / "tokens.db")

    def fail(*_):
        raise sqlite3.OperationalError("PLANTED")

    async def hold():
        async with store.lease(KEY, 60):
            monkeypatch.setattr(store, "_run", fail)
            raise KeyError

    with pytest.raises(KeyError):
        await hold()
    assert "could not be given back: OperationalError" in caplog.text
    assert "PLANTED" not in caplog.text


async def test_a_file_that_others_write_to_is_waited_for_by_no_thread(tmp_path):
    """The application needs its threads for other things, such as names of hosts."""
    path, pauses = tmp_path / "tokens.db", []
    await SQLiteStore(path).save(KEY, TOKEN, seen_version=None)
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")

    async def sleep(seconds):
        pauses.append(seconds)
        writer.rollback()

    assert (await SQLiteStore(path, sleep=sleep).load(KEY))[0] == TOKEN
    writer.close()
    assert pauses == [0.2]


async def test_a_file_that_is_never_free_is_told(tmp_path, monkeypatch, no_pause):
    path = tmp_path / "tokens.db"
    await SQLiteStore(path).save(KEY, TOKEN, seen_version=None)
    monkeypatch.setattr("oauthreg.stores.sqlite._STINT", 0.001)
    monkeypatch.setattr("oauthreg.stores.sqlite._PATIENCE", 0.01)
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        await SQLiteStore(path, sleep=no_pause).load(KEY)
    writer.close()


async def test_a_relative_path_stays_where_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = SQLiteStore("tokens.db")
    await store.save(KEY, TOKEN, seen_version=None)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert (await store.load(KEY))[0] == TOKEN


async def test_a_lease_that_cannot_be_taken_tells_why(tmp_path, monkeypatch):
    store = SQLiteStore(tmp_path / "tokens.db")

    def fail(*_):
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(store, "_run", fail)
    with pytest.raises(sqlite3.OperationalError, match="disk"):
        await store.lease(KEY, 60).__aenter__()


def test_threads_with_loops_of_their_own_share_it(tmp_path):
    store = SQLiteStore(tmp_path / "tokens.db")
    inside, seen = [], []

    async def hold():
        for _ in range(5):
            async with store.lease(KEY, 60.0):
                inside.append(1)
                seen.append(len(inside))
                await asyncio.sleep(0)
                inside.pop()

    threads = [threading.Thread(target=lambda: asyncio.run(hold())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1] * 20


async def test_many_tokens_are_listed_page_by_page(tmp_path):
    store = SQLiteStore(tmp_path / "tokens.db")
    await store.load(KEY)
    with sqlite3.connect(tmp_path / "tokens.db") as connection:
        connection.executemany(
            "INSERT INTO oauthreg_tokens VALUES (?, 'acme', ?, '', '', '', '', '', '{}', 1)",
            [(f"{number:064}", str(number)) for number in range(1234)],
        )
    connection.close()
    assert sorted([int(key.account) async for key in store.token_keys()]) == [*range(1234)]
