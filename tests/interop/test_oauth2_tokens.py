"""Tokens in use at independent servers: renewal, reuse, revocation, introspection, and grants without a login page."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from oauthreg.errors import (
    AccessDeniedError,
    ClientAuthenticationError,
    MissingTokenError,
    OAuthError,
    ReauthorizationRequired,
    UsageError,
)
from oauthreg.http import AsyncAssertionClient
from oauthreg.oauth2.token_endpoint import DeviceAuthorization

from .authorization_server import PASSWORD, USER
from .authorization_servers import METHODS
from .browser import Browser
from .oauth2_logins import log_in, other_client

KILLS_FAMILY = ("oidc-provider", "django-oauth-toolkit", "glewlwyd")
"""Where the reuse of a spent refresh token ends the whole grant (RFC 9700 section 4.14.2)."""

WRONG_PASSWORD = {
    "django-oauth-toolkit": "invalid_grant",
    "canaille": "invalid_request",
    "glewlwyd": "invalid_client",
}
"""Server with a password grant -> its word for a wrong one; RFC 6749 section 5.2 wants ``invalid_grant``."""

every_server = pytest.mark.parametrize("server", METHODS)


@every_server
async def test_many_requests_with_an_ended_token_renew_it_once(server, oauth2_setup, session, browser, wiretap):
    setup = oauth2_setup(server, "client_secret_basic")
    token = (await log_in(setup, session, browser)).token
    client = other_client(setup, session, {**token, "expires_at": 1})
    wiretap.sent.clear()

    async def call() -> int:
        async with client.get(setup.server.url("userinfo")) as response:
            return response.status

    statuses = await asyncio.gather(*(call() for _ in range(20)))

    assert statuses == [200] * 20
    assert sum(str(sent.url) == setup.server.url("token") for sent in wiretap.sent) == 1


@every_server
async def test_reuse_of_a_spent_refresh_token(server, oauth2_setup, session, browser):
    setup = oauth2_setup(server, "client_secret_basic")
    client = await log_in(setup, session, browser)
    spent = client.token
    await client.refresh_token()
    thief = other_client(setup, session, spent)

    with pytest.raises(ReauthorizationRequired) as refused:
        await thief.refresh_token()
    if server in KILLS_FAMILY:
        with pytest.raises(ReauthorizationRequired):
            await client.refresh_token()
    else:
        await client.refresh_token()

    assert refused.value.error == "invalid_grant"
    assert spent.refresh_token not in str(refused.value) + refused.value.text


@pytest.mark.parametrize("server", [server for server in KILLS_FAMILY if server != "glewlwyd"])  # it lets JWTs live on
async def test_a_request_after_the_end_of_the_family_asks_for_a_new_login(server, oauth2_setup, session, browser):
    setup = oauth2_setup(server, "client_secret_basic")
    client = await log_in(setup, session, browser)
    spent = client.token
    await client.refresh_token()
    with pytest.raises(ReauthorizationRequired):
        await other_client(setup, session, spent).refresh_token()

    with pytest.raises(ReauthorizationRequired):  # refused with 401, and the repair is refused as well
        await client.get(setup.server.url("userinfo"))
    with pytest.raises(ReauthorizationRequired):
        await client.profile()


@every_server
async def test_a_token_that_the_server_forgot_is_repaired_once(server, oauth2_setup, session, browser):
    setup = oauth2_setup(server, "client_secret_basic")
    client = await log_in(setup, session, browser)
    first = client.token
    forged = other_client(setup, session, {**first, "access_token": first.access_token + "x"})

    async with forged.get(setup.server.url("userinfo")) as response:
        status, user = response.status, await response.json()

    assert (status, user["name"]) == (200, USER["name"])
    assert forged.token.refresh_token != first.refresh_token


@every_server
async def test_revoked_tokens_are_inactive_and_a_revoked_grant_is_forgotten(server, oauth2_setup, session, browser):
    setup = oauth2_setup(server, "client_secret_basic")
    client = await log_in(setup, session, browser)
    token = client.token
    before = await client.introspect_token()

    await client.revoke_token(token=token.access_token, token_type_hint="access_token")
    after = await client.introspect_token()
    kept = client.token
    await client.revoke_token()

    assert before["active"] is True
    assert before["client_id"] == setup.registration.client_id
    assert after == {"active": False}
    assert kept == token
    assert client.token is None
    with pytest.raises(MissingTokenError):
        await client.get(setup.server.url("userinfo"))
    with pytest.raises(ReauthorizationRequired):
        await other_client(setup, session, token).refresh_token()


@every_server
async def test_a_client_fetches_its_own_token_when_it_needs_one(server, oauth2_setup, session, wiretap):
    setup = oauth2_setup(server, "client_credentials")
    client = setup.client(session)

    async with client.get(setup.server.url("userinfo")):
        pass  # it is for users, and answers as it likes
    token, sent = client.token, wiretap.sent[-1].headers["Authorization"]
    told = await client.introspect_token()
    another = await client.refresh_token()

    assert sent == f"Bearer {token.access_token}"
    assert told["active"] is True
    assert told["client_id"] == setup.registration.client_id
    assert token.refresh_token is None
    assert another.access_token != token.access_token


@every_server
async def test_another_secret_gives_a_client_no_token_of_its_own(server, oauth2_setup, session):
    client = oauth2_setup(server, "client_credentials").client(session, client_secret="wr0ng")

    with pytest.raises(ClientAuthenticationError) as refused:
        await client.get("/")

    assert refused.value.error == "invalid_client"
    assert client.token is None


@pytest.mark.parametrize(("server", "error"), WRONG_PASSWORD.items())
async def test_the_password_grant_is_asked_for_by_its_name(server, error, oauth2_setup, session):
    client = oauth2_setup(server, "password").client(session)
    user = {"username": USER["sub"], "password": PASSWORD}

    with pytest.raises(UsageError) as unnamed:
        await client.fetch_token(**user)
    with pytest.raises(OAuthError) as refused:
        await client.fetch_token(grant_type="password", **{**user, "password": "wr0ng"})
    token = await client.fetch_token(grant_type="password", **user)
    renewed = await client.refresh_token()

    assert unnamed.value.code == "password-grant-refused"
    assert refused.value.error == error
    assert (await client.profile()).name == USER["name"]
    assert renewed.access_token != token.access_token


async def test_a_device_logs_in(oauth2_setup, session, browser):
    setup = oauth2_setup("oidc-provider", "device_code")
    client = setup.client(session)
    user = _DeviceUser(browser, setup.server.answers, shows="Sign-in Success")

    token = await client.device_login(user.progress, sleep=user.sleep)

    assert user.states == ["started", "authorization_pending"]
    assert token.refresh_token
    assert (await client.profile()).name == USER["name"]


async def test_a_user_may_refuse_a_device(oauth2_setup, session, browser):
    setup = oauth2_setup("oidc-provider", "device_code")
    client = setup.client(session)
    user = _DeviceUser(browser, {"abort": "yes"}, shows="interrupted")

    with pytest.raises(AccessDeniedError) as refused:
        await client.device_login(user.progress, sleep=user.sleep)

    assert user.states == ["started", "authorization_pending"]
    assert refused.value.error == "access_denied"
    assert client.token is None


@dataclass(slots=True)
class _DeviceUser:
    """Somebody who reads the code on the device after it has asked once, and enters it; nobody waits meanwhile."""

    browser: Browser
    answers: Mapping[str, str]
    shows: str
    states: list[str] = field(default_factory=list)

    async def progress(self, authorization: DeviceAuthorization, state: str, seconds: float) -> None:
        self.states.append(state)
        if state == "authorization_pending":
            answers = {**self.answers, "user_code": authorization.user_code}
            await self.browser.visit(authorization.verification_uri, answers, shows=self.shows)

    async def sleep(self, seconds: float) -> None:
        assert seconds >= 1


async def test_an_assertion_is_exchanged_for_a_token(oauth2_setup, session, keys):
    setup = oauth2_setup("canaille", "jwt_bearer")
    client = AsyncAssertionClient(
        session,
        setup.server.url("token"),
        issuer=setup.registration.client_id,
        subject=USER["sub"],
        scope="openid profile",
        key=keys.server.as_pem(private=True),  # canaille checks assertions with its own key
        header={"alg": "RS256"},
    )

    async with client.get(setup.server.url("userinfo")) as response:
        user = await response.json()
    another = await client.refresh_token()

    assert user["name"] == USER["name"]
    assert another.access_token
