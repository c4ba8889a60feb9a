"""A process that makes requests with a stored token, as one of many; its task and its answers are JSON."""

import asyncio
import contextlib
import json
import os
import signal
import sys

import aiohttp

from oauthreg import AsyncOAuth2Client, OAuthRegError, PostgreSQLStore, RedisStore, SealedStore, SQLiteStore
from oauthreg.http import token_life
from oauthreg.http.renewals import RENEWING


@contextlib.asynccontextmanager
async def open_store(kind, place):
    """The store of a kind: ``place`` is a file, or the folder of a server's socket."""
    if kind in {"sqlite", "sealed"}:
        store = SQLiteStore(place)
        yield store if kind == "sqlite" else SealedStore(store, "A" * 43)
    elif kind == "postgresql":
        import asyncpg

        async with asyncpg.create_pool(host=place, user="postgres", database="postgres", min_size=1) as pool:
            yield PostgreSQLStore(pool)
    else:
        from redis.asyncio import Redis

        async with Redis(unix_socket_path=f"{place}/redis.sock") as client:
            yield RedisStore(client)


def make_client(session, store, task, **options):
    """The client that all processes have in common."""
    return AsyncOAuth2Client(
        session,
        **task["client"],
        refresh_token_url=task["token_url"],
        account="ada",
        store=store,
        allowed_origins=[task["api_url"]],
        **options,
    )


def _die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


async def ask(client, url):
    """The status of an answer, or the code of what was raised."""
    try:
        async with client.get(url) as response:
            return response.status
    except OAuthRegError as error:
        return error.code


async def run(task):
    """What each of the requests came to."""
    async with (
        open_store(task["kind"], task["place"]) as store,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        if task.get("dies") == "before saving":
            save = store.save

            async def announce_and_die(key, token, *, seen_version):
                return await (save if RENEWING in token else _die)(key, token, seen_version=seen_version)

            store.save = announce_and_die
        token_life.RIVAL_PATIENCE = 1
        client = make_client(session, store, task)
        if task.get("dies") == "before asking":
            client._renew = _die
        return await asyncio.gather(*(ask(client, task["api_url"]) for _ in range(task["requests"])))


if __name__ == "__main__":
    json.dump(asyncio.run(run(json.load(sys.stdin))), sys.stdout)
