"""The simulator of OAuth 2.0 over the wire: every bundled definition, every grant, every proof, and what is refused."""

import asyncio
import base64
import contextlib
import json
import logging
from dataclasses import replace
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import aiohttp
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from oauthreg import Registry
from oauthreg.errors import (
    AccessDeniedError,
    ClientAuthenticationError,
    MalformedResponseError,
    OAuthError,
    ReauthorizationRequired,
    ResponseError,
    TemporarilyUnavailableError,
    TokenExpiredError,
    UsageError,
)
from oauthreg.http import AsyncAssertionClient
from oauthreg.jose import SIGNING_ALGORITHMS, generate_private_key_for, is_encrypted, sign_jwt
from oauthreg.oauth1.placement import FORM
from oauthreg.oauth2.assertion import ASSERTION_TYPE
from oauthreg.oauth2.client_auth import CLIENT_AUTH_METHODS
from oauthreg.oauth2.grants import GRANT_TYPES, GRANTS
from oauthreg.origins import parse_origin
from oauthreg.simulator import Body, Credentials, OtherClaims, Simulator, Status
from oauthreg.simulator.client_proofs import CLIENT_PROOFS
from oauthreg.simulator.grant_answers import GRANT_ANSWERS
from oauthreg.simulator.server import SimulatedRegistry

CALLBACK = "https://app.example/callback?next=%2Fhome"
KNOWN = Registry(environ={})
NAMES = [
    name
    for name in KNOWN.names()
    if KNOWN.definition(name).protocol == "oauth2" and KNOWN.definition(name).status not in ("dead", "unsupported")
]
BY_CODE = [name for name in NAMES if "authorization_code" in KNOWN.definition(name).oauth2.grants]
by_name = pytest.mark.parametrize("name", NAMES)
by_code = pytest.mark.parametrize("name", BY_CODE)

ACME = """
schema = 1
title = "Acme"
protocol = "oauth2"

[endpoints]
authorize = "https://www.example.com/authorize?ui=1"
token = "https://api.example.com/token"
device = "https://api.example.com/device"
revoke = "https://api.example.com/revoke"
introspect = "https://api.example.com/introspect"
userinfo = "https://api.example.com/me"
api_base = "https://api.example.com/1/"

[claims]
sub = "id"

[[example]]
userinfo = { id = "12" }
claims = { sub = "12" }
"""
FETCHED_NONCE = """
[app_token]
url = "https://api.example.com/nonce"
params = { action = "getnonce" }
rename = { client_secret = "" }
response.fields = { access_token = "body.nonce" }

[app_token.sign]
algorithm = "hmac-sha256"
over = "{param:action},{client_id},{timestamp}"
parameter = "signature"
timestamp = "timestamp"

[token]
params = { action = "requesttoken", nonce = "{app_token:access_token}" }
rename = { client_secret = "" }
sign = { algorithm = "hmac-sha256", over = "{param:action},{client_id},{param:nonce}", parameter = "signature" }

[oauth2]
client_auth = "client_secret_post"
"""
"""A nonce that is fetched first by a signed request, and signed with the token request."""
EXCHANGE = {"grant_type": GRANT_TYPES["token_exchange"]}
ALL_GRANTS = f"[oauth2]\ngrants = {list(GRANTS)}\n"


@pytest.fixture
async def make_acme(clock):
    """Starts a simulated Acme whose definition says more."""
    started = []

    async def make(more="", text=ACME, **options):
        registry = Registry(environ={})
        registry.add(text + more, "acme")
        simulator = Simulator("acme", registry=registry, now=clock, **options)
        started.append(await simulator.__aenter__())
        return simulator

    yield make
    for simulator in started:
        await simulator.__aexit__(None, None, None)


async def log_in(simulator, client):
    """A token by the definition's first grant."""
    if simulator.definition.oauth2.grants[0] == "authorization_code":
        pending = await client.start(redirect_uri=CALLBACK)
        return await client.finish(pending, await simulator.approve(pending.url))
    return await client.fetch_token()


def in_another_process(simulator, session, **options):
    """A client that knows nothing of what others did."""
    return SimulatedRegistry(simulator).client(simulator.definition.name, session, **options)


def basic(credentials):
    return {"Authorization": aiohttp.encode_basic_auth(credentials.client_id, credentials.client_secret)}


def stated(text):
    """The claims of a JWT, whoever signed it."""
    segment = text.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


def problems(simulator):
    return [(exchange.step, exchange.problem, exchange.advice) for exchange in simulator.exchanges if exchange.problem]


def steps(simulator):
    return [exchange.step for exchange in simulator.exchanges]


def api_url(simulator):
    known = simulator.provider
    has_base = known.api_base is not None or "api_base" in known.endpoints
    return "things" if has_base else f"{known.endpoints['token'].partition('?')[0]}/things"


# --- every definition -----------------------------------------------------------------------------------------------


@by_name
async def test_a_login_a_renewal_and_a_call_work_with(name, session):
    async with Simulator(name) as simulator:
        client = simulator.client(session)
        token = await log_in(simulator, client)
        assert token.access_token
        if token.refresh_token:
            assert (await client.refresh_token()).access_token != token.access_token
        if simulator.definition.claims:
            assert (await client.profile()).to_dict() == simulator.definition.example[0].claims
        if simulator.provider.token_placement.kind != "none":
            async with client.get(api_url(simulator), params={"q": "a b&c"}) as response:
                assert (response.status, (await response.json())["query"]) == (200, {"q": "a b&c"})
        assert problems(simulator) == []


@by_code
async def test_a_renewal_tells_what_the_login_told_with(name, session):
    async with Simulator(name) as simulator:
        client = simulator.client(session)
        token = await log_in(simulator, client)
        callback = simulator.provider.callback
        told = {parameter: token[parameter] for parameter in callback.keep if parameter in callback.forward}
        if not told or not token.refresh_token:
            return
        for _ in range(2):
            await client.refresh_token()
            assert told.items() <= dict(parse_qsl(simulator.exchanges[-1].form)).items()


@pytest.mark.parametrize(
    ("name", "answer", "kind"),
    [
        ("github", b"error=incorrect_client_credentials", ClientAuthenticationError),
        ("github", b"error=bad_verification_code", ReauthorizationRequired),
        ("slack", b'{"ok": false, "error": "bad_client_secret"}', ClientAuthenticationError),
        ("slack", b'{"ok": false, "error": "invalid_code"}', ReauthorizationRequired),
        ("wechat", b'{"errcode": 40125, "errmsg": "invalid appsecret"}', ClientAuthenticationError),
        ("wechat", b'{"errcode": 40029, "errmsg": "invalid code"}', ReauthorizationRequired),
    ],
)
async def test_a_provider_s_own_error_code_is_understood(name, answer, kind, session):
    async with Simulator(name) as simulator:
        client = simulator.client(session)
        pending = await client.start(redirect_uri=CALLBACK)
        came_back = await simulator.approve(pending.url)
        simulator.fail("token", Body(answer))
        with pytest.raises(kind):
            await client.finish(pending, came_back)


@by_code
async def test_a_person_who_refuses_is_understood_with(name, session):
    async with Simulator(name) as simulator:
        client = simulator.client(session)
        pending = await client.start(redirect_uri=CALLBACK)
        with pytest.raises(AccessDeniedError):
            await client.finish(pending, await simulator.deny(pending.url))


@by_code
async def test_a_code_is_good_once_with(name, session):
    async with Simulator(name) as simulator:
        client = simulator.client(session)
        pending = await client.start(redirect_uri=CALLBACK)
        came_back = await simulator.approve(pending.url)
        await client.finish(pending, came_back)
        with pytest.raises(OAuthError):
            await in_another_process(simulator, session).finish(pending, came_back)
        assert "used before" in simulator.exchanges[-1].advice


@by_code
async def test_another_login_s_verifier_is_refused_with(name, session):
    async with Simulator(name) as simulator:
        if simulator.provider.oauth2.pkce == "unsupported":
            return
        client = simulator.client(session)
        first, second = [await client.start(redirect_uri=CALLBACK) for _ in range(2)]
        came_back = await simulator.approve(first.url)
        with pytest.raises(OAuthError):
            await client.fetch_token(
                code=code_in(came_back, simulator), redirect_uri=CALLBACK, code_verifier=second.values["code_verifier"]
            )
        assert "does not fit the challenge" in simulator.exchanges[-1].advice


def code_in(came_back, simulator):
    query = urlsplit(came_back).query if "://" in came_back.partition("?")[0] else came_back
    return dict(parse_qsl(query))[simulator.provider.callback.code]


@by_name
async def test_a_token_that_nobody_issued_opens_nothing_with(name, session):
    async with Simulator(name) as simulator:
        if simulator.provider.token_placement.kind == "none":
            return
        client = simulator.client(session, token={"access_token": "made-up", "token_type": "Bearer"})
        url = f"{simulator.provider.endpoints['token'].partition('?')[0]}/things"
        with contextlib.suppress(ReauthorizationRequired):  # what some renew by the token itself
            async with client.get(url) as response:
                await response.read()
        assert simulator.exchanges[0].problem == "invalid_token"


# --- grants ---------------------------------------------------------------------------------------------------------


def test_every_grant_and_every_proof_has_its_reverse():
    assert GRANT_ANSWERS.keys() == GRANTS.keys()
    assert CLIENT_PROOFS.keys() == CLIENT_AUTH_METHODS.keys()


async def test_client_credentials_give_no_refresh_token(make_acme, session):
    simulator = await make_acme('[oauth2]\ngrants = ["client_credentials"]\n')
    client = simulator.client(session, scope=["a", "b"])
    async with client.get("things") as response:
        assert response.status == 200
    assert (client.token["scope"], "refresh_token" in client.token) == ("a b", False)
    simulator.state.expire_tokens()
    async with client.get("things") as response:
        assert response.status == 200
    assert steps(simulator) == ["token", "api", "api", "token", "api"]


async def test_a_password_is_exchanged(make_acme, session):
    simulator = await make_acme(ALL_GRANTS)
    client = simulator.client(session)
    token = await client.fetch_token(username="ada", password="p4ss word", grant_type="password")
    assert token.refresh_token
    with pytest.raises(OAuthError) as caught:
        await client.fetch_token(username="ada", password="", grant_type="password")
    assert caught.value.error == "invalid_request"
    assert "p4ss" not in "".join(exchange.form for exchange in simulator.exchanges)


async def test_a_device_login_waits_for_the_person(make_acme, session, clock):
    simulator = await make_acme(ALL_GRANTS)
    client, told = simulator.client(session), []

    async def sleep(seconds):
        clock.advance(seconds)
        if len(simulator.exchanges) >= 3:
            await simulator.approve(told[0].verification_uri_complete)

    def progress(authorization, reason, seconds):
        told.append(authorization)

    token = await client.device_login(scope=["a"], progress=progress, sleep=sleep)
    assert token.access_token
    assert steps(simulator)[:3] == ["device", "token", "token"]
    assert [problem for _, problem, _ in problems(simulator)] == ["authorization_pending"] * 2
    with pytest.raises(UsageError, match="used before"):
        await simulator.approve(told[0].verification_uri_complete)


async def test_a_device_login_ends_when_the_person_refuses(make_acme, session, clock):
    simulator = await make_acme(ALL_GRANTS)
    told = []

    async def sleep(seconds):
        clock.advance(seconds)
        await simulator.deny(told[0].verification_uri_complete)

    with pytest.raises(AccessDeniedError):
        await simulator.client(session).device_login(progress=lambda shown, *_: told.append(shown), sleep=sleep)


async def test_a_device_that_hurries_is_slowed_down_and_one_that_dawdles_is_too_late(make_acme, session, clock):
    simulator = await make_acme(ALL_GRANTS)
    waits = []

    async def sleep(seconds):
        waits.append(seconds)
        clock.advance(1 if len(waits) < 3 else 1000)

    with pytest.raises(TokenExpiredError):
        await simulator.client(session).device_login(sleep=sleep)
    assert [problem for _, problem, _ in problems(simulator)] == ["authorization_pending", "slow_down", "expired_token"]
    assert waits[2] > waits[1]


async def test_the_device_page_asks_for_the_code(make_acme, session):
    simulator = await make_acme(ALL_GRANTS)
    async with session.post(
        simulator.provider.endpoints["device"],
        data={"client_id": simulator.credentials.client_id},
        headers=basic(simulator.credentials),
    ) as response:
        page = (await response.json())["verification_uri"]
    async with session.get(page) as response:
        assert "user_code" in await response.text()
    with pytest.raises(UsageError, match="no device"):
        await simulator.approve(f"{page}?user_code=WRONG")


async def test_an_assertion_is_verified_and_good_once(make_acme, session):
    simulator = await make_acme(f"{ALL_GRANTS}[assertion]\nlifetime = 60\nclaims = {{ kind = 'user' }}\n")
    client = simulator.client(session, grant_type="jwt_bearer", subject="ada")
    assert isinstance(client, AsyncAssertionClient)
    assert (await client.fetch_token()).access_token
    (form,) = [dict(parse_qsl(exchange.form)) for exchange in simulator.exchanges]
    assert form["assertion"] == "***"
    impostor = simulator.client(
        session, grant_type="jwt_bearer", private_key=generate_private_key_for("RS256"), subject="ada"
    )
    with pytest.raises(ReauthorizationRequired, match="not accepted"):
        await impostor.fetch_token()


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"claims": {"kind": "robot"}}, "kind"),
        ({"claims": {"iss": "somebody"}}, "iss"),
        ({"audience": "https://other.example"}, "aud"),
    ],
)
async def test_an_assertion_that_says_something_else_is_refused(make_acme, session, changes, advice):
    simulator = await make_acme(f"{ALL_GRANTS}[assertion]\nclaims = {{ kind = 'user' }}\n")
    client = simulator.client(session, grant_type="jwt_bearer", subject="ada", **changes)
    with pytest.raises(ReauthorizationRequired):
        await client.fetch_token()
    assert advice in simulator.exchanges[-1].advice


async def test_a_saml_assertion_is_xml(make_acme, session):
    simulator = await make_acme(ALL_GRANTS)
    client = simulator.client(session)
    assert (await client.fetch_token(grant_type="saml2_bearer", assertion="<saml:Assertion/>")).access_token
    with pytest.raises(ReauthorizationRequired):
        await client.fetch_token(grant_type="saml2_bearer", assertion="no XML")


async def test_a_token_is_exchanged(make_acme, session):
    simulator = await make_acme(ALL_GRANTS)
    client = simulator.client(session)
    first = simulator.issue_token("a b")
    made = await client.token_exchange(first["access_token"], scope="a")
    assert (made.access_token != first["access_token"], made["scope"]) == (True, "a")
    with pytest.raises(OAuthError, match="not good"):
        await client.token_exchange("unknown")


@pytest.mark.parametrize(
    ("rename", "refresh"),
    [
        ('grant_type = ""', ""),
        ('code = "assertion", grant_type = ""', 'rename = { refresh_token = "assertion" }'),
    ],
)
async def test_a_code_may_be_exchanged_by_a_grant_of_another_name(make_acme, session, rename, refresh):
    kind = GRANT_TYPES["jwt_bearer"]
    simulator = await make_acme(
        f'[token]\nparams = {{ grant_type = "{kind}" }}\nrename = {{ {rename} }}\n[refresh]\n{refresh}\n'
    )
    client = simulator.client(session)
    assert (await log_in(simulator, client)).access_token
    await client.refresh_token()
    assert (steps(simulator)[-2:], problems(simulator)) == (["token", "refresh"], [])


async def test_a_grant_that_the_definition_does_not_name_is_refused(make_acme, session):
    simulator = await make_acme()
    with pytest.raises(OAuthError) as caught:
        await simulator.client(session).fetch_token(grant_type="saml2_bearer", assertion="<saml:Assertion/>")
    assert caught.value.error == "unsupported_grant_type"


# --- token life -----------------------------------------------------------------------------------------------------


async def test_a_refresh_token_that_is_used_twice_ends_the_whole_family(make_acme, session):
    simulator = await make_acme()
    client = simulator.client(session)
    first = await log_in(simulator, client)
    second = await client.refresh_token()
    assert second.refresh_token != first.refresh_token
    thief = in_another_process(simulator, session, token=first)
    with pytest.raises(ReauthorizationRequired):
        await thief.refresh_token()
    with pytest.raises(ReauthorizationRequired):
        await client.refresh_token()
    async with session.get(
        f"{simulator.provider.endpoints['api_base']}x", headers={"Authorization": f"Bearer {second.access_token}"}
    ) as response:
        assert response.status == 401
        assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


async def test_refresh_tokens_need_not_rotate(make_acme, session):
    simulator = await make_acme()
    simulator.state.rotates = False
    client = simulator.client(session)
    first = await log_in(simulator, client)
    for _ in range(2):
        assert (await client.refresh_token()).refresh_token == first.refresh_token


async def test_a_renewal_may_ask_for_less_and_not_for_more(make_acme, session):
    simulator = await make_acme()
    client = simulator.client(session)
    pending = await client.start(redirect_uri=CALLBACK, scope=["a", "b"])
    await client.finish(pending, await simulator.approve(pending.url))
    assert (await client.refresh_token(scope="a"))["scope"] == "a"
    with pytest.raises(OAuthError) as caught:
        await client.refresh_token(scope="a c")
    assert caught.value.error == "invalid_scope"


async def test_a_token_ends_with_its_lifetime(make_acme, session, clock):
    simulator = await make_acme()
    simulator.state.lifetime = 100
    client = simulator.client(session)
    token = await log_in(simulator, client)
    assert token["expires_in"] == 100
    clock.advance(101)
    async with client.get("things") as response:
        assert response.status == 200
    assert steps(simulator)[-2:] == ["refresh", "api"]


async def test_a_code_ends_after_a_minute_and_when_it_is_used_twice_its_tokens_do(make_acme, session, clock):
    simulator = await make_acme()
    client = simulator.client(session)
    pending = await client.start(redirect_uri=CALLBACK)
    came_back = await simulator.approve(pending.url)
    token = await client.finish(pending, came_back)
    fields = {"grant_type": "authorization_code", "code": parse_qs(urlsplit(came_back).query)["code"][0]}
    url, headers = simulator.provider.endpoints["token"], basic(simulator.credentials)
    async with session.post(url, data=fields, headers=headers) as response:
        assert (response.status, (await response.json())["error"]) == (400, "invalid_grant")
    assert simulator.state.find(token.access_token, clock()) is None
    late = await client.start(redirect_uri=CALLBACK)
    came_back = await simulator.approve(late.url)
    clock.advance(61)
    with pytest.raises(ReauthorizationRequired, match="expired"):
        await client.finish(late, came_back)


async def test_revocation_and_introspection(make_acme, session):
    simulator = await make_acme()
    client = simulator.client(session)
    token = await log_in(simulator, client)
    told = await client.introspect_token()
    assert (told["active"], told["client_id"]) == (True, simulator.credentials.client_id)
    await client.revoke_token(token=token.access_token, token_type_hint="access_token")
    assert await client.introspect_token(token=token.access_token) == {"active": False}
    await client.revoke_token(token=token.refresh_token, token_type_hint="refresh_token")
    with pytest.raises(ReauthorizationRequired, match="revoked"):
        await in_another_process(simulator, session, token=token).refresh_token()
    await client.revoke_token(token="unknown")


async def test_a_token_may_end_the_path_of_what_is_asked_about_it(make_acme, session, caplog):
    caplog.set_level(logging.DEBUG)
    simulator = await make_acme(
        '[introspect]\nmethod = "GET"\npath_parameter = "token"\nrename = { client_id = "", client_secret = "" }\n'
        '[revoke]\nmethod = "DELETE"\npath_parameter = "token"\n'
    )
    client = simulator.client(session)
    token = await log_in(simulator, client)
    assert (await client.introspect_token())["active"]
    await client.revoke_token(token=token.access_token)
    assert await client.introspect_token(token=token.access_token) == {"active": False}
    paths = [urlsplit(exchange.url).path for exchange in simulator.exchanges][-3:]
    assert paths == ["/introspect/***", "/revoke/***", "/introspect/***"]
    simulator.fail("introspect", Status(404))
    with pytest.raises(MalformedResponseError) as refused:
        await client.introspect_token(token=token.access_token)
    assert token.access_token not in f"{refused.value}{caplog.text}"


async def test_a_token_says_what_must_be_told_when_it_is_given_up(make_acme, session):
    simulator = await make_acme(
        '[revoke]\nrename = { token = "" }\nparams = { account = "{token:account}", key = "{token:access_token}" }\n',
        ACME.replace("[[example]]\n", '[[example]]\ntoken = { account = "a1" }\n'),
    )
    client = simulator.client(session)
    token = await log_in(simulator, client)
    await client.revoke_token(token=token.access_token)
    assert "account=a1" in simulator.exchanges[-1].form
    assert problems(simulator) == []
    assert await client.introspect_token(token=token.access_token) == {"active": False}


async def test_the_person_is_logged_out(make_acme, session):
    text = ACME.replace("[endpoints]\n", '[endpoints]\nend_session = "https://www.example.com/out?ui=1"\n').replace(
        'userinfo = { id = "12" }', 'userinfo = { id = "12" }\nid_token = { sub = "12" }'
    )
    text = text.replace('sub = "id"', 'sub = "id_token:sub"') + '[oauth2]\nissuer = "https://acme.example"\n'
    more = '[end_session]\nparams = { app = "{client_id}" }\nrename = { post_logout_redirect_uri = "to" }\n'
    simulator = await make_acme(more, text, redirect_uris=[CALLBACK, "https://app.example/bye"])
    client = simulator.client(session, redirect_uri=CALLBACK)
    with pytest.raises(UsageError, match="none of this provider's"):
        await simulator.approve(client.create_logout_url(id_token_hint="x.y.z"))
    assert await simulator.approve(client.create_logout_url()) == ""
    token = await log_in(simulator, client)
    url = client.create_logout_url("https://app.example/bye", state="s 1", ui_locales="de")
    query = dict(parse_qsl(urlsplit(url).query))
    assert query == {
        "ui": "1",
        "client_id": simulator.credentials.client_id,
        "id_token_hint": token.id_token,
        "to": "https://app.example/bye",
        "state": "s 1",
        "app": simulator.credentials.client_id,
        "ui_locales": "de",
    }
    assert await simulator.approve(url) == "https://app.example/bye?state=s%201"
    with pytest.raises(UsageError, match="not one of those"):
        await simulator.approve(client.create_logout_url("https://evil.example/"))
    with pytest.raises(UsageError, match="`end_session`"):
        (await make_acme()).client(session).create_logout_url()


async def test_a_provider_tells_of_sessions_that_ended(session, make_acme):
    async with Simulator("openid-connect") as simulator:
        client = simulator.client(session, redirect_uri=CALLBACK)
        token = await log_in(simulator, client)
        sub = (await client.profile()).sub
        ended = await client.check_logout_token(simulator.logout_token(sid="s1"))
        assert (ended.sub, ended.sid, ended.iss) == (sub, "s1", simulator.provider.oauth2.issuer or ended.iss)
        assert (await client.check_logout_token(simulator.logout_token(sub=None, sid="s2"))).sub is None
        with pytest.raises(ResponseError) as refused:
            await client.check_logout_token(simulator.logout_token(nonce="n"))
        assert refused.value.code == "logout-token-nonce"
        assert token.id_token != simulator.logout_token()
    with pytest.raises(UsageError, match="logout tokens"):
        (await make_acme()).logout_token()


@pytest.mark.parametrize("algorithm", ["HS384", "ES256", "RS256", "EdDSA"])
async def test_an_id_token_is_signed_as_the_definition_says(make_acme, session, algorithm):
    text = ACME.replace('userinfo = { id = "12" }', 'userinfo = { id = "12" }\nid_token = { sub = "12" }')
    text = text.replace('sub = "id"', 'sub = "id_token:sub"') + '[oauth2]\nissuer = "https://acme.example"\n'
    simulator = await make_acme(f'[identity.id_token]\nalgorithms = ["{algorithm}", "PS256"]\n', text)
    client = simulator.client(session)
    await log_in(simulator, client)
    assert (await client.profile()).sub == "12"
    assert problems(simulator) == []


@pytest.mark.parametrize("algorithm", ["RSA-OAEP", "ECDH-ES+A256KW"])
async def test_an_id_token_is_encrypted_as_the_definition_says(make_acme, session, algorithm):
    text = ACME.replace('userinfo = { id = "12" }', 'userinfo = { id = "12" }\nid_token = { sub = "12" }')
    text = text.replace('sub = "id"', 'sub = "id_token:sub"') + '[oauth2]\nissuer = "https://acme.example"\n'
    simulator = await make_acme(f'[identity.id_token]\nencryption = ["{algorithm}"]\n', text)
    client = simulator.client(session)
    token = await log_in(simulator, client)
    assert (await client.profile()).sub == "12"
    assert token.id_token in simulator.state.id_tokens
    assert is_encrypted(simulator.logout_token())
    assert problems(simulator) == []


async def test_an_access_token_may_be_the_id_token_as_well(make_acme, session):
    text = ACME.replace('userinfo = { id = "12" }', 'userinfo = { id = "12" }\nid_token = { sub = "12" }')
    text = text.replace('sub = "id"', 'sub = "id_token:sub"') + '[oauth2]\nissuer = "https://acme.example"\n'
    simulator = await make_acme('[token.response]\nfields = { id_token = "access_token" }\n', text)
    client = simulator.client(session)
    first = await log_in(simulator, client)
    second = await client.refresh_token()
    assert first.access_token == first.id_token != second.access_token == second.id_token
    assert (await client.profile()).sub == "12"
    assert (await client.introspect_token())["active"] is True
    async with client.get(api_url(simulator)) as response:
        assert response.status == 200
    await client.revoke_token()
    assert problems(simulator) == []


PUBLISHED = """discovery = "https://www.example.com/.well-known/oauth-authorization-server"
jwks = "https://keys.example.com/jwks"
registration = "https://api.example.com/register"
"""


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "PS256"])
async def test_what_a_server_publishes(make_acme, session, algorithm):
    text = ACME.replace("[endpoints]\n", f"[endpoints]\n{PUBLISHED}").replace(
        'userinfo = { id = "12" }', 'userinfo = { id = "12" }\nid_token = { sub = "12" }'
    )
    text = text.replace('sub = "id"', 'sub = "id_token:sub"') + '[oauth2]\nissuer = "https://acme.example"\n'
    simulator = await make_acme(f'[identity.id_token]\nalgorithms = ["{algorithm}"]\n', text)
    client = simulator.client(session)
    metadata = await client.fetch_server_metadata()
    assert metadata["issuer"] == "https://acme.example"
    assert metadata["token_endpoint"] == client.provider.endpoints["token"]
    assert metadata["jwks_uri"] == client.provider.endpoints["jwks"]
    keys = KeySet.import_key_set(await client.fetch_jwks(metadata["jwks_uri"]))
    token = await log_in(simulator, client)
    assert jwt.decode(token.id_token, keys, algorithms=[algorithm]).claims["sub"] == "12"
    assert [exchange.step for exchange in simulator.exchanges][:2] == ["discovery", "jwks"]
    assert parse_origin(client.provider.endpoints["jwks"]) not in client.provider.origins
    assert problems(simulator) == []


async def test_a_client_registers_itself_and_logs_in(make_acme, session):
    simulator = await make_acme(text=ACME.replace("[endpoints]\n", f"[endpoints]\n{PUBLISHED}"))
    metadata = {"redirect_uris": [CALLBACK], "client_name": "Jörg"}
    made = await simulator.client(session).register_client(metadata, initial_access_token="IAT")
    assert made.items() >= metadata.items()
    client = simulator.client(session, client_id=made["client_id"], client_secret=made["client_secret"])
    assert (await log_in(simulator, client)).access_token
    assert "IAT" not in str(simulator.exchanges)
    with pytest.raises(TypeError, match="'headers'"):
        await client.fetch_jwks(headers={})
    async with session.post(client.provider.endpoints["registration"], json=[1]) as refused:
        assert (refused.status, (await refused.json())["error"]) == (400, "invalid_client_metadata")


@pytest.mark.parametrize(
    "name", [name for name in NAMES if {"discovery", "jwks"} & KNOWN.definition(name).endpoints.model_fields_set]
)
async def test_what_a_bundled_provider_publishes(name, session):
    async with Simulator(name) as simulator:
        client = simulator.client(session)
        if "discovery" in client.provider.endpoints:
            assert (await client.fetch_server_metadata())["issuer"]
        if "jwks" in client.provider.endpoints:
            assert (await client.fetch_jwks())["keys"]
        assert problems(simulator) == []


@pytest.mark.parametrize(
    "name", [name for name in NAMES if "server_time" in KNOWN.definition(name).endpoints.model_fields_set]
)
async def test_a_bundled_provider_that_tells_its_time_puts_a_clock_right(name, session):
    async with Simulator(name) as simulator:
        simulator.skew = -3600.0
        client = simulator.client(session)
        assert (await log_in(simulator, client)).access_token
        seen = [(exchange.step, exchange.status) for exchange in simulator.exchanges]
        assert seen == [("token", 401), ("server_time", 200), ("token", 200)]
        assert abs(client.clock() - simulator.now() + 3600) < 60


async def test_an_environment_may_have_less_and_another_issuer(make_acme, session):
    text = f'{ACME}[oauth2]\nissuer = "https://acme.example"\nissuer_in_callback = true\n'
    more = '[environments.sandbox]\nwithout = ["revoke"]\nissuer = "https://sandbox.acme.example"\n'
    simulator = await make_acme(more, text, environment="sandbox")
    client = simulator.client(session)
    assert (await log_in(simulator, client)).access_token
    pending = await client.start(redirect_uri=CALLBACK)
    assert "iss=https%3A%2F%2Fsandbox.acme.example" in await simulator.approve(pending.url)
    with pytest.raises(UsageError, match="`revoke`"):
        await client.revoke_token()


async def test_a_denial_may_be_a_callback_without_a_code(make_acme, session):
    simulator = await make_acme('[callback]\ndenied = ["not code"]\n')
    client = simulator.client(session)
    pending = await client.start(redirect_uri=CALLBACK)
    with pytest.raises(AccessDeniedError):
        await client.finish(pending, await simulator.deny(pending.url))


async def test_a_renewal_that_may_be_repeated_is(make_acme, session):
    simulator = await make_acme("[oauth2]\nrefresh_repeatable = true\n")
    client = simulator.client(session)
    token = await log_in(simulator, client)
    await client.refresh_token()
    assert (
        await in_another_process(simulator, session, token=token).refresh_token()
    ).refresh_token == token.refresh_token


async def test_the_person_takes_everything_back(make_acme, session):
    simulator = await make_acme()
    client = simulator.client(session)
    await log_in(simulator, client)
    simulator.state.revoke_tokens()
    with pytest.raises(ReauthorizationRequired):
        await client.refresh_token()


async def test_many_calls_renew_once(make_acme, session):
    simulator = await make_acme()
    client = simulator.client(session)
    await log_in(simulator, client)
    simulator.state.expire_tokens()

    async def call():
        async with client.get("things") as response:
            return response.status

    assert set(await asyncio.gather(*(call() for _ in range(20)))) == {200}
    assert steps(simulator).count("refresh") == 1


async def test_faults_hit_the_step_that_they_are_meant_for(make_acme, session):
    simulator = await make_acme()
    client = simulator.client(session)
    token = await log_in(simulator, client)
    simulator.fail("refresh", Status(503))
    with pytest.raises(OAuthError) as caught:
        await client.refresh_token()
    assert caught.value.status == 503
    assert (await client.refresh_token()).access_token != token.access_token


# --- client authentication ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", CLIENT_AUTH_METHODS)
async def test_each_method_of_client_authentication_is_checked(make_acme, session, method):
    name = {"header": 'client_auth_name = "X-Secret"\n', "query": 'client_auth_name = "secret"\n'}.get(method, "")
    simulator = await make_acme(f'[oauth2]\ngrants = ["client_credentials"]\nclient_auth = "{method}"\n{name}')
    assert (await simulator.client(session).fetch_token()).access_token
    assert simulator.exchanges[-1].client_auth == method
    if method in ("none", "tls_client_auth", "self_signed_tls_client_auth"):
        wrong = simulator.client(session, client_id="somebody")
    elif simulator.credentials.private_key is None:
        wrong = simulator.client(session, client_secret="not the secret of this application")
    else:
        other = await make_acme(f'[oauth2]\nclient_auth = "{method}"\n')
        wrong = simulator.client(session, private_key=other.credentials.private_key)
    with pytest.raises(ClientAuthenticationError):
        await wrong.fetch_token()
    shown = "".join(f"{exchange.url}{exchange.form}" for exchange in simulator.exchanges)
    assert simulator.credentials.client_secret not in shown
    assert "not%20the%20secret" not in shown


@pytest.mark.parametrize("encoding", ["form", "raw"])
async def test_basic_is_read_as_the_definition_says(make_acme, session, encoding):
    more = f'[oauth2]\ngrants = ["client_credentials"]\nbasic_encoding = "{encoding}"\n'
    simulator = await make_acme(more, credentials=Credentials("app", "s3cr:et&+% ü"))
    assert (await simulator.client(session).fetch_token()).access_token
    other = "raw" if encoding == "form" else "form"
    wrong = replace(simulator.provider, oauth2=replace(simulator.provider.oauth2, basic_encoding=other))
    with pytest.raises(ClientAuthenticationError):
        await simulator.client(session, provider=wrong).fetch_token()


async def test_a_second_proof_is_one_too_many(make_acme, session):
    simulator = await make_acme('[oauth2]\ngrants = ["client_credentials"]\nclient_auth = "client_secret_post"\n')
    given = simulator.credentials
    fields = {"grant_type": "client_credentials", "client_id": given.client_id, "client_secret": given.client_secret}
    url = simulator.provider.endpoints["token"]
    for header in (basic(given), {"Authorization": "Bearer x"}):
        async with session.post(url, data=fields, headers=header) as response:
            told = await response.json()
            assert (response.status, told["error"]) == (400, "invalid_request")
            assert "proves itself twice" in told["error_description"]
    async with session.post(url, data={**fields, "client_assertion": "x.y.z"}) as response:
        assert "and by a client assertion" in (await response.json())["error_description"]
    twice = urlencode([*fields.items(), ("client_id", "b")]).encode()
    async with session.post(url, data=twice, headers={"Content-Type": FORM}) as response:
        assert (response.status, (await response.json())["error"]) == (400, "invalid_request")
    async with session.post(url, data=fields) as response:
        assert response.status == 200


async def test_a_client_assertion_is_good_once_and_not_for_long(make_acme, session):
    simulator = await make_acme(
        '[oauth2]\ngrants = ["client_credentials"]\nclient_auth = "client_secret_jwt"\nissuer = "https://acme.example"\n'
    )
    seen = []
    trace = aiohttp.TraceConfig()

    async def keep(_session, _context, params):
        seen.append(params.chunk)

    trace.on_request_chunk_sent.append(keep)
    async with aiohttp.ClientSession(trace_configs=[trace]) as traced:
        await simulator.client(traced).fetch_token()
    headers = {"Content-Type": FORM}
    async with session.post(simulator.provider.endpoints["token"], data=b"".join(seen), headers=headers) as response:
        assert (response.status, (await response.json())["error_description"]) == (
            401,
            "the client assertion was used before",
        )


# --- the authorization page -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
    ],
)
async def test_a_wrong_request_is_told_to_the_application(make_acme, session, change, error):
    simulator = await make_acme('[oauth2]\npkce = "required"\n')
    pending = await simulator.client(session).start(redirect_uri=CALLBACK)
    came_back = await simulator.approve(changed(pending.url, change))
    query = parse_qs(urlsplit(came_back).query)
    assert (query["error"], query["state"]) == ([error], [pending.values["state"]])


def changed(url, change):
    parts = urlsplit(url)
    query = {**dict(parse_qsl(parts.query)), **change}
    return parts._replace(query=urlencode({name: value for name, value in query.items() if value is not None})).geturl()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"client_id": "somebody"}, "client identifier"),
        ({"redirect_uri": "https://evil.example/"}, "not one of those"),
        ({"redirect_uri": CALLBACK + "/"}, "not one of those"),
        ({"redirect_uri": "/relative"}, "no absolute URI"),
        ({"redirect_uri": None}, None),
    ],
)
async def test_who_cannot_be_trusted_is_sent_no_answer(make_acme, session, change, said):
    simulator = await make_acme(redirect_uris=[CALLBACK])
    pending = await simulator.client(session).start(redirect_uri=CALLBACK)
    url = changed(pending.url, change)
    if said is None:
        assert (await simulator.approve(url)).startswith(CALLBACK)
        return
    with pytest.raises(UsageError, match=said):
        await simulator.approve(url)


async def test_a_redirection_uri_may_have_a_name(make_acme, session):
    simulator = await make_acme("[oauth2]\nredirect_uri_is_name = true\n", redirect_uris=[CALLBACK])
    client = simulator.client(session)
    pending = await client.start(redirect_uri="Acme-App-1")
    came_back = await simulator.approve(pending.url)
    assert came_back.startswith(CALLBACK)
    assert (await client.finish(pending, came_back)).access_token


async def test_the_redirection_uri_is_the_one_of_the_request(make_acme, session):
    simulator = await make_acme()
    client = simulator.client(session)
    pending = await client.start(redirect_uri=CALLBACK)
    came_back = await simulator.approve(pending.url)
    with pytest.raises(ReauthorizationRequired, match="redirect_uri"):
        await client.fetch_token(
            code=code_in(came_back, simulator),
            redirect_uri=f"{CALLBACK}/",
            code_verifier=pending.values["code_verifier"],
        )


async def test_the_page_approves_by_itself_when_told(make_acme, session):
    simulator = await make_acme(auto_approve=True)
    client = simulator.client(session)
    pending = await client.start(redirect_uri=CALLBACK)
    async with session.get(pending.url, allow_redirects=False) as page:
        assert (await client.finish(pending, page.headers["Location"])).access_token


async def test_an_answer_may_be_posted_and_named_by_its_issuer(make_acme, session):
    simulator = await make_acme(
        '[oauth2]\nresponse_mode = "form_post"\nissuer = "https://acme.example"\nissuer_in_callback = true\n'
    )
    client = simulator.client(session)
    pending = await client.start(redirect_uri=CALLBACK)
    came_back = await simulator.approve(pending.url)
    assert dict(parse_qsl(came_back))["iss"] == "https://acme.example"
    assert (await client.finish(pending, came_back)).access_token
    refused = await client.start(redirect_uri=CALLBACK)
    with pytest.raises(AccessDeniedError):
        await client.finish(refused, await simulator.deny(refused.url))


@pytest.mark.parametrize("name", ["state", "scope", "client_id", "redirect_uri", "prompt", "resource"])
async def test_no_parameter_stands_twice(make_acme, session, name):
    simulator = await make_acme('[authorize]\nparams = { prompt = "consent" }\n')
    pending = await simulator.client(session).start(redirect_uri=CALLBACK, scope=["a"], resource=["https://a.example"])
    query = dict(parse_qsl(urlsplit(pending.url).query))
    twice = f"{pending.url}&{urlencode({name: query[name]})}"
    if name in ("client_id", "redirect_uri"):
        with pytest.raises(UsageError, match=f"stands twice: {name}"):
            await simulator.approve(twice)
        return
    came_back = parse_qs(urlsplit(await simulator.approve(twice)).query)
    assert came_back.get("error") == (None if name == "resource" else ["invalid_request"])
    assert came_back["state"] == [pending.values["state"]]


@pytest.mark.parametrize(
    ("settings", "challenge"),
    [
        ("", "x"),
        ("", "x" * 44),
        ("", "=" * 43),
        ('pkce_encoding = "hex"', "x" * 64),
        ('pkce_encoding = "hex"', "a" * 63),
        ('pkce_method = "plain"', "x" * 42),
        ('pkce_method = "plain"', "/" * 43),
    ],
)
async def test_a_challenge_that_is_none_is_refused(make_acme, session, settings, challenge):
    simulator = await make_acme(f"[oauth2]\n{settings}\n")
    pending = await simulator.client(session).start(redirect_uri=CALLBACK)
    came_back = await simulator.approve(changed(pending.url, {"code_challenge": challenge}))
    assert parse_qs(urlsplit(came_back).query)["error"] == ["invalid_request"]


@pytest.mark.parametrize(
    ("uri", "is_good"),
    [
        ("javascript:alert(1)", False),
        ("http://app.example/callback", False),
        ("myapp:/callback", False),
        ("http://127.0.0.1:8000/callback", True),
        ("http://localhost/callback", True),
        ("com.example.app:/callback", True),
    ],
)
async def test_where_no_uri_is_registered_the_person_is_sent_to_no_harm(make_acme, session, uri, is_good):
    simulator = await make_acme()
    pending = await simulator.client(session).start(redirect_uri=CALLBACK)
    url = changed(pending.url, {"redirect_uri": uri})
    if is_good:
        assert (await simulator.approve(url)).startswith(uri)
        return
    with pytest.raises(UsageError, match="cannot be used"):
        await simulator.approve(url)
    registered = await make_acme(redirect_uris=[uri])
    pending = await registered.client(session).start(redirect_uri=CALLBACK)
    assert (await registered.approve(changed(pending.url, {"redirect_uri": uri}))).startswith(uri)


async def test_a_page_without_decision_says_so(make_acme, session):
    simulator = await make_acme()
    pending = await simulator.client(session).start(redirect_uri=CALLBACK)
    async with session.post(pending.url, data={}, allow_redirects=False) as page:
        assert (page.status, "no decision" in await page.text()) == (400, True)


PUSHED = ACME.replace("[endpoints]\n", '[endpoints]\npar = "https://api.example.com/par"\n')


@pytest.mark.parametrize("more", ["", "[oauth2]\nrequire_par = true\n"])
async def test_a_request_is_pushed_first(make_acme, session, more):
    simulator = await make_acme(more, PUSHED)
    client = simulator.client(session)
    pending = await client.start(redirect_uri=CALLBACK, scope=["a"])
    assert set(dict(parse_qsl(urlsplit(pending.url).query))) == {"ui", "client_id", "request_uri"}
    token = await client.finish(pending, await simulator.approve(pending.url))
    assert token["scope"] == "a"
    assert steps(simulator) == ["par", "authorize", "authorize", "token"]
    with pytest.raises(UsageError, match="unknown, expired or used"):
        await simulator.approve(pending.url)
    if more:
        with pytest.raises(UsageError, match="pushed first"):
            client.create_authorization_url()


async def test_a_pushed_request_is_checked_and_does_not_last(make_acme, session, clock):
    simulator = await make_acme("[oauth2]\nrequire_par = true\n", PUSHED, redirect_uris=[CALLBACK])
    client = simulator.client(session)
    with pytest.raises(OAuthError, match="not one of those"):
        await client.start(redirect_uri="https://evil.example/")
    with pytest.raises(ClientAuthenticationError):
        await simulator.client(session, client_secret="not the secret").start(redirect_uri=CALLBACK)
    pending = await client.start(redirect_uri=CALLBACK)
    with pytest.raises(UsageError, match="beside a request that was pushed: scope"):
        await simulator.approve(f"{pending.url}&scope=a")
    with pytest.raises(UsageError, match="Another application"):
        await simulator.approve(changed(pending.url, {"client_id": "somebody"}))
    with pytest.raises(UsageError, match="not pushed first"):
        await simulator.approve(changed(pending.url, {"request_uri": None}))
    _, told = await ask(simulator, session, "par", client_id=simulator.credentials.client_id, request_uri="urn:x")
    assert "cannot be pushed" in told["error_description"]
    clock.advance(61)
    with pytest.raises(UsageError, match="unknown, expired or used"):
        await simulator.approve(pending.url)


# --- quirks, in reverse ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "quirk",
    [
        '[token]\nbody = "json"\nrename = { client_id = "key", code = "auth_code" }\n',
        '[token]\nmethod = "GET"\n[oauth2]\nclient_auth = "client_secret_post"\n',
        '[token]\nbody = "multipart"\nparams = { note = "a=b & é" }\n[oauth2]\nclient_auth = "client_secret_post"\n',
        '[token]\nmethod = "DELETE"\nbody = "form"\n',
        '[oauth2]\nclient_auth = "secret_as_username"\n',
        '[oauth2]\nclient_auth = "secret_as_username"\nbasic_encoding = "raw"\nsend_client_id = true\n',
        "[token.response]\nsuccess_status = [201]\n",
        '[callback]\ndenied = ["not code"]\n',
        FETCHED_NONCE,
        '[token]\nbody = "query"\nparams = { action = "get" }\nheaders = { X-Version = "1" }\n',
        '[token.response]\nroot = "data"\n[token.error]\nwhen = { path = "code", not_in = [0] }\ncode = "code"\n',
        '[token.response]\nfields = { access_token = "data.token" }\n',
        '[token.response]\nexpires_kind = "absolute_ms"\nscope_separator = ","\n[scopes]\nseparator = ","\n',
        '[token.response]\nexpires_kind = "iso8601"\nformat = "form"\n',
        '[token.response]\nexpires_kind = "relative_ms"\nformat = "jsonp"\n',
        '[token.response]\nexpires_kind = "absolute_s"\ntoken_types = { odd = "Bearer" }\n',
        "[token.response]\ndefault_expires_in = 7200\n",
        '[token_placement]\nkind = "query"\nname = "key"\n',
        '[token_placement]\nname = "X-Token"\nprefix = ""\n',
        '[callback]\ncode = "auth_code"\ndenied = ["error=no"]\n[authorize]\nrename = { state = "custom" }\n',
        '[authorize]\nrename = { client_id = "key" }\nsort_params = true\nparams = { prompt = "consent" }\n',
        '[oauth2]\npkce_method = "plain"\n',
        '[oauth2]\npkce_encoding = "hex"\n',
        '[proof]\nparameter = "proof"\n[api]\nheaders = { X-Version = "2" }\n',
        '[refresh]\nbody = "json"\nrename = { refresh_token = "again" }\n',
        '[exchange]\nurl = "https://api.example.com/x"\nparams = { short = "{token:access_token}" }\nrenews = true\n',
    ],
)
async def test_a_quirk_is_spoken_by_both_sides(make_acme, session, quirk):
    simulator = await make_acme(quirk)
    client = simulator.client(session)
    pending = await client.start(redirect_uri=CALLBACK, scope=["a", "b"])
    token = await client.finish(pending, await simulator.approve(pending.url))
    assert token["scope"] == "a b"
    assert token["expires_in"] in (3600, 7200)
    await client.refresh_token()
    assert (await client.profile()).sub == "12"
    async with client.get("things", params={"q": "1"}) as response:
        assert (response.status, (await response.json())["query"]) == (200, {"q": "1"})
    assert problems(simulator) == []
    refused = await client.start(redirect_uri=CALLBACK)
    with pytest.raises(AccessDeniedError):
        await client.finish(refused, await simulator.deny(refused.url))
    shown = "".join(f"{exchange.url}{exchange.form}{exchange.location}" for exchange in simulator.exchanges)
    assert token.access_token not in shown
    assert token.refresh_token is None or token.refresh_token not in shown


@pytest.mark.parametrize(
    "quirk",
    [
        '[token.sign]\nalgorithm = "md5"\nover = "{params}{client_secret}"\nparameter = "sig"\n',
        '[token.sign]\nalgorithm = "hmac-sha256"\nover = "{path}{timestamp}{body}"\nheader = "X-S"\ntimestamp = "T"\n',
        '[token]\nbody = "json"\n[token.sign]\nalgorithm = "sha1"\nover = "{param:code}{client_id}"\nparameter = "s"\n',
        '[token.sign]\nalgorithm = "rsa-sha256"\nover = "{params}"\nparameter = "sig"\n',
        '[api.sign]\nalgorithm = "md5"\nover = "{params}{session_secret}"\nwithout = ["token"]\nparameter = "sig"\n',
        '[api.sign]\nalgorithm = "hmac-sha1"\nover = "{access_token}"\nkey = "access_token"\nheader = "X-Sig"\n',
        '[api]\nparams = { key = "k1" }\n',
        '[app_token]\nurl = "https://api.example.com/app"\n[token]\nparams = { app = "{app_token:access_token}" }\n',
        '[authorize]\nroute = "/sign-in"\n',
        '[callback]\nforward = ["device_id"]\n',
        "[refresh.response]\nreuse_token = true\n",
        '[device.response]\nfields = { device_code = "code" }\n',
        '[revoke]\nmethod = "DELETE"\nbody = "json"\n',
        '[oauth2]\nrefresh_with = "access_token"\n[refresh]\nclient_auth = "none"\n',
        '[revoke]\nclient_auth = "client_secret_post"\nrename = { token = "access_token" }\n',
    ],
)
async def test_what_is_signed_or_sent_on_is_understood_by_both_sides(make_acme, session, quirk):
    text = (
        ACME.replace("userinfo = { id", 'callback = { device_id = "d1" }\nuserinfo = { id')
        if "forward" in quirk
        else ACME
    )
    simulator = await make_acme(quirk, text)
    client = simulator.client(session)
    await log_in(simulator, client)
    assert (await client.profile()).sub == "12"
    await client.refresh_token()
    async with client.get("things", params={"q": "1"}) as response:
        assert (response.status, (await response.json())["query"]) == (200, {"q": "1"})
    await client.revoke_token()
    assert problems(simulator) == []


@pytest.mark.parametrize("table", ["token", "api"])
async def test_a_wrong_signature_is_refused(make_acme, session, table):
    sign = 'algorithm = "hmac-sha256"\nover = "{params}"\nparameter = "sig"\n'
    simulator = await make_acme(f"[{table}.sign]\n{sign}")
    token = {"access_token": simulator.issue_token()["access_token"], "token_type": "Bearer"}
    wrong = simulator.client(session, client_secret="not the secret", token=token)
    if table == "api":
        async with wrong.get("things") as response:
            assert "signature" in (await response.json())["error_description"]
        return
    unsigned = replace(simulator.provider, token=replace(simulator.provider.token, sign=None))
    with pytest.raises(OAuthError, match="signature"):
        await log_in(simulator, simulator.client(session, provider=unsigned))


async def test_an_application_without_the_secret_gets_no_token_of_its_own(make_acme, session):
    more = '[app_token]\nurl = "https://api.example.com/app"\n[token]\nparams = { app = "{app_token:access_token}" }\n'
    simulator = await make_acme(more)
    with pytest.raises(ClientAuthenticationError):
        await log_in(simulator, simulator.client(session, client_secret="not the secret"))


async def test_a_login_is_followed_to_the_server_that_it_names(make_acme, session):
    text = ACME.replace("https://api.example.com/", "https://{host}/").replace(
        "userinfo = { id", 'callback = { server = "eu.example.com" }\nuserinfo = { id'
    )
    variable = '[variables.host]\ndefault = "api.example.com"\nfrom = "callback:server"\n'
    variable += "pattern = '(api|eu)\\.example\\.com'\n"
    simulator = await make_acme(f'{variable}[callback]\nkeep = ["server"]\n', text)
    client = simulator.client(session)
    await log_in(simulator, client)
    assert (await client.profile()).sub == "12"
    assert [urlsplit(exchange.url).hostname for exchange in simulator.exchanges][-2:] == ["eu.example.com"] * 2
    assert problems(simulator) == []


async def test_an_id_token_says_what_the_definition_expects(make_acme, session):
    text = ACME.replace('sub = "id"', 'sub = "id_token:sub"').replace(
        'userinfo = { id = "12" }', 'userinfo = { id = "12" }\nid_token = { sub = "12", tid = "t1" }'
    )
    simulator = await make_acme('[oauth2]\nissuer_template = "https://{id_token:tid}.acme.example"\n', text)
    client = simulator.client(session)
    pending = await client.start(redirect_uri=CALLBACK, scope=["openid"])
    await client.finish(pending, await simulator.approve(pending.url))
    assert (await client.profile()).sub == "12"


def test_there_is_a_key_for_every_algorithm():
    asymmetric = [name for name in SIGNING_ALGORITHMS if not name.startswith("HS")]
    for algorithm in asymmetric:
        registry = Registry(environ={})
        registry.add(
            f'{ACME}[oauth2]\nclient_auth = "private_key_jwt"\n[client_assertion]\nalgorithm = "{algorithm}"\n'.replace(
                '[client_assertion]\nalgorithm = "RS256"\n', ""
            ),
            "acme",
        )
        assert "PRIVATE KEY" in Simulator("acme", registry=registry).credentials.private_key


async def test_a_body_of_json_is_shown_as_such(make_acme, session):
    simulator = await make_acme('[token]\nbody = "json"\nrename = { code = "auth", client_id = "key" }\n')
    client = simulator.client(session)
    await log_in(simulator, client)
    sent = simulator.exchanges[-1]
    assert (sent.step, sent.form) == ("token", "")
    shown = json.loads(sent.json)
    assert (shown["grant_type"], shown["auth"]) == ("authorization_code", "***")
    async with client.post("things", json={"a": ["1", {"password": "hunter2"}]}) as response:
        assert response.status == 200
    assert json.loads(simulator.exchanges[-1].json) == {"a": ["1", {"password": "***"}]}


async def test_a_page_that_reads_behind_the_hash_is_shown_so(make_acme, session):
    simulator = await make_acme('[authorize]\nroute = "/sign-in"\n')
    pending = await simulator.client(session).start(redirect_uri=CALLBACK)
    await simulator.approve(pending.url)
    page, _, query = simulator.exchanges[-1].url.partition("#/sign-in?")
    assert page == "https://www.example.com/authorize?ui=1"
    assert dict(parse_qsl(query)) == dict(parse_qsl(pending.url.partition("#/sign-in?")[2]))


async def test_no_secret_is_shown_wherever_a_definition_puts_it(make_acme, session):
    text = ACME.replace('userinfo = "https://api.example.com/me"\n', "").replace("userinfo =", "about =")
    text = text.replace('sub = "id"', 'sub = "about:id"')
    simulator = await make_acme(
        '[credentials.key]\n[callback]\ncode = "ticket"\n[token]\nquery = { app = "{key}" }\n'
        'params = { more = "k:{key}" }\n[api]\nheaders = { X-Key = "{key}" }\n'
        '[revoke]\nrename = { token = "" }\nparams = { what = "{token:access_token}" }\n'
        '[[identity.request]]\nname = "about"\nurl = "https://api.example.com/tokens/{token:access_token}"\n',
        text,
        credentials=Credentials("app", "s3cret/of the app", None, {"key": "k3y & more"}),
    )
    client = simulator.client(session)
    token = await log_in(simulator, client)
    assert (await client.profile()).sub == "12"
    async with client.get("things", params={"k": "k3y & more", "s": "s3cret/of the app"}) as response:
        assert response.status == 200
    await client.revoke_token(token=token.access_token)
    assert steps(simulator) == ["authorize", "authorize", "token", "identity", "api", "revoke"]
    shown = [f"{sent.url} {sent.form} {sent.location}" for sent in simulator.exchanges]
    assert "&state=" in shown[1]
    assert "ticket=***" in shown[1]
    assert "more=k%3A***" in shown[2]
    assert "?app=*** " in shown[2]
    assert "/tokens/*** " in shown[3]
    assert "things?k=***&s=*** " in shown[4]
    assert "what=***" in shown[5]


async def test_a_secret_that_is_a_word_hides_no_name(make_acme, session):
    more = '[oauth2]\nclient_auth = "client_secret_post"\n'
    simulator = await make_acme(more, credentials=Credentials("app", "secret"))
    await log_in(simulator, simulator.client(session))
    assert "client_id=app&client_secret=***" in simulator.exchanges[-1].form


# --- what is refused ------------------------------------------------------------------------------------------------


async def ask(simulator, session, endpoint="token", **fields):
    """The answer to a raw request of the application, proven by Basic."""
    url, headers = simulator.provider.endpoints[endpoint], basic(simulator.credentials)
    async with session.post(url, data=fields, headers=headers) as response:
        return response.status, await response.json()


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({}, "unsupported_grant_type", "None"),
        ({"grant_type": "magic"}, "unsupported_grant_type", "magic"),
        ({"grant_type": "authorization_code"}, "invalid_request", "missing: code"),
        ({"grant_type": "authorization_code", "code": "x"}, "invalid_grant", "unknown"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant", "unknown"),
        ({"grant_type": GRANT_TYPES["device_code"], "device_code": "x"}, "invalid_grant", "unknown"),
        ({"grant_type": GRANT_TYPES["jwt_bearer"], "assertion": "x.y.z"}, "invalid_grant", "not accepted"),
        ({"grant_type": GRANT_TYPES["saml2_bearer"], "assertion": "%%%"}, "invalid_grant", "no SAML"),
        ({**EXCHANGE, "subject_token": "x", "subject_token_type": "y"}, "invalid_request", "type"),
        ({**EXCHANGE, "subject_token": "x"}, "invalid_request", "subject_token_type"),
    ],
)
async def test_a_token_request_that_cannot_be_granted(make_acme, session, fields, error, said):
    simulator = await make_acme(ALL_GRANTS)
    status, told = await ask(simulator, session, **fields)
    assert (status, told["error"]) == (400, error)
    assert said in told["error_description"]


async def test_tokens_of_others_are_exchanged_as_they_are(make_acme, session):
    simulator = await make_acme(ALL_GRANTS)
    kind = "urn:ietf:params:oauth:token-type:jwt"
    fields = {
        "grant_type": GRANT_TYPES["token_exchange"],
        "subject_token": "their.jwt.text",
        "subject_token_type": kind,
    }
    status, told = await ask(simulator, session, **fields)
    assert (status, bool(told["access_token"])) == (200, True)


@pytest.mark.parametrize(
    ("verifier", "said"),
    [(None, "missing"), ("short", "43 to 128"), ("x" * 43, "does not fit")],
)
async def test_a_verifier_that_does_not_fit(make_acme, session, verifier, said):
    simulator = await make_acme()
    pending = await simulator.client(session).start(redirect_uri=CALLBACK)
    code = code_in(await simulator.approve(pending.url), simulator)
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    _, told = await ask(simulator, session, **fields, **({"code_verifier": verifier} if verifier else {}))
    assert said in told["error_description"]


async def test_a_verifier_that_nobody_announced_is_refused(make_acme, session):
    simulator = await make_acme('[oauth2]\npkce = "unsupported"\n')
    pending = await simulator.client(session).start(redirect_uri=CALLBACK)
    code = code_in(await simulator.approve(pending.url), simulator)
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": "x" * 43}
    _, told = await ask(simulator, session, **fields)
    assert "without a challenge" in told["error_description"]


async def test_an_assertion_may_not_live_long_or_come_twice(make_acme, session):
    simulator = await make_acme(ALL_GRANTS)
    given, now, grant = simulator.credentials, int(simulator.now()), GRANT_TYPES["jwt_bearer"]
    claims = {"iss": given.client_id, "aud": simulator.provider.endpoints["token"], "iat": now, "jti": "1"}
    for times in ({"exp": now + 7200}, {"exp": now + 60, "iat": None}, {"exp": None}):
        text = sign_jwt({**claims, **times}, given.private_key, "RS256")
        _, told = await ask(simulator, session, grant_type=grant, assertion=text)
        assert "too long" in told["error_description"]
    text = sign_jwt({**claims, "exp": now + 60}, given.private_key, "RS256")
    assert (await ask(simulator, session, grant_type=grant, assertion=text))[0] == 200
    _, told = await ask(simulator, session, grant_type=grant, assertion=text)
    assert "used before" in told["error_description"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"client_assertion": None}, "missing"),
        ({"client_assertion_type": "x"}, "client_assertion_type"),
        ({"client_assertion": "x.y.z"}, "not accepted"),
        ({"aud": "https://other.example"}, "audience"),
        ({"sub": "somebody"}, "another client: `sub`"),
        ({"iss": "somebody"}, "another client: `iss`"),
        ({"sub": None}, "another client: `sub`"),
        ({"tier": "silver"}, "or has another: `tier`"),
        ({"iat": None}, "too long"),
        ({"exp": None}, "too long"),
        ({"exp": 9999}, "too long"),
        ({"exp": -9999}, "not accepted"),
    ],
)
async def test_a_client_assertion_that_is_not_accepted(make_acme, session, changes, said):
    table = '[oauth2]\ngrants = ["client_credentials"]\nclient_auth = "private_key_jwt"\n'
    simulator = await make_acme(f'{table}[client_assertion]\nclaims = {{ tier = "gold" }}\n')
    given, now = simulator.credentials, int(simulator.now())
    claims = {"iss": given.client_id, "sub": given.client_id, "aud": simulator.provider.endpoints["token"]}
    claims |= {"tier": "gold", "iat": now, "exp": 60, "jti": "1", **changes}
    claims["exp"] = None if claims["exp"] is None else now + claims["exp"]
    fields = {
        "grant_type": "client_credentials",
        "client_id": given.client_id,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": sign_jwt(claims, given.private_key, "RS256"),
        **{name: value for name, value in changes.items() if name.startswith("client_")},
    }
    fields = {name: value for name, value in fields.items() if value is not None}
    async with session.post(simulator.provider.endpoints["token"], data=fields) as response:
        told = await response.json()
    assert (response.status, told["error"]) == (401, "invalid_client")
    assert said in told["error_description"]


@pytest.mark.parametrize("header", [None, "Basic %%%", "Basic QUJD", "Basic QUJÄ", "Basic /////w==", "Bearer x"])
async def test_a_basic_header_that_proves_nothing(make_acme, session, header):
    simulator = await make_acme('[oauth2]\ngrants = ["client_credentials"]\n')
    headers = {} if header is None else {"Authorization": header}
    fields = {"grant_type": "client_credentials"}
    async with session.post(simulator.provider.endpoints["token"], data=fields, headers=headers) as response:
        assert (response.status, (await response.json())["error"]) == (401, "invalid_client")
        assert response.headers["WWW-Authenticate"].startswith("Basic ")


async def test_a_secret_in_the_wrong_place_is_refused(make_acme, session):
    simulator = await make_acme('[oauth2]\ngrants = ["client_credentials"]\n')
    secret = simulator.credentials.client_secret
    status, told = await ask(simulator, session, grant_type="client_credentials", client_secret=secret)
    assert (status, "twice" in told["error_description"]) == (400, True)
    fields = {"grant_type": "client_credentials", "client_secret": secret}
    async with session.post(simulator.provider.endpoints["token"], data=fields) as response:
        assert (response.status, (await response.json())["error"]) == (401, "invalid_client")
    posted = await make_acme('[oauth2]\ngrants = ["client_credentials"]\nclient_auth = "client_secret_post"\n')
    fields = {"grant_type": "client_credentials", "client_id": posted.credentials.client_id}
    async with session.post(posted.provider.endpoints["token"], data=fields) as response:
        assert "secret is missing" in (await response.json())["error_description"]


@pytest.mark.parametrize("name", ["client_secret", "code", "grant_type", "note"])
async def test_what_belongs_into_the_body_may_not_stand_in_the_query(make_acme, session, name):
    text = ACME.replace("com/token", "com/token?v=2")
    simulator = await make_acme('[token]\nquery = { w = "3" }\n' + ALL_GRANTS, text)
    assert (await simulator.client(session).fetch_token(grant_type="client_credentials")).access_token
    assert simulator.exchanges[-1].url.endswith("/token?v=2&w=3")
    url, headers = f"{simulator.provider.endpoints['token']}&w=3&{name}=x", basic(simulator.credentials)
    async with session.post(url, data={"grant_type": "client_credentials"}, headers=headers) as response:
        told = await response.json()
    assert (response.status, told["error"]) == (400, "invalid_request")
    assert told["error_description"].endswith(f"into the body: {name}")


@pytest.mark.parametrize("name", ["state", "nonce", "code_challenge", "response_type"])
async def test_a_token_request_has_no_parameter_of_another_request(make_acme, session, name):
    simulator = await make_acme(ALL_GRANTS)
    status, told = await ask(simulator, session, grant_type="client_credentials", **{name: "x"})
    assert (status, told["error"]) == (400, "invalid_request")
    assert told["error_description"].endswith(f"authorization request: {name}")
    simulator = await make_acme(f'[token]\nparams = {{ {name} = "x" }}\n{ALL_GRANTS}')
    assert (await ask(simulator, session, grant_type="client_credentials", **{name: "x"}))[0] == 200


async def test_requests_that_are_not_sent_as_the_definition_says(make_acme, session):
    token_leg = '[token]\nbody = "json"\nparams = { action = "get" }\n'
    simulator = await make_acme(f'{token_leg}[api]\nheaders = {{ X-Version = "2" }}\n[proof]\nparameter = "p"\n')
    url, headers = simulator.provider.endpoints["token"], basic(simulator.credentials)
    for method, body in (("GET", {}), ("POST", {"data": b"{"}), ("POST", {"json": {"action": "other"}})):
        async with session.request(method, url, headers=headers, **body) as response:
            assert (await response.json())["error"] == "invalid_request"
    token, api = simulator.issue_token(), f"{simulator.provider.endpoints['api_base']}x"
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    for sent, said in ((bearer, "X-Version"), ({**bearer, "X-Version": "2"}, "proof"), ({"X-Version": "2"}, "missing")):
        async with session.get(api, headers=sent) as response:
            assert said in (await response.json())["error_description"]


@pytest.mark.parametrize("body", [b"[" * 3000, b'{"grant_type": "\\ud800"}'])
async def test_a_body_that_cannot_be_read_is_refused_and_breaks_nothing(make_acme, session, body):
    simulator = await make_acme('[token]\nbody = "json"\n')
    headers = {"Content-Type": "application/json"}
    async with session.post(simulator.provider.endpoints["token"], data=body, headers=headers) as response:
        assert (response.status, (await response.json())["error"]) == (401, "invalid_client")


async def test_the_token_that_is_exchanged_may_stand_in_the_address(make_acme, session):
    more = '[exchange]\nurl = "https://api.example.com/long?v=2"\nquery = { key = "{token:access_token}" }\n'
    simulator = await make_acme(more)
    token = await log_in(simulator, simulator.client(session))
    assert token.access_token
    assert [exchange.step for exchange in simulator.exchanges][-2:] == ["token", "exchange"]
    async with session.post(f"{simulator.provider.exchange.url}&key=x") as response:
        assert (await response.json())["error"] == "invalid_grant"


async def test_an_exchange_needs_a_good_token_and_the_right_secret(make_acme, session):
    more = '[exchange]\nurl = "https://api.example.com/long"\nparams = { short = "{token:access_token}" }\n'
    simulator = await make_acme(more)
    url = simulator.provider.exchange.url
    token = simulator.issue_token()["access_token"]
    for fields, error in (
        ({"short": "x"}, "invalid_grant"),
        ({"short": token, "client_secret": "x"}, "invalid_client"),
    ):
        async with session.post(url, data=fields) as response:
            assert (await response.json())["error"] == error


async def test_an_identity_request_without_an_example_says_so(make_acme, session):
    text = ACME.replace('sub = "id"', 'sub = "token:id"').replace('userinfo = { id = "12" }', 'token = { id = "12" }')
    simulator = await make_acme(text=text)
    client = simulator.client(session, token=simulator.issue_token())
    async with client.get(simulator.provider.endpoints["userinfo"]) as response:
        assert (response.status, (await response.json())["error"]) == (404, "no_example")


async def test_a_token_may_stand_in_the_address(make_acme, session):
    text = (
        ACME.replace('userinfo = "https://api.example.com/me"\n', "")
        + '[token_placement]\nkind = "none"\n[[identity.request]]\nname = "about"\n'
    )
    text += 'url = "https://api.example.com/tokens/{token:access_token}"\n'
    text = text.replace('sub = "id"', 'sub = "about:id"').replace("userinfo =", "about =")
    simulator = await make_acme(text=text)
    client = simulator.client(session)
    await log_in(simulator, client)
    assert (await client.profile()).sub == "12"


async def test_a_form_may_carry_the_token(make_acme, session):
    simulator = await make_acme('[token_placement]\nkind = "body"\nname = "key"\n[userinfo]\nmethod = "POST"\n')
    client = simulator.client(session, token=simulator.issue_token())
    async with client.post("things", data={"a": "1"}) as response:
        assert (await response.json())["form"] == {"a": "1"}


async def test_the_case_of_a_scheme_does_not_matter(make_acme, session):
    simulator = await make_acme()
    url, token = f"{simulator.provider.endpoints['api_base']}x", simulator.issue_token()["access_token"]
    async with session.get(url, headers={"Authorization": f"bearer {token}"}) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    ("more", "headers", "query", "form"),
    [
        ("", {"Authorization": "Bearer {}"}, "access_token={}", {}),
        ("", {"Authorization": "Bearer {}"}, "", {"access_token": "{}"}),
        ('kind = "query"\nname = "key"', {}, "key={}&key={}", {}),
        ('kind = "query"\nname = "key"', {}, "key={}&access_token={}", {}),
        ('kind = "query"\nname = "key"', {"Authorization": "bearer x"}, "key={}", {}),
        ('kind = "body"\nname = "key"', {}, "access_token=x", {"key": "{}"}),
        ('name = "X-Token"\nprefix = ""', {"X-Token": "{}", "Authorization": "DPoP x"}, "", {}),
    ],
)
async def test_a_token_is_carried_once(make_acme, session, more, headers, query, form):
    posted = '[userinfo]\nmethod = "POST"\n' if "body" in more else ""
    simulator = await make_acme(f"{posted}[token_placement]\n{more}\n")
    token = simulator.issue_token()["access_token"]
    headers, form = [{name: text.replace("{}", token) for name, text in part.items()} for part in (headers, form)]
    url = f"{simulator.provider.endpoints['api_base']}x?{query.replace('{}', token)}"
    async with session.post(url, headers=headers, data=form) as response:
        told = await response.json()
    assert (response.status, told["error"]) == (400, "invalid_request")
    assert "more than once" in told["error_description"]


async def test_a_definition_may_send_the_token_again(make_acme, session):
    again = 'access_token = "{token:access_token}"'
    simulator = await make_acme(f"[userinfo]\nparams = {{ {again} }}\n")
    client = simulator.client(session)
    await log_in(simulator, client)
    assert (await client.profile()).sub == "12"


async def test_documents_can_be_put_there(make_acme, session):
    simulator = await make_acme()
    simulator.serve("things", [1, 2], status=202)
    client = simulator.client(session, token=simulator.issue_token())
    async with client.get("things") as response:
        assert (response.status, await response.json()) == (202, [1, 2])


async def test_a_redirection_uri_may_be_the_registered_one(make_acme, session):
    simulator = await make_acme()
    pending = await simulator.client(session).start(redirect_uri=CALLBACK)
    with pytest.raises(UsageError, match="no single one"):
        await simulator.approve(changed(pending.url, {"redirect_uri": None}))


async def test_what_the_definition_always_sends_must_be_there(make_acme, session):
    simulator = await make_acme('[authorize]\nparams = { prompt = "consent" }\n')
    pending = await simulator.client(session).start(redirect_uri=CALLBACK)
    came_back = await simulator.approve(changed(pending.url, {"prompt": None}))
    assert parse_qs(urlsplit(came_back).query)["error"] == ["invalid_request"]


class TestOpenIDConnect:
    """A provider of which the issuer is all that its definition says."""

    @pytest.fixture
    async def simulator(self):
        async with Simulator("openid-connect") as made:
            yield made

    async def test_what_the_definition_leaves_out_is_beside_the_metadata(self, simulator, session):
        client = simulator.client(session)
        assert set(client.provider.endpoints) == {"discovery"}
        await log_in(simulator, client)
        assert (await client.profile()).email == "ada@example.org"
        assert await client.refresh_token()
        await client.revoke_token()
        assert [exchange.step for exchange in simulator.exchanges][:2] == ["discovery", "authorize"]
        assert problems(simulator) == []

    async def test_without_its_scope_there_is_no_id_token(self, simulator, session):
        client = simulator.client(session, scope="email")
        assert (await log_in(simulator, client)).id_token is None

    async def test_who_asks_when_the_person_logged_in_is_told(self, session, clock):
        async with Simulator("openid-connect", now=clock) as simulator:
            client = simulator.client(session)
            began = int(clock())
            pending = await client.start(redirect_uri=CALLBACK, max_age="300")
            await client.finish(pending, await simulator.approve(pending.url))
            assert stated(client.token["id_token"])["auth_time"] == began
            clock.advance(1000)
            await client.refresh_token()
            assert stated(client.token["id_token"])["auth_time"] == began
            await log_in(simulator, client)
            assert "auth_time" not in stated(client.token["id_token"])

    @pytest.mark.parametrize(
        ("claims", "code"),
        [
            ({"nonce": "x"}, "id-token-nonce"),
            ({"iss": "https://evil.example"}, "id-token-issuer"),
            ({"aud": "x"}, "id-token-audience"),
            ({"exp": None}, "id-token-incomplete"),
            ({"at_hash": "x"}, "id-token-hash"),
        ],
        ids=str,
    )
    async def test_other_claims_on_demand(self, simulator, session, claims, code):
        simulator.fail("token", OtherClaims(claims))
        with pytest.raises(ResponseError) as refused:
            await log_in(simulator, simulator.client(session))
        assert refused.value.code == code
        assert (await log_in(simulator, simulator.client(session))).id_token

    async def test_keys_that_change(self, simulator, session):
        client = simulator.client(session)
        await log_in(simulator, client)
        simulator.state.rotate_keys()
        await log_in(simulator, client)
        assert [exchange.step for exchange in simulator.exchanges].count("jwks") == 2

    async def test_keys_that_cannot_be_had_cost_no_login(self, simulator, session):
        client = simulator.client(session)
        simulator.fail("jwks", Status(503))
        pending = await client.start(redirect_uri=CALLBACK)
        callback = await simulator.approve(pending.url)
        with pytest.raises(TemporarilyUnavailableError):
            await client.finish(pending, callback)
        assert (await client.finish(pending, callback)).id_token
