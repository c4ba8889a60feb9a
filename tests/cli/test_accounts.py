"""Logging in from the command line, and what can be done then: against a simulator that another thread runs."""

import asyncio
import base64
import io
import json
import os
import signal
import socket
import stat
import sys
import threading
import urllib.parse
import urllib.request
import webbrowser
from contextlib import contextmanager, nullcontext, suppress

import aiohttp
import pytest
from multidict import CIMultiDict

from oauthreg import DPoPKey, Registry
from oauthreg.cli import accounts, loopback
from oauthreg.http import AsyncOAuth1Client
from oauthreg.jose import generate_private_key_for
from oauthreg.origins import parse_origin, render_origin
from oauthreg.records import replace
from oauthreg.sealing import new_sealing_key
from oauthreg.simulator import Body, Simulator, Status
from oauthreg.stores import MemoryStore, SealedStore, SQLiteStore, TokenKey

OAUTH1 = """\
schema = 1
title = "Acme"
protocol = "oauth1"

[endpoints]
request_token = "https://api.example.com/request_token"
authorize = "https://api.example.com/authorize"
token = "https://api.example.com/access_token"
userinfo = "https://api.example.com/me"
api_base = "https://api.example.com/1/"

[claims]
sub = "id"
preferred_username = "login"

[[example]]
userinfo = { id = "12", login = "ada" }
claims = { sub = "12", preferred_username = "ada" }
"""

OAUTH2 = (
    OAUTH1.replace("oauth1", "oauth2")
    .replace("request_token = ", "revoke = ")
    .replace('api_base = "', 'device = "https://api.example.com/device"\napi_base = "')
    .replace("[claims]", '[oauth2]\ngrants = ["authorization_code", "refresh_token", "device_code"]\n\n[claims]')
)

XAUTH = OAUTH1.replace('request_token = "https://api.example.com/request_token"\n', "")
XAUTH = XAUTH.replace('authorize = "https://api.example.com/authorize"\n', "") + '\n[oauth1]\nflow = "xauth"\n'

OIDC = """\
schema = 1
title = "Acme"
protocol = "oidc"

[endpoints]
discovery = "https://api.example.com/.well-known/openid-configuration"
api_base = "https://api.example.com/1/"

[oauth2]
issuer = "https://api.example.com"

[[example]]
id_token = { sub = "12" }
userinfo = { sub = "12", preferred_username = "ada" }
claims = { sub = "12", preferred_username = "ada" }
"""

OWN = """\
schema = 1
title = "Acme"
protocol = "oauth2"

[endpoints]
token = "https://api.example.com/access_token"
api_base = "https://api.example.com/1/"

[oauth2]
grants = ["client_credentials"]
"""


class Provider:
    """A simulator in a thread of its own, and a definition that leads to it."""

    def __init__(self, text, redirect_uri, *, auto_approve):
        self.text = text
        self.auto_approve = auto_approve
        self.redirect_uri = redirect_uri
        self.ready, self.loop, self.stop = threading.Event(), None, None
        self.thread = threading.Thread(target=lambda: asyncio.run(self.serve()))

    async def serve(self):
        known = Registry(environ={})
        known.add(self.text, "acme")
        uris = [self.redirect_uri, "https://app.example/callback"]
        options = {"auto_approve": self.auto_approve, "redirect_uris": uris}
        async with Simulator("acme", registry=known, **options) as self.simulator:
            self.simulator.serve("/1/items", {"items": ["é"]})
            self.simulator.serve("/1/items", {"made": True}, method="POST", status=201)
            self.simulator.serve("/1/gone", {"error": "gone"}, status=410)
            self.loop, self.stop = asyncio.get_running_loop(), asyncio.Event()
            self.ready.set()
            await self.stop.wait()

    def __enter__(self):
        self.thread.start()
        self.ready.wait(10)
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join(10)

    @property
    def definition(self):
        here = render_origin(self.origin)
        lines = [
            line if line.startswith("issuer") else line.replace("https://api.example.com", here)
            for line in self.text.splitlines()
        ]
        return "\n".join(lines)

    @property
    def origin(self):
        known = self.simulator.provider.endpoints
        return parse_origin(known.get("token") or known["discovery"])

    def call(self, work):
        """Do something in the simulator's thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)


@pytest.fixture
def redirect_uri():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}/callback"


@pytest.fixture
def serve(folder, monkeypatch, redirect_uri):
    """Starts a provider, and makes it known to the command line."""
    started = []

    def start(text, *, auto_approve=True):
        provider = Provider(text, redirect_uri, auto_approve=auto_approve).__enter__()
        started.append(provider)
        (folder / "providers" / "acme.toml").write_text(provider.definition)
        known = provider.simulator.credentials
        monkeypatch.setenv("OAUTHREG_ACME_CLIENT_ID", known.client_id)
        monkeypatch.setenv("OAUTHREG_ACME_CLIENT_SECRET", known.client_secret)
        return provider

    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "data"))
    for name in ("OAUTHREG_STORE", "OAUTHREG_SEALING_KEY", "OAUTHREG_SEALING_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    yield start
    for provider in started:
        provider.__exit__()


@pytest.fixture
def browser(monkeypatch):
    """The user's browser: opens pages in a thread, as a program of its own would, and tells what it was shown."""
    shown, threads = [], []

    def visit(url):
        with suppress(OSError), urllib.request.urlopen(url, timeout=10) as page:
            shown.append(page.read().decode())

    def open_page(url):
        threads.append(threading.Thread(target=visit, args=[url]))
        threads[-1].start()
        return True

    monkeypatch.setattr("webbrowser.open", open_page)
    yield shown
    for thread in threads:
        thread.join(10)


@pytest.fixture
def log_in(oauthreg, redirect_uri, browser):
    return lambda *options: oauthreg("login", "acme", "--redirect-uri", redirect_uri, *options)


@pytest.mark.parametrize("text", [OAUTH1, OAUTH2], ids=["oauth1", "oauth2"])
class TestLogin:
    def test_who_logs_in_can_ask(self, serve, log_in, oauthreg, browser, text):
        serve(text)
        done = log_in()
        assert done.code == 0
        assert done.out.split() == ["claim", "value", "sub", "12", "preferred_username", "ada"]
        assert done.err.splitlines()[-1] == "logged in to acme as ada"
        assert "log in at:" in done.err
        assert "This login has come back to the terminal" in browser[0]

        asked = oauthreg("request", "acme", "items")
        assert (asked.code, asked.err) == (0, "")
        assert json.loads(asked.out) == {"items": ["é"]}

    def test_accounts_are_told_apart(self, serve, log_in, oauthreg, text):
        provider = serve(text)
        assert log_in().code == 0
        assert log_in("--account", "work").code == 0
        several = oauthreg("request", "acme", "items")
        assert several.code == 2
        assert "several accounts are logged in to acme: ada, work" in several.err
        assert oauthreg("request", "acme", "items", "--account", "work").code == 0
        nobody = oauthreg("request", "acme", "items", "--account", "bob")
        assert nobody.code == 4
        assert nobody.err == (
            "error: nobody is logged in to acme as 'bob'; logged in are ada, work\n"
            "hint: oauthreg login acme --account bob\n"
        )
        listed = oauthreg("accounts")
        assert [line.split()[:2] for line in listed.out.splitlines()] == [
            ["provider", "account"], ["acme", "ada"], ["acme", "work"],
        ]  # fmt: skip
        assert [row["account"] for row in json.loads(oauthreg("accounts", "--json").out)] == ["ada", "work"]
        assert provider.simulator.credentials.client_secret not in listed.out

    def test_logging_out_gives_the_token_up(self, serve, log_in, oauthreg, text):
        serve(text)
        log_in()
        done = oauthreg("logout", "acme")
        assert done.code == 0
        assert done.err.startswith("logged out of acme as ada\n")
        assert ("was not told" in done.err) is (text == OAUTH1)
        again = oauthreg("request", "acme", "items")
        assert (again.code, again.out) == (4, "")
        assert again.err == "error: nobody is logged in to acme\nhint: oauthreg login acme\n"
        assert oauthreg("accounts").err == "nobody is logged in; `oauthreg login NAME` logs in\n"

    def test_it_may_be_forgotten_without_a_word(self, serve, log_in, oauthreg, text):
        provider = serve(text)
        log_in()
        before = len(provider.simulator.exchanges)
        done = oauthreg("logout", "acme", "--forget", "--json")
        assert json.loads(done.out) == {"provider": "acme", "account": "ada", "revoked": False}
        assert len(provider.simulator.exchanges) == before

    def test_the_login_is_one_document_for_programs(self, serve, log_in, text):
        serve(text)
        told = json.loads(log_in("--json", "--account", "me").out)
        assert told == {"provider": "acme", "account": "me", "profile": {"sub": "12", "preferred_username": "ada"}}

    def test_an_address_elsewhere_is_copied(self, serve, oauthreg, monkeypatch, browser, text):
        provider = serve(text, auto_approve=False)
        approved = []

        def ask(what, seconds):
            assert (what, seconds) == ("the whole address that you came back to", 300)
            return approved[0]

        def approve(url, **_):
            approved.append(provider.call(provider.simulator.approve(url)))
            return nullcontext()

        monkeypatch.setattr("oauthreg.cli.login.ask_for", ask)
        monkeypatch.setattr("oauthreg.cli.login.showing", approve)
        done = oauthreg("login", "acme", "--redirect-uri", "https://app.example/callback")
        assert (done.code, done.err.splitlines()[-1]) == (0, "logged in to acme as ada")

    def test_nothing_secret_is_on_the_disk_or_shown(self, serve, log_in, oauthreg, folder, text):
        provider = serve(text)
        done = log_in()
        tokens = [*getattr(provider.simulator.state, "_access", ()), *getattr(provider.simulator.state, "_tokens", ())]
        written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
        assert tokens
        for secret in [provider.simulator.credentials.client_secret, *tokens]:
            assert str(secret).encode() not in written
            assert str(secret) not in done.out + done.err.replace(done.err.split("\n")[2], "")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}
        assert modes["tokens.db"] == modes["sealing-key"] == 0o600

    def test_nobody_comes(self, serve, oauthreg, redirect_uri, text):
        serve(text)
        done = oauthreg("login", "acme", "--redirect-uri", redirect_uri, "--no-browser", "--timeout", "0.01")
        assert done.code == 5
        assert "nobody has logged in within 0.01 seconds" in done.err

    def test_the_port_is_taken(self, serve, oauthreg, redirect_uri, text):
        serve(text)
        with socket.create_server(("127.0.0.1", int(redirect_uri.split(":")[2].split("/")[0]))):
            done = oauthreg("login", "acme", "--redirect-uri", redirect_uri)
        assert done.code == 2
        assert "cannot be had" in done.err


class TestServers:
    """A definition that leads to several, of which each has its own accounts."""

    def test_an_account_of_one_is_none_of_another(self, serve, log_in, oauthreg, folder):
        provider = serve(OAUTH2)
        origin = provider.simulator.provider.endpoints["token"].removesuffix("/access_token")
        sandbox = f'[environments.sandbox]\nendpoints.token = "{origin}/other"\n\n'
        text = provider.definition.replace("[claims]", f"{sandbox}[claims]")
        (folder / "providers" / "acme.toml").write_text(text)
        log_in()
        done = oauthreg("request", "acme", "items", "--environment", "sandbox")
        assert done.code == 4
        assert f"logged in are ada at {origin}/access_token" in done.err
        assert "`--environment`" in done.err
        assert oauthreg("logout", "acme", "--environment", "sandbox", "--forget").code == 4
        assert oauthreg("request", "acme", "items").code == 0

    @pytest.fixture
    def served(self, serve, folder):
        """The provider is its environment `sandbox`, for those who name the tenant."""
        provider = serve(OAUTH2)
        here = render_origin(provider.origin)
        text = provider.definition.replace(f'token = "{here}', 'token = "https://elsewhere.example')
        text = text.replace(f"{here}/1/", f"{here}/{{tenant}}/")
        sandbox = f'[environments.sandbox]\nendpoints.token = "{here}/access_token"\n\n[variables.tenant]\n\n'
        (folder / "providers" / "acme.toml").write_text(text.replace("[claims]", f"{sandbox}[claims]"))
        return provider

    CHOSEN = ("--environment", "sandbox", "--variable", "tenant=1")

    def test_what_was_said_at_the_login_is_remembered(self, served, log_in, oauthreg):
        assert log_in(*self.CHOSEN).code == 0
        for command in (("request", "acme", "items"), ("token", "acme"), ("token", "acme", "--account", "ada")):
            done = oauthreg(*command)
            assert (done.code, done.err) == (0, "")
        other = oauthreg("request", "acme", "items", "--environment", "sandbox", "--variable", "tenant=2")
        assert '"/2/items"' in other.out
        assert oauthreg("logout", "acme").code == 0
        assert "needs the variable `tenant`" in oauthreg("request", "acme", "items").err

    def test_it_is_forgotten_with_the_token(self, served, log_in, oauthreg, folder):
        log_in(*self.CHOSEN)
        assert oauthreg("logout", "acme", "--forget").code == 0
        servers = accounts._open_store(accounts._SERVERS)

        async def kept():
            return [key async for key in servers.token_keys()]

        assert asyncio.run(kept()) == []

    def test_who_logs_in_elsewhere_is_asked_which_one(self, served, log_in, oauthreg):
        log_in(*self.CHOSEN)
        assert log_in("--environment", "sandbox", "--variable", "tenant=2", "--account", "b").code == 0
        several = oauthreg("request", "acme", "items")
        assert several.code == 2
        assert several.err == (
            "error: accounts are logged in to several servers of acme: ada, b\n"
            "hint: say which one: `--account`, `--environment`, `--variable`\n"
        )
        assert json.loads(oauthreg("request", "acme", "items", "--account", "ada").out) == {"items": ["é"]}
        assert '"/2/items"' in oauthreg("request", "acme", "items", "--account", "b").out

    def test_nobody_else_can_say_it(self, served, log_in, oauthreg, folder):
        """Who writes to the file cannot send a token to another server."""
        log_in(*self.CHOSEN)
        path = next(folder.rglob("*.servers"))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        written = SQLiteStore(path)

        async def write():
            for key in [key async for key in written.token_keys()]:
                await written.delete(key)
                await written.save(key, {"environment": "sandbox", "variables": {"tenant": "x"}}, seen_version=None)

        asyncio.run(write())
        done = oauthreg("request", "acme", "items")
        assert (done.code, done.out) == (4, "")

    def test_one_that_does_not_open_is_in_nobody_elses_way(self, served, log_in, oauthreg, folder):
        log_in(*self.CHOSEN)
        log_in(*self.CHOSEN, "--account", "b")
        written = SQLiteStore(next(folder.rglob("*.servers")))

        async def write():
            key = next(key for key in [key async for key in written.token_keys()] if key.account == "ada")
            await written.delete(key)
            await written.save(key, {"environment": "sandbox"}, seen_version=None)

        asyncio.run(write())
        done = oauthreg("request", "acme", "items", "--account", "b")
        assert (done.code, json.loads(done.out)) == (0, {"items": ["é"]})
        assert oauthreg("request", "acme", "items", "--account", "ada").code == 4


class TestStores:
    def test_one_that_cannot_be_used_is_told(self, serve, oauthreg, folder, monkeypatch):
        serve(OAUTH1)
        (folder / "text").write_text("no database, " * 100)
        for place in (folder, folder / "text"):
            monkeypatch.setenv("OAUTHREG_STORE", str(place))
            for command in (("accounts",), ("token", "acme"), ("logout", "acme")):
                done = oauthreg(*command)
                assert (done.code, "OAUTHREG_STORE names their file" in done.err) == (4, True)

    def test_a_token_that_cannot_be_read_is_listed_and_can_be_forgotten(self, serve, log_in, oauthreg, monkeypatch):
        serve(OAUTH1)
        log_in()
        monkeypatch.setenv("OAUTHREG_SEALING_KEY", new_sealing_key())
        log_in("--account", "new")
        listed = oauthreg("accounts")
        assert listed.code == 0
        assert "unreadable: unknown-sealing-key" in listed.out
        assert oauthreg("logout", "acme", "--account", "ada", "--forget").code == 0
        assert "unreadable" not in oauthreg("accounts").out

    @pytest.mark.parametrize(
        ("ends", "told"), [("2026-12-01T00:00:00Z", "2026-12-01 00:00 UTC"), (1e300, "never"), ("x", "unknown")]
    )
    async def test_ends_may_be_written_in_any_way(self, ends, told):
        store, key = SealedStore(MemoryStore(), new_sealing_key()), TokenKey("acme", "ada")
        await store.save(key, {"oauth_token": "t", "expires_at": ends}, seen_version=None)
        assert (await accounts._row(store, key))["ends"] == told


class TestOtherLogins:
    def test_a_profile_that_fails_costs_no_login(self, serve, log_in, oauthreg):
        provider = serve(OAUTH2)
        provider.simulator.fail("identity", Status(500), times=2)
        done = log_in("--account", "work")
        assert done.code == 0
        assert "who you are could not be found out" in done.err
        assert oauthreg("request", "acme", "items").code == 0
        assert log_in().err.splitlines()[-1] == "logged in to acme as me"

    def test_tokens_that_are_bound_want_a_key_that_lasts(self, serve, log_in, oauthreg, monkeypatch):
        serve(OAUTH2.replace("[oauth2]", '[oauth2]\ndpop = "required"'))
        refused = log_in()
        assert refused.code == 2
        assert "OAUTHREG_ACME_DPOP_KEY" in refused.err
        monkeypatch.setenv("OAUTHREG_ACME_DPOP_KEY", DPoPKey().export_private_key())
        assert log_in().code == 0
        assert oauthreg("request", "acme", "items").code == 0
        token = oauthreg("token", "acme")
        assert (token.code, token.out) == (2, "")

    def test_where_nobody_logs_in_it_says_so(self, oauthreg, folder, monkeypatch):
        monkeypatch.setenv("XDG_DATA_HOME", str(folder / "data"))
        monkeypatch.setenv("OAUTHREG_GOOGLE_SERVICE_ACCOUNT_CLIENT_ID", "x")
        key = generate_private_key_for("RS256")
        monkeypatch.setenv("OAUTHREG_GOOGLE_SERVICE_ACCOUNT_PRIVATE_KEY", key)
        done = oauthreg("login", "google-service-account")
        assert done.code == 2
        assert "proves itself with a key" in done.err

    def test_a_provider_that_its_metadata_tell_of_is_told_of_a_logout(self, serve, log_in, oauthreg):
        provider = serve(OIDC)
        assert log_in().code == 0
        done = oauthreg("logout", "acme", "--json")
        assert json.loads(done.out) == {"provider": "acme", "account": "ada", "revoked": True}
        assert [exchange.step for exchange in provider.simulator.exchanges][-1] == "revoke"

    def test_on_another_device(self, serve, oauthreg, monkeypatch):
        provider = serve(OAUTH2)
        sleep = asyncio.sleep

        def decide(text):
            note(text)
            if "enter the code" in text:
                code = text.rpartition(" ")[2]
                provider.call(decided(code))

        async def decided(code):
            provider.simulator.state.decide_device(code, approved=True)

        note = sys.modules["oauthreg.cli.output"].note
        monkeypatch.setattr("oauthreg.cli.login.note", decide)
        monkeypatch.setattr("asyncio.sleep", lambda _: sleep(0))
        done = oauthreg("login", "acme", "--device")
        assert done.code == 0
        assert "on any device and enter the code" in done.err
        assert oauthreg("token", "acme").code == 0

    def test_a_server_does_nothing_to_the_terminal(self, serve, log_in, oauthreg):
        evil = r"a\u001b]0;evil\u0007\u009b2J\nb"
        provider = serve(OAUTH2.replace('"ada"', f'"{evil}"'))
        done = log_in()
        assert done.err.splitlines()[-1] == f"logged in to acme as {evil}"
        assert evil in done.out
        assert evil in oauthreg("accounts").out
        assert evil in log_in("--account", "b").out
        refused = oauthreg("token", "acme")
        assert refused.err.startswith(f"error: several accounts are logged in to acme: {evil}, b\n")
        provider.simulator.fail("device", Body(f'{{"error": "x", "error_description": "{evil}"}}'.encode()))
        asked = oauthreg("login", "acme", "--device")
        assert asked.err == f"error: x: {evil} (status 200)\n"

    def test_a_provider_without_it_says_so(self, serve, oauthreg):
        serve(OAUTH1)
        done = oauthreg("login", "acme", "--device")
        assert done.code == 2
        assert "acme has no login on another device" in done.err

    def test_a_code_that_is_shown_to_the_user(self, serve, oauthreg, monkeypatch):
        provider = serve(f'{OAUTH1}\n[oauth1]\ncallback = "oob"\n', auto_approve=False)
        codes = []

        def approve(url, **_):
            codes.append(provider.call(provider.simulator.approve(url)))
            return nullcontext()

        monkeypatch.setattr("oauthreg.cli.login.showing", approve)
        monkeypatch.setattr("oauthreg.cli.login.ask_for", lambda what, _: codes[0] if "code" in what else "")
        assert oauthreg("login", "acme").code == 0

    def test_who_logged_in_may_be_unknown(self, serve, log_in):
        serve(OAUTH1.partition("[claims]")[0])
        done = log_in()
        assert (done.code, done.out) == (0, "")
        assert done.err.splitlines()[-1] == "logged in to acme as me"

    def test_a_client_of_its_own_needs_no_login(self, serve, oauthreg):
        serve(OWN)
        assert oauthreg("request", "acme", "items").code == 0
        assert "(the client)" in oauthreg("accounts").out
        assert oauthreg("logout", "acme").code == 0
        assert oauthreg("login", "acme").code == 2


class TestToken:
    def test_a_good_one_is_one_line(self, serve, log_in, oauthreg):
        provider = serve(OAUTH2)
        log_in()
        done = oauthreg("token", "acme")
        assert (done.code, done.err) == (0, "")
        assert done.out.strip() in provider.simulator.state._access
        assert json.loads(oauthreg("token", "acme", "--json").out)["access_token"] == done.out.strip()

    def test_a_signature_is_none(self, serve, log_in, oauthreg):
        serve(OAUTH1)
        log_in()
        done = oauthreg("token", "acme")
        assert (done.code, done.out) == (2, "")
        assert "oauthreg request acme URL" in done.err

    def test_one_that_was_revoked_needs_a_login(self, serve, log_in, oauthreg):
        provider = serve(OAUTH2)
        log_in()
        provider.simulator.state.expire_tokens()
        provider.simulator.state.revoke_tokens()
        assert oauthreg("request", "acme", "items").code == 4


class TestInterruption:
    @pytest.fixture(autouse=True)
    def interruptible(self):
        """What a shell runs in the background is born deaf to an interruption."""
        previous = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, previous)

    def test_a_renewal_under_way_comes_to_its_end(self, serve, log_in, oauthreg, monkeypatch):
        """The provider's answer is held until the command has been interrupted and waits for what it began."""
        provider = serve(OAUTH2)
        log_in()
        provider.simulator.state.expire_tokens()
        send, closes, held = provider.simulator._send, Registry.aclose, asyncio.Event()

        async def send_when_awaited(*answer, **options):
            if provider.simulator.exchanges[-1].step == "refresh":
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
                await held.wait()
            return await send(*answer, **options)

        async def aclose(registry):
            provider.loop.call_soon_threadsafe(held.set)
            await closes(registry)

        monkeypatch.setattr(provider.simulator, "_send", send_when_awaited)
        monkeypatch.setattr(Registry, "aclose", aclose)
        interrupted = oauthreg("request", "acme", "items")
        assert (interrupted.code, interrupted.err) == (130, "\ninterrupted\n")
        assert [exchange.step for exchange in provider.simulator.exchanges][-2:] == ["api", "refresh"]
        assert oauthreg("request", "acme", "items").code == 0


class TestRequest:
    @pytest.fixture(autouse=True)
    def logged_in(self, serve, log_in):
        self.provider = serve(OAUTH1)
        log_in()

    def sent(self):
        return self.provider.simulator.exchanges[-1]

    def test_a_form_is_signed(self, oauthreg):
        assert oauthreg("request", "acme", "items", "-d", "a=b&c=é").code == 0
        assert (self.sent().method, self.sent().form) == ("POST", "a=b&c=%C3%A9")

    def test_a_file_and_headers(self, oauthreg, folder, monkeypatch):
        (folder / "item.json").write_text("{}")
        options = ("-X", "PUT", "-H", "Content-Type: application/json", "-H", "X-A:b")
        assert oauthreg("request", "acme", "other", *options, "-d", "@item.json").code == 0
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a=1")))
        assert oauthreg("request", "acme", "items", "-d", "@-").code == 0
        assert self.sent().form == "a=1"

    def test_the_answer_is_told_on_request(self, oauthreg):
        done = oauthreg("request", "acme", "items", "-i")
        assert done.err.startswith("200 OK\nContent-Type: application/json")
        told = json.loads(oauthreg("request", "acme", "items", "--json").out)
        assert (told["status"], json.loads(told["body"])) == (200, {"items": ["é"]})

    def test_no_header_of_an_answer_is_lost(self, oauthreg, monkeypatch):
        send = self.provider.simulator._send

        def send_cookies(request, answer, **options):
            cookies = (("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))
            headers = CIMultiDict([*answer.headers.items(), *cookies])
            return send(request, replace(answer, headers=headers), **options)

        monkeypatch.setattr(self.provider.simulator, "_send", send_cookies)
        told = json.loads(oauthreg("request", "acme", "items", "--json").out)
        assert told["headers"]["set-cookie"] == ["a=1", "b=2"]
        assert told["headers"]["content-type"] == ["application/json"]

    def test_a_refusal_is_5_and_its_body_is_printed(self, oauthreg):
        done = oauthreg("request", "acme", "gone")
        assert (done.code, json.loads(done.out)) == (5, {"error": "gone"})
        assert done.err == "error: the API answered 410 Gone\n"

    def test_an_octet_is_an_octet(self, oauthreg, monkeypatch):
        out = io.BytesIO()
        stream = io.TextIOWrapper(out, encoding="ascii")
        monkeypatch.setattr("sys.stdout", stream)
        assert oauthreg("request", "acme", "items").code == 0
        assert json.loads(out.getvalue()) == {"items": ["é"]}

    def test_a_terminal_gets_a_line_break(self, oauthreg, monkeypatch):
        out = io.BytesIO()
        stream = io.TextIOWrapper(out, encoding="utf-8")
        stream.isatty = lambda: True
        monkeypatch.setattr("sys.stdout", stream)
        assert oauthreg("request", "acme", "items").code == 0
        stream.flush()
        assert out.getvalue().endswith(b"}\n")

    def test_credentials_stay_with_the_provider(self, oauthreg):
        done = oauthreg("request", "acme", "https://elsewhere.example/")
        assert done.code == 2
        assert done.err == (
            "error: credentials stay with the provider, and this is another origin: https://elsewhere.example\n"
            "hint: give a URL of the provider's API; ask others without the token, by another program\n"
        )

    def test_a_header_may_be_repeated(self, oauthreg, monkeypatch):
        send, got = self.provider.simulator._send, []

        def note_headers(request, *answer, **options):
            got.extend(request.headers.getall("X-T"))
            return send(request, *answer, **options)

        monkeypatch.setattr(self.provider.simulator, "_send", note_headers)
        assert oauthreg("request", "acme", "items", "-H", "X-T: 1", "-H", "X-T: 2").code == 0
        assert got == ["1", "2"]

    @pytest.mark.parametrize("header", ["nothing", ": value"])
    def test_a_header_is_a_name_and_a_value(self, oauthreg, header):
        assert oauthreg("request", "acme", "items", "-H", header).code == 2

    def test_a_server_that_fails(self, oauthreg):
        self.provider.simulator.fail("api", Status(503))
        assert oauthreg("request", "acme", "items").code == 5


class TestKeys:
    """What tokens are sealed with."""

    def test_it_is_made_once_and_told_once(self, serve, log_in, oauthreg, folder):
        serve(OAUTH1)
        first, second = log_in(), log_in("--account", "b")
        path = folder / "config" / "oauthreg" / "sealing-key"
        assert f"tokens are sealed with a new key, {path}" in first.err
        assert "new key" not in second.err
        assert len(base64.urlsafe_b64decode(path.read_text().strip() + "=")) == 32

    def test_it_may_come_from_elsewhere(self, serve, log_in, oauthreg, folder, monkeypatch):
        serve(OAUTH1)
        (folder / "key").write_text(f"{new_sealing_key()}\n")
        monkeypatch.setenv("OAUTHREG_SEALING_KEY_FILE", str(folder / "key"))
        monkeypatch.setenv("OAUTHREG_STORE", str(folder / "own.db"))
        assert log_in().code == 0
        assert (folder / "own.db").exists()
        assert not (folder / "config" / "oauthreg" / "sealing-key").exists()
        monkeypatch.setenv("OAUTHREG_SEALING_KEY", new_sealing_key())
        done = oauthreg("request", "acme", "items")
        assert done.code == 4
        assert "a key that is not known" in done.err

    def test_what_is_no_key_is_told(self, serve, oauthreg, monkeypatch):
        serve(OAUTH1)
        monkeypatch.setenv("OAUTHREG_SEALING_KEY", "short")
        done = oauthreg("accounts")
        assert done.code == 2
        assert "32 octets in base64url" in done.err


@pytest.mark.parametrize("variable", ["=x", "host", ""])
def test_a_variable_is_a_name_and_a_value(oauthreg, variable):
    done = oauthreg("token", "acme", "--variable", variable)
    assert done.code == 2
    assert "--variable host=" in done.err


def test_variables_and_environments_choose_the_server(oauthreg, folder, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "data"))
    for name in ("CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.setenv(f"OAUTHREG_ACME_{name}", "x")
    done = oauthreg("token", "acme", "--variable", "tenant=x")
    assert done.code == 2
    assert "tenant" in done.err


class TestLoopback:
    """What else may come to the port."""

    @pytest.mark.parametrize(
        ("request_line", "status"),
        [
            ("GET /other?code=evil HTTP/1.1", "404"),
            ("PUT /callback HTTP/1.1", "405"),
            ("GET /callback?code=evil HTTP/1.1\r\nHost: evil.example", "404"),
        ],
    )
    async def test_it_is_left_alone(self, redirect_uri, request_line, status):
        host = redirect_uri.split("/")[2]
        async with loopback.listening(redirect_uri) as brought:
            reader, writer = await asyncio.open_connection(*host.split(":"))
            more = "" if "Host" in request_line else f"\r\nHost: {host}"
            writer.write(f"{request_line}{more}\r\nConnection: close\r\n\r\n".encode())
            assert (await reader.readline()).split()[1].decode() == status
            writer.close()
            await writer.wait_closed()
            assert not brought.done()

    async def test_a_form_is_brought_and_the_first_one_counts(self, redirect_uri):
        async with loopback.listening(redirect_uri) as brought, aiohttp.ClientSession() as session:
            for code in ("first", "second"):
                async with session.post(redirect_uri, data={"code": code}) as response:
                    assert response.status == 200
            assert await brought == "code=first"

    @pytest.mark.parametrize("uri", ["https://127.0.0.1:1/cb", "http://app.example:80/cb", "com.example.app:/cb"])
    def test_nothing_listens_for_what_leads_elsewhere(self, uri):
        assert not loopback.listens(uri)

    @pytest.mark.parametrize("uri", ["http://127.0.0.1:8917/cb", "http://[::1]:1/", "http://LOCALHOST:80/callback"])
    def test_a_port_of_this_machine_is_listened_to(self, uri):
        assert loopback.listens(uri)

    @pytest.mark.parametrize("uri", ["http://127.0.0.1:99999/", "http://[::1/"])
    def test_what_is_no_uri_is_told(self, oauthreg, serve, uri):
        serve(OAUTH1)
        done = oauthreg("login", "acme", "--redirect-uri", uri)
        assert (done.code, "no redirection URI" in done.err) == (2, True)

    async def test_what_belongs_to_no_login_is_waited_past(self, redirect_uri):
        """Any page can have a browser ask for an image there."""
        async with loopback.listening(redirect_uri, ["s1"]) as brought, aiohttp.ClientSession() as session:
            for query, status in (("", 400), ("?state=other&code=c", 400), ("?code=c&state=s1", 200)):
                async with session.get(f"{redirect_uri}{query}") as response:
                    assert response.status == status
            assert (await brought).endswith("?code=c&state=s1")

    async def test_a_request_that_never_ends_is_not_waited_for(self, redirect_uri):
        host = redirect_uri.split("/")[2]
        async with loopback.listening(redirect_uri):
            _, writer = await asyncio.open_connection(*host.split(":"))
            writer.write(f"POST /callback HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9\r\n\r\na".encode())
            await writer.drain()
        writer.close()


class TestBrowser:
    """One that runs until it is closed, as w3m does."""

    @pytest.fixture
    def foreground(self, monkeypatch):
        """Makes the browser `run(url)`, and tells the threads that have waited for it."""
        threads = []

        def begin(run):
            monkeypatch.setattr("webbrowser.open", lambda url: threads.append(threading.current_thread()) or run(url))
            return threads

        yield begin
        for thread in threads:
            thread.join(10)

    def test_it_holds_up_neither_the_answer_nor_the_end(self, serve, oauthreg, redirect_uri, foreground, capsys):
        serve(OAUTH2)
        closed = threading.Event()

        def visit(url):
            with urllib.request.urlopen(url, timeout=10) as page:
                assert "This login has come back" in page.read().decode()
            closed.wait(10)
            return False

        threads = foreground(visit)
        done = oauthreg("login", "acme", "--redirect-uri", redirect_uri)
        assert (done.code, done.err.splitlines()[-1]) == (0, "logged in to acme as ada")
        assert threads[0].is_alive()
        assert threads[0].daemon
        closed.set()
        threads[0].join(10)
        assert capsys.readouterr().err == ""

    def test_nor_the_time_out(self, serve, oauthreg, redirect_uri, foreground):
        serve(OAUTH2)
        closed = threading.Event()
        foreground(lambda _: closed.wait(10))
        done = oauthreg("login", "acme", "--redirect-uri", redirect_uri, "--timeout", "0.01")
        closed.set()
        assert done.code == 5

    @pytest.mark.parametrize(("is_terminal", "is_asked_meanwhile"), [(True, False), (False, True)])
    def test_who_reads_from_its_terminal_waits(self, foreground, monkeypatch, is_terminal, is_asked_meanwhile):
        asked, seen = threading.Event(), []
        threads = foreground(lambda _: seen.append(asked.wait(0.05 if is_terminal else 10)) or True)
        monkeypatch.setattr("sys.stdin", io.StringIO())
        monkeypatch.setattr("sys.stdin.isatty", lambda: is_terminal)
        with loopback.showing("https://as.example/", opens=True, in_turn=True):
            asked.set()
        threads[0].join(10)
        assert seen == [is_asked_meanwhile]

    def test_where_none_is_the_user_opens_one(self, foreground, monkeypatch, capsys):
        def fail(_):
            raise webbrowser.Error

        for run in (lambda _: False, fail):
            threads = foreground(run)
            with loopback.showing("https://as.example/", opens=True):
                threads[-1].join(10)
                assert "open the address yourself" in capsys.readouterr().err


@pytest.fixture
def pipe(monkeypatch):
    """stdin is a pipe, and this its other end."""
    reads, writes = os.pipe()
    with os.fdopen(reads) as stdin, os.fdopen(writes, "w") as pipe:
        monkeypatch.setattr("sys.stdin", stdin)
        yield pipe


class TestWithoutBrowser:
    """Logins of OAuth 1.0 that are none at the provider's pages."""

    def test_a_password_is_asked_for_and_kept_nowhere(self, serve, oauthreg, pipe, folder):
        provider = serve(XAUTH)
        pipe.write("ada@example.org\npass-word\n")
        pipe.flush()
        done = oauthreg("login", "acme")
        assert (done.code, done.err.splitlines()[-1]) == (0, "logged in to acme as ada")
        assert "the user name:" in done.err
        assert [exchange.step for exchange in provider.simulator.exchanges] == ["token", "identity"]
        assert "pass-word" not in done.out + done.err
        assert not [path for path in folder.rglob("*") if path.is_file() and b"pass-word" in path.read_bytes()]
        assert oauthreg("request", "acme", "items").code == 0

    @pytest.mark.parametrize("typed", [" pass word\t", "pass word  \r"])
    def test_a_password_may_have_blanks_around_it(self, serve, oauthreg, pipe, monkeypatch, typed):
        serve(XAUTH)
        sent, exchange = {}, AsyncOAuth1Client.exchange_password

        async def exchange_password(client, **user):
            sent.update(user)
            return await exchange(client, **user)

        monkeypatch.setattr(AsyncOAuth1Client, "exchange_password", exchange_password)
        pipe.write(f" ada@example.org \n{typed}\n")
        pipe.flush()
        assert oauthreg("login", "acme").code == 0
        assert sent == {"username": "ada@example.org", "password": typed.rstrip("\r")}

    def test_it_is_not_asked_for_in_vain(self, serve, oauthreg, monkeypatch):
        serve(XAUTH)
        monkeypatch.delenv("OAUTHREG_ACME_CLIENT_ID")
        done = oauthreg("login", "acme")
        assert (done.code, "the user name" in done.err, "`client_id`" in done.err) == (2, False, True)

    def test_without_a_terminal_it_is_piped_in(self, serve, oauthreg, pipe):
        serve(XAUTH)
        pipe.write("ada\n")
        pipe.close()
        done = oauthreg("login", "acme")
        assert (done.code, "no terminal to ask at: pipe in the password" in done.err) == (2, True)

    def test_a_client_of_its_own_asks_for_itself(self, serve, oauthreg):
        serve(XAUTH.replace("xauth", "two-legged"))
        assert oauthreg("login", "acme").err.splitlines()[-1] == "logged in to acme as ada"
        assert oauthreg("request", "acme", "items").code == 0

    def test_where_every_request_is_signed_nobody_logs_in(self, oauthreg, folder, monkeypatch):
        text = XAUTH.replace("xauth", "none").replace('token = "https://api.example.com/access_token"\n', "")
        (folder / "providers" / "acme.toml").write_text(text)
        monkeypatch.setenv("OAUTHREG_STORE", str(folder / "tokens.db"))
        monkeypatch.setenv("OAUTHREG_SEALING_KEY", new_sealing_key())
        for name in ("CLIENT_ID", "CLIENT_SECRET"):
            monkeypatch.setenv(f"OAUTHREG_ACME_{name}", "x")
        done = oauthreg("login", "acme")
        assert done.code == 2
        assert done.err == (
            "error: nobody logs in to acme here: its client signs requests with its own credentials\n"
            "hint: oauthreg request acme URL; a token that the provider's own pages show is for Python: `token=`\n"
        )


class TestCopying:
    """What came back is copied: into a terminal, or through a pipe."""

    @pytest.fixture
    def paste(self, oauthreg):
        return lambda *options: oauthreg(
            "login", "acme", "--redirect-uri", "https://app.example/callback", "--no-browser", *options
        )

    def test_a_line_may_be_piped_in(self, serve, paste, pipe, monkeypatch):
        provider = serve(OAUTH2, auto_approve=False)

        @contextmanager
        def approve(url, **_):
            pipe.write(f"{provider.call(provider.simulator.approve(url))}\n")
            pipe.flush()
            yield

        monkeypatch.setattr("oauthreg.cli.login.showing", approve)
        done = paste()
        assert (done.code, done.err.splitlines()[-1]) == (0, "logged in to acme as ada")
        assert "the whole address that you came back to:" in done.err

    @pytest.mark.parametrize("given", ["", "\n"])
    def test_the_end_of_input_is_told(self, serve, paste, pipe, given):
        serve(OAUTH2)
        pipe.write(given)
        pipe.close()
        done = paste()
        assert done.code == 2
        assert done.err.splitlines()[-2:] == [
            "error: no terminal to ask at: pipe in the whole address that you came back to",
            "hint: a line of standard input is read",
        ]

    def test_a_process_may_have_no_input(self, serve, paste, monkeypatch):
        serve(OAUTH2)
        monkeypatch.setattr("sys.stdin", None)
        assert paste().code == 2

    def test_nobody_waits_for_ever(self, serve, paste, pipe):
        serve(OAUTH2)
        done = paste("--timeout", "0.01")
        assert (done.code, "nobody has logged in within 0.01 seconds" in done.err) == (5, True)

    def test_what_is_pasted_is_not_shown(self, monkeypatch):
        asked = {}
        monkeypatch.setattr("sys.stdin", io.StringIO())
        monkeypatch.setattr("sys.stdin.isatty", lambda: True)
        monkeypatch.setattr("click.prompt", lambda what, **options: asked.update(options, what=what) or " code ")
        for is_secret in (True, False):
            assert loopback.ask_for("the code", 300, is_secret=is_secret) == "code"
            assert asked == {"what": "the code", "hide_input": is_secret, "err": True}
        assert loopback.ask_for("the password", 300, is_exact=True) == " code "


def test_the_environment_is_left_as_it_is():
    assert not [name for name in os.environ if name.startswith("OAUTHREG_ACME")]
    assert urllib.parse.urlsplit(loopback.DEFAULT_REDIRECT_URI).hostname == "127.0.0.1"
