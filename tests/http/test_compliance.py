"""Compliance hooks, sync and async, on what is sent and on what is answered."""

import asyncio
import json
from types import MappingProxyType

import pytest

from oauthreg.errors import UnsupportedMethodError, UsageError
from oauthreg.http.compliance import HOOK_TYPES, ComplianceHooks
from oauthreg.messages import Request, Response

FORM = Request("POST", "https://as.example/token", (("Accept", "application/json"),), form=(("a", "x y"),))
ANSWER = Response(200, {"content-type": "text/plain"}, b'{"token": "A1"}', "https://as.example/token")


@pytest.fixture
def hooks():
    return ComplianceHooks()


def as_async(function):
    async def slow(*arguments):
        await asyncio.sleep(0)
        return function(*arguments)

    return slow


@pytest.mark.parametrize("kind", HOOK_TYPES)
def test_every_type_can_be_registered(kind, hooks):
    hooks.register(kind, print)


def test_an_unknown_type_is_refused_with_the_known_ones(hooks):
    with pytest.raises(UnsupportedMethodError) as caught:
        hooks.register("access_token", print)
    assert caught.value.code == "unknown-hook-type"
    assert "access_token_response" in str(caught.value)


async def test_without_hooks_nothing_changes(hooks):
    assert await hooks.change_request("access_token_request", FORM) is FORM
    assert await hooks.change_response("access_token_response", ANSWER) is ANSWER
    assert await hooks.change_call("url", None, None) == ("url", None, None)


@pytest.mark.parametrize("wrap", [lambda hook: hook, as_async], ids=["sync", "async"])
async def test_a_request_is_given_as_a_form(wrap, hooks):
    seen = []

    def hook(url, headers, body):
        seen.append((url, dict(headers), body))
        return url + "?b=2", {**headers, "X-Own": "1"}, body + "&b=2"

    hooks.register("access_token_request", wrap(hook))
    changed = await hooks.change_request("access_token_request", FORM)
    form = "application/x-www-form-urlencoded"
    assert seen == [(FORM.url, {"Accept": "application/json", "Content-Type": form}, "a=x%20y")]
    assert (changed.method, changed.url, changed.form) == ("POST", f"{FORM.url}?b=2", None)
    assert changed.headers == (("Accept", "application/json"), ("Content-Type", form), ("X-Own", "1"))
    assert changed.body == b"a=x%20y&b=2"


async def test_a_body_that_is_no_form_is_given_as_it_is(hooks):
    hooks.register("revoke_token_request", lambda url, headers, body: (url, headers, body + b"!"))
    request = Request("POST", "https://as.example/", body=b"{}")
    assert (await hooks.change_request("revoke_token_request", request)).body == b"{}!"


async def test_hooks_follow_each_other(hooks):
    hooks.register("protected_request", lambda url, headers, data: (url + "a", headers, data))
    hooks.register("protected_request", as_async(lambda url, headers, data: (url + "b", headers, data)))
    assert await hooks.change_call("/", {}, None) == ("/ab", {}, None)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, {}),
        ({"A": "1"}, {"A": "1"}),
        (MappingProxyType({"A": "1"}), {"A": "1"}),
        ([("A", "1"), ("B", "2"), ("A", "3")], {"A": "1, 3", "B": "2"}),
        (iter([("A", "1")]), {"A": "1"}),
    ],
    ids=["none", "dictionary", "view", "pairs", "iterator"],
)
async def test_the_headers_of_a_call_are_a_dictionary_of_the_hooks(given, expected, hooks):
    seen = []
    hooks.register("protected_request", lambda url, headers, data: seen.append(headers) or (url, headers, data))
    assert (await hooks.change_call("/", given, None))[1] == seen[0] == expected
    seen[0]["B"] = "4"
    assert given is None or not isinstance(given, dict) or "B" not in given


@pytest.mark.parametrize("given", [None, {}, [("A", "1")], {"A": 1}.items()])
async def test_a_hook_may_give_headers_as_callers_do(given, hooks):
    hooks.register("revoke_token_request", lambda url, _, body: (url, given, body))
    changed = await hooks.change_request("revoke_token_request", FORM)
    assert changed.headers == ((("A", "1"),) if given else ())


async def test_headers_that_are_none_are_told(hooks):
    hooks.register("revoke_token_request", lambda url, _, body: (url, 7, body))
    with pytest.raises(UsageError) as caught:
        await hooks.change_request("revoke_token_request", FORM)
    assert "headers" in str(caught.value)


@pytest.mark.parametrize("result", [None, "url", ("url", {})])
async def test_a_hook_that_forgets_its_result_is_told(result, hooks):
    hooks.register("introspect_token_request", lambda *_: result)
    with pytest.raises(UsageError) as caught:
        await hooks.change_request("introspect_token_request", FORM)
    assert caught.value.code == "invalid-hook-result"


@pytest.mark.parametrize(
    "changed",
    [
        None,
        {"token": "A2"},
        '{"token": "A2"}',
        b'{"token": "A2"}',
        Response(200, {}, b'{"token": "A2"}'),
    ],
    ids=["nothing", "document", "text", "bytes", "response"],
)
@pytest.mark.parametrize("wrap", [lambda hook: hook, as_async], ids=["sync", "async"])
async def test_an_answer_may_be_replaced(wrap, changed, hooks):
    hooks.register("refresh_token_response", wrap(lambda _: changed))
    answer = await hooks.change_response("refresh_token_response", ANSWER)
    assert json.loads(answer.body) == {"token": "A1" if changed is None else "A2"}
    assert (answer.status, answer.headers) == (200, ANSWER.headers)


async def test_an_answer_is_read_as_that_of_a_session(hooks):
    async def hook(response):
        assert response.status == 200
        assert response.headers["content-type"] == "text/plain"
        assert await response.json(content_type=None) == {"token": "A1"}
        assert await response.text() == (await response.read()).decode() == '{"token": "A1"}'
        return response

    hooks.register("access_token_response", hook)
    assert await hooks.change_response("access_token_response", ANSWER) == ANSWER
