"""The servers that stores need, started when a test first wants them and ended with the last one."""

import asyncio

import pytest

from .servers import MissingProgramError, serve_postgresql, serve_redis


@pytest.fixture(scope="session")
def redis_server():
    yield from _server(serve_redis)


@pytest.fixture(scope="session")
def postgresql_server():
    yield from _server(serve_postgresql)


def _server(serve):
    try:
        with serve() as server:
            yield server
    except MissingProgramError as error:
        pytest.skip(str(error))


@pytest.fixture
def no_pause():
    """A `sleep` that lets others go on and takes no time."""

    async def sleep(_):
        await asyncio.sleep(0)

    return sleep
