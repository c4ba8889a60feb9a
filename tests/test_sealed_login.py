"""Pending logins in cookies."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

import oauthreg
from oauthreg.errors import InvalidKeyError, MismatchingStateError, UsageError
from oauthreg.login import PendingLogin
from oauthreg.sealed_login import open_login, seal_login
from oauthreg.sealing import SealingKeys, new_sealing_key
from oauthreg.simulator import Simulator

PAGE = Path(__file__).parents[1].joinpath("docs/web-login.md").read_text("utf-8")
NOW = 1_700_000_000
KEY, OTHER_KEY = new_sealing_key(), new_sealing_key()
PENDING = PendingLogin(
    "acme", "oauth2", "https://as.example/authorize?state=SECRET", "https://app.example/cb", {"state": "SECRET"}, NOW
)


def opened(sealed, *keys, now=NOW, **options):
    return open_login(sealed, *(keys or [KEY]), now=lambda: now, **options)


def code_of(sealed, *keys, **options):
    with pytest.raises(MismatchingStateError) as refused:
        opened(sealed, *keys, **options)
    assert refused.value.hint
    assert "SECRET" not in f"{refused.value!r}{refused.value.__cause__!r}"
    return refused.value.code


def test_it_comes_back_without_the_query_of_its_url():
    sealed = seal_login(PENDING, KEY)
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", sealed)
    assert "SECRET" not in sealed
    back = opened(sealed)
    assert back.url == "https://as.example/authorize"
    assert (back.provider, back.redirect_uri, dict(back.values), back.created) == (
        "acme", "https://app.example/cb", {"state": "SECRET"}, NOW,
    )  # fmt: skip


def test_it_is_never_sealed_alike():
    assert seal_login(PENDING, KEY) != seal_login(PENDING, KEY)


@pytest.mark.parametrize("sealed", [None, ""])
def test_a_browser_that_began_none(sealed):
    assert code_of(sealed) == "login-missing"


@pytest.mark.parametrize("sealed", ["x", "a.b.c.d.e", "é", "\ud800", PENDING.to_json(), "x" * 100_000])
def test_what_was_not_sealed_here(sealed):
    assert code_of(sealed) == "login-unknown"


@pytest.mark.parametrize("content", [{}, {"login": None}, {"login": "{}"}, {"key": ["acme"], "token": {"a": "b"}}])
def test_what_was_sealed_for_something_else(content):
    assert code_of(SealingKeys(KEY).seal(content)) == "login-unknown"


def test_a_changed_one():
    sealed = seal_login(PENDING, KEY)
    for place in range(0, len(sealed), 40):
        changed = sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :]
        assert code_of(changed) == "login-unknown"


def test_keys_change():
    sealed = seal_login(PENDING, OTHER_KEY)
    assert code_of(sealed) == "login-unknown"
    assert opened(sealed, KEY, OTHER_KEY).provider == "acme"


@pytest.mark.parametrize(("age", "is_good"), [(0, True), (600, True), (601, False), (-600, True), (-601, False)])
def test_it_is_good_for_ten_minutes(age, is_good):
    sealed = seal_login(PENDING, KEY)
    if is_good:
        assert opened(sealed, now=NOW + age)
    else:
        assert code_of(sealed, now=NOW + age) == "login-expired"
    assert opened(sealed, now=NOW + age, max_age=3600)


def test_one_that_no_browser_would_keep_is_refused():
    long = PendingLogin("acme", "oauth2", "https://as.example/", None, {"state": "x" * 4000}, NOW)
    with pytest.raises(UsageError) as refused:
        seal_login(long, KEY)
    assert refused.value.code == "login-too-long"


@pytest.mark.parametrize("work", [lambda key: seal_login(PENDING, key), lambda key: open_login("x", key)])
def test_a_key_of_another_form_is_refused(work):
    with pytest.raises(InvalidKeyError):
        work("short")


@pytest.fixture(params=["twitter", "github", "openid-connect"])
async def example(request, monkeypatch, tmp_path):
    """The application of the page, and the provider that it logs in with."""
    monkeypatch.chdir(tmp_path)
    async with Simulator(request.param) as simulator:
        monkeypatch.setattr(oauthreg, "Registry", simulator.registry)
        names = {"__name__": "application"}
        exec("\n\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)), names)
        async with TestClient(TestServer(names["make_app"]()), cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
            yield simulator, browser, names


async def begin(simulator, browser):
    response = await browser.get(f"/login/{simulator.definition.name}", allow_redirects=False)
    cookie = response.cookies["login"]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (True, True, "Lax")
    return response.headers["Location"], {"Cookie": f"login={cookie.value}"}


def path_of(url):
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


async def test_the_application_of_the_page(example):
    simulator, browser, names = example
    url, cookie = await begin(simulator, browser)
    callback = path_of(await simulator.approve(url))
    response = await browser.get(callback, headers=cookie)
    assert (response.status, (await response.text())[:9]) == (200, "Welcome, ")
    assert response.cookies["login"].value == ""
    store = names["oauthreg"].SQLiteStore("tokens.db")
    assert [key.provider async for key in store.token_keys()] == [simulator.definition.name]


async def test_another_browser_cannot_finish_it(example):
    simulator, browser, _ = example
    url, _ = await begin(simulator, browser)
    _, other = await begin(simulator, browser)
    callback = path_of(await simulator.approve(url))
    for headers in ({}, other, {"Cookie": "login=x"}):
        response = await browser.get(callback, headers=headers)
        assert response.status == 400
        assert "Please log in again." in await response.text()


async def test_somebody_refuses(example):
    simulator, browser, _ = example
    url, cookie = await begin(simulator, browser)
    response = await browser.get(path_of(await simulator.deny(url)), headers=cookie)
    assert response.status == 403
