"""Answers that are the same for everybody."""

import asyncio

import pytest

from oauthreg.errors import MalformedResponseError
from oauthreg.http import shared_answers
from oauthreg.http.shared_answers import COOL_DOWN, LIFETIME, SharedAnswers
from oauthreg.messages import Request, Response, Shared
from oauthreg.records import replace

URL = "https://as.example/jwks"


def read(response):
    if response.body == b"bad":
        raise MalformedResponseError("no key set")


@pytest.fixture
def server():
    """Answers in turn, then with numbers; an exception is raised. ``asked`` are the URLs."""

    class Server:
        def __init__(self):
            self.asked, self.answers, self.gate = [], [], None

        async def send(self, request):
            self.asked.append(request.url)
            if self.gate is not None:
                await self.gate.wait()
            given = self.answers.pop(0) if self.answers else str(len(self.asked)).encode()
            if isinstance(given, Exception):
                raise given
            return Response(200, {}, given)

    return Server()


@pytest.fixture
def ask(server):
    shared = SharedAnswers()

    async def run(now=0.0, url=URL, *, source="any", owner="", send=None):
        answer = await shared.get(Request("GET", url), Shared(read, owner, source), send or server.send, now)
        return answer.body

    run.shared = shared
    return run


async def test_one_fetch_for_its_lifetime(ask, server):
    assert [await ask(now) for now in (0, 1, LIFETIME - 1, LIFETIME, LIFETIME + 5)] == [b"1"] * 3 + [b"2"] * 2


async def test_what_anybody_prompts_uses_up_nothing_of_what_logins_may_ask_for(ask):
    await ask()
    assert [await ask(now, source="prompted") for now in (1, 2)] == [b"2"] * 2
    assert [await ask(now, source="new") for now in (3, 4)] == [b"3"] * 2
    assert await ask(COOL_DOWN, source="prompted") == b"3"
    assert await ask(COOL_DOWN + 1, source="prompted") == b"4"


async def test_urls_are_told_apart(ask):
    assert [await ask(url=f"https://as.example/{name}") for name in "aba"] == [b"1", b"2", b"1"]


async def test_one_for_all_who_wait(ask, server):
    server.gate = asyncio.Event()
    waiting = [asyncio.create_task(ask()) for _ in range(50)]
    await asyncio.sleep(0)
    server.gate.set()
    assert await asyncio.gather(*waiting) == [b"1"] * 50


async def test_what_the_server_says_is_told_to_all_and_not_kept(ask, server):
    server.answers = [b"bad"]
    found = await asyncio.gather(*(ask() for _ in range(3)), return_exceptions=True)
    assert {type(error) for error in found} == {MalformedResponseError}
    assert server.asked == [URL]
    assert await ask() == b"2"


async def test_what_is_wrong_with_ones_own_session_is_nobody_elses_fault(ask, server):
    async def with_closed_session(_):
        await asyncio.sleep(0)
        raise RuntimeError("session is closed")

    first = asyncio.create_task(ask(send=with_closed_session))
    await asyncio.sleep(0)
    others = [asyncio.create_task(ask()) for _ in range(20)]
    assert await asyncio.gather(*others) == [b"1"] * 20
    with pytest.raises(RuntimeError):
        await first


async def test_a_server_that_is_away_is_asked_once_for_all(ask, server):
    server.answers = [OSError("away")] * 50
    found = await asyncio.gather(*(ask() for _ in range(20)), return_exceptions=True)
    assert {type(error) for error in found} == {OSError}
    assert server.asked == [URL]


async def test_who_goes_away_makes_no_traffic_for_the_next(ask, server):
    await ask()
    for moment in range(5):
        server.gate = asyncio.Event()
        waiting = asyncio.create_task(ask(moment, source="new"))
        for _ in range(3):
            await asyncio.sleep(0)
        waiting.cancel()
        server.gate.set()
        await ask.shared.aclose()
    assert len(server.asked) == 2


async def test_good_sessions_behind_bad_ones(ask, server):
    async def with_closed_session(_):
        await asyncio.sleep(0)
        raise RuntimeError("session is closed")

    bad = [asyncio.create_task(ask(send=with_closed_session)) for _ in range(5)]
    good = [asyncio.create_task(ask()) for _ in range(5)]
    found = await asyncio.gather(*bad, *good, return_exceptions=True)
    assert [type(one) for one in found[5:]] == [bytes] * 5


async def test_one_who_gives_a_fresh_one_up_stops_nobody(ask, server):
    await ask()
    server.gate = asyncio.Event()
    waiting = asyncio.create_task(ask(1, source="new"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    server.gate.set()
    assert await ask(2, source="new") == b"2"


async def test_what_is_forgotten_is_not_kept_when_it_comes(ask, server):
    server.gate = asyncio.Event()
    waiting = asyncio.create_task(ask())
    for _ in range(3):
        await asyncio.sleep(0)
    assert server.asked == [URL]
    ask.shared.clear()
    server.gate.set()
    assert await waiting == b"1"
    assert await ask() == b"2"


@pytest.mark.parametrize("failure", [OSError("away"), b"bad"], ids=["transport", "no good"])
async def test_an_old_answer_is_better_than_none_and_the_server_has_a_rest(ask, server, failure, caplog):
    await ask()
    server.answers = [failure]
    assert await ask(LIFETIME + 1) == b"1"
    assert await ask(LIFETIME + COOL_DOWN) == b"1"
    assert len(server.asked) == 2
    assert await ask(LIFETIME + 1 + COOL_DOWN) == b"3"
    assert "away" not in caplog.text


async def test_a_fresh_one_is_given_once_in_a_while(ask, server):
    assert await ask() == b"1"
    assert [await ask(now, source="new") for now in (1, 2, COOL_DOWN)] == [b"2"] * 3
    assert await ask(COOL_DOWN) == b"2"
    assert await ask(COOL_DOWN + 1, source="new") == b"3"
    assert await ask(LIFETIME + COOL_DOWN) == b"3"


async def test_a_fresh_one_that_failed_is_not_asked_for_at_once_and_soon_again(ask, server):
    await ask()
    server.answers = [OSError("away")]
    assert [await ask(now, source="new") for now in (1, 2)] == [b"1"] * 2
    assert len(server.asked) == 2
    assert await ask(7, source="new") == b"3"


async def test_all_who_want_a_fresh_one_at_once_get_it(ask, server):
    await ask()
    server.gate = asyncio.Event()
    waiting = [asyncio.create_task(ask(1, source="new")) for _ in range(5)]
    await asyncio.sleep(0)
    server.gate.set()
    assert await asyncio.gather(*waiting) == [b"2"] * 5


async def test_an_old_answer_is_used_where_the_new_one_does_not_come(ask, server, monkeypatch):
    monkeypatch.setattr(shared_answers, "_PATIENCE", 0.01)
    await ask()
    server.gate = asyncio.Event()
    assert await ask(LIFETIME + 1) == b"1"
    server.gate.set()
    await ask.shared.aclose()
    assert await ask(LIFETIME + 2) == b"2"  # it came all the same


async def test_only_what_is_at_hand(ask):
    with pytest.raises(LookupError):
        await ask(source="kept")
    await ask()
    assert await ask(LIFETIME * 2, source="kept") == b"1"
    ask.shared.clear()
    with pytest.raises(LookupError):
        await ask(source="kept")


async def test_whose_answer_it_is(ask):
    assert [await ask(owner=owner) for owner in ("a", "b", "a")] == [b"1", b"2", b"1"]
    assert await ask(source="new", owner="b") == b"3"
    assert await ask(1, source="new", owner="a") == b"4"  # what others ask for uses nothing up


async def test_a_fetch_that_nobody_waits_for_is_kept(ask, server):
    server.gate = asyncio.Event()
    waiting = asyncio.create_task(ask())
    await asyncio.sleep(0)
    waiting.cancel()
    server.gate.set()
    await ask.shared.aclose()
    assert await ask() == b"1"


async def test_who_gives_up_stops_nobody(ask, server):
    server.gate = asyncio.Event()
    first, second = (asyncio.create_task(ask()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    server.gate.set()
    assert await second == b"1"
    assert first.cancelled()


async def test_a_failure_that_nobody_hears_is_no_error_of_the_loop(ask, server):
    errors = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    server.gate, server.answers = asyncio.Event(), [OSError("away")]
    waiting = asyncio.create_task(ask())
    await asyncio.sleep(0)
    waiting.cancel()
    server.gate.set()
    await ask.shared.aclose()
    await asyncio.sleep(0)
    assert errors == []
    assert await ask() == b"2"


def test_loops_do_not_wait_for_each_other(ask, server):
    """One that was left in the middle of a fetch leaves the next one alone."""

    async def leave():
        server.gate = asyncio.Event()
        waiting = asyncio.create_task(ask())
        await asyncio.sleep(0)
        waiting.cancel()

    asyncio.run(leave())
    server.gate = None
    assert asyncio.run(ask()) == b"2"


async def test_not_any_number_is_kept(ask, server):
    for number in range(1030):
        await ask(url=f"https://as.example/{number}")
        assert await ask(url="https://as.example/0") == b"1"
    assert len(ask.shared._kept) == 1024
    assert await ask(url="https://as.example/1029") == b"1030"
    assert await ask(url="https://as.example/1") == b"1031"


def test_a_request_is_its_own_unless_it_says_otherwise():
    request = Request("GET", URL)
    assert request.shared is None
    assert "read" not in repr(replace(request, shared=Shared(read)))
