"""A simulated provider that wants authorization requests signed, and signs what it answers."""

import contextlib
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from oauthreg import Registry
from oauthreg.errors import AccessDeniedError, CallbackError, OAuthError, UsageError
from oauthreg.jose import sign_jwt
from oauthreg.simulator import Simulator
from oauthreg.simulator.request_objects import opened_request

CALLBACK = "https://app.example/callback?next=%2Fhome"
BANK = """
schema = 1
title = "A bank"
protocol = "oidc"

[endpoints]
authorize = "https://bank.example/authorize"
token = "https://bank.example/token"
userinfo = "https://bank.example/me"
jwks = "https://bank.example/jwks"

[oauth2]
issuer = "https://bank.example"
request_object_algorithm = "{algorithm}"
response_mode = "{mode}"

[scopes]
default = ["openid"]

[claims]
sub = "sub"

[[example]]
userinfo = {{ sub = "12" }}
claims = {{ sub = "12" }}
"""


@pytest.fixture
async def make_bank(clock):
    """Starts a simulated bank."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(*, algorithm="ES256", mode="jwt", more="", endpoints=""):
            registry = Registry(environ={})
            text = BANK.format(algorithm=algorithm, mode=mode).replace("[endpoints]\n", f"[endpoints]\n{endpoints}")
            registry.add(text + more, "bank")
            return await stack.enter_async_context(Simulator("bank", registry=registry, now=clock))

        yield make


def query(url):
    return dict(parse_qsl(urlsplit(url).query))


def problems(simulator):
    return [exchange.problem for exchange in simulator.exchanges if exchange.problem]


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "HS256"])
@pytest.mark.parametrize("mode", ["jwt", "query.jwt", "form_post.jwt"])
@pytest.mark.parametrize("par", ["", 'par = "https://bank.example/par"\n'])
async def test_a_whole_login(make_bank, session, algorithm, mode, par):
    simulator = await make_bank(algorithm=algorithm, mode=mode, endpoints=par)
    client = simulator.client(session)
    pending = await client.start(redirect_uri=CALLBACK)
    assert ("request" in query(pending.url)) is not bool(par)
    callback = await simulator.approve(pending.url)
    assert "code=" not in callback
    await client.finish(pending, callback)
    assert (await client.profile()).sub == "12"
    assert problems(simulator) == []


async def test_a_denial_is_signed_as_well(make_bank, session):
    simulator = await make_bank()
    client = simulator.client(session)
    pending = await client.start(redirect_uri=CALLBACK)
    callback = await simulator.deny(pending.url)
    assert query(callback).keys() == {"next", "response"}
    with pytest.raises(AccessDeniedError):
        await client.finish(pending, callback)
    with pytest.raises(CallbackError):
        await client.finish(pending, f"{CALLBACK}&error=access_denied&state={pending.values['state']}")


@pytest.mark.parametrize("rest", ["", "&request=e30.e30.e30"])
async def test_what_is_not_signed_is_nothing_for_the_person(make_bank, session, rest):
    simulator = await make_bank()
    pending = await simulator.client(session).start(redirect_uri=CALLBACK)
    place = simulator.provider.endpoints["authorize"]
    plain = {**query(pending.url), "redirect_uri": CALLBACK, "response_mode": "jwt"}
    del plain["request"]
    with pytest.raises(UsageError, match="the authorization page refuses"):
        await simulator.approve(f"{place}?{urlencode(plain)}{rest}")


class TestReading:
    """What must hold for a request object. The joserfc package reads what is changed here."""

    @pytest.fixture
    async def told(self, make_bank, session):
        """The simulator, and the claims of a good one."""
        simulator = await make_bank()
        pending = await simulator.client(session).start(redirect_uri=CALLBACK)
        key = ECKey.import_key(simulator.credentials.private_key)
        return simulator, jwt.decode(query(pending.url)["request"], key, algorithms=["ES256"]).claims

    @pytest.fixture
    def read(self, told, clock):
        simulator, claims = told

        def run(key=None, typ="oauth-authz-req+jwt", beside=(), is_pushed=False, **changes):
            made = {name: value for name, value in {**claims, **changes}.items() if value is not None}
            text = sign_jwt(made, key or simulator.credentials.private_key, "ES256", header={"typ": typ} if typ else {})
            sent = {"client_id": simulator.credentials.client_id, **dict(beside), "request": text}
            return opened_request(simulator.provider, simulator.credentials, sent, clock(), is_pushed=is_pushed)

        return run

    def test_a_good_one(self, read, told):
        claims = told[1]
        found = read(scope="openid email", max_age=300, resource=["https://a.example", "https://b.example"])
        assert found["state"] == claims["state"]
        assert (found["scope"], found["max_age"], found["resource"]) == ("openid email", "300", "https://a.example")
        assert read(authorization_details=[{"type": "x"}])["authorization_details"] == '[{"type": "x"}]'
        assert not found.keys() & {"iss", "aud", "exp", "nbf", "iat", "jti"}
        for changes in ({"typ": None}, {"typ": "JWT"}, {"aud": ["https://bank.example", "x"]}):
            assert read(**changes)["state"] == claims["state"]

    def test_what_stands_beside_it_counts_for_nothing(self, read):
        assert read(beside={"redirect_uri": "https://evil.example"})["redirect_uri"] == CALLBACK

    def test_nothing_of_the_request_stands_beside_a_pushed_one(self, read):
        assert read(is_pushed=True, beside={"client_secret": "s"})["redirect_uri"] == CALLBACK
        with pytest.raises(OAuthError, match="`response_type`, `scope`") as refused:
            read(is_pushed=True, beside={"scope": "openid", "response_type": "code"})
        assert refused.value.error == "invalid_request"

    @pytest.mark.parametrize(
        "changes",
        [
            {"iss": "other"},
            {"aud": "https://evil.example"},
            {"aud": None},
            {"exp": None},
            {"nbf": None},
            {"exp": 5},
            {"nbf": 4_000_000_000},
            {"exp": 4_000_000_000},
            {"client_id": "other"},
            {"request": "e30.e30.e30"},
            {"request_uri": "urn:x"},
            {"typ": "at+jwt"},
            {"key": ECKey.generate_key("P-256").as_pem(private=True)},
        ],
        ids=str,
    )
    def test_bad_ones(self, read, changes):
        with pytest.raises(OAuthError) as refused:
            read(**changes)
        assert refused.value.error == "invalid_request_object"

    def test_where_the_definition_says_nothing_of_them(self, provider_without, clock):
        simulator = provider_without
        assert opened_request(simulator.provider, simulator.credentials, {"a": "1"}, clock()) == {"a": "1"}

    @pytest.fixture
    async def provider_without(self, clock):
        async with Simulator("github", now=clock) as simulator:
            yield simulator
