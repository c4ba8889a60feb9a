"""Every example of the documents runs and has the right types, and what they name exists."""

import ast
import re
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from yarl import URL

import oauthreg
from oauthreg.simulator import Body, Half, OtherClaims, Simulator, Status

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for folder in ("", "docs", "providers", "tests", "tests/interop")
    for path in sorted((ROOT / folder).glob("*.md"))
}


def blocks(language, text=README):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_readme_has_the_examples_that_are_run_here():
    assert len(blocks("python")) == 7
    assert len(blocks("toml")) == 1


@pytest.mark.parametrize("page", [page for page, text in PAGES.items() if blocks("python", text)])
def test_the_examples_have_the_right_types(check_types, page):
    assert check_types("\n\n".join(blocks("python", PAGES[page]))) == []


def registries_before_sessions(source):
    """The lines of sessions that are entered after a registry, and so closed while it renews tokens with them."""
    return [
        entered.lineno
        for block in ast.walk(ast.parse(source))
        if isinstance(block, ast.AsyncWith)
        for place, item in enumerate(block.items)
        if called(item.context_expr) == "registry"
        for entered in (*block.items[place + 1 :], *block.body)
        for entered in ast.walk(entered)
        if called(entered) == "clientsession"
    ]


def called(node):
    name = getattr(node, "func", None)
    return getattr(name, "attr", getattr(name, "id", "")).lower()


@pytest.mark.parametrize(
    "source",
    [
        "async with Registry() as registry, ClientSession() as session: ...",
        "async with a.Registry(store=store) as registry:\n  async with aiohttp.ClientSession() as session: ...",
        "async with simulator.registry() as registry, simulator, aiohttp.ClientSession(): ...",
    ],
)
def test_a_registry_before_its_session_is_found(source):
    inside = "\n".join(f"  {line}" for line in source.splitlines())
    assert registries_before_sessions(f"async def main():\n{inside}")


@pytest.mark.parametrize("page", [page for page, text in PAGES.items() if blocks("python", text)])
def test_examples_enter_a_registry_after_its_session(page):
    assert registries_before_sessions("\n\n".join(blocks("python", PAGES[page]))) == []


def test_sources_enter_a_registry_after_its_session():
    sources = {path: path.read_text("utf-8") for path in (ROOT / "python/oauthreg").rglob("*.py")}
    assert [path for path, source in sources.items() if registries_before_sessions(source)] == []


async def test_logging_in_and_calling_the_api(monkeypatch, capsys):
    login, _, _, call = blocks("python")[:4]
    async with Simulator("twitter") as simulator, aiohttp.ClientSession() as session:
        monkeypatch.setattr(oauthreg, "Registry", simulator.registry)
        names = {}
        exec(login + call, names)
        url, kept = await names["send_to_provider"](session)
        profile = await names["come_back"](session, kept, await simulator.approve(url))
        assert profile.name == "Ada"
        assert "screen_name" in capsys.readouterr().out
        simulator.serve("/1.1/statuses/home_timeline.json", [{"id": 1}])
        token = simulator.issue_token().to_mapping()
        assert await names["timeline"](session, token) == [{"id": 1}]


async def test_oauth2_looks_the_same(monkeypatch, capsys):
    async with Simulator("github") as simulator, aiohttp.ClientSession() as session:
        monkeypatch.setattr(oauthreg, "Registry", simulator.registry)
        names = {}
        exec(blocks("python")[0].replace('"twitter"', '"github"'), names)
        url, kept = await names["send_to_provider"](session)
        assert (await names["come_back"](session, kept, await simulator.approve(url))).sub
        assert "access_token" in capsys.readouterr().out


async def test_a_login_at_any_openid_provider(monkeypatch):
    login, openid = blocks("python")[:2]
    async with Simulator("openid-connect") as simulator, aiohttp.ClientSession() as session:
        monkeypatch.setattr(oauthreg, "Registry", simulator.registry)
        names = {}
        exec(login.replace('"twitter"', '"openid-connect"') + openid, names)
        kept = await names["log_in_anywhere"](session, simulator.variables["issuer"])
        pending = oauthreg.PendingLogin.from_json(kept)
        profile = await names["come_back"](session, kept, await simulator.approve(pending.url))
        assert profile.email_verified
        place = simulator.provider.endpoints["discovery"].partition("/.well-known")[0]
        url = await names["without_definition"](session, place)
        assert url.partition("?")[0] == pending.url.partition("?")[0]


async def test_a_login_with_a_key_of_ones_own(monkeypatch):
    login, _, bound = blocks("python")[:3]
    definition = blocks("toml")[0].replace('"oauth1"', '"oauth2"').replace("request_token = ", "revoke = ")
    known = oauthreg.Registry(environ={})
    known.add(f'{definition}\n[oauth2]\ndpop = "required"\nclient_auth = "none"\n', "acme")
    async with Simulator("acme", registry=known) as simulator, aiohttp.ClientSession() as session:
        monkeypatch.setattr(oauthreg, "Registry", simulator.registry)
        names = {}
        exec(login + bound, names)
        key = names["new_key"]()
        kept = await names["bound_login"](session, "acme", key)
        callback = await simulator.approve(oauthreg.PendingLogin.from_json(kept).url)
        said = await names["bound_come_back"](session, "acme", key, kept, callback)
    assert said == f"DPoP {oauthreg.DPoPKey(key).thumbprint}"


async def test_signed_and_encrypted_messages():
    known = oauthreg.Registry(environ={})
    known.add(blocks("toml", PAGES["docs/signed-messages.md"])[0], "bank")
    async with Simulator("bank", registry=known) as simulator, aiohttp.ClientSession() as session:
        client = simulator.client(session)
        pending = await client.start(redirect_uri="https://app.example/callback")
        assert dict(parse_qsl(urlsplit(pending.url).query)).keys() == {"client_id", "response_type", "scope", "request"}
        callback = await simulator.approve(pending.url)
        assert dict(parse_qsl(urlsplit(callback).query)).keys() == {"response"}
        token = await client.finish(pending, callback)
        assert (await client.profile()).name == "Ada"
    assert token["id_token"].count(".") == 2
    assert [exchange.problem for exchange in simulator.exchanges if exchange.problem] == []


@pytest.fixture(params=["twitter", "github"])
async def web_login(request, monkeypatch, tmp_path):
    """The application of the page, and the provider that it logs in with."""
    monkeypatch.chdir(tmp_path)
    async with Simulator(request.param) as simulator:
        monkeypatch.setattr(oauthreg, "Registry", simulator.registry)
        names = {"__name__": "application"}
        exec("\n\n".join(blocks("python", PAGES["docs/web-login.md"])), names)
        async with TestClient(TestServer(names["make_app"]())) as browser:
            yield simulator, browser


async def visit(web_login, change=lambda query: query):
    """The answer to a browser that comes back with another query than the provider sent it with."""
    simulator, browser = web_login
    response = await browser.get(f"/login/{simulator.definition.name}", allow_redirects=False)
    cookie = {"Cookie": f"login={response.cookies['login'].value}"}
    came = URL(await simulator.approve(response.headers["Location"]), encoded=True)
    return await browser.get(came.relative().with_query(change(dict(came.query))), headers=cookie)


@pytest.mark.parametrize("name", ["nosuch", "facebook", "..%2Fx", "GitHub", "a" * 300])
async def test_a_web_login_at_a_provider_that_is_not_there(web_login, name, caplog):
    _, browser = web_login
    for route in ("login", "callback"):
        assert (await browser.get(URL(f"/{route}/{name}", encoded=True))).status == 404
    assert len([record for record in caplog.records if record.name == "application"]) == 2


@pytest.mark.parametrize("error", ["invalid_scope", "login_required", "access_denied", "server_error"])
async def test_a_web_login_that_the_callback_ends(web_login, error, caplog):
    def refused(query):
        kept = query.keys() - {"code", "oauth_verifier"}
        return {"error": error, **{name: query[name] for name in kept}}

    is_oauth2 = web_login[0].definition.protocol == "oauth2"
    expected = {"access_denied": 403, "server_error": 503 if is_oauth2 else 400}.get(error, 400)
    assert (await visit(web_login, refused)).status == expected
    assert (error in caplog.text) is (error != "access_denied")


@pytest.mark.parametrize("query", [{}, {"state": "x", "code": "y"}, {"oauth_token": "x", "oauth_verifier": "y"}])
async def test_a_web_login_whose_callback_is_none(web_login, query):
    assert (await visit(web_login, lambda _: query)).status == 400


@pytest.mark.parametrize("step", ["token", "identity"])
@pytest.mark.parametrize(
    ("fault", "status"),
    [(Status(503), 503), (Status(404), 502), (Half(), 502), (Body(b"<html>"), 502), (Body(b"{"), 502)],
    ids=["503", "404", "half", "page", "broken"],
)
async def test_a_web_login_that_the_provider_spoils(web_login, step, fault, status, caplog):
    simulator, _ = web_login
    simulator.fail(step, fault, times=3)
    assert (await visit(web_login)).status == status
    assert "a login failed: " in caplog.text


async def test_a_web_login_that_cannot_begin(web_login):
    simulator, browser = web_login
    simulator.fail("request_token", Status(503))
    response = await browser.get(f"/login/{simulator.definition.name}", allow_redirects=False)
    assert response.status == (503 if simulator.definition.protocol == "oauth1" else 302)


async def test_a_web_login_that_takes_too_long(web_login, monkeypatch):
    async def finish(*_, **__):
        raise TimeoutError

    for client in (oauthreg.AsyncOAuth1Client, oauthreg.AsyncOAuth2Client):
        monkeypatch.setattr(client, "finish", finish)
    assert (await visit(web_login)).status == 502


async def test_a_web_login_whose_code_is_spent(web_login):
    simulator, _ = web_login
    simulator.fail("token", Body(b'{"error": "invalid_grant"}'))
    assert (await visit(web_login)).status == (400 if simulator.definition.protocol == "oauth2" else 502)


async def test_web_logins_share_no_cookies(web_login):
    """What an API sets for one user goes with nobody else's request."""
    assert (await visit(web_login)).status == 200
    _, browser = web_login
    session = next(value for value in browser.app.values() if isinstance(value, aiohttp.ClientSession))
    assert isinstance(session.cookie_jar, aiohttp.DummyCookieJar)


async def test_stores_are_shared_by_sessions_without_cookies(monkeypatch):
    names, jars = {}, []
    exec("\n\n".join(blocks("python", PAGES["docs/token-stores.md"])[:1]), names)
    made = names["new_session"]
    names["new_session"] = lambda: jars.append((session := made()).cookie_jar) or session
    async with Simulator("github") as simulator:
        monkeypatch.setattr(oauthreg, "Registry", simulator.registry)
        await names["log_in"]("ada", oauthreg.MemoryStore())
    assert [type(jar) for jar in jars] == [aiohttp.DummyCookieJar]


async def test_logging_out(monkeypatch):
    names, store = {}, oauthreg.MemoryStore()
    exec("\n\n".join(blocks("python", PAGES["docs/logout.md"])), names)
    async with (
        Simulator("openid-connect", redirect_uris=["https://app.example/cb", "https://app.example/bye"]) as simulator,
        aiohttp.ClientSession() as session,
    ):
        registry = simulator.registry(store=store)
        client = registry.client("openid-connect", session)
        for ends_here in (True, False):
            simulator.fail("token", OtherClaims({"sid": "s1"}))
            pending = await client.start(redirect_uri="https://app.example/cb")
            await client.finish(pending, await simulator.approve(pending.url))
            profile = await client.profile()
            account = profile.sub
            assert names["session_id"](profile) == "s1"
            await registry.client("openid-connect", session, token=client.token).keep_token(account)
            if ends_here:
                url, state = await names["log_out"](session, registry, account)
                names["come_back"](await simulator.approve(url), state)
            else:
                assert (await tell(names, client, store, simulator.logout_token(nonce="x"))).status == 400
                assert len([key async for key in store.token_keys()]) == 1
                assert (await tell(names, client, store, simulator.logout_token())).status == 200
            assert [key async for key in store.token_keys()] == []


async def tell(names, client, store, logout_token):
    """The answer to a provider that posts a logout token."""
    request = make_mocked_request("POST", "/told")
    request._post = {"logout_token": logout_token}
    return await names["told_of_logout"](request, client, store)


class NonceStore:
    """What a test shares instead of processes."""

    def __init__(self):
        self.kept = {}

    async def add(self, key, seconds):
        is_new = key not in self.kept
        self.kept[key] = seconds
        return is_new


async def test_receiving_signed_requests(clock):
    names = {"__name__": "server"}
    exec("\n\n".join(blocks("python", PAGES["docs/receiving-requests.md"])), names)
    names["time"] = SimpleNamespace(time=clock, monotonic=clock)
    origin, secrets = names["ORIGIN"], ("client-id", "client-secret")
    user = {"token": "token", "token_secret": "token-secret"}
    url, form = f"{origin}/items/a%2Fb%7e?x=y+z&c=%C3%BC", "user_id=Ada+L&lti_message_type=basic-lti-launch-request"

    def signed(*secrets, method="HMAC-SHA1", **options):
        return oauthreg.Signer(method, *secrets, clock=clock, **options).authorization("GET", url)

    async with TestServer(names["make_app"]()) as server, aiohttp.ClientSession() as session:

        async def get(header):
            there = URL(url.replace(origin, str(server.make_url("/"))[:-1]), encoded=True)
            async with session.get(there, headers={"Authorization": header}) as response:
                return response.status, await response.json()

        header = signed(*secrets, **user)
        assert await get(header) == (200, {"item": "a/b~", "client": "client-id"})
        assert await get(header) == (401, {"error": "nonce-used"})
        late = signed(*secrets, **user)
        clock.advance(2 * names["WINDOW"] + 1)
        assert await get(late) == (401, {"error": "timestamp-out-of-window"})
        assert (await get(signed(*secrets, **user)))[0] == 200
        assert await get(signed("other", "client-secret")) == (401, {"error": "unknown-client"})
        assert await get(signed("client-id", "other", **user)) == (401, {"error": "invalid-signature"})
        assert await get(signed(*secrets, method="PLAINTEXT")) == (401, {"error": "refused-signature-method"})

        sent = oauthreg.Signer("HMAC-SHA1", *secrets, clock=clock).parameters(
            "POST", f"{origin}/launch", form, "application/x-www-form-urlencoded"
        )
        for user_id, status in (("Eve", 401), ("Ada L", 200), ("Ada L", 401)):
            fields = {**dict(parse_qsl(form)), **dict(sent), "user_id": user_id}
            async with session.post(server.make_url("/launch"), data=fields) as response:
                assert response.status == status
                assert (await response.text() == "Welcome, Ada L!") is (status == 200)

    store = NonceStore()
    proven = oauthreg.verify(
        "GET", url, authorization=header, client_secret="client-secret", token_secret="token-secret"
    )
    assert [await names["comes_again"](proven, store) for _ in range(2)] == [False, True]
    assert [*store.kept.values()] == [600]


def test_signing_by_hand(engine):
    exec(blocks("python")[4], {"oauthreg": oauthreg})


async def test_the_definition_of_the_readme_logs_in(tmp_path):
    path = tmp_path / "acme.toml"
    path.write_text(blocks("toml")[0])
    registry = oauthreg.Registry(paths=[tmp_path])
    async with Simulator(registry.definition("acme")) as simulator, aiohttp.ClientSession() as session:
        client = simulator.client(session)
        pending = await client.start(redirect_uri="https://app.example/callback")
        await client.finish(pending, await simulator.approve(pending.url))
        assert (await client.profile()).email == "ada@example.org"


async def test_the_test_of_the_readme_passes():
    names = {"aiohttp": aiohttp}
    exec(blocks("python")[5], names)
    await names["test_log_in"]()


async def test_old_code_runs_after_changing_the_import(capsys):
    async with Simulator("twitter") as simulator:
        source = blocks("python")[6]
        for name, endpoint in (("request_token", "request_token"), ("authorize", "authorize")):
            source = source.replace(f"https://api.example.com/oauth/{name}", simulator.provider.endpoints[endpoint])
        credentials = simulator.credentials
        source = source.replace('"client-id"', repr(credentials.client_id))
        source = source.replace('"client-secret"', repr(credentials.client_secret))
        names = {"aiohttp": aiohttp}
        exec(source, names)
        await names["old_code"]()
    assert "oauth_token=" in capsys.readouterr().out


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([\w./-]+)\)", README))))
def test_links_lead_somewhere(path):
    assert (ROOT / path).exists()


@pytest.mark.parametrize("page", PAGES)
def test_files_are_what_is_checked(page):
    for given in re.findall(r"`oauthreg check ([^`-]\S*)`", PAGES[page]):
        assert given.endswith((".toml", "/"))


@pytest.mark.parametrize("path", sorted((ROOT / "tests/vectors").iterdir()), ids=lambda path: path.name)
def test_the_tests_readme_lists_every_file_of_vectors(path):
    assert f"| `{path.name}` |" in PAGES["tests/README.md"]


def test_the_tests_mirror_the_package():
    package = ROOT / "python/oauthreg"
    for path in package.glob("*/**/__init__.py"):
        place = ROOT / "tests" / path.parent.relative_to(package)
        assert place.is_dir() or place.with_name(f"test_{place.name}.py").exists(), path


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:\w+/)+[\w.]*)`", ARCHITECTURE))))
def test_the_rooms_that_architecture_names_exist(path):
    places = [ROOT, ROOT / "python/oauthreg"]
    assert any((place / path).exists() for place in places)


def test_the_floors_picture_shows_every_module():
    picture = ARCHITECTURE.split("```")[1]
    for path in (ROOT / "python/oauthreg").iterdir():
        if path.suffix == ".py" or (path.is_dir() and (path / "__init__.py").exists()):
            assert path.name in picture, path.name


def test_refused_synonyms_of_the_glossary_are_not_class_names():
    refused = {"manager", "factory", "adapter", "connector", "backend", "strategy", "helper", "utils", "mock"}
    for path in (ROOT / "python/oauthreg").rglob("*.py"):
        assert path.stem not in refused
        for name in re.findall(r"^class (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            words = {word.lower() for word in re.findall(r"[A-Z][a-z]+", name)}
            assert not words & refused, name
