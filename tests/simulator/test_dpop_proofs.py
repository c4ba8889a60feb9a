"""A simulated provider that binds tokens: whole logins, each proof that is not right, and nonces on demand."""

import base64
import json

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from oauthreg import DPoPKey, Registry
from oauthreg.errors import InvalidKeyError, OAuthError, ReauthorizationRequired
from oauthreg.jws import compact_signer
from oauthreg.oauth2.dpop import build_proof
from oauthreg.simulator import Simulator, StaleNonce, Status
from oauthreg.simulator.server import SimulatedRegistry

CALLBACK = "https://app.example/callback"
BOUND = """
schema = 1
title = "Bound"
protocol = "oauth2"

[endpoints]
authorize = "https://www.bound.example/authorize"
token = "https://api.bound.example/token"
revoke = "https://api.bound.example/revoke"
introspect = "https://api.bound.example/introspect"
userinfo = "https://api.bound.example/me"
api_base = "https://api.bound.example/1/"

[claims]
sub = "id"

[[example]]
userinfo = { id = "12" }
claims = { sub = "12" }

[oauth2]
dpop = "required"
client_auth = "none"
"""
PUSHED = BOUND.replace("[claims]", 'par = "https://api.bound.example/par"\n\n[claims]', 1)
KEY = DPoPKey()
EC = ECKey.generate_key("P-256")


@pytest.fixture
async def make_bound(clock):
    """Starts a simulated provider that demands DPoP; ``changes`` are pairs of texts of its definition."""
    started = []

    async def make(*changes, text=BOUND):
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        registry = Registry(environ={})
        registry.add(text, "bound")
        started.append(await Simulator("bound", registry=registry, now=clock).__aenter__())
        return started[-1]

    yield make
    for simulator in started:
        await simulator.__aexit__(None, None, None)


@pytest.fixture
async def logged_in(make_bound, session):
    """A simulator and a client whose user has logged in."""
    simulator = await make_bound()
    client = simulator.client(session, dpop_key=KEY)
    pending = await client.start(redirect_uri=CALLBACK)
    await client.finish(pending, await simulator.approve(pending.url))
    return simulator, client


def problems(simulator):
    return [exchange.problem for exchange in simulator.exchanges if exchange.problem]


@pytest.mark.parametrize("text", [BOUND, PUSHED], ids=["plain", "pushed"])
async def test_a_whole_login(make_bound, session, text):
    simulator = await make_bound(text=text)
    client = simulator.client(session, dpop_key=KEY)
    pending = await client.start(redirect_uri=CALLBACK)
    token = await client.finish(pending, await simulator.approve(pending.url))
    assert (token.token_type, token["dpop_jkt"]) == ("DPoP", KEY.thumbprint)
    assert (await client.profile()).sub == "12"
    async with client.get("things") as response:
        assert response.status == 200
    renewed = await client.refresh_token()
    assert renewed["dpop_jkt"] == KEY.thumbprint
    told = await client.introspect_token()
    assert (told["token_type"], told["cnf"]) == ("DPoP", {"jkt": KEY.thumbprint})
    await client.revoke_token()
    assert problems(simulator) == []


async def test_a_client_whose_key_is_made_for_it(make_bound, session):
    simulator = await make_bound()
    client = simulator.client(session)
    pending = await client.start(redirect_uri=CALLBACK)
    await client.finish(pending, await simulator.approve(pending.url))
    other = simulator.client(session, token=client.token)
    assert (await other.profile()).sub == "12"
    stranger = SimulatedRegistry(simulator).client("bound", session, token=client.token)
    with pytest.raises(InvalidKeyError):
        await stranger.profile()


@pytest.mark.parametrize("step", ["token", "refresh", "identity", "api", "par"])
async def test_a_nonce_on_demand(make_bound, session, step):
    simulator = await make_bound(text=PUSHED)
    client = simulator.client(session, dpop_key=KEY)
    simulator.fail(step, StaleNonce())
    pending = await client.start(redirect_uri=CALLBACK)
    await client.finish(pending, await simulator.approve(pending.url))
    await client.refresh_token()
    await client.profile()
    async with client.get("things") as response:
        assert response.status == 200
    assert problems(simulator) == ["use_dpop_nonce"]


async def test_a_nonce_that_is_never_right(logged_in):
    simulator, client = logged_in
    simulator.fail("refresh", StaleNonce(), times=2)
    with pytest.raises(OAuthError) as refused:
        await client.refresh_token()
    assert refused.value.code == "dpop-nonce-refused"


async def test_faults_use_up_no_proof(logged_in):
    simulator, client = logged_in
    simulator.fail("refresh", Status(503))
    with pytest.raises(OAuthError):
        await client.refresh_token()
    assert await client.refresh_token()


async def test_tokens_that_end_are_renewed_beneath_a_stale_nonce(logged_in):
    simulator, client = logged_in
    simulator.state.expire_tokens()
    simulator.fail("api", StaleNonce())
    async with client.get("things") as response:
        assert response.status == 200
    assert problems(simulator) == ["invalid_token", "use_dpop_nonce"]


async def test_a_client_with_a_secret_may_change_its_key(make_bound, session):
    simulator = await make_bound(('client_auth = "none"', 'client_auth = "client_secret_basic"'))
    client = simulator.client(session, dpop_key=KEY)
    pending = await client.start(redirect_uri=CALLBACK)
    token = await client.finish(pending, await simulator.approve(pending.url))
    other = SimulatedRegistry(simulator).client("bound", session, dpop_key=DPoPKey(), token=token)
    assert (await other.refresh_token())["dpop_jkt"] != KEY.thumbprint
    assert (await other.profile()).sub == "12"


async def test_where_it_is_optional_the_client_decides(make_bound, session):
    simulator = await make_bound(('dpop = "required"', 'dpop = "supported"'))
    for options, expected in (({}, "Bearer"), ({"dpop_key": KEY}, "DPoP")):
        client = SimulatedRegistry(simulator).client("bound", session, **options)
        pending = await client.start(redirect_uri=CALLBACK)
        token = await client.finish(pending, await simulator.approve(pending.url))
        assert token.token_type == expected
        assert (await client.profile()).sub == "12"


def signed(claims, **header):
    """A JWT whose header may say anything, which a library for JWT would not write."""
    members = {"typ": "dpop+jwt", "alg": "ES256", "jwk": EC.as_dict(private=False), **header}
    written = {name: value for name, value in members.items() if value is not None}
    return compact_signer(written, EC.raw_value, "ES256")(json.dumps(claims).encode())


def proof_for(simulator, path, method="POST", *, ath=None, changes=None, **header):
    url = simulator.provider.endpoints["token"].removesuffix("token") + path
    claims = {"jti": "j1", "htm": method, "htu": url, "iat": int(simulator.now()), "ath": ath} | (changes or {})
    return signed({name: value for name, value in claims.items() if value is not None}, **header)


@pytest.fixture
async def ask(make_bound, session):
    """Asks a simulated provider for a renewal by hand; gives status, error and challenge."""
    simulator = await make_bound()

    async def send(proof):
        made = simulator.state.issue("", simulator.now(), renewable=True)
        form = {"grant_type": "refresh_token", "refresh_token": made.refresh_token}
        form["client_id"] = simulator.credentials.client_id
        headers = {} if proof is None else {"DPoP": proof}
        async with session.post(simulator.provider.endpoints["token"], data=form, headers=headers) as response:
            return response.status, (await response.json()).get("error"), (await response.json()).get("token_type")

    send.simulator = simulator
    return send


async def test_the_proof_that_the_next_test_changes_is_good(ask):
    assert await ask(proof_for(ask.simulator, "token")) == (200, None, "DPoP")


@pytest.mark.parametrize(
    ("changes", "header"),
    [
        ({"htm": "GET"}, {}),
        ({"htm": None}, {}),
        ({"htu": None}, {}),
        ({"htu": "https://api.bound.example/token"}, {}),
        ({"htu": 7}, {}),
        ({"htu": "http://["}, {}),
        ({"iat": None}, {}),
        ({"iat": 1_700_000_000 - 61}, {}),
        ({"iat": 1_700_000_000 + 61}, {}),
        ({"iat": "now"}, {}),
        ({"jti": None}, {}),
        ({"jti": ""}, {}),
        ({"jti": 5}, {}),
        ({}, {"typ": "JWT"}),
        ({}, {"typ": None}),
        ({}, {"jwk": None}),
        ({}, {"jwk": ECKey.generate_key("P-256").as_dict(private=False)}),
        ({}, {"jwk": EC.as_dict(private=True)}),
        ({}, {"jwk": "text"}),
    ],
    ids=str,
)
async def test_a_proof_that_is_not_right(ask, changes, header):
    proof = proof_for(ask.simulator, "token", changes=changes, **header)
    assert await ask(proof) == (400, "invalid_dpop_proof", None)


@pytest.mark.parametrize("more", ["?x=1", "#f", "/"])
async def test_a_target_with_more_than_the_target(ask, more):
    proof = proof_for(ask.simulator, "token", changes={"htu": ask.simulator.provider.endpoints["token"] + more})
    assert (await ask(proof))[1] == "invalid_dpop_proof"


async def test_no_proof_or_none_at_all(ask):
    none = base64.urlsafe_b64encode(json.dumps({"typ": "dpop+jwt", "alg": "none"}).encode()).rstrip(b"=").decode()
    for proof in (None, "x", "a.b.c", f"{none}.e30."):
        assert await ask(proof) == (400, "invalid_dpop_proof", None)


async def test_a_shared_secret_is_no_key(ask):
    secret = OctKey.generate_key(256)
    claims = {"jti": "j1", "htm": "POST", "htu": ask.simulator.provider.endpoints["token"], "iat": 1_700_000_000}
    members = {"typ": "dpop+jwt", "alg": "HS256", "jwk": secret.as_dict(private=True)}
    proof = jwt.encode(members, claims, secret, algorithms=["HS256"], default_type=None)
    assert await ask(proof) == (400, "invalid_dpop_proof", None)


async def test_an_algorithm_that_the_provider_does_not_take(make_bound, session):
    simulator = await make_bound(('dpop = "required"', 'dpop = "required"\ndpop_algorithms = ["ES256"]'))
    client = simulator.client(session)
    assert (await client.start(redirect_uri=CALLBACK)).values["dpop_jkt"]
    headers = {"DPoP": build_proof(DPoPKey(algorithms=["PS256"]), "POST", "http://x/", now=1_700_000_000, jti="j")}
    form = {"grant_type": "refresh_token", "refresh_token": "r", "client_id": simulator.credentials.client_id}
    async with session.post(simulator.provider.endpoints["token"], data=form, headers=headers) as response:
        assert (await response.json())["error"] == "invalid_dpop_proof"


async def test_a_proof_is_good_once(ask):
    proof = proof_for(ask.simulator, "token")
    assert (await ask(proof))[0] == 200
    assert await ask(proof) == (400, "invalid_dpop_proof", None)
    assert (await ask(proof_for(ask.simulator, "token", changes={"jti": "j2"})))[0] == 200


@pytest.fixture
async def visit(logged_in, session):
    """Calls the API by hand with the token of a login; gives status and challenge."""
    simulator, client = logged_in

    async def send(scheme="DPoP", key=KEY, *, access_token=None, **changes):
        url = simulator.provider.endpoints["userinfo"]
        token = client.token.access_token
        known = {"now": simulator.now(), "jti": "visit", "access_token": access_token or token} | changes
        headers = {"Authorization": f"{scheme} {token}"}
        if key is not None:
            headers["DPoP"] = build_proof(key, "GET", url, **known)
        async with session.get(url, headers=headers) as response:
            return response.status, response.headers.get("WWW-Authenticate", "")

    return send


@pytest.mark.parametrize("scheme", ["DPoP", "dpop"])
async def test_a_call_that_is_right(visit, scheme):
    assert await visit(scheme) == (200, "")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"scheme": "Bearer"}, "invalid_token"),
        ({"key": None}, "invalid_dpop_proof"),
        ({"key": DPoPKey()}, "invalid_token"),
        ({"access_token": "another"}, "invalid_dpop_proof"),
        ({"now": 1_600_000_000}, "invalid_dpop_proof"),
    ],
    ids=str,
)
async def test_a_call_that_is_not_right(visit, arguments, error):
    status, challenge = await visit(**arguments)
    assert status == 401
    assert f'error="{error}"' in challenge
    assert challenge.startswith("Bearer" if arguments.get("scheme") == "Bearer" else "DPoP")


async def test_a_proof_without_the_tokens_hash(logged_in, session):
    simulator, client = logged_in
    url = simulator.provider.endpoints["userinfo"]
    headers = {
        "Authorization": f"DPoP {client.token.access_token}",
        "DPoP": build_proof(KEY, "GET", url, now=simulator.now(), jti="j"),
    }
    async with session.get(url, headers=headers) as response:
        assert response.status == 401
        assert "ath" in (await response.json())["error_description"]


async def test_an_unbound_token_takes_no_dpop_scheme(logged_in, session):
    simulator, _ = logged_in
    token = simulator.issue_token().access_token
    url = simulator.provider.endpoints["userinfo"]
    proof = build_proof(KEY, "GET", url, now=simulator.now(), jti="j", access_token=token)
    for headers, status in (
        ({"Authorization": f"Bearer {token}"}, 200),
        ({"Authorization": f"DPoP {token}", "DPoP": proof}, 401),
    ):
        async with session.get(url, headers=headers) as response:
            assert response.status == status


async def test_a_code_and_a_refresh_token_are_bound(logged_in, make_bound, session):
    simulator, client = logged_in
    unaware = dict(client.token)
    del unaware["dpop_jkt"]
    thief = SimulatedRegistry(simulator).client("bound", session, dpop_key=DPoPKey(), token=unaware)
    with pytest.raises(ReauthorizationRequired) as refused:
        await thief.refresh_token()
    assert refused.value.error == "invalid_grant"
    assert await client.refresh_token()

    pending = await client.start(redirect_uri=CALLBACK)
    callback = await simulator.approve(pending.url)
    code = callback.partition("code=")[2].partition("&")[0]
    with pytest.raises(ReauthorizationRequired):
        await thief.fetch_token(code=code, redirect_uri=CALLBACK, code_verifier=pending.values["code_verifier"])


async def test_a_pushed_request_names_the_key_of_its_proof(make_bound, session):
    simulator = await make_bound(text=PUSHED)
    form = {
        "client_id": simulator.credentials.client_id,
        "response_type": "code",
        "redirect_uri": CALLBACK,
        "dpop_jkt": DPoPKey().thumbprint,
    }
    headers = {"DPoP": proof_for(simulator, "par")}
    async with session.post(simulator.provider.endpoints["par"], data=form, headers=headers) as response:
        assert (await response.json())["error"] == "invalid_dpop_proof"


async def test_a_proof_with_a_long_key(make_bound, session):
    simulator = await make_bound()
    client = simulator.client(session, dpop_key=RSAKey.generate_key(2048).as_pem(private=True))
    pending = await client.start(redirect_uri=CALLBACK)
    assert (await client.finish(pending, await simulator.approve(pending.url))).token_type == "DPoP"
    assert (await client.profile()).sub == "12"
