"""The three-legged flow of our client at independent servers."""

import asyncio
import json
import sys
from dataclasses import replace
from textwrap import dedent

import pytest
from aiohttp import ClientSession

from oauthreg.clock import Clock
from oauthreg.errors import AccessDeniedError, MismatchingStateError, OAuthError
from oauthreg.login import PendingLogin
from oauthreg.provider import CallbackSettings

from .counterpart import METHODS, PLACEMENTS, PLAIN, RESERVED, TIMESTAMP_WINDOW, UNICODE, USER
from .logins import CALLBACK, approve, login_outcome, parse_query
from .quirks import OUTSIDE_HEADER, expected_login

MATRIX = [
    (server, method, placement) for server, methods in METHODS.items() for method in methods for placement in PLACEMENTS
]
PERCENT_CALLBACK = "https://app.example/callback?next=%2Fhome%20page"

every_combination = pytest.mark.parametrize(("server", "method", "placement"), MATRIX)
every_server = pytest.mark.parametrize("server", METHODS)


@every_combination
@pytest.mark.parametrize("credentials", [PLAIN, RESERVED, UNICODE], ids=["plain", "reserved", "unicode"])
async def test_login_comes_as_far_as_the_server_lets_it(server, method, placement, credentials, setup, session):
    outcome = await login_outcome(setup(server, method, placement, credentials), session)

    assert outcome == expected_login(server, credentials, method, placement)


@every_combination
async def test_a_fresh_client_finishes_a_login_and_knows_the_user(server, method, placement, setup, session):
    settings = setup(server, method, placement)
    kept = (await settings.client(session).start(redirect_uri=CALLBACK)).to_json()
    callback = await approve(session, PendingLogin.from_json(kept).url)

    async with ClientSession() as other_session:
        client = settings.client(other_session)
        token = await client.finish(PendingLogin.from_json(kept), callback)
        profile = await client.profile()

    assert client.token["oauth_token"] == token.token
    assert (profile.sub, profile.name, profile.email) == (USER["id"], USER["name"], USER["email"])


async def test_another_process_finishes_the_login(setup, session):
    settings = setup("oauthlib", "HMAC-SHA256", "header")
    pending = await settings.client(session).start(redirect_uri=CALLBACK)
    program = dedent(
        """
        import asyncio, json, sys
        from aiohttp import ClientSession
        from oauthreg.http import AsyncOAuth1Client
        from oauthreg.login import PendingLogin
        from oauthreg.provider import Provider

        async def finish(given):
            provider = Provider(name="counterpart", endpoints=given["endpoints"])
            async with ClientSession() as session:
                client = AsyncOAuth1Client(
                    session, given["client_id"], given["client_secret"], provider=provider,
                    signature_method=given["method"], engine=given["engine"],
                )
                await client.finish(PendingLogin.from_json(given["pending"]), given["callback"])
                async with client.get(given["userinfo"]) as response:
                    print(await response.text())

        asyncio.run(finish(json.load(sys.stdin)))
        """
    )
    given = {
        "endpoints": settings.counterpart.endpoints(),
        "client_id": settings.credentials.client_id,
        "client_secret": settings.credentials.client_secret,
        "method": settings.method,
        "engine": settings.engine.name,
        "pending": pending.to_json(),
        "callback": await approve(session, pending.url),
        "userinfo": settings.counterpart.url("userinfo"),
    }

    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-c",
        program,
        env={"PYTHONPATH": ":".join(sys.path)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    answer, complaint = await process.communicate(json.dumps(given).encode())

    assert complaint == b""
    assert json.loads(answer) == USER


@pytest.mark.parametrize(
    ("server", "method", "placement"), [row for row in MATRIX if row[1] in ("HMAC-SHA1", "PLAINTEXT")]
)
async def test_the_callback_keeps_its_escapes(server, method, placement, setup, session):
    outcome = await login_outcome(setup(server, method, placement), session, callback=PERCENT_CALLBACK)

    # Authlib decodes `oauth_` values twice from every place, oauthlib outside of the header, so their base strings
    # hold another callback; PLAINTEXT has no base string.
    decodes_twice = server == "authlib" or (server == "oauthlib" and placement in OUTSIDE_HEADER)
    assert outcome == ("request_token 401" if decodes_twice and method != "PLAINTEXT" else "done")


@every_server
async def test_out_of_band_login_takes_the_verifier_from_the_user(server, setup, session):
    client = setup(server).client(session)
    pending = await client.start()
    page = await approve(session, pending.url)
    # Authlib sends the browser to the client's registered URL; the others print the verifier on a page.
    shown = parse_query(page if "://" in page else f"?{page}")["oauth_verifier"]

    await client.finish(pending, verifier=shown)

    assert (await client.profile()).sub == USER["id"]


@every_server
async def test_the_step_by_step_methods_log_in_as_well(server, setup, session):
    settings = setup(server)
    client = settings.client(session, redirect_uri=CALLBACK)
    endpoints = settings.counterpart.endpoints()
    request_token = await client.fetch_request_token(endpoints["request_token"])
    url = client.create_authorization_url(endpoints["authorize"], request_token["oauth_token"])
    callback = await approve(session, url)

    client.parse_authorization_response(callback)
    token = await client.fetch_access_token(endpoints["token"])

    assert token["oauth_token"] == client.token["oauth_token"] != request_token["oauth_token"]
    async with client.get(settings.counterpart.url("userinfo")) as response:
        assert await response.json() == USER


@every_server
async def test_a_refusing_user_is_told_apart(server, setup, session):
    client = setup(server).client(session)
    pending = await client.start(redirect_uri=CALLBACK)
    callback = await approve(session, pending.url, deny=True)

    with pytest.raises(AccessDeniedError):
        await client.finish(pending, callback)


async def test_a_refusal_in_the_provider_s_own_words_is_told_apart(setup, session):
    settings = setup("oauthlib")
    changed = replace(settings.provider(), callback=CallbackSettings(denied=(("denied", None),)))
    client = settings.client(session, provider=changed)
    pending = await client.start(redirect_uri=CALLBACK)
    callback = await approve(session, pending.url, deny=True)

    assert "denied" in parse_query(callback)
    with pytest.raises(AccessDeniedError):
        await client.finish(pending, callback)


@every_server
async def test_a_wrong_verifier_is_refused(server, setup, session):
    client = setup(server).client(session)
    pending = await client.start(redirect_uri=CALLBACK)
    callback = await approve(session, pending.url)
    wrong = callback.replace(parse_query(callback)["oauth_verifier"], "wrong-verifier")

    with pytest.raises(OAuthError) as refused:
        await client.finish(pending, wrong)

    # RFC 5849 section 3.2 wants a 401 for bad credentials; Authlib calls it an invalid request.
    assert refused.value.status == (400 if server == "authlib" else 401)
    assert "wrong-verifier" not in str(refused.value)


@every_server
async def test_a_request_token_works_once(server, setup, session):
    settings = setup(server)
    client = settings.client(session)
    pending = await client.start(redirect_uri=CALLBACK)
    callback = await approve(session, pending.url)
    await client.finish(pending, callback)

    with pytest.raises(OAuthError) as refused:
        await settings.client(session).finish(pending, callback)

    assert refused.value.status == 401


@every_server
async def test_a_wrong_client_secret_is_refused(server, setup, session):
    client = setup(server).client(session, client_secret="not-the-secret")

    with pytest.raises(OAuthError) as refused:
        await client.start(redirect_uri=CALLBACK)

    assert refused.value.status == 401


async def test_the_callback_of_another_login_is_refused_before_any_traffic(setup, session, wiretap):
    client = setup("oauthlib").client(session)
    mine = await client.start(redirect_uri=CALLBACK)
    theirs = await approve(session, (await client.start(redirect_uri=CALLBACK)).url)
    traffic = len(wiretap.sent)

    with pytest.raises(MismatchingStateError):
        await client.finish(mine, theirs)

    assert len(wiretap.sent) == traffic


@every_server
async def test_a_clock_that_is_wrong_is_set_by_the_server_s(server, setup, session, clock):
    """The frozen clock stands years before the servers' time, which is outside of every timestamp window."""
    learning = Clock(wall=clock)
    client = setup(server).client(session, clock=learning)
    pending = await client.start(redirect_uri=CALLBACK)
    await client.finish(pending, await approve(session, pending.url))

    assert learning.offset > max(TIMESTAMP_WINDOW.values())
    assert (await client.profile()).sub == USER["id"]


async def test_the_realm_asked_for_is_the_one_that_is_checked(setup, session):
    """oauthlib knows one realm."""
    settings = setup("oauthlib")
    request_token = await settings.client(session).fetch_request_token(realm=["api"])

    with pytest.raises(OAuthError) as refused:
        await settings.client(session, realm="elsewhere").start(redirect_uri=CALLBACK)

    assert request_token["oauth_callback_confirmed"] == "true"
    assert (refused.value.status, refused.value.error) == (400, "invalid_request")
