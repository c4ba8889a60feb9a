"""The simulator over the wire: every bundled definition, in both engines, and what goes wrong on demand."""

import asyncio
import logging
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import test_utils, web
from yarl import URL

from oauthreg import Registry
from oauthreg.errors import (
    AccessDeniedError,
    MalformedResponseError,
    MissingCredentialError,
    OAuthError,
    ReauthorizationRequired,
    UsageError,
)
from oauthreg.login import PendingLogin
from oauthreg.origins import parse_origin
from oauthreg.simulator import (
    Body,
    ContentType,
    Credentials,
    Half,
    Missing,
    Simulator,
    Slow,
    Status,
)
from oauthreg.token import OAuth1Token

CALLBACK = "https://app.example/callback?next=%2Fhome"
KNOWN = Registry(environ={})
NAMES = [
    name
    for name in KNOWN.names()
    if (known := KNOWN.definition(name)).protocol == "oauth1" and known.status not in ("dead", "unsupported")
]
PLAIN = """
schema = 1
title = "Acme"
protocol = "oauth1"

[endpoints]
request_token = "https://api.example.com/oauth/request_token"
authorize = "https://www.example.com/oauth/authorize?ui=1"
token = "https://api.example.com/oauth/access_token"
userinfo = "https://api.example.com/1/me"
api_base = "https://api.example.com/1/"

[oauth1]
session_handle = true

[claims]
sub = "id"

[[example]]
userinfo = { id = "12" }
token = { oauth_token = "at", oauth_token_secret = "ts", user_id = "12" }
claims = { sub = "12" }
"""


@pytest.fixture
async def acme(clock):
    registry = Registry(environ={})
    registry.add(PLAIN, "acme")
    async with Simulator("acme", registry=registry, now=clock) as simulator:
        yield simulator


def somewhere(provider):
    """A URL of the API, where the definition names its base, or else beside the endpoints."""
    base = provider.endpoints.get("api_base")
    return URL(base) / "things" if base else URL(provider.endpoints["token"]).with_path("/things").with_query(None)


async def log_in(simulator, client):
    """A login by the first way of the definition; the token."""
    flow = client.provider.oauth1.flows[0]
    if flow == "two-legged":
        await client.fetch_access_token()
        return OAuth1Token.from_mapping(client.token)
    if flow == "xauth":
        return await client.exchange_password("ada", "not a secret")
    pending = await client.start(redirect_uri=CALLBACK)
    came_back = await simulator.approve(pending.url)
    if pending.redirect_uri == "oob":
        return await client.finish(pending, verifier=came_back)
    assert came_back.startswith(CALLBACK)
    return await client.finish(pending, came_back)


def steps(simulator):
    return [(exchange.step, exchange.status) for exchange in simulator.exchanges]


# --- every definition -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
async def test_a_login_and_a_call_work_with(name, session, engine):
    async with Simulator(name) as simulator:
        client = simulator.registry().client(name, session, engine=engine.name)
        if client.provider.oauth1.flows[0] != "none":
            token = await log_in(simulator, client)
            assert token.token
            if "oauth_expires_in" in simulator.definition.token.response.fields:
                assert 3500 < token.expires_at - simulator.now() <= 3600
            if client.provider.oauth1.session_handle:
                assert (await client.refresh_token()).token != token.token
            elif "refresh" in client.provider.endpoints:
                simulator.state.expire_tokens()
                assert (await client.refresh_token()).token == token.token
            if client.provider.claims is not None:
                expected = dict(simulator.definition.example[0].claims)
                found = (await client.profile()).to_dict()
                if found["sub"] == client.token["oauth_token"]:
                    found["sub"] = expected["sub"]
                assert found == expected
        url = somewhere(client.provider)
        async with client.get(url, params={"q": "a b&c"}) as response:
            assert response.status == 200
            assert (await response.json())["query"] == {"q": "a b&c"}
        async with (
            client.post(url, json={"a": 1})
            if client.provider.oauth1.body_hash
            else client.post(url, data={"a": "1"}) as response
        ):
            assert response.status == 200
        assert {exchange.problem for exchange in simulator.exchanges} == {""}
        settings, legs = client.provider.oauth1, (client.provider.request_token, client.provider.token)
        placements = {settings.placement, "query", *(leg.placement for leg in legs)}
        for exchange in simulator.exchanges:
            if exchange.signature_method:
                assert exchange.signature_method == settings.signature_methods[0]
                assert exchange.placement in placements


@pytest.mark.parametrize("name", NAMES)
async def test_a_person_who_refuses_is_understood_with(name, session):
    async with Simulator(name) as simulator:
        client = simulator.client(session)
        if "three-legged" not in client.provider.oauth1.flows:
            with pytest.raises(UsageError, match="no login"):
                await client.start(redirect_uri=CALLBACK)
            return
        pending = await client.start(redirect_uri=CALLBACK)
        callback = await simulator.deny(pending.url)
        if callback is None:
            assert client.provider.callback.errors == () or pending.redirect_uri == "oob"
            return
        with pytest.raises(AccessDeniedError):
            await client.finish(pending, callback)


@pytest.mark.parametrize("name", NAMES)
async def test_a_wrong_key_is_refused_with(name, session):
    async with Simulator(name) as simulator, Simulator(name) as other:
        wrong = {"client_secret": "wrong"}
        if simulator.credentials.private_key is not None:
            wrong = {"private_key": other.credentials.private_key}
        bearer = simulator.provider.oauth1.bearer
        token = simulator.issue_token().to_mapping() | ({bearer: "wrong"} if bearer else {})
        client = simulator.client(session, token=token, **wrong)
        async with client.get(somewhere(client.provider)) as response:
            await response.read()
        assert simulator.exchanges[-1].problem == ("token_rejected" if bearer else "signature_invalid")
        if "three-legged" in client.provider.oauth1.flows:
            with pytest.raises((OAuthError, MalformedResponseError)):
                await client.start(redirect_uri=CALLBACK)
            assert simulator.exchanges[-1].problem == "signature_invalid"


@pytest.mark.parametrize("name", NAMES)
async def test_a_request_that_is_sent_twice_is_refused_with(name, session):
    async with Simulator(name) as simulator:
        client = simulator.client(session, token=simulator.issue_token())
        url = str(somewhere(client.provider))
        signed = client.auth.authenticate("GET", url, None, None)
        headers = {**dict(client.provider.api_headers), **dict(signed.headers)}
        for _ in range(2):
            async with session.get(URL(signed.url or url, encoded=True), headers=headers) as response:
                await response.read()
        once = "" if client.provider.oauth1.bearer else "nonce_used"
        assert [exchange.problem for exchange in simulator.exchanges] == ["", once]


# --- where it listens -----------------------------------------------------------------------------------------------


async def test_each_host_is_a_port_of_its_own_on_loopback(acme):
    endpoints = acme.provider.endpoints
    origins = {name: parse_origin(url) for name, url in endpoints.items()}
    assert {host for _, host, _ in origins.values()} == {"127.0.0.1"}
    assert origins["authorize"] != origins["token"] == origins["request_token"] == origins["api_base"]
    assert [urlsplit(url)[2:4] for url in endpoints.values()] == [
        ("/oauth/request_token", ""),
        ("/oauth/authorize", "ui=1"),
        ("/oauth/access_token", ""),
        ("/1/me", ""),
        ("/1/", ""),
    ]


async def test_nothing_listens_after_the_end(session):
    async with Simulator("flickr") as simulator:
        urls = set(simulator.provider.endpoints.values())
    for url in urls:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(url)
    with pytest.raises(UsageError, match="not running"):
        _ = simulator.provider


async def test_a_call_under_way_does_not_hold_up_the_end(session):
    async with Simulator("twitter") as simulator:
        simulator.fail("api", Slow(3600))
        client = simulator.client(session, token=simulator.issue_token())
        call = asyncio.ensure_future(read(client, "slow"))
        while not simulator.exchanges:  # noqa: ASYNC110 - the provider has no event for it
            await asyncio.sleep(0)
    with pytest.raises(aiohttp.ClientError):
        await call


async def test_it_can_be_used_again(session):
    simulator = Simulator("twitter")
    for _ in range(2):
        async with simulator:
            assert (await log_in(simulator, simulator.client(session))).token


async def read(client, path):
    async with client.get(path) as response:
        return response.status, await response.text()


# --- for the application --------------------------------------------------------------------------------------------


async def test_a_registry_leads_here_for_one_name_alone(acme, session):
    registry = acme.registry()
    assert registry.client("acme", session).provider == acme.provider
    assert "twitter" in registry.names()
    with pytest.raises(MissingCredentialError):
        registry.client("twitter", session)


async def test_a_login_may_end_in_another_process(acme, session):
    text = (await acme.client(session).start(redirect_uri=CALLBACK)).to_json()
    pending = PendingLogin.from_json(text)
    token = await acme.client(session).finish(pending, await acme.approve(pending.url))
    assert token.extra["user_id"] == "12"


async def test_a_person_may_carry_the_verifier_by_hand(acme, session):
    client = acme.client(session)
    pending = await client.start()
    assert (await client.finish(pending, verifier=await acme.approve(pending.url))).token


async def test_the_page_approves_by_itself_when_told(session):
    async with Simulator("twitter", auto_approve=True) as simulator:
        client = simulator.client(session)
        pending = await client.start(redirect_uri=CALLBACK)
        async with session.get(pending.url, allow_redirects=False) as page:
            await client.finish(pending, page.headers["Location"])
        refused = await client.start(redirect_uri=CALLBACK)
        with pytest.raises(AccessDeniedError):
            await client.finish(refused, await simulator.deny(refused.url))


async def test_a_page_that_refuses_is_an_error(acme, session):
    pending = await acme.client(session).start(redirect_uri=CALLBACK)
    await acme.approve(pending.url)
    with pytest.raises(UsageError, match="decided before"):
        await acme.approve(pending.url)
    with pytest.raises(UsageError, match="unknown"):
        await acme.deny(acme.provider.endpoints["authorize"])


@pytest.mark.parametrize("decide", ["approve", "deny"])
async def test_the_person_stays_at_the_provider(acme, session, decide):
    served = []

    async def see(request):
        served.append(request)
        return web.Response()

    async with test_utils.RawTestServer(see) as elsewhere:
        for url in (str(elsewhere.make_url("/authorize?password=hunter2")), "https://www.example.com/oauth/authorize"):
            with pytest.raises(UsageError, match="not at the simulated provider") as caught:
                await getattr(acme, decide)(url)
            assert caught.value.code == "foreign-origin"
            assert "pending.url" in caught.value.hint
            assert "hunter2" not in str(caught.value)
    assert served == []


@pytest.mark.parametrize("url", ["", "/oauth/authorize", "https://", "127.0.0.1"])
async def test_what_is_no_url_cannot_be_approved(acme, url):
    with pytest.raises(UsageError) as caught:
        await acme.approve(url)
    assert caught.value.code == "invalid-origin"


async def test_a_login_is_approved_by_its_url(acme, session):
    pending = await acme.client(session).start(redirect_uri=CALLBACK)
    with pytest.raises(UsageError, match="no URL: PendingLogin") as caught:
        await acme.approve(pending)
    assert "`pending.url`" in caught.value.hint


async def test_it_is_entered_once(acme):
    with pytest.raises(UsageError) as caught:
        await acme.__aenter__()
    assert caught.value.code == "simulator-running"


@pytest.mark.parametrize(
    ("definition", "options", "code"),
    [
        (None, {}, "invalid-source"),
        (Path("acme.toml"), {}, "invalid-source"),
        ("twitter", {"redirect_uris": CALLBACK}, "invalid-redirect-uris"),
    ],
)
def test_what_makes_no_provider_is_refused(definition, options, code):
    with pytest.raises(UsageError) as caught:
        Simulator(definition, **options)
    assert caught.value.code == code


async def test_a_person_who_is_sent_nowhere_is_an_error(session):
    registry = Registry(environ={})
    registry.add(PLAIN.replace("session_handle = true", 'verifier = "none"'), "acme")
    async with Simulator("acme", registry=registry) as simulator:
        pending = await simulator.client(session).start()
        with pytest.raises(UsageError) as caught:
            await simulator.approve(pending.url)
        assert caught.value.code == "no-callback"


async def test_given_credentials_and_variables_are_used(session):
    given = Credentials("my-app", "my-secret")
    async with Simulator("netsuite-tba", variables={"account": "42_RP"}, credentials=given) as simulator:
        assert simulator.provider.oauth1.realm == "42_RP"
        assert simulator.client(session).client_id == "my-app"
        assert (await log_in(simulator, simulator.client(session))).token


async def test_a_definition_can_be_handed_over(session):
    async with Simulator(Registry(environ={}).definition("tumblr")) as simulator:
        assert (await log_in(simulator, simulator.client(session))).token


async def test_a_definition_that_extends_another_is_simulated(session):
    registry = Registry(environ={})
    registry.add(PLAIN, "acme")
    registry.add('extends = "acme"\ntitle = "Sandbox"\nschema = 1\nprotocol = "oauth1"', "sandbox")
    async with Simulator("sandbox", registry=registry) as simulator:
        assert (await log_in(simulator, simulator.client(session))).token


async def test_an_environment_is_simulated(session):
    async with Simulator("mastercard", environment="sandbox") as simulator:
        client = simulator.client(session)
        assert (await read(client, "things"))[0] == 200
        assert simulator.exchanges[-1].url == "https://sandbox.api.mastercard.com/things"


async def test_documents_can_be_put_into_the_api(acme, session):
    acme.serve("/1/statuses", {"id": 7}, method="post", status=201)
    acme.serve("me/name", "Ada")
    client = acme.client(session, token=acme.issue_token())
    assert await read(client, "me/name") == (200, "Ada")
    async with client.post("statuses", data={"status": "hi"}) as response:
        assert (response.status, await response.json()) == (201, {"id": 7})


async def test_what_is_sent_twice_is_seen_twice(acme, session):
    client = acme.client(session, token=acme.issue_token())
    pairs = [("id", "1"), ("id", "2"), ("q", "x")]
    async with client.post("things", params=pairs, data=pairs) as response:
        echo = await response.json()
    assert echo["query"] == echo["form"] == {"id": ["1", "2"], "q": "x"}
    assert acme.exchanges[-1].url.endswith("/things?id=1&id=2&q=x")
    assert acme.exchanges[-1].form == "id=1&id=2&q=x"


async def test_a_client_that_waits_before_its_body_is_told_to_go_on(acme, session):
    client = acme.client(session, token=acme.issue_token())
    for _ in range(2):
        async with client.post("things", data={"q": "x"}, expect100=True) as response:
            assert (response.status, (await response.json())["form"]) == (200, {"q": "x"})


@pytest.mark.parametrize("status", [204, 205, 304])
async def test_an_answer_without_a_body_has_none(acme, session, status):
    acme.serve("/1/statuses", None, method="delete", status=status)
    client = acme.client(session, token=acme.issue_token())
    async with client.delete("statuses") as response:
        assert (response.status, await response.read()) == (status, b"")
    assert (await read(client, "things"))[0] == 200
    acme.fail("api", Status(status, "text"))
    async with client.get("things") as response:
        assert (response.status, await response.read()) == (status, b"")
    assert (await read(client, "things"))[0] == 200


async def test_a_path_below_no_base_is_refused(session):
    registry = Registry(environ={})
    registry.add(PLAIN.replace('api_base = "https://api.example.com/1/"\n', ""), "acme")
    async with Simulator("acme", registry=registry) as simulator:
        with pytest.raises(UsageError) as caught:
            simulator.serve("things", {})
        assert caught.value.code == "no-api-base"


@pytest.mark.parametrize("host", [b"a:b", b"[", b"127.0.0.1:99999"])
async def test_a_host_that_is_none_is_a_wrong_request(acme, host):
    url = urlsplit(acme.provider.endpoints["token"])
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_tokens_expire_are_renewed_and_revoked(acme, session):
    client = acme.client(session)
    await log_in(acme, client)
    acme.state.expire_tokens()
    assert (await read(client, "things"))[0] == 401
    await client.refresh_token()
    assert (await read(client, "things"))[0] == 200
    acme.state.revoke_tokens()
    assert (await read(client, "things"))[0] == 401
    with pytest.raises(ReauthorizationRequired):
        await client.refresh_token()


@pytest.mark.parametrize("name", ["vimeo", "dropbox", "osu"])
async def test_a_token_that_proves_itself_is_revoked(session, name):
    async with Simulator(name) as simulator:
        gone, kept = (simulator.issue_token().access_token for _ in range(2))
        await simulator.client(session).revoke_token(token=gone)
        statuses = []
        for token in (gone, kept):
            async with simulator.client(session, token={"access_token": token}).get("anything") as answer:
                statuses.append(answer.status)
        assert statuses == [401, 200]


async def test_a_head_request_gets_no_body(acme, session):
    client = acme.client(session, token=acme.issue_token())
    async with client.head("things") as response:
        assert (response.status, await response.read()) == (200, b"")


# --- faults ---------------------------------------------------------------------------------------------------------


async def test_a_status_comes_as_often_as_told_and_uses_nothing_up(acme, session):
    client = acme.client(session)
    pending = await client.start(redirect_uri=CALLBACK)
    callback = await acme.approve(pending.url)
    acme.fail("token", Status(503, "later", (("Retry-After", "1"),)), times=2)
    for _ in range(2):
        with pytest.raises(OAuthError) as caught:
            await client.finish(pending, callback)
        assert (caught.value.status, caught.value.headers["retry-after"]) == (503, "1")
    assert (await client.finish(pending, callback)).token


@pytest.mark.parametrize("fault", ["status", None, 503, Half])
def test_what_is_no_fault_cannot_go_wrong(fault):
    with pytest.raises(UsageError, match="no fault") as caught:
        Simulator("twitter").fail("token", fault)
    assert caught.value.code == "unknown-fault"


@pytest.mark.parametrize(
    ("step", "hint"), [("tokn", "did you mean `token`?"), ("", "known: request_token, authorize, token, ")]
)
def test_an_unknown_step_cannot_fail(step, hint):
    with pytest.raises(UsageError, match="unknown step") as caught:
        Simulator("twitter").fail(step, Status(503))
    assert caught.value.code == "unknown-step"
    assert caught.value.hint.startswith(hint)


async def test_faults_of_other_steps_wait(acme, session):
    acme.fail("refresh", Status(500))
    client = acme.client(session)
    await log_in(acme, client)
    with pytest.raises(OAuthError):
        await client.refresh_token()
    assert await client.refresh_token()


async def test_a_confirmation_can_be_missing(acme, session):
    acme.fail("request_token", Missing("oauth_callback_confirmed"))
    with pytest.raises(MalformedResponseError) as caught:
        await acme.client(session).start(redirect_uri=CALLBACK)
    assert caught.value.code == "callback-not-confirmed"


async def test_a_secret_can_be_missing(acme, session):
    acme.fail("request_token", Missing("oauth_token_secret"))
    with pytest.raises(MalformedResponseError) as caught:
        await acme.client(session).start(redirect_uri=CALLBACK)
    assert caught.value.code == "no-token-secret"


async def test_a_field_of_a_profile_can_be_missing(acme, session):
    client = acme.client(session)
    await log_in(acme, client)
    acme.fail("identity", Missing("id"))
    with pytest.raises(MalformedResponseError) as caught:
        await client.profile()
    assert caught.value.code == "missing-sub"


@pytest.mark.parametrize("label", ["text/html", "application/json; charset=latin-1", None])
async def test_a_wrong_label_changes_nothing(acme, session, label):
    client = acme.client(session)
    for step in ("request_token", "token", "identity"):
        acme.fail(step, ContentType(label))
    await log_in(acme, client)
    assert (await client.profile()).sub == "12"


async def test_another_body_is_no_answer(acme, session):
    acme.fail("request_token", Body())
    with pytest.raises(MalformedResponseError) as caught:
        await acme.client(session).start(redirect_uri=CALLBACK)
    assert caught.value.status == 200


async def test_half_an_answer_is_an_error_of_the_transport(acme, session):
    acme.fail("request_token", Half())
    with pytest.raises(aiohttp.ClientPayloadError):
        await acme.client(session).start(redirect_uri=CALLBACK)


async def test_a_slow_answer_runs_into_the_time_out(acme, session):
    client = acme.client(session, token=acme.issue_token())
    acme.fail("api", Slow(3600))
    with pytest.raises(TimeoutError):
        await client.get("things", timeout=aiohttp.ClientTimeout(total=0.05))


async def test_another_clock_shows_in_every_answer_and_is_learnt(acme, session, clock):
    acme.skew = 3600.0
    client = acme.client(session)
    await log_in(acme, client)
    assert steps(acme)[:2] == [("request_token", 401), ("request_token", 200)]
    assert acme.exchanges[0].problem == "timestamp_refused"
    assert abs(client.clock() - clock() - 3600) < 60
    async with session.get(acme.provider.endpoints["api_base"]) as response:
        assert response.headers["Date"] == "Tue, 14 Nov 2023 23:13:20 GMT"


TELLS_TIME = PLAIN.replace("[endpoints]\n", '[endpoints]\nserver_time = "https://time.example.com/now"\n')


@pytest.mark.parametrize(
    "table",
    [
        "",
        '[server_time]\nkind = "absolute_ms"\n',
        '[server_time]\nkind = "iso8601"\n',
        '[server_time]\npath = "timestamp"\n',
        '[server_time]\npath = "data[1].now"\nkind = "iso8601"\n',
        '[server_time]\npath = "time"\nformat = "form"\n',
        '[server_time]\npath = "answer.time"\nformat = "xml"\nkind = "absolute_ms"\n',
        '[server_time]\npath = "time"\nformat = "jsonp"\n',
        '[server_time]\nformat = "json"\n',
    ],
)
async def test_a_provider_tells_its_time_as_its_definition_says(table, session, clock):
    registry = Registry(environ={})
    registry.add(TELLS_TIME + table, "acme")
    async with Simulator("acme", registry=registry, now=clock) as simulator:
        simulator.skew = 3600.0
        client = simulator.client(session)
        assert parse_origin(client.provider.endpoints["server_time"]) not in client.provider.origins
        await log_in(simulator, client)
        assert steps(simulator)[:3] == [("request_token", 401), ("server_time", 200), ("request_token", 200)]
        assert abs(client.clock() - clock() - 3600) < 60
        simulator.skew = 7200.0
        assert abs(await client.fetch_server_time() - clock() - 7200) < 60


async def test_a_time_that_is_not_told_stands_in_the_refusal(session, clock):
    registry = Registry(environ={})
    registry.add(TELLS_TIME, "acme")
    async with Simulator("acme", registry=registry, now=clock) as simulator:
        simulator.skew = -3600.0
        simulator.fail("server_time", Status(503))
        client = simulator.client(session)
        await log_in(simulator, client)
        assert steps(simulator)[:3] == [("request_token", 401), ("server_time", 503), ("request_token", 200)]
        assert abs(client.clock() - clock() + 3600) < 60


# --- secrets --------------------------------------------------------------------------------------------------------


async def test_no_secret_is_shown_or_logged(acme, session, caplog):
    caplog.set_level(logging.DEBUG)
    client = acme.client(session)
    token = await log_in(acme, client)
    await client.profile()
    wrong = acme.client(session, token=token, client_secret="planted-wrong-secret")
    await read(wrong, "things?password=hunter2")
    shown = f"{acme!r} {acme.exchanges!r} {acme.credentials!r} {acme.state!r} {caplog.text}"
    secrets = [acme.credentials.client_secret, token.token, token.token_secret, "planted-wrong-secret", "hunter2"]
    secrets += [
        one for pair in acme.state._temporary.values() for one in (pair.token, pair.token_secret, pair.verifier)
    ]
    assert [secret for secret in secrets if secret in shown] == []
    assert acme.exchanges[-1].base_string.startswith("GET&")
