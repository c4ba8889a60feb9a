"""OpenID Connect over the wire: keys and metadata that are fetched once, ID tokens that are checked before all else.

Test ids are those of ``tests/vectors/oauth2_cases.json``.
"""

import asyncio
import logging
import ssl
from dataclasses import replace
from email.utils import formatdate
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import ClientConnectorError, ClientTimeout
from joserfc.jwk import ECKey

from oauthreg import OAuth2Token
from oauthreg.clock import Clock
from oauthreg.errors import (
    CallbackError,
    MalformedResponseError,
    MismatchingStateError,
    MissingCredentialError,
    ResponseError,
    TemporarilyUnavailableError,
    UnsupportedMethodError,
    UsageError,
)
from oauthreg.http import oauth2_client
from oauthreg.http.oauth2_client import AsyncOAuth2Client
from oauthreg.http.shared_answers import COOL_DOWN, LIFETIME
from oauthreg.http.token_life import TokenLives
from oauthreg.jose import parse_unverified_jwt
from oauthreg.oauth2.logout_token import LOGGED_OUT
from oauthreg.provider import IdentityRequest, OAuth2Settings, Provider
from oauthreg.records import replace as replace_record
from oauthreg.stores import MemoryStore

CALLBACK = "https://app.example/cb"


@pytest.fixture
def make_knowing(session, clock):
    """Makes clients that know something of the issuer."""

    def make(known, options):
        usual = {"redirect_uri": CALLBACK, "scope": "openid", "clock": Clock(wall=clock, monotonic=clock)}
        return AsyncOAuth2Client(session, "client", "secret", **usual | known | options)

    return make


@pytest.fixture
def make_client(issuer, make_knowing):
    """Makes clients that know the issuer and where its keys are."""
    known = {
        "issuer": issuer.url,
        "authorization_endpoint": f"{issuer.url}/authorize",
        "token_endpoint": f"{issuer.url}/token",
        "jwks_uri": f"{issuer.url}/jwks",
    }
    return lambda **options: make_knowing(known, options)


@pytest.fixture
def make_discovering(issuer, make_knowing):
    """Makes clients that know the place of the metadata alone."""
    known = {"server_metadata_url": f"{issuer.url}/.well-known/openid-configuration"}
    return lambda **options: make_knowing(known, options)


class Claims:
    """Standard claims of the userinfo answer."""

    documents = ("userinfo",)

    def render(self, documents):
        return {"sub": documents["userinfo"]["token"]}


class OfIDToken:
    """Standard claims of the ID token alone."""

    documents = ("id_token",)

    def render(self, documents):
        return {"sub": documents["id_token"]["sub"]}


@pytest.fixture
def make_provider(issuer):
    """Makes the provider as a definition that knows the issuer alone."""

    def make():
        return Provider(
            name="acme",
            protocol="oidc",
            endpoints={"discovery": f"{issuer.url}/.well-known/openid-configuration"},
            oauth2=OAuth2Settings(issuer=issuer.url),
            claims=Claims(),
        )

    return make


def logout_claims(issuer):
    return issuer.claims(jti="j1", events={LOGGED_OUT: {}})


async def log_in(client, issuer, name="k1", **changes):
    pending = await client.start(nonce="n0")
    issuer.will_give(pending, name, **changes)
    return await client.finish(pending, f"{CALLBACK}?code=C&state={pending.values['state']}")


class TestKeys:
    async def test_a_login_checks_the_signature(self, make_client, issuer):
        token = await log_in(make_client(), issuer)
        assert token.id_token == issuer.authority.fields["id_token"]
        assert issuer.authority.log == ["PUBLIC /jwks", "POST /token"]

    async def test_JW05_a_login_whose_keys_cannot_be_had_can_be_finished_later(self, make_client, issuer, reply):
        """The failure is not kept, and neither the code nor the state is used up."""
        client = make_client()
        pending = await client.start()
        issuer.will_give(pending)
        callback = f"{CALLBACK}?code=C&state={pending.values['state']}"
        issuer.failures = [reply(503), reply(200, (), b"<html>out of order</html>")]
        for kind in (TemporarilyUnavailableError, MalformedResponseError):
            with pytest.raises(kind):
                await client.finish(pending, callback)
        assert issuer.authority.asked == []
        assert (await client.finish(pending, callback)).access_token == "A1"

    async def test_JW05_an_old_set_is_better_than_none(self, make_client, issuer, clock, reply, caplog):
        client = make_client()
        await log_in(client, issuer)
        clock.advance(LIFETIME + 1)
        issuer.failures = [reply(503)]
        caplog.set_level(logging.WARNING, "oauthreg")
        await log_in(client, issuer)
        assert "an old answer is used" in caplog.text
        await log_in(client, issuer)  # the server is left in peace for a while
        assert issuer.fetched == ["/jwks"] * 2
        clock.advance(COOL_DOWN + 1)
        await log_in(client, issuer)
        assert issuer.fetched == ["/jwks"] * 3

    async def test_JW01_a_new_key_is_fetched_once(self, make_client, issuer):
        client = make_client()
        await log_in(client, issuer)
        issuer.published = ["k1", "k2"]
        for _ in range(3):
            await log_in(client, issuer, "k2")
        assert issuer.fetched == ["/jwks"] * 2

    async def test_checklist_60_JW02_made_up_names_cost_one_fetch_in_a_while(self, make_client, issuer, clock):
        client = make_client()
        await log_in(client, issuer)

        async def refused(number):
            with pytest.raises(ResponseError) as caught:
                await log_in(client, issuer, "evil" if number % 2 else "worse")
            assert caught.value.code == "unknown-key"

        for number in range(5):
            await refused(number)
        await asyncio.gather(*map(refused, range(45)))
        assert issuer.fetched == ["/jwks"] * 2
        clock.advance(COOL_DOWN + 1)
        await asyncio.gather(*map(refused, range(10)))
        assert issuer.fetched == ["/jwks"] * 3

    async def test_JW02_what_anybody_posts_costs_no_login(self, make_client, issuer):
        """A logout token with a made-up name just before the keys change: the login that is under way may ask anew."""
        client = make_client()
        await log_in(client, issuer)
        with pytest.raises(ResponseError) as caught:
            await client.check_logout_token(issuer.sign(logout_claims(issuer), "evil"))
        assert caught.value.code == "unknown-key"
        issuer.published = ["k2"]
        await log_in(client, issuer, "k2")
        assert issuer.fetched == ["/jwks"] * 3

    async def test_JW02_clients_of_a_registry_that_come_at_once_share_one_fetch(self, make_client, issuer):
        lives = TokenLives()
        clients = [make_client(lives=lives) for _ in range(20)]
        pending = [await client.start() for client in clients]
        issuer.will_give(None, nonce=pending[0].values["nonce"])

        async def finish(client, login):
            try:
                return await client.finish(login, f"{CALLBACK}?code=C&state={login.values['state']}")
            except ResponseError as error:
                return error.code

        found = await asyncio.gather(*map(finish, clients, pending))
        assert found[1:] == ["id-token-nonce"] * 19
        assert issuer.fetched == ["/jwks"]

    async def test_one_who_gives_up_takes_it_from_nobody(self, make_client, issuer):
        lives = TokenLives()
        arrived, gate, inner = asyncio.Event(), asyncio.Event(), issuer.authority.server.answer

        async def slowly(sent):
            if sent.target == "/jwks":
                arrived.set()
                await gate.wait()
            return await inner(sent)

        issuer.authority.server.answer = slowly
        first, second = make_client(lives=lives), make_client(lives=lives)
        waiting = [asyncio.create_task(log_in(client, issuer)) for client in (first, second)]
        await arrived.wait()
        waiting[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting[0]
        gate.set()
        assert (await waiting[1]).access_token == "A1"
        await first.aclose()
        assert issuer.fetched == ["/jwks"]

    async def test_a_redirect_of_the_keys_is_refused(self, make_client, issuer, redirect):
        issuer.failures = [redirect(302, "https://evil.example/jwks")]
        with pytest.raises(MalformedResponseError) as refused:
            await log_in(make_client(), issuer)
        assert refused.value.code == "redirect-refused"

    @pytest.mark.parametrize(
        ("name", "changes", "code"),
        [
            ("k1", {"iss": "https://evil.example"}, "id-token-issuer"),
            ("k1", {"aud": "other"}, "id-token-audience"),
            ("k1", {"nonce": "other"}, "id-token-nonce"),
            ("k1", {"at_hash": "AAAA"}, "id-token-hash"),
            ("k2", {}, "unknown-key"),
        ],
    )
    async def test_what_cannot_be_trusted_is_no_login(self, make_client, issuer, name, changes, code):
        client = make_client()
        with pytest.raises(ResponseError) as refused:
            await log_in(client, issuer, name, **changes)
        assert refused.value.code == code
        assert client.token is None

    async def test_a_login_without_an_id_token(self, make_client, issuer):
        client = make_client()
        pending = await client.start()
        with pytest.raises(ResponseError) as refused:
            await client.finish(pending, f"{CALLBACK}?code=C&state={pending.values['state']}")
        assert refused.value.code == "no-id-token"
        pending = await client.start(scope="email")
        token = await client.finish(pending, f"{CALLBACK}?code=C&state={pending.values['state']}")
        assert token.id_token is None

    async def test_a_device_login_is_checked_as_well(self, make_client, issuer):
        client = make_client(device_authorization_endpoint=f"{issuer.url}/device")
        issuer.will_give(None, "k2")

        async def at_once(_):
            return None

        with pytest.raises(ResponseError) as refused:
            await client.device_login(sleep=at_once)
        assert refused.value.code == "unknown-key"
        issuer.will_give()
        assert (await client.device_login(sleep=at_once)).id_token

    async def test_a_shared_secret_needs_no_keys(self, make_client, issuer, server_keys):
        client = make_client(id_token_signed_response_alg="HS256")
        for secret, is_good in ((b"secret", True), (b"public", False)):
            pending = await client.start()
            claims = issuer.claims(pending.values["nonce"])
            issuer.authority.fields = {"id_token": server_keys.sign_with_secret(claims, secret)}
            finishing = client.finish(pending, f"{CALLBACK}?code=C&state={pending.values['state']}")
            if is_good:
                assert (await finishing).id_token
                continue
            with pytest.raises(ResponseError) as refused:
                await finishing
            assert refused.value.code == "id-token-signature"
        assert issuer.fetched == []

    async def test_ID14_the_algorithm_is_the_agreed_one(self, make_client, issuer, server_keys):
        pending = await (client := make_client()).start()
        text = server_keys.sign(issuer.claims(pending.values["nonce"]), "e1", "ES256", "P-256")
        issuer.authority.fields = {"id_token": text}
        with pytest.raises(ResponseError, match="is signed with ES256, and RS256 is expected") as refused:
            await client.finish(pending, f"{CALLBACK}?code=C&state={pending.values['state']}")
        assert refused.value.code == "jwt-algorithm"


class TestRenewals:
    """ID09 and OpenID Connect Core 12.2: a renewed token is about the same user, and is not lost for its ID token."""

    def expired(self, issuer, **changes):
        return issuer.authority.give(issuer.clock() - 1, id_token=issuer.keys.sign(issuer.claims(**changes)))

    async def test_ID09_another_user_or_issuer_is_refused_and_not_stored(self, make_client, issuer):
        for changes in ({"sub": "u2"}, {"iss": "https://evil.example"}):
            store = MemoryStore()
            client = make_client(token=self.expired(issuer), account="ada", store=store)
            before = client.token
            issuer.will_give(**changes)
            with pytest.raises(ResponseError) as refused:
                await client.refresh_token()
            assert refused.value.code == "id-token-user"
            assert client.token == before

    async def test_a_good_one_takes_the_place_of_the_former(self, make_client, issuer):
        client = make_client(token=self.expired(issuer))
        given = issuer.will_give(exp=int(issuer.clock()) + 120)
        assert (await client.refresh_token()).id_token == given

    @pytest.mark.parametrize("changes", [{"exp": 1}, {"aud": "other"}, {"at_hash": "AAAA"}, {"iat": ...}], ids=str)
    async def test_one_that_cannot_be_trusted_does_not(self, make_client, issuer, changes):
        token = self.expired(issuer)
        client = make_client(token=token)
        issuer.will_give(**changes)
        renewed = await client.refresh_token()
        assert (renewed.access_token, renewed.id_token) == ("A2", token["id_token"])

    async def test_nor_one_that_is_signed_by_another(self, make_client, issuer):
        client = make_client(token=(token := self.expired(issuer)))
        issuer.will_give(name="k2")
        assert (await client.refresh_token()).id_token == token["id_token"]

    async def test_a_renewal_is_not_lost_where_the_keys_cannot_be_had(self, make_client, issuer, reply):
        issuer.failures = [reply(503)]
        client = make_client(token=(token := self.expired(issuer)))
        issuer.will_give(exp=int(issuer.clock()) + 120)
        renewed = await client.refresh_token()
        assert (renewed.access_token, renewed.id_token) == ("A2", token["id_token"])

    async def test_a_first_one_that_cannot_be_checked_is_not_kept(self, make_client, issuer, reply):
        issuer.failures = [reply(500)]
        client = make_client(token=issuer.authority.give(issuer.clock() - 1))
        issuer.will_give()
        assert (await client.refresh_token()).id_token is None
        assert (await client.refresh_token()).id_token is not None


class TestMetadata:
    async def test_a_login_with_the_place_of_the_metadata_alone(self, make_discovering, issuer):
        client = make_discovering()
        token = await log_in(client, issuer)
        assert token.id_token
        assert issuer.authority.log == ["PUBLIC /.well-known/openid-configuration", "PUBLIC /jwks", "POST /token"]
        assert client.provider.oauth2.issuer == issuer.url

    async def test_DI04_ten_logins_are_one_fetch(self, make_discovering, issuer, clock):
        lives = TokenLives()
        clients = [make_discovering(lives=lives) for _ in range(10)]
        assert len({(await login).url.partition("?")[0] for login in [client.start() for client in clients]}) == 1
        await asyncio.gather(*(make_discovering(lives=lives).start() for _ in range(10)))
        assert len(issuer.fetched) == 1
        clock.advance(LIFETIME + 1)
        await make_discovering(lives=lives).start()
        assert len(issuer.fetched) == 2

    async def test_JW05_a_failure_is_not_kept(self, make_discovering, issuer, reply):
        issuer.failures = [reply(502), reply(200, (), b"[]")]
        client = make_discovering()
        for kind in (TemporarilyUnavailableError, MalformedResponseError):
            with pytest.raises(kind):
                await client.start()
        assert (await client.start()).url.startswith(f"{issuer.url}/authorize?")

    async def test_DI07_a_token_is_renewed_at_the_endpoint_that_the_metadata_tell(
        self, make_discovering, issuer, clock
    ):
        token = issuer.authority.give(clock() - 1)
        async with make_discovering(token=token).get(f"{issuer.url}/api") as response:
            assert response.status == 200
        assert issuer.authority.refreshes == ["R1"]

    async def test_DI07_a_stored_token_is_found_again(self, make_discovering, issuer, clock):
        """What it is kept under does not depend on whether the metadata have been fetched."""
        store = MemoryStore()
        first = make_discovering(account="ada", store=store)
        await log_in(first, issuer)
        second = make_discovering(account="ada", store=store)
        async with second.get(f"{issuer.url}/api") as response:
            assert response.status == 200
        assert first._key == second._key

    async def test_a_client_of_its_own_fetches_its_token(self, make_discovering, issuer):
        client = make_discovering(grant_type="client_credentials")
        async with client.get(f"{issuer.url}/api") as response:
            assert response.status == 200

    async def test_without_traffic_there_is_no_metadata(self, make_discovering, issuer):
        client = make_discovering()
        with pytest.raises(UsageError, match="authorize") as refused:
            client.create_authorization_url()
        assert "discover()" in refused.value.hint
        await client.discover()
        assert client.create_authorization_url()[0].startswith(f"{issuer.url}/authorize?")

    async def test_a_client_that_proves_itself_by_a_key_names_the_issuer(self, make_discovering, issuer):
        """Whoever the metadata say that is: the client is made before anybody knows."""
        key = ECKey.generate_key("P-256").as_pem(private=True)
        options = {
            "client_auth_method": "private_key_jwt",
            "private_key": key,
            "token_endpoint_auth_signing_alg": "ES256",
        }
        client = make_discovering(**options)
        await log_in(client, issuer)
        assertion = issuer.authority.asked[-1]["client_assertion"]
        assert parse_unverified_jwt(assertion)[1]["aud"] == issuer.url

    async def test_checklist_65_DI06_what_the_definition_says_counts_for_more(self, make_discovering, issuer):
        issuer.metadata["token_endpoint"] = "http://169.254.169.254/x"
        client = make_discovering(token_endpoint=f"{issuer.url}/token")
        assert (await log_in(client, issuer)).id_token

    @pytest.mark.parametrize(
        "value",
        ["http://169.254.169.254/x", "https://169.254.169.254/x", "file:///x", 123, "", "https://", "//as.example/x"],
    )
    async def test_DI06_an_endpoint_that_is_none(self, make_discovering, issuer, value):
        issuer.metadata["token_endpoint"] = value
        with pytest.raises(ResponseError) as refused:
            await make_discovering().start()
        assert refused.value.code == "unusable-server-metadata"

    async def test_DI06_an_endpoint_that_is_missing(self, make_discovering, issuer):
        del issuer.metadata["token_endpoint"]
        with pytest.raises(UsageError) as refused:
            await log_in(make_discovering(), issuer)
        assert refused.value.code == "missing-endpoint"

    async def test_metadata_of_another_issuer(self, make_discovering, issuer):
        issuer.metadata["issuer"] = "https://evil.example"
        with pytest.raises(MalformedResponseError) as refused:
            await make_discovering(issuer=issuer.url).start()
        assert refused.value.code == "foreign-server-metadata"
        with pytest.raises(UsageError) as unknown:
            await log_in(make_discovering(), issuer, iss="https://evil.example")
        assert unknown.value.code == "issuer-unknown"

    async def test_a_callback_that_must_name_its_issuer(self, make_discovering, issuer):
        issuer.metadata["authorization_response_iss_parameter_supported"] = True
        with pytest.raises(CallbackError) as refused:
            await log_in(make_discovering(), issuer)
        assert refused.value.code == "issuer-missing"

    async def test_a_request_that_must_be_pushed(self, make_discovering, issuer, json_reply):
        issuer.metadata |= {"pushed_authorization_request_endpoint": f"{issuer.url}/token"}
        issuer.metadata |= {"require_pushed_authorization_requests": True}
        issuer.authority.replies = [json_reply({"request_uri": "urn:x"}, 201)]
        assert "request_uri=urn%3Ax" in (await make_discovering().start()).url

    async def test_the_user_is_told_at_the_endpoint_of_the_metadata(self, session, issuer, clock, make_provider):
        token = issuer.authority.give(clock() + 3600)
        client = AsyncOAuth2Client(session, "client", "secret", provider=make_provider(), token=token, clock=clock)
        assert (await client.profile()).sub == "A1"
        assert issuer.authority.log[-1] == "GET /me"


class TestWhatAReviewFound:
    """Each of these lost a token, a code or a login, or let in what it should not."""

    def finishing(self, client, issuer, pending, **changes):
        issuer.will_give(pending, **changes)
        return client.finish(pending, f"{CALLBACK}?code=C&state={pending.values['state']}")

    async def test_a_renewed_token_is_saved_before_anybody_waits_for_keys(self, make_client, issuer, monkeypatch):
        monkeypatch.setattr(oauth2_client, "_PATIENCE", 0.01)
        gate, inner, saved = asyncio.Event(), issuer.authority.server.answer, []

        async def hanging(sent):
            if sent.target == "/jwks":
                await gate.wait()
            return await inner(sent)

        issuer.authority.server.answer = hanging
        token = issuer.authority.give(issuer.clock() - 1, id_token=issuer.sign(issuer.claims()))
        client = make_client(token=token, token_updater=lambda token: saved.append(token.refresh_token))
        issuer.will_give(exp=int(issuer.clock()) + 120)
        renewed = await client.refresh_token()
        assert (renewed.id_token, saved, gate.is_set()) == (token["id_token"], ["R2"], False)
        gate.set()
        await client.aclose()

    async def test_a_bare_code_is_not_sent_before_the_keys_are_there(self, make_client, issuer, reply):
        issuer.failures = [reply(503)]
        issuer.will_give(None)
        client = make_client()
        with pytest.raises(TemporarilyUnavailableError):
            await client.fetch_token(code="C")
        assert issuer.authority.asked == []
        assert (await client.fetch_token(code="C")).id_token

    @pytest.mark.parametrize("skew", [-4000, 120, 4000])
    async def test_a_wrong_clock_ends_no_login(self, make_client, issuer, clock, json_reply, skew):
        """The server that stamps the ID token says what time it has."""
        client = make_client()
        pending = await client.start()
        issued = int(clock()) + skew
        issuer.will_give(pending, iat=issued, exp=issued + 60)
        token = issuer.authority.make() | issuer.authority.fields
        sent = ("Date", formatdate(issued, usegmt=True))
        issuer.authority.replies = [json_reply(token, 200, sent)]
        assert (await client.finish(pending, f"{CALLBACK}?code=C&state={pending.values['state']}")).id_token
        issuer.authority.replies = [json_reply(token, 200, ("Date", formatdate(issued + 600, usegmt=True)))]
        pending = await client.start(nonce=pending.values["nonce"])
        with pytest.raises(ResponseError):  # it is too old by either clock
            await client.finish(pending, f"{CALLBACK}?code=C&state={pending.values['state']}")

    async def test_an_empty_key_set_costs_no_code(self, make_client, issuer):
        client = make_client()
        pending = await client.start()
        issuer.published = []
        with pytest.raises(ResponseError) as refused:
            await self.finishing(client, issuer, pending)
        assert (refused.value.code, issuer.authority.asked) == ("no-usable-key", [])
        issuer.published = ["k1"]
        assert (await self.finishing(client, issuer, pending)).id_token

    @pytest.mark.parametrize("secret", [None, ""])
    async def test_nor_does_a_secret_that_is_missing(self, session, issuer, secret, make_client):
        client = make_client(id_token_signed_response_alg="HS256")
        client = AsyncOAuth2Client(
            session, "client", secret, provider=client.provider, redirect_uri=CALLBACK, scope="openid"
        )
        pending = await client.start()
        with pytest.raises(MissingCredentialError):
            await self.finishing(client, issuer, pending)
        assert issuer.authority.asked == []

    async def test_metadata_that_were_mended_are_used(self, make_discovering, issuer):
        issuer.metadata["token_endpoint"] = "http://169.254.169.254/x"
        lives = TokenLives()
        with pytest.raises(ResponseError):
            await make_discovering(lives=lives).start()
        issuer.metadata["token_endpoint"] = f"{issuer.url}/token"
        issuer.clock.advance(COOL_DOWN + 1)
        assert (await log_in(make_discovering(lives=lives), issuer)).id_token

    async def test_discover_asks_anew(self, make_discovering, issuer):
        client = make_discovering()
        await client.discover()
        issuer.metadata["authorization_endpoint"] = f"{issuer.url}/moved"
        await client.discover()
        assert client.create_authorization_url()[0].startswith(f"{issuer.url}/moved?")

    async def test_an_error_of_the_metadata_ends_no_grant(self, make_discovering, issuer, json_reply):
        client = make_discovering(token=issuer.authority.give(issuer.clock() - 1), account="ada", store=MemoryStore())
        issuer.failures = [json_reply({"error": "invalid_grant"}, 400)]
        with pytest.raises(MalformedResponseError):
            await client.refresh_token()
        assert (await client.refresh_token()).access_token == "A2"

    async def test_an_outage_of_the_keys_says_what_cannot_be_had(self, make_client, issuer, reply):
        issuer.failures = [reply(503)]
        with pytest.raises(TemporarilyUnavailableError, match="the server's keys cannot be had now") as refused:
            await log_in(make_client(), issuer)
        assert "nothing was used up" in refused.value.hint

    async def test_who_asks_for_no_id_token_needs_no_keys(self, make_client, issuer, reply):
        issuer.failures = [reply(503)]
        client = make_client()
        pending = await client.start(scope="email")
        assert (await client.finish(pending, f"{CALLBACK}?code=C&state={pending.values['state']}")).access_token

    async def test_what_one_does_about_tls_is_nobody_elses(self, make_client, issuer):
        lives = TokenLives()
        issuer.will_give(None)
        await make_client(lives=lives).fetch_token(code="C", ssl=False)
        before = len(issuer.fetched)
        await make_client(lives=lives).fetch_token(code="C")
        assert len(issuer.fetched) == before + 1
        await make_client(lives=lives).fetch_token(code="C", timeout=ClientTimeout(total=5))
        assert len(issuer.fetched) == before + 1

    async def test_with_ways_of_ones_own_keys_are_fetched_before_the_code_is_sent_as_well(self, make_client, issuer):
        issuer.will_give(None)
        await make_client().fetch_token(code="C", ssl=False)
        assert issuer.authority.log == ["PUBLIC /jwks", "POST /token"]

    async def test_a_renewal_with_ways_of_ones_own_keeps_its_id_token(self, make_client, issuer):
        token = issuer.authority.give(issuer.clock() - 1, id_token=issuer.sign(issuer.claims()))
        given = issuer.will_give(exp=int(issuer.clock()) + 120)
        assert (await make_client(token=token).refresh_token(ssl=False)).id_token == given

    async def test_a_code_that_was_sent_is_not_given_back(self, make_client, issuer, unused_tcp_port):
        """Whatever finds no server afterwards: here the keys of an ID token that nobody asked for."""
        client = make_client(jwks_uri=f"http://127.0.0.1:{unused_tcp_port}/jwks")
        pending = await client.start(scope="email")
        issuer.will_give(pending)
        callback = f"{CALLBACK}?code=C&state={pending.values['state']}"
        with pytest.raises(ClientConnectorError):
            await client.finish(pending, callback)
        with pytest.raises(MismatchingStateError) as refused:
            await client.finish(pending, callback)
        assert refused.value.code == "login-finished"
        assert len(issuer.authority.asked) == 1

    async def test_keys_that_cannot_be_had_send_no_device_code_twice(self, make_client, issuer, reply):
        lives = TokenLives()
        client = make_client(device_authorization_endpoint=f"{issuer.url}/device", lives=lives)
        issuer.will_give()

        async def forget(_):
            lives.published.clear()
            issuer.failures = [reply(503)]

        with pytest.raises(ResponseError) as refused:
            await client.device_login(sleep=forget)
        assert refused.value.code == "keys-unavailable"
        assert [form.get("device_code") for form in issuer.authority.asked] == [None, "D1"]

    async def test_a_renewal_finds_keys_that_the_metadata_name(self, make_discovering, issuer):
        token = issuer.authority.give(issuer.clock() - 1, id_token=issuer.sign(issuer.claims()))
        given = issuer.will_give(exp=int(issuer.clock()) + 120)
        client = make_discovering(token=token, token_endpoint=f"{issuer.url}/token", issuer=issuer.url)
        assert (await client.refresh_token()).id_token == given

    async def test_a_renewal_needs_no_metadata_where_its_endpoint_is_known(self, make_discovering, issuer, reply):
        issuer.failures = [reply(503)] * 5
        token = issuer.authority.give(issuer.clock() - 1)
        client = make_discovering(token=token, token_endpoint=f"{issuer.url}/token")
        assert (await client.refresh_token()).access_token == "A2"

    async def test_another_process_reads_what_was_checked(self, session, issuer, clock, make_provider, json_reply):
        """Which algorithm an ID token has is looked at when it comes."""
        issuer.algorithm, issuer.kind = "ES256", "P-256"
        known = {"discovery": f"{issuer.url}/.well-known/openid-configuration", "userinfo": f"{issuer.url}/me"}
        identity = (IdentityRequest("userinfo", known["userinfo"]),)
        provider = replace_record(make_provider(), endpoints=known, identity=identity)
        token = issuer.authority.give(clock() + 3600, id_token=issuer.sign(issuer.claims()))
        issuer.authority.api_replies = [json_reply({"sub": "u1", "token": "x"})]
        client = AsyncOAuth2Client(session, "client", provider=provider, token=token, clock=clock)
        assert (await client.profile()).raw["id_token"]["sub"] == "u1"

    @pytest.mark.parametrize("name", ["evil", "k1"])
    async def test_what_an_application_was_given_is_checked_before_it_is_believed(
        self, session, issuer, clock, make_provider, json_reply, server_keys, name
    ):
        """As a telephone may send it: with an ID token that the provider never made."""
        known = {"discovery": f"{issuer.url}/.well-known/openid-configuration", "userinfo": f"{issuer.url}/me"}
        identity = (IdentityRequest("userinfo", known["userinfo"]),)
        provider = replace_record(make_provider(), endpoints=known, identity=identity)
        forged = server_keys.sign(issuer.claims(sub="victim"), "evil", kid=name)
        for given, told in ((forged, False), (issuer.sign(issuer.claims()), True)):
            token = issuer.authority.give(clock() + 3600, id_token=given)
            issuer.authority.api_replies = [json_reply({"sub": "u1", "token": "x"})]
            client = AsyncOAuth2Client(session, "client", provider=provider, token=token, clock=clock)
            assert ("id_token" in (await client.profile()).raw) is told

    async def test_where_it_alone_tells_who_the_user_is_a_forged_one_is_an_error(self, session, issuer, clock):
        provider = Provider(
            name="acme",
            protocol="oidc",
            endpoints={"jwks": f"{issuer.url}/jwks", "token": f"{issuer.url}/token"},
            oauth2=OAuth2Settings(issuer=issuer.url),
            claims=OfIDToken(),
        )
        forged = issuer.sign(issuer.claims(sub="victim"), "evil", kid="k1")
        token = issuer.authority.give(clock() + 3600, id_token=forged)
        client = AsyncOAuth2Client(session, "client", provider=provider, token=token, clock=clock)
        with pytest.raises(ResponseError) as refused:
            await client.profile()
        assert refused.value.code == "id-token-signature"
        # What a login or a renewal brought is known to be the provider's, whatever becomes of its keys.
        issuer.authority.fields = {"id_token": issuer.sign(issuer.claims(sub="victim"))}
        await client.refresh_token()
        issuer.published = ["k9"]
        assert (await client.profile()).sub == "victim"

    async def test_a_bare_code_belongs_to_what_its_login_asked_for(self, make_client, issuer):
        client = make_client()
        _, state = client.create_authorization_url(scope="email")
        assert (await client.fetch_token(code="C", state=state)).id_token is None
        client = make_client(scope="email")
        _, state = client.create_authorization_url(scope="openid")
        with pytest.raises(ResponseError) as refused:
            await client.fetch_token(code="C", state=state)
        assert refused.value.code == "no-id-token"

    async def test_what_was_learnt_of_endpoints_is_not_forgotten(self, make_discovering, issuer):
        del issuer.metadata["token_endpoint"]
        client = make_discovering(token=issuer.authority.give(issuer.clock() - 1))
        await client.refresh_token(f"{issuer.url}/token")
        await client.discover()
        assert client.provider.endpoints["refresh"] == f"{issuer.url}/token"

    @pytest.mark.parametrize("limit", [0, ClientTimeout(total=0), ClientTimeout(total=0.001), None])
    async def test_how_long_one_waits_is_nothing_to_what_is_everybodys(self, make_discovering, issuer, limit):
        """In aiohttp 0 is no limit."""
        client = make_discovering()
        await client.discover(timeout=limit)
        assert client.provider.endpoints["token"] == f"{issuer.url}/token"

    async def test_an_age_that_is_not_asked_for(self, make_client, issuer):
        _, state = make_client(max_age=None).create_authorization_url()
        issuer.will_give(None)
        client = make_client(max_age=None)
        callback = f"{CALLBACK}?code=C&state={state}"
        assert (await client.fetch_token(authorization_response=callback, state=state)).id_token
        assert (await make_client(max_age=None).fetch_token(code="D")).id_token
        with pytest.raises(UsageError):
            await make_client(max_age="5m").fetch_token(code="E")
        assert [form["code"] for form in issuer.authority.asked] == ["C", "D"]

    async def test_answers_of_ones_own_are_waited_for_and_not_hoarded(self, make_client, issuer):
        client = make_client()
        for _ in range(6):
            issuer.will_give(None)
            await client.fetch_token(code="C", ssl=ssl.create_default_context())
        assert len(client._published_for) == 4
        await client.aclose()

    async def test_a_login_for_nothing_at_all(self, make_client, issuer):
        client = make_client()
        _, state = client.create_authorization_url(scope="")
        assert (await client.fetch_token(code="C", state=state)).access_token

    @pytest.mark.parametrize("method", ["PUT", "get"])
    async def test_what_aiohttp_may_send_twice_is_not_given_back(self, make_client, issuer, unused_tcp_port, method):
        client = make_client(token_endpoint=f"http://127.0.0.1:{unused_tcp_port}/token")
        pending = await client.start()
        issuer.will_give(pending)
        callback = f"{CALLBACK}?code=C&state={pending.values['state']}"
        with pytest.raises(ClientConnectorError) as refused:
            await client.fetch_token(authorization_response=callback, state=pending.values["state"], method=method)
        assert "may be spent" in "".join(refused.value.__notes__)

    async def test_the_age_that_a_client_asks_for_is_checked_by_another_object(self, make_client, issuer):
        _, state = make_client(max_age=300).create_authorization_url()
        issuer.will_give(None, auth_time=1)
        with pytest.raises(ResponseError) as refused:
            await make_client(max_age=300).fetch_token(
                authorization_response=f"{CALLBACK}?code=C&state={state}", state=state
            )
        assert refused.value.code == "id-token-age"

    async def test_what_one_fetches_with_a_timeout_is_everybodys(self, make_client, issuer):
        lives = TokenLives()
        for options in ({"timeout": ClientTimeout(total=5)}, {}):
            issuer.will_give(None)
            await make_client(lives=lives).fetch_token(code="C", **options)
        assert issuer.fetched == ["/jwks"]

    async def test_keys_of_another_kind_cost_no_code(self, make_client, issuer):
        client = make_client(id_token_signed_response_alg="ES256")
        with pytest.raises(ResponseError, match="publishes no key that signs with ES256") as refused:
            await log_in(client, issuer)
        assert (refused.value.code, issuer.authority.asked) == ("no-usable-key", [])

    async def test_the_issuer_may_become_known_after_the_start(self, make_discovering, issuer):
        client = make_discovering(authorization_endpoint=f"{issuer.url}/authorize")
        url, state = client.create_authorization_url()
        (nonce,) = parse_qs(urlsplit(url).query)["nonce"]
        issuer.will_give(None, nonce=nonce)
        token = await client.fetch_token(authorization_response=f"{CALLBACK}?code=C&state={state}")
        assert token.id_token

    async def test_or_only_be_known_at_the_start(self, make_discovering, issuer):
        place = f"{issuer.url}/.well-known/oauth-authorization-server"
        inner = issuer.authority.server.answer

        async def answer(sent):
            return await inner(
                replace(sent, target=sent.target.replace("oauth-authorization-server", "openid-configuration"))
            )

        issuer.authority.server.answer = answer
        first = make_discovering(server_metadata_url=place, scope="email")
        pending = await first.start()
        assert pending.values["issuer"] == issuer.url
        second = make_discovering(server_metadata_url=place, scope="email", token_endpoint=f"{issuer.url}/token")
        assert await second.finish(pending, f"{CALLBACK}?code=C&state={pending.values['state']}")

    async def test_an_id_token_of_another_grant_is_checked(self, make_client, issuer):
        forged = issuer.keys.sign(issuer.claims(sub="ceo"), "evil", kid="k1")
        issuer.authority.fields = {"id_token": forged}
        client = make_client()
        for grant in ({"grant_type": "jwt_bearer", "assertion": "x"}, {"grant_type": "client_credentials"}):
            assert (await client.fetch_token(**grant)).id_token is None

    async def test_a_user_without_client_identifier_bears_a_token(self, session, issuer, clock, make_provider):
        token = issuer.authority.give(clock() + 3600, id_token=issuer.sign(issuer.claims(aud="other")))
        for client_id in (None, "client"):
            client = AsyncOAuth2Client(session, client_id, provider=make_provider(), token=token, clock=clock)
            assert (await client.profile()).sub == "A1"

    async def test_what_tells_the_user_gets_no_other_calls(self, session, issuer, clock, make_authority, make_provider):
        other = await make_authority()
        other.good = issuer.authority.good
        issuer.metadata["userinfo_endpoint"] = f"{other.url}/me"
        token = issuer.authority.give(clock() + 3600)
        client = AsyncOAuth2Client(session, "client", provider=make_provider(), token=token, clock=clock)
        assert (await client.profile()).sub == "A1"
        with pytest.raises(UsageError):
            await client.get(f"{other.url}/api")

    async def test_the_issuer_of_a_definition_is_its_own(self, session, make_provider):
        with pytest.raises(UsageError) as refused:
            AsyncOAuth2Client(session, "client", provider=make_provider(), issuer="https://evil.example")
        assert refused.value.code == "issuer-of-definition"

    @pytest.mark.parametrize("algorithm", ["none", "RS1", "", 7])
    async def test_an_algorithm_that_is_none(self, make_client, algorithm):
        with pytest.raises(UnsupportedMethodError):
            make_client(id_token_signed_response_alg=algorithm)

    @pytest.mark.parametrize("max_age", [300.0, "5m", -1, "1e3", "٣"])
    async def test_an_age_that_is_no_number_of_seconds(self, make_client, max_age):
        with pytest.raises(UsageError) as refused:
            await make_client().start(max_age=max_age)
        assert refused.value.code == "invalid-max-age"

    @pytest.mark.parametrize("auth_time", [10**400, float("inf"), "1", True, None, 4_000_000_000])
    async def test_a_time_that_is_none(self, make_client, issuer, auth_time):
        client = make_client()
        pending = await client.start(max_age=300)
        with pytest.raises(ResponseError) as refused:
            await self.finishing(client, issuer, pending, auth_time=auth_time)
        assert refused.value.code == "id-token-age"


class TestNonces:
    """The ID token answers the login that was begun, whichever client object ends it."""

    async def end(self, client, issuer, state, answered, **options):
        issuer.will_give(None, nonce=answered)
        return await client.fetch_token(
            authorization_response=f"{CALLBACK}?code=C&state={state}", state=state, **options
        )

    async def test_one_of_another_process_is_told(self, make_client, issuer):
        kept = {"code_verifier": "v" * 43, "redirect_uri": CALLBACK}
        assert (await self.end(make_client(), issuer, "s1", "n1", nonce="n1", **kept)).id_token
        with pytest.raises(ResponseError) as refused:
            await self.end(make_client(), issuer, "s2", "n1", nonce="n2", **kept)
        assert refused.value.code == "id-token-nonce"
        assert "nonce" not in issuer.authority.asked[-1]

    async def test_who_keeps_the_verifier_and_no_nonce_is_not_refused(self, make_client, issuer):
        assert (await self.end(make_client(), issuer, "s1", "n1", code_verifier="v" * 43)).id_token

    async def test_a_bare_code_has_one_as_well(self, make_client, issuer):
        issuer.will_give(None, nonce="n1")
        client = make_client()
        assert (await client.fetch_token(code="C", nonce="n1")).id_token
        with pytest.raises(ResponseError) as refused:
            await client.fetch_token(code="C", nonce="n2")
        assert refused.value.code == "id-token-nonce"

    async def test_that_of_the_client_counts(self, make_client, issuer):
        """As in code that makes a client with the state and the nonce that it kept."""
        url, state = make_client(nonce="own").create_authorization_url()
        assert parse_qs(urlsplit(url).query)["nonce"] == ["own"]
        assert (await self.end(make_client(nonce="own"), issuer, state, "own")).id_token
        with pytest.raises(ResponseError) as refused:
            await self.end(make_client(nonce="own"), issuer, "s2", "another")
        assert refused.value.code == "id-token-nonce"

    async def test_another_worker_may_end_a_login(self, make_client, issuer, monkeypatch):
        """What it does not know of the login it does not ask for."""
        _, state = make_client().create_authorization_url()
        monkeypatch.setattr(oauth2_client, "_PROCESS_KEY", b"of another process")
        assert (await self.end(make_client(), issuer, state, "n1")).id_token


async def test_a_server_that_is_away(make_client, issuer, unused_tcp_port):
    client = make_client(jwks_uri=f"http://127.0.0.1:{unused_tcp_port}/jwks")
    with pytest.raises(ClientConnectorError):
        await log_in(client, issuer)
    assert issuer.authority.asked == []


async def test_a_token_keeps_what_it_is(make_client, issuer):
    assert isinstance(await log_in(make_client(), issuer), OAuth2Token)
