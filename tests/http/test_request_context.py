import asyncio

import pytest

from oauthreg.http.request_context import RequestContext


class Response:
    """Counts how it is entered and left."""

    def __init__(self):
        self.calls = []

    async def __aenter__(self):
        self.calls.append("enter")
        return self

    async def __aexit__(self, kind, error, traceback):
        self.calls.append(("exit", kind))


@pytest.fixture
def response():
    return Response()


@pytest.fixture
def context(response):
    async def request():
        await asyncio.sleep(0)
        return response

    return RequestContext(request())


async def test_awaited_it_is_the_response(context, response):
    assert await context is response
    assert response.calls == []


async def test_entered_it_is_the_response_and_leaves_it(context, response):
    async with context as entered:
        assert entered is response
    assert response.calls == ["enter", ("exit", None)]


async def test_an_error_inside_leaves_the_response(context, response):
    with pytest.raises(KeyError):
        async with context:
            raise KeyError
    assert response.calls == ["enter", ("exit", KeyError)]


async def test_it_is_a_coroutine_for_tasks_and_groups(context, response):
    assert asyncio.iscoroutine(context)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(context)
    assert task.result() is response


async def test_gather_takes_it(context, response):
    assert await asyncio.gather(context) == [response]


async def test_it_is_used_once(context):
    await context
    with pytest.raises(RuntimeError, match="already awaited"):
        await context
    with pytest.raises(RuntimeError, match="already awaited"):
        async with context:
            raise AssertionError


async def test_an_unused_one_can_be_closed(context):
    context.close()
    with pytest.raises(RuntimeError):
        await context


async def test_a_cancelled_request_is_cancelled(response):
    started = asyncio.Event()

    async def request():
        started.set()
        await asyncio.Event().wait()
        return response

    task = asyncio.create_task(RequestContext(request()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert response.calls == []
