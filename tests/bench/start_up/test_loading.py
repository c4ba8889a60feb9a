"""Definitions read, and clients made of them."""

import gc
import os
import time
import tracemalloc
from pathlib import Path

import aiohttp
import pytest

from oauthreg.definition import Definition, Loader, SettledDefinition
from oauthreg.http import AsyncOAuth1Client, AsyncOAuth2Client
from oauthreg.registry import Registry

pytestmark = pytest.mark.benchmark(timer=time.thread_time)

OFF = {"OAUTHREG_CACHE": "off"}
SECRETS = {"client_id": "id", "client_secret": "secret"}
CLIENTS = {"flickr": AsyncOAuth1Client, "github": AsyncOAuth2Client}


@pytest.fixture(name="session")
async def fixture_session():
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.mark.parametrize("name", ["github", "flickr"])
def test_one_definition(measure, many, names, name):
    copy = next(one for one in names if one.startswith(f"{name}-"))
    loader = Loader([many], environ=OFF)
    assert isinstance(loader.load(copy), Definition)
    measure(f"one definition, read and validated: {name}", 0.7e-3, lambda: loader.load(copy))


def test_all_definitions_from_their_files(measure, many, names):
    def load_all():
        loader = Loader([many], environ=OFF)
        return [loader.load(name) for name in names]

    assert [definition.name for definition in load_all()] == names
    measure("all 300, read and validated", 90e-3, load_all, rounds=3)


def test_all_definitions_from_the_cache(measure, many, names, kept):
    def settle_all():
        loader = Loader([many], environ=kept)
        known = set(loader.names())
        return [loader.settle(name) for name in names if name in known]

    assert [(type(one).__mro__[1], one.name) for one in settle_all()] == [(SettledDefinition, name) for name in names]
    measure("all 300 from the cache", 5e-3, settle_all, rounds=20)


def test_all_titles_from_the_cache(measure, many, names, kept):
    def titles():
        loader = Loader([many], environ=kept)
        known = set(loader.names())
        return [loader.settle(name).title for name in names if name in known]

    assert len(titles()) == len(names)
    measure("all 300 from the cache, each looked into", None, titles, rounds=20)


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("is_kept", [True, False], ids=["cache", "no cache"])
async def test_the_first_client_of_a_registry(measure, many, names, kept, session, name, is_kept):
    copy = next(one for one in names if one.startswith(f"{name}-"))
    environ = kept if is_kept else OFF

    def first():
        return Registry(paths=[many], credentials={copy: SECRETS}, environ=environ).client(copy, session)

    assert type(first()) is CLIENTS[name]
    row = f"first client out of 300, {'cache' if is_kept else 'no cache'}: {name}"
    measure(row, 0.7e-3 if is_kept else None, first)


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("place", ["credentials", "environment"])
async def test_a_further_client(measure, session, monkeypatch, name, place):
    for key, value in SECRETS.items():
        monkeypatch.setenv(f"OAUTHREG_{name.upper()}_{key.upper()}", value)
    registry = Registry(credentials={name: SECRETS} if place == "credentials" else None)
    first, second = registry.client(name, session), registry.client(name, session)
    assert (type(second), second.client_id) == (CLIENTS[name], "id")
    assert (second is first, second.provider is first.provider) == (False, True)
    row = f"a further client, secrets from {place}: {name}"
    measure(row, 5e-6, lambda: registry.client(name, session), iterations=500)


# --- memory: not timed ----------------------------------------------------------------------------------------------


def test_a_definition_takes_little_memory(many, names, kept):
    def octets(make):
        make()
        gc.collect()
        tracemalloc.start()
        made = make()
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0] / len(made)
        tracemalloc.stop()
        return taken

    loader = Loader([many], environ=kept)
    assert octets(lambda: [loader.settle(name) for name in names]) < 4 * 1024
    assert octets(lambda: [(one, one.title) for one in map(loader.settle, names)]) < 8 * 1024
    from_files = Loader([many], environ=OFF)
    assert octets(lambda: [from_files.load(name) for name in names]) < 8 * 1024


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no such place to read it")
@pytest.mark.parametrize("name", CLIENTS)
async def test_clients_that_come_and_go_leave_nothing(session, name):
    registry = Registry(credentials={name: SECRETS})
    token = {"github": {"access_token": "t"}, "flickr": {"oauth_token": "t", "oauth_token_secret": "s"}}[name]

    def make(count):
        for _ in range(count):
            registry.client(name, session, token=token)
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = make(5_000)
    assert make(10_000) - before < 1024 * 1024
